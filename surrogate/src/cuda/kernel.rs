//! A launch: a function of a source, the array that it writes, the arrays that it reads, and numbers.
//!
//! Every kernel of this crate that is not in place takes its arguments in that order; results are fresh, and written whole.

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::{CudaView, PushKernelArg};
use candle_core::cuda_backend::{CudaStorage, WrapErr};
use candle_core::op::BackpropOp;
use candle_core::{Layout, Result, Shape, Storage, Tensor};

use super::program::{Float, Source};
use super::{for_real, grid, int, not_here, places};

/// Values of a map that a block works through: `SLICE` in the sources.
pub(super) const SLICE: usize = 4096;

/// Blocks for slices of maps: (slices of each, blocks of all).
pub(super) fn sliced(maps: usize, map: usize) -> (usize, usize) {
    let slices = map.div_ceil(SLICE);
    (slices, maps * slices)
}

/// A number among a kernel's arguments.
#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    /// `int`.
    Int(usize),
    /// `long long`.
    Long(usize),
}

/// A kernel and how it is launched: blocks of 256 threads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kernel<'a> {
    pub(super) source: Source,
    pub(super) name: &'a str,
    /// Constants that it is compiled with, beside the type.
    pub(super) constants: &'a [(&'static str, usize)],
    pub(super) blocks: usize,
}

impl Kernel<'_> {
    /// Runs it on storages of one device and type; the result has `count` values.
    pub(super) fn run(
        &self,
        count: usize,
        arrays: &[(&CudaStorage, &Layout)],
        numbers: &[Number],
    ) -> Result<CudaStorage> {
        let Some((first, _)) = arrays.first() else {
            candle_core::bail!("the CUDA kernel {} was given no maps", self.name)
        };
        let device = first.device().clone();
        Ok(for_real!(first.dtype(), {
            let function = self
                .source
                .function::<Real>(&device, self.name, self.constants)?;
            let views = views::<Real>(arrays)?;
            let numbers = numbers
                .iter()
                .map(Held::of)
                .collect::<Result<Vec<Held>>>()?;
            // SAFETY: the kernel writes every value.
            let mut result = unsafe { device.alloc::<Real>(count)? };
            let mut launch = function.builder();
            launch.arg(&mut result);
            for view in &views {
                launch.arg(view);
            }
            for number in &numbers {
                match number {
                    Held::Int(value) => launch.arg(value),
                    Held::Long(value) => launch.arg(value),
                };
            }
            // SAFETY: callers name arrays and numbers as the kernel's source does, with the sizes that it asks for.
            unsafe { launch.launch(grid(self.blocks)?) }.w()?;
            CudaStorage::wrap_cuda_slice(result, device)
        }))
    }

    /// The same on contiguous tensors, without a gradient.
    pub(super) fn on(
        &self,
        shape: impl Into<Shape>,
        tensors: &[&Tensor],
        numbers: &[Number],
    ) -> Result<Tensor> {
        let shape = shape.into();
        let guards: Vec<_> = tensors.iter().map(|t| t.storage_and_layout()).collect();
        let mut arrays = Vec::with_capacity(guards.len());
        for (guard, layout) in &guards {
            match &**guard {
                Storage::Cuda(storage) => arrays.push((storage, *layout)),
                _ => return not_here(),
            }
        }
        let result = self.run(shape.elem_count(), &arrays, numbers)?;
        Ok(Tensor::from_storage(
            Storage::Cuda(result),
            shape,
            BackpropOp::none(),
            false,
        ))
    }
}

/// A number as the kernel takes it.
enum Held {
    Int(i32),
    Long(i64),
}

impl Held {
    fn of(number: &Number) -> Result<Self> {
        Ok(match *number {
            Number::Int(value) => Self::Int(int(value)?),
            Number::Long(value) => Self::Long(value as i64),
        })
    }
}

fn views<'a, F: Float>(arrays: &[(&'a CudaStorage, &Layout)]) -> Result<Vec<CudaView<'a, F>>> {
    let view = |(storage, layout): &(&'a CudaStorage, &Layout)| {
        Ok(storage.as_cuda_slice::<F>()?.slice(places(layout)?))
    };
    arrays.iter().map(view).collect()
}
