//! Meshes of Gmsh through the binary: what is computed and stored, and what is refused where.

use crate::support::Workplace;

const CASE: &str = r#"
name = "plate"
seed = 5
count = { train = 2, valid = 1, test = 1 }
[mesh]
kind = "gmsh"
file = "plate.msh"
element = "gll-quad"
order = 2
[boundary]
outer = "fixed"
hole = "free"
[medium]
kind = "groups"
plate = 1.0
inclusion = [0.5, 0.8]
[[source]]
kind = "ricker"
position = [[0.05, 0.2], [0.1, 0.5]]
frequency = 3.0
[time]
duration = 0.5
snapshots = 6
[grid]
shape = [50, 30]
[receivers]
points = [[0.9, 0.3]]
"#;

const PLATE: &[u8] = include_bytes!("../../examples/meshes/plate.msh");

fn place() -> Workplace {
    let place = Workplace::new();
    place.write("case.toml", CASE);
    std::fs::write(place.path("plate.msh"), PLATE).unwrap();
    place
}

fn field(file: &hdf5::File, name: &str) -> Vec<f32> {
    let dataset = file.dataset(&format!("t0_fields/{name}")).unwrap();
    dataset.read_raw::<f32>().unwrap()
}

#[test]
fn holes_and_materials_are_on_the_grid() {
    let place = place();
    place.ok(&["simulate", "case.toml", "-o", "plate.hdf5"]);
    place.ok(&["validate", "plate.hdf5"]);
    let file = hdf5::File::open(place.path("plate.hdf5")).unwrap();
    let (inside, speed) = (field(&file, "inside"), field(&file, "speed"));
    let displacement = field(&file, "displacement");
    let slow = speed
        .iter()
        .copied()
        .filter(|c| *c > 0.0)
        .fold(9.0, f32::min);
    assert!((0.5..=0.8).contains(&slow), "{slow}");
    for i in 0..50 {
        for j in 0..30 {
            let (x, y) = (i as f64 / 49.0, 0.6 * j as f64 / 29.0);
            let from_hole = (x - 0.35).hypot(y - 0.3) - 0.08;
            let from_inclusion = (x - 0.7).hypot(y - 0.3) - 0.1;
            let at = i * 30 + j;
            // parabolas leave the circles by less than that
            if from_hole.abs() > 1e-3 {
                assert_eq!(
                    inside[at],
                    f32::from(u8::from(from_hole > 0.0)),
                    "({x}, {y})"
                );
            }
            if inside[at] == 0.0 {
                assert_eq!(speed[at], 0.0);
                assert!((0..6).all(|time| displacement[time * 1500 + at] == 0.0));
            } else if from_inclusion.abs() > 1e-3 {
                assert_eq!(speed[at], if from_inclusion < 0.0 { slow } else { 1.0 });
            }
        }
    }
    // what The Well's readers find, and what holds on the hole
    let x_wall = file.group("boundary_conditions/x_wall").unwrap();
    let kind: hdf5::types::VarLenUnicode = x_wall.attr("bc_type").unwrap().read_scalar().unwrap();
    assert_eq!(kind.as_str(), "WALL");
    let words = file.group("fewave/extra").unwrap();
    let words: hdf5::types::VarLenUnicode = words.attr("boundary").unwrap().read_scalar().unwrap();
    assert!(
        words.contains("hole: free") && words.contains("outer: fixed"),
        "{words}"
    );
}

#[test]
fn a_dataset_counts_its_mesh_by_content() {
    let place = place();
    let generate = ["generate", "case.toml", "-o", "data", "--quiet"];
    place.ok(&generate);
    place.ok(&["validate", "data"]);
    let statistics = String::from_utf8(place.bytes("data/stats.yaml")).unwrap();
    assert!(!statistics.contains("nan"), "{statistics}");
    place.ok(&generate);
    let text = String::from_utf8(PLATE.to_vec()).unwrap();
    place.write(
        "plate.msh",
        &text.replacen("\"inclusion\"", "\"inclusion\" ", 1),
    );
    place.fails(2, &generate, &["the content of a file"]);
}

#[test]
fn triangles_run_explicitly_and_implicitly() {
    let place = place();
    let disc = include_bytes!("../../solver/tests/gmsh/meshes/disc_curved_triangles.msh");
    std::fs::write(place.path("disc.msh"), disc).unwrap();
    let case = CASE
        .replace("plate.msh", "disc.msh")
        .replace("element = \"gll-quad\"\norder = 2\n", "")
        .replace("outer = \"fixed\"\nhole = \"free\"", "rim = \"absorbing\"")
        .replace("plate = 1.0\ninclusion = [0.5, 0.8]", "disc = 1.0")
        .replace(
            "[[source]]\nkind = \"ricker\"\nposition = [[0.05, 0.2], [0.1, 0.5]]\nfrequency = 3.0\n",
            "[[initial]]\nkind = \"pulses\"\nposition = [-0.3, 0.2]\nwidth = 0.35\n",
        );
    place.write("disc.toml", &case);
    place.ok(&["simulate", "disc.toml", "-o", "explicit.hdf5"]);
    let newmark = ["--set", "time.integrator=newmark", "--set", "time.dt=0.002"];
    place.ok(&[
        &["simulate", "disc.toml", "-o", "implicit.hdf5"][..],
        &newmark,
    ]
    .concat());
    let read = |name: &str| field(&hdf5::File::open(place.path(name)).unwrap(), "displacement");
    let (explicit, implicit) = (read("explicit.hdf5"), read("implicit.hdf5"));
    let difference: f32 = explicit
        .iter()
        .zip(&implicit)
        .map(|(a, b)| (a - b).powi(2))
        .sum();
    let norm: f32 = implicit.iter().map(|b| b * b).sum();
    // a coarse mesh, on which both elements are a few per cent off
    assert!(
        (difference / norm).sqrt() < 0.15,
        "{}",
        (difference / norm).sqrt()
    );
}

#[test]
fn mistakes_are_named_at_their_key() {
    let place = place();
    let refused = |set: &str, words: &[&str]| {
        place.fails(
            2,
            &["simulate", "case.toml", "-o", "x.hdf5", "--set", set],
            words,
        );
        assert!(!place.path("x.hdf5").exists());
    };
    refused(
        "mesh.file=none.msh",
        &["mesh.file", "none.msh", "No such file"],
    );
    refused(
        "mesh.file=case.toml",
        &["mesh.file", "line 1", "$MeshFormat"],
    );
    refused(
        "mesh.element=p2-triangle",
        &["mesh.element", "quadrangles", "gll-quad"],
    );
    refused("mesh.order=9", &["mesh.order", "1 to 8"]);
    refused(
        "mesh.cells=[4, 4]",
        &["mesh.cells", "Known keys here: kind, file, element, order"],
    );
    refused(
        "boundary.hol=free",
        &["boundary.hol", "did you mean `hole`"],
    );
    refused(
        "medium.inclusoin=1.0",
        &["medium.inclusoin", "did you mean `inclusion`"],
    );
    refused("medium.inclusion=-1.0", &["medium.inclusion", "above 0"]);
    refused(
        "source.0.position=[0.35, 0.3]",
        &["source.0.position", "(0.35, 0.3)", "hole"],
    );
    refused(
        "receivers.points=[[0.35, 0.3], [0.9, 0.3]]",
        &["receivers.points", "number 0"],
    );
    place.write("case.toml", &CASE.replace("inclusion = [0.5, 0.8]\n", ""));
    place.fails(
        2,
        &["simulate", "case.toml", "-o", "x.hdf5"],
        &["medium.inclusion", "missing"],
    );
    place.write("case.toml", CASE);
    // a physical curve without lines, and one that is no boundary
    let text = String::from_utf8(PLATE.to_vec()).unwrap();
    let named = "$PhysicalNames\n4\n";
    assert!(text.contains(named));
    let empty = text.replacen(named, "$PhysicalNames\n5\n1 99 \"slit\"\n", 1);
    place.write("plate.msh", &empty);
    place.fails(
        2,
        &["simulate", "case.toml", "-o", "x.hdf5"],
        &[
            "case.toml:7",
            "mesh.file",
            "plate.msh",
            "`slit`",
            "no lines",
            "$PhysicalNames",
        ],
    );
    let version = String::from_utf8(PLATE.to_vec())
        .unwrap()
        .replacen("4.1 0 8", "2.2 0 8", 1);
    place.write("plate.msh", &version);
    place.fails(
        2,
        &["simulate", "case.toml", "-o", "x.hdf5"],
        &[
            "case.toml:7",
            "mesh.file",
            "plate.msh",
            "line 2",
            "format 2.2",
            "-format msh41",
        ],
    );
}

#[test]
fn a_trajectory_that_cannot_be_is_named_before_any_is_simulated() {
    let place = place();
    // positions of which a few lie in the hole, too few for a look at the corners and a lattice
    let positions = "source.0.position=[[0.2699, 0.27015], [0.10625, 0.50625]]";
    let sets = ["--set", positions, "--set", "count.train=1000"];
    let start = ["generate", "case.toml", "-o", "data"];
    let message = place.fails(
        2,
        &[&start[..], &sets].concat(),
        &[
            "source.0.position",
            "train trajectory ",
            "(seed 5)",
            "source 0 at (0.27",
            "outside of the mesh",
        ],
    );
    assert!(!place.path("data").exists());
    // all before it can be
    let index = message.split("train trajectory ").nth(1).unwrap();
    let index: usize = index.split(' ').next().unwrap().parse().unwrap();
    assert!(index > 0, "{message}");
    let count = format!("count.train={index}");
    let fewer = [
        "--set",
        positions,
        "--set",
        &count,
        "--set",
        "time.duration=0.01",
        "--set",
        "source.0.frequency=300.0",
    ];
    place.ok(&[&start[..], &fewer, &["--quiet"]].concat());
}

/// Sizes that the tiny training's grids divide: 40 × 24 points.
const GRID: &str = "grid.shape=[40, 24]";

/// A dataset of the plate in `folder`, from 8 snapshots after its sources have stopped on.
fn generate(place: &Workplace, folder: &str, sets: &[&str]) {
    let mut arguments = vec!["generate", "case.toml", "-o", folder, "--quiet"];
    let long = [
        "source.0.frequency=6.0",
        "time.duration=1.2",
        "time.snapshots=13",
        GRID,
    ];
    arguments.extend(long.iter().chain(sets).flat_map(|set| ["--set", set]));
    place.ok(&arguments);
}

#[test]
fn surrogates_are_trained_and_measured_around_the_hole() {
    let place = place();
    generate(&place, "data", &[]);
    place.ok(&["train", "train.toml", "-o", "run", "--quiet"]);
    let field = "task={ kind = \"field\", snapshots = 8 }";
    place.ok(&[
        "train",
        "train.toml",
        "-o",
        "whole",
        "--quiet",
        "--set",
        field,
    ]);
    let shown = place.ok(&["inspect", "run"]);
    let domain = shown.lines().find(|line| line.starts_with("domain"));
    assert!(
        domain.is_some_and(|line| line.contains("of 40 × 24 points inside (mask ")),
        "{shown}"
    );
    for run in ["run", "whole"] {
        place.ok(&["evaluate", run, "--data", "data"]);
        let name = format!("{run}/evaluation/predictions.hdf5");
        place.ok(&["validate", &name]);
        let file = hdf5::File::open(place.path(&name)).unwrap();
        let inside = self::field(&file, "inside");
        assert!(inside.contains(&0.0) && inside.contains(&1.0));
        let predicted = self::field(&file, "displacement");
        for (at, value) in predicted.iter().enumerate() {
            assert!(inside[at % 960] == 1.0 || *value == 0.0, "{run}, {at}");
        }
        assert!(predicted[12 * 960..].iter().any(|value| *value != 0.0));
    }
    place.ok(&["compare", "run", "whole", "--data", "data", "-o", "report"]);
    let page = String::from_utf8(place.bytes("report/index.html")).unwrap();
    assert!(page.contains("4 snapshots") || page.contains("snapshots that all predict"));
    let input = "data/data/test/plate_0000.hdf5";
    place.ok(&["predict", "run", "--input", input, "-o", "out.hdf5"]);
    place.ok(&["validate", "out.hdf5"]);
    // the same grid without its hole, which an ordinary rectangle has not
    let rectangle = CASE
        .replace(
            "kind = \"gmsh\"\nfile = \"plate.msh\"",
            "kind = \"rectangle\"\nsize = [1.0, 0.6]\ncells = [8, 6]",
        )
        .replace("outer = \"fixed\"\nhole = \"free\"", "default = \"fixed\"")
        .replace(
            "kind = \"groups\"\nplate = 1.0\ninclusion = [0.5, 0.8]",
            "kind = \"uniform\"\nspeed = 1.0",
        );
    place.write("case.toml", &rectangle);
    generate(&place, "other", &[]);
    place.fails(
        1,
        &["evaluate", "run", "--data", "other"],
        &[
            "domain of the test split",
            "found all points inside",
            "of 40 × 24 points inside (mask ",
        ],
    );
}
