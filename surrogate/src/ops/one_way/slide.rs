//! How a one-way layer goes through its maps: strips that slide along the outermost axis.
//!
//! A strip keeps its inner maps in buffers with the neighbours that the filter along the sliding axis reaches, and moves on by a
//! few units at a time: rows of maps with two axes, planes of maps with three. Only the new units are computed; the last ones
//! of the step before are moved to the front. Planes are cut into tiles of rows, whose neighbouring rows are computed again.

use std::ops::Range;

use super::super::element::Element;
use super::super::geometry::Geometry;
use super::super::memory::odd_lines;

/// The sizes of strips, equal for all but the last of an axis.
#[derive(Clone, Copy)]
pub(super) struct Slide {
    geometry: Geometry,
    /// Whether units are planes; else they are rows.
    planes: bool,
    /// Rows of a plane's tile, 1 where units are rows.
    rows: usize,
    /// Units per step.
    pub(super) step: usize,
}

/// Part of one map of the batch: units, and rows within planes.
#[derive(Clone)]
pub(super) struct Strip {
    pub(super) image: usize,
    pub(super) units: Range<usize>,
    rows: Range<usize>,
}

/// Neighbouring positions of a map, and where they lie in a channel of a buffer.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub(super) map: usize,
    pub(super) buffer: usize,
    pub(super) length: usize,
}

/// Sizes of one strip's buffers, in values per channel.
#[derive(Clone, Copy)]
pub(super) struct Extents {
    /// Rows that are filtered together: those of a step, or of one plane's tile.
    pub(super) rows: usize,
    /// One unit with its neighbouring rows.
    pub(super) unit: usize,
    /// One unit without.
    pub(super) bare: usize,
    /// Channels of buffers with the neighbours along the sliding axis start so far apart.
    pub(super) tall_stride: usize,
    /// Channels of buffers without.
    pub(super) bare_stride: usize,
    /// Rows with zeros between them start so far apart.
    pub(super) pitch: usize,
    /// Zeros before the first of them.
    pub(super) lead: usize,
}

impl Slide {
    /// Strips whose `tall` channels with neighbours and `bare` channels without fill about `bytes`.
    pub(super) fn new<E: Element>(
        geometry: Geometry,
        axes: usize,
        (tall, bare): (usize, usize),
        bytes: usize,
    ) -> Self {
        let mut slide = Self {
            geometry,
            planes: axes > 2,
            rows: 1,
            step: 1,
        };
        let fits = |slide: &Self| {
            let Extents {
                unit, bare: own, ..
            } = slide.sizes::<E>(slide.rows);
            let units = slide.step + slide.reach();
            size_of::<E>() * (tall * units * unit + bare * slide.step * own) <= bytes
        };
        if slide.planes {
            let (height, halo) = (geometry.map[1], geometry.kernel[1] - 1);
            let mut tiles = 1;
            loop {
                slide.rows = height.div_ceil(tiles).max(1);
                if fits(&slide) || slide.rows <= halo.max(1) {
                    break;
                }
                tiles += 1;
            }
        }
        while slide.step < slide.units() {
            slide.step += 1;
            if !fits(&slide) {
                slide.step -= 1;
                break;
            }
        }
        // Steps of even sizes.
        let steps = slide.units().div_ceil(slide.step).max(1);
        slide.step = slide.units().div_ceil(steps).max(1);
        slide
    }

    fn axis(&self) -> usize {
        usize::from(!self.planes)
    }

    fn units(&self) -> usize {
        self.geometry.map[self.axis()]
    }

    /// Neighbouring units on both sides together that the filter along the sliding axis needs.
    pub(super) fn reach(&self) -> usize {
        self.geometry.kernel[self.axis()] - 1
    }

    /// Whether units are planes.
    pub(super) fn has_planes(&self) -> bool {
        self.planes
    }

    /// About `parts` strips or a few more, none so short that it computes much of its neighbours again.
    pub(super) fn strips(&self, parts: usize) -> Vec<Strip> {
        let height = if self.planes { self.geometry.map[1] } else { 1 };
        let tiles = height.div_ceil(self.rows);
        let shortest = (6 * self.reach()).max(1);
        let cuts = parts
            .div_ceil((self.geometry.batch * tiles).max(1))
            .min(self.units() / shortest)
            .max(1);
        let units = self.units();
        (0..self.geometry.batch)
            .flat_map(|image| (0..tiles).map(move |tile| (image, tile)))
            .flat_map(|(image, tile)| {
                (0..cuts).map(move |cut| Strip {
                    image,
                    units: cut * units / cuts..(cut + 1) * units / cuts,
                    rows: tile * self.rows..((tile + 1) * self.rows).min(height),
                })
            })
            .collect()
    }

    /// The buffers' sizes for a strip.
    pub(super) fn extents<E: Element>(&self, strip: &Strip) -> Extents {
        self.sizes::<E>(strip.rows.len())
    }

    fn sizes<E: Element>(&self, rows: usize) -> Extents {
        let [_, _, width] = self.geometry.map;
        let [_, side, across] = self.geometry.kernel;
        let halo = if self.planes { side - 1 } else { 0 };
        let (unit, bare) = ((rows + halo) * width, rows * width);
        let line = odd_lines::<E>(1);
        Extents {
            rows: if self.planes { rows } else { self.step },
            unit,
            bare,
            tall_stride: odd_lines::<E>((self.step + self.reach()) * unit),
            bare_stride: odd_lines::<E>(self.step * bare),
            pitch: (width + across / 2).next_multiple_of(line),
            lead: (across / 2).next_multiple_of(line),
        }
    }

    /// Where the units from `first` on, `count` of them with their neighbouring rows, lie in the maps. `first` counts from half
    /// the reach before the map; what is outside of the map has no run.
    pub(super) fn tall_runs(&self, strip: &Strip, first: usize, count: usize) -> Vec<Run> {
        let half = self.reach() / 2;
        let [_, height, width] = self.geometry.map;
        let (from, to) = (first.max(half), (first + count).min(self.units() + half));
        if from >= to {
            return Vec::new();
        }
        if !self.planes {
            return vec![Run {
                map: (from - half) * width,
                buffer: (from - first) * width,
                length: (to - from) * width,
            }];
        }
        let reach = self.geometry.kernel[1] / 2;
        let tall = strip.rows.len() + 2 * reach;
        let top = strip.rows.start.saturating_sub(reach);
        let bottom = (strip.rows.end + reach).min(height);
        (from..to)
            .map(|plane| Run {
                map: ((plane - half) * height + top) * width,
                buffer: ((plane - first) * tall + top + reach - strip.rows.start) * width,
                length: (bottom - top) * width,
            })
            .collect()
    }

    /// Where the units `units` without their neighbouring rows lie in the maps.
    pub(super) fn bare_runs(&self, strip: &Strip, units: Range<usize>) -> Vec<Run> {
        let [_, height, width] = self.geometry.map;
        if !self.planes {
            return vec![Run {
                map: units.start * width,
                buffer: 0,
                length: units.len() * width,
            }];
        }
        let length = strip.rows.len() * width;
        units
            .enumerate()
            .map(|(index, plane)| Run {
                map: (plane * height + strip.rows.start) * width,
                buffer: index * length,
                length,
            })
            .collect()
    }
}

/// A strip's progress: the units that come next, and those that its buffers hold.
pub(super) struct Steps {
    units: Range<usize>,
    step: usize,
    reach: usize,
    /// Units of the step before.
    before: usize,
}

/// One step of a strip.
pub(super) struct Step {
    /// Units whose results are computed.
    pub(super) units: Range<usize>,
    /// Units of the buffer to be moved to its front.
    pub(super) kept: Range<usize>,
    /// The first unit to be computed, counted as in [`Slide::tall_runs`], and how many.
    pub(super) new: (usize, usize),
}

impl Steps {
    pub(super) fn new(slide: &Slide, strip: &Strip) -> Self {
        Self {
            units: strip.units.clone(),
            step: slide.step,
            reach: slide.reach(),
            before: 0,
        }
    }
}

impl Iterator for Steps {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        if self.units.is_empty() {
            return None;
        }
        let start = self.units.start;
        let count = self.step.min(self.units.len());
        let step = match self.before {
            0 => Step {
                units: start..start + count,
                kept: 0..0,
                new: (start, count + self.reach),
            },
            before => Step {
                units: start..start + count,
                kept: before..before + self.reach,
                new: (start + self.reach, count),
            },
        };
        self.before = count;
        self.units.start += count;
        Some(step)
    }
}

/// Moves the kept units of each channel to its front and clears what no run of the new ones will fill.
pub(super) fn advance<E: Element>(buffer: &mut [E], extents: &Extents, step: &Step, runs: &[Run]) {
    let unit = extents.unit;
    let (from, to) = (
        step.kept.len() * unit,
        (step.kept.len() + step.new.1) * unit,
    );
    let filled: usize = runs.iter().map(|run| run.length).sum();
    for channel in buffer.chunks_exact_mut(extents.tall_stride) {
        channel.copy_within(step.kept.start * unit..step.kept.end * unit, 0);
        if filled < to - from {
            channel[from..to].fill(E::default());
        }
    }
}
