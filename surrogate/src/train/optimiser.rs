//! AdamW with decoupled weight decay and clipping of the gradient's global norm.
//!
//! With gradient `g` scaled by `min(1, clip/‖g‖₂)`, step `t` from 1 and rate η (Loshchilov and Hutter, arXiv:1711.05101):
//! `m ← β₁m + (1−β₁)g`, `v ← β₂v + (1−β₂)g²`, `θ ← θ − η λ θ − η (m/(1−β₁ᵗ)) / (sqrt(v/(1−β₂ᵗ)) + ε)`.
//! β₁ = 0.9, β₂ = 0.999, ε = 1e-8. Decay λ acts on weights, not on biases, scales and shifts (tensors of one axis).
//!
//! candle's own AdamW keeps its moments private; here they are tensors that a checkpoint holds, so that a resumed run
//! equals an uninterrupted one. Sums have a fixed order: the same bits for any thread count.

use crate::host;
use crate::simd::vectorised;
use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, DType, InplaceOp2, InplaceOp3, Layout, Result, Tensor, Var};
use rayon::prelude::*;

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPSILON: f64 = 1e-8;
/// Values per partial sum or parallel piece.
const BLOCK: usize = 1 << 14;

/// The optimiser with its state.
#[derive(Debug)]
pub(crate) struct AdamW {
    slots: Vec<Slot>,
    weight_decay: f64,
    clip: Option<f64>,
    step: usize,
}

/// One parameter tensor and its moments, all of one shape.
#[derive(Debug)]
pub(crate) struct Slot {
    /// The parameter's name.
    pub(crate) name: String,
    /// The parameter.
    pub(crate) parameter: Var,
    /// Running mean of the gradient.
    pub(crate) first: Tensor,
    /// Running mean of the squared gradient.
    pub(crate) second: Tensor,
}

impl AdamW {
    /// An optimiser at step 0 with vanishing moments over named parameters.
    pub(crate) fn new(
        parameters: Vec<(String, Var)>,
        weight_decay: f64,
        clip: Option<f64>,
    ) -> Result<Self> {
        let slots = parameters
            .into_iter()
            .map(|(name, parameter)| {
                // Deep zeros: the moments are updated in place and must not share storage.
                let (first, second) = (parameter.zeros_like()?, parameter.zeros_like()?);
                Ok(Slot {
                    name,
                    parameter,
                    first,
                    second,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            slots,
            weight_decay,
            clip,
            step: 0,
        })
    }

    /// Continues after `step` updates, with the moments that a checkpoint held (in the parameters' order and shapes).
    pub(crate) fn restore(&mut self, step: usize, moments: Vec<(Tensor, Tensor)>) {
        for (slot, (first, second)) in self.slots.iter_mut().zip(moments) {
            slot.first = first;
            slot.second = second;
        }
        self.step = step;
    }

    /// Parameters and moments, in the parameters' order.
    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// One update; returns the gradient's global norm before clipping. A norm that is not finite changes nothing.
    pub(crate) fn update(&mut self, gradients: &GradStore, rate: f64) -> Result<f64> {
        let gradients: Vec<Option<Tensor>> = self
            .slots
            .iter()
            .map(|slot| {
                gradients
                    .get(&slot.parameter)
                    .map(Tensor::contiguous)
                    .transpose()
            })
            .collect::<Result<_>>()?;
        let norm = energy(&gradients)?.sqrt();
        if !norm.is_finite() {
            return Ok(norm);
        }
        self.step += 1;
        let correction = |beta: f64| 1.0 - beta.powf(self.step as f64);
        let clip = self
            .clip
            .filter(|&clip| norm > clip)
            .map_or(1.0, |clip| clip / norm);
        for (slot, gradient) in self.slots.iter_mut().zip(&gradients) {
            let Some(gradient) = gradient else { continue };
            let decay = if slot.parameter.rank() > 1 {
                self.weight_decay
            } else {
                0.0
            };
            let first = Blend {
                keep: BETA_1,
                take: (1.0 - BETA_1) * clip,
                square: false,
            };
            let second = Blend {
                keep: BETA_2,
                take: (1.0 - BETA_2) * clip * clip,
                square: true,
            };
            let descend = Descend {
                keep: 1.0 - rate * decay,
                size: rate / correction(BETA_1),
                root: 1.0 / correction(BETA_2).sqrt(),
            };
            first.apply(&mut slot.first, gradient)?;
            second.apply(&mut slot.second, gradient)?;
            descend.apply(&slot.parameter, &slot.first, &slot.second)?;
        }
        Ok(norm)
    }
}

/// `Σ g²` over all gradients. Of a GPU the sums are fetched together: each fetch waits for all that was asked of it before.
fn energy(gradients: &[Option<Tensor>]) -> Result<f64> {
    let (mut energy, mut elsewhere) = (0.0, Vec::new());
    for gradient in gradients.iter().flatten() {
        if host::serves(&[gradient]) {
            energy += sum_of_squares(gradient)?;
        } else {
            elsewhere.push(gradient.sqr()?.sum_all()?.to_dtype(DType::F64)?);
        }
    }
    if !elsewhere.is_empty() {
        energy += Tensor::stack(&elsewhere, 0)?
            .sum_all()?
            .to_scalar::<f64>()?;
    }
    Ok(energy)
}

/// `Σ g²` in f64, in blocks of a fixed size whose sums are added in order.
fn sum_of_squares(gradient: &Tensor) -> Result<f64> {
    let (guard, layout) = gradient.storage_and_layout();
    let candle_core::Storage::Cpu(storage) = &*guard else {
        candle_core::bail!("a gradient left the CPU")
    };
    Ok(match storage {
        CpuStorage::F64(_) => block_sums(slice::<f64>(storage, layout)?, |g| g * g),
        _ => block_sums(slice::<f32>(storage, layout)?, |g| {
            f64::from(g) * f64::from(g)
        }),
    })
}

fn block_sums<F: Copy + Sync>(values: &[F], square: impl Fn(F) -> f64 + Sync) -> f64 {
    let sums: Vec<f64> = values
        .par_chunks(BLOCK)
        .map(|block| {
            vectorised(
                #[inline(always)]
                || {
                    let mut lanes = [0.0; 16];
                    let mut chunks = block.chunks_exact(16);
                    for chunk in &mut chunks {
                        for k in 0..16 {
                            lanes[k] += square(chunk[k]);
                        }
                    }
                    for &g in chunks.remainder() {
                        lanes[0] += square(g);
                    }
                    lanes.iter().sum::<f64>()
                },
            )
        })
        .collect();
    sums.iter().sum()
}

/// Whether a kernel can work on these in place: the host's, or a GPU's.
fn in_place(tensors: &[&Tensor]) -> bool {
    #[cfg(feature = "cuda")]
    if crate::cuda::serves(tensors) {
        return true;
    }
    host::serves(tensors)
}

/// `moment ← keep·moment + take·g` (or `g²`).
pub(super) struct Blend {
    pub(super) keep: f64,
    pub(super) take: f64,
    pub(super) square: bool,
}

impl Blend {
    /// Takes a gradient into a moment: in place by the host's kernel, elsewhere by candle's operations.
    pub(super) fn apply(&self, moment: &mut Tensor, gradient: &Tensor) -> Result<()> {
        if in_place(&[&*moment, gradient]) {
            return moment.inplace_op2(gradient, self);
        }
        let gradient = gradient.detach();
        let taken = match self.square {
            true => gradient.sqr()?,
            false => gradient,
        };
        *moment = ((&*moment * self.keep)? + (taken * self.take)?)?;
        Ok(())
    }
}

impl InplaceOp2 for Blend {
    fn name(&self) -> &'static str {
        "adamw-moment"
    }

    fn cpu_fwd(
        &self,
        moment: &mut CpuStorage,
        moment_layout: &Layout,
        gradient: &CpuStorage,
        layout: &Layout,
    ) -> Result<()> {
        macro_rules! blend {
            ($float:ty, $moment:expr) => {{
                let gradient = slice::<$float>(gradient, layout)?;
                let moment = part_mut($moment, moment_layout)?;
                let (keep, take) = (self.keep as $float, self.take as $float);
                moment
                    .par_chunks_mut(BLOCK)
                    .zip(gradient.par_chunks(BLOCK))
                    .for_each(|(moment, gradient)| {
                        vectorised(
                            #[inline(always)]
                            || {
                                for (m, &g) in moment.iter_mut().zip(gradient) {
                                    *m = keep * *m + take * if self.square { g * g } else { g };
                                }
                            },
                        );
                    });
            }};
        }
        match moment {
            CpuStorage::F32(moment) => blend!(f32, moment),
            CpuStorage::F64(moment) => blend!(f64, moment),
            _ => candle_core::bail!("AdamW needs f32 or f64"),
        }
        Ok(())
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        moment: &mut candle_core::CudaStorage,
        moment_layout: &Layout,
        gradient: &candle_core::CudaStorage,
        layout: &Layout,
    ) -> Result<()> {
        let (moment, gradient) = ((moment, moment_layout), (gradient, layout));
        crate::cuda::blend(moment, gradient, [self.keep, self.take], self.square)
    }
}

/// `θ ← keep·θ − size·m / (root·sqrt(v) + ε)`.
struct Descend {
    keep: f64,
    size: f64,
    root: f64,
}

impl Descend {
    /// Moves a parameter: in place by the host's kernel, elsewhere by candle's operations.
    fn apply(&self, parameter: &Var, first: &Tensor, second: &Tensor) -> Result<()> {
        if in_place(&[parameter.as_tensor(), first, second]) {
            return parameter.inplace_op3(first, second, self);
        }
        let scale = ((second.sqrt()? * self.root)? + EPSILON)?;
        let step = (first / scale)?;
        let kept = (parameter.detach() * self.keep)?;
        parameter.set(&(kept - (step * self.size)?)?)
    }
}

impl InplaceOp3 for Descend {
    fn name(&self) -> &'static str {
        "adamw-step"
    }

    fn cpu_fwd(
        &self,
        parameter: &mut CpuStorage,
        parameter_layout: &Layout,
        first: &CpuStorage,
        first_layout: &Layout,
        second: &CpuStorage,
        second_layout: &Layout,
    ) -> Result<()> {
        macro_rules! descend {
            ($float:ty, $parameter:expr) => {{
                let first = slice::<$float>(first, first_layout)?;
                let second = slice::<$float>(second, second_layout)?;
                let parameter = part_mut($parameter, parameter_layout)?;
                let (keep, size, root) = (
                    self.keep as $float,
                    self.size as $float,
                    self.root as $float,
                );
                let moments = first.par_chunks(BLOCK).zip(second.par_chunks(BLOCK));
                parameter.par_chunks_mut(BLOCK).zip(moments).for_each(
                    |(parameter, (first, second))| {
                        vectorised(
                            #[inline(always)]
                            || {
                                for ((p, &m), &v) in parameter.iter_mut().zip(first).zip(second) {
                                    *p = keep * *p
                                        - size * m / (root * v.sqrt() + EPSILON as $float);
                                }
                            },
                        );
                    },
                );
            }};
        }
        match parameter {
            CpuStorage::F32(parameter) => descend!(f32, parameter),
            CpuStorage::F64(parameter) => descend!(f64, parameter),
            _ => candle_core::bail!("AdamW needs f32 or f64"),
        }
        Ok(())
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        parameter: &mut candle_core::CudaStorage,
        parameter_layout: &Layout,
        first: &candle_core::CudaStorage,
        first_layout: &Layout,
        second: &candle_core::CudaStorage,
        second_layout: &Layout,
    ) -> Result<()> {
        crate::cuda::descend(
            (parameter, parameter_layout),
            (first, first_layout),
            (second, second_layout),
            [self.keep, self.size, self.root],
        )
    }
}

fn slice<'a, F: candle_core::WithDType>(
    storage: &'a CpuStorage,
    layout: &Layout,
) -> Result<&'a [F]> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        candle_core::bail!("a gradient is not contiguous")
    };
    Ok(&storage.as_slice::<F>()?[start..end])
}

fn part_mut<'a, F>(values: &'a mut [F], layout: &Layout) -> Result<&'a mut [F]> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        candle_core::bail!("a parameter is not contiguous")
    };
    Ok(&mut values[start..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    /// AdamW written out on one number at a time.
    fn reference(start: f64, gradients: &[f64], rates: &[f64], decay: f64) -> f64 {
        let (mut p, mut m, mut v) = (start, 0.0, 0.0);
        for (t, (&g, &rate)) in gradients.iter().zip(rates).enumerate() {
            m = 0.9 * m + 0.1 * g;
            v = 0.999 * v + 0.001 * g * g;
            let m_hat = m / (1.0 - 0.9f64.powi(t as i32 + 1));
            let v_hat = v / (1.0 - 0.999f64.powi(t as i32 + 1));
            p = p - rate * decay * p - rate * m_hat / (v_hat.sqrt() + 1e-8);
        }
        p
    }

    #[test]
    fn follows_the_formula_and_decays_weights_but_not_biases() {
        let weight = Var::new(&[[1.5f64, -0.5]], &Device::Cpu).unwrap();
        let bias = Var::new(&[0.7f64], &Device::Cpu).unwrap();
        let named = vec![
            ("weight".to_owned(), weight.clone()),
            ("bias".to_owned(), bias.clone()),
        ];
        let mut optimiser = AdamW::new(named, 0.1, None).unwrap();
        let rates = [0.1, 0.05, 0.02, 0.01];
        let (mut first, mut last) = (Vec::new(), Vec::new());
        for rate in rates {
            let w = weight.to_vec2::<f64>().unwrap()[0][0];
            let b = bias.to_vec1::<f64>().unwrap()[0];
            first.push(2.0 * w);
            last.push(2.0 * b);
            let loss = (weight.sqr().unwrap().sum_all().unwrap()
                + bias.sqr().unwrap().sum_all().unwrap())
            .unwrap();
            optimiser.update(&loss.backward().unwrap(), rate).unwrap();
        }
        let found = weight.to_vec2::<f64>().unwrap()[0][0];
        assert!(
            (found - reference(1.5, &first, &rates, 0.1)).abs() < 1e-12,
            "{found}"
        );
        let found = bias.to_vec1::<f64>().unwrap()[0];
        assert!(
            (found - reference(0.7, &last, &rates, 0.0)).abs() < 1e-12,
            "{found}"
        );
    }

    #[test]
    fn clipping_bounds_the_norm_of_all_gradients_together() {
        let run = |factor: f64| {
            let a = Var::new(&[3.0f64], &Device::Cpu).unwrap();
            let b = Var::new(&[4.0f64], &Device::Cpu).unwrap();
            let named = vec![("a".to_owned(), a.clone()), ("b".to_owned(), b.clone())];
            let mut optimiser = AdamW::new(named, 0.0, Some(1.0)).unwrap();
            let loss = ((a.as_tensor() * 3.0).unwrap() + (b.as_tensor() * 4.0).unwrap()).unwrap();
            let norm = optimiser
                .update(
                    &(loss * factor)
                        .unwrap()
                        .sum_all()
                        .unwrap()
                        .backward()
                        .unwrap(),
                    0.1,
                )
                .unwrap();
            let first: Vec<f64> = optimiser
                .slots()
                .iter()
                .map(|s| s.first.to_vec1::<f64>().unwrap()[0])
                .collect();
            (norm, first)
        };
        let (norm, first) = run(2.0);
        assert!(
            (norm - 10.0).abs() < 1e-12
                && (first[0] - 0.06).abs() < 1e-12
                && (first[1] - 0.08).abs() < 1e-12
        );
        let (norm, first) = run(0.1);
        assert!(
            (norm - 0.5).abs() < 1e-12 && (first[0] - 0.03).abs() < 1e-12,
            "a small gradient is left alone"
        );
    }

    #[test]
    fn a_gradient_that_is_not_finite_changes_nothing() {
        let a = Var::new(&[1.0f32], &Device::Cpu).unwrap();
        let mut optimiser = AdamW::new(vec![("a".to_owned(), a.clone())], 0.0, None).unwrap();
        let loss = (a.as_tensor() * f64::NAN).unwrap().sum_all().unwrap();
        assert!(
            optimiser
                .update(&loss.backward().unwrap(), 0.1)
                .unwrap()
                .is_nan()
        );
        assert_eq!(a.to_vec1::<f32>().unwrap(), [1.0]);
    }
}
