//! Assembly: one cell's matrix (a [`LocalAssembler`]) apart from the sum over cells (CSR of sprs).

pub mod mass;
pub mod stiffness;

use nalgebra::DMatrix;
use sprs::{CsMatI, TriMatI};

use crate::space::Space;
use crate::{SolverError, memory};

/// A CSR matrix with 4-byte indices, which halves what a product has to read beside the values.
pub type Csr<T> = CsMatI<T, u32>;

/// Computes the matrix of one cell at a time.
pub trait LocalAssembler {
    /// Overwrites `matrix` (nodes × nodes) with the matrix of a cell.
    fn assemble(&self, cell: usize, matrix: &mut DMatrix<f64>);
}

/// Sums the matrices of all cells into a CSR matrix (degree of freedom × degree of freedom).
///
/// # Errors
/// [`SolverError::TooLarge`] where triplets and matrix would not fit into memory.
pub fn assemble(space: &Space, local: &dyn LocalAssembler) -> Result<Csr<f64>, SolverError> {
    let n = space.reference().nodes();
    let entries = memory::product(&[space.mesh().cell_count(), n, n]);
    memory::require("assembly", entries.saturating_mul(32))?;
    let count = space.dof_count();
    let mut triplets = TriMatI::<f64, u32>::with_capacity((count, count), entries as usize);
    let mut matrix = DMatrix::zeros(n, n);
    for cell in 0..space.mesh().cell_count() {
        local.assemble(cell, &mut matrix);
        let dofs = space.cell_dofs(cell);
        for a in 0..n {
            for b in 0..n {
                triplets.add_triplet(dofs[a] as usize, dofs[b] as usize, matrix[(a, b)]);
            }
        }
    }
    Ok(triplets.to_csr())
}
