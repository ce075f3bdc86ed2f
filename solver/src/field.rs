//! The state of trajectories side by side, `[dof][lane]`, aligned to cache lines.
//!
//! Without the alignment, a vector's start is a matter of luck, and every row of 64 bytes may straddle two cache lines.

use std::ops::{Deref, DerefMut};

use crate::real::Real;

/// Bytes of a cache line and of the widest register.
const ALIGNMENT: usize = 64;

/// One row of `L` lanes per degree of freedom; a slice of rows in all other respects.
#[derive(Debug)]
pub(crate) struct Field<T, const L: usize> {
    storage: Vec<T>,
    start: usize,
    rows: usize,
}

impl<T: Real, const L: usize> Field<T, L> {
    /// `rows` rows of zeros.
    pub(crate) fn zeros(rows: usize) -> Self {
        let storage = vec![T::ZERO; rows * L + ALIGNMENT / size_of::<T>()];
        // `align_offset` may give up, with an offset beyond the reserve: alignment is then left to luck
        let offset = storage.as_ptr().align_offset(ALIGNMENT);
        let start = if offset <= ALIGNMENT / size_of::<T>() {
            offset
        } else {
            0
        };
        Self {
            storage,
            start,
            rows,
        }
    }
}

impl<T, const L: usize> Deref for Field<T, L> {
    type Target = [[T; L]];

    #[inline(always)]
    fn deref(&self) -> &[[T; L]] {
        self.storage[self.start..self.start + self.rows * L]
            .as_chunks()
            .0
    }
}

impl<T, const L: usize> DerefMut for Field<T, L> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [[T; L]] {
        self.storage[self.start..self.start + self.rows * L]
            .as_chunks_mut()
            .0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_start_at_cache_lines() {
        for rows in [0, 1, 7, 1000] {
            let mut field = Field::<f64, 8>::zeros(rows);
            assert_eq!(field.len(), rows);
            assert_eq!(field.as_ptr() as usize % ALIGNMENT, 0);
            field.fill([1.0; 8]);
            assert!(field.iter().flatten().all(|x| *x == 1.0));
            let single = Field::<f32, 1>::zeros(rows);
            assert_eq!(single.as_ptr() as usize % ALIGNMENT, 0);
            assert_eq!(*single, vec![[0.0]; rows]);
        }
    }
}
