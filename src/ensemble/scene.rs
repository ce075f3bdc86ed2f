//! What a file says of a trajectory's scene: its fields, the initial velocity among them, and its sources.

use fewave_datasets::{FieldSpec, INITIAL_VELOCITY_FIELD, INSIDE_FIELD, Sources};
use fewave_solver::{Scene, Simulator, SimulatorInfo};
use ndarray::Array2;

use crate::config::dataset::{DatasetConfig, InitialConfig, InitialKind};

/// The fields of a trajectory, in the order of [`trajectory_data`](super::trajectory_data).
pub(super) fn fields(config: &DatasetConfig, holes: bool) -> Vec<FieldSpec> {
    let field = |name: &str, unit: &str, description: &str, time_varying| FieldSpec {
        name: name.to_owned(),
        unit: unit.to_owned(),
        description: description.to_owned(),
        time_varying,
    };
    let mut fields = vec![
        field(
            "displacement",
            "m",
            "displacement u of the wave equation on the snapshot grid",
            true,
        ),
        field("speed", "m/s", "wave speed c on the snapshot grid", false),
    ];
    if starts_moving(config) {
        let velocity = "velocity of the initial state on the snapshot grid";
        fields.push(field(INITIAL_VELOCITY_FIELD, "m/s", velocity, false));
    }
    if holes {
        let what = "1 where the grid point lies in the domain, 0 outside, where all fields are 0";
        fields.push(field(INSIDE_FIELD, "1", what, false));
    }
    fields
}

/// Which points of the snapshot grid lie in the domain, 1 or 0 by (x, y); none where all do.
pub fn inside(simulator: &Simulator) -> Option<Array2<f32>> {
    let info = simulator.info();
    let values = info
        .inside
        .iter()
        .map(|inside| f32::from(u8::from(*inside)));
    let shape = (info.grid_x.len(), info.grid_y.len());
    let holes = info.inside.contains(&false);
    Array2::from_shape_vec(shape, values.collect())
        .ok()
        .filter(|_| holes)
}

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
