//! What is allowed and yet likely not wanted.

use std::fmt;

/// Something that is allowed and yet likely not wanted; displayed with its remedy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Warning {
    /// The time step is stable but coarse for the highest frequency.
    TimeDispersion {
        /// Estimated phase error relative to the phase travelled.
        error: f64,
        /// Highest frequency, Hz.
        frequency: f64,
        /// Step used, s.
        dt: f64,
        /// Step whose error would be 0.5 %, s.
        advised: f64,
    },
    /// The mesh is coarse for the highest frequency even where waves are fastest.
    SpaceDispersion {
        /// Estimated phase error relative to the phase travelled, at the largest speed.
        error: f64,
        /// Highest frequency, Hz.
        frequency: f64,
        /// Longest side of a cell, m.
        cell: f64,
        /// Cell size whose error would be 0.5 %, m.
        advised: f64,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimeDispersion {
                error,
                frequency,
                dt,
                advised,
            } => write!(
                f,
                "time stepping shifts the phase of waves at {frequency} Hz by about {:.2} % with dt = {dt:.3e} s; \
                 use dt = {advised:.3e} s for 0.5 %",
                100.0 * error
            ),
            Self::SpaceDispersion {
                error,
                frequency,
                cell,
                advised,
            } => write!(
                f,
                "the mesh shifts the phase of waves at {frequency} Hz by {:.2} % or more with cells of {cell:.3e} m; \
                 use cells of {advised:.3e} m for 0.5 %, or a higher order",
                100.0 * error
            ),
        }
    }
}
