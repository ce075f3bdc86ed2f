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
