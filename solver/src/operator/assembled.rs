//! Products of a CSR matrix with trajectories side by side.

use crate::assembly::Csr;
use crate::real::{Real, axpy};
use crate::simd::vectorised;

/// A CSR matrix in the precision of the state.
#[derive(Debug, Clone)]
pub struct Assembled<T> {
    starts: Vec<u32>,
    columns: Vec<u32>,
    values: Vec<T>,
}

impl<T: Real> Assembled<T> {
    /// Rounds a matrix to the precision of the state.
    pub fn new(matrix: &Csr<f64>) -> Self {
        Self {
            starts: matrix.proper_indptr().into_owned(),
            columns: matrix.indices().to_vec(),
            values: matrix.data().iter().map(|&x| T::from_f64(x)).collect(),
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// Overwrites `product` (one entry per row) with the matrix times `u` (one entry per column).
    pub fn apply<const L: usize>(&self, u: &[[T; L]], product: &mut [[T; L]]) {
        vectorised(
            #[inline(always)]
            || self.kernel(u, product),
        );
    }

    /// Bytes of indices and values.
    pub fn memory_bytes(&self) -> u64 {
        let value = size_of::<T>() + size_of::<u32>();
        (self.values.len() * value + self.starts.len() * size_of::<u32>()) as u64
    }

    #[inline(always)]
    fn kernel<const L: usize>(&self, u: &[[T; L]], product: &mut [[T; L]]) {
        for (row, out) in self.starts.windows(2).zip(product) {
            let range = row[0] as usize..row[1] as usize;
            let mut sum = [T::ZERO; L];
            for (&column, &value) in self.columns[range.clone()].iter().zip(&self.values[range]) {
                axpy(value, &u[column as usize], &mut sum);
            }
            *out = sum;
        }
    }
}
