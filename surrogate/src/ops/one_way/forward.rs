//! The forward pass of the fused one-way layer.

use rayon::prelude::*;

use super::super::element::{Element, dispatch};
use super::super::geometry::Tile;
use super::super::memory::{Output, filled, with_scratch};
use super::super::microkernel::{Offsets, PANEL, Packed, Products};
use super::{Extents, Factors, Plan};

/// A tile's padded input and inner maps fill about this, so that they stay in the second-level cache of one core.
const TILE_BYTES: usize = 576 << 10;

impl Plan {
    /// Maps `x` (B, S, …) to (B, T, …).
    pub(super) fn forward<E: Element>(
        &self,
        x: &[E],
        factors: Factors<'_, E>,
        bias: &[E],
    ) -> Vec<E> {
        let geometry = self.geometry;
        let [inputs, outputs] = [geometry.inputs, geometry.outputs];
        let kept = if self.mixes { self.inner } else { 0 };
        let size = geometry.tile_size::<E>(inputs + kept, TILE_BYTES);
        let tiles: Vec<Tile> = geometry.tiles(0..geometry.batch, size).collect();
        // In the filter form one packing per r, so that panels do not reach over two of them.
        let rows = self.inner / self.rank();
        let channels = factors
            .channels
            .chunks_exact(rows * inputs)
            .map(|matrix| Packed::rows(matrix, inputs));
        let packed = PackedFactors {
            channels: channels.collect(),
            outputs: Packed::rows(factors.outputs, self.inner),
            factors,
            bias,
        };
        filled(geometry.batch * outputs * geometry.positions(), |y| {
            tiles.par_iter().for_each(|tile| {
                if self.mixes {
                    self.layer_tile(x, &packed, tile, y);
                } else {
                    self.filter_tile(x, &packed, tile, y);
                }
            });
        })
    }

    /// One tile in the form `layer`.
    fn layer_tile<E: Element>(
        &self,
        x: &[E],
        packed: &PackedFactors<'_, E>,
        tile: &Tile,
        y: Output<'_, E>,
    ) {
        let geometry = &self.geometry;
        let extents = self.extents(tile.planes.len(), tile.rows.len());
        let (bare, whole) = (extents.bare(), extents.bare() - extents.tail);
        let offsets = Offsets::strided(geometry.inputs, extents.padded);
        let inner_offsets = Offsets::strided(self.inner, bare);
        let lengths = [
            geometry.inputs * extents.padded,
            PANEL * extents.padded,
            extents.tall(),
            bare,
            self.inner * bare,
            PANEL * bare,
        ];
        with_scratch(
            lengths,
            |[padded, first_maps, tall, column, inner_maps, lines]| {
                geometry.pad(x, tile, padded, extents.padded);
                for first in (0..self.inner).step_by(PANEL) {
                    let count = PANEL.min(self.inner - first);
                    let panel = packed.channels[0].panel(first / PANEL);
                    dispatch(Products::within(
                        padded,
                        &offsets,
                        panel,
                        &[],
                        count,
                        first_maps,
                        extents.padded,
                    ));
                    for (i, map) in first_maps
                        .chunks_exact(extents.padded)
                        .take(count)
                        .enumerate()
                    {
                        let taps = packed.factors.taps_of(geometry.kernel, first + i);
                        let (_, filtered) = extents.filter(map, taps, tall, column);
                        extents.filter_rows(
                            &mut inner_maps[(first + i) * bare..][..bare],
                            filtered,
                            taps[2],
                        );
                    }
                }
                for first in (0..geometry.outputs).step_by(PANEL) {
                    let count = PANEL.min(geometry.outputs - first);
                    let bias = &packed.bias[first..first + count];
                    let panel = packed.outputs.panel(first / PANEL);
                    let products = Products::strided(
                        inner_maps,
                        &inner_offsets,
                        panel,
                        bias,
                        count,
                        (lines, bare),
                        whole,
                    );
                    dispatch(products);
                    // SAFETY: tiles share no rows, and each is worked off by one thread.
                    unsafe {
                        self.write(lines, &extents, tile, first, (count, geometry.outputs), y)
                    };
                }
            },
        );
    }

    /// One tile in the form `filter`.
    fn filter_tile<E: Element>(
        &self,
        x: &[E],
        packed: &PackedFactors<'_, E>,
        tile: &Tile,
        y: Output<'_, E>,
    ) {
        let geometry = &self.geometry;
        let extents = self.extents(tile.planes.len(), tile.rows.len());
        let bare = extents.bare();
        let offsets = Offsets::strided(geometry.inputs, extents.padded);
        let lengths = [
            geometry.inputs * extents.padded,
            PANEL * extents.padded,
            extents.tall(),
            bare,
            bare,
            PANEL * bare,
        ];
        with_scratch(
            lengths,
            |[padded, first_maps, tall, column, term, lines]| {
                geometry.pad(x, tile, padded, extents.padded);
                for first in (0..geometry.outputs).step_by(PANEL) {
                    let count = PANEL.min(geometry.outputs - first);
                    for (r, channels) in packed.channels.iter().enumerate() {
                        let panel = channels.panel(first / PANEL);
                        dispatch(Products::within(
                            padded,
                            &offsets,
                            panel,
                            &[],
                            count,
                            first_maps,
                            extents.padded,
                        ));
                        for (i, map) in first_maps
                            .chunks_exact(extents.padded)
                            .take(count)
                            .enumerate()
                        {
                            let taps = packed
                                .factors
                                .taps_of(geometry.kernel, r * geometry.outputs + first + i);
                            let (_, filtered) = extents.filter(map, taps, tall, column);
                            extents.filter_rows(term, filtered, taps[2]);
                            let bias = packed.bias[first + i];
                            let sums = lines[i * bare..][..bare].iter_mut().zip(term.iter());
                            match r {
                                0 => sums.for_each(|(sum, term)| *sum = bias + *term),
                                _ => sums.for_each(|(sum, term)| *sum += *term),
                            }
                        }
                    }
                    // SAFETY: tiles share no rows, and each is worked off by one thread.
                    unsafe {
                        self.write(lines, &extents, tile, first, (count, geometry.outputs), y)
                    };
                }
            },
        );
    }

    /// Copies the rows of `count` channels from `first` on to a result of `channels` channels.
    ///
    /// # Safety
    /// Nobody else may use the tile's rows of these channels meanwhile.
    pub(super) unsafe fn write<E: Element>(
        &self,
        lines: &[E],
        extents: &Extents,
        tile: &Tile,
        first: usize,
        (count, channels): (usize, usize),
        y: Output<'_, E>,
    ) {
        for (t, planes) in lines.chunks_exact(extents.bare()).take(count).enumerate() {
            for (plane, line) in tile.planes.clone().zip(planes.chunks_exact(extents.line)) {
                // SAFETY: the caller's word.
                unsafe {
                    self.geometry
                        .unpad(line, tile, plane, (first + t, channels), y)
                };
            }
        }
    }
}

/// The factors, and their matrices laid out for [`Products`].
struct PackedFactors<'a, E> {
    /// By r in the filter form, else one.
    channels: Vec<Packed<E>>,
    outputs: Packed<E>,
    factors: Factors<'a, E>,
    bias: &'a [E],
}
