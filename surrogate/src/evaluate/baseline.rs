//! Predictions that cost nothing, which a surrogate has to beat: zero, persistence `u_{n+1} = u_n`, and linear
//! extrapolation `u_{n+1} = 2u_n − u_{n−1}`.

use super::{Case, SHORT_ROLLOUT};
use crate::metrics::{Summary, relative_l2};
use crate::task::Domain;
use ndarray::{Array3, Zip, s};
use serde::Serialize;

/// Errors of a trivial prediction over all trajectories of an evaluation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Baseline {
    /// `zero`, `persistence` or `linear-extrapolation`.
    pub name: &'static str,
    /// Relative L2 error of single predictions; none beside whole fields.
    pub one_step_relative_l2: Option<Summary>,
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
    /// Adds one trajectory. Beside a whole field there are no single predictions, and nothing before its one given snapshot
    /// to extrapolate from.
    pub(super) fn add(&mut self, case: &Case, rolls_out: bool, domain: Option<&Domain>) {
        let truth = case.measured_of(&case.all, |snapshot| snapshot);
        let short = SHORT_ROLLOUT.min(truth.dim().0);
        for ((kind, _), [one_step, first, full]) in KINDS.iter().zip(&mut self.errors) {
            if rolls_out {
                one_step.push(relative_l2(
                    single(*kind, case).view(),
                    truth.view(),
                    domain,
                ));
            } else if matches!(kind, Kind::Linear) {
                continue;
            }
            let rollout = rollout(*kind, case);
            first.push(relative_l2(
                rollout.slice(s![..short, .., ..]),
                truth.slice(s![..short, .., ..]),
                domain,
            ));
            full.push(relative_l2(rollout.view(), truth.view(), domain));
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
                    one_step_relative_l2: Summary::of(one_step),
                    rollout_relative_l2_20: Summary::of(first)?,
                    rollout_relative_l2_full: Summary::of(full)?,
                })
            })
            .collect()
    }
}

/// Predictions of each measured snapshot from the true ones before it.
fn single(kind: Kind, case: &Case) -> Array3<f32> {
    predict(kind, case, |snapshot| snapshot - 1)
}

/// Predictions of all measured snapshots from the last given ones.
fn rollout(kind: Kind, case: &Case) -> Array3<f32> {
    let last = case.span.first + case.span.given - 1;
    predict(kind, case, |_| last)
}

/// Each measured snapshot from the true snapshot `last` of it (and the one before).
fn predict(kind: Kind, case: &Case, last: impl Fn(usize) -> usize) -> Array3<f32> {
    let (_, nx, ny) = case.all.dim();
    let mut predictions = Array3::zeros((case.measured.len(), nx, ny));
    for (mut prediction, snapshot) in predictions.outer_iter_mut().zip(case.snapshots()) {
        let last = last(snapshot);
        let newest = case.all.slice(s![last, .., ..]);
        match kind {
            Kind::Zero => {}
            // Before the second snapshot there is nothing to extrapolate from.
            Kind::Linear if last > case.span.first => {
                let before = case.all.slice(s![last - 1, .., ..]);
                let ahead = (snapshot - last) as f32;
                Zip::from(&mut prediction)
                    .and(newest)
                    .and(before)
                    .for_each(|p, &u, &v| *p = u + ahead * (u - v));
            }
            Kind::Persistence | Kind::Linear => prediction.assign(&newest),
        }
    }
    predictions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surrogate::Span;
    use ndarray::Array2;

    #[test]
    fn a_field_that_grows_linearly_is_extrapolated_exactly() {
        let snapshots = Array3::from_shape_fn((6, 2, 2), |(t, i, j)| {
            (t as f32 + 1.0) * (1.0 + i as f32 + 2.0 * j as f32)
        });
        let span = Span {
            first: 0,
            given: 2,
            predicted: (2..6).collect(),
        };
        let case = Case {
            position: 0,
            measured: span.measured(None),
            span,
            all: snapshots,
            speed: Array2::ones((2, 2)),
        };
        let mut collector = Collector::default();
        collector.add(&case, true, None);
        let found = collector.finish();
        let one_step = |n: usize| found[n].one_step_relative_l2.unwrap().mean;
        assert_eq!(one_step(0), 1.0);
        assert!(one_step(2) < 1e-6 && found[2].rollout_relative_l2_full.mean < 1e-6);
        // Persistence: (3−2, 4−3, …) over (3, 4, 5, 6) one step ahead; (1, 2, 3, 4) over the same along the rollout.
        assert!((one_step(1) - (4.0f64 / 86.0).sqrt()).abs() < 1e-6);
        assert!((found[1].rollout_relative_l2_full.mean - (30.0f64 / 86.0).sqrt()).abs() < 1e-6);
    }
}
