//! A whole training step of the demo's U-Net in a larger width, optimiser included.

use candle_core::{DType, Device, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;

use super::{Effort, Measurement};
use crate::network::activation::Activation;
use crate::network::norm::Norm;
use crate::network::{Channels, Padding, UnetConfig};
use crate::train::gradient::differentiate;
use crate::train::loss::relative_l2;
use crate::train::optimiser::AdamW;
use crate::{Form, NetworkConfig, OneWay, Parameters, Rank, Result, Scheme};

/// A training step: batch of maps with two snapshots and the medium, one increment as the target, relative L2 loss, AdamW
/// with clipping.
#[derive(Debug, Clone, PartialEq)]
pub struct StepCase {
    /// Name in tables: `step-dense`, `step-layer-1`.
    pub name: &'static str,
    /// The U-Net.
    pub network: UnetConfig,
    /// Samples.
    pub batch: usize,
    /// The maps' side.
    pub side: usize,
}

/// The cases, dense and one-way; with `quick` on smaller maps.
pub fn step_cases(quick: bool) -> Vec<StepCase> {
    let (batch, side, width) = if quick { (2, 32, 8) } else { (16, 64, 32) };
    let one_way = Scheme::OneWay(OneWay {
        form: Form::Layer,
        rank: Rank::Ratio(1.0),
    });
    [("step-dense", Scheme::Dense), ("step-layer-1", one_way)]
        .map(|(name, scheme)| StepCase {
            name,
            network: UnetConfig {
                width,
                depth: 3,
                kernel: 3,
                scheme,
                norm: Norm::None,
                padding: Padding::Zero,
                activation: Activation::default(),
                noise: None,
            },
            batch,
            side,
        })
        .into()
}

impl StepCase {
    /// Builds the network and times its steps on a device.
    ///
    /// # Errors
    /// Those of the network.
    pub fn measure(&self, device: &Device, effort: Effort) -> Result<Measurement> {
        let mut parameters = Parameters::new(DType::F32, device);
        let mut random = ChaCha12Rng::seed_from_u64(0);
        let channels = Channels {
            inputs: 3,
            outputs: 1,
        };
        let config = NetworkConfig::Unet(self.network.clone());
        let network = config.build(channels, 2, &mut parameters, &mut random)?;
        let named = parameters
            .iter()
            .map(|(name, variable)| (name.to_owned(), variable.clone()))
            .collect();
        let mut optimiser = AdamW::new(named, 1e-4, Some(1.0))?;
        let (batch, side) = (self.batch, self.side);
        let input = Tensor::randn(0f32, 1f32, (batch, 3, side, side), device)?;
        let target = Tensor::randn(0f32, 1f32, (batch, 1, side, side), device)?;
        let multiply_adds: usize = network
            .layers(&[side, side])
            .iter()
            .map(|layer| layer.multiply_adds)
            .sum();
        Ok(Measurement {
            forward: effort.least(device, || network.forward(&input))?,
            both: effort.least(device, || {
                let (_, gradients) = differentiate(
                    network.as_ref(),
                    |prediction| Ok(relative_l2(prediction, &target, None)?),
                    &input,
                    0,
                    || Ok(()),
                )?;
                Ok(optimiser.update(&gradients, 1e-3)?)
            })?,
            operations: 2.0 * (batch * multiply_adds) as f64,
            parameters: parameters.count(),
        })
    }
}
