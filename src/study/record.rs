//! What a study keeps of a finished or failed run, and how far the runs in its folder are.

use std::path::Path;

use anyhow::Context;
use fewave_surrogate::TrainConfig;
use fewave_surrogate::checkpoint::{BEST, Checkpoint, LAST};
use serde::{Deserialize, Serialize};

use super::errors::{Errors, Trivial};
use super::{Folder, PlannedRun};
use crate::config::ConfigError;
use crate::output::write_atomically;

/// A run's results, or why there are none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What was trained.
    pub config: TrainConfig,
    /// SHA-256 of the data.
    pub data_hash: String,
    /// SHA-256 of the weights that were projected, if any.
    pub projected_from: Option<String>,
    /// How it went.
    pub outcome: Outcome,
}

/// How a run went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Trained and evaluated.
    Finished(Box<Results>),
    /// The message that it ended with.
    Failed(String),
}

/// What a finished run is worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// SHA-256 of the best weights.
    pub weights_hash: String,
    /// Trainable reals.
    pub parameters: usize,
    /// Trainable reals of the dense twin.
    pub dense_parameters: usize,
    /// Bits that a file needs for them.
    pub stored_bits: usize,
    /// Multiply-adds of one prediction.
    pub multiply_adds: usize,
    /// Updates.
    pub steps: usize,
    /// Multiply-adds of the training, about; those of a projected network with the dense one's.
    pub training_multiply_adds: f64,
    /// Wall time of training, s; that of a projected network from the start of the dense one.
    pub training_seconds: f64,
    /// Errors to choose by.
    pub valid: Errors,
    /// Errors to report.
    pub test: Errors,
    /// Trivial predictions on the test split.
    pub trivial: Vec<Trivial>,
    /// Time of a prediction, once measured.
    pub latency: Option<Latency>,
}

/// Time of one prediction of one trajectory.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Median over all repetitions, ms.
    pub milliseconds: f64,
    /// Repetitions.
    pub repetitions: usize,
    /// Threads that were available.
    pub threads: usize,
}

/// How far a run is.
#[derive(Debug, Clone)]
pub enum State {
    /// Nothing is there that could be used.
    New,
    /// So many updates of so many are made.
    Begun(usize, usize),
    /// Trained and evaluated.
    Finished(Box<Record>),
}

impl Record {
    /// Writes it for the run of this name.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, folder: &Folder, name: &str) -> anyhow::Result<()> {
        let path = folder.record(name);
        write_atomically(&path, serde_json::to_string_pretty(self)?.as_bytes())
    }

    /// The results, if the run has finished.
    pub fn results(&self) -> Option<&Results> {
        match &self.outcome {
            Outcome::Finished(results) => Some(results),
            Outcome::Failed(_) => None,
        }
    }

    /// Reads one; none where there is none that this program understands: it is then made again.
    pub fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }
}

/// How far a run is in its folder; `source` are the weights that it is projected from, if it is and they are there.
///
/// # Errors
/// When the folder holds a run of that name with other settings, data or projected weights, or one that cannot be read.
pub fn state(
    folder: &Folder,
    run: &PlannedRun,
    data_hash: &str,
    source: Option<&str>,
) -> anyhow::Result<State> {
    let path = folder.run(&run.name);
    let check = |config: &TrainConfig, hash: &str, projected: Option<&str>| -> anyhow::Result<()> {
        let mut differences = run.config.differences(config)?;
        if hash != data_hash {
            differences.push("the content of the data".to_owned());
        }
        if projected != source
            && (projected.is_some() != run.project_from.is_some() || source.is_some())
        {
            differences.push("the weights that it is projected from".to_owned());
        }
        if differences.is_empty() {
            return Ok(());
        }
        Err(ConfigError::Usage(format!(
            "{}: holds a run of this name with other settings: {}; rename the run, choose another folder with -o, remove this one, or start over with --force",
            path.display(),
            differences.join(", ")
        ))
        .into())
    };
    if let Some(record) = Record::read(&folder.record(&run.name))
        && record.results().is_some()
        && path.join(BEST).is_file()
    {
        check(
            &record.config,
            &record.data_hash,
            record.projected_from.as_deref(),
        )?;
        return Ok(State::Finished(Box::new(record)));
    }
    let last = path.join(LAST);
    if !last.is_file() {
        return Ok(State::New);
    }
    let metadata = Checkpoint::read(&last)
        .with_context(|| format!("run {}", run.name))?
        .metadata;
    check(
        &metadata.config,
        &metadata.data_hash,
        metadata.projected_from.as_deref(),
    )?;
    Ok(State::Begun(metadata.step, metadata.steps))
}
