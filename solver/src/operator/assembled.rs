//! Products of a CSR matrix with trajectories side by side.
//!
//! Traffic of a product per row: its values and indices once (12 bytes an entry in f64, 8 in f32), one row of `u` and one of
//! the product. A fused step of central difference writes the new displacement to a vector of its own, since later rows
//! still need the old one: `u`, `v`, the accumulator and the gain read, the new `u`, `v` and the accumulator written.
//! Rows are independent: threads share them in equal chunks, and the bits do not depend on who does which.

use std::ops::Range;

use super::leapfrog::Leapfrog;
use super::shared::Shared;
use crate::assembly::Csr;
use crate::real::Real;
use crate::simd::{self, PackKernel, Packs, lanes_of};

/// Rows that one thread does at a time.
const CHUNK: usize = 8192;

/// A CSR matrix in the precision of the state.
#[derive(Debug, Clone)]
pub struct Assembled<T> {
    starts: Vec<u32>,
    columns: Vec<u32>,
    values: Vec<T>,
    /// Number of columns.
    width: usize,
}

impl<T: Real> Assembled<T> {
    /// Rounds a matrix to the precision of the state.
    pub fn new(matrix: &Csr<f64>) -> Self {
        Self {
            starts: matrix.proper_indptr().into_owned(),
            columns: matrix.indices().to_vec(),
            values: matrix.data().iter().map(|&x| T::from_f64(x)).collect(),
            width: matrix.cols(),
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// Overwrites `product` (one entry per row) with the matrix times `u` (one entry per column).
    pub fn apply<const L: usize>(&self, u: &[[T; L]], product: &mut [[T; L]]) {
        assert!(u.len() == self.width && product.len() == self.rows());
        // SAFETY: `u` is only read, and this thread has the product to itself
        let (u, product) = unsafe {
            (
                Shared::read_only(u.as_flattened()),
                Shared::new(product.as_flattened_mut()),
            )
        };
        let rows = Rows {
            matrix: self,
            rows: 0..self.rows(),
            u,
            lanes: L,
            then: Then::Store(product),
        };
        simd::run(L, rows);
    }

    /// One step of central difference; the old displacement ends in `state.spare`.
    pub(crate) fn advance<const L: usize>(&self, state: Leapfrog<'_, T, L>) {
        use rayon::prelude::*;
        assert!(state.displacement.len() == self.width && self.rows() == self.width);
        // SAFETY: chunks have rows of their own, and `u` is only read
        let (u, update) = unsafe {
            (
                Shared::read_only(state.displacement.as_flattened()),
                Then::Update {
                    new: Shared::new(state.spare.as_flattened_mut()),
                    increment: Shared::new(state.increment.as_flattened_mut()),
                    force: Shared::new(state.force.as_flattened_mut()),
                    gain: Shared::read_only(state.gain.as_flattened()),
                    decay: Shared::read_only(state.decay),
                },
            )
        };
        let chunk = |first: usize| {
            let rows = Rows {
                matrix: self,
                rows: first..(first + CHUNK).min(self.rows()),
                u,
                lanes: L,
                then: update,
            };
            simd::run(L, rows);
        };
        if state.parallel {
            let chunks = self.rows().div_ceil(CHUNK);
            (0..chunks).into_par_iter().for_each(|i| chunk(i * CHUNK));
        } else {
            (0..self.rows()).step_by(CHUNK).for_each(chunk);
        }
        std::mem::swap(state.displacement, state.spare);
    }

    /// Bytes of indices and values.
    pub fn memory_bytes(&self) -> u64 {
        let value = size_of::<T>() + size_of::<u32>();
        (self.values.len() * value + self.starts.len() * size_of::<u32>()) as u64
    }
}

/// What becomes of the products of rows.
enum Then<'a, T> {
    Store(Shared<'a, T>),
    Update {
        new: Shared<'a, T>,
        increment: Shared<'a, T>,
        force: Shared<'a, T>,
        gain: Shared<'a, T>,
        decay: Shared<'a, T>,
    },
}

impl<T> Clone for Then<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Then<'_, T> {}

impl<'a, T: Real> Then<'a, T> {
    fn packs<P: Packs<T>>(self) -> Then<'a, P::Pack> {
        match self {
            Self::Store(product) => Then::Store(product.packs()),
            Self::Update {
                new,
                increment,
                force,
                gain,
                decay,
            } => Then::Update {
                new: new.packs(),
                increment: increment.packs(),
                force: force.packs(),
                gain: gain.packs(),
                decay: decay.packs(),
            },
        }
    }
}

/// Some rows, one after the other.
struct Rows<'a, T> {
    matrix: &'a Assembled<T>,
    rows: Range<usize>,
    u: Shared<'a, T>,
    lanes: usize,
    then: Then<'a, T>,
}

impl<T: Real> PackKernel<T> for Rows<'_, T> {
    #[inline(always)]
    fn run<P: Packs<T>>(self, packs: P) {
        let stride = self.lanes / lanes_of::<T, P>();
        let matrix = self.matrix;
        let u = self.u.packs::<P::Pack>();
        let then = self.then.packs::<P>();
        let mut first = matrix.starts[self.rows.start] as usize;
        for row in self.rows {
            let end = matrix.starts[row + 1] as usize;
            let (columns, values) = (&matrix.columns[first..end], &matrix.values[first..end]);
            first = end;
            for p in 0..stride {
                let at = row * stride + p;
                let mut sum = match then {
                    Then::Store(_) => packs.splat(T::ZERO),
                    Then::Update { force, .. } => force.get(at),
                };
                for (&column, &value) in columns.iter().zip(values) {
                    let u = u.get(column as usize * stride + p);
                    sum = packs.mul_add(packs.splat(value), u, sum);
                }
                match then {
                    Then::Store(product) => product.set(at, sum),
                    Then::Update {
                        new,
                        increment,
                        force,
                        gain,
                        decay,
                    } => {
                        let old = packs.mul(decay.get(p), increment.get(at));
                        let next = packs.mul_add(gain.get(at), sum, old);
                        increment.set(at, next);
                        new.set(at, packs.add(u.get(at), next));
                        force.set(at, packs.splat(T::ZERO));
                    }
                }
            }
        }
    }
}
