//! Convolution along an axis, `axis.cu`, as an operation of candle's graph. Shapes: maps (B, C, N₁, …), taps (C, d).

use candle_core::cuda_backend::CudaStorage;
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use super::kernel::{Kernel, Number, sliced};
use super::not_here;
use super::program::Source;
use crate::tape;

const SOURCE: Source = Source {
    name: "axis",
    code: include_str!("axis.cu"),
};

/// Convolves every channel of maps with its own taps along one spatial axis.
pub(crate) fn convolution(input: &Tensor, taps: &Tensor, axis: usize) -> Result<Tensor> {
    let operation = Convolution {
        axis,
        input_gradient: input.track_op(),
    };
    tape::apply2(&input.contiguous()?, &taps.contiguous()?, operation)
}

/// Maps as the kernels read them.
struct Sizes {
    images: usize,
    channels: usize,
    map: usize,
    length: usize,
    after: usize,
}

impl Sizes {
    fn of(maps: &[usize], axis: usize) -> Self {
        Self {
            images: maps[0],
            channels: maps[1],
            map: maps[2..].iter().product(),
            length: maps[2 + axis],
            after: maps[3 + axis..].iter().product(),
        }
    }

    /// A kernel of the source, a block a slice; and the number of slices.
    fn kernel<'a>(&self, name: &'a str) -> (Kernel<'a>, usize) {
        let (slices, blocks) = sliced(self.images * self.channels, self.map);
        let kernel = Kernel {
            source: SOURCE,
            name,
            constants: &[],
            blocks,
        };
        (kernel, slices)
    }

    /// What the kernel of the convolution asks for behind its arrays.
    fn numbers(&self, side: usize, reversed: bool, slices: usize) -> [Number; 7] {
        [
            Number::Int(self.channels),
            Number::Int(self.map),
            Number::Int(self.length),
            Number::Int(self.after),
            Number::Int(side),
            Number::Int(usize::from(reversed)),
            Number::Int(slices),
        ]
    }
}

struct Convolution {
    axis: usize,
    input_gradient: bool,
}

impl CustomOp2 for Convolution {
    fn name(&self) -> &'static str {
        "axis-convolution"
    }

    fn cpu_fwd(
        &self,
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
        taps: &CudaStorage,
        taps_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let shape = maps_layout.shape().clone();
        let sizes = Sizes::of(shape.dims(), self.axis);
        let (kernel, slices) = sizes.kernel("axis_convolution");
        let storage = kernel.run(
            shape.elem_count(),
            &[(maps, maps_layout), (taps, taps_layout)],
            &sizes.numbers(taps_layout.dims()[1], false, slices),
        )?;
        Ok((storage, shape))
    }

    fn bwd(
        &self,
        maps: &Tensor,
        taps: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        let (sizes, side) = (Sizes::of(maps.dims(), self.axis), taps.dim(1)?);
        let of_maps = match self.input_gradient {
            true => {
                let (kernel, slices) = sizes.kernel("axis_convolution");
                let numbers = sizes.numbers(side, true, slices);
                Some(kernel.on(maps.shape(), &[&gradient, taps], &numbers)?)
            }
            false => None,
        };
        let (kernel, slices) = sizes.kernel("axis_taps_gradient");
        let parts = kernel.on(
            (sizes.channels, side, sizes.images * slices),
            &[&gradient, maps],
            &[
                Number::Int(sizes.images),
                Number::Int(sizes.channels),
                Number::Int(sizes.map),
                Number::Int(sizes.length),
                Number::Int(sizes.after),
                Number::Int(side),
                Number::Int(slices),
            ],
        )?;
        Ok((of_maps, Some(parts.sum(2)?)))
    }
}
