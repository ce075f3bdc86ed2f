//! The values of CPU tensors, for the fused kernels.

use super::real::Real;
use candle_core::{CpuStorage, Layout, Result, Storage};

/// The values of a contiguous CPU tensor.
pub(super) fn contiguous<'a, F: Real>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [F]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<F>()?[start..end]),
        None => candle_core::bail!(
            "a fused kernel needs contiguous memory, found strides {:?}",
            layout.stride()
        ),
    }
}

/// [`contiguous`], for a tensor's locked storage.
pub(super) fn on_cpu<'a, F: Real>(storage: &'a Storage, layout: &Layout) -> Result<&'a [F]> {
    match storage {
        Storage::Cpu(storage) => contiguous(storage, layout),
        _ => candle_core::bail!("a fused kernel needs a tensor on the CPU"),
    }
}
