//! Mistakes in configurations and on the command line: exit code 2, and a message that names place, key, found, expected.

use crate::support::{DATASET, TRAIN, Workplace};

/// Replaces one line fragment of the dataset configuration and expects `words` in the error.
fn dataset(from: &str, to: &str, words: &[&str]) {
    assert!(DATASET.contains(from), "{from}");
    let place = Workplace::new();
    place.write("dataset.toml", &DATASET.replacen(from, to, 1));
    place.fails(2, &["generate", "dataset.toml", "-o", "data"], words);
    assert!(
        !place.path("data").exists(),
        "nothing may be created for {to}"
    );
}

fn train(from: &str, to: &str, words: &[&str]) {
    assert!(TRAIN.contains(from), "{from}");
    let place = Workplace::new();
    place.write("train.toml", &TRAIN.replacen(from, to, 1));
    place.fails(2, &["train", "train.toml", "-o", "run"], words);
    assert!(
        !place.path("run").exists(),
        "nothing may be created for {to}"
    );
}

#[test]
fn unknown_keys_name_the_nearest() {
    dataset(
        "order = 3",
        "oder = 3",
        &[
            "dataset.toml:11",
            "mesh.oder",
            "did you mean `order`",
            "cells",
        ],
    );
    dataset(
        "seed = 3",
        "sede = 3",
        &["dataset.toml:3", "`sede`", "did you mean `seed`"],
    );
    dataset(
        "width = [0.1, 0.15]",
        "wdth = [0.1, 0.15]",
        &["initial.0.wdth", "did you mean `width`"],
    );
    train(
        "learning_rate",
        "learnin_rate",
        &[
            "train.toml:17",
            "train.learnin_rate",
            "did you mean `learning_rate`",
        ],
    );
}

#[test]
fn wrong_types_and_ranges() {
    dataset(
        "seed = 3",
        "seed = \"three\"",
        &["dataset.toml:3", "`seed`", "\"three\"", "whole number"],
    );
    dataset(
        "speed = [0.7, 1.3]",
        "speed = [1.3, 0.7]",
        &["dataset.toml:16", "medium.speed", "empty", "above"],
    );
    dataset(
        "speed = [0.7, 1.3]",
        "speed = [-0.7, 1.3]",
        &["medium.speed", "above 0"],
    );
    dataset(
        "speed = [0.7, 1.3]",
        "speed = [nan, 1.3]",
        &["medium.speed", "finite"],
    );
    dataset(
        "speed = [0.7, 1.3]",
        "speed = [0.7, inf]",
        &["medium.speed", "finite"],
    );
    dataset(
        "size = [1.0, 0.75]",
        "size = [1.0, -0.75]",
        &["dataset.toml:8", "mesh.size", "above 0"],
    );
    dataset(
        "cells = [4, 3]",
        "cells = [0, 3]",
        &["mesh.cells", "from 1"],
    );
    dataset("order = 3", "order = 400", &["mesh.order", "400", "1 to 8"]);
    dataset(
        "snapshots = 9",
        "snapshots = 0",
        &["time.snapshots", "from 2"],
    );
    dataset(
        "duration = 0.4",
        "duration = -1",
        &["time.duration", "above 0"],
    );
    dataset(
        "kind = \"pulses\"",
        "kind = \"pulse\"",
        &["initial.0.kind", "\"pulse\"", "\"pulses\""],
    );
    dataset("train = 8, ", "", &["count.train", "missing"]);
    dataset("shape = [16, 12]", "shape = [16]", &["grid.shape", "[16]"]);
    train(
        "batch = 4",
        "batch = \"four\"",
        &["train.toml:16", "train.batch", "four"],
    );
    train("rank = 1", "rank = 0", &["scheme", "rank", "0"]);
    train("kernel = 3", "kernel = 4", &["kernel", "4", "odd"]);
    train(
        "loss = \"relative-l2\"",
        "loss = \"l7\"",
        &["train.loss", "l7", "relative-l2"],
    );
}

#[test]
fn places_outside_the_mesh() {
    dataset(
        "[[0.3, 0.7], [0.3, 0.5]]",
        "[[0.3, 1.7], [0.3, 0.5]]",
        &["initial.0.position", "inside the mesh"],
    );
    dataset(
        "[0.8, 0.6]]",
        "[0.8, 0.9]]",
        &["receivers.points", "number 1", "(0.8, 0.9)"],
    );
}

#[test]
fn time_steps_and_sizes_that_cannot_be() {
    dataset(
        "snapshots = 9",
        "snapshots = 9\ndt = 0.1",
        &["0.1 s is unstable", "at most", "auto"],
    );
    dataset(
        "cells = [4, 3]",
        "cells = [90000, 90000]",
        &["MiB available", "fewer cells"],
    );
}

#[test]
fn files_that_are_missing_or_no_toml() {
    let place = Workplace::new();
    place.fails(
        2,
        &["generate", "absent.toml", "-o", "data"],
        &["absent.toml", "cannot read", "fewave init"],
    );
    place.write("dataset.toml", "name = [");
    place.fails(
        2,
        &["generate", "dataset.toml", "-o", "data"],
        &["dataset.toml", "not valid TOML", "line 1"],
    );
    place.write(
        "file.toml",
        &DATASET.replace(
            "kind = \"gaussian-field\"\nspeed = [0.7, 1.3]\ncorrelation_length = 0.3",
            "kind = \"file\"\nfile = \"absent.npy\"\nspacing = 1.0",
        ),
    );
    place.fails(
        2,
        &["generate", "file.toml", "-o", "data"],
        &["medium.file", "absent.npy", "--set medium.file"],
    );
    place.write("absent.npy", "no numpy file");
    place.fails(
        2,
        &["generate", "file.toml", "-o", "data"],
        &["absent.npy", "npy"],
    );
}

#[test]
fn overrides() {
    let place = Workplace::new();
    place.fails(
        2,
        &[
            "generate",
            "dataset.toml",
            "-o",
            "data",
            "--set",
            "mesh.order",
        ],
        &["--set mesh.order", "KEY=VALUE"],
    );
    place.fails(
        2,
        &[
            "generate",
            "dataset.toml",
            "-o",
            "data",
            "--set",
            "mesh.order=0",
        ],
        &["--set mesh.order", "1 to 8"],
    );
    place.fails(
        2,
        &[
            "generate",
            "dataset.toml",
            "-o",
            "data",
            "--set",
            "mehs.order=2",
        ],
        &["mehs", "did you mean `mesh`"],
    );
}

#[test]
fn epochs_on_the_command_line_replace_the_steps_of_the_file() {
    let place = Workplace::with_data();
    let arguments = [
        "train",
        "train.toml",
        "-o",
        "run",
        "--json",
        "--set",
        "train.epochs=1",
    ];
    let summary: serde_json::Value = serde_json::from_str(&place.ok(&arguments)).unwrap();
    // 8 trajectories of 9 snapshots with a history of 2 make 56 windows, 14 batches of 4
    assert_eq!(summary["steps"], 14);
    place.write(
        "both.toml",
        &TRAIN.replace("steps = 12", "steps = 12\nepochs = 1"),
    );
    place.fails(
        2,
        &["train", "both.toml", "-o", "both"],
        &["both.toml", "epochs", "steps"],
    );
}

#[test]
fn wrong_usage() {
    let place = Workplace::new();
    place.fails(2, &["genrate"], &["genrate", "generate"]);
    place.fails(
        2,
        &["generate", "dataset.toml", "-o", "data", "--shard", "4/4"],
        &["--shard", "0 ≤ i < n"],
    );
    place.fails(2, &["generate", "dataset.toml"], &["--output"]);
}
