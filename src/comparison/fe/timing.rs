//! What the FE solver takes for a trajectory, with the threads that surrogates are timed with.

use std::time::Instant;

use anyhow::Context;
use fewave_solver::{Scene, Simulator};
use rayon::prelude::*;
use serde::Serialize;

use super::Fe;
use super::discretisation::Discretisation;

/// Times of the FE solver with one discretisation, in ms; set-up of the mesh left out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FeTime {
    /// The discretisation.
    pub discretisation: Discretisation,
    /// One trajectory on its own, its steps shared by all threads where that is faster.
    pub single_ms: f64,
    /// A trajectory of an ensemble that fills the lanes of all threads: wall time over trajectories.
    pub ensemble_ms: f64,
    /// Trajectories side by side on a thread.
    pub lanes: usize,
    /// Threads.
    pub threads: usize,
    /// Degrees of freedom.
    pub degrees_of_freedom: usize,
    /// Time steps a trajectory.
    pub steps: usize,
    /// Snapshots after t = 0 that such a trajectory reaches; they are evenly spaced.
    pub snapshots: usize,
}

impl FeTime {
    /// Times of one trajectory, alone and in an ensemble, for the first `reached` of its snapshots: what a prediction replaces.
    pub fn for_snapshots(&self, reached: usize) -> [f64; 2] {
        let share = reached as f64 / self.snapshots.max(1) as f64;
        [self.single_ms * share, self.ensemble_ms * share]
    }
}

/// Repetitions; the smallest time counts.
const REPETITIONS: usize = 3;
/// No more repetitions after so long, ms.
const LONG_MS: f64 = 1000.0;

/// Times a discretisation on scenes of the split.
///
/// # Errors
/// When the solver refuses it or a scene.
pub fn time(fe: &Fe<'_>, discretisation: &Discretisation) -> anyhow::Result<FeTime> {
    let simulator = fe.build(discretisation)?;
    let info = simulator.info().clone();
    let threads = rayon::current_num_threads();
    let mut scenes = Vec::new();
    for n in 0..info.lanes {
        scenes.push(fe.scene(n % fe.split.len())?);
    }
    let first = scenes.get(..1).context("no scene to time")?;
    let ensemble = fastest(|| {
        let groups = (0..threads).into_par_iter();
        groups.try_for_each(|_| solve(&simulator, &scenes))
    })? / (threads * info.lanes) as f64;
    let alone = fastest(|| solve(&simulator, first))?;
    let simulator = simulator.on_all_threads();
    // within the pool, where a step's parallel loops begin without a change of threads
    let shared = rayon::scope(|_| fastest(|| solve(&simulator, first)))?;
    Ok(FeTime {
        discretisation: *discretisation,
        single_ms: alone.min(shared),
        ensemble_ms: ensemble,
        lanes: info.lanes,
        threads,
        degrees_of_freedom: info.dofs,
        steps: info.steps,
        snapshots: info.snapshot_times.len().saturating_sub(1),
    })
}

fn solve(simulator: &Simulator, scenes: &[Scene]) -> anyhow::Result<()> {
    for recording in simulator.run(scenes) {
        recording?;
    }
    Ok(())
}

/// The smallest time of a few repetitions, ms.
fn fastest(run: impl Fn() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let (mut best, mut total) = (f64::INFINITY, 0.0);
    for _ in 0..REPETITIONS {
        let start = Instant::now();
        run()?;
        let time = start.elapsed().as_secs_f64() * 1e3;
        best = best.min(time);
        total += time;
        if total > LONG_MS {
            break;
        }
    }
    Ok(best)
}
