//! Pruning of trained dense networks: train large, keep the units that say something, rebuild small, retrain.
//!
//! A round goes through the hidden layers in order: every unit whose output varies over the train split by less than ε times the
//! largest of its layer (`prune/variability.rs`) is dropped, its mean folded into the next layer's bias (`prune/dense.rs`). The smaller network starts
//! from the surviving weights and is retrained for a few steps like any run (`prune/round.rs`), at a lower rate; where that does no good
//! or diverges, it stays as folded. It is accepted if its error on the valid split is
//! at most `(1 + rise)` times that of the trained network; else the last accepted one stays. Rounds go on until no unit falls below ε
//! or one is refused; [`Epsilon::Auto`] then goes on with another ε (`prune/search.rs`).
//! Source: Balderas, Lastra, Benítez, *Optimizing dense feed-forward neural networks*, arXiv:2312.10560 (2023).
//!
//! The result is an ordinary run in the output folder, whose checkpoint records its parent's hash and every round. Rounds lie in
//! `rounds/` until [`clear_rounds`]: a pruning that was interrupted, before it was complete or after, continues with the same call.

mod dense;
mod round;
mod search;
mod variability;

use crate::checkpoint::{self, BEST, Checkpoint, LAST, Metadata, Validation};
use crate::network::{Activation, NetworkConfig};
use crate::task::Task;
use crate::task::trace_store::inputs;
use crate::trace_prediction::TracePredictor;
use crate::train::TrainObserver;
use crate::train::config::TrainConfig;
use crate::train::log::LOG;
use crate::{Parameters, Result, SurrogateError};
use candle_core::{Device, Tensor};
use dense::DenseNetwork;
use fewave_datasets::{Split, SplitName, content_hash};
use round::Ended;
use search::{Outcome, Search};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;
use variability::Variability;

pub use search::Epsilon;

/// Peak learning rate of retraining over that of the training: its warm weights are not to be shaken off again.
pub const GENTLER: f64 = 0.5;

/// Folder of the rounds, in the output folder while they are made.
pub const ROUNDS: &str = "rounds";

/// How to prune.
#[derive(Debug, Clone, PartialEq)]
pub struct PruneOptions {
    /// Variability below which a unit is dropped.
    pub epsilon: Epsilon,
    /// Largest rise of the validation error over that of the trained network, relative to it.
    pub max_error_rise: f64,
    /// Most rounds, refused ones included.
    pub rounds: usize,
    /// Updates after each round; by default a tenth of the training's.
    pub retrain_steps: Option<usize>,
    /// Peak learning rate of these; by default [`GENTLER`] times the training's.
    pub retrain_rate: Option<f64>,
    /// Folder of the dataset, where it is not the one of the training's configuration any more.
    pub data: Option<PathBuf>,
}

impl Default for PruneOptions {
    fn default() -> Self {
        Self {
            epsilon: Epsilon::Fixed(1e-3),
            max_error_rise: 0.02,
            rounds: 40,
            retrain_steps: None,
            retrain_rate: None,
            data: None,
        }
    }
}

/// What a round of pruning made; round 0 is the trained network itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PruneRound {
    /// Number, from 1.
    pub round: usize,
    /// Its tolerance; 0 of the trained network.
    pub epsilon: f64,
    /// Units of every hidden layer.
    pub hidden: Vec<usize>,
    /// Trainable reals.
    pub parameters: usize,
    /// Relative L2 error on the train split.
    pub train_error: f64,
    /// Relative L2 error on the valid split before retraining.
    pub folded_error: f64,
    /// Relative L2 error on the valid split, after retraining or, where that did no good, before it.
    pub valid_error: f64,
    /// Wall time, s.
    pub seconds: f64,
    /// Whether it was kept.
    pub accepted: bool,
    /// Whether retraining left the finite numbers: the round has what was best before that.
    #[serde(default, skip_serializing_if = "is_false")]
    pub diverged: bool,
}

fn is_false(value: &bool) -> bool {
    !*value
}

/// How a run came out of another by pruning; part of its checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pruning {
    /// SHA-256 of the weights that were pruned.
    pub parent_weights: String,
    /// SHA-256 of the configuration that they were trained with.
    pub parent_config: String,
    /// Updates of that training up to these weights.
    pub parent_steps: usize,
    /// ε as it was asked for: a number, or `auto`.
    pub epsilon: String,
    /// [`PruneOptions::max_error_rise`].
    pub max_error_rise: f64,
    /// Updates after each round.
    pub retrain_steps: usize,
    /// The trained network, then every round.
    pub rounds: Vec<PruneRound>,
}

/// How a pruning ended.
#[derive(Debug, Clone, PartialEq)]
pub struct PruneSummary {
    /// The record, as the checkpoint holds it.
    pub pruning: Pruning,
    /// The last accepted round, in [`Pruning::rounds`]; 0 if there was none.
    pub kept: usize,
    /// Whether the observer stopped it; the same call continues.
    pub interrupted: bool,
}

/// Follows a pruning.
pub trait PruneObserver {
    /// A round is done; round 0 is the trained network.
    fn round(&mut self, _round: &PruneRound) {}

    /// The observer of the retraining of the round that comes next.
    fn training(&mut self, round: usize) -> Box<dyn TrainObserver + '_>;
}

/// An observer that lets the pruning be.
impl PruneObserver for () {
    fn training(&mut self, _round: usize) -> Box<dyn TrainObserver + '_> {
        Box::new(())
    }
}

/// Prunes the run or checkpoint `run` into the folder `output`, which is created if missing.
///
/// # Errors
/// [`SurrogateError::Setting`] for options that cannot work and for networks that are not dense; [`SurrogateError::Data`] for data that are not
/// those of the training, or on which units cannot be measured; errors of reading, of training and of writing.
pub fn prune(
    run: &Path,
    output: &Path,
    options: &PruneOptions,
    device: &Device,
    observer: &mut dyn PruneObserver,
) -> Result<PruneSummary> {
    options.check()?;
    let parent = Checkpoint::read(run)?;
    let pruner = Pruner::open(&parent, options, device)?;
    let (network, config) = (pruner.start()?, &parent.metadata.config);
    let retrain_steps = options
        .retrain_steps
        .unwrap_or_else(|| parent.metadata.steps.div_ceil(10));
    let mut pruning = Pruning {
        parent_weights: parent.weights_hash.clone(),
        parent_config: parent.metadata.config_hash.clone(),
        parent_steps: parent.metadata.step,
        epsilon: match options.epsilon {
            Epsilon::Fixed(epsilon) => epsilon.to_string(),
            Epsilon::Auto => "auto".into(),
        },
        max_error_rise: options.max_error_rise,
        retrain_steps,
        rounds: Vec::new(),
    };
    let clock = Instant::now();
    let valid = pruner.error(&network, &pruner.valid)?;
    pruning.rounds.push(PruneRound {
        round: 0,
        epsilon: 0.0,
        hidden: network.hidden(),
        parameters: network.parameters(),
        train_error: pruner.error(&network, &pruner.train)?,
        folded_error: valid,
        valid_error: valid,
        seconds: clock.elapsed().as_secs_f64(),
        accepted: true,
        diverged: false,
    });
    observer.round(&pruning.rounds[0]);
    let allowed = valid * (1.0 + options.max_error_rise);
    let (mut current, mut kept, mut refused) = (network, Kept::default(), None);
    let mut search = Search::new(options.epsilon);
    while let (Some(epsilon), true) = (search.epsilon(), pruning.rounds.len() <= options.rounds) {
        let clock = Instant::now();
        let folded = pruner.fold(&current, epsilon)?;
        if folded.hidden() == current.hidden() {
            search.note(Outcome::Nothing);
            continue;
        }
        if refused.as_ref() == Some(&folded) {
            // another ε, but the same units
            search.note(Outcome::Refused);
            continue;
        }
        let number = pruning.rounds.len();
        let folder = output.join(ROUNDS).join(format!("{number:03}"));
        let key = pruner.key(options, retrain_steps, &pruning.rounds, epsilon)?;
        let done = round::finished(&folder, &key)
            .and_then(|round| Some((round, round::checkpoint(&folder).ok()?)));
        let (entry, checkpoint) = match done {
            Some(done) => done,
            None => {
                let config = retraining(config, options, retrain_steps, &folded);
                let metadata = &parent.metadata;
                let mut training = observer.training(number);
                let ended =
                    round::retrain(&folder, metadata, &config, &folded, device, &mut *training)?;
                drop(training);
                if ended == Ended::Stopped {
                    return Ok(PruneSummary {
                        pruning,
                        kept: kept.round,
                        interrupted: true,
                    });
                }
                let checkpoint = round::checkpoint(&folder)?;
                let retrained = DenseNetwork::of(checkpoint.weights(), folded.hidden().len())?;
                let retrained_error = pruner.error(&retrained, &pruner.valid)?;
                let folded_error = pruner.error(&folded, &pruner.valid)?;
                // an error that is no number is not better than another
                let (network, valid_error) = if retrained_error < folded_error {
                    (&retrained, retrained_error)
                } else {
                    (&folded, folded_error)
                };
                let entry = PruneRound {
                    round: number,
                    epsilon,
                    hidden: network.hidden(),
                    parameters: network.parameters(),
                    train_error: pruner.error(network, &pruner.train)?,
                    folded_error,
                    valid_error,
                    seconds: clock.elapsed().as_secs_f64(),
                    accepted: valid_error <= allowed,
                    diverged: ended == Ended::Diverged,
                };
                round::finish(&folder, &key, &entry)?;
                (entry, checkpoint)
            }
        };
        observer.round(&entry);
        if entry.accepted {
            // retraining that did no good is left out
            current = if entry.valid_error < entry.folded_error {
                DenseNetwork::of(checkpoint.weights(), folded.hidden().len())?
            } else {
                folded
            };
            kept = Kept {
                round: number,
                from: Some((folder, checkpoint.metadata)),
            };
            search.note(Outcome::Accepted);
        } else {
            search.note(Outcome::Refused);
            refused = Some(folded);
        }
        pruning.rounds.push(entry);
    }
    write(output, &parent, &current, &kept, &pruning)?;
    Ok(PruneSummary {
        pruning,
        kept: kept.round,
        interrupted: false,
    })
}

/// The last accepted round: none at first.
#[derive(Default)]
struct Kept {
    round: usize,
    from: Option<(PathBuf, Metadata)>,
}

impl PruneOptions {
    /// Peak learning rate of the retraining of a run.
    fn rate(&self, config: &TrainConfig) -> f64 {
        self.retrain_rate
            .unwrap_or(GENTLER * config.train.learning_rate)
    }

    /// Checks every value that does not depend on the run.
    fn check(&self) -> Result<()> {
        let refuse = |key: &str, found: String, expected: &str, remedy: &str| {
            Err(SurrogateError::Setting {
                key: format!("--{key}"),
                found,
                expected: expected.into(),
                remedy: remedy.into(),
            })
        };
        if let Epsilon::Fixed(epsilon) = self.epsilon
            && !(epsilon > 0.0 && epsilon <= 1.0)
        {
            return refuse(
                "epsilon",
                epsilon.to_string(),
                "auto, or a number above 0 and at most 1: a share of the largest deviation in a layer, whose last unit is never dropped",
                "1e-3 drops what is all but constant",
            );
        }
        if !(self.max_error_rise >= 0.0 && self.max_error_rise.is_finite()) {
            return refuse(
                "max-error-rise",
                self.max_error_rise.to_string(),
                "a number of at least 0, relative to the error before",
                "0.02 allows two per cent",
            );
        }
        if self.rounds == 0 {
            return refuse("rounds", "0".into(), "at least 1", "leave it out");
        }
        if self.retrain_steps == Some(0) {
            return refuse(
                "retrain-steps",
                "0".into(),
                "at least 1 update after each round",
                "leave it out for a tenth of the training's",
            );
        }
        match self.retrain_rate {
            Some(rate) if !(rate > 0.0 && rate.is_finite()) => refuse(
                "retrain-rate",
                rate.to_string(),
                "a positive number",
                "leave it out for half of the training's",
            ),
            _ => Ok(()),
        }
    }
}

/// The configuration of a round's retraining.
fn retraining(
    config: &TrainConfig,
    options: &PruneOptions,
    steps: usize,
    folded: &DenseNetwork,
) -> TrainConfig {
    let mut config = config.clone();
    if let NetworkConfig::Mlp(network) = &mut config.network {
        network.hidden = folded.hidden();
    }
    if let Some(data) = &options.data {
        config.data.clone_from(data);
    }
    config.train.learning_rate = options.rate(&config);
    config.train.epochs = None;
    config.train.steps = Some(steps);
    config.train.valid_every = None;
    config.train.checkpoint_every = None;
    config
}

/// The trained network with its data.
struct Pruner<'a> {
    parent: &'a Checkpoint,
    activation: Activation,
    train: Split,
    valid: Split,
    /// Inputs of the train split, `(N, scalars)`.
    inputs: Tensor,
    device: &'a Device,
}

impl<'a> Pruner<'a> {
    fn open(parent: &'a Checkpoint, options: &PruneOptions, device: &'a Device) -> Result<Self> {
        let config = &parent.metadata.config;
        let NetworkConfig::Mlp(network) = &config.network else {
            return Err(SurrogateError::Setting {
                key: format!("network of {}", parent.path.display()),
                found: format!("a convolutional one ({})", config.network.scheme()),
                expected: "network.kind = \"mlp\", whose units can be dropped one by one".into(),
                remedy: "compress convolutions before training: fewave train with network.scheme = { kind = \"one-way\", form = \"filter\", rank = 1 }".into(),
            });
        };
        let data = options.data.as_ref().unwrap_or(&config.data);
        if !data.is_dir() {
            return Err(SurrogateError::Data {
                place: format!("data of {}", parent.path.display()),
                found: format!("no folder {}", data.display()),
                expected: "the dataset that it was trained on, over which units are measured"
                    .into(),
                remedy: "name its folder with --data DIR".into(),
            });
        }
        let found = content_hash(data)?;
        if found != parent.metadata.data_hash {
            return Err(SurrogateError::Data {
                place: format!("content of {}", data.display()),
                found,
                expected: format!("{}, which was trained on", parent.metadata.data_hash),
                remedy: "name the folder of the training data with --data DIR".into(),
            });
        }
        let task = Task::of_checkpoint(&parent.metadata)?;
        let constants = task.traces().ok_or_else(|| {
            crate::task::samples::defect(format!("a task of kind {}", config.task.kind()))
        })?;
        let (train, valid) = (
            config.training_split(data)?,
            Split::open(data, SplitName::Valid)?,
        );
        for split in [&train, &valid] {
            if split.is_empty() {
                return Err(SurrogateError::Data {
                    place: split.path().display().to_string(),
                    found: "no trajectory".into(),
                    expected: "at least one".into(),
                    remedy: "generate the data again".into(),
                });
            }
        }
        let values = inputs(constants, &train)?;
        let inputs = Tensor::from_vec(values, (train.len(), constants.channels().inputs), device)?;
        Ok(Self {
            parent,
            activation: network.activation,
            train,
            valid,
            inputs,
            device,
        })
    }

    /// The trained network.
    fn start(&self) -> Result<DenseNetwork> {
        // building it compares every shape with the configuration
        self.parent.network(self.device)?;
        let hidden = match &self.parent.metadata.config.network {
            NetworkConfig::Mlp(config) => config.hidden.len(),
            _ => 0,
        };
        DenseNetwork::of(self.parent.weights(), hidden)
    }

    /// The network without the units that vary by less than ε, layer by layer: what later layers say is measured behind those already
    /// folded.
    fn fold(&self, network: &DenseNetwork, epsilon: f64) -> Result<DenseNetwork> {
        let mut folded = network.clone();
        for layer in 0..network.hidden().len() {
            let found = Variability::measure(&folded, layer, self.activation, &self.inputs)?;
            folded = folded.fold(layer, &found.keep(layer, epsilon)?, &found.means);
        }
        Ok(folded)
    }

    /// Mean relative L2 error over a split.
    fn error(&self, network: &DenseNetwork, split: &Split) -> Result<f64> {
        let mut config = self.parent.metadata.config.network.clone();
        if let NetworkConfig::Mlp(config) = &mut config {
            config.hidden = network.hidden();
        }
        let mut parameters = Parameters::frozen(network.tensors()?, self.device);
        let channels = self.parent.metadata.channels()?;
        let built = config.build(channels, 0, &mut parameters, &mut round::any_random())?;
        let constants = self.parent.metadata.trace_constants()?;
        let predictor = TracePredictor {
            network: built.as_ref(),
            constants,
            device: self.device,
        };
        let errors = predictor.errors(split)?;
        Ok(errors.iter().sum::<f64>() / errors.len().max(1) as f64)
    }

    /// What the next round depends on, as a hash.
    fn key(
        &self,
        options: &PruneOptions,
        retrain_steps: usize,
        rounds: &[PruneRound],
        epsilon: f64,
    ) -> Result<String> {
        let mut digest = Sha256::new();
        let rate = options.rate(&self.parent.metadata.config);
        digest.update(format!(
            "{} {} {epsilon:e} {retrain_steps} {rate:e} {:e}\n",
            self.parent.weights_hash, self.parent.metadata.config_hash, options.max_error_rise
        ));
        for round in rounds {
            let (hidden, error) = (&round.hidden, round.valid_error);
            digest.update(format!(
                "{:e} {hidden:?} {error:e} {}\n",
                round.epsilon, round.accepted
            ));
        }
        Ok(format!("{:x}", digest.finalize()))
    }
}

/// Removes the folder of the rounds of a pruning, when all that is to be made of it has been made.
///
/// # Errors
/// [`SurrogateError::Io`] when it cannot be removed.
pub fn clear_rounds(output: &Path) -> Result<()> {
    let rounds = output.join(ROUNDS);
    match fs::remove_dir_all(&rounds) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(SurrogateError::Io {
            path: rounds,
            action: "clear",
            source,
            remedy: "remove it by hand: the run beside it is complete".into(),
        }),
        _ => Ok(()),
    }
}

/// Writes the run of the last accepted network.
fn write(
    output: &Path,
    parent: &Checkpoint,
    network: &DenseNetwork,
    kept: &Kept,
    pruning: &Pruning,
) -> Result<()> {
    let io = |action, source| SurrogateError::Io {
        path: output.to_owned(),
        action,
        source,
        remedy: "choose another folder with -o, or free some space".into(),
    };
    fs::create_dir_all(output).map_err(|source| io("create", source))?;
    let mut metadata = match &kept.from {
        Some((_, metadata)) => metadata.clone(),
        None => parent.metadata.clone(),
    };
    metadata.pruning = Some(pruning.clone());
    // what it took to get here: the training, and all rounds
    let rounds = pruning.rounds.iter().skip(1).map(|round| round.seconds);
    metadata.training_seconds = parent.metadata.training_seconds + rounds.sum::<f64>();
    let none = Validation {
        step: metadata.step,
        one_step_relative_l2: None,
        rollout_relative_l2: 0.0,
        rollout_steps: 0,
        one_step: None,
        rollout: None,
        select: metadata.config.train.select,
    };
    metadata.best = Some(Validation {
        rollout_relative_l2: pruning.rounds[kept.round].valid_error,
        ..metadata.best.unwrap_or(none)
    });
    let parameters = round::parameters(&metadata, network)?;
    if let Some((folder, _)) = &kept.from {
        for name in [LAST, LOG] {
            let content = fs::read(folder.join(name)).map_err(|source| io("read", source))?;
            checkpoint::write_atomically(&output.join(name), &content)?;
        }
    }
    checkpoint::write(&output.join(BEST), &metadata, &parameters, None)
}
