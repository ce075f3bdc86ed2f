//! Group normalisation with the activation behind it, and activations alone, `norm.cu`, as operations of candle's graph.
//!
//! Shapes: maps (B, C, …), scale and shift (C). The moments of the groups, (B·groups, 2), are kept for the backward pass.

use candle_core::cuda_backend::CudaStorage;
use candle_core::{CpuStorage, CustomOp1, CustomOp3, Layout, Result, Shape, Storage, Tensor};

use super::kernel::{Kernel, Number, sliced};
use super::not_here;
use super::program::Source;
use crate::network::Activation;
use crate::tape;

const SOURCE: Source = Source {
    name: "norm",
    code: include_str!("norm.cu"),
};

/// The number of an activation in the source.
fn number(activation: Activation) -> usize {
    match activation {
        Activation::Gelu => 0,
        Activation::Silu => 1,
        Activation::Relu | Activation::NoisyRelu => 2,
        Activation::Binary => 3,
        Activation::Identity => 4,
    }
}

/// `act(group_norm(input))`; the groups divide the channels.
pub(crate) fn normalise_and_activate(
    input: &Tensor,
    scale: &Tensor,
    shift: &Tensor,
    groups: usize,
    activation: Activation,
) -> Result<Tensor> {
    let input = input.contiguous()?;
    let sizes = Sizes::of(input.dims(), groups)?;
    let constants = [("ACTIVATION", number(activation))];
    let operation = Normalised {
        moments: sizes.moments(&input.detach(), &constants)?,
        sizes,
        constants,
    };
    tape::apply3(
        &input,
        &scale.contiguous()?,
        &shift.contiguous()?,
        operation,
    )
}

/// `act(input)`.
pub(crate) fn activate(input: &Tensor, activation: Activation) -> Result<Tensor> {
    let operation = Activated([("ACTIVATION", number(activation))]);
    tape::apply1(&input.contiguous()?, operation)
}

type Constants = [(&'static str, usize); 1];

/// Maps as the kernels read them.
#[derive(Clone, Copy)]
struct Sizes {
    samples: usize,
    channels: usize,
    groups: usize,
    /// Values of a channel of a sample.
    plane: usize,
}

impl Sizes {
    fn of(maps: &[usize], groups: usize) -> Result<Self> {
        let [samples, channels, ..] = *maps else {
            candle_core::bail!("group norm needs (B, C, …), found shape {maps:?}")
        };
        if groups == 0 || !channels.is_multiple_of(groups) {
            candle_core::bail!("{groups} groups do not divide {channels} channels")
        }
        Ok(Self {
            samples,
            channels,
            groups,
            plane: maps[2..].iter().product(),
        })
    }

    /// Channels of a group.
    fn together(&self) -> usize {
        self.channels / self.groups
    }

    /// Slices of a plane, and blocks for all.
    fn planes(&self) -> (usize, usize) {
        sliced(self.samples * self.channels, self.plane)
    }

    /// What the kernels by planes ask for behind their arrays.
    fn numbers(&self) -> [Number; 4] {
        let (slices, _) = self.planes();
        [self.channels, self.together(), self.plane, slices].map(Number::Int)
    }

    /// Mean and reciprocal deviation of every group: (B·groups, 2).
    fn moments(&self, input: &Tensor, constants: &Constants) -> Result<Tensor> {
        let (groups, group) = (self.samples * self.groups, self.together() * self.plane);
        let (slices, blocks) = sliced(groups, group);
        let kernel = |name, blocks| Kernel {
            source: SOURCE,
            name,
            constants,
            blocks,
        };
        let numbers = [Number::Long(group), Number::Int(slices)];
        let parts = kernel("norm_slices", blocks).on((blocks, 2), &[input], &numbers)?;
        kernel("norm_moments", groups).on((groups, 2), &[&parts], &numbers)
    }
}

struct Normalised {
    sizes: Sizes,
    moments: Tensor,
    constants: Constants,
}

impl Normalised {
    /// A kernel with a block a slice of a plane.
    fn kernel<'a>(&'a self, name: &'a str) -> Kernel<'a> {
        Kernel {
            source: SOURCE,
            name,
            constants: &self.constants,
            blocks: self.sizes.planes().1,
        }
    }
}

impl CustomOp3 for Normalised {
    fn name(&self) -> &'static str {
        "norm-activation"
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
        input: &CudaStorage,
        input_layout: &Layout,
        scale: &CudaStorage,
        scale_layout: &Layout,
        shift: &CudaStorage,
        shift_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let (guard, moments_layout) = self.moments.storage_and_layout();
        let Storage::Cuda(moments) = &*guard else {
            return not_here();
        };
        let arrays = [
            (input, input_layout),
            (moments, moments_layout),
            (scale, scale_layout),
            (shift, shift_layout),
        ];
        let shape = input_layout.shape().clone();
        let kernel = self.kernel("norm_forward");
        let storage = kernel.run(shape.elem_count(), &arrays, &self.sizes.numbers())?;
        Ok((storage, shape))
    }

    fn bwd(
        &self,
        input: &Tensor,
        scale: &Tensor,
        shift: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (sizes, moments) = (self.sizes, &self.moments);
        let (numbers, gradient) = (sizes.numbers(), gradient.contiguous()?);
        let (slices, blocks) = sizes.planes();
        let arrays = [input, &gradient, moments, scale, shift];
        let sums = self
            .kernel("norm_sums")
            .on((blocks, 2), &arrays, &numbers)?;
        let groups = sizes.samples * sizes.groups;
        let means = Kernel {
            blocks: groups,
            ..self.kernel("norm_means")
        };
        let means = means.on((groups, 2), &[&sums, scale], &numbers)?;
        let arrays = [input, &gradient, moments, &means, scale, shift];
        let of_input = self
            .kernel("norm_backward")
            .on(input.shape(), &arrays, &numbers)?;
        let of_weights = sums
            .reshape((sizes.samples, sizes.channels, slices, 2))?
            .sum(2)?
            .sum(0)?;
        let column = |n: usize| {
            of_weights
                .narrow(1, n, 1)?
                .force_contiguous()?
                .flatten_all()
        };
        Ok((Some(of_input), Some(column(0)?), Some(column(1)?)))
    }
}

/// An activation alone.
struct Activated(Constants);

impl Activated {
    fn kernel<'a>(&'a self, name: &'a str, count: usize) -> Kernel<'a> {
        Kernel {
            source: SOURCE,
            name,
            constants: &self.0,
            blocks: super::blocks_over(count),
        }
    }
}

impl CustomOp1 for Activated {
    fn name(&self) -> &'static str {
        "activation"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        not_here()
    }

    fn cuda_fwd(&self, input: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let (shape, count) = (layout.shape().clone(), layout.shape().elem_count());
        let kernel = self.kernel("activate", count);
        let storage = kernel.run(count, &[(input, layout)], &[Number::Long(count)])?;
        Ok((storage, shape))
    }

    fn bwd(&self, input: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let (gradient, count) = (gradient.contiguous()?, input.elem_count());
        let kernel = self.kernel("activate_backward", count);
        let arrays = [input, &gradient];
        Ok(Some(kernel.on(
            input.shape(),
            &arrays,
            &[Number::Long(count)],
        )?))
    }
}
