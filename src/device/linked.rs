//! The GPU of a program that is linked with CUDA's libraries.

use candle_core::Device;
use candle_core::cuda_backend::cudarc::driver::CudaContext;

use super::{check_index, missing};

/// Opens the GPU of this number.
pub(super) fn open(name: &str, index: usize) -> anyhow::Result<Device> {
    let count = CudaContext::device_count().map_err(|error| {
        missing(
            name,
            format!("NVIDIA's driver cannot be used ({error}); see whether `nvidia-smi` runs"),
        )
    })?;
    check_index(name, index, usize::try_from(count).unwrap_or(0))?;
    Device::new_cuda(index).map_err(|error| {
        missing(
            name,
            format!(
                "the GPU cannot be opened ({error}); see in `nvidia-smi` whether others fill it"
            ),
        )
    })
}
