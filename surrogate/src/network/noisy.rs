//! ReLU of a noisy argument, `y = max(0, x + ε)` with `ε ~ N(0, σ²)` drawn for every value (Nair, Hinton, *Rectified linear units improve
//! restricted Boltzmann machines*, 2010).
//!
//! Networks whose neurons are to be binary are trained with it (Appuswamy et al., arXiv:1606.02407): what small changes of
//! the argument do is drowned, what is left is on which side of 0 it lies. The noise is a function of a seed and the value's
//! place, so that a run is the same for any thread count, and resumed like uninterrupted. Backward, `∂x = ∂y` where `y > 0`.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp1, DType, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::real::Real;
use super::storage::{contiguous, on_cpu};
use crate::pieces::in_pieces;
use crate::scheme::hash::{Use, hash};
use crate::{host, tape};

/// Values per parallel piece; even, so that pairs stay together.
const BLOCK: usize = 1 << 12;

/// `max(0, input + ε)`.
pub(super) fn noisy_relu(input: &Tensor, deviation: f64, seed: u64) -> Result<Tensor> {
    let operation = NoisyRelu { deviation, seed };
    if host::serves(&[input]) {
        return tape::apply1(&input.contiguous()?, operation);
    }
    let noise = operation.noise(input.elem_count());
    let noise = Tensor::from_vec(noise, input.shape(), input.device())?;
    (input + noise.to_dtype(input.dtype())?)?.relu()
}

struct NoisyRelu {
    deviation: f64,
    seed: u64,
}

impl NoisyRelu {
    /// Two values of N(0, σ²), by Box and Muller's transform of one hash.
    #[inline]
    fn pair(&self, index: usize) -> [f32; 2] {
        let bits = hash(self.seed, Use::Noise, index);
        let unit = |bits: u64| (bits as f32 + 0.5) / (1u64 << 24) as f32;
        let radius = (-2.0 * unit(bits >> 40).ln()).sqrt() * self.deviation as f32;
        let (sine, cosine) = (std::f32::consts::TAU * unit(bits & 0xFF_FFFF)).sin_cos();
        [radius * cosine, radius * sine]
    }

    fn noise(&self, count: usize) -> Vec<f32> {
        let pairs = (0..count.div_ceil(2)).flat_map(|index| self.pair(index));
        pairs.take(count).collect()
    }

    fn forward<F: Real>(&self, input: &[F]) -> Vec<F> {
        in_pieces(input.len(), BLOCK, |block, output| {
            let input = &input[block * BLOCK..][..output.len()];
            let first = block * BLOCK / 2;
            let pairs = output.chunks_mut(2).zip(input.chunks(2));
            for (index, (output, input)) in pairs.enumerate() {
                let noise = self.pair(first + index);
                for ((y, &x), noise) in output.iter_mut().zip(input).zip(noise) {
                    let z = x + F::of(f64::from(noise));
                    // Not `F::ZERO`: a NaN must survive, so that training stops and says so.
                    *y = if z > F::ZERO { z } else { z * F::ZERO };
                }
            }
        })
    }
}

impl CustomOp1 for NoisyRelu {
    fn name(&self) -> &'static str {
        "noisy-relu"
    }

    fn cpu_fwd(&self, input: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let storage = match input.dtype() {
            DType::F64 => CpuStorage::F64(self.forward(contiguous(input, layout)?)),
            _ => CpuStorage::F32(self.forward(contiguous(input, layout)?)),
        };
        Ok((storage, layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, output: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let gradient = gradient.contiguous()?;
        let (output_guard, output_layout) = output.storage_and_layout();
        let (gradient_guard, gradient_layout) = gradient.storage_and_layout();
        macro_rules! backward {
            ($float:ty) => {{
                let values = on_cpu::<$float>(&output_guard, output_layout)?;
                let back = on_cpu::<$float>(&gradient_guard, gradient_layout)?;
                let slopes = values.par_iter().zip(back);
                let slopes: Vec<$float> = slopes
                    .map(|(&y, &g)| if y > 0.0 { g } else { 0.0 })
                    .collect();
                Tensor::from_vec(slopes, output.shape(), output.device())?
            }};
        }
        Ok(Some(match output.dtype() {
            DType::F64 => backward!(f64),
            _ => backward!(f32),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn noise_is_normal_and_a_function_of_the_seed() {
        let of = |seed| NoisyRelu {
            deviation: 0.5,
            seed,
        };
        let noise = of(3).noise(100_000);
        let moment = |power: i32| {
            let sum: f64 = noise
                .iter()
                .map(|&e| (f64::from(e) / 0.5).powi(power))
                .sum();
            sum / noise.len() as f64
        };
        // within five standard errors of 0, 1, 0 and 3
        for (power, expected, bound) in [
            (1, 0.0, 0.016),
            (2, 1.0, 0.023),
            (3, 0.0, 0.062),
            (4, 3.0, 0.16),
        ] {
            let found = moment(power);
            assert!((found - expected).abs() < bound, "moment {power}: {found}");
        }
        assert_eq!(noise, of(3).noise(100_000));
        assert_ne!(noise, of(4).noise(100_000));
    }

    #[test]
    fn rectifies_the_noisy_argument_and_passes_gradients_where_it_is_positive() {
        let points: Vec<f64> = (0..9_001).map(|n| (n as f64 * 0.37).sin()).collect();
        let x = Var::new(points.clone(), &Device::Cpu).unwrap();
        let y = noisy_relu(&x, 0.3, 7).unwrap();
        let weights = Tensor::new(points.clone(), &Device::Cpu).unwrap();
        let loss = (&y * &weights).unwrap().sum_all().unwrap();
        let gradients = loss.backward().unwrap();
        let slopes = gradients.get(&x).unwrap().to_vec1::<f64>().unwrap();
        let noise = NoisyRelu {
            deviation: 0.3,
            seed: 7,
        }
        .noise(points.len());
        let found = y.to_vec1::<f64>().unwrap();
        for (n, &x) in points.iter().enumerate() {
            let z = x + f64::from(noise[n]);
            assert_eq!(found[n], z.max(0.0));
            assert_eq!(slopes[n], if z > 0.0 { points[n] } else { 0.0 });
        }
    }
}
