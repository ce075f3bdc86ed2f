//! Products of the matrices of a line of nodes with values at them, by even and odd parts (Solomonoff 1992).
//!
//! Nodes lie symmetrically, so the derivative's matrix has `d[n−1−i][n−1−k] = −d[i][k]` and the stiffness's
//! `a[n−1−i][n−1−k] = a[i][k]`. Of `e_k = x_k + x_{n−1−k}` and `o_k = x_k − x_{n−1−k}`, one gives the even part of the product
//! and the other the odd one: half the multiplications and, what counts, half the constants. Those of five nodes stay in
//! registers.

use crate::real::Real;
use crate::simd::Packs;

/// The even and odd parts of values: `x_k ± x_{n−1−k}` for `k < n/2`.
#[inline(always)]
fn parts<T: Real, P: Packs<T>, const N: usize>(
    packs: P,
    x: &[P::Pack; N],
) -> ([P::Pack; N], [P::Pack; N]) {
    let (mut even, mut odd) = (*x, *x);
    for k in 0..N / 2 {
        even[k] = packs.add(x[k], x[N - 1 - k]);
        odd[k] = packs.sub(x[k], x[N - 1 - k]);
    }
    (even, odd)
}

/// Half the sums and differences of a matrix's columns, `(a[i][k] ± a[i][n−1−k])/2` for `k < n/2`, and its middle column.
#[inline(always)]
fn halves<T: Real, P: Packs<T>, const N: usize>(
    packs: P,
    matrix: &[[T; N]; N],
) -> [[[P::Pack; N]; N]; 2] {
    let zero = packs.splat(T::ZERO);
    let half = T::from_f64(0.5);
    let (mut sums, mut differences) = ([[zero; N]; N], [[zero; N]; N]);
    for i in 0..N {
        for k in 0..N / 2 {
            let (left, right) = (matrix[i][k], matrix[i][N - 1 - k]);
            sums[i][k] = packs.splat(half * (left + right));
            differences[i][k] = packs.splat(half * (left - right));
        }
        if N % 2 == 1 {
            sums[i][N / 2] = packs.splat(matrix[i][N / 2]);
        }
    }
    [sums, differences]
}

/// A matrix with `d[n−1−i][n−1−k] = −d[i][k]`: a derivative.
#[derive(Clone, Copy)]
pub(in super::super) struct Antisymmetric<V, const N: usize> {
    /// From even parts to odd ones: rows `i < n/2`, columns `k < n/2` and the middle.
    sums: [[V; N]; N],
    /// From odd parts to even ones: rows `i < n/2` and the middle, columns `k < n/2`.
    differences: [[V; N]; N],
}

impl<V: Copy, const N: usize> Antisymmetric<V, N> {
    /// Spreads the matrix over the lanes.
    #[inline(always)]
    pub(super) fn new<T: Real, P: Packs<T, Pack = V>>(packs: P, matrix: &[[T; N]; N]) -> Self {
        let [sums, differences] = halves(packs, matrix);
        Self { sums, differences }
    }

    /// `y_i = Σ_k d[i][k] x_k`.
    #[inline(always)]
    pub(super) fn times<T: Real, P: Packs<T, Pack = V>>(&self, packs: P, x: &[V; N]) -> [V; N] {
        let (even, odd) = parts(packs, x);
        let mut y = *x;
        for i in 0..N / 2 {
            let mut from_even = packs.mul(self.sums[i][0], even[0]);
            let mut from_odd = packs.mul(self.differences[i][0], odd[0]);
            for k in 1..N / 2 {
                from_even = packs.mul_add(self.sums[i][k], even[k], from_even);
                from_odd = packs.mul_add(self.differences[i][k], odd[k], from_odd);
            }
            if N % 2 == 1 {
                from_even = packs.mul_add(self.sums[i][N / 2], x[N / 2], from_even);
            }
            y[i] = packs.add(from_odd, from_even);
            y[N - 1 - i] = packs.sub(from_odd, from_even);
        }
        if N % 2 == 1 {
            let mut middle = packs.mul(self.differences[N / 2][0], odd[0]);
            for k in 1..N / 2 {
                middle = packs.mul_add(self.differences[N / 2][k], odd[k], middle);
            }
            y[N / 2] = middle;
        }
        y
    }

    /// `y_i = Σ_k d[k][i] x_k`.
    #[inline(always)]
    pub(super) fn transposed_times<T: Real, P: Packs<T, Pack = V>>(
        &self,
        packs: P,
        x: &[V; N],
    ) -> [V; N] {
        let (even, odd) = parts(packs, x);
        let mut y = *x;
        for i in 0..N / 2 {
            let mut from_even = packs.mul(self.differences[0][i], even[0]);
            let mut from_odd = packs.mul(self.sums[0][i], odd[0]);
            for k in 1..N / 2 {
                from_even = packs.mul_add(self.differences[k][i], even[k], from_even);
                from_odd = packs.mul_add(self.sums[k][i], odd[k], from_odd);
            }
            if N % 2 == 1 {
                from_even = packs.mul_add(self.differences[N / 2][i], x[N / 2], from_even);
            }
            y[i] = packs.add(from_odd, from_even);
            y[N - 1 - i] = packs.sub(from_odd, from_even);
        }
        if N % 2 == 1 {
            let mut middle = packs.mul(self.sums[0][N / 2], odd[0]);
            for k in 1..N / 2 {
                middle = packs.mul_add(self.sums[k][N / 2], odd[k], middle);
            }
            y[N / 2] = middle;
        }
        y
    }
}

/// A matrix with `a[n−1−i][n−1−k] = a[i][k]`: a stiffness.
#[derive(Clone, Copy)]
pub(in super::super) struct Symmetric<V, const N: usize> {
    /// From even parts to even ones: rows `i < n/2` and the middle, columns `k < n/2` and the middle.
    sums: [[V; N]; N],
    /// From odd parts to odd ones: rows and columns `< n/2`.
    differences: [[V; N]; N],
}

impl<V: Copy, const N: usize> Symmetric<V, N> {
    /// Spreads the matrix over the lanes.
    #[inline(always)]
    pub(super) fn new<T: Real, P: Packs<T, Pack = V>>(packs: P, matrix: &[[T; N]; N]) -> Self {
        let [sums, differences] = halves(packs, matrix);
        Self { sums, differences }
    }

    /// `y_i = Σ_k a[i][k] x_k`.
    #[inline(always)]
    pub(super) fn times<T: Real, P: Packs<T, Pack = V>>(&self, packs: P, x: &[V; N]) -> [V; N] {
        let (even, odd) = parts(packs, x);
        let mut y = *x;
        for i in 0..N.div_ceil(2) {
            let mut from_even = packs.mul(self.sums[i][0], even[0]);
            for k in 1..N / 2 {
                from_even = packs.mul_add(self.sums[i][k], even[k], from_even);
            }
            if N % 2 == 1 {
                from_even = packs.mul_add(self.sums[i][N / 2], x[N / 2], from_even);
            }
            y[i] = from_even;
        }
        for i in 0..N / 2 {
            let mut from_odd = packs.mul(self.differences[i][0], odd[0]);
            for k in 1..N / 2 {
                from_odd = packs.mul_add(self.differences[i][k], odd[k], from_odd);
            }
            let from_even = y[i];
            y[i] = packs.add(from_even, from_odd);
            y[N - 1 - i] = packs.sub(from_even, from_odd);
        }
        y
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Single;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Compares products with sums over all entries, for a random matrix of either symmetry.
    fn agree<const N: usize>() {
        let mut rng = ChaCha8Rng::seed_from_u64(N as u64);
        let mut draw = || rng.random_range(-1.0_f64..1.0);
        let (mut anti, mut same) = ([[0.0; N]; N], [[0.0; N]; N]);
        for i in 0..N {
            for k in 0..N {
                let value = draw();
                anti[i][k] = value;
                anti[N - 1 - i][N - 1 - k] = -value;
                same[i][k] = value;
                same[N - 1 - i][N - 1 - k] = value;
            }
        }
        if N % 2 == 1 {
            anti[N / 2][N / 2] = 0.0;
        }
        let x: [f64; N] = std::array::from_fn(|_| draw());
        let derivative = Antisymmetric::new(Single, &anti);
        let stiffness = Symmetric::new(Single, &same);
        for i in 0..N {
            let sum = |entry: &dyn Fn(usize) -> f64| (0..N).map(|k| entry(k) * x[k]).sum::<f64>();
            let expected = [
                sum(&|k| anti[i][k]),
                sum(&|k| anti[k][i]),
                sum(&|k| same[i][k]),
            ];
            let found = [
                derivative.times(Single, &x)[i],
                derivative.transposed_times(Single, &x)[i],
                stiffness.times(Single, &x)[i],
            ];
            for (e, f) in expected.iter().zip(found) {
                assert!((e - f).abs() < 1e-14, "{N} nodes: {expected:?} {found:?}");
            }
        }
    }

    #[test]
    fn products_by_parts_are_the_plain_ones() {
        agree::<2>();
        agree::<3>();
        agree::<4>();
        agree::<5>();
        agree::<8>();
        agree::<9>();
    }
}
