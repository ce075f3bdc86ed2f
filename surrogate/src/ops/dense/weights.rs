//! The gradients of the dense convolution's kernel and bias.
//!
//! `dK[t,s,k] = Σ_{b,p} g[b,t,p] x[b,s,p + k − ⌊d/2⌋]`, `db[t] = Σ_{b,p} g[b,t,p]`. Maps are shared out in fixed groups, each
//! with its own sums, which are added in order.

use std::ops::Range;

use rayon::prelude::*;

use super::super::element::{Element, dispatch, total};
use super::super::geometry::{Geometry, Tile};
use super::super::memory::{Output, with_scratch};
use super::super::microkernel::{Dots, Offsets, fills_registers};
use super::TILE_BYTES;

/// Partial sums of the kernel's gradient may fill this much.
const PARTIAL_BYTES: usize = 32 << 20;
/// Parts that the work is cut into, so that a few threads share it evenly.
const PARTS: usize = 16;
/// Rows of `g` that a task works off together.
const ROW_BLOCK: usize = 16;

/// The gradients (T, S, taps) of the kernel and (T) of the bias.
pub(super) fn weight_gradient<E: Element>(
    geometry: Geometry,
    x: &[E],
    g: &[E],
) -> (Vec<E>, Vec<E>) {
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
    let rows = (blocks.div_ceil(ranges) * ROW_BLOCK).max(1);
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
    for task in 0..groups * ranges {
        let (group, first) = (task / ranges, task % ranges * rows);
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
        let in_place = fills_registers::<E>(width);
        // Rows of `g` that fill registers are read in place. Others get the layout of the padded maps that they are multiplied
        // with, zeros between them.
        let row = (stacked - 1) * map + rows * pitch;
        let copied = if in_place { 0 } else { count * row };
        with_scratch(
            [geometry.inputs * stacked * map, copied],
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
                if in_place {
                    let lines: Vec<(usize, usize)> = (0..stacked)
                        .flat_map(|image| (0..planes).map(move |plane| (image, plane)))
                        .flat_map(|(image, plane)| (0..rows).map(move |row| (image, plane, row)))
                        .map(|(image, plane, row)| {
                            let line = (tile.planes.start + plane) * height + tile.rows.start + row;
                            let place = image * map + plane * geometry.padded_plane(rows);
                            (
                                image * geometry.outputs * positions + line * width,
                                place + row * pitch,
                            )
                        })
                        .collect();
                    let g = &g[(images.start * geometry.outputs + first) * positions..];
                    let (g, x) = ((g, positions), (&*padded, &offsets));
                    dispatch(Dots::lines(g, x, kernel, count, (&lines, width)));
                    return;
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
