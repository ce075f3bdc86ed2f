//! Training: samples in a seeded order → loss → AdamW, validated and checkpointed on the way.
//!
//! A run is a function of its configuration, its data and its seed: whatever the thread count, and whether or not it was
//! interrupted, the weights are the same bit for bit (on the CPU). A run's folder holds `best.safetensors` (the smallest
//! error on the valid split, of one step or of whole fields), `last.safetensors` (with the optimiser's moments) and `log.csv`.

pub mod config;
pub mod log;
pub mod loss;
pub(crate) mod optimiser;
mod order;
pub mod schedule;
mod validate;

use crate::checkpoint::{self, BEST, Checkpoint, LAST, Metadata, Validation};
use crate::network::Network;
use crate::parameters::Parameters;
use crate::scheme::hash::{Use, hash};
use crate::tape::Tape;
use crate::task::samples::Samples;
use crate::task::{Grid, Task};
use crate::{Result, SurrogateError};
use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor, Var};
use config::TrainConfig;
use fewave_datasets::{Split, SplitName, Statistics, content_hash};
use log::{Log, StepReport};
use optimiser::AdamW;
use order::WindowOrder;
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

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
    /// Updates of the whole run.
    pub steps: usize,
    /// Updates already made: 0 unless the run is resumed.
    pub first_step: usize,
}

/// Follows a run: draws its progress, stops it.
pub trait TrainObserver {
    /// The run is about to start or to continue.
    fn started(&mut self, _plan: &TrainPlan) {}

    /// An update was made. `Break` writes the `last` checkpoint and ends the run, to be resumed later.
    fn step(&mut self, _report: &StepReport) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

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
    /// Wall time of training, validation included, s.
    pub seconds: f64,
    /// Loss of the last batch; `None` if a finished run was resumed.
    pub loss: Option<f64>,
    /// The best validation; `None` if interrupted before the first.
    pub best: Option<Validation>,
    /// Trainable reals.
    pub parameters: usize,
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
    config.validate()?;
    let data = TrainingData::open(config)?;
    let domain = data.grid.domain.clone();
    let task = Task::of(&config.task, &data.train, &data.statistics, domain)?;
    if let Task::Field(field) = &task {
        field.config().check_times(&data.valid)?;
    }
    let store = task.samples(&data.train, config.train.cache_mib.saturating_mul(1 << 20))?;
    let steps = config.train.step_count(store.len());
    let mut parameters = Parameters::new(DType::F32, device);
    let mut random = ChaCha12Rng::seed_from_u64(config.seed);
    let network = config.network.build(
        config.task.channels(task.normalisation()),
        config.task.axes(),
        &mut parameters,
        &mut random,
    )?;
    let maps = config.task.maps(data.grid.shape);
    network.check_grid(&maps)?;
    let named = parameters
        .iter()
        .map(|(name, variable)| (name.to_owned(), variable.clone()))
        .collect();
    let clip = (config.train.clip > 0.0).then_some(config.train.clip);
    let mut optimiser = AdamW::new(named, config.train.weight_decay, clip)?;
    let mut metadata = Metadata::new(
        config,
        data.hash.clone(),
        *task.normalisation(),
        data.grid.clone(),
        steps,
        store.len(),
    )?;
    let log = match start {
        Start::Fresh => begin(run)?,
        Start::Resume => resume(run, &mut metadata, &parameters, &mut optimiser)?,
    };
    let layers = network.layers(&maps);
    observer.started(&TrainPlan {
        parameters: parameters.count(),
        dense_parameters: layers.iter().map(|layer| layer.dense_parameters).sum(),
        multiply_adds: layers.iter().map(|layer| layer.multiply_adds).sum(),
        windows: store.len(),
        batch: config.train.batch,
        steps,
        first_step: metadata.step,
    });
    Run {
        config,
        run,
        device,
        data: &data,
        task: &task,
        network: network.as_ref(),
        parameters: &parameters,
        optimiser,
        store,
        metadata,
        log,
    }
    .finish(observer)
}

/// Prepares a folder for a new run.
fn begin(run: &Path) -> Result<Log> {
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
    Log::create(run)
}

/// Loads the state of the folder's run, after checking that it is the same run.
fn resume(
    run: &Path,
    metadata: &mut Metadata,
    parameters: &Parameters,
    optimiser: &mut AdamW,
) -> Result<Log> {
    let path = run.join(LAST);
    let last = Checkpoint::read(&path)?;
    let mut differences = metadata.config.differences(&last.metadata.config)?;
    if last.metadata.data_hash != metadata.data_hash {
        differences.push(format!(
            "content of the data ({} there, {} here)",
            last.metadata.data_hash, metadata.data_hash
        ));
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
    last.restore(parameters, optimiser)?;
    metadata.step = last.metadata.step;
    metadata.training_seconds = last.metadata.training_seconds;
    metadata.best = last.metadata.best;
    Log::resume(run, metadata.step)
}

/// The splits that training reads.
struct TrainingData {
    train: Split,
    valid: Split,
    statistics: Statistics,
    grid: Grid,
    hash: String,
}

impl TrainingData {
    fn open(config: &TrainConfig) -> Result<Self> {
        let train = Split::open(&config.data, SplitName::Train)?;
        let valid = Split::open(&config.data, SplitName::Valid)?;
        let grid = Grid::of(&train)?;
        let valid_grid = Grid::of(&valid)?;
        grid.check_same_spacing(&valid_grid)?;
        grid.check_same_domain(&valid_grid, &valid)?;
        Ok(Self {
            train,
            valid,
            statistics: Statistics::read(&config.data)?,
            grid,
            hash: content_hash(&config.data)?,
        })
    }
}

/// A run in progress.
struct Run<'a> {
    config: &'a TrainConfig,
    run: &'a Path,
    device: &'a Device,
    data: &'a TrainingData,
    task: &'a Task,
    network: &'a dyn Network,
    parameters: &'a Parameters,
    optimiser: AdamW,
    store: Box<dyn Samples + 'a>,
    metadata: Metadata,
    log: Log,
}

impl Run<'_> {
    /// Runs the remaining steps.
    fn finish(mut self, observer: &mut dyn TrainObserver) -> Result<TrainSummary> {
        let settings = &self.config.train;
        let steps = self.metadata.steps;
        let (valid_every, checkpoint_every) = (
            settings.valid_interval(steps),
            settings.checkpoint_interval(steps),
        );
        let mut order = WindowOrder::new(self.config.seed, self.store.len(), settings.batch);
        let before = self.metadata.training_seconds;
        let clock = Instant::now();
        let (mut loss, mut interrupted) = (None, false);
        while self.metadata.step < steps && !interrupted {
            let mut report = self.update(&order.batch(self.metadata.step))?;
            let step = report.step;
            let validation = if step.is_multiple_of(valid_every) || step == steps {
                Some(self.validate()?)
            } else {
                None
            };
            self.metadata.training_seconds = before + clock.elapsed().as_secs_f64();
            report.seconds = self.metadata.training_seconds;
            loss = Some(report.loss);
            self.log.push(&report, validation.as_ref());
            if let Some(validation) = &validation {
                self.keep_if_best(validation)?;
                observer.validated(validation);
            }
            interrupted = observer.step(&report).is_break() && step < steps;
            if step.is_multiple_of(checkpoint_every) || step == steps || interrupted {
                self.log.flush()?;
                checkpoint::write(
                    &self.run.join(LAST),
                    &self.metadata,
                    self.parameters,
                    Some(&self.optimiser),
                )?;
            }
        }
        Ok(TrainSummary {
            step: self.metadata.step,
            steps,
            interrupted,
            seconds: self.metadata.training_seconds,
            loss,
            best: self.metadata.best,
            parameters: self.parameters.count(),
            best_path: self.run.join(BEST),
            last_path: self.run.join(LAST),
        })
    }

    /// One update from one batch. The report's time is filled in by the caller.
    fn update(&mut self, windows: &[usize]) -> Result<StepReport> {
        let settings = &self.config.train;
        let (step, steps) = (self.metadata.step, self.metadata.steps);
        let (input, target) = self.store.batch(windows, self.device)?;
        let seed = hash(self.config.seed, Use::Noise, step);
        let (loss, gradients) = differentiate(
            self.network,
            |prediction| {
                Ok(settings
                    .loss
                    .value(prediction, &target, self.task.domain())?)
            },
            &input,
            seed,
        )?;
        let value = f64::from(loss.to_dtype(DType::F32)?.to_scalar::<f32>()?);
        check_finite(step, "loss", value)?;
        let learning_rate =
            settings
                .schedule
                .rate(step, steps, settings.learning_rate, settings.warm_up);
        let gradient_norm = self.optimiser.update(&gradients, learning_rate)?;
        check_finite(step, "gradient norm", gradient_norm)?;
        self.metadata.step += 1;
        let epoch = (self.metadata.step * settings.batch) as f64 / self.store.len() as f64;
        Ok(StepReport {
            step: self.metadata.step,
            steps,
            epoch,
            loss: value,
            learning_rate,
            gradient_norm,
            seconds: 0.0,
        })
    }

    fn validate(&self) -> Result<Validation> {
        validate::validate(
            self.network,
            self.task,
            &self.data.valid,
            self.device,
            self.metadata.step,
        )
    }

    fn keep_if_best(&mut self, validation: &Validation) -> Result<()> {
        let better = |best: Validation| validation.error() < best.error() || best.error().is_nan();
        if self.metadata.best.is_none_or(better) {
            self.metadata.best = Some(*validation);
            checkpoint::write(&self.run.join(BEST), &self.metadata, self.parameters, None)?;
        }
        Ok(())
    }
}

/// The loss of a network in training, and the gradients of its parameters.
pub(crate) fn differentiate(
    network: &dyn Network,
    loss: impl FnOnce(&Tensor) -> Result<Tensor>,
    input: &Tensor,
    seed: u64,
) -> Result<(Tensor, GradStore)> {
    let (output, tape) = Tape::record(|| network.forward_in_training(input, seed))?;
    let prediction = Var::from_tensor(&output)?;
    let value = loss(&prediction)?;
    let gradient = match value.backward()?.remove(&prediction) {
        Some(gradient) => gradient,
        None => prediction.zeros_like()?,
    };
    Ok((value, tape.backward(output, gradient)?))
}

fn check_finite(step: usize, quantity: &'static str, value: f64) -> Result<()> {
    if value.is_finite() {
        return Ok(());
    }
    Err(SurrogateError::Diverged {
        step,
        quantity,
        value,
        remedy: format!(
            "lower train.learning_rate or train.clip; the weights before are in {LAST}, if it was written by then"
        ),
    })
}
