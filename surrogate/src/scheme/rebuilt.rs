//! Layers that are run by rebuilding their kernel: one path for every parametrisation that saves parameters, not work.
//!
//! The kernel is rebuilt once per forward pass, by a map whose gradient candle follows back to the parameters, and the dense
//! convolution does the rest. Where the parameters are frozen, the first kernel is kept.

use std::fmt::Debug;
use std::sync::OnceLock;

use candle_core::Tensor;

use super::{ConvolutionShape, Footprint, Layer, zero_bias};
use crate::{Result, Scope, ops};

/// How a kernel follows from its parameters.
pub(super) trait KernelScheme: Debug + Send + Sync {
    /// The kernel (T, S, d₁, …, dₙ).
    fn kernel(&self) -> Result<Tensor>;

    /// Trainable reals, the layer's biases left out.
    fn parameters(&self) -> usize;

    /// Bits that a file of the trained layer needs for them.
    fn stored_bits(&self) -> usize;

    /// Multiplications to rebuild the kernel.
    fn rebuild_cost(&self) -> usize;
}

/// A layer whose kernel is rebuilt.
#[derive(Debug)]
pub(super) struct Rebuilt<K> {
    shape: ConvolutionShape,
    scheme: K,
    /// (T).
    bias: Option<Tensor>,
    /// The kernel, once and for all, of a layer that is not trained.
    kept: Option<OnceLock<Tensor>>,
}

impl<K: KernelScheme> Rebuilt<K> {
    /// A layer with a bias of 0 beside `scheme`.
    pub(super) fn new(
        shape: &ConvolutionShape,
        scheme: K,
        parameters: &mut Scope<'_>,
    ) -> Result<Self> {
        Ok(Self {
            bias: zero_bias(shape, parameters)?,
            shape: shape.clone(),
            scheme,
            kept: parameters.is_frozen().then(OnceLock::new),
        })
    }
}

impl<K: KernelScheme> Layer for Rebuilt<K> {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        ops::convolution(input, &self.equivalent_kernel()?, self.bias.as_ref())
    }

    fn equivalent_kernel(&self) -> Result<Tensor> {
        let Some(kept) = &self.kept else {
            return self.scheme.kernel();
        };
        if let Some(kernel) = kept.get() {
            return Ok(kernel.clone());
        }
        let kernel = self.scheme.kernel()?;
        Ok(kept.get_or_init(|| kernel).clone())
    }

    fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }

    fn footprint(&self, positions: usize) -> Footprint {
        let bias_bits = self.bias.as_ref().map_or(0, bits);
        Footprint {
            parameters: self.scheme.parameters() + self.shape.biases(),
            stored_bits: self.scheme.stored_bits() + bias_bits,
            multiply_adds: self.shape.dense_weights() * positions + self.scheme.rebuild_cost(),
        }
    }
}

/// Bits of all values of a tensor.
pub(super) fn bits(tensor: &Tensor) -> usize {
    8 * tensor.dtype().size_in_bytes() * tensor.elem_count()
}
