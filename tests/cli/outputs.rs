//! What runs write beside snapshots, and trajectories that fail: receivers, exports, and nothing lost.

use crate::support::{DATASET, Workplace, texts};

#[test]
fn a_trajectory_that_blows_up_is_named_and_left_out_and_the_others_are_finished() {
    let place = Workplace::new();
    // some amplitudes overflow single precision, others do not
    let source = "[[source]]\nkind = \"sampled\"\ninterval = 0.05\nvalues = [0.0, 1e12, 1e12, 0.0]\n\
                  amplitude = [-1e27, 1e27]\nposition = [0.5, 0.5]\n[time]\nprecision = \"f32\"";
    let text = DATASET
        .replace("[time]", source)
        .replace("trajectories_per_file = 4", "trajectories_per_file = 1");
    place.write("wild.toml", &text);
    let output = place.run(&["generate", "wild.toml", "-o", "wild"]);
    let (_, errors) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    let (mut stored, mut failed) = (0, 0);
    for (split, count) in [("train", 8), ("valid", 2), ("test", 2)] {
        for index in 0..count {
            let file = place.path(&format!("wild/data/{split}/tiny_{index:04}.hdf5"));
            let reported = errors.contains(&format!(
                "{split} trajectory {index} (seed 3): the solution is not finite"
            ));
            assert_ne!(file.exists(), reported, "{split} {index}: {errors}");
            stored += usize::from(file.exists());
            failed += usize::from(reported);
        }
    }
    assert!(stored > 0 && failed > 0, "{stored} stored, {failed} failed");
    assert!(
        errors.contains(&format!("{failed} of 12 trajectories failed")),
        "{errors}"
    );
    assert!(!place.path("wild/stats.yaml").exists());
}

#[test]
fn receivers_record_what_is_asked_for_along_lines_too() {
    let place = Workplace::new();
    let lines = "points = [[0.25, 0.25]]\nlines = [{ from = [0.1, 0.75], to = [0.9, 0.75], count = 5 }]\n\
                 quantities = [\"velocity\", \"gradient\"]\nevery = 3";
    let text = DATASET.replace("points = [[0.25, 0.25], [0.8, 0.6]]", lines);
    place.write("lines.toml", &text);
    place.ok(&["simulate", "lines.toml", "-o", "lines.hdf5"]);
    place.ok(&["validate", "lines.hdf5"]);
    let shown = place.ok(&["inspect", "lines.hdf5"]);
    assert!(shown.contains("6 of velocity (m/s), gradient"), "{shown}");
    for (from, to, words) in [
        (
            "0.9, 0.75], count",
            "0.9, 0.8], count",
            &[
                "receivers.lines.0",
                "number 2 at (0.5, 0.775)",
                "number 4 at (0.9, 0.8)",
            ][..],
        ),
        (
            "count = 5",
            "count = 1",
            &["receivers.lines.0.count", "from 2"],
        ),
        (
            "\"velocity\", ",
            "\"speed\", ",
            &["receivers.quantities", "\"velocity\""],
        ),
        (
            "to = [",
            "too = [",
            &["receivers.lines.0.too", "did you mean `to`"],
        ),
    ] {
        assert!(text.contains(from));
        place.write("bad.toml", &text.replace(from, to));
        place.fails(2, &["simulate", "bad.toml", "-o", "bad.hdf5"], words);
    }
}

#[test]
fn exports_are_written_beside_and_refused_where_they_cannot_be() {
    let place = Workplace::new();
    place.ok(&[
        "simulate",
        "dataset.toml",
        "-o",
        "out.hdf5",
        "--vtu",
        "fields",
    ]);
    place.ok(&["export", "out.hdf5"]);
    let text = String::from_utf8(place.bytes("out.xdmf")).unwrap();
    assert_eq!(text.matches("out.hdf5:/t0_fields/displacement").count(), 9);
    assert!(place.path("out.grid.h5").exists());
    let series = String::from_utf8(place.bytes("fields/series.pvd")).unwrap();
    assert_eq!(series.matches("<DataSet").count(), 9);
    assert!(place.path("fields/snapshots/00008.vtu").exists());
    place.fails(2, &["export", "out.hdf5"], &["out.xdmf", "--force"]);
    place.fails(
        1,
        &["export", "out.hdf5", "--force", "--trajectory", "1"],
        &["a trajectory below 1"],
    );
    place.fails(
        1,
        &["export", "out.hdf5", "-o", "out.vtk"],
        &["ends in .xdmf"],
    );
    place.fails(
        2,
        &[
            "simulate",
            "dataset.toml",
            "-o",
            "again.hdf5",
            "--vtu",
            "fields",
        ],
        &["series of VTU files", "--force"],
    );
}

#[test]
fn fourth_order_stepping_refuses_losses_at_their_key() {
    let place = Workplace::new();
    let text = DATASET.replace("[time]", "[time]\nintegrator = \"modified-equation\"");
    place.write("fourth.toml", &text);
    place.ok(&["simulate", "fourth.toml", "-o", "fourth.hdf5"]);
    let bad = |from: &str, to: &str, words: &[&str]| {
        place.write("bad.toml", &text.replace(from, to));
        place.fails(2, &["simulate", "bad.toml", "-o", "bad.hdf5"], words);
    };
    bad(
        "default = \"fixed\"",
        "default = \"absorbing\"",
        &["boundary.default", "central-difference"],
    );
    bad(
        "correlation_length = 0.3",
        "correlation_length = 0.3\ndamping = 0.5",
        &["medium.damping", "central-difference"],
    );
    bad(
        "modified-equation\"",
        "modified-equation\"\nbeta = 0.3",
        &["time.beta", "modified-equation"],
    );
}

#[test]
fn signals_come_from_files_too() {
    let place = Workplace::new();
    let sampled = |signal: &str| {
        let source = format!(
            "[[source]]\nkind = \"sampled\"\ninterval = 0.05\n{signal}\nposition = [0.5, 0.5]\n[time]"
        );
        DATASET.replace("[time]", &source)
    };
    place.write("listed.toml", &sampled("values = [0.0, 1.0, -2.0, 0.0]"));
    place.write("signal.csv", "force\n0\n1.0\n-2\n0\n");
    place.write("file.toml", &sampled("file = \"signal.csv\""));
    for name in ["listed", "file"] {
        place.ok(&[
            "simulate",
            &format!("{name}.toml"),
            "-o",
            &format!("{name}.json.hdf5"),
        ]);
    }
    let snapshots = |name: &str| {
        let split = fewave_datasets::Split::open_file(place.path(name)).unwrap();
        split.read_snapshots("displacement", 0, 0..9).unwrap()
    };
    assert_eq!(snapshots("listed.json.hdf5"), snapshots("file.json.hdf5"));
    // another content is another dataset
    place.ok(&["generate", "file.toml", "-o", "data"]);
    place.write("signal.csv", "0\n1.0\n-3\n0\n");
    place.fails(
        2,
        &["generate", "file.toml", "-o", "data"],
        &["content of a file"],
    );
    let bad = |signal: &str, words: &[&str]| {
        place.write("bad.toml", &sampled(signal));
        place.fails(2, &["simulate", "bad.toml", "-o", "bad.hdf5"], words);
    };
    place.write("two.csv", "0,1\n1,2\n");
    place.write("nan.csv", "0\nnan\n");
    bad("file = \"none.csv\"", &["source.0.file", "none.csv"]);
    bad(
        "file = \"two.csv\"",
        &["source.0.file", "line 1", "one column"],
    );
    bad("file = \"nan.csv\"", &["source.0.file", "NaN as sample 1"]);
    bad("file = \"file.toml\"", &["source.0.file", "toml"]);
    bad(
        "values = [0.0, 1.0]\nfile = \"two.csv\"",
        &["source.0.file", "either values or a file"],
    );
    place.write(
        "bad.toml",
        &sampled("values = [0.0, 1.0]").replace("\"sampled\"", "\"plane-wave\""),
    );
    place.fails(
        2,
        &["simulate", "bad.toml", "-o", "bad.hdf5"],
        &["source.0.kind", "[[initial]]"],
    );
}
