//! Tasks: what a surrogate predicts from what, between physical arrays and normalised network tensors.

pub mod domain;
pub mod field;
pub mod grid;
pub mod normalisation;
pub mod propagate;
pub(crate) mod samples;
pub(crate) mod scenes;
pub(crate) mod windows;

use crate::network::Channels;
use crate::ranges::{OutOfRange, Ranges};
use crate::{Result, SurrogateError};
use fewave_datasets::{Split, Statistics};
use field::Field;
use propagate::Propagate;
use samples::Samples;
use scenes::{Given, SceneStore};
use serde::{Deserialize, Serialize};
use windows::WindowStore;

pub use domain::Domain;
pub use field::FieldConfig;
pub use grid::Grid;
pub use normalisation::Normalisation;
pub use propagate::{PropagateConfig, Target};

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
    /// The scene to the whole wavefield, in one pass.
    Field(FieldConfig),
}

impl TaskConfig {
    /// Its name as a config writes it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Propagate(_) => "propagate",
            Self::Field(_) => "field",
        }
    }

    /// Checks every value that does not depend on the data.
    ///
    /// # Errors
    /// [`SurrogateError::Setting`] with the key, what was found, what is allowed and the remedy.
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::Propagate(config) => config.validate(),
            Self::Field(config) => config.validate(),
        }
    }

    /// Channels that the task gives a network and wants from it; which parts of a scene are given is told by the constants.
    pub fn channels(&self, constants: &Normalisation) -> Channels {
        match self {
            Self::Propagate(config) => config.channels(),
            Self::Field(config) => config.channels(constants),
        }
    }

    /// The same as far as it is known without the data: scenes at rest and without sources.
    pub fn least_channels(&self) -> Channels {
        match self {
            Self::Propagate(config) => config.channels(),
            Self::Field(config) => config.least_channels(),
        }
    }

    /// Axes of the maps that a network is given: 2 for `(x, y)`, 3 for `(t, x, y)`.
    pub fn axes(&self) -> usize {
        match self {
            Self::Propagate(_) => 2,
            Self::Field(_) => 3,
        }
    }

    /// The maps that a network is given on a snapshot grid: `(x, y)`, or `(t, x, y)`.
    pub fn maps(&self, grid: [usize; 2]) -> Vec<usize> {
        match self {
            Self::Propagate(_) => grid.to_vec(),
            Self::Field(config) => vec![config.snapshots, grid[0], grid[1]],
        }
    }

    /// Snapshots that a prediction starts from; of a whole field the first one.
    pub fn history(&self) -> usize {
        match self {
            Self::Propagate(config) => config.history,
            Self::Field(_) => 1,
        }
    }
}

/// A task with its constants.
#[derive(Debug, Clone)]
pub(crate) enum Task {
    Propagate(Propagate),
    Field(Field),
}

impl Task {
    pub(crate) fn new(
        config: &TaskConfig,
        constants: Normalisation,
        domain: Option<Domain>,
    ) -> Self {
        match config {
            TaskConfig::Propagate(config) => {
                Self::Propagate(Propagate::new(config.clone(), constants).within(domain))
            }
            TaskConfig::Field(config) => {
                Self::Field(Field::new(config.clone(), constants).within(domain))
            }
        }
    }

    /// The task on a train split with its statistics and its domain.
    pub(crate) fn of(
        config: &TaskConfig,
        train: &Split,
        statistics: &Statistics,
        domain: Option<Domain>,
    ) -> Result<Self> {
        let constants = match config {
            TaskConfig::Propagate(task) => Normalisation::new(statistics, task.medium)?,
            TaskConfig::Field(task) => {
                task.check_times(train)?;
                Normalisation::new(statistics, task.medium)?
                    .with_scene(statistics, &Given::of(train)?)?
            }
        };
        Ok(Self::new(config, constants, domain))
    }

    pub(crate) fn normalisation(&self) -> &Normalisation {
        match self {
            Self::Propagate(task) => task.normalisation(),
            Self::Field(task) => task.normalisation(),
        }
    }

    /// The domain; none where it is the whole grid.
    pub(crate) fn domain(&self) -> Option<&Domain> {
        match self {
            Self::Propagate(task) => task.domain(),
            Self::Field(task) => task.domain(),
        }
    }

    /// What a train split covers.
    pub(crate) fn ranges(&self, train: &Split) -> Result<Ranges> {
        let starts = self.starts(train)?;
        Ranges::of(train, self.domain(), &|position| starts[position])
    }

    /// What of each trajectory of a split is outside of the ranges of training.
    pub(crate) fn out_of_range(&self, ranges: &Ranges, split: &Split) -> Result<Vec<OutOfRange>> {
        let starts = self.starts(split)?;
        let mut all = Vec::new();
        for position in 0..split.len() {
            all.extend(ranges.check(split, position, self.domain(), &|n| starts[n])?);
        }
        Ok(all)
    }

    /// The first snapshot that predictions of each trajectory begin from; none where its sources stop too late.
    fn starts(&self, split: &Split) -> Result<Vec<Option<usize>>> {
        let mut starts = Vec::with_capacity(split.len());
        for position in 0..split.len() {
            starts.push(match self {
                Self::Propagate(_) => {
                    let end = split.source_end(position)?;
                    split.times().iter().position(|time| *time >= end)
                }
                Self::Field(_) => Some(0),
            });
        }
        Ok(starts)
    }

    /// The samples of a split, with so many bytes of it kept in memory; where single snapshots are predicted, with so many of
    /// them, one after the other, as targets.
    pub(crate) fn samples<'a>(
        &'a self,
        split: &'a Split,
        targets: usize,
        budget: usize,
    ) -> Result<Box<dyn Samples + 'a>> {
        Ok(match self {
            Self::Propagate(task) => Box::new(WindowStore::new(split, task, targets, budget)?),
            Self::Field(task) => Box::new(SceneStore::new(split, task, budget)?),
        })
    }
}

/// `(value − mean)/deviation`.
fn affine(values: &[f32], mean: f64, deviation: f64, output: &mut [f32]) {
    let (mean, scale) = (mean as f32, (1.0 / deviation) as f32);
    for (output, &value) in output.iter_mut().zip(values) {
        *output = (value - mean) * scale;
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
