//! Evaluation of a surrogate on a split: errors of single steps and of rollouts or whole fields, trivial baselines beside them,
//! latency.
//!
//! Rollouts start after the sources have stopped, whole fields at t = 0. What is said of a rollout holds for a whole field,
//! which is predicted in one pass and has no single steps. Trajectory-wise errors are one ratio of norms over all predicted
//! steps; step-wise ones have the quiet-frame floor of [`crate::metrics`].

mod baseline;
mod case;
mod judge;
mod latency;
mod receivers;
pub mod traces;
mod yardstick;

use crate::metrics::{MetricsSummary, StepMetrics, Summary, TracesSummary, TrajectoryMetrics};
use crate::surrogate::Surrogate;
use crate::{Result, SurrogateError};
use case::Case;
use fewave_datasets::Split;
use ndarray::{Array4, Axis};
use serde::Serialize;
use yardstick::Yardstick;

pub use baseline::Baseline;
pub use judge::{Judge, Reference};
pub use latency::Latency;
pub use receivers::SeismogramErrors;
pub use yardstick::Errors;

/// Predicted snapshots of the short rollout that every evaluation reports.
pub const SHORT_ROLLOUT: usize = 20;

/// How to evaluate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluateOptions {
    /// Windows or trajectories per forward pass.
    pub batch: usize,
    /// Timed repetitions of a step and of a rollout; 0 leaves latency out.
    pub repetitions: usize,
    /// For each trajectory, the only snapshots that errors are taken over, in order; by default all that are predicted. So
    /// surrogates that predict different snapshots are compared over the same ones.
    pub snapshots: Option<Vec<Vec<usize>>>,
}

impl Default for EvaluateOptions {
    fn default() -> Self {
        Self {
            batch: 8,
            repetitions: 10,
            snapshots: None,
        }
    }
}

/// Errors of a surrogate on one trajectory.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrajectoryEvaluation {
    /// Position in the split.
    pub position: usize,
    /// Index that the trajectory was generated with.
    pub index: u64,
    /// First snapshot that was given.
    pub first: usize,
    /// The snapshots that errors were taken over: all that were predicted, unless others were asked for.
    pub snapshots: Vec<usize>,
    /// Errors of single predictions from true snapshots, one for each of [`snapshots`](Self::snapshots); empty for whole fields.
    pub one_step: Vec<StepMetrics>,
    /// Errors along the rollout, one for each of [`snapshots`](Self::snapshots).
    pub rollout: Vec<StepMetrics>,
    /// Relative L2 error of all single predictions; none for whole fields.
    pub one_step_relative_l2: Option<f64>,
    /// Relative L2 error of the first [`SHORT_ROLLOUT`] snapshots of the rollout (fewer if there are fewer).
    pub rollout_relative_l2_20: f64,
    /// Relative L2 error of the whole rollout.
    pub rollout_relative_l2_full: f64,
    /// Every measure of the single predictions; none for whole fields.
    pub one_step_metrics: Option<TrajectoryMetrics>,
    /// Every measure of the rollout.
    pub rollout_metrics: TrajectoryMetrics,
    /// Of the rollout's seismograms at the receivers of the data; none without receivers of displacement.
    pub receivers: Option<SeismogramErrors>,
}

/// Figures of [`TrajectoryEvaluation`] over all trajectories; `worst_position` counts in [`Evaluation::trajectories`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvaluationSummary {
    /// Of single predictions; none for whole fields.
    pub one_step_relative_l2: Option<Summary>,
    /// Of the first [`SHORT_ROLLOUT`] snapshots.
    pub rollout_relative_l2_20: Summary,
    /// Of the whole rollout.
    pub rollout_relative_l2_full: Summary,
    /// Every measure of single predictions; none for whole fields.
    pub one_step: Option<MetricsSummary>,
    /// Every measure of the rollout.
    pub rollout: MetricsSummary,
    /// Of the rollouts' seismograms at the receivers of the data; none without receivers of displacement.
    pub receivers: Option<TracesSummary>,
}

/// A surrogate's results on a split.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// Snapshots that each prediction starts from.
    pub history: usize,
    /// Snapshots per trajectory.
    pub times: usize,
    /// Trajectory by trajectory.
    pub trajectories: Vec<TrajectoryEvaluation>,
    /// Positions of trajectories of which nothing was measured: their sources stop too late to predict anything.
    pub skipped: Vec<usize>,
    /// Over all trajectories.
    pub summary: EvaluationSummary,
    /// Rollouts `(trajectory, time, x, y)` of all trajectories of the split, skipped ones included. Snapshots that were not
    /// predicted (see [`predicted`](Self::predicted)) are the true ones. Outside of the domain all are 0.
    pub predictions: Array4<f32>,
    /// The predicted snapshots of each trajectory; empty where nothing was predicted.
    pub predicted: Vec<Vec<usize>>,
    /// Errors of trivial predictions.
    pub baselines: Vec<Baseline>,
    /// Times of predictions; `None` if not asked for.
    pub latency: Option<Latency>,
    /// [`Network::synaptic_operations`](crate::Network::synaptic_operations) of one prediction, the first of the first trajectory.
    pub synaptic_operations: f64,
}

/// Evaluates a surrogate on all trajectories of a split. `progress` is told (trajectories done, all trajectories).
///
/// # Errors
/// [`SurrogateError::Data`] when the split has another spacing or snapshot interval than the training data, or nothing to
/// predict; errors of reading and of the network.
pub fn evaluate(
    surrogate: &Surrogate,
    split: &Split,
    options: &EvaluateOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Evaluation> {
    surrogate.check(split)?;
    let history = surrogate.history();
    let spans = surrogate.spans(split)?;
    let (count, times) = (split.len(), split.times().len());
    let [x, y] = split.axes();
    let mut predictions = Array4::zeros((count, times, x.len(), y.len()));
    let mut predicted = vec![Vec::new(); count];
    let (mut trajectories, mut skipped) = (Vec::with_capacity(count), Vec::new());
    let mut baselines = baseline::Collector::default();
    let yardstick = Yardstick::new(surrogate, split);
    let mut latency = None;
    let mut synaptic_operations = None;
    for begin in (0..count).step_by(options.batch.max(1)) {
        let mut cases = Vec::new();
        for position in begin..count.min(begin + options.batch.max(1)) {
            let only = options.snapshots.as_ref().map(|all| all.get(position));
            let only = only.map(|list| list.map_or(&[][..], Vec::as_slice));
            let span = spans[position].clone();
            let Some(case) = Case::read(surrogate, split, position, span, only)? else {
                let all = case::truth(surrogate, split, position)?;
                predictions.index_axis_mut(Axis(0), position).assign(&all);
                skipped.push(position);
                continue;
            };
            predictions
                .index_axis_mut(Axis(0), position)
                .assign(&case.all);
            predicted[position].clone_from(&case.span.predicted);
            cases.push(case);
        }
        if latency.is_none() && options.repetitions > 0 && !cases.is_empty() {
            latency = Some(latency::measure(
                surrogate,
                split,
                &cases,
                options.repetitions,
            )?);
        }
        if synaptic_operations.is_none()
            && let Some(case) = cases.first()
        {
            synaptic_operations = Some(case.synaptic_operations(surrogate, split)?);
        }
        for (case, prediction) in cases.iter().zip(case::predict(surrogate, split, &cases)?) {
            for (snapshot, field) in case.span.predicted.iter().zip(prediction.outer_iter()) {
                predictions
                    .index_axis_mut(Axis(0), case.position)
                    .index_axis_mut(Axis(0), *snapshot)
                    .assign(&field);
            }
            let errors = case.compare(surrogate, split, &yardstick, &prediction, options.batch)?;
            trajectories.push(errors);
            baselines.add(case, surrogate.rolls_out(), &yardstick);
            progress(trajectories.len() + skipped.len(), count);
        }
    }
    let summary = summarise(&trajectories).ok_or_else(|| SurrogateError::Data {
        place: split.path().display().to_string(),
        found: "no trajectory to predict".into(),
        expected: format!("{} snapshots after the sources have stopped", history + 1),
        remedy: "generate longer trajectories".into(),
    })?;
    Ok(Evaluation {
        history,
        times,
        trajectories,
        skipped,
        summary,
        predictions,
        predicted,
        baselines: baselines.finish(),
        latency,
        synaptic_operations: synaptic_operations.unwrap_or(0.0),
    })
}

fn summarise(trajectories: &[TrajectoryEvaluation]) -> Option<EvaluationSummary> {
    let of = |value: fn(&TrajectoryEvaluation) -> f64| {
        Summary::of(&trajectories.iter().map(value).collect::<Vec<_>>())
    };
    let of_single = |value: fn(&TrajectoryEvaluation) -> Option<f64>| {
        Summary::of(&trajectories.iter().filter_map(value).collect::<Vec<_>>())
    };
    Some(EvaluationSummary {
        one_step_relative_l2: of_single(|t| t.one_step_relative_l2),
        rollout_relative_l2_20: of(|t| t.rollout_relative_l2_20)?,
        rollout_relative_l2_full: of(|t| t.rollout_relative_l2_full)?,
        one_step: trajectories
            .iter()
            .map(|t| t.one_step_metrics.as_ref())
            .collect::<Option<Vec<_>>>()
            .map(|all| MetricsSummary::new(all.into_iter())),
        rollout: MetricsSummary::new(trajectories.iter().map(|t| &t.rollout_metrics)),
        receivers: SeismogramErrors::summary(
            trajectories.iter().filter_map(|t| t.receivers.as_ref()),
        ),
    })
}
