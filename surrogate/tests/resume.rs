//! An interrupted and continued run equals an uninterrupted one bit for bit, for any number of threads; a checkpoint that
//! does not fit is refused by name.

mod support;

use candle_core::Device;
use fewave_surrogate::checkpoint::{BEST, LAST};
use fewave_surrogate::train::log::{LOG, StepReport};
use fewave_surrogate::{Start, Surrogate, SurrogateError, TrainConfig, TrainObserver, train};
use safetensors::SafeTensors;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use support::{Data, SCHEMES, config, unet};

/// Stops after a step, or simulates a kill by panicking there.
struct StopAt {
    step: usize,
    kill: bool,
}

impl TrainObserver for StopAt {
    fn step(&mut self, report: &StepReport) -> ControlFlow<()> {
        if report.step < self.step {
            return ControlFlow::Continue(());
        }
        assert!(!self.kill, "killed at step {}", report.step);
        ControlFlow::Break(())
    }
}

/// Names and bytes of a checkpoint's tensors.
fn tensors(path: &Path) -> Vec<(String, Vec<u8>)> {
    let content = fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&content).unwrap();
    let mut tensors: Vec<_> = file
        .iter()
        .map(|(name, view)| (name.to_owned(), view.data().to_vec()))
        .collect();
    tensors.sort();
    tensors
}

/// The record without its column of seconds.
fn record(run: &Path) -> Vec<String> {
    let text = fs::read_to_string(run.join(LOG)).unwrap();
    text.lines()
        .map(|line| {
            line.split(',')
                .enumerate()
                .filter(|(column, _)| *column != 5)
                .map(|(_, field)| field)
                .collect::<Vec<_>>()
                .join(",")
        })
        .collect()
}

fn assert_equal(straight: &Path, resumed: &Path, what: &str) {
    for name in [LAST, BEST] {
        let (expected, found) = (tensors(&straight.join(name)), tensors(&resumed.join(name)));
        assert_eq!(expected.len(), found.len());
        for (expected, found) in expected.iter().zip(&found) {
            assert!(
                expected == found,
                "{what}: {} differs in {name}",
                expected.0
            );
        }
    }
    assert_eq!(record(straight), record(resumed), "{what}");
}

#[test]
fn a_resumed_run_equals_an_uninterrupted_one_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    Data::default().write(folder.path());
    for scheme in SCHEMES {
        let settings = r#"{"steps": 14, "batch": 8, "learning_rate": 5e-3, "valid_every": 4, "checkpoint_every": 3}"#;
        let config = config(folder.path(), &unet(scheme), settings);
        let [straight, resumed] = ["straight", "resumed"].map(|name| folder.path().join(name));
        train(&config, &straight, Start::Fresh, &Device::Cpu, &mut ()).unwrap();
        let summary = train(
            &config,
            &resumed,
            Start::Fresh,
            &Device::Cpu,
            &mut StopAt {
                step: 5,
                kill: false,
            },
        )
        .unwrap();
        assert!(summary.interrupted && summary.step == 5);
        // A kill after step 10: the run continues from the checkpoint of step 9.
        let killed = std::panic::catch_unwind(|| {
            train(
                &config,
                &resumed,
                Start::Resume,
                &Device::Cpu,
                &mut StopAt {
                    step: 10,
                    kill: true,
                },
            )
        });
        assert!(killed.is_err());
        let threads = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        let summary = threads
            .install(|| train(&config, &resumed, Start::Resume, &Device::Cpu, &mut ()))
            .unwrap();
        assert!(!summary.interrupted && summary.step == 14);
        assert_equal(&straight, &resumed, scheme);
        let again = train(&config, &resumed, Start::Resume, &Device::Cpu, &mut ()).unwrap();
        assert!(
            again.loss.is_none() && again.step == 14,
            "a finished run has nothing left to do"
        );
        assert_equal(&straight, &resumed, scheme);
    }
}

#[test]
fn another_configuration_or_other_data_is_refused_by_key() {
    let folder = tempfile::tempdir().unwrap();
    Data::default().write(folder.path());
    let config = config(
        folder.path(),
        &unet(SCHEMES[0]),
        r#"{"steps": 4, "batch": 4}"#,
    );
    let run = folder.path().join("run");
    train(
        &config,
        &run,
        Start::Fresh,
        &Device::Cpu,
        &mut StopAt {
            step: 2,
            kill: false,
        },
    )
    .unwrap();
    let refuse = |config: &TrainConfig| {
        let error = train(config, &run, Start::Resume, &Device::Cpu, &mut ()).unwrap_err();
        assert!(matches!(error, SurrogateError::Resume { .. }), "{error}");
        error.to_string()
    };
    let mut other = config.clone();
    other.train.learning_rate = 0.5;
    other.seed = 4;
    let message = refuse(&other);
    assert!(
        message.contains("train.learning_rate (0.001 there, 0.5 here)")
            && message.contains("seed (3 there, 4 here)"),
        "{message}"
    );
    let elsewhere = tempfile::tempdir().unwrap();
    Data {
        trajectories: 2,
        ..Data::default()
    }
    .write(elsewhere.path());
    other = config.clone();
    other.data = elsewhere.path().to_owned();
    assert!(refuse(&other).contains("data"));
    // Data of the same content elsewhere are the same data.
    let moved = tempfile::tempdir().unwrap();
    Data::default().write(moved.path());
    other.data = moved.path().to_owned();
    train(&other, &run, Start::Resume, &Device::Cpu, &mut ()).unwrap();
}

#[test]
fn resuming_nothing_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    Data::default().write(folder.path());
    let config = config(folder.path(), &unet(SCHEMES[0]), r#"{"steps": 1}"#);
    let message = train(
        &config,
        &folder.path().join("run"),
        Start::Resume,
        &Device::Cpu,
        &mut (),
    )
    .unwrap_err()
    .to_string();
    assert!(message.contains(LAST), "{message}");
}

#[test]
fn damaged_and_foreign_checkpoints_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    Data::default().write(folder.path());
    let run = folder.path().join("run");
    train(
        &config(
            folder.path(),
            &unet(SCHEMES[0]),
            r#"{"steps": 1, "batch": 2}"#,
        ),
        &run,
        Start::Fresh,
        &Device::Cpu,
        &mut (),
    )
    .unwrap();
    let good = fs::read(run.join(BEST)).unwrap();
    let bad = folder.path().join("bad.safetensors");
    for length in (0..good.len()).step_by(good.len() / 40 + 1) {
        fs::write(&bad, &good[..length]).unwrap();
        let message = Surrogate::load(&bad, &Device::Cpu).unwrap_err().to_string();
        assert!(
            message.contains("bad.safetensors")
                && message.contains("expected a complete safetensors file"),
            "{length}: {message}"
        );
    }
    fs::write(
        &bad,
        b"not a checkpoint at all, but long enough to have a header",
    )
    .unwrap();
    assert!(
        Surrogate::load(&bad, &Device::Cpu)
            .unwrap_err()
            .to_string()
            .contains("complete safetensors file")
    );
    candle_core::safetensors::save(
        &std::collections::HashMap::from([(
            "a",
            candle_core::Tensor::new(1f32, &Device::Cpu).unwrap(),
        )]),
        &bad,
    )
    .unwrap();
    assert!(
        Surrogate::load(&bad, &Device::Cpu)
            .unwrap_err()
            .to_string()
            .contains("written by fewave")
    );
    let missing = Surrogate::load(&folder.path().join("none"), &Device::Cpu)
        .unwrap_err()
        .to_string();
    assert!(missing.contains("none"), "{missing}");
}

#[test]
fn tensors_of_another_architecture_are_refused_by_name_and_shape() {
    let folder = tempfile::tempdir().unwrap();
    Data::default().write(folder.path());
    let run = folder.path().join("run");
    train(
        &config(
            folder.path(),
            &unet(SCHEMES[0]),
            r#"{"steps": 1, "batch": 2}"#,
        ),
        &run,
        Start::Fresh,
        &Device::Cpu,
        &mut (),
    )
    .unwrap();
    let content = fs::read(run.join(BEST)).unwrap();
    let (_, header) = SafeTensors::read_metadata(&content).unwrap();
    let text = header.metadata().as_ref().unwrap()["fewave"].clone();
    let file = SafeTensors::deserialize(&content).unwrap();
    let bad = folder.path().join("bad.safetensors");
    let write = |text: String, keep: &dyn Fn(&str) -> bool| {
        let views: Vec<_> = file
            .tensors()
            .into_iter()
            .filter(|(name, _)| keep(name))
            .collect();
        fs::write(
            &bad,
            safetensors::serialize(views, Some([("fewave".to_owned(), text)].into())).unwrap(),
        )
        .unwrap();
        Surrogate::load(&bad, &Device::Cpu).unwrap_err().to_string()
    };
    // Said to be wider than its tensors, even absurdly so: refused before anything of that size is allocated.
    let message = write(text.replace(r#""width":4"#, r#""width":1024"#), &|_| true);
    assert!(
        message.contains("tensor weights/down.0.0")
            && message.contains("[4, 3, 3, 3]")
            && message.contains("[1024, 3, 3, 3]"),
        "{message}"
    );
    let message = write(text.clone(), &|name| name != "weights/head.bias");
    assert!(
        message.contains("weights/head.bias") && message.contains("nothing"),
        "{message}"
    );
    let message = write(text.replace(r#""depth":1"#, r#""depth":0"#), &|_| true);
    assert!(message.contains("tensor weights/"), "{message}");
    let message = write(text.replace(r#""format":1"#, r#""format":2"#), &|_| true);
    assert!(message.contains("format 2"), "{message}");
}
