//! Predictions that cost nothing, which a surrogate has to beat: zero, persistence `u_{n+1} = u_n`, and linear
//! extrapolation `u_{n+1} = 2u_n − u_{n−1}`.

use super::{Case, SHORT_ROLLOUT};
use crate::metrics::{Summary, relative_l2};
use ndarray::{Array3, Zip, s};
use serde::Serialize;

/// Errors of a trivial prediction over all trajectories of an evaluation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Baseline {
    /// `zero`, `persistence` or `linear-extrapolation`.
    pub name: &'static str,
    /// Relative L2 error of single predictions.
    pub one_step_relative_l2: Summary,
    /// Relative L2 error of the first [`SHORT_ROLLOUT`] snapshots of a rollout.
    pub rollout_relative_l2_20: Summary,
    /// Relative L2 error of the whole rollout.
    pub rollout_relative_l2_full: Summary,
}

#[derive(Clone, Copy)]
enum Kind {
    Zero,
    Persistence,
    Linear,
}

const KINDS: [(Kind, &str); 3] = [
    (Kind::Zero, "zero"),
    (Kind::Persistence, "persistence"),
    (Kind::Linear, "linear-extrapolation"),
];

/// Errors of each kind, trajectory by trajectory.
#[derive(Default)]
pub(super) struct Collector {
    errors: [[Vec<f64>; 3]; 3],
}

impl Collector {
    /// Adds one trajectory.
    pub(super) fn add(&mut self, case: &Case, history: usize) {
        let truth = case.snapshots.slice(s![history.., .., ..]);
        let short = SHORT_ROLLOUT.min(truth.dim().0);
        for ((kind, _), [one_step, first, full]) in KINDS.iter().zip(&mut self.errors) {
            one_step.push(relative_l2(single(*kind, case, history).view(), truth));
            let rollout = rollout(*kind, case, history);
            first.push(relative_l2(
                rollout.slice(s![..short, .., ..]),
                truth.slice(s![..short, .., ..]),
            ));
            full.push(relative_l2(rollout.view(), truth));
        }
    }

    /// The summaries; none without a trajectory.
    pub(super) fn finish(self) -> Vec<Baseline> {
        KINDS
            .iter()
            .zip(&self.errors)
            .filter_map(|((_, name), [one_step, first, full])| {
                Some(Baseline {
                    name,
                    one_step_relative_l2: Summary::of(one_step)?,
                    rollout_relative_l2_20: Summary::of(first)?,
                    rollout_relative_l2_full: Summary::of(full)?,
                })
            })
            .collect()
    }
}

/// Predictions of each snapshot from the true ones before it.
fn single(kind: Kind, case: &Case, history: usize) -> Array3<f32> {
    predict(case, history, |n| (kind, n - 1, 1))
}

/// Predictions of all snapshots from the last given ones.
fn rollout(kind: Kind, case: &Case, history: usize) -> Array3<f32> {
    predict(case, history, |n| (kind, history - 1, n + 1 - history))
}

/// Snapshot `n` from the true snapshot `last` (and the one before), `ahead` steps earlier.
fn predict(
    case: &Case,
    history: usize,
    rule: impl Fn(usize) -> (Kind, usize, usize),
) -> Array3<f32> {
    let (times, nx, ny) = case.snapshots.dim();
    let mut predictions = Array3::zeros((times - history, nx, ny));
    for (k, mut prediction) in predictions.outer_iter_mut().enumerate() {
        let (kind, last, ahead) = rule(history + k);
        let newest = case.snapshots.slice(s![last, .., ..]);
        match kind {
            Kind::Zero => {}
            // Before the second snapshot there is nothing to extrapolate from.
            Kind::Linear if last > 0 => {
                let before = case.snapshots.slice(s![last - 1, .., ..]);
                Zip::from(&mut prediction)
                    .and(newest)
                    .and(before)
                    .for_each(|p, &u, &v| *p = u + ahead as f32 * (u - v));
            }
            Kind::Persistence | Kind::Linear => prediction.assign(&newest),
        }
    }
    predictions
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn a_field_that_grows_linearly_is_extrapolated_exactly() {
        let snapshots = Array3::from_shape_fn((6, 2, 2), |(t, i, j)| {
            (t as f32 + 1.0) * (1.0 + i as f32 + 2.0 * j as f32)
        });
        let case = Case {
            position: 0,
            first: 0,
            snapshots,
            speed: Array2::ones((2, 2)),
        };
        let mut collector = Collector::default();
        collector.add(&case, 2);
        let found = collector.finish();
        assert_eq!(found[0].one_step_relative_l2.mean, 1.0);
        assert!(
            found[2].one_step_relative_l2.mean < 1e-6
                && found[2].rollout_relative_l2_full.mean < 1e-6
        );
        // Persistence: (3−2, 4−3, …) over (3, 4, 5, 6) one step ahead; (1, 2, 3, 4) over the same along the rollout.
        assert!((found[1].one_step_relative_l2.mean - (4.0f64 / 86.0).sqrt()).abs() < 1e-6);
        assert!((found[1].rollout_relative_l2_full.mean - (30.0f64 / 86.0).sqrt()).abs() < 1e-6);
    }
}
