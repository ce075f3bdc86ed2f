//! `fewave plot`, and what a report holds beside its page.

use sha2::{Digest, Sha256};

use crate::support::Workplace;

#[test]
fn a_report_is_complete_and_its_figures_can_be_drawn_again() {
    let place = Workplace::with_run();
    place.ok(&[
        "train",
        "train.toml",
        "-o",
        "other",
        "--quiet",
        "--set",
        "seed=1",
    ]);
    place.ok(&[
        "compare", "run", "other", "--data", "data", "-o", "report", "--quiet",
    ]);
    let page = String::from_utf8(place.bytes("report/index.html")).unwrap();
    for part in [
        "id=\"player-data\"",
        "id=\"error-maps\"",
        "id=\"spectra\"",
        "id=\"traces-worst\"",
        "id=\"pareto-parameters\"",
        "<title>run: parameters",
        "href=\"manifest.json\"",
    ] {
        assert!(page.contains(part), "{part} is missing");
    }

    // The manifest's hashes are those of the files.
    let manifest: serde_json::Value =
        serde_json::from_slice(&place.bytes("report/manifest.json")).unwrap();
    let files = manifest["files"].as_array().unwrap();
    assert!(files.len() > 30);
    for file in files {
        let bytes = place.bytes(&format!("report/{}", file["path"].as_str().unwrap()));
        let hash: String = Sha256::digest(&bytes)
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!(file["sha256"], hash, "{file}");
    }
    assert_eq!(manifest["runs"][1]["label"], "other");
    assert_eq!(
        manifest["runs"][0]["weights_sha256"]
            .as_str()
            .unwrap()
            .len(),
        64
    );
    assert!(manifest["machine"]["threads"].as_u64().unwrap() > 0);
    // An animation: its number of frames is said before its pixels.
    let animation = place.bytes("report/figures/rollout-worst.png");
    assert!(animation.windows(4).any(|part| part == b"acTL"));

    // Every CSV beside a figure leads back to it.
    for entry in std::fs::read_dir(place.path("report/figures")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "csv") {
            let csv = path.to_str().unwrap();
            let stem = path.file_stem().unwrap().to_str().unwrap();
            place.ok(&[
                "plot",
                csv,
                "--width-cm",
                "8",
                "-o",
                &format!("again/{stem}.csv"),
                "--quiet",
            ]);
            assert_eq!(
                place.bytes(&format!("again/{stem}.csv")),
                std::fs::read(&path).unwrap(),
                "{stem}"
            );
        }
    }
    place.ok(&[
        "plot",
        "report/figures/error-maps.csv",
        "--colormap",
        "green-purple",
        "--format",
        "svg,pdf",
        "-o",
        "maps",
        "--quiet",
    ]);
    assert!(place.bytes("maps.pdf").starts_with(b"%PDF-"));
    assert!(!place.path("maps.png").exists());
    place.fails(
        2,
        &["plot", "report/figures/error-maps.csv", "-o", "maps.svg"],
        &["maps.svg: exists already", "--force"],
    );
}

#[test]
fn figures_are_drawn_from_data_and_runs() {
    let place = Workplace::with_run();
    place.ok(&[
        "evaluate",
        "run",
        "--data",
        "data",
        "-o",
        "evaluation",
        "--quiet",
    ]);
    place.ok(&[
        "plot",
        "wavefield",
        "data/test",
        "--trajectory",
        "1",
        "--times",
        "0.2,0.4",
        "--prediction",
        "evaluation/predictions.hdf5",
        "--format",
        "csv",
        "--quiet",
    ]);
    let csv = String::from_utf8(place.bytes("wavefield.csv")).unwrap();
    assert!(
        csv.starts_with("time (s),x (m),y (m),FE displacement (m),run displacement (m)\n"),
        "{csv:.90}"
    );
    assert_eq!(csv.lines().count(), 1 + 2 * 16 * 12);
    for (what, path, name) in [
        ("wavefield", "data", "a"),
        ("traces", "data/data/test", "b"),
        ("traces", "evaluation/predictions.hdf5", ""),
        ("training", "run", "c"),
        ("parameters", "run", "d"),
    ] {
        if name.is_empty() {
            place.fails(
                1,
                &["plot", what, path, "-o", "x"],
                &["has no displacement at receivers"],
            );
            continue;
        }
        place.ok(&["plot", what, path, "-o", &format!("{name}.svg"), "--quiet"]);
        assert!(place.bytes(&format!("{name}.svg")).starts_with(b"<svg "));
    }
}

#[test]
fn mistakes_name_what_was_expected() {
    let place = Workplace::with_data();
    place.fails(
        2,
        &["plot", "wavefields", "data"],
        &["no figure of that name", "wavefield, traces"],
    );
    place.fails(
        2,
        &["plot", "wavefield"],
        &["0 paths, expected one dataset"],
    );
    place.fails(2, &["plot", "training"], &["no run is given"]);
    place.fails(
        2,
        &["plot", "wavefield", "data", "--trajectory", "2"],
        &["--trajectory 2", "expected 0 to 1"],
    );
    place.fails(
        2,
        &["plot", "wavefield", "data", "--times", "0.21"],
        &["--times 0.21", "nothing is interpolated", "0.2 s"],
    );
    place.fails(
        2,
        &["plot", "wavefield", "data", "--colormap", "jet"],
        &["jet", "blue-brown, green-purple"],
    );
    place.fails(
        2,
        &[
            "plot",
            "wavefield",
            "data",
            "-o",
            "x.pdf",
            "--format",
            "svg",
        ],
        &["x.pdf", "--format svg"],
    );
    place.fails(
        1,
        &["plot", "wavefield", "data", "--width-cm", "2"],
        &["width_cm is 2, expected 6 to 40"],
    );
    place.fails(1, &["plot", "none.csv"], &["none.csv"]);
    place.write("odd.csv", "a,b\n1,2\n");
    place.fails(
        1,
        &["plot", "odd.csv", "-o", "x"],
        &["odd.csv:1", "the columns a, b"],
    );
    place.fails(
        1,
        &[
            "plot",
            "wavefield",
            "data",
            "--prediction",
            "data/data/test/tiny_0000.hdf5",
        ],
        &["is no file of predictions"],
    );
}
