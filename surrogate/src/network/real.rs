//! The two float types of network tensors, and the one transcendental function that activations need.
//!
//! `f32` is what networks train in: its sigmoid is a polynomial that the compiler turns into whole SIMD registers, good to
//! a few units in the last place near zero. `f64` is for gradient checks and uses the standard library.

use candle_core::WithDType;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

/// Accumulators of a reduction, fixed so that sums have the same bits on every machine and thread count.
pub(crate) const LANES: usize = 16;

/// A float type that fused kernels are written for.
pub(crate) trait Real:
    WithDType
    + Copy
    + Default
    + PartialOrd
    + Send
    + Sync
    + Sum
    + AddAssign
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// The nearest value to `value`.
    fn of(value: f64) -> Self;
    /// Square root.
    fn root(self) -> Self;
    /// `1 / (1 + exp(-self))`.
    fn sigmoid(self) -> Self;
}

impl Real for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    #[inline(always)]
    fn of(value: f64) -> Self {
        value as f32
    }

    #[inline(always)]
    fn root(self) -> Self {
        self.sqrt()
    }

    #[inline(always)]
    fn sigmoid(self) -> Self {
        1.0 / (1.0 + exp(-self))
    }
}

impl Real for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    #[inline(always)]
    fn of(value: f64) -> Self {
        value
    }

    #[inline(always)]
    fn root(self) -> Self {
        self.sqrt()
    }

    #[inline(always)]
    fn sigmoid(self) -> Self {
        1.0 / (1.0 + (-self).exp())
    }
}

/// `exp(x)` for f32 without branches: `2^n · 2^f` with n the nearest integer to `x·log2(e)` and a polynomial for `2^f`.
///
/// Arguments beyond ±87 saturate, which a sigmoid does not notice; NaN stays NaN.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Adding 1.5·2^23 leaves the nearest integer in the low bits of the sum.
    const MAGIC: f32 = 12_582_912.0;
    // Coefficients ln(2)^k / k!, enough for |f| ≤ 1/2.
    const C: [f32; 7] = [
        1.0,
        std::f32::consts::LN_2,
        0.240_226_5,
        0.055_504_11,
        0.009_618_129,
        0.001_333_355_8,
        0.000_154_035_3,
    ];
    let t = x.clamp(-87.0, 87.0) * std::f32::consts::LOG2_E;
    let shifted = t + MAGIC;
    let f = t - (shifted - MAGIC);
    let mut p = C[6];
    for k in (0..6).rev() {
        p = p * f + C[k];
    }
    f32::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// Sum of `values`, in [`LANES`] interleaved partial sums.
#[inline(always)]
pub(crate) fn sum<F: Real>(values: &[F]) -> F {
    let mut lanes = [F::ZERO; LANES];
    let mut chunks = values.chunks_exact(LANES);
    for chunk in &mut chunks {
        for k in 0..LANES {
            lanes[k] += chunk[k];
        }
    }
    lanes.into_iter().sum::<F>() + chunks.remainder().iter().copied().sum::<F>()
}

/// Sum of `(value − mean)²`, in [`LANES`] interleaved partial sums.
#[inline(always)]
pub(crate) fn sum_of_squares<F: Real>(values: &[F], mean: F) -> F {
    let mut lanes = [F::ZERO; LANES];
    let mut chunks = values.chunks_exact(LANES);
    for chunk in &mut chunks {
        for k in 0..LANES {
            let d = chunk[k] - mean;
            lanes[k] += d * d;
        }
    }
    let rest = chunks
        .remainder()
        .iter()
        .map(|&v| (v - mean) * (v - mean))
        .sum::<F>();
    lanes.into_iter().sum::<F>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_sigmoid_is_a_sigmoid() {
        for k in -2000..=2000 {
            let x = k as f32 * 0.05;
            let expected = 1.0 / (1.0 + (-f64::from(x)).exp());
            let found = f64::from(x.sigmoid());
            // The rounding of x·log2(e) grows with x; far out the value itself is next to nothing.
            let tolerance = (3e-7 + 1.5e-7 * f64::from(x.abs())) * expected + 1e-37;
            assert!(
                (found - expected).abs() <= tolerance,
                "sigmoid({x}) is {expected}, found {found}"
            );
        }
        assert!(f32::NAN.sigmoid().is_nan());
    }

    #[test]
    fn lane_sums_are_sums() {
        for n in [0usize, 1, 15, 16, 17, 100] {
            let values: Vec<f64> = (0..n).map(|i| (i as f64 * 0.7).sin()).collect();
            let expected: f64 = values.iter().sum();
            let squares: f64 = values.iter().map(|v| (v - 0.3) * (v - 0.3)).sum();
            assert!((sum(&values) - expected).abs() < 1e-12);
            assert!((sum_of_squares(&values, 0.3) - squares).abs() < 1e-12);
        }
    }
}
