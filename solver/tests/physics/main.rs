//! The physics of whole runs: reciprocity, interfaces, boundaries, damping, superposition, Green's function, refinement.
//!
//! Every test compares with an exact property of the wave equation `u_tt/c² + (α/c²) u_t − Δu = f`, none with stored
//! numbers.

mod absorption;
mod boundaries;
mod prescribed;
mod propagation;
mod reflection;
mod sources;
mod symmetries;

use std::collections::BTreeMap;
use std::f64::consts::{FRAC_PI_2, PI, TAU};
use std::sync::Arc;

use fewave_solver::initial::{End, PlaneWave, Profile, Pulse, Pulses, StandingMode};
use fewave_solver::medium::{Axis, GaussianField, Layers, Uniform};
use fewave_solver::source::Signal;
use fewave_solver::*;

/// A rectangle with everything that a test may change.
struct Case {
    size: [f64; 2],
    cells: [usize; 2],
    element: Element,
    distortion: f64,
    boundary: BoundaryConditions,
    duration: f64,
    snapshots: usize,
    integrator: Integrator,
    courant: f64,
    max_speed: f64,
    precision: Precision,
    grid: [usize; 2],
    receivers: Vec<[f64; 2]>,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            size: [1.0, 1.0],
            cells: [8, 8],
            element: Element::GllQuad { order: 4 },
            distortion: 0.0,
            boundary: sides(BoundaryKind::Free, &[]),
            duration: 1.0,
            snapshots: 2,
            integrator: Integrator::CentralDifference,
            courant: 0.9,
            max_speed: 1.0,
            precision: Precision::F64,
            grid: [3, 3],
            receivers: Vec::new(),
        }
    }
}

impl Case {
    fn simulator(&self) -> Simulator {
        let mesh = Rectangle {
            origin: [0.0, 0.0],
            size: self.size,
            cells: self.cells,
            shape: self.element.shape(),
            distortion: self.distortion,
            seed: 5,
        };
        let space = Space::new(mesh.build().unwrap(), self.element).unwrap();
        let time = TimeSettings {
            duration: self.duration,
            snapshots: self.snapshots,
            integrator: self.integrator,
            step: TimeStep::Auto,
            courant: self.courant,
            max_speed: self.max_speed,
            max_frequency: None,
        };
        let observers = Observers {
            grid: self.grid,
            receivers: self.receivers.clone(),
            ..Observers::default()
        };
        Simulator::new(
            space,
            self.boundary.clone(),
            time,
            observers,
            self.precision,
        )
        .unwrap()
    }

    /// The recordings of `scenes`, side by side.
    fn run(&self, scenes: &[Scene]) -> Vec<Recording> {
        let recordings = self.simulator().run(scenes).into_iter();
        recordings.map(|recording| recording.unwrap()).collect()
    }
}

fn sides(default: BoundaryKind, others: &[(&str, BoundaryKind)]) -> BoundaryConditions {
    let groups: BTreeMap<_, _> = others
        .iter()
        .map(|(name, kind)| (name.to_string(), *kind))
        .collect();
    BoundaryConditions { default, groups }
}

fn at_rest(medium: impl Medium + 'static) -> Scene {
    Scene {
        medium: Arc::new(medium),
        damping: 0.0,
        initial: Vec::new(),
        sources: Vec::new(),
        prescribed: vec![],
    }
}

fn starting_with(medium: impl Medium + 'static, initial: impl InitialState + 'static) -> Scene {
    Scene {
        initial: vec![Arc::new(initial)],
        ..at_rest(medium)
    }
}

fn ricker(position: [f64; 2], frequency: f64, amplitude: f64) -> Source {
    Source {
        position,
        shape: SourceShape::Point,
        amplitude,
        signal: Signal::ricker(frequency).unwrap(),
    }
}

fn smooth(seed: u64) -> GaussianField {
    GaussianField::new([0.7, 1.3], 0.2, seed).unwrap()
}

fn trace(recording: &Recording, receiver: usize) -> Vec<f64> {
    let row = recording.receivers.row(receiver);
    row.iter().map(|u| f64::from(*u)).collect()
}

fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(0.0, |peak, u| peak.max(u.abs()))
}

/// Largest difference over largest value of the second.
fn deviation(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    largest(found.iter().zip(expected).map(|(a, b)| a - b)) / largest(expected.iter().copied())
}
