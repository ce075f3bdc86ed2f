//! A network computed in bf16 around weights in f32: mixed precision.
//!
//! The input is rounded to bf16 (8 bits of mantissa, f32's range of exponents); each operation rounds the weights that it takes to
//! the type of its maps, and sums of group norm are taken in f32. Gradients come back through the same roundings and arrive at the
//! weights in f32, where optimiser and moments are. bf16 has f32's exponents, so that losses need no scaling. (Kalamkar et al.,
//! *A study of BFLOAT16 for deep learning training*, arXiv:1905.12322.)

use super::{LayerFootprint, Network, Pass};
use crate::Result;
use candle_core::{DType, Tensor};

/// The network inside.
#[derive(Debug)]
pub(crate) struct Mixed(Box<dyn Network>);

impl Mixed {
    /// Computes a network in bf16.
    pub(crate) fn new(network: Box<dyn Network>) -> Self {
        Self(network)
    }
}

impl Network for Mixed {
    fn run(&self, input: &Tensor, pass: &mut Pass) -> Result<Tensor> {
        let output = self.0.run(&input.to_dtype(DType::BF16)?, pass)?;
        Ok(output.to_dtype(input.dtype())?)
    }

    fn check_grid(&self, grid: &[usize]) -> Result<()> {
        self.0.check_grid(grid)
    }

    fn layers(&self, grid: &[usize]) -> Vec<LayerFootprint> {
        self.0.layers(grid)
    }
}
