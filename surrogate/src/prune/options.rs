//! How to prune, and what is refused of it.

use super::Epsilon;
use crate::train::config::TrainConfig;
use crate::{Result, SurrogateError};
use std::path::PathBuf;

/// Peak learning rate of retraining over that of the training: its warm weights are not to be shaken off again.
pub const GENTLER: f64 = 0.5;

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

impl PruneOptions {
    /// Peak learning rate of the retraining of a run.
    pub(super) fn rate(&self, config: &TrainConfig) -> f64 {
        self.retrain_rate
            .unwrap_or(GENTLER * config.train.learning_rate)
    }

    /// Checks every value that does not depend on the run.
    pub(super) fn check(&self) -> Result<()> {
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
