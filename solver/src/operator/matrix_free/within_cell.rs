//! The sweep over cells for a single trajectory: registers hold rows of a cell's nodes.
//!
//! A row of `n` nodes is one register. Derivatives along a row are sums of the columns of the derivative's matrix, each
//! times one value of the row; derivatives across rows are sums of rows. Every value is computed by the same operations in
//! the same order as side by side, so that its bits are the same.
//!
//! In the numbering of a [`Sweep`](crate::space::sweep::Sweep), all but the last node of a row of a structured
//! mesh have consecutive numbers; such rows are read and written at once, all others value by value. The last nodes of a
//! row are the first of the next cell's, to which their forces are passed on.
//!
//! Traffic per degree of freedom: 7 values for the state, as side by side, and the mesh's part, which is not shared with
//! anyone: `(n² + 6)/(n − 1)²` values where cells are straight-sided, `3 n²/(n − 1)²` where they are curved, 2 a cell where
//! they are aligned with the axes; and 4 bytes of indices a node.

use std::ops::Range;

use crate::operator::leapfrog::Update;
use crate::operator::shared::Shared;
use crate::real::Real;
use crate::simd::{PackKernel, Packs, Prefix, lanes_of};

/// The values at the nodes of a cell, one at a time. No closure: a closure would not be compiled for the registers of the
/// kernel that calls it.
pub(super) trait Values<T>: Copy {
    /// The value at the node `[eta][xi]`.
    fn at(self, eta: usize, xi: usize) -> T;
}

/// Computes the force of one quadrilateral, row by row.
pub(super) trait RowKernel<T, const N: usize>: Copy {
    /// Tables in registers.
    type Tables<P: Packs<T>>: Copy;
    /// Loads the tables.
    fn tables<P: Packs<T>>(self, packs: P) -> Self::Tables<P>;
    /// `K_e u` for the cell at a place of the sweep, given its rows and their single values.
    fn force_in_rows<P: Packs<T>>(
        self,
        packs: P,
        place: usize,
        tables: &Self::Tables<P>,
        rows: &[P::Pack; N],
        values: impl Values<T>,
    ) -> [P::Pack; N];
}

/// A matrix by columns, one a register: `[column][row]`.
#[inline(always)]
pub(super) fn columns<T: Real, P: Packs<T>, const N: usize>(
    packs: P,
    matrix: &[[T; N]; N],
) -> [P::Pack; N] {
    let row = Prefix::new(packs, N);
    let mut columns = [packs.splat(T::ZERO); N];
    for k in 0..N {
        let mut column = [T::ZERO; N];
        for i in 0..N {
            column[i] = matrix[i][k];
        }
        columns[k] = row.load(packs, &column);
    }
    columns
}

/// A matrix by rows, one a register.
#[inline(always)]
pub(super) fn rows<T: Real, P: Packs<T>, const N: usize>(
    packs: P,
    matrix: &[[T; N]; N],
) -> [P::Pack; N] {
    let row = Prefix::new(packs, N);
    let mut rows = [packs.splat(T::ZERO); N];
    for k in 0..N {
        rows[k] = row.load(packs, &matrix[k]);
    }
    rows
}

/// How the degrees of freedom of a cell lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Anywhere.
    Scattered,
    /// All but the last node of every row have consecutive numbers.
    Runs,
    /// The same, and the next cell has runs too and begins its rows with the last nodes of these.
    Chained,
}

/// The layouts of cells with `n` nodes a side.
pub(super) fn layouts(dofs: &[u32], n: usize) -> Vec<Layout> {
    let has_runs = |cell: &[u32]| {
        cell.chunks(n).all(|row| {
            row[..n - 1]
                .windows(2)
                .all(|pair| pair[1] == pair[0].wrapping_add(1))
        })
    };
    let cells: Vec<&[u32]> = dofs.chunks(n * n).collect();
    let runs: Vec<bool> = cells.iter().map(|cell| has_runs(cell)).collect();
    (0..cells.len())
        .map(|place| {
            let chained = || {
                let rows = cells[place].chunks(n).zip(cells[place + 1].chunks(n));
                rows.into_iter().all(|(row, next)| row[n - 1] == next[0])
            };
            if !runs[place] {
                Layout::Scattered
            } else if place + 1 < cells.len() && runs[place + 1] && chained() {
                Layout::Chained
            } else {
                Layout::Runs
            }
        })
        .collect()
}

/// Cells from one update to the next. What was just written in pieces cannot be read back at once without a stall, so
/// updates lag behind; what these cells finish stays in the nearest cache meanwhile.
const LAG: usize = 16;

/// Some cells of a sweep.
pub(super) struct WithinCell<'a, T, K, const N: usize> {
    pub(super) kernel: K,
    /// Degrees of freedom, cell after cell in the order of the sweep.
    pub(super) dofs: &'a [u32],
    pub(super) layouts: &'a [Layout],
    /// First degree of freedom that each cell finishes.
    pub(super) finished: &'a [u32],
    pub(super) places: Range<usize>,
    pub(super) u: Shared<'a, T>,
    pub(super) force: Shared<'a, T>,
    /// Whether, and with what, to update what a cell finishes.
    pub(super) update: Option<Update<'a, T>>,
}

impl<T: Real, K: RowKernel<T, N>, const N: usize> PackKernel<T> for WithinCell<'_, T, K, N> {
    #[inline(always)]
    fn run<P: Packs<T>>(self, packs: P) {
        assert!(N <= lanes_of::<T, P>());
        let tables = self.kernel.tables(packs);
        let (row, run) = (Prefix::new(packs, N), Prefix::new(packs, N - 1));
        let (u, force) = (self.u, self.force);
        let zero = packs.splat(T::ZERO);
        let first_lane = packs.first(1);
        // what the cell before adds to the first nodes of the rows, in the first lane; passed on in registers because
        // memory would stall
        let mut carry = [zero; N];
        let mut updated = self.places.start;
        for place in self.places.clone() {
            let dofs = self.dofs[place * N * N..][..N * N].as_chunks::<N>().0;
            if self.layouts[place] != Layout::Scattered {
                let mut rows = [zero; N];
                let mut sums = [zero; N];
                for j in 0..N {
                    let first = dofs[j][0] as usize;
                    let last = packs.splat(u.get(dofs[j][N - 1] as usize));
                    rows[j] = packs.select(run.mask, u.run(packs, run, first), last);
                    sums[j] = packs.add(force.run(packs, run, first), carry[j]);
                }
                let values = Runs { u, dofs };
                let local = self
                    .kernel
                    .force_in_rows(packs, place, &tables, &rows, values);
                for j in 0..N {
                    let sum = packs.add(sums[j], local[j]);
                    force.set_run(packs, run, dofs[j][0] as usize, sum);
                }
                if self.layouts[place] == Layout::Chained && place + 1 < self.places.end {
                    for j in 0..N {
                        let last = packs.rotate_left(local[j], N - 1);
                        carry[j] = packs.select(first_lane, last, zero);
                    }
                } else {
                    carry = [zero; N];
                    for j in 0..N {
                        let mut values = [T::ZERO; N];
                        row.store(packs, &mut values, local[j]);
                        let last = dofs[j][N - 1] as usize;
                        force.set(last, force.get(last) + values[N - 1]);
                    }
                }
            } else {
                let mut values = [[T::ZERO; N]; N];
                let mut rows = [zero; N];
                for j in 0..N {
                    for k in 0..N {
                        values[j][k] = u.get(dofs[j][k] as usize);
                    }
                    rows[j] = row.load(packs, &values[j]);
                }
                let local =
                    self.kernel
                        .force_in_rows(packs, place, &tables, &rows, Gathered(&values));
                for j in 0..N {
                    row.store(packs, &mut values[j], local[j]);
                    for k in 0..N {
                        let dof = dofs[j][k] as usize;
                        force.set(dof, force.get(dof) + values[j][k]);
                    }
                }
            }
            let done = place + 1;
            if let Some(update) = self.update
                && (done == updated + LAG || done == self.places.end)
            {
                let dofs = self.finished[updated] as usize..self.finished[done] as usize;
                update.run(packs, u, dofs);
                updated = done;
            }
        }
    }
}

/// Values of a cell whose rows are runs, where they are.
struct Runs<'a, T, const N: usize> {
    u: Shared<'a, T>,
    dofs: &'a [[u32; N]],
}

impl<T, const N: usize> Clone for Runs<'_, T, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, const N: usize> Copy for Runs<'_, T, N> {}

impl<T: Real, const N: usize> Values<T> for Runs<'_, T, N> {
    #[inline(always)]
    fn at(self, eta: usize, xi: usize) -> T {
        let row = &self.dofs[eta];
        if xi + 1 == N {
            self.u.get(row[xi] as usize)
        } else {
            self.u.get(row[0] as usize + xi)
        }
    }
}

/// Values of a cell, gathered.
#[derive(Clone, Copy)]
struct Gathered<'a, T, const N: usize>(&'a [[T; N]; N]);

impl<T: Real, const N: usize> Values<T> for Gathered<'_, T, N> {
    #[inline(always)]
    fn at(self, eta: usize, xi: usize) -> T {
        self.0[eta][xi]
    }
}
