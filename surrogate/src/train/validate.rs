//! Validation during training: one-step errors and a short rollout on the valid split, or errors of whole fields.
//!
//! On the first 16 trajectories at most, and every one of their windows; errors are those of [`crate::metrics`], averaged
//! over the trajectories. The final evaluation sees everything; this one must not take longer than the training. Traces are
//! validated on all trajectories: a pass through a dense network costs next to nothing.

use crate::checkpoint::{Spread, Validation};
use crate::metrics::{Summary, relative_l2};
use crate::network::Network;
use crate::rollout::Predictor;
use crate::task::field::Field;
use crate::task::propagate::Propagate;
use crate::task::{DISPLACEMENT, SPEED, Task};
use crate::trace_prediction::TracePredictor;
use crate::train::settings::TrainSettings;
use crate::whole_field::FieldPredictor;
use crate::{Result, SurrogateError};
use candle_core::Device;
use fewave_datasets::{Split, WindowStart, Windows};
use ndarray::{Array2, Axis, s};

/// Trajectories that validation looks at.
const TRAJECTORIES: usize = 16;
/// Windows per forward pass.
const BATCH: usize = 16;

/// Validates a network in training after `step` updates.
pub(super) fn validate(
    network: &dyn Network,
    task: &Task,
    split: &Split,
    device: &Device,
    settings: &TrainSettings,
    step: usize,
) -> Result<Validation> {
    let (one_step, rollout, rollout_steps) = match task {
        Task::Propagate(task) => {
            propagate(network, task, split, device, settings.validation_steps())?
        }
        Task::Field(task) => field(network, task, split, device)?,
        Task::Traces(task) => {
            let constants = task.constants();
            let predictor = TracePredictor {
                network,
                constants,
                device,
            };
            (Vec::new(), predictor.errors(split)?, 0)
        }
    };
    let spread = |summary: &Summary| Spread {
        median: summary.median,
        worst: summary.worst,
    };
    let nothing = || SurrogateError::Data {
        place: "valid split".into(),
        found: format!("no window in the first {TRAJECTORIES} trajectories"),
        expected: "a window after the sources have stopped".into(),
        remedy: "generate longer trajectories or stop the sources earlier".into(),
    };
    let rollout = Summary::of(&rollout).ok_or_else(nothing)?;
    let one_step = Summary::of(&one_step);
    Ok(Validation {
        step,
        one_step_relative_l2: one_step.map(|summary| summary.mean),
        rollout_relative_l2: rollout.mean,
        rollout_steps,
        one_step: one_step.as_ref().map(spread),
        rollout: Some(spread(&rollout)),
        select: settings.select,
    })
}

/// Errors of single predictions and of rollouts or whole fields, one each a trajectory, and how many snapshots these have.
type Errors = (Vec<f64>, Vec<f64>, usize);

fn field(network: &dyn Network, task: &Field, split: &Split, device: &Device) -> Result<Errors> {
    let predictor = FieldPredictor {
        network,
        task,
        device,
    };
    let config = task.config();
    let count = split.len().min(TRAJECTORIES);
    let mut errors = Vec::with_capacity(count);
    for trajectory in 0..count {
        let all = split.read_snapshots(DISPLACEMENT, trajectory, 0..config.last() + 1)?;
        let truth = all.slice(s![config.every..; config.every, .., ..]);
        errors.push(relative_l2(
            predictor.trajectory(split, trajectory)?.view(),
            truth,
            task.domain(),
        ));
    }
    Ok((Vec::new(), errors, config.snapshots))
}

fn propagate(
    network: &dyn Network,
    task: &Propagate,
    split: &Split,
    device: &Device,
    longest: usize,
) -> Result<Errors> {
    let predictor = Predictor {
        network,
        task,
        device,
    };
    let windows = Windows::new(split, task.history(), 1, WindowStart::AfterSource)?;
    let (mut one_step, mut rollout, mut rollout_steps) = (Vec::new(), Vec::new(), usize::MAX);
    for trajectory in (0..split.len()).take(TRAJECTORIES) {
        let Some(first) = windows.start(trajectory) else {
            continue;
        };
        let snapshots =
            split.read_snapshots(DISPLACEMENT, trajectory, first..split.times().len())?;
        let (times, nx, ny) = snapshots.dim();
        let speed = if task.medium() {
            split.read_static(SPEED, trajectory)?
        } else {
            Array2::zeros((nx, ny))
        };
        let history = task.history();
        let truth = snapshots.slice(s![history.., .., ..]);
        let predicted = predictor.one_step(snapshots.view(), speed.view(), 0, BATCH)?;
        one_step.push(relative_l2(predicted.view(), truth, task.domain()));
        let steps = longest.min(times - history);
        let given = snapshots.slice(s![..history, .., ..]).insert_axis(Axis(0));
        let rolled = predictor.rollout(given, speed.view().insert_axis(Axis(0)), steps)?;
        rollout.push(relative_l2(
            rolled.index_axis(Axis(0), 0),
            truth.slice(s![..steps, .., ..]),
            task.domain(),
        ));
        rollout_steps = rollout_steps.min(steps);
    }
    Ok((one_step, rollout, rollout_steps))
}
