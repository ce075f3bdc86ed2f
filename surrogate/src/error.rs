//! The crate's one error type: every message names what was found, what was expected, where, and the remedy.

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
    /// candle refused an operation.
    #[error("tensor operation failed: {0}")]
    Tensor(#[from] candle_core::Error),
}
