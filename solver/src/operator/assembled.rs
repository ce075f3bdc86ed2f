//! Products of a CSR matrix with trajectories side by side.

use crate::assembly::Csr;
use crate::real::Real;
use crate::simd::{self, PackOperator, Packs};

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
        simd::apply(RowProducts(self), u, product);
    }

    /// Bytes of indices and values.
    pub fn memory_bytes(&self) -> u64 {
        let value = size_of::<T>() + size_of::<u32>();
        (self.values.len() * value + self.starts.len() * size_of::<u32>()) as u64
    }
}

/// One row after the other.
struct RowProducts<'a, T>(&'a Assembled<T>);

impl<T: Real> PackOperator<T> for RowProducts<'_, T> {
    #[inline(always)]
    fn run<P: Packs<T>>(self, packs: P, u: &[P::Pack], product: &mut [P::Pack], stride: usize) {
        let matrix = self.0;
        for (row, out) in matrix
            .starts
            .windows(2)
            .zip(product.chunks_exact_mut(stride))
        {
            let range = row[0] as usize..row[1] as usize;
            let (columns, values) = (&matrix.columns[range.clone()], &matrix.values[range]);
            for (p, out) in out.iter_mut().enumerate() {
                let mut sum = packs.splat(T::ZERO);
                for (&column, &value) in columns.iter().zip(values) {
                    let u = u[column as usize * stride + p];
                    sum = packs.mul_add(packs.splat(value), u, sum);
                }
                *out = sum;
            }
        }
    }
}
