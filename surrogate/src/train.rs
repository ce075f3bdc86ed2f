//! Training: samples in a seeded order → loss → AdamW, validated and checkpointed on the way.
//!
//! A run is a function of its configuration, its data and its seed: whatever the thread count, and whether or not it was
//! interrupted, the weights are the same bit for bit (on the CPU). A run's folder holds `best.safetensors` (the smallest
//! error on the valid split, of one step, of rollouts or of whole fields), `last.safetensors` (with all that continuing needs),
//! `log.csv`, `events/` and `footprint.json`.

pub mod augment;
pub(crate) mod average;
pub mod config;
pub mod estimate;
pub mod events;
pub mod find_rate;
pub mod footprint;
pub(crate) mod gradient;
mod loader;
pub mod log;
pub mod loss;
mod noise;
pub(crate) mod optimiser;
mod order;
pub mod profile;
mod run;
pub mod schedule;
pub mod selection;
pub mod settings;
mod setup;
mod step;
mod unroll;
mod validate;

use crate::checkpoint::{BEST, Checkpoint, LAST, Metadata, Validation};
use crate::parameters::Parameters;
use crate::{Result, SurrogateError};
use average::Average;
use candle_core::Device;
use config::TrainConfig;
use events::Events;
use footprint::{Pace, TrainFootprint};
use log::{LOG, Log, StepReport};
use optimiser::AdamW;
use profile::{Profile, Stopwatch};
use run::{Record, Run};
use setup::Setup;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Where a run starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// From new weights; a run that is in the folder is replaced.
    Fresh,
    /// From `last.safetensors` in the folder.
    Resume,
}

/// What is about to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainPlan {
    /// Trainable reals.
    pub parameters: usize,
    /// Trainable reals of the dense twin.
    pub dense_parameters: usize,
    /// Multiply-adds of one prediction.
    pub multiply_adds: usize,
    /// Training samples: windows of snapshots, or whole trajectories where fields are predicted.
    pub windows: usize,
    /// Windows per update.
    pub batch: usize,
    /// What it needs.
    pub footprint: TrainFootprint,
    /// Updates of the whole run.
    pub steps: usize,
    /// Updates already made: 0 unless the run is resumed.
    pub first_step: usize,
}

/// Follows a run: draws its progress, stops it.
pub trait TrainObserver {
    /// Whether the parts of updates are to be timed, for [`TrainSummary::profile`].
    fn profiles(&self) -> bool {
        false
    }

    /// The run is about to start or to continue.
    fn started(&mut self, _plan: &TrainPlan) {}

    /// An update was made. `Break` writes the `last` checkpoint and ends the run, to be resumed later.
    fn step(&mut self, _report: &StepReport) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// The first updates have told how long an epoch takes.
    fn paced(&mut self, _footprint: &TrainFootprint) {}

    /// The network was validated.
    fn validated(&mut self, _validation: &Validation) {}
}

/// An observer that lets the run be.
impl TrainObserver for () {}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainSummary {
    /// Updates made, those before a resume included.
    pub step: usize,
    /// Updates of the whole run.
    pub steps: usize,
    /// Whether the observer stopped it before its end.
    pub interrupted: bool,
    /// Whether it ended before its last step because it no longer improved.
    pub stopped_early: bool,
    /// Wall time of training, validation included, s.
    pub seconds: f64,
    /// Loss of the last batch; `None` if a finished run was resumed.
    pub loss: Option<f64>,
    /// The best validation; `None` if interrupted before the first.
    pub best: Option<Validation>,
    /// Trainable reals.
    pub parameters: usize,
    /// Where the time of updates went, if the observer wanted to know.
    pub profile: Option<Profile>,
    /// The checkpoint of the best validation, once there is one.
    pub best_path: PathBuf,
    /// The checkpoint from which the run continues.
    pub last_path: PathBuf,
}

/// Trains a network as `config` says in the folder `run`, which is created if missing.
///
/// # Errors
/// [`SurrogateError::Setting`] and [`SurrogateError::Data`] before anything is written; [`SurrogateError::Resume`] when the folder's
/// run has another configuration or data; [`SurrogateError::Diverged`] with the step at which a number stopped being finite;
/// [`SurrogateError::Io`] when a checkpoint cannot be written.
pub fn train(
    config: &TrainConfig,
    run: &Path,
    start: Start,
    device: &Device,
    observer: &mut dyn TrainObserver,
) -> Result<TrainSummary> {
    let setup = Setup::new(config)?;
    let (network, parameters) = setup.network(device)?;
    let loader = setup.loader(device)?;
    let windows = loader.store.len();
    let steps = config.train.step_count(windows);
    let maps = config.task.maps(setup.data.grid.shape);
    let footprint = TrainFootprint::new(
        network.as_ref(),
        setup.task.channels(&config.task),
        &maps,
        parameters.count(),
        &config.train,
        windows,
    )?;
    let mut optimiser = setup.optimiser(&parameters)?;
    let mut average = setup.average(&parameters)?;
    let mut metadata = Metadata::new(
        config,
        setup.data.hash.clone(),
        *setup.task.normalisation(),
        setup.data.grid.clone(),
        steps,
        windows,
    )?;
    metadata.traces = setup.task.traces().cloned();
    metadata.ranges = Some(setup.task.ranges(&setup.data.train)?);
    // a run that was killed before its first checkpoint has a record alone: it begins again
    let only_begun = !run.join(LAST).exists() && run.join(LOG).exists();
    let record = match start {
        Start::Resume if !only_begun => {
            let state = (&parameters, &mut optimiser, average.as_mut());
            resume(run, &mut metadata, state)?
        }
        _ => begin(run)?,
    };
    footprint.write(run)?;
    observer.started(&TrainPlan {
        parameters: footprint.parameters,
        dense_parameters: footprint.dense_parameters,
        multiply_adds: footprint.multiply_adds,
        windows,
        batch: config.train.windows_per_update(),
        footprint: footprint.clone(),
        steps,
        first_step: metadata.step,
    });
    let stopwatch = Stopwatch::new(device, observer.profiles());
    std::thread::scope(|scope| {
        let batches = loader.run_ahead(scope, metadata.step..steps, config.train.accumulate)?;
        let saved = (metadata.step > 0).then_some(metadata.step);
        Run {
            setup: &setup,
            run,
            device,
            network: network.as_ref(),
            parameters: &parameters,
            optimiser,
            average,
            metadata,
            record,
            saved,
            footprint,
            pace: Pace::default(),
            stopwatch,
        }
        .finish(batches, observer)
    })
}

/// Prepares a folder for a new run.
fn begin(run: &Path) -> Result<Record> {
    let io = |action, source| SurrogateError::Io {
        path: run.to_owned(),
        action,
        source,
        remedy: "choose a folder that can be written to".into(),
    };
    fs::create_dir_all(run).map_err(|source| io("create", source))?;
    for name in [BEST, LAST] {
        match fs::remove_file(run.join(name)) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(io("clear", source));
            }
            _ => {}
        }
    }
    Ok(Record {
        log: Log::create(run)?,
        events: Events::create(run)?,
    })
}

/// Loads the state of the folder's run, after checking that it is the same run.
fn resume(
    run: &Path,
    metadata: &mut Metadata,
    (parameters, optimiser, average): (&Parameters, &mut AdamW, Option<&mut Average>),
) -> Result<Record> {
    let path = run.join(LAST);
    let last = Checkpoint::read(&path)?;
    let mut differences = metadata.config.differences(&last.metadata.config)?;
    if last.metadata.data_hash != metadata.data_hash {
        differences.push(format!(
            "content of the data ({} there, {} here)",
            last.metadata.data_hash, metadata.data_hash
        ));
    }
    if !last.metadata.normalisation.is_near(&metadata.normalisation) {
        differences.push(
            "normalisation of the training data (with train.trajectories, older versions took that of the whole split)".into(),
        );
    }
    if !differences.is_empty() {
        return Err(SurrogateError::Resume {
            path,
            differences,
            remedy:
                "use the configuration and data of the run, or start another run in another folder"
                    .into(),
        });
    }
    last.restore(parameters, optimiser, average)?;
    metadata.step = last.metadata.step;
    metadata.training_seconds = last.metadata.training_seconds;
    metadata.best = last.metadata.best;
    metadata.projected_from = last.metadata.projected_from;
    Ok(Record {
        log: Log::resume(run, metadata.step)?,
        events: Events::resume(run, metadata.step)?,
    })
}
