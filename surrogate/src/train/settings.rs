//! How a network is trained: the keys of the table `train`.

use crate::task::TaskConfig;
use crate::train::augment::Symmetry;
use crate::train::loss::Loss;
use crate::train::schedule::Schedule;
use crate::train::selection::Select;
use crate::{Result, SurrogateError};
use serde::{Deserialize, Serialize};

/// How a network is trained (table `train`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainSettings {
    /// Passes over the training windows; either this or `steps`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<usize>,
    /// Updates of the weights; either this or `epochs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<usize>,
    /// Trajectories of the train split that are learnt from, the first ones; by default all. The others are not
    /// looked at, neither for normalisation nor for pruning or trivial predictions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trajectories: Option<usize>,
    /// Windows per pass through the network.
    #[serde(default = "defaults::batch")]
    pub batch: usize,
    /// Passes whose gradients are averaged into one update: `accumulate` times `batch` windows in the memory of `batch`.
    #[serde(default = "defaults::one", skip_serializing_if = "defaults::is_one")]
    pub accumulate: usize,
    /// Peak learning rate.
    #[serde(default = "defaults::learning_rate")]
    pub learning_rate: f64,
    /// Decoupled weight decay.
    #[serde(default = "defaults::weight_decay")]
    pub weight_decay: f64,
    /// Shape of the learning rate over the run.
    #[serde(default)]
    pub schedule: Schedule,
    /// Share of the run over which the learning rate rises.
    #[serde(default = "defaults::warm_up")]
    pub warm_up: f64,
    /// Largest global norm of the gradient; 0 switches clipping off.
    #[serde(default = "defaults::clip")]
    pub clip: f64,
    /// What is minimised.
    #[serde(default)]
    pub loss: Loss,
    /// Where it runs: `cpu`, `cuda` or `cuda:i`.
    #[serde(default = "defaults::device")]
    pub device: String,
    /// Type that maps and their gradients are computed in; weights and optimiser are f32 always.
    #[serde(default, skip_serializing_if = "defaults::is_default")]
    pub precision: Precision,
    /// Steps between validations; by default a tenth of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_every: Option<usize>,
    /// Steps between writings of the `last` checkpoint; by default at every validation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint_every: Option<usize>,
    /// Memory for trajectories kept from one epoch to the next, in MiB; what does not fit is read again.
    #[serde(default = "defaults::cache_mib")]
    pub cache_mib: usize,
    /// Weight of the gradient beside the value in the loss `h1`, 1 by default; only with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gradient_weight: Option<f64>,
    /// Exponent s of the weights `(1 + |k|²)^s` of the loss `spectral`, 1 by default; only with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spectral_exponent: Option<f64>,
    /// Steps that the network makes from its own predictions in training (task `propagate`).
    #[serde(default = "defaults::one", skip_serializing_if = "defaults::is_one")]
    pub unroll: usize,
    /// Whether only the last of these steps is differentiated.
    #[serde(default, skip_serializing_if = "defaults::is_false")]
    pub pushforward: bool,
    /// Pairs (update, n) with rising updates: from that update on, n steps instead of [`unroll`](Self::unroll).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curriculum: Vec<[usize; 2]>,
    /// Standard deviation of noise on the given snapshots, in units of the displacement's; 0 for none (task `propagate`).
    #[serde(default, skip_serializing_if = "defaults::is_zero")]
    pub input_noise: f64,
    /// Decay of the running mean of the weights that is validated and kept as the best; none for the weights themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ema: Option<f64>,
    /// Which error on the valid split decides what is best.
    #[serde(default, skip_serializing_if = "defaults::is_default")]
    pub select: Select,
    /// Predicted snapshots of validation's rollouts, 20 by default, or as many as the data have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout_steps: Option<usize>,
    /// Validations without a new best after which the run ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// Symmetries of the physics under which training samples are turned at random.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub augment: Vec<Symmetry>,
}

/// The type of maps and of their gradients in training (config key `precision`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 32 bits.
    #[default]
    F32,
    /// 16 bits with the exponents of f32: half the memory, and the tensor cores of GPUs. Slower than f32 on processors.
    Bf16,
}

mod defaults {
    pub(super) fn batch() -> usize {
        16
    }
    pub(super) fn learning_rate() -> f64 {
        1e-3
    }
    pub(super) fn weight_decay() -> f64 {
        1e-4
    }
    pub(super) fn warm_up() -> f64 {
        0.2
    }
    pub(super) fn clip() -> f64 {
        1.0
    }
    pub(super) fn device() -> String {
        "cpu".to_owned()
    }
    pub(super) fn cache_mib() -> usize {
        1024
    }
    pub(super) fn one() -> usize {
        1
    }
    pub(super) fn is_one(value: &usize) -> bool {
        *value == 1
    }
    pub(super) fn is_false(value: &bool) -> bool {
        !*value
    }
    pub(super) fn is_zero(value: &f64) -> bool {
        *value == 0.0
    }
    pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
        *value == T::default()
    }
}

impl TrainSettings {
    /// Updates of the weights over `windows` training windows.
    pub fn step_count(&self, windows: usize) -> usize {
        match (self.steps, self.epochs) {
            (Some(steps), _) => steps,
            (None, epochs) => epochs
                .unwrap_or(1)
                .saturating_mul(windows)
                .div_ceil(self.windows_per_update().max(1)),
        }
    }

    /// Windows of one update.
    pub fn windows_per_update(&self) -> usize {
        self.batch.saturating_mul(self.accumulate)
    }

    /// Steps unrolled in the update after `step` others.
    pub fn unroll_at(&self, step: usize) -> usize {
        let mut reached = self.curriculum.iter().filter(|[from, _]| *from <= step);
        reached.next_back().map_or(self.unroll, |[_, n]| *n)
    }

    /// The most steps unrolled in any update: every training window is as long.
    pub fn longest_unroll(&self) -> usize {
        let later = self.curriculum.iter().map(|[_, n]| *n);
        later.fold(self.unroll, usize::max)
    }

    /// Predicted snapshots of validation's rollouts, if the data have so many.
    pub fn validation_steps(&self) -> usize {
        self.rollout_steps.unwrap_or(20)
    }

    /// Steps between validations of a run of `steps`.
    pub fn valid_interval(&self, steps: usize) -> usize {
        self.valid_every
            .unwrap_or_else(|| steps.div_ceil(10))
            .max(1)
    }

    /// Steps between `last` checkpoints of a run of `steps`.
    pub fn checkpoint_interval(&self, steps: usize) -> usize {
        self.checkpoint_every
            .unwrap_or_else(|| self.valid_interval(steps))
            .max(1)
    }

    /// Checks every value, and what the task has to do with it.
    pub(super) fn validate(&self, task: &TaskConfig) -> Result<()> {
        self.validate_length()?;
        self.validate_optimisation()?;
        self.validate_loss()?;
        self.validate_unrolling(task)
    }

    /// Counts: of steps, windows and what happens every so often.
    fn validate_length(&self) -> Result<()> {
        match (self.epochs, self.steps) {
            (Some(_), Some(_)) => {
                return refuse(
                    "steps",
                    "both epochs and steps",
                    "one of them",
                    "remove one",
                );
            }
            (None, None) => {
                return refuse(
                    "steps",
                    "neither epochs nor steps",
                    "one of them",
                    "set train.steps = 3000, say",
                );
            }
            _ => {}
        }
        let counts = [
            ("epochs", self.epochs),
            ("steps", self.steps),
            ("trajectories", self.trajectories),
            ("batch", Some(self.batch)),
            ("accumulate", Some(self.accumulate)),
            ("valid_every", self.valid_every),
            ("checkpoint_every", self.checkpoint_every),
            ("rollout_steps", self.rollout_steps),
            ("patience", self.patience),
        ];
        for (key, count) in counts {
            if count == Some(0) {
                return refuse(key, 0, "an integer of at least 1", "raise it");
            }
        }
        for (key, count) in [("batch", self.batch), ("accumulate", self.accumulate)] {
            if count > 65_536 {
                return refuse(key, count, "at most 65536", "lower it");
            }
        }
        Ok(())
    }

    fn validate_optimisation(&self) -> Result<()> {
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return refuse(
                "learning_rate",
                self.learning_rate,
                "a positive number",
                "1e-3 is a good start",
            );
        }
        for (key, value) in [("weight_decay", self.weight_decay), ("clip", self.clip)] {
            if !(value >= 0.0 && value.is_finite()) {
                return refuse(key, value, "a number of at least 0", "0 switches it off");
            }
        }
        if !(0.0..=1.0).contains(&self.warm_up) {
            return refuse(
                "warm_up",
                self.warm_up,
                "a share of the run, in [0, 1]",
                "0.2 is a good start",
            );
        }
        match self.ema {
            Some(decay) if !(decay > 0.0 && decay < 1.0) => refuse(
                "ema",
                decay,
                "a decay between 0 and 1",
                "0.999 remembers the last 1000 updates",
            ),
            _ => Ok(()),
        }
    }

    fn validate_loss(&self) -> Result<()> {
        let of_others = [
            ("gradient_weight", self.gradient_weight, Loss::H1, "h1"),
            (
                "spectral_exponent",
                self.spectral_exponent,
                Loss::Spectral,
                "spectral",
            ),
        ];
        for (key, value, loss, name) in of_others {
            if let Some(value) = value
                && self.loss != loss
            {
                let expected = format!("it beside train.loss = \"{name}\" only");
                return refuse(key, value, &expected, "remove it, or change train.loss");
            }
        }
        match (self.gradient_weight, self.spectral_exponent) {
            (Some(weight), _) if !(weight > 0.0 && weight.is_finite()) => refuse(
                "gradient_weight",
                weight,
                "a positive number",
                "1 weighs value and gradient alike",
            ),
            (_, Some(exponent)) if !(-4.0..=4.0).contains(&exponent) => refuse(
                "spectral_exponent",
                exponent,
                "a number from -4 to 4",
                "1 weighs short waves as their gradient does",
            ),
            _ => Ok(()),
        }
    }

    fn validate_unrolling(&self, task: &TaskConfig) -> Result<()> {
        let counts = [self.unroll].into_iter();
        for n in counts.chain(self.curriculum.iter().map(|[_, n]| *n)) {
            if !(1..=MOST_UNROLLED).contains(&n) {
                let key = if n == self.unroll {
                    "unroll"
                } else {
                    "curriculum"
                };
                return refuse(key, n, "1 to 256 steps", "4 is a good start");
            }
        }
        let mut pairs = self.curriculum.windows(2);
        if let Some(pair) = pairs.find(|pair| pair[0][0] >= pair[1][0]) {
            return refuse(
                "curriculum",
                format!("update {} after update {}", pair[1][0], pair[0][0]),
                "pairs [update, steps] with rising updates, such as [[1000, 2], [2000, 4]]",
                "put them in order",
            );
        }
        if self.pushforward && self.longest_unroll() == 1 {
            return refuse(
                "pushforward",
                "true with one step",
                "train.unroll or a train.curriculum of at least 2 steps beside it",
                "set train.unroll = 2, say",
            );
        }
        if !(0.0..=10.0).contains(&self.input_noise) {
            return refuse(
                "input_noise",
                self.input_noise,
                "a standard deviation of 0 to 10, in units of the displacement's",
                "0.01 is a good start",
            );
        }
        let of_maps = [
            ("augment", !self.augment.is_empty()),
            ("loss", matches!(self.loss, Loss::H1 | Loss::Spectral)),
        ];
        for (key, given) in of_maps {
            if given && task.axes() == 0 {
                return refuse(
                    key,
                    "it with task.kind = \"traces\"",
                    "a task on maps: numbers have neither gradients nor symmetries",
                    "remove it: loss = \"relative-l2\" and \"mse\" serve traces",
                );
            }
        }
        let of_propagate = [
            ("unroll", self.longest_unroll() > 1),
            ("input_noise", self.input_noise > 0.0),
            ("rollout_steps", self.rollout_steps.is_some()),
            ("select", self.select == Select::Rollout),
        ];
        for (key, given) in of_propagate {
            if given && !matches!(task, TaskConfig::Propagate(_)) {
                let found = format!("it with task.kind = \"{}\"", task.kind());
                return refuse(
                    key,
                    found,
                    "task.kind = \"propagate\", the task that is rolled out step by step",
                    "remove it, or change the task",
                );
            }
        }
        Ok(())
    }
}

/// Most steps that training may unroll.
const MOST_UNROLLED: usize = 256;

/// An error for one value of table `train`.
pub(super) fn refuse<T>(
    key: &str,
    found: impl ToString,
    expected: &str,
    remedy: &str,
) -> Result<T> {
    Err(SurrogateError::Setting {
        key: format!("train.{key}"),
        found: found.to_string(),
        expected: expected.into(),
        remedy: remedy.into(),
    })
}
