//! The backward pass of the fused one-way layer.
//!
//! With `g` the gradient of `y`, stage by stage backwards (`†` is the adjoint, a convolution with flipped taps):
//!
//! ```text
//! g₃[i] = Σ_t o[t,i] g[t]  (filter: g[i mod T])    do[t,i] = Σ_p g[t] m₃[i]
//! g₂[i] = h[i]† g₃[i]                              dh[i,j] = Σ_p g₃[i][p] m₂[i][p + j − ⌊d/2⌋]
//! g₁[i] = v[i]† g₂[i]                              dv[i,j] likewise from g₂ and m₁
//! gₓ[s] = Σ_i c[i,s] g₁[i]                         dc[i,s] = Σ_p g₁[i] x[s]
//! ```
//!
//! The inner maps m are made again from `x`, tile by tile. Tiles are shared out in fixed groups whose sums are added in
//! order, whatever the number of threads.

use rayon::prelude::*;

use super::super::element::{Element, dispatch, total};
use super::super::geometry::Tile;
use super::super::memory::{Output, filled, with_scratch};
use super::super::microkernel::{Dots, Offsets, PANEL, Packed, Products};
use super::super::shifted::{shifted_dots, shifted_sum};
use super::{Extents, Factors, Plan};

/// A tile's padded input, gradient and inner gradients fill about this.
const TILE_BYTES: usize = 768 << 10;
/// Groups of tiles, each with its own sums.
const GROUPS: usize = 16;
/// The groups' sums fill no more than this.
const SUMS_BYTES: usize = 64 << 20;

/// What the backward pass gives.
pub(super) struct Gradients<E> {
    /// (B, S, …), where wanted.
    pub(super) input: Option<Vec<E>>,
    /// In the order of the factors.
    pub(super) factors: Vec<E>,
    /// (T).
    pub(super) bias: Vec<E>,
}

/// Factors laid out for the backward pass.
struct Backward<'a, E> {
    x: &'a [E],
    g: &'a [E],
    channels: Packed<E>,
    channels_adjoint: Packed<E>,
    outputs_adjoint: Packed<E>,
    factors: Factors<'a, E>,
    /// The taps of each axis, reversed.
    flipped: [Vec<E>; 3],
}

impl Plan {
    /// The gradients of a layer whose result has the gradient `g` (B, T, …).
    pub(super) fn backward<E: Element>(
        &self,
        x: &[E],
        factors: Factors<'_, E>,
        g: &[E],
        input_gradient: bool,
    ) -> Gradients<E> {
        let geometry = self.geometry;
        let [inputs, outputs, inner] = [geometry.inputs, geometry.outputs, self.inner];
        let size = geometry.tile_size::<E>(inputs + outputs + inner, TILE_BYTES);
        let tiles: Vec<Tile> = geometry.tiles(0..geometry.batch, size).collect();
        let mut axis = 0;
        let flipped = factors.taps.map(|taps| {
            axis += 1;
            taps.chunks_exact(geometry.kernel[axis - 1])
                .flat_map(|taps| taps.iter().rev().copied())
                .collect()
        });
        let backward = Backward {
            x,
            g,
            channels: Packed::rows(factors.channels, inputs),
            channels_adjoint: Packed::columns(factors.channels, inputs),
            outputs_adjoint: Packed::columns(factors.outputs, inner),
            factors,
            flipped,
        };
        let length = self.ranges()[4].end;
        let affordable = SUMS_BYTES / (size_of::<E>() * (length + outputs));
        let groups = affordable.clamp(1, GROUPS).min(tiles.len().max(1));
        let mut sums = vec![E::default(); groups * (length + outputs)];
        let mut run = |input: Option<Output<'_, E>>| {
            sums.par_chunks_exact_mut(length + outputs)
                .enumerate()
                .for_each(|(group, sums)| {
                    for tile in
                        &tiles[group * tiles.len() / groups..(group + 1) * tiles.len() / groups]
                    {
                        self.backward_tile(&backward, tile, sums, input);
                    }
                });
        };
        let input = if input_gradient {
            Some(filled(x.len(), |places| run(Some(places))))
        } else {
            run(None);
            None
        };
        let (total, rest) = sums.split_at_mut(length + outputs);
        for part in rest.chunks_exact(length + outputs) {
            for (total, part) in total.iter_mut().zip(part) {
                *total += *part;
            }
        }
        let mut factors = total[..length].to_vec();
        // The sums of the output factors are (inner, T).
        let mixing = self.ranges()[4].clone();
        if self.mixes {
            for t in 0..outputs {
                for i in 0..inner {
                    factors[mixing.start + t * inner + i] = total[mixing.start + i * outputs + t];
                }
            }
        }
        Gradients {
            input,
            factors,
            bias: total[length..].to_vec(),
        }
    }

    /// Adds a tile's share to `sums` (factors, then biases) and writes the input's gradient of its rows.
    fn backward_tile<E: Element>(
        &self,
        backward: &Backward<'_, E>,
        tile: &Tile,
        sums: &mut [E],
        input: Option<Output<'_, E>>,
    ) {
        let geometry = &self.geometry;
        let [inputs, outputs, inner] = [geometry.inputs, geometry.outputs, self.inner];
        let extents = self.extents(tile.planes.len(), tile.rows.len());
        let (padded, bare) = (extents.padded, extents.bare());
        let from_x = Offsets::strided(inputs, padded);
        let from_g = Offsets::strided(outputs, padded);
        let from_inner = Offsets::strided(inner, bare);
        let (factor_sums, bias_sums) = sums.split_at_mut(self.ranges()[4].end);
        self.add_bias(backward.g, tile, bias_sums);
        let lengths = [
            inputs * padded,
            outputs * padded,
            PANEL * padded,
            PANEL * padded,
            PANEL * bare,
            inner * bare,
            2 * padded + extents.tall() + bare,
        ];
        with_scratch(
            lengths,
            |[
                x,
                g,
                first_maps,
                last_gradients,
                last_maps,
                first_gradients,
                work,
            ]| {
                geometry.pad(backward.x, tile, x, padded);
                geometry.adjoint().pad(backward.g, tile, g, padded);
                for first in (0..inner).step_by(PANEL) {
                    let count = PANEL.min(inner - first);
                    let panel = first / PANEL;
                    dispatch(Products::within(
                        x,
                        &from_x,
                        backward.channels.panel(panel),
                        &[],
                        count,
                        first_maps,
                        padded,
                    ));
                    if self.mixes {
                        let panel = backward.outputs_adjoint.panel(panel);
                        dispatch(Products::within(
                            g,
                            &from_g,
                            panel,
                            &[],
                            count,
                            last_gradients,
                            padded,
                        ));
                    }
                    for i in 0..count {
                        let last_gradient = match self.mixes {
                            true => &last_gradients[i * padded..][..padded],
                            false => &g[(first + i) % outputs * padded..][..padded],
                        };
                        let maps = InnerMaps {
                            first: &first_maps[i * padded..][..padded],
                            last: self.mixes.then_some(&mut last_maps[i * bare..][..bare]),
                            last_gradient,
                            first_gradient: &mut first_gradients[(first + i) * bare..][..bare],
                        };
                        self.backward_filters(
                            backward,
                            &extents,
                            first + i,
                            maps,
                            work,
                            factor_sums,
                        );
                    }
                    let [channels, _, _, _, mixing] = self.ranges();
                    let own = |range: &std::ops::Range<usize>, width| {
                        range.start + first * width..range.start + (first + count) * width
                    };
                    for plane in 0..extents.planes {
                        let (line, centre) = (plane * extents.line, extents.centre(plane));
                        let gradients = (&first_gradients[first * bare + line..], bare);
                        let sums = &mut factor_sums[own(&channels, inputs)];
                        dispatch(Dots::new(
                            gradients,
                            (&x[centre..], &from_x),
                            sums,
                            count,
                            extents.run,
                        ));
                        if self.mixes {
                            let maps = (&last_maps[line..], bare);
                            let sums = &mut factor_sums[own(&mixing, outputs)];
                            dispatch(Dots::new(
                                maps,
                                (&g[centre..], &from_g),
                                sums,
                                count,
                                extents.run,
                            ));
                        }
                    }
                }
                let Some(input) = input else { return };
                for first in (0..inputs).step_by(PANEL) {
                    let count = PANEL.min(inputs - first);
                    let panel = backward.channels_adjoint.panel(first / PANEL);
                    let target = (&mut *last_maps, bare);
                    let whole = bare - extents.tail;
                    dispatch(Products::strided(
                        first_gradients,
                        &from_inner,
                        panel,
                        &[],
                        count,
                        target,
                        whole,
                    ));
                    // SAFETY: tiles share no rows, and each is worked off by one thread.
                    unsafe { self.write(last_maps, &extents, tile, first, (count, inputs), input) };
                }
            },
        );
    }

    /// The gradients of one inner channel's taps and of its first map.
    fn backward_filters<E: Element>(
        &self,
        backward: &Backward<'_, E>,
        extents: &Extents,
        channel: usize,
        maps: InnerMaps<'_, E>,
        work: &mut [E],
        sums: &mut [E],
    ) {
        let sides = self.geometry.kernel;
        let taps = backward.factors.taps_of(sides, channel);
        let flipped = |axis: usize| &backward.flipped[axis][channel * sides[axis]..][..sides[axis]];
        let ranges = self.ranges();
        let place = |axis: usize| {
            let start = ranges[1 + axis].start + channel * sides[axis];
            start..start + sides[axis]
        };
        let Extents {
            planes,
            line,
            run,
            padded_plane,
            padded,
            pitch,
            half,
            ..
        } = *extents;
        let (tall, work) = work.split_at_mut(extents.tall());
        let (bare, work) = work.split_at_mut(extents.bare());
        let (wide, flat) = work.split_at_mut(padded);
        let (tall, bare) = extents.filter(maps.first, taps, tall, bare);
        if let Some(last) = maps.last {
            extents.filter_rows(last, bare, taps[2]);
        }
        for plane in 0..planes {
            let gradient = &maps.last_gradient[extents.centre(plane)..][..run];
            shifted_dots(&mut sums[place(2)], gradient, &bare[plane * line..], 1);
        }
        if extents.axes < 2 {
            extents.filter_rows(maps.first_gradient, maps.last_gradient, flipped(2));
            return;
        }
        extents.filter_rows(wide, maps.last_gradient, flipped(2));
        for plane in 0..planes {
            let gradient = &wide[(plane + half[0]) * padded_plane + half[1] * pitch..][..run];
            shifted_dots(
                &mut sums[place(1)],
                gradient,
                &tall[plane * padded_plane + half[2]..],
                pitch,
            );
        }
        let flat = &mut flat[..padded / padded_plane * line];
        let columns = if extents.axes > 2 {
            &mut *flat
        } else {
            &mut *maps.first_gradient
        };
        for (y, x) in columns
            .chunks_exact_mut(line)
            .zip(wide.chunks_exact(padded_plane))
        {
            shifted_sum(y, x, flipped(1), pitch);
        }
        if extents.axes > 2 {
            for plane in 0..planes {
                let gradient = &flat[(plane + half[0]) * line..][..run];
                let map = &maps.first[plane * padded_plane + half[1] * pitch + half[2]..];
                shifted_dots(&mut sums[place(0)], gradient, map, padded_plane);
            }
            shifted_sum(maps.first_gradient, flat, flipped(0), line);
        }
    }

    /// Adds the sums of `g` over a tile.
    fn add_bias<E: Element>(&self, g: &[E], tile: &Tile, sums: &mut [E]) {
        let [depth, height, width] = self.geometry.map;
        for (t, sum) in sums.iter_mut().enumerate() {
            for plane in tile.planes.clone() {
                let map = ((tile.image * self.geometry.outputs + t) * depth + plane) * height;
                *sum += total(&g[(map + tile.rows.start) * width..(map + tile.rows.end) * width]);
            }
        }
    }
}

/// One inner channel of a tile.
struct InnerMaps<'a, E> {
    /// m₁, padded.
    first: &'a [E],
    /// m₃, to be written where it is needed.
    last: Option<&'a mut [E]>,
    /// g₃, padded.
    last_gradient: &'a [E],
    /// g₁, to be written.
    first_gradient: &'a mut [E],
}
