//! `one-way`, form `layer`: the whole layer is one canonical polyadic (CP) sum of R products.
//!
//! `K = Σ_r o[r] ⊗ c[r] ⊗ v[r] ⊗ h[r] (⊗ w[r])`. Run as a `1×1` convolution to R inner channels, one axis convolution per
//! axis, and a `1×1` convolution to T.

use candle_core::Tensor;
use rand::Rng;

use super::super::{ConvolutionShape, Footprint, Layer, zero_bias};
use super::{outer_products, unit_taps};
use crate::{Result, Scope, ops};

/// A layer in `layer` form.
#[derive(Debug)]
pub(super) struct OneWayLayer {
    shape: ConvolutionShape,
    rank: usize,
    /// Input factors c (R, S).
    inputs: Tensor,
    /// Per spatial axis (R, d).
    taps: Vec<Tensor>,
    /// Output factors o (T, R).
    outputs: Tensor,
    /// (T).
    bias: Option<Tensor>,
}

impl OneWayLayer {
    pub(super) fn new(
        shape: &ConvolutionShape,
        rank: usize,
        parameters: &mut Scope<'_>,
        rng: &mut impl Rng,
    ) -> Result<Self> {
        let deviation = |variance: f64| variance.sqrt();
        let inputs = parameters.normal(
            "inputs",
            (rank, shape.inputs),
            deviation(1.0 / shape.inputs as f64),
            rng,
        )?;
        let taps = shape.kernel.iter().enumerate();
        let taps = taps
            .map(|(axis, &side)| unit_taps(rank, axis, side, parameters, rng))
            .collect::<Result<_>>()?;
        let outputs = parameters.normal(
            "outputs",
            (shape.outputs, rank),
            deviation(2.0 / rank as f64),
            rng,
        )?;
        Ok(Self {
            inputs,
            taps,
            outputs,
            bias: zero_bias(shape, parameters)?,
            shape: shape.clone(),
            rank,
        })
    }
}

impl Layer for OneWayLayer {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        ops::one_way_layer(
            input,
            &self.inputs,
            &self.taps,
            &self.outputs,
            self.bias.as_ref(),
        )
    }

    fn equivalent_kernel(&self) -> Result<Tensor> {
        let kernel = self
            .outputs
            .matmul(&outer_products(&self.inputs, &self.taps)?)?;
        Ok(kernel.reshape(self.shape.kernel_dims())?)
    }

    fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }

    fn footprint(&self, positions: usize) -> Footprint {
        let weights = self.rank * (self.shape.outputs + self.shape.inputs + self.shape.sides());
        let parameters = weights + self.shape.biases();
        let stored_bits = 8 * self.inputs.dtype().size_in_bytes() * parameters;
        Footprint {
            parameters,
            stored_bits,
            multiply_adds: weights * positions,
        }
    }
}
