//! `one-way`, form `filter`: each output filter is a sum of R products of one channel vector and one filter per axis.
//!
//! `K[t] = Σ_r c[t,r] ⊗ v[t,r] ⊗ h[t,r] (⊗ w[t,r])`. Run as a `1×1` convolution to `R·T` inner channels (index `r·T + t`),
//! one axis convolution per axis, and the sum over r.

use candle_core::Tensor;
use rand::Rng;

use super::super::{ConvolutionShape, Footprint, Layer, zero_bias};
use super::{outer_products, unit_taps};
use crate::{Result, Scope, ops};

/// A layer in `filter` form.
#[derive(Debug)]
pub(super) struct OneWayFilter {
    shape: ConvolutionShape,
    rank: usize,
    /// (R·T, S).
    channels: Tensor,
    /// Per spatial axis (R·T, d).
    taps: Vec<Tensor>,
    /// (T).
    bias: Option<Tensor>,
}

impl OneWayFilter {
    pub(super) fn new(
        shape: &ConvolutionShape,
        rank: usize,
        parameters: &mut Scope<'_>,
        rng: &mut impl Rng,
    ) -> Result<Self> {
        let inner = rank * shape.outputs;
        let deviation = (2.0 / (shape.inputs * rank) as f64).sqrt();
        let channels = parameters.normal("channels", (inner, shape.inputs), deviation, rng)?;
        let taps = shape.kernel.iter().enumerate();
        let taps = taps
            .map(|(axis, &side)| unit_taps(inner, axis, side, parameters, rng))
            .collect::<Result<_>>()?;
        Ok(Self {
            channels,
            taps,
            bias: zero_bias(shape, parameters)?,
            shape: shape.clone(),
            rank,
        })
    }
}

impl Layer for OneWayFilter {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        ops::one_way_filter(
            input,
            &self.channels,
            &self.taps,
            self.bias.as_ref(),
            self.rank,
        )
    }

    fn equivalent_kernel(&self) -> Result<Tensor> {
        let products = outer_products(&self.channels, &self.taps)?;
        let sum = products
            .reshape((self.rank, products.elem_count() / self.rank))?
            .sum(0)?;
        Ok(sum.reshape(self.shape.kernel_dims())?)
    }

    fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }

    fn footprint(&self, positions: usize) -> Footprint {
        let weights = self.rank * self.shape.outputs * (self.shape.inputs + self.shape.sides());
        let parameters = weights + self.shape.biases();
        let stored_bits = 8 * self.channels.dtype().size_in_bytes() * parameters;
        Footprint {
            parameters,
            stored_bits,
            multiply_adds: weights * positions,
        }
    }
}
