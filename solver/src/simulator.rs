//! The simulator: one mesh, one set of boundary conditions and one time step for many scenes.
//!
//! Scenes are advanced side by side in lanes (`[dof][lane]`), so that operators are read once for all of them. Nothing of
//! a trajectory depends on the lanes beside it.

mod engine;
pub(crate) mod setup;
mod times;

use crate::boundary::BoundaryConditions;
use crate::observe::{Observers, Recording};
use crate::space::Space;
use crate::time::{TimeSettings, Warning};
use crate::{Scene, SolverError};
use engine::Engine;

pub use times::RunTimes;

/// Arithmetic of the state; setting up is always in f64, and so are implicit solves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// 8 trajectories side by side.
    #[default]
    F64,
    /// 16 trajectories side by side; within about 1e-6 of f64 over hundreds of steps.
    F32,
}

/// Facts that hold for every trajectory.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatorInfo {
    /// Degrees of freedom, fixed ones and those of absorbing layers included.
    pub dofs: usize,
    /// Those of absorbing layers (pml), outside of the domain.
    pub layer_dofs: usize,
    /// Time step, s.
    pub dt: f64,
    /// Number of time steps.
    pub steps: usize,
    /// Time steps from one snapshot to the next.
    pub steps_per_snapshot: usize,
    /// Largest stable time step for the maximum speed, s, at most 2.6 % on the safe side; infinite for Newmark.
    pub stable_dt: f64,
    /// Estimated memory that all groups share plus that of one group and its recordings, bytes.
    pub memory_bytes: u64,
    /// The part of `memory_bytes` that every further group running at the same time adds, bytes.
    pub group_memory_bytes: u64,
    /// The part of `group_memory_bytes` that its recordings take, which outlive its run, bytes.
    pub recording_memory_bytes: u64,
    /// Scenes advanced side by side at most.
    pub lanes: usize,
    /// Snapshot coordinates along x, m.
    pub grid_x: Vec<f64>,
    /// Snapshot coordinates along y, m.
    pub grid_y: Vec<f64>,
    /// Whether a snapshot point lies in the mesh; axes (x, y), y fastest.
    pub inside: Vec<bool>,
    /// Times of the snapshots, s.
    pub snapshot_times: Vec<f64>,
    /// Times of the receivers' samples, s.
    pub receiver_times: Vec<f64>,
    /// What is likely not wanted.
    pub warnings: Vec<Warning>,
}

/// Runs scenes on one space; shared between threads, each running its own group.
#[derive(Debug)]
pub struct Simulator {
    core: Core,
}

#[derive(Debug)]
enum Core {
    F64(Engine<f64>),
    F32(Engine<f32>),
}

impl Simulator {
    /// Chooses the time step and computes all operators.
    ///
    /// # Errors
    /// Settings that make no sense, unknown boundary groups, receivers outside, an unstable fixed step, or memory beyond
    /// what is available: see [`SolverError`].
    pub fn new(
        space: Space,
        boundary: BoundaryConditions,
        time: TimeSettings,
        observers: Observers,
        precision: Precision,
    ) -> Result<Self, SolverError> {
        let core = match precision {
            Precision::F64 => Core::F64(Engine::new(space, &boundary, &time, &observers)?),
            Precision::F32 => Core::F32(Engine::new(space, &boundary, &time, &observers)?),
        };
        Ok(Self { core })
    }

    /// Lets the thread pool share every step of a trajectory that runs alone (central difference; groups are for running
    /// side by side). The bits do not depend on it.
    #[must_use]
    pub fn on_all_threads(mut self) -> Self {
        match &mut self.core {
            Core::F64(engine) => engine.parallel = true,
            Core::F32(engine) => engine.parallel = true,
        }
        self
    }

    /// The space that scenes run on.
    pub fn space(&self) -> &Space {
        match &self.core {
            Core::F64(engine) => engine.space(),
            Core::F32(engine) => engine.space(),
        }
    }

    /// Runs one scene, calling `watch` with the number of every snapshot and the displacement (m) at all degrees of freedom.
    ///
    /// # Errors
    /// As [`Simulator::run`].
    pub fn run_watched(
        &self,
        scene: &Scene,
        watch: &mut dyn FnMut(usize, &[f64]),
    ) -> Result<Recording, SolverError> {
        let scenes = std::slice::from_ref(scene);
        let results = match &self.core {
            Core::F64(engine) => engine.run::<1>(scenes, &mut |_| {}, Some(watch)).0,
            Core::F32(engine) => engine.run::<1>(scenes, &mut |_| {}, Some(watch)).0,
        };
        let none = || SolverError::invalid("scenes", "no result", "one", "run it again");
        results.into_iter().next().unwrap_or_else(|| Err(none()))
    }

    /// Facts that hold for every trajectory.
    pub fn info(&self) -> &SimulatorInfo {
        match &self.core {
            Core::F64(engine) => engine.info(),
            Core::F32(engine) => engine.info(),
        }
    }

    /// Refuses a scene that cannot run: all that is known before the first step.
    ///
    /// # Errors
    /// Those of [`Simulator::run`], but a solution that blows up.
    pub fn check(&self, scene: &Scene) -> Result<(), SolverError> {
        match &self.core {
            Core::F64(engine) => engine.prepare(scene).map(|_| ()),
            Core::F32(engine) => engine.prepare(scene).map(|_| ()),
        }
    }

    /// Runs at most [`SimulatorInfo::lanes`] scenes side by side on the calling thread; one result per scene, in order.
    /// A scene that fails leaves the others as they are.
    ///
    /// # Errors
    /// Per scene: speeds that are no speeds or exceed the maximum, values that are not finite, sources outside, a
    /// solution that blows up. More scenes than lanes give [`SolverError::InvalidParameter`] for each, and a group beyond
    /// the memory at hand [`SolverError::TooLarge`].
    pub fn run(&self, scenes: &[Scene]) -> Vec<Result<Recording, SolverError>> {
        self.run_with_progress(scenes, &mut |_| {})
    }

    /// As [`Simulator::run`], calling `progress` with the number of snapshots done after each of them.
    ///
    /// # Errors
    /// As [`Simulator::run`].
    pub fn run_with_progress(
        &self,
        scenes: &[Scene],
        progress: &mut dyn FnMut(usize),
    ) -> Vec<Result<Recording, SolverError>> {
        self.run_group(scenes, progress).0
    }

    /// As [`Simulator::run`], and where the time went.
    ///
    /// # Errors
    /// As [`Simulator::run`].
    pub fn run_timed(&self, scenes: &[Scene]) -> (Vec<Result<Recording, SolverError>>, RunTimes) {
        self.run_group(scenes, &mut |_| {})
    }

    fn run_group(
        &self,
        scenes: &[Scene],
        progress: &mut dyn FnMut(usize),
    ) -> (Vec<Result<Recording, SolverError>>, RunTimes) {
        let lanes = self.info().lanes;
        if scenes.len() > lanes {
            let error = SolverError::invalid(
                "scenes of one group",
                scenes.len(),
                format!("at most {lanes}"),
                "split them into groups",
            );
            return (vec![Err(error); scenes.len()], RunTimes::default());
        }
        match (&self.core, scenes.len()) {
            (_, 0) => (Vec::new(), RunTimes::default()),
            (Core::F64(engine), 1) => engine.run::<1>(scenes, progress, None),
            (Core::F32(engine), 1) => engine.run::<1>(scenes, progress, None),
            (Core::F64(engine), _) => engine.run::<8>(scenes, progress, None),
            (Core::F32(engine), _) => engine.run::<16>(scenes, progress, None),
        }
    }
}
