//! Evaluation against figures computed by hand, rollouts, and data that do not fit.

mod support;

use candle_core::Device;
use fewave_datasets::{Split, SplitName};
use fewave_surrogate::evaluate::Judge;
use fewave_surrogate::metrics::{Measure, Spectrum, StepMetrics, relative_l2, rms};
use fewave_surrogate::{EvaluateOptions, Start, Surrogate, evaluate, train};
use ndarray::{Axis, s};
use std::path::Path;
use support::{Data, SCHEMES, config, unet};

fn surrogate(folder: &Path, data: &Data, steps: usize) -> Surrogate {
    data.write(folder);
    let settings = format!(r#"{{"steps": {steps}, "batch": 8, "learning_rate": 1e-2}}"#);
    let run = folder.join("run");
    train(
        &config(folder, &unet(SCHEMES[0]), &settings),
        &run,
        Start::Fresh,
        &Device::Cpu,
        &mut (),
    )
    .unwrap();
    Surrogate::load(&run, &Device::Cpu).unwrap()
}

#[test]
fn errors_are_those_of_its_own_predictions() {
    let folder = tempfile::tempdir().unwrap();
    let data = Data {
        trajectories: 5,
        shape: [16, 8],
        source_end: 0.07,
        ..Data::default()
    };
    let surrogate = surrogate(folder.path(), &data, 40);
    let split = Split::open(folder.path(), SplitName::Test).unwrap();
    let mut told = Vec::new();
    let options = EvaluateOptions {
        batch: 2,
        repetitions: 2,
        ..EvaluateOptions::default()
    };
    let found = evaluate(&surrogate, &split, &options, &mut |done, all| {
        told.push((done, all))
    })
    .unwrap();
    assert_eq!(told, (1..=5).map(|done| (done, 5)).collect::<Vec<_>>());
    assert_eq!(found.predictions.dim(), (5, 12, 16, 8));
    assert_eq!(
        found.predicted,
        vec![(4..12).collect::<Vec<usize>>(); 5],
        "sources stop at 0.07 s, the first snapshot after is number 2, two are given"
    );
    for (position, evaluation) in found.trajectories.iter().enumerate() {
        let truth = split
            .read_snapshots("displacement", position, 0..12)
            .unwrap();
        let predicted = found.predictions.index_axis(Axis(0), position);
        assert_eq!(
            predicted.slice(s![..4, .., ..]),
            truth.slice(s![..4, .., ..])
        );
        // The rollout once more, by itself rather than in a batch.
        let speed = split.read_static("speed", position).unwrap();
        let alone = surrogate
            .rollout(truth.slice(s![2..4, .., ..]), speed.view(), 8)
            .unwrap();
        let difference = (&alone - &predicted.slice(s![4.., .., ..]))
            .iter()
            .fold(0.0f32, |m, v| m.max(v.abs()));
        assert!(
            difference < 1e-5,
            "batching changed a prediction by {difference}"
        );
        let full = relative_l2(
            predicted.slice(s![4.., .., ..]),
            truth.slice(s![4.., .., ..]),
            None,
        );
        assert_eq!(evaluation.rollout_relative_l2_full, full);
        assert_eq!(evaluation.rollout.len(), 8);
        let scale = rms(truth.slice(s![2.., .., ..]), None);
        let spectrum = Spectrum::new([16, 8]);
        let last = StepMetrics::compare(
            predicted.slice(s![11, .., ..]),
            truth.slice(s![11, .., ..]),
            scale,
            None,
            &spectrum,
        );
        assert_eq!(evaluation.rollout[7], last);
        // The first step of a rollout starts from the truth.
        assert!(
            (evaluation.one_step[0].relative_l2 - evaluation.rollout[0].relative_l2).abs() < 1e-5
        );
        let one = surrogate
            .rollout(truth.slice(s![6..8, .., ..]), speed.view(), 1)
            .unwrap();
        let expected = StepMetrics::compare(
            one.slice(s![0, .., ..]),
            truth.slice(s![8, .., ..]),
            scale,
            None,
            &spectrum,
        );
        assert!((evaluation.one_step[4].relative_l2 - expected.relative_l2).abs() < 1e-5);
    }
    // the energy needs a snapshot before, after the sources have stopped, and one after
    for evaluation in &found.trajectories {
        let drifts = evaluation.rollout.iter().map(|step| step.energy_drift);
        let defined: Vec<bool> = drifts.map(|drift| drift.is_some()).collect();
        assert_eq!(defined, [[true; 7].as_slice(), &[false]].concat());
        assert!(
            evaluation
                .one_step
                .iter()
                .all(|step| step.energy_drift.is_none())
        );
    }
    let zero = &found.baselines[0];
    // all energy is gone, and the jump to zero moves faster than any wave
    assert!(zero.rollout.get(Measure::EnergyDrift).unwrap().mean > 1.0);
    assert!((zero.one_step.unwrap().get(Measure::Nrmse).unwrap().worst - 1.0).abs() < 1e-9);
    let worst = found.summary.rollout_relative_l2_full;
    assert_eq!(
        worst.worst,
        found.trajectories[worst.worst_position].rollout_relative_l2_full
    );
    assert_eq!(
        found
            .baselines
            .iter()
            .map(|b| b.name.as_str())
            .collect::<Vec<_>>(),
        ["zero", "persistence", "linear-extrapolation"]
    );
    assert!((found.baselines[0].one_step_relative_l2.unwrap().mean - 1.0).abs() < 1e-12);
    let latency = found.latency.unwrap();
    assert!(
        latency.per_step_ms_min > 0.0
            && latency.per_step_ms_min <= latency.per_step_ms_median
            && latency.rollout_steps == 8
    );
}

#[test]
fn receivers_hear_what_is_at_their_places() {
    let folder = tempfile::tempdir().unwrap();
    // points (3, 5) and (10, 2) of the grid, one in the hole, one between the first and its neighbour
    let at = |i: f64, j: f64| [i / 15.0, j / 15.0];
    let data = Data {
        receivers: vec![at(3.0, 5.0), at(10.0, 2.0), at(8.0, 8.0), at(3.5, 5.0)],
        hole: Some(([7, 7], 0.0)),
        ..Data::default()
    };
    let surrogate = surrogate(folder.path(), &data, 20);
    let split = Split::open(folder.path(), SplitName::Test).unwrap();
    let options = EvaluateOptions {
        repetitions: 0,
        ..EvaluateOptions::default()
    };
    let found = evaluate(&surrogate, &split, &options, &mut |_, _| {}).unwrap();
    let mut whole = Vec::new();
    for own in &found.trajectories {
        let heard = own.receivers.as_ref().unwrap();
        assert_eq!(heard.receivers, [0, 1, 3], "nothing is heard in the hole");
        let truth = split.read_snapshots("displacement", own.position, 0..12);
        let truth = truth.unwrap();
        let predicted = found.predictions.index_axis(Axis(0), own.position);
        let trace = |all: &dyn Fn([usize; 3]) -> f32, receiver: usize| -> Vec<f64> {
            let value = |n: usize, i, j| f64::from(all([n, i, j]));
            own.snapshots
                .iter()
                .map(|&n| match receiver {
                    0 => value(n, 3, 5),
                    1 => value(n, 10, 2),
                    _ => 0.5 * (value(n, 3, 5) + value(n, 4, 5)),
                })
                .collect()
        };
        let (mut error, mut energy) = (0.0, 0.0);
        for (receiver, metrics) in heard.traces.iter().enumerate() {
            let p = trace(&|at| predicted[at], receiver);
            let u = trace(&|at| truth[at], receiver);
            let square = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>();
            let difference: Vec<f64> = p.iter().zip(&u).map(|(p, u)| p - u).collect();
            let expected = (square(&difference) / square(&u)).sqrt();
            assert!((metrics.relative_l2 / expected - 1.0).abs() < 1e-5);
            let largest = |x: &[f64]| x.iter().fold(0.0f64, |m, x| m.max(x.abs()));
            let ratio = largest(&p) / largest(&u);
            assert!((metrics.amplitude_ratio.unwrap() / ratio - 1.0).abs() < 1e-5);
            error += square(&difference);
            energy += square(&u);
        }
        assert!((heard.relative_l2 / (error / energy).sqrt() - 1.0).abs() < 1e-5);
        whole.push(heard.relative_l2);
    }
    let summary = found.summary.receivers.unwrap();
    let mean = whole.iter().sum::<f64>() / whole.len() as f64;
    assert!((summary.trajectories.unwrap().mean - mean).abs() < 1e-12);
    let zero = found.baselines[0].receivers.as_ref().unwrap();
    assert!((zero.trajectories.unwrap().mean - 1.0).abs() < 1e-12);
    assert!(
        zero.arrival_shift.is_none(),
        "what is silent arrives at no time"
    );
}

#[test]
fn a_judge_measures_other_trajectories_as_the_surrogates_were() {
    let folder = tempfile::tempdir().unwrap();
    let surrogate = surrogate(folder.path(), &Data::default(), 20);
    let split = Split::open(folder.path(), SplitName::Test).unwrap();
    let options = EvaluateOptions {
        repetitions: 0,
        snapshots: Some(vec![vec![3, 5], Vec::new(), vec![2, 11]]),
        ..EvaluateOptions::default()
    };
    let found = evaluate(&surrogate, &split, &options, &mut |_, _| {}).unwrap();
    let judge = Judge::new(&surrogate, &split, &found).unwrap();
    for own in &found.trajectories {
        let fields = found.predictions.index_axis(Axis(0), own.position);
        let reference = judge.reference(own.position).unwrap().unwrap();
        let judged = reference.errors(fields).unwrap();
        assert_eq!(judged.steps, own.rollout);
        assert_eq!(judged.trajectory, own.rollout_metrics);
        assert_eq!(
            reference.relative_l2(fields).unwrap(),
            own.rollout_relative_l2_full
        );
        let short = fields.slice(s![1.., .., ..]);
        let message = reference.errors(short).unwrap_err().to_string();
        assert!(message.contains("[11, 16, 16]"), "{message}");
    }
    assert!(judge.reference(1).unwrap().is_none());
    assert_eq!(judge.positions().collect::<Vec<_>>(), [0, 2]);
}

#[test]
fn a_trained_surrogate_beats_the_baselines_here() {
    let folder = tempfile::tempdir().unwrap();
    let surrogate = surrogate(folder.path(), &Data::default(), 150);
    let split = Split::open(folder.path(), SplitName::Test).unwrap();
    let found = evaluate(
        &surrogate,
        &split,
        &EvaluateOptions {
            batch: 8,
            repetitions: 0,
            ..EvaluateOptions::default()
        },
        &mut |_, _| {},
    )
    .unwrap();
    assert!(found.latency.is_none());
    let one_step = found.summary.one_step_relative_l2.unwrap().mean;
    assert!(
        one_step < found.baselines[1].one_step_relative_l2.unwrap().mean,
        "{one_step} against {:?}",
        found.baselines
    );
}

#[test]
fn data_of_another_grid_or_interval_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let surrogate = surrogate(folder.path(), &Data::default(), 1);
    let other = tempfile::tempdir().unwrap();
    Data {
        interval: 0.1,
        ..Data::default()
    }
    .write(other.path());
    let split = Split::open(other.path(), SplitName::Test).unwrap();
    let message = evaluate(
        &surrogate,
        &split,
        &EvaluateOptions::default(),
        &mut |_, _| {},
    )
    .unwrap_err()
    .to_string();
    assert!(
        message.contains("snapshot interval: found 0.1") && message.contains("0.05"),
        "{message}"
    );
    let odd = tempfile::tempdir().unwrap();
    Data {
        shape: [16, 7],
        ..Data::default()
    }
    .write(odd.path());
    let split = Split::open(odd.path(), SplitName::Test).unwrap();
    let message = evaluate(
        &surrogate,
        &split,
        &EvaluateOptions::default(),
        &mut |_, _| {},
    )
    .unwrap_err()
    .to_string();
    assert!(
        message.contains("axis y")
            && message.contains("7 points")
            && message.contains("multiple of 2"),
        "{message}"
    );
    // A larger grid of the same spacing is fine.
    let larger = tempfile::tempdir().unwrap();
    Data {
        shape: [24, 20],
        ..Data::default()
    }
    .write(larger.path());
    let split = Split::open(larger.path(), SplitName::Test).unwrap();
    evaluate(
        &surrogate,
        &split,
        &EvaluateOptions {
            batch: 2,
            repetitions: 0,
            ..EvaluateOptions::default()
        },
        &mut |_, _| {},
    )
    .unwrap();
}

#[test]
fn a_history_of_the_wrong_length_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let surrogate = surrogate(folder.path(), &Data::default(), 1);
    let history = ndarray::Array3::<f32>::zeros((3, 16, 16));
    let message = surrogate
        .rollout(history.view(), ndarray::Array2::zeros((16, 16)).view(), 1)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("[1, 3, 16, 16]") && message.contains("[1, 2, 16, 16]"),
        "{message}"
    );
}
