//! The one-way layer on the host: `1×1` convolution, an axis filter per axis and (form `layer`) `1×1` again, in one pass.
//!
//! With inner channels i, input channels s, factors `c`, taps `v`, `h`, and `o`:
//!
//! ```text
//! m₁[i] = Σ_s c[i,s] x[s]     m₃[i] = h[i] ⋆ (v[i] ⋆ m₁[i])     layer:  y[t] = b[t] + Σ_i o[t,i] m₃[i]
//!                                                               filter: y[t] = b[t] + Σ_r m₃[r·T + t]
//! ```
//!
//! Strips of a map slide through all stages while they are in cache, so that no inner map is ever written to memory; the
//! backward pass makes the inner maps again. Inner maps are 0 outside of the map, because the `1×1` convolution has no bias.

mod backward;
mod filters;
mod forward;
mod slide;

use std::ops::Range;

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp3, DType, Layout, Result, Shape, Tensor};

use super::element::{Element, slice, with_slice};
use super::geometry::Geometry;

/// The one-way layer as an operation of candle's graph: input (B, S, …), all factors in one row, bias (T).
pub(super) struct OneWay {
    pub(super) plan: Plan,
    /// Whether the input's gradient is wanted: not that of a network's first layer.
    pub(super) input_gradient: bool,
    /// Whether the bias is a parameter, or zeros that stand for none.
    pub(super) bias_gradient: bool,
}

/// The sizes of a one-way layer on given maps.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    geometry: Geometry,
    /// Spatial axes that the maps have; the leading ones of the geometry's three are then of length 1.
    axes: usize,
    /// Inner channels: R, or in the filter form R·T.
    inner: usize,
    /// Whether a second `1×1` convolution follows (form `layer`), or a sum over r (form `filter`).
    mixes: bool,
}

impl Plan {
    /// For maps (B, S, N₁, …), sides of the taps by axis, and these inner and output channels.
    pub(super) fn new(
        maps: &[usize],
        sides: &[usize],
        inner: usize,
        outputs: usize,
        mixes: bool,
    ) -> Self {
        let kernel = [&[outputs, maps[1]], sides].concat();
        Self {
            geometry: Geometry::new(maps, &kernel),
            axes: sides.len(),
            inner,
            mixes,
        }
    }

    /// Where the factors lie in their row: channels (inner, S), taps by axis (inner, d), outputs (T, inner).
    fn ranges(&self) -> [Range<usize>; 5] {
        let present = |axis: usize| {
            if axis + self.axes < 3 {
                0
            } else {
                self.geometry.kernel[axis]
            }
        };
        let outputs = if self.mixes { self.geometry.outputs } else { 0 };
        let mut end = 0;
        [
            self.geometry.inputs,
            present(0),
            present(1),
            present(2),
            outputs,
        ]
        .map(|per_inner| {
            let start = end;
            end += per_inner * self.inner;
            start..end
        })
    }

    /// Products that are summed into one output: R in the filter form.
    fn rank(&self) -> usize {
        if self.mixes {
            1
        } else {
            self.inner / self.geometry.outputs
        }
    }

    fn factors<'a, E>(&self, row: &'a [E]) -> Factors<'a, E> {
        let [channels, depth, height, width, outputs] = self.ranges().map(|range| &row[range]);
        Factors {
            channels,
            taps: [depth, height, width],
            outputs,
        }
    }
}

/// The factors of a layer.
#[derive(Clone, Copy)]
struct Factors<'a, E> {
    /// (inner, S).
    channels: &'a [E],
    /// By axis (inner, d), empty for axes that the maps do not have.
    taps: [&'a [E]; 3],
    /// (T, inner), empty in the filter form.
    outputs: &'a [E],
}

impl<'a, E> Factors<'a, E> {
    /// The taps of one inner channel.
    fn taps_of(&self, sides: [usize; 3], inner: usize) -> [&'a [E]; 3] {
        let mut axis = 0;
        self.taps.map(|taps| {
            let side = sides[axis];
            axis += 1;
            if taps.is_empty() {
                taps
            } else {
                &taps[inner * side..(inner + 1) * side]
            }
        })
    }
}

impl CustomOp3 for OneWay {
    fn name(&self) -> &'static str {
        "one-way-layer"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        factors: &CpuStorage,
        factors_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<E: Element>(
            plan: &Plan,
            (x, x_layout): (&CpuStorage, &Layout),
            (factors, factors_layout): (&CpuStorage, &Layout),
            (bias, bias_layout): (&CpuStorage, &Layout),
        ) -> Result<CpuStorage> {
            let factors = plan.factors(slice(factors, factors_layout)?);
            Ok(E::to_cpu_storage_owned(plan.forward::<E>(
                slice(x, x_layout)?,
                factors,
                slice(bias, bias_layout)?,
            )))
        }
        let (maps, factors, bias) = (
            (x, x_layout),
            (factors, factors_layout),
            (bias, bias_layout),
        );
        let y = match x.dtype() {
            DType::F64 => run::<f64>(&self.plan, maps, factors, bias)?,
            _ => run::<f32>(&self.plan, maps, factors, bias)?,
        };
        let mut shape = x_layout.dims().to_vec();
        shape[1] = self.plan.geometry.outputs;
        Ok((y, shape.into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        factors: &Tensor,
        bias: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        match x.dtype() {
            DType::F64 => self.gradients::<f64>(x, factors, bias, gradient),
            _ => self.gradients::<f32>(x, factors, bias, gradient),
        }
    }
}

impl OneWay {
    fn gradients<E: Element>(
        &self,
        x: &Tensor,
        factors: &Tensor,
        bias: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let gradients = with_slice::<E, _>(x, |x| {
            with_slice(factors, |factors| {
                with_slice(gradient, |g| {
                    Ok(self
                        .plan
                        .backward(x, self.plan.factors(factors), g, self.input_gradient))
                })
            })
        })?;
        let device = x.device();
        Ok((
            gradients
                .input
                .map(|values| Tensor::from_vec(values, x.shape(), device))
                .transpose()?,
            Some(Tensor::from_vec(
                gradients.factors,
                factors.shape(),
                device,
            )?),
            self.bias_gradient
                .then(|| Tensor::from_vec(gradients.bias, bias.shape(), device))
                .transpose()?,
        ))
    }
}
