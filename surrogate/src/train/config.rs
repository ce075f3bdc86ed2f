//! What a run is: the data, the task, the network and how it is trained. The keys are those of `train.toml`.

use crate::network::NetworkConfig;
use crate::task::TaskConfig;
use crate::{Result, SurrogateError};
use fewave_datasets::{Split, SplitName};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

pub use crate::train::settings::TrainSettings;

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
        self.check_kinds()?;
        self.network
            .check_layers(self.task.least_channels(), self.task.axes())?;
        self.train.validate(&self.task)
    }

    /// Refuses a network of numbers for a task on maps, and the other way round.
    fn check_kinds(&self) -> Result<()> {
        let (numbers, task) = (self.network.takes_numbers(), self.task.kind());
        if numbers == (self.task.axes() == 0) {
            return Ok(());
        }
        let refuse = |found: &str, expected: String, remedy: &str| {
            Err(SurrogateError::Setting {
                key: "network.kind".into(),
                found: found.into(),
                expected,
                remedy: remedy.into(),
            })
        };
        if numbers {
            let expected =
                format!("\"unet\" or \"cnn\" for task.kind = \"{task}\", which is about maps");
            refuse("mlp", expected, "change it, or use task.kind = \"traces\"")
        } else {
            let expected = "\"mlp\" for task.kind = \"traces\", which is about numbers".into();
            refuse(
                "a network of maps",
                expected,
                "use network = { kind = \"mlp\", hidden = [256, 256] }",
            )
        }
    }

    /// The trajectories of the dataset in the folder `data` that are learnt from: of its train split all, or the first
    /// [`TrainSettings::trajectories`].
    ///
    /// # Errors
    /// [`SurrogateError::Dataset`] where the split cannot be read, [`SurrogateError::Setting`] where it has fewer.
    pub fn training_split(&self, data: &Path) -> Result<Split> {
        let split = Split::open(data, SplitName::Train)?;
        match self.train.trajectories {
            None => Ok(split),
            Some(count) if count <= split.len() => Ok(split.truncated(count)?),
            Some(count) => Err(SurrogateError::Setting {
                key: "train.trajectories".into(),
                found: count.to_string(),
                expected: format!("at most the {} of {}", split.len(), split.path().display()),
                remedy: "lower it, or generate more".into(),
            }),
        }
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
