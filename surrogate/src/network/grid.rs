//! Grids that networks serve: their axes by name, and what must divide them.

use crate::{Result, SurrogateError};

/// The names of a network's axes: `(x, y)`, or `(t, x, y)` where time is one of them.
pub(super) fn axis_names(axes: usize) -> &'static [&'static str] {
    const NAMES: [&str; 3] = ["t", "x", "y"];
    &NAMES[NAMES.len() - axes.min(NAMES.len())..]
}

/// Refuses a grid with another number of axes, or with an axis that is not a multiple of `2^halvings`.
pub(super) fn check(network: &str, axes: usize, halvings: usize, grid: &[usize]) -> Result<()> {
    let names = axis_names(axes);
    if grid.len() != axes {
        return Err(SurrogateError::Shape {
            place: format!("input of the {network}"),
            found: format!("{} axes", grid.len()),
            expected: format!("{axes}"),
            remedy: format!("give maps of shape (B, C, {})", names.join(", ")),
        });
    }
    let multiple = 1usize << halvings;
    for (&axis, &size) in names.iter().zip(grid) {
        if size == 0 || !size.is_multiple_of(multiple) {
            let (what, next) = (
                if axis == "t" { "snapshots" } else { "points" },
                size.next_multiple_of(multiple).max(multiple),
            );
            let (below, above) = (size / multiple * multiple, next);
            return Err(SurrogateError::Shape {
                place: format!("grid axis {axis}"),
                found: format!("{size} {what}"),
                expected: format!(
                    "a multiple of {multiple}, as a {network} of depth {halvings} halves it {halvings} times"
                ),
                remedy: match axis {
                    "t" if below > 0 => {
                        format!("set task.snapshots to {below} or {above}, or lower network.depth")
                    }
                    "t" => format!("set task.snapshots to {above}, or lower network.depth"),
                    _ => format!(
                        "lower network.depth, or generate data with grid.shape {above} along {axis}"
                    ),
                },
            });
        }
    }
    Ok(())
}
