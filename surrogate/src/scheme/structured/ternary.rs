//! Rounding to {−1, 0, +1}, with a gradient that passes straight through.
//!
//! `t(l) = sign(l)` where `|l| > ½`, else 0. Its derivative is 0 almost everywhere, so that training takes it as 1
//! (straight-through estimator: Bengio, Léonard, Courville, arXiv:1308.3432).

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp1, DType, Layout, Result, Shape, Tensor};

use crate::{host, tape};

/// Latent values of a smaller size count as 0.
const THRESHOLD: f64 = 0.5;

/// The share of values that are not 0 where the latent values are standard normal: `P(|l| > ½)`.
pub(super) const NONZERO_SHARE: f64 = 0.617_075_077_451_974;

/// −1, 0 or 1 for each value; backward, the gradient as it is.
pub(super) fn ternary(latent: &Tensor) -> crate::Result<Tensor> {
    let latent = latent.contiguous()?;
    Ok(if host::serves(&[&latent]) {
        tape::apply1(&latent, Ternary)?
    } else {
        let rounded = rounded(&latent.detach())?;
        // the value of the first, the gradient of the second
        (rounded + (&latent - latent.detach())?)?
    })
}

/// The same from candle's tensor operations.
fn rounded(latent: &Tensor) -> Result<Tensor> {
    let one_side = |side: Tensor| side.to_dtype(latent.dtype());
    one_side(latent.gt(THRESHOLD)?)? - one_side(latent.lt(-THRESHOLD)?)?
}

struct Ternary;

impl CustomOp1 for Ternary {
    fn name(&self) -> &'static str {
        "ternary"
    }

    fn cpu_fwd(&self, latent: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Some((start, end)) = layout.contiguous_offsets() else {
            candle_core::bail!("ternary rounding needs contiguous memory")
        };
        macro_rules! round {
            ($real:ty, $kind:ident) => {{
                let threshold = THRESHOLD as $real;
                let values = latent.as_slice::<$real>()?[start..end].iter();
                let rounded = values.map(|&l| {
                    if l.abs() > threshold {
                        l.signum()
                    } else {
                        // a NaN must survive, so that training stops and says so
                        l * 0.0
                    }
                });
                CpuStorage::$kind(rounded.collect())
            }};
        }
        let storage = match latent.dtype() {
            DType::F64 => round!(f64, F64),
            _ => round!(f32, F32),
        };
        Ok((storage, layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(gradient.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn rounds_forward_and_passes_gradients_through() {
        let latent = Var::new(
            &[-3.0f64, -0.51, -0.5, 0.0, 0.4, 0.6, f64::NAN],
            &Device::Cpu,
        )
        .unwrap();
        let y = ternary(&latent).unwrap();
        let found = y.to_vec1::<f64>().unwrap();
        assert_eq!(found[..6], [-1.0, -1.0, 0.0, 0.0, 0.0, 1.0]);
        assert!(found[6].is_nan());
        let slow = rounded(&latent).unwrap().to_vec1::<f64>().unwrap();
        assert_eq!(found[..6], slow[..6]);
        let weights = Tensor::new(&[1.0f64, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], &Device::Cpu).unwrap();
        let gradients = (y * &weights)
            .unwrap()
            .sum_all()
            .unwrap()
            .backward()
            .unwrap();
        assert_eq!(
            gradients.get(&latent).unwrap().to_vec1::<f64>().unwrap(),
            weights.to_vec1::<f64>().unwrap()
        );
    }
}
