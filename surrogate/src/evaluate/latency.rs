//! How long a prediction takes: one trajectory at a time, as a user would run it, reading and writing of files left out.
//! A whole field is one step, and its own rollout.

use super::Case;
use crate::Result;
use crate::scheme::folding::{Execution, LayerExecution};
use crate::surrogate::Surrogate;
use fewave_datasets::Split;
use ndarray::{Array3, Array4, Axis, s};
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
    /// Trajectories predicted at once where many are: as many as a forward pass of the evaluation takes.
    pub ensemble: usize,
    /// Time of such a rollout per trajectory: a step of all of them, times the steps; a whole field is predicted by itself.
    pub ensemble_rollout_ms: f64,
    /// Timed repetitions of a step; a rollout is repeated at most three times.
    pub repetitions: usize,
    /// Threads that were available.
    pub threads: usize,
    /// Sizes of layers that may be run in two ways, each timed in the way that is faster here.
    pub foldable_layers: usize,
    /// Those of them that are run as dense convolutions.
    pub dense_layers: usize,
}

/// Times a step and the full rollout of the first trajectory, and a step of all given ones at once, after one of each to warm up.
/// Layers are run in their fastest way. At least one trajectory is given.
pub(super) fn measure(
    surrogate: &Surrogate,
    split: &Split,
    cases: &[Case],
    repetitions: usize,
) -> Result<Latency> {
    let before = surrogate.execution();
    surrogate.set_execution(Execution::Fastest);
    let latency = time(surrogate, split, cases, repetitions);
    surrogate.set_execution(before);
    latency
}

fn time(
    surrogate: &Surrogate,
    split: &Split,
    cases: &[Case],
    repetitions: usize,
) -> Result<Latency> {
    let case = &cases[0];
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
    let (ensemble, ensemble_rollout_ms) = match &scene {
        Some(_) => (1, rollout[0]),
        None => {
            let step = together(surrogate, cases, repetitions.clamp(1, 3))?;
            (
                cases.len(),
                step * rollout_steps as f64 / cases.len() as f64,
            )
        }
    };
    let executions = surrogate.measured_executions();
    Ok(Latency {
        batch: 1,
        per_step_ms_median: step[step.len() / 2],
        per_step_ms_min: step[0],
        rollout_steps,
        rollout_ms: rollout[0],
        ensemble,
        ensemble_rollout_ms,
        repetitions: step.len(),
        threads: rayon::current_num_threads(),
        foldable_layers: executions.len(),
        dense_layers: executions
            .iter()
            .filter(|one| LayerExecution::is_dense(one))
            .count(),
    })
}

/// The smallest time of one step of several trajectories at once, ms.
fn together(surrogate: &Surrogate, cases: &[Case], repetitions: usize) -> Result<f64> {
    let (_, nx, ny) = cases[0].all.dim();
    let given = cases[0].span.given;
    let mut histories = Array4::zeros((cases.len(), given, nx, ny));
    let mut speeds = Array3::zeros((cases.len(), nx, ny));
    for (b, case) in cases.iter().enumerate() {
        let first = case.span.first;
        let history = case.all.slice(s![first..first + given, .., ..]);
        histories.index_axis_mut(Axis(0), b).assign(&history);
        speeds.index_axis_mut(Axis(0), b).assign(&case.speed);
    }
    let mut best = f64::INFINITY;
    for repetition in 0..=repetitions {
        let clock = Instant::now();
        surrogate.rollout_batch(histories.view(), speeds.view(), 1)?;
        // the first one warms up
        if repetition > 0 {
            best = best.min(clock.elapsed().as_secs_f64() * 1e3);
        }
    }
    Ok(best)
}
