//! Where the values at the nodes of several cells come from and their forces go to, for a single trajectory.

use crate::operator::matrix_free::kernels::Nodes;
use crate::operator::shared::{Accumulator, Shared};
use crate::real::Real;
use crate::simd::{Packs, Prefix, lanes_of};
use crate::space::sweep::BUNDLE;

/// Nodes of consecutive cells of a bundle, one a lane, whose entries are consecutive at every node.
pub(super) struct NodesOfCells<'a, T: Real, P: Packs<T>, const R: usize, const C: usize> {
    pub(super) packs: P,
    pub(super) u: Shared<'a, T>,
    pub(super) forces: Accumulator<'a, T>,
    /// Entries of the bundle's first cell.
    pub(super) first: &'a [u32],
    /// Of cells in a row, whose last columns are the first ones of the next cells: entries of the last of these cells.
    pub(super) last: Option<&'a [u32]>,
    /// Number of the first of these cells in the bundle.
    pub(super) from: usize,
    /// The lanes that have cells.
    pub(super) lanes: Prefix<P::Mask>,
    /// The same without the last one.
    pub(super) all_but_last: Prefix<P::Mask>,
    /// The first lane alone.
    pub(super) first_lane: P::Mask,
    /// Forces at the last column of the cell before, in the first lane; later, those for the next cell.
    pub(super) carry: [P::Pack; R],
    /// Forces at the last columns, moved to the cells after them.
    pub(super) moved: [P::Pack; R],
}

impl<T: Real, P: Packs<T>, const R: usize, const C: usize> NodesOfCells<'_, T, P, R, C> {
    /// The values at a node.
    #[inline(always)]
    fn value(&self, row: usize, column: usize) -> P::Pack {
        if column + 1 == C
            && let Some(last) = self.last
        {
            let next = self.first[row * C] as usize + self.from + 1;
            let last = self.u.get(last[row * C + column] as usize);
            let values = self.u.run(self.packs, self.all_but_last, next);
            let last = self.packs.splat(last);
            return self.packs.select(self.all_but_last.mask, values, last);
        }
        let index = self.first[row * C + column] as usize + self.from;
        self.u.run(self.packs, self.lanes, index)
    }
}

impl<T: Real, P: Packs<T>, const R: usize, const C: usize> Nodes<P::Pack, R, C>
    for NodesOfCells<'_, T, P, R, C>
{
    #[inline(always)]
    fn row(&self, row: usize) -> [P::Pack; C] {
        let mut values = [self.packs.splat(T::ZERO); C];
        for i in 0..C {
            values[i] = self.value(row, i);
        }
        values
    }

    #[inline(always)]
    fn column(&self, column: usize) -> [P::Pack; R] {
        let mut values = [self.packs.splat(T::ZERO); R];
        for j in 0..R {
            values[j] = self.value(j, column);
        }
        values
    }

    #[inline(always)]
    fn add_column(&mut self, column: usize, forces: [P::Pack; R]) {
        let packs = self.packs;
        if column + 1 == C && self.last.is_some() {
            for j in 0..R {
                let moved = packs.rotate_left(forces[j], lanes_of::<T, P>() - 1);
                self.moved[j] = packs.select(self.first_lane, self.carry[j], moved);
                self.carry[j] = packs.rotate_left(forces[j], self.lanes.count - 1);
            }
            return;
        }
        for j in 0..R {
            let index = self.first[j * C + column] as usize + self.from;
            let (to, at) = self.forces.place(index);
            let mut sum = to.run(packs, self.lanes, at);
            if column == 0 {
                sum = packs.add(sum, self.moved[j]);
            }
            to.set_run(packs, self.lanes, at, packs.add(sum, forces[j]));
        }
    }
}

/// Memory for the nodes of a bundle's cells where they lie anywhere, and for their forces: [`BUNDLE`] entries a node.
pub(super) struct Gathered<T> {
    values: Vec<T>,
    forces: Vec<T>,
    /// Where the entries of the nodes begin.
    starts: Vec<u32>,
}

impl<T: Real> Gathered<T> {
    /// For cells with so many nodes.
    pub(super) fn new(nodes: usize) -> Self {
        Self {
            values: vec![T::ZERO; nodes * BUNDLE],
            forces: vec![T::ZERO; nodes * BUNDLE],
            starts: (0..nodes as u32).map(|node| node * BUNDLE as u32).collect(),
        }
    }

    /// Gathers the values of the cells with these degrees of freedom.
    #[inline(always)]
    pub(super) fn gather(&mut self, u: Shared<'_, T>, dofs: &[u32]) {
        for (cell, dofs) in dofs.chunks_exact(self.starts.len()).enumerate() {
            for (values, &dof) in self.values.as_chunks_mut::<BUNDLE>().0.iter_mut().zip(dofs) {
                values[cell] = u.get(dof as usize);
            }
        }
        self.forces.fill(T::ZERO);
    }

    /// The values, forces and entries of the first cell.
    #[inline(always)]
    pub(super) fn borrow(&mut self) -> (Shared<'_, T>, Accumulator<'_, T>, &[u32]) {
        // SAFETY: the borrow of `self` keeps all else away, and values are only read
        let (values, forces) = unsafe {
            (
                Shared::read_only(&self.values),
                Shared::new(&mut self.forces),
            )
        };
        let forces = Accumulator {
            local: forces,
            start: 0,
            elsewhere: forces,
        };
        (values, forces, &self.starts)
    }

    /// Adds the forces to those under way.
    #[inline(always)]
    pub(super) fn scatter(&self, to: Accumulator<'_, T>, dofs: &[u32]) {
        for (cell, dofs) in dofs.chunks_exact(self.starts.len()).enumerate() {
            for (forces, &dof) in self.forces.as_chunks::<BUNDLE>().0.iter().zip(dofs) {
                let (to, at) = to.place(dof as usize);
                to.set(at, to.get(at) + forces[cell]);
            }
        }
    }
}
