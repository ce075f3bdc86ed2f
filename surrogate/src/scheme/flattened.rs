//! `flattened`: a layer is one chain, or two, of one-way filters with a bias after each.
//!
//! Source: Jin, Dundar, Culurciello, *Flattened convolutional neural networks for feedforward acceleration* (2015). A chain
//! is lateral (`1×1`, S to T), then one filter per axis, each channel with its own taps (vertical, horizontal, and in 3-D
//! the third); no non-linearity in between, and every filter pads with zeros. The paper puts two chains in place of one
//! convolution.
//!
//! | chains | weights | inner biases | kernel |
//! |---|---|---|---|
//! | 1 | `T·(S + Σd)` | `n·T` | side d: that of `one-way` form `filter` with rank 1 |
//! | 2 | `T·(S + Σd) + T·(T + Σd)` | `(2n + 1)·T` | side 2d − 1: the convolution of both |
//!
//! The bias after the last filter is the layer's own. Inner biases meet the zero padding of the filters behind them: what
//! they add depends on the distance to the edge, up to a constant in the middle. It is the same for all samples, a product
//! of one profile per axis, and added to the maps once. Without inner biases, one chain is the rank-1 filter to the bit.
//!
//! **Start.** Lateral factors have the variance `1/S` (in the last chain `2/S`, or `2/T` behind another), taps `1/d`: inner maps
//! keep the variance of the input, and the kernel's entries have He's on the average.

use candle_core::Tensor;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::one_way::{outer_products, unit_taps};
use super::{ConvolutionShape, Equivalence, Footprint, Layer, setting, zero_bias};
use crate::{Result, Scope, ops};

/// The settings of a flattened scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flattened {
    /// Chains in place of one convolution: 1 or 2. The paper's layers have two.
    #[serde(default = "two")]
    pub chains: usize,
    /// Whether the filters before the last have biases, as in the paper.
    #[serde(default = "yes")]
    pub inner_bias: bool,
}

fn two() -> usize {
    2
}

fn yes() -> bool {
    true
}

impl Flattened {
    pub(super) fn check(&self) -> Result<()> {
        match self.chains {
            1 | 2 => Ok(()),
            other => Err(setting(
                "scheme.chains",
                other,
                "1 or 2",
                "the paper's layers have two chains",
            )),
        }
    }

    /// The number of weights and inner biases, without the layer's own.
    pub(super) fn weights(&self, shape: &ConvolutionShape) -> Result<usize> {
        self.check()?;
        let (axes, sides) = (shape.kernel.len(), shape.sides());
        let weights = (0..self.chains)
            .map(|chain| {
                let inputs = if chain == 0 {
                    shape.inputs
                } else {
                    shape.outputs
                };
                shape.outputs * (inputs + sides)
            })
            .sum::<usize>();
        let inner = if self.inner_bias {
            shape.outputs * (self.chains * (axes + 1) - 1)
        } else {
            0
        };
        Ok(weights + inner)
    }

    pub(super) fn build(
        &self,
        shape: &ConvolutionShape,
        parameters: &mut Scope<'_>,
        rng: &mut impl Rng,
    ) -> Result<FlattenedLayer> {
        self.check()?;
        let mut chains = Vec::with_capacity(self.chains);
        for index in 0..self.chains {
            let is_last = index + 1 == self.chains;
            let inputs = if index == 0 {
                shape.inputs
            } else {
                shape.outputs
            };
            let gain = if is_last { 2.0 } else { 1.0 };
            let scope = &mut parameters.scope(format!("chain.{index}"));
            let deviation = (gain / inputs as f64).sqrt();
            let lateral = scope.normal("lateral", (shape.outputs, inputs), deviation, rng)?;
            let taps = shape.kernel.iter().enumerate();
            let taps = taps
                .map(|(axis, &side)| unit_taps(shape.outputs, axis, side, scope, rng))
                .collect::<Result<_>>()?;
            let mut biases = Vec::new();
            if self.inner_bias {
                biases.push(scope.constant("lateral_bias", shape.outputs, 0.0)?);
                let inner_axes = shape.kernel.len() - usize::from(is_last);
                for axis in 0..inner_axes {
                    let name = format!("axis_bias.{axis}");
                    biases.push(scope.constant(&name, shape.outputs, 0.0)?);
                }
            }
            chains.push(Chain {
                lateral,
                taps,
                biases,
            });
        }
        Ok(FlattenedLayer {
            bias: zero_bias(shape, parameters)?,
            shape: shape.clone(),
            scheme: *self,
            chains,
        })
    }
}

/// A flattened layer.
#[derive(Debug)]
pub(super) struct FlattenedLayer {
    shape: ConvolutionShape,
    scheme: Flattened,
    chains: Vec<Chain>,
    /// (T).
    bias: Option<Tensor>,
}

/// One lateral filter and one per axis.
#[derive(Debug)]
struct Chain {
    /// (T, S), or (T, T) behind another chain.
    lateral: Tensor,
    /// Per spatial axis (T, d).
    taps: Vec<Tensor>,
    /// After the lateral filter and after the first axes, each (T); none at all without inner biases.
    biases: Vec<Tensor>,
}

impl Chain {
    /// The filters, with `bias` after the last.
    fn forward(&self, input: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        let maps = ops::one_way_filter(input, &self.lateral, &self.taps, bias, 1)?;
        match self.offset(input.dims().get(2..).unwrap_or_default())? {
            Some(offset) => ops::add_offset(&maps, &offset),
            None => Ok(maps),
        }
    }

    /// What the inner biases add on a grid: (1, T, N₁, …).
    fn offset(&self, grid: &[usize]) -> Result<Option<Tensor>> {
        let Some(lateral) = self.biases.first() else {
            return Ok(None);
        };
        let (outputs, axes) = (lateral.dim(0)?, self.taps.len());
        let along = |axis: Option<usize>| {
            let mut shape = vec![1; axes + 2];
            shape[1] = outputs;
            if let Some(axis) = axis {
                shape[axis + 2] = grid[axis];
            }
            shape
        };
        let mut offset = lateral.reshape(along(None))?;
        for (axis, taps) in self.taps.iter().enumerate() {
            // The filter's answer to a constant 1 between zeros.
            let ones = (1, outputs, grid[axis]);
            let ones = Tensor::ones(ones, taps.dtype(), taps.device())?;
            let profile = ops::axis_convolution(&ones, taps, 0)?.reshape(along(Some(axis)))?;
            offset = offset.broadcast_mul(&profile)?;
            if let Some(bias) = self.biases.get(axis + 1) {
                offset = offset.broadcast_add(&bias.reshape(along(None))?)?;
            }
        }
        Ok(Some(offset))
    }
}

impl Layer for FlattenedLayer {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let mut maps = input.clone();
        for (index, chain) in self.chains.iter().enumerate() {
            let is_last = index + 1 == self.chains.len();
            maps = chain.forward(&maps, self.bias.as_ref().filter(|_| is_last))?;
        }
        Ok(maps)
    }

    fn equivalent_kernel(&self) -> Result<Tensor> {
        let first = &self.chains[0];
        let mut kernel =
            outer_products(&first.lateral, &first.taps)?.reshape(self.shape.kernel_dims())?;
        for chain in &self.chains[1..] {
            // Both filters in one: the flipped filters of the later chain over the earlier kernel between zeros.
            let mut maps = kernel.transpose(0, 1)?;
            for (axis, side) in self.shape.kernel.iter().enumerate() {
                maps = maps.pad_with_zeros(axis + 2, side / 2, side / 2)?;
            }
            let flipped = chain.taps.iter().map(|taps| Ok(taps.flip(&[1])?));
            let flipped = flipped.collect::<Result<Vec<_>>>()?;
            kernel = ops::one_way_filter(&maps, &chain.lateral, &flipped, None, 1)?
                .transpose(0, 1)?
                .contiguous()?;
        }
        Ok(kernel)
    }

    fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }

    fn equivalence(&self) -> Equivalence {
        match (self.chains.len(), self.scheme.inner_bias) {
            (1, false) => Equivalence::Exact,
            (1, true) => Equivalence::Offset,
            _ => Equivalence::Inside(self.shape.kernel.iter().max().map_or(0, |side| side / 2)),
        }
    }

    fn footprint(&self, positions: usize) -> Footprint {
        let chains = self.chains.iter();
        let (mut weights, mut biases) = (0, self.shape.biases());
        for chain in chains {
            weights += chain.lateral.elem_count();
            weights += chain.taps.iter().map(Tensor::elem_count).sum::<usize>();
            biases += chain.biases.iter().map(Tensor::elem_count).sum::<usize>();
        }
        let parameters = weights + biases;
        let real = 8 * self.chains[0].lateral.dtype().size_in_bytes();
        Footprint {
            parameters,
            stored_bits: real * parameters,
            multiply_adds: weights * positions,
        }
    }
}
