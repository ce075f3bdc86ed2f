//! What a comparison says in words: no more than its numbers hold.

use serde_json::Value;

use crate::support::Workplace;

#[test]
fn different_histories_and_short_rollouts_are_said() {
    let place = Workplace::with_run();
    place.ok(&[
        "train",
        "train.toml",
        "-o",
        "long",
        "--quiet",
        "--set",
        "task.history=4",
    ]);
    let out = place.ok(&["compare", "run", "long", "--data", "data", "-o", "report"]);
    let page = String::from_utf8(place.bytes("report/index.html")).unwrap();
    for word in ["persistence (history 4)", "run from 2, long from 4"] {
        assert!(page.contains(word) && out.contains(word), "no {word}");
    }
    // 9 snapshots, of which 2 or 4 are given: nothing has 20 steps
    assert!(!out.contains("20 steps") && !page.contains("Rollout of"));
    assert!(out.contains("all 5 to 7 steps") && page.contains("Whole rollout of 5 to 7 steps"));
    for word in ["for the same 7 snapshots", "for the same 5 snapshots"] {
        assert!(page.contains(word), "no {word}");
    }
    for word in ["<strong>No.", "exact", "1.0 times", "1 networks"] {
        assert!(!page.contains(word), "{word} in the report");
    }
    // wavefields begin where both predict, at snapshot 4: before, the longer history has true ones
    let fields = String::from_utf8(place.bytes("report/figures/wavefields-worst.csv")).unwrap();
    let times = fields.lines().skip(1).map(|line| {
        let time = line.split(',').next().unwrap();
        time.parse::<f64>().unwrap()
    });
    assert!(times.fold(f64::INFINITY, f64::min) > 0.199);
    let summary = String::from_utf8(place.bytes("report/summary.csv")).unwrap();
    // 11 measures of single steps, 12 of rollouts, one of which in two lengths
    assert_eq!(summary.matches("zero (history 2)").count(), 24);
    let metrics = String::from_utf8(place.bytes("report/metrics.csv")).unwrap();
    let head: Vec<&str> = metrics.lines().next().unwrap().split(',').collect();
    for column in [
        "split",
        "channel",
        "nrmse",
        "vrmse",
        "spectral_high_m",
        "energy_drift",
    ] {
        assert!(head.contains(&column), "{column} in {head:?}");
    }
    let drift = head
        .iter()
        .position(|name| *name == "energy_drift")
        .unwrap();
    let undefined = metrics
        .lines()
        .filter(|line| line.split(',').nth(drift) == Some(""));
    // single steps, and the last snapshot of each rollout
    assert_eq!(undefined.count(), 2 * (7 + 5) + 4);
    let trajectories = String::from_utf8(place.bytes("report/trajectories.csv")).unwrap();
    assert_eq!(trajectories.lines().count(), 1 + 2 * 2 * 2);
    assert!(page.contains("Energy drift") && page.contains("VRMSE"));
}

#[test]
fn equal_sizes_and_repeated_runs() {
    let place = Workplace::with_run();
    place.fails(
        2,
        &["compare", "run", "./run", "--data", "data", "-o", "report"],
        &["given twice", "./run"],
    );
    place.ok(&["train", "train.toml", "-o", "other/run", "--quiet"]);
    let json = place.ok(&[
        "compare",
        "run",
        "other/run",
        "--data",
        "data",
        "-o",
        "equal",
        "--split",
        "train",
        "--json",
    ]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["runs"][1]["label"], "other/run");
    assert_eq!(json["baselines"].as_array().unwrap().len(), 3);
    let page = String::from_utf8(place.bytes("equal/index.html")).unwrap();
    assert!(page.contains("parameters, as many as run"));
    assert!(page.contains("these very trajectories"));
}
