//! The backward pass of the fused one-way layer.
//!
//! With `g` the gradient of `y`, filters F₁ (along the sliding axis) to Fₙ (along width), m₁ the maps before and mₙ₊₁ those after
//! them, and `†` the adjoint, a filter with flipped taps, for each inner channel i:
//!
//! ```text
//! a₀[i] = Σ_t o[t,i] g[t]  (filter: g[i mod T])     do[t,i] = Σ_p g[t] mₙ₊₁[i]
//! aₖ[i] = Fₖ[i]† aₖ₋₁[i]                            dFₖ[i,j] = Σ_p (Fₙ … Fₖ₊₁ m₁)[i][p] aₖ₋₁[i][p − j + ⌊d/2⌋]
//! gₓ[s] = Σ_i c[i,s] aₙ[i]                          dc[i,s] = Σ_p aₙ[i] x[s]
//! ```
//!
//! Filters along different axes commute, which the gradients of taps make use of: each needs neighbours of m₁ and a₀ only. The
//! inner maps are made again from `x`. Strips are shared out in fixed groups whose sums are added in order, whatever the number
//! of threads.

use rayon::prelude::*;

use super::super::element::{Element, dispatch, total};
use super::super::memory::{Output, filled, with_scratch};
use super::super::microkernel::{Dots, Offsets, Packed};
use super::super::mix::{Mix, Source};
use super::super::shifted::{Start, shifted_sum};
use super::filters::Filters;
use super::slide::{Extents, Run, Slide, Steps, Strip, advance};
use super::{Factors, Plan};

/// A strip's inner maps and their gradients fill about this.
const STRIP_BYTES: usize = 600 << 10;
/// Groups of strips, each with its own sums.
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

/// The factors, laid out for the backward pass.
struct Backward<'a, E> {
    x: &'a [E],
    g: &'a [E],
    channels: Mix<'a, E>,
    channels_adjoint: Mix<'a, E>,
    /// In the form `layer`.
    outputs_adjoint: Option<Mix<'a, E>>,
    factors: Factors<'a, E>,
    /// The taps of each axis, reversed.
    flipped: [Vec<E>; 3],
    slide: Slide,
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
        let mut axis = 0;
        let flipped = factors.taps.map(|taps| {
            axis += 1;
            taps.chunks_exact(geometry.kernel[axis - 1])
                .flat_map(|taps| taps.iter().rev().copied())
                .collect()
        });
        let kept = if self.mixes { inner } else { 0 };
        let sizes = (inner + kept, inner + kept);
        let backward = Backward {
            x,
            g,
            channels: Mix::new(Packed::rows(factors.channels, inputs), &[], [inputs, inner]),
            channels_adjoint: Mix::new(
                Packed::columns(factors.channels, inputs),
                &[],
                [inner, inputs],
            ),
            outputs_adjoint: self.mixes.then(|| {
                let packed = Packed::columns(factors.outputs, inner);
                Mix::new(packed, &[], [outputs, inner])
            }),
            factors,
            flipped,
            slide: Slide::new::<E>(geometry, self.axes, sizes, STRIP_BYTES),
        };
        let strips = backward.slide.strips(GROUPS);
        let length = self.ranges()[4].end;
        let affordable = SUMS_BYTES / (size_of::<E>() * (length + outputs));
        let groups = affordable.clamp(1, GROUPS).min(strips.len().max(1));
        let mut sums = vec![E::default(); groups * (length + outputs)];
        let mut run = |input: Option<Output<'_, E>>| {
            sums.par_chunks_exact_mut(length + outputs)
                .enumerate()
                .for_each(|(group, sums)| {
                    let own = group * strips.len() / groups..(group + 1) * strips.len() / groups;
                    for strip in &strips[own] {
                        self.backward_strip(&backward, strip, sums, input);
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

    /// Adds a strip's share to `sums` (factors, then biases) and writes its part of the input's gradient.
    fn backward_strip<E: Element>(
        &self,
        backward: &Backward<'_, E>,
        strip: &Strip,
        sums: &mut [E],
        input: Option<Output<'_, E>>,
    ) {
        let (geometry, slide) = (&self.geometry, &backward.slide);
        let [inputs, outputs, inner] = [geometry.inputs, geometry.outputs, self.inner];
        let extents = slide.extents::<E>(strip);
        let (tall, bare) = (extents.tall_stride, extents.bare_stride);
        let positions = geometry.positions();
        let (x, g) = (
            &backward.x[strip.image * inputs * positions..],
            &backward.g[strip.image * outputs * positions..],
        );
        let (from_x, from_g) = (
            Offsets::strided(inputs, positions),
            Offsets::strided(outputs, positions),
        );
        let from_inner = Offsets::strided(inner, bare);
        let (factor_sums, bias_sums) = sums.split_at_mut(self.ranges()[4].end);
        let chunks = backward.outputs_adjoint.iter().map(Mix::scratch);
        let lengths = [
            inner * tall,
            if self.mixes { inner * tall } else { tall },
            if self.mixes { inner * bare } else { 0 },
            inner * bare,
            chunks.fold(backward.channels.scratch(), usize::max),
            self.work(&extents, slide),
        ];
        with_scratch(
            lengths,
            |[
                first_maps,
                last_gradients,
                last_maps,
                first_gradients,
                chunk,
                work,
            ]| {
                work.fill(E::default());
                for step in Steps::new(slide, strip) {
                    let runs = slide.tall_runs(strip, step.new.0, step.new.1);
                    advance(first_maps, &extents, &step, &runs);
                    if self.mixes {
                        advance(last_gradients, &extents, &step, &runs);
                    }
                    for run in &runs {
                        let start = step.kept.len() * extents.unit + run.buffer;
                        let maps = Source::Maps(&x[run.map..], positions, chunk);
                        let places = Output::new(first_maps);
                        let target = (start, tall);
                        // SAFETY: the buffers are this thread's.
                        unsafe { backward.channels.apply(maps, places, target, run.length) };
                        if let Some(mix) = &backward.outputs_adjoint {
                            let maps = Source::Maps(&g[run.map..], positions, chunk);
                            let places = Output::new(last_gradients);
                            // SAFETY: as above.
                            unsafe { mix.apply(maps, places, target, run.length) };
                        }
                    }
                    let results = slide.bare_runs(strip, step.units.clone());
                    let whole = (step.units.start, step.units.len() + slide.reach());
                    let around = slide.tall_runs(strip, whole.0, whole.1);
                    for channel in 0..inner {
                        let (last, last_gradient) = match self.mixes {
                            true => (
                                &mut last_maps[channel * bare..][..bare],
                                &last_gradients[channel * tall..][..tall],
                            ),
                            false => {
                                let map = &g[channel % outputs * positions..][..positions];
                                let length = whole.1 * extents.unit;
                                let copy = &mut last_gradients[..length];
                                (&mut [][..], with_neighbours(map, &around, copy))
                            }
                        };
                        let maps = InnerMaps {
                            first: &first_maps[channel * tall..][..tall],
                            last,
                            last_gradient,
                            first_gradient: &mut first_gradients[channel * bare..][..bare],
                        };
                        self.backward_filters(
                            backward,
                            &extents,
                            channel,
                            maps,
                            &results,
                            work,
                            factor_sums,
                        );
                    }
                    let [channels, _, _, _, mixing] = self.ranges();
                    for run in &results {
                        for (t, sum) in bias_sums.iter_mut().enumerate() {
                            *sum += total(&g[t * positions + run.map..][..run.length]);
                        }
                        let maps = (&x[run.map..], &from_x);
                        let gradients = (&first_gradients[run.buffer..], bare);
                        let sums = &mut factor_sums[channels.clone()];
                        dispatch(Dots::new(gradients, maps, sums, inner, run.length));
                        if self.mixes {
                            let gradients = (&g[run.map..], &from_g);
                            let maps = (&last_maps[run.buffer..], bare);
                            let sums = &mut factor_sums[mixing.clone()];
                            dispatch(Dots::new(maps, gradients, sums, inner, run.length));
                        }
                        let Some(input) = input else { continue };
                        let gradients = Source::Rows(&first_gradients[run.buffer..], &from_inner);
                        let start = strip.image * inputs * positions + run.map;
                        let mix = &backward.channels_adjoint;
                        // SAFETY: strips share no positions, and each is worked off by one thread.
                        unsafe { mix.apply(gradients, input, (start, positions), run.length) };
                    }
                }
            },
        );
    }

    /// Filters over the rows of a step or of a plane's tile, and over those with their neighbours of a plane's tile.
    fn filters(&self, extents: &Extents, rows: usize) -> Filters {
        let ([.., width], [.., across]) = (self.geometry.map, self.geometry.kernel);
        Filters::new(extents, rows, width, across)
    }

    /// Values that the filters of one channel need besides.
    fn work(&self, extents: &Extents, slide: &Slide) -> usize {
        let width = self.geometry.map[2].max(1);
        let rows = match slide.has_planes() {
            true => extents.unit / width,
            false => extents.rows,
        };
        let sides: usize = self.geometry.kernel.iter().sum();
        self.filters(extents, rows).spaced() + 2 * extents.unit + 2 * rows * width + sides
    }

    /// The gradients of one inner channel's taps and of its first map, for one step.
    fn backward_filters<E: Element>(
        &self,
        backward: &Backward<'_, E>,
        extents: &Extents,
        channel: usize,
        maps: InnerMaps<'_, E>,
        runs: &[Run],
        work: &mut [E],
        sums: &mut [E],
    ) {
        let (sides, width) = (self.geometry.kernel, self.geometry.map[2]);
        let taps = backward.factors.taps_of(sides, channel);
        let flipped = |axis: usize| match backward.flipped[axis].as_slice() {
            [] => &[],
            flipped => &flipped[channel * sides[axis]..][..sides[axis]],
        };
        let (unit, planes) = (extents.unit, backward.slide.has_planes());
        let above = sides[1] / 2 * width;
        let (tap_sums, work) = work.split_at_mut(sides.iter().sum());
        tap_sums.fill(E::default());
        let (depth_sums, rest) = tap_sums.split_at_mut(sides[0]);
        let (height_sums, width_sums) = rest.split_at_mut(sides[1]);
        let (plane_map, work) = work.split_at_mut(unit);
        let (plane_gradient, work) = work.split_at_mut(unit);
        for (index, run) in runs.iter().enumerate() {
            let filters = self.filters(extents, run.length / width);
            let own = index * unit;
            // F₁ where units are planes, else nothing yet.
            let (map, gradient, centre) = if planes {
                if self.mixes {
                    shifted_sum(plane_map, &maps.first[own..], taps[0], unit);
                }
                shifted_sum(plane_gradient, &maps.last_gradient[own..], flipped(0), unit);
                let centre = own + sides[0] / 2 * unit;
                let centre = &maps.first[centre..centre + unit];
                (&*plane_map, &*plane_gradient, centre)
            } else {
                (maps.first, maps.last_gradient, maps.first)
            };
            let tall = self.filters(extents, unit / width);
            let around = if planes { tall } else { filters };
            let (spaced, work) = work.split_at_mut(around.spaced());
            let zero = Start::At(E::default());
            if self.mixes {
                filters.along_height(spaced, map, taps[1]);
                let last = &mut maps.last[run.buffer..][..run.length];
                filters.along_width(last, spaced, taps[2], zero);
            }
            filters.along_height(spaced, gradient, flipped(1));
            let first = &mut maps.first_gradient[run.buffer..][..run.length];
            filters.along_width(first, spaced, flipped(2), zero);
            filters.width_products(width_sums, &centre[above..], spaced);
            if self.axes > 2 {
                let (across, work) = work.split_at_mut(unit);
                tall.space(spaced, centre);
                tall.along_width(across, spaced, taps[2], zero);
                filters.products(height_sums, &across[above..], gradient, width);
                let filtered = &mut work[..run.length];
                shifted_sum(filtered, across, taps[1], width);
                let gradient = &maps.last_gradient[own + above..];
                filters.products(depth_sums, filtered, gradient, unit);
            } else if self.axes > 1 {
                let across = &mut work[..run.length];
                filters.space(spaced, &centre[above..]);
                filters.along_width(across, spaced, taps[2], zero);
                filters.products(height_sums, across, gradient, width);
            }
        }
        // A tap's shift of the gradient is the opposite of its shift of the map.
        let ranges = self.ranges();
        for (axis, found) in [&*depth_sums, height_sums, width_sums]
            .into_iter()
            .enumerate()
        {
            let range = &ranges[1 + axis];
            if range.is_empty() {
                continue;
            }
            let start = range.start + channel * sides[axis];
            for (sum, found) in sums[start..].iter_mut().zip(found.iter().rev()) {
                *sum += *found;
            }
        }
    }
}

/// The runs of a map one after another as they lie in a buffer, with zeros between them: the map itself where they are one run
/// that needs none, else `copy`.
fn with_neighbours<'a, E: Element>(map: &'a [E], runs: &[Run], copy: &'a mut [E]) -> &'a [E] {
    if let [run] = runs
        && run.length == copy.len()
    {
        return &map[run.map..][..run.length];
    }
    copy.fill(E::default());
    for run in runs {
        copy[run.buffer..][..run.length].copy_from_slice(&map[run.map..][..run.length]);
    }
    copy
}

/// One inner channel of a step.
struct InnerMaps<'a, E> {
    /// m₁, with neighbours.
    first: &'a [E],
    /// mₙ₊₁, to be written in the form `layer`.
    last: &'a mut [E],
    /// a₀, with neighbours.
    last_gradient: &'a [E],
    /// aₙ, to be written.
    first_gradient: &'a mut [E],
}
