//! What a checkpoint says beside its tensors: where it comes from, what it was trained on, and how well it does.

use super::FORMAT;
use crate::Result;
use crate::task::{Grid, Normalisation};
use crate::train::config::TrainConfig;
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
    /// How convolutions were executed in training: always as the scheme is written, never chosen by timing.
    pub execution: String,
}

/// Errors on the valid split after some step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validation {
    /// Updates made.
    pub step: usize,
    /// Mean relative L2 error of single predictions; none where whole fields are predicted.
    #[serde(default)]
    pub one_step_relative_l2: Option<f64>,
    /// Mean relative L2 error of rollouts of [`steps`](Self::rollout_steps), or of whole fields.
    pub rollout_relative_l2: f64,
    /// Predicted snapshots of each rollout or field.
    pub rollout_steps: usize,
}

impl Validation {
    /// The error by which checkpoints are compared: of single predictions, or of whole fields.
    pub fn error(&self) -> f64 {
        self.one_step_relative_l2
            .unwrap_or(self.rollout_relative_l2)
    }

    /// The same for people: `one step`, or `whole field`.
    pub fn measure(&self) -> &'static str {
        match self.one_step_relative_l2 {
            Some(_) => "one step",
            None => "whole field",
        }
    }
}

impl Metadata {
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
            grid,
            step: 0,
            steps,
            windows,
            training_seconds: 0.0,
            best: None,
            execution: "as-written".into(),
        })
    }
}
