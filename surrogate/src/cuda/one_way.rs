//! The one-way layer, 2-D and 3-D, both forms: `1×1` convolution by cuBLAS, in 3-D the filters along the first axis (`axis.cu`),
//! and all that follows by one kernel (`one_way.cu`).
//!
//! Backward, inner maps behind the first `1×1` convolution are made again. Shapes: maps (B, inner, N₁, …), factors in a row: taps
//! of the last two axes, each (inner, d), and in the `layer` form the outputs (T, inner); bias (T); result (B, T, N₁, …).
//! Longer taps than the kernel's registers hold, and 1-D maps, go by the kernels for one axis each.

use candle_core::cuda_backend::CudaStorage;
use candle_core::{CpuStorage, CustomOp3, D, Layout, Result, Shape, Tensor};

use super::kernel::{Kernel, Number};
use super::product::{channel_sums, outer, product};
use super::program::Source;
use super::row::in_row;
use super::{axis, not_here, serves};
use crate::tape;

const SOURCE: Source = Source {
    name: "one_way",
    code: include_str!("one_way.cu"),
};

/// The longest taps that it takes.
const LONGEST: usize = 15;
/// Rows and columns of a tile, and channels of a block.
const TILE: [usize; 2] = [8, 32];
const WARPS: usize = 8;

/// The layer: input (B, S, N₁, …), channels (inner, S), taps by axis (inner, d), outputs (T, inner), or none where every T inner
/// channels are added to the outputs (form `filter`), bias (T). None where this kernel does not serve.
pub(crate) fn layer(
    input: &Tensor,
    channels: &Tensor,
    taps: &[Tensor],
    mix: Option<&Tensor>,
    outputs: usize,
    bias: Option<&Tensor>,
) -> Result<Option<Tensor>> {
    let (axes, inner) = (taps.len(), channels.dim(0)?);
    let all: Vec<&Tensor> = [input, channels]
        .into_iter()
        .chain(taps)
        .chain(mix)
        .chain(bias)
        .collect();
    let sides: Vec<usize> = taps.iter().map(|taps| taps.dims()[1]).collect();
    if !(2..=3).contains(&axes) || sides.iter().any(|&side| side > LONGEST) || !serves(&all) {
        return Ok(None);
    }
    let mut maps = product(channels, input, None)?;
    let (before, last) = taps.split_at(axes - 2);
    for (place, taps) in before.iter().enumerate() {
        maps = axis::convolution(&maps, taps, place)?;
    }
    let others: Vec<&Tensor> = [&last[1]].into_iter().chain(mix).collect();
    let factors = in_row(&last[0], &others)?;
    let operation = Behind {
        inner,
        outputs,
        sides: [sides[axes - 2], sides[axes - 1]],
        mixes: mix.is_some(),
        bias_gradient: bias.is_some(),
    };
    let bias = match bias {
        Some(bias) => bias.contiguous()?,
        None => Tensor::zeros(outputs, input.dtype(), input.device())?,
    };
    tape::apply3(&maps, &factors, &bias, operation).map(Some)
}

/// What follows the first `1×1` convolution and the filters of a first of three axes.
struct Behind {
    inner: usize,
    outputs: usize,
    /// Of the taps along the last two axes.
    sides: [usize; 2],
    /// Form `layer`; else `filter`.
    mixes: bool,
    bias_gradient: bool,
}

/// Maps as the kernel reads them.
struct Sizes {
    images: usize,
    planes: usize,
    height: usize,
    width: usize,
}

impl Sizes {
    fn of(maps: &[usize]) -> Self {
        let axes = maps.len();
        Self {
            images: maps[0],
            planes: maps[2..axes - 2].iter().product(),
            height: maps[axes - 2],
            width: maps[axes - 1],
        }
    }

    fn tiles(&self) -> usize {
        let [rows, columns] = TILE;
        self.images * self.planes * self.height.div_ceil(rows) * self.width.div_ceil(columns)
    }

    fn numbers(&self) -> [Number; 3] {
        [self.planes, self.height, self.width].map(Number::Int)
    }
}

impl Behind {
    /// Outputs that a block makes of mixed channels: the fewest that leave none out, up to what registers hold.
    fn outputs_of_block(&self) -> usize {
        match self.outputs {
            0..=16 => 16,
            17..=32 => 32,
            _ => 64,
        }
    }

    fn constants(&self) -> [(&'static str, usize); 3] {
        [
            ("VERTICAL", self.sides[0]),
            ("HORIZONTAL", self.sides[1]),
            ("OUTPUTS", self.outputs_of_block()),
        ]
    }

    /// Where the outputs begin in the row of factors.
    fn taps(&self) -> usize {
        self.inner * (self.sides[0] + self.sides[1])
    }

    /// The gradients of the maps and of the factors, from that of the result.
    fn backward(
        &self,
        maps: &Tensor,
        factors: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Tensor, Tensor)> {
        let (sizes, values) = (Sizes::of(maps.dims()), maps.elem_count());
        let (tiles, taps) = (sizes.tiles(), self.taps());
        // the gradient of the filtered maps: in the `filter` form that of the output they are added to
        let (behind, channels) = match self.mixes {
            true => {
                let mix = factors.narrow(0, taps, self.outputs * self.inner)?;
                let mix = mix.reshape((self.outputs, self.inner))?.t()?;
                (product(&mix.detach(), gradient, None)?, self.inner)
            }
            false => (gradient.clone(), self.outputs),
        };
        let kept = 1 + usize::from(self.mixes);
        let kernel = Kernel {
            source: SOURCE,
            name: "one_way_backward",
            constants: &self.constants(),
            blocks: tiles * self.inner.div_ceil(WARPS),
        };
        let numbers = [
            &[Number::Int(self.inner), Number::Int(channels)],
            sizes.numbers().as_slice(),
            &[
                Number::Int(usize::from(self.mixes)),
                Number::Long(values),
                Number::Long(tiles),
            ],
        ]
        .concat();
        let all = kernel.on(
            kept * values + taps * tiles,
            &[maps, &behind, factors],
            &numbers,
        )?;
        let part = |number: usize| {
            all.narrow(0, number * values, values)?
                .reshape(maps.shape())
        };
        let sums = all.narrow(0, kept * values, taps * tiles)?;
        let of_taps = sums.reshape((taps, tiles))?.sum(D::Minus1)?;
        let of_factors = match self.mixes {
            true => {
                let of_mix = outer(gradient, &part(1)?)?.flatten_all()?;
                Tensor::cat(&[&of_taps, &of_mix], 0)?
            }
            false => of_taps,
        };
        Ok((part(0)?, of_factors))
    }
}

impl CustomOp3 for Behind {
    fn name(&self) -> &'static str {
        "one-way-layer"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        not_here()
    }

    fn cuda_fwd(
        &self,
        maps: &CudaStorage,
        maps_layout: &Layout,
        factors: &CudaStorage,
        factors_layout: &Layout,
        bias: &CudaStorage,
        bias_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let mut shape = maps_layout.dims().to_vec();
        let sizes = Sizes::of(&shape);
        shape[1] = self.outputs;
        let shape = Shape::from(shape);
        let (name, of_block) = match self.mixes {
            true => ("one_way_layer", self.outputs_of_block()),
            false => ("one_way_filter", WARPS),
        };
        let kernel = Kernel {
            source: SOURCE,
            name,
            constants: &self.constants(),
            blocks: sizes.tiles() * self.outputs.div_ceil(of_block),
        };
        let storage = kernel.run(
            shape.elem_count(),
            &[
                (maps, maps_layout),
                (factors, factors_layout),
                (bias, bias_layout),
            ],
            &[
                &[Number::Int(self.inner), Number::Int(self.outputs)],
                sizes.numbers().as_slice(),
            ]
            .concat(),
        )?;
        Ok((storage, shape))
    }

    fn bwd(
        &self,
        maps: &Tensor,
        factors: &Tensor,
        _: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        let (of_maps, of_factors) = self.backward(maps, factors, &gradient)?;
        let of_bias = match self.bias_gradient {
            true => Some(channel_sums(&gradient)?),
            false => None,
        };
        Ok((Some(of_maps), Some(of_factors), of_bias))
    }
}
