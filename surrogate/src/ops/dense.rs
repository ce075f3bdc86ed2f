//! The dense convolution on the host, `y[t] = b[t] + Σ_s K[t,s] ⋆ x[s]`, and its gradients.
//!
//! Maps are worked off in tiles of rows whose padded input stays in cache ([`Geometry`]); the products are those of
//! [`microkernel`](super::microkernel). With `g` the gradient of `y`:
//!
//! - the input's gradient is the convolution of `g` with the kernel flipped along every axis and with S and T exchanged;
//! - the kernel's is `dK[t,s,k] = Σ_{b,p} g[b,t,p] x[b,s,p + k − ⌊d/2⌋]`; the bias's is the sum of `g`.
//!
//! Sums over the batch run over fixed groups of maps and then over the groups, whatever the number of threads.

use std::ops::Range;

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp3, DType, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::element::{Element, dispatch, slice, total, with_slice};
use super::geometry::{Geometry, Tile};
use super::memory::{Output, filled, with_scratch};
use super::microkernel::{Dots, Offsets, PANEL, Packed, Products};

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
                &packed,
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
                        &packed,
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
fn forward<E: Element>(geometry: Geometry, x: &[E], kernel: &Packed<E>, bias: &[E]) -> Vec<E> {
    let length = geometry.batch * geometry.outputs * geometry.positions();
    if geometry.taps() == 1 {
        return filled(length, |y| pointwise(geometry, x, kernel, bias, y));
    }
    let size = geometry.tile_size::<E>(geometry.inputs, TILE_BYTES);
    let tiles: Vec<Tile> = geometry.tiles(0..geometry.batch, size).collect();
    let shared = geometry.offsets(size.1, geometry.padded(size.0, size.1));
    filled(length, |y| {
        tiles.par_iter().for_each(|tile| {
            let (planes, rows) = (tile.planes.len(), tile.rows.len());
            let run = geometry.run(rows);
            let channel = geometry.padded(planes, rows);
            let own = ((planes, rows) != size).then(|| geometry.offsets(rows, channel));
            let offsets = own.as_ref().unwrap_or(&shared);
            with_scratch(
                [geometry.inputs * channel, PANEL * run],
                |[padded, rows_out]| {
                    geometry.pad(x, tile, padded, channel);
                    for first in (0..geometry.outputs).step_by(PANEL) {
                        let count = PANEL.min(geometry.outputs - first);
                        for plane in 0..planes {
                            let source = &padded[plane * geometry.padded_plane(rows)..];
                            let bias = &bias[first..first + count];
                            let panel = kernel.panel(first / PANEL);
                            dispatch(Products::within(
                                source, offsets, panel, bias, count, rows_out, run,
                            ));
                            for t in 0..count {
                                let line = &rows_out[t * run..(t + 1) * run];
                                let plane = tile.planes.start + plane;
                                // SAFETY: tiles share no rows, and each is worked off by one thread.
                                unsafe {
                                    geometry.unpad(
                                        line,
                                        tile,
                                        plane,
                                        (first + t, geometry.outputs),
                                        y,
                                    )
                                };
                            }
                        }
                    }
                },
            );
        });
    })
}

/// Positions per task of a `1×1` convolution: its input stays in the first-level cache, over all panels.
fn pointwise_run<E>(geometry: Geometry) -> usize {
    ((40 << 10) / (size_of::<E>() * geometry.inputs.max(1))).clamp(48, 4096) / 48 * 48
}

/// A `1×1` convolution: no padding, no copies.
fn pointwise<E: Element>(
    geometry: Geometry,
    x: &[E],
    kernel: &Packed<E>,
    bias: &[E],
    y: Output<'_, E>,
) {
    let positions = geometry.positions();
    let run = pointwise_run::<E>(geometry);
    let offsets = Offsets::strided(geometry.inputs, positions);
    let chunks = positions.div_ceil(run);
    (0..geometry.batch * chunks)
        .into_par_iter()
        .for_each(|task| {
            let (image, start) = (task / chunks, task % chunks * run);
            let length = run.min(positions - start);
            let source = &x[image * geometry.inputs * positions + start..];
            for first in (0..geometry.outputs).step_by(PANEL) {
                let count = PANEL.min(geometry.outputs - first);
                let target = y.rows(
                    (image * geometry.outputs + first) * positions + start,
                    count,
                    positions,
                    length,
                );
                let (panel, bias) = (kernel.panel(first / PANEL), &bias[first..first + count]);
                // SAFETY: `rows` checked the places; tasks share none.
                let products = unsafe {
                    Products::new(
                        source,
                        &offsets,
                        panel,
                        bias,
                        count,
                        (target, positions),
                        length,
                    )
                };
                dispatch(products);
            }
        });
}

/// Partial sums of the kernel's gradient may fill this much.
const PARTIAL_BYTES: usize = 32 << 20;
/// Parts that the work is cut into, so that a few threads share it evenly.
const PARTS: usize = 16;
/// Rows of `g` that a task works off together.
const ROW_BLOCK: usize = 16;

/// The gradients (T, S, taps) of the kernel and (T) of the bias.
fn weight_gradient<E: Element>(geometry: Geometry, x: &[E], g: &[E]) -> (Vec<E>, Vec<E>) {
    let columns = geometry.inputs * geometry.taps();
    let outputs = geometry.outputs;
    // Groups of maps have their own partial sums; where these grow too large, outputs are shared out instead.
    let affordable = PARTIAL_BYTES / (size_of::<E>() * outputs * columns).max(1);
    let stack = stack(geometry);
    let groups = affordable
        .clamp(1, PARTS)
        .min(geometry.batch.div_ceil(stack).max(1));
    let blocks = outputs.div_ceil(ROW_BLOCK);
    let ranges = PARTS.div_ceil(groups).min(blocks).max(1);
    let rows = blocks.div_ceil(ranges) * ROW_BLOCK;
    let row_length = columns + 1; // the last is the bias's gradient
    let mut partial = vec![E::default(); groups * outputs * row_length];
    let places = Output::new(&mut partial);
    let ranges = outputs.div_ceil(rows);
    (0..groups * ranges).into_par_iter().for_each(|task| {
        let (group, first) = (task / ranges, task % ranges * rows);
        let count = rows.min(outputs - first);
        let images = group * geometry.batch / groups..(group + 1) * geometry.batch / groups;
        // SAFETY: each task has its own group and rows.
        let sums =
            unsafe { places.slice((group * outputs + first) * row_length, count * row_length) };
        let (kernel, bias) = sums.split_at_mut(count * columns);
        for start in images.clone().step_by(stack) {
            accumulate(
                geometry,
                x,
                g,
                start..images.end.min(start + stack),
                first,
                kernel,
                bias,
            );
        }
    });
    // Within a task's piece the kernel's rows come first, then the biases.
    let (mut kernel, mut bias) = (
        vec![E::default(); outputs * columns],
        vec![E::default(); outputs],
    );
    for (index, piece) in (0..groups * ranges)
        .map(|task| (task / ranges, task % ranges * rows))
        .enumerate()
    {
        let _ = index;
        let (group, first) = piece;
        let count = rows.min(outputs - first);
        let start = (group * outputs + first) * row_length;
        let sums = &partial[start..start + count * row_length];
        let (from_kernel, from_bias) = sums.split_at(count * columns);
        for (total, part) in kernel[first * columns..].iter_mut().zip(from_kernel) {
            *total += *part;
        }
        for (total, part) in bias[first..].iter_mut().zip(from_bias) {
            *total += *part;
        }
    }
    (kernel, bias)
}

/// How many maps are worked off together in the kernel's gradient: small ones one after another as a single long run,
/// because every run ends with the sum over a register's lanes.
fn stack(geometry: Geometry) -> usize {
    let [depth, height, _] = geometry.map;
    if geometry.taps() == 1 || depth > 1 {
        return 1;
    }
    (DOTS_RUN / geometry.padded_plane(height).max(1)).max(1)
}

/// Adds the share of a few maps to the gradients of the outputs from `first` on.
fn accumulate<E: Element>(
    geometry: Geometry,
    x: &[E],
    g: &[E],
    images: Range<usize>,
    first: usize,
    kernel: &mut [E],
    bias: &mut [E],
) {
    let (positions, count) = (geometry.positions(), bias.len());
    let maps =
        |image: usize| &g[(image * geometry.outputs + first) * positions..][..count * positions];
    for image in images.clone() {
        for (sum, map) in bias
            .iter_mut()
            .zip(maps(image).chunks_exact(positions.max(1)))
        {
            *sum += total(map);
        }
    }
    if geometry.taps() == 1 {
        let offsets = Offsets::strided(geometry.inputs, positions);
        for image in images {
            let (x, g) = (&x[image * geometry.inputs * positions..], maps(image));
            for start in (0..positions).step_by(DOTS_RUN) {
                let length = DOTS_RUN.min(positions - start);
                dispatch(Dots::new(
                    (&g[start..], positions),
                    (&x[start..], &offsets),
                    kernel,
                    count,
                    length,
                ));
            }
        }
        return;
    }
    let [_, height, width] = geometry.map;
    let pitch = geometry.pitch();
    // Either several whole maps or the tiles of one.
    let stacked = images.len();
    let size = match stacked {
        1 => geometry.tile_size::<E>(geometry.inputs, TILE_BYTES),
        _ => (1, height),
    };
    for tile in geometry.tiles(images.start..images.start + 1, size) {
        let (planes, rows) = (tile.planes.len(), tile.rows.len());
        let map = geometry.padded(planes, rows);
        let offsets = geometry.offsets(rows, stacked * map);
        // Runs of `g` have the layout of the padded maps that they are multiplied with, zeros between their rows.
        let row = (stacked - 1) * map + rows * pitch;
        with_scratch(
            [geometry.inputs * stacked * map, count * row],
            |[padded, gradient]| {
                for image in images.clone() {
                    let place = (image - images.start) * map;
                    geometry.pad(
                        x,
                        &Tile {
                            image,
                            ..tile.clone()
                        },
                        &mut padded[place..],
                        stacked * map,
                    );
                }
                for plane in 0..planes {
                    for t in 0..count {
                        let row = &mut gradient[t * row..][..row];
                        for (image, line) in images.clone().zip(row.chunks_mut(map)) {
                            let map = (t * geometry.map[0] + tile.planes.start + plane) * height;
                            let (own, between) = line.split_at_mut(rows * pitch);
                            for (line, row) in own.chunks_exact_mut(pitch).zip(tile.rows.clone()) {
                                line[..width]
                                    .copy_from_slice(&maps(image)[(map + row) * width..][..width]);
                                line[width..].fill(E::default());
                            }
                            between.fill(E::default());
                        }
                    }
                    let source = &padded[plane * geometry.padded_plane(rows)..];
                    let run = row - (pitch - width);
                    dispatch(Dots::new(
                        (gradient, row),
                        (source, &offsets),
                        kernel,
                        count,
                        run,
                    ));
                }
            },
        );
    }
}

/// Positions per pass of a `1×1` convolution's weight gradient.
const DOTS_RUN: usize = 1024;
