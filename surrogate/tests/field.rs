//! Whole fields in one pass: training, resuming, evaluation against figures computed by hand, and what is refused.

mod support;

use candle_core::Device;
use fewave_datasets::{Split, SplitName};
use fewave_surrogate::metrics::relative_l2;
use fewave_surrogate::train::log::StepReport;
use fewave_surrogate::{
    EvaluateOptions, Start, Surrogate, TrainConfig, TrainObserver, evaluate, train,
};
use ndarray::{Array2, Array3, Axis, s};
use std::ops::ControlFlow;
use std::path::Path;
use support::{Data, SCHEMES, config};

const FIELD: &str = r#"{"kind": "field", "snapshots": 4, "every": 2}"#;

/// Nine snapshots on 8 × 12 points, of which the task predicts numbers 2, 4, 6 and 8.
fn data() -> Data {
    Data {
        shape: [8, 12],
        snapshots: 9,
        trajectories: 4,
        ..Data::default()
    }
}

fn field(folder: &Path, task: &str, network: &str, settings: &str) -> TrainConfig {
    let mut config = config(folder, network, settings);
    config.task = serde_json::from_str(task).unwrap();
    config
}

fn unet(scheme: &str) -> String {
    format!(r#"{{"kind": "unet", "width": 6, "depth": 1, "norm": "none", "scheme": {scheme}}}"#)
}

fn options() -> EvaluateOptions {
    EvaluateOptions {
        batch: 3,
        repetitions: 1,
        snapshots: None,
    }
}

fn fit(config: &TrainConfig, run: &Path) -> Surrogate {
    train(config, run, Start::Fresh, &Device::Cpu, &mut ()).unwrap();
    Surrogate::load(run, &Device::Cpu).unwrap()
}

fn refusal(config: &TrainConfig, run: &Path) -> String {
    train(config, run, Start::Fresh, &Device::Cpu, &mut ())
        .unwrap_err()
        .to_string()
}

#[test]
fn networks_of_both_kinds_learn_whole_fields_and_are_measured_on_what_they_predict() {
    let folder = tempfile::tempdir().unwrap();
    data().write(folder.path());
    let one_way = r#"{"kind": "one-way", "form": "kernel", "rank": 1}"#;
    let cnn =
        r#"{"kind": "cnn", "width": 6, "blocks": 2, "norm": "none", "scheme": {"kind": "dense"}}"#;
    for network in [unet(SCHEMES[0]), unet(one_way), cnn.to_owned()] {
        let settings = r#"{"steps": 200, "batch": 2, "learning_rate": 1e-2, "loss": "mse"}"#;
        let config = field(folder.path(), FIELD, &network, settings);
        let run = folder.path().join("run");
        let surrogate = fit(&config, &run);
        assert!(!surrogate.rolls_out());
        let layers = surrogate.layers();
        assert_eq!(
            (layers[0].shape.len(), &layers[0].grid[..]),
            (5, &[4, 8, 12][..])
        );
        let split = Split::open(folder.path(), SplitName::Train).unwrap();
        let found = evaluate(&surrogate, &split, &options(), &mut |_, _| {}).unwrap();
        let error = found.summary.rollout_relative_l2_full;
        assert!(error.worst < 0.3, "{network}: {error:?}");
        assert!(found.summary.one_step_relative_l2.is_none());
        let names: Vec<_> = found.baselines.iter().map(|b| b.name.as_str()).collect();
        assert_eq!(names, ["zero", "persistence"]);
        assert_eq!(found.baselines[0].rollout_relative_l2_full.mean, 1.0);
        assert_eq!(found.predicted, vec![vec![2, 4, 6, 8]; 4]);
        for (position, measured) in found.trajectories.iter().enumerate() {
            let truth = split
                .read_snapshots("displacement", position, 0..9)
                .unwrap();
            let predicted = found.predictions.index_axis(Axis(0), position);
            let chosen =
                |all: ndarray::ArrayView3<'_, f32>| all.slice(s![2..;2, .., ..]).to_owned();
            let by_hand = relative_l2(chosen(predicted).view(), chosen(truth.view()).view(), None);
            assert_eq!(measured.rollout_relative_l2_full, by_hand);
            assert_eq!(measured.rollout.len(), 4);
            assert_eq!(predicted.slice(s![1, .., ..]), truth.slice(s![1, .., ..]));
            let alone = surrogate.predict_field(&split, position).unwrap();
            assert_eq!(alone, chosen(predicted));
        }
        let latency = found.latency.unwrap();
        assert_eq!(latency.rollout_steps, 4);
        assert!(latency.rollout_ms <= latency.per_step_ms_median);
    }
}

#[test]
fn errors_over_given_snapshots_leave_the_others_out() {
    let folder = tempfile::tempdir().unwrap();
    data().write(folder.path());
    let config = field(folder.path(), FIELD, &unet(SCHEMES[0]), r#"{"steps": 2}"#);
    let surrogate = fit(&config, &folder.path().join("run"));
    let split = Split::open(folder.path(), SplitName::Test).unwrap();
    let only = EvaluateOptions {
        // number 3 is not predicted, the last trajectory has nothing left
        snapshots: Some(vec![vec![3, 4, 8], vec![8], vec![2, 4, 6, 8], vec![]]),
        ..options()
    };
    let some = evaluate(&surrogate, &split, &only, &mut |_, _| {}).unwrap();
    let all = evaluate(&surrogate, &split, &options(), &mut |_, _| {}).unwrap();
    assert_eq!(some.skipped, [3]);
    assert_eq!(some.trajectories[0].snapshots, [4, 8]);
    assert_eq!(some.trajectories[1].snapshots, [8]);
    assert_eq!(
        some.trajectories[1].rollout[0],
        all.trajectories[1].rollout[3]
    );
    assert_eq!(
        some.trajectories[2].rollout_relative_l2_full,
        all.trajectories[2].rollout_relative_l2_full
    );
}

/// Stops a run after so many steps.
struct StopAfter(usize);

impl TrainObserver for StopAfter {
    fn step(&mut self, report: &StepReport) -> ControlFlow<()> {
        if report.step == self.0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

#[test]
fn a_resumed_run_and_one_without_memory_end_in_the_same_weights() {
    let folder = tempfile::tempdir().unwrap();
    let sources = Data {
        sources: true,
        ..data()
    };
    sources.write(folder.path());
    let settings = r#"{"steps": 6, "batch": 3}"#;
    let mut config = field(folder.path(), FIELD, &unet(SCHEMES[2]), settings);
    let hash = |surrogate: Surrogate| surrogate.provenance().weights_hash;
    let straight = hash(fit(&config, &folder.path().join("straight")));
    let run = folder.path().join("resumed");
    let stopped = train(&config, &run, Start::Fresh, &Device::Cpu, &mut StopAfter(2)).unwrap();
    assert!(stopped.interrupted);
    train(&config, &run, Start::Resume, &Device::Cpu, &mut ()).unwrap();
    assert_eq!(hash(Surrogate::load(&run, &Device::Cpu).unwrap()), straight);
    config.train.cache_mib = 0;
    assert_eq!(hash(fit(&config, &folder.path().join("bare"))), straight);
}

#[test]
fn sources_are_looked_at_and_have_to_be_there() {
    let with = tempfile::tempdir().unwrap();
    let without = tempfile::tempdir().unwrap();
    let sources = Data {
        sources: true,
        ..data()
    };
    sources.write(with.path());
    data().write(without.path());
    let network = unet(SCHEMES[0]);
    let plain = field(without.path(), FIELD, &network, r#"{"steps": 1}"#);
    let plain = fit(&plain, &without.path().join("run"));
    let sourced = field(with.path(), FIELD, &network, r#"{"steps": 1}"#);
    let sourced = fit(&sourced, &with.path().join("run"));
    // Displacement, speed and time; and the sources.
    assert_eq!(plain.layers()[0].shape[1], 3);
    assert_eq!(sourced.layers()[0].shape[1], 4);
    let split = |folder: &Path| Split::open(folder, SplitName::Test).unwrap();
    let message = sourced
        .check(&split(without.path()))
        .unwrap_err()
        .to_string();
    assert!(message.contains("found no sources"), "{message}");
    let message = plain.check(&split(with.path())).unwrap_err().to_string();
    assert!(message.contains("expected no sources"), "{message}");
    // Sources that act, of a file that does not say where.
    let silent = tempfile::tempdir().unwrap();
    let unsaid = Data {
        source_end: 0.1,
        ..data()
    };
    unsaid.write(silent.path());
    let config = field(silent.path(), FIELD, &network, r#"{"steps": 1}"#);
    let message = refusal(&config, &silent.path().join("run"));
    assert!(
        message.contains("fewave/sources") && message.contains("propagate"),
        "{message}"
    );
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    data().write(folder.path());
    let run = folder.path().join("run");
    for (task, network, parts) in [
        (
            r#"{"kind": "field", "snapshots": 9}"#,
            unet(SCHEMES[0]),
            ["8 after t = 0", "at least 9", "task.snapshots"],
        ),
        (
            r#"{"kind": "field", "snapshots": 3, "every": 4}"#,
            unet(SCHEMES[0]),
            ["8 after t = 0", "at least 12", "task.every = 4"],
        ),
        (
            r#"{"kind": "field", "snapshots": 7}"#,
            unet(SCHEMES[0]),
            ["axis t", "7 snapshots", "task.snapshots to 6 or 8"],
        ),
        (
            r#"{"kind": "field", "snapshots": 0}"#,
            unet(SCHEMES[0]),
            ["task.snapshots", "found 0", "1 to 4096"],
        ),
    ] {
        let message = refusal(
            &field(folder.path(), task, &network, r#"{"steps": 1}"#),
            &run,
        );
        for part in parts {
            assert!(message.contains(part), "{message}");
        }
        assert!(!run.exists());
    }
}

#[test]
fn rollouts_and_fields_are_not_mistaken_for_one_another() {
    let folder = tempfile::tempdir().unwrap();
    data().write(folder.path());
    let split = Split::open(folder.path(), SplitName::Test).unwrap();
    let settings = r#"{"steps": 1}"#;
    let field = fit(
        &field(folder.path(), FIELD, &unet(SCHEMES[0]), settings),
        &folder.path().join("field"),
    );
    let message = field
        .rollout(
            Array3::zeros((1, 8, 12)).view(),
            Array2::zeros((8, 12)).view(),
            2,
        )
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("found field, expected propagate"),
        "{message}"
    );
    let steps = fit(
        &config(folder.path(), &support::unet(SCHEMES[0]), settings),
        &folder.path().join("steps"),
    );
    let message = steps.predict_field(&split, 0).unwrap_err().to_string();
    assert!(
        message.contains("found propagate, expected field"),
        "{message}"
    );
}
