//! Factors one after another in a row, since an operation of candle's takes no more than three arguments.

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::{CudaStorage, WrapErr};
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use super::{for_real, not_here, places};
use crate::tape;

/// All values of `first` and of the others in a row.
pub(super) fn in_row(first: &Tensor, others: &[&Tensor]) -> Result<Tensor> {
    let mut row = first.contiguous()?;
    for tensor in others {
        row = tape::apply2(&row, &tensor.contiguous()?, Row)?;
    }
    Ok(row)
}

/// The values of two tensors one after another.
struct Row;

impl CustomOp2 for Row {
    fn name(&self) -> &'static str {
        "row"
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
        a: &CudaStorage,
        a_layout: &Layout,
        b: &CudaStorage,
        b_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let device = a.device().clone();
        let middle = a_layout.shape().elem_count();
        let length = middle + b_layout.shape().elem_count();
        let storage = for_real!(a.dtype(), {
            let first = a.as_cuda_slice::<Real>()?.slice(places(a_layout)?);
            let second = b.as_cuda_slice::<Real>()?.slice(places(b_layout)?);
            // SAFETY: both parts are written here.
            let mut row = unsafe { device.alloc::<Real>(length)? };
            let stream = device.cuda_stream();
            stream
                .memcpy_dtod(&first, &mut row.slice_mut(..middle))
                .w()?;
            stream
                .memcpy_dtod(&second, &mut row.slice_mut(middle..))
                .w()?;
            CudaStorage::wrap_cuda_slice(row, device)
        });
        Ok((storage, length.into()))
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let part = |start: usize, of: &Tensor| -> Result<Option<Tensor>> {
            let values = gradient.narrow(0, start, of.elem_count())?;
            Ok(Some(values.force_contiguous()?.reshape(of.shape())?))
        };
        Ok((part(0, a)?, part(a.elem_count(), b)?))
    }
}
