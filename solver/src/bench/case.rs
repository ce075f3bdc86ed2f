//! The cases and how one is measured.

use std::sync::Arc;
use std::time::Instant;

use rayon::prelude::*;

use super::{multiply_add_flops, update_bandwidth};
use crate::assembly::{self, stiffness::Stiffness};
use crate::boundary::{BoundaryConditions, BoundaryKind};
use crate::element::Element;
use crate::mesh::rectangle::Rectangle;
use crate::operator::StiffnessOperator;
use crate::real::Real;
use crate::simulator::Precision;
use crate::simulator::setup::{Prepared, SpaceMatrices};
use crate::space::Space;
use crate::time::Stepper;
use crate::time::central_difference::CentralDifference;
use crate::time::newmark::cholesky::ImplicitPattern;
use crate::time::newmark::{Newmark, Weights};
use crate::{InitialState, Medium, Scene, SolverError};

/// How steps are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Central difference, matrix-free on axis-aligned squares.
    Affine,
    /// Central difference, matrix-free on displaced quadrilaterals.
    Mapped,
    /// As `Mapped`, with absorbing sides and damping.
    Absorbing,
    /// Central difference with an assembled matrix.
    Assembled,
    /// Newmark (1/4, 1/2) with a sparse Cholesky factor.
    Newmark,
}

/// Something to measure. Every trajectory side by side has its own medium (except for Newmark, where all share one and
/// with it the factor) and its own initial state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Case {
    /// Short name.
    pub name: &'static str,
    /// The element.
    pub element: Element,
    /// How steps are taken.
    pub method: Method,
    /// Cells along a side of the square.
    pub cells: usize,
    /// Arithmetic of the state.
    pub precision: Precision,
    /// Whether as many trajectories as fit run side by side, one group a thread; else a single one.
    pub ensemble: bool,
}

/// What a case took.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// The case.
    pub case: Case,
    /// Threads that shared the work.
    pub threads: usize,
    /// Trajectories side by side on each thread.
    pub lanes: usize,
    /// Degrees of freedom of a trajectory.
    pub dofs: usize,
    /// DoF-steps per second, all trajectories and threads together.
    pub rate: f64,
    /// Bytes moved per DoF-step, as counted in the files of the kernels; 0 for Newmark.
    pub bytes: f64,
    /// Operations per DoF-step; 0 for Newmark.
    pub operations: f64,
    /// `rate` as a fraction of the roofline; 0 for Newmark.
    pub roofline: f64,
}

/// The cases, in the order of the table: small ones only where `quick`.
pub fn cases(quick: bool) -> Vec<Case> {
    use Method::*;
    use Precision::*;
    let gll = Element::GllQuad { order: 4 };
    let p1 = Element::P1Triangle;
    let case = |name, element, method, cells, precision, ensemble| Case {
        name,
        element,
        method,
        cells,
        precision,
        ensemble,
    };
    let mut cases = Vec::new();
    for scale in if quick { 1..=1 } else { 1..=2 } {
        let (quads, triangles) = if quick {
            (32, 128)
        } else {
            (125 * scale, 500 * scale)
        };
        for precision in [F64, F32] {
            cases.push(case("gll4-affine", gll, Affine, quads, precision, false));
            cases.push(case("gll4-mapped", gll, Mapped, quads, precision, false));
        }
        cases.push(case("p1-assembled", p1, Assembled, triangles, F64, false));
    }
    for cells in if quick { vec![16] } else { vec![32, 125] } {
        for precision in [F64, F32] {
            for (name, method) in [
                ("gll4-affine", Affine),
                ("gll4-mapped", Mapped),
                ("gll4-absorbing", Absorbing),
            ] {
                cases.push(case(name, gll, method, cells, precision, true));
            }
        }
    }
    for cells in if quick { vec![32] } else { vec![255, 510] } {
        cases.push(case("p1-newmark", p1, Newmark, cells, F64, false));
    }
    let cells = if quick { 32 } else { 255 };
    cases.push(case("p1-newmark", p1, Newmark, cells, F64, true));
    cases
}

impl Case {
    /// Measures the case with the threads of the pool that this runs in.
    ///
    /// # Errors
    /// [`SolverError::TooLarge`] where the memory is too small for it.
    pub fn measure(&self) -> Result<Measurement, SolverError> {
        match (self.precision, self.ensemble) {
            (Precision::F64, false) => self.measure_in::<f64, 1>(),
            (Precision::F64, true) => self.measure_in::<f64, 8>(),
            (Precision::F32, false) => self.measure_in::<f32, 1>(),
            (Precision::F32, true) => self.measure_in::<f32, 16>(),
        }
    }

    fn measure_in<T: Real, const L: usize>(&self) -> Result<Measurement, SolverError> {
        let threads = rayon::current_num_threads();
        let space = self.space()?;
        let boundary = BoundaryConditions::all(match self.method {
            Method::Absorbing => BoundaryKind::Absorbing,
            _ => BoundaryKind::Fixed,
        });
        let matrices = SpaceMatrices::new(&space, boundary.resolve(&space)?, None);
        let stiffness = StiffnessOperator::<T>::new(&space, |_| 1.0)?;
        let order = self.element.order() as f64;
        // well below the limit of any of the meshes
        let dt = 0.1 / (self.cells as f64 * order * order);
        // a single trajectory uses all threads itself
        let groups = if self.ensemble { threads } else { 1 };
        let dofs = space.dof_count();
        let mut measurement = Measurement {
            case: *self,
            threads,
            lanes: L,
            dofs,
            rate: 0.0,
            bytes: 0.0,
            operations: 0.0,
            roofline: 0.0,
        };
        let work = dofs * L * groups;
        if self.method == Method::Newmark {
            let matrix = assembly::assemble(&space, &Stiffness::new(&space, |_| 1.0))?;
            let pattern = ImplicitPattern::new(matrix, &matrices.boundary.fixed)?;
            let weights = Weights {
                beta: 0.25,
                gamma: 0.5,
            };
            let mut steppers = Vec::new();
            for _ in 0..groups {
                let lanes = self.lanes::<L>(&space, &matrices)?;
                let dt = 20.0 * dt;
                steppers.push(Newmark::<T, L>::new(
                    &space, &matrices, &pattern, &stiffness, &lanes, weights, dt,
                )?);
            }
            measurement.rate = rate(&mut steppers, work);
            return Ok(measurement);
        }
        let mut steppers = Vec::new();
        for _ in 0..groups {
            let lanes = self.lanes::<L>(&space, &matrices)?;
            let parallel = !self.ensemble && threads > 1;
            steppers.push(CentralDifference::<T, L>::new(
                &space, &matrices, &stiffness, None, &lanes, dt, parallel,
            ));
        }
        measurement.rate = rate(&mut steppers, work);
        (measurement.bytes, measurement.operations) = self.counts::<T>(&space, &stiffness, L);
        let state = groups * dofs * L * size_of::<T>() * CentralDifference::<T, L>::VECTORS;
        drop(steppers);
        let bandwidth = update_bandwidth(stiffness.memory_bytes() as usize + state);
        let seconds =
            (measurement.bytes / bandwidth).max(measurement.operations / multiply_add_flops::<T>());
        measurement.roofline = measurement.rate * seconds;
        Ok(measurement)
    }

    fn space(&self) -> Result<Space, SolverError> {
        let mesh = Rectangle {
            cells: [self.cells; 2],
            shape: self.element.shape(),
            distortion: if self.method == Method::Affine {
                0.0
            } else {
                0.2
            },
            seed: 1,
            ..Rectangle::default()
        };
        Space::new(mesh.build()?, self.element)
    }

    fn lanes<const L: usize>(
        &self,
        space: &Space,
        matrices: &SpaceMatrices,
    ) -> Result<[Option<Prepared>; L], SolverError> {
        let mut lanes = std::array::from_fn(|_| None);
        for (number, lane) in lanes.iter_mut().enumerate() {
            let phase = number as f64;
            let shared = self.method == Method::Newmark;
            let damped = self.method == Method::Absorbing;
            let scene = Scene {
                medium: Arc::new(Waves {
                    phase: if shared { 0.0 } else { phase },
                }),
                damping: if damped { 0.1 + phase } else { 0.0 },
                initial: vec![Arc::new(Waves { phase })],
                sources: vec![],
                prescribed: vec![],
            };
            *lane = Some(Prepared::new(space, matrices, &scene, 1.0, 1.0)?);
        }
        Ok(lanes)
    }

    /// Bytes and operations per DoF-step.
    fn counts<T: Real>(
        &self,
        space: &Space,
        stiffness: &StiffnessOperator<T>,
        lanes: usize,
    ) -> (f64, f64) {
        let dofs = space.dof_count() as f64;
        // u and v read and written, the gain read; the accumulator read and written, matrix-free only where bundles meet;
        // a multiplication, a multiply-add and an addition
        let met = match self.method {
            Method::Assembled | Method::Newmark => 1.0,
            _ => space.sweep().inherited_count() as f64 / dofs,
        };
        let (state, update) = ((5.0 + 2.0 * met) * size_of::<T>() as f64, 4.0);
        let mesh = stiffness.memory_bytes() as f64 / (dofs * lanes as f64);
        let cells_per_dof = space.mesh().cell_count() as f64 / dofs;
        let n = self.element.order() + 1;
        // of a line of nodes: multiply-adds with halved matrices, additions before and after (`kernels/lines.rs`)
        let (half, rest) = (n / 2, n - n / 2);
        let line = |multiply_adds: usize| (2 * multiply_adds + 4 * half) as f64;
        let (nodes, lines) = ((n * n) as f64, n as f64);
        let force = match self.method {
            Method::Affine => {
                cells_per_dof * (2.0 * lines * line(rest * rest + half * half) + 3.0 * nodes)
            }
            Method::Mapped | Method::Absorbing => {
                // maps to metric: once a cell
                let metric = 14.0 * nodes / lanes as f64;
                cells_per_dof * (4.0 * lines * line(2 * half * rest) + 7.0 * nodes + metric)
            }
            // two operations an entry of the matrix, which takes that many bytes
            Method::Assembled | Method::Newmark => {
                2.0 * mesh * lanes as f64 / (size_of::<T>() + size_of::<u32>()) as f64
            }
        };
        (state + mesh, update + force)
    }
}

/// DoF-steps per second of steppers that run at the same time; `work` is those of one step of all.
fn rate<S: Stepper<T, L> + Send, T: Real, const L: usize>(steppers: &mut [S], work: usize) -> f64 {
    const REPEATS: usize = 7;
    let mut run = |steps: usize| {
        let start = Instant::now();
        if let [single] = steppers {
            (0..steps).for_each(|_| single.advance());
        } else {
            steppers
                .par_iter_mut()
                .for_each(|stepper| (0..steps).for_each(|_| stepper.advance()));
        }
        start.elapsed().as_secs_f64() / steps as f64
    };
    // the first step uses the force that the start has left; the second tells how long a step takes
    run(1);
    let steps = (0.1 / run(2)).clamp(2.0, 1e5) as usize;
    let best = (0..REPEATS)
        .map(|_| run(steps))
        .fold(f64::INFINITY, f64::min);
    work as f64 / best
}

/// A smooth medium of 0.75 to 1 m/s and a smooth state without zeros to speak of.
#[derive(Debug)]
struct Waves {
    phase: f64,
}

impl Medium for Waves {
    fn speed(&self, [x, y]: [f64; 2]) -> f64 {
        0.875 + 0.125 * (7.0 * x + self.phase).sin() * (5.0 * y - self.phase).cos()
    }
    fn max_speed(&self) -> f64 {
        1.0
    }
    fn min_speed(&self) -> f64 {
        0.75
    }
}

impl InitialState for Waves {
    fn displacement(&self, [x, y]: [f64; 2]) -> f64 {
        2.0 + (9.0 * x + self.phase).sin() * (11.0 * y).cos()
    }
    fn velocity(&self, _: [f64; 2], _: f64) -> f64 {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quick_case_has_a_rate() {
        for mut case in cases(true) {
            case.cells = 4;
            let measured = case.measure().unwrap();
            assert!(measured.rate > 0.0 && measured.rate.is_finite());
            assert_eq!(measured.lanes > 1, case.ensemble);
        }
    }
}
