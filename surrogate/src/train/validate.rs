//! Validation during training: one-step errors and a short rollout on the valid split.
//!
//! On the first 16 trajectories at most, and every one of their windows; errors are those of [`crate::metrics`], averaged
//! over the trajectories. The final evaluation sees everything; this one must not take longer than the training.

use crate::checkpoint::Validation;
use crate::metrics::relative_l2;
use crate::network::Network;
use crate::rollout::Predictor;
use crate::task::propagate::Propagate;
use crate::task::{DISPLACEMENT, SPEED};
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
        one_step += relative_l2(predicted.view(), truth);
        let steps = ROLLOUT.min(times - history);
        let given = snapshots.slice(s![..history, .., ..]).insert_axis(Axis(0));
        let rolled = predictor.rollout(given, speed.view().insert_axis(Axis(0)), steps)?;
        rollout += relative_l2(
            rolled.index_axis(Axis(0), 0),
            truth.slice(s![..steps, .., ..]),
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
        one_step_relative_l2: one_step / count as f64,
        rollout_relative_l2: rollout / count as f64,
        rollout_steps,
    })
}
