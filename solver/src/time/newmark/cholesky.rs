//! Sparse Cholesky by faer: one symbolic factorisation per mesh, one numeric one per distinct matrix of a group.
//!
//! Fixed degrees of freedom are left out. Lanes of equal matrices are the columns of one right-hand side; its memory and
//! faer's scratch are allocated once. Everything is sequential: parallelism is over groups of trajectories.

use std::fmt;

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::sparse::linalg::cholesky::{
    CholeskySymbolicParams, LltRef, SymbolicCholesky, SymmetricOrdering,
    factorize_symbolic_cholesky,
};
use faer::sparse::{SparseColMatRef, SymbolicSparseColMatRef};
use faer::{Conj, MatMut, Par, Side};

use crate::assembly::Csr;
use crate::real::Real;
use crate::{SolverError, memory};

/// The sparsity that stiffness, mass and the implicit system share, and its symbolic factorisation.
pub(crate) struct ImplicitPattern {
    stiffness: Csr<f64>,
    starts: Vec<u32>,
    diagonal: Vec<usize>,
    /// Degrees of freedom that are not fixed.
    free: Vec<usize>,
    /// Lower triangle of the free block in compressed columns.
    columns: Vec<usize>,
    rows: Vec<usize>,
    /// Entry of the full pattern behind every entry of the lower triangle.
    slots: Vec<usize>,
    symbolic: SymbolicCholesky<usize>,
}

impl fmt::Debug for ImplicitPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImplicitPattern")
            .field("unknowns", &self.free.len())
            .field("factor_entries", &self.symbolic.len_val())
            .finish_non_exhaustive()
    }
}

impl ImplicitPattern {
    /// Orders (AMD) and factorises symbolically.
    ///
    /// # Errors
    /// [`SolverError::TooLarge`] where even one factor would not fit into memory, [`SolverError::Factorisation`].
    pub(crate) fn new(stiffness: Csr<f64>, fixed: &[bool]) -> Result<Self, SolverError> {
        let starts: Vec<u32> = stiffness.proper_indptr().into_owned();
        let n = fixed.len();
        let mut diagonal = vec![0; n];
        let free: Vec<usize> = (0..n).filter(|&dof| !fixed[dof]).collect();
        let mut free_index = vec![usize::MAX; n];
        for (index, &dof) in free.iter().enumerate() {
            free_index[dof] = index;
        }
        let (mut columns, mut rows, mut slots) = (vec![0], Vec::new(), Vec::new());
        for dof in 0..n {
            for slot in starts[dof] as usize..starts[dof + 1] as usize {
                let other = stiffness.indices()[slot] as usize;
                if other == dof {
                    diagonal[dof] = slot;
                }
                // the matrix is symmetric: row `dof` is column `dof`
                if !fixed[dof] && !fixed[other] && other >= dof {
                    rows.push(free_index[other]);
                    slots.push(slot);
                }
            }
            if !fixed[dof] {
                columns.push(rows.len());
            }
        }
        let unknowns = free.len();
        let symbolic = factorize_symbolic_cholesky(
            SymbolicSparseColMatRef::new_checked(unknowns, unknowns, &columns, None, &rows),
            Side::Lower,
            SymmetricOrdering::Amd,
            CholeskySymbolicParams::default(),
        )
        .map_err(|error| SolverError::Factorisation {
            unknowns,
            reason: format!("{error:?}"),
        })?;
        memory::require(
            "the sparse Cholesky factor",
            memory::product(&[symbolic.len_val(), size_of::<f64>()]),
        )?;
        Ok(Self {
            stiffness,
            starts,
            diagonal,
            free,
            columns,
            rows,
            slots,
            symbolic,
        })
    }

    /// Entries of the stiffness matrix.
    pub(crate) fn stiffness(&self) -> &[f64] {
        self.stiffness.data()
    }

    /// The entry on the diagonal of a row.
    pub(crate) fn diagonal(&self, dof: usize) -> usize {
        self.diagonal[dof]
    }

    /// The values of a row, from one value per entry, with their columns.
    #[inline(always)]
    pub(crate) fn row<'a, V>(
        &'a self,
        row: usize,
        values: &'a [V],
    ) -> impl Iterator<Item = (&'a V, &'a u32)> {
        let range = self.starts[row] as usize..self.starts[row + 1] as usize;
        values[range.clone()]
            .iter()
            .zip(&self.stiffness.indices()[range])
    }

    /// Bytes of one numeric factor.
    pub(crate) fn factor_bytes(&self) -> u64 {
        memory::product(&[self.symbolic.len_val(), size_of::<f64>()])
    }

    /// Bytes that all groups share.
    pub(crate) fn memory_bytes(&self) -> u64 {
        memory::product(&[self.stiffness.nnz(), 12 + 16])
    }
}

/// A numeric factor and the lanes that it serves.
struct Factor {
    lanes: Vec<usize>,
    values: Vec<f64>,
}

/// The numeric factors of a group.
pub(crate) struct Cholesky<'a> {
    pattern: &'a ImplicitPattern,
    factors: Vec<Factor>,
    matrix: Vec<f64>,
    right_hand_sides: Vec<f64>,
    scratch: MemBuffer,
}

impl<'a> Cholesky<'a> {
    /// No factors yet; memory for up to `lanes` columns.
    pub(crate) fn new(pattern: &'a ImplicitPattern, lanes: usize) -> Self {
        let symbolic = &pattern.symbolic;
        let scratch = symbolic
            .factorize_numeric_llt_scratch::<f64>(Par::Seq, Default::default())
            .or(symbolic.solve_in_place_scratch::<f64>(lanes, Par::Seq));
        Self {
            pattern,
            factors: Vec::new(),
            matrix: vec![0.0; pattern.slots.len()],
            right_hand_sides: vec![0.0; pattern.free.len() * lanes],
            scratch: MemBuffer::new(scratch),
        }
    }

    /// Forgets all factors.
    pub(crate) fn clear(&mut self) {
        self.factors.clear();
    }

    /// Factorises the matrix of some lanes, given by its entries on the full pattern.
    ///
    /// # Errors
    /// [`SolverError::Factorisation`] where it is not positive definite.
    pub(crate) fn factorise(
        &mut self,
        lanes: &[usize],
        entries: &[f64],
    ) -> Result<(), SolverError> {
        let pattern = self.pattern;
        let unknowns = pattern.free.len();
        for (value, &slot) in self.matrix.iter_mut().zip(&pattern.slots) {
            *value = entries[slot];
        }
        let mut values = vec![0.0; pattern.symbolic.len_val()];
        let structure = SymbolicSparseColMatRef::new_checked(
            unknowns,
            unknowns,
            &pattern.columns,
            None,
            &pattern.rows,
        );
        pattern
            .symbolic
            .factorize_numeric_llt(
                &mut values,
                SparseColMatRef::new(structure, &self.matrix[..]),
                Side::Lower,
                Default::default(),
                Par::Seq,
                MemStack::new(&mut self.scratch),
                Default::default(),
            )
            .map_err(|error| SolverError::Factorisation {
                unknowns,
                reason: format!("{error:?}"),
            })?;
        self.factors.push(Factor {
            lanes: lanes.to_vec(),
            values,
        });
        Ok(())
    }

    /// Solves for every lane with a factor; `solution` keeps what it has at fixed degrees of freedom.
    pub(crate) fn solve<T: Real, const L: usize>(
        &mut self,
        right_hand_side: &[[T; L]],
        solution: &mut [[T; L]],
    ) {
        let free = &self.pattern.free;
        let unknowns = free.len();
        for factor in &self.factors {
            let block = &mut self.right_hand_sides[..unknowns * factor.lanes.len()];
            for (column, &lane) in factor.lanes.iter().enumerate() {
                for (index, &dof) in free.iter().enumerate() {
                    block[column * unknowns + index] = right_hand_side[dof][lane].to_f64();
                }
            }
            LltRef::new(&self.pattern.symbolic, &factor.values).solve_in_place_with_conj(
                Conj::No,
                MatMut::from_column_major_slice_mut(block, unknowns, factor.lanes.len()),
                Par::Seq,
                MemStack::new(&mut self.scratch),
            );
            for (column, &lane) in factor.lanes.iter().enumerate() {
                for (index, &dof) in free.iter().enumerate() {
                    solution[dof][lane] = T::from_f64(block[column * unknowns + index]);
                }
            }
        }
    }
}
