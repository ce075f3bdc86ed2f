//! Tensors one after another in a row, for operations that take no more than three arguments.
//!
//! candle's own concatenation has a gradient too; here it is two copies on the [`tape`](crate::tape) instead of a walk through
//! candle's graph for every layer.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp2, DType, Layout, Result, Shape, Tensor};

use super::element::{Element, slice};
use crate::tape;

/// All values of `first` and of the others in a row; all f32 or all f64, on the host.
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
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<E: Element>(
            (a, a_layout): (&CpuStorage, &Layout),
            (b, b_layout): (&CpuStorage, &Layout),
        ) -> Result<CpuStorage> {
            let values = [slice::<E>(a, a_layout)?, slice::<E>(b, b_layout)?].concat();
            Ok(E::to_cpu_storage_owned(values))
        }
        let length = a_layout.shape().elem_count() + b_layout.shape().elem_count();
        let storage = match a.dtype() {
            DType::F64 => run::<f64>((a, a_layout), (b, b_layout))?,
            _ => run::<f32>((a, a_layout), (b, b_layout))?,
        };
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
