//! `one-way`, form `kernel`: each (output, input) pair's kernel is a sum of R outer products of one-way filters.
//!
//! `K[t, s] = Σ_r v[t,s,r] ⊗ h[t,s,r] (⊗ w[t,s,r])`, stored per axis as (T, S, R, d). The kernel is rebuilt and run as
//! one dense convolution: this form saves parameters, not time.

use candle_core::Tensor;
use rand::Rng;

use super::super::{ConvolutionShape, Footprint, Layer, zero_bias};
use crate::{Result, Scope, ops};

/// A layer in `kernel` form.
#[derive(Debug)]
pub(super) struct OneWayKernel {
    shape: ConvolutionShape,
    rank: usize,
    /// Per spatial axis (T, S, R, d).
    filters: Vec<Tensor>,
    /// (T).
    bias: Option<Tensor>,
}

impl OneWayKernel {
    pub(super) fn new(
        shape: &ConvolutionShape,
        rank: usize,
        parameters: &mut Scope<'_>,
        rng: &mut impl Rng,
    ) -> Result<Self> {
        let axes = shape.kernel.len();
        let variance = (shape.he_variance() / rank as f64).powf(1.0 / axes as f64);
        let filters = shape.kernel.iter().enumerate().map(|(axis, &side)| {
            let sides = (shape.outputs, shape.inputs, rank, side);
            parameters.normal(&format!("axis.{axis}"), sides, variance.sqrt(), rng)
        });
        let filters = filters.collect::<Result<_>>()?;
        Ok(Self {
            filters,
            bias: zero_bias(shape, parameters)?,
            shape: shape.clone(),
            rank,
        })
    }

    /// Multiplications to rebuild the kernel: every partial product of the axes, then the sum over r.
    fn rebuild_cost(&self) -> usize {
        let pairs = self.shape.outputs * self.shape.inputs * self.rank;
        let mut partial = self.shape.kernel[0];
        let mut cost = 0;
        for side in &self.shape.kernel[1..] {
            partial *= side;
            cost += partial;
        }
        pairs * cost
    }
}

impl Layer for OneWayKernel {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        ops::convolution(input, &self.equivalent_kernel()?, self.bias.as_ref())
    }

    fn equivalent_kernel(&self) -> Result<Tensor> {
        let [outputs, inputs, rank] = [self.shape.outputs, self.shape.inputs, self.rank];
        let mut product = self.filters[0].clone();
        for (filter, side) in self.filters.iter().zip(&self.shape.kernel).skip(1) {
            let taps = product.elem_count() / (outputs * inputs * rank);
            let rows = product.reshape((outputs, inputs, rank, taps, 1))?;
            let columns = filter.reshape((outputs, inputs, rank, 1, *side))?;
            product = rows.broadcast_mul(&columns)?;
        }
        let sum = product
            .reshape((outputs, inputs, rank, self.shape.taps()))?
            .sum(2)?;
        Ok(sum.reshape([&[outputs, inputs], self.shape.kernel.as_slice()].concat())?)
    }

    fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }

    fn footprint(&self, positions: usize) -> Footprint {
        let weights = self.shape.outputs * self.shape.inputs * self.rank * self.shape.sides();
        let parameters = weights + self.shape.biases();
        Footprint {
            parameters,
            stored_bits: 8 * self.filters[0].dtype().size_in_bytes() * parameters,
            multiply_adds: self.shape.dense_weights() * positions + self.rebuild_cost(),
        }
    }
}
