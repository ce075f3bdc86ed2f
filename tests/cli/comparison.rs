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
    for word in ["<strong>No.", "exact", " 1.0 times", " 1 networks"] {
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
    // 11 measures of single steps, 12 of rollouts, one of which in two lengths; 3 of seismograms, since zero arrives at no time
    assert_eq!(summary.matches("zero (history 2)").count(), 27);
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
    // the trivial ones, and coarse FE
    assert_eq!(json["baselines"].as_array().unwrap().len(), 4);
    let page = String::from_utf8(place.bytes("equal/index.html")).unwrap();
    assert!(page.contains("parameters, as many as run"));
    assert!(page.contains("these very trajectories"));
}

/// The error of the reference, and FE that is as good as the surrogate.
#[test]
fn fe_stands_beside_the_runs() {
    let place = Workplace::with_run();
    let json = place.ok(&["compare", "run", "--data", "data", "-o", "report", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    // 9 × 6 spaces between the nodes of half the resolution of the data, in cells of order 4
    assert_eq!(json["fe"]["coarse"], "GLL order 4, 2 × 2 cells");
    let coarse = json["baselines"].as_array().unwrap().iter();
    let coarse: Vec<&Value> = coarse.filter(|one| one["name"] == "coarse-FE").collect();
    assert_eq!((coarse.len(), &coarse[0]["parameters"]), (1, &1.into()));
    let budget = &json["fe"]["budget"];
    assert_eq!(budget["finer"], "GLL order 3, 8 × 6 cells");
    let reference = budget["runs"][0]["reference"]["median"].as_f64().unwrap();
    let worth = &json["runs"][0]["worth"];
    let number = |value: &Value| value.as_f64().unwrap();
    let error = number(&worth["error"]);
    assert!(0.0 < reference && reference < 0.5 && error > 0.0);
    for mode in 0..2 {
        let equal = &worth["equal"][mode];
        assert!(number(&equal["error"]) <= error, "{worth}");
        assert!(
            number(&equal["ms"]) <= number(&worth["own_ms"][mode]),
            "{worth}"
        );
        let speed_up = number(&equal["ms"]) / number(&worth["surrogate_ms"][mode]);
        assert!((number(&worth["speed_up"][mode]) / speed_up - 1.0).abs() < 1e-9);
    }
    assert_eq!(worth["complete"], true);
    let page = String::from_utf8(place.bytes("report/index.html")).unwrap();
    for words in [
        "Error budget",
        "Speed-up at equal error",
        "coarse FE",
        "with the data&#39;s own mesh",
        "back its costs",
    ] {
        let plain = words.replace("&#39;", "'");
        assert!(
            page.contains(words) || page.contains(&plain),
            "no {words} in the report"
        );
    }
}

#[test]
fn fe_is_bounded_or_left_out() {
    let place = Workplace::with_run();
    let json = |arguments: &[&str]| -> Value {
        let mut all = vec!["compare", "run", "--data", "data", "--json", "-o"];
        all.extend(arguments);
        serde_json::from_str(&place.ok(&all)).unwrap()
    };
    let none = json(&["none", "--no-fe"]);
    assert!(none["fe"].is_null() && none["runs"][0]["worth"].is_null());
    assert_eq!(none["baselines"].as_array().unwrap().len(), 3);
    let page = String::from_utf8(place.bytes("none/index.html")).unwrap();
    assert!(page.contains("--no-fe") && !page.contains("Error budget"));
    // no time to search: the data's own discretisation is left, and that is said
    let short = json(&["short", "--fe-seconds", "0", "--budget-trajectories", "0"]);
    let worth = &short["runs"][0]["worth"];
    assert_eq!(worth["complete"], false);
    assert_eq!(worth["speed_up"], worth["naive_speed_up"]);
    assert!(short["fe"]["budget"].is_null());
    let page = String::from_utf8(place.bytes("short/index.html")).unwrap();
    assert!(page.contains("cut short by its time limit"));
    place.fails(
        2,
        &[
            "compare",
            "run",
            "--data",
            "data",
            "-o",
            "bad",
            "--fe-seconds=-1",
        ],
        &["fe-seconds"],
    );
    // evaluate asks for the reference's error only
    let arguments = [
        "evaluate",
        "run",
        "--data",
        "data",
        "--budget-trajectories",
        "1",
        "--json",
    ];
    let evaluated: Value = serde_json::from_str(&place.ok(&arguments)).unwrap();
    let budget = &evaluated["fe"]["budget"];
    assert_eq!(budget["trajectories"].as_array().unwrap().len(), 1);
    assert!(evaluated["fe"]["own"].is_null() && evaluated["runs"][0]["worth"].is_null());
    let summary = String::from_utf8(place.bytes("run/evaluation/summary.csv")).unwrap();
    assert!(summary.contains("coarse-FE,rollout_vrmse"));
}

#[test]
fn requirements_decide_the_verdict_and_the_exit_code() {
    let place = Workplace::with_run();
    let compare = ["compare", "run", "--data", "data", "--no-fe", "-o"];
    let with = |rest: &[&'static str]| [compare.as_slice(), rest].concat();
    place.fails(
        2,
        &with(&["none", "--require", "rollout_relativ_l2=0.1"]),
        &[
            "--require rollout_relativ_l2=0.1",
            "did you mean `rollout_relative_l2`",
        ],
    );
    assert!(!place.path("none").exists());
    place.write(
        "limits.toml",
        "[requirements]\nrollout_relative_l2_worst = 1e9\nparameters = 1_000_000\n",
    );
    let out = place.ok(&with(&["good", "--requirements", "limits.toml"]));
    assert!(
        out.contains("yes  Every requirement is met by run."),
        "{out}"
    );
    let page = String::from_utf8(place.bytes("good/index.html")).unwrap();
    assert!(page.contains("<strong>Yes.</strong> run keeps rollout_relative_l2 (worst over trajectories) within the required"));
    assert!(page.contains("--requirements limits.toml"));
    place.fails(
        1,
        &with(&["bad", "--require", "rollout_relative_l2=1e-9"]),
        &[],
    );
    let page = String::from_utf8(place.bytes("bad/index.html")).unwrap();
    assert!(
        page.contains(
            "<strong>No.</strong> There is a run that meets every requirement: none does."
        )
    );
}

#[test]
fn what_receivers_would_hear_is_measured() {
    let place = Workplace::with_run();
    place.ok(&["compare", "run", "--data", "data", "-o", "report"]);
    let page = String::from_utf8(place.bytes("report/index.html")).unwrap();
    assert!(page.contains("Seismograms at 2 receivers"));
    let text = |name: &str| String::from_utf8(place.bytes(&format!("report/{name}"))).unwrap();
    let receivers = text("receivers.csv");
    let mut lines = receivers.lines();
    let head = "run,split,trajectory,receiver,x_m,y_m,relative_l2,arrival_shift_s,amplitude_ratio";
    assert_eq!(lines.next(), Some(head));
    let trajectories = text("trajectories.csv").matches(",rollout,").count();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 2 * trajectories);
    assert_eq!(rows[1][3..6], ["1", "0.8", "0.6"]);
    let mean = |name: &str| {
        let summary = text("summary.csv");
        let row = summary
            .lines()
            .find(|line| line.starts_with(&format!("run,{name},")));
        row.unwrap().split(',').nth(2).unwrap().parse::<f64>()
    };
    let all = rows.iter().map(|row| row[6].parse::<f64>().unwrap());
    let expected = all.sum::<f64>() / rows.len() as f64;
    assert!((mean("receivers_trace_relative_l2").unwrap() / expected - 1.0).abs() < 1e-9);
    assert!(mean("receivers_trajectory_relative_l2").unwrap() > 0.0);
}
