//! What can go wrong while a dataset is written, read or checked.
//!
//! Two kinds matter to a user: a file that breaks the layout ([`Error::Layout`], which carries a [`Violation`]) and an
//! operating-system or HDF5 failure. Every message says where, what was found, what was expected, and the remedy.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The crate's result.
pub type Result<T> = std::result::Result<T, Error>;

/// One place in a file or folder that breaks a rule of the layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The file (or folder) that breaks the rule.
    pub file: PathBuf,
    /// Where inside it: `group/dataset`, `group@attribute`; empty for the file as a whole.
    pub place: String,
    /// What the layout asks for.
    pub expected: String,
    /// What the file has.
    pub found: String,
    /// The rule, in words.
    pub rule: &'static str,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation {
            file,
            place,
            expected,
            found,
            rule,
        } = self;
        write!(f, "{}", file.display())?;
        if !place.is_empty() {
            write!(f, ": {place}")?;
        }
        write!(f, ": expected {expected}, found {found} ({rule})")
    }
}

/// Failures of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {action} {}: {source}; {remedy}", path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// What was tried, as a verb.
        action: &'static str,
        /// The system's reason.
        source: io::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// The HDF5 library refused.
    #[error("{}: HDF5 cannot {action} {place}: {message}; {remedy}", path.display())]
    Hdf5 {
        /// The file.
        path: PathBuf,
        /// Group, dataset or attribute.
        place: String,
        /// What was tried, as a verb.
        action: &'static str,
        /// The library's reason.
        message: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A file that breaks the layout; the first of its violations.
    #[error(
        "{violation}{}; remedy: generate the file again, or list every violation with `fewave validate`",
        if *others == 0 { String::new() } else { format!(" and {others} more") }
    )]
    Layout {
        /// The first violation.
        violation: Box<Violation>,
        /// How many more there are.
        others: usize,
    },
    /// A caller's specification, data or request that does not fit.
    #[error("{what}: expected {expected}, found {found}; {remedy}")]
    Input {
        /// The value in question.
        what: String,
        /// What fits.
        expected: String,
        /// What was given.
        found: String,
        /// What to do.
        remedy: &'static str,
    },
}

impl Error {
    /// An [`Error::Input`].
    pub(crate) fn input(
        what: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
        remedy: &'static str,
    ) -> Self {
        Error::Input {
            what: what.into(),
            expected: expected.into(),
            found: found.into(),
            remedy,
        }
    }

    /// The first of `violations` as an error; `Ok` where there are none.
    pub(crate) fn from_violations(violations: Vec<Violation>) -> Result<()> {
        let others = violations.len().saturating_sub(1);
        match violations.into_iter().next() {
            None => Ok(()),
            Some(violation) => Err(Error::Layout {
                violation: Box::new(violation),
                others,
            }),
        }
    }
}

/// Adds path, action and remedy to an I/O result.
pub(crate) trait IoContext<T> {
    /// Wraps the error.
    fn io(self, path: &Path, action: &'static str, remedy: &'static str) -> Result<T>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn io(self, path: &Path, action: &'static str, remedy: &'static str) -> Result<T> {
        self.map_err(|source| Error::Io {
            path: path.to_path_buf(),
            action,
            source,
            remedy,
        })
    }
}

/// Adds path, place, action and remedy to an HDF5 result.
pub(crate) trait Hdf5Context<T> {
    /// Wraps the error.
    fn at(self, path: &Path, place: &str, action: &'static str, remedy: &'static str) -> Result<T>;
}

impl<T> Hdf5Context<T> for hdf5::Result<T> {
    fn at(self, path: &Path, place: &str, action: &'static str, remedy: &'static str) -> Result<T> {
        self.map_err(|error| Error::Hdf5 {
            path: path.to_path_buf(),
            place: place.to_owned(),
            action,
            message: error.to_string(),
            remedy,
        })
    }
}
