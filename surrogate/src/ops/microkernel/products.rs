//! The matrix product `y[t][p] = b[t] + Σ_k W[t][k] x[o_k + p]`: eight outputs at three registers of positions stay in
//! registers while `k` runs.

use pulp::{Simd, WithSimd};

use super::super::element::Element;
use super::{Offsets, PANEL};

/// `y[t][p] = b[t] + Σ_k W[t][k] x[o_k + p]` for `t < count ≤ PANEL`, `p < length`.
pub(in crate::ops) struct Products<'a, E> {
    x: &'a [E],
    offsets: &'a Offsets,
    panel: &'a [E],
    bias: [E; PANEL],
    count: usize,
    y: *mut E,
    stride: usize,
    length: usize,
    /// Positions of a row, and how far apart rows start in `x`, where they do not follow each other there.
    spaced: Option<(usize, usize)>,
}

impl<'a, E: Element> Products<'a, E> {
    /// `panel` is `[k][PANEL]`; row `t` of the result starts at `y + t·stride`.
    ///
    /// # Safety
    /// `count` rows of `length` values, `stride` apart, must be writable at `y` and unused by others.
    pub(in crate::ops) unsafe fn new(
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
            spaced: None,
        }
    }

    /// With positions that come in rows of `width` values, which start `pitch` apart in `x` and follow each other in `y`. Rows
    /// must fill whole registers.
    pub(in crate::ops) fn spaced(mut self, width: usize, pitch: usize) -> Self {
        assert!(fills_registers::<E>(width) && self.length.is_multiple_of(width) && width <= pitch);
        let rows = self.length / width;
        let span = rows.saturating_sub(1) * pitch + width;
        assert!(rows == 0 || self.offsets.fits(self.x, span));
        self.spaced = Some((width, pitch));
        self
    }

    /// Where position `p` is in `x`, offsets aside.
    #[inline(always)]
    fn place(&self, p: usize) -> usize {
        match self.spaced {
            None => p,
            Some((width, pitch)) => p / width * pitch + p % width,
        }
    }

    /// With rows of `length` values one after another in `y`. No bias may be given for zeros.
    pub(in crate::ops) fn within(
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
    pub(in crate::ops) fn strided(
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
        let places: [usize; NV] = std::array::from_fn(|v| self.place(p + v * lanes));
        let mut sums: [[E::Lanes<S>; NV]; NT] =
            std::array::from_fn(|t| [E::splat(simd, self.bias[(first + t) % PANEL]); NV]);
        for (k, &offset) in self.offsets.values.iter().enumerate() {
            let mut shifted = [E::splat(simd, E::default()); NV];
            for v in 0..NV {
                // SAFETY: the constructors checked all positions p < length, where the mask ends, at every offset.
                shifted[v] = unsafe {
                    let source = self.x.as_ptr().add(offset + places[v]);
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

/// Whether rows of so many values can be cut into registers of any machine.
pub(in crate::ops) fn fills_registers<E>(width: usize) -> bool {
    width > 0 && width.is_multiple_of(64 / size_of::<E>())
}

impl<E: Element> Products<'_, E> {
    /// All outputs at all positions.
    #[inline(always)]
    pub(in crate::ops) fn all<S: Simd>(&self, simd: S) {
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

/// By reference: were it moved, its small fields would be read back in larger pieces just after they were written, which waits
/// for all writes before, those of the last products to far memory among them.
impl<E: Element> WithSimd for &Products<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.all(simd);
    }
}
