//! Error measures between a predicted wavefield `p` and a reference `u` on the same grid.
//!
//! Per step, over the N grid points of one snapshot:
//! - relative L2: `‖p−u‖₂ / max(‖u‖₂, 0.01·r·√N)`, `r` the RMS of the whole reference trajectory. The floor keeps quiet
//!   frames, in which waves have left or cancelled, from dividing by nearly nothing. For a single channel this is also
//!   the nRMSE of one step.
//! - VRMSE: `sqrt(mean (p−u)² / (var(u) + 1e-7))` with the unbiased variance over space.
//! - max: `max |p−u|`; bRMSE: RMSE over the nodes on the domain's boundary.
//! - RMSE within bands of wavenumbers: [`spectral`]; drift of the energy: [`energy`].
//!
//! Per trajectory the relative L2 is `‖p−u‖₂ / ‖u‖₂` over all steps and points at once. Sums are taken in f64 in
//! row-major order, so that a figure does not depend on the thread count.
//!
//! With a domain that is not the whole grid, every norm, mean, variance and count is over its points alone, and its boundary nodes
//! are those on the grid's boundary or beside a point outside.
//!
//! Source: The Well (Ohana et al., 2024) and PDEBench (Takamoto et al., arXiv:2210.07182) define these measures; the floor is ours.

pub mod energy;
pub mod measure;
pub mod spectral;
pub mod stations;
pub mod summary;
pub mod traces;

use crate::task::Domain;
use ndarray::{ArrayView2, ArrayView3};
use serde::{Deserialize, Serialize};

pub use energy::Energy;
pub use measure::{Measure, MetricsSummary, TrajectoryMetrics};
pub use spectral::Spectrum;
pub use stations::Stations;
pub use summary::Summary;
pub use traces::{TraceMetrics, TracesSummary};

/// Share of the trajectory's RMS below which a snapshot's norm is floored in step-wise relative errors.
pub const QUIET_FLOOR: f64 = 0.01;

/// Added to the variance in VRMSE, as The Well does.
pub const VARIANCE_EPSILON: f64 = 1e-7;

/// Errors of one predicted snapshot (dimensionless, except where a unit is given).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StepMetrics {
    /// Relative L2 error with the quiet-frame floor; equal to the step's nRMSE.
    pub relative_l2: f64,
    /// Root mean square error over the reference's standard deviation in space.
    pub vrmse: f64,
    /// Largest absolute error, in the field's unit.
    pub max_abs: f64,
    /// Root mean square error over the boundary nodes of the domain, in the field's unit.
    pub boundary_rmse: f64,
    /// Root mean square error within the wavenumbers k < 4, 4 ≤ k < 12 and k ≥ 12, in the field's unit.
    pub spectral: [f64; 3],
    /// The same within three bands of equal width in log k.
    pub spectral_log: [f64; 3],
    /// Energy too much, relative to the reference's; none where it is not defined, as for a snapshot by itself.
    pub energy_drift: Option<f64>,
}

impl StepMetrics {
    /// Compares one predicted snapshot with its reference, both `(x, y)` of the same shape, within a domain of that shape or, without
    /// one, on the whole grid.
    ///
    /// `trajectory_rms` is [`rms`] of the whole reference trajectory. An error of zero is reported as zero even where the
    /// reference vanishes; any other error against a vanishing trajectory is infinite. `spectrum` is of the grid's shape.
    pub fn compare(
        prediction: ArrayView2<'_, f32>,
        reference: ArrayView2<'_, f32>,
        trajectory_rms: f64,
        domain: Option<&Domain>,
        spectrum: &Spectrum,
    ) -> Self {
        assert_eq!(
            prediction.dim(),
            reference.dim(),
            "snapshots to compare differ in shape"
        );
        let (nx, ny) = reference.dim();
        check(domain, [nx, ny]);
        assert_eq!(
            spectrum.shape(),
            [nx, ny],
            "snapshots and spectrum differ in shape"
        );
        let mut errors = vec![0.0; nx * ny];
        let holds = |i: usize, j: usize| domain.is_none_or(|domain| domain.holds(i * ny + j));
        let count = domain.map_or(nx * ny, Domain::count) as f64;
        let (mut error, mut energy, mut sum) = (0.0, 0.0, 0.0);
        let (mut boundary, mut boundary_count) = (0.0, 0usize);
        let mut max_abs = 0.0f64;
        for ((i, j), &u) in reference.indexed_iter() {
            if !holds(i, j) {
                continue;
            }
            let u = f64::from(u);
            let difference = f64::from(prediction[(i, j)]) - u;
            errors[i * ny + j] = difference;
            error += difference * difference;
            energy += u * u;
            sum += u;
            // `f64::max` drops NaN; a prediction that is not a number must not look perfect.
            if difference.abs() > max_abs || difference.is_nan() {
                max_abs = difference.abs();
            }
            let edge = i == 0 || j == 0 || i + 1 == nx || j + 1 == ny;
            if edge || domain.is_some_and(|domain| domain.ends_beside([i, j])) {
                boundary += difference * difference;
                boundary_count += 1;
            }
        }
        let mean = sum / count;
        let spread: f64 = reference
            .indexed_iter()
            .filter(|((i, j), _)| holds(*i, *j))
            .map(|(_, &u)| (f64::from(u) - mean).powi(2))
            .sum();
        let variance = spread / (count - 1.0).max(1.0);
        let [spectral, spectral_log] = spectrum.band_errors(&errors, count);
        Self {
            relative_l2: ratio(
                error.sqrt(),
                energy
                    .sqrt()
                    .max(QUIET_FLOOR * trajectory_rms * count.sqrt()),
            ),
            vrmse: (error / count / (variance + VARIANCE_EPSILON)).sqrt(),
            max_abs,
            boundary_rmse: (boundary / boundary_count.max(1) as f64).sqrt(),
            spectral,
            spectral_log,
            energy_drift: None,
        }
    }
}

/// Root mean square of a trajectory `(time, x, y)` within a domain, in the field's unit; 0 for an empty one.
pub fn rms(trajectory: ArrayView3<'_, f32>, domain: Option<&Domain>) -> f64 {
    let (times, nx, ny) = trajectory.dim();
    check(domain, [nx, ny]);
    let points = domain.map_or(nx * ny, Domain::count);
    let energy: f64 = trajectory
        .indexed_iter()
        .filter(|((_, i, j), _)| domain.is_none_or(|domain| domain.holds(i * ny + j)))
        .map(|(_, &u)| f64::from(u).powi(2))
        .sum();
    (energy / (times * points).max(1) as f64).sqrt()
}

/// Relative L2 error of a whole trajectory `(time, x, y)`: one ratio of norms over all steps and all points of a domain.
pub fn relative_l2(
    prediction: ArrayView3<'_, f32>,
    reference: ArrayView3<'_, f32>,
    domain: Option<&Domain>,
) -> f64 {
    assert_eq!(
        prediction.dim(),
        reference.dim(),
        "trajectories to compare differ in shape"
    );
    let (_, nx, ny) = reference.dim();
    check(domain, [nx, ny]);
    let (mut error, mut energy) = (0.0, 0.0);
    for (&p, ((_, i, j), &u)) in prediction.iter().zip(reference.indexed_iter()) {
        if domain.is_none_or(|domain| domain.holds(i * ny + j)) {
            error += (f64::from(p) - f64::from(u)).powi(2);
            energy += f64::from(u).powi(2);
        }
    }
    ratio(error.sqrt(), energy.sqrt())
}

/// A domain is that of the snapshots' grid.
fn check(domain: Option<&Domain>, shape: [usize; 2]) {
    assert!(
        domain.is_none_or(|domain| domain.shape() == shape),
        "snapshots and domain differ in shape"
    );
}

/// `error / scale`, with 0/0 = 0: a perfect prediction of nothing is perfect.
fn ratio(error: f64, scale: f64) -> f64 {
    if error == 0.0 { 0.0 } else { error / scale }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Array3, s};
    use proptest::prelude::*;

    fn fields(nx: usize, ny: usize, seed: u64) -> (Array2<f32>, Array2<f32>) {
        let value = |i: usize, j: usize, k: u64| {
            let t = (i * 31 + j * 17) as f64 + (seed * 7 + k * 5) as f64 * 0.37;
            ((t * 1.7).sin() + 0.3 * (t * 0.31).cos()) as f32
        };
        (
            Array2::from_shape_fn((nx, ny), |(i, j)| value(i, j, 1)),
            Array2::from_shape_fn((nx, ny), |(i, j)| value(i, j, 2)),
        )
    }

    proptest! {
        #[test]
        fn every_measure_equals_its_formula_written_out(nx in 1usize..7, ny in 2usize..7, seed in 0u64..50) {
            let (p, u) = fields(nx, ny, seed);
            let found = StepMetrics::compare(p.view(), u.view(), 0.5, None, &Spectrum::new([nx, ny]));
            let n = (nx * ny) as f64;
            let errors: Vec<f64> = p.iter().zip(u.iter()).map(|(&a, &b)| f64::from(a) - f64::from(b)).collect();
            let mse = errors.iter().map(|e| e * e).sum::<f64>() / n;
            let mean = u.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
            let variance = u.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / (n - 1.0);
            let norm = u.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
            let mut edge = Vec::new();
            for i in 0..nx {
                for j in 0..ny {
                    if i == 0 || i == nx - 1 || j == 0 || j == ny - 1 {
                        edge.push(f64::from(p[(i, j)]) - f64::from(u[(i, j)]));
                    }
                }
            }
            let edge_mse = edge.iter().map(|e| e * e).sum::<f64>() / edge.len() as f64;
            prop_assert!((found.relative_l2 - (mse * n).sqrt() / norm.max(0.01 * 0.5 * n.sqrt())).abs() < 1e-12);
            prop_assert!((found.vrmse - (mse / (variance + 1e-7)).sqrt()).abs() < 1e-9);
            prop_assert!((found.max_abs - errors.iter().fold(0.0, |m: f64, e| m.max(e.abs()))).abs() < 1e-15);
            prop_assert!((found.boundary_rmse - edge_mse.sqrt()).abs() < 1e-12);
        }
    }

    #[test]
    fn quiet_frames_are_floored() {
        let reference = Array2::<f32>::zeros((4, 4));
        let prediction = Array2::<f32>::from_elem((4, 4), 0.01);
        let found = StepMetrics::compare(
            prediction.view(),
            reference.view(),
            1.0,
            None,
            &Spectrum::new([4, 4]),
        );
        assert!(
            (found.relative_l2 - 1.0).abs() < 1e-6,
            "0.01 of error over 1 % of an RMS of 1 is 1, found {}",
            found.relative_l2
        );
        assert_eq!(
            StepMetrics::compare(
                reference.view(),
                reference.view(),
                0.0,
                None,
                &Spectrum::new([4, 4])
            )
            .relative_l2,
            0.0
        );
    }

    #[test]
    fn a_prediction_that_is_not_a_number_is_not_perfect() {
        let reference = Array2::<f32>::ones((3, 3));
        let mut prediction = reference.clone();
        prediction[(0, 0)] = f32::NAN;
        let found = StepMetrics::compare(
            prediction.view(),
            reference.view(),
            1.0,
            None,
            &Spectrum::new([3, 3]),
        );
        assert!(found.max_abs.is_nan() || found.max_abs > 0.0);
        assert!(found.relative_l2.is_nan());
    }

    #[test]
    fn a_trajectory_is_one_ratio_of_norms_not_a_mean_of_ratios() {
        let mut reference = Array3::<f32>::ones((2, 2, 2));
        reference.slice_mut(s![1, .., ..]).fill(3.0);
        let mut prediction = reference.clone();
        prediction.slice_mut(s![0, .., ..]).fill(2.0);
        let found = relative_l2(prediction.view(), reference.view(), None);
        assert!(
            (found - (4.0f64 / 40.0).sqrt()).abs() < 1e-12,
            "found {found}"
        );
        assert!((rms(reference.view(), None) - 5.0f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn within_a_domain_every_measure_is_over_its_points_alone() {
        // Two whole columns and one point of the third are inside: a rectangle of 5 × 2 and (2, 2).
        let inside = Array2::from_shape_fn((5, 4), |(i, j)| j < 2 || (i, j) == (2, 2));
        let domain = Domain::new(&inside).unwrap();
        let garbage = |field: &Array2<f32>, value: f32| {
            Array2::from_shape_fn((5, 4), |at| if inside[at] { field[at] } else { value })
        };
        let (p, u) = fields(5, 4, 3);
        let found = |value: f32| {
            let (p, u) = (garbage(&p, value), garbage(&u, -3.0 * value));
            let block = |field: Array2<f32>| field.insert_axis(ndarray::Axis(0));
            (
                StepMetrics::compare(
                    p.view(),
                    u.view(),
                    0.5,
                    Some(&domain),
                    &Spectrum::new([5, 4]),
                ),
                relative_l2(
                    block(p.clone()).view(),
                    block(u.clone()).view(),
                    Some(&domain),
                ),
                rms(block(u).view(), Some(&domain)),
            )
        };
        assert_eq!(found(0.0), found(1e9));
        let (steps, whole, size) = found(f32::INFINITY);
        let values = |field: &Array2<f32>| -> Vec<f64> {
            let points = field.iter().zip(&inside).filter(|(_, inside)| **inside);
            points.map(|(value, _)| f64::from(*value)).collect()
        };
        let (p, u) = (values(&p), values(&u));
        let n = 11.0;
        let error: f64 = p.iter().zip(&u).map(|(p, u)| (p - u).powi(2)).sum();
        let energy: f64 = u.iter().map(|u| u * u).sum();
        let mean = u.iter().sum::<f64>() / n;
        let variance = u.iter().map(|u| (u - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12);
        near(steps.relative_l2, (error / energy).sqrt());
        near(steps.vrmse, (error / n / (variance + 1e-7)).sqrt());
        near(steps.spectral.iter().map(|e| e * e).sum::<f64>(), error / n);
        near(whole, (error / energy).sqrt());
        near(size, (energy / n).sqrt());
        // Of these points only (2, 1) is on no boundary: it is the sixth.
        let edge = error - (p[5] - u[5]).powi(2);
        near(steps.boundary_rmse, (edge / (n - 1.0)).sqrt());
    }
}
