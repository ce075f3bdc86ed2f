//! Evaluation of a surrogate on a split: errors of single steps and of rollouts, trivial baselines beside them, latency.
//!
//! Every trajectory starts after its sources have stopped. Trajectory-wise errors are one ratio of norms over all predicted
//! steps; step-wise ones have the quiet-frame floor of [`crate::metrics`].

mod baseline;
mod latency;

use crate::metrics::{StepMetrics, Summary, relative_l2, rms};
use crate::surrogate::Surrogate;
use crate::task::{DISPLACEMENT, SPEED};
use crate::{Result, SurrogateError};
use fewave_datasets::{Split, WindowStart, Windows};
use ndarray::{Array2, Array3, Array4, Axis, s};
use serde::Serialize;

pub use baseline::Baseline;
pub use latency::Latency;

/// Predicted snapshots of the short rollout that every evaluation reports.
pub const SHORT_ROLLOUT: usize = 20;

/// How to evaluate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvaluateOptions {
    /// Windows or trajectories per forward pass.
    pub batch: usize,
    /// Timed repetitions of a step and of a rollout; 0 leaves latency out.
    pub repetitions: usize,
}

impl Default for EvaluateOptions {
    fn default() -> Self {
        Self {
            batch: 8,
            repetitions: 10,
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
    /// First snapshot that was given; predictions start `history` later.
    pub first: usize,
    /// Errors of single predictions from true snapshots, one per predicted snapshot.
    pub one_step: Vec<StepMetrics>,
    /// Errors along the rollout, one per predicted snapshot.
    pub rollout: Vec<StepMetrics>,
    /// Relative L2 error of all single predictions.
    pub one_step_relative_l2: f64,
    /// Mean VRMSE of the single predictions.
    pub one_step_vrmse: f64,
    /// Relative L2 error of the first [`SHORT_ROLLOUT`] snapshots of the rollout (fewer if there are fewer).
    pub rollout_relative_l2_20: f64,
    /// Relative L2 error of the whole rollout.
    pub rollout_relative_l2_full: f64,
    /// Mean VRMSE along the rollout.
    pub rollout_vrmse: f64,
    /// Mean nRMSE along the rollout.
    pub rollout_nrmse: f64,
    /// Largest absolute error of the rollout, in the field's unit.
    pub rollout_max_abs: f64,
    /// Mean RMSE over the boundary nodes along the rollout, in the field's unit.
    pub rollout_boundary_rmse: f64,
}

/// Figures of [`TrajectoryEvaluation`] over all trajectories; `worst_position` counts in [`Evaluation::trajectories`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvaluationSummary {
    /// Of single predictions.
    pub one_step_relative_l2: Summary,
    /// Of single predictions.
    pub one_step_vrmse: Summary,
    /// Of the first [`SHORT_ROLLOUT`] snapshots.
    pub rollout_relative_l2_20: Summary,
    /// Of the whole rollout.
    pub rollout_relative_l2_full: Summary,
    /// Along the rollout.
    pub rollout_vrmse: Summary,
    /// Along the rollout.
    pub rollout_nrmse: Summary,
    /// Of the rollout.
    pub rollout_max_abs: Summary,
    /// Along the rollout.
    pub rollout_boundary_rmse: Summary,
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
    /// Positions of trajectories whose sources stop too late to predict anything.
    pub skipped: Vec<usize>,
    /// Over all trajectories.
    pub summary: EvaluationSummary,
    /// Rollouts `(trajectory, time, x, y)` of all trajectories of the split, skipped ones included. Snapshots that were not
    /// predicted (see [`predicted_from`](Self::predicted_from)) are the true ones.
    pub predictions: Array4<f32>,
    /// First predicted snapshot of each trajectory; the number of snapshots where nothing was predicted.
    pub predicted_from: Vec<usize>,
    /// Errors of trivial predictions.
    pub baselines: Vec<Baseline>,
    /// Times of predictions; `None` if not asked for.
    pub latency: Option<Latency>,
    /// [`Network::synaptic_operations`](crate::Network::synaptic_operations) of one prediction, the first of the first trajectory.
    pub synaptic_operations: f64,
}

/// One trajectory as read, from its first given snapshot on.
struct Case {
    position: usize,
    first: usize,
    snapshots: Array3<f32>,
    speed: Array2<f32>,
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
    let windows = Windows::new(split, history, 1, WindowStart::AfterSource)?;
    let (count, times) = (split.len(), split.times().len());
    let [x, y] = split.axes();
    let mut predictions = Array4::zeros((count, times, x.len(), y.len()));
    let mut predicted_from = vec![times; count];
    let (mut trajectories, mut skipped) = (Vec::with_capacity(count), Vec::new());
    let mut baselines = baseline::Collector::default();
    let mut latency = None;
    let mut synaptic_operations = None;
    for begin in (0..count).step_by(options.batch.max(1)) {
        let mut cases = Vec::new();
        for position in begin..count.min(begin + options.batch.max(1)) {
            let all = split.read_snapshots(DISPLACEMENT, position, 0..times)?;
            predictions.index_axis_mut(Axis(0), position).assign(&all);
            let Some(first) = windows.start(position) else {
                skipped.push(position);
                continue;
            };
            let speed = match surrogate.config().task {
                crate::task::TaskConfig::Propagate(ref task) if !task.medium => {
                    Array2::zeros((x.len(), y.len()))
                }
                _ => split.read_static(SPEED, position)?,
            };
            predicted_from[position] = first + history;
            cases.push(Case {
                position,
                first,
                snapshots: all.slice_move(s![first.., .., ..]),
                speed,
            });
        }
        if latency.is_none()
            && options.repetitions > 0
            && let Some(case) = cases.first()
        {
            latency = Some(latency::measure(surrogate, case, options.repetitions)?);
        }
        if synaptic_operations.is_none()
            && let Some(case) = cases.first()
        {
            let given = case.snapshots.slice(s![..history, .., ..]);
            let speed = case.speed.view().insert_axis(Axis(0));
            let predictor = surrogate.predictor();
            let input = predictor.input(given.insert_axis(Axis(0)), speed)?;
            synaptic_operations = Some(predictor.network.synaptic_operations(&input)?);
        }
        for (case, rollout) in cases.iter().zip(roll_out(surrogate, &cases)?) {
            predictions
                .slice_mut(s![case.position, case.first + history.., .., ..])
                .assign(&rollout);
            trajectories.push(compare(surrogate, split, case, &rollout, options.batch)?);
            baselines.add(case, history);
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
        predicted_from,
        baselines: baselines.finish(),
        latency,
        synaptic_operations: synaptic_operations.unwrap_or(0.0),
    })
}

/// Rollouts of several trajectories at once, each as long as its trajectory.
fn roll_out(surrogate: &Surrogate, cases: &[Case]) -> Result<Vec<Array3<f32>>> {
    let history = surrogate.history();
    let Some(longest) = cases
        .iter()
        .map(|case| case.snapshots.dim().0 - history)
        .max()
    else {
        return Ok(Vec::new());
    };
    let (_, nx, ny) = cases[0].snapshots.dim();
    let mut histories = Array4::zeros((cases.len(), history, nx, ny));
    let mut speeds = Array3::zeros((cases.len(), nx, ny));
    for (b, case) in cases.iter().enumerate() {
        histories
            .index_axis_mut(Axis(0), b)
            .assign(&case.snapshots.slice(s![..history, .., ..]));
        speeds.index_axis_mut(Axis(0), b).assign(&case.speed);
    }
    let predictions = surrogate.rollout_batch(histories.view(), speeds.view(), longest)?;
    let own = |(b, case): (usize, &Case)| {
        predictions
            .slice(s![b, ..case.snapshots.dim().0 - history, .., ..])
            .to_owned()
    };
    Ok(cases.iter().enumerate().map(own).collect())
}

/// Errors on one trajectory.
fn compare(
    surrogate: &Surrogate,
    split: &Split,
    case: &Case,
    rollout: &Array3<f32>,
    batch: usize,
) -> Result<TrajectoryEvaluation> {
    let truth = case.snapshots.slice(s![surrogate.history().., .., ..]);
    let single =
        surrogate
            .predictor()
            .one_step(case.snapshots.view(), case.speed.view(), 0, batch)?;
    let trajectory_rms = rms(case.snapshots.view());
    let steps = |predictions: &Array3<f32>| -> Vec<StepMetrics> {
        predictions
            .outer_iter()
            .zip(truth.outer_iter())
            .map(|(p, u)| StepMetrics::compare(p, u, trajectory_rms))
            .collect()
    };
    let (one_step_metrics, rollout_metrics) = (steps(&single), steps(rollout));
    let mean = |steps: &[StepMetrics], value: fn(&StepMetrics) -> f64| {
        steps.iter().map(value).sum::<f64>() / steps.len() as f64
    };
    let short = SHORT_ROLLOUT.min(rollout.dim().0);
    Ok(TrajectoryEvaluation {
        position: case.position,
        index: split.index(case.position)?,
        first: case.first,
        one_step_relative_l2: relative_l2(single.view(), truth),
        one_step_vrmse: mean(&one_step_metrics, |m| m.vrmse),
        rollout_relative_l2_20: relative_l2(
            rollout.slice(s![..short, .., ..]),
            truth.slice(s![..short, .., ..]),
        ),
        rollout_relative_l2_full: relative_l2(rollout.view(), truth),
        rollout_vrmse: mean(&rollout_metrics, |m| m.vrmse),
        rollout_nrmse: mean(&rollout_metrics, |m| m.relative_l2),
        // A step that is not a number must show; `f64::max` would drop it.
        rollout_max_abs: rollout_metrics.iter().fold(0.0, |max: f64, m| {
            if m.max_abs.is_nan() {
                f64::NAN
            } else if max > m.max_abs || max.is_nan() {
                max
            } else {
                m.max_abs
            }
        }),
        rollout_boundary_rmse: mean(&rollout_metrics, |m| m.boundary_rmse),
        one_step: one_step_metrics,
        rollout: rollout_metrics,
    })
}

fn summarise(trajectories: &[TrajectoryEvaluation]) -> Option<EvaluationSummary> {
    let of = |value: fn(&TrajectoryEvaluation) -> f64| {
        Summary::of(&trajectories.iter().map(value).collect::<Vec<_>>())
    };
    Some(EvaluationSummary {
        one_step_relative_l2: of(|t| t.one_step_relative_l2)?,
        one_step_vrmse: of(|t| t.one_step_vrmse)?,
        rollout_relative_l2_20: of(|t| t.rollout_relative_l2_20)?,
        rollout_relative_l2_full: of(|t| t.rollout_relative_l2_full)?,
        rollout_vrmse: of(|t| t.rollout_vrmse)?,
        rollout_nrmse: of(|t| t.rollout_nrmse)?,
        rollout_max_abs: of(|t| t.rollout_max_abs)?,
        rollout_boundary_rmse: of(|t| t.rollout_boundary_rmse)?,
    })
}
