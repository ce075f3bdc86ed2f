//! The gradients of the dense convolution's kernel and bias.
//!
//! `dK[t,s,k] = Σ_{b,p} g[b,t,p] x[b,s,p + k − ⌊d/2⌋]`, `db[t] = Σ_{b,p} g[b,t,p]`. Tiles of maps are shared out in fixed
//! groups, each with its own sums, which are added in order. Outputs run along the lanes of registers where there are enough to
//! fill them, else positions.

use std::ops::Range;

use rayon::prelude::*;

use super::super::element::{Element, dispatch, total};
use super::super::geometry::{Geometry, Tile};
use super::super::memory::with_scratch;
use super::super::microkernel::{Dots, Offsets, Outers, Transposed, in_registers};
use super::TILE_BYTES;
use crate::pieces::in_pieces;

/// Partial sums of the kernel's gradient may fill this much.
const PARTIAL_BYTES: usize = 32 << 20;
/// Groups of tiles, each with its own sums.
const GROUPS: usize = 16;
/// A group has about this many positions or more, so that adding the groups up costs little.
const POSITIONS: usize = 1024;
/// Positions that are transposed, or of a `1×1` convolution worked off, together.
const RUN: usize = 256;
/// Outputs that are added up together.
const ROWS: usize = 16;

/// The gradients (T, S, taps) of the kernel and (T) of the bias.
pub(super) fn weight_gradient<E: Element>(
    geometry: Geometry,
    x: &[E],
    g: &[E],
) -> (Vec<E>, Vec<E>) {
    let (outputs, taps) = (geometry.outputs, geometry.taps());
    let width = in_registers::<E>(outputs);
    let size = geometry.tile_size::<E>(geometry.inputs, TILE_BYTES);
    let tiles: Vec<Tile> = geometry.tiles(0..geometry.batch, size).collect();
    let columns = geometry.inputs * taps;
    let affordable = PARTIAL_BYTES / (size_of::<E>() * width * columns).max(1);
    let worthwhile = (geometry.batch * geometry.positions()).div_ceil(POSITIONS);
    let groups = affordable
        .clamp(1, GROUPS)
        .min(worthwhile)
        .min(tiles.len())
        .max(1);
    // Many threads share inputs out as well, which changes no sum.
    let parts = (2 * rayon::current_num_threads())
        .div_ceil(groups)
        .clamp(1, geometry.inputs);
    let inputs = geometry.inputs.div_ceil(parts);
    let parts = geometry.inputs.div_ceil(inputs);
    // The last row is the bias's gradient.
    let piece = (inputs * taps + 1) * width;
    let sums = in_pieces(groups * parts * piece, piece, |task, sums| {
        let (group, part) = (task / parts, task % parts);
        let work = Share {
            geometry,
            x,
            g,
            inputs: part * inputs..geometry.inputs.min((part + 1) * inputs),
        };
        let own = group * tiles.len() / groups..(group + 1) * tiles.len() / groups;
        work.add(&tiles[own], sums);
    });
    let mut kernel = vec![E::default(); outputs * columns];
    kernel
        .par_chunks_mut((ROWS * columns).max(1))
        .enumerate()
        .for_each(|(block, kernel)| {
            for k in 0..columns {
                let row = k / (inputs * taps) * piece + k % (inputs * taps) * width + block * ROWS;
                let total = added::<E>(&sums[row..], parts * piece, groups);
                for (row, total) in kernel.chunks_exact_mut(columns).zip(total) {
                    row[k] = total;
                }
            }
        });
    let bias = (0..outputs)
        .step_by(ROWS)
        .flat_map(|first| added(&sums[piece - width + first..], parts * piece, groups))
        .take(outputs)
        .collect();
    (kernel, bias)
}

/// The first values of `groups` rows that start `stride` apart, added up.
#[inline(always)]
fn added<E: Element>(sums: &[E], stride: usize, groups: usize) -> [E; ROWS] {
    let mut total = [E::default(); ROWS];
    for group in 0..groups {
        let row = &sums[group * stride..];
        for (total, &value) in total.iter_mut().zip(row) {
            *total += value;
        }
    }
    total
}

/// What one task adds up: some tiles, some inputs.
struct Share<'a, E> {
    geometry: Geometry,
    x: &'a [E],
    g: &'a [E],
    inputs: Range<usize>,
}

impl<E: Element> Share<'_, E> {
    /// Adds these tiles' share to `sums`, a row of outputs for each input and tap, and at the end one for the biases.
    fn add(&self, tiles: &[Tile], sums: &mut [E]) {
        let (outputs, taps) = (self.geometry.outputs, self.geometry.taps());
        let (columns, width) = (self.inputs.len() * taps, in_registers::<E>(outputs));
        let (sums, rest) = sums.split_at_mut(columns * width);
        let last = rest.len() - width;
        let bias = &mut rest[last..][..outputs];
        if taps > 1 && 3 * width <= 4 * outputs {
            for tile in tiles {
                self.along_outputs(tile, sums, bias);
            }
            return;
        }
        let mut rows = vec![E::default(); outputs * columns];
        for tile in tiles {
            match taps {
                1 => self.pointwise(tile, &mut rows, bias),
                _ => self.along_positions(tile, &mut rows, bias),
            }
        }
        for (t, row) in rows.chunks_exact(columns).enumerate() {
            for (sums, &sum) in sums.chunks_exact_mut(width).zip(row) {
                sums[t] = sum;
            }
        }
    }

    /// The first position of a tile's plane in the maps `g`, and the number of its positions.
    fn plane(&self, tile: &Tile, plane: usize) -> (&[E], usize) {
        let [_, height, width] = self.geometry.map;
        let positions = self.geometry.positions();
        let row = (tile.planes.start + plane) * height + tile.rows.start;
        let start = tile.image * self.geometry.outputs * positions + row * width;
        (&self.g[start..], tile.rows.len() * width)
    }

    /// Places of the inputs' and taps' values in a padded tile, and the length of an input.
    fn offsets(&self, tile: &Tile) -> (Offsets, usize) {
        let channel = self.geometry.padded(tile.planes.len(), tile.rows.len());
        let own = Geometry {
            inputs: self.inputs.len(),
            ..self.geometry
        };
        (own.offsets(tile.rows.len(), channel), channel)
    }

    /// `sums` is (inputs, taps, outputs filled up to whole registers).
    fn along_outputs(&self, tile: &Tile, sums: &mut [E], bias: &mut [E]) {
        let geometry = &self.geometry;
        let (offsets, channel) = self.offsets(tile);
        let (pitch, width) = (geometry.pitch(), geometry.map[2]);
        let places: Vec<u32> = (0..tile.rows.len())
            .flat_map(|row| (row * pitch..row * pitch + width).map(|place| place as u32))
            .collect();
        let lengths = [
            self.inputs.len() * channel,
            Transposed::<E>::size(geometry.outputs, RUN),
        ];
        with_scratch(lengths, |[padded, values]| {
            geometry.pad(self.x, tile, self.inputs.clone(), padded, channel);
            for plane in 0..tile.planes.len() {
                let x = &padded[plane * geometry.padded_plane(tile.rows.len())..];
                let (g, length) = self.plane(tile, plane);
                for start in (0..length).step_by(RUN) {
                    let run = RUN.min(length - start);
                    let values = &mut values[..Transposed::<E>::size(geometry.outputs, run)];
                    let g = (&g[start..], geometry.positions());
                    let g = Transposed::new(g, run, bias, values);
                    let places = &places[start..start + run];
                    Outers::add(g, (x, &offsets), places, sums);
                }
            }
        });
    }

    /// `sums` is (outputs, inputs, taps). Rows of `g` get the layout of the padded maps that they are multiplied with, zeros
    /// between them.
    fn along_positions(&self, tile: &Tile, sums: &mut [E], bias: &mut [E]) {
        let geometry = &self.geometry;
        let (offsets, channel) = self.offsets(tile);
        let (pitch, width) = (geometry.pitch(), geometry.map[2]);
        let run = tile.rows.len() * pitch;
        let lengths = [self.inputs.len() * channel, bias.len() * run];
        with_scratch(lengths, |[padded, gradient]| {
            geometry.pad(self.x, tile, self.inputs.clone(), padded, channel);
            for plane in 0..tile.planes.len() {
                let (g, length) = self.plane(tile, plane);
                for (t, sum) in bias.iter_mut().enumerate() {
                    let map = &g[t * geometry.positions()..][..length];
                    *sum += total(map);
                    let lines = gradient[t * run..][..run].chunks_exact_mut(pitch);
                    for (line, row) in lines.zip(map.chunks_exact(width)) {
                        line[..width].copy_from_slice(row);
                        line[width..].fill(E::default());
                    }
                }
                let x = &padded[plane * geometry.padded_plane(tile.rows.len())..];
                let (g, length) = ((&*gradient, run), run - (pitch - width));
                dispatch(Dots::new(g, (x, &offsets), sums, bias.len(), length));
            }
        });
    }

    /// Of a `1×1` convolution: `sums` is (outputs, inputs).
    fn pointwise(&self, tile: &Tile, sums: &mut [E], bias: &mut [E]) {
        let positions = self.geometry.positions();
        let offsets = Offsets::strided(self.inputs.len(), positions);
        let channels = (tile.image * self.geometry.inputs + self.inputs.start) * positions;
        for plane in 0..tile.planes.len() {
            let (g, length) = self.plane(tile, plane);
            for (t, sum) in bias.iter_mut().enumerate() {
                *sum += total(&g[t * positions..][..length]);
            }
            let [_, height, width] = self.geometry.map;
            let row = (tile.planes.start + plane) * height + tile.rows.start;
            let x = &self.x[channels + row * width..];
            for start in (0..length).step_by(RUN) {
                let run = RUN.min(length - start);
                let (g, x) = ((&g[start..], positions), (&x[start..], &offsets));
                dispatch(Dots::new(g, x, sums, bias.len(), run));
            }
        }
    }
}
