//! Tasks: what a surrogate predicts from what, between physical arrays and normalised network tensors.

pub mod domain;
pub mod field;
pub mod grid;
pub mod normalisation;
pub mod propagate;
pub(crate) mod samples;
pub(crate) mod scenes;
pub(crate) mod trace_store;
pub mod traces;
pub(crate) mod windows;

use crate::checkpoint::Metadata;
use crate::network::{Channels, Homogeneous, Network};
use crate::ranges::{OutOfRange, Ranges};
use crate::{Result, SurrogateError};
use fewave_datasets::{Split, Statistics};
use field::Field;
use propagate::Propagate;
use samples::Samples;
use scenes::{Given, SceneStore};
use serde::{Deserialize, Serialize};
use trace_store::TraceStore;
use traces::Traces;
use windows::WindowStore;

pub use domain::Domain;
pub use field::FieldConfig;
pub use grid::Grid;
pub use normalisation::Normalisation;
pub use propagate::{Amplitude, PropagateConfig, Target};
pub use traces::{TraceConstants, TracesConfig};

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
    /// The scene's sampled numbers to the signals at the receivers.
    Traces(TracesConfig),
}

impl TaskConfig {
    /// Its name as a config writes it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Propagate(_) => "propagate",
            Self::Field(_) => "field",
            Self::Traces(_) => "traces",
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
            Self::Traces(config) => config.validate(),
        }
    }

    /// Channels that the task gives a network and wants from it; which parts of a scene are given is told by the constants. Those of
    /// traces are told by [`TraceConstants::channels`].
    pub fn channels(&self, constants: &Normalisation) -> Channels {
        match self {
            Self::Propagate(config) => config.channels(),
            Self::Field(config) => config.channels(constants),
            Self::Traces(_) => self.least_channels(),
        }
    }

    /// The same as far as it is known without the data: scenes at rest and without sources, one scalar and one sample.
    pub fn least_channels(&self) -> Channels {
        match self {
            Self::Propagate(config) => config.channels(),
            Self::Field(config) => config.least_channels(),
            Self::Traces(_) => Channels {
                inputs: 1,
                outputs: 1,
            },
        }
    }

    /// Axes of the maps that a network is given: 2 for `(x, y)`, 3 for `(t, x, y)`, 0 for numbers.
    pub fn axes(&self) -> usize {
        match self {
            Self::Propagate(_) => 2,
            Self::Field(_) => 3,
            Self::Traces(_) => 0,
        }
    }

    /// The maps that a network is given on a snapshot grid: `(x, y)`, `(t, x, y)`, or no axes for numbers.
    pub fn maps(&self, grid: [usize; 2]) -> Vec<usize> {
        match self {
            Self::Propagate(_) => grid.to_vec(),
            Self::Field(config) => vec![config.snapshots, grid[0], grid[1]],
            Self::Traces(_) => Vec::new(),
        }
    }

    /// A network as the task uses it: homogeneous in the waves where it is asked for.
    pub(crate) fn around(&self, network: Box<dyn Network>) -> Box<dyn Network> {
        match self {
            Self::Propagate(task) if self.is_relative() => {
                Box::new(Homogeneous::new(network, task.history))
            }
            _ => network,
        }
    }

    /// Whether waves are given in units of their own size.
    pub(crate) fn is_relative(&self) -> bool {
        matches!(self, Self::Propagate(task) if task.amplitude == Amplitude::Relative)
    }

    /// Snapshots that a prediction starts from; of a whole field the first one, of traces none.
    pub fn history(&self) -> usize {
        match self {
            Self::Propagate(config) => config.history,
            Self::Field(_) => 1,
            Self::Traces(_) => 0,
        }
    }
}

/// A task with its constants.
#[derive(Debug, Clone)]
pub(crate) enum Task {
    Propagate(Propagate),
    Field(Field),
    Traces(Traces),
}

impl Task {
    fn new(config: &TaskConfig, constants: Normalisation, domain: Option<Domain>) -> Option<Self> {
        match config {
            TaskConfig::Propagate(config) => Some(Self::Propagate(
                Propagate::new(config.clone(), constants).within(domain),
            )),
            TaskConfig::Field(config) => Some(Self::Field(
                Field::new(config.clone(), constants).within(domain),
            )),
            TaskConfig::Traces(_) => None,
        }
    }

    /// The task of a checkpoint.
    ///
    /// # Errors
    /// [`SurrogateError::Data`] where it lacks the constants of its task.
    pub(crate) fn of_checkpoint(metadata: &Metadata) -> Result<Self> {
        let domain = metadata.grid.domain.clone();
        match Self::new(&metadata.config.task, metadata.normalisation, domain) {
            Some(task) => Ok(task),
            None => Ok(Self::Traces(Traces::new(
                metadata.trace_constants()?.clone(),
            ))),
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
            TaskConfig::Traces(task) => {
                return Ok(Self::Traces(Traces::new(TraceConstants::of(task, train)?)));
            }
            TaskConfig::Propagate(task) => task.adapt(Normalisation::new(statistics, task.medium)?),
            TaskConfig::Field(task) => {
                task.check_times(train)?;
                Normalisation::new(statistics, task.medium)?
                    .with_scene(statistics, &Given::of(train)?)?
            }
        };
        Self::new(config, constants, domain)
            .ok_or_else(|| samples::defect(format!("a task of kind {}", config.kind())))
    }

    /// Channels of its networks.
    pub(crate) fn channels(&self, config: &TaskConfig) -> Channels {
        match self {
            Self::Traces(task) => task.constants().channels(),
            _ => config.channels(self.normalisation()),
        }
    }

    /// Constants of traces, where these are predicted.
    pub(crate) fn traces(&self) -> Option<&TraceConstants> {
        match self {
            Self::Traces(task) => Some(task.constants()),
            _ => None,
        }
    }

    pub(crate) fn normalisation(&self) -> &Normalisation {
        match self {
            Self::Propagate(task) => task.normalisation(),
            Self::Field(task) => task.normalisation(),
            Self::Traces(task) => task.normalisation(),
        }
    }

    /// The domain; none where it is the whole grid.
    pub(crate) fn domain(&self) -> Option<&Domain> {
        match self {
            Self::Propagate(task) => task.domain(),
            Self::Field(task) => task.domain(),
            Self::Traces(_) => None,
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
                Self::Traces(_) => None,
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
            Self::Traces(task) => Box::new(TraceStore::new(split, task, budget)?),
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
