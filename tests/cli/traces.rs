//! Traces from scalars, end to end.

use fewave_datasets::{ReceiverQuantity, Split};

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

/// Generates such a dataset.
pub fn generate(place: &Workplace, folder: &str, more: &[&str]) {
    let mut arguments = vec!["generate", "dataset.toml", "-o", folder, "--quiet"];
    arguments.extend(SETS.iter().chain(more).flat_map(|set| ["--set", set]));
    place.ok(&arguments);
}

/// A workplace with data and a trained run.
pub fn with_run() -> Workplace {
    let place = Workplace::new();
    generate(&place, "data", &[]);
    place.write("traces.toml", TRAIN);
    place.ok(&["train", "traces.toml", "-o", "run", "--quiet"]);
    place
}

/// A network of whole fields on the same data.
pub fn train_unet(place: &Workplace) {
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

/// A text file.
pub fn text(place: &Workplace, name: &str) -> String {
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
pub fn weights(place: &Workplace, run: &str) -> String {
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

/// The numbers of a table's last column whose second one is a word.
fn column(table: &str, word: &str) -> Vec<f32> {
    let rows = table.lines().skip(1).map(|line| line.split(',').collect());
    rows.filter(|row: &Vec<&str>| row[1] == word)
        .map(|row| row[row.len() - 1].parse().unwrap())
        .collect()
}

#[test]
fn quantities_in_any_order_are_stored_under_their_own_names() {
    let place = Workplace::new();
    generate(
        &place,
        "data",
        &["receivers.quantities=[\"displacement\", \"velocity\"]"],
    );
    let task = "kind = \"traces\"\nquantities = [\"velocity\", \"displacement\"]";
    place.write("traces.toml", &TRAIN.replace("kind = \"traces\"", task));
    place.ok(&["train", "traces.toml", "-o", "run", "--quiet"]);
    let input = "data/data/test/tiny_0000.hdf5";
    for output in ["out.hdf5", "out.csv"] {
        place.ok(&["predict", "run", "--input", input, "-o", output, "--quiet"]);
    }
    place.ok(&["evaluate", "run", "--data", "data", "--quiet"]);
    let table = text(&place, "out.csv");
    for file in ["out.hdf5", "run/evaluation/predictions.hdf5"] {
        let split = Split::open_file(place.path(file)).unwrap();
        for quantity in [ReceiverQuantity::Displacement, ReceiverQuantity::Velocity] {
            let found: Vec<f32> = (0..split.len())
                .flat_map(|n| split.receiver_signals(quantity, n).unwrap())
                .collect();
            let expected = column(&table, quantity.name());
            assert!(!expected.is_empty());
            let largest = expected.iter().fold(0.0f32, |m, v| m.max(v.abs()));
            let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-4 * largest;
            assert_eq!(found.len(), expected.len());
            let same = found.iter().zip(&expected).all(near);
            assert!(same, "{file}: {}", quantity.name());
        }
    }
}

#[test]
fn runs_of_one_name_are_told_apart_and_told_what_they_have_seen() {
    let place = with_run();
    for seed in ["0", "1"] {
        let (trained, pruned) = (format!("t{seed}"), format!("s{seed}/pruned"));
        let set = format!("seed={seed}");
        place.ok(&[
            "train",
            "traces.toml",
            "-o",
            &trained,
            "--quiet",
            "--set",
            &set,
        ]);
        let prune = ["prune", &trained, "--epsilon", "1e-9", "-o", &pruned];
        place.ok(&[&prune[..], &["--quiet"]].concat());
    }
    let compare = ["compare", "s0/pruned", "s1/pruned", "--data", "data"];
    place.ok(&[&compare[..], &["-o", "report", "--no-fe", "--quiet"]].concat());
    let summary = text(&place, "report/summary.csv");
    let page = text(&place, "report/index.html");
    for run in ["s0/pruned", "s1/pruned"] {
        assert!(summary.contains(&format!("\n{run},all,all")), "{summary}");
        assert!(page.contains(&format!("Pruning of {run}")));
    }
    for figure in ["pruning-1-s0-pruned", "pruning-2-s1-pruned"] {
        assert!(place.path(&format!("report/figures/{figure}.svg")).exists());
    }
    // two of one size: one finding beside the other, and no ratio of 1
    assert!(page.contains("parameters, as many as"));
    assert!(!page.contains("1.0 times fewer"));
    assert!(page.contains("neither trained nor tuned"));
    let valid = [&compare[..], &["--split", "valid", "--no-fe", "--quiet"]].concat();
    place.ok(&[&valid[..], &["-o", "valid"]].concat());
    let page = text(&place, "valid/index.html");
    assert!(page.contains("chosen by this one"));
}

#[test]
fn what_is_not_learnt_from_is_not_looked_at() {
    let place = Workplace::new();
    generate(&place, "data", &[]);
    generate(&place, "few", &["count={ train = 8, valid = 4, test = 4 }"]);
    place.write("traces.toml", TRAIN);
    let train = |config: &str, run: &str, sets: &[&str]| {
        let mut arguments = vec!["train", config, "-o", run, "--quiet"];
        arguments.extend(sets.iter().flat_map(|set| ["--set", *set]));
        place.ok(&arguments);
    };
    // 8 of 24 trajectories are a dataset of 8
    train("traces.toml", "first", &["train.trajectories=8"]);
    train("traces.toml", "alone", &["data=few"]);
    assert_eq!(weights(&place, "first"), weights(&place, "alone"));
    train("traces.toml", "all", &[]);
    for (run, data, pruned) in [("first", "data", "p0"), ("alone", "few", "p1")] {
        let evaluate = ["evaluate", run, "--data", data, "--no-fe", "--quiet"];
        place.ok(&evaluate);
        let prune = ["prune", run, "--epsilon", "0.7", "--max-error-rise", "9"];
        let rest = ["--retrain-steps", "10", "-o", pruned, "--quiet"];
        place.ok(&[&prune[..], &rest].concat());
    }
    assert_eq!(weights(&place, "p0"), weights(&place, "p1"));
    let trivial = |run: &str| {
        let summary = text(&place, &format!("{run}/evaluation/summary.csv"));
        let learnt = |line: &&str| line.starts_with("mean trace") || line.starts_with("nearest");
        let lines = summary.lines().filter(learnt).map(str::to_owned);
        lines.collect::<Vec<String>>()
    };
    assert!(!trivial("first").is_empty());
    assert_eq!(trivial("first"), trivial("alone"));
    // runs that learnt from different trajectories have their own trivial predictions
    let both = ["compare", "first", "all", "--data", "data", "--no-fe"];
    place.ok(&[&both[..], &["-o", "report", "--quiet"]].concat());
    let summary = text(&place, "report/summary.csv");
    for count in [8, 24] {
        let line = format!("\nmean trace of {count} trajectories,all,all");
        assert!(summary.contains(&line), "{summary}");
    }
    assert_eq!(summary.matches("\nzero,all,all,,trace_").count(), 1);
    // so it is for wavefields, whose constants lie beside the whole data
    let task = "task={ kind = \"field\", snapshots = 8 }";
    train("train.toml", "waves", &[task, "train.trajectories=8"]);
    train("train.toml", "few-waves", &[task, "data=few"]);
    assert_eq!(weights(&place, "waves"), weights(&place, "few-waves"));
}
