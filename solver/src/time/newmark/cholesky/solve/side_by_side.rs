//! Several right-hand sides: registers hold a row of them, and numbers of the factor are the same in all lanes.

use super::super::panels::{BLOCK, Block};
use super::{Sides, entry, load, store, total};
use crate::simd::{Packs, lanes_of};

/// `K` right-hand sides, as many as registers hold or a multiple of it.
pub(super) struct SideBySide<const K: usize>;

impl<const K: usize> Sides for SideBySide<K> {
    type Row = [f64; K];
    const ZERO: [f64; K] = [0.0; K];

    #[inline(always)]
    fn add(row: &mut [f64; K], other: &[f64; K]) {
        for (value, other) in row.iter_mut().zip(other) {
            *value += other;
        }
    }

    #[inline(always)]
    fn forward<P: Packs<f64>, const N: usize>(
        packs: P,
        triangle: &[f64],
        blocks: &[Block],
        work: &mut [[f64; K]],
    ) {
        let (top, below) = work.split_at_mut(N);
        for part in (0..K).step_by(lanes_of::<f64, P>()) {
            let mut factors = [packs.splat(0.0); N];
            for row in 0..N {
                let mut value = load::<P>(&top[row], part);
                for column in 0..row {
                    let entry = packs.splat(triangle[entry(row, column)]);
                    value = packs.mul_add(factors[column], entry, value);
                }
                value = packs.mul(value, packs.splat(triangle[entry(row, row)]));
                store::<P>(&mut top[row], part, value);
                factors[row] = packs.sub(packs.splat(-0.0), value);
            }
            for (rows, block) in below
                .as_chunks_mut::<BLOCK>()
                .0
                .iter_mut()
                .zip(blocks.chunks_exact(N))
            {
                for (place, row) in rows.iter_mut().enumerate() {
                    let mut sum = load::<P>(row, part);
                    for column in 0..N {
                        let value = packs.splat(block[column].0[place]);
                        sum = packs.mul_add(value, factors[column], sum);
                    }
                    store::<P>(row, part, sum);
                }
            }
        }
    }

    #[inline(always)]
    fn backward<P: Packs<f64>, const N: usize>(
        packs: P,
        triangle: &[f64],
        blocks: &[Block],
        work: &mut [[f64; K]],
    ) {
        let (top, below) = work.split_at_mut(N);
        for part in (0..K).step_by(lanes_of::<f64, P>()) {
            let mut totals = [packs.splat(0.0); N];
            for column in 0..N {
                let mut places = [packs.splat(0.0); BLOCK];
                for (rows, block) in below
                    .as_chunks::<BLOCK>()
                    .0
                    .iter()
                    .zip(blocks.chunks_exact(N))
                {
                    for place in 0..BLOCK {
                        let value = packs.splat(block[column].0[place]);
                        let known = load::<P>(&rows[place], part);
                        places[place] = packs.mul_add(value, known, places[place]);
                    }
                }
                totals[column] = total(places, |a, b| packs.add(a, b));
            }
            let mut negated = [packs.splat(0.0); N];
            for row in (0..N).rev() {
                let mut value = packs.sub(load::<P>(&top[row], part), totals[row]);
                for column in row + 1..N {
                    let entry = packs.splat(triangle[entry(column, row)]);
                    value = packs.mul_add(negated[column], entry, value);
                }
                value = packs.mul(value, packs.splat(triangle[entry(row, row)]));
                store::<P>(&mut top[row], part, value);
                negated[row] = packs.sub(packs.splat(-0.0), value);
            }
        }
    }
}
