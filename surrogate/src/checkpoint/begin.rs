//! The checkpoint of step 0 of a run that begins from given weights and not from drawn ones: training is then to resume it.

use super::{LAST, Metadata, Progress, write};
use crate::parameters::Parameters;
use crate::train::average::Average;
use crate::train::config::TrainConfig;
use crate::train::events::Events;
use crate::train::log::Log;
use crate::train::optimiser::AdamW;
use crate::{Result, SurrogateError};
use std::fs;
use std::path::Path;

/// What is known of a run of `config` at step 0, on the data and with the constants of another run. The time that was spent on that one
/// stays.
///
/// # Errors
/// [`SurrogateError::Checkpoint`] for a configuration that cannot be written down.
pub(crate) fn anew(of: &Metadata, config: &TrainConfig) -> Result<Metadata> {
    Ok(Metadata {
        version: env!("CARGO_PKG_VERSION").into(),
        config: config.clone(),
        config_hash: config.hash()?,
        step: 0,
        steps: config.train.step_count(of.windows),
        best: None,
        averaged: false,
        ..of.clone()
    })
}

/// Writes the record and the `last` checkpoint of step 0 into a folder, which is created if missing: resumed, it is a training that
/// began with these weights.
///
/// # Errors
/// [`SurrogateError::Io`] when the folder cannot be written.
pub(crate) fn begin(run: &Path, metadata: &Metadata, parameters: &Parameters) -> Result<()> {
    fs::create_dir_all(run).map_err(|source| SurrogateError::Io {
        path: run.to_owned(),
        action: "create",
        source,
        remedy: "choose a folder that can be written to".into(),
    })?;
    let settings = &metadata.config.train;
    let named = parameters
        .iter()
        .map(|(name, variable)| (name.to_owned(), variable.clone()));
    let optimiser = AdamW::new(named.collect(), settings.weight_decay, None)?;
    let average = settings
        .ema
        .map(|decay| Average::new(decay, parameters))
        .transpose()?;
    Log::create(run)?;
    Events::create(run)?;
    let progress = Progress {
        optimiser: &optimiser,
        average: average.as_ref(),
    };
    write(&run.join(LAST), metadata, parameters, Some(progress))
}
