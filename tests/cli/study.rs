//! `fewave study`: from the file to the table, killed and continued, with mistakes and with runs that fail.

use std::time::{Duration, Instant};

use crate::support::Workplace;

const STUDY: &str = r#"
base = "train.toml"
[grid]
seed = [0, 1]
[[run]]
name = "dense"
set = { network.scheme = { kind = "dense" } }
[[run]]
name = "filter"
set = { train.steps = 18 }
grid = { train.learning_rate = [1e-3, 4e-3] }
[[run]]
name = "projected"
project_from = "dense"
[select]
over = ["train.learning_rate"]
by = "valid rollout_20 median"
"#;

fn place() -> Workplace {
    let place = Workplace::with_data();
    place.write("study.toml", STUDY);
    place
}

/// The table with named columns, less those that the clock fills.
fn rows(place: &Workplace, name: &str) -> Vec<Vec<(String, String)>> {
    let bytes = place.bytes(name);
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let header = reader.headers().unwrap().clone();
    let row = |record: csv::StringRecord| {
        header
            .iter()
            .zip(record.iter())
            .filter(|(column, _)| !column.starts_with("training_seconds"))
            .map(|(column, value)| (column.to_owned(), value.to_owned()))
            .collect()
    };
    reader
        .records()
        .map(|record| row(record.unwrap()))
        .collect()
}

fn column<'a>(row: &'a [(String, String)], name: &str) -> &'a str {
    row.iter()
        .find(|(column, _)| column == name)
        .map_or_else(|| panic!("no column {name}"), |(_, value)| value)
}

#[test]
fn a_study_killed_anywhere_ends_with_the_same_table() {
    let place = place();
    let plan = place.ok(&["study", "study.toml", "--dry-run"]);
    assert!(
        plan.contains("filter_learning_rate=0.001_seed=1") && plan.contains("to do"),
        "{plan}"
    );
    assert!(!place.path("study").exists());

    place.ok(&["study", "study.toml", "-o", "whole", "--quiet"]);
    let whole = rows(&place, "whole/summary.csv");
    assert_eq!(whole.len(), 8);
    assert!(
        whole.iter().all(|row| column(row, "state") == "finished"),
        "{whole:?}"
    );
    // one learning rate stands for the filter network, for both seeds; others stand for themselves
    let selected = whole
        .iter()
        .filter(|row| column(row, "selected") == "true")
        .count();
    assert_eq!(selected, 2 + 2 + 2);
    for row in &whole {
        let smaller = column(row, "parameters").parse::<usize>().unwrap()
            < column(row, "dense_parameters").parse().unwrap();
        assert_eq!(
            smaller,
            !column(row, "name").starts_with("dense"),
            "{row:?}"
        );
        assert!(column(row, "test_one_step_worst").parse::<f64>().unwrap() > 0.0);
    }
    assert_eq!(rows(&place, "whole/baselines.csv").len(), 3);
    for name in ["one-step-parameters", "rollout-training-work"] {
        for extension in ["svg", "png", "pdf", "csv"] {
            assert!(
                !place
                    .bytes(&format!("whole/figures/{name}.{extension}"))
                    .is_empty()
            );
        }
    }

    // killed three times, each time a run later; the time between is left to chance
    for finished in 0..3 {
        let mut child = place
            .command(&["study", "study.toml", "-o", "killed", "--quiet"])
            .spawn()
            .unwrap();
        let begun = Instant::now();
        let records = || std::fs::read_dir(place.path("killed/records")).map_or(0, Iterator::count);
        while records() <= finished && child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(2));
        }
        let _ = child.kill();
        child.wait().unwrap();
    }
    place.ok(&["study", "study.toml", "-o", "killed", "--quiet"]);
    for (row, killed) in whole.iter().zip(rows(&place, "killed/summary.csv")) {
        assert_eq!(*row, killed);
    }
    assert_eq!(whole.len(), rows(&place, "killed/summary.csv").len());

    // nothing is left to do; latencies are filled in on request
    let again = place.ok(&["study", "study.toml", "-o", "whole"]);
    assert!(again.contains("8 runs, 8 of them finished"), "{again}");
    assert!(!again.contains("[1/"), "{again}");
    place.ok(&[
        "study",
        "study.toml",
        "-o",
        "whole",
        "--latency",
        "--quiet",
        "--threads",
        "1",
    ]);
    for row in rows(&place, "whole/summary.csv") {
        assert!(column(&row, "latency_ms").parse::<f64>().unwrap() > 0.0);
        assert_eq!(column(&row, "latency_threads"), "1");
    }
    assert!(!place.bytes("whole/figures/one-step-latency.svg").is_empty());

    // another run under a name that is taken
    place.fails(
        2,
        &[
            "study",
            "study.toml",
            "-o",
            "whole",
            "--set",
            "train.batch=2",
        ],
        &["other settings", "train.batch (4 there, 2 here)", "--force"],
    );
}

#[test]
fn a_run_that_fails_is_recorded_and_the_others_go_on() {
    let place = place();
    let study = STUDY
        .replace("[1e-3, 4e-3]", "[1e-3, 1e30]")
        .replace("seed = [0, 1]", "seed = [0]");
    place.write("study.toml", &study);
    let failed = "filter_learning_rate=1000000000000000000000000000000.0_seed=0";
    place.fails(
        1,
        &["study", "study.toml", "-o", "out"],
        &[failed, "1 of 4 runs failed"],
    );
    let rows = rows(&place, "out/summary.csv");
    assert_eq!(rows.len(), 4);
    for row in &rows {
        let bad = column(row, "name") == failed;
        assert_eq!(
            column(row, "state"),
            if bad { "failed" } else { "finished" }
        );
        assert_eq!(
            column(row, "message").contains("expected a finite number"),
            bad,
            "{row:?}"
        );
    }
    assert!(
        !place
            .bytes("out/figures/one-step-parameters.svg")
            .is_empty()
    );
}

#[test]
fn mistakes_are_found_before_anything_is_trained() {
    let place = place();
    for (from, to, words) in [
        (
            "train.steps = 18",
            "train.stepps = 18",
            &["train.stepps", "did you mean `steps`", "study.toml:10"][..],
        ),
        (
            "project_from = \"dense\"",
            "project_from = \"thick\"",
            &["thick", "the name of another run"],
        ),
        (
            "rollout_20 median",
            "rollout",
            &["select.by", "valid rollout_20 median"],
        ),
        (
            "base = \"train.toml\"",
            "base = \"absent.toml\"",
            &["absent.toml"],
        ),
        (
            "name = \"projected\"\n",
            "name = \"projected\"\nset = { network.width = 8 }\n",
            &[],
        ),
    ] {
        place.write("study.toml", &STUDY.replace(from, to));
        if words.is_empty() {
            // only the trained network can tell: the run fails, the others do not
            place.fails(
                1,
                &["study", "study.toml", "-o", "out", "--quiet"],
                &[
                    "projected_seed=0",
                    "the dense network's own task and sizes",
                    "width",
                ],
            );
        } else {
            place.fails(2, &["study", "study.toml", "-o", "out"], words);
            assert!(!place.path("out").exists());
        }
    }
    place.fails(
        2,
        &["study", "study.toml", "-o", "data"],
        &["does not hold a study"],
    );
}

/// Fewer trajectories are a setting like any other.
#[test]
fn the_size_of_the_data_can_be_varied() {
    let place = place();
    place.write(
        "study.toml",
        "base = \"train.toml\"\n[grid]\ntrain.trajectories = [2, 8]\n",
    );
    place.ok(&["study", "study.toml", "-o", "out", "--quiet"]);
    let names: Vec<String> = rows(&place, "out/summary.csv")
        .iter()
        .map(|row| column(row, "name").to_owned())
        .collect();
    assert_eq!(names, ["trajectories=2", "trajectories=8"]);
    place.fails(
        2,
        &[
            "train",
            "train.toml",
            "-o",
            "run",
            "--set",
            "train.trajectories=9",
        ],
        &["train.trajectories", "at most the 8 of data"],
    );
}

/// The studies that the project hands out are read and planned as they are, on a handful of their trajectories.
#[test]
fn the_studies_of_the_examples_are_planned() {
    let place = Workplace::new();
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let plan = |dataset: &str, study: &str| {
        let [dataset, study] = [dataset, study].map(|name| examples.join(name));
        let count = "count={ train = 1, valid = 1, test = 1 }";
        let dataset = dataset.to_str().unwrap();
        place.ok(&[
            "generate", dataset, "-o", "data", "--quiet", "--force", "--set", count,
        ]);
        let study = study.to_str().unwrap();
        place.ok(&["study", study, "--dry-run", "--set", "data=data"])
    };
    let line = |plan: &str, run: &str| {
        let found = plan.lines().find(|line| line.contains(run));
        found
            .unwrap_or_else(|| panic!("no {run} in\n{plan}"))
            .to_owned()
    };
    let quick = plan("headline/quick/dataset.toml", "headline/quick/study.toml");
    let dense = line(&quick, "unet-dense_width=32_seed=0_learning_rate=0.006");
    assert!(dense.contains("7 846 657"), "{dense}");
    let one_way = line(&quick, "filter-R1_width=32_seed=2_learning_rate=0.024");
    assert!(one_way.contains("10 337"), "{one_way}");
    line(&quick, "unet-projected_seed=0");
    line(
        &plan("headline/dataset.toml", "headline/study.toml"),
        "layer-R1.0_width=24_seed=2",
    );
    line(
        &plan("generalise/layers.toml", "generalise/study.toml"),
        "structured",
    );
    plan("generalise/smooth.toml", "generalise/study.toml");
}
