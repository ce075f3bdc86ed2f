//! Predictions that cost nothing, which a surrogate has to beat: zero, persistence `u_{n+1} = u_n`, and linear
//! extrapolation `u_{n+1} = 2u_n − u_{n−1}`; and whatever else predicts the same trajectories.

use super::{Case, Errors, SeismogramErrors, Yardstick};
use crate::metrics::{MetricsSummary, Summary, TracesSummary};
use ndarray::{Array3, Zip, s};
use serde::Serialize;

/// Errors of a prediction beside the surrogate's, over all trajectories of an evaluation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Baseline {
    /// `zero`, `persistence`, `linear-extrapolation`, or what it was given.
    pub name: String,
    /// Its free parameters: none for the trivial ones.
    pub parameters: usize,
    /// Relative L2 error of single predictions; none beside whole fields.
    pub one_step_relative_l2: Option<Summary>,
    /// Relative L2 error of the first [`SHORT_ROLLOUT`](super::SHORT_ROLLOUT) snapshots of a rollout.
    pub rollout_relative_l2_20: Summary,
    /// Relative L2 error of the whole rollout.
    pub rollout_relative_l2_full: Summary,
    /// Every measure of single predictions; none where there are none.
    pub one_step: Option<MetricsSummary>,
    /// Every measure of the rollout.
    pub rollout: MetricsSummary,
    /// Of the rollout's seismograms at the receivers of the data; none without receivers of displacement.
    pub receivers: Option<TracesSummary>,
}

impl Baseline {
    /// A baseline from its errors, trajectory by trajectory in the order of the evaluation; none without any.
    pub fn new(
        name: String,
        parameters: usize,
        one_step: &[Errors],
        rollout: &[Errors],
    ) -> Option<Self> {
        let of = |errors: &[Errors], value: fn(&Errors) -> f64| {
            Summary::of(&errors.iter().map(value).collect::<Vec<_>>())
        };
        let all = |errors: &[Errors]| MetricsSummary::new(errors.iter().map(|e| &e.trajectory));
        Some(Self {
            name,
            parameters,
            one_step_relative_l2: of(one_step, |errors| errors.relative_l2),
            rollout_relative_l2_20: of(rollout, |errors| errors.relative_l2_20)?,
            rollout_relative_l2_full: of(rollout, |errors| errors.relative_l2)?,
            one_step: (!one_step.is_empty()).then(|| all(one_step)),
            rollout: all(rollout),
            receivers: SeismogramErrors::summary(
                rollout
                    .iter()
                    .filter_map(|errors| errors.receivers.as_ref()),
            ),
        })
    }
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

/// Errors of each kind, trajectory by trajectory: of single predictions and of rollouts.
#[derive(Default)]
pub(super) struct Collector {
    errors: [[Vec<Errors>; 2]; 3],
}

impl Collector {
    /// Adds one trajectory. Beside a whole field there are no single predictions, and nothing before its one given snapshot
    /// to extrapolate from.
    pub(super) fn add(&mut self, case: &Case, rolls_out: bool, yardstick: &Yardstick<'_>) {
        let all: Vec<usize> = (0..case.span.predicted.len()).collect();
        let last = case.span.first + case.span.given - 1;
        for ((kind, _), [one_step, rollout]) in KINDS.iter().zip(&mut self.errors) {
            if rolls_out {
                let single = predict(*kind, case, &case.measured, |snapshot| snapshot - 1);
                one_step.push(yardstick.single(case, &single));
            } else if matches!(kind, Kind::Linear) {
                continue;
            }
            let predicted = predict(*kind, case, &all, |_| last);
            rollout.push(yardstick.sequence(case, &predicted));
        }
    }

    /// The summaries; none without a trajectory.
    pub(super) fn finish(self) -> Vec<Baseline> {
        KINDS
            .iter()
            .zip(&self.errors)
            .filter_map(|((_, name), [one_step, rollout])| {
                Baseline::new((*name).to_owned(), 0, one_step, rollout)
            })
            .collect()
    }
}

/// Predicted snapshots (by their places in the span) from the true snapshot `last` of each (and the one before).
fn predict(
    kind: Kind,
    case: &Case,
    places: &[usize],
    last: impl Fn(usize) -> usize,
) -> Array3<f32> {
    let (_, nx, ny) = case.all.dim();
    let mut predictions = Array3::zeros((places.len(), nx, ny));
    for (mut prediction, place) in predictions.outer_iter_mut().zip(places) {
        let snapshot = case.span.predicted[*place];
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
    use crate::metrics::relative_l2;
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
            source_end: 0.0,
        };
        let truth = case.measured_of(&case.all, |snapshot| snapshot);
        let error = |kind: Kind, last: &dyn Fn(usize) -> usize| {
            let predicted = predict(kind, &case, &case.measured, last);
            relative_l2(predicted.view(), truth.view(), None)
        };
        let (single, rollout) = (|snapshot: usize| snapshot - 1, |_: usize| 1);
        assert_eq!(error(Kind::Zero, &single), 1.0);
        assert!(error(Kind::Linear, &single) < 1e-6 && error(Kind::Linear, &rollout) < 1e-6);
        // Persistence: (3−2, 4−3, …) over (3, 4, 5, 6) one step ahead; (1, 2, 3, 4) over the same along the rollout.
        let near = |found: f64, expected: f64| assert!((found - expected.sqrt()).abs() < 1e-6);
        near(error(Kind::Persistence, &single), 4.0 / 86.0);
        near(error(Kind::Persistence, &rollout), 30.0 / 86.0);
    }
}
