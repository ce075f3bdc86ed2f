//! Energy of a wavefield on the snapshot grid, and how far a prediction's is from the reference's.
//!
//! `E = ½ ∫ m u_t² + k |∇u|²` with `m = 1/c²` and `k = 1`, at snapshot n from snapshots alone, for prediction and reference in the same way:
//! `u_t = (u_{n+1} − u_{n−1}) / 2Δ`; the first integral by the trapezoidal rule; `|∇u|²` as squared differences of
//! neighbouring points, each over the strip between them (differences over two spacings would not see ripples at the
//! grid's scale). The drift is `(E_p − E_u) / max(E_u, 0.01·max E_u)`: the floor keeps moments at rest from dividing by nothing.
//! Both energies have the error of these differences, which cancels as far as the fields are alike; the drift means nothing while
//! sources act or where waves leave. Within a domain that is not the whole grid, points outside and pairs with them are left out.

use crate::task::Domain;
use ndarray::{ArrayView2, ArrayView3, Axis};

/// Share of the peak energy below which a drift's denominator is floored.
pub const ENERGY_FLOOR: f64 = 0.01;

/// What the energy of a trajectory's snapshots depends on, beside them.
#[derive(Debug, Clone, Copy)]
pub struct Energy<'a> {
    /// Speed `(x, y)`, m/s.
    pub speed: ArrayView2<'a, f32>,
    /// Distance of neighbouring points along x and y, m.
    pub spacing: [f64; 2],
    /// Time between snapshots that follow each other, s.
    pub interval: f64,
    /// The points that are inside; none where all are.
    pub domain: Option<&'a Domain>,
}

impl Energy<'_> {
    /// The energy at the middle one of three snapshots `(3, x, y)` in m²·m²/s² of `k = 1`.
    fn at(&self, snapshots: ArrayView3<'_, f32>) -> f64 {
        let (_, nx, ny) = snapshots.dim();
        let [dx, dy] = self.spacing;
        let inside = |i: usize, j: usize| self.domain.is_none_or(|d| d.holds(i * ny + j));
        let end = |i: usize, n: usize| if i == 0 || i + 1 == n { 0.5 } else { 1.0 };
        let value = |n: usize, i: usize, j: usize| f64::from(snapshots[(n, i, j)]);
        let mut sum = 0.0;
        for i in 0..nx {
            for j in 0..ny {
                if !inside(i, j) {
                    continue;
                }
                let (wx, wy) = (end(i, nx) * dx, end(j, ny) * dy);
                let velocity = (value(2, i, j) - value(0, i, j)) / (2.0 * self.interval);
                sum += wx * wy * (velocity / f64::from(self.speed[(i, j)])).powi(2);
                let now = value(1, i, j);
                if i + 1 < nx && inside(i + 1, j) {
                    sum += wy / dx * (value(1, i + 1, j) - now).powi(2);
                }
                if j + 1 < ny && inside(i, j + 1) {
                    sum += wx / dy * (value(1, i, j + 1) - now).powi(2);
                }
            }
        }
        0.5 * sum
    }

    /// The drift at all snapshots but the first and the last of `(time, x, y)`.
    pub fn drifts(
        &self,
        prediction: ArrayView3<'_, f32>,
        reference: ArrayView3<'_, f32>,
    ) -> Vec<f64> {
        let energies = |fields: ArrayView3<'_, f32>| -> Vec<f64> {
            let windows = 0..fields.dim().0.saturating_sub(2);
            windows
                .map(|n| {
                    let mut three = fields;
                    three.slice_axis_inplace(Axis(0), (n..n + 3).into());
                    self.at(three)
                })
                .collect()
        };
        let (found, expected) = (energies(prediction), energies(reference));
        let floor = ENERGY_FLOOR * expected.iter().fold(0.0, |a: f64, b| a.max(*b));
        found
            .iter()
            .zip(&expected)
            .map(|(p, u)| super::ratio(p - u, u.max(floor)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Array3, s};
    use std::f64::consts::PI;

    const INTERVAL: f64 = 0.01;

    /// The first mode of the unit square, whose energy is π²/4 at all times.
    fn mode(amplitude: f64, points: usize) -> Array3<f32> {
        let h = 1.0 / (points - 1) as f64;
        Array3::from_shape_fn((8, points, points), |(n, i, j)| {
            let (x, y) = (i as f64 * h, j as f64 * h);
            let time = n as f64 * INTERVAL + 0.2;
            let omega = 2.0 * PI * 2f64.sqrt();
            (amplitude * (PI * x).sin() * (PI * y).sin() * (omega * time).cos()) as f32
        })
    }

    #[test]
    fn a_standing_wave_has_its_energy_and_keeps_it() {
        let speed = Array2::from_elem((65, 65), 2.0f32);
        let energy = Energy {
            speed: speed.view(),
            spacing: [1.0 / 64.0; 2],
            interval: INTERVAL,
            domain: None,
        };
        let field = mode(1.0, 65);
        for n in 0..6 {
            let found = energy.at(field.slice(s![n..n + 3, .., ..]));
            assert!((found / (PI * PI / 4.0) - 1.0).abs() < 5e-3, "{found}");
        }
        for drift in energy.drifts(mode(1.1, 65).view(), field.view()) {
            assert!((drift - 0.21).abs() < 1e-5, "{drift}");
        }
        let zero = Array3::zeros(field.dim());
        assert_eq!(energy.drifts(zero.view(), field.view()), vec![-1.0; 6]);
        assert_eq!(energy.drifts(zero.view(), zero.view()), vec![0.0; 6]);
    }

    #[test]
    fn what_is_outside_has_no_energy_and_ripples_have() {
        let inside = Array2::from_shape_fn((9, 7), |(i, j)| i < 4 || j < 3);
        let domain = Domain::new(&inside).unwrap();
        let speed = Array2::from_shape_fn((9, 7), |at| if inside[at] { 1.5f32 } else { 0.0 });
        let energy = Energy {
            speed: speed.view(),
            spacing: [0.1, 0.2],
            interval: INTERVAL,
            domain: Some(&domain),
        };
        let field = |outside: f32| {
            Array3::from_shape_fn((3, 9, 7), |(n, i, j)| match inside[(i, j)] {
                true => (n + (i + j) % 2) as f32,
                false => outside,
            })
        };
        let found = energy.at(field(0.0).view());
        assert_eq!(found, energy.at(field(1e6).view()));
        // by hand: u_t = 1/Δ everywhere, differences of neighbours are ±1
        let mut expected = 0.0;
        let weight = |i: usize, n: usize| if i == 0 || i + 1 == n { 0.5 } else { 1.0 };
        for ((i, j), _) in inside.indexed_iter().filter(|(_, inside)| **inside) {
            let (wx, wy) = (weight(i, 9) * 0.1, weight(j, 7) * 0.2);
            expected += wx * wy / (1.5 * INTERVAL).powi(2);
            expected += if i < 8 && inside[(i + 1, j)] {
                wy / 0.1
            } else {
                0.0
            };
            expected += if j < 6 && inside[(i, j + 1)] {
                wx / 0.2
            } else {
                0.0
            };
        }
        assert!((found / (0.5 * expected) - 1.0).abs() < 1e-6, "{found}");
    }
}
