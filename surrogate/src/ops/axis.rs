//! The single-axis convolution on the host, `y[c] = w[c] ⋆ x[c]` along one spatial axis, and its gradients.
//!
//! A channel's map is (outer, N, inner) around the axis. With zeros before and after the N·inner values of one outer
//! index, a tap is a shift by `inner`, and all positions are one contiguous run ([`shifted_sum`]).

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp2, DType, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::element::{Element, slice, with_slice};
use super::memory::{filled, with_scratch};
use super::shifted::{shifted_dots, shifted_sum};

/// The single-axis convolution as an operation of candle's graph: input (B, C, …), taps (C, d).
pub(super) struct AxisConvolution {
    /// The spatial axis, from 0.
    pub(super) axis: usize,
    /// Whether the input's gradient is wanted.
    pub(super) input_gradient: bool,
}

/// The sizes around the axis.
#[derive(Clone, Copy)]
struct Sizes {
    batch: usize,
    channels: usize,
    outer: usize,
    length: usize,
    inner: usize,
    side: usize,
}

impl Sizes {
    fn new(maps: &[usize], axis: usize, side: usize) -> Self {
        let axis = axis + 2;
        Self {
            batch: maps[0],
            channels: maps[1],
            outer: maps[2..axis].iter().product(),
            length: maps[axis],
            inner: maps[axis + 1..].iter().product(),
            side,
        }
    }

    fn positions(&self) -> usize {
        self.outer * self.length * self.inner
    }

    /// Calls `f` with each run of a map and the same run between zeros.
    fn runs<E: Element>(&self, map: &[E], mut f: impl FnMut(usize, &[E])) {
        let (run, halo) = (self.length * self.inner, self.side / 2 * self.inner);
        with_scratch([run + 2 * halo], |[padded]| {
            padded[..halo].fill(E::default());
            padded[halo + run..].fill(E::default());
            for (index, values) in map.chunks_exact(run.max(1)).enumerate() {
                padded[halo..halo + run].copy_from_slice(values);
                f(index * run, padded);
            }
        });
    }

    fn convolve<E: Element>(&self, x: &[E], taps: &[E]) -> Vec<E> {
        let (positions, run) = (self.positions(), self.length * self.inner);
        filled(self.batch * self.channels * positions, |y| {
            (0..self.batch * self.channels)
                .into_par_iter()
                .for_each(|map| {
                    let taps = &taps[map % self.channels * self.side..][..self.side];
                    // SAFETY: each task has its own map.
                    let y = unsafe { y.slice(map * positions, positions) };
                    self.runs(&x[map * positions..][..positions], |start, padded| {
                        shifted_sum(&mut y[start..start + run], padded, taps, self.inner);
                    });
                });
        })
    }

    fn taps_gradient<E: Element>(&self, x: &[E], g: &[E]) -> Vec<E> {
        let (positions, run) = (self.positions(), self.length * self.inner);
        let mut taps = vec![E::default(); self.channels * self.side];
        taps.par_chunks_exact_mut(self.side)
            .enumerate()
            .for_each(|(channel, sums)| {
                for image in 0..self.batch {
                    let map = (image * self.channels + channel) * positions;
                    self.runs(&x[map..map + positions], |start, padded| {
                        shifted_dots(sums, &g[map + start..map + start + run], padded, self.inner);
                    });
                }
            });
        taps
    }
}

impl CustomOp2 for AxisConvolution {
    fn name(&self) -> &'static str {
        "axis-convolution"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        taps: &CpuStorage,
        taps_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let sizes = Sizes::new(x_layout.dims(), self.axis, taps_layout.dims()[1]);
        let y = match x.dtype() {
            DType::F64 => {
                CpuStorage::F64(sizes.convolve(slice(x, x_layout)?, slice(taps, taps_layout)?))
            }
            _ => CpuStorage::F32(sizes.convolve(slice(x, x_layout)?, slice(taps, taps_layout)?)),
        };
        Ok((y, x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        taps: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        match x.dtype() {
            DType::F64 => self.gradients::<f64>(x, taps, gradient),
            _ => self.gradients::<f32>(x, taps, gradient),
        }
    }
}

impl AxisConvolution {
    fn gradients<E: Element>(
        &self,
        x: &Tensor,
        taps: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let sizes = Sizes::new(x.dims(), self.axis, taps.dims()[1]);
        with_slice::<E, _>(gradient, |g| {
            let input = match self.input_gradient {
                true => {
                    let flipped = with_slice::<E, _>(taps, |taps| {
                        Ok(taps
                            .chunks(sizes.side)
                            .flat_map(|row| row.iter().rev().copied())
                            .collect::<Vec<E>>())
                    })?;
                    Some(Tensor::from_vec(
                        sizes.convolve(g, &flipped),
                        x.shape(),
                        x.device(),
                    )?)
                }
                false => None,
            };
            let sums = with_slice(x, |x| Ok(sizes.taps_gradient(x, g)))?;
            Ok((
                input,
                Some(Tensor::from_vec(sums, taps.shape(), x.device())?),
            ))
        })
    }
}
