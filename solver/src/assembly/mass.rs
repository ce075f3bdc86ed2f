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
    values: Vec<Vec<f64>>,
}

impl<'a> ConsistentMass<'a> {
    /// Tabulates the basis at the quadrature points; `density` is m (s²/m² for k = 1) per cell and node.
    pub fn new(space: &'a Space, density: &'a [f64]) -> Self {
        Self {
            space,
            density,
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
        let quadrature = self.space.reference().quadrature();
        for (&(point, weight), values) in quadrature.iter().zip(&self.values) {
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

/// `∫ φ_a dx` per cell and node (m²), whose sums over cells are the diagonal mass at unit density: row sums of the
/// consistent mass for P1 and Q1, the mass itself for spectral elements, whose quadrature points are their nodes.
pub fn nodal_areas(space: &Space) -> Vec<f64> {
    let nodes = space.reference().nodes();
    let mut areas = vec![0.0; space.all_cell_dofs().len()];
    let values = basis_at_quadrature(space);
    for (cell, areas) in areas.chunks_exact_mut(nodes).enumerate() {
        let map = space.mesh().cell_map(cell);
        for (&(point, weight), values) in space.reference().quadrature().iter().zip(&values) {
            let factor = weight * map.jacobian(point).determinant();
            for (area, value) in areas.iter_mut().zip(values) {
                *area += factor * value;
            }
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
        .quadrature()
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
