//! The whole chain on a tiny case, and the JSON that scripts read.

use serde_json::Value;

use crate::support::Workplace;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}:\n{text}"))
}

#[test]
fn from_the_configuration_to_the_report() {
    let place = Workplace::new();
    let summary = json(&place.ok(&["generate", "dataset.toml", "-o", "data", "--json"]));
    assert_eq!(summary["simulated"], 12);
    assert_eq!(summary["complete"], true);
    assert!(
        place
            .ok(&["validate", "data"])
            .contains("valid; 4 files with 12 trajectories")
    );

    let shown = json(&place.ok(&["inspect", "data", "--json"]));
    assert_eq!(shown["grid"], serde_json::json!([16, 12]));
    assert_eq!(shown["trajectories"]["train"], 8);
    assert!(
        place
            .ok(&["inspect", "data"])
            .contains("initial_0_pulse_1_amplitude")
    );
    assert!(
        place
            .ok(&["inspect", "data/data/test/tiny_0000.hdf5"])
            .contains("displacement")
    );

    let dense = "network.scheme={ kind = \"dense\" }";
    let trained = json(&place.ok(&[
        "train",
        "train.toml",
        "-o",
        "runs/dense",
        "--set",
        dense,
        "--json",
    ]));
    let one_way = json(&place.ok(&["train", "train.toml", "-o", "runs/one-way", "--json"]));
    assert!(one_way["parameters"].as_u64().unwrap() < trained["parameters"].as_u64().unwrap());
    let log = String::from_utf8(place.bytes("runs/dense/log.csv")).unwrap();
    assert!(log.lines().count() > 2, "{log}");
    let shown = json(&place.ok(&["inspect", "runs/one-way", "--json"]));
    assert_eq!(shown["parameters"], one_way["parameters"]);

    let evaluated = json(&place.ok(&[
        "evaluate",
        "runs/dense",
        "runs/one-way",
        "--data",
        "data",
        "--json",
    ]));
    let first = &evaluated["runs"][0];
    let [mean, worst] =
        ["mean", "worst"].map(|key| first["one_step_relative_l2"][key].as_f64().unwrap());
    assert!(mean > 0.0 && mean <= worst && worst < 10.0, "{first}");
    let metrics = String::from_utf8(place.bytes("runs/dense/evaluation/metrics.csv")).unwrap();
    // 2 trajectories × 7 predicted snapshots × (one step, rollout), below the header; trivial baselines are in summary.csv
    let rows = metrics.lines().skip(1);
    assert_eq!(
        rows.clone()
            .filter(|line| line.starts_with("dense,"))
            .count(),
        2 * 7 * 2
    );
    assert_eq!(rows.count(), 2 * 7 * 2, "{metrics}");
    assert!(
        place
            .ok(&["validate", "runs/dense/evaluation/predictions.hdf5"])
            .contains("valid")
    );

    place.ok(&[
        "compare",
        "runs/dense",
        "runs/one-way",
        "--data",
        "data",
        "-o",
        "report",
    ]);
    let page = String::from_utf8(place.bytes("report/index.html")).unwrap();
    for word in ["one-way", "dense", "relative L2", "SHA-256"] {
        assert!(page.contains(word), "no {word} in the report");
    }
    for figure in ["error-growth", "parameters", "training"] {
        for extension in ["svg", "png", "pdf", "csv"] {
            let name = format!("report/figures/{figure}.{extension}");
            assert!(!place.bytes(&name).is_empty());
        }
    }

    place.ok(&[
        "simulate",
        "dataset.toml",
        "-o",
        "new.hdf5",
        "--set",
        "seed=8",
        "--quiet",
    ]);
    let predicted = json(&place.ok(&[
        "predict",
        "runs/one-way",
        "--input",
        "new.hdf5",
        "-o",
        "predicted.hdf5",
        "--steps",
        "4",
        "--json",
    ]));
    assert_eq!(predicted["steps"], 4);
    let file = hdf5::File::open(place.path("predicted.hdf5")).unwrap();
    assert_eq!(
        file.dataset("t0_fields/displacement").unwrap().shape(),
        [1, 6, 16, 12]
    );
}

/// An evaluation must not depend on how a surrogate was stored, and a rollout must start from the data.
#[test]
fn predictions_begin_with_the_given_history() {
    let place = Workplace::with_run();
    place.ok(&["simulate", "dataset.toml", "-o", "new.hdf5", "--quiet"]);
    place.ok(&[
        "predict",
        "run",
        "--input",
        "new.hdf5",
        "-o",
        "predicted.hdf5",
        "--quiet",
    ]);
    let read = |name: &str| {
        hdf5::File::open(place.path(name))
            .unwrap()
            .dataset("t0_fields/displacement")
            .unwrap()
            .read_raw::<f32>()
            .unwrap()
    };
    let (given, predicted) = (read("new.hdf5"), read("predicted.hdf5"));
    let history = 2 * 16 * 12;
    assert_eq!(given.len(), predicted.len());
    assert_eq!(given[..history], predicted[..history]);
    assert_ne!(given[history..], predicted[history..]);
}

/// Predictions put into a dataset must not pass as its truth.
#[test]
fn predictions_are_no_reference() {
    let place = Workplace::with_run();
    let file = "data/data/test/tiny_0000.hdf5";
    place.ok(&["predict", "run", "--input", file, "-o", "p.hdf5", "--quiet"]);
    std::fs::rename(place.path("p.hdf5"), place.path(file)).unwrap();
    place.fails(
        1,
        &["compare", "run", "--data", "data", "-o", "report"],
        &["test split", "predictions"],
    );
}

#[test]
fn closed_pipes_and_full_disks_behind_standard_output() {
    let place = Workplace::with_data();
    let run = |redirection: &str| {
        let command = format!(
            "set -o pipefail; {} inspect data --json {redirection}",
            env!("CARGO_BIN_EXE_fewave")
        );
        let output = std::process::Command::new("bash")
            .args(["-c", &command])
            .current_dir(place.path(""))
            .output()
            .unwrap();
        assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
        output.status.code()
    };
    assert_eq!(run("| true"), Some(0));
    assert_eq!(run("> /dev/full"), Some(1));
}

#[test]
fn quiet_says_nothing_and_version_and_help_do() {
    let place = Workplace::new();
    assert_eq!(
        place.ok(&["generate", "dataset.toml", "-o", "data", "--quiet"]),
        ""
    );
    assert!(place.ok(&["--version"]).contains(env!("CARGO_PKG_VERSION")));
    let help = place.ok(&["--help"]);
    for command in [
        "demo", "init", "simulate", "generate", "inspect", "validate", "train", "evaluate",
        "compare", "predict",
    ] {
        assert!(help.contains(command), "{command}");
        assert!(place.ok(&[command, "--help"]).contains("Usage"));
    }
    assert!(place.ok(&["completions", "bash"]).contains("fewave"));
}

#[test]
fn the_demo_runs_and_shows_where_to_look_next() {
    let place = Workplace::new();
    let mut arguments = vec!["demo", "-o", "demo"];
    for set in [
        "count={ train = 4, valid = 2, test = 2 }",
        "grid.shape=[16, 16]",
        "mesh.cells=[4, 4]",
        "time.snapshots=11",
        "train.steps=4",
    ] {
        arguments.extend(["--set", set]);
    }
    let out = place.ok(&arguments);
    for word in [
        "dense",
        "one-way",
        "persistence",
        "parameters",
        "worst",
        "report/index.html",
    ] {
        assert!(out.contains(word), "no {word} in\n{out}");
    }
    place.ok(&["validate", "demo/data"]);
    assert!(place.path("demo/report/index.html").exists());
    // the configurations that it leaves behind run from where they are
    place.ok(&[
        "train",
        "demo/one-way.toml",
        "-o",
        "again",
        "--quiet",
        "--set",
        "train.steps=2",
    ]);
    let log = place.bytes("demo/runs/dense/log.csv");
    assert_eq!(
        String::from_utf8_lossy(&log).lines().count(),
        5,
        "a header and 4 steps"
    );
    place.fails(2, &arguments, &["demo", "exists", "--force"]);
    // a demo that was cut off goes on where it was
    std::fs::remove_dir_all(place.path("demo/report")).unwrap();
    std::fs::remove_dir_all(place.path("demo/runs/one-way")).unwrap();
    place.ok(&arguments);
    assert_eq!(
        log,
        place.bytes("demo/runs/dense/log.csv"),
        "not trained again"
    );
}

/// A model in a file: speeds between its extremes after rescaling, crops that differ, and a hash that follows its content.
#[test]
fn a_medium_from_a_file() {
    let place = Workplace::new();
    let (nx, ny) = (40, 30);
    let speeds: Vec<f32> = (0..nx * ny)
        .map(|i| 1500.0 + 1000.0 * ((i / ny) as f32 * 0.3).sin() + 20.0 * (i % ny) as f32)
        .collect();
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({nx}, {ny}), }}");
    let padded = format!("{header:<117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(padded.len()).unwrap().to_le_bytes());
    bytes.extend(padded.bytes());
    bytes.extend(speeds.iter().flat_map(|speed| speed.to_le_bytes()));
    std::fs::write(place.path("model.npy"), &bytes).unwrap();
    let medium = "kind = \"file\"\nfile = \"model.npy\"\nspacing = 10.0\ncrop = [200.0, 150.0]\nrescale = [0.7, 1.3]";
    let config = crate::support::DATASET.replace(
        "kind = \"gaussian-field\"\nspeed = [0.7, 1.3]\ncorrelation_length = 0.3",
        medium,
    );
    place.write("file.toml", &config);
    place.ok(&["generate", "file.toml", "-o", "data", "--quiet"]);
    place.ok(&["validate", "data"]);
    let file = hdf5::File::open(place.path("data/data/train/tiny_0000.hdf5")).unwrap();
    let speed = file
        .dataset("t0_fields/speed")
        .unwrap()
        .read_raw::<f32>()
        .unwrap();
    let (first, second) = (&speed[..16 * 12], &speed[16 * 12..2 * 16 * 12]);
    assert!(speed.iter().all(|c| (0.7..=1.3).contains(c)));
    assert_ne!(first, second, "every trajectory has its own crop");
    drop(file);
    // speeds that are none are named with the file
    let (header, sample) = (bytes.len() - 4 * speeds.len(), 4 * 35);
    for (speed, shown) in [
        (f32::NAN, "NaN"),
        (f32::INFINITY, "inf"),
        (-1500.0, "-1500"),
    ] {
        let mut bad = bytes.clone();
        bad[header + sample..][..4].copy_from_slice(&speed.to_le_bytes());
        std::fs::write(place.path("bad.npy"), &bad).unwrap();
        let set = "medium.file=bad.npy";
        place.fails(
            2,
            &["generate", "file.toml", "-o", "bad", "--set", set],
            &["medium.file", "bad.npy", shown, "finite number above 0"],
        );
        assert!(!place.path("bad").exists());
    }
    // the same name with other content is another configuration
    bytes[200] ^= 1;
    std::fs::write(place.path("model.npy"), &bytes).unwrap();
    place.fails(
        2,
        &["generate", "file.toml", "-o", "data"],
        &["another configuration", "content of a file"],
    );
    place.fails(
        2,
        &[
            "generate",
            "file.toml",
            "-o",
            "big",
            "--set",
            "medium.crop=[4000, 100]",
        ],
        &["medium.crop", "4000", "does not fit", "390"],
    );
}
