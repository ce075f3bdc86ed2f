//! Data outside of what a surrogate was trained on.

use serde_json::Value;

use crate::support::{Workplace, texts};

/// Data of a faster medium, which the tiny surrogate has not seen.
fn faster(place: &Workplace) {
    place.ok(&[
        "generate",
        "dataset.toml",
        "-o",
        "faster",
        "--quiet",
        "--set",
        "medium.speed=[2.5, 3.0]",
    ]);
}

#[test]
fn evaluation_warns_and_prediction_refuses() {
    let place = Workplace::with_run();
    let within = place.run(&["evaluate", "run", "--data", "data"]);
    assert!(!texts(&within).1.contains("training ranges"), "{within:?}");
    faster(&place);
    let output = place.run(&["evaluate", "run", "--data", "faster", "--json"]);
    let (out, err) = texts(&output);
    assert!(output.status.success(), "{err}");
    for words in [
        "run: 2 trajectories leave the training ranges",
        "speed_minimum = ",
        "m/s in training",
    ] {
        assert!(err.contains(words), "no {words:?} in {err}");
    }
    let json: Value = serde_json::from_str(&out).unwrap();
    assert!(json["runs"][0]["out_of_range"].as_array().unwrap().len() >= 2);
    place.ok(&[
        "compare", "run", "--data", "faster", "-o", "report", "--no-fe",
    ]);
    let page = String::from_utf8(place.bytes("report/index.html")).unwrap();
    assert!(page.contains("Errors there are those of an extrapolation"));
    let file = "faster/data/test/tiny_0000.hdf5";
    let mut arguments = vec!["predict", "run", "--input", file, "-o", "p.hdf5"];
    place.fails(
        1,
        &arguments,
        &["speed_m", "training ranges", "--extrapolate"],
    );
    assert!(!place.path("p.hdf5").exists());
    arguments.push("--extrapolate");
    place.ok(&arguments);
    place.ok(&["validate", "p.hdf5"]);
}

/// A checkpoint of a version that did not record ranges.
#[test]
fn older_checkpoints_are_used_with_unknown_ranges() {
    let place = Workplace::with_run();
    let bytes = place.bytes("run/best.safetensors");
    let (length, rest) = bytes.split_at(8);
    let length = usize::try_from(u64::from_le_bytes(length.try_into().unwrap())).unwrap();
    let mut header: Value = serde_json::from_slice(&rest[..length]).unwrap();
    let text = header["__metadata__"]["fewave"].as_str().unwrap();
    let mut metadata: Value = serde_json::from_str(text).unwrap();
    assert_eq!(metadata["ranges"]["trajectories"], 8);
    metadata.as_object_mut().unwrap().remove("ranges");
    header["__metadata__"]["fewave"] = metadata.to_string().into();
    let mut text = header.to_string();
    while !text.len().is_multiple_of(8) {
        text.push(' ');
    }
    let mut old = (text.len() as u64).to_le_bytes().to_vec();
    old.extend(text.as_bytes());
    old.extend(&rest[length..]);
    std::fs::write(place.path("run/best.safetensors"), old).unwrap();
    let output = place.run(&["evaluate", "run", "--data", "data"]);
    let (_, err) = texts(&output);
    assert!(output.status.success() && err.contains("unknown"), "{err}");
    faster(&place);
    let file = "faster/data/test/tiny_0000.hdf5";
    place.ok(&["predict", "run", "--input", file, "-o", "p.hdf5"]);
}
