//! Training end to end on waves in closed form: it learns, is a function of its inputs alone, and refuses what cannot work.

mod support;

use candle_core::Device;
use fewave_surrogate::checkpoint::Validation;
use fewave_surrogate::train::log::StepReport;
use fewave_surrogate::{Start, Surrogate, SurrogateError, TrainObserver, train};
use std::ops::ControlFlow;
use std::path::Path;
use support::{Data, SCHEMES, config, unet};

/// Records losses and validations.
#[derive(Default)]
struct Record {
    losses: Vec<f64>,
    validations: Vec<Validation>,
}

impl TrainObserver for Record {
    fn step(&mut self, report: &StepReport) -> ControlFlow<()> {
        self.losses.push(report.loss);
        ControlFlow::Continue(())
    }

    fn validated(&mut self, validation: &Validation) {
        self.validations.push(*validation);
    }
}

#[test]
fn every_scheme_learns_travelling_waves() {
    let folder = tempfile::tempdir().unwrap();
    Data::default().write(folder.path());
    for scheme in SCHEMES {
        let network = format!(r#"{{"kind": "unet", "width": 8, "depth": 1, "scheme": {scheme}}}"#);
        let config = config(
            folder.path(),
            &network,
            r#"{"steps": 160, "batch": 8, "learning_rate": 1e-2, "valid_every": 80, "loss": "mse"}"#,
        );
        let mut record = Record::default();
        let run = folder.path().join("run");
        let summary = train(&config, &run, Start::Fresh, &Device::Cpu, &mut record).unwrap();
        let first = record.losses[0];
        let last = record.losses[150..].iter().sum::<f64>() / 10.0;
        // Three values per kernel need longer.
        let factor = if scheme.contains("ternary") {
            4.0
        } else {
            10.0
        };
        assert!(
            last < first / factor,
            "{scheme}: loss fell from {first} to {last} only"
        );
        assert_eq!(
            (
                record.losses.len(),
                record.validations.len(),
                summary.interrupted
            ),
            (160, 2, false)
        );
        let best = summary.best.unwrap().one_step_relative_l2.unwrap();
        assert!(
            best < 0.1,
            "{scheme}: one-step error on the valid split is {best}"
        );
        let surrogate = Surrogate::load(&run, &Device::Cpu).unwrap();
        assert_eq!(surrogate.parameters(), summary.parameters);
        assert_eq!(
            surrogate.footprint().parameters,
            summary.parameters,
            "{scheme}: footprint"
        );
    }
}

#[test]
fn both_targets_losses_and_all_options_train() {
    let folder = tempfile::tempdir().unwrap();
    Data {
        shape: [16, 8],
        ..Data::default()
    }
    .write(folder.path());
    for (task, network, train_settings) in [
        (
            r#"{"kind": "propagate", "target": "next", "history": 1}"#,
            r#""norm": "none", "activation": "relu""#,
            r#""loss": "mse", "schedule": "cosine""#,
        ),
        (
            r#"{"kind": "propagate", "medium": false, "history": 3}"#,
            r#""activation": "silu""#,
            r#""schedule": "constant", "clip": 0, "cache_mib": 0"#,
        ),
    ] {
        let network = format!(
            r#"{{"kind": "unet", "width": 8, "depth": 2, "kernel": 5, "scheme": {{"kind": "dense"}}, {network}}}"#
        );
        let mut config = config(
            folder.path(),
            &network,
            &format!(r#"{{"epochs": 12, "batch": 4, "learning_rate": 3e-3, {train_settings}}}"#),
        );
        config.task = serde_json::from_str(task).unwrap();
        let mut record = Record::default();
        train(
            &config,
            &folder.path().join("run"),
            Start::Fresh,
            &Device::Cpu,
            &mut record,
        )
        .unwrap();
        let last = record.losses.iter().rev().take(5).sum::<f64>() / 5.0;
        assert!(
            last < 0.7 * record.losses[0],
            "{task}: {} to {last}",
            record.losses[0]
        );
    }
}

#[test]
fn the_seed_decides_everything_and_the_memory_budget_nothing() {
    let folder = tempfile::tempdir().unwrap();
    Data::default().write(folder.path());
    let hash = |seed: u64, cache: usize| {
        let mut config = config(
            folder.path(),
            &unet(SCHEMES[0]),
            r#"{"steps": 4, "batch": 4}"#,
        );
        config.seed = seed;
        config.train.cache_mib = cache;
        let run = folder.path().join("run");
        train(&config, &run, Start::Fresh, &Device::Cpu, &mut ()).unwrap();
        Surrogate::load(&run, &Device::Cpu)
            .unwrap()
            .provenance()
            .weights_hash
    };
    assert_eq!(hash(1, 64), hash(1, 0));
    assert_ne!(hash(1, 64), hash(2, 64));
}

#[test]
fn a_grid_that_pooling_cannot_divide_is_refused_by_axis() {
    let folder = tempfile::tempdir().unwrap();
    Data {
        shape: [16, 10],
        ..Data::default()
    }
    .write(folder.path());
    let network = r#"{"kind": "unet", "width": 4, "depth": 2, "scheme": {"kind": "dense"}}"#;
    let message = refusal(
        &config(folder.path(), network, r#"{"steps": 1}"#),
        folder.path(),
    );
    for part in [
        "axis y",
        "10 points",
        "multiple of 4",
        "network.depth",
        "grid.shape 12",
    ] {
        assert!(message.contains(part), "{message}");
    }
    assert!(
        !folder.path().join("run").exists(),
        "nothing is written before the grid is known to fit"
    );
}

#[test]
fn trajectories_shorter_than_a_window_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    Data {
        snapshots: 4,
        source_end: 0.12,
        ..Data::default()
    }
    .write(folder.path());
    let message = refusal(
        &config(folder.path(), &unet(SCHEMES[0]), r#"{"steps": 1}"#),
        folder.path(),
    );
    assert!(message.contains("3 consecutive snapshots"), "{message}");
}

#[test]
fn a_diverging_run_stops_with_its_step() {
    let folder = tempfile::tempdir().unwrap();
    Data::default().write(folder.path());
    let network = r#"{"kind": "unet", "width": 4, "depth": 1, "norm": "none", "activation": "relu", "scheme": {"kind": "dense"}}"#;
    let train_settings = r#"{"steps": 50, "batch": 4, "learning_rate": 1e30, "schedule": "constant", "warm_up": 0, "loss": "mse", "clip": 0}"#;
    let config = config(folder.path(), network, train_settings);
    let error = train(
        &config,
        &folder.path().join("run"),
        Start::Fresh,
        &Device::Cpu,
        &mut (),
    )
    .unwrap_err();
    let SurrogateError::Diverged { step, .. } = error else {
        panic!("{error}")
    };
    assert!(
        step > 0 && step < 50 && error.to_string().contains("learning_rate"),
        "{error}"
    );
}

#[test]
fn a_missing_data_set_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let message = refusal(
        &config(
            &folder.path().join("nowhere"),
            &unet(SCHEMES[0]),
            r#"{"steps": 1}"#,
        ),
        folder.path(),
    );
    assert!(message.contains("nowhere"), "{message}");
}

fn refusal(config: &fewave_surrogate::TrainConfig, folder: &Path) -> String {
    train(
        config,
        &folder.join("run"),
        Start::Fresh,
        &Device::Cpu,
        &mut (),
    )
    .unwrap_err()
    .to_string()
}
