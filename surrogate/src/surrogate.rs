//! A trained surrogate: a checkpoint, ready to predict, which knows what it costs and where it came from.

use crate::Result;
use crate::checkpoint::{Checkpoint, Metadata};
use crate::network::{LayerFootprint, Network};
use crate::rollout::Predictor;
use crate::scheme::Footprint;
use crate::scheme::folding::{Execution, Executions, LayerExecution};
use crate::task::propagate::Propagate;
use crate::task::{Grid, TaskConfig};
use crate::train::config::TrainConfig;
use candle_core::Device;
use fewave_datasets::Split;
use ndarray::{Array3, Array4, ArrayView2, ArrayView3, ArrayView4, Axis};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A trained network with its task.
#[derive(Debug)]
pub struct Surrogate {
    path: PathBuf,
    metadata: Metadata,
    weights_hash: String,
    network: Box<dyn Network>,
    parameters: usize,
    executions: Arc<Executions>,
    task: Propagate,
    device: Device,
}

/// Where a surrogate came from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Provenance {
    /// The checkpoint's file.
    pub path: PathBuf,
    /// Version of the program that trained it.
    pub version: String,
    /// SHA-256 of the training data.
    pub data_hash: String,
    /// SHA-256 of the configuration.
    pub config_hash: String,
    /// SHA-256 of the weights.
    pub weights_hash: String,
    /// Updates made.
    pub step: usize,
    /// Updates of the whole run.
    pub steps: usize,
    /// Wall time of training up to this checkpoint, s.
    pub training_seconds: f64,
}

impl Surrogate {
    /// Loads a run's best checkpoint from its folder, or the checkpoint of a file.
    ///
    /// # Errors
    /// [`SurrogateError::Io`](crate::SurrogateError::Io) when there is none, [`SurrogateError::Checkpoint`](crate::SurrogateError::Checkpoint)
    /// when it is damaged or its tensors do not fit its own configuration.
    pub fn load(path: &Path, device: &Device) -> Result<Self> {
        let checkpoint = Checkpoint::read(path)?;
        let (network, parameters) = checkpoint.network(device)?;
        let TaskConfig::Propagate(task) = &checkpoint.metadata.config.task;
        let task = Propagate::new(task.clone(), checkpoint.metadata.normalisation);
        let Checkpoint {
            path,
            metadata,
            weights_hash,
            ..
        } = checkpoint;
        Ok(Self {
            path,
            metadata,
            weights_hash,
            network,
            parameters: parameters.count(),
            executions: parameters.executions().unwrap_or_default(),
            task,
            device: device.clone(),
        })
    }

    /// The configuration that it was trained with.
    pub fn config(&self) -> &TrainConfig {
        &self.metadata.config
    }

    /// Grid and snapshot interval of its training data.
    pub fn grid(&self) -> &Grid {
        &self.metadata.grid
    }

    /// Snapshots that a prediction starts from.
    pub fn history(&self) -> usize {
        self.task.history()
    }

    /// Everything else that its checkpoint says.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Trainable reals.
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    /// How its layers are run: as they are written, unless [`set_execution`](Self::set_execution) said otherwise.
    pub fn execution(&self) -> Execution {
        self.executions.get()
    }

    /// Runs all layers so from now on.
    pub fn set_execution(&self, execution: Execution) {
        self.executions.set(execution);
    }

    /// What was measured so far to run layers fastest, one entry for every size of layer and shape of maps.
    pub fn measured_executions(&self) -> Vec<LayerExecution> {
        self.executions.measured()
    }

    /// Every layer with parameters, on the grid of the training data.
    pub fn layers(&self) -> Vec<LayerFootprint> {
        self.network.layers(&self.metadata.grid.shape)
    }

    /// Cost of one prediction on the grid of the training data.
    pub fn footprint(&self) -> Footprint {
        self.layers()
            .iter()
            .fold(Footprint::default(), |total, layer| {
                total
                    + Footprint {
                        parameters: layer.parameters,
                        stored_bits: layer.stored_bits,
                        multiply_adds: layer.multiply_adds,
                    }
            })
    }

    /// Where it came from.
    pub fn provenance(&self) -> Provenance {
        Provenance {
            path: self.path.clone(),
            version: self.metadata.version.clone(),
            data_hash: self.metadata.data_hash.clone(),
            config_hash: self.metadata.config_hash.clone(),
            weights_hash: self.weights_hash.clone(),
            step: self.metadata.step,
            steps: self.metadata.steps,
            training_seconds: self.metadata.training_seconds,
        }
    }

    /// Whether it may be applied to a split: spacing and snapshot interval must be those of training, and the network must
    /// be able to serve the grid.
    ///
    /// # Errors
    /// [`SurrogateError::Data`](crate::SurrogateError::Data) or [`SurrogateError::Shape`](crate::SurrogateError::Shape) naming the axis.
    pub fn check(&self, split: &Split) -> Result<()> {
        let grid = Grid::of(split)?;
        self.metadata.grid.check_same_spacing(&grid)?;
        self.network.check_grid(&grid.shape)
    }

    /// Predicts `steps` snapshots after the given ones, each from those before it.
    ///
    /// `history` is `(K, x, y)`, oldest first, `speed` `(x, y)` in m/s (not looked at without a medium channel); the result is
    /// `(steps, x, y)`, in the unit of the given snapshots.
    ///
    /// # Errors
    /// [`SurrogateError::Shape`](crate::SurrogateError::Shape) where the arrays do not fit.
    pub fn rollout(
        &self,
        history: ArrayView3<'_, f32>,
        speed: ArrayView2<'_, f32>,
        steps: usize,
    ) -> Result<Array3<f32>> {
        let predictions = self.rollout_batch(
            history.insert_axis(Axis(0)),
            speed.insert_axis(Axis(0)),
            steps,
        )?;
        Ok(predictions.index_axis_move(Axis(0), 0))
    }

    /// [`rollout`](Self::rollout) of several trajectories at once: `(B, K, x, y)` and `(B, x, y)` to `(B, steps, x, y)`.
    ///
    /// # Errors
    /// [`SurrogateError::Shape`](crate::SurrogateError::Shape) where the arrays do not fit.
    pub fn rollout_batch(
        &self,
        histories: ArrayView4<'_, f32>,
        speeds: ArrayView3<'_, f32>,
        steps: usize,
    ) -> Result<Array4<f32>> {
        self.predictor().rollout(histories, speeds, steps)
    }

    /// The network and task for the rest of the crate.
    pub(crate) fn predictor(&self) -> Predictor<'_> {
        Predictor {
            network: self.network.as_ref(),
            task: &self.task,
            device: &self.device,
        }
    }
}
