//! Matrix-free stiffness: per cell `Σ_q ∂φ(q)ᵀ g(q) ∂u(q)` with the metric `g = k w det(J) J⁻¹J⁻ᵀ` stored per quadrature
//! point (Orszag 1980; Komatitsch and Tromp 1999 for the spectral case).
//!
//! On quadrilaterals, gradients are sums along one axis at a time (sum factorisation): `O(p³)` operations a cell instead
//! of `O(p⁴)`. The order is a compile-time constant, so that all loops over nodes unroll. Where all cells are axis-aligned
//! rectangles with a constant coefficient, two products with the stiffness of the line suffice, and no metric is stored.
//!
//! A step of central difference is fused into the sweep over cells: see [`crate::space::sweep::Sweep`].

mod across_cells;
mod cells;
mod inheritance;
mod kernels;
mod side_by_side;

use super::leapfrog::{Leapfrog, Update};
use super::shared::Shared;
use crate::real::Real;
use crate::simd;
use crate::space::Space;
use crate::space::sweep::Sweep;
use across_cells::{AcrossCells, Layout};
use cells::Cells;
use kernels::{AlignedQuads, BilinearQuads, CellKernel, GaussQuads, MappedQuads, Triangles};
use side_by_side::{FAR, SideBySide};

/// The matrix-free stiffness operator; all per-cell data in the order of the sweep.
#[derive(Debug, Clone)]
pub struct MatrixFree<T> {
    cells: Cells<T>,
    cell_dofs: Vec<u32>,
    /// How the cells of bundles lie.
    layouts: Vec<Layout>,
    sweep: Sweep,
}

impl<T: Real> MatrixFree<T> {
    /// Computes what cells need for `k = coefficient(position)`.
    pub(crate) fn new(space: &Space, coefficient: impl Fn([f64; 2]) -> f64) -> Self {
        let sweep = space.sweep().clone();
        let cells = Cells::new(space, coefficient);
        let order = sweep.order().iter();
        let cell_dofs: Vec<u32> = order
            .flat_map(|&cell| space.cell_dofs(cell as usize).iter().copied())
            .collect();
        let layouts = match cells {
            Cells::Mapped { n, .. } | Cells::Straight { n, .. } | Cells::Aligned { n, .. } => {
                across_cells::layouts(&sweep, &cell_dofs, n)
            }
            _ => vec![Layout::Scattered; sweep.bundle_count()],
        };
        Self {
            cells,
            cell_dofs,
            layouts,
            sweep,
        }
    }

    /// Overwrites `product` with `K u`.
    pub fn apply<const L: usize>(&self, u: &[[T; L]], product: &mut [[T; L]]) {
        product.fill([T::ZERO; L]);
        // SAFETY: `u` is only read where there is no update; blocks of a colour share no entry
        let (u, force) = unsafe {
            (
                Shared::read_only(u.as_flattened()),
                Shared::new(product.as_flattened_mut()),
            )
        };
        self.go(L, u, force, None, &[], false);
    }

    /// One step of central difference in a single sweep.
    pub(crate) fn advance<const L: usize>(&self, state: Leapfrog<'_, T, L>) {
        // SAFETY: blocks of a colour share no entry, and only they run at the same time
        let (u, force, update) = unsafe {
            (
                Shared::new(state.displacement.as_flattened_mut()),
                Shared::new(state.force.as_flattened_mut()),
                Update {
                    increment: Shared::new(state.increment.as_flattened_mut()),
                    gain: Shared::read_only(state.gain.as_flattened()),
                    decay: state.decay,
                },
            )
        };
        self.go(L, u, force, Some(update), state.forced, state.parallel);
    }

    /// Bytes of metric and indices.
    pub fn memory_bytes(&self) -> u64 {
        let cells = self.cells.bytes();
        let sweep = size_of_val(self.sweep.order())
            + self.sweep.bundle_count() * (2 * size_of::<u32>() + size_of::<Layout>());
        (cells + size_of_val(&self.cell_dofs[..]) + sweep) as u64
    }

    fn go(
        &self,
        lanes: usize,
        u: Shared<'_, T>,
        force: Shared<'_, T>,
        update: Option<Update<'_, T>>,
        forced: &[u32],
        parallel: bool,
    ) {
        let sweep = Going {
            operator: self,
            lanes,
            u,
            force,
            update,
            forced,
            parallel,
        };
        match &self.cells {
            Cells::Triangle { metric } => sweep.with(Triangles { metric }),
            Cells::Gauss {
                values,
                slopes,
                metric,
            } => sweep.with(GaussQuads {
                metric,
                values: *values,
                slopes: *slopes,
            }),
            Cells::Mapped { n, .. } | Cells::Straight { n, .. } | Cells::Aligned { n, .. } => {
                match n {
                    2 => sweep.spectral::<2>(),
                    3 => sweep.spectral::<3>(),
                    4 => sweep.spectral::<4>(),
                    5 => sweep.spectral::<5>(),
                    6 => sweep.spectral::<6>(),
                    7 => sweep.spectral::<7>(),
                    8 => sweep.spectral::<8>(),
                    // orders are at most 8, checked by `ReferenceElement::new`
                    _ => sweep.spectral::<9>(),
                }
            }
        }
    }
}

/// A sweep under way.
#[derive(Clone, Copy)]
struct Going<'a, T> {
    operator: &'a MatrixFree<T>,
    lanes: usize,
    u: Shared<'a, T>,
    force: Shared<'a, T>,
    update: Option<Update<'a, T>>,
    /// Where `force` may differ from zero before an update, sorted.
    forced: &'a [u32],
    parallel: bool,
}

impl<T: Real> Going<'_, T> {
    fn with<const R: usize, const C: usize>(self, kernel: impl CellKernel<T, R, C> + Sync) {
        let operator = self.operator;
        let sweep = &operator.sweep;
        let far = self.u.len() * size_of::<T>() > FAR;
        sweep.for_each_block(self.parallel, |bundles| {
            if self.lanes > 1 {
                let block = SideBySide {
                    far,
                    kernel,
                    dofs: &operator.cell_dofs,
                    sweep,
                    bundles,
                    lanes: self.lanes,
                    u: self.u,
                    force: self.force,
                    update: self.update,
                    forced: self.forced,
                };
                simd::run_large(self.lanes, block);
            } else {
                simd::run_wide(AcrossCells {
                    kernel,
                    dofs: &operator.cell_dofs,
                    layouts: &operator.layouts,
                    sweep,
                    bundles,
                    u: self.u,
                    force: self.force,
                    update: self.update,
                    forced: self.forced,
                });
            }
        });
    }

    fn spectral<const N: usize>(self) {
        let square = |entries: &[T]| -> [[T; N]; N] {
            std::array::from_fn(|j| std::array::from_fn(|i| entries[j * N + i]))
        };
        match &self.operator.cells {
            Cells::Mapped {
                derivative, metric, ..
            } => self.with(MappedQuads {
                metric,
                derivative: square(derivative),
            }),
            Cells::Straight {
                derivative,
                bilinear,
                ..
            } => self.with(BilinearQuads {
                bilinear,
                derivative: square(derivative),
            }),
            Cells::Aligned {
                stiffness,
                weights,
                factors,
                ..
            } => self.with(AlignedQuads {
                factors,
                stiffness: square(stiffness),
                weights: std::array::from_fn(|i| weights[i]),
            }),
            Cells::Triangle { .. } | Cells::Gauss { .. } => {}
        }
    }
}
