//! One trajectory in an evaluation: what is given, predicted and measured of it, and its errors.

use super::{SHORT_ROLLOUT, TrajectoryEvaluation};
use crate::Result;
use crate::metrics::{StepMetrics, relative_l2, rms};
use crate::surrogate::{Span, Surrogate};
use fewave_datasets::Split;
use ndarray::{Array2, Array3, Array4, Axis, s};

/// One trajectory as read.
pub(super) struct Case {
    pub(super) position: usize,
    pub(super) span: Span,
    /// Which of the predicted snapshots errors are taken over, by their place in [`Span::predicted`].
    pub(super) measured: Vec<usize>,
    /// All true snapshots, 0 outside the domain.
    pub(super) all: Array3<f32>,
    /// The medium; zeros where it is not looked at.
    pub(super) speed: Array2<f32>,
}

impl Case {
    /// The measured snapshots, by their position in the data.
    pub(super) fn snapshots(&self) -> impl Iterator<Item = usize> + '_ {
        self.measured.iter().map(|&n| self.span.predicted[n])
    }

    /// The measured snapshots among `fields`, in which `place` finds a snapshot of the data.
    pub(super) fn measured_of(
        &self,
        fields: &Array3<f32>,
        place: impl Fn(usize) -> usize,
    ) -> Array3<f32> {
        let places: Vec<usize> = self.snapshots().map(place).collect();
        fields.select(Axis(0), &places)
    }

    /// Synaptic operations of the first prediction: of a step, or of the whole field.
    pub(super) fn synaptic_operations(&self, surrogate: &Surrogate, split: &Split) -> Result<f64> {
        let (first, given) = (self.span.first, self.span.given);
        let history = self.all.slice(s![first..first + given, .., ..]);
        surrogate.synaptic_operations(split, self.position, history, self.speed.view())
    }

    /// Errors of the predicted snapshots.
    pub(super) fn compare(
        &self,
        surrogate: &Surrogate,
        split: &Split,
        predicted: &Array3<f32>,
        batch: usize,
    ) -> Result<TrajectoryEvaluation> {
        let truth = self.measured_of(&self.all, |snapshot| snapshot);
        let rollout = predicted.select(Axis(0), &self.measured);
        let from_first = self.all.slice(s![self.span.first.., .., ..]);
        let single = surrogate
            .one_step(from_first, self.speed.view(), batch)
            .transpose()?
            .map(|all| all.select(Axis(0), &self.measured));
        let domain = surrogate.domain();
        let trajectory_rms = rms(from_first, domain);
        let steps = |predictions: &Array3<f32>| -> Vec<StepMetrics> {
            predictions
                .outer_iter()
                .zip(truth.outer_iter())
                .map(|(p, u)| StepMetrics::compare(p, u, trajectory_rms, domain))
                .collect()
        };
        let mean = |steps: &[StepMetrics], value: fn(&StepMetrics) -> f64| {
            steps.iter().map(value).sum::<f64>() / steps.len() as f64
        };
        let one_step = single.as_ref().map(steps);
        let metrics = steps(&rollout);
        let short = SHORT_ROLLOUT.min(rollout.dim().0);
        Ok(TrajectoryEvaluation {
            position: self.position,
            index: split.index(self.position)?,
            first: self.span.first,
            snapshots: self.snapshots().collect(),
            one_step_relative_l2: single
                .as_ref()
                .map(|single| relative_l2(single.view(), truth.view(), domain)),
            one_step_vrmse: one_step.as_deref().map(|steps| mean(steps, |m| m.vrmse)),
            rollout_relative_l2_20: relative_l2(
                rollout.slice(s![..short, .., ..]),
                truth.slice(s![..short, .., ..]),
                domain,
            ),
            rollout_relative_l2_full: relative_l2(rollout.view(), truth.view(), domain),
            rollout_vrmse: mean(&metrics, |m| m.vrmse),
            rollout_nrmse: mean(&metrics, |m| m.relative_l2),
            // A step that is not a number must show; `f64::max` would drop it.
            rollout_max_abs: metrics.iter().fold(0.0, |max: f64, m| {
                if m.max_abs.is_nan() {
                    f64::NAN
                } else if max > m.max_abs || max.is_nan() {
                    max
                } else {
                    m.max_abs
                }
            }),
            rollout_boundary_rmse: mean(&metrics, |m| m.boundary_rmse),
            one_step: one_step.unwrap_or_default(),
            rollout: metrics,
        })
    }
}

/// The predicted snapshots of several trajectories: rollouts all at once, whole fields one by one, since a block is large.
pub(super) fn predict(
    surrogate: &Surrogate,
    split: &Split,
    cases: &[Case],
) -> Result<Vec<Array3<f32>>> {
    if !surrogate.rolls_out() {
        let field = |case: &Case| surrogate.predict_field(split, case.position);
        return cases.iter().map(field).collect();
    }
    let Some(longest) = cases.iter().map(|case| case.span.predicted.len()).max() else {
        return Ok(Vec::new());
    };
    let (history, (_, nx, ny)) = (surrogate.history(), cases[0].all.dim());
    let mut histories = Array4::zeros((cases.len(), history, nx, ny));
    let mut speeds = Array3::zeros((cases.len(), nx, ny));
    for (b, case) in cases.iter().enumerate() {
        let first = case.span.first;
        histories
            .index_axis_mut(Axis(0), b)
            .assign(&case.all.slice(s![first..first + history, .., ..]));
        speeds.index_axis_mut(Axis(0), b).assign(&case.speed);
    }
    let predictions = surrogate.rollout_batch(histories.view(), speeds.view(), longest)?;
    let own = |(b, case): (usize, &Case)| {
        predictions
            .slice(s![b, ..case.span.predicted.len(), .., ..])
            .to_owned()
    };
    Ok(cases.iter().enumerate().map(own).collect())
}
