//! How much memory a training takes: what it says beforehand, and no more with more data than it may keep.

use std::time::Duration;

use crate::support::{Workplace, tree};

const MIB: f64 = (1 << 20) as f64;

/// Generates trajectories of 2.5 MiB each to train on, and one to validate on.
fn generate(place: &Workplace, folder: &str, trajectories: usize) {
    let count = format!("count={{ train = {trajectories}, valid = 1, test = 1 }}");
    let sets = [
        &count,
        "grid.shape=[64, 64]",
        "time.snapshots=160",
        "mesh.order=2",
    ];
    let mut arguments = vec!["generate", "dataset.toml", "-o", folder, "--quiet"];
    arguments.extend(sets.iter().flat_map(|set| ["--set", *set]));
    place.ok(&arguments);
}

/// Trains for a few steps; the most memory that the process had, MiB.
fn peak(place: &Workplace, data: &str, run: &str, sets: &[&str]) -> f64 {
    let data = format!("data={data}");
    let mut arguments = vec![
        "train",
        "train.toml",
        "-o",
        run,
        "--quiet",
        "--set",
        &data,
        "--set",
        "train.steps=8",
        "--set",
        "train.batch=16",
        "--set",
        "network.scheme={ kind = \"dense\" }",
    ];
    arguments.extend(sets.iter().flat_map(|set| ["--set", *set]));
    let mut process = place.command(&arguments).spawn().unwrap();
    let status = format!("/proc/{}/status", process.id());
    let mut most = 0.0f64;
    let code = loop {
        if let Ok(text) = std::fs::read_to_string(&status)
            && let Some(line) = text.lines().find(|line| line.starts_with("VmHWM:"))
        {
            let kib = line.split_whitespace().nth(1).unwrap();
            most = most.max(kib.parse::<f64>().unwrap() / 1024.0);
        }
        if let Some(code) = process.try_wait().unwrap() {
            break code;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    assert!(code.success());
    most
}

#[test]
fn data_that_do_not_fit_are_trained_on_in_bounded_memory() {
    let place = Workplace::new();
    generate(&place, "small", 2);
    generate(&place, "large", 80);
    let files = tree(&place.path("large/data/train"));
    let bytes: usize = files.iter().map(|(_, content)| content.len()).sum();
    assert!(bytes as f64 > 195.0 * MIB, "{bytes}");
    let of = |data: &str, run: &str, cache: &str| peak(&place, data, run, &[cache]);
    let small = of("small", "a", "train.cache_mib=4");
    let large = of("large", "b", "train.cache_mib=4");
    assert!(large - small < 48.0, "{small} and {large} MiB");
    // the same with room for all: it would show
    let kept = of("large", "c", "train.cache_mib=1024");
    assert!(kept - small > 96.0, "{small} and {kept} MiB");
    // and what is kept changes no bit
    let weights = |run: &str| {
        let content = place.bytes(&format!("{run}/last.safetensors"));
        let file = safetensors::SafeTensors::deserialize(&content).unwrap();
        let mut all: Vec<_> = file
            .iter()
            .map(|(name, view)| (name.to_owned(), view.data().to_vec()))
            .collect();
        all.sort();
        all
    };
    assert!(weights("b") == weights("c"));
}

#[test]
fn the_memory_said_beforehand_is_within_a_factor_of_two() {
    let place = Workplace::new();
    generate(&place, "data", 1);
    let tiny = ["network.width=1", "network.depth=1", "train.batch=1"];
    let least = peak(&place, "data", "tiny", &tiny);
    for (run, sets) in [
        ("plain", &["network.width=24"][..]),
        ("unrolled", &["network.width=12", "train.unroll=3"]),
        (
            "deep",
            &[
                "network.width=24",
                "network.scheme={ kind = \"one-way\", form = \"layer\", rank_ratio = 1.0 }",
            ],
        ),
    ] {
        let found = peak(&place, "data", run, sets) - least;
        let text = place.bytes(&format!("{run}/footprint.json"));
        let said: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let expected = said["memory_bytes"].as_f64().unwrap() / MIB;
        assert!(expected > 32.0, "{run}: {expected} MiB");
        assert!(
            (0.5..2.0).contains(&(found / expected)),
            "{run}: {found} MiB, {expected} MiB were said"
        );
    }
}
