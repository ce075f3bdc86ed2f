//! Tasks: what a surrogate predicts from what, between physical arrays and normalised network tensors.

pub mod grid;
pub mod propagate;
pub(crate) mod windows;

use crate::network::Channels;
use crate::{Result, SurrogateError};
use serde::{Deserialize, Serialize};

pub use grid::Grid;
pub use propagate::{Normalisation, PropagateConfig, Target};

/// Name of the field that is predicted.
pub(crate) const DISPLACEMENT: &str = "displacement";
/// Name of the static field that describes the medium.
pub(crate) const SPEED: &str = "speed";

/// A task and its settings (table `task`, told apart by `kind`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum TaskConfig {
    /// Past snapshots and the medium to the next snapshot; rolled out, the whole wavefield.
    Propagate(PropagateConfig),
}

impl TaskConfig {
    /// Checks every value that does not depend on the data.
    ///
    /// # Errors
    /// [`SurrogateError::Setting`] with the key, what was found, what is allowed and the remedy.
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::Propagate(config) => config.validate(),
        }
    }

    /// Channels that the task gives a network and wants from it.
    pub fn channels(&self) -> Channels {
        match self {
            Self::Propagate(config) => config.channels(),
        }
    }

    /// Axes of the maps that a network is given: 2 for `(x, y)`, 3 for `(t, x, y)`.
    pub fn axes(&self) -> usize {
        match self {
            Self::Propagate(_) => 2,
        }
    }

    /// Snapshots that a prediction starts from.
    pub fn history(&self) -> usize {
        match self {
            Self::Propagate(config) => config.history,
        }
    }
}

/// An error for one value of table `task`.
fn refuse(key: &str, found: impl ToString, expected: &str, remedy: &str) -> SurrogateError {
    SurrogateError::Setting {
        key: format!("task.{key}"),
        found: found.to_string(),
        expected: expected.into(),
        remedy: remedy.into(),
    }
}
