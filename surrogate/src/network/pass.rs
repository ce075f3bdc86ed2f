//! What one pass through a network needs beside its input: noise in training, a count of synaptic operations on demand.

use candle_core::{DType, Tensor};

use crate::scheme::Layer;
use crate::scheme::hash::{Use, hash};
use crate::{Result, ops};

/// One pass through a network.
#[derive(Debug, Default)]
pub struct Pass {
    /// The seed of all noise of this pass; none outside of training.
    noise: Option<u64>,
    /// Activations passed so far.
    activations: usize,
    /// Synaptic operations so far, if they are counted.
    operations: Option<f64>,
}

impl Pass {
    /// A pass in training, whose noise follows from a seed.
    pub(super) fn training(seed: u64) -> Self {
        Self {
            noise: Some(seed),
            ..Self::default()
        }
    }

    /// A pass that counts synaptic operations.
    pub(super) fn counting() -> Self {
        Self {
            operations: Some(0.0),
            ..Self::default()
        }
    }

    /// The seed of the next activation's noise, in training.
    pub(super) fn next_seed(&mut self) -> Option<u64> {
        self.activations += 1;
        let seed = self.noise?;
        Some(hash(seed, Use::Noise, self.activations))
    }

    /// Counts a layer's operations on its input, if wanted.
    pub(super) fn count(&mut self, layer: &dyn Layer, input: &Tensor) -> Result<()> {
        if let Some(operations) = &mut self.operations {
            *operations += synaptic_operations(layer, input)?;
        }
        Ok(())
    }

    /// Counts the operations of a dense layer of weights `(outputs, inputs)` on its input `(B, inputs)`, if wanted.
    pub(super) fn count_dense(&mut self, weight: &Tensor, input: &Tensor) -> Result<()> {
        if let Some(operations) = &mut self.operations {
            let counts = indicator(input)?.matmul(&indicator(weight)?.t()?)?;
            *operations += counts.to_dtype(DType::F64)?.sum_all()?.to_scalar::<f64>()?;
        }
        Ok(())
    }

    /// Synaptic operations of the whole pass.
    pub(super) fn operations(&self) -> f64 {
        self.operations.unwrap_or(0.0)
    }
}

/// Pairs of a weight that is not 0 and an input that is not 0, for which spiking hardware does work (Appuswamy et al.,
/// arXiv:1606.02407): the convolution of both indicators, summed. The weights are those of the equivalent kernel.
fn synaptic_operations(layer: &dyn Layer, input: &Tensor) -> Result<f64> {
    let kernel = indicator(&layer.equivalent_kernel()?)?;
    let counts = ops::convolution(&indicator(input)?, &kernel, None)?;
    Ok(counts.to_dtype(DType::F64)?.sum_all()?.to_scalar::<f64>()?)
}

/// 1 where a value is not 0, and 0 elsewhere.
fn indicator(tensor: &Tensor) -> Result<Tensor> {
    Ok(tensor.detach().ne(0.0)?.to_dtype(DType::F32)?)
}
