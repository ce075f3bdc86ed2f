//! The load of a line source: `∫ δ(n·(x − p)) φ_i dx = ∫ φ_i ds` along the straight line through `p` with the unit normal `n`.
//!
//! The line is cut where it crosses sides of cells; on each piece inside of the domain, basis functions are smooth and Gauss–
//! Legendre points integrate them. Waves: with `u_tt/c² − u_ξξ = s(t) δ(ξ)`, d'Alembert gives
//! `u(ξ, t) = (c/2) ∫₀^{t − |ξ|/c} s dτ` (Evans, *Partial Differential Equations*, section 2.4).

use std::collections::BTreeMap;

use crate::quadrature::gauss_legendre;
use crate::space::Space;

/// Chords that a side of a curved cell is cut by.
const PIECES: i32 = 16;

/// `∫ φ_i ds` along the line through `position` (m) whose normal has the angle `direction` (rad), as (degree of freedom,
/// length in m), in ascending order.
pub(crate) fn line_weights(space: &Space, position: [f64; 2], direction: f64) -> Vec<(usize, f64)> {
    let along = [-direction.sin(), direction.cos()];
    let at = |s: f64| [0, 1].map(|axis| position[axis] + s * along[axis]);
    // maps of cells that are not affine make basis functions rational along the line
    let rule = gauss_legendre(space.element().order() + 4);
    let mut sums: BTreeMap<usize, f64> = BTreeMap::new();
    for pair in cuts(space, position, along).windows(2) {
        let (middle, half) = (0.5 * (pair[0] + pair[1]), 0.5 * (pair[1] - pair[0]));
        // holes
        if space.locate(at(middle)).is_none() {
            continue;
        }
        for (point, weight) in rule.points.iter().zip(&rule.weights) {
            let Some(location) = space.locate(at(middle + half * point)) else {
                continue;
            };
            for (dof, value) in space.basis_at(&location) {
                *sums.entry(dof).or_default() += half * weight * value;
            }
        }
    }
    sums.into_iter().collect()
}

/// Places (m from `position`) at which the line meets sides of the domain's cells, in ascending order.
fn cuts(space: &Space, position: [f64; 2], along: [f64; 2]) -> Vec<f64> {
    let mesh = space.mesh();
    let (lower, upper) = mesh.bounds();
    let extent = (upper[0] - lower[0]).hypot(upper[1] - lower[1]);
    let same = 1e-11 * extent;
    let corners = mesh.shape().corners();
    let pieces = if mesh.degree() > 1 { PIECES } else { 1 };
    let mut cuts = Vec::new();
    for cell in 0..space.domain_cells() {
        let map = mesh.cell_map(cell);
        for side in 0..corners {
            let place = |piece: i32| {
                let t = 2.0 * f64::from(piece) / f64::from(pieces) - 1.0;
                let x = map.position(mesh.shape().on_side(side, t));
                let from = [x[0] - position[0], x[1] - position[1]];
                let across = from[0] * along[1] - from[1] * along[0];
                (across, from[0] * along[0] + from[1] * along[1])
            };
            for piece in 0..pieces {
                let [(a, s), (b, t)] = [place(piece), place(piece + 1)];
                // along a side, its ends are where the next sides begin
                if a.abs() <= same {
                    cuts.push(s);
                }
                if a * b < 0.0 {
                    cuts.push(s + (t - s) * a / (a - b));
                }
            }
        }
    }
    cuts.sort_by(f64::total_cmp);
    cuts.dedup_by(|b, a| *b - *a <= same);
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::Element;
    use crate::mesh::disc::Disc;
    use crate::mesh::rectangle::Rectangle;
    use std::f64::consts::{FRAC_PI_2, PI};

    /// Integrals along a line of 1, x and y, from the weights.
    fn moments(space: &Space, position: [f64; 2], direction: f64) -> [f64; 3] {
        let weights = line_weights(space, position, direction);
        [|_| 1.0, |x: [f64; 2]| x[0], |x: [f64; 2]| x[1]].map(|f: fn([f64; 2]) -> f64| {
            let values = space.interpolate(f);
            weights.iter().map(|&(dof, w)| w * values[dof]).sum()
        })
    }

    #[test]
    fn lines_across_cells_along_their_sides_and_through_corners() {
        for (element, distortion) in [
            (Element::P1Triangle, 0.2),
            (Element::P2BubbleTriangle, 0.0),
            (Element::Q1Quad, 0.2),
            (Element::GllQuad { order: 5 }, 0.0),
            (Element::GllQuad { order: 4 }, 0.2),
        ] {
            let mesh = Rectangle {
                origin: [-1.0, 2.0],
                size: [2.0, 1.0],
                cells: [4, 3],
                shape: element.shape(),
                distortion,
                seed: 3,
            };
            let space = Space::new(mesh.build().unwrap(), element).unwrap();
            for (position, direction, ends) in [
                // across, along sides of cells, along the boundary, from corner to corner
                ([0.21, 2.4], 0.0, [[0.21, 2.0], [0.21, 3.0]]),
                ([0.5, 2.4], 0.0, [[0.5, 2.0], [0.5, 3.0]]),
                ([0.2, 3.0], FRAC_PI_2, [[-1.0, 3.0], [1.0, 3.0]]),
                ([0.0, 2.5], PI - 2.0_f64.atan(), [[-1.0, 2.0], [1.0, 3.0]]),
                ([0.0, 2.25], 0.25 * PI, [[0.25, 2.0], [-0.75, 3.0]]),
            ] {
                let [a, b]: [[f64; 2]; 2] = ends;
                let length = (b[0] - a[0]).hypot(b[1] - a[1]);
                let expected = [
                    length,
                    0.5 * length * (a[0] + b[0]),
                    0.5 * length * (a[1] + b[1]),
                ];
                let found = moments(&space, position, direction);
                for (found, expected) in found.iter().zip(expected) {
                    assert!(
                        (found - expected).abs() < 1e-10,
                        "{element:?} {position:?}: {found} {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_diameter_of_a_curved_disc_is_as_long_as_it_is() {
        let mesh = Disc {
            cells: 4,
            ..Disc::default()
        };
        let space = Space::new(mesh.build().unwrap(), Element::GllQuad { order: 3 }).unwrap();
        for direction in [0.0, 0.4, 2.0] {
            let [length, x, y] = moments(&space, [0.0, 0.0], direction);
            assert!((length - 2.0).abs() < 1e-3, "{length}");
            assert!(x.abs() < 1e-4 && y.abs() < 1e-4, "{x} {y}");
        }
    }
}
