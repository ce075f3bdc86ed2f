//! Files: the same bytes for the same data, complete or not there, and errors that say what to do.

mod common;

use std::fs;
use std::process::Command;
use std::time::Duration;

use common::*;
use fewave_datasets::*;

/// Set in the child processes that the tests below start.
const CHILD: &str = "FEWAVE_DATASETS_TEST_FILE";

#[test]
fn equal_data_give_equal_bytes_whatever_the_clock_and_the_order() {
    let dir = tempfile::tempdir().unwrap();
    let spec = spec(SplitName::Train, 3);
    for compression in [Compression::None, Compression::Gzip(3)] {
        let write = |name: &str, slots: [usize; 3]| {
            let path = dir.path().join(name);
            let mut writer = FileWriter::create_compressed(&path, &spec, 3, compression).unwrap();
            for slot in slots {
                writer.write(slot, &trajectory(slot as u64)).unwrap();
            }
            writer.finish().unwrap();
            fs::read(path).unwrap()
        };
        let first = write("a.hdf5", [0, 1, 2]);
        // HDF5 stamps objects with seconds where it stamps them.
        std::thread::sleep(Duration::from_millis(1100));
        assert!(first == write("b.hdf5", [2, 0, 1]), "{compression:?}");
        assert!(
            first == write("a.hdf5", [1, 2, 0]),
            "{compression:?}, over an existing file"
        );
    }
}

#[test]
fn a_file_shows_only_when_finished() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/er/00000.hdf5");
    let spec = spec(SplitName::Train, 2);
    let mut writer = FileWriter::create(&path, &spec, 2).unwrap();
    writer.write(0, &trajectory(0)).unwrap();
    assert!(!path.exists());
    assert!(path.with_file_name("00000.hdf5.part").exists());
    let text = writer.finish().unwrap_err().to_string();
    assert!(
        text.contains("00000.hdf5") && text.contains("1 missing, the first is slot 1"),
        "{text}"
    );
    assert_eq!(
        fs::read_dir(path.parent().unwrap()).unwrap().count(),
        0,
        "nothing is left behind"
    );

    let writer = FileWriter::create(&path, &spec, 2).unwrap();
    drop(writer);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
    write_file(&path, &spec, 0..2);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn a_finished_file_survives_a_failed_replacement() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.hdf5");
    let spec = spec(SplitName::Train, 1);
    write_file(&path, &spec, 0..1);
    let before = fs::read(&path).unwrap();
    let mut writer = FileWriter::create(&path, &spec, 1).unwrap();
    writer.write(0, &trajectory(7)).unwrap();
    drop(writer);
    assert!(before == fs::read(&path).unwrap());
}

#[test]
fn data_that_do_not_fit_are_refused_before_they_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let spec = spec(SplitName::Train, 2);
    let mut writer = FileWriter::create(dir.path().join("a.hdf5"), &spec, 2).unwrap();
    let mut refused = |slot: usize, change: &dyn Fn(&mut TrajectoryData), parts: &[&str]| {
        let mut data = trajectory(0);
        change(&mut data);
        let text = writer.write(slot, &data).unwrap_err().to_string();
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    };
    refused(
        0,
        &|data| data.fields[0][[5, 8, 6]] = f32::NAN,
        &["`displacement`", "trajectory 0", "NaN", "377"],
    );
    refused(
        0,
        &|data| data.fields[1][[0, 1]] = f32::INFINITY,
        &["`speed`", "inf"],
    );
    refused(
        0,
        &|data| data.fields[0].swap_axes(1, 2),
        &["[6, 9, 7]", "[6, 7, 9]", "(time, x, y)"],
    );
    refused(
        0,
        &|data| drop(data.fields.pop()),
        &["number of fields", "expected 2", "found 1"],
    );
    refused(
        0,
        &|data| data.scalars[0] = f64::NAN,
        &["`initial_0_amplitude`", "NaN"],
    );
    refused(
        0,
        &|data| data.scalars.clear(),
        &["number of scalars", "expected 1", "found 0"],
    );
    refused(
        0,
        &|data| data.energy.truncate(5),
        &["number of energies", "expected 6", "found 5"],
    );
    refused(
        0,
        &|data| data.receivers.clear(),
        &["receiver signals", "expected 3", "found 0"],
    );
    refused(
        0,
        &|data| data.sources = Default::default(),
        &["the sources' position", "[2, 2]", "[0, 0]"],
    );
    refused(
        0,
        &|data| data.sources.signal[[1, 3]] = f32::NAN,
        &["the sources' signal", "NaN"],
    );
    refused(
        0,
        &|data| data.source_end = f64::INFINITY,
        &["end of the source", "inf"],
    );
    refused(2, &|_| {}, &["a slot below 2", "found 2"]);
    writer.write(1, &trajectory(1)).unwrap();
    let text = writer.write(1, &trajectory(1)).unwrap_err().to_string();
    assert!(text.contains("slot 1") && text.contains("once"), "{text}");
    let text = writer.write(0, &trajectory(1)).unwrap_err().to_string();
    assert!(text.contains("index 1 again"), "{text}");
    // What was refused did no harm.
    writer.write(0, &trajectory(0)).unwrap();
    writer.finish().unwrap();
    assert!(validate(dir.path().join("a.hdf5")).unwrap().is_valid());
}

#[test]
fn specifications_that_the_layout_cannot_hold_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |change: &dyn Fn(&mut FileSpec), parts: &[&str]| {
        let mut spec = spec(SplitName::Train, 1);
        change(&mut spec);
        let text = FileWriter::create(dir.path().join("a.hdf5"), &spec, 1)
            .unwrap_err()
            .to_string();
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    };
    refused(&|spec| spec.axes[0].reverse(), &["axis x", "increasing"]);
    refused(&|spec| spec.axes[1].truncate(1), &["axis y", "at least 2"]);
    refused(&|spec| spec.times[1] = f64::NAN, &["snapshot times", "NaN"]);
    refused(&|spec| spec.fields.clear(), &["fields", "at least one"]);
    refused(
        &|spec| spec.fields[1].name = "displacement".into(),
        &["field's name", "not taken"],
    );
    refused(
        &|spec| spec.fields[1].name = "a/b".into(),
        &["field's name", "a/b"],
    );
    refused(
        &|spec| spec.scalars[0].name = "n_trajectories".into(),
        &["scalar's name", "n_trajectories"],
    );
    refused(
        &|spec| spec.scalars[0].name = "courant".into(),
        &["scalar's name", "courant"],
    );
    refused(
        &|spec| spec.boundaries[0].mask.truncate(8),
        &["x_wall_left", "9 values", "found 8"],
    );
    refused(
        &|spec| spec.boundaries[0].name = "left".into(),
        &["`left`", "x_wall_left"],
    );
    refused(
        &|spec| spec.boundaries[0].dim = 2,
        &["x_wall_left", "axis 0 or 1"],
    );
    refused(
        &|spec| spec.provenance.config = "a\0b".into(),
        &["fewave@config", "NUL"],
    );
    refused(&|spec| spec.dataset_name.clear(), &["dataset's name"]);
    let text = FileWriter::create(dir.path().join("a.hdf5"), &spec(SplitName::Train, 1), 0)
        .unwrap_err()
        .to_string();
    assert!(text.contains("at least 1"), "{text}");
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        0,
        "nothing is left behind"
    );
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let path = dir.path().join("file/train/a.hdf5");
    let text = FileWriter::create(path, &spec(SplitName::Train, 1), 1)
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("file/train") && text.contains("permissions"),
        "{text}"
    );
}

/// Not a test of its own: killed by the next one in the middle of its work.
#[test]
fn child_that_never_finishes() {
    let Ok(path) = std::env::var(CHILD) else {
        return;
    };
    let mut writer = FileWriter::create(path, &spec(SplitName::Train, 2), 2).unwrap();
    writer.write(0, &trajectory(0)).unwrap();
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn a_killed_process_leaves_nothing_under_the_final_name_and_the_next_one_works() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.hdf5");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_never_finishes"])
        .env(CHILD, &path)
        .spawn()
        .unwrap();
    let part = path.with_file_name("a.hdf5.part");
    for _ in 0..500 {
        if part.exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(part.exists() && !path.exists());
    write_file(&path, &spec(SplitName::Train, 2), 0..2);
    assert!(validate(&path).unwrap().is_valid());
    assert!(!part.exists());
}

/// Not a test of its own: run by the next one where files may not grow.
#[test]
fn child_on_a_full_disk() {
    let Ok(path) = std::env::var(CHILD) else {
        return;
    };
    let mut spec = spec(SplitName::Train, 400);
    spec.receivers = None;
    let written = FileWriter::create(&path, &spec, 400).and_then(|mut writer| {
        for slot in 0..400 {
            let mut data = trajectory(slot as u64);
            data.receivers.clear();
            writer.write(slot, &data)?;
        }
        writer.finish()
    });
    println!("outcome: {}", written.unwrap_err());
}

#[test]
#[cfg(unix)]
fn a_full_disk_is_an_error_with_a_remedy_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.hdf5");
    // Writes beyond the limit fail as on a full disk, once the signal that says so is ignored.
    let output = Command::new("sh")
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 200; exec \"$0\" --exact child_on_a_full_disk --nocapture",
        ])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, &path)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        text.contains("outcome: ") && text.contains("a.hdf5.part") && text.contains("free space"),
        "{text}"
    );
    assert!(
        !String::from_utf8_lossy(&output.stderr).contains("HDF5-DIAG"),
        "HDF5 prints nothing itself"
    );
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        0,
        "nothing is left behind"
    );
}
