//! The two register-blocked kernels that every convolution here is made of.
//!
//! On a padded map, shifting by a tap is adding a constant to an address: with an address offset `o_k` for each pair `k` of
//! input channel and tap, a convolution is a matrix product whose right-hand matrix need not be formed,
//!
//! - [`Products`]: `y[t][p] = b[t] + Σ_k W[t][k] x[o_k + p]`, and its weight gradient
//! - [`Dots`]: `dW[t][k] += Σ_p g[t][p] x[o_k + p]`.
//!
//! Positions `p` run along the registers' lanes. A block of results stays in registers while `k` (or `p`) runs, in an
//! order that depends on the shape alone: results do not depend on the number of threads.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::element::Element;

/// Rows of `W` that are packed side by side: a panel is `[k][PANEL]`.
pub(super) const PANEL: usize = 8;

/// Address offsets `o_k` into a padded map.
#[derive(Debug, Clone)]
pub(super) struct Offsets {
    values: Vec<usize>,
    /// One more than the largest.
    reach: usize,
}

impl Offsets {
    pub(super) fn new(values: Vec<usize>) -> Self {
        let reach = values.iter().max().map_or(0, |largest| largest + 1);
        Self { values, reach }
    }

    /// The same place in each of `channels` maps, `stride` apart.
    pub(super) fn strided(channels: usize, stride: usize) -> Self {
        Self::new((0..channels).map(|channel| channel * stride).collect())
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether all of `x[o_k + p]`, `p < length`, exist.
    fn fits<E>(&self, x: &[E], length: usize) -> bool {
        self.reach == 0 || length == 0 || self.reach + length - 1 <= x.len()
    }
}

/// A matrix `W` laid out for [`Products`]: panels `[k][PANEL]` of its rows, the last filled up with zeros.
pub(super) struct Packed<E> {
    panels: Vec<E>,
    columns: usize,
}

impl<E: Element> Packed<E> {
    /// From a matrix `[t][k]`.
    pub(super) fn rows(matrix: &[E], columns: usize) -> Self {
        Self::build(matrix.len() / columns.max(1), columns, |t, k| {
            matrix[t * columns + k]
        })
    }

    /// The transpose of a matrix `[k][t]` with so many columns t.
    pub(super) fn columns(matrix: &[E], columns: usize) -> Self {
        Self::adjoint(matrix, columns, 1)
    }

    /// The kernel of the adjoint convolution: from (T, S, taps), flipped and with T and S exchanged.
    pub(super) fn adjoint(kernel: &[E], inputs: usize, taps: usize) -> Self {
        let outputs = kernel.len() / (inputs * taps).max(1);
        Self::build(inputs, outputs * taps, |s, k| {
            let (t, tap) = (k / taps, k % taps);
            kernel[(t * inputs + s) * taps + taps - 1 - tap]
        })
    }

    fn build(rows: usize, columns: usize, entry: impl Fn(usize, usize) -> E + Sync) -> Self {
        let mut panels = vec![E::default(); rows.div_ceil(PANEL) * columns * PANEL];
        if columns > 0 {
            panels
                .par_chunks_exact_mut(columns * PANEL)
                .enumerate()
                .for_each(|(index, panel)| {
                    for t in index * PANEL..rows.min((index + 1) * PANEL) {
                        for k in 0..columns {
                            panel[k * PANEL + t % PANEL] = entry(t, k);
                        }
                    }
                });
        }
        Self { panels, columns }
    }

    /// The panel of the rows from `index·PANEL` on.
    pub(super) fn panel(&self, index: usize) -> &[E] {
        &self.panels[index * self.columns * PANEL..(index + 1) * self.columns * PANEL]
    }
}

/// `y[t][p] = b[t] + Σ_k W[t][k] x[o_k + p]` for `t < count ≤ PANEL`, `p < length`.
pub(super) struct Products<'a, E> {
    x: &'a [E],
    offsets: &'a Offsets,
    panel: &'a [E],
    bias: [E; PANEL],
    count: usize,
    y: *mut E,
    stride: usize,
    length: usize,
}

impl<'a, E: Element> Products<'a, E> {
    /// `panel` is `[k][PANEL]`; row `t` of the result starts at `y + t·stride`.
    ///
    /// # Safety
    /// `count` rows of `length` values, `stride` apart, must be writable at `y` and unused by others.
    pub(super) unsafe fn new(
        x: &'a [E],
        offsets: &'a Offsets,
        panel: &'a [E],
        bias: &[E],
        count: usize,
        (y, stride): (*mut E, usize),
        length: usize,
    ) -> Self {
        assert!(offsets.fits(x, length) && panel.len() == offsets.len() * PANEL && count <= PANEL);
        let mut padded = [E::default(); PANEL];
        padded[..bias.len()].copy_from_slice(bias);
        Self {
            x,
            offsets,
            panel,
            bias: padded,
            count,
            y,
            stride,
            length,
        }
    }

    /// With rows of `length` values one after another in `y`. No bias may be given for zeros.
    pub(super) fn within(
        x: &'a [E],
        offsets: &'a Offsets,
        panel: &'a [E],
        bias: &[E],
        count: usize,
        y: &'a mut [E],
        length: usize,
    ) -> Self {
        Self::strided(x, offsets, panel, bias, count, (y, length), length)
    }

    /// With rows of `length` values, `stride` apart in `y`. No bias may be given for zeros.
    pub(super) fn strided(
        x: &'a [E],
        offsets: &'a Offsets,
        panel: &'a [E],
        bias: &[E],
        count: usize,
        (y, stride): (&'a mut [E], usize),
        length: usize,
    ) -> Self {
        assert!(count == 0 || (count - 1) * stride + length <= y.len());
        // SAFETY: all rows lie in `y`, which is borrowed for as long as this value lives.
        unsafe {
            Self::new(
                x,
                offsets,
                panel,
                bias,
                count,
                (y.as_mut_ptr(), stride),
                length,
            )
        }
    }

    /// All positions for up to `NT` outputs from `first` on.
    #[inline(always)]
    fn outputs<S: Simd, const NT: usize>(&self, simd: S, first: usize, count: usize) {
        let lanes = E::lanes::<S>();
        let mut p = 0;
        while p < self.length {
            let rest = self.length - p;
            // Four registers are better cut into two and two than into three and one.
            let registers = match rest.div_ceil(lanes) {
                1 => 1,
                2 | 4 => 2,
                _ => 3,
            };
            let full = rest >= registers * lanes;
            match (registers, full) {
                (1, true) => self.block::<S, NT, 1, true>(simd, first, count, p),
                (1, false) => self.block::<S, NT, 1, false>(simd, first, count, p),
                (2, true) => self.block::<S, NT, 2, true>(simd, first, count, p),
                (2, false) => self.block::<S, NT, 2, false>(simd, first, count, p),
                (_, true) => self.block::<S, NT, 3, true>(simd, first, count, p),
                (_, false) => self.block::<S, NT, 3, false>(simd, first, count, p),
            }
            p += registers * lanes;
        }
    }

    /// `NT` outputs at `NV` registers of positions from `p` on; unless `FULL`, the last register is cut at `length`.
    #[inline(always)]
    fn block<S: Simd, const NT: usize, const NV: usize, const FULL: bool>(
        &self,
        simd: S,
        first: usize,
        count: usize,
        p: usize,
    ) {
        let lanes = E::lanes::<S>();
        let last = (NV - 1) * lanes;
        let mask = E::mask(simd, if FULL { lanes } else { self.length - p - last });
        let mut sums: [[E::Lanes<S>; NV]; NT] =
            std::array::from_fn(|t| [E::splat(simd, self.bias[(first + t) % PANEL]); NV]);
        for (k, &offset) in self.offsets.values.iter().enumerate() {
            let mut shifted = [E::splat(simd, E::default()); NV];
            for v in 0..NV {
                // SAFETY: the constructor checked o_k + p < x.len() for all p < length, where the mask ends.
                shifted[v] = unsafe {
                    let source = self.x.as_ptr().add(offset + p + v * lanes);
                    if FULL || v + 1 < NV {
                        E::load(simd, source)
                    } else {
                        E::load_masked(simd, mask, source)
                    }
                };
            }
            for t in 0..NT {
                // SAFETY: the constructor checked the panel's length, and first + NT ≤ PANEL.
                let weight = E::splat(simd, unsafe {
                    *self.panel.as_ptr().add(k * PANEL + first + t)
                });
                for v in 0..NV {
                    sums[t][v] = E::multiply_add(simd, weight, shifted[v], sums[t][v]);
                }
            }
        }
        for t in 0..NT {
            if t < count {
                for v in 0..NV {
                    // SAFETY: row first + t and positions below length are writable by the constructor's contract.
                    unsafe {
                        let target = self.y.add((first + t) * self.stride + p + v * lanes);
                        if FULL || v + 1 < NV {
                            E::store(simd, target, sums[t][v]);
                        } else {
                            E::store_masked(simd, mask, target, sums[t][v]);
                        }
                    }
                }
            }
        }
    }
}

impl<E: Element> WithSimd for Products<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // 8 × 3 sums, 3 inputs and a weight fit 32 registers, 4 × 3 sums fit 16.
        let widest = if S::REGISTER_COUNT >= 32 { 8 } else { 4 };
        let mut first = 0;
        while first < self.count {
            let count = (self.count - first).min(widest);
            match count {
                1 => self.outputs::<S, 1>(simd, first, count),
                2 => self.outputs::<S, 2>(simd, first, count),
                3 | 4 => self.outputs::<S, 4>(simd, first, count),
                _ => self.outputs::<S, 8>(simd, first, count),
            }
            first += count;
        }
    }
}

/// `sums[t][k] += Σ_p g[t·stride + p] x[o_k + p]` for all rows of `sums`, `p < length`.
pub(super) struct Dots<'a, E> {
    g: &'a [E],
    stride: usize,
    x: &'a [E],
    offsets: &'a Offsets,
    sums: &'a mut [E],
    rows: usize,
    length: usize,
}

impl<'a, E: Element> Dots<'a, E> {
    /// `sums` is `[rows][k]`; row `t` of `g` starts at `t·stride`.
    pub(super) fn new(
        (g, stride): (&'a [E], usize),
        (x, offsets): (&'a [E], &'a Offsets),
        sums: &'a mut [E],
        rows: usize,
        length: usize,
    ) -> Self {
        assert!(
            rows > 0
                && (rows - 1) * stride + length <= g.len()
                && sums.len() == rows * offsets.len()
        );
        assert!(offsets.fits(x, length));
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

    /// All columns for `NT` rows from `first` on.
    #[inline(always)]
    fn columns<S: Simd, const NT: usize>(&mut self, simd: S, first: usize) {
        let columns = self.offsets.len();
        let mut k = 0;
        while k < columns {
            match columns - k {
                1 | 2 => {
                    self.block::<S, NT, 1>(simd, first, k);
                    k += 1;
                }
                3..=5 => {
                    self.block::<S, NT, 3>(simd, first, k);
                    k += 3;
                }
                _ => {
                    self.block::<S, NT, 6>(simd, first, k);
                    k += 6;
                }
            }
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
        let mut p = 0;
        while p < whole {
            // SAFETY: the constructor checked all rows and columns up to `length`.
            let g: [_; NT] = std::array::from_fn(|t| unsafe { E::load(simd, rows[t].add(p)) });
            for c in 0..NK {
                // SAFETY: as above.
                let x = unsafe { E::load(simd, columns[c].add(p)) };
                for t in 0..NT {
                    sums[t][c] = E::multiply_add(simd, g[t], x, sums[t][c]);
                }
            }
            p += lanes;
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
        // 4 × 6 sums, 4 rows and a column fit 32 registers, 2 × 6 sums fit 16.
        let widest = if S::REGISTER_COUNT >= 32 { 4 } else { 2 };
        let mut first = 0;
        while first < self.rows {
            match (self.rows - first).min(widest) {
                4 => {
                    self.columns::<S, 4>(simd, first);
                    first += 4;
                }
                2 | 3 => {
                    self.columns::<S, 2>(simd, first);
                    first += 2;
                }
                _ => {
                    self.columns::<S, 1>(simd, first);
                    first += 1;
                }
            }
        }
    }
}
