//! The dense convolution on the host, `y[t] = b[t] + Σ_s K[t,s] ⋆ x[s]`, and its gradients.
//!
//! Maps are worked off in tiles of rows whose padded input stays in cache ([`Geometry`]); the products are those of
//! [`microkernel`](super::microkernel). With `g` the gradient of `y`:
//!
//! - the input's gradient is the convolution of `g` with the kernel flipped along every axis and with S and T exchanged;
//! - the kernel's is `dK[t,s,k] = Σ_{b,p} g[b,t,p] x[b,s,p + k − ⌊d/2⌋]`; the bias's is the sum of `g`.
//!
//! Sums over the batch run over fixed groups of maps and then over the groups, whatever the number of threads.

mod weights;

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp3, DType, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::element::{Element, dispatch, slice, with_slice};
use super::geometry::{Geometry, Tile};
use super::memory::{Output, filled, with_scratch};
use super::microkernel::{Offsets, PANEL, Packed, Products, fills_registers};
use super::mix::{Mix, Source};
use weights::weight_gradient;

/// The dense convolution as an operation of candle's graph: input (B, S, …), kernel (T, S, …), bias (T).
pub(super) struct DenseConvolution {
    /// Whether the input's gradient is wanted: not that of a network's first layer.
    pub(super) input_gradient: bool,
    /// Whether the bias is a parameter, or zeros that stand for none.
    pub(super) bias_gradient: bool,
}

impl CustomOp3 for DenseConvolution {
    fn name(&self) -> &'static str {
        "convolution"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        kernel: &CpuStorage,
        kernel_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<E: Element>(
            geometry: Geometry,
            (x, x_layout): (&CpuStorage, &Layout),
            (kernel, kernel_layout): (&CpuStorage, &Layout),
            (bias, bias_layout): (&CpuStorage, &Layout),
        ) -> Result<CpuStorage> {
            let packed = Packed::rows(
                slice(kernel, kernel_layout)?,
                geometry.inputs * geometry.taps(),
            );
            let y = forward::<E>(
                geometry,
                slice(x, x_layout)?,
                packed,
                slice(bias, bias_layout)?,
            );
            Ok(E::to_cpu_storage_owned(y))
        }
        let geometry = Geometry::new(x_layout.dims(), kernel_layout.dims());
        let (x, kernel, bias) = ((x, x_layout), (kernel, kernel_layout), (bias, bias_layout));
        let y = match x.0.dtype() {
            DType::F64 => run::<f64>(geometry, x, kernel, bias)?,
            _ => run::<f32>(geometry, x, kernel, bias)?,
        };
        let mut shape = x_layout.dims().to_vec();
        shape[1] = geometry.outputs;
        Ok((y, shape.into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        kernel: &Tensor,
        bias: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        match x.dtype() {
            DType::F64 => self.gradients::<f64>(x, kernel, bias, gradient),
            _ => self.gradients::<f32>(x, kernel, bias, gradient),
        }
    }
}

impl DenseConvolution {
    fn gradients<E: Element>(
        &self,
        x: &Tensor,
        kernel: &Tensor,
        bias: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let geometry = Geometry::new(x.dims(), kernel.dims());
        let (input, weights, offset) = with_slice::<E, _>(gradient, |g| {
            let input = match self.input_gradient {
                true => Some(with_slice(kernel, |kernel| {
                    let packed = Packed::adjoint(kernel, geometry.inputs, geometry.taps());
                    Ok(forward(
                        geometry.adjoint(),
                        g,
                        packed,
                        &vec![E::default(); geometry.inputs],
                    ))
                })?),
                false => None,
            };
            let (weights, offset) = with_slice(x, |x| Ok(weight_gradient(geometry, x, g)))?;
            Ok((input, weights, offset))
        })?;
        let device = x.device();
        Ok((
            input
                .map(|values| Tensor::from_vec(values, x.shape(), device))
                .transpose()?,
            Some(Tensor::from_vec(weights, kernel.shape(), device)?),
            self.bias_gradient
                .then(|| Tensor::from_vec(offset, bias.shape(), device))
                .transpose()?,
        ))
    }
}

/// A tile's padded input fills no more than this, so that it stays in the second-level cache of one core.
const TILE_BYTES: usize = 320 << 10;

/// The convolution of maps `x` (B, S, …): (B, T, …).
fn forward<E: Element>(geometry: Geometry, x: &[E], kernel: Packed<E>, bias: &[E]) -> Vec<E> {
    let length = geometry.batch * geometry.outputs * geometry.positions();
    if geometry.taps() == 1 {
        return filled(length, |y| pointwise(geometry, x, kernel, bias, y));
    }
    let size = geometry.tile_size::<E>(geometry.inputs, TILE_BYTES);
    let tiles: Vec<Tile> = geometry.tiles(0..geometry.batch, size).collect();
    let forward = Forward {
        geometry,
        x,
        kernel,
        bias,
        size,
        offsets: geometry.offsets(size.1, geometry.padded(size.0, size.1)),
    };
    filled(length, |y| {
        tiles.par_iter().for_each(|tile| forward.tile(tile, y));
    })
}

/// A convolution, ready to be worked off in tiles.
struct Forward<'a, E> {
    geometry: Geometry,
    x: &'a [E],
    kernel: Packed<E>,
    bias: &'a [E],
    /// Planes and rows of most tiles.
    size: (usize, usize),
    /// The offsets of such tiles.
    offsets: Offsets,
}

impl<E: Element> Forward<'_, E> {
    /// Writes one tile. Rows that fill registers are written in place; others go through a copy with the padding between them.
    fn tile(&self, tile: &Tile, y: Output<'_, E>) {
        let geometry = &self.geometry;
        let (planes, rows) = (tile.planes.len(), tile.rows.len());
        let run = geometry.run(rows);
        let channel = geometry.padded(planes, rows);
        let own = ((planes, rows) != self.size).then(|| geometry.offsets(rows, channel));
        let offsets = own.as_ref().unwrap_or(&self.offsets);
        let in_place = fills_registers::<E>(geometry.map[2]);
        let copied = if in_place { 0 } else { PANEL * run };
        with_scratch([geometry.inputs * channel, copied], |[padded, lines]| {
            geometry.pad(self.x, tile, 0..geometry.inputs, padded, channel);
            for first in (0..geometry.outputs).step_by(PANEL) {
                let count = PANEL.min(geometry.outputs - first);
                let bias = &self.bias[first..first + count];
                let panel = self.kernel.panel(first / PANEL);
                for plane in 0..planes {
                    let source = &padded[plane * geometry.padded_plane(rows)..];
                    let plane = tile.planes.start + plane;
                    if in_place {
                        let (target, length) = self.place(tile, plane, first, count, y);
                        // SAFETY: the place lies in `y`; tiles share no rows, and each is worked off by one thread.
                        let products = unsafe {
                            Products::new(source, offsets, panel, bias, count, target, length)
                        };
                        dispatch(&products.spaced(geometry.map[2], geometry.pitch()));
                        continue;
                    }
                    let products =
                        Products::within(source, offsets, panel, bias, count, lines, run);
                    dispatch(&products);
                    for (t, line) in lines.chunks_exact(run).take(count).enumerate() {
                        let place = (first + t, geometry.outputs);
                        // SAFETY: as above.
                        unsafe { geometry.unpad(line, tile, plane, place, y) };
                    }
                }
            }
        });
    }

    /// Where a tile's rows of one plane start in the result, `count` outputs from `first` on, with the distance between outputs
    /// and the number of positions.
    fn place(
        &self,
        tile: &Tile,
        plane: usize,
        first: usize,
        count: usize,
        y: Output<'_, E>,
    ) -> ((*mut E, usize), usize) {
        let [_, height, width] = self.geometry.map;
        let positions = self.geometry.positions();
        let length = tile.rows.len() * width;
        let map = (tile.image * self.geometry.outputs + first) * positions;
        let start = map + (plane * height + tile.rows.start) * width;
        let target = y.rows(start, count, positions, length);
        ((target, positions), length)
    }
}

/// Positions per task of a `1×1` convolution.
const POINTWISE_RUN: usize = 2048;

/// A `1×1` convolution: no padding.
fn pointwise<E: Element>(
    geometry: Geometry,
    x: &[E],
    kernel: Packed<E>,
    bias: &[E],
    y: Output<'_, E>,
) {
    let [inputs, outputs] = [geometry.inputs, geometry.outputs];
    let positions = geometry.positions();
    let mix = Mix::new(kernel, bias, [inputs, outputs]);
    let tasks = positions.div_ceil(POINTWISE_RUN);
    (0..geometry.batch * tasks)
        .into_par_iter()
        .for_each(|task| {
            let (image, start) = (task / tasks, task % tasks * POINTWISE_RUN);
            let length = POINTWISE_RUN.min(positions - start);
            let maps = &x[image * inputs * positions + start..];
            let target = (image * outputs * positions + start, positions);
            with_scratch([mix.scratch()], |[copy]| {
                // SAFETY: tasks share no positions.
                unsafe { mix.apply(Source::Maps(maps, positions, copy), y, target, length) };
            });
        });
}
