//! The weight gradient `dW[t][k] += Σ_p g[t][p] x[o_k + p]`: four rows by six columns stay in registers while `p` runs. Every pass
//! ends with a sum over each register's lanes: runs should be long.

use pulp::{Simd, WithSimd};

use super::super::element::Element;
use super::Offsets;

/// `sums[t][k] += Σ_p g[t·stride + p] x[o_k + p]` for all rows of `sums`, `p < length`.
pub(in crate::ops) struct Dots<'a, E> {
    g: &'a [E],
    stride: usize,
    x: &'a [E],
    offsets: &'a Offsets,
    sums: &'a mut [E],
    rows: usize,
    length: usize,
}

/// Rows that are worked off together fill about this much of the first-level cache.
const ROWS_BYTES: usize = 24 << 10;

impl<'a, E: Element> Dots<'a, E> {
    /// `sums` is `[rows][k]`; row `t` of `g` starts at `t·stride`.
    pub(in crate::ops) fn new(
        (g, stride): (&'a [E], usize),
        (x, offsets): (&'a [E], &'a Offsets),
        sums: &'a mut [E],
        rows: usize,
        length: usize,
    ) -> Self {
        assert!(rows > 0 && sums.len() == rows * offsets.len());
        assert!((rows - 1) * stride + length <= g.len() && offsets.fits(x, length));
        Self {
            g,
            stride,
            x,
            offsets,
            sums,
            rows,
            length,
        }
    }

    /// The columns `k..k + NK` for rows `first..first + count`, in blocks of up to `NT`.
    #[inline(always)]
    fn rows<S: Simd, const NK: usize>(
        &mut self,
        simd: S,
        (mut first, mut count): (usize, usize),
        k: usize,
    ) {
        // 4 × 6 sums, 4 rows and a column fit 32 registers, 2 × 6 sums fit 16.
        let widest = if S::REGISTER_COUNT >= 32 { 4 } else { 2 };
        while count > 0 {
            let done = match count.min(widest) {
                4 => {
                    self.block::<S, 4, NK>(simd, first, k);
                    4
                }
                2 | 3 => {
                    self.block::<S, 2, NK>(simd, first, k);
                    2
                }
                _ => {
                    self.block::<S, 1, NK>(simd, first, k);
                    1
                }
            };
            first += done;
            count -= done;
        }
    }

    #[inline(always)]
    fn block<S: Simd, const NT: usize, const NK: usize>(
        &mut self,
        simd: S,
        first: usize,
        k: usize,
    ) {
        let lanes = E::lanes::<S>();
        let mut sums = [[E::splat(simd, E::default()); NK]; NT];
        let rows: [*const E; NT] =
            std::array::from_fn(|t| self.g[(first + t) * self.stride..].as_ptr());
        let columns: [*const E; NK] =
            std::array::from_fn(|c| self.x[self.offsets.values[k + c]..].as_ptr());
        let whole = self.length / lanes * lanes;
        for p in (0..whole).step_by(lanes) {
            // SAFETY: the constructor checked all rows and columns up to `length`.
            let g: [_; NT] = std::array::from_fn(|t| unsafe { E::load(simd, rows[t].add(p)) });
            for c in 0..NK {
                // SAFETY: as above.
                let x = unsafe { E::load(simd, columns[c].add(p)) };
                for t in 0..NT {
                    sums[t][c] = E::multiply_add(simd, g[t], x, sums[t][c]);
                }
            }
        }
        if whole < self.length {
            let mask = E::mask(simd, self.length - whole);
            // SAFETY: as above; the mask ends at `length`.
            let g: [_; NT] =
                std::array::from_fn(|t| unsafe { E::load_masked(simd, mask, rows[t].add(whole)) });
            for c in 0..NK {
                // SAFETY: as above.
                let x = unsafe { E::load_masked(simd, mask, columns[c].add(whole)) };
                for t in 0..NT {
                    sums[t][c] = E::multiply_add(simd, g[t], x, sums[t][c]);
                }
            }
        }
        for t in 0..NT {
            for c in 0..NK {
                self.sums[(first + t) * self.offsets.len() + k + c] += E::sum(simd, sums[t][c]);
            }
        }
    }
}

impl<E: Element> WithSimd for Dots<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        // Columns go past rows that stay in the first-level cache.
        let row = size_of::<E>() * self.length;
        let affordable = ROWS_BYTES / row.max(1);
        let group = (affordable / 4 * 4).max(4);
        let columns = self.offsets.len();
        for first in (0..self.rows).step_by(group) {
            let rows = (first, group.min(self.rows - first));
            let mut k = 0;
            while k < columns {
                k += match columns - k {
                    1 => {
                        self.rows::<S, 1>(simd, rows, k);
                        1
                    }
                    2 => {
                        self.rows::<S, 2>(simd, rows, k);
                        2
                    }
                    3 | 5 => {
                        self.rows::<S, 3>(simd, rows, k);
                        3
                    }
                    4 | 7 | 8 => {
                        self.rows::<S, 4>(simd, rows, k);
                        4
                    }
                    _ => {
                        self.rows::<S, 6>(simd, rows, k);
                        6
                    }
                };
            }
        }
    }
}
