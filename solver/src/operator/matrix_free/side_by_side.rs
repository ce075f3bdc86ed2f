//! The sweep over cells for trajectories side by side: registers hold lanes.
//!
//! Per cell: gather, force, add to the accumulator, and update the degrees of freedom that the cell finishes. Traffic of a
//! fused step per degree of freedom and lane: `u`, `v` and the accumulator read and written, the gain read, 7 values; what
//! belongs to the mesh is read once for all lanes. Operations of a spectral cell with `n` nodes a side: `4 n³` fused
//! multiply-adds and `5 n²` more on mapped cells, `2 n³ + 2 n²` on axis-aligned ones, for `(n − 1)²` degrees of freedom.

use std::ops::Range;

use super::tile::Tile;
use crate::operator::leapfrog::Update;
use crate::operator::shared::Shared;
use crate::real::Real;
use crate::simd::{PackKernel, Packs, lanes_of};

/// Computes the force of one cell.
pub(super) trait CellKernel<T>: Copy {
    /// Values at its nodes.
    type Local<V: Copy>: Tile<V>;
    /// `K_e u` for the cell at a place of the sweep.
    fn force<P: Packs<T>>(
        self,
        packs: P,
        place: usize,
        u: &Self::Local<P::Pack>,
    ) -> Self::Local<P::Pack>;
}

/// Bytes of one vector of a state from which on it pays to ask for vectors ahead of their use.
pub(super) const FAR: usize = 4 << 20;

/// How many cells ahead that is.
const AHEAD: usize = 2;

/// Some cells of a sweep.
pub(super) struct SideBySide<'a, T, K> {
    pub(super) kernel: K,
    /// Degrees of freedom, cell after cell in the order of the sweep.
    pub(super) dofs: &'a [u32],
    /// First degree of freedom that each cell finishes.
    pub(super) finished: &'a [u32],
    pub(super) places: Range<usize>,
    pub(super) lanes: usize,
    /// Whether the state is larger than [`FAR`].
    pub(super) far: bool,
    pub(super) u: Shared<'a, T>,
    pub(super) force: Shared<'a, T>,
    /// Whether, and with what, to update what a cell finishes.
    pub(super) update: Option<Update<'a, T>>,
}

impl<T: Real, K: CellKernel<T>> PackKernel<T> for SideBySide<'_, T, K> {
    #[inline(always)]
    fn run<P: Packs<T>>(self, packs: P) {
        let stride = self.lanes / lanes_of::<T, P>();
        let (u, force) = (self.u.packs::<P::Pack>(), self.force.packs::<P::Pack>());
        let zero = packs.splat(T::ZERO);
        let nodes = K::Local::<P::Pack>::filled(zero).values().len();
        for place in self.places.clone() {
            let dofs = &self.dofs[place * nodes..][..nodes];
            if let Some(update) = self.update
                && self.far
                && place + AHEAD < self.places.end
            {
                let rows = self.finished[place + AHEAD] as usize * self.lanes
                    ..self.finished[place + AHEAD + 1] as usize * self.lanes;
                update.prefetch(self.u, rows);
            }
            for p in 0..stride {
                let mut local = K::Local::<P::Pack>::filled(zero);
                for (value, &dof) in local.values_mut().iter_mut().zip(dofs) {
                    *value = u.get(dof as usize * stride + p);
                }
                let local = self.kernel.force(packs, place, &local);
                for (&value, &dof) in local.values().iter().zip(dofs) {
                    let index = dof as usize * stride + p;
                    force.set(index, packs.add(force.get(index), value));
                }
            }
            if let Some(update) = self.update {
                let rows = self.finished[place] as usize..self.finished[place + 1] as usize;
                update.rows(packs, u, rows, stride);
            }
        }
    }
}
