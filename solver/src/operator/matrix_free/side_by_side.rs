//! The sweep over cells for trajectories side by side: registers hold lanes.
//!
//! Per bundle: take over the forces so far at what it finishes; per cell: gather, force, add; then update. Traffic of a fused
//! step per degree of freedom and lane: `u` and `v` read and written and the gain read, 5 values, and at those that bundles
//! share the accumulator read and written twice; what belongs to the mesh is read once for all lanes. Operations of a
//! spectral cell with `n` nodes a side: see `kernels/spectral.rs`, for `(n − 1)²` degrees of freedom.

use std::ops::Range;

use super::inheritance::Inheritance;
use super::kernels::{CellKernel, Nodes, OfCell};
use crate::operator::leapfrog::Update;
use crate::operator::shared::{Accumulator, Shared};
use crate::real::Real;
use crate::simd::{PackKernel, Packs, lanes_of};
use crate::space::sweep::{BUNDLE, Sweep};

/// Bytes of one vector of a state from which on it pays to ask for vectors ahead of their use.
pub(super) const FAR: usize = 4 << 20;

/// Some cells of a sweep.
pub(super) struct SideBySide<'a, T, K, const R: usize, const C: usize> {
    pub(super) kernel: K,
    /// Degrees of freedom, cell after cell in the order of the sweep.
    pub(super) dofs: &'a [u32],
    pub(super) sweep: &'a Sweep,
    pub(super) bundles: Range<usize>,
    pub(super) lanes: usize,
    /// Whether the state is larger than [`FAR`].
    pub(super) far: bool,
    pub(super) u: Shared<'a, T>,
    pub(super) force: Shared<'a, T>,
    /// Whether, and with what, to update what a bundle finishes.
    pub(super) update: Option<Update<'a, T>>,
    /// Where `force` may differ from zero before an update, sorted.
    pub(super) forced: &'a [u32],
}

impl<T: Real, K: CellKernel<T, R, C>, const R: usize, const C: usize> PackKernel<T>
    for SideBySide<'_, T, K, R, C>
{
    #[inline(always)]
    fn run<P: Packs<T>>(self, packs: P) {
        let stride = self.lanes / lanes_of::<T, P>();
        let (u, force) = (self.u.packs::<P::Pack>(), self.force.packs::<P::Pack>());
        let tables = self.kernel.tables(packs);
        let mut scratch = vec![[T::ZERO; BUNDLE]; self.kernel.coefficient_count()];
        let most = self.sweep.most_finished() * stride;
        let mut local = vec![packs.splat(T::ZERO); most];
        let mut inheritance = Inheritance::new(self.sweep, self.bundles.start, self.forced);
        for bundle in self.bundles.clone() {
            let rows = self.kernel.coefficients(packs, bundle, &mut scratch);
            let places = self.sweep.places(bundle);
            let cells = places.len();
            let finished = self.sweep.finished(bundle);
            // without an update, nothing is kept back
            let kept = if self.update.is_some() {
                finished.len() * stride
            } else {
                0
            };
            let forces = Accumulator {
                // SAFETY: nothing else refers to this memory while `forces` lives
                local: unsafe { Shared::new(&mut local[..kept]) },
                start: finished.start * stride,
                elsewhere: force,
            };
            if self.update.is_some() {
                inheritance.hand_over_rows(packs, bundle, forces, stride);
            }
            for (cell, place) in places.enumerate() {
                if let Some(update) = self.update
                    && self.far
                    && bundle + 1 < self.bundles.end
                {
                    self.prefetch(update, bundle + 1, cell, cells);
                }
                for p in 0..stride {
                    let mut nodes = LanesOfNodes {
                        packs,
                        u,
                        forces,
                        dofs: &self.dofs[place * R * C..][..R * C],
                        stride,
                        p,
                    };
                    let coefficients = OfCell { rows, cell };
                    self.kernel
                        .add_force(packs, &tables, coefficients, &mut nodes);
                }
            }
            if let Some(update) = self.update {
                update.rows(packs, u, forces.local, finished, stride);
            }
        }
    }
}

impl<T: Real, K, const R: usize, const C: usize> SideBySide<'_, T, K, R, C> {
    /// Asks for one of so many parts of what a bundle will need: spread over the work of the bundle before, so that memory
    /// keeps up.
    #[inline(always)]
    fn prefetch(&self, update: Update<'_, T>, bundle: usize, part: usize, parts: usize) {
        let (places, finished) = (self.sweep.places(bundle), self.sweep.finished(bundle));
        if part < places.len() {
            for &dof in &self.dofs[(places.start + part) * R * C..][..R * C] {
                if !finished.contains(&(dof as usize)) {
                    self.u.prefetch(dof as usize * self.lanes);
                    self.force.prefetch(dof as usize * self.lanes);
                }
            }
        }
        let bound = |part: usize| (finished.start + finished.len() * part / parts) * self.lanes;
        update.prefetch(self.u, bound(part)..bound(part + 1));
    }
}

/// The nodes of one cell in some lanes.
struct LanesOfNodes<'a, T, P: Packs<T>> {
    packs: P,
    u: Shared<'a, P::Pack>,
    forces: Accumulator<'a, P::Pack>,
    dofs: &'a [u32],
    stride: usize,
    p: usize,
}

impl<T, P: Packs<T>> LanesOfNodes<'_, T, P> {
    #[inline(always)]
    fn index(&self, node: usize) -> usize {
        self.dofs[node] as usize * self.stride + self.p
    }
}

impl<T: Real, P: Packs<T>, const R: usize, const C: usize> Nodes<P::Pack, R, C>
    for LanesOfNodes<'_, T, P>
{
    #[inline(always)]
    fn row(&self, row: usize) -> [P::Pack; C] {
        let mut values = [self.packs.splat(T::ZERO); C];
        for i in 0..C {
            values[i] = self.u.get(self.index(row * C + i));
        }
        values
    }
    #[inline(always)]
    fn column(&self, column: usize) -> [P::Pack; R] {
        let mut values = [self.packs.splat(T::ZERO); R];
        for j in 0..R {
            values[j] = self.u.get(self.index(j * C + column));
        }
        values
    }
    #[inline(always)]
    fn add_column(&mut self, column: usize, forces: [P::Pack; R]) {
        for j in 0..R {
            let (to, at) = self.forces.place(self.index(j * C + column));
            to.set(at, self.packs.add(to.get(at), forces[j]));
        }
    }
}
