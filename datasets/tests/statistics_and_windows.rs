//! Statistics against the textbook formulas; windows against the plain enumeration.

mod common;

use common::*;
use fewave_datasets::*;
use proptest::prelude::*;

/// Mean, standard deviation, root mean square by their definitions.
fn naive(values: &[f64]) -> [f64; 3] {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / count;
    [
        mean,
        variance.sqrt(),
        (values.iter().map(|value| value * value).sum::<f64>() / count).sqrt(),
    ]
}

fn close(found: [f64; 3], expected: [f64; 3]) {
    for (found, expected) in found.into_iter().zip(expected) {
        assert!(
            (found - expected).abs() <= 1e-12 * expected.abs().max(1.0),
            "{found} instead of {expected}"
        );
    }
}

fn triple(statistics: &Statistics, field: &str, delta: bool) -> [f64; 3] {
    match delta {
        false => [
            statistics.mean[field],
            statistics.std[field],
            statistics.rms[field],
        ],
        true => [
            statistics.mean_delta[field],
            statistics.std_delta[field],
            statistics.rms_delta[field],
        ],
    }
}

#[test]
fn statistics_are_those_of_the_definition() {
    let dir = tempfile::tempdir().unwrap();
    write_dataset(dir.path());
    let statistics = Statistics::read(dir.path()).unwrap();
    assert_eq!(
        statistics,
        Statistics::compute(&Split::open(dir.path(), SplitName::Train).unwrap()).unwrap()
    );
    let (mut values, mut deltas, mut speeds) = (vec![], vec![], vec![]);
    for index in 0..5 {
        let data = trajectory(index);
        values.extend(data.fields[0].iter().map(|value| f64::from(*value)));
        speeds.extend(data.fields[1].iter().map(|value| f64::from(*value)));
        for ((t, i, j), next) in data.fields[0]
            .view()
            .into_dimensionality::<ndarray::Ix3>()
            .unwrap()
            .indexed_iter()
        {
            if t > 0 {
                deltas.push(f64::from(*next) - f64::from(data.fields[0][[t - 1, i, j]]));
            }
        }
    }
    close(triple(&statistics, "displacement", false), naive(&values));
    close(triple(&statistics, "displacement", true), naive(&deltas));
    close(triple(&statistics, "speed", false), naive(&speeds));
    assert!(!statistics.mean_delta.contains_key("speed"));
}

#[test]
fn points_outside_the_domain_do_not_count() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.hdf5");
    let mut spec = spec(SplitName::Train, 1);
    spec.fields.push(FieldSpec {
        name: INSIDE_FIELD.into(),
        unit: "1".into(),
        description: "1 inside".into(),
        time_varying: false,
    });
    let mut data = trajectory(0);
    let inside = |i: usize, j: usize| !(i + 2 * j).is_multiple_of(3);
    let mask = ndarray::Array2::from_shape_fn((9, 7), |(i, j)| f32::from(u8::from(inside(i, j))));
    data.fields.push(mask.into_dyn());
    let mut writer = FileWriter::create(&path, &spec, 1).unwrap();
    writer.write(0, &data).unwrap();
    writer.finish().unwrap();
    let statistics = Statistics::compute(&Split::open_file(&path).unwrap()).unwrap();
    let speed = data.fields[1]
        .view()
        .into_dimensionality::<ndarray::Ix2>()
        .unwrap();
    let values = speed
        .indexed_iter()
        .filter(|((i, j), _)| inside(*i, *j))
        .map(|(_, value)| f64::from(*value));
    close(
        triple(&statistics, "speed", false),
        naive(&values.collect::<Vec<_>>()),
    );
    let flags: Vec<f64> = data.fields[2]
        .iter()
        .map(|value| f64::from(*value))
        .collect();
    close(triple(&statistics, INSIDE_FIELD, false), naive(&flags));
}

#[test]
fn statistics_that_are_not_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let text = Statistics::read(dir.path()).unwrap_err().to_string();
    assert!(
        text.contains("stats.yaml") && text.contains("fewave generate"),
        "{text}"
    );
    for bad in [
        "",
        "mean: 3",
        "- 1",
        "mean: {a: x}",
        "mean: {a: .nan}\nstd: {}\nrms: {}\nmean_delta: {}\nstd_delta: {}\nrms_delta: {}",
    ] {
        std::fs::write(dir.path().join("stats.yaml"), bad).unwrap();
        let text = Statistics::read(dir.path()).unwrap_err().to_string();
        assert!(
            text.contains("stats.yaml") && text.contains("expected"),
            "{bad}: {text}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn windows_are_every_run_of_snapshots_after_the_source(history in 1usize..5, horizon in 1usize..5, after in any::<bool>()) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.hdf5");
        write_file(&path, &spec(SplitName::Train, 5), 0..5);
        let split = Split::open_file(&path).unwrap();
        let start = if after { WindowStart::AfterSource } else { WindowStart::Beginning };
        let mut expected = Vec::new();
        for trajectory in 0..5 {
            for first in 0..SHAPE.0 {
                let late = !after || split.times()[first] >= split.source_end(trajectory).unwrap();
                if late && first + history + horizon <= SHAPE.0 {
                    expected.push((trajectory, first));
                }
            }
        }
        match Windows::new(&split, history, horizon, start) {
            Ok(windows) => {
                let found: Vec<_> = windows.iter().map(|window| (window.trajectory, window.first)).collect();
                prop_assert_eq!(windows.len(), found.len());
                prop_assert_eq!(found, expected.clone());
                prop_assert_eq!(windows.get(windows.len()), None);
                for trajectory in 0..5 {
                    let first = expected.iter().find(|(number, _)| *number == trajectory).map(|(_, first)| *first);
                    prop_assert_eq!(windows.start(trajectory), first);
                }
                let window = windows.get(0).unwrap();
                prop_assert_eq!(window.inputs().end, window.targets().start);
                prop_assert_eq!(window.snapshots().len(), history + horizon);
            }
            Err(error) => {
                prop_assert!(expected.is_empty());
                prop_assert!(error.to_string().contains("a.hdf5"), "{}", error);
            }
        }
    }
}
