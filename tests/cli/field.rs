//! Whole fields in one pass, end to end: the same commands as for rollouts, and both kinds beside one another.

use serde_json::Value;

use crate::support::Workplace;

/// The keys that turn the tiny training into one of whole fields: 8 snapshots after t = 0.
const FIELD: &str = "task={ kind = \"field\", snapshots = 8 }";

fn train(place: &Workplace, run: &str, sets: &[&str]) {
    let mut arguments = vec!["train", "train.toml", "-o", run, "--quiet"];
    arguments.extend(sets.iter().flat_map(|set| ["--set", set]));
    place.ok(&arguments);
}

#[test]
fn fields_are_trained_inspected_evaluated_predicted_and_reported() {
    let place = Workplace::with_data();
    train(
        &place,
        "dense",
        &[FIELD, "network.scheme={ kind = \"dense\" }"],
    );
    let kernel = "network.scheme={ kind = \"one-way\", form = \"kernel\", rank = 1 }";
    train(&place, "one-way", &[FIELD, kernel]);
    let out = place.ok(&["inspect", "one-way"]);
    for word in [
        "field: 8 snapshots",
        "whole field of 8 snapshots",
        "[4, 3, 3, 3, 3]",
        "trained on     ",
        "initial_0_pulse_0_amplitude: ",
    ] {
        assert!(out.contains(word), "no {word} in\n{out}");
    }
    let out = place.ok(&["evaluate", "dense", "--data", "data"]);
    assert!(
        out.contains("all 8 snapshots: mean") && !out.contains("one step"),
        "{out}"
    );
    let csv = String::from_utf8(place.bytes("dense/evaluation/metrics.csv")).unwrap();
    assert_eq!(csv.matches(",field,").count(), 2 * 8);
    let summary = String::from_utf8(place.bytes("dense/evaluation/summary.csv")).unwrap();
    assert!(summary.contains("dense,rollout_relative_l2_full,") && !summary.contains("one_step"));
    place.ok(&["validate", "dense/evaluation/predictions.hdf5"]);
    place.ok(&[
        "compare", "dense", "one-way", "--data", "data", "-o", "report",
    ]);
    let page = String::from_utf8(place.bytes("report/index.html")).unwrap();
    for word in [
        "Whole field of 8 snapshots",
        "in one pass from the scene",
        "over the whole field",
    ] {
        assert!(page.contains(word), "no {word}");
    }
    for word in ["One step", "extrapolation", "Whole rollout"] {
        assert!(!page.contains(word), "{word}");
    }
    let input = "data/data/test/tiny_0000.hdf5";
    place.ok(&["predict", "one-way", "--input", input, "-o", "out.hdf5"]);
    place.ok(&["validate", "out.hdf5"]);
    let shown = place.ok(&["inspect", "out.hdf5"]);
    assert!(
        shown.contains("9 snapshots") || shown.contains("9 from"),
        "{shown}"
    );
    let arguments = [
        "predict",
        "one-way",
        "--input",
        input,
        "-o",
        "more.hdf5",
        "--steps",
        "3",
    ];
    place.fails(2, &arguments, &["--steps 3", "whole fields", "8 snapshots"]);
}

#[test]
fn fields_and_rollouts_are_compared_over_the_snapshots_that_both_predict() {
    let place = Workplace::with_run();
    let every = "task={ kind = \"field\", snapshots = 4, every = 2 }";
    train(&place, "field", &[every]);
    let arguments = [
        "compare", "run", "field", "--data", "data", "-o", "both", "--json",
    ];
    let json: Value = serde_json::from_str(&place.ok(&arguments)).unwrap();
    for run in json["runs"].as_array().unwrap() {
        // a rollout from two snapshots predicts 2 to 8, the field 2, 4, 6 and 8
        assert_eq!(run["rollout_steps"], serde_json::json!([4, 4]), "{run}");
    }
    assert!(json["runs"][0]["one_step_relative_l2"].is_object());
    assert!(json["runs"][1]["one_step_relative_l2"].is_null());
    let names: Vec<&str> = json["baselines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|baseline| baseline["name"].as_str().unwrap())
        .collect();
    for name in ["zero (history 2)", "persistence (from t = 0)"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let page = String::from_utf8(place.bytes("both/index.html")).unwrap();
    assert!(
        page.contains("over those that every run predicts")
            && page.contains("4 snapshots that all predict")
    );
    // a long history starts after the one snapshot that this field predicts
    train(
        &place,
        "first",
        &[
            "task={ kind = \"field\", snapshots = 1 }",
            "network.depth=0",
        ],
    );
    place.fails(
        2,
        &["compare", "run", "first", "--data", "data", "-o", "none"],
        &[
            "no snapshot in common",
            "first predicts snapshots from 1 to 1",
        ],
    );
    assert!(!place.path("none").exists());
}

#[test]
fn moving_waves_and_sources_are_part_of_the_scene() {
    let place = Workplace::new();
    let dataset = String::from_utf8(place.bytes("dataset.toml")).unwrap();
    let at = dataset.find("[[initial]]").unwrap();
    let end = dataset.find("[time]").unwrap();
    let scene = r#"[[initial]]
kind = "plane-wave"
position = [[0.3, 0.7], 0.4]
angle = [0.0, 90.0]
width = 0.1
[[source]]
kind = "ricker"
position = [[0.3, 0.7], 0.2]
frequency = 6.0
"#;
    place.write(
        "dataset.toml",
        &format!("{}{scene}{}", &dataset[..at], &dataset[end..]),
    );
    place.ok(&["generate", "dataset.toml", "-o", "data", "--quiet"]);
    place.ok(&["validate", "data"]);
    let shown = place.ok(&["inspect", "data/data/test/tiny_0000.hdf5"]);
    assert!(
        shown.contains("initial_velocity") && shown.contains("sources    1"),
        "{shown}"
    );
    train(&place, "run", &[FIELD]);
    let json: Value = serde_json::from_str(&place.ok(&["inspect", "run", "--json"])).unwrap();
    // displacement, speed, velocity, time and sources
    assert_eq!(json["layers"][0]["shape"][1], 5);
    place.ok(&["evaluate", "run", "--data", "data"]);
    place.write("dataset.toml", &dataset);
    place.ok(&["generate", "dataset.toml", "-o", "still", "--quiet"]);
    place.fails(
        1,
        &["evaluate", "run", "--data", "still"],
        &["no initial velocity", "as in the training data"],
    );
}

#[test]
fn the_example_runs_and_costs_a_third() {
    let place = Workplace::new();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/field");
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let count = "count={ train = 4, valid = 1, test = 2 }";
    place.ok(&[
        "generate",
        &file("dataset.toml"),
        "-o",
        "data",
        "--quiet",
        "--set",
        count,
    ]);
    for run in ["dense", "one-way"] {
        let config = file(&format!("train-{run}.toml"));
        let sets = [
            "--set",
            "data=data",
            "--set",
            "train.steps=2",
            "--set",
            "train.batch=2",
        ];
        let mut arguments = vec!["train", &config, "-o", run, "--quiet"];
        arguments.extend(sets);
        place.ok(&arguments);
    }
    place.ok(&[
        "compare", "dense", "one-way", "--data", "data", "-o", "report",
    ]);
    let weights = |run: &str| {
        let json: Value = serde_json::from_str(&place.ok(&["inspect", run, "--json"])).unwrap();
        let layer = &json["layers"][1];
        layer["parameters"].as_u64().unwrap() - layer["shape"][0].as_u64().unwrap()
    };
    assert_eq!(weights("dense"), 27 * weights("one-way") / 9);
}
