//! Factorising by faer: the sparsity once, the numbers as often as needed.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::sparse::linalg::SupernodalThreshold;
use faer::sparse::linalg::cholesky::{
    CholeskySymbolicParams, SymbolicCholesky, SymbolicCholeskyRaw, SymmetricOrdering,
    factorize_symbolic_cholesky,
};
use faer::sparse::{SparseColMatRef, SymbolicSparseColMatRef};
use faer::{Par, Side};

use super::panels::{Packed, Panels};
use crate::SolverError;

/// The lower triangle of a symmetric matrix in compressed columns.
#[derive(Debug)]
pub(super) struct Lower {
    /// Where the columns start, and the end of the last.
    pub(super) columns: Vec<usize>,
    /// The row of every entry.
    pub(super) rows: Vec<usize>,
}

impl Lower {
    fn unknowns(&self) -> usize {
        self.columns.len() - 1
    }

    fn structure(&self) -> SymbolicSparseColMatRef<'_, usize> {
        let n = self.unknowns();
        SymbolicSparseColMatRef::new_checked(n, n, &self.columns, None, &self.rows)
    }

    /// Orders (AMD) and factorises symbolically.
    ///
    /// # Errors
    /// [`SolverError::Factorisation`].
    pub(super) fn factorise(&self) -> Result<(SymbolicCholesky<usize>, Panels), SolverError> {
        let refused = |reason: String| SolverError::Factorisation {
            unknowns: self.unknowns(),
            reason,
        };
        // supernodes whatever the sparsity, a diagonal included
        let parameters = CholeskySymbolicParams {
            supernodal_flop_ratio_threshold: SupernodalThreshold(-1.0),
            ..CholeskySymbolicParams::default()
        };
        let ordering = SymmetricOrdering::Amd;
        let symbolic =
            factorize_symbolic_cholesky(self.structure(), Side::Lower, ordering, parameters)
                .map_err(|error| refused(format!("{error:?}")))?;
        let panels = match symbolic.raw() {
            SymbolicCholeskyRaw::Supernodal(supernodes) => Panels::new(supernodes),
            SymbolicCholeskyRaw::Simplicial(_) if self.unknowns() == 0 => Panels::default(),
            SymbolicCholeskyRaw::Simplicial(_) => {
                return Err(refused("a factor without supernodes".to_owned()));
            }
        };
        Ok((symbolic, panels))
    }

    /// Factorises numerically; `values` are the entries in the order of the columns.
    ///
    /// # Errors
    /// [`SolverError::Factorisation`] where the matrix is not positive definite.
    pub(super) fn factor(
        &self,
        symbolic: &SymbolicCholesky<usize>,
        panels: &Panels,
        values: &[f64],
    ) -> Result<Packed, SolverError> {
        let mut factor = vec![0.0; symbolic.len_val()];
        let scratch = symbolic.factorize_numeric_llt_scratch::<f64>(Par::Seq, Default::default());
        symbolic
            .factorize_numeric_llt(
                &mut factor,
                SparseColMatRef::new(self.structure(), values),
                Side::Lower,
                Default::default(),
                Par::Seq,
                MemStack::new(&mut MemBuffer::new(scratch)),
                Default::default(),
            )
            .map_err(|error| SolverError::Factorisation {
                unknowns: self.unknowns(),
                reason: format!("{error:?}"),
            })?;
        Ok(panels.pack(&factor))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::solve::solve_one;
    use super::*;

    /// The five-point Laplacian plus one on a grid: its sparsity and entries.
    pub(in super::super) struct Laplacian {
        lower: Lower,
        values: Vec<f64>,
    }

    /// Of `nx` × `ny` unknowns.
    pub(in super::super) fn laplacian(nx: usize, ny: usize) -> Laplacian {
        let (mut columns, mut rows, mut values) = (vec![0], Vec::new(), Vec::new());
        for j in 0..ny {
            for i in 0..nx {
                let here = j * nx + i;
                rows.push(here);
                values.push(5.0 + (here % 3) as f64);
                let neighbours = [
                    (i + 1 < nx).then_some(here + 1),
                    (j + 1 < ny).then_some(here + nx),
                ];
                for row in neighbours.into_iter().flatten() {
                    rows.push(row);
                    values.push(-1.0);
                }
                columns.push(rows.len());
            }
        }
        Laplacian {
            lower: Lower { columns, rows },
            values,
        }
    }

    /// Its packed factor.
    pub(in super::super) fn packed(matrix: &Laplacian) -> (Panels, Packed) {
        let (symbolic, panels) = matrix.lower.factorise().unwrap();
        let factor = matrix.lower.factor(&symbolic, &panels, &matrix.values);
        let factor = factor.unwrap();
        assert!(panels.factor_bytes() >= factor.triangles.len() * 8 + factor.blocks.len() * 64);
        (panels, factor)
    }

    #[test]
    fn solutions_have_no_residual() {
        let matrix = laplacian(30, 21);
        let (symbolic, panels) = matrix.lower.factorise().unwrap();
        let factor = matrix.lower.factor(&symbolic, &panels, &matrix.values);
        let order = symbolic.perm().unwrap().arrays().0;
        let n = order.len();
        let b: Vec<f64> = (0..n).map(|i| (i as f64).sin()).collect();
        let mut side: Vec<f64> = order.iter().map(|&i| b[i]).collect();
        let mut work = vec![0.0; panels.work_rows()];
        solve_one(&panels, &factor.unwrap(), &mut side, &mut work);
        let mut x = vec![0.0; n];
        for (value, &i) in side.iter().zip(order) {
            x[i] = *value;
        }
        let mut product = vec![0.0; n];
        let Laplacian { lower, values } = &matrix;
        for column in 0..n {
            for entry in lower.columns[column]..lower.columns[column + 1] {
                let row = lower.rows[entry];
                product[row] += values[entry] * x[column];
                if row != column {
                    product[column] += values[entry] * x[row];
                }
            }
        }
        for (product, b) in product.iter().zip(&b) {
            assert!((product - b).abs() < 1e-13, "{product} {b}");
        }
    }

    #[test]
    fn nothing_to_solve_is_solved() {
        let (columns, rows) = (vec![0], Vec::new());
        let (_, panels) = Lower { columns, rows }.factorise().unwrap();
        assert_eq!(panels.factor_bytes(), 0);
    }
}
