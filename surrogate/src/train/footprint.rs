//! What a training will need, said before it starts, and its pace, said after its first updates; kept in `footprint.json`.
//!
//! Memory is found by recording the forward pass of one sample and of two: what the tape holds for the way back grows by the
//! same for every further sample. Beyond these maps an update holds the gradients of a few maps at a time (four of the
//! largest), weights with their gradient, moments and mean, and the batches that are read ahead.

use crate::Result;
use crate::checkpoint::write_atomically;
use crate::network::{Channels, Network};
use crate::tape::Tape;
use crate::train::settings::TrainSettings;
use candle_core::{DType, Device, Tensor};
use serde::Serialize;
use std::path::Path;

/// Name of the record in a run's folder.
pub const FOOTPRINT: &str = "footprint.json";

/// Gradients of maps as large as the largest that are held at once on the way back, the batch's loss included.
const GRADIENTS: usize = 4;

/// Updates at the start of a run that its pace leaves out, and those that it is taken over.
const PACE: [usize; 2] = [2, 10];

/// What a training needs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainFootprint {
    /// Trainable reals.
    pub parameters: usize,
    /// Trainable reals of the dense twin.
    pub dense_parameters: usize,
    /// Multiply-adds of one prediction.
    pub multiply_adds: usize,
    /// Multiply-adds of one update at its longest unrolling: forward, and about twice as many back.
    pub multiply_adds_per_update: usize,
    /// Maps that one pass holds for the way back, bytes; estimated.
    pub activation_bytes: usize,
    /// Most memory of a pass with weights, gradients, moments and batches, bytes, beside trajectories kept in memory
    /// (`train.cache_mib`); estimated.
    pub memory_bytes: usize,
    /// Updates that see as many windows as there are.
    pub updates_per_epoch: f64,
    /// Time of as many updates, s, without validation; none before the first updates.
    pub seconds_per_epoch: Option<f64>,
}

impl TrainFootprint {
    /// The footprint of a network between these channels on `maps`, trained on `windows` samples.
    pub(super) fn new(
        network: &dyn Network,
        channels: Channels,
        maps: &[usize],
        parameters: usize,
        settings: &TrainSettings,
        windows: usize,
    ) -> Result<Self> {
        let layers = network.layers(maps);
        let multiply_adds: usize = layers.iter().map(|layer| layer.multiply_adds).sum();
        let unroll = settings.longest_unroll();
        let (forward, back) = if settings.pushforward {
            (unroll, 1)
        } else {
            (unroll, unroll)
        };
        let [one, two] = [1, 2].map(|samples| Self::held(network, channels, maps, samples));
        let ((one, largest), (two, _)) = (one?, two?);
        let sample = two.saturating_sub(one);
        let fixed = one.saturating_sub(sample);
        let activations = (sample * settings.batch + fixed) * back;
        let copies = if settings.ema.is_some() { 5 } else { 4 };
        let values = maps.iter().product::<usize>() * (channels.inputs + unroll);
        let batches = 4 * values * settings.batch * size_of::<f32>();
        Ok(Self {
            parameters,
            dense_parameters: layers.iter().map(|layer| layer.dense_parameters).sum(),
            multiply_adds,
            multiply_adds_per_update: multiply_adds
                .saturating_mul(forward + 2 * back)
                .saturating_mul(settings.windows_per_update()),
            activation_bytes: activations,
            memory_bytes: activations
                + GRADIENTS * largest * settings.batch
                + copies * parameters * size_of::<f32>()
                + batches,
            updates_per_epoch: windows as f64 / settings.windows_per_update() as f64,
            seconds_per_epoch: None,
        })
    }

    /// Bytes that the tape holds after a forward pass of so many samples, and those of the largest map.
    fn held(
        network: &dyn Network,
        channels: Channels,
        maps: &[usize],
        samples: usize,
    ) -> Result<(usize, usize)> {
        let shape = [&[samples, channels.inputs][..], maps].concat();
        let input = Tensor::zeros(shape, DType::F32, &Device::Cpu)?;
        let (_output, tape) = Tape::record(|| network.forward_in_training(&input, 0))?;
        Ok(tape.held())
    }

    /// Writes it into a run's folder.
    pub(super) fn write(&self, run: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        write_atomically(&run.join(FOOTPRINT), format!("{text}\n").as_bytes())
    }
}

/// Takes the time of the first updates.
#[derive(Debug, Default)]
pub(super) struct Pace {
    updates: usize,
    seconds: f64,
}

impl Pace {
    /// Adds an update; the time of one once there are enough, told once.
    pub(super) fn add(&mut self, seconds: f64) -> Option<f64> {
        let [skipped, taken] = PACE;
        self.updates += 1;
        if self.updates > skipped {
            self.seconds += seconds;
        }
        (self.updates == skipped + taken).then(|| self.seconds / taken as f64)
    }
}
