//! Mistakes in configurations and on the command line: exit code 2, and a message that names place, key, found, expected.

use crate::support::{DATASET, TRAIN, Workplace, texts};

/// The medium and the initial state of the dataset, to be replaced whole.
const MEDIUM: &str = "kind = \"gaussian-field\"\nspeed = [0.7, 1.3]\ncorrelation_length = 0.3";
const PULSES: &str = "[[initial]]\nkind = \"pulses\"\ncount = [1, 2]\nwidth = [0.1, 0.15]\namplitude = [-1.0, 1.0]\nposition = [[0.3, 0.7], [0.3, 0.5]]\n";

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
        "[[0.25, 0.25], [0.8, 0.6]]",
        "[[1.25, 0.25], [0.5, 0.5], [0.8, 0.9]]",
        &[
            "receivers.points",
            "number 0 at (1.25, 0.25)",
            "number 2 at (0.8, 0.9)",
        ],
    );
    for position in ["[1.5, 0.5]", "[0.5, [0.2, 0.8]]"] {
        dataset(
            PULSES,
            &format!("[[source]]\nkind = \"ricker\"\nfrequency = 4.0\nposition = {position}\n"),
            &["source.0.position", "inside the mesh", "0 … 0.75 m along y"],
        );
    }
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
fn counts_without_end() {
    dataset(
        "count = [1, 2]",
        "count = 1000000000000",
        &["dataset.toml:20", "initial.0.count", "from 0 to 256"],
    );
    dataset(
        "count = [1, 2]",
        "count = [0, 9223372036854775807]",
        &["initial.0.count", "from 0 to 256"],
    );
    dataset(
        MEDIUM,
        "kind = \"inclusions\"\nbackground = 1.0\ncount = [0, 9999999]\nspeed = 0.5\nradius = 0.1\nposition = [0.5, 0.5]",
        &["dataset.toml:17", "medium.count", "from 0 to 256"],
    );
    dataset(
        "valid = 2",
        "valid = 0",
        &["dataset.toml:4", "count.valid", "from 1", "training"],
    );
    dataset("test = 2", "test = 0", &["count.test", "evaluation"]);
}

#[test]
fn nothing_moves() {
    let rest = "nothing ever moves";
    dataset(
        "count = [1, 2]",
        "count = 0",
        &["dataset.toml:20", "initial.0.count", "is 0", rest],
    );
    dataset(
        "amplitude = [-1.0, 1.0]",
        "amplitude = [0.0, 0.0]",
        &[
            "dataset.toml:22",
            "initial.0.amplitude",
            rest,
            "other than 0",
        ],
    );
    dataset(
        "amplitude = [-1.0, 1.0]",
        "amplitude = [-1.0, 1e300]",
        &["dataset.toml:22", "initial.0.amplitude", "to 1e30"],
    );
    let source = |keys: &str| {
        DATASET.replace(
            PULSES,
            &format!("[[source]]\nposition = [0.5, 0.5]\n{keys}\n"),
        )
    };
    let place = Workplace::new();
    for (keys, words) in [
        (
            "kind = \"ricker\"\nfrequency = 4\ndelay = 1e300",
            &["source.0.delay", "1e300", rest][..],
        ),
        (
            "kind = \"ricker\"\nfrequency = 4\namplitude = 0",
            &["source.0.amplitude", rest],
        ),
        (
            "kind = \"ricker\"\nfrequency = 1e-9",
            &["source.0.frequency", rest],
        ),
        (
            "kind = \"ricker\"\nfrequency = 4\ndelay = -0.1",
            &["d.toml:22", "source.0.delay", "is -0.1", "at least 0"],
        ),
        (
            "kind = \"sampled\"\ninterval = 0.1\nvalues = [0.0, 0.0]",
            &["source.0.values", rest],
        ),
    ] {
        place.write("d.toml", &source(keys));
        place.fails(2, &["generate", "d.toml", "-o", "data"], words);
        assert!(!place.path("data").exists(), "{keys}");
    }
}

#[test]
fn modes_and_sides() {
    let mode = |numbers: &str, sides: &str| {
        DATASET
            .replace(
                PULSES,
                &format!("[[initial]]\nkind = \"mode\"\nnumbers = {numbers}\n"),
            )
            .replace("default = \"fixed\"", sides)
    };
    let place = Workplace::new();
    for (numbers, sides, words) in [
        (
            "[0, 1]",
            "default = \"fixed\"",
            &[
                "d.toml:20",
                "initial.0.numbers",
                "at least 1 along x",
                "fixed",
            ][..],
        ),
        (
            "[1, [0, 2]]",
            "default = \"free\"\ntop = \"fixed\"",
            &["initial.0.numbers", "at least 1 along y"],
        ),
        (
            "[0, 0]",
            "default = \"free\"",
            &["initial.0.numbers", "at least 1 along x or along y"],
        ),
        (
            "[1, 1]",
            "default = \"free\"\ntop = \"absorbing\"",
            &["initial.0.kind", "top side is absorbing", "boundary.top"],
        ),
    ] {
        place.write("d.toml", &mode(numbers, sides));
        place.fails(2, &["generate", "d.toml", "-o", "data"], words);
        assert!(!place.path("data").exists(), "{numbers} {sides}");
    }
    place.write("d.toml", &mode("[0, 2]", "default = \"free\""));
    place.ok(&["simulate", "d.toml", "-o", "mode.hdf5"]);
}

#[test]
fn what_the_solver_would_refuse_has_a_place() {
    dataset(
        "cells = [4, 3]",
        "cells = [4, 3]\ndistortion = 0.25",
        &["dataset.toml:10", "mesh.distortion", "0.25", "below 0.25"],
    );
    let newmark = "snapshots = 9\nintegrator = \"newmark\"";
    dataset(
        "snapshots = 9",
        &format!("{newmark}\nbeta = 0.1"),
        &[
            "dataset.toml:28",
            "time.beta",
            "0.1 beside gamma = 0.5",
            "time.beta = 0.25",
        ],
    );
    dataset(
        "snapshots = 9",
        &format!("{newmark}\ngamma = 0.9"),
        &["dataset.toml:28", "time.gamma", "beta = 0.25, its default"],
    );
    dataset(
        "snapshots = 9",
        "snapshots = 9\ndt = 0.1",
        &["dataset.toml:27: `time.dt`", "0.1 s is unstable", "auto"],
    );
    dataset(
        "duration = 0.4",
        "duration = 1e30",
        &[
            "dataset.toml:25: `time.duration`",
            "number of time steps",
            "1e9",
        ],
    );
    dataset(
        MEDIUM,
        "kind = \"inclusions\"\nbackground = 1.0\ncount = 1\nspeed = 0.5\nradius = 0.1\nposition = [3.0, 0.5]",
        &["dataset.toml:20", "medium.position", "radius of 0.1 m"],
    );
    // discs in any other medium
    let within =
        |discs: &str| format!("kind = \"uniform\"\nspeed = 1.0\ninclusions = {{ {discs} }}");
    dataset(
        MEDIUM,
        &within("count = 1, speed = 0.5, radius = 0.1, position = [0.5, -2.0]"),
        &["medium.inclusions.position", "radius of 0.1 m"],
    );
    dataset(
        MEDIUM,
        &within("count = 1, speed = 0.5, radius = 0.1, position = [0.5, 0.5], background = 1.0"),
        &["medium.inclusions", "background"],
    );
    dataset(
        MEDIUM,
        &within("count = 1, speed = -0.5, radius = 0.1, position = [0.5, 0.5]"),
        &["medium.inclusions.speed"],
    );
}

#[test]
fn lines_of_force_have_an_angle_and_points_have_none() {
    let source = |keys: &str| {
        format!("[[source]]\nkind = \"ricker\"\nfrequency = 4.0\nposition = [0.5, 0.5]\n{keys}\n")
    };
    dataset(
        PULSES,
        &source("angle = 30.0"),
        &["source.0.angle", "shape = \"line\""],
    );
    dataset(
        PULSES,
        &source("shape = \"circle\""),
        &["source.0.shape", "\"line\""],
    );
    dataset(
        PULSES,
        &source("shape = \"line\"\nangle = inf"),
        &["source.0.angle", "finite"],
    );
    dataset(
        PULSES,
        &source("").replace("ricker", "plane-wave"),
        &["source.0.kind", "shape = \"line\"", "[[initial]]"],
    );
    let place = Workplace::new();
    place.write(
        "line.toml",
        &DATASET.replace(PULSES, &source("shape = \"line\"\nangle = [0.0, 90.0]")),
    );
    place.ok(&["generate", "line.toml", "-o", "data", "--quiet"]);
    place.ok(&["validate", "data"]);
    let file = hdf5::File::open(place.path("data/data/train/tiny_0000.hdf5")).unwrap();
    let angles = file.dataset("scalars/source_0_angle").unwrap();
    let angles = angles.read_raw::<f64>().unwrap();
    assert!(angles.len() == 4 && angles.iter().all(|angle| (0.0..90.0).contains(angle)));
}

#[test]
fn a_limit_can_be_typed_in() {
    let place = Workplace::new();
    let run = |dt: &str| {
        let set = format!("time.dt={dt}");
        let arguments = ["simulate", "dataset.toml", "-o", "one.hdf5", "--set", &set];
        place.run(&arguments)
    };
    let (_, message) = texts(&run("0.1"));
    assert!(message.contains("--set time.dt: `time.dt`"), "{message}");
    let limit = message.split("at most ").nth(1).unwrap();
    let limit = limit.split(' ').next().unwrap();
    assert!(limit.len() <= 8, "{limit}");
    assert!(run(limit).status.success(), "{limit}");
}

#[test]
fn training_names_the_key_inside_tagged_sections() {
    let scheme = "scheme = { kind = \"one-way\", form = \"filter\", rank = 1 }";
    for (from, to, words) in [
        (
            "width = 4",
            "activation = \"tanh\"",
            &[
                "train.toml:10",
                "`network.activation`",
                "\"tanh\"",
                "\"silu\"",
            ][..],
        ),
        (
            "width = 4",
            "widht = 4",
            &[
                "train.toml:10",
                "`network.widht`",
                "did you mean `width`? Known",
            ],
        ),
        (
            "width = 4",
            "width = -4",
            &[
                "train.toml:10",
                "`network.width` is -4",
                "a whole number of at least 0",
            ],
        ),
        (
            "width = 4",
            "width = 5000",
            &["train.toml:10", "`network.width` is 5000", "1024"],
        ),
        (
            scheme,
            "scheme = { kind = \"dense\", rank = 1 }",
            &[
                "train.toml:13",
                "`network.scheme.rank`",
                "Known keys here: kind",
            ],
        ),
        (
            scheme,
            "scheme = { knd = \"dense\" }",
            &[
                "train.toml:13",
                "`network.scheme.knd`",
                "did you mean `kind`",
            ],
        ),
        (
            scheme,
            "scheme = \"dense\"",
            &[
                "train.toml:13",
                "`network.scheme` is the text \"dense\"",
                "kind = \"dense\"",
            ],
        ),
        (
            scheme,
            "scheme = { kind = \"sparse\" }",
            &["`network.scheme.kind`", "\"sparse\"", "\"one-way\""],
        ),
        (
            scheme,
            "schem = { kind = \"dense\" }",
            &["train.toml:13", "`network.schem`", "did you mean `scheme`"],
        ),
        (
            scheme,
            "",
            &["train.toml:8", "missing key `network.scheme`"],
        ),
        (
            scheme,
            "scheme = { kind = \"one-way\", form = \"filter\", rank = \"one\" }",
            &[
                "`network.scheme.rank` is the text \"one\"",
                "a whole number",
            ],
        ),
        (
            scheme,
            "scheme = { kind = \"one-way\", form = \"layer\", rank = 1, rank_ratio = 1.0 }",
            &[
                "train.toml:13",
                "`network.scheme.rank`",
                "both",
                "one of the two",
            ],
        ),
        (
            scheme,
            "scheme = { kind = \"flattened\", chains = 3 }",
            &["train.toml:13", "`network.scheme.chains` is 3", "1 or 2"],
        ),
        (
            scheme,
            "scheme = { kind = \"structured\", permutations = [\"1230\", \"1023\"] }",
            &[
                "train.toml:13",
                "`network.scheme.permutations`",
                "do not commute",
            ],
        ),
        (
            scheme,
            "scheme = { kind = \"structured\", permutations = [\"1230\"] }",
            &[
                "train.toml:13",
                "`network.scheme.permutations`",
                "expected 2",
            ],
        ),
        (
            scheme,
            "scheme = { kind = \"fresh\", compresion = 16 }",
            &["train.toml:13", "did you mean `compression`"],
        ),
        (
            scheme,
            "scheme = { kind = \"fresh\", compression = 1000 }",
            &[
                "train.toml:13",
                "`network.scheme.compression` is 1000",
                "5 frequency bands",
                "lower it",
            ],
        ),
        (
            scheme,
            "scheme = { kind = \"fresh\", bands = \"equal\", beta = 2.0 }",
            &["train.toml:13", "`network.scheme.beta`", "bands = \"beta\""],
        ),
        (
            "history = 2",
            "history = \"two\"",
            &[
                "train.toml:6",
                "`task.history` is the text \"two\"",
                "a whole number",
            ],
        ),
        (
            "kind = \"propagate\"",
            "kind = \"fields\"",
            &["train.toml:5", "`task.kind`", "\"fields\"", "\"propagate\""],
        ),
        (
            "seed = 0",
            "seed = -1",
            &[
                "train.toml:3",
                "`seed` is -1",
                "a whole number of at least 0",
            ],
        ),
        (
            "batch = 4",
            "batch = 0",
            &["train.toml:16", "`train.batch` is 0", "at least 1"],
        ),
        (
            "learning_rate = 2e-3",
            "learning_rate = \"fast\"",
            &[
                "train.toml:17",
                "`train.learning_rate` is the text",
                "a number",
            ],
        ),
        (
            "[train]",
            "[trian]",
            &["train.toml:14", "`trian`", "did you mean `train`"],
        ),
    ] {
        train(from, to, words);
    }
    let place = Workplace::new();
    let arguments = ["train", "train.toml", "-o", "run", "--set", "train.clip=-1"];
    place.fails(2, &arguments, &["--set train.clip: `train.clip` is -1"]);
}

#[test]
fn endless_files() {
    let place = Workplace::new();
    place.fails(
        2,
        &["generate", "/dev/zero", "-o", "data"],
        &["/dev/zero", "more than the 64 MiB"],
    );
    place.write(
        "file.toml",
        &DATASET.replace(
            MEDIUM,
            "kind = \"file\"\nfile = \"/dev/zero\"\nspacing = 1.0",
        ),
    );
    place.fails(
        2,
        &["generate", "file.toml", "-o", "data"],
        &[
            "file.toml:16",
            "medium.file",
            "/dev/zero",
            "no regular file",
        ],
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
        &["--set mehs.order", "did you mean `mesh`"],
    );
    for (set, words) in [
        (
            "source.0.frequency=3",
            &[
                "--set source.0.frequency: `source` is a table",
                "[[source]]",
            ][..],
        ),
        ("a.b.c=1", &["--set a.b.c: unknown key `a`"]),
        (
            "seed=2\nname=\"evil\"",
            &["more than one value", "expected KEY=VALUE"],
        ),
        (
            "initial.9.width=1",
            &["--set initial.9.width", "index 9, the list has 1 entry"],
        ),
    ] {
        place.fails(
            2,
            &["generate", "dataset.toml", "-o", "data", "--set", set],
            words,
        );
    }
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

#[test]
fn boundaries_that_cannot_be() {
    let fixed = "default = \"fixed\"";
    dataset(
        fixed,
        "default = \"pml\"",
        &[
            "dataset.toml:13",
            "boundary.default",
            "section [pml]",
            "thickness",
        ],
    );
    dataset(
        fixed,
        "default = \"pml\"\n[pml]\nthickness = 0.0",
        &["pml.thickness", "above 0"],
    );
    dataset(
        fixed,
        "default = \"pml\"\n[pml]\nthickness = 0.5\nreflection = 1.0",
        &["pml.reflection", "below 1"],
    );
    dataset(
        fixed,
        "right = \"pml\"\n[pml]\nthickness = 1e9",
        &["pml.thickness", "MiB"],
    );
    dataset(
        fixed,
        "default = { kind = \"impedance\", ratio = -1.0 }",
        &["boundary.default.ratio", "at least 0"],
    );
    dataset(
        fixed,
        "default = { kind = \"impedence\" }",
        &["boundary.default.kind", "\"impedance\""],
    );
    dataset(
        fixed,
        "default = \"open\"",
        &["boundary.default", "\"absorbing\"", "\"pml\""],
    );
    for (integrator, named) in [
        ("newmark", "absorbing"),
        ("modified-equation", "fixed or free"),
    ] {
        let place = Workplace::new();
        place.fails(
            2,
            &[
                "simulate",
                "dataset.toml",
                "-o",
                "a.hdf5",
                "--set",
                "boundary.default=\"pml\"",
                "--set",
                "pml.thickness=0.5",
                "--set",
                &format!("time.integrator=\"{integrator}\""),
            ],
            &["boundary.default", named, integrator],
        );
    }
}

#[test]
fn options_of_training_are_refused_by_place_and_key() {
    let place = Workplace::with_data();
    for (set, words) in [
        ("train.unrol=2", &["train.unrol", "unroll"][..]),
        ("train.loss=\"h2\"", &["train.loss", "h2", "h1"]),
        (
            "train.augment=[\"flip-z\"]",
            &["train.augment", "flip-z", "flip-x"],
        ),
        ("train.ema=2.0", &["train.ema", "between 0 and 1"]),
        ("train.curriculum=[[5, 2, 1]]", &["train.curriculum"]),
        (
            "train.select=\"best\"",
            &["train.select", "one-step", "rollout"],
        ),
        (
            "train.augment=[\"transpose\"]",
            &["transpose", "16 × 12 points"],
        ),
    ] {
        place.fails(
            2,
            &["train", "train.toml", "-o", "run", "--set", set],
            words,
        );
        assert!(!place.path("run/log.csv").exists());
    }
}

#[test]
fn a_sweep_of_the_learning_rate_touches_no_run() {
    let place = Workplace::with_run();
    let before = crate::support::tree(&place.path("run"));
    let text = place.ok(&["train", "train.toml", "--find-lr"]);
    assert!(text.contains("learning-rate.svg"), "{text}");
    let table = String::from_utf8(place.bytes("find-lr/find-lr.csv")).unwrap();
    assert!(table.starts_with("learning_rate,loss,smoothed_loss\n"));
    assert!(table.lines().count() > 20, "{table}");
    place.bytes("find-lr/learning-rate.svg");
    assert_eq!(before, crate::support::tree(&place.path("run")));
    // neither over a run nor over another sweep
    let sweep = ["train", "train.toml", "--find-lr"];
    place.fails(2, &[&sweep[..], &["-o", "run"]].concat(), &["run", "sweep"]);
    place.fails(2, &sweep, &["find-lr", "--force"]);
    place.fails(2, &["train", "train.toml"], &["--output"]);
    place.fails(2, &[&sweep[..], &["--resume"]].concat(), &["--resume"]);
}
