//! Runs and checkpoints that are not what a command needs, and training that is cut off.

use std::time::{Duration, Instant};

use crate::support::Workplace;

#[test]
fn an_existing_run_is_neither_overwritten_nor_mixed() {
    let place = Workplace::with_run();
    let weights = place.bytes("run/last.safetensors");
    place.fails(
        2,
        &["train", "train.toml", "-o", "run"],
        &["run", "--resume", "--force"],
    );
    place.fails(
        2,
        &[
            "train",
            "train.toml",
            "-o",
            "run",
            "--resume",
            "--set",
            "network.width=8",
        ],
        &["width", "4", "8"],
    );
    assert_eq!(weights, place.bytes("run/last.safetensors"));
    place.ok(&["train", "train.toml", "-o", "run", "--force", "--quiet"]);
    place.ok(&[
        "compare", "run", "--data", "data", "-o", "report", "--quiet",
    ]);
    place.fails(
        2,
        &["compare", "run", "--data", "data", "-o", "report"],
        &["report", "--force"],
    );
}

#[test]
fn checkpoints_that_are_broken_or_of_another_network() {
    let place = Workplace::with_run();
    let evaluate = ["evaluate", "run", "--data", "data"];
    let good = place.bytes("run/best.safetensors");
    for length in [0, 5, 100, good.len() / 2, good.len() - 1] {
        std::fs::write(place.path("run/best.safetensors"), &good[..length]).unwrap();
        place.fails(1, &evaluate, &["best.safetensors"]);
    }
    std::fs::remove_file(place.path("run/best.safetensors")).unwrap();
    place.fails(1, &evaluate, &["best.safetensors"]);
    place.fails(1, &["evaluate", "absent", "--data", "data"], &["absent"]);
    // the metadata of one network around the weights of another
    place.ok(&[
        "train",
        "train.toml",
        "-o",
        "wide",
        "--quiet",
        "--set",
        "network.width=8",
    ]);
    let wide = place.bytes("wide/best.safetensors");
    let text = String::from_utf8_lossy(&wide).into_owned();
    let at = text
        .find("\\\"width\\\":8")
        .expect("the checkpoint stores its configuration");
    let mut changed = wide.clone();
    changed[at + "\\\"width\\\":".len()] = b'4';
    std::fs::write(place.path("wide/best.safetensors"), changed).unwrap();
    place.fails(
        1,
        &["evaluate", "wide", "--data", "data"],
        &["best.safetensors", "expected"],
    );
}

#[test]
fn data_that_a_surrogate_cannot_take() {
    let place = Workplace::with_run();
    place.ok(&[
        "generate",
        "dataset.toml",
        "-o",
        "other",
        "--quiet",
        "--set",
        "time.duration=0.8",
    ]);
    place.fails(
        1,
        &["evaluate", "run", "--data", "other"],
        &["interval", "0.1", "0.05"],
    );
    place.fails(
        1,
        &[
            "train",
            "train.toml",
            "-o",
            "deep",
            "--set",
            "network.depth=5",
        ],
        &["16", "multiple", "32"],
    );
    place.ok(&["simulate", "dataset.toml", "-o", "one.hdf5", "--quiet"]);
    place.fails(
        2,
        &[
            "predict", "run", "--input", "one.hdf5", "-o", "p.hdf5", "--steps", "0",
        ],
        &["--steps", "0"],
    );
    place.fails(
        1,
        &["predict", "run", "--input", "absent.hdf5", "-o", "p.hdf5"],
        &["absent.hdf5"],
    );
}

#[test]
fn a_killed_training_resumes_to_the_same_bits() {
    let place = Workplace::with_data();
    let longer = [
        "--set",
        "train.steps=400",
        "--set",
        "train.checkpoint_every=7",
        "--set",
        "train.valid_every=50",
        "--quiet",
    ];
    let arguments = |run: &'static str, more: &[&'static str]| {
        let mut list = vec!["train", "train.toml", "-o", run];
        list.extend(longer);
        list.extend(more);
        list
    };
    place.ok(&arguments("whole", &[]));
    let mut child = place.command(&arguments("killed", &[])).spawn().unwrap();
    let start = Instant::now();
    while !place.path("killed/last.safetensors").exists()
        && start.elapsed() < Duration::from_secs(60)
    {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    assert!(
        !child.wait().unwrap().success(),
        "killed too late to test anything"
    );
    place.ok(&arguments("killed", &["--resume", "--threads", "1"]));
    assert!(
        weights(&place, "whole/last.safetensors") == weights(&place, "killed/last.safetensors")
    );
    assert!(
        weights(&place, "whole/best.safetensors") == weights(&place, "killed/best.safetensors")
    );
}

/// The tensors of a checkpoint; its header also holds wall times, which differ.
fn weights(place: &Workplace, name: &str) -> Vec<u8> {
    let bytes = place.bytes(name);
    let mut length = [0; 8];
    length.copy_from_slice(&bytes[..8]);
    bytes[8 + usize::try_from(u64::from_le_bytes(length)).unwrap()..].to_vec()
}

#[test]
fn training_that_diverges_stops_with_a_reason() {
    let place = Workplace::with_data();
    let message = place.fails(
        1,
        &[
            "train",
            "train.toml",
            "-o",
            "run",
            "--set",
            "train.learning_rate=1e30",
            "--set",
            "train.clip=0",
            "--set",
            "network.norm=none",
            "--set",
            "train.loss=mse",
        ],
        &["step", "learning_rate"],
    );
    assert!(
        message.contains("loss") || message.contains("gradient"),
        "{message}"
    );
}

#[test]
fn a_full_disk_ends_a_training_and_leaves_no_half_checkpoint() {
    let place = Workplace::with_data();
    let script = format!(
        "trap '' XFSZ; ulimit -f 64; exec {} train train.toml -o run --set network.width=16",
        env!("CARGO_BIN_EXE_fewave")
    );
    let output = std::process::Command::new("bash")
        .args(["-c", &script])
        .current_dir(place.path(""))
        .output()
        .unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(
        message.contains("safetensors") && message.contains("space"),
        "{message}"
    );
    assert!(!message.contains("panicked"), "{message}");
    let left: Vec<_> = std::fs::read_dir(place.path("run"))
        .unwrap()
        .flatten()
        .collect();
    assert!(
        left.iter().all(|entry| {
            let name = entry.file_name();
            ["log.csv", "footprint.json", "events"]
                .iter()
                .any(|kept| name == *kept)
        }),
        "{left:?}"
    );
}

#[test]
fn bench_replaces_no_file_and_knows_its_kinds() {
    let place = Workplace::new();
    place.write("solver.csv", "mine");
    place.fails(
        2,
        &["bench", "solver", "--quick", "-o", "solver.csv"],
        &["solver.csv", "--force"],
    );
    place.fails(2, &["bench", "printer"], &["printer", "solver", "layers"]);
    place.fails(2, &["bench", "solver", "--step"], &["bench layers"]);
    place.fails(
        2,
        &["bench", "layers", "--scheme", "sparse"],
        &["sparse", "one-way"],
    );
    assert_eq!(place.bytes("solver.csv"), b"mine");
}
