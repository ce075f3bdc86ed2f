//! Validation during training: one-step errors and a short rollout on the valid split, or errors of whole fields.
//!
//! On the first 16 trajectories at most, and every one of their windows; errors are those of [`crate::metrics`], averaged
//! over the trajectories. The final evaluation sees everything; this one must not take longer than the training.

use crate::checkpoint::Validation;
use crate::metrics::relative_l2;
use crate::network::Network;
use crate::rollout::Predictor;
use crate::task::field::Field;
use crate::task::propagate::Propagate;
use crate::task::{DISPLACEMENT, SPEED, Task};
use crate::whole_field::FieldPredictor;
use crate::{Result, SurrogateError};
use candle_core::Device;
use fewave_datasets::{Split, WindowStart, Windows};
use ndarray::{Array2, Axis, s};

/// Trajectories that validation looks at.
const TRAJECTORIES: usize = 16;
/// Predicted snapshots of a validation rollout, if the data have so many.
const ROLLOUT: usize = 20;
/// Windows per forward pass.
const BATCH: usize = 16;

/// Validates a network in training after `step` updates.
pub(super) fn validate(
    network: &dyn Network,
    task: &Task,
    split: &Split,
    device: &Device,
    step: usize,
) -> Result<Validation> {
    match task {
        Task::Propagate(task) => propagate(network, task, split, device, step),
        Task::Field(task) => field(network, task, split, device, step),
    }
}

fn field(
    network: &dyn Network,
    task: &Field,
    split: &Split,
    device: &Device,
    step: usize,
) -> Result<Validation> {
    let predictor = FieldPredictor {
        network,
        task,
        device,
    };
    let config = task.config();
    let count = split.len().min(TRAJECTORIES);
    let mut error = 0.0;
    for trajectory in 0..count {
        let all = split.read_snapshots(DISPLACEMENT, trajectory, 0..config.last() + 1)?;
        let truth = all.slice(s![config.every..; config.every, .., ..]);
        error += relative_l2(
            predictor.trajectory(split, trajectory)?.view(),
            truth,
            task.domain(),
        );
    }
    Ok(Validation {
        step,
        one_step_relative_l2: None,
        rollout_relative_l2: error / count as f64,
        rollout_steps: config.snapshots,
    })
}

fn propagate(
    network: &dyn Network,
    task: &Propagate,
    split: &Split,
    device: &Device,
    step: usize,
) -> Result<Validation> {
    let predictor = Predictor {
        network,
        task,
        device,
    };
    let windows = Windows::new(split, task.history(), 1, WindowStart::AfterSource)?;
    let (mut one_step, mut rollout, mut count, mut rollout_steps) = (0.0, 0.0, 0usize, usize::MAX);
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
        one_step += relative_l2(predicted.view(), truth, task.domain());
        let steps = ROLLOUT.min(times - history);
        let given = snapshots.slice(s![..history, .., ..]).insert_axis(Axis(0));
        let rolled = predictor.rollout(given, speed.view().insert_axis(Axis(0)), steps)?;
        rollout += relative_l2(
            rolled.index_axis(Axis(0), 0),
            truth.slice(s![..steps, .., ..]),
            task.domain(),
        );
        rollout_steps = rollout_steps.min(steps);
        count += 1;
    }
    if count == 0 {
        return Err(SurrogateError::Data {
            place: "valid split".into(),
            found: format!("no window in the first {TRAJECTORIES} trajectories"),
            expected: "a window after the sources have stopped".into(),
            remedy: "generate longer trajectories or stop the sources earlier".into(),
        });
    }
    Ok(Validation {
        step,
        one_step_relative_l2: Some(one_step / count as f64),
        rollout_relative_l2: rollout / count as f64,
        rollout_steps,
    })
}
