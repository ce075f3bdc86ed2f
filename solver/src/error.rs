//! The one error type of this crate. Every message names what was found, what was expected and the remedy.

use crate::digits::{short, short_below};
use thiserror::Error;

/// Everything that can go wrong between a description of a wave problem and its recording.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SolverError {
    /// A parameter lies outside of what the method allows.
    #[error("{what}: found {found}, expected {expected}; {remedy}")]
    InvalidParameter {
        /// The parameter, e.g. `rectangle cells`.
        what: String,
        /// The value found.
        found: String,
        /// What is allowed.
        expected: String,
        /// What to change.
        remedy: String,
    },
    /// A boundary condition is given for a group that the mesh does not have.
    #[error("boundary group `{group}` does not exist; the mesh has: {}; use one of these names", known.join(", "))]
    UnknownBoundaryGroup {
        /// The name found.
        group: String,
        /// The names that the mesh has.
        known: Vec<String>,
    },
    /// A cell is inverted, degenerate or refers to missing points.
    #[error("cell {cell} near ({}, {}) m: {problem}; expected cells of positive area, numbered counter-clockwise; reduce the distortion or repair the mesh", position[0], position[1])]
    BadCell {
        /// Index of the cell.
        cell: usize,
        /// One of its points, m.
        position: [f64; 2],
        /// What is wrong with it.
        problem: String,
    },
    /// A mesh file that cannot be read, or whose mesh cannot be computed on.
    #[error("Gmsh mesh, {place}: found {found}, expected {expected}; {remedy}")]
    BadMeshFile {
        /// The line, byte, node or element.
        place: String,
        /// What is there.
        found: String,
        /// What should be there.
        expected: String,
        /// What to do.
        remedy: String,
    },
    /// A source does not lie in the mesh.
    #[error("{what} {index} at ({}, {}) m lies outside of the mesh, whose bounding box is [{}, {}] x [{}, {}] m; move it inside", position[0], position[1], lower[0], upper[0], lower[1], upper[1])]
    OutsideMesh {
        /// `source`.
        what: &'static str,
        /// Its index in the list given.
        index: usize,
        /// Its position, m.
        position: [f64; 2],
        /// Lower corner of the mesh's bounding box, m.
        lower: [f64; 2],
        /// Upper corner of the mesh's bounding box, m.
        upper: [f64; 2],
    },
    /// Receivers do not lie in the mesh.
    #[error("{} outside of the mesh, whose bounding box is [{}, {}] x [{}, {}] m: {}; move {} inside", count(outside.len()), lower[0], upper[0], lower[1], upper[1], listed(outside), if outside.len() == 1 { "it" } else { "them" })]
    ReceiversOutsideMesh {
        /// Index in the list given and position (m) of every receiver outside.
        outside: Vec<(usize, [f64; 2])>,
        /// Lower corner of the mesh's bounding box, m.
        lower: [f64; 2],
        /// Upper corner of the mesh's bounding box, m.
        upper: [f64; 2],
    },
    /// The medium gives a speed that no wave can have.
    #[error("speed {speed} m/s at ({}, {}) m; expected a finite speed above 0; correct the medium", position[0], position[1])]
    BadSpeed {
        /// The value found, m/s.
        speed: f64,
        /// Where, m.
        position: [f64; 2],
    },
    /// The medium is faster than the speed that the time step was chosen for.
    #[error("speed {speed} m/s at ({}, {}) m exceeds the maximum of {maximum} m/s that the time step was chosen for; raise the maximum speed of the time settings", position[0], position[1])]
    SpeedAboveMaximum {
        /// The value found, m/s.
        speed: f64,
        /// Where, m.
        position: [f64; 2],
        /// The speed of the time settings, m/s.
        maximum: f64,
    },
    /// A fixed time step above the stability limit of the explicit integrator.
    #[error(
        "time step {found} s is unstable: expected at most {} s for this mesh and a speed of {} m/s; use dt = \"auto\", a smaller dt or the integrator newmark",
        short_below(*limit), short(*speed)
    )]
    UnstableTimeStep {
        /// The step asked for, s.
        found: f64,
        /// The largest step allowed, s.
        limit: f64,
        /// The speed that the limit was computed for, m/s.
        speed: f64,
    },
    /// The estimated memory exceeds what may be used.
    #[error("{what} needs about {} MiB, more than the {} MiB available; use fewer cells, snapshots or grid points, fewer trajectories at a time, or f32", needed >> 20, available >> 20)]
    TooLarge {
        /// What needs the memory.
        what: &'static str,
        /// Estimate, bytes.
        needed: u64,
        /// Bound, bytes.
        available: u64,
    },
    /// A state, signal or parameter function of a scene returned a number that is not finite.
    #[error("{what} is {value} at ({}, {}) m; expected a finite number; correct the scene", position[0], position[1])]
    NotFinite {
        /// The quantity, e.g. `initial displacement`.
        what: &'static str,
        /// The value found.
        value: f64,
        /// Where, m.
        position: [f64; 2],
    },
    /// The computed displacement is no longer finite.
    #[error(
        "the solution is not finite at t = {} s (step {step}); expected a bounded wave; use a smaller time step, or weaker sources and initial states",
        short(*time)
    )]
    BlewUp {
        /// Time of the first snapshot that is not finite, s.
        time: f64,
        /// Its step.
        step: usize,
    },
    /// A crop of a sampled medium reaches beyond its samples.
    #[error("the crop [{}, {}] x [{}, {}] m does not fit into the sampled medium, which covers [{}, {}] x [{}, {}] m; use a smaller or another crop, or correct spacing and origin", lower[0], upper[0], lower[1], upper[1], grid_lower[0], grid_upper[0], grid_lower[1], grid_upper[1])]
    CropOutsideGrid {
        /// Lower corner of the crop, m.
        lower: [f64; 2],
        /// Upper corner of the crop, m.
        upper: [f64; 2],
        /// Position of the first sample, m.
        grid_lower: [f64; 2],
        /// Position of the last sample, m.
        grid_upper: [f64; 2],
    },
    /// Bytes that are no NumPy array of the kinds that can be read.
    #[error("{what} of the npy array: found {found}, expected {expected}; {remedy}")]
    UnreadableNpy {
        /// The part of the file.
        what: &'static str,
        /// What it holds.
        found: String,
        /// What it should hold.
        expected: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The sparse factorisation failed.
    #[error(
        "sparse Cholesky factorisation of {unknowns} unknowns failed: {reason}; use a smaller mesh, or the integrator central-difference"
    )]
    Factorisation {
        /// Number of unknowns.
        unknowns: usize,
        /// What the factorisation reported.
        reason: String,
    },
}

/// How many receivers.
fn count(receivers: usize) -> String {
    match receivers {
        1 => "1 receiver lies".to_owned(),
        many => format!("{many} receivers lie"),
    }
}

/// Receivers by number and place.
fn listed(receivers: &[(usize, [f64; 2])]) -> String {
    let words = receivers
        .iter()
        .map(|(index, [x, y])| format!("receiver {index} at ({x}, {y})"));
    words.collect::<Vec<_>>().join(", ")
}

impl SolverError {
    /// A [`SolverError::InvalidParameter`] from anything printable.
    pub fn invalid(
        what: impl Into<String>,
        found: impl ToString,
        expected: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::InvalidParameter {
            what: what.into(),
            found: found.to_string(),
            expected: expected.into(),
            remedy: remedy.into(),
        }
    }
}
