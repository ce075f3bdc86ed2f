//! Data files that are broken in every way a disk, a network or a stranger can break them.

use hdf5::File;

use crate::support::Workplace;

const FILE: &str = "data/data/train/tiny_0000.hdf5";

/// What commands say about a file that is not what it should be.
fn refused(place: &Workplace, words: &[&str]) {
    let mut words = words.to_vec();
    words.push("tiny_0000.hdf5");
    place.fails(1, &["train", "train.toml", "-o", "run"], &words);
    let out = place.run(&["validate", "data"]);
    assert_eq!(out.status.code(), Some(1), "validate must find it too");
}

#[test]
fn truncated_and_foreign_files() {
    let place = Workplace::with_data();
    let bytes = place.bytes(FILE);
    for length in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(place.path(FILE), &bytes[..length]).unwrap();
        refused(&place, &[]);
    }
    place.write(FILE, "an ordinary text file\n");
    refused(&place, &["HDF5"]);
    std::fs::remove_file(place.path(FILE)).unwrap();
    File::create(place.path(FILE))
        .unwrap()
        .create_group("somebody_else")
        .unwrap();
    refused(&place, &["expected"]);
}

#[test]
fn missing_attributes_wrong_shapes_and_nan() {
    let place = Workplace::with_data();
    let good = place.bytes(FILE);
    let broken = |change: &dyn Fn(&File), words: &[&str]| {
        std::fs::write(place.path(FILE), &good).unwrap();
        let file = File::open_rw(place.path(FILE)).unwrap();
        change(&file);
        drop(file);
        refused(&place, words);
    };
    broken(
        &|file| file.delete_attr("n_trajectories").unwrap(),
        &["n_trajectories"],
    );
    broken(&|file| file.unlink("t0_fields/speed").unwrap(), &["speed"]);
    broken(
        &|file| {
            file.unlink("t0_fields/speed").unwrap();
            file.new_dataset::<f32>()
                .shape([4, 3])
                .create("t0_fields/speed")
                .unwrap();
        },
        &["speed", "found", "expected"],
    );
    broken(
        &|file| {
            let data = file.dataset("t0_fields/displacement").unwrap();
            let mut values = data.read_dyn::<f32>().unwrap();
            values[[1, 2, 3, 4]] = f32::NAN;
            data.write(&values).unwrap();
        },
        &["displacement"],
    );
}

#[test]
fn validate_lists_every_violation() {
    let place = Workplace::with_data();
    let file = File::open_rw(place.path(FILE)).unwrap();
    file.delete_attr("grid_type").unwrap();
    file.unlink("t2_fields").unwrap();
    drop(file);
    let output = place.run(&["validate", "data", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let violations = report["violations"].to_string();
    assert!(
        violations.contains("grid_type") && violations.contains("t2_fields"),
        "{violations}"
    );
    std::fs::remove_file(place.path("data/stats.yaml")).unwrap();
    let output = place.run(&["validate", "data"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("stats.yaml"));
}

#[test]
fn inspect_and_validate_of_nothing() {
    let place = Workplace::new();
    place.fails(
        1,
        &["inspect", "absent"],
        &["absent", "does not exist", "expected"],
    );
    place.fails(1, &["validate", "absent"], &["absent"]);
    std::fs::create_dir(place.path("empty")).unwrap();
    place.fails(1, &["inspect", "empty"], &["empty"]);
    place.fails(1, &["train", "train.toml", "-o", "run"], &["data"]);
}
