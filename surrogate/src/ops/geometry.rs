//! Sizes of a convolution, and the tiles of rows that it is worked off in.
//!
//! Maps of one to three spatial axes are brought to three, (depth, height, width), by leading axes of length 1. A tile is
//! a box of whole rows. Its input, with the neighbours that the kernel reaches and zeros outside the map, is laid out with
//! the pitch `width + k_w − 1` between rows: shifting by a tap is then adding a constant to an address.

use std::ops::Range;

use super::element::Element;
use super::memory::Output;
use super::microkernel::Offsets;
use super::shifted::{Rows, spaced_copy};

/// The sizes of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) batch: usize,
    /// S.
    pub(super) inputs: usize,
    /// T.
    pub(super) outputs: usize,
    /// (depth, height, width).
    pub(super) map: [usize; 3],
    /// Odd sides along the same axes.
    pub(super) kernel: [usize; 3],
}

/// Rows `rows` of the planes `planes` of one map of the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tile {
    pub(super) image: usize,
    pub(super) planes: Range<usize>,
    pub(super) rows: Range<usize>,
}

impl Geometry {
    /// From maps (B, S, N₁, …) and a kernel (T, S, d₁, …) whose shapes have been checked.
    pub(super) fn new(maps: &[usize], kernel: &[usize]) -> Self {
        let three = |sizes: &[usize]| {
            let mut all = [1; 3];
            all[3 - sizes.len()..].copy_from_slice(sizes);
            all
        };
        let (map, sides) = (three(&maps[2..]), three(&kernel[2..]));
        Self {
            batch: maps[0],
            inputs: maps[1],
            outputs: kernel[0],
            map,
            kernel: sides,
        }
    }

    /// The adjoint's sizes: outputs become inputs.
    pub(super) fn adjoint(self) -> Self {
        Self {
            inputs: self.outputs,
            outputs: self.inputs,
            ..self
        }
    }

    /// Positions of one map.
    pub(super) fn positions(&self) -> usize {
        self.map.iter().product()
    }

    /// Taps of one kernel, `Π d`.
    pub(super) fn taps(&self) -> usize {
        self.kernel.iter().product()
    }

    /// The distance between rows of a padded tile.
    pub(super) fn pitch(&self) -> usize {
        self.map[2] + self.kernel[2] - 1
    }

    /// Positions from the first to one past the last of `rows` rows of a padded tile, the padding between them included.
    pub(super) fn run(&self, rows: usize) -> usize {
        (rows * self.pitch()).saturating_sub(self.kernel[2] - 1)
    }

    /// Values of one channel of the padded input of a tile of so many planes and rows.
    pub(super) fn padded(&self, planes: usize, rows: usize) -> usize {
        (planes + self.kernel[0] - 1) * self.padded_plane(rows)
    }

    /// Values of one padded plane of a tile of so many rows.
    pub(super) fn padded_plane(&self, rows: usize) -> usize {
        (rows + self.kernel[1] - 1) * self.pitch()
    }

    /// The numbers of planes and rows of a tile of which so many channels, padded, fill about `bytes`.
    pub(super) fn tile_size<E>(&self, channels: usize, bytes: usize) -> (usize, usize) {
        let budget = bytes / (size_of::<E>() * channels).max(1);
        let [depth, height, _] = self.map.map(|length| length.max(1));
        let (around, halo) = (self.kernel[0] - 1, self.kernel[1] - 1);
        // As little as possible is read again as neighbours.
        let (mut best, mut shape) = (0.0, (1, 1));
        for planes in 1..=depth {
            let rows = (budget / ((planes + around) * self.pitch())).saturating_sub(halo);
            // At least as many rows as are read again, and tiles of even sizes.
            let rows = rows
                .max(if planes == 1 { halo.max(1) } else { 0 })
                .min(height);
            if rows == 0 {
                break;
            }
            let rows = height.div_ceil(height.div_ceil(rows));
            let planes = depth.div_ceil(depth.div_ceil(planes));
            let padded = (planes + around) * (rows + halo);
            let share = (planes * rows) as f64 / padded as f64;
            if share > best {
                (best, shape) = (share, (planes, rows));
            }
        }
        shape
    }

    /// All tiles of the maps `images`, in order.
    pub(super) fn tiles(
        &self,
        images: Range<usize>,
        (planes, rows): (usize, usize),
    ) -> impl Iterator<Item = Tile> {
        let [depth, height, _] = self.map;
        images.flat_map(move |image| {
            (0..depth).step_by(planes).flat_map(move |plane| {
                (0..height).step_by(rows).map(move |row| Tile {
                    image,
                    planes: plane..(plane + planes).min(depth),
                    rows: row..(row + rows).min(height),
                })
            })
        })
    }

    /// The offset of each (channel, tap) pair in the padded input of a tile of so many rows, channels `stride` apart.
    pub(super) fn offsets(&self, rows: usize, stride: usize) -> Offsets {
        let plane = self.padded_plane(rows);
        let [depth, height, width] = self.kernel;
        let mut values = Vec::with_capacity(self.inputs * self.taps());
        for s in 0..self.inputs {
            for a in 0..depth {
                for b in 0..height {
                    values
                        .extend((0..width).map(|c| s * stride + a * plane + b * self.pitch() + c));
                }
            }
        }
        Offsets::new(values)
    }

    /// Lays out the padded input (channels, planes + k_d − 1, rows + k_h − 1, pitch) of a tile: its neighbours, and zeros outside.
    /// Channels start `stride` apart.
    pub(super) fn pad<E: Element>(
        &self,
        x: &[E],
        tile: &Tile,
        channels: Range<usize>,
        padded: &mut [E],
        stride: usize,
    ) {
        let [depth, height, width] = self.map;
        let [half_d, half_h, half_w] = self.kernel.map(|side| side / 2);
        let plane_length = self.padded_plane(tile.rows.len());
        let (top, bottom) = (
            tile.rows.start.saturating_sub(half_h),
            (tile.rows.end + half_h).min(height),
        );
        let rows = Rows {
            rows: bottom - top,
            width,
        };
        let place = (top + half_h - tile.rows.start) * self.pitch() + half_w;
        for (s, channel) in channels.zip(padded.chunks_mut(stride.max(1))) {
            let map = (tile.image * self.inputs + s) * depth;
            let planes = channel.chunks_exact_mut(plane_length.max(1));
            for (plane, line) in (tile.planes.start..tile.planes.end + 2 * half_d).zip(planes) {
                line.fill(E::default());
                if (half_d..depth + half_d).contains(&plane) {
                    let start = ((map + plane - half_d) * height + top) * width;
                    spaced_copy(
                        rows,
                        (&mut line[place..], self.pitch()),
                        (&x[start..], width),
                    );
                }
            }
        }
    }

    /// Copies runs of `width` values, one per row, from padded rows to the rows of channel `channel` of a result with
    /// `channels` channels.
    ///
    /// # Safety
    /// Nobody else may use these rows of the output meanwhile.
    pub(super) unsafe fn unpad<E: Element>(
        &self,
        padded: &[E],
        tile: &Tile,
        plane: usize,
        (channel, channels): (usize, usize),
        output: Output<'_, E>,
    ) {
        let [depth, height, width] = self.map;
        let first = ((tile.image * channels + channel) * depth + plane) * height;
        for (line, row) in padded.chunks(self.pitch()).zip(tile.rows.clone()) {
            // SAFETY: the caller's word.
            unsafe { output.slice((first + row) * width, width) }.copy_from_slice(&line[..width]);
        }
    }
}
