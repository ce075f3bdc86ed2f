//! Writes a small dataset of standing waves, whose exact solution is known, and prints what a reader sees of it.
//!
//! ```text
//! cargo run --release -p fewave-datasets --example standing_waves -- DIR
//! ```
//!
//! Each trajectory is `u(x, y, t) = a·sin(π m x)·sin(π n y)·cos(ω t)` on the unit square with fixed sides, where
//! `ω = π c sqrt(m² + n²)`; the speed `c`, the amplitude `a` and the mode `(m, n)` differ. Its energy is `a² ω² / (8 c²)`.

use std::collections::BTreeMap;
use std::f64::consts::PI;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use fewave_datasets::*;
use ndarray::{Array2, Array3};

const POINTS: usize = 32;
const SNAPSHOTS: usize = 21;
const PER_FILE: u64 = 4;

fn main() -> ExitCode {
    let Some(dir) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: standing_waves DIR");
        return ExitCode::from(2);
    };
    match write(&dir) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(dir: &Path) -> Result<()> {
    for (split, count) in [
        (SplitName::Train, 8),
        (SplitName::Valid, 2),
        (SplitName::Test, 2),
    ] {
        let spec = spec(split, count);
        for (shard, first) in (0..count).step_by(PER_FILE as usize).enumerate() {
            let path = dir
                .join("data")
                .join(split.as_str())
                .join(format!("{shard:05}.hdf5"));
            let indices = first..count.min(first + PER_FILE);
            let mut file = FileWriter::create(path, &spec, indices.clone().count())?;
            for (slot, index) in indices.enumerate() {
                file.write(slot, &trajectory(&spec, split, index))?;
            }
            file.finish()?;
        }
    }
    let train = Split::open(dir, SplitName::Train)?;
    let statistics = Statistics::compute(&train)?;
    statistics.write(dir)?;
    let report = validate(dir)?;
    for violation in &report.violations {
        println!("{violation}");
    }
    let windows = Windows::new(&train, 2, 1, WindowStart::AfterSource)?;
    println!(
        "{} files, {} trajectories, {} windows to train on",
        report.files,
        report.trajectories,
        windows.len()
    );
    println!(
        "root mean square of the displacement: {:.3} m",
        statistics.rms["displacement"]
    );
    println!("content hash: {}", content_hash(dir)?);
    Ok(())
}

fn spec(split: SplitName, split_trajectories: u64) -> FileSpec {
    let axis: Vec<f64> = (0..POINTS)
        .map(|i| i as f64 / (POINTS - 1) as f64)
        .collect();
    let scalar = |name: &str, unit: &str, description: &str| ScalarSpec {
        name: name.into(),
        unit: unit.into(),
        description: description.into(),
    };
    let field = |name: &str, unit: &str, description: &str, time_varying| FieldSpec {
        name: name.into(),
        unit: unit.into(),
        description: description.into(),
        time_varying,
    };
    let length = Constant {
        value: 1.0,
        unit: "m".into(),
        description: "side of the square".into(),
    };
    FileSpec {
        dataset_name: "standing-waves".into(),
        axes: [axis.clone(), axis],
        times: (0..SNAPSHOTS).map(|step| step as f64 * 0.04).collect(),
        boundaries: BoundarySpec::rectangle(
            [POINTS, POINTS],
            [(BoundaryType::Wall, "fixed: the displacement is zero"); 4],
        ),
        constants: BTreeMap::from([("length".into(), length)]),
        scalars: vec![
            scalar("amplitude", "m", "largest displacement"),
            scalar("mode_x", "1", "half waves along x"),
            scalar("mode_y", "1", "half waves along y"),
        ],
        fields: vec![
            field("displacement", "m", "out-of-plane displacement", true),
            field("speed", "m/s", "wave speed", false),
        ],
        receivers: Some(ReceiverSpec {
            positions: vec![[0.25, 0.25], [0.3, 0.6]],
            times: (0..201).map(|step| step as f64 * 0.004).collect(),
            quantities: vec![ReceiverQuantity::Displacement],
        }),
        sources: 0,
        energy: true,
        provenance: Provenance {
            config: "name = \"standing-waves\"\n".into(),
            config_hash: "none".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            seed: 0,
            split,
            split_trajectories,
            extra: BTreeMap::new(),
        },
    }
}

fn trajectory(spec: &FileSpec, split: SplitName, index: u64) -> TrajectoryData {
    // Splits differ in speed, so that no trajectory of one is also in another.
    let speed = 1.0 + 0.1 * split as u8 as f64 + 0.01 * index as f64;
    let amplitude = 0.5 + 0.1 * (index % 5) as f64;
    let (mode_x, mode_y) = ((1 + index % 3) as f64, (1 + index / 3 % 2) as f64);
    let omega = PI * speed * mode_x.hypot(mode_y);
    let wave = |x: f64, y: f64, t: f64| {
        (amplitude * (PI * mode_x * x).sin() * (PI * mode_y * y).sin() * (omega * t).cos()) as f32
    };
    let [x, y] = &spec.axes;
    let displacement = Array3::from_shape_fn((SNAPSHOTS, POINTS, POINTS), |(t, i, j)| {
        wave(x[i], y[j], spec.times[t])
    });
    let signals = spec.receivers.iter().map(|receivers| {
        let shape = (receivers.positions.len(), receivers.times.len());
        Array2::from_shape_fn(shape, |(r, t)| {
            let [x, y] = receivers.positions[r];
            wave(x, y, receivers.times[t])
        })
        .into_dyn()
    });
    TrajectoryData {
        index,
        scalars: vec![amplitude, mode_x, mode_y],
        fields: vec![
            displacement.into_dyn(),
            Array2::from_elem((POINTS, POINTS), speed as f32).into_dyn(),
        ],
        receivers: signals.collect(),
        sources: Default::default(),
        energy: vec![(amplitude * omega / speed).powi(2) / 8.0; SNAPSHOTS],
        source_end: 0.0,
    }
}
