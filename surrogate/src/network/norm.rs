//! Group normalisation fused with the activation that follows it, as one candle operation with its own backward.
//!
//! For each sample and group of channels, with mean μ and (biased) variance σ² over the group's channels and positions,
//! `y = act(γ_c (x − μ)/sqrt(σ² + ε) + β_c)` (Wu and He, arXiv:1803.08494). Backward, with `z` the activation's argument,
//! `x̂` the normalised value, `g = ∂y·act'(z)` and means over the group's n values:
//! `∂x = (γ_c g − mean(γ g) − x̂·mean(γ g x̂))/sqrt(σ² + ε)`, `∂γ_c = Σ g x̂`, `∂β_c = Σ g`.
//!
//! Written from candle's tensor operations this is some fifteen passes over memory forward and more backward; fused it is
//! one pass over a group that stays in cache. Shapes: input `(B, C, …)`, γ and β `(C)`, result as the input.

use super::activation::Activation;
use super::real::{LANES, Real, sum, sum_of_squares};
use super::storage::{contiguous, on_cpu};
use crate::pieces::in_pieces;
use crate::simd::vectorised;
use crate::{host, tape};
use candle_core::{CpuStorage, CustomOp3, DType, Layout, Result, Shape, Tensor};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Which normalisation stands between a convolution and its activation (config key `norm`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    /// Group normalisation with [`group_count`] groups.
    #[default]
    Group,
    /// None: the activation follows the convolution directly.
    None,
}

/// ε added to the variance.
const EPSILON: f64 = 1e-5;

/// Groups for a number of channels: its largest divisor up to 8.
pub fn group_count(channels: usize) -> usize {
    (1..=8)
        .rev()
        .find(|groups| channels.is_multiple_of(*groups))
        .unwrap_or(1)
}

/// `act(group_norm(input))`, for input `(B, C, …)` and `scale`, `shift` `(C)`.
pub(crate) fn normalise_and_activate(
    input: &Tensor,
    scale: &Tensor,
    shift: &Tensor,
    groups: usize,
    activation: Activation,
) -> Result<Tensor> {
    if host::serves(&[input, scale, shift]) {
        return tape::apply3(
            &input.contiguous()?,
            scale,
            shift,
            NormActivation { groups, activation },
        );
    }
    #[cfg(feature = "cuda")]
    if crate::cuda::serves(&[input, scale, shift]) {
        return crate::cuda::normalise_and_activate(input, scale, shift, groups, activation);
    }
    portable(input, scale, shift, groups, activation)
}

/// The same from candle's tensor operations, for other devices; a second reference in tests.
fn portable(
    input: &Tensor,
    scale: &Tensor,
    shift: &Tensor,
    groups: usize,
    activation: Activation,
) -> Result<Tensor> {
    let (batch, channels) = (input.dim(0)?, input.dim(1)?);
    // of maps in bf16 the sums are taken in the weights' type
    let dtype = input.dtype();
    let input = &input.to_dtype(scale.dtype())?;
    let grouped = input.reshape((batch, groups, ()))?;
    let centred = grouped.broadcast_sub(&grouped.mean_keepdim(2)?)?;
    let deviation = (centred.sqr()?.mean_keepdim(2)? + EPSILON)?.sqrt()?;
    let normalised = centred
        .broadcast_div(&deviation)?
        .reshape((batch, channels, ()))?;
    let scaled = normalised.broadcast_mul(&scale.reshape((1, channels, 1))?)?;
    let shifted = scaled
        .broadcast_add(&shift.reshape((1, channels, 1))?)?
        .reshape(input.shape())?;
    activation.portable(&shifted)?.to_dtype(dtype)
}

/// The fused operation on the CPU.
struct NormActivation {
    groups: usize,
    activation: Activation,
}

impl CustomOp3 for NormActivation {
    fn name(&self) -> &'static str {
        "norm-activation"
    }

    fn cpu_fwd(
        &self,
        input: &CpuStorage,
        input_layout: &Layout,
        scale: &CpuStorage,
        scale_layout: &Layout,
        shift: &CpuStorage,
        shift_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let storage = match input {
            CpuStorage::F32(_) => CpuStorage::F32(self.forward::<f32>(
                contiguous(input, input_layout)?,
                contiguous(scale, scale_layout)?,
                contiguous(shift, shift_layout)?,
                input_layout,
            )?),
            CpuStorage::F64(_) => CpuStorage::F64(self.forward::<f64>(
                contiguous(input, input_layout)?,
                contiguous(scale, scale_layout)?,
                contiguous(shift, shift_layout)?,
                input_layout,
            )?),
            other => candle_core::bail!(
                "group norm needs f32 or f64, found {:?}",
                candle_core::backend::BackendStorage::dtype(other)
            ),
        };
        Ok((storage, input_layout.shape().clone()))
    }

    fn bwd(
        &self,
        input: &Tensor,
        scale: &Tensor,
        shift: &Tensor,
        _result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let gradients = match input.dtype() {
            DType::F64 => self.backward::<f64>(input, scale, shift, &gradient.contiguous()?)?,
            _ => self.backward::<f32>(input, scale, shift, &gradient.contiguous()?)?,
        };
        let [input, scale, shift] = gradients;
        Ok((Some(input), Some(scale), Some(shift)))
    }
}

impl NormActivation {
    /// Channels, and positions of one channel, after checking that groups divide the channels.
    fn plane(&self, layout: &Layout) -> Result<(usize, usize)> {
        let dims = layout.dims();
        let [batch, channels, ..] = *dims else {
            candle_core::bail!("group norm needs (B, C, …), found shape {dims:?}")
        };
        let count = layout.shape().elem_count();
        if count == 0 {
            candle_core::bail!("group norm needs values, found shape {dims:?}")
        }
        if !channels.is_multiple_of(self.groups) {
            candle_core::bail!("{} groups do not divide {channels} channels", self.groups)
        }
        Ok((channels, count / (batch * channels)))
    }

    fn forward<F: Real>(
        &self,
        input: &[F],
        scale: &[F],
        shift: &[F],
        layout: &Layout,
    ) -> Result<Vec<F>> {
        let (channels, plane) = self.plane(layout)?;
        let per_group = channels / self.groups;
        let group = per_group * plane;
        Ok(in_pieces(input.len(), group, |index, output| {
            let input = &input[index * group..][..group];
            let first = (index % self.groups) * per_group;
            vectorised(
                #[inline(always)]
                || {
                    let (mean, inverse) = moments(input);
                    for (c, (y, x)) in output
                        .chunks_exact_mut(plane)
                        .zip(input.chunks_exact(plane))
                        .enumerate()
                    {
                        let slope = scale[first + c] * inverse;
                        let offset = shift[first + c] - mean * slope;
                        self.activation.each(
                            #[inline(always)]
                            |activation| {
                                for (y, &x) in y.iter_mut().zip(x) {
                                    *y = activation.value(x * slope + offset);
                                }
                            },
                        );
                    }
                },
            );
        }))
    }

    fn backward<F: Real>(
        &self,
        input: &Tensor,
        scale: &Tensor,
        shift: &Tensor,
        gradient: &Tensor,
    ) -> Result<[Tensor; 3]> {
        let shape = input.shape().clone();
        let (input_guard, input_layout) = input.storage_and_layout();
        let (scale_guard, scale_layout) = scale.storage_and_layout();
        let (shift_guard, shift_layout) = shift.storage_and_layout();
        let (gradient_guard, gradient_layout) = gradient.storage_and_layout();
        let x: &[F] = on_cpu(&input_guard, input_layout)?;
        let scale_values: &[F] = on_cpu(&scale_guard, scale_layout)?;
        let shift_values: &[F] = on_cpu(&shift_guard, shift_layout)?;
        let dy: &[F] = on_cpu(&gradient_guard, gradient_layout)?;
        let (channels, plane) = self.plane(input_layout)?;
        let per_group = channels / self.groups;
        let chunk = per_group * plane;
        let mut dx = vec![F::ZERO; x.len()];
        // Per sample and channel (Σ g x̂, Σ g); summed over samples below in a fixed order.
        let mut partial = vec![(F::ZERO, F::ZERO); x.len() / plane];
        dx.par_chunks_mut(chunk)
            .zip(partial.par_chunks_mut(per_group))
            .zip(x.par_chunks(chunk).zip(dy.par_chunks(chunk)))
            .enumerate()
            .for_each(|(index, ((dx, partial), (x, dy)))| {
                let first = (index % self.groups) * per_group;
                let scale = &scale_values[first..first + per_group];
                let shift = &shift_values[first..first + per_group];
                vectorised(
                    #[inline(always)]
                    || backward_group(self.activation, x, dy, scale, shift, plane, dx, partial),
                );
            });
        let mut dscale = vec![F::ZERO; channels];
        let mut dshift = vec![F::ZERO; channels];
        for sample in partial.chunks_exact(channels) {
            for (c, &(along, plain)) in sample.iter().enumerate() {
                dscale[c] += along;
                dshift[c] += plain;
            }
        }
        let device = input.device();
        Ok([
            Tensor::from_vec(dx, shape, device)?,
            Tensor::from_vec(dscale, channels, device)?,
            Tensor::from_vec(dshift, channels, device)?,
        ])
    }
}

/// Mean and `1/sqrt(σ² + ε)` of one group.
#[inline(always)]
fn moments<F: Real>(values: &[F]) -> (F, F) {
    let count = F::of(values.len() as f64);
    let mean = sum(values) / count;
    let variance = sum_of_squares(values, mean) / count;
    (mean, F::ONE / (variance + F::of(EPSILON)).root())
}

/// Backward of one group: writes `dx`, and `(Σ g x̂, Σ g)` of each channel to `partial`.
#[inline(always)]
fn backward_group<F: Real>(
    activation: Activation,
    x: &[F],
    dy: &[F],
    scale: &[F],
    shift: &[F],
    plane: usize,
    dx: &mut [F],
    partial: &mut [(F, F)],
) {
    let (mean, inverse) = moments(x);
    let (mut along_sum, mut plain_sum) = (F::ZERO, F::ZERO);
    for (c, partial) in partial.iter_mut().enumerate() {
        let range = c * plane..(c + 1) * plane;
        let (x, dy, g) = (&x[range.clone()], &dy[range.clone()], &mut dx[range]);
        let slope = scale[c] * inverse;
        let offset = shift[c] - mean * slope;
        activation.each(
            #[inline(always)]
            |activation| {
                for ((g, &x), &dy) in g.iter_mut().zip(x).zip(dy) {
                    *g = dy * activation.derivative(x * slope + offset);
                }
            },
        );
        let plain = sum(g);
        let along = dot_centred(g, x, mean) * inverse;
        *partial = (along, plain);
        along_sum += scale[c] * along;
        plain_sum += scale[c] * plain;
    }
    let count = F::of(x.len() as f64);
    let (along_mean, plain_mean) = (along_sum / count, plain_sum / count);
    for c in 0..scale.len() {
        let range = c * plane..(c + 1) * plane;
        for (g, &x) in dx[range.clone()].iter_mut().zip(&x[range]) {
            let normalised = (x - mean) * inverse;
            *g = (scale[c] * *g - plain_mean - normalised * along_mean) * inverse;
        }
    }
}

/// `Σ g (x − mean)`, in [`LANES`] interleaved partial sums.
#[inline(always)]
fn dot_centred<F: Real>(g: &[F], x: &[F], mean: F) -> F {
    let mut lanes = [F::ZERO; LANES];
    let (mut gs, mut xs) = (g.chunks_exact(LANES), x.chunks_exact(LANES));
    for (g, x) in (&mut gs).zip(&mut xs) {
        for k in 0..LANES {
            lanes[k] += g[k] * (x[k] - mean);
        }
    }
    let rest = gs
        .remainder()
        .iter()
        .zip(xs.remainder())
        .map(|(&g, &x)| g * (x - mean))
        .sum::<F>();
    lanes.into_iter().sum::<F>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    fn wave(count: usize, phase: f64) -> Vec<f64> {
        (0..count)
            .map(|i| (i as f64 * 0.73 + phase).sin() + 0.2 * (i as f64 * 0.11).cos())
            .collect()
    }

    /// Value and gradients of `Σ weights · op(x, scale, shift)`.
    fn gradients(
        op: impl Fn(&Tensor, &Tensor, &Tensor) -> Tensor,
        dims: &[usize],
        channels: usize,
    ) -> Vec<Vec<f64>> {
        let count = dims.iter().product();
        let x = Var::from_vec(wave(count, 0.0), dims, &Device::Cpu).unwrap();
        let scale = Var::from_vec(wave(channels, 1.0), channels, &Device::Cpu).unwrap();
        let shift = Var::from_vec(wave(channels, 2.0), channels, &Device::Cpu).unwrap();
        let weights = Tensor::from_vec(wave(count, 3.0), dims, &Device::Cpu).unwrap();
        let y = op(&x, &scale, &shift);
        let store = (&y * weights)
            .unwrap()
            .sum_all()
            .unwrap()
            .backward()
            .unwrap();
        let flat = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        vec![
            flat(&y),
            flat(store.get(&x).unwrap()),
            flat(store.get(&scale).unwrap()),
            flat(store.get(&shift).unwrap()),
        ]
    }

    /// candle's backward of GELU has constants of six digits; ours is compared with slopes where it is defined.
    fn tolerance(activation: Activation) -> f64 {
        if activation == Activation::Gelu {
            2e-5
        } else {
            1e-9
        }
    }

    #[test]
    fn fused_equals_tensor_operations_forward_and_backward() {
        for dims in [vec![2, 6, 5, 7], vec![1, 8, 3], vec![3, 4, 2, 3, 5]] {
            let channels = dims[1];
            for groups in [1, 2, channels] {
                for activation in [Activation::Gelu, Activation::Silu, Activation::Relu] {
                    let fused = gradients(
                        |x, a, b| normalise_and_activate(x, a, b, groups, activation).unwrap(),
                        &dims,
                        channels,
                    );
                    let reference = gradients(
                        |x, a, b| portable(x, a, b, groups, activation).unwrap(),
                        &dims,
                        channels,
                    );
                    for (name, (found, expected)) in ["y", "dx", "dscale", "dshift"]
                        .iter()
                        .zip(fused.iter().zip(&reference))
                    {
                        for (f, e) in found.iter().zip(expected) {
                            assert!(
                                (f - e).abs() < tolerance(activation) * (1.0 + e.abs()),
                                "{name} {dims:?} {groups} {activation:?}: {f} {e}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_group_count_always_divides() {
        for (channels, groups) in [
            (1, 1),
            (6, 6),
            (7, 7),
            (8, 8),
            (11, 1),
            (12, 6),
            (16, 8),
            (20, 5),
        ] {
            assert_eq!(group_count(channels), groups, "{channels} channels");
        }
    }

    #[test]
    fn groups_that_do_not_divide_are_refused() {
        let x = Tensor::zeros((1, 5, 2, 2), DType::F32, &Device::Cpu).unwrap();
        let one = Tensor::zeros(5, DType::F32, &Device::Cpu).unwrap();
        let error = normalise_and_activate(&x, &one, &one, 2, Activation::Relu)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("2 groups do not divide 5 channels"),
            "{error}"
        );
    }
}
