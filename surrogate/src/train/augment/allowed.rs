//! Which symmetries the physics of a data set has: a transformed sample must be one that the solver could have produced.
//!
//! - all but `sign`: the medium is an input, or the same everywhere; a hidden medium would not turn with the waves;
//! - `flip-x`, `flip-y`: the same boundary condition at both ends of the axis, and a domain that is its own mirror image;
//! - `transpose`: as many points and the same spacing along both axes, the same condition at all sides, a domain that is its own
//!   transpose;
//! - `sign`: nothing further; the equation and its boundary conditions are linear and homogeneous;
//! - all: no side with a displacement that is prescribed in time, which no network is given.
//!
//! What is looked at is the files' boundary conditions and the mask of points inside, at the grid's resolution.

use super::Symmetry;
use crate::Result;
use crate::task::{Grid, SPEED, TaskConfig};
use crate::train::settings::refuse;
use fewave_datasets::{FileSpec, Split};

/// Refuses symmetries that are doubled, or that the physics of a split does not have.
///
/// # Errors
/// [`SurrogateError::Setting`](crate::SurrogateError::Setting) with the reason.
pub(in super::super) fn check(
    symmetries: &[Symmetry],
    task: &TaskConfig,
    grid: &Grid,
    train: &Split,
) -> Result<()> {
    for (place, symmetry) in symmetries.iter().enumerate() {
        if prescribed(train.spec()) {
            return wrong(
                *symmetry,
                "a side whose displacement is prescribed in time",
                "sides that the waves alone move",
            );
        }
        if symmetries[..place].contains(symmetry) {
            return wrong(*symmetry, "itself a second time", "each symmetry once");
        }
        match symmetry {
            Symmetry::FlipX => flip(*symmetry, 0, grid, train.spec())?,
            Symmetry::FlipY => flip(*symmetry, 1, grid, train.spec())?,
            Symmetry::Transpose => transpose(grid, train.spec())?,
            Symmetry::Sign => continue,
        }
        medium(*symmetry, task, train)?;
    }
    Ok(())
}

fn wrong(symmetry: Symmetry, found: &str, expected: &str) -> Result<()> {
    refuse(
        "augment",
        format!("\"{}\" with {found}", symmetry.name()),
        expected,
        "leave it out: the transformed waves would be wrong",
    )
}

fn flip(symmetry: Symmetry, axis: usize, grid: &Grid, spec: &FileSpec) -> Result<()> {
    let name = ["x", "y"][axis];
    let [low, high] = ends(spec, axis);
    if !alike_everywhere(spec) && low != high {
        return wrong(
            symmetry,
            &format!("`{low}` at one end of {name} and `{high}` at the other"),
            "the same boundary condition at both",
        );
    }
    let [nx, ny] = grid.shape;
    same_domain(symmetry, grid, |[i, j]| match axis {
        0 => [nx - 1 - i, j],
        _ => [i, ny - 1 - j],
    })
}

fn transpose(grid: &Grid, spec: &FileSpec) -> Result<()> {
    let symmetry = Symmetry::Transpose;
    let ([nx, ny], [hx, hy]) = (grid.shape, grid.spacing);
    if nx != ny || (hx - hy).abs() > 1e-3 * hx {
        return wrong(
            symmetry,
            &format!("{nx} × {ny} points {hx} m and {hy} m apart"),
            "as many points, as far apart, along x and y",
        );
    }
    let all = [ends(spec, 0), ends(spec, 1)].concat();
    if !alike_everywhere(spec) && all.iter().any(|end| *end != all[0]) {
        return wrong(
            symmetry,
            &format!("the sides `{}`", all.join("`, `")),
            "the same boundary condition at all four",
        );
    }
    same_domain(symmetry, grid, |[i, j]| [j, i])
}

/// What holds at both ends of an axis.
fn ends(spec: &FileSpec, axis: usize) -> [String; 2] {
    let count = spec.axes[axis].len();
    [0, count - 1].map(|place| {
        let holds = spec
            .boundaries
            .iter()
            .filter(|condition| condition.dim == axis)
            .filter(|condition| condition.mask.get(place) == Some(&true))
            .map(|condition| condition.description.as_str());
        holds.collect::<Vec<_>>().join(" and ")
    })
}

/// Whether a boundary condition says that it is `prescribed: …`.
fn prescribed(spec: &FileSpec) -> bool {
    let groups = spec.provenance.extra.get("boundary");
    let sides = spec.boundaries.iter().map(|side| &side.description);
    sides
        .chain(groups)
        .any(|words| words.contains("prescribed:"))
}

/// Whether a general domain has one condition on all its boundary groups, which are stored as `NAME: words; NAME: words`.
fn alike_everywhere(spec: &FileSpec) -> bool {
    let Some(groups) = spec.provenance.extra.get("boundary") else {
        return false;
    };
    let words = |group| str::split_once(group, ": ").map(|(_, words)| words);
    let mut all = groups.split("; ").map(words);
    let first = all.next().flatten();
    first.is_some() && all.all(|other| other == first)
}

/// Refuses a domain that a map of grid points changes.
fn same_domain(
    symmetry: Symmetry,
    grid: &Grid,
    image: impl Fn([usize; 2]) -> [usize; 2],
) -> Result<()> {
    let Some(domain) = &grid.domain else {
        return Ok(());
    };
    let points = domain.points();
    let changed = points
        .indexed_iter()
        .find(|((i, j), inside)| points[image([*i, *j])] != **inside);
    match changed {
        None => Ok(()),
        Some(((i, j), _)) => {
            let [k, l] = image([i, j]);
            wrong(
                symmetry,
                &format!(
                    "one of the grid points ({i}, {j}) and ({k}, {l}) inside the domain and one outside"
                ),
                "a domain that the symmetry maps to itself",
            )
        }
    }
}

/// Refuses a medium that the network does not see and that is not uniform.
fn medium(symmetry: Symmetry, task: &TaskConfig, train: &Split) -> Result<()> {
    let seen = match task {
        TaskConfig::Propagate(config) => config.medium,
        TaskConfig::Field(config) => config.medium,
        TaskConfig::Traces(_) => false,
    };
    let stored = train.field_specs().iter().any(|field| field.name == SPEED);
    if seen || !stored {
        return Ok(());
    }
    for trajectory in 0..train.len() {
        // outside of the domain it is 0
        let speed = train.read_static(SPEED, trajectory)?;
        let inside = speed.iter().filter(|speed| **speed != 0.0);
        let (low, high) = inside.fold((f32::INFINITY, 0.0f32), |(low, high), speed| {
            (low.min(*speed), high.max(*speed))
        });
        if high - low > 1e-6 * high {
            return wrong(
                symmetry,
                &format!(
                    "task.medium = false and speeds from {low} to {high} m/s in trajectory {trajectory}"
                ),
                "task.medium = true, or a uniform medium",
            );
        }
    }
    Ok(())
}
