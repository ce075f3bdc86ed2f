//! The weight gradient with outputs along the lanes, `dW[k][t] += Σ_q g[q][t] x[o_k + q']`: sums of outer products.
//!
//! With `g` transposed, a register holds neighbouring outputs of one position, and is multiplied by single values of `x`. No sum
//! over a register's lanes is ever taken, and rows of maps may start anywhere: [`Dots`](super::Dots) spends a third of its
//! time on both where runs are short. The transposition pays where there are many columns `k` and outputs to fill registers.

use pulp::{Simd, WithSimd};

use super::super::element::{Element, dispatch, total};
use super::Offsets;

/// Outputs that are transposed side by side fill so many bytes: four of the widest registers.
const BLOCK_BYTES: usize = 256;

/// So many outputs, filled up to whole registers of any machine.
pub(in crate::ops) fn in_registers<E>(outputs: usize) -> usize {
    outputs.next_multiple_of(64 / size_of::<E>())
}

/// A run of positions of `g`, transposed: blocks of outputs, each `[position][output]`.
pub(in crate::ops) struct Transposed<'a, E> {
    values: &'a [E],
    length: usize,
}

impl<'a, E: Element> Transposed<'a, E> {
    /// Values for so many outputs and positions.
    pub(in crate::ops) fn size(outputs: usize, length: usize) -> usize {
        in_registers::<E>(outputs) * length
    }

    /// From the first `length` positions of the rows of `g`, one an output, which start `stride` apart; adds each row's sum to
    /// `totals`, one an output. `values` is of [`size`](Self::size).
    pub(in crate::ops) fn new(
        (g, stride): (&[E], usize),
        length: usize,
        totals: &mut [E],
        values: &'a mut [E],
    ) -> Self {
        let outputs = totals.len();
        let block = BLOCK_BYTES / size_of::<E>();
        for (number, totals) in totals.chunks_mut(block).enumerate() {
            let first = number * block;
            let width = block.min(in_registers::<E>(outputs) - first);
            let values = &mut values[first * length..][..width * length];
            if totals.len() < width {
                values.fill(E::default());
            }
            for (t, sum) in totals.iter_mut().enumerate() {
                let row = &g[(first + t) * stride..][..length];
                *sum += total(row);
                for (places, &value) in values.chunks_exact_mut(width).zip(row) {
                    places[t] = value;
                }
            }
        }
        Self { values, length }
    }
}

/// `sums[k][t] += Σ_q g[q][t] x[o_k + places[q]]`.
pub(in crate::ops) struct Outers<'a, E> {
    g: Transposed<'a, E>,
    x: &'a [E],
    offsets: &'a Offsets,
    places: &'a [u32],
    sums: &'a mut [E],
    /// Outputs, filled up to whole registers: the length of a row of `sums`.
    width: usize,
}

impl<'a, E: Element> Outers<'a, E> {
    /// `sums` is `[k][width]`, with `width` the outputs of `g` filled up by [`in_registers`]; `places` ascend.
    pub(in crate::ops) fn add(
        g: Transposed<'a, E>,
        (x, offsets): (&'a [E], &'a Offsets),
        places: &'a [u32],
        sums: &'a mut [E],
    ) {
        let width = g.values.len() / g.length.max(1);
        let last = places.last().map_or(0, |&place| place as usize);
        assert!(places.len() == g.length && sums.len() == offsets.len() * width);
        assert!(offsets.fits(x, last + 1) && places.is_sorted());
        dispatch(Self {
            g,
            x,
            offsets,
            places,
            sums,
            width,
        });
    }

    /// The columns from `k` on for the `NV` registers of outputs from `first` on, which are those from `place` on of a block of
    /// transposed ones that is `pitch` wide.
    #[inline(always)]
    fn columns<S: Simd, const NV: usize>(
        &mut self,
        simd: S,
        first: usize,
        (g, pitch): (usize, usize),
    ) {
        // 4 × 6 or 2 × 9 sums, a position's registers and a few values of x fit 32 registers, 2 × 6 sums fit 16; with 2 × 12 the
        // compiler, which reads all values of x first, runs out of them.
        let widest = if S::REGISTER_COUNT >= 32 && NV <= 2 {
            9
        } else {
            6
        };
        let columns = self.offsets.len();
        let mut k = 0;
        while k < columns {
            k += match (columns - k).min(widest) {
                9 => self.block::<S, NV, 9>(simd, k, first, (g, pitch)),
                6.. => self.block::<S, NV, 6>(simd, k, first, (g, pitch)),
                3.. => self.block::<S, NV, 3>(simd, k, first, (g, pitch)),
                _ => self.block::<S, NV, 1>(simd, k, first, (g, pitch)),
            };
        }
    }

    #[inline(always)]
    fn block<S: Simd, const NV: usize, const NK: usize>(
        &mut self,
        simd: S,
        k: usize,
        first: usize,
        (g, pitch): (usize, usize),
    ) -> usize {
        let lanes = E::lanes::<S>();
        let g = self.g.values[g..].as_ptr();
        let columns: [*const E; NK] =
            std::array::from_fn(|c| self.x[self.offsets.values[k + c]..].as_ptr());
        let target = self.sums[k * self.width + first..].as_mut_ptr();
        let mut sums = [[E::splat(simd, E::default()); NV]; NK];
        // SAFETY: the constructors checked the sizes of all arrays, and that every place exists behind the largest offset.
        unsafe {
            for c in 0..NK {
                for v in 0..NV {
                    sums[c][v] = E::load(simd, target.add(c * self.width + v * lanes));
                }
            }
            for (q, &place) in self.places.iter().enumerate() {
                let row: [_; NV] =
                    std::array::from_fn(|v| E::load(simd, g.add(q * pitch + v * lanes)));
                for c in 0..NK {
                    let x = E::splat(simd, *columns[c].add(place as usize));
                    for v in 0..NV {
                        sums[c][v] = E::multiply_add(simd, row[v], x, sums[c][v]);
                    }
                }
            }
            for c in 0..NK {
                for v in 0..NV {
                    E::store(simd, target.add(c * self.width + v * lanes), sums[c][v]);
                }
            }
        }
        NK
    }
}

impl<E: Element> WithSimd for Outers<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let lanes = E::lanes::<S>();
        let block = BLOCK_BYTES / size_of::<E>();
        let widest = if S::REGISTER_COUNT >= 32 { 4 } else { 2 };
        for start in (0..self.width).step_by(block) {
            let pitch = block.min(self.width - start);
            let mut done = 0;
            while done < pitch {
                let from = (start * self.g.length + done, pitch);
                done += lanes
                    * match ((pitch - done) / lanes).min(widest) {
                        4.. => {
                            self.columns::<S, 4>(simd, start + done, from);
                            4
                        }
                        2.. => {
                            self.columns::<S, 2>(simd, start + done, from);
                            2
                        }
                        _ => {
                            self.columns::<S, 1>(simd, start + done, from);
                            1
                        }
                    };
            }
        }
    }
}
