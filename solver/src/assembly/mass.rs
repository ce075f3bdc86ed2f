//! Mass `M_ab = ∫ m φ_a φ_b dx`: consistent, and lumped to a diagonal.

use nalgebra::DMatrix;

use super::LocalAssembler;
use crate::space::Space;

/// Assembles the consistent mass of a cell for a density given at the nodes and interpolated in between.
pub struct ConsistentMass<'a> {
    space: &'a Space,
    density: &'a [f64],
    values: Vec<Vec<f64>>,
}

impl<'a> ConsistentMass<'a> {
    /// Tabulates the basis at the quadrature points; `density` is m (s²/m² for k = 1) per degree of freedom.
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
        let dofs = self.space.cell_dofs(cell);
        let quadrature = self.space.reference().quadrature();
        for (&(point, weight), values) in quadrature.iter().zip(&self.values) {
            let density: f64 = dofs
                .iter()
                .zip(values)
                .map(|(&dof, value)| value * self.density[dof as usize])
                .sum();
            let factor = weight * map.jacobian(point).determinant() * density;
            for (b, value_b) in values.iter().enumerate() {
                for (a, value_a) in values.iter().enumerate() {
                    matrix[(a, b)] += factor * value_a * value_b;
                }
            }
        }
    }
}

/// `∫ φ_i dx` per degree of freedom (m²): the diagonal mass at unit density. Row sums of the consistent mass for P1 and
/// Q1; the mass itself for spectral elements, whose quadrature points are their nodes.
pub fn lumped_mass(space: &Space) -> Vec<f64> {
    let mut mass = vec![0.0; space.dof_count()];
    let values = basis_at_quadrature(space);
    for cell in 0..space.mesh().cell_count() {
        let map = space.mesh().cell_map(cell);
        for (&(point, weight), values) in space.reference().quadrature().iter().zip(&values) {
            let factor = weight * map.jacobian(point).determinant();
            for (&dof, value) in space.cell_dofs(cell).iter().zip(values) {
                mass[dof as usize] += factor * value;
            }
        }
    }
    mass
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
