//! The two one-dimensional kernels: weighted sums of shifted copies of rows of values, and their taps' gradients.
//!
//! `y[p] = Σ_j w[j] x[p + j·stride]`, and `dw[j] += Σ_p g[p] x[p + j·stride]`, for the positions p of some rows. With stride 1 the
//! taps act along rows, with a row's pitch along columns: both run over neighbouring positions. Rows may lie further apart in
//! one operand than in the other, so that a filter may leave room for zeros between its rows, which the next one needs.

use pulp::{Simd, WithSimd};

use super::element::{Element, dispatch};

/// How many rows there are, and how many values of each count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    pub(super) rows: usize,
    pub(super) width: usize,
}

impl Rows {
    /// Values from the first to one past the last, with rows `pitch` apart.
    fn span(self, pitch: usize) -> usize {
        match self.rows {
            0 => 0,
            rows => (rows - 1) * pitch + self.width,
        }
    }

    /// As one row, where the rows of both operands follow each other without gaps.
    fn joined(self, pitches: [usize; 2]) -> Self {
        if pitches == [self.width; 2] {
            Self {
                rows: 1,
                width: self.rows * self.width,
            }
        } else {
            self
        }
    }
}

/// What a weighted sum is added to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start<E> {
    /// The same number everywhere.
    At(E),
    /// What is there.
    There,
}

/// `y[p] = start + Σ_j taps[j] x[p + j·stride]` in rows; y and x are given with the distances between their rows.
pub(super) fn weighted_sums<E: Element>(
    rows: Rows,
    (y, y_pitch): (&mut [E], usize),
    (x, x_pitch): (&[E], usize),
    taps: &[E],
    stride: usize,
    start: Start<E>,
) {
    assert!(rows.span(y_pitch) <= y.len());
    assert!(rows.span(x_pitch) + taps.len().saturating_sub(1) * stride <= x.len());
    let rows = rows.joined([y_pitch, x_pitch]);
    dispatch(Sum {
        rows,
        y,
        y_pitch,
        x,
        x_pitch,
        taps,
        stride,
        start,
    });
}

/// Copies rows; y and x are given with the distances between their rows.
pub(super) fn spaced_copy<E: Element>(rows: Rows, y: (&mut [E], usize), x: (&[E], usize)) {
    weighted_sums(rows, y, x, &[E::from_f64(1.0)], 0, Start::At(E::default()));
}

/// `sums[j] += Σ_p g[p] x[p + j·stride]` in rows; g and x are given with the distances between their rows.
pub(super) fn shifted_products<E: Element>(
    rows: Rows,
    sums: &mut [E],
    (g, g_pitch): (&[E], usize),
    (x, x_pitch): (&[E], usize),
    stride: usize,
) {
    assert!(rows.span(g_pitch) <= g.len());
    assert!(rows.span(x_pitch) + sums.len().saturating_sub(1) * stride <= x.len());
    let rows = rows.joined([g_pitch, x_pitch]);
    dispatch(Dot {
        rows,
        sums,
        g,
        g_pitch,
        x,
        x_pitch,
        stride,
    });
}

/// [`weighted_sums`] of one run, from 0.
pub(super) fn shifted_sum<E: Element>(y: &mut [E], x: &[E], taps: &[E], stride: usize) {
    let rows = Rows {
        rows: 1,
        width: y.len(),
    };
    let start = Start::At(E::default());
    weighted_sums(rows, (y, rows.width), (x, rows.width), taps, stride, start);
}

/// [`shifted_products`] of one run.
pub(super) fn shifted_dots<E: Element>(sums: &mut [E], g: &[E], x: &[E], stride: usize) {
    let rows = Rows {
        rows: 1,
        width: g.len(),
    };
    shifted_products(rows, sums, (g, rows.width), (x, rows.width), stride);
}

struct Sum<'a, E> {
    rows: Rows,
    y: &'a mut [E],
    y_pitch: usize,
    x: &'a [E],
    x_pitch: usize,
    taps: &'a [E],
    stride: usize,
    start: Start<E>,
}

impl<E: Element> Sum<'_, E> {
    /// With `D` taps from `first` on.
    #[inline(always)]
    fn taps<S: Simd, const D: usize>(&mut self, simd: S, first: usize) {
        match (first, self.start) {
            (0, Start::At(value)) => self.pass::<S, D, false>(simd, first, value),
            _ => self.pass::<S, D, true>(simd, first, E::default()),
        }
    }

    /// From `value`, or from what is in `y` if `ADDS`.
    #[inline(always)]
    fn pass<S: Simd, const D: usize, const ADDS: bool>(&mut self, simd: S, first: usize, value: E) {
        let (lanes, Rows { rows, width }) = (E::lanes::<S>(), self.rows);
        let whole = width / lanes * lanes;
        let mask = E::mask(simd, width - whole);
        let value = E::splat(simd, value);
        let taps: [_; D] = std::array::from_fn(|j| E::splat(simd, self.taps[first + j]));
        let x = self.x.as_ptr();
        let shifted: [_; D] = std::array::from_fn(|j| x.wrapping_add((first + j) * self.stride));
        let y = self.y.as_mut_ptr();
        for row in 0..rows {
            let (from, to) = (row * self.x_pitch, row * self.y_pitch);
            let mut p = 0;
            // SAFETY: `weighted_sums` checked all rows of both, at every tap; the mask ends at `width`.
            unsafe {
                while p < whole {
                    let mut sum = match ADDS {
                        true => E::load(simd, y.add(to + p)),
                        false => value,
                    };
                    for j in 0..D {
                        sum = E::multiply_add(
                            simd,
                            taps[j],
                            E::load(simd, shifted[j].add(from + p)),
                            sum,
                        );
                    }
                    E::store(simd, y.add(to + p), sum);
                    p += lanes;
                }
                if whole < width {
                    let mut sum = match ADDS {
                        true => E::load_masked(simd, mask, y.add(to + p)),
                        false => value,
                    };
                    for j in 0..D {
                        let x = E::load_masked(simd, mask, shifted[j].add(from + p));
                        sum = E::multiply_add(simd, taps[j], x, sum);
                    }
                    E::store_masked(simd, mask, y.add(to + p), sum);
                }
            }
        }
    }
}

impl<E: Element> WithSimd for Sum<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let mut first = 0;
        while first < self.taps.len() {
            match self.taps.len() - first {
                1 => self.taps::<S, 1>(simd, first),
                2 => self.taps::<S, 2>(simd, first),
                3 => self.taps::<S, 3>(simd, first),
                4 => self.taps::<S, 4>(simd, first),
                5 => self.taps::<S, 5>(simd, first),
                6 => self.taps::<S, 6>(simd, first),
                _ => self.taps::<S, 7>(simd, first),
            }
            first += 7;
        }
    }
}

struct Dot<'a, E> {
    rows: Rows,
    sums: &'a mut [E],
    g: &'a [E],
    g_pitch: usize,
    x: &'a [E],
    x_pitch: usize,
    stride: usize,
}

impl<E: Element> Dot<'_, E> {
    /// The sums of `D` taps from `first` on, each in two halves, so that additions need not wait for each other.
    #[inline(always)]
    fn taps<S: Simd, const D: usize>(&mut self, simd: S, first: usize) {
        let (lanes, Rows { rows, width }) = (E::lanes::<S>(), self.rows);
        let whole = width / lanes * lanes;
        let pairs = width / (2 * lanes) * (2 * lanes);
        let mask = E::mask(simd, width - whole);
        let (x, g) = (self.x.as_ptr(), self.g.as_ptr());
        let shifted: [_; D] = std::array::from_fn(|j| x.wrapping_add((first + j) * self.stride));
        let mut even = [E::splat(simd, E::default()); D];
        let mut odd = even;
        for row in 0..rows {
            let (from, at) = (row * self.x_pitch, row * self.g_pitch);
            let mut p = 0;
            // SAFETY: `shifted_products` checked all rows of both, at every tap; the mask ends at `width`.
            unsafe {
                while p < pairs {
                    let one = E::load(simd, g.add(at + p));
                    let other = E::load(simd, g.add(at + p + lanes));
                    for j in 0..D {
                        let x = shifted[j].add(from + p);
                        even[j] = E::multiply_add(simd, one, E::load(simd, x), even[j]);
                        odd[j] = E::multiply_add(simd, other, E::load(simd, x.add(lanes)), odd[j]);
                    }
                    p += 2 * lanes;
                }
                if p < whole {
                    let g = E::load(simd, g.add(at + p));
                    for j in 0..D {
                        let x = E::load(simd, shifted[j].add(from + p));
                        even[j] = E::multiply_add(simd, g, x, even[j]);
                    }
                }
                if whole < width {
                    let g = E::load_masked(simd, mask, g.add(at + whole));
                    for j in 0..D {
                        let x = E::load_masked(simd, mask, shifted[j].add(from + whole));
                        odd[j] = E::multiply_add(simd, g, x, odd[j]);
                    }
                }
            }
        }
        for j in 0..D {
            self.sums[first + j] += E::sum(simd, even[j]) + E::sum(simd, odd[j]);
        }
    }
}

impl<E: Element> WithSimd for Dot<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let mut first = 0;
        while first < self.sums.len() {
            match self.sums.len() - first {
                1 => self.taps::<S, 1>(simd, first),
                2 => self.taps::<S, 2>(simd, first),
                3 => self.taps::<S, 3>(simd, first),
                4 => self.taps::<S, 4>(simd, first),
                5 => self.taps::<S, 5>(simd, first),
                6 => self.taps::<S, 6>(simd, first),
                _ => self.taps::<S, 7>(simd, first),
            }
            first += 7;
        }
    }
}
