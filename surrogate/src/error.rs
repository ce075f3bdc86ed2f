//! The crate's one error type: every message names what was found, what was expected, where, and the remedy.

use std::path::PathBuf;

/// The result of every fallible function of this crate.
pub type Result<T> = std::result::Result<T, SurrogateError>;

/// Everything that can go wrong in building, training and running a surrogate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SurrogateError {
    /// A setting has a value that cannot work.
    #[error("{key}: found {found}, expected {expected}; {remedy}")]
    Setting {
        /// The setting's key, as a config writes it.
        key: String,
        /// The value given.
        found: String,
        /// The values allowed.
        expected: String,
        /// What to change.
        remedy: String,
    },
    /// A tensor has a shape, type or device that an operation cannot take.
    #[error("{place}: found {found}, expected {expected}; {remedy}")]
    Shape {
        /// The operation and its argument.
        place: String,
        /// The shape (or type) found.
        found: String,
        /// The shape (or type) expected.
        expected: String,
        /// What to change.
        remedy: String,
    },
    /// A named parameter is missing, doubled or of another shape.
    #[error("parameter '{name}': found {found}, expected {expected}; {remedy}")]
    Parameter {
        /// The parameter's full name, such as `encoder.0.weight`.
        name: String,
        /// What there is.
        found: String,
        /// What should be there.
        expected: String,
        /// What to change.
        remedy: String,
    },
    /// The data do not fit the task, or the surrogate that is applied to them.
    #[error("{place}: found {found}, expected {expected}; {remedy}")]
    Data {
        /// The field, axis or statistic.
        place: String,
        /// What there is.
        found: String,
        /// What should be there.
        expected: String,
        /// What to change.
        remedy: String,
    },
    /// A checkpoint is truncated, foreign, or belongs to another network.
    #[error("{}: {place}: found {found}, expected {expected}; {remedy}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// The tensor or other place in the file.
        place: String,
        /// What there is.
        found: String,
        /// What should be there.
        expected: String,
        /// What to change.
        remedy: &'static str,
    },
    /// A run was to be continued with other settings or data than it was started with.
    #[error("{}: the run cannot continue with another configuration: {}; {remedy}", path.display(), differences.join(", "))]
    Resume {
        /// The checkpoint to continue from.
        path: PathBuf,
        /// Keys that differ, with both values.
        differences: Vec<String>,
        /// What to change.
        remedy: String,
    },
    /// Training met a number that is not finite, and stopped before it could spoil the weights.
    #[error(
        "step {step}: the {quantity} is {value}, expected a finite number; samples: {samples}; {checkpoint}; {remedy}"
    )]
    Diverged {
        /// Updates made before.
        step: usize,
        /// Loss, gradient norm or weight.
        quantity: String,
        /// Infinite or not a number.
        value: f64,
        /// The batch, by trajectories and snapshots.
        samples: String,
        /// The last good checkpoint in words: its file and its step, or that there is none.
        checkpoint: String,
        /// What to change.
        remedy: &'static str,
    },
    /// The operating system refused.
    #[error("cannot {action} {}: {source}; {remedy}", path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// What was tried, as a verb.
        action: &'static str,
        /// The system's reason.
        source: std::io::Error,
        /// What to do.
        remedy: String,
    },
    /// A data set cannot be read.
    #[error(transparent)]
    Dataset(#[from] fewave_datasets::Error),
    /// candle refused an operation.
    #[error("tensor operation failed: {0}")]
    Tensor(#[from] candle_core::Error),
}
