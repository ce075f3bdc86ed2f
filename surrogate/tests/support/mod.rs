//! A small data set of travelling waves in closed form, for tests that train.
//!
//! Displacement: three modes of a string of unit length, travelling along x and y with the trajectory's speed.

#![allow(dead_code, unreachable_pub)] // each test file uses its own part

use fewave_datasets::{
    BoundarySpec, BoundaryType, FieldSpec, FileSpec, FileWriter, INSIDE_FIELD, Provenance,
    ReceiverQuantity, ReceiverSpec, Sources, Split, SplitName, Statistics, TrajectoryData,
};
use fewave_surrogate::TrainConfig;
use ndarray::{Array2, Array3};
use std::collections::BTreeMap;
use std::path::Path;

/// Size of the data set.
pub struct Data {
    pub shape: [usize; 2],
    pub snapshots: usize,
    pub trajectories: usize,
    pub interval: f64,
    pub source_end: f64,
    /// Whether a source at a place that depends on the trajectory is stored; the waves do not come from it.
    pub sources: bool,
    /// A hole of 3 × 3 points from this one on, and the value that all fields have there.
    pub hole: Option<([usize; 2], f32)>,
    /// What the right side is said to be; the others are fixed.
    pub right: Option<&'static str>,
    /// Where receivers are said to have recorded displacement; what they recorded is zero.
    pub receivers: Vec<[f64; 2]>,
}

impl Default for Data {
    fn default() -> Self {
        Self {
            shape: [16, 16],
            snapshots: 12,
            trajectories: 3,
            interval: 0.05,
            source_end: 0.0,
            sources: false,
            hole: None,
            right: None,
            receivers: Vec::new(),
        }
    }
}

impl Data {
    /// Writes all three splits and the statistics.
    pub fn write(&self, folder: &Path) {
        for split in SplitName::ALL {
            self.write_split(folder, split);
        }
        Statistics::compute(&Split::open(folder, SplitName::Train).unwrap())
            .unwrap()
            .write(folder)
            .unwrap();
    }

    /// Writes one split.
    pub fn write_split(&self, folder: &Path, split: SplitName) {
        let path = folder
            .join("data")
            .join(split.as_str())
            .join("waves_0000.hdf5");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut writer = FileWriter::create(&path, &self.spec(split), self.trajectories).unwrap();
        for index in 0..self.trajectories {
            writer.write(index, &self.trajectory(split, index)).unwrap();
        }
        writer.finish().unwrap();
    }

    fn inside(&self, [i, j]: [usize; 2]) -> bool {
        self.hole
            .is_none_or(|([a, b], _)| !((a..a + 3).contains(&i) && (b..b + 3).contains(&j)))
    }

    fn emitted(&self, index: usize) -> Sources {
        if !self.sources {
            return Sources::default();
        }
        Sources {
            position: Array2::from_elem((1, 2), 0.2 + 0.1 * index as f32),
            signal: Array2::from_shape_fn((1, self.snapshots), |(_, n)| (n as f32).sin()),
        }
    }

    fn axis(points: usize) -> Vec<f64> {
        (0..points).map(|i| i as f64 / 15.0).collect()
    }

    fn spec(&self, split: SplitName) -> FileSpec {
        let field = |name: &str, unit: &str, time_varying| FieldSpec {
            name: name.into(),
            unit: unit.into(),
            description: name.into(),
            time_varying,
        };
        FileSpec {
            dataset_name: "waves".into(),
            axes: [Self::axis(self.shape[0]), Self::axis(self.shape[1])],
            times: (0..self.snapshots)
                .map(|n| n as f64 * self.interval)
                .collect(),
            boundaries: {
                let mut sides = [(BoundaryType::Wall, "fixed"); 4];
                if let Some(words) = self.right {
                    sides[1] = (BoundaryType::Open, words);
                }
                BoundarySpec::rectangle(self.shape, sides)
            },
            constants: BTreeMap::new(),
            scalars: Vec::new(),
            fields: [
                field("displacement", "m", true),
                field("speed", "m/s", false),
            ]
            .into_iter()
            .chain(self.hole.map(|_| field(INSIDE_FIELD, "1", false)))
            .collect(),
            receivers: (!self.receivers.is_empty()).then(|| ReceiverSpec {
                positions: self.receivers.clone(),
                times: vec![0.0, self.interval],
                quantities: vec![ReceiverQuantity::Displacement],
            }),
            sources: usize::from(self.sources),
            energy: false,
            provenance: Provenance {
                config: "closed form".into(),
                config_hash: "0".into(),
                version: "0".into(),
                seed: 0,
                split,
                split_trajectories: self.trajectories as u64,
                extra: BTreeMap::new(),
            },
        }
    }

    fn trajectory(&self, split: SplitName, index: usize) -> TrajectoryData {
        let phase = 1.7 * index as f64 + 0.6 * split as u8 as f64;
        let speed = 0.8 + 0.1 * (index % 5) as f64;
        let [nx, ny] = self.shape;
        let (x, y) = (Self::axis(nx), Self::axis(ny));
        let garbage = self.hole.map_or(0.0, |(_, value)| value);
        let field = Array3::from_shape_fn((self.snapshots, nx, ny), |(n, i, j)| {
            if !self.inside([i, j]) {
                return garbage * (1 + n + j) as f32;
            }
            let t = speed * self.interval * n as f64;
            let wave = (3.0 * (x[i] - t) + phase).sin() + 0.5 * (5.0 * (y[j] + t) - phase).sin();
            (wave * (1.0 + 0.2 * phase.cos())) as f32
        });
        let medium = Array2::from_shape_fn((nx, ny), |(i, j)| match self.inside([i, j]) {
            true => (speed + 0.01 * x[i]) as f32,
            false => garbage,
        });
        let mask = self.hole.map(|_| {
            Array2::from_shape_fn((nx, ny), |(i, j)| f32::from(u8::from(self.inside([i, j]))))
        });
        TrajectoryData {
            index: index as u64,
            scalars: Vec::new(),
            fields: [field.into_dyn(), medium.into_dyn()]
                .into_iter()
                .chain(mask.map(Array2::into_dyn))
                .collect(),
            receivers: match self.receivers.len() {
                0 => Vec::new(),
                count => vec![Array2::zeros((count, 2)).into_dyn()],
            },
            sources: self.emitted(index),
            energy: Vec::new(),
            source_end: self.source_end,
        }
    }
}

/// A configuration on `data`; `network` and `train` are JSON.
pub fn config(data: &Path, network: &str, train: &str) -> TrainConfig {
    let data = serde_json::to_string(data).unwrap();
    serde_json::from_str(&format!(
        r#"{{"data": {data}, "seed": 3, "task": {{"kind": "propagate"}}, "network": {network}, "train": {train}}}"#
    ))
    .unwrap()
}

/// A U-Net of 4 channels and two levels with the given scheme.
pub fn unet(scheme: &str) -> String {
    format!(r#"{{"kind": "unet", "width": 4, "depth": 1, "scheme": {scheme}}}"#)
}

/// The schemes that exist.
pub const SCHEMES: [&str; 9] = [
    r#"{"kind": "dense"}"#,
    r#"{"kind": "one-way", "form": "kernel", "rank": 1}"#,
    r#"{"kind": "one-way", "form": "filter", "rank": 2}"#,
    r#"{"kind": "one-way", "form": "layer", "rank_ratio": 1.0}"#,
    r#"{"kind": "flattened"}"#,
    r#"{"kind": "flattened", "chains": 1}"#,
    r#"{"kind": "structured"}"#,
    r#"{"kind": "structured", "ternary": true}"#,
    r#"{"kind": "fresh"}"#,
];
