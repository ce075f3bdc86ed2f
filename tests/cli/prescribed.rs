//! Sides whose displacement is given: sub-models against the whole that drives them, and what is refused.

use crate::support::Workplace;
use std::path::Path;

fn example(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/submodel");
    folder.join(name).display().to_string()
}

/// Snapshots of a file, `(trajectory, time, x, y)`.
fn snapshots(place: &Workplace, name: &str) -> ndarray::Array4<f32> {
    let file = hdf5::File::open(place.path(name)).unwrap();
    file.dataset("t0_fields/displacement")
        .unwrap()
        .read::<f32, ndarray::Ix4>()
        .unwrap()
}

/// Relative L2 difference of a part and of the same place of the whole, whose grid has the same spacing.
fn difference(part: &ndarray::Array4<f32>, whole: &ndarray::Array4<f32>, at: [usize; 2]) -> f64 {
    let (_, _, nx, ny) = part.dim();
    let place = ndarray::s![.., .., at[0]..at[0] + nx, at[1]..at[1] + ny];
    let whole = whole.slice(place);
    let square = |values: &ndarray::Array4<f32>| -> f64 {
        values.iter().map(|u| f64::from(*u).powi(2)).sum()
    };
    (square(&(part - &whole)) / square(&whole.to_owned())).sqrt()
}

#[test]
fn the_example_solves_a_part_as_the_whole_does() {
    let place = Workplace::new();
    place.ok(&["simulate", &example("outer.toml"), "-o", "outer.hdf5"]);
    let whole = snapshots(&place, "outer.hdf5");
    let inner = |output: &str, sets: &[&str]| {
        let inner = example("inner.toml");
        let mut arguments = vec!["simulate", &inner, "-o", output];
        for set in ["boundary.default.file=outer.hdf5"].iter().chain(sets) {
            arguments.extend(["--set", set]);
        }
        place.ok(&arguments);
        place.ok(&["validate", output]);
        difference(&snapshots(&place, output), &whole, [30, 10])
    };
    let error = inner("inner.hdf5", &[]);
    println!("the same mesh: {error:.1e}");
    assert!(error < 2e-3, "{error:e}");
    let error = inner("fine.hdf5", &["mesh.cells=[20, 20]"]);
    println!("cells half as large: {error:.1e}");
    assert!(error < 5e-3, "{error:e}");
    // no more than the sides agree where the medium is another one
    let error = inner("other.hdf5", &["seed=5"]);
    assert!(error > 0.05, "{error:e}");
    let shown = place.ok(&["inspect", "inner.hdf5"]);
    assert!(shown.contains("prescribed"), "{shown}");
    // only its own directory is that of a configuration
    place.fails(
        2,
        &["simulate", &example("inner.toml"), "-o", "none.hdf5"],
        &[
            "inner.toml:15",
            "boundary.default.file",
            "outer.hdf5",
            "simulate the outer model first",
        ],
    );
}

/// A whole model that takes a fraction of a second, and a part of it.
const OUTER: &str = r#"
name = "outer"
seed = 3
count = { train = 3, valid = 1, test = 1 }
trajectories_per_file = 2
[mesh]
kind = "rectangle"
size = [1.0, 1.0]
cells = [8, 8]
[boundary]
default = "free"
[medium]
kind = "uniform"
speed = [0.8, 1.2]
[[initial]]
kind = "pulses"
width = 0.1
position = [[0.1, 0.9], [0.1, 0.9]]
[time]
duration = 0.5
snapshots = 6
[grid]
shape = [21, 21]
[receivers]
lines = [
    { from = [0.25, 0.5], to = [0.75, 0.5], count = 21 },
    { from = [0.25, 0.75], to = [0.75, 0.75], count = 21 },
    { from = [0.25, 0.5], to = [0.25, 0.75], count = 11 },
    { from = [0.75, 0.5], to = [0.75, 0.75], count = 11 },
]
"#;

fn part(boundary: &str) -> String {
    let lines = OUTER.find("[receivers]").unwrap();
    OUTER[..lines]
        .replace("\"outer\"", "\"part\"")
        .replace(
            "size = [1.0, 1.0]\ncells = [8, 8]",
            "origin = [0.25, 0.5]\nsize = [0.5, 0.25]\ncells = [4, 2]",
        )
        .replace("shape = [21, 21]", "shape = [11, 6]")
        .replace("default = \"free\"", boundary)
        // pulses anywhere in the whole: those of the part must be the same functions of position
        .replace("[[0.1, 0.9], [0.1, 0.9]]", "[[0.25, 0.75], [0.5, 0.75]]")
}

#[test]
fn a_dataset_drives_trajectory_by_trajectory_and_a_file_all_of_them() {
    let place = Workplace::new();
    let inside = OUTER.replace("[[0.1, 0.9], [0.1, 0.9]]", "[[0.25, 0.75], [0.5, 0.75]]");
    place.write("outer.toml", &inside);
    place.ok(&["generate", "outer.toml", "-o", "outer", "--quiet"]);
    let driven = part("default = { kind = \"prescribed\", file = \"outer\" }");
    place.write("part.toml", &driven);
    place.ok(&["generate", "part.toml", "-o", "part", "--quiet"]);
    place.ok(&["validate", "part"]);
    for file in [
        "train/NAME_0000",
        "train/NAME_0001",
        "valid/NAME_0000",
        "test/NAME_0000",
    ] {
        let of = |name: &str| format!("{name}/data/{}.hdf5", file.replace("NAME", name));
        let [part, whole] = ["part", "outer"].map(|name| snapshots(&place, &of(name)));
        let error = difference(&part, &whole, [5, 10]);
        println!("{file}: {error:.1e}");
        assert!(error < 5e-3, "{file}: {error:e}");
    }
    // again, with the dataset elsewhere: the same configuration, nothing to do
    std::fs::rename(place.path("outer"), place.path("moved")).unwrap();
    let moved = "boundary.default.file=moved";
    let again = ["generate", "part.toml", "-o", "part", "--set", moved];
    let said = place.ok(&again);
    assert!(
        said.contains("0 trajectories simulated, 5 found done"),
        "{said}"
    );
    // more trajectories than the outer dataset has
    place.fails(
        2,
        &[
            "generate",
            "part.toml",
            "-o",
            "more",
            "--set",
            moved,
            "--set",
            "count.train=4",
        ],
        &[
            "boundary.default.file",
            "train trajectory 3 is missing",
            "count.train",
        ],
    );
    assert!(!place.path("more").exists());
    // one trajectory for all, chosen out of a file
    let file = "boundary.default.file=moved/data/train/outer_0000.hdf5";
    let one = ["simulate", "part.toml", "-o", "one.hdf5", "--set", file];
    place.fails(
        2,
        &one,
        &[
            "boundary.default.file",
            "2 trajectories",
            "trajectory = 0 … 1",
        ],
    );
    let chosen = ["--set", "boundary.default.trajectory=0"];
    place.ok(&[&one[..], &chosen].concat());
    let beyond = ["--force", "--set", "boundary.default.trajectory=2"];
    place.fails(
        2,
        &[&one[..], &beyond].concat(),
        &["holds 2 trajectories", "trajectory = 2"],
    );
}

#[test]
fn what_cannot_drive_a_side_is_refused_with_a_remedy() {
    let place = Workplace::new();
    place.write("outer.toml", OUTER);
    let outer = |output: &str, sets: &[&str]| {
        let mut arguments = vec!["simulate", "outer.toml", "-o", output, "--quiet"];
        for set in sets {
            arguments.extend(["--set", set]);
        }
        place.ok(&arguments);
    };
    outer("short.hdf5", &["time.duration=0.4", "time.snapshots=5"]);
    outer("silent.hdf5", &["receivers.quantities=[\"velocity\"]"]);
    outer(
        "bottom.hdf5",
        &["receivers.lines=[{ from = [0.25, 0.5], to = [0.75, 0.5], count = 21 }]"],
    );
    outer(
        "gap.hdf5",
        &[
            "receivers.lines=[{ from = [0.25, 0.5], to = [0.4, 0.5], count = 11 }, { from = [0.6, 0.5], to = [0.75, 0.5], count = 11 }]",
        ],
    );
    place.write("bare.toml", &OUTER[..OUTER.find("[receivers]").unwrap()]);
    place.ok(&["simulate", "bare.toml", "-o", "bare.hdf5", "--quiet"]);
    std::fs::write(place.path("broken.hdf5"), &place.bytes("bare.hdf5")[..4000]).unwrap();
    let refused = |boundary: &str, words: &[&str]| {
        place.write("part.toml", &part(boundary));
        place.fails(2, &["simulate", "part.toml", "-o", "part.hdf5"], words);
        place.fails(2, &["generate", "part.toml", "-o", "data"], words);
        assert!(!place.path("part.hdf5").exists() && !place.path("data").exists());
    };
    let file =
        |side: &str, name: &str| format!("{side} = {{ kind = \"prescribed\", file = \"{name}\" }}");
    refused(
        &file("default", "short.hdf5"),
        &[
            "boundary.default.file",
            "until 0.4 s",
            "lasts 0.5 s",
            "set time.duration = 0.4",
        ],
    );
    refused(
        &file("default", "silent.hdf5"),
        &[
            "part.toml:12",
            "did not record displacement",
            "receivers.quantities",
        ],
    );
    refused(
        &file("default", "bare.hdf5"),
        &["has no receivers", "[receivers] lines"],
    );
    refused(
        &file("default", "broken.hdf5"),
        &["boundary.default.file", "broken.hdf5"],
    );
    refused(
        &file("default", "none.hdf5"),
        &["none.hdf5", "No such file"],
    );
    refused(
        &file("default", "bottom.hdf5"),
        &[
            "boundary.default",
            "`left`",
            "no points between",
            "(0.25, 0.5)",
            "record receivers",
        ],
    );
    refused(
        &file("bottom", "gap.hdf5"),
        &[
            "part.toml:12: `boundary.bottom`",
            "between (0.4, 0.5) and (0.6, 0.5)",
        ],
    );
    refused(
        &file("top", "bottom.hdf5"),
        &[
            "`boundary.top`",
            "none lies on this side",
            "0.25 m beside it",
        ],
    );
    let values = |rest: &str| format!("left = {{ kind = \"prescribed\", {rest} }}");
    refused(
        &values("values = [0.0, 1.0], interval = 0.1"),
        &["until 0.1 s", "lasts 0.5 s"],
    );
    refused(
        &values("values = [0.0, 1.0]"),
        &["boundary.left.interval", "missing", "above 0"],
    );
    refused(
        &values("values = [0.0, nan], interval = 1.0"),
        &["boundary.left.values", "finite"],
    );
    refused(
        &values("interval = 1.0"),
        &["boundary.left.file", "missing", "receivers"],
    );
    refused(
        &values("values = [0.0, 1.0], interval = 1.0, trajectory = 1"),
        &["boundary.left.trajectory", "unknown key"],
    );
    refused(
        &format!(
            "{}\nright = \"pml\"\n[pml]\nthickness = 0.5",
            values("values = [0.0, 1.0], interval = 1.0")
        ),
        &[
            "boundary.right",
            "\"pml\" beside a prescribed side",
            "absorbing",
        ],
    );
    place.fails(
        2,
        &[
            "simulate",
            "part.toml",
            "-o",
            "x.hdf5",
            "--set",
            "boundary.right=free",
            "--set",
            "time.integrator=modified-equation",
        ],
        &["boundary.left", "modified-equation", "central-difference"],
    );
}

#[test]
fn a_driven_side_alone_moves_the_rest_from_values_or_files_of_them() {
    let place = Workplace::new();
    let text = part(
        "default = \"free\"\nleft = { kind = \"prescribed\", file = \"push.csv\", interval = 0.1 }\nright = \"absorbing\"",
    );
    let (from, to) = (
        text.find("[[initial]]").unwrap(),
        text.find("[time]").unwrap(),
    );
    let text = format!("{}{}", &text[..from], &text[to..]);
    place.write("push.csv", "0\n0.5\n1\n1\n1\n1\n");
    for integrator in ["central-difference", "newmark"] {
        place.write("push.toml", &text);
        let set = format!("time.integrator={integrator}");
        let output = format!("{integrator}.hdf5");
        place.ok(&["simulate", "push.toml", "-o", &output, "--set", &set]);
        let u = snapshots(&place, &output);
        // the grid's first column lies on the side
        for (snapshot, expected) in [0.0, 0.5, 1.0, 1.0, 1.0, 1.0].into_iter().enumerate() {
            assert!((u[(0, snapshot, 0, 3)] - expected).abs() < 1e-5);
        }
        assert!(u[(0, 5, 4, 3)] > 0.3, "{}", u[(0, 5, 4, 3)]);
    }
}
