//! `L Lᵀ x = b` for a packed factor: one right-hand side, whose rows fill registers, or several side by side, one per lane.
//!
//! Forwards, a supernode solves its triangle and subtracts its columns, times what it found, from the rows below;
//! backwards, it first gathers the rows below. Both read the factor once. Lanes have the same bits as a right-hand side of
//! its own: sums over the rows below are taken by the row's place in its block, and these partial sums are added in one
//! order.

mod one;
mod side_by_side;

use pulp::bytemuck::{bytes_of, cast_slice, cast_slice_mut, pod_read_unaligned};

use super::panels::{BLOCK, Block, Packed, Panels, STRIP, Supernode};
use crate::simd::{PackKernel, Packs, lanes_of, run_wide};
use one::One;
use side_by_side::SideBySide;

/// Solves for one right-hand side, in the order of the factor; `work` has [`Panels::work_rows`] rows.
pub(super) fn solve_one(panels: &Panels, factor: &Packed, x: &mut [f64], work: &mut [f64]) {
    run_wide(Solve::<One> {
        panels,
        factor,
        x,
        work,
    });
}

/// As [`solve_one`] for several, side by side.
pub(super) fn solve_side_by_side<const K: usize>(
    panels: &Panels,
    factor: &Packed,
    x: &mut [[f64; K]],
    work: &mut [[f64; K]],
) {
    run_wide(Solve::<SideBySide<K>> {
        panels,
        factor,
        x,
        work,
    });
}

/// How many right-hand sides there are, and what strips do with them.
trait Sides {
    /// The right-hand sides of a row.
    type Row: Copy;
    /// Zeros.
    const ZERO: Self::Row;
    /// Adds to a row.
    fn add(row: &mut Self::Row, other: &Self::Row);
    /// Solves the triangle of a strip of `N` columns, whose rows begin `work`, and subtracts it from those below.
    fn forward<P: Packs<f64>, const N: usize>(
        packs: P,
        triangle: &[f64],
        blocks: &[Block],
        work: &mut [Self::Row],
    );
    /// Subtracts the rows below from the strip's and solves with the transposed triangle.
    fn backward<P: Packs<f64>, const N: usize>(
        packs: P,
        triangle: &[f64],
        blocks: &[Block],
        work: &mut [Self::Row],
    );
}

struct Solve<'a, S: Sides> {
    panels: &'a Panels,
    factor: &'a Packed,
    x: &'a mut [S::Row],
    work: &'a mut [S::Row],
}

impl<S: Sides> PackKernel<f64> for Solve<'_, S> {
    #[inline(always)]
    fn run<P: Packs<f64>>(mut self, packs: P) {
        self.forward(packs);
        self.backward(packs);
    }
}

impl<S: Sides> Solve<'_, S> {
    #[inline(always)]
    fn forward<P: Packs<f64>>(&mut self, packs: P) {
        let mut rows = &self.panels.rows[..];
        let mut triangles = &self.factor.triangles[..];
        let mut blocks = &self.factor.blocks[..];
        let mut first = 0;
        for &Supernode { columns, below } in &self.panels.supernodes {
            let height = columns + below;
            let work = &mut self.work[..height + BLOCK];
            work[..columns].copy_from_slice(&self.x[first..first + columns]);
            work[columns..].fill(S::ZERO);
            let mut done = 0;
            while done < columns {
                let width = STRIP.min(columns - done);
                let count = (height - done - width).div_ceil(BLOCK) * width;
                let (triangle, other_triangles) = triangles.split_at(width * (width + 1) / 2);
                let (strip, other_blocks) = blocks.split_at(count);
                let work = &mut work[done..];
                match width {
                    1 => S::forward::<P, 1>(packs, triangle, strip, work),
                    2 => S::forward::<P, 2>(packs, triangle, strip, work),
                    3 => S::forward::<P, 3>(packs, triangle, strip, work),
                    _ => S::forward::<P, STRIP>(packs, triangle, strip, work),
                }
                (triangles, blocks) = (other_triangles, other_blocks);
                done += width;
            }
            self.x[first..first + columns].copy_from_slice(&work[..columns]);
            let (mine, others) = rows.split_at(below);
            for (&row, sum) in mine.iter().zip(&work[columns..]) {
                S::add(&mut self.x[row as usize], sum);
            }
            rows = others;
            first += columns;
        }
    }

    #[inline(always)]
    fn backward<P: Packs<f64>>(&mut self, packs: P) {
        let mut rows = &self.panels.rows[..];
        let mut triangles = &self.factor.triangles[..];
        let mut blocks = &self.factor.blocks[..];
        let mut end = self.x.len();
        for &Supernode { columns, below } in self.panels.supernodes.iter().rev() {
            let height = columns + below;
            let first = end - columns;
            let work = &mut self.work[..height + BLOCK];
            work[..columns].copy_from_slice(&self.x[first..end]);
            let (others, mine) = rows.split_at(rows.len() - below);
            for (value, &row) in work[columns..].iter_mut().zip(mine) {
                *value = self.x[row as usize];
            }
            work[height..].fill(S::ZERO);
            let mut left = columns;
            while left > 0 {
                // all strips but the last are full
                let width = (left - 1) % STRIP + 1;
                left -= width;
                let count = (height - left - width).div_ceil(BLOCK) * width;
                let (other_triangles, triangle) =
                    triangles.split_at(triangles.len() - width * (width + 1) / 2);
                let (other_blocks, strip) = blocks.split_at(blocks.len() - count);
                let work = &mut work[left..];
                match width {
                    1 => S::backward::<P, 1>(packs, triangle, strip, work),
                    2 => S::backward::<P, 2>(packs, triangle, strip, work),
                    3 => S::backward::<P, 3>(packs, triangle, strip, work),
                    _ => S::backward::<P, STRIP>(packs, triangle, strip, work),
                }
                (triangles, blocks) = (other_triangles, other_blocks);
            }
            self.x[first..end].copy_from_slice(&work[..columns]);
            rows = others;
            end = first;
        }
    }
}

/// Where a triangle stored row by row has an entry.
#[inline(always)]
const fn entry(row: usize, column: usize) -> usize {
    row * (row + 1) / 2 + column
}

/// The sum of the partial sums of a block's places, always in this order.
#[inline(always)]
fn total<V: Copy>(places: [V; BLOCK], add: impl Fn(V, V) -> V) -> V {
    let [a, b, c, d, e, f, g, h] = places;
    let even = add(add(a, e), add(c, g));
    let odd = add(add(b, f), add(d, h));
    add(even, odd)
}

/// A pack of consecutive values.
#[inline(always)]
fn load<P: Packs<f64>>(values: &[f64], from: usize) -> P::Pack {
    pod_read_unaligned(cast_slice(&values[from..from + lanes_of::<f64, P>()]))
}

/// Overwrites consecutive values.
#[inline(always)]
fn store<P: Packs<f64>>(values: &mut [f64], from: usize, pack: P::Pack) {
    let target = &mut values[from..from + lanes_of::<f64, P>()];
    cast_slice_mut(target).copy_from_slice(bytes_of(&pack));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::newmark::cholesky::lower::tests::{laplacian, packed};

    /// `L` as a dense matrix, from the packed one.
    fn dense(panels: &Panels, factor: &Packed, n: usize) -> Vec<Vec<f64>> {
        let mut matrix = vec![vec![0.0; n]; n];
        let (mut triangles, mut blocks) = (factor.triangles.iter(), factor.blocks.iter());
        let (mut first, mut rows) = (0, &panels.rows[..]);
        for supernode in &panels.supernodes {
            let (below, others) = rows.split_at(supernode.below);
            let places: Vec<usize> = (first..first + supernode.columns)
                .chain(below.iter().map(|row| *row as usize))
                .collect();
            let mut done = 0;
            while done < supernode.columns {
                let width = STRIP.min(supernode.columns - done);
                for row in done..done + width {
                    for column in done..row {
                        matrix[places[row]][places[column]] = *triangles.next().unwrap();
                    }
                    matrix[places[row]][places[row]] = 1.0 / triangles.next().unwrap();
                }
                for start in (done + width..places.len()).step_by(BLOCK) {
                    for column in done..done + width {
                        let block = blocks.next().unwrap().0;
                        for (row, value) in (start..places.len()).zip(block) {
                            matrix[places[row]][places[column]] = value;
                        }
                    }
                }
                done += width;
            }
            (first, rows) = (first + supernode.columns, others);
        }
        matrix
    }

    /// The obvious solve.
    fn substitute(l: &[Vec<f64>], b: &[f64]) -> Vec<f64> {
        let n = b.len();
        let mut x = b.to_vec();
        for i in 0..n {
            x[i] = (x[i] - (0..i).map(|j| l[i][j] * x[j]).sum::<f64>()) / l[i][i];
        }
        for i in (0..n).rev() {
            x[i] = (x[i] - (i + 1..n).map(|j| l[j][i] * x[j]).sum::<f64>()) / l[i][i];
        }
        x
    }

    fn right_hand_side(n: usize, lane: usize) -> Vec<f64> {
        (0..n)
            .map(|i| ((i * 37 + lane * 11) % 101) as f64 / 50.0 - 1.0)
            .collect()
    }

    #[test]
    fn solves_match_substitution() {
        // from a single unknown to supernodes of many strips
        for side in [1, 2, 5, 16] {
            let matrix = laplacian(side, side);
            let (panels, factor) = packed(&matrix);
            let n = side * side;
            let b = right_hand_side(n, 0);
            let expected = substitute(&dense(&panels, &factor, n), &b);
            let (mut x, mut work) = (b, vec![f64::NAN; panels.work_rows()]);
            solve_one(&panels, &factor, &mut x, &mut work);
            for (x, expected) in x.iter().zip(&expected) {
                assert!((x - expected).abs() < 1e-13, "{side}: {x} {expected}");
            }
        }
    }

    #[test]
    fn lanes_have_the_bits_of_solves_alone() {
        const K: usize = 16;
        let matrix = laplacian(23, 17);
        let (panels, factor) = packed(&matrix);
        let n = 23 * 17;
        let sides: Vec<Vec<f64>> = (0..K).map(|lane| right_hand_side(n, lane)).collect();
        let mut x: Vec<[f64; K]> = (0..n)
            .map(|i| std::array::from_fn(|lane| sides[lane][i]))
            .collect();
        let mut work = vec![[f64::NAN; K]; panels.work_rows()];
        solve_side_by_side(&panels, &factor, &mut x, &mut work);
        for (lane, side) in sides.into_iter().enumerate() {
            let (mut alone, mut work) = (side, vec![f64::NAN; panels.work_rows()]);
            solve_one(&panels, &factor, &mut alone, &mut work);
            for i in 0..n {
                assert_eq!(x[i][lane].to_bits(), alone[i].to_bits(), "{i}, lane {lane}");
            }
        }
    }
}
