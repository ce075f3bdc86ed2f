//! An upper bound of the largest eigenvalue of `K x = λ M x` with diagonal `M`, which limits explicit time steps.
//!
//! Lanczos' method from a random start approaches λ_max from below. Kuczyński and Woźniakowski (1992, theorem 4.2):
//! after `k` steps on an `n × n` positive semi-definite matrix, the estimate θ is below `(1 − ε) λ_max` with
//! probability at most `1.648 √n exp(−√ε (2k − 1))`, whatever the matrix. With ε = 0.05 and a probability of 1e-12, the
//! bound `θ/(1 − ε)` is safe, and a time step from it at most 2.6 % too small.

use nalgebra::DMatrix;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::operator::StiffnessOperator;

/// Relative slack ε of the bound.
const SLACK: f64 = 0.05;
/// Probability that the bound fails.
const RISK: f64 = 1e-12;

/// Upper bound of the largest eigenvalue of `M⁻¹K`, 1/s² for a density in s²/m²; degrees of freedom with an inverse
/// mass of 0 are held fixed. The start is seeded: the same matrices give the same bound.
pub fn largest_eigenvalue_bound(stiffness: &StiffnessOperator<f64>, inverse_mass: &[f64]) -> f64 {
    let n = inverse_mass.len();
    let free = inverse_mass.iter().filter(|&&m| m > 0.0).count();
    if free == 0 {
        return 0.0;
    }
    let wanted = (1.648 * (free as f64).sqrt() / RISK).ln() / SLACK.sqrt();
    let steps = ((wanted + 1.0) / 2.0).ceil() as usize;
    let scale: Vec<f64> = inverse_mass.iter().map(|m| m.sqrt()).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    // the sum of uniforms is near enough to a rotation-invariant distribution, and the same on every machine
    let mut current: Vec<f64> = scale
        .iter()
        .map(|s| {
            let sum: f64 = (0..12).map(|_| rng.random_range(-0.5..0.5)).sum();
            if *s > 0.0 { sum } else { 0.0 }
        })
        .collect();
    let length = norm(&current);
    current.iter_mut().for_each(|x| *x /= length);
    let mut previous = vec![0.0; n];
    let mut scaled = vec![[0.0; 1]; n];
    let mut product = vec![[0.0; 1]; n];
    let (mut diagonal, mut off) = (Vec::new(), Vec::new());
    let mut beta = 0.0;
    for _ in 0..steps {
        for i in 0..n {
            scaled[i][0] = scale[i] * current[i];
        }
        stiffness.apply(&scaled, &mut product);
        let mut next: Vec<f64> = (0..n)
            .map(|i| scale[i] * product[i][0] - beta * previous[i])
            .collect();
        let alpha: f64 = next.iter().zip(&current).map(|(a, b)| a * b).sum();
        for i in 0..n {
            next[i] -= alpha * current[i];
        }
        diagonal.push(alpha);
        beta = norm(&next);
        // the Krylov space is exhausted: the estimate is exact
        if beta <= 1e-13 * alpha.abs() {
            break;
        }
        off.push(beta);
        next.iter_mut().for_each(|x| *x /= beta);
        previous = std::mem::replace(&mut current, next);
    }
    let size = diagonal.len();
    let tridiagonal = DMatrix::from_fn(size, size, |i, j| match i.abs_diff(j) {
        0 => diagonal[i],
        1 => off[i.min(j)],
        _ => 0.0,
    });
    let largest = tridiagonal.symmetric_eigenvalues().max();
    largest / (1.0 - SLACK)
}

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assembly::mass::{nodal_areas, sum_over_cells};
    use crate::element::Element;
    use crate::mesh::rectangle::Rectangle;
    use crate::space::Space;

    #[test]
    fn bound_lies_just_above_the_dense_eigenvalue() {
        let mut elements = vec![Element::P1Triangle, Element::Q1Quad];
        elements.extend([1, 2, 4, 8].map(|order| Element::GllQuad { order }));
        for element in elements {
            for (distortion, fixed) in [(0.0, false), (0.2, true), (0.24, false)] {
                let cells = (12 / element.order()).max(2);
                let mesh = Rectangle {
                    cells: [cells, cells + 1],
                    shape: element.shape(),
                    distortion,
                    seed: 2,
                    ..Rectangle::default()
                };
                let space = Space::new(mesh.build().unwrap(), element).unwrap();
                let inverse_mass: Vec<f64> = sum_over_cells(&space, nodal_areas(&space))
                    .iter()
                    .zip(space.dof_positions())
                    .map(|(m, x)| if fixed && x[0] == 0.0 { 0.0 } else { 1.0 / m })
                    .collect();
                let stiffness = StiffnessOperator::assembled(&space, |_| 1.0).unwrap();
                let n = space.dof_count();
                let mut dense = DMatrix::zeros(n, n);
                for column in 0..n {
                    let mut unit = vec![[0.0; 1]; n];
                    unit[column][0] = inverse_mass[column].sqrt();
                    let mut product = vec![[0.0; 1]; n];
                    stiffness.apply(&unit, &mut product);
                    for row in 0..n {
                        dense[(row, column)] = inverse_mass[row].sqrt() * product[row][0];
                    }
                }
                let exact = dense.symmetric_eigenvalues().max();
                let bound = largest_eigenvalue_bound(&stiffness, &inverse_mass);
                let ratio = bound / exact;
                assert!(
                    (1.0..1.06).contains(&ratio),
                    "{element:?} {distortion}: {ratio}"
                );
            }
        }
    }
}
