//! What a training will cost, before it starts: parameters, multiply-adds and samples, from the configuration and the data's headers.
//!
//! A training's work is estimated as `3 · batch · steps` predictions: one forward pass, and a backward pass of twice its
//! multiply-adds, for every sample of every update. Validation, reading and the optimiser are left out.

use super::config::TrainConfig;
use super::setup::Setup;
use crate::Result;
use candle_core::Device;

/// What a training is about to take.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// Trainable reals.
    pub parameters: usize,
    /// Trainable reals of the dense twin.
    pub dense_parameters: usize,
    /// Multiply-adds of one prediction.
    pub multiply_adds: usize,
    /// Training samples.
    pub windows: usize,
    /// Updates.
    pub steps: usize,
    /// Multiply-adds of the whole training, about.
    pub training_multiply_adds: f64,
    /// SHA-256 of the data.
    pub data_hash: String,
}

impl Estimate {
    /// Opens the data and builds the network, without training it.
    ///
    /// # Errors
    /// Those with which [`train`](fn@super::train) would refuse the configuration or the data.
    pub fn of(config: &TrainConfig) -> Result<Self> {
        let setup = Setup::new(config)?;
        let (network, parameters) = setup.network(&Device::Cpu)?;
        let windows = setup.samples(0)?.len();
        let maps = config.task.maps(setup.data.grid.shape);
        let layers = network.layers(&maps);
        let multiply_adds = layers.iter().map(|layer| layer.multiply_adds).sum();
        let steps = config.train.step_count(windows);
        Ok(Self {
            parameters: parameters.count(),
            dense_parameters: layers.iter().map(|layer| layer.dense_parameters).sum(),
            multiply_adds,
            windows,
            steps,
            training_multiply_adds: 3.0
                * multiply_adds as f64
                * config.train.windows_per_update() as f64
                * steps as f64,
            data_hash: setup.data.hash,
        })
    }
}
