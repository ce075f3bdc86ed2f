//! `1×1` convolutions of runs of positions, `y[t][p] = b[t] + Σ_s W[t][s] x[s][p]`: matrix products, blocked for the first-level
//! cache.
//!
//! Channels of a map often start a power of two apart, where all of them compete for a few places of the caches. A run of such
//! maps is therefore copied, a chunk at a time, to rows an odd number of cache lines apart, and used for all outputs.

use super::element::{Element, dispatch};
use super::memory::{Output, odd_lines, prefetch};
use super::microkernel::{Offsets, PANEL, Packed, Products};

/// A `1×1` convolution, ready to be applied.
pub(super) struct Mix<'a, E> {
    packed: Packed<E>,
    /// (T), or empty for zeros.
    bias: &'a [E],
    outputs: usize,
    /// Positions that are worked off together.
    chunk: usize,
    /// Places of the channels of a copied chunk.
    copied: Offsets,
    stride: usize,
}

/// A chunk of all channels fills about this much of the first-level cache.
const CHUNK_BYTES: usize = 28 << 10;
/// Positions that the microkernel works off together, on the widest registers.
const BLOCK: usize = 48;

/// Maps that a `1×1` convolution reads, from the first position of the run on.
pub(super) enum Source<'a, E> {
    /// Channels so far apart, and memory of [`Mix::scratch`] values to copy them to.
    Maps(&'a [E], usize, &'a mut [E]),
    /// Channels that lie well: their places.
    Rows(&'a [E], &'a Offsets),
}

impl<'a, E: Element> Mix<'a, E> {
    /// From the packed matrix (T, S) and a bias (T) or none.
    pub(super) fn new(packed: Packed<E>, bias: &'a [E], [inputs, outputs]: [usize; 2]) -> Self {
        let affordable = CHUNK_BYTES / (size_of::<E>() * inputs).max(1);
        let chunk = (affordable / BLOCK * BLOCK).clamp(BLOCK, 2048 / BLOCK * BLOCK);
        let stride = odd_lines::<E>(chunk + BLOCK);
        Self {
            packed,
            bias,
            outputs,
            chunk,
            copied: Offsets::strided(inputs, stride),
            stride,
        }
    }

    /// Values that copies of maps need.
    pub(super) fn scratch(&self) -> usize {
        self.copied.len() * self.stride
    }

    /// Writes a run of `length` positions of all outputs to `y` from `start` on, channels `stride` apart.
    ///
    /// # Safety
    /// Nobody else may use these places of `y` meanwhile.
    pub(super) unsafe fn apply(
        &self,
        mut source: Source<'_, E>,
        y: Output<'_, E>,
        (start, stride): (usize, usize),
        length: usize,
    ) {
        let mut done = 0;
        while done < length {
            let rest = length - done;
            let run = if rest <= self.chunk + BLOCK {
                rest
            } else {
                self.chunk
            };
            let ahead = match &source {
                Source::Maps(x, apart, _) => Some((x.as_ptr().wrapping_add(done + run), *apart)),
                Source::Rows(..) => None,
            };
            let (x, offsets) = match &mut source {
                Source::Maps(x, apart, copy) => {
                    for (s, row) in copy
                        .chunks_exact_mut(self.stride)
                        .take(self.copied.len())
                        .enumerate()
                    {
                        row[..run].copy_from_slice(&x[s * *apart + done..][..run]);
                    }
                    (&**copy, &self.copied)
                }
                Source::Rows(x, offsets) => (&x[done..], *offsets),
            };
            for first in (0..self.outputs).step_by(PANEL) {
                let count = PANEL.min(self.outputs - first);
                let bias = match self.bias {
                    [] => &[],
                    bias => &bias[first..first + count],
                };
                let target = y.rows(start + done + first * stride, count, stride, run);
                let panel = self.packed.panel(first / PANEL);
                // SAFETY: `rows` checked the places, which are the caller's.
                let products =
                    unsafe { Products::new(x, offsets, panel, bias, count, (target, stride), run) };
                dispatch(&products);
                if let Some((ahead, apart)) = ahead {
                    // What the next chunk, or the run that follows, will copy, a share with each panel.
                    let inputs = self.copied.len();
                    let share =
                        first * inputs / self.outputs..(first + count) * inputs / self.outputs;
                    for s in share {
                        prefetch(ahead.wrapping_add(s * apart), run);
                    }
                }
            }
            done += run;
        }
    }
}
