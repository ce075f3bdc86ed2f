//! Datasets: determinism, resuming, shards, and what happens when something breaks.

use std::time::{Duration, Instant};

use crate::support::{Workplace, tree};

#[test]
fn the_same_bytes_whatever_the_threads_shards_and_interruptions() {
    let place = Workplace::new();
    place.ok(&["generate", "dataset.toml", "-o", "one", "--threads", "1"]);
    place.ok(&["generate", "dataset.toml", "-o", "two", "--threads", "2"]);
    for shard in ["1/3", "0/3"] {
        place.ok(&["generate", "dataset.toml", "-o", "shards", "--shard", shard]);
        assert!(!place.path("shards/stats.yaml").exists());
    }
    place.ok(&["generate", "dataset.toml", "-o", "shards", "--shard", "2/3"]);
    let one = tree(&place.path("one"));
    assert_eq!(one.len(), 6, "4 data files, stats and config");
    for other in ["two", "shards"] {
        for ((path, bytes), (other_path, other_bytes)) in one.iter().zip(&tree(&place.path(other)))
        {
            assert_eq!(path, other_path);
            assert!(bytes == other_bytes, "{other}: {} differs", path.display());
        }
    }
    // a lost file and a stale temporary one: only what is missing is done again, to the same bytes
    std::fs::remove_file(place.path("one/data/train/tiny_0001.hdf5")).unwrap();
    place.write("one/data/train/tiny_0001.hdf5.part", "left by a killed run");
    let out = place.ok(&["generate", "dataset.toml", "-o", "one", "--json"]);
    let summary: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (summary["simulated"].as_u64(), summary["found"].as_u64()),
        (Some(4), Some(8))
    );
    // a line a run: what it simulated
    let record = String::from_utf8(place.bytes("one/generation.jsonl")).unwrap();
    let simulated: Vec<u64> = record
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|run| run["trajectories"].as_u64().unwrap())
        .collect();
    assert_eq!(simulated, [12, 4]);
    let shards = String::from_utf8(place.bytes("shards/generation.jsonl")).unwrap();
    assert_eq!(shards.lines().count(), 3);
    assert!(
        tree(&place.path("one"))
            .iter()
            .zip(&one)
            .all(|(a, b)| a == b)
    );
}

#[test]
fn a_killed_run_continues() {
    let place = Workplace::new();
    let larger = ["--set", "count.train=400", "--set", "mesh.cells=[8, 6]"];
    let arguments = |folder: &'static str| {
        let mut list = vec!["generate", "dataset.toml", "-o", folder, "--quiet"];
        list.extend(larger);
        list
    };
    let mut child = place.command(&arguments("killed")).spawn().unwrap();
    let first = place.path("killed/data/train/tiny_0003.hdf5");
    let start = Instant::now();
    while !first.exists() && start.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(first.exists());
    assert!(
        !place.path("killed/stats.yaml").exists(),
        "killed too late to test anything"
    );
    place.ok(&arguments("killed"));
    place.ok(&arguments("whole"));
    let leftovers = |path: &std::path::Path| path.extension().is_some_and(|e| e == "part");
    let killed = tree(&place.path("killed"));
    assert!(killed.iter().all(|(path, _)| !leftovers(path)));
    assert!(killed == tree(&place.path("whole")));
}

#[test]
fn another_configuration_is_refused_and_forced() {
    let place = Workplace::with_data();
    let other = ["generate", "dataset.toml", "-o", "data", "--set", "seed=4"];
    place.fails(
        2,
        &other,
        &["another configuration", "seed: 3 there, 4 now", "--force"],
    );
    place.write("data/notes.txt", "mine");
    let before = place.bytes("data/data/train/tiny_0000.hdf5");
    let mut forced = other.to_vec();
    forced.push("--force");
    place.ok(&forced);
    assert!(before != place.bytes("data/data/train/tiny_0000.hdf5"));
    assert_eq!(
        place.bytes("data/notes.txt"),
        b"mine",
        "a user's file stays"
    );
}

#[test]
fn a_full_disk_is_an_error_that_names_the_file() {
    let place = Workplace::new();
    // a limit on the size of files makes writes fail as a full disk does
    let script = format!(
        "trap '' XFSZ; ulimit -f 40; exec {} generate dataset.toml -o data",
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
        message.contains("tiny_0000.hdf5") && message.contains("space"),
        "{message}"
    );
    assert!(!message.contains("panicked"), "{message}");
    assert!(!place.path("data/data/train/tiny_0000.hdf5").exists());
    assert!(!place.path("data/data/train/tiny_0000.hdf5.part").exists());
}

#[cfg(unix)]
#[test]
fn interruption_keeps_what_is_complete() {
    let place = Workplace::new();
    let mut child = place
        .command(&[
            "generate",
            "dataset.toml",
            "-o",
            "data",
            "--set",
            "count.train=4000",
            "--set",
            "mesh.cells=[8, 6]",
        ])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let first = place.path("data/data/train/tiny_0000.hdf5");
    let start = Instant::now();
    while !first.exists() && start.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(2));
    }
    std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    let mut message = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut message).unwrap();
    assert!(message.contains("same command continues"), "{message}");
    place.ok(&["validate", "data/data/train/tiny_0000.hdf5"]);
}

#[test]
fn simulate_is_the_first_trajectory_of_generate() {
    let place = Workplace::with_data();
    place.ok(&["simulate", "dataset.toml", "-o", "one.hdf5"]);
    let read = |path: &str| {
        let file = hdf5::File::open(place.path(path)).unwrap();
        let data = file
            .dataset("t0_fields/displacement")
            .unwrap()
            .read_raw::<f32>()
            .unwrap();
        data[..9 * 16 * 12].to_vec()
    };
    let (one, ensemble) = (read("one.hdf5"), read("data/data/train/tiny_0000.hdf5"));
    let largest = ensemble.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    assert!(largest > 0.01);
    for (a, b) in one.iter().zip(&ensemble) {
        assert!((a - b).abs() <= 2e-6 * largest, "{a} {b}");
    }
    place.fails(
        2,
        &["simulate", "dataset.toml", "-o", "one.hdf5"],
        &["one.hdf5", "exists", "--force"],
    );
    place.ok(&[
        "simulate",
        "dataset.toml",
        "-o",
        "one.hdf5",
        "--force",
        "--quiet",
    ]);
}

#[test]
fn shards_that_start_together_share_the_folder() {
    let place = Workplace::new();
    let children: Vec<_> = (0..4)
        .map(|index| {
            let shard = format!("{index}/4");
            let arguments = [
                "generate",
                "dataset.toml",
                "-o",
                "data",
                "--shard",
                &shard,
                "--quiet",
            ];
            place.command(&arguments).spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    place.ok(&["validate", "data"]);
    place.fails(
        2,
        &[
            "generate",
            "dataset.toml",
            "-o",
            "data",
            "--shard",
            "0/4",
            "--force",
        ],
        &["--force", "--shard"],
    );
}

#[test]
fn force_never_removes_what_is_not_ours() {
    let place = Workplace::with_run();
    std::fs::create_dir(place.path("precious")).unwrap();
    place.write("precious/thesis.txt", "years of work");
    for arguments in [
        vec!["generate", "dataset.toml", "-o", "precious"],
        vec!["train", "train.toml", "-o", "precious"],
        vec!["evaluate", "run", "--data", "data", "-o", "precious"],
        vec!["evaluate", "run", "--data", "data", "-o", "data"],
        vec!["compare", "run", "--data", "data", "-o", "run"],
        vec!["compare", "run", "--data", "data", "-o", "."],
        vec!["demo", "-o", "precious"],
    ] {
        let mut arguments = arguments;
        arguments.push("--force");
        place.fails(2, &arguments, &["does not hold", "choose another output"]);
    }
    assert_eq!(place.bytes("precious/thesis.txt"), b"years of work");
    place.ok(&["validate", "data"]);
    place.ok(&["inspect", "run"]);
    let file = "data/data/test/tiny_0000.hdf5";
    place.fails(
        2,
        &["predict", "run", "--input", file, "-o", file, "--force"],
        &["tiny_0000.hdf5", "input itself"],
    );
}
