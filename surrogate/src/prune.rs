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
mod options;
mod pruner;
mod round;
mod search;
mod variability;

use crate::checkpoint::{self, BEST, Checkpoint, LAST, Metadata, Validation};
use crate::network::NetworkConfig;
use crate::train::TrainObserver;
use crate::train::config::TrainConfig;
use crate::train::log::LOG;
use crate::{Result, SurrogateError};
use candle_core::Device;
use dense::DenseNetwork;
use pruner::Pruner;
use round::Ended;
use search::{Outcome, Search};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

pub use options::{GENTLER, PruneOptions};
pub use search::Epsilon;

/// Folder of the rounds, in the output folder while they are made.
pub const ROUNDS: &str = "rounds";

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
