//! One trajectory in an evaluation: what is given, predicted and measured of it, and its errors.

use super::{TrajectoryEvaluation, Yardstick};
use crate::Result;
use crate::surrogate::{Span, Surrogate};
use crate::task::{DISPLACEMENT, SPEED};
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
    /// The medium; zeros where the data have none.
    pub(super) speed: Array2<f32>,
    /// Time at which the sources have stopped, s.
    pub(super) source_end: f64,
}

impl Case {
    /// Reads a trajectory; none where nothing is to be measured: with `only`, of other snapshots than those.
    pub(super) fn read(
        surrogate: &Surrogate,
        split: &Split,
        position: usize,
        span: Option<Span>,
        only: Option<&[usize]>,
    ) -> Result<Option<Self>> {
        let Some((span, measured)) = span
            .map(|span| (span.measured(only), span))
            .filter(|(measured, _)| !measured.is_empty())
            .map(|(measured, span)| (span, measured))
        else {
            return Ok(None);
        };
        let [x, y] = split.axes();
        let has_speed = split.field_specs().iter().any(|field| field.name == SPEED);
        Ok(Some(Self {
            position,
            span,
            measured,
            all: truth(surrogate, split, position)?,
            speed: if has_speed || surrogate.takes_medium() {
                split.read_static(SPEED, position)?
            } else {
                Array2::zeros((x.len(), y.len()))
            },
            source_end: split.source_end(position)?,
        }))
    }

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
        yardstick: &Yardstick<'_>,
        predicted: &Array3<f32>,
        batch: usize,
    ) -> Result<TrajectoryEvaluation> {
        let from_first = self.all.slice(s![self.span.first.., .., ..]);
        let single = surrogate
            .one_step(from_first, self.speed.view(), batch)
            .transpose()?
            .map(|all| yardstick.single(self, &all.select(Axis(0), &self.measured)));
        let rollout = yardstick.sequence(self, predicted);
        Ok(TrajectoryEvaluation {
            position: self.position,
            index: split.index(self.position)?,
            first: self.span.first,
            snapshots: self.snapshots().collect(),
            one_step_relative_l2: single.as_ref().map(|errors| errors.relative_l2),
            rollout_relative_l2_20: rollout.relative_l2_20,
            rollout_relative_l2_full: rollout.relative_l2,
            one_step_metrics: single.as_ref().map(|errors| errors.trajectory),
            rollout_metrics: rollout.trajectory,
            receivers: rollout.receivers,
            one_step: single.map_or_else(Vec::new, |errors| errors.steps),
            rollout: rollout.steps,
        })
    }
}

/// All true snapshots of a trajectory, 0 outside the domain.
pub(super) fn truth(surrogate: &Surrogate, split: &Split, position: usize) -> Result<Array3<f32>> {
    let mut all = split.read_snapshots(DISPLACEMENT, position, 0..split.times().len())?;
    if let (Some(domain), Some(values)) = (surrogate.domain(), all.as_slice_mut()) {
        domain.fill_outside(values, 0.0);
    }
    Ok(all)
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
