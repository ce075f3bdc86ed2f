//! What a bundle takes over before its cells add their forces.
//!
//! Forces at what a bundle finishes are summed up in memory of its own, which stays in the nearest cache. Only what bundles
//! share goes through the accumulator: in rows of quadrilaterals of order p about (9p − 1)/(8p²) of the degrees of freedom, half of
//! them at order 2, a quarter at 4.

use std::ops::Range;

use crate::operator::shared::Accumulator;
use crate::real::Real;
use crate::simd::{Packs, Prefix, Single, lanes_of};
use crate::space::sweep::Sweep;

/// Follows the bundles of a block, one after the other.
pub(super) struct Inheritance<'a> {
    sweep: &'a Sweep,
    /// Where other forces than those of cells may act from the next bundle on, sorted.
    forced: &'a [u32],
}

impl<'a> Inheritance<'a> {
    /// Before the bundle `first`; `forced` is sorted.
    pub(super) fn new(sweep: &'a Sweep, first: usize, forced: &'a [u32]) -> Self {
        let start = sweep.finished(first).start;
        let passed = forced.partition_point(|&dof| (dof as usize) < start);
        Self {
            sweep,
            forced: &forced[passed..],
        }
    }

    /// Moves the forces so far at what a bundle finishes from elsewhere, where zeros remain, to its own memory, which holds
    /// zeros; rows of `stride` packs.
    #[inline(always)]
    pub(super) fn hand_over_rows<T: Real, P: Packs<T>>(
        &mut self,
        packs: P,
        bundle: usize,
        forces: Accumulator<'_, P::Pack>,
        stride: usize,
    ) {
        let zero = packs.splat(T::ZERO);
        for run in self.sweep.inherited(bundle) {
            for index in run.start as usize * stride..run.end as usize * stride {
                let (local, at) = forces.place(index);
                local.set(at, forces.elsewhere.get(index));
                forces.elsewhere.set(index, zero);
            }
        }
        for &dof in self.pass(bundle) {
            let row = dof as usize * stride;
            add_packs(packs, forces, row..row + stride);
        }
    }

    /// The same for a single trajectory, a pack of degrees of freedom at a time.
    #[inline(always)]
    pub(super) fn hand_over_runs<T: Real, P: Packs<T>>(
        &mut self,
        packs: P,
        bundle: usize,
        forces: Accumulator<'_, T>,
    ) {
        let width = lanes_of::<T, P>();
        let zero = packs.splat(T::ZERO);
        for run in self.sweep.inherited(bundle) {
            let end = run.end as usize;
            for from in (run.start as usize..end).step_by(width) {
                let lanes = Prefix::new(packs, width.min(end - from));
                let (local, at) = forces.place(from);
                local.set_run(packs, lanes, at, forces.elsewhere.run(packs, lanes, from));
                forces.elsewhere.set_run(packs, lanes, from, zero);
            }
        }
        for &dof in self.pass(bundle) {
            let dof = dof as usize;
            add_packs(Single, forces, dof..dof + 1);
        }
    }

    /// Passes on to the next bundle; returns where other forces act at what this one finishes.
    #[inline(always)]
    fn pass(&mut self, bundle: usize) -> &'a [u32] {
        let end = self.sweep.finished(bundle).end;
        let mut here = 0;
        while here < self.forced.len() && (self.forced[here] as usize) < end {
            here += 1;
        }
        let (forced, later) = self.forced.split_at(here);
        self.forced = later;
        forced
    }
}

/// Moves some forces from elsewhere to where they belong, and other forces may be already.
#[inline(always)]
fn add_packs<T: Real, P: Packs<T>>(
    packs: P,
    forces: Accumulator<'_, P::Pack>,
    indices: Range<usize>,
) {
    for index in indices {
        let (local, at) = forces.place(index);
        local.set(at, packs.add(local.get(at), forces.elsewhere.get(index)));
        forces.elsewhere.set(index, packs.splat(T::ZERO));
    }
}
