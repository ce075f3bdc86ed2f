//! Point-wise non-linearities.
//!
//! - GELU in its tanh form, `x · sigmoid(2 sqrt(2/π) (x + 0.044715 x³))` (Hendrycks and Gimpel, arXiv:1606.08415);
//! - SiLU, `x · sigmoid(x)`; ReLU, `max(0, x)`;
//! - noisy ReLU, which is ReLU outside of training and has noise inside (`noisy.rs`); binary, which is trained as
//!   noisy ReLU and is a threshold, 1 where `x > 0` and 0 elsewhere, outside of training.

use super::real::Real;
use super::storage::{contiguous, on_cpu};
use crate::pieces::in_pieces;
use crate::simd::vectorised;
use crate::{host, tape};
use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp1, DType, Layout, Result, Shape, Tensor};
use serde::{Deserialize, Serialize};

/// The non-linearity after each convolution of a network (config key `activation`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// Gaussian error linear unit, tanh form.
    #[default]
    Gelu,
    /// Sigmoid linear unit.
    Silu,
    /// Rectified linear unit.
    Relu,
    /// Rectified linear unit, of a noisy argument in training.
    NoisyRelu,
    /// Noisy rectified linear unit in training, 0 or 1 in evaluation and prediction.
    Binary,
    /// None; what a normalisation is followed by where the activation comes separately.
    #[serde(skip)]
    Identity,
}

/// `2 sqrt(2/π)`.
const SLOPE: f64 = 1.595_769_121_605_730_7;
/// Coefficient of the cubic term of GELU's tanh form.
const CUBIC: f64 = 0.044_715;

impl Activation {
    /// Whether its argument is noisy in training.
    pub(crate) fn is_noisy(self) -> bool {
        matches!(self, Self::NoisyRelu | Self::Binary)
    }

    /// The function's value, outside of training.
    #[inline(always)]
    pub(crate) fn value<F: Real>(self, x: F) -> F {
        match self {
            Self::Gelu => x * gelu_gate(x),
            Self::Silu => x * x.sigmoid(),
            Self::Identity => x,
            Self::Binary if x > F::ZERO => F::ONE,
            Self::Relu | Self::NoisyRelu | Self::Binary => {
                if x > F::ZERO {
                    x
                } else {
                    // Not `F::ZERO`: a NaN must survive, so that training stops and says so.
                    x * F::ZERO
                }
            }
        }
    }

    /// The function's derivative; ReLU's is 0 at 0, the threshold's everywhere.
    #[inline(always)]
    pub(crate) fn derivative<F: Real>(self, x: F) -> F {
        match self {
            Self::Gelu => {
                let s = gelu_gate(x);
                s + x * s * (F::ONE - s) * F::of(SLOPE) * (F::ONE + F::of(3.0 * CUBIC) * x * x)
            }
            Self::Silu => {
                let s = x.sigmoid();
                s + x * s * (F::ONE - s)
            }
            Self::Relu | Self::NoisyRelu => {
                if x > F::ZERO {
                    F::ONE
                } else {
                    F::ZERO
                }
            }
            Self::Identity => F::ONE,
            Self::Binary => F::ZERO,
        }
    }

    /// Hands itself to a loop as a constant: the choice between functions is made once, outside of the loop, which the compiler
    /// does not turn into whole registers otherwise.
    #[inline(always)]
    pub(crate) fn each(self, mut run: impl FnMut(Self)) {
        match self {
            Self::Gelu => run(Self::Gelu),
            Self::Silu => run(Self::Silu),
            Self::Relu => run(Self::Relu),
            Self::NoisyRelu => run(Self::NoisyRelu),
            Self::Binary => run(Self::Binary),
            Self::Identity => run(Self::Identity),
        }
    }

    /// The same function from candle's tensor operations, for devices that the fused kernels do not serve.
    pub(crate) fn portable(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Gelu => x.gelu(),
            Self::Silu => x.silu(),
            Self::Relu | Self::NoisyRelu => x.relu(),
            Self::Binary => x.gt(0.0)?.to_dtype(x.dtype()),
            Self::Identity => Ok(x.clone()),
        }
    }
}

#[inline(always)]
fn gelu_gate<F: Real>(x: F) -> F {
    (F::of(SLOPE) * (x + F::of(CUBIC) * x * x * x)).sigmoid()
}

/// `act(input)`, fused on the CPU.
pub(crate) fn activate(input: &Tensor, activation: Activation) -> Result<Tensor> {
    if host::serves(&[input]) {
        return tape::apply1(&input.contiguous()?, activation);
    }
    #[cfg(feature = "cuda")]
    if crate::cuda::serves(&[input]) {
        return crate::cuda::activate(input, activation);
    }
    activation.portable(input)
}

impl CustomOp1 for Activation {
    fn name(&self) -> &'static str {
        "activation"
    }

    fn cpu_fwd(&self, input: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let storage = match input {
            CpuStorage::F32(_) => CpuStorage::F32(self.forward(contiguous(input, layout)?)),
            CpuStorage::F64(_) => CpuStorage::F64(self.forward(contiguous(input, layout)?)),
            other => {
                candle_core::bail!("an activation needs f32 or f64, found {:?}", other.dtype())
            }
        };
        Ok((storage, layout.shape().clone()))
    }

    fn bwd(&self, input: &Tensor, _result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let gradient = gradient.contiguous()?;
        let (input_guard, input_layout) = input.storage_and_layout();
        let (gradient_guard, gradient_layout) = gradient.storage_and_layout();
        macro_rules! backward {
            ($float:ty) => {{
                let values = on_cpu::<$float>(&input_guard, input_layout)?;
                let slopes = self.backward(values, on_cpu(&gradient_guard, gradient_layout)?);
                Tensor::from_vec(slopes, input.shape(), input.device())?
            }};
        }
        Ok(Some(match input.dtype() {
            DType::F64 => backward!(f64),
            _ => backward!(f32),
        }))
    }
}

/// Values per parallel piece.
const BLOCK: usize = 1 << 14;

impl Activation {
    fn forward<F: Real>(self, input: &[F]) -> Vec<F> {
        in_pieces(input.len(), BLOCK, |piece, output| {
            let input = &input[piece * BLOCK..][..output.len()];
            vectorised(
                #[inline(always)]
                || {
                    self.each(
                        #[inline(always)]
                        |activation| {
                            for (y, &x) in output.iter_mut().zip(input) {
                                *y = activation.value(x);
                            }
                        },
                    );
                },
            );
        })
    }

    fn backward<F: Real>(self, input: &[F], gradient: &[F]) -> Vec<F> {
        in_pieces(input.len(), BLOCK, |piece, output| {
            let (start, length) = (piece * BLOCK, output.len());
            let (input, gradient) = (&input[start..][..length], &gradient[start..][..length]);
            vectorised(
                #[inline(always)]
                || {
                    self.each(
                        #[inline(always)]
                        |activation| {
                            for ((dx, &x), &dy) in output.iter_mut().zip(input).zip(gradient) {
                                *dx = dy * activation.derivative(x);
                            }
                        },
                    );
                },
            );
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    const ALL: [Activation; 6] = [
        Activation::Gelu,
        Activation::Silu,
        Activation::Relu,
        Activation::NoisyRelu,
        Activation::Binary,
        Activation::Identity,
    ];

    #[test]
    fn values_are_candles_and_derivatives_are_slopes() {
        let points: Vec<f64> = (-80..=80).map(|k| k as f64 * 0.1 + 0.013).collect();
        let tensor = Tensor::new(points.clone(), &Device::Cpu).unwrap();
        for activation in ALL {
            let expected = activation
                .portable(&tensor)
                .unwrap()
                .to_vec1::<f64>()
                .unwrap();
            for (&x, &value) in points.iter().zip(&expected) {
                assert!(
                    (activation.value(x) - value).abs() < 1e-12,
                    "{activation:?}({x})"
                );
                let h = 1e-5;
                let slope = (activation.value(x + h) - activation.value(x - h)) / (2.0 * h);
                assert!(
                    (activation.derivative(x) - slope).abs() < 1e-7,
                    "{activation:?}'({x})"
                );
                assert!(
                    (f64::from(activation.value(x as f32)) - value).abs() < 2e-6,
                    "{activation:?}({x}) in f32"
                );
            }
        }
    }

    #[test]
    fn not_a_number_survives() {
        for activation in ALL {
            assert!(activation.value(f32::NAN).is_nan(), "{activation:?}");
        }
    }

    #[test]
    fn the_fused_gradient_is_the_derivative_times_what_comes_back() {
        let points: Vec<f64> = (-40..40).map(|k| k as f64 * 0.2 + 0.013).collect();
        for activation in ALL {
            let x = candle_core::Var::new(points.clone(), &Device::Cpu).unwrap();
            let weights = Tensor::new(points.clone(), &Device::Cpu).unwrap();
            let loss = (activate(&x, activation).unwrap() * weights).unwrap();
            let store = loss.sum_all().unwrap().backward().unwrap();
            let found = store.get(&x).unwrap().to_vec1::<f64>().unwrap();
            for (&x, &found) in points.iter().zip(&found) {
                assert!(
                    (found - x * activation.derivative(x)).abs() < 1e-12,
                    "{activation:?}({x})"
                );
            }
        }
    }
}
