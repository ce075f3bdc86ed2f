//! One right-hand side: registers hold rows of a column.

use super::super::panels::{BLOCK, Block};
use super::{Sides, entry, load, store, total};
use crate::simd::{Packs, lanes_of};

/// A single right-hand side.
pub(super) struct One;

impl Sides for One {
    type Row = f64;
    const ZERO: f64 = 0.0;

    #[inline(always)]
    fn add(row: &mut f64, other: &f64) {
        *row += other;
    }

    #[inline(always)]
    fn forward<P: Packs<f64>, const N: usize>(
        packs: P,
        triangle: &[f64],
        blocks: &[Block],
        work: &mut [f64],
    ) {
        let (top, below) = work.split_at_mut(N);
        let mut factors = [packs.splat(0.0); N];
        for row in 0..N {
            let mut value = top[row];
            for column in 0..row {
                value = (-top[column]).mul_add(triangle[entry(row, column)], value);
            }
            top[row] = value * triangle[entry(row, row)];
            factors[row] = packs.splat(-top[row]);
        }
        for (rows, block) in below
            .as_chunks_mut::<BLOCK>()
            .0
            .iter_mut()
            .zip(blocks.chunks_exact(N))
        {
            for part in (0..BLOCK).step_by(lanes_of::<f64, P>()) {
                let mut sum = load::<P>(rows, part);
                for column in 0..N {
                    let values = load::<P>(&block[column].0, part);
                    sum = packs.mul_add(values, factors[column], sum);
                }
                store::<P>(rows, part, sum);
            }
        }
    }

    #[inline(always)]
    fn backward<P: Packs<f64>, const N: usize>(
        packs: P,
        triangle: &[f64],
        blocks: &[Block],
        work: &mut [f64],
    ) {
        let (top, below) = work.split_at_mut(N);
        let width = lanes_of::<f64, P>();
        let mut sums = [[packs.splat(0.0); BLOCK]; N];
        for (rows, block) in below
            .as_chunks::<BLOCK>()
            .0
            .iter()
            .zip(blocks.chunks_exact(N))
        {
            for part in 0..BLOCK / width {
                let known = load::<P>(rows, part * width);
                for column in 0..N {
                    let values = load::<P>(&block[column].0, part * width);
                    sums[column][part] = packs.mul_add(values, known, sums[column][part]);
                }
            }
        }
        for row in (0..N).rev() {
            let mut places = [0.0; BLOCK];
            for part in 0..BLOCK / width {
                store::<P>(&mut places, part * width, sums[row][part]);
            }
            let mut value = top[row] - total(places, |a, b| a + b);
            for column in row + 1..N {
                value = (-top[column]).mul_add(triangle[entry(column, row)], value);
            }
            top[row] = value * triangle[entry(row, row)];
        }
    }
}
