//! Convolution along an axis, `axis.cu`, as an operation of candle's graph. Shapes: maps (B, C, N₁, …), taps (C, d).

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::{LaunchConfig, PushKernelArg};
use candle_core::cuda_backend::{CudaStorage, WrapErr};
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use super::program::Source;
use super::{THREADS, for_real, int, not_here, over, places};
use crate::tape;

const SOURCE: Source = Source {
    name: "axis",
    code: include_str!("axis.cu"),
};

/// Convolves every channel of maps with its own taps along one spatial axis.
pub(crate) fn convolution(input: &Tensor, taps: &Tensor, axis: usize) -> Result<Tensor> {
    let operation = Convolution {
        axis,
        reversed: false,
        input_gradient: input.track_op(),
    };
    tape::apply2(&input.contiguous()?, &taps.contiguous()?, operation)
}

/// Maps as the kernels read them.
struct Sizes {
    images: i32,
    channels: i32,
    before: i32,
    length: i32,
    after: i32,
}

impl Sizes {
    fn of(maps: &[usize], axis: usize) -> Result<Self> {
        Ok(Self {
            images: int(maps[0])?,
            channels: int(maps[1])?,
            before: int(maps[2..2 + axis].iter().product())?,
            length: int(maps[2 + axis])?,
            after: int(maps[3 + axis..].iter().product())?,
        })
    }
}

struct Convolution {
    axis: usize,
    /// With the taps in reverse: the gradient of the input from that of the output.
    reversed: bool,
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
        let device = maps.device().clone();
        let shape = maps_layout.shape().clone();
        let sizes = Sizes::of(shape.dims(), self.axis)?;
        let (side, reversed) = (int(taps_layout.dims()[1])?, i32::from(self.reversed));
        let (count, values) = (shape.elem_count() as i64, shape.elem_count());
        let storage = for_real!(maps.dtype(), {
            let function = SOURCE.function::<Real>(&device, "axis_convolution")?;
            let x = maps.as_cuda_slice::<Real>()?.slice(places(maps_layout)?);
            let w = taps.as_cuda_slice::<Real>()?.slice(places(taps_layout)?);
            // SAFETY: the kernel writes every value.
            let mut y = unsafe { device.alloc::<Real>(values)? };
            let mut launch = function.builder();
            launch.arg(&mut y).arg(&x).arg(&w);
            launch
                .arg(&sizes.channels)
                .arg(&sizes.before)
                .arg(&sizes.length);
            launch
                .arg(&sizes.after)
                .arg(&side)
                .arg(&reversed)
                .arg(&count);
            // SAFETY: types and sizes are those of the kernel's head.
            unsafe { launch.launch(over(values)) }.w()?;
            CudaStorage::wrap_cuda_slice(y, device)
        });
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
        let of_maps = match self.input_gradient {
            true => {
                let adjoint = Self {
                    axis: self.axis,
                    reversed: true,
                    input_gradient: false,
                };
                Some(gradient.apply_op2_no_bwd(taps, &adjoint)?)
            }
            false => None,
        };
        let operation = TapsGradient {
            axis: self.axis,
            side: taps.dim(1)?,
        };
        let of_taps = gradient.apply_op2_no_bwd(&maps.contiguous()?, &operation)?;
        Ok((of_maps, Some(of_taps)))
    }
}

/// The gradient of the taps (C, d), from that of the output and the input.
struct TapsGradient {
    axis: usize,
    side: usize,
}

impl CustomOp2 for TapsGradient {
    fn name(&self) -> &'static str {
        "axis-taps-gradient"
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
        gradient: &CudaStorage,
        gradient_layout: &Layout,
        maps: &CudaStorage,
        maps_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let device = maps.device().clone();
        let sizes = Sizes::of(maps_layout.dims(), self.axis)?;
        let shape = Shape::from((maps_layout.dims()[1], self.side));
        let (side, blocks) = (int(self.side)?, int(shape.elem_count())?);
        let launch_config = LaunchConfig {
            grid_dim: (blocks.unsigned_abs(), 1, 1),
            block_dim: (THREADS, 1, 1),
            shared_mem_bytes: 0,
        };
        let storage = for_real!(maps.dtype(), {
            let function = SOURCE.function::<Real>(&device, "axis_taps_gradient")?;
            let g = gradient
                .as_cuda_slice::<Real>()?
                .slice(places(gradient_layout)?);
            let x = maps.as_cuda_slice::<Real>()?.slice(places(maps_layout)?);
            // SAFETY: the kernel writes every value.
            let mut s = unsafe { device.alloc::<Real>(shape.elem_count())? };
            let mut launch = function.builder();
            launch.arg(&mut s).arg(&g).arg(&x).arg(&sizes.images);
            launch
                .arg(&sizes.channels)
                .arg(&sizes.before)
                .arg(&sizes.length);
            launch.arg(&sizes.after).arg(&side);
            // SAFETY: types and sizes are those of the kernel's head; one block a tap.
            unsafe { launch.launch(launch_config) }.w()?;
            CudaStorage::wrap_cuda_slice(s, device)
        });
        Ok((storage, shape))
    }
}
