//! The trained network that is pruned, with its data: what is dropped of it, and how good it is without.

use super::dense::DenseNetwork;
use super::variability::Variability;
use super::{PruneOptions, PruneRound, round};
use crate::checkpoint::Checkpoint;
use crate::network::{Activation, NetworkConfig};
use crate::task::Task;
use crate::task::trace_store::inputs;
use crate::trace_prediction::TracePredictor;
use crate::{Parameters, Result, SurrogateError};
use candle_core::{Device, Tensor};
use fewave_datasets::{Split, SplitName, content_hash};
use sha2::{Digest, Sha256};

/// The trained network with its data.
pub(super) struct Pruner<'a> {
    pub(super) parent: &'a Checkpoint,
    pub(super) activation: Activation,
    pub(super) train: Split,
    pub(super) valid: Split,
    /// Inputs of the train split, `(N, scalars)`.
    pub(super) inputs: Tensor,
    pub(super) device: &'a Device,
}

impl<'a> Pruner<'a> {
    pub(super) fn open(
        parent: &'a Checkpoint,
        options: &PruneOptions,
        device: &'a Device,
    ) -> Result<Self> {
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
    pub(super) fn start(&self) -> Result<DenseNetwork> {
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
    pub(super) fn fold(&self, network: &DenseNetwork, epsilon: f64) -> Result<DenseNetwork> {
        let mut folded = network.clone();
        for layer in 0..network.hidden().len() {
            let found = Variability::measure(&folded, layer, self.activation, &self.inputs)?;
            folded = folded.fold(layer, &found.keep(layer, epsilon)?, &found.means);
        }
        Ok(folded)
    }

    /// Mean relative L2 error over a split.
    pub(super) fn error(&self, network: &DenseNetwork, split: &Split) -> Result<f64> {
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
    pub(super) fn key(
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
