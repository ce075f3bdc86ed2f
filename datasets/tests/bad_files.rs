//! Files that cannot be trusted: every one gives an error or a list of violations that says where, never a panic.

mod common;

use std::fs;
use std::path::Path;
use std::str::FromStr;

use common::*;
use fewave_datasets::*;
use hdf5::types::VarLenUnicode;
use ndarray::arr1;
use proptest::prelude::*;

/// A sound file, then changed by HDF5 itself.
fn damaged(dir: &Path, damage: impl FnOnce(&hdf5::File)) -> std::path::PathBuf {
    let path = dir.join("a.hdf5");
    write_file(&path, &spec(SplitName::Train, 2), 0..2);
    let file = hdf5::File::open_rw(&path).unwrap();
    damage(&file);
    file.close().unwrap();
    path
}

/// Replaces a dataset by another one of the same name, keeping its attributes.
fn replace(file: &hdf5::File, place: &str, make: impl FnOnce(&str) -> hdf5::Dataset) {
    let old = file.dataset(place).unwrap();
    let text = |name: &str| {
        old.attr(name)
            .unwrap()
            .read_scalar::<VarLenUnicode>()
            .unwrap()
    };
    let flag = |name: &str| {
        old.attr(name)
            .ok()
            .map(|attribute| attribute.read_scalar::<bool>().unwrap())
    };
    let (unit, description) = (text("unit"), text("description"));
    let (sample, time) = (flag("sample_varying"), flag("time_varying"));
    let dims = old
        .attr("dim_varying")
        .ok()
        .map(|dims| dims.read_raw::<bool>().unwrap());
    drop(old);
    file.unlink(place).unwrap();
    let new = make(place);
    for (name, value) in [("unit", unit), ("description", description)] {
        new.new_attr::<VarLenUnicode>()
            .create(name)
            .unwrap()
            .write_scalar(&value)
            .unwrap();
    }
    for (name, value) in [("sample_varying", sample), ("time_varying", time)] {
        if let Some(value) = value {
            new.new_attr::<bool>()
                .create(name)
                .unwrap()
                .write_scalar(&value)
                .unwrap();
        }
    }
    if let Some(dims) = dims {
        new.new_attr_builder()
            .with_data(&dims)
            .create("dim_varying")
            .unwrap();
    }
}

fn set_text(at: &hdf5::Location, name: &str, text: &str) {
    at.delete_attr(name).unwrap();
    let text = VarLenUnicode::from_str(text).unwrap();
    at.new_attr::<VarLenUnicode>()
        .create(name)
        .unwrap()
        .write_scalar(&text)
        .unwrap();
}

/// The damaged file is refused with `parts` in the message, and `validate` finds violations at each of `places`.
#[track_caller]
fn check(parts: &[&str], places: &[&str], damage: impl FnOnce(&hdf5::File)) {
    let dir = tempfile::tempdir().unwrap();
    let path = damaged(dir.path(), damage);
    let text = Split::open_file(&path).map(|_| ()).unwrap_err().to_string();
    assert!(
        parts
            .iter()
            .chain(&["a.hdf5", "expected", "found", "fewave validate"])
            .all(|part| text.contains(part)),
        "{text}"
    );
    let report = validate(&path).unwrap();
    for place in places {
        assert!(
            report
                .violations
                .iter()
                .any(|violation| violation.place.starts_with(place)),
            "{place}: {report:#?}"
        );
    }
}

#[test]
fn a_missing_attribute_is_named() {
    check(&["/@grid_type", "nothing"], &["/@grid_type"], |file| {
        file.delete_attr("grid_type").unwrap()
    });
    check(
        &["/t0_fields/speed@dim_varying"],
        &["/t0_fields/speed@dim_varying"],
        |file| {
            file.dataset("t0_fields/speed")
                .unwrap()
                .delete_attr("dim_varying")
                .unwrap();
        },
    );
}

#[test]
fn every_violation_is_found_not_the_first() {
    let places = [
        "/@dataset_name",
        "/@courant",
        "/t1_fields",
        "/fewave/index",
        "/boundary_conditions/x_open_right@bc_type",
    ];
    check(&["/@dataset_name", "more"], &places, |file| {
        file.delete_attr("dataset_name").unwrap();
        file.delete_attr("courant").unwrap();
        file.unlink("t1_fields").unwrap();
        file.unlink("fewave/index").unwrap();
        set_text(
            &file.group("boundary_conditions/x_open_right").unwrap(),
            "bc_type",
            "open",
        );
    });
}

#[test]
fn wrong_types_are_refused() {
    check(
        &["/@n_trajectories", "an integer", "unicode"],
        &["/@n_trajectories"],
        |file| {
            file.delete_attr("n_trajectories").unwrap();
            let text = VarLenUnicode::from_str("2").unwrap();
            file.new_attr::<VarLenUnicode>()
                .create("n_trajectories")
                .unwrap()
                .write_scalar(&text)
                .unwrap();
        },
    );
    check(
        &[
            "/t0_fields/speed@time_varying",
            "int8 enum FALSE/TRUE",
            "uint8",
        ],
        &["/t0_fields/speed"],
        |file| {
            let field = file.dataset("t0_fields/speed").unwrap();
            field.delete_attr("time_varying").unwrap();
            field
                .new_attr::<u8>()
                .create("time_varying")
                .unwrap()
                .write_scalar(&0)
                .unwrap();
        },
    );
    check(
        &["/t0_fields/speed", "f32", "float64"],
        &["/t0_fields/speed"],
        |file| {
            replace(file, "t0_fields/speed", |name| {
                file.new_dataset::<f64>()
                    .shape((2, 9, 7))
                    .create(name)
                    .unwrap()
            });
        },
    );
    check(
        &["/@dataset_name", "one value", "[2]"],
        &["/@dataset_name"],
        |file| {
            file.delete_attr("dataset_name").unwrap();
            let texts = arr1(&["a", "b"]).mapv(|text| VarLenUnicode::from_str(text).unwrap());
            file.new_attr_builder()
                .with_data(&texts)
                .create("dataset_name")
                .unwrap();
        },
    );
}

#[test]
fn wrong_shapes_are_refused() {
    check(
        &["/t0_fields/displacement", "[2, 6, 9, 7]", "[2, 6, 7, 9]"],
        &["/t0_fields/displacement"],
        |file| {
            replace(file, "t0_fields/displacement", |name| {
                file.new_dataset_builder()
                    .with_data(&ndarray::Array4::<f32>::zeros((2, 6, 7, 9)))
                    .create(name)
                    .unwrap()
            });
        },
    );
    check(
        &["/scalars/initial_0_amplitude", "[2]", "[3]"],
        &["/scalars/initial_0_amplitude"],
        |file| {
            replace(file, "scalars/initial_0_amplitude", |name| {
                file.new_dataset_builder()
                    .with_data(&arr1(&[0.0, 1.0, 2.0]))
                    .create(name)
                    .unwrap()
            });
        },
    );
    check(
        &["/boundary_conditions/y_wall/mask", "[7]", "[2]"],
        &["/boundary_conditions/y_wall/mask"],
        |file| {
            replace(file, "boundary_conditions/y_wall/mask", |name| {
                file.new_dataset_builder()
                    .with_data(&arr1(&[true, false]))
                    .create(name)
                    .unwrap()
            });
        },
    );
}

#[test]
fn absurd_sizes_allocate_nothing() {
    // A header may claim anything: 2^40 trajectories, or 2^60 values of which not one is stored.
    check(
        &["/@n_trajectories", "1099511627776"],
        &["/@n_trajectories"],
        |file| {
            file.attr("n_trajectories")
                .unwrap()
                .write_scalar(&(1i64 << 40))
                .unwrap();
        },
    );
    check(
        &["/@n_trajectories", "found -1"],
        &["/@n_trajectories"],
        |file| {
            file.attr("n_trajectories")
                .unwrap()
                .write_scalar(&-1i64)
                .unwrap();
        },
    );
    check(
        &["/dimensions/time", "one axis"],
        &["/dimensions/time"],
        |file| {
            replace(file, "dimensions/time", |name| {
                file.new_dataset::<f32>()
                    .chunk(1 << 10)
                    .shape(1usize << 60)
                    .create(name)
                    .unwrap()
            });
        },
    );
    check(
        &["/t0_fields/displacement", "3024 bytes", "0 stored bytes"],
        &["/t0_fields/displacement"],
        |file| {
            replace(file, "t0_fields/displacement", |name| {
                file.new_dataset::<f32>()
                    .chunk((1, 6, 9, 7))
                    .shape((2, 6, 9, 7))
                    .create(name)
                    .unwrap()
            });
        },
    );
    check(
        &["/fewave/receivers/position"],
        &["/fewave/receivers/position"],
        |file| {
            replace(file, "fewave/receivers/position", |name| {
                file.new_dataset::<f64>()
                    .chunk((1 << 10, 2))
                    .shape((1usize << 62, 2))
                    .create(name)
                    .unwrap()
            });
        },
    );
}

#[test]
fn coordinates_that_contradict_each_other_are_refused() {
    check(&["/fewave/x", "9 values"], &["/fewave/x"], |file| {
        file.dataset("dimensions/x")
            .unwrap()
            .write_slice(&arr1(&[0.1f32]), 3..4)
            .unwrap();
    });
    check(&["/fewave/time", "increasing"], &["/fewave/time"], |file| {
        file.dataset("fewave/time")
            .unwrap()
            .write_slice(&arr1(&[f64::NAN]), 3..4)
            .unwrap();
    });
    check(&["/@dt", "0.5"], &["/@dt"], |file| {
        file.attr("dt").unwrap().write_scalar(&0.5).unwrap()
    });
}

#[test]
fn values_that_are_not_finite_are_refused_where_they_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = damaged(dir.path(), |file| {
        let field = file.dataset("t0_fields/displacement").unwrap();
        field
            .write_slice(&arr1(&[f32::NAN]), ndarray::s![1, 3, 2, 0..1])
            .unwrap();
    });
    let file = Split::open_file(&path).unwrap();
    file.read_snapshots("displacement", 1, 0..3).unwrap();
    let text = file
        .read_snapshots("displacement", 1, 3..4)
        .unwrap_err()
        .to_string();
    assert!(
        ["a.hdf5", "/t0_fields/displacement", "finite", "NaN"]
            .iter()
            .all(|part| text.contains(part)),
        "{text}"
    );
    let report = validate(&path).unwrap();
    assert_eq!(report.violations.len(), 1, "{report:#?}");
    assert_eq!(
        report.violations[0].place,
        "/t0_fields/displacement, trajectory 1"
    );
}

#[test]
fn a_changed_value_shows_in_the_digest() {
    let dir = tempfile::tempdir().unwrap();
    let path = damaged(dir.path(), |file| {
        let field = file.dataset("fewave/receivers/displacement").unwrap();
        field
            .write_slice(&arr1(&[0.125f32]), ndarray::s![0, 1, 2..3])
            .unwrap();
    });
    let report = validate(&path).unwrap();
    assert_eq!(report.violations.len(), 1, "{report:#?}");
    assert_eq!(report.violations[0].place, "/fewave/sha256, trajectory 0");
}

#[test]
fn what_is_no_dataset_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let open = |path: &Path| Split::open_file(path).map(|_| ()).unwrap_err().to_string();
    let path = dir.path().join("a.hdf5");
    let text = open(&path);
    assert!(
        text.contains("a.hdf5") && text.contains("check the path"),
        "{text}"
    );
    for content in [&b""[..], b"hello", &[0u8; 4096]] {
        fs::write(&path, content).unwrap();
        let text = open(&path);
        assert!(
            text.contains("a complete HDF5 file")
                && text.contains(&format!("{} bytes", content.len())),
            "{text}"
        );
    }
    hdf5::File::create(&path)
        .unwrap()
        .new_dataset::<f32>()
        .shape((3, 3))
        .create("u")
        .unwrap();
    let text = open(&path);
    assert!(
        text.contains("/@dataset_name") && text.contains("more"),
        "{text}"
    );
    let text = open(dir.path());
    assert!(
        text.contains("a dataset file") && text.contains("a folder"),
        "{text}"
    );
    let text = Split::open(dir.path(), SplitName::Train)
        .map(|_| ())
        .unwrap_err()
        .to_string();
    assert!(text.contains("data/train"), "{text}");
}

#[test]
#[cfg(unix)]
fn a_file_that_another_process_writes_is_not_called_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let path = damaged(dir.path(), |_| {});
    // As HDF5 locks what it writes.
    let held = fs::File::open(&path).unwrap();
    held.lock().unwrap();
    let text = Split::open_file(&path).map(|_| ()).unwrap_err().to_string();
    assert!(
        text.contains("a.hdf5") && text.contains("HDF5_USE_FILE_LOCKING=FALSE"),
        "{text}"
    );
    held.unlock().unwrap();
    Split::open_file(&path).unwrap();
}

#[test]
fn a_truncated_file_is_refused_at_every_length() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.hdf5");
    write_file(&path, &spec(SplitName::Train, 2), 0..2);
    let whole = fs::read(&path).unwrap();
    for length in (0..whole.len()).step_by(whole.len() / 300) {
        fs::write(&path, &whole[..length]).unwrap();
        let text = Split::open_file(&path).map(|_| ()).unwrap_err().to_string();
        assert!(
            text.contains("a.hdf5") && text.contains("expected"),
            "{length}: {text}"
        );
        assert!(!validate(&path).unwrap().is_valid());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Bytes overwritten anywhere in the data: found by the digest or the header, or harmless; never a panic.
    #[test]
    fn overwritten_values_are_found(at in 0.0..1.0f64, value in any::<u8>()) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.hdf5");
        write_file(&path, &spec(SplitName::Train, 2), 0..2);
        let file = hdf5::File::open(&path).unwrap();
        let field = file.dataset("t0_fields/displacement").unwrap();
        let (start, length) = (field.offset().unwrap(), field.storage_size());
        drop((field, file));
        let mut bytes = fs::read(&path).unwrap();
        let place = (start + (at * length as f64) as u64) as usize;
        let changed = bytes[place] != value;
        bytes[place] = value;
        fs::write(&path, bytes).unwrap();
        prop_assert_eq!(validate(&path).unwrap().is_valid(), !changed);
    }
}

/// Damage anywhere, headers and strings included: found, or in bytes that nothing uses; HDF5 is never led astray.
#[test]
fn an_overwritten_byte_is_found_or_harmless() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.hdf5");
    write_file(&path, &spec(SplitName::Train, 2), 0..2);
    let sound = fs::read(&path).unwrap();
    let before = Split::open_file(&path).unwrap().spec().clone();
    let mut found = 0;
    for at in (0..sound.len()).step_by(61) {
        let mut bytes = sound.clone();
        bytes[at] = !bytes[at];
        fs::write(&path, bytes).unwrap();
        match validate(&path).unwrap().is_valid() {
            true => assert_eq!(
                *Split::open_file(&path).unwrap().spec(),
                before,
                "byte {at}"
            ),
            false => found += 1,
        }
    }
    assert!(found > sound.len() / 61 / 2, "most bytes are in use");
}

#[test]
fn another_tool_may_add_attributes() {
    let dir = tempfile::tempdir().unwrap();
    let path = damaged(dir.path(), |file| {
        for number in 0..300 {
            let text = VarLenUnicode::from_str(&format!("note {number}")).unwrap();
            file.new_attr::<VarLenUnicode>()
                .create(format!("note_{number}").as_str())
                .unwrap()
                .write_scalar(&text)
                .unwrap();
        }
    });
    assert!(validate(&path).unwrap().is_valid());
}

#[test]
fn a_folder_is_checked_as_a_whole() {
    let check = |damage: &dyn Fn(&Path), places: &[&str]| {
        let dir = tempfile::tempdir().unwrap();
        write_dataset(dir.path());
        damage(dir.path());
        let report = validate(dir.path()).unwrap();
        let text = report
            .violations
            .iter()
            .map(|violation| format!("{violation}\n"))
            .collect::<String>();
        assert_eq!(report.violations.len(), places.len(), "{text}");
        for place in places {
            assert!(text.contains(place), "{place}: {text}");
        }
    };
    check(&|_| {}, &[]);
    check(
        &|dir| fs::remove_file(dir.join("stats.yaml")).unwrap(),
        &["stats.yaml"],
    );
    let wrong = |dir: &Path| {
        let mut statistics = Statistics::read(dir).unwrap();
        *statistics.std.get_mut("speed").unwrap() *= 1.001;
        statistics.rms.remove("displacement");
        statistics.mean.insert("pressure".into(), 0.0);
        statistics.write(dir).unwrap();
    };
    check(&wrong, &["std/speed", "rms/displacement", "mean/pressure"]);
    let shard = |dir: &Path| fs::remove_file(dir.join("data/train/00001.hdf5")).unwrap();
    let no_shard = |dir: &Path| {
        shard(dir);
        Statistics::compute(&Split::open(dir, SplitName::Train).unwrap())
            .unwrap()
            .write(dir)
            .unwrap();
    };
    check(
        &no_shard,
        &["expected 5 trajectories, found 3, the first missing is 3"],
    );
    check(
        &|dir| fs::remove_dir_all(dir.join("data/valid")).unwrap(),
        &["data/valid"],
    );
    check(
        &|dir| fs::remove_file(dir.join("data/test/00000.hdf5")).unwrap(),
        &[],
    );
    check(
        &|dir| {
            fs::remove_file(dir.join("data/train/00000.hdf5")).unwrap();
            fs::remove_file(dir.join("data/train/00001.hdf5")).unwrap();
        },
        &["data/train: expected *.hdf5 files"],
    );
    check(
        &|dir| fs::write(dir.join("data/test/b.hdf5.part"), "").unwrap(),
        &["never finished"],
    );
    let copied = |dir: &Path| {
        fs::copy(
            dir.join("data/valid/00000.hdf5"),
            dir.join("data/valid/b.hdf5"),
        )
        .map(drop)
        .unwrap()
    };
    check(&copied, &["index 0 also in", "index 1 also in"]);
    let misplaced = |dir: &Path| {
        fs::copy(
            dir.join("data/valid/00000.hdf5"),
            dir.join("data/test/00000.hdf5"),
        )
        .map(drop)
        .unwrap()
    };
    check(&misplaced, &["/fewave@split: expected test, found valid"]);
}

#[test]
fn files_of_a_split_must_agree() {
    let dir = tempfile::tempdir().unwrap();
    write_dataset(dir.path());
    let mut other = spec(SplitName::Train, 5);
    other.times.iter_mut().for_each(|time| *time *= 2.0);
    other.provenance.config_hash = "other".into();
    write_file(&dir.path().join("data/train/00001.hdf5"), &other, 3..5);
    let text = Split::open(dir.path(), SplitName::Train)
        .map(|_| ())
        .unwrap_err()
        .to_string();
    assert!(
        ["00001.hdf5", "/dimensions/time", "00000.hdf5", "1 more"]
            .iter()
            .all(|part| text.contains(part)),
        "{text}"
    );
    write_file(
        &dir.path().join("data/train/00001.hdf5"),
        &spec(SplitName::Train, 5),
        [3, 2],
    );
    let text = Split::open(dir.path(), SplitName::Train)
        .map(|_| ())
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("00001.hdf5") && text.contains("index 2 twice"),
        "{text}"
    );
}

#[test]
fn the_hash_of_a_dataset_is_that_of_its_files() {
    let dir = tempfile::tempdir().unwrap();
    write_dataset(dir.path());
    let before = content_hash(dir.path()).unwrap();
    assert_eq!(before.len(), 64);
    let copy = tempfile::tempdir().unwrap();
    write_dataset(copy.path());
    assert_eq!(
        before,
        content_hash(copy.path()).unwrap(),
        "the place does not matter"
    );
    fs::write(dir.path().join("notes.txt"), "x").unwrap();
    assert_eq!(before, content_hash(dir.path()).unwrap());
    write_file(
        &dir.path().join("data/test/00000.hdf5"),
        &spec(SplitName::Test, 1),
        1..2,
    );
    assert_ne!(before, content_hash(dir.path()).unwrap());
    fs::write(dir.path().join("abc"), "abc").unwrap();
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(content_hash(dir.path().join("abc")).unwrap(), abc);
}
