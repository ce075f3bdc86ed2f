//! The configurations that the project hands out run as they are (with smaller counts, for time).

use crate::support::Workplace;

#[test]
fn init_writes_configurations_that_run() {
    let place = Workplace::new();
    place.fails(2, &["init", "dataset"], &["dataset.toml", "--force"]);
    place.ok(&["init", "dataset", "--force"]);
    place.ok(&["init", "train", "-o", "mine/train.toml"]);
    place.ok(&[
        "generate",
        "dataset.toml",
        "-o",
        "mine/data",
        "--quiet",
        "--set",
        "count={ train = 4, valid = 1, test = 1 }",
    ]);
    place.ok(&["validate", "mine/data"]);
    place.ok(&[
        "train",
        "mine/train.toml",
        "-o",
        "run",
        "--quiet",
        "--set",
        "train.steps=4",
        "--set",
        "network.width=8",
    ]);
    place.ok(&["evaluate", "run", "--data", "mine/data"]);
}

#[test]
fn every_example_dataset_runs() {
    let place = Workplace::new();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = if path.is_file() {
            std::fs::read_to_string(&path).unwrap_or_default()
        } else {
            String::new()
        };
        if path.extension().is_some_and(|e| e == "toml") && text.contains("[mesh]") {
            let output = format!("{seen}.hdf5");
            place.ok(&["simulate", path.to_str().unwrap(), "-o", &output]);
            place.ok(&["validate", &output]);
            seen += 1;
        }
    }
    assert!(seen >= 3, "{seen} examples");
}

#[test]
fn every_scheme_trains_predicts_and_differs_in_one_line() {
    let place = Workplace::with_data();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/schemes");
    let mut common: Option<Vec<String>> = None;
    let mut seen = 0;
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let settings = text
            .lines()
            .filter(|line| !line.starts_with("scheme =") && !line.starts_with('#'));
        let settings: Vec<String> = settings.map(str::to_owned).collect();
        assert_eq!(common.get_or_insert_with(|| settings.clone()), &settings);
        let run = path.file_stem().unwrap().to_str().unwrap();
        place.ok(&[
            "train",
            path.to_str().unwrap(),
            "-o",
            run,
            "--quiet",
            "--set",
            "data=data",
            "--set",
            "network.depth=2",
            "--set",
            "train.steps=2",
            "--set",
            "train.valid_every=2",
        ]);
        place.ok(&["inspect", run]);
        place.ok(&["evaluate", run, "--data", "data", "--quiet"]);
        let input = "data/data/test/tiny_0000.hdf5";
        place.ok(&[
            "predict",
            run,
            "--input",
            input,
            "-o",
            &format!("{run}.hdf5"),
        ]);
        let as_written = |file: &str| {
            let execution = ["--execution", "as-written", "-o", file];
            place.ok(&[&["predict", run, "--input", input][..], &execution].concat());
            place.bytes(file)
        };
        let [one, two] = ["1", "2"].map(|n| as_written(&format!("{run}-{n}.hdf5")));
        assert!(one == two, "{run}: two predictions as written differ");
        seen += 1;
    }
    assert!(seen >= 10, "{seen} examples");
}

#[test]
fn a_checkpoint_of_another_scheme_is_refused() {
    let place = Workplace::with_run();
    let resume = |scheme: &str, words: &[&str]| {
        let set = format!("network.scheme={scheme}");
        let arguments = [
            "train",
            "train.toml",
            "-o",
            "run",
            "--resume",
            "--set",
            &set,
        ];
        place.fails(2, &arguments, words);
    };
    resume(
        "{ kind = \"fresh\", compression = 4 }",
        &["network.scheme.kind", "\"one-way\" there", "\"fresh\" here"],
    );
    // the metadata of one scheme around the weights of another: `rank 1` becomes `rank 2`
    let good = place.bytes("run/best.safetensors");
    let rank = b"\\\"rank\\\":1";
    let at = good.windows(rank.len()).position(|bytes| bytes == rank);
    let mut changed = good;
    changed[at.unwrap() + rank.len() - 1] = b'2';
    std::fs::write(place.path("run/best.safetensors"), changed).unwrap();
    place.fails(
        1,
        &["evaluate", "run", "--data", "data"],
        &[
            "best.safetensors",
            "tensor weights/down.0.0.channels",
            "expected",
        ],
    );
}
