//! Sparse Cholesky: factors by faer, one symbolic factorisation per mesh, one numeric one per distinct matrix of a group;
//! triangular solves of our own, which for the few columns of a time step take half the time of faer's
//! (`benches/results/`).
//!
//! Fixed degrees of freedom are left out. Lanes of equal matrices are solved for side by side; memory is allocated once.
//! Everything is sequential: parallelism is over groups of trajectories.

mod lower;
mod panels;
mod solve;

use std::fmt;

use faer::sparse::linalg::cholesky::SymbolicCholesky;

use crate::assembly::Csr;
use crate::field::Field;
use crate::real::Real;
use crate::{SolverError, memory};
use lower::Lower;
use panels::{Packed, Panels};
use solve::{solve_one, solve_side_by_side};

/// The sparsity that stiffness, mass and the implicit system share, and its symbolic factorisation.
pub(crate) struct ImplicitPattern {
    stiffness: Csr<f64>,
    starts: Vec<u32>,
    diagonal: Vec<usize>,
    /// Sparsity of the block of those degrees of freedom that are not fixed.
    lower: Lower,
    /// Entry of the full pattern behind every entry of it.
    slots: Vec<usize>,
    symbolic: SymbolicCholesky<usize>,
    panels: Panels,
    /// The degree of freedom behind every row of the factor.
    order: Vec<u32>,
}

impl fmt::Debug for ImplicitPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImplicitPattern")
            .field("unknowns", &self.order.len())
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
        let free: Vec<u32> = (0..n as u32).filter(|&dof| !fixed[dof as usize]).collect();
        let mut free_index = vec![usize::MAX; n];
        for (index, &dof) in free.iter().enumerate() {
            free_index[dof as usize] = index;
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
        let lower = Lower { columns, rows };
        let (symbolic, panels) = lower.factorise()?;
        // while it is packed, a factor is there twice
        let bytes = memory::product(&[symbolic.len_val(), size_of::<f64>()]);
        memory::require(
            "the sparse Cholesky factor",
            bytes.saturating_add(panels.factor_bytes() as u64),
        )?;
        let order = match symbolic.perm() {
            Some(permutation) => permutation.arrays().0.iter().map(|&i| free[i]).collect(),
            None => free,
        };
        Ok(Self {
            stiffness,
            starts,
            diagonal,
            lower,
            slots,
            symbolic,
            panels,
            order,
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
        self.panels.factor_bytes() as u64
    }

    /// Bytes that all groups share.
    pub(crate) fn memory_bytes(&self) -> u64 {
        memory::product(&[self.stiffness.nnz(), 12 + 16])
            .saturating_add(self.panels.memory_bytes() as u64)
    }
}

/// A numeric factor and the lanes that it serves.
struct Factor {
    lanes: Vec<usize>,
    packed: Packed,
}

/// The numeric factors of a group of `L` lanes.
pub(crate) struct Cholesky<'a, const L: usize> {
    pattern: &'a ImplicitPattern,
    factors: Vec<Factor>,
    /// Right-hand sides in the order of the factor: of all lanes, or of one.
    sides: Field<f64, L>,
    /// Working space of a solve.
    work: Field<f64, L>,
}

impl<'a, const L: usize> Cholesky<'a, L> {
    /// No factors yet.
    pub(crate) fn new(pattern: &'a ImplicitPattern) -> Self {
        Self {
            pattern,
            factors: Vec::new(),
            sides: Field::zeros(pattern.order.len()),
            work: Field::zeros(pattern.panels.work_rows()),
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
        let values: Vec<f64> = pattern.slots.iter().map(|&slot| entries[slot]).collect();
        let packed = pattern
            .lower
            .factor(&pattern.symbolic, &pattern.panels, &values)?;
        self.factors.push(Factor {
            lanes: lanes.to_vec(),
            packed,
        });
        Ok(())
    }

    /// Solves for every lane with a factor; `solution` keeps what it has at fixed degrees of freedom.
    pub(crate) fn solve<T: Real>(&mut self, right_hand_side: &[[T; L]], solution: &mut [[T; L]]) {
        let (panels, order) = (&self.pattern.panels, &self.pattern.order);
        for Factor { lanes, packed } in &self.factors {
            if let &[lane] = &lanes[..] {
                let side = &mut self.sides.as_flattened_mut()[..order.len()];
                for (value, &dof) in side.iter_mut().zip(order) {
                    *value = right_hand_side[dof as usize][lane].to_f64();
                }
                let work = &mut self.work.as_flattened_mut()[..panels.work_rows()];
                solve_one(panels, packed, side, work);
                for (value, &dof) in side.iter().zip(order) {
                    solution[dof as usize][lane] = T::from_f64(*value);
                }
                continue;
            }
            for (values, &dof) in self.sides.iter_mut().zip(order) {
                *values = right_hand_side[dof as usize].map(T::to_f64);
            }
            solve_side_by_side(panels, packed, &mut self.sides, &mut self.work);
            for (values, &dof) in self.sides.iter().zip(order) {
                for &lane in lanes {
                    solution[dof as usize][lane] = T::from_f64(values[lane]);
                }
            }
        }
    }
}
