//! What is written is what is read, and validates.

mod common;

use common::*;
use fewave_datasets::*;
use ndarray::Ix2;

#[test]
fn a_dataset_comes_back_as_written() {
    let dir = tempfile::tempdir().unwrap();
    write_dataset(dir.path());
    let train = Split::open(dir.path(), SplitName::Train).unwrap();
    let mut expected = spec(SplitName::Train, 5);
    expected.boundaries.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(*train.spec(), expected);
    assert_eq!(train.len(), 5);
    assert_eq!(train.files().count(), 2);
    for number in [4, 0, 3, 1, 2] {
        let written = trajectory(number as u64);
        assert_eq!(train.index(number).unwrap(), number as u64);
        assert_eq!(train.source_end(number).unwrap(), written.source_end);
        assert_eq!(
            train.scalars(number).unwrap()["initial_0_amplitude"],
            written.scalars[0]
        );
        assert_eq!(train.energy(number).unwrap().unwrap(), written.energy);
        let displacement = train.receivers(number).unwrap().unwrap();
        assert_eq!(displacement.into_dyn(), written.receivers[0]);
        for (quantity, signals) in ReceiverQuantity::ALL.into_iter().zip(&written.receivers) {
            assert_eq!(&train.receiver_signals(quantity, number).unwrap(), signals);
        }
        assert_eq!(train.sources(number).unwrap(), written.sources);
        assert_eq!(
            train
                .read_snapshots("displacement", number, 0..6)
                .unwrap()
                .into_dyn(),
            written.fields[0]
        );
        let some = train.read_snapshots("displacement", number, 2..5).unwrap();
        assert_eq!(
            some.into_dyn(),
            written.fields[0]
                .slice(ndarray::s![2..5, .., ..])
                .into_dyn()
        );
        let speed = train.read_static("speed", number).unwrap();
        assert_eq!(
            speed,
            written.fields[1]
                .clone()
                .into_dimensionality::<Ix2>()
                .unwrap()
        );
    }
    assert_eq!(
        train.read_snapshots("displacement", 0, 3..3).unwrap().dim(),
        (0, 9, 7)
    );
    let report = validate(dir.path()).unwrap();
    assert_eq!(report.violations, vec![]);
    assert_eq!((report.files, report.trajectories), (4, 8));
}

#[test]
fn a_request_that_does_not_fit_says_what_would() {
    let dir = tempfile::tempdir().unwrap();
    write_dataset(dir.path());
    let test = Split::open(dir.path(), SplitName::Test).unwrap();
    let message = |result: Result<_>| {
        result
            .map(|_: ndarray::Array3<f32>| ())
            .unwrap_err()
            .to_string()
    };
    for (text, parts) in [
        (
            message(test.read_snapshots("pressure", 0, 0..1)),
            ["displacement", "`pressure`"],
        ),
        (
            message(test.read_snapshots("speed", 0, 0..1)),
            ["displacement", "static"],
        ),
        (
            message(test.read_snapshots("displacement", 1, 0..1)),
            ["below 1", "found 1"],
        ),
        (
            message(test.read_snapshots("displacement", 0, 2..7)),
            ["0..6", "2..7"],
        ),
        (
            message(test.read_snapshots("displacement", 0, 0..usize::MAX)),
            ["0..6", "18446744073709551615"],
        ),
    ] {
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    }
}

#[test]
fn compression_changes_the_bytes_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let spec = spec(SplitName::Train, 3);
    let path = dir.path().join("a.hdf5");
    let mut writer = FileWriter::create_compressed(&path, &spec, 3, Compression::Gzip(4)).unwrap();
    for slot in [2, 0, 1] {
        writer.write(slot, &trajectory(slot as u64)).unwrap();
    }
    writer.finish().unwrap();
    let file = Split::open_file(&path).unwrap();
    for number in 0..3 {
        let written = &trajectory(number as u64).fields[0];
        assert_eq!(
            file.read_snapshots("displacement", number, 0..6)
                .unwrap()
                .into_dyn(),
            *written
        );
    }
    assert!(validate(&path).unwrap().is_valid());
    let plain = dir.path().join("b.hdf5");
    write_file(&plain, &spec, 0..3);
    assert_eq!(
        Split::open_file(&plain).unwrap().digest(2).unwrap(),
        file.digest(2).unwrap()
    );
}

#[test]
fn several_threads_may_read_at_once() {
    let dir = tempfile::tempdir().unwrap();
    write_dataset(dir.path());
    let train = Split::open(dir.path(), SplitName::Train).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let train = &train;
            scope.spawn(move || {
                for turn in 0..20 {
                    let number = (thread + turn) % 5;
                    let read = train.read_snapshots("displacement", number, 1..4).unwrap();
                    let written = &trajectory(number as u64).fields[0];
                    assert_eq!(
                        read.into_dyn(),
                        written.slice(ndarray::s![1..4, .., ..]).into_dyn()
                    );
                }
            });
        }
    });
}
