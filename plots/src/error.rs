//! The crate's one error: what was found, what was expected, where, and the remedy.

use std::path::PathBuf;

/// Why a figure or a report could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlotsError {
    /// Nothing to draw.
    #[error("figure `{figure}`: {what} is empty, expected at least one; {remedy}")]
    Empty {
        /// Name of the figure.
        figure: String,
        /// The empty input.
        what: String,
        /// What the caller can do.
        remedy: &'static str,
    },
    /// Two inputs that belong together differ in shape.
    #[error(
        "figure `{figure}`: {what} has shape {found}, expected {expected}; give arrays on the same grid, steps and times"
    )]
    Shape {
        /// Name of the figure.
        figure: String,
        /// The input with the wrong shape.
        what: String,
        /// The shape required by the other inputs.
        expected: String,
        /// The shape given.
        found: String,
    },
    /// A value cannot be placed on an axis.
    #[error(
        "figure `{figure}`: {what} is {found} at {place}, expected {expected}; leave it out of the figure and say so in the caption"
    )]
    Value {
        /// Name of the figure.
        figure: String,
        /// The input that holds the value.
        what: String,
        /// Index of the value in its array.
        place: String,
        /// What would have been allowed.
        expected: &'static str,
        /// The value.
        found: f64,
    },
    /// A style or a file name is outside its limits.
    #[error("{what} is {found}, expected {expected}")]
    Setting {
        /// The setting.
        what: String,
        /// What it may be.
        expected: String,
        /// The value given.
        found: String,
    },
    /// A file is not the CSV of a figure.
    #[error("{file}:{line}: found {found}, expected {expected}")]
    Csv {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// What stands there.
        found: String,
        /// What would have been read.
        expected: String,
    },
    /// The drawing library failed.
    #[error(
        "drawing failed: {reason}; this is a defect of fewave, please report it with the data of the figure"
    )]
    Drawing {
        /// The library's message.
        reason: String,
    },
    /// The SVG could not be turned into another format.
    #[error(
        "figure `{figure}`: conversion to {format} failed: {reason}; its SVG and CSV can still be used"
    )]
    Conversion {
        /// Name of the figure.
        figure: String,
        /// `PNG` or `PDF`.
        format: &'static str,
        /// The converter's message.
        reason: String,
    },
    /// A file could not be written.
    #[error(
        "cannot {action} `{path}`: {source}; check that the folder exists, is writable and has space"
    )]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, PlotsError>;

impl<E: std::error::Error + Send + Sync> From<plotters::drawing::DrawingAreaErrorKind<E>>
    for PlotsError
{
    fn from(error: plotters::drawing::DrawingAreaErrorKind<E>) -> Self {
        Self::Drawing {
            reason: error.to_string(),
        }
    }
}
