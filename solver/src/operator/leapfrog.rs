//! One step of central difference, to be done by an operator while it computes `K u`.
//!
//! `v ← δ v + g (e + K u)`, `u ← u + v`, `e ← 0`, with the increment `v = uⁿ − uⁿ⁻¹`, the negative gain
//! `g = −dt²/(m + dt/2 d)` (0 at fixed degrees of freedom), a decay δ per lane, and the accumulator `e`, to which all other
//! forces have been added beforehand: loads with a minus, absorbing sides, layers.

use std::ops::Range;

use crate::field::Field;
use crate::operator::shared::Shared;
use crate::real::Real;
use crate::simd::{self, PackKernel, Packs, Prefix, lanes_of};

/// The state of trajectories side by side.
#[derive(Debug)]
pub(crate) struct Leapfrog<'a, T, const L: usize> {
    /// `u`.
    pub(crate) displacement: &'a mut Field<T, L>,
    /// `v`.
    pub(crate) increment: &'a mut Field<T, L>,
    /// `e`: forces from elsewhere, without `K u`; zeros afterwards.
    pub(crate) force: &'a mut Field<T, L>,
    /// Where `e` may differ from zero, sorted.
    pub(crate) forced: &'a [u32],
    /// `g`.
    pub(crate) gain: &'a Field<T, L>,
    /// δ.
    pub(crate) decay: &'a [T; L],
    /// Memory of one more displacement, where [`needs_spare`](crate::operator::StiffnessOperator::needs_spare).
    pub(crate) spare: &'a mut Field<T, L>,
    /// Whether the thread pool may share the work.
    pub(crate) parallel: bool,
}

impl<T: Real, const L: usize> Leapfrog<'_, T, L> {
    /// The update where the accumulator holds `e + K u` already.
    pub(crate) fn update_all(self) {
        let rows = self.displacement.len();
        // SAFETY: this thread has the fields to itself
        let (u, force, update) = unsafe {
            (
                Shared::new(self.displacement.as_flattened_mut()),
                Shared::new(self.force.as_flattened_mut()),
                Update {
                    increment: Shared::new(self.increment.as_flattened_mut()),
                    gain: Shared::read_only(self.gain.as_flattened()),
                    decay: self.decay,
                },
            )
        };
        let whole = WholeUpdate {
            u,
            force,
            update,
            rows,
        };
        simd::run(L, whole);
    }
}

/// What degrees of freedom need for their update, beside `u`.
#[derive(Debug)]
pub(crate) struct Update<'a, T> {
    pub(crate) increment: Shared<'a, T>,
    pub(crate) gain: Shared<'a, T>,
    /// One per lane.
    pub(crate) decay: &'a [T],
}

impl<T> Clone for Update<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Update<'_, T> {}

impl<T: Real> Update<'_, T> {
    /// Asks for what updates of these entries will need.
    #[inline(always)]
    pub(crate) fn prefetch(self, u: Shared<'_, T>, entries: Range<usize>) {
        const LINE: usize = 64;
        for entry in entries.step_by(LINE / size_of::<T>()) {
            u.prefetch(entry);
            self.increment.prefetch(entry);
            self.gain.prefetch(entry);
        }
    }

    /// Updates rows of `stride` packs, given their forces, and empties these.
    #[inline(always)]
    pub(crate) fn rows<P: Packs<T>>(
        self,
        packs: P,
        u: Shared<'_, P::Pack>,
        forces: Shared<'_, P::Pack>,
        rows: Range<usize>,
        stride: usize,
    ) {
        let (v, gain) = (self.increment.packs(), self.gain.packs());
        let width = lanes_of::<T, P>();
        let zero = packs.splat(T::ZERO);
        let all = Prefix::new(packs, width);
        for p in 0..stride {
            let decay = all.load(packs, &self.decay[p * width..]);
            for (number, row) in rows.clone().enumerate() {
                let (index, at) = (row * stride + p, number * stride + p);
                let old = packs.mul(decay, v.get(index));
                let new = packs.mul_add(gain.get(index), forces.get(at), old);
                v.set(index, new);
                u.set(index, packs.add(u.get(index), new));
                forces.set(at, zero);
            }
        }
    }

    /// Updates consecutive degrees of freedom of a single trajectory, a pack of them at a time, given their forces, and
    /// empties these.
    #[inline(always)]
    pub(crate) fn run<P: Packs<T>>(
        self,
        packs: P,
        u: Shared<'_, T>,
        forces: Shared<'_, T>,
        dofs: Range<usize>,
    ) {
        let width = lanes_of::<T, P>();
        let length = dofs.len();
        // parts of one length: the compiler then checks a single index for all
        let (u, forces) = (u.part(dofs.clone()), forces.part(0..length));
        let state = Update {
            increment: self.increment.part(dofs.clone()),
            gain: self.gain.part(dofs),
            decay: self.decay,
        };
        let all = Prefix::new(packs, width);
        let whole = length / width * width;
        for at in (0..whole).step_by(width) {
            state.few(packs, u, forces, at, all);
        }
        if whole < length {
            let rest = Prefix::new(packs, length - whole);
            state.few(packs, u, forces, whole, rest);
        }
    }

    /// Updates at most a pack of consecutive degrees of freedom from `at` on.
    #[inline(always)]
    fn few<P: Packs<T>>(
        self,
        packs: P,
        u: Shared<'_, T>,
        forces: Shared<'_, T>,
        at: usize,
        lanes: Prefix<P::Mask>,
    ) {
        let old = packs.mul(
            packs.splat(self.decay[0]),
            self.increment.run(packs, lanes, at),
        );
        let force = forces.run(packs, lanes, at);
        let new = packs.mul_add(self.gain.run(packs, lanes, at), force, old);
        self.increment.set_run(packs, lanes, at, new);
        let sum = packs.add(u.run(packs, lanes, at), new);
        u.set_run(packs, lanes, at, sum);
        forces.set_run(packs, lanes, at, packs.splat(T::ZERO));
    }
}

struct WholeUpdate<'a, T> {
    u: Shared<'a, T>,
    force: Shared<'a, T>,
    update: Update<'a, T>,
    rows: usize,
}

impl<T: Real> PackKernel<T> for WholeUpdate<'_, T> {
    #[inline(always)]
    fn run<P: Packs<T>>(self, packs: P) {
        let stride = self.update.decay.len() / lanes_of::<T, P>();
        let (u, force) = (self.u.packs(), self.force.packs());
        self.update.rows(packs, u, force, 0..self.rows, stride);
    }
}
