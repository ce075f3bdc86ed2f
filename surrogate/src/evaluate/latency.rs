//! How long a prediction takes: one trajectory at a time, as a user would run it, reading and writing of files left out.
//! A whole field is one step, and its own rollout.

use super::Case;
use crate::Result;
use crate::scheme::folding::{Execution, LayerExecution};
use crate::surrogate::Surrogate;
use fewave_datasets::Split;
use ndarray::{Axis, s};
use serde::Serialize;
use std::time::Instant;

/// Times of predictions of one trajectory, ms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Latency {
    /// Trajectories predicted at once.
    pub batch: usize,
    /// Median over the repetitions of one step.
    pub per_step_ms_median: f64,
    /// Smallest over the repetitions of one step.
    pub per_step_ms_min: f64,
    /// Predicted snapshots of the timed rollout: all of the trajectory.
    pub rollout_steps: usize,
    /// Smallest over the repetitions of one rollout.
    pub rollout_ms: f64,
    /// Timed repetitions of a step; a rollout is repeated at most three times.
    pub repetitions: usize,
    /// Threads that were available.
    pub threads: usize,
    /// Sizes of layers that may be run in two ways, each timed in the way that is faster here.
    pub foldable_layers: usize,
    /// Those of them that are run as dense convolutions.
    pub dense_layers: usize,
}

/// Times a step and the full rollout of one trajectory, after one of each to warm up. Layers are run in their fastest way.
pub(super) fn measure(
    surrogate: &Surrogate,
    split: &Split,
    case: &Case,
    repetitions: usize,
) -> Result<Latency> {
    let before = surrogate.execution();
    surrogate.set_execution(Execution::Fastest);
    let latency = time(surrogate, split, case, repetitions);
    surrogate.set_execution(before);
    latency
}

fn time(surrogate: &Surrogate, split: &Split, case: &Case, repetitions: usize) -> Result<Latency> {
    let rollout_steps = case.span.predicted.len();
    let scene = surrogate.scene(split, case.position)?;
    let run = |steps: usize| -> Result<f64> {
        let clock = Instant::now();
        match &scene {
            Some(scene) => drop(scene.predict()?),
            None => {
                let (first, given) = (case.span.first, case.span.given);
                let history = case.all.slice(s![first..first + given, .., ..]);
                let speed = case.speed.view().insert_axis(Axis(0));
                surrogate.rollout_batch(history.insert_axis(Axis(0)), speed, steps)?;
            }
        }
        Ok(clock.elapsed().as_secs_f64() * 1e3)
    };
    let times = |steps: usize, count: usize| -> Result<Vec<f64>> {
        run(steps)?;
        let mut times = (0..count)
            .map(|_| run(steps))
            .collect::<Result<Vec<f64>>>()?;
        times.sort_by(f64::total_cmp);
        Ok(times)
    };
    let step = times(1, repetitions.max(1))?;
    let rollout = match &scene {
        Some(_) => step.clone(),
        None => times(rollout_steps, repetitions.clamp(1, 3))?,
    };
    let executions = surrogate.measured_executions();
    Ok(Latency {
        batch: 1,
        per_step_ms_median: step[step.len() / 2],
        per_step_ms_min: step[0],
        rollout_steps,
        rollout_ms: rollout[0],
        repetitions: step.len(),
        threads: rayon::current_num_threads(),
        foldable_layers: executions.len(),
        dense_layers: executions
            .iter()
            .filter(|one| LayerExecution::is_dense(one))
            .count(),
    })
}
