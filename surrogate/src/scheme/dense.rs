//! `dense`: the kernel `K[T, S, d, …, d]` itself is trained. The twin that every compressed scheme is measured against.
//!
//! Weights: `T·S·dⁿ`, drawn from N(0, 2/(S·dⁿ)) (He et al., 2015).

use candle_core::Tensor;
use rand::Rng;

use super::{ConvolutionShape, Footprint, Layer, zero_bias};
use crate::{Result, Scope, ops};

/// A dense convolution layer.
#[derive(Debug)]
pub(crate) struct Dense {
    shape: ConvolutionShape,
    /// (T, S, d₁, …, dₙ).
    kernel: Tensor,
    /// (T).
    bias: Option<Tensor>,
}

impl Dense {
    pub(crate) fn new(
        shape: &ConvolutionShape,
        parameters: &mut Scope<'_>,
        rng: &mut impl Rng,
    ) -> Result<Self> {
        let sides = [&[shape.outputs, shape.inputs], shape.kernel.as_slice()].concat();
        Ok(Self {
            kernel: parameters.normal("kernel", sides, shape.he_variance().sqrt(), rng)?,
            bias: zero_bias(shape, parameters)?,
            shape: shape.clone(),
        })
    }
}

impl Layer for Dense {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        ops::convolution(input, &self.kernel, self.bias.as_ref())
    }

    fn equivalent_kernel(&self) -> Result<Tensor> {
        Ok(self.kernel.clone())
    }

    fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }

    fn footprint(&self, positions: usize) -> Footprint {
        let weights = self.shape.dense_weights();
        let parameters = weights + self.shape.biases();
        let stored_bits = 8 * self.kernel.dtype().size_in_bytes() * parameters;
        Footprint {
            parameters,
            stored_bits,
            multiply_adds: weights * positions,
        }
    }
}
