//! `dense`: the kernel `K[T, S, d, …, d]` itself is trained. The twin that every compressed scheme is measured against.
//!
//! Weights: `T·S·dⁿ`, drawn from N(0, 2/(S·dⁿ)) (He et al., 2015).

use candle_core::Tensor;
use rand::Rng;

use super::ConvolutionShape;
use super::rebuilt::{KernelScheme, Rebuilt, bits};
use crate::{Result, Scope};

/// A kernel (T, S, d₁, …, dₙ) of independent weights.
#[derive(Debug)]
pub(super) struct Dense(Tensor);

/// A dense convolution layer.
pub(super) fn build(
    shape: &ConvolutionShape,
    parameters: &mut Scope<'_>,
    rng: &mut impl Rng,
) -> Result<Rebuilt<Dense>> {
    let deviation = shape.he_variance().sqrt();
    let kernel = parameters.normal("kernel", shape.kernel_dims(), deviation, rng)?;
    Rebuilt::new(shape, Dense(kernel), parameters)
}

impl KernelScheme for Dense {
    fn kernel(&self) -> Result<Tensor> {
        Ok(self.0.clone())
    }

    fn parameters(&self) -> usize {
        self.0.elem_count()
    }

    fn stored_bits(&self) -> usize {
        bits(&self.0)
    }

    fn rebuild_cost(&self) -> usize {
        0
    }
}
