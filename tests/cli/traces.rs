//! Traces from scalars, end to end, and pruning of the networks that predict them.

use crate::support::Workplace;

/// The keys that make the tiny dataset one of traces: a source whose place, frequency and medium vary.
const SETS: [&str; 6] = [
    "medium={ kind = \"uniform\", speed = [0.8, 1.2] }",
    "initial=[]",
    "source=[{ kind = \"ricker\", position = [[0.3, 0.7], [0.3, 0.5]], frequency = [2.0, 3.0], amplitude = 1.0 }]",
    "receivers.quantities=[\"displacement\", \"gradient\"]",
    "receivers.every=4",
    "count={ train = 24, valid = 4, test = 4 }",
];

const TRAIN: &str = r#"
data = "data"
[task]
kind = "traces"
[network]
kind = "mlp"
hidden = [12, 10]
[train]
steps = 60
batch = 8
learning_rate = 1e-2
valid_every = 30
"#;

fn generate(place: &Workplace, folder: &str, more: &[&str]) {
    let mut arguments = vec!["generate", "dataset.toml", "-o", folder, "--quiet"];
    arguments.extend(SETS.iter().chain(more).flat_map(|set| ["--set", set]));
    place.ok(&arguments);
}

fn with_run() -> Workplace {
    let place = Workplace::new();
    generate(&place, "data", &[]);
    place.write("traces.toml", TRAIN);
    place.ok(&["train", "traces.toml", "-o", "run", "--quiet"]);
    place
}

/// A network of whole fields on the same data.
fn train_unet(place: &Workplace) {
    let task = "task={ kind = \"field\", snapshots = 8 }";
    place.ok(&[
        "train",
        "train.toml",
        "-o",
        "unet",
        "--quiet",
        "--set",
        task,
    ]);
}

fn text(place: &Workplace, name: &str) -> String {
    String::from_utf8(place.bytes(name)).unwrap()
}

#[test]
fn traces_are_trained_inspected_evaluated_predicted_and_reported() {
    let place = with_run();
    let out = place.ok(&["inspect", "run"]);
    for word in [
        "traces: displacement and gradient",
        "2 receivers",
        "source_0_frequency",
        "hidden.1",
    ] {
        assert!(out.contains(word), "no {word} in\n{out}");
    }
    let task = out.lines().find(|line| line.starts_with("task")).unwrap();
    assert!(
        !task.contains("amplitude"),
        "constants are no inputs: {task}"
    );
    assert!(out.contains("source_0_amplitude: always 1"), "{out}");
    let out = place.ok(&["evaluate", "run", "--data", "data"]);
    for word in ["arrival shift", "zero", "mean trace", "nearest neighbour"] {
        assert!(out.contains(word), "no {word} in\n{out}");
    }
    // 4 trajectories of 2 receivers: one displacement and two components of the gradient
    let metrics = text(&place, "run/evaluation/metrics.csv");
    assert_eq!(metrics.lines().count(), 1 + 4 * 2 * 3);
    let summary = text(&place, "run/evaluation/summary.csv");
    for line in [
        "run,all,all,,trajectory_relative_l2,",
        "run,gradient,1,y,trace_relative_l2,",
        "nearest neighbour,all,",
    ] {
        assert!(summary.contains(line), "no {line} in\n{summary}");
    }
    // zero is off by 100 %, for every trajectory
    let zero = summary
        .lines()
        .find(|l| l.starts_with("zero,all,all,,trajectory"))
        .unwrap();
    assert!(zero.contains("1e0,1e0,1e0,1e0"), "{zero}");
    place.ok(&["validate", "run/evaluation/predictions.hdf5"]);
    place.write("small.toml", &TRAIN.replace("[12, 10]", "[6]"));
    place.ok(&["train", "small.toml", "-o", "small", "--quiet"]);
    place.ok(&["compare", "run", "small", "--data", "data", "-o", "report"]);
    let page = text(&place, "report/index.html");
    for word in [
        "traces-median",
        "traces-worst",
        "gradient along y, receiver 1",
        "nearest neighbour",
        "FE",
    ] {
        assert!(page.contains(word), "no {word}");
    }
    let input = "data/data/test/tiny_0000.hdf5";
    place.ok(&["predict", "run", "--input", input, "-o", "out.hdf5"]);
    place.ok(&["validate", "out.hdf5"]);
    assert!(place.ok(&["inspect", "out.hdf5"]).contains("receivers"));
    let steps = [
        "predict", "run", "--input", input, "-o", "x.hdf5", "--steps", "3",
    ];
    place.fails(2, &steps, &["--steps 3", "traces"]);
    place.write(
        "scenes.csv",
        "medium_speed,source_0_x,source_0_y,source_0_frequency\n1.0,0.5,0.4,2.5\n0.9,0.4,0.4,2.1\n",
    );
    place.ok(&["predict", "run", "--input", "scenes.csv", "-o", "out.csv"]);
    let table = text(&place, "out.csv");
    assert!(table.starts_with("trajectory,quantity,receiver,axis,time_s,value"));
    assert!(table.contains("\n1,gradient,1,y,"), "{table}");
    place.fails(
        2,
        &["predict", "run", "--input", "scenes.csv", "-o", "y.hdf5"],
        &["CSV"],
    );
    place.write("scenes.csv", "medium_speed,source_0_x\n1.0,0.5\n");
    let less = ["predict", "run", "--input", "scenes.csv", "-o", "z.csv"];
    place.fails(1, &less, &["source_0_y", "found nothing"]);
    place.write("scenes.csv", "medium_speed\nfast\n");
    place.fails(2, &less, &["line 2", "medium_speed", "\"fast\""]);
}

#[test]
fn training_of_traces_resumes_bit_for_bit() {
    let place = with_run();
    let more = [
        "--set",
        "train.valid_every=10",
        "--set",
        "train.checkpoint_every=10",
    ];
    place.ok(&[
        &["train", "traces.toml", "-o", "whole", "--quiet"][..],
        &more,
    ]
    .concat());
    let again = [
        &["train", "traces.toml", "-o", "whole", "--quiet", "--resume"][..],
        &more,
    ]
    .concat();
    let before = place.bytes("whole/last.safetensors");
    place.ok(&again);
    assert_eq!(place.bytes("whole/last.safetensors"), before);
    let single = [
        &[
            "train",
            "traces.toml",
            "-o",
            "single",
            "--quiet",
            "--threads",
            "1",
        ][..],
        &more,
    ]
    .concat();
    place.ok(&single);
    assert_eq!(weights(&place, "single"), weights(&place, "whole"));
}

/// The hash of a run's weights.
fn weights(place: &Workplace, run: &str) -> String {
    let json = place.ok(&["inspect", run, "--json", "--quiet"]);
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    value["provenance"]["weights_hash"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn data_and_settings_without_traces_are_refused() {
    let place = Workplace::new();
    place.write("traces.toml", TRAIN);
    generate(
        &place,
        "data",
        &["count={ train = 2, valid = 1, test = 1 }"],
    );
    let train = |sets: &[&'static str]| -> Vec<&'static str> {
        let mut arguments = vec!["train", "traces.toml", "-o", "never"];
        arguments.extend(sets.iter().flat_map(|set| ["--set", *set]));
        arguments
    };
    let network = "network={ kind = \"unet\", scheme = { kind = \"dense\" } }";
    place.fails(2, &train(&[network]), &["network.kind", "mlp"]);
    place.fails(
        2,
        &train(&["task={ kind = \"propagate\" }"]),
        &["network.kind", "unet"],
    );
    place.fails(
        2,
        &train(&["network.hidden=[4, 0]"]),
        &["network.hidden", "65536"],
    );
    place.fails(
        2,
        &train(&["network.hiden=[4]"]),
        &["network.hiden", "hidden"],
    );
    place.fails(
        2,
        &train(&["task.quantities=[\"pressure\"]"]),
        &["task.quantities"],
    );
    place.fails(
        1,
        &train(&["task.quantities=[\"velocity\"]"]),
        &["velocity", "receivers.quantities"],
    );
    let small = ["count={ train = 2, valid = 1, test = 1 }"];
    let fixed =
        "source=[{ kind = \"ricker\", position = [0.3, 0.3], frequency = 2.0, amplitude = 1.0 }]";
    generate(
        &place,
        "fixed",
        &[
            small[0],
            fixed,
            "medium={ kind = \"uniform\", speed = 1.0 }",
        ],
    );
    place.fails(1, &train(&["data=fixed"]), &["scalar", "varies", "ranges"]);
    let mut bare = vec!["generate", "bare.toml", "-o", "bare", "--quiet"];
    let dataset = crate::support::DATASET
        .split("[receivers]")
        .next()
        .unwrap()
        .to_owned();
    place.write("bare.toml", &dataset);
    bare.extend(["--set", small[0]]);
    place.ok(&bare);
    place.fails(
        1,
        &train(&["data=bare"]),
        &["receivers", "none", "[receivers]"],
    );
}

#[test]
fn runs_of_traces_are_not_compared_with_fields_or_on_other_receivers() {
    let place = with_run();
    train_unet(&place);
    let both = ["compare", "run", "unet", "--data", "data", "-o", "report"];
    place.fails(2, &both, &["field", "traces"]);
    generate(
        &place,
        "other",
        &["receivers.points=[[0.25, 0.25], [0.7, 0.6]]"],
    );
    place.fails(
        1,
        &["evaluate", "run", "--data", "other"],
        &["receivers", "trained on"],
    );
    let fixed = SETS[2].replace("amplitude = 1.0", "amplitude = 2.0");
    generate(&place, "louder", &[&fixed]);
    place.fails(
        1,
        &["evaluate", "run", "--data", "louder"],
        &["source_0_amplitude", "found 2"],
    );
}

#[test]
fn dense_networks_are_pruned_into_ordinary_runs() {
    let place = with_run();
    let prune =
        |more: &[&'static str]| [&["prune", "run", "--retrain-steps", "10"][..], more].concat();
    let out = place.ok(&prune(&[
        "--epsilon",
        "auto",
        "--max-error-rise",
        "0.5",
        "-o",
        "pruned",
    ]));
    assert!(out.contains("kept") && out.contains("fewer"), "{out}");
    let csv = text(&place, "pruned/pruning.csv");
    assert!(
        csv.lines().nth(1).unwrap().starts_with("0,0e0,12 10,"),
        "{csv}"
    );
    assert!(text(&place, "pruned/report/index.html").contains("pruning-pruned"));
    assert!(!place.path("pruned/rounds").exists());
    place.ok(&["evaluate", "pruned", "--data", "data"]);
    place.ok(&["compare", "run", "pruned", "--data", "data", "-o", "report"]);
    assert!(text(&place, "report/index.html").contains("Pruning of pruned"));
    let shown = place.ok(&["inspect", "pruned"]);
    assert!(
        shown.contains(&format!("pruned         from {}", weights(&place, "run"))),
        "{shown}"
    );
    // the same again gives the same weights
    place.ok(&prune(&[
        "--epsilon",
        "auto",
        "--max-error-rise",
        "0.5",
        "-o",
        "again",
        "--quiet",
    ]));
    assert_eq!(weights(&place, "again"), weights(&place, "pruned"));
    place.fails(
        2,
        &prune(&["--epsilon", "0.1", "-o", "pruned"]),
        &["pruned run", "--force"],
    );
    place.ok(&prune(&["--epsilon", "0.1", "-o", "pruned", "--force"]));
    // nothing falls below a tiny tolerance: the same bits
    let out = place.ok(&["prune", "run", "--epsilon", "1e-9", "-o", "kept"]);
    assert!(out.contains("kept as it is"), "{out}");
    assert_eq!(weights(&place, "kept"), weights(&place, "run"));
    place.ok(&["evaluate", "kept", "--data", "data", "--quiet"]);
}

#[test]
fn a_pruning_that_was_cut_off_goes_on_with_the_rounds_that_are_done() {
    let place = with_run();
    let arguments = [
        "prune",
        "run",
        "--epsilon",
        "0.5",
        "--max-error-rise",
        "9",
        "--retrain-steps",
        "10",
        "--rounds",
        "3",
    ];
    let whole = [&arguments[..], &["-o", "whole"]].concat();
    place.ok(&whole);
    // one round alone leaves what a pruning that was killed in its second leaves, less the folder of that round
    let child = place
        .command(&[&arguments[..], &["-o", "cut", "--quiet"]].concat())
        .spawn();
    let mut child = child.unwrap();
    let record = place.path("cut/rounds/001/round.json");
    while !record.exists() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    if !place.path("cut/pruning.csv").exists() {
        place.ok(&[&arguments[..], &["-o", "cut", "--quiet"]].concat());
    }
    assert_eq!(weights(&place, "cut"), weights(&place, "whole"));
}

#[test]
fn what_cannot_be_pruned_is_refused_with_a_remedy() {
    let place = with_run();
    for (epsilon, word) in [
        ("0", "above 0"),
        ("-1", "above 0"),
        ("nan", "above 0"),
        ("1.5", "at most 1"),
        ("much", "auto"),
    ] {
        place.fails_somehow(
            &["prune", "run", "--epsilon", epsilon, "-o", "never"],
            &["--epsilon", word],
        );
    }
    place.fails_somehow(
        &[
            "prune",
            "run",
            "--epsilon",
            "0.1",
            "--max-error-rise",
            "-1",
            "-o",
            "never",
        ],
        &["--max-error-rise"],
    );
    place.fails_somehow(
        &[
            "prune",
            "run",
            "--epsilon",
            "0.1",
            "--retrain-steps",
            "0",
            "-o",
            "never",
        ],
        &["--retrain-steps"],
    );
    place.fails(
        2,
        &["prune", "run", "--epsilon", "0.1", "-o", "run"],
        &["stays as it is"],
    );
    train_unet(&place);
    let unet = ["prune", "unet", "--epsilon", "0.1", "-o", "never"];
    place.fails_somehow(&unet, &["convolutional", "fewave train", "network.scheme"]);
    generate(&place, "other", &["seed=9"]);
    let other = [
        "prune",
        "run",
        "--epsilon",
        "0.1",
        "-o",
        "never",
        "--data",
        "other",
    ];
    place.fails_somehow(&other, &["content of", "trained on", "--data"]);
    std::fs::rename(place.path("data"), place.path("moved")).unwrap();
    let gone = ["prune", "run", "--epsilon", "0.1", "-o", "never"];
    place.fails_somehow(&gone, &["--data"]);
    let moved = [&gone[..], &["--data", "moved", "--retrain-steps", "10"]].concat();
    place.ok(&moved);
}
