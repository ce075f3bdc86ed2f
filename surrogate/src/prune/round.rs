//! One round's retraining: an ordinary run in a folder of its own, which starts from the folded weights.
//!
//! The folder gets a `last` checkpoint of step 0 with these weights and is then resumed, so that retraining is training. A round that
//! is done leaves `round.json`, with a key that tells what it belongs to: a pruning that is started again takes it as it is.

use super::PruneRound;
use super::dense::DenseNetwork;
use crate::checkpoint::{self, BEST, Checkpoint, LAST, Metadata};
use crate::parameters::Parameters;
use crate::train::config::TrainConfig;
use crate::train::{Start, TrainObserver, train};
use crate::{Result, SurrogateError};
use candle_core::{DType, Device};
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

const RECORD: &str = "round.json";

/// What a finished round leaves beside its run.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    key: String,
    round: PruneRound,
}

/// The round that is done in a folder, if it is the one of this key.
pub(super) fn finished(folder: &Path, key: &str) -> Option<PruneRound> {
    let text = fs::read_to_string(folder.join(RECORD)).ok()?;
    let record: Record = serde_json::from_str(&text).ok()?;
    (record.key == key).then_some(record.round)
}

/// Notes that the round in a folder is done.
pub(super) fn finish(folder: &Path, key: &str, round: &PruneRound) -> Result<()> {
    let record = Record {
        key: key.to_owned(),
        round: round.clone(),
    };
    let text = serde_json::to_string_pretty(&record)
        .map_err(|error| crate::task::samples::defect(error.to_string()))?;
    checkpoint::write_atomically(&folder.join(RECORD), text.as_bytes())
}

/// Any generator: a network whose weights are given draws none.
pub(super) fn any_random() -> ChaCha12Rng {
    ChaCha12Rng::seed_from_u64(0)
}

/// The parameters of a network with these weights, ready to be written.
pub(super) fn parameters(metadata: &Metadata, network: &DenseNetwork) -> Result<Parameters> {
    let mut parameters = Parameters::new(DType::F32, &Device::Cpu);
    let config = &metadata.config;
    config.network.build(
        metadata.channels()?,
        config.task.axes(),
        &mut parameters,
        &mut any_random(),
    )?;
    parameters.assign(&network.tensors()?)?;
    Ok(parameters)
}

/// How a retraining ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// With its last step.
    Complete,
    /// With a number that is not finite; its last good checkpoints are there.
    Diverged,
    /// By the observer.
    Stopped,
}

/// The best checkpoint of a retraining, or of one that diverged before it was validated the last.
pub(super) fn checkpoint(folder: &Path) -> Result<Checkpoint> {
    let best = folder.join(BEST);
    let path = if best.exists() {
        best
    } else {
        folder.join(LAST)
    };
    Checkpoint::read(&path)
}

/// Retrains a network in a folder as `config` says.
pub(super) fn retrain(
    folder: &Path,
    parent: &Metadata,
    config: &TrainConfig,
    network: &DenseNetwork,
    device: &Device,
    observer: &mut dyn TrainObserver,
) -> Result<Ended> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|source| SurrogateError::Io {
            path: folder.to_owned(),
            action: "clear",
            source,
            remedy: "choose another folder with -o".into(),
        })?;
    }
    let mut metadata = checkpoint::anew(parent, config)?;
    metadata.training_seconds = 0.0;
    metadata.pruning = None;
    let parameters = parameters(&metadata, network)?;
    checkpoint::begin(folder, &metadata, &parameters)?;
    match train(config, folder, Start::Resume, device, observer) {
        Ok(summary) if summary.interrupted => Ok(Ended::Stopped),
        Ok(_) => Ok(Ended::Complete),
        Err(SurrogateError::Diverged { .. }) => Ok(Ended::Diverged),
        Err(error) => Err(error),
    }
}
