//! The sweep over cells for a single trajectory: registers hold the cells of a bundle, one a lane.
//!
//! In rows of quadrilaterals, a node's degrees of freedom in consecutive cells have consecutive numbers
//! (`space/sweep.rs`), but for the last column of nodes, which is the first one of the next cell: its values come and its forces
//! go by one lane. Other cells are gathered and scattered value by value. Either way, a degree of freedom gets its
//! forces in the order of the cells, as side by side, so that its bits are the same.
//!
//! Traffic per degree of freedom: 5 values for the state and the accumulator at what bundles share, as side by side, and the
//! mesh's part, which is not shared with anyone: `(n² + 6)/(n − 1)²` values where cells are straight-sided, `3 n²/(n − 1)²` where
//! they are curved, 2 a cell where they are aligned with the axes; and 4 bytes of indices a node.

mod nodes;

use std::ops::Range;

use super::inheritance::Inheritance;
use super::kernels::{CellKernel, OfLanes};
use crate::operator::leapfrog::Update;
use crate::operator::shared::{Accumulator, Shared};
use crate::real::Real;
use crate::simd::{PackKernel, Packs, Prefix, lanes_of};
use crate::space::sweep::{BUNDLE, Sweep, continues_row};
use nodes::{Gathered, NodesOfCells};

/// How the cells of a bundle lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Anywhere.
    Scattered,
    /// In a row that ends with them.
    RowEnd,
    /// In a row that the next bundle continues.
    Row,
}

/// The layouts of bundles of quadrilaterals with `side` nodes a side, given the degrees of freedom of all places.
pub(super) fn layouts(sweep: &Sweep, dofs: &[u32], side: usize) -> Vec<Layout> {
    let nodes = side * side;
    let cell = |place: usize| &dofs[place * nodes..][..nodes];
    let continues = |place: usize| continues_row(cell(place - 1), cell(place), side);
    let in_row = |bundle: usize| {
        let (places, finished) = (sweep.places(bundle), sweep.finished(bundle));
        let first = places.start;
        let kept = |dof: u32| finished.contains(&(dof as usize));
        places.skip(1).all(|place| {
            let runs = |node: usize| {
                let (dof, start) = (cell(place)[node], cell(first)[node]);
                node % side + 1 == side
                    || dof as usize == start as usize + place - first && kept(dof) == kept(start)
            };
            continues(place) && (0..nodes).all(runs)
        })
    };
    let rows: Vec<bool> = (0..sweep.bundle_count()).map(in_row).collect();
    (0..rows.len())
        .map(|bundle| match (rows[bundle], rows.get(bundle + 1)) {
            (false, _) => Layout::Scattered,
            (true, Some(true)) if continues(sweep.places(bundle).end) => Layout::Row,
            (true, _) => Layout::RowEnd,
        })
        .collect()
}

/// Some bundles of a sweep.
pub(super) struct AcrossCells<'a, T, K, const R: usize, const C: usize> {
    pub(super) kernel: K,
    /// Degrees of freedom, cell after cell in the order of the sweep.
    pub(super) dofs: &'a [u32],
    pub(super) layouts: &'a [Layout],
    pub(super) sweep: &'a Sweep,
    pub(super) bundles: Range<usize>,
    pub(super) u: Shared<'a, T>,
    pub(super) force: Shared<'a, T>,
    /// Whether, and with what, to update what a bundle finishes.
    pub(super) update: Option<Update<'a, T>>,
    /// Where `force` may differ from zero before an update, sorted.
    pub(super) forced: &'a [u32],
}

impl<T: Real, K: CellKernel<T, R, C>, const R: usize, const C: usize> PackKernel<T>
    for AcrossCells<'_, T, K, R, C>
{
    #[inline(always)]
    fn run<P: Packs<T>>(self, packs: P) {
        let width = lanes_of::<T, P>();
        let zero = packs.splat(T::ZERO);
        let tables = self.kernel.tables(packs);
        let mut scratch = vec![[T::ZERO; BUNDLE]; self.kernel.coefficient_count()];
        let mut gathered = Gathered::new(R * C);
        // what was just written cannot be read back at once in other pieces without a stall: updates lag behind by a bundle
        let most = self.sweep.most_finished();
        let (mut now, mut before) = (vec![T::ZERO; most], vec![T::ZERO; most]);
        let mut inheritance = Inheritance::new(self.sweep, self.bundles.start, self.forced);
        let mut carry = [zero; R];
        for bundle in self.bundles.clone() {
            let rows = self.kernel.coefficients(packs, bundle, &mut scratch);
            let places = self.sweep.places(bundle);
            let dofs = &self.dofs[places.start * R * C..places.end * R * C];
            let finished = self.sweep.finished(bundle);
            // without an update, nothing is kept back
            let kept = if self.update.is_some() {
                finished.len()
            } else {
                0
            };
            let forces = Accumulator {
                // SAFETY: nothing else refers to this memory while `forces` lives
                local: unsafe { Shared::new(&mut now[..kept]) },
                start: finished.start,
                elsewhere: self.force,
            };
            if let Some(update) = self.update {
                if bundle + 1 < self.bundles.end {
                    self.prefetch(update, bundle + 1);
                }
                inheritance.hand_over_runs(packs, bundle, forces);
            }
            let in_row = self.layouts[bundle] != Layout::Scattered;
            if !in_row {
                gathered.gather(self.u, dofs);
            }
            for from in (0..places.len()).step_by(width) {
                let lanes = Prefix::new(packs, width.min(places.len() - from));
                let (u, forces, first) = if in_row {
                    (self.u, forces, &dofs[..R * C])
                } else {
                    gathered.borrow()
                };
                let mut nodes = NodesOfCells {
                    packs,
                    u,
                    forces,
                    first,
                    last: in_row.then(|| &dofs[(from + lanes.count - 1) * R * C..][..R * C]),
                    from,
                    lanes,
                    all_but_last: Prefix::new(packs, lanes.count - 1),
                    first_lane: packs.first(1),
                    carry,
                    moved: [zero; R],
                };
                let coefficients = OfLanes { rows, from, lanes };
                self.kernel
                    .add_force(packs, &tables, coefficients, &mut nodes);
                carry = nodes.carry;
            }
            let continued = self.layouts[bundle] == Layout::Row && bundle + 1 < self.bundles.end;
            if !in_row {
                gathered.scatter(forces, dofs);
            } else if !continued {
                let end = &dofs[dofs.len() - R * C..];
                for j in 0..R {
                    let mut value = [T::ZERO];
                    Prefix::new(packs, 1).store(packs, &mut value, carry[j]);
                    let (to, at) = forces.place(end[j * C + C - 1] as usize);
                    to.set(at, to.get(at) + value[0]);
                }
                carry = [zero; R];
            }
            if let Some(update) = self.update {
                if bundle > self.bundles.start {
                    self.update_bundle(packs, update, bundle - 1, &mut before);
                }
                std::mem::swap(&mut now, &mut before);
            }
        }
        if let (Some(update), Some(last)) = (self.update, self.bundles.clone().next_back()) {
            self.update_bundle(packs, update, last, &mut before);
        }
    }
}

impl<T: Real, K, const R: usize, const C: usize> AcrossCells<'_, T, K, R, C> {
    /// Asks for what a bundle will need of the top row of nodes, in its first cell: strides between rows defeat the machine's own guesses.
    #[inline(always)]
    fn prefetch(&self, update: Update<'_, T>, bundle: usize) {
        let last_row = (R - 1) * C..R * C;
        for &dof in &self.dofs[self.sweep.places(bundle).start * R * C..][last_row] {
            self.u.prefetch(dof as usize);
            self.force.prefetch(dof as usize);
        }
        update.prefetch(self.u, self.sweep.finished(bundle));
    }

    /// Updates what a bundle finishes, given its forces.
    #[inline(always)]
    fn update_bundle<P: Packs<T>>(
        &self,
        packs: P,
        update: Update<'_, T>,
        bundle: usize,
        forces: &mut [T],
    ) {
        // SAFETY: this call has the forces to itself
        let forces = unsafe { Shared::new(forces) };
        update.run(packs, self.u, forces, self.sweep.finished(bundle));
    }
}
