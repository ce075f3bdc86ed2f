//! A small realistic dataset for the tests: standing waves whose every value is known.
#![allow(dead_code, unreachable_pub)] // each test program uses its own part

use std::collections::BTreeMap;
use std::f64::consts::PI;
use std::path::Path;

use fewave_datasets::*;
use ndarray::{Array2, Array3, ArrayD};

/// Snapshots, and grid points of x and y: unequal, so that a mix-up of axes shows.
pub const SHAPE: (usize, usize, usize) = (6, 9, 7);

pub fn spec(split: SplitName, split_trajectories: u64) -> FileSpec {
    let (steps, nx, ny) = SHAPE;
    let field = |name: &str, unit: &str, time_varying| FieldSpec {
        name: name.into(),
        unit: unit.into(),
        description: format!("{name} on the grid"),
        time_varying,
    };
    let constant = |value, unit: &str| Constant {
        value,
        unit: unit.into(),
        description: "a constant".into(),
    };
    FileSpec {
        dataset_name: "standing".into(),
        axes: [grid(nx, 1.0), grid(ny, 0.7)],
        times: (0..steps).map(|step| step as f64 * 0.04).collect(),
        boundaries: BoundarySpec::rectangle(
            [nx, ny],
            [
                (BoundaryType::Wall, "fixed"),
                (BoundaryType::Open, "absorbing"),
                (BoundaryType::Wall, "free"),
                (BoundaryType::Wall, "free"),
            ],
        ),
        constants: BTreeMap::from([
            ("courant".into(), constant(0.9, "1")),
            ("dt".into(), constant(0.1 + 0.2, "s")),
        ]),
        scalars: vec![ScalarSpec {
            name: "initial_0_amplitude".into(),
            unit: "m".into(),
            description: "amplitude of the wave".into(),
        }],
        fields: vec![
            field("displacement", "m", true),
            field("speed", "m/s", false),
        ],
        receivers: Some(ReceiverSpec {
            positions: vec![[0.25, 0.5], [0.5, 0.3], [0.1, 0.6]],
            times: (0..10).map(|step| step as f64 * 0.02).collect(),
            quantities: ReceiverQuantity::ALL.to_vec(),
        }),
        sources: 2,
        energy: true,
        provenance: Provenance {
            config: "name = \"standing\"\nseed = 1 # größe\n".into(),
            config_hash: "00ff".into(),
            version: "0.1.0".into(),
            seed: u64::MAX,
            split,
            split_trajectories,
            extra: BTreeMap::from([("host".into(), "any".into())]),
        },
    }
}

fn grid(count: usize, length: f64) -> Vec<f64> {
    (0..count)
        .map(|i| i as f64 * length / (count - 1) as f64)
        .collect()
}

pub fn trajectory(index: u64) -> TrajectoryData {
    let (steps, nx, ny) = SHAPE;
    let amplitude = 1.0 + 0.1 * index as f64;
    let wave = Array3::from_shape_fn((steps, nx, ny), |(t, i, j)| {
        let (x, y) = (i as f64 / (nx - 1) as f64, j as f64 / (ny - 1) as f64);
        (amplitude * (PI * x).sin() * (2.0 * PI * y).sin() * (0.9 * t as f64).cos()) as f32
    });
    let speed = Array2::from_shape_fn((nx, ny), |(i, j)| {
        1.0 + 0.01 * (i * ny + j) as f32 + index as f32
    });
    TrajectoryData {
        index,
        scalars: vec![amplitude],
        fields: vec![wave.into_dyn(), speed.into_dyn()],
        receivers: ReceiverQuantity::ALL
            .iter()
            .map(|quantity| {
                let shape = quantity.shape(3, 10);
                let count = shape.iter().product::<usize>();
                let values = (0..count).map(|n| (n as f64 * amplitude) as f32);
                ArrayD::from_shape_vec(shape, values.collect()).unwrap()
            })
            .collect(),
        sources: Sources {
            position: Array2::from_shape_fn((2, 2), |(s, axis)| 0.1 + (s + axis) as f32),
            signal: Array2::from_shape_fn((2, steps), |(s, t)| {
                (amplitude * (s as f64 + 0.3 * t as f64).sin()) as f32
            }),
        },
        energy: (0..steps)
            .map(|step| amplitude * amplitude + 1e-9 * step as f64)
            .collect(),
        source_end: 0.03 * index as f64,
    }
}

/// Writes trajectories `indices` into one file.
pub fn write_file(path: &Path, spec: &FileSpec, indices: impl IntoIterator<Item = u64>) {
    let indices: Vec<u64> = indices.into_iter().collect();
    let mut writer = FileWriter::create(path, spec, indices.len()).unwrap();
    for (slot, index) in indices.into_iter().enumerate() {
        writer.write(slot, &trajectory(index)).unwrap();
    }
    writer.finish().unwrap();
}

/// A dataset of 5 (in two files), 2 and 1 trajectories, with its statistics.
pub fn write_dataset(dir: &Path) {
    let data = |split: &str, file: &str| dir.join("data").join(split).join(file);
    write_file(
        &data("train", "00000.hdf5"),
        &spec(SplitName::Train, 5),
        0..3,
    );
    write_file(
        &data("train", "00001.hdf5"),
        &spec(SplitName::Train, 5),
        3..5,
    );
    write_file(
        &data("valid", "00000.hdf5"),
        &spec(SplitName::Valid, 2),
        0..2,
    );
    write_file(&data("test", "00000.hdf5"), &spec(SplitName::Test, 1), 0..1);
    Statistics::compute(&Split::open(dir, SplitName::Train).unwrap())
        .unwrap()
        .write(dir)
        .unwrap();
}
