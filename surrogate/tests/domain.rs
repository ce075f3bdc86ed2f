//! Domains that are not the whole grid: what is outside changes nothing, and a surrogate serves its own domain alone.

mod support;

use candle_core::Device;
use fewave_datasets::{Split, SplitName};
use fewave_surrogate::{EvaluateOptions, Start, Surrogate, TrainConfig, evaluate, train};
use ndarray::{Array2, s};
use std::path::Path;
use support::{Data, config, unet};

const FIELD: &str = r#"{"kind": "field", "snapshots": 4, "every": 2}"#;
const PROPAGATE: &str = r#"{"kind": "propagate"}"#;
const DENSE: &str = r#"{"kind": "dense"}"#;

/// Waves around a hole in which every field is `outside` (times a small number), or off the grid without one.
fn data(corner: [usize; 2], outside: f32) -> Data {
    Data {
        shape: [12, 16],
        snapshots: 9,
        hole: Some((corner, outside)),
        ..Data::default()
    }
}

fn trained_on(folder: &Path, task: &str, loss: &str) -> TrainConfig {
    let settings = format!(r#"{{"steps": 12, "batch": 2, "valid_every": 4, "loss": "{loss}"}}"#);
    let mut config = config(folder, &unet(DENSE), &settings);
    config.task = serde_json::from_str(task).unwrap();
    config
}

fn fit(folder: &Path, task: &str, loss: &str) -> Surrogate {
    let run = folder.join("run");
    let config = trained_on(folder, task, loss);
    train(&config, &run, Start::Fresh, &Device::Cpu, &mut ()).unwrap();
    Surrogate::load(&run, &Device::Cpu).unwrap()
}

fn options() -> EvaluateOptions {
    EvaluateOptions {
        repetitions: 0,
        ..EvaluateOptions::default()
    }
}

fn refusal(surrogate: &Surrogate, folder: &Path) -> String {
    let split = Split::open(folder, SplitName::Test).unwrap();
    let found = evaluate(surrogate, &split, &options(), &mut |_, _| {});
    found.unwrap_err().to_string()
}

#[test]
fn garbage_outside_changes_no_weight_no_prediction_and_no_metric() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for (folder, outside) in folders.iter().zip([0.0, 1e6]) {
        data([4, 6], outside).write(folder.path());
    }
    for task in [PROPAGATE, FIELD] {
        for loss in ["relative-l2", "mse"] {
            let [clean, dirty] = [0, 1].map(|n: usize| {
                let surrogate = fit(folders[n].path(), task, loss);
                let split = Split::open(folders[n].path(), SplitName::Test).unwrap();
                let found = evaluate(&surrogate, &split, &options(), &mut |_, _| {}).unwrap();
                (surrogate, found)
            });
            let weights = |of: &Surrogate| of.provenance().weights_hash;
            assert_eq!(weights(&clean.0), weights(&dirty.0), "{task}, {loss}");
            assert_eq!(clean.0.metadata().best, dirty.0.metadata().best);
            assert_eq!(clean.1.trajectories, dirty.1.trajectories);
            assert_eq!(clean.1.baselines, dirty.1.baselines);
            assert_eq!(clean.1.predictions, dirty.1.predictions);
            assert!(clean.1.summary.rollout_relative_l2_full.worst.is_finite());
            let hole = dirty.1.predictions.slice(s![.., .., 4..7, 6..9]);
            assert!(hole.iter().all(|value| *value == 0.0));
            let beside = dirty.1.predictions.slice(s![.., 8, 3, 6..9]);
            assert!(beside.iter().all(|value| *value != 0.0));
        }
    }
}

#[test]
fn a_rollout_is_zero_outside_and_takes_no_other_grid() {
    let folder = tempfile::tempdir().unwrap();
    data([4, 6], 0.0).write(folder.path());
    let surrogate = fit(folder.path(), PROPAGATE, "mse");
    let domain = surrogate.domain().unwrap();
    assert_eq!((domain.shape(), domain.count()), ([12, 16], 12 * 16 - 9));
    let split = Split::open(folder.path(), SplitName::Test).unwrap();
    let given = split.read_snapshots("displacement", 0, 0..2).unwrap();
    let speed = split.read_static("speed", 0).unwrap();
    let found = surrogate.rollout(given.view(), speed.view(), 3).unwrap();
    for ((_, i, j), value) in found.indexed_iter() {
        assert_eq!(*value != 0.0, domain.points()[(i, j)], "({i}, {j})");
    }
    let larger = ndarray::Array3::zeros((2, 16, 16));
    let speed = Array2::ones((16, 16));
    let message = surrogate
        .rollout(larger.view(), speed.view(), 1)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("[16, 16]") && message.contains("183 of 12 × 16 points inside"),
        "{message}"
    );
}

#[test]
fn other_domains_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    data([4, 6], 0.0).write(folder.path());
    let surrogate = fit(folder.path(), PROPAGATE, "mse");
    let other = tempfile::tempdir().unwrap();
    data([4, 7], 0.0).write(other.path());
    let message = refusal(&surrogate, other.path());
    assert!(
        message.contains("found 183 of 12 × 16 points inside (mask ")
            && message.contains("expected 183 of 12 × 16 points inside (mask ")
            && message.contains("train on this data"),
        "{message}"
    );
    let masks: Vec<&str> = message
        .split("(mask ")
        .skip(1)
        .map(|rest| &rest[..12])
        .collect();
    assert_ne!(masks[0], masks[1]);
    let whole = tempfile::tempdir().unwrap();
    Data {
        hole: None,
        ..data([0, 0], 0.0)
    }
    .write(whole.path());
    assert!(refusal(&surrogate, whole.path()).contains("found all points inside"));
    let unmasked = fit(whole.path(), PROPAGATE, "mse");
    assert!(unmasked.domain().is_none());
    assert!(refusal(&unmasked, folder.path()).contains("expected all points inside"));
    // one split with another hole than the others
    data([4, 7], 0.0).write_split(folder.path(), SplitName::Valid);
    let config = trained_on(folder.path(), PROPAGATE, "mse");
    let run = folder.path().join("other");
    let message = train(&config, &run, Start::Fresh, &Device::Cpu, &mut ())
        .unwrap_err()
        .to_string();
    assert!(
        message.starts_with("domain of the valid split of"),
        "{message}"
    );
    assert!(!run.exists());
}
