//! `one-way`: the kernel is a sum of R products of one-way (1-D) filters, which are themselves trained from the start.
//!
//! Source: Boukraichi, Akkari, Casenave, Ryckelynck, *A priori compression of convolutional neural networks for wave
//! simulators* (2023), who leave open which slice of `K` is factorised. The three readings, written for n = 2:
//!
//! | form | kernel | weights | run as |
//! |---|---|---|---|
//! | `kernel` | `K[t,s] = Σ_r v[t,s,r] ⊗ h[t,s,r]` | `T·S·R·Σd` | rebuild `K`, one dense convolution |
//! | `filter` | `K[t] = Σ_r c[t,r] ⊗ v[t,r] ⊗ h[t,r]` | `T·R·(S + Σd)` | `1×1` to `R·T` channels, an axis filter per axis, sum over r |
//! | `layer` | `K = Σ_r o[r] ⊗ c[r] ⊗ v[r] ⊗ h[r]` | `R·(T + S + Σd)` | `1×1` to `R`, an axis filter per axis, `1×1` to `T` |
//!
//! There is no non-linearity inside a layer and one bias per output channel.
//!
//! **Start.** Factors are independent normals whose product has He's variance `2/(S·dⁿ)` after the sum over r. The
//! variance is split such that every inner map of `filter` and `layer` has the variance of the input (channel factors
//! `1/S`, taps `1/d` per axis) and the last factor carries the `2` and the `1/R`: no factor's gradient is then dwarfed by
//! another's. In `kernel` form the factors of a product are alike and share it evenly.

mod filter;
mod kernel;
mod layer;

use candle_core::Tensor;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::{ConvolutionShape, Layer, setting};
use crate::{Result, Scope};

/// Which slice of the kernel is factorised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Each `d×…×d` kernel of one (output, input) pair. In 2-D with d = 3 it saves at most a third (R = 1).
    Kernel,
    /// Each output filter, a tensor `S×d×…×d`.
    Filter,
    /// The whole layer, by a canonical polyadic (CP) sum.
    Layer,
}

/// How many products are summed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rank {
    /// So many, at least 1.
    Fixed(usize),
    /// `ceil(ratio·max(S, T))`; only for [`Form::Layer`], whose rank grows with the layer.
    Ratio(f64),
}

impl Rank {
    /// The keys (`rank`, `rank_ratio`) that a config would give.
    pub(super) fn keys(self) -> (Option<usize>, Option<f64>) {
        match self {
            Self::Fixed(rank) => (Some(rank), None),
            Self::Ratio(ratio) => (None, Some(ratio)),
        }
    }
}

/// The settings of a one-way scheme.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OneWay {
    /// Which slice of the kernel is factorised.
    pub form: Form,
    /// How many products are summed.
    pub rank: Rank,
}

impl OneWay {
    pub(super) fn from_keys(
        form: Form,
        rank: Option<usize>,
        rank_ratio: Option<f64>,
    ) -> Result<Self> {
        let rank = match (rank, rank_ratio) {
            (Some(rank), Some(ratio)) => {
                let found = format!("both rank = {rank} and rank_ratio = {ratio}");
                return Err(setting(
                    "scheme.rank",
                    found,
                    "one of the two",
                    "remove one of the keys",
                ));
            }
            (Some(rank), None) => Rank::Fixed(rank),
            (None, Some(ratio)) => Rank::Ratio(ratio),
            (None, None) => Rank::Fixed(1),
        };
        let scheme = Self { form, rank };
        scheme.check()?;
        Ok(scheme)
    }

    fn check(&self) -> Result<()> {
        match self.rank {
            Rank::Fixed(0) => Err(setting(
                "scheme.rank",
                0,
                "an integer ≥ 1",
                "use rank = 1 for the smallest layer",
            )),
            Rank::Ratio(_) if self.form != Form::Layer => Err(setting(
                "scheme.rank_ratio",
                format!("it beside form {:?}", self.form),
                "it beside form = \"layer\" only",
                "give rank instead, or use form = \"layer\"",
            )),
            Rank::Ratio(ratio) if !(ratio > 0.0 && ratio <= MAX_RATIO) => Err(setting(
                "scheme.rank_ratio",
                ratio,
                format!("a number above 0, at most {MAX_RATIO}"),
                "use 1.0 for as many products as channels",
            )),
            _ => Ok(()),
        }
    }

    /// The number R of products in a layer of this size.
    ///
    /// # Errors
    /// [`SurrogateError::Setting`](crate::SurrogateError::Setting) if the rank is 0, or a ratio that is not positive or not allowed by the form.
    pub fn resolve_rank(&self, shape: &ConvolutionShape) -> Result<usize> {
        self.check()?;
        let rank = match self.rank {
            Rank::Fixed(rank) => rank,
            Rank::Ratio(ratio) => (ratio * shape.inputs.max(shape.outputs) as f64).ceil() as usize,
        };
        let largest = MAX_RANK.min(super::MAX_WEIGHTS / (shape.inputs * shape.outputs));
        if rank > largest {
            return Err(setting(
                "scheme.rank",
                rank,
                format!("at most {largest} for {shape:?}"),
                "reduce the rank",
            ));
        }
        Ok(rank)
    }

    /// The number of weights, without biases.
    pub(super) fn weights(&self, shape: &ConvolutionShape) -> Result<usize> {
        let (rank, sides) = (self.resolve_rank(shape)?, shape.sides());
        Ok(match self.form {
            Form::Kernel => shape.outputs * shape.inputs * rank * sides,
            Form::Filter => shape.outputs * rank * (shape.inputs + sides),
            Form::Layer => rank * (shape.outputs + shape.inputs + sides),
        })
    }

    pub(super) fn build(
        &self,
        shape: &ConvolutionShape,
        parameters: &mut Scope<'_>,
        rng: &mut impl Rng,
    ) -> Result<Box<dyn Layer>> {
        let rank = self.resolve_rank(shape)?;
        Ok(match self.form {
            Form::Kernel => Box::new(kernel::build(shape, rank, parameters, rng)?),
            Form::Filter => Box::new(filter::OneWayFilter::new(shape, rank, parameters, rng)?),
            Form::Layer => Box::new(layer::OneWayLayer::new(shape, rank, parameters, rng)?),
        })
    }
}

/// Far above what any rank is good for: a larger one is a slip of the keyboard.
const MAX_RANK: usize = 1 << 16;
const MAX_RATIO: f64 = 64.0;

/// The taps of one axis for `channels` inner channels: (channels, d) with variance `1/d`, named `axis.<axis>`.
pub(super) fn unit_taps(
    channels: usize,
    axis: usize,
    side: usize,
    parameters: &mut Scope<'_>,
    rng: &mut impl Rng,
) -> Result<Tensor> {
    parameters.normal(
        &format!("axis.{axis}"),
        (channels, side),
        (1.0 / side as f64).sqrt(),
        rng,
    )
}

/// The outer products of rows (R, S) with the taps of every axis, each (R, d): (R, S·Π d).
pub(super) fn outer_products(rows: &Tensor, taps: &[Tensor]) -> Result<Tensor> {
    let rank = rows.dim(0)?;
    let mut product = rows.clone();
    for taps in taps {
        let columns = product.reshape((rank, product.elem_count() / rank, 1))?;
        product = columns.broadcast_mul(&taps.reshape((rank, 1, taps.dim(1)?))?)?;
    }
    Ok(product.reshape((rank, product.elem_count() / rank))?)
}
