//! Maps plus one map that all samples share: `y[b] = x[b] + o`. The gradient of `o` is the sum over the samples.
//!
//! candle's broadcast addition computes the same; its gradient walks the batch element by element.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp2, DType, Layout, Shape, Tensor, WithDType};
use rayon::prelude::*;

use super::element::{Element, slice, with_slice};
use super::on_host;
use crate::simd::vectorised;
use crate::{Result, tape};

/// Positions per parallel piece.
const BLOCK: usize = 1 << 13;

/// Adds `offset` (1, C, N₁, …) to every sample of `maps` (B, C, N₁, …).
///
/// # Errors
/// Whatever candle refuses, for one shapes that do not fit.
pub(crate) fn add_offset(maps: &Tensor, offset: &Tensor) -> Result<Tensor> {
    if on_host(&[Some(maps), Some(offset)]) && maps.elem_count() > 0 {
        Ok(tape::apply2(
            &maps.contiguous()?,
            &offset.contiguous()?,
            AddOffset,
        )?)
    } else {
        Ok(maps.broadcast_add(&offset.to_dtype(maps.dtype())?)?)
    }
}

/// [`add_offset`] as an operation of candle's graph.
struct AddOffset;

fn add<E: Element>(maps: &[E], offset: &[E]) -> Vec<E> {
    let mut output = maps.to_vec();
    for sample in output.chunks_mut(offset.len()) {
        sample
            .par_chunks_mut(BLOCK)
            .zip(offset.par_chunks(BLOCK))
            .for_each(|(sample, offset)| accumulate(sample, offset));
    }
    output
}

/// The sum over the samples, in their order.
fn sum_samples<E: Element>(gradient: &[E], length: usize) -> Vec<E> {
    let mut sums = vec![E::default(); length];
    sums.par_chunks_mut(BLOCK)
        .enumerate()
        .for_each(|(block, sums)| {
            for sample in gradient.chunks_exact(length) {
                let part = &sample[block * BLOCK..][..sums.len()];
                accumulate(sums, part);
            }
        });
    sums
}

fn accumulate<E: Element>(sums: &mut [E], values: &[E]) {
    vectorised(
        #[inline(always)]
        || {
            for (sum, &value) in sums.iter_mut().zip(values) {
                *sum += value;
            }
        },
    );
}

impl CustomOp2 for AddOffset {
    fn name(&self) -> &'static str {
        "add-offset"
    }

    fn cpu_fwd(
        &self,
        maps: &CpuStorage,
        maps_layout: &Layout,
        offset: &CpuStorage,
        offset_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let (given, expected) = (offset_layout.dims(), maps_layout.dims());
        if given.first() != Some(&1) || given.get(1..) != expected.get(1..) {
            candle_core::bail!("an offset for maps {expected:?} was given as {given:?}")
        }
        macro_rules! add {
            ($real:ty) => {
                <$real>::to_cpu_storage_owned(add::<$real>(
                    slice(maps, maps_layout)?,
                    slice(offset, offset_layout)?,
                ))
            };
        }
        let storage = match maps.dtype() {
            DType::F64 => add!(f64),
            _ => add!(f32),
        };
        Ok((storage, maps_layout.shape().clone()))
    }

    fn bwd(
        &self,
        _: &Tensor,
        offset: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let length = offset.elem_count();
        macro_rules! sum {
            ($real:ty) => {{
                let sums = with_slice::<$real, _>(gradient, |g| Ok(sum_samples(g, length)))?;
                Tensor::from_vec(sums, offset.shape(), offset.device())?
            }};
        }
        let sums = match gradient.dtype() {
            DType::F64 => sum!(f64),
            _ => sum!(f32),
        };
        Ok((Some(gradient.clone()), Some(sums)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn agrees_with_candles_broadcast_forward_and_backward() {
        let map = |count: usize, step: f64| {
            let values: Vec<f64> = (0..count).map(|n| (n as f64 * step).sin()).collect();
            Tensor::from_vec(values, count, &Device::Cpu).unwrap()
        };
        let shape = (3, 5, 41, 53);
        let x = Var::from_tensor(&map(3 * 5 * 41 * 53, 0.3).reshape(shape).unwrap()).unwrap();
        let o = Var::from_tensor(&map(5 * 41 * 53, 0.7).reshape((1, 5, 41, 53)).unwrap()).unwrap();
        let weights = map(3 * 5 * 41 * 53, 0.9).reshape(shape).unwrap();
        let run = |y: Tensor| {
            let gradients = (&y * &weights).unwrap().sum_all().unwrap().backward();
            let gradients = gradients.unwrap();
            let parts = [&y, gradients.get(&x).unwrap(), gradients.get(&o).unwrap()];
            parts.map(|part| part.flatten_all().unwrap().to_vec1::<f64>().unwrap())
        };
        let found = run(add_offset(&x, &o).unwrap());
        let expected = run(x.broadcast_add(&o).unwrap());
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found.len(), expected.len());
            for (a, b) in found.iter().zip(expected) {
                assert!((a - b).abs() < 1e-14, "{a} and {b}");
            }
        }
        assert!(add_offset(&x, &o.narrow(2, 0, 40).unwrap()).is_err());
    }
}
