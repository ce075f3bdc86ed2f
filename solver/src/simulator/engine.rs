//! The simulator in one precision: operators, observers and the loop over time.

use std::time::{Duration, Instant};

use ndarray::{Array2, Array3};

use super::setup::{Prepared, SpaceMatrices, check_speed};
use super::{RunTimes, SimulatorInfo};
use crate::assembly::{self, stiffness::Stiffness};
use crate::boundary::BoundaryConditions;
use crate::boundary::pml::operator::LayerOperator;
use crate::field::Field;
use crate::observe::receivers::{self, Receivers};
use crate::observe::{self, Grid, Observers, Recording};
use crate::operator::{StiffnessOperator, assembled::Assembled};
use crate::real::Real;
use crate::space::Space;
use crate::spectrum::largest_eigenvalue_bound;
use crate::time::central_difference::CentralDifference;
use crate::time::modified_equation::{self, ModifiedEquation};
use crate::time::newmark::cholesky::ImplicitPattern;
use crate::time::newmark::{Newmark, Weights};
use crate::time::{Integrator, Stepper, TimeSettings};
use crate::{Medium, Scene, SolverError, memory};

/// What is called with every snapshot's number and the first lane's displacement.
pub(super) type Watch<'a> = Option<&'a mut dyn FnMut(usize, &[f64])>;

/// Everything that does not depend on the scene.
#[derive(Debug)]
pub(super) struct Engine<T> {
    space: Space,
    matrices: SpaceMatrices,
    stiffness: StiffnessOperator<T>,
    layer: Option<LayerOperator<T>>,
    implicit: Option<(ImplicitPattern, Weights)>,
    grid: Grid,
    /// The cell group that a grid point lies in; none outside of the mesh.
    grid_groups: Vec<Option<u32>>,
    snapshots: Assembled<T>,
    receivers: Receivers<T>,
    integrator: Integrator,
    max_speed: f64,
    /// What every lane of a running group adds.
    lane_memory_bytes: u64,
    /// Whether a trajectory that runs alone may use the whole thread pool.
    pub(super) parallel: bool,
    info: SimulatorInfo,
}

impl<T: Real> Engine<T> {
    pub(super) fn new(
        space: Space,
        boundary: &BoundaryConditions,
        time: &TimeSettings,
        observers: &Observers,
    ) -> Result<Self, SolverError> {
        time.check()?;
        observers.check()?;
        let implicit = matches!(time.integrator, Integrator::Newmark { .. });
        if !implicit && !space.element().can_be_lumped() {
            return Err(SolverError::invalid(
                "element for explicit time stepping",
                format!("{:?}", space.element()),
                "an element whose mass can be made diagonal",
                "use P2BubbleTriangle, or the integrator newmark",
            ));
        }
        let (layer, space) = match boundary.layer(&space, time.max_speed)? {
            Some((layer, extended)) => (Some(layer), extended),
            None => (None, space),
        };
        if layer.is_some() && time.integrator != Integrator::CentralDifference {
            return Err(SolverError::invalid(
                "integrator with an absorbing layer (pml)",
                "one other than central difference",
                "central-difference",
                "use absorbing boundaries, or the integrator central-difference",
            ));
        }
        let matrices = SpaceMatrices::new(&space, boundary.resolve(&space)?, layer);
        let boundary = &matrices.boundary;
        if time.integrator == Integrator::ModifiedEquation
            && !(boundary.absorbing.is_empty() && boundary.prescribed.is_empty())
        {
            return Err(SolverError::invalid(
                "boundary beside the modified equation",
                if boundary.prescribed.is_empty() {
                    "an absorbing side"
                } else {
                    "a prescribed side"
                },
                "fixed and free sides: the fourth order holds without losses only",
                "use central difference for other sides",
            ));
        }
        let inverse_mass: Vec<f64> = matrices
            .mass
            .iter()
            .zip(&matrices.boundary.fixed)
            .map(|(mass, fixed)| if *fixed { 0.0 } else { 1.0 / mass })
            .collect();
        let unit = StiffnessOperator::<f64>::new(&space, |_| 1.0)?;
        let mut plan = time.plan(&space, largest_eigenvalue_bound(&unit, &inverse_mass))?;
        drop(unit);
        if let Some(layer) = &matrices.layer {
            plan.warnings.extend(time.layer_warning(layer));
        }
        let steps = plan.steps_per_snapshot * (time.snapshots - 1);
        let samples = receivers::samples(observers, steps);
        let recording = recording_bytes(time, observers, samples);
        let points = memory::product(&observers.grid);
        let weights = points.saturating_mul((space.reference().nodes() * 40) as u64);
        memory::require("the simulation", recording.saturating_add(weights))?;
        let implicit = match time.integrator {
            Integrator::CentralDifference | Integrator::ModifiedEquation => None,
            Integrator::Newmark { beta, gamma } => {
                let matrix = assembly::assemble(&space, &Stiffness::new(&space, |_| 1.0))?;
                let pattern = ImplicitPattern::new(matrix, &matrices.boundary.fixed)?;
                Some((pattern, Weights { beta, gamma }))
            }
        };
        let stiffness = StiffnessOperator::new(&space, |_| 1.0)?;
        let grid = observers.grid(&space);
        let mut locations = Vec::with_capacity(grid.x.len() * grid.y.len());
        locations.extend(grid.points().map(|point| space.locate(point)));
        let interpolation = observe::grid_matrix(&space, &locations);
        let grid_groups: Vec<Option<u32>> = locations
            .iter()
            .map(|location| Some(space.mesh().cell_group(location.as_ref()?.cell) as u32))
            .collect();
        let mut engine = Self {
            receivers: Receivers::new(observers, &space, steps, plan.dt)?,
            snapshots: Assembled::new(&interpolation),
            stiffness,
            layer: matrices
                .layer
                .as_ref()
                .map(|layer| LayerOperator::new(layer, &space, plan.dt)),
            implicit,
            integrator: time.integrator,
            max_speed: time.max_speed,
            lane_memory_bytes: 0,
            parallel: false,
            info: SimulatorInfo {
                dofs: space.dof_count(),
                layer_dofs: layer_dofs(&space),
                dt: plan.dt,
                steps,
                steps_per_snapshot: plan.steps_per_snapshot,
                stable_dt: plan.stable_dt,
                memory_bytes: 0,
                group_memory_bytes: 0,
                recording_memory_bytes: recording.saturating_mul(T::LANES as u64),
                lanes: T::LANES,
                inside: grid_groups.iter().map(Option::is_some).collect(),
                grid_x: grid.x.clone(),
                grid_y: grid.y.clone(),
                snapshot_times: (0..time.snapshots)
                    .map(|i| time.duration * i as f64 / (time.snapshots - 1) as f64)
                    .collect(),
                receiver_times: (0..samples)
                    .map(|i| plan.dt * (i * observers.receiver_every) as f64)
                    .collect(),
                warnings: plan.warnings,
            },
            grid,
            grid_groups,
            matrices,
            space,
        };
        engine.estimate_memory(recording)?;
        Ok(engine)
    }

    pub(super) fn space(&self) -> &Space {
        &self.space
    }

    pub(super) fn info(&self) -> &SimulatorInfo {
        &self.info
    }

    /// Fills in what a group needs; refuses where not even a single trajectory fits.
    fn estimate_memory(&mut self, recording: u64) -> Result<(), SolverError> {
        let dofs = self.space.dof_count();
        let state = |vectors: usize| memory::product(&[dofs, size_of::<T>(), vectors]);
        let work = match &self.implicit {
            None if self.integrator == Integrator::ModifiedEquation => {
                state(ModifiedEquation::<T, 1>::VECTORS)
            }
            None => {
                let vectors = CentralDifference::<T, 1>::VECTORS;
                // with a layer, a vector more and at most four at its degrees of freedom
                self.layer.as_ref().map_or(state(vectors), |layer| {
                    state(vectors + 5).saturating_add(layer.state_bytes())
                })
            }
            // at worst, every lane has its own matrix
            Some((pattern, _)) => {
                let mass = memory::product(&[pattern.stiffness().len(), size_of::<T>()]);
                // accelerations of prescribed sides are one more
                let driven = usize::from(!self.matrices.boundary.prescribed.is_empty());
                state(Newmark::<T, 1>::VECTORS + driven)
                    .saturating_add(mass)
                    .saturating_add(pattern.factor_bytes())
            }
        };
        // a prepared scene has three f64 vectors, four with a layer, and the density of its cells; the space holds about
        // four vectors and its cells
        let nodes = self.space.all_cell_dofs().len();
        let vectors = 3 + usize::from(self.layer.is_some());
        let prepared = memory::product(&[vectors * dofs + nodes, 8]);
        let buffer = memory::product(&[self.grid.x.len(), self.grid.y.len(), size_of::<T>()]);
        let lane = recording
            .saturating_add(work)
            .saturating_add(prepared)
            .saturating_add(buffer);
        let cells = memory::product(&[nodes, 4 + 8]);
        let shared = self.stiffness.memory_bytes()
            + self.snapshots.memory_bytes()
            + self.receivers.memory_bytes()
            + self
                .implicit
                .as_ref()
                .map_or(0, |(pattern, _)| pattern.memory_bytes())
            + self.layer.as_ref().map_or(0, LayerOperator::memory_bytes)
            + memory::product(&[dofs, 40])
            + cells;
        memory::require("a trajectory", lane)?;
        let group = lane.saturating_mul(T::LANES as u64);
        self.lane_memory_bytes = lane;
        self.info.group_memory_bytes = group;
        self.info.memory_bytes = shared.saturating_add(group);
        Ok(())
    }

    /// Advances up to `L` scenes side by side.
    pub(super) fn run<const L: usize>(
        &self,
        scenes: &[Scene],
        progress: &mut dyn FnMut(usize),
        watch: Watch<'_>,
    ) -> (Vec<Result<Recording, SolverError>>, RunTimes) {
        let start = Instant::now();
        let mut times = RunTimes::default();
        let results = self.run_lanes::<L>(scenes, progress, watch, &mut times);
        times.preparation = start
            .elapsed()
            .saturating_sub(times.steps + times.observers);
        (results, times)
    }

    fn run_lanes<const L: usize>(
        &self,
        scenes: &[Scene],
        progress: &mut dyn FnMut(usize),
        watch: Watch<'_>,
        times: &mut RunTimes,
    ) -> Vec<Result<Recording, SolverError>> {
        let group = self.lane_memory_bytes.saturating_mul(L as u64);
        if let Err(error) = memory::require("a group of trajectories", group) {
            return vec![Err(error); scenes.len()];
        }
        let mut failures: Vec<Option<SolverError>> = vec![None; scenes.len()];
        let mut speeds: Vec<Array2<f32>> = Vec::with_capacity(scenes.len());
        let mut lanes: [Option<Prepared>; L] = std::array::from_fn(|_| None);
        for (lane, scene) in scenes.iter().enumerate() {
            match self.prepare(scene) {
                Ok((prepared, speed)) => {
                    lanes[lane] = Some(prepared);
                    speeds.push(speed);
                }
                Err(error) => {
                    failures[lane] = Some(error);
                    speeds.push(Array2::zeros((0, 0)));
                }
            }
        }
        let mut recordings: Vec<Recording> = speeds
            .into_iter()
            .map(|speed| {
                let mut recording = Recording {
                    // filled by the march
                    snapshots: Array3::zeros((0, 0, 0)),
                    speed,
                    receivers: Array2::zeros((0, 0)),
                    receiver_velocity: Array2::zeros((0, 0)),
                    receiver_gradient: Array3::zeros((0, 0, 0)),
                    energy: Vec::with_capacity(self.info.snapshot_times.len()),
                };
                self.receivers.prepare(&mut recording);
                recording
            })
            .collect();
        let marched = match &self.implicit {
            None if self.integrator == Integrator::ModifiedEquation => {
                let stepper = ModifiedEquation::<T, L>::new(
                    &self.matrices,
                    &self.stiffness,
                    &lanes,
                    self.info.dt,
                );
                drop(lanes);
                self.march(
                    stepper,
                    &mut recordings,
                    &mut failures,
                    progress,
                    watch,
                    times,
                );
                Ok(())
            }
            None => {
                let stepper = CentralDifference::<T, L>::new(
                    &self.space,
                    &self.matrices,
                    &self.stiffness,
                    self.layer.as_ref(),
                    &lanes,
                    self.info.dt,
                    L == 1 && self.parallel,
                );
                // the state holds its own copy
                drop(lanes);
                self.march(
                    stepper,
                    &mut recordings,
                    &mut failures,
                    progress,
                    watch,
                    times,
                );
                Ok(())
            }
            Some((pattern, weights)) => Newmark::<T, L>::new(
                &self.space,
                &self.matrices,
                pattern,
                &self.stiffness,
                &lanes,
                *weights,
                self.info.dt,
            )
            .map(|stepper| {
                self.march(
                    stepper,
                    &mut recordings,
                    &mut failures,
                    progress,
                    watch,
                    times,
                )
            }),
        };
        recordings
            .into_iter()
            .zip(failures)
            .map(|(recording, failure)| match (failure, &marched) {
                (Some(error), _) => Err(error),
                (None, Err(error)) => Err(error.clone()),
                (None, Ok(())) => Ok(recording),
            })
            .collect()
    }

    /// A scene on the mesh and its speed on the grid, checked.
    pub(super) fn prepare(&self, scene: &Scene) -> Result<(Prepared, Array2<f32>), SolverError> {
        self.refuse(scene)?;
        let duration = self.info.dt * self.info.steps as f64;
        let (space, matrices) = (&self.space, &self.matrices);
        let prepared = Prepared::new(space, matrices, scene, self.max_speed, duration)?;
        Ok((prepared, self.speed_on_grid(&*scene.medium)?))
    }

    /// Snapshots, points along x and y of a recording.
    fn snapshots_shape(&self) -> (usize, usize, usize) {
        let times = self.info.snapshot_times.len();
        (times, self.grid.x.len(), self.grid.y.len())
    }

    /// What only some integrators take.
    fn refuse(&self, scene: &Scene) -> Result<(), SolverError> {
        match self.integrator {
            Integrator::ModifiedEquation => modified_equation::check_scene(scene),
            Integrator::CentralDifference | Integrator::Newmark { .. } => Ok(()),
        }
    }

    fn speed_on_grid(&self, medium: &dyn Medium) -> Result<Array2<f32>, SolverError> {
        let mut speed = Array2::zeros((self.grid.x.len(), self.grid.y.len()));
        let at_once = medium.speeds_on_grid(&self.grid.x, &self.grid.y);
        let points = self.grid.points().zip(&self.grid_groups).enumerate();
        for (value, (point, (position, group))) in speed.iter_mut().zip(points) {
            if let Some(group) = group {
                let here = match &at_once {
                    Some(speeds) => speeds[point],
                    None => medium.speed_in_group(position, *group as usize),
                };
                check_speed(here, position, self.max_speed)?;
                *value = here as f32;
            }
        }
        Ok(speed)
    }

    fn march<const L: usize>(
        &self,
        mut stepper: impl Stepper<T, L>,
        recordings: &mut [Recording],
        failures: &mut [Option<SolverError>],
        progress: &mut dyn FnMut(usize),
        mut watch: Watch<'_>,
        times: &mut RunTimes,
    ) {
        let start = Instant::now();
        let mut observed = Duration::ZERO;
        let mut on_grid = Field::<T, L>::zeros(self.snapshots.rows());
        let shape = self.snapshots_shape();
        // not zeros, which would cost a pass through fresh memory before the loop
        let mut snapshots: Vec<Vec<f32>> = recordings
            .iter()
            .map(|_| Vec::with_capacity(shape.0 * shape.1 * shape.2))
            .collect();
        let mut receivers = self.receivers.recorder::<L>();
        let last = receivers.last_step(self.info.steps, &stepper.rate());
        for step in 0..=last {
            let snapshot_due = step % self.info.steps_per_snapshot == 0 && step <= self.info.steps;
            let observing = (snapshot_due || self.receivers.any_samples()).then(Instant::now);
            receivers.record(step, &stepper, recordings);
            if snapshot_due {
                let snapshot = step / self.info.steps_per_snapshot;
                let energy = stepper.energy();
                self.snapshots.apply(stepper.displacement(), &mut on_grid);
                for (lane, recording) in recordings.iter_mut().enumerate() {
                    recording.energy.push(energy[lane]);
                    let plane = snapshots[lane].len();
                    snapshots[lane].extend(on_grid.iter().map(|row| row[lane].to_f64() as f32));
                    let finite = energy[lane].is_finite()
                        && snapshots[lane][plane..]
                            .iter()
                            .fold(true, |finite, value| finite & value.is_finite());
                    if !finite && failures[lane].is_none() {
                        failures[lane] = Some(SolverError::BlewUp {
                            time: self.info.snapshot_times[snapshot],
                            step,
                        });
                    }
                }
                if let Some(watch) = watch.as_deref_mut() {
                    let rows = stepper.displacement().iter();
                    let first: Vec<f64> = rows.map(|lanes| lanes[0].to_f64()).collect();
                    watch(snapshot, &first);
                }
                progress(snapshot + 1);
            }
            observed += observing.map_or(Duration::ZERO, |since| since.elapsed());
            if snapshot_due && failures.iter().all(Option::is_some) {
                break;
            }
            if step < last {
                stepper.advance();
            }
        }
        for (recording, mut values) in recordings.iter_mut().zip(snapshots) {
            // where all have failed, the march has ended early
            values.resize(shape.0 * shape.1 * shape.2, 0.0);
            if let Ok(snapshots) = Array3::from_shape_vec(shape, values) {
                recording.snapshots = snapshots;
            }
        }
        for (recording, failure) in recordings.iter().zip(failures) {
            if failure.is_none() && !recording.has_finite_signals() {
                *failure = Some(SolverError::BlewUp {
                    time: self.info.dt * self.info.steps as f64,
                    step: self.info.steps,
                });
            }
        }
        times.observers = observed;
        times.steps = start.elapsed().saturating_sub(observed);
    }
}

/// Degrees of freedom that no cell of the domain touches.
fn layer_dofs(space: &Space) -> usize {
    let mut outside = vec![true; space.dof_count()];
    for cell in 0..space.domain_cells() {
        for &dof in space.cell_dofs(cell) {
            outside[dof as usize] = false;
        }
    }
    outside.into_iter().filter(|outside| *outside).count()
}

/// Bytes of one trajectory's recording.
fn recording_bytes(time: &TimeSettings, observers: &Observers, samples: usize) -> u64 {
    let [nx, ny] = observers.grid;
    memory::product(&[time.snapshots.saturating_add(1), nx, ny, 4])
        .saturating_add(receivers::bytes(observers, samples))
        .saturating_add(memory::product(&[time.snapshots, 8]))
}
