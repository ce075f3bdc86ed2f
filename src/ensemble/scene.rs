//! What a file says of a trajectory's scene beside its first snapshot and its medium: initial velocity and sources.

use fewave_datasets::Sources;
use fewave_solver::{Scene, SimulatorInfo};
use ndarray::Array2;

use crate::config::dataset::{DatasetConfig, InitialConfig, InitialKind};

/// Whether trajectories start with a velocity: of all initial states only plane waves do.
pub(super) fn starts_moving(config: &DatasetConfig) -> bool {
    let moves = |state: &InitialConfig| matches!(state.kind, InitialKind::PlaneWave { .. });
    config.initial.iter().any(moves)
}

/// The velocity of the initial states on the snapshot grid, where the speed is `speed`; 0 outside the domain.
pub(super) fn initial_velocity(
    scene: &Scene,
    info: &SimulatorInfo,
    speed: &Array2<f32>,
) -> Array2<f32> {
    let columns = info.grid_y.len();
    Array2::from_shape_fn(speed.dim(), |(i, j)| {
        if !info.inside[i * columns + j] {
            return 0.0;
        }
        let (position, speed) = ([info.grid_x[i], info.grid_y[j]], f64::from(speed[(i, j)]));
        let states = scene.initial.iter();
        states
            .map(|state| state.velocity(position, speed))
            .sum::<f64>() as f32
    })
}

/// Places and signals of the sources at the snapshot times.
pub(super) fn sources(scene: &Scene, times: &[f64]) -> Sources {
    let sources = &scene.sources;
    if sources.is_empty() {
        return Sources::default();
    }
    Sources {
        position: Array2::from_shape_fn((sources.len(), 2), |(s, axis)| {
            sources[s].position[axis] as f32
        }),
        signal: Array2::from_shape_fn((sources.len(), times.len()), |(s, n)| {
            (sources[s].amplitude * sources[s].signal.value(times[n])) as f32
        }),
    }
}
