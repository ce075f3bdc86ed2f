//! The optimiser's two steps in place, `adamw.cu`.

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::PushKernelArg;
use candle_core::cuda_backend::{CudaStorage, WrapErr};
use candle_core::{Layout, Result};

use super::program::Source;
use super::{blocks_over, for_real, grid, places};

const SOURCE: Source = Source {
    name: "adamw",
    code: include_str!("adamw.cu"),
};

/// `m ← keep·m + take·g`, or `g²` where `square` is set; both contiguous and of one length.
pub(crate) fn blend(
    (moment, moment_layout): (&mut CudaStorage, &Layout),
    (gradient, layout): (&CudaStorage, &Layout),
    [keep, take]: [f64; 2],
    square: bool,
) -> Result<()> {
    let device = moment.device().clone();
    let (own, other) = (places(moment_layout)?, places(layout)?);
    let (count, square) = (own.len() as i64, i32::from(square));
    for_real!(moment.dtype(), {
        let function = SOURCE.function::<Real>(&device, "blend", &[])?;
        let launch_config = grid(blocks_over(own.len()))?;
        let g = gradient.as_cuda_slice::<Real>()?.slice(other);
        let mut m = moment.as_cuda_slice_mut::<Real>()?.slice_mut(own);
        let (keep, take) = (keep as Real, take as Real);
        let mut launch = function.builder();
        launch
            .arg(&mut m)
            .arg(&g)
            .arg(&keep)
            .arg(&take)
            .arg(&square)
            .arg(&count);
        // SAFETY: types and sizes are those of the kernel's head.
        unsafe { launch.launch(launch_config) }.w()?;
    });
    Ok(())
}

/// `p ← keep·p − size·m / (root·sqrt(v) + ε)`; all contiguous and of one length.
pub(crate) fn descend(
    (parameter, parameter_layout): (&mut CudaStorage, &Layout),
    (first, first_layout): (&CudaStorage, &Layout),
    (second, second_layout): (&CudaStorage, &Layout),
    [keep, size, root]: [f64; 3],
) -> Result<()> {
    let device = parameter.device().clone();
    let own = places(parameter_layout)?;
    let count = own.len() as i64;
    for_real!(parameter.dtype(), {
        let function = SOURCE.function::<Real>(&device, "descend", &[])?;
        let launch_config = grid(blocks_over(own.len()))?;
        let m = first.as_cuda_slice::<Real>()?.slice(places(first_layout)?);
        let v = second
            .as_cuda_slice::<Real>()?
            .slice(places(second_layout)?);
        let mut p = parameter.as_cuda_slice_mut::<Real>()?.slice_mut(own);
        let (keep, size, root) = (keep as Real, size as Real, root as Real);
        let mut launch = function.builder();
        launch
            .arg(&mut p)
            .arg(&m)
            .arg(&v)
            .arg(&keep)
            .arg(&size)
            .arg(&root)
            .arg(&count);
        // SAFETY: types and sizes are those of the kernel's head.
        unsafe { launch.launch(launch_config) }.w()?;
    });
    Ok(())
}
