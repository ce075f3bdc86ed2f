//! One round's retraining: an ordinary run in a folder of its own, which starts from the folded weights.
//!
//! The folder gets a `last` checkpoint of step 0 with these weights and is then resumed, so that retraining is training. A round that
//! is done leaves `round.json`, with a key that tells what it belongs to: a pruning that is started again takes it as it is.

use super::PruneRound;
use super::dense::DenseNetwork;
use crate::checkpoint::{self, Checkpoint, LAST, Metadata, Progress};
use crate::parameters::Parameters;
use crate::train::average::Average;
use crate::train::config::TrainConfig;
use crate::train::events::Events;
use crate::train::log::Log;
use crate::train::optimiser::AdamW;
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

/// Retrains a network in a folder as `config` says; `None` where the observer stopped it.
pub(super) fn retrain(
    folder: &Path,
    parent: &Metadata,
    config: &TrainConfig,
    network: &DenseNetwork,
    device: &Device,
    observer: &mut dyn TrainObserver,
) -> Result<Option<Checkpoint>> {
    let io = |action, source| SurrogateError::Io {
        path: folder.to_owned(),
        action,
        source,
        remedy: "choose another folder with -o, or free some space".into(),
    };
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|source| io("clear", source))?;
    }
    fs::create_dir_all(folder).map_err(|source| io("create", source))?;
    let mut metadata = parent.clone();
    metadata.config = config.clone();
    metadata.config_hash = config.hash()?;
    metadata.version = env!("CARGO_PKG_VERSION").into();
    metadata.step = 0;
    metadata.steps = config.train.step_count(metadata.windows);
    metadata.training_seconds = 0.0;
    metadata.best = None;
    metadata.pruning = None;
    metadata.averaged = false;
    let parameters = parameters(&metadata, network)?;
    let named = parameters
        .iter()
        .map(|(name, variable)| (name.to_owned(), variable.clone()));
    let optimiser = AdamW::new(named.collect(), config.train.weight_decay, None)?;
    let average = config
        .train
        .ema
        .map(|decay| Average::new(decay, &parameters))
        .transpose()?;
    Log::create(folder)?;
    Events::create(folder)?;
    let progress = Progress {
        optimiser: &optimiser,
        average: average.as_ref(),
    };
    checkpoint::write(&folder.join(LAST), &metadata, &parameters, Some(progress))?;
    let summary = train(config, folder, Start::Resume, device, observer)?;
    if summary.interrupted {
        return Ok(None);
    }
    Checkpoint::read(folder).map(Some)
}
