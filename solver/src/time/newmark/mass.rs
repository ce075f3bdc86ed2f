//! The mass matrix of every lane on the shared sparsity of the stiffness: `[entry][lane]`.

use super::cholesky::ImplicitPattern;
use crate::SolverError;
use crate::assembly::{self, mass::ConsistentMass};
use crate::field::Field;
use crate::real::Real;
use crate::simd::vectorised;
use crate::simulator::setup::Prepared;
use crate::space::Space;

/// Mass entries of a scene on the sparsity of the stiffness; diagonal for spectral elements.
pub(crate) fn entries(
    space: &Space,
    pattern: &ImplicitPattern,
    prepared: &Prepared,
) -> Result<Vec<f64>, SolverError> {
    if space.element().has_diagonal_mass() {
        let mut entries = vec![0.0; pattern.stiffness().len()];
        for (dof, mass) in prepared.mass.iter().enumerate() {
            entries[pattern.diagonal(dof)] = *mass;
        }
        return Ok(entries);
    }
    // assembled from the same cells as the stiffness, hence on the same sparsity
    Ok(
        assembly::assemble(space, &ConsistentMass::new(space, &prepared.density))?
            .into_raw_storage()
            .2,
    )
}

/// One mass matrix per lane.
pub(crate) struct LaneMass<'a, T, const L: usize> {
    pattern: &'a ImplicitPattern,
    diagonal: bool,
    /// One entry per degree of freedom if diagonal, else one per entry of the pattern.
    values: Field<T, L>,
}

impl<'a, T: Real, const L: usize> LaneMass<'a, T, L> {
    /// Zero matrices.
    pub(crate) fn new(space: &Space, pattern: &'a ImplicitPattern) -> Self {
        let diagonal = space.element().has_diagonal_mass();
        let count = if diagonal {
            space.dof_count()
        } else {
            pattern.stiffness().len()
        };
        Self {
            pattern,
            diagonal,
            values: Field::zeros(count),
        }
    }

    /// Sets the matrix of some lanes.
    pub(crate) fn set(&mut self, lanes: &[usize], entries: &[f64]) {
        for (k, value) in self.values.iter_mut().enumerate() {
            let entry = if self.diagonal {
                self.pattern.diagonal(k)
            } else {
                k
            };
            for &lane in lanes {
                value[lane] = T::from_f64(entries[entry]);
            }
        }
    }

    /// Overwrites `product` with `M u`.
    pub(crate) fn apply(&self, u: &[[T; L]], product: &mut [[T; L]]) {
        vectorised(
            #[inline(always)]
            || {
                if self.diagonal {
                    for ((out, value), u) in product.iter_mut().zip(self.values.iter()).zip(u) {
                        *out = std::array::from_fn(|lane| value[lane] * u[lane]);
                    }
                    return;
                }
                for (row, out) in product.iter_mut().enumerate() {
                    let mut sum = [T::ZERO; L];
                    for (value, &column) in self.pattern.row(row, &self.values) {
                        for lane in 0..L {
                            sum[lane] = value[lane].mul_add(u[column as usize][lane], sum[lane]);
                        }
                    }
                    *out = sum;
                }
            },
        );
    }
}
