//! `one-way`, form `kernel`: each (output, input) pair's kernel is a sum of R outer products of one-way filters.
//!
//! `K[t, s] = Σ_r v[t,s,r] ⊗ h[t,s,r] (⊗ w[t,s,r])`, stored per axis as (T, S, R, d). The kernel is rebuilt and run as
//! one dense convolution: this form saves parameters, not time.

use candle_core::Tensor;
use rand::Rng;

use super::super::ConvolutionShape;
use super::super::rebuilt::{KernelScheme, Rebuilt, bits};
use crate::{Result, Scope};

/// A kernel in `kernel` form.
#[derive(Debug)]
pub(super) struct OneWayKernel {
    shape: ConvolutionShape,
    rank: usize,
    /// Per spatial axis (T, S, R, d).
    filters: Vec<Tensor>,
}

/// A layer in `kernel` form.
pub(super) fn build(
    shape: &ConvolutionShape,
    rank: usize,
    parameters: &mut Scope<'_>,
    rng: &mut impl Rng,
) -> Result<Rebuilt<OneWayKernel>> {
    let axes = shape.kernel.len();
    let variance = (shape.he_variance() / rank as f64).powf(1.0 / axes as f64);
    let filters = shape.kernel.iter().enumerate().map(|(axis, &side)| {
        let sides = (shape.outputs, shape.inputs, rank, side);
        parameters.normal(&format!("axis.{axis}"), sides, variance.sqrt(), rng)
    });
    let kernel = OneWayKernel {
        filters: filters.collect::<Result<_>>()?,
        shape: shape.clone(),
        rank,
    };
    Rebuilt::new(shape, kernel, parameters)
}

impl KernelScheme for OneWayKernel {
    fn kernel(&self) -> Result<Tensor> {
        let [outputs, inputs, rank] = [self.shape.outputs, self.shape.inputs, self.rank];
        let mut product = self.filters[0].clone();
        for (filter, side) in self.filters.iter().zip(&self.shape.kernel).skip(1) {
            let taps = product.elem_count() / (outputs * inputs * rank);
            let rows = product.reshape((outputs, inputs, rank, taps, 1))?;
            let columns = filter.reshape((outputs, inputs, rank, 1, *side))?;
            product = rows.broadcast_mul(&columns)?;
        }
        let products = product.reshape((outputs, inputs, rank, self.shape.taps()))?;
        let sum = if rank == 1 {
            products
        } else {
            products.sum(2)?
        };
        Ok(sum.reshape(self.shape.kernel_dims())?)
    }

    fn parameters(&self) -> usize {
        self.filters.iter().map(Tensor::elem_count).sum()
    }

    fn stored_bits(&self) -> usize {
        self.filters.iter().map(bits).sum()
    }

    /// Every partial product of the axes.
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
