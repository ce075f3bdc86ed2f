//! `y_b = r_b·x_b`: every sample of a batch times a number of its own. The gradients are `r_b·g_b` and `Σ g_b·x_b`.

use candle_core::backend::BackendStorage;
use candle_core::{
    CpuStorage, CustomOp2, DType, Layout, Result as Computed, Shape, Tensor, WithDType,
};

use super::element::{Element, slice, with_slice};
use super::on_host;
use crate::pieces::in_pieces;
use crate::{Result, tape};

/// Samples `(B, …)` times factors `(B)`.
///
/// # Errors
/// Whatever candle refuses, for one a number of factors that is not that of the samples.
pub(crate) fn scale_samples(samples: &Tensor, factors: &Tensor) -> Result<Tensor> {
    if on_host(&[Some(samples), Some(factors)]) {
        Ok(tape::apply2(
            &samples.contiguous()?,
            &factors.contiguous()?,
            ScaleSamples,
        )?)
    } else {
        let ones = vec![1; samples.rank().saturating_sub(1)];
        let shape = [&[samples.dim(0)?], ones.as_slice()].concat();
        Ok(samples.broadcast_mul(&factors.reshape(shape)?)?)
    }
}

struct ScaleSamples;

fn scaled<E: Element>(samples: &[E], factors: &[E]) -> Vec<E> {
    let length = (samples.len() / factors.len().max(1)).max(1);
    in_pieces(samples.len(), length, |number, products| {
        let (values, factor) = (&samples[number * length..], factors[number]);
        for (product, &value) in products.iter_mut().zip(values) {
            *product = value * factor;
        }
    })
}

/// Sums over each sample of the products of two batches.
fn contracted<E: Element>(a: &[E], b: &[E], count: usize) -> Vec<E> {
    let length = (a.len() / count.max(1)).max(1);
    let pairs = a.chunks_exact(length).zip(b.chunks_exact(length));
    pairs
        .map(|(a, b)| {
            let products = a.iter().zip(b).map(|(&a, &b)| (a * b).to_f64());
            E::from_f64(products.sum())
        })
        .collect()
}

impl CustomOp2 for ScaleSamples {
    fn name(&self) -> &'static str {
        "scale-samples"
    }

    fn cpu_fwd(
        &self,
        samples: &CpuStorage,
        samples_layout: &Layout,
        factors: &CpuStorage,
        factors_layout: &Layout,
    ) -> Computed<(CpuStorage, Shape)> {
        if samples_layout.dims().first() != Some(&factors_layout.shape().elem_count()) {
            candle_core::bail!(
                "samples {:?} cannot be scaled by factors {:?}",
                samples_layout.dims(),
                factors_layout.dims()
            )
        }
        macro_rules! scale {
            ($real:ty) => {
                <$real>::to_cpu_storage_owned(scaled::<$real>(
                    slice(samples, samples_layout)?,
                    slice(factors, factors_layout)?,
                ))
            };
        }
        let storage = match samples.dtype() {
            DType::F64 => scale!(f64),
            _ => scale!(f32),
        };
        Ok((storage, samples_layout.shape().clone()))
    }

    fn bwd(
        &self,
        samples: &Tensor,
        factors: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Computed<(Option<Tensor>, Option<Tensor>)> {
        let device = gradient.device();
        macro_rules! backward {
            ($real:ty) => {
                with_slice::<$real, _>(gradient, |g| {
                    let of_samples =
                        with_slice::<$real, _>(factors, |factors| Ok(scaled(g, factors)))?;
                    let of_factors = with_slice::<$real, _>(samples, |samples| {
                        Ok(contracted(g, samples, factors.elem_count()))
                    })?;
                    Ok((
                        Tensor::from_vec(of_samples, samples.shape(), device)?,
                        Tensor::from_vec(of_factors, factors.shape(), device)?,
                    ))
                })?
            };
        }
        let (of_samples, of_factors) = match gradient.dtype() {
            DType::F64 => backward!(f64),
            _ => backward!(f32),
        };
        Ok((Some(of_samples), Some(of_factors)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn agrees_with_candles_own_operations_forward_and_backward() {
        let wave = |count: usize, pace: f64| (0..count).map(|n| (n as f64 * pace).sin()).collect();
        let var =
            |values: Vec<f64>, shape: &[usize]| Var::from_vec(values, shape, &Device::Cpu).unwrap();
        let x = var(wave(3 * 2 * 70, 0.1), &[3, 2, 7, 10]);
        let r = var(wave(3, 0.9), &[3]);
        let weights = var(wave(3 * 2 * 70, 0.3), &[3, 2, 7, 10]);
        let run = |y: Tensor| {
            let loss = (&y * weights.as_detached_tensor()).unwrap();
            let store = loss.sum_all().unwrap().backward().unwrap();
            [&y, store.get(&x).unwrap(), store.get(&r).unwrap()]
                .map(|t| t.flatten_all().unwrap().to_vec1::<f64>().unwrap())
        };
        let found = run(scale_samples(&x, &r).unwrap());
        let factors = r.reshape((3, 1, 1, 1)).unwrap();
        let expected = run(x.broadcast_mul(&factors).unwrap());
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found.len(), expected.len());
            for (f, e) in found.iter().zip(expected) {
                assert!((f - e).abs() < 1e-13, "{f} and {e}");
            }
        }
        assert!(scale_samples(&x, &x.flatten_all().unwrap().narrow(0, 0, 2).unwrap()).is_err());
    }
}
