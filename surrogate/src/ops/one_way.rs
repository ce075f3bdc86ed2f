//! The one-way layer on the host: `1×1` convolution, an axis filter per axis and (form `layer`) `1×1` again, in one pass.
//!
//! With inner channels i, input channels s, factors `c`, taps `v`, `h`, and `o`:
//!
//! ```text
//! m₁[i] = Σ_s c[i,s] x[s]     m₃[i] = h[i] ⋆ (v[i] ⋆ m₁[i])     layer:  y[t] = b[t] + Σ_i o[t,i] m₃[i]
//!                                                               filter: y[t] = b[t] + Σ_r m₃[r·T + t]
//! ```
//!
//! A tile of rows goes through all stages while it is in cache, so that no inner map is ever written to memory; the
//! backward pass makes the inner maps again. The inner maps of a padded tile have zero padding of themselves, because the
//! `1×1` convolution has no bias.

mod backward;
mod forward;

use std::ops::Range;

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp3, DType, Layout, Result, Shape, Tensor};

use super::element::{Element, slice, with_slice};
use super::geometry::Geometry;
use super::shifted::shifted_sum;

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

    fn extents(&self, planes: usize, rows: usize) -> Extents {
        let geometry = &self.geometry;
        let pitch = geometry.pitch();
        Extents {
            planes,
            axes: self.axes,
            line: rows * pitch,
            run: geometry.run(rows),
            padded_plane: geometry.padded_plane(rows),
            padded: geometry.padded(planes, rows),
            pitch,
            tail: geometry.kernel[2] - 1,
            half: geometry.kernel.map(|side| side / 2),
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

/// Sizes of one tile's buffers, per channel.
#[derive(Clone, Copy)]
struct Extents {
    axes: usize,
    planes: usize,
    /// Values of one plane without the rows above and below: rows · pitch.
    line: usize,
    /// From a plane's first to one past its last position of the map, the padding between rows included.
    run: usize,
    /// Values of one plane with the rows above and below.
    padded_plane: usize,
    /// Values of all planes, those before and after included.
    padded: usize,
    pitch: usize,
    /// Values of a run's last row that lie beyond the map.
    tail: usize,
    half: [usize; 3],
}

impl Extents {
    /// Values of all planes without any neighbours.
    fn bare(&self) -> usize {
        self.planes * self.line
    }

    /// Values with the rows above and below, without the planes before and after.
    fn tall(&self) -> usize {
        self.planes * self.padded_plane
    }

    /// The first position of the map in the padded layout, of its plane `plane`.
    fn centre(&self, plane: usize) -> usize {
        (plane + self.half[0]) * self.padded_plane + self.half[1] * self.pitch + self.half[2]
    }

    /// The filters along depth and height of one inner map (padded): what lies before (`tall`) and after (`bare`) the
    /// filter along height.
    fn filter<'a, E: Element>(
        &self,
        map: &'a [E],
        taps: [&[E]; 3],
        tall: &'a mut [E],
        bare: &'a mut [E],
    ) -> (&'a [E], &'a [E]) {
        let tall = if self.axes > 2 {
            shifted_sum(tall, map, taps[0], self.padded_plane);
            tall
        } else {
            map
        };
        if self.axes < 2 {
            return (tall, tall);
        }
        for (y, x) in bare
            .chunks_exact_mut(self.line)
            .zip(tall.chunks_exact(self.padded_plane))
        {
            shifted_sum(y, x, taps[1], self.pitch);
        }
        (tall, bare)
    }

    /// The filter along width; what lies beyond the last position is set to 0.
    fn filter_rows<E: Element>(&self, y: &mut [E], x: &[E], taps: &[E]) {
        let (run, tail) = y.split_at_mut(x.len() - self.tail);
        shifted_sum(run, x, taps, 1);
        tail.fill(E::default());
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
