//! The forward pass of the fused one-way layer.

use rayon::prelude::*;

use super::super::element::Element;
use super::super::memory::{Output, filled, with_scratch};
use super::super::microkernel::{Offsets, Packed};
use super::super::mix::{Mix, Source};
use super::super::shifted::{Start, shifted_sum};
use super::filters::Filters;
use super::slide::{Slide, Steps, Strip, advance};
use super::{Factors, Plan};

/// A strip's inner maps fill about this, so that they stay in the second-level cache of one core.
const STRIP_BYTES: usize = 400 << 10;

/// The factors, laid out for the forward pass.
struct Forward<'a, E> {
    x: &'a [E],
    channels: Mix<'a, E>,
    /// In the form `layer`.
    outputs: Option<Mix<'a, E>>,
    factors: Factors<'a, E>,
    bias: &'a [E],
    slide: Slide,
}

impl Plan {
    /// Maps `x` (B, S, …) to (B, T, …).
    pub(super) fn forward<E: Element>(
        &self,
        x: &[E],
        factors: Factors<'_, E>,
        bias: &[E],
    ) -> Vec<E> {
        let geometry = self.geometry;
        let ([inputs, outputs], inner) = ([geometry.inputs, geometry.outputs], self.inner);
        let kept = if self.mixes { inner } else { 0 };
        let forward = Forward {
            x,
            channels: Mix::new(Packed::rows(factors.channels, inputs), &[], [inputs, inner]),
            outputs: self
                .mixes
                .then(|| Mix::new(Packed::rows(factors.outputs, inner), bias, [inner, outputs])),
            factors,
            bias,
            slide: Slide::new::<E>(geometry, self.axes, (inner, kept), STRIP_BYTES),
        };
        // Every value is computed alike, however the maps are cut.
        let strips = forward.slide.strips(2 * rayon::current_num_threads());
        filled(geometry.batch * outputs * geometry.positions(), |y| {
            strips
                .par_iter()
                .for_each(|strip| self.forward_strip(&forward, strip, y));
        })
    }

    fn forward_strip<E: Element>(&self, forward: &Forward<'_, E>, strip: &Strip, y: Output<'_, E>) {
        let (geometry, slide) = (&self.geometry, &forward.slide);
        let ([inputs, outputs], inner) = ([geometry.inputs, geometry.outputs], self.inner);
        let (positions, [.., width]) = (geometry.positions(), geometry.map);
        let [_, _, across] = geometry.kernel;
        let extents = slide.extents::<E>(strip);
        let (tall, bare) = (extents.tall_stride, extents.bare_stride);
        let kept = if self.mixes { inner } else { 0 };
        let from_inner = Offsets::strided(kept, bare);
        let chunks = forward.outputs.iter().map(Mix::scratch);
        let lengths = [
            inner * tall,
            kept * bare,
            chunks.fold(forward.channels.scratch(), usize::max),
            extents.unit,
            Filters::new(&extents, extents.rows, width, across).spaced(),
        ];
        with_scratch(lengths, |[first_maps, last_maps, chunk, plane, spaced]| {
            spaced.fill(E::default());
            for step in Steps::new(slide, strip) {
                let runs = slide.tall_runs(strip, step.new.0, step.new.1);
                advance(first_maps, &extents, &step, &runs);
                for run in &runs {
                    let x = &forward.x[strip.image * inputs * positions + run.map..];
                    let start = step.kept.len() * extents.unit + run.buffer;
                    // SAFETY: the buffer is this thread's.
                    unsafe {
                        forward.channels.apply(
                            Source::Maps(x, positions, chunk),
                            Output::new(first_maps),
                            (start, tall),
                            run.length,
                        );
                    }
                }
                let results = slide.bare_runs(strip, step.units.clone());
                for place in 0..inner {
                    // In the filter form all r of an output follow each other, while it is in the first-level cache.
                    let (t, r) = (place / self.rank(), place % self.rank());
                    let channel = if self.mixes { place } else { r * outputs + t };
                    let taps = forward.factors.taps_of(geometry.kernel, channel);
                    let map = &first_maps[channel * tall..][..tall];
                    for (index, run) in results.iter().enumerate() {
                        let filters = Filters::new(&extents, run.length / width, width, across);
                        if slide.has_planes() {
                            shifted_sum(plane, &map[index * extents.unit..], taps[0], extents.unit);
                            filters.along_height(spaced, plane, taps[1]);
                        } else {
                            filters.along_height(spaced, map, taps[1]);
                        }
                        if self.mixes {
                            let target =
                                &mut last_maps[channel * bare + run.buffer..][..run.length];
                            filters.along_width(target, spaced, taps[2], Start::At(E::default()));
                        } else {
                            let start = (strip.image * outputs + t) * positions + run.map;
                            // SAFETY: strips share no positions, and each is worked off by one thread.
                            let target = unsafe { y.slice(start, run.length) };
                            let start = match r {
                                0 => Start::At(forward.bias[t]),
                                _ => Start::There,
                            };
                            filters.along_width(target, spaced, taps[2], start);
                        }
                    }
                }
                let Some(mix) = &forward.outputs else {
                    continue;
                };
                for run in &results {
                    let maps = Source::Rows(&last_maps[run.buffer..], &from_inner);
                    let start = strip.image * outputs * positions + run.map;
                    // SAFETY: as above.
                    unsafe { mix.apply(maps, y, (start, positions), run.length) };
                }
            }
        });
    }
}
