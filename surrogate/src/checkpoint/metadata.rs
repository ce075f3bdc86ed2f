//! What a checkpoint says beside its tensors: where it comes from, what it was trained on, and how well it does.

use super::FORMAT;
use crate::network::Channels;
use crate::prune::Pruning;
use crate::ranges::Ranges;
use crate::task::{Grid, Normalisation, TaskConfig, TraceConstants};
use crate::train::config::TrainConfig;
use crate::train::selection::Select;
use crate::{Result, SurrogateError};
use serde::{Deserialize, Serialize};

/// Everything about a checkpoint but its tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// Version of this structure.
    pub format: u32,
    /// Version of the program that wrote it.
    pub version: String,
    /// The run's whole configuration.
    pub config: TrainConfig,
    /// [`TrainConfig::hash`] of it.
    pub config_hash: String,
    /// Hash of the data set's content.
    pub data_hash: String,
    /// Constants of the inputs and outputs, from the train split.
    pub normalisation: Normalisation,
    /// What a network of traces was trained on; none for other tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traces: Option<TraceConstants>,
    /// Grid and snapshot interval of the training data.
    pub grid: Grid,
    /// Updates made.
    pub step: usize,
    /// Updates of the whole run.
    pub steps: usize,
    /// Windows per epoch.
    pub windows: usize,
    /// Wall time of training so far, validation included, s.
    pub training_seconds: f64,
    /// The best validation so far.
    pub best: Option<Validation>,
    /// What the training data covered; none in checkpoints of versions that did not record it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranges: Option<Ranges>,
    /// SHA-256 of the weights that training began from, where it began from a projection of others
    /// ([`project`](fn@crate::project)) and not from drawn ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projected_from: Option<String>,
    /// How the run came out of another by pruning, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pruning: Option<Pruning>,
    /// How convolutions were executed in training: always as the scheme is written, never chosen by timing.
    pub execution: String,
    /// Whether the weights are a running mean over updates (`train.ema`); those of a `last` checkpoint are not.
    #[serde(default, skip_serializing_if = "is_false")]
    pub averaged: bool,
}

fn is_false(value: &bool) -> bool {
    !*value
}

/// Errors on the valid split after some step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validation {
    /// Updates made.
    pub step: usize,
    /// Mean relative L2 error of single predictions; none where whole fields are predicted.
    #[serde(default, with = "any_number_if_any")]
    pub one_step_relative_l2: Option<f64>,
    /// Mean relative L2 error of rollouts of [`steps`](Self::rollout_steps), of whole fields, or of traces.
    #[serde(with = "any_number")]
    pub rollout_relative_l2: f64,
    /// Predicted snapshots of each rollout or field; 0 of traces.
    pub rollout_steps: usize,
    /// How the errors of single predictions spread over the trajectories; none in older checkpoints and for whole fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_step: Option<Spread>,
    /// How those of rollouts or whole fields do; none in older checkpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Spread>,
    /// Which of them decides what is best.
    #[serde(default)]
    pub select: Select,
}

/// How errors spread over trajectories, beside their mean.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// 50 % quantile.
    #[serde(with = "any_number")]
    pub median: f64,
    /// Largest; NaN if any is.
    #[serde(with = "any_number")]
    pub worst: f64,
}

/// The same of a number that may be missing.
mod any_number_if_any {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Number(#[serde(with = "super::any_number")] f64);

    pub(super) fn serialize<S: Serializer>(value: &Option<f64>, to: S) -> Result<S::Ok, S::Error> {
        value.map(Number).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
        Ok(Option::<Number>::deserialize(from)?.map(|number| number.0))
    }
}

/// Numbers that may not be finite, which JSON cannot hold: an error of a rollout that blew up is written as text.
mod any_number {
    use serde::{Deserialize, Deserializer, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Found {
        Number(f64),
        Text(String),
        Nothing(()),
    }

    pub(super) fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        if value.is_finite() {
            to.serialize_f64(*value)
        } else {
            to.serialize_str(&value.to_string())
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        match Found::deserialize(from)? {
            Found::Number(value) => Ok(value),
            Found::Text(text) => text.parse().map_err(serde::de::Error::custom),
            // as earlier versions wrote it
            Found::Nothing(()) => Ok(f64::NAN),
        }
    }
}

impl Validation {
    /// The error by which checkpoints are compared: of single predictions or rollouts, or of whole fields.
    pub fn error(&self) -> f64 {
        match (self.select, self.one_step_relative_l2) {
            (Select::OneStep, Some(error)) => error,
            _ => self.rollout_relative_l2,
        }
    }

    /// The same for people: `one step`, `rollout`, `whole field` or `traces`.
    pub fn measure(&self) -> &'static str {
        match (self.select, self.one_step_relative_l2) {
            (Select::OneStep, Some(_)) => "one step",
            (Select::Rollout, Some(_)) => "rollout",
            (_, None) if self.rollout_steps == 0 => "traces",
            (_, None) => "whole field",
        }
    }
}

impl Metadata {
    /// Channels of the network.
    ///
    /// # Errors
    /// [`SurrogateError::Data`] for a network of traces whose constants are missing or nonsense.
    pub fn channels(&self) -> Result<Channels> {
        Ok(match &self.config.task {
            TaskConfig::Traces(_) => self.trace_constants()?.channels(),
            task => task.channels(&self.normalisation),
        })
    }

    /// What a network of traces was trained on.
    ///
    /// # Errors
    /// [`SurrogateError::Data`] where it is missing or nonsense.
    pub(crate) fn trace_constants(&self) -> Result<&TraceConstants> {
        let constants = self.traces.as_ref().ok_or_else(|| SurrogateError::Data {
            place: "metadata of the checkpoint".into(),
            found: "no constants of traces".into(),
            expected: "those of the training data".into(),
            remedy: "give the checkpoint of a run with task.kind = \"traces\"".into(),
        })?;
        constants.check()?;
        Ok(constants)
    }

    /// The metadata of a run that has not started.
    pub(crate) fn new(
        config: &TrainConfig,
        data_hash: String,
        normalisation: Normalisation,
        grid: Grid,
        steps: usize,
        windows: usize,
    ) -> Result<Self> {
        Ok(Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").into(),
            config_hash: config.hash()?,
            config: config.clone(),
            data_hash,
            normalisation,
            traces: None,
            grid,
            step: 0,
            steps,
            windows,
            training_seconds: 0.0,
            best: None,
            ranges: None,
            projected_from: None,
            pruning: None,
            execution: "as-written".into(),
            averaged: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_that_are_no_numbers_are_read_back_and_old_validations_too() {
        let blown_up = Validation {
            step: 3,
            one_step_relative_l2: Some(0.5),
            rollout_relative_l2: f64::INFINITY,
            rollout_steps: 20,
            one_step: Some(Spread {
                median: 0.25,
                worst: 2.0,
            }),
            rollout: None,
            select: Select::Rollout,
        };
        let text = serde_json::to_string(&blown_up).unwrap();
        assert_eq!(serde_json::from_str::<Validation>(&text).unwrap(), blown_up);
        for one_step in [None, Some(f64::INFINITY), Some(f64::NEG_INFINITY)] {
            let validation = Validation {
                one_step_relative_l2: one_step,
                ..blown_up
            };
            let text = serde_json::to_string(&validation).unwrap();
            let found: Validation = serde_json::from_str(&text).unwrap();
            assert_eq!(found.one_step_relative_l2, one_step);
        }
        let old = r#"{"step":3,"one_step_relative_l2":0.5,"rollout_relative_l2":null,"rollout_steps":20}"#;
        let old: Validation = serde_json::from_str(old).unwrap();
        assert!(old.rollout_relative_l2.is_nan() && old.error() == 0.5);
        assert_eq!(
            (old.measure(), blown_up.measure(), blown_up.error()),
            ("one step", "rollout", f64::INFINITY)
        );
    }
}
