//! The two one-dimensional kernels: weighted sums of shifted copies of a run of values, and their taps' gradients.
//!
//! `y[p] = Σ_j w[j] x[p + j·stride]`, and `dw[j] += Σ_p g[p] x[p + j·stride]`. With stride 1 the taps act along rows, with
//! the pitch along columns: both run over contiguous positions.

use pulp::{Simd, WithSimd};

use super::element::{Element, dispatch};

/// `y[p] = Σ_j taps[j] x[p + j·stride]` for every `p` of `y`.
pub(super) fn shifted_sum<E: Element>(y: &mut [E], x: &[E], taps: &[E], stride: usize) {
    assert!(y.is_empty() || y.len() + taps.len().saturating_sub(1) * stride <= x.len());
    dispatch(Sum { y, x, taps, stride });
}

/// `sums[j] += Σ_p g[p] x[p + j·stride]` for every `p` of `g`.
pub(super) fn shifted_dots<E: Element>(sums: &mut [E], g: &[E], x: &[E], stride: usize) {
    assert!(g.is_empty() || g.len() + sums.len().saturating_sub(1) * stride <= x.len());
    dispatch(Dot { sums, g, x, stride });
}

struct Sum<'a, E> {
    y: &'a mut [E],
    x: &'a [E],
    taps: &'a [E],
    stride: usize,
}

impl<E: Element> Sum<'_, E> {
    /// With `D` taps from `first` on, added to what is in `y` unless `first` is 0.
    #[inline(always)]
    fn taps<S: Simd, const D: usize>(&mut self, simd: S, first: usize) {
        let (lanes, length) = (E::lanes::<S>(), self.y.len());
        let taps: [_; D] = std::array::from_fn(|j| E::splat(simd, self.taps[first + j]));
        let x = self.x[if length == 0 { 0 } else { first * self.stride }..].as_ptr();
        let y = self.y.as_mut_ptr();
        let mut p = 0;
        while p < length {
            // SAFETY: `shifted_sum` checked p + j·stride for all p < length and taps j; masks end at `length`.
            unsafe {
                if p + lanes <= length {
                    let mut sum = if first == 0 {
                        E::splat(simd, E::default())
                    } else {
                        E::load(simd, y.add(p))
                    };
                    for j in 0..D {
                        sum = E::multiply_add(
                            simd,
                            taps[j],
                            E::load(simd, x.add(p + j * self.stride)),
                            sum,
                        );
                    }
                    E::store(simd, y.add(p), sum);
                } else {
                    let mask = E::mask(simd, length - p);
                    let mut sum = if first == 0 {
                        E::splat(simd, E::default())
                    } else {
                        E::load_masked(simd, mask, y.add(p))
                    };
                    for j in 0..D {
                        let shifted = E::load_masked(simd, mask, x.add(p + j * self.stride));
                        sum = E::multiply_add(simd, taps[j], shifted, sum);
                    }
                    E::store_masked(simd, mask, y.add(p), sum);
                }
            }
            p += lanes;
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
    sums: &'a mut [E],
    g: &'a [E],
    x: &'a [E],
    stride: usize,
}

impl<E: Element> Dot<'_, E> {
    /// The sums of `D` taps from `first` on.
    #[inline(always)]
    fn taps<S: Simd, const D: usize>(&mut self, simd: S, first: usize) {
        let (lanes, length) = (E::lanes::<S>(), self.g.len());
        let x = self.x[if length == 0 { 0 } else { first * self.stride }..].as_ptr();
        let g = self.g.as_ptr();
        let mut sums = [E::splat(simd, E::default()); D];
        let mut p = 0;
        while p < length {
            // SAFETY: `shifted_dots` checked p + j·stride for all p < length and taps j; masks end at `length`.
            unsafe {
                if p + lanes <= length {
                    let g = E::load(simd, g.add(p));
                    for j in 0..D {
                        sums[j] = E::multiply_add(
                            simd,
                            g,
                            E::load(simd, x.add(p + j * self.stride)),
                            sums[j],
                        );
                    }
                } else {
                    let mask = E::mask(simd, length - p);
                    let g = E::load_masked(simd, mask, g.add(p));
                    for j in 0..D {
                        let x = E::load_masked(simd, mask, x.add(p + j * self.stride));
                        sums[j] = E::multiply_add(simd, g, x, sums[j]);
                    }
                }
            }
            p += lanes;
        }
        for j in 0..D {
            self.sums[first + j] += E::sum(simd, sums[j]);
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
