//! What a run is: the data, the task, the network and how it is trained. The keys are those of `train.toml`.

use crate::network::NetworkConfig;
use crate::task::TaskConfig;
use crate::train::loss::Loss;
use crate::train::schedule::Schedule;
use crate::{Result, SurrogateError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::PathBuf;

/// A training run's whole configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Folder of the data set, with `data/{train,valid}` and `stats.yaml` in it.
    pub data: PathBuf,
    /// Seed of the weights and of the order of the windows.
    #[serde(default)]
    pub seed: u64,
    /// What is predicted from what.
    pub task: TaskConfig,
    /// The network.
    pub network: NetworkConfig,
    /// How it is trained.
    pub train: TrainSettings,
}

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
    /// Windows per update.
    #[serde(default = "defaults::batch")]
    pub batch: usize,
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
    /// Steps between validations; by default a tenth of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_every: Option<usize>,
    /// Steps between writings of the `last` checkpoint; by default at every validation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint_every: Option<usize>,
    /// Memory for trajectories kept from one epoch to the next, in MiB; what does not fit is read again.
    #[serde(default = "defaults::cache_mib")]
    pub cache_mib: usize,
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
}

/// Keys that change neither the weights nor the record of a run: a resumed run may have others.
/// The data folder may move, since its content is compared by hash.
const FREE_KEYS: [&str; 3] = ["data", "train.device", "train.cache_mib"];

impl TrainConfig {
    /// Checks every value that does not depend on the data.
    ///
    /// # Errors
    /// [`SurrogateError::Setting`] with the key, what was found, what is allowed and the remedy.
    pub fn validate(&self) -> Result<()> {
        self.task.validate()?;
        self.network.validate()?;
        self.network
            .check_layers(self.task.least_channels(), self.task.axes())?;
        self.train.validate()
    }

    /// SHA-256 of the configuration as canonical JSON, less the keys that a resumed run may change.
    pub fn hash(&self) -> Result<String> {
        let mut keys = self.flat()?;
        keys.retain(|(key, _)| !FREE_KEYS.contains(&key.as_str()));
        let mut digest = Sha256::new();
        for (key, value) in keys {
            digest.update(format!("{key} = {value}\n"));
        }
        Ok(format!("{:x}", digest.finalize()))
    }

    /// Keys in which a resumed run must not, but does, differ from `other`, with both values.
    pub fn differences(&self, other: &Self) -> Result<Vec<String>> {
        let (mine, theirs) = (self.flat()?, other.flat()?);
        let value = |list: &[(String, String)], key: &str| {
            list.iter()
                .find(|(k, _)| k == key)
                .map_or_else(|| "absent".to_owned(), |(_, v)| v.clone())
        };
        let mut keys: Vec<&String> = mine.iter().chain(&theirs).map(|(key, _)| key).collect();
        keys.sort();
        keys.dedup();
        Ok(keys
            .into_iter()
            .filter(|key| !FREE_KEYS.contains(&key.as_str()))
            .filter_map(|key| {
                let (a, b) = (value(&mine, key), value(&theirs, key));
                (a != b).then(|| format!("{key} ({b} there, {a} here)"))
            })
            .collect())
    }

    /// Every leaf as (dotted key, JSON text), sorted by key.
    fn flat(&self) -> Result<Vec<(String, String)>> {
        fn walk(prefix: &str, value: &serde_json::Value, leaves: &mut Vec<(String, String)>) {
            match value {
                serde_json::Value::Object(map) => {
                    for (key, value) in map {
                        let path = if prefix.is_empty() {
                            key.clone()
                        } else {
                            format!("{prefix}.{key}")
                        };
                        walk(&path, value, leaves);
                    }
                }
                leaf => leaves.push((prefix.to_owned(), leaf.to_string())),
            }
        }
        let value = serde_json::to_value(self).map_err(|error| SurrogateError::Setting {
            key: "config".into(),
            found: error.to_string(),
            expected: "values that JSON can hold".into(),
            remedy: "give finite numbers and a data path in UTF-8".into(),
        })?;
        let mut leaves = Vec::new();
        walk("", &value, &mut leaves);
        leaves.sort();
        Ok(leaves)
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
                .div_ceil(self.batch.max(1)),
        }
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

    fn validate(&self) -> Result<()> {
        let refuse = |key: &str, found: String, expected: &str, remedy: &str| {
            Err(SurrogateError::Setting {
                key: format!("train.{key}"),
                found,
                expected: expected.into(),
                remedy: remedy.into(),
            })
        };
        match (self.epochs, self.steps) {
            (Some(_), Some(_)) => {
                return refuse(
                    "steps",
                    "both epochs and steps".into(),
                    "one of them",
                    "remove one",
                );
            }
            (None, None) => {
                return refuse(
                    "steps",
                    "neither epochs nor steps".into(),
                    "one of them",
                    "set train.steps = 3000, say",
                );
            }
            _ => {}
        }
        let counts = [
            ("epochs", self.epochs),
            ("steps", self.steps),
            ("batch", Some(self.batch)),
            ("valid_every", self.valid_every),
            ("checkpoint_every", self.checkpoint_every),
        ];
        for (key, count) in counts {
            if count == Some(0) {
                return refuse(key, "0".into(), "an integer of at least 1", "raise it");
            }
        }
        if self.batch > 65_536 {
            return refuse(
                "batch",
                self.batch.to_string(),
                "at most 65536 windows",
                "lower it",
            );
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return refuse(
                "learning_rate",
                self.learning_rate.to_string(),
                "a positive number",
                "1e-3 is a good start",
            );
        }
        for (key, value) in [("weight_decay", self.weight_decay), ("clip", self.clip)] {
            if !(value >= 0.0 && value.is_finite()) {
                return refuse(
                    key,
                    value.to_string(),
                    "a number of at least 0",
                    "0 switches it off",
                );
            }
        }
        if !(0.0..=1.0).contains(&self.warm_up) {
            return refuse(
                "warm_up",
                self.warm_up.to_string(),
                "a share of the run, in [0, 1]",
                "0.2 is a good start",
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> serde_json::Result<TrainConfig> {
        serde_json::from_str(&format!(
            r#"{{"data": "data", "task": {{"kind": "propagate"}}, "network": {{"kind": "unet", "scheme": {{"kind": "dense"}}}}, "train": {text}}}"#
        ))
    }

    #[test]
    fn the_shortest_config_has_sound_defaults() {
        let config = config(r#"{"steps": 300}"#).unwrap();
        config.validate().unwrap();
        assert_eq!(
            (config.seed, config.train.batch, config.train.step_count(10)),
            (0, 16, 300)
        );
        assert_eq!(config.train.valid_interval(300), 30);
    }

    #[test]
    fn epochs_count_windows() {
        let config = config(r#"{"epochs": 3, "batch": 4}"#).unwrap();
        assert_eq!(config.train.step_count(10), 8);
    }

    #[test]
    fn bad_values_name_the_key_and_the_remedy() {
        for (text, key) in [
            ("{}", "train.steps"),
            (r#"{"steps": 1, "epochs": 1}"#, "train.steps"),
            (r#"{"steps": 0}"#, "train.steps"),
            (r#"{"steps": 1, "batch": 0}"#, "train.batch"),
            (
                r#"{"steps": 1, "learning_rate": -1.0}"#,
                "train.learning_rate",
            ),
            (r#"{"steps": 1, "warm_up": 1.5}"#, "train.warm_up"),
            (r#"{"steps": 1, "clip": -0.1}"#, "train.clip"),
        ] {
            let message = config(text).unwrap().validate().unwrap_err().to_string();
            assert!(message.contains(key), "{text}: {message}");
        }
        assert!(
            config(r#"{"steps": 1, "learning_rat": 1.0}"#)
                .unwrap_err()
                .to_string()
                .contains("learning_rat")
        );
    }

    #[test]
    fn resuming_may_move_the_data_but_not_change_the_run() {
        let first = config(r#"{"steps": 300}"#).unwrap();
        let mut moved = first.clone();
        moved.data = "elsewhere".into();
        moved.train.device = "cuda".into();
        assert!(first.differences(&moved).unwrap().is_empty());
        assert_eq!(first.hash().unwrap(), moved.hash().unwrap());
        let mut changed = moved.clone();
        changed.train.learning_rate = 0.5;
        changed.train.valid_every = Some(7);
        let keys = changed.differences(&first).unwrap().join(", ");
        assert!(
            keys.contains("train.learning_rate (0.001 there, 0.5 here)")
                && keys.contains("train.valid_every (absent there, 7 here)"),
            "{keys}"
        );
        assert_ne!(first.hash().unwrap(), changed.hash().unwrap());
    }
}
