//! `y = a + s·b` for maps of one shape, what joins the blocks of a residual network. The gradients are `g` and `s·g`.

use candle_core::backend::BackendStorage;
use candle_core::{
    CpuStorage, CustomOp2, DType, Layout, Result as Computed, Shape, Tensor, WithDType,
};

use super::element::{Element, slice, with_slice};
use super::on_host;
use crate::pieces::in_pieces;
use crate::simd::vectorised;
use crate::{Result, tape};

/// Values per parallel piece.
const BLOCK: usize = 1 << 14;

/// `a + scale·b`.
///
/// # Errors
/// Whatever candle refuses, for one shapes that differ.
pub(crate) fn add_scaled(a: &Tensor, b: &Tensor, scale: f64) -> Result<Tensor> {
    if on_host(&[Some(a), Some(b)]) {
        let operation = AddScaled(scale);
        Ok(tape::apply2(&a.contiguous()?, &b.contiguous()?, operation)?)
    } else {
        Ok((a + (b * scale)?)?)
    }
}

struct AddScaled(f64);

fn add<E: Element>(a: &[E], b: &[E], scale: E) -> Vec<E> {
    in_pieces(a.len(), BLOCK, |piece, sums| {
        let (start, length) = (piece * BLOCK, sums.len());
        let (a, b) = (&a[start..][..length], &b[start..][..length]);
        vectorised(
            #[inline(always)]
            || {
                for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
                    *sum = a + b * scale;
                }
            },
        );
    })
}

fn scaled<E: Element>(values: &[E], scale: E) -> Vec<E> {
    in_pieces(values.len(), BLOCK, |piece, products| {
        let values = &values[piece * BLOCK..][..products.len()];
        for (product, &value) in products.iter_mut().zip(values) {
            *product = value * scale;
        }
    })
}

impl CustomOp2 for AddScaled {
    fn name(&self) -> &'static str {
        "add-scaled"
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> Computed<(CpuStorage, Shape)> {
        if a_layout.dims() != b_layout.dims() {
            candle_core::bail!(
                "maps {:?} cannot be added to maps {:?}",
                b_layout.dims(),
                a_layout.dims()
            )
        }
        macro_rules! add {
            ($real:ty) => {
                <$real>::to_cpu_storage_owned(add::<$real>(
                    slice(a, a_layout)?,
                    slice(b, b_layout)?,
                    self.0 as $real,
                ))
            };
        }
        let storage = match a.dtype() {
            DType::F64 => add!(f64),
            _ => add!(f32),
        };
        Ok((storage, a_layout.shape().clone()))
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Computed<(Option<Tensor>, Option<Tensor>)> {
        macro_rules! scaled {
            ($real:ty) => {
                with_slice::<$real, _>(gradient, |g| Ok(scaled(g, self.0 as $real)))
                    .and_then(|g| Tensor::from_vec(g, gradient.shape(), gradient.device()))?
            };
        }
        let of_b = match gradient.dtype() {
            DType::F64 => scaled!(f64),
            _ => scaled!(f32),
        };
        Ok((Some(gradient.clone()), Some(of_b)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn agrees_with_candles_own_operations_forward_and_backward() {
        let wave = |pace: f64| (0..40_000).map(|n| (n as f64 * pace).sin()).collect();
        let var = |values: Vec<f64>| Var::from_vec(values, (4, 10_000), &Device::Cpu).unwrap();
        let (a, b, weights) = (var(wave(0.1)), var(wave(0.2)), var(wave(0.3)));
        let run = |y: Tensor| {
            let loss = (&y * weights.as_detached_tensor()).unwrap();
            let store = loss.sum_all().unwrap().backward().unwrap();
            [&y, store.get(&a).unwrap(), store.get(&b).unwrap()]
                .map(|t| t.flatten_all().unwrap().to_vec1::<f64>().unwrap())
        };
        let found = run(add_scaled(&a, &b, 0.4).unwrap());
        let expected = run((a.as_tensor() + (b.as_tensor() * 0.4).unwrap()).unwrap());
        for (found, expected) in found.iter().zip(&expected) {
            for (f, e) in found.iter().zip(expected) {
                assert!((f - e).abs() < 1e-14, "{f} and {e}");
            }
        }
        let wrong = a.narrow(1, 0, 3).unwrap();
        assert!(add_scaled(&a, &wrong, 1.0).is_err());
    }
}
