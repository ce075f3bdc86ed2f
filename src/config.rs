//! Configuration files: TOML text → overrides → checked structs.
//!
//! Every error names the file and line (or the `--set` flag), the key, what was found, what was expected and the remedy.
//! Key names are part of the interface; unknown keys are errors that name the nearest known key.

pub mod dataset;
pub mod document;
mod overrides;
pub mod range;
pub mod section;
pub mod train;

use thiserror::Error;

/// A mistake in a configuration or on the command line: exit code 2.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error(
        "{file}: cannot read the configuration: {reason}. `fewave init dataset` and `fewave init train` write one that runs"
    )]
    Unreadable {
        /// File name as given.
        file: String,
        /// The system's reason.
        reason: String,
    },
    /// The text is not TOML.
    #[error("{file}: not valid TOML: {reason}")]
    Syntax {
        /// File name as given.
        file: String,
        /// The parser's message with line, column and an excerpt.
        reason: String,
    },
    /// A key that no section knows.
    #[error("{place}: unknown key `{key}`{suggestion} Known keys here: {known}")]
    UnknownKey {
        /// `file:line` or the flag.
        place: String,
        /// Full dotted key.
        key: String,
        /// `; did you mean …?` or a full stop.
        suggestion: String,
        /// The keys known at this place.
        known: String,
    },
    /// A key that must be there is not.
    #[error("{place}: missing key `{key}`: expected {expected}")]
    Missing {
        /// `file:line` of the section.
        place: String,
        /// Full dotted key.
        key: String,
        /// What belongs there.
        expected: String,
    },
    /// A value of the wrong type, or outside what makes sense.
    #[error("{place}: `{key}` is {found}, expected {expected}")]
    Value {
        /// `file:line` or the flag.
        place: String,
        /// Full dotted key.
        key: String,
        /// The value found.
        found: String,
        /// What is expected, with the remedy where there is one.
        expected: String,
    },
    /// What a library found wrong with values that fit their keys one by one.
    #[error("{place}: `{key}`: {reason}")]
    Refused {
        /// `file:line` or the flag.
        place: String,
        /// The key to change.
        key: String,
        /// Found, expected and remedy, in the library's words.
        reason: String,
    },
    /// A malformed `--set`.
    #[error(
        "--set {given}: {reason}; expected KEY=VALUE with a dotted key and a TOML value, for example --set train.epochs=3"
    )]
    Override {
        /// The argument.
        given: String,
        /// What is wrong.
        reason: String,
    },
    /// A mistake on the command line that clap does not see.
    #[error("{0}")]
    Usage(String),
}
