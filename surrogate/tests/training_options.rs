//! The options of training: each does what it says, in a run that resumes bit for bit, and is refused where it cannot work.

mod support;

use candle_core::Device;
use fewave_surrogate::checkpoint::{Checkpoint, LAST, Validation};
use fewave_surrogate::train::log::{LOG, StepReport};
use fewave_surrogate::{Start, Surrogate, TrainConfig, TrainObserver, TrainSummary, train};
use std::ops::ControlFlow;
use std::path::Path;
use support::{Data, config, unet};

const DENSE: &str = r#"{"kind": "dense"}"#;

/// Records losses and validations, and stops after a step.
#[derive(Default)]
struct Record {
    losses: Vec<f64>,
    validations: Vec<Validation>,
    stop: Option<usize>,
}

impl TrainObserver for Record {
    fn step(&mut self, report: &StepReport) -> ControlFlow<()> {
        self.losses.push(report.loss);
        match self.stop {
            Some(step) if step == report.step => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }

    fn validated(&mut self, validation: &Validation) {
        self.validations.push(*validation);
    }
}

fn data() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    Data::default().write(folder.path());
    folder
}

fn on(folder: &Path, settings: &str) -> TrainConfig {
    config(folder, &unet(DENSE), settings)
}

fn fit(config: &TrainConfig, run: &Path) -> (TrainSummary, Record) {
    let mut record = Record::default();
    let summary = train(config, run, Start::Fresh, &Device::Cpu, &mut record).unwrap();
    (summary, record)
}

fn hash(run: &Path) -> String {
    Checkpoint::read(run).unwrap().weights_hash
}

fn refusal(config: &TrainConfig) -> String {
    let run = config.data.join("refused");
    let found = train(config, &run, Start::Fresh, &Device::Cpu, &mut ());
    assert!(!run.exists(), "nothing is written before");
    found.unwrap_err().to_string()
}

#[test]
fn every_option_trains_and_resumes_bit_for_bit_on_any_number_of_threads() {
    let folder = data();
    for options in [
        r#""loss": "h1", "gradient_weight": 0.5"#,
        r#""loss": "spectral", "spectral_exponent": 0.5"#,
        r#""unroll": 3"#,
        r#""unroll": 2, "pushforward": true"#,
        r#""curriculum": [[3, 2], [6, 3]], "input_noise": 0.01"#,
        r#""ema": 0.9, "select": "rollout", "rollout_steps": 5"#,
        r#""accumulate": 2"#,
        r#""augment": ["flip-x", "flip-y", "transpose", "sign"]"#,
    ] {
        let settings = format!(
            r#"{{"steps": 10, "batch": 4, "learning_rate": 5e-3, "valid_every": 4, "checkpoint_every": 3, {options}}}"#
        );
        let config = on(folder.path(), &settings);
        let [straight, resumed] = ["straight", "resumed"].map(|name| folder.path().join(name));
        let (summary, record) = fit(&config, &straight);
        assert!(!summary.stopped_early && record.losses.len() == 10);
        let mut stop = Record {
            stop: Some(4),
            ..Record::default()
        };
        train(&config, &resumed, Start::Fresh, &Device::Cpu, &mut stop).unwrap();
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        one.unwrap()
            .install(|| train(&config, &resumed, Start::Resume, &Device::Cpu, &mut ()))
            .unwrap();
        assert_eq!(hash(&straight), hash(&resumed), "{options}: best");
        let last = |run: &Path| hash(&run.join(LAST));
        assert_eq!(last(&straight), last(&resumed), "{options}: last");
    }
}

#[test]
fn unrolled_and_noisy_training_lower_the_rollout_error() {
    let folder = data();
    let settings = r#"{"steps": 120, "batch": 8, "learning_rate": 1e-2, "unroll": 2, "input_noise": 0.01, "valid_every": 20, "select": "rollout", "rollout_steps": 8}"#;
    let (summary, record) = fit(&on(folder.path(), settings), &folder.path().join("run"));
    let errors: Vec<f64> = record
        .validations
        .iter()
        .map(|v| v.rollout_relative_l2)
        .collect();
    let best = summary.best.unwrap();
    let least = errors.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!((best.error(), best.measure()), (least, "rollout"));
    assert!(least < 0.7 * errors[0], "{errors:?}");
    for validation in record.validations {
        let spread = validation.rollout.unwrap();
        assert!(spread.median <= spread.worst && validation.rollout_steps == 8);
        assert!(validation.rollout_relative_l2 <= spread.worst);
    }
}

#[test]
fn two_passes_of_four_are_one_of_eight() {
    let folder = data();
    let losses = |settings: &str| {
        let settings =
            format!(r#"{{"steps": 6, "learning_rate": 1e-3, "loss": "mse", {settings}}}"#);
        fit(&on(folder.path(), &settings), &folder.path().join("run"))
            .1
            .losses
    };
    for more in ["", r#", "input_noise": 0.1, "augment": ["flip-x", "sign"]"#] {
        let once = losses(&format!(r#""batch": 8{more}"#));
        let twice = losses(&format!(r#""batch": 4, "accumulate": 2{more}"#));
        for (a, b) in once.iter().zip(&twice) {
            assert!((a / b - 1.0).abs() < 1e-4, "{once:?} and {twice:?}");
        }
        assert_ne!(once, losses(&format!(r#""batch": 4{more}"#)));
    }
}

#[test]
fn the_running_mean_is_what_is_validated_and_kept() {
    let folder = data();
    let run = folder.path().join("run");
    let config = on(
        folder.path(),
        r#"{"steps": 12, "batch": 4, "learning_rate": 1e-2, "valid_every": 12, "ema": 0.99}"#,
    );
    let (summary, _) = fit(&config, &run);
    let best = Checkpoint::read(&run).unwrap();
    let last = Checkpoint::read(&run.join(LAST)).unwrap();
    assert!(best.metadata.averaged && !last.metadata.averaged);
    assert_ne!(best.weights_hash, last.weights_hash);
    // what is loaded predicts as well as the validation said
    let surrogate = Surrogate::load(&run, &Device::Cpu).unwrap();
    let error = |best: Option<Validation>| best.unwrap().error();
    let (kept, found) = (error(surrogate.metadata().best), error(summary.best));
    assert!((kept - found).abs() < 1e-12);
    let mut plain = config;
    plain.train.ema = None;
    let other = folder.path().join("plain");
    let (summary, _) = fit(&plain, &other);
    assert_eq!(
        hash(&other.join(LAST)),
        last.weights_hash,
        "training itself is the same"
    );
    assert!((error(summary.best) - found).abs() > 1e-6);
}

#[test]
fn a_run_that_no_longer_improves_ends_and_stays_ended() {
    let folder = data();
    let run = folder.path().join("run");
    // a rate at which nothing improves for long
    let config = on(
        folder.path(),
        r#"{"steps": 400, "batch": 2, "learning_rate": 0.3, "schedule": "constant", "warm_up": 0, "valid_every": 2, "patience": 3}"#,
    );
    let (summary, record) = fit(&config, &run);
    assert!(summary.stopped_early && !summary.interrupted && summary.step < 400);
    let best = summary.best.unwrap();
    assert_eq!(summary.step, best.step + 3 * 2);
    let after = record.validations.iter().filter(|v| v.step > best.step);
    assert_eq!(after.filter(|v| v.error() >= best.error()).count(), 3);
    let again = train(&config, &run, Start::Resume, &Device::Cpu, &mut ()).unwrap();
    assert!(again.stopped_early && again.step == summary.step && again.loss.is_none());
}

#[test]
fn divergence_names_the_batch_and_the_last_good_checkpoint() {
    let folder = data();
    let network = r#"{"kind": "unet", "width": 4, "depth": 1, "norm": "none", "activation": "relu", "scheme": {"kind": "dense"}}"#;
    let settings = r#"{"steps": 50, "batch": 2, "learning_rate": 1e10, "schedule": "constant", "warm_up": 0, "loss": "mse", "clip": 0, "valid_every": 50, "checkpoint_every": 1}"#;
    let config = config(folder.path(), network, settings);
    let run = folder.path().join("run");
    let error = train(&config, &run, Start::Fresh, &Device::Cpu, &mut ()).unwrap_err();
    let message = error.to_string();
    let last = Checkpoint::read(&run.join(LAST)).unwrap().metadata.step;
    for part in [
        "samples: trajectory ",
        "from snapshot",
        &format!("last.safetensors of step {last};"),
        "learning_rate",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[test]
fn options_that_cannot_work_are_refused_by_key() {
    let folder = data();
    for (settings, parts) in [
        (
            r#""gradient_weight": 1.0"#,
            ["train.gradient_weight", "\"h1\""],
        ),
        (
            r#""loss": "h1", "gradient_weight": 0.0"#,
            ["train.gradient_weight", "positive"],
        ),
        (
            r#""spectral_exponent": 1.0"#,
            ["train.spectral_exponent", "\"spectral\""],
        ),
        (r#""unroll": 0"#, ["train.unroll", "1 to 256"]),
        (
            r#""pushforward": true"#,
            ["train.pushforward", "train.unroll"],
        ),
        (
            r#""curriculum": [[5, 2], [5, 3]]"#,
            ["train.curriculum", "rising"],
        ),
        (r#""input_noise": -0.1"#, ["train.input_noise", "0.01"]),
        (r#""ema": 1.0"#, ["train.ema", "between 0 and 1"]),
        (r#""accumulate": 0"#, ["train.accumulate", "at least 1"]),
        (r#""patience": 0"#, ["train.patience", "at least 1"]),
        (
            r#""unroll": 30"#,
            ["32 consecutive snapshots", "30 asked for"],
        ),
        (
            r#""augment": ["sign", "sign"]"#,
            ["train.augment", "second time"],
        ),
    ] {
        let message = refusal(&on(
            folder.path(),
            &format!(r#"{{"steps": 2, {settings}}}"#),
        ));
        for part in parts {
            assert!(message.contains(part), "{settings}: {message}");
        }
    }
    for settings in [
        r#""unroll": 2"#,
        r#""input_noise": 0.1"#,
        r#""select": "rollout""#,
    ] {
        let mut config = on(folder.path(), &format!(r#"{{"steps": 2, {settings}}}"#));
        config.task = serde_json::from_str(r#"{"kind": "field", "snapshots": 4}"#).unwrap();
        let message = refusal(&config);
        assert!(
            message.contains("task.kind = \"field\"") && message.contains("propagate"),
            "{message}"
        );
    }
}

#[test]
fn symmetries_that_the_physics_lacks_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let with = |data: Data, augment: &str, medium: bool| {
        data.write(folder.path());
        let settings = format!(r#"{{"steps": 1, "augment": ["{augment}"]}}"#);
        let mut config = on(folder.path(), &settings);
        let task = format!(r#"{{"kind": "propagate", "medium": {medium}}}"#);
        config.task = serde_json::from_str(&task).unwrap();
        refusal(&config)
    };
    let plain = Data::default;
    let message = with(plain(), "flip-x", false);
    assert!(
        message.contains("task.medium = false and speeds from"),
        "{message}"
    );
    let oblong = Data {
        shape: [16, 12],
        ..plain()
    };
    assert!(with(oblong, "transpose", true).contains("16 × 12 points"));
    let one_sided = || Data {
        right: Some("absorbing"),
        ..plain()
    };
    let message = with(one_sided(), "flip-x", true);
    assert!(
        message.contains("\"flip-x\" with `fixed` at one end of x and `absorbing` at the other"),
        "{message}"
    );
    assert!(with(one_sided(), "transpose", true).contains("all four"));
    let moved = Data {
        right: Some("prescribed: displacement is given in time"),
        ..plain()
    };
    assert!(
        with(moved, "sign", true).contains("\"sign\" with a side whose displacement is prescribed")
    );
    let hole = || Data {
        hole: Some(([4, 6], 0.0)),
        ..plain()
    };
    let message = with(hole(), "flip-y", true);
    assert!(
        message.contains("inside the domain and one outside"),
        "{message}"
    );
    let mut config = on(folder.path(), r#"{"steps": 1, "loss": "spectral"}"#);
    assert!(refusal(&config).contains("points outside of the domain"));
    config.train.loss = fewave_surrogate::train::loss::Loss::H1;
    fit(&config, &folder.path().join("run"));
    // along y the sides are alike
    one_sided().write(folder.path());
    fit(
        &on(
            folder.path(),
            r#"{"steps": 1, "augment": ["flip-y", "sign"]}"#,
        ),
        &folder.path().join("run"),
    );
}

#[test]
fn whole_fields_train_with_every_loss_and_symmetry() {
    let folder = data();
    for options in [
        r#""loss": "h1""#,
        r#""loss": "spectral""#,
        r#""augment": ["flip-x", "transpose", "sign"], "ema": 0.9, "accumulate": 2, "patience": 9"#,
    ] {
        let settings = format!(r#"{{"steps": 24, "batch": 2, "learning_rate": 5e-3, {options}}}"#);
        let mut config = on(folder.path(), &settings);
        config.task = serde_json::from_str(r#"{"kind": "field", "snapshots": 4}"#).unwrap();
        let (_, record) = fit(&config, &folder.path().join("run"));
        let last = record.losses[20..].iter().sum::<f64>() / 4.0;
        assert!(last < record.losses[0], "{options}: {:?}", record.losses);
    }
}

#[test]
fn the_record_has_mean_median_and_worst_of_every_validation() {
    let folder = data();
    let run = folder.path().join("run");
    let config = on(
        folder.path(),
        r#"{"steps": 4, "batch": 2, "valid_every": 2}"#,
    );
    let (_, record) = fit(&config, &run);
    let text = std::fs::read_to_string(run.join(LOG)).unwrap();
    let row = text.lines().nth(2).unwrap();
    let validation = record.validations[0];
    let expected = [
        validation.one_step_relative_l2.unwrap(),
        validation.rollout_relative_l2,
        validation.one_step.unwrap().median,
        validation.one_step.unwrap().worst,
        validation.rollout.unwrap().median,
        validation.rollout.unwrap().worst,
    ];
    let found: Vec<f64> = row.split(',').skip(6).map(|f| f.parse().unwrap()).collect();
    assert_eq!(found, expected);
    assert_eq!(text.lines().next().unwrap().split(',').count(), 12);
}
