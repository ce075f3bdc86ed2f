//! One step of central difference, to be done by an operator while it computes `K u`.
//!
//! `v ← δ v + g (e + K u)`, `u ← u + v`, `e ← 0`, with the increment `v = uⁿ − uⁿ⁻¹`, the negative gain
//! `g = −dt²/(m + dt/2 d)` (0 at fixed degrees of freedom), a decay δ per lane, and the accumulator `e`, to which all other
//! forces have been added beforehand: loads with a minus, absorbing sides, layers.

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
        let (u, update) = unsafe {
            (
                Shared::new(self.displacement.as_flattened_mut()),
                Update {
                    increment: Shared::new(self.increment.as_flattened_mut()),
                    force: Shared::new(self.force.as_flattened_mut()),
                    gain: Shared::read_only(self.gain.as_flattened()),
                    decay: self.decay,
                },
            )
        };
        simd::run(L, WholeUpdate { u, update, rows });
    }
}

/// What degrees of freedom need for their update, beside `u`.
#[derive(Debug)]
pub(crate) struct Update<'a, T> {
    pub(crate) increment: Shared<'a, T>,
    pub(crate) force: Shared<'a, T>,
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
    pub(crate) fn prefetch(self, u: Shared<'_, T>, entries: std::ops::Range<usize>) {
        const LINE: usize = 64;
        for entry in entries.step_by(LINE / size_of::<T>()) {
            u.prefetch(entry);
            self.force.prefetch(entry);
            self.increment.prefetch(entry);
            self.gain.prefetch(entry);
        }
    }

    /// Updates rows of `stride` packs.
    #[inline(always)]
    pub(crate) fn rows<P: Packs<T>>(
        self,
        packs: P,
        u: Shared<'_, P::Pack>,
        rows: std::ops::Range<usize>,
        stride: usize,
    ) {
        let (v, force, gain) = (
            self.increment.packs(),
            self.force.packs(),
            self.gain.packs(),
        );
        let width = lanes_of::<T, P>();
        let zero = packs.splat(T::ZERO);
        let all = Prefix::new(packs, width);
        for p in 0..stride {
            let decay = all.load(packs, &self.decay[p * width..]);
            for row in rows.clone() {
                let index = row * stride + p;
                let new = packs.mul_add(
                    gain.get(index),
                    force.get(index),
                    packs.mul(decay, v.get(index)),
                );
                v.set(index, new);
                u.set(index, packs.add(u.get(index), new));
                force.set(index, zero);
            }
        }
    }

    /// Updates consecutive degrees of freedom of a single trajectory, a pack of them at a time.
    #[inline(always)]
    pub(crate) fn run<P: Packs<T>>(self, packs: P, u: Shared<'_, T>, dofs: std::ops::Range<usize>) {
        let width = lanes_of::<T, P>();
        let all = Prefix::new(packs, width);
        let mut from = dofs.start;
        while from + width <= dofs.end {
            self.few(packs, u, from, all);
            from += width;
        }
        if from < dofs.end {
            self.few(packs, u, from, Prefix::new(packs, dofs.end - from));
        }
    }

    /// Updates at most a pack of consecutive degrees of freedom of a single trajectory.
    #[inline(always)]
    fn few<P: Packs<T>>(self, packs: P, u: Shared<'_, T>, from: usize, lanes: Prefix<P::Mask>) {
        let force = self.force.run(packs, lanes, from);
        let old = packs.mul(
            packs.splat(self.decay[0]),
            self.increment.run(packs, lanes, from),
        );
        let new = packs.mul_add(self.gain.run(packs, lanes, from), force, old);
        self.increment.set_run(packs, lanes, from, new);
        let sum = packs.add(u.run(packs, lanes, from), new);
        u.set_run(packs, lanes, from, sum);
        self.force.set_run(packs, lanes, from, packs.splat(T::ZERO));
    }
}

struct WholeUpdate<'a, T> {
    u: Shared<'a, T>,
    update: Update<'a, T>,
    rows: usize,
}

impl<T: Real> PackKernel<T> for WholeUpdate<'_, T> {
    #[inline(always)]
    fn run<P: Packs<T>>(self, packs: P) {
        let stride = self.update.decay.len() / lanes_of::<T, P>();
        self.update
            .rows(packs, self.u.packs(), 0..self.rows, stride);
    }
}
