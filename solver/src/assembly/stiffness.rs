//! Stiffness `K_ab = ∫ k ∇φ_a · ∇φ_b dx`, with the element's own quadrature.

use nalgebra::DMatrix;

use super::LocalAssembler;
use crate::geometry::stiffness_metric;
use crate::space::Space;

/// Assembles the stiffness of a cell for a coefficient `k(x)`.
pub struct Stiffness<'a, F> {
    space: &'a Space,
    coefficient: F,
    gradients: Vec<Vec<[f64; 2]>>,
}

impl<'a, F: Fn([f64; 2]) -> f64> Stiffness<'a, F> {
    /// Tabulates the gradients at the quadrature points; `coefficient` is k at a position (m).
    pub fn new(space: &'a Space, coefficient: F) -> Self {
        let reference = space.reference();
        let gradients = reference
            .quadrature()
            .iter()
            .map(|&(point, _)| {
                let mut gradients = vec![[0.0; 2]; reference.nodes()];
                reference.gradients(point, &mut gradients);
                gradients
            })
            .collect();
        Self {
            space,
            coefficient,
            gradients,
        }
    }
}

impl<F: Fn([f64; 2]) -> f64> LocalAssembler for Stiffness<'_, F> {
    fn assemble(&self, cell: usize, matrix: &mut DMatrix<f64>) {
        matrix.fill(0.0);
        let map = self.space.mesh().cell_map(cell);
        let quadrature = self.space.reference().quadrature();
        for (&(point, weight), gradients) in quadrature.iter().zip(&self.gradients) {
            let [xx, xy, yy] = stiffness_metric(&map.jacobian(point));
            let factor = weight * (self.coefficient)(map.position(point));
            for (b, [bx, by]) in gradients.iter().enumerate() {
                let flux_x = factor * (xx * bx + xy * by);
                let flux_y = factor * (xy * bx + yy * by);
                for (a, [ax, ay]) in gradients.iter().enumerate() {
                    matrix[(a, b)] += ax * flux_x + ay * flux_y;
                }
            }
        }
    }
}
