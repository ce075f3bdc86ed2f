//! This crate's own kernels for GPUs of NVIDIA: their sources are `cuda/*.cu`, with the maths in their heads; here they are
//! compiled, launched, and made operations of candle's graph.
//!
//! They stand in for compositions of candle's operations that go through memory once per tap or once per operation: the one-way
//! layer, convolution along an axis, the neighbours of every point as columns of a matrix that cuBLAS multiplies, group norm with
//! its activation, and the optimiser's two steps in place. f32 and f64; bf16 goes by candle's operations.
//! `tests/cuda_kernels/` runs the same sources on the processor against slow references.

mod axis;
mod columns;
mod kernel;
mod norm;
mod one_way;
mod optimiser;
mod product;
mod program;
mod row;

use candle_core::cuda_backend::cudarc::driver::LaunchConfig;
use candle_core::{DType, Layout, Result, Tensor};

pub(crate) use axis::convolution as axis_convolution;
pub(crate) use columns::convolution;
pub(crate) use norm::{activate, normalise_and_activate};
pub(crate) use one_way::layer as one_way_layer;
pub(crate) use optimiser::{blend, descend};

/// Whether the kernels can take these tensors: on one GPU, all f32 or all f64.
pub(crate) fn serves(tensors: &[&Tensor]) -> bool {
    let Some(first) = tensors.first() else {
        return false;
    };
    matches!(first.dtype(), DType::F32 | DType::F64)
        && first.device().is_cuda()
        && first.elem_count() > 0
        && tensors
            .iter()
            .all(|t| t.dtype() == first.dtype() && t.device().same_device(first.device()))
}

/// Threads of a block.
const THREADS: u32 = 256;
/// Blocks of a launch at most: enough to fill any card; threads go on to further values.
const MOST_BLOCKS: usize = 1 << 16;

/// Blocks for one thread a value, or fewer that go on.
fn blocks_over(count: usize) -> usize {
    count.div_ceil(THREADS as usize).clamp(1, MOST_BLOCKS)
}

/// A launch of so many blocks.
fn grid(blocks: usize) -> Result<LaunchConfig> {
    // a grid has 2³¹ − 1 blocks at most
    let blocks = int(blocks)?;
    Ok(LaunchConfig {
        grid_dim: (blocks.unsigned_abs(), 1, 1),
        block_dim: (THREADS, 1, 1),
        shared_mem_bytes: 0,
    })
}

/// Where a contiguous tensor lies in its storage.
fn places(layout: &Layout) -> Result<std::ops::Range<usize>> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(start..end),
        None => candle_core::bail!(
            "a CUDA kernel needs contiguous memory, found strides {:?}",
            layout.stride()
        ),
    }
}

/// A size as a kernel takes it.
fn int(size: usize) -> Result<i32> {
    i32::try_from(size).map_err(|_| {
        candle_core::Error::Msg(format!(
            "maps are too large for a GPU's kernel: found a size of {size}, at most {}; use a smaller batch or grid",
            i32::MAX
        ))
        .bt()
    })
}

/// What an operation of this module says on the host.
fn not_here<T>() -> Result<T> {
    candle_core::bail!("a CUDA kernel was given a tensor of the host")
}

/// Does work for the float type of a tensor, named `Real` in it.
macro_rules! for_real {
    ($dtype:expr, $work:block) => {
        match $dtype {
            candle_core::DType::F32 => {
                type Real = f32;
                $work
            }
            candle_core::DType::F64 => {
                type Real = f64;
                $work
            }
            other => candle_core::bail!("a CUDA kernel takes f32 or f64, found {other:?}"),
        }
    };
}
use for_real;
