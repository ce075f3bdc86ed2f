//! Mass `M_ab = ∫ m φ_a φ_b dx`: consistent, and lumped to a diagonal.
//!
//! The density is given cell by cell at the nodes (cell after cell, one value per node), so that it may jump from cell to
//! cell: where an interface runs along sides of cells, nothing of the order of the elements is lost.

use nalgebra::DMatrix;

use super::LocalAssembler;
use crate::space::Space;

/// Assembles the consistent mass of a cell for a density given at its nodes and interpolated in between.
pub struct ConsistentMass<'a> {
    space: &'a Space,
    density: &'a [f64],
    quadrature: Vec<([f64; 2], f64)>,
    values: Vec<Vec<f64>>,
}

impl<'a> ConsistentMass<'a> {
    /// Tabulates the basis at the quadrature points; `density` is m (s²/m² for k = 1) per cell and node.
    pub fn new(space: &'a Space, density: &'a [f64]) -> Self {
        Self {
            space,
            density,
            quadrature: space.reference().mass_quadrature(),
            values: basis_at_quadrature(space),
        }
    }
}

impl LocalAssembler for ConsistentMass<'_> {
    fn assemble(&self, cell: usize, matrix: &mut DMatrix<f64>) {
        matrix.fill(0.0);
        let map = self.space.mesh().cell_map(cell);
        let nodes = self.space.reference().nodes();
        let nodal = &self.density[cell * nodes..(cell + 1) * nodes];
        for (&(point, weight), values) in self.quadrature.iter().zip(&self.values) {
            let density: f64 = nodal.iter().zip(values).map(|(m, value)| m * value).sum();
            let factor = weight * map.jacobian(point).determinant() * density;
            for (b, value_b) in values.iter().enumerate() {
                for (a, value_a) in values.iter().enumerate() {
                    matrix[(a, b)] += factor * value_a * value_b;
                }
            }
        }
    }
}

/// Diagonal mass at unit density per cell and node (m²), positive, whose sums over cells are the diagonal mass.
///
/// `∫ φ_a dx`, which is the row sum of the consistent mass for P1 and Q1 and the mass itself for elements whose quadrature
/// points are their nodes. The corners of P2 would get nothing: there it is `∫ φ_a² dx`, scaled to the area of the cell
/// (Hinton, Rock and Zienkiewicz 1976), good for estimates only.
pub fn nodal_areas(space: &Space) -> Vec<f64> {
    let nodes = space.reference().nodes();
    let mut areas = vec![0.0; space.all_cell_dofs().len()];
    let (quadrature, values) = (
        space.reference().mass_quadrature(),
        basis_at_quadrature(space),
    );
    let lumped = space.element().can_be_lumped();
    for (cell, areas) in areas.chunks_exact_mut(nodes).enumerate() {
        let map = space.mesh().cell_map(cell);
        let mut whole = 0.0;
        for (&(point, weight), values) in quadrature.iter().zip(&values) {
            let factor = weight * map.jacobian(point).determinant();
            whole += factor;
            for (area, value) in areas.iter_mut().zip(values) {
                *area += factor * if lumped { *value } else { value * value };
            }
        }
        if !lumped {
            let scale = whole / areas.iter().sum::<f64>();
            areas.iter_mut().for_each(|area| *area *= scale);
        }
    }
    areas
}

/// Sums values given per cell and node into one per degree of freedom.
pub fn sum_over_cells(space: &Space, values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut sums = vec![0.0; space.dof_count()];
    for (&dof, value) in space.all_cell_dofs().iter().zip(values) {
        sums[dof as usize] += value;
    }
    sums
}

fn basis_at_quadrature(space: &Space) -> Vec<Vec<f64>> {
    let reference = space.reference();
    let element = space.element();
    reference
        .mass_quadrature()
        .iter()
        .enumerate()
        .map(|(q, &(point, _))| {
            let mut values = vec![0.0; reference.nodes()];
            if element.has_diagonal_mass() {
                values[q] = 1.0;
            } else {
                reference.values(point, &mut values);
            }
            values
        })
        .collect()
}
