//! What a bundle takes over before its cells add their forces.
//!
//! Forces at what a bundle finishes are summed up in memory of its own, which stays in the nearest cache. Only what bundles
//! share, in rows of quadrilaterals a quarter of the degrees of freedom and less, goes through the accumulator.

use crate::operator::shared::Accumulator;
use crate::real::Real;
use crate::simd::Packs;
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

    /// Moves the forces so far at what a bundle finishes from elsewhere, where zeros remain, to its own memory; rows of
    /// `stride` packs.
    #[inline(always)]
    pub(super) fn hand_over<T: Real, P: Packs<T>>(
        &mut self,
        packs: P,
        bundle: usize,
        forces: Accumulator<'_, P::Pack>,
        stride: usize,
    ) {
        let end = self.sweep.finished(bundle).end;
        let mut here = 0;
        while here < self.forced.len() && (self.forced[here] as usize) < end {
            here += 1;
        }
        let (forced, later) = self.forced.split_at(here);
        self.forced = later;
        let zero = packs.splat(T::ZERO);
        for dofs in [self.sweep.inherited(bundle), forced] {
            for &dof in dofs {
                for p in 0..stride {
                    let index = dof as usize * stride + p;
                    let (local, at) = forces.place(index);
                    local.set(at, packs.add(local.get(at), forces.elsewhere.get(index)));
                    forces.elsewhere.set(index, zero);
                }
            }
        }
    }
}
