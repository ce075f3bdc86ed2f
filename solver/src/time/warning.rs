//! What is allowed and yet likely not wanted.

use std::fmt;

use crate::digits::{short, short_below};

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
    /// One small or badly shaped cell shortens the time step of all.
    NarrowCell {
        /// A point of it, m.
        position: [f64; 2],
        /// How many times wider most cells are.
        ratio: f64,
    },
    /// An absorbing layer (pml) is thin for the dominant wavelength or has too few cells across.
    ThinLayer {
        /// Thickness, m.
        thickness: f64,
        /// Cells across.
        cells: usize,
        /// Dominant wavelength at the largest speed, m, where it is known.
        wavelength: Option<f64>,
        /// Thickness of at least half that wavelength and two cells, m.
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
                "time stepping {} waves at {} Hz{} with dt = {} s; set time.dt = {} for 0.5 %",
                verb(*error),
                short(*frequency),
                shift(*error, "about "),
                short(*dt),
                short_below(*advised),
            ),
            Self::SpaceDispersion {
                error,
                frequency,
                cell,
                advised,
            } => write!(
                f,
                "the mesh {} waves at {} Hz{} with cells of {} m; raise mesh.cells (or refine the mesh file) until cells are at most {} m for 0.5 %, or raise mesh.order",
                verb(*error),
                short(*frequency),
                shift(*error, "at least "),
                short(*cell),
                short_below(*advised),
            ),
            Self::NarrowCell { position, ratio } => write!(
                f,
                "a cell near ({}, {}) m is {} times narrower than most and shortens the time step of all; \
                 mesh better there (no corners of 180 degrees, no slivers), or set time.integrator = \"newmark\"",
                short(position[0]),
                short(position[1]),
                short(*ratio),
            ),
            Self::ThinLayer {
                thickness,
                cells,
                wavelength,
                advised,
            } => {
                write!(
                    f,
                    "the absorbing layer (pml) of {} m has {} across",
                    short(*thickness),
                    if *cells == 1 {
                        "1 cell".to_owned()
                    } else {
                        format!("{cells} cells")
                    },
                )?;
                if let Some(wavelength) = wavelength {
                    write!(
                        f,
                        ", and the dominant wavelength is up to {} m",
                        short(*wavelength)
                    )?;
                }
                write!(
                    f,
                    ": it may reflect more than asked for; set pml.thickness = {}, which is two cells and half a wavelength or more",
                    short(*advised)
                )
            }
        }
    }
}

/// What happens to waves whose phase is off by the share `error`: beyond 100 % a number would say nothing.
fn verb(error: f64) -> &'static str {
    if error > 1.0 {
        "does not resolve"
    } else {
        "shifts the phase of"
    }
}

fn shift(error: f64, estimate: &str) -> String {
    if error > 1.0 {
        String::new()
    } else {
        format!(" by {estimate}{} %", short(100.0 * error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_keys_are_named() {
        let mut warning = Warning::SpaceDispersion {
            error: 0.012_345_67,
            frequency: 4.138_028_520_389_279,
            cell: 0.25,
            advised: 0.190_099,
        };
        assert_eq!(
            warning.to_string(),
            "the mesh shifts the phase of waves at 4.138 Hz by at least 1.235 % with cells of 0.25 m; \
             raise mesh.cells (or refine the mesh file) until cells are at most 0.19 m for 0.5 %, or raise mesh.order"
        );
        if let Warning::SpaceDispersion { error, .. } = &mut warning {
            *error = 3.1e9;
        }
        let text = warning.to_string();
        assert!(
            text.contains("does not resolve waves at 4.138 Hz with"),
            "{text}"
        );
        let warning = Warning::TimeDispersion {
            error: 0.02,
            frequency: 1.0,
            dt: 0.1,
            advised: 0.031_243_9,
        };
        assert!(warning.to_string().contains("set time.dt = 0.03124 for"));
        let warning = Warning::NarrowCell {
            position: [0.5, 0.25],
            ratio: 12.0,
        };
        assert!(
            warning
                .to_string()
                .contains("near (0.5, 0.25) m is 12 times narrower")
        );
    }
}
