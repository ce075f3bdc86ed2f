//! How much memory a training takes: what it says beforehand, and no more with more data than it may keep.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use fewave_datasets::{
    BoundarySpec, BoundaryType, FieldSpec, FileSpec, FileWriter, Provenance, Sources, Split,
    SplitName, Statistics, TrajectoryData,
};
use ndarray::{Array2, Array3};

use crate::support::Workplace;

const MIB: f64 = (1 << 20) as f64;
const SIDE: usize = 64;
const SNAPSHOTS: usize = 160;

/// Travelling waves in closed form: `trajectories` of 2.5 MiB each to train on, one to validate on.
fn write_data(folder: &Path, trajectories: usize) {
    for (split, count) in [(SplitName::Train, trajectories), (SplitName::Valid, 1)] {
        let axis: Vec<f64> = (0..SIDE).map(|i| i as f64 / 63.0).collect();
        let field = |name: &str, unit: &str, time_varying| FieldSpec {
            name: name.into(),
            unit: unit.into(),
            description: name.into(),
            time_varying,
        };
        let spec = FileSpec {
            dataset_name: "waves".into(),
            axes: [axis.clone(), axis],
            times: (0..SNAPSHOTS).map(|n| 0.05 * n as f64).collect(),
            boundaries: BoundarySpec::rectangle([SIDE; 2], [(BoundaryType::Wall, "fixed"); 4]),
            constants: BTreeMap::new(),
            scalars: Vec::new(),
            fields: vec![
                field("displacement", "m", true),
                field("speed", "m/s", false),
            ],
            receivers: None,
            sources: 0,
            energy: false,
            provenance: Provenance {
                config: "closed form".into(),
                config_hash: "0".into(),
                version: "0".into(),
                seed: 0,
                split,
                split_trajectories: count as u64,
                extra: BTreeMap::new(),
            },
        };
        let path = folder.join("data").join(split.as_str()).join("waves.hdf5");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut writer = FileWriter::create(&path, &spec, count).unwrap();
        for index in 0..count {
            let phase = index as f32;
            let wave = Array3::from_shape_fn((SNAPSHOTS, SIDE, SIDE), |(n, i, j)| {
                (0.2 * (i as f32 - n as f32) + phase).sin() + (0.1 * j as f32).cos()
            });
            let trajectory = TrajectoryData {
                index: index as u64,
                scalars: Vec::new(),
                fields: vec![wave.into_dyn(), Array2::ones((SIDE, SIDE)).into_dyn()],
                receivers: Vec::new(),
                sources: Sources::default(),
                energy: Vec::new(),
                source_end: 0.0,
            };
            writer.write(index, &trajectory).unwrap();
        }
        writer.finish().unwrap();
    }
    let train = Split::open(folder, SplitName::Train).unwrap();
    Statistics::compute(&train).unwrap().write(folder).unwrap();
}

/// Trains for a few steps; the most memory that the process had, MiB.
fn peak(place: &Workplace, data: &str, run: &str, sets: &[&str]) -> f64 {
    let data = format!("data={data}");
    let mut arguments = vec![
        "train",
        "train.toml",
        "-o",
        run,
        "--quiet",
        "--set",
        &data,
        "--set",
        "train.steps=8",
        "--set",
        "train.batch=16",
        "--set",
        "network.scheme={ kind = \"dense\" }",
    ];
    arguments.extend(sets.iter().flat_map(|set| ["--set", *set]));
    let mut process = place.command(&arguments).spawn().unwrap();
    let status = format!("/proc/{}/status", process.id());
    let mut most = 0.0f64;
    let code = loop {
        if let Ok(text) = std::fs::read_to_string(&status)
            && let Some(line) = text.lines().find(|line| line.starts_with("VmHWM:"))
        {
            let kib = line.split_whitespace().nth(1).unwrap();
            most = most.max(kib.parse::<f64>().unwrap() / 1024.0);
        }
        if let Some(code) = process.try_wait().unwrap() {
            break code;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    assert!(code.success());
    most
}

#[test]
fn data_that_do_not_fit_are_trained_on_in_bounded_memory() {
    let place = Workplace::new();
    write_data(&place.path("small"), 2);
    write_data(&place.path("large"), 40);
    let files = std::fs::metadata(place.path("large/data/train/waves.hdf5")).unwrap();
    assert!(files.len() as f64 > 95.0 * MIB);
    let of = |data: &str, run: &str, cache: &str| peak(&place, data, run, &[cache]);
    let small = of("small", "a", "train.cache_mib=4");
    let large = of("large", "b", "train.cache_mib=4");
    assert!(large - small < 16.0, "{small} and {large} MiB");
    // the same with room for all: it would show
    let kept = of("large", "c", "train.cache_mib=1024");
    assert!(kept - small > 48.0, "{small} and {kept} MiB");
    // and what is kept changes no bit
    let weights = |run: &str| {
        let content = place.bytes(&format!("{run}/last.safetensors"));
        let file = safetensors::SafeTensors::deserialize(&content).unwrap();
        let mut all: Vec<_> = file
            .iter()
            .map(|(name, view)| (name.to_owned(), view.data().to_vec()))
            .collect();
        all.sort();
        all
    };
    assert!(weights("b") == weights("c"));
}

#[test]
fn the_memory_said_beforehand_is_within_a_factor_of_two() {
    let place = Workplace::new();
    write_data(&place.path("data"), 1);
    let tiny = ["network.width=1", "network.depth=1", "train.batch=1"];
    let least = peak(&place, "data", "tiny", &tiny);
    for (run, sets) in [
        ("plain", &["network.width=24"][..]),
        ("unrolled", &["network.width=12", "train.unroll=3"]),
        (
            "deep",
            &[
                "network.width=24",
                "network.scheme={ kind = \"one-way\", form = \"layer\", rank_ratio = 1.0 }",
            ],
        ),
    ] {
        let found = peak(&place, "data", run, sets) - least;
        let text = place.bytes(&format!("{run}/footprint.json"));
        let said: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let expected = said["memory_bytes"].as_f64().unwrap() / MIB;
        assert!(expected > 32.0, "{run}: {expected} MiB");
        assert!(
            (0.5..2.0).contains(&(found / expected)),
            "{run}: {found} MiB, {expected} MiB were said"
        );
    }
}
