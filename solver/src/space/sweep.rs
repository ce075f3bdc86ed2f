//! The order in which cells are gone through, and the numbering of the degrees of freedom that follows from it.
//!
//! Degrees of freedom are numbered by the **last** cell of the sweep that touches them. Those that a cell finishes are then
//! one range of numbers, in any mesh: a fused sweep adds a cell's force, then updates that range and never comes back
//! (`operator/matrix_free.rs`). On rows of quadrilaterals, nearly every row of a cell's nodes but its last node is a run of
//! consecutive numbers too, which is read and written as a vector.
//!
//! Cells keep the order of the mesh, unless that jumps about so much that a sweep would have too many degrees of freedom
//! open at a time; then they follow Hilbert's curve. The order is cut into blocks and the blocks are coloured: blocks of a
//! colour share no degree of freedom, so that threads may do them at the same time. Blocks and colours depend on the mesh
//! alone, hence the order of all sums, and with it every bit of a result, does not depend on the number of threads.

use std::ops::Range;

/// From this number of cells on, a sweep has blocks.
const CELLS_WORTH_BLOCKS: usize = 4096;

/// Blocks of a large mesh: enough for two colours on eight threads, few enough that the seams cost nothing.
const BLOCKS: usize = 16;

/// An order of the cells, in coloured blocks.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    order: Vec<u32>,
    /// First degree of freedom that the cell at each place of the order finishes; one more at the end.
    finished: Vec<u32>,
    /// First place of each block; one more at the end.
    blocks: Vec<usize>,
    /// First block of each colour; one more at the end.
    colours: Vec<usize>,
}

impl Sweep {
    /// Orders the cells of `centres` (m, one per cell) with these degrees of freedom (cell after cell), and renumbers
    /// them. Returns the new number of every old one beside it.
    pub(super) fn new(
        centres: &[[f64; 2]],
        cell_dofs: &mut [u32],
        dof_count: usize,
    ) -> (Self, Vec<u32>) {
        let blocks = if centres.len() < CELLS_WORTH_BLOCKS {
            1
        } else {
            BLOCKS
        };
        Self::with_blocks(centres, cell_dofs, dof_count, blocks)
    }

    /// As [`Sweep::new`], with a given number of blocks.
    pub(super) fn with_blocks(
        centres: &[[f64; 2]],
        cell_dofs: &mut [u32],
        dof_count: usize,
        blocks: usize,
    ) -> (Self, Vec<u32>) {
        let nodes = cell_dofs.len() / centres.len();
        let mut order: Vec<u32> = (0..centres.len() as u32).collect();
        if most_open(&order, cell_dofs, nodes, dof_count) > 8 * dof_count.isqrt() {
            order = along_hilbert_curve(centres);
        }
        let mut sweep = coloured_blocks(&order, cell_dofs, nodes, dof_count, blocks);
        let numbers = sweep.number(cell_dofs, nodes, dof_count);
        for dof in cell_dofs {
            *dof = numbers[*dof as usize];
        }
        (sweep, numbers)
    }

    /// Cells in the order of the sweep.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// First degree of freedom that the cell at each place of the order finishes; one more at the end.
    pub fn finished(&self) -> &[u32] {
        &self.finished
    }

    /// Goes through the blocks as ranges of places, those of a colour at the same time where `parallel`.
    pub(crate) fn for_each_block(&self, parallel: bool, work: impl Fn(Range<usize>) + Sync) {
        use rayon::prelude::*;
        for colour in self.colours.windows(2) {
            let blocks = colour[0]..colour[1];
            let range = |block: usize| self.blocks[block]..self.blocks[block + 1];
            if parallel && blocks.len() > 1 {
                blocks.into_par_iter().for_each(|block| work(range(block)));
            } else {
                blocks.for_each(|block| work(range(block)));
            }
        }
    }

    /// New numbers: by the last cell that touches a degree of freedom, in the order of its nodes.
    fn number(&mut self, cell_dofs: &[u32], nodes: usize, dof_count: usize) -> Vec<u32> {
        let mut last = vec![0; dof_count];
        for (place, &cell) in self.order.iter().enumerate() {
            for &dof in &cell_dofs[cell as usize * nodes..][..nodes] {
                last[dof as usize] = place;
            }
        }
        let mut numbers = vec![0; dof_count];
        let mut next = 0;
        self.finished = Vec::with_capacity(self.order.len() + 1);
        for (place, &cell) in self.order.iter().enumerate() {
            self.finished.push(next);
            for &dof in &cell_dofs[cell as usize * nodes..][..nodes] {
                if last[dof as usize] == place {
                    numbers[dof as usize] = next;
                    next += 1;
                }
            }
        }
        self.finished.push(next);
        numbers
    }
}

/// The largest number of degrees of freedom that some but not all of their cells have touched.
fn most_open(order: &[u32], cell_dofs: &[u32], nodes: usize, dof_count: usize) -> usize {
    let mut left = vec![0_u32; dof_count];
    for &dof in cell_dofs {
        left[dof as usize] += 1;
    }
    let all = left.clone();
    let (mut open, mut most) = (0, 0);
    for &cell in order {
        for &dof in &cell_dofs[cell as usize * nodes..][..nodes] {
            let dof = dof as usize;
            open += usize::from(left[dof] == all[dof]);
            left[dof] -= 1;
            open -= usize::from(left[dof] == 0);
            most = most.max(open);
        }
    }
    most
}

/// Cells sorted by the place of their centre on Hilbert's curve (Hilbert 1891) through the bounding box.
fn along_hilbert_curve(centres: &[[f64; 2]]) -> Vec<u32> {
    const BITS: u32 = 16;
    let mut lower = [f64::INFINITY; 2];
    let mut upper = [f64::NEG_INFINITY; 2];
    for centre in centres {
        for axis in 0..2 {
            lower[axis] = lower[axis].min(centre[axis]);
            upper[axis] = upper[axis].max(centre[axis]);
        }
    }
    let extent = (upper[0] - lower[0]).max(upper[1] - lower[1]);
    let scale = if extent > 0.0 {
        f64::from((1_u32 << BITS) - 1) / extent
    } else {
        0.0
    };
    let key = |centre: [f64; 2]| {
        let [mut x, mut y] = [0, 1].map(|axis| ((centre[axis] - lower[axis]) * scale) as u32);
        let mut place = 0_u64;
        for bit in (0..BITS).rev() {
            let (right, top) = (x >> bit & 1, y >> bit & 1);
            place = place << 2 | u64::from((3 * right) ^ top);
            // turn the quadrant so that the curve enters and leaves it as it does the whole
            if top == 0 {
                if right == 1 {
                    (x, y) = (!x, !y);
                }
                (x, y) = (y, x);
            }
        }
        place
    };
    let mut order: Vec<u32> = (0..centres.len() as u32).collect();
    order.sort_by_cached_key(|&cell| key(centres[cell as usize]));
    order
}

/// Cuts an order into blocks of equal length and gives each the first colour that none of its neighbours has.
fn coloured_blocks(
    order: &[u32],
    cell_dofs: &[u32],
    nodes: usize,
    dof_count: usize,
    blocks: usize,
) -> Sweep {
    let length = order.len().div_ceil(blocks);
    let parts: Vec<&[u32]> = order.chunks(length).collect();
    // per degree of freedom the colours of the blocks at it, one bit each
    let mut taken = vec![0_u64; dof_count];
    let mut colour_of = Vec::with_capacity(parts.len());
    for part in &parts {
        let dofs = || {
            part.iter()
                .flat_map(|&cell| &cell_dofs[cell as usize * nodes..][..nodes])
        };
        let around = dofs().fold(0, |around, &dof| around | taken[dof as usize]);
        // at most `BLOCKS` colours are needed, fewer than there are bits
        let colour = around.trailing_ones();
        dofs().for_each(|&dof| taken[dof as usize] |= 1 << colour);
        colour_of.push(colour);
    }
    let colours = colour_of.iter().max().map_or(0, |&colour| colour + 1);
    let mut sweep = Sweep {
        order: Vec::with_capacity(order.len()),
        finished: Vec::new(),
        blocks: vec![0],
        colours: vec![0],
    };
    for colour in 0..colours {
        for (part, _) in parts.iter().zip(&colour_of).filter(|(_, c)| **c == colour) {
            sweep.order.extend_from_slice(part);
            sweep.blocks.push(sweep.order.len());
        }
        sweep.colours.push(sweep.blocks.len() - 1);
    }
    sweep
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::seq::SliceRandom;
    use rand_chacha::ChaCha8Rng;

    /// Cells of `order` on a grid, in a random order where `shuffled`.
    fn grid(n: usize, order: usize, shuffled: bool) -> (Vec<[f64; 2]>, Vec<u32>, usize) {
        let mut cells: Vec<(usize, usize)> = (0..n * n).map(|cell| (cell % n, cell / n)).collect();
        if shuffled {
            cells.shuffle(&mut ChaCha8Rng::seed_from_u64(1));
        }
        let side = n * order + 1;
        let centres = cells.iter().map(|&(i, j)| [i as f64, j as f64]).collect();
        let dofs = cells
            .iter()
            .flat_map(|&(i, j)| {
                (0..(order + 1).pow(2)).map(move |node| {
                    let (a, b) = (node % (order + 1), node / (order + 1));
                    ((j * order + b) * side + i * order + a) as u32
                })
            })
            .collect();
        (centres, dofs, side * side)
    }

    #[test]
    fn every_cell_finishes_one_range_that_no_later_cell_touches() {
        for (shuffled, blocks) in [(false, 1), (false, 4), (true, 1), (true, 8)] {
            let (centres, mut dofs, count) = grid(24, 3, shuffled);
            let old = dofs.clone();
            let (sweep, numbers) = Sweep::with_blocks(&centres, &mut dofs, count, blocks);
            let mut sorted = numbers.clone();
            sorted.sort_unstable();
            assert!(sorted.iter().copied().eq(0..count as u32));
            assert!(
                old.iter()
                    .zip(&dofs)
                    .all(|(&o, &d)| numbers[o as usize] == d)
            );
            let mut cells = sweep.order().to_vec();
            cells.sort_unstable();
            assert!(cells.iter().copied().eq(0..centres.len() as u32));
            for (place, &cell) in sweep.order().iter().enumerate() {
                // nothing finished before is touched again
                let touched = &dofs[cell as usize * 16..][..16];
                assert!(touched.iter().all(|&dof| dof >= sweep.finished()[place]));
                let own = sweep.finished()[place]..sweep.finished()[place + 1];
                assert!(own.into_iter().all(|dof| touched.contains(&dof)));
            }
            assert_eq!(*sweep.finished().last().unwrap() as usize, count);
        }
    }

    #[test]
    fn blocks_of_a_colour_share_nothing() {
        for shuffled in [false, true] {
            let (centres, mut dofs, count) = grid(32, 2, shuffled);
            let (sweep, _) = Sweep::with_blocks(&centres, &mut dofs, count, 8);
            let seen = std::sync::Mutex::new(Vec::new());
            for colour in 0..sweep.colours.len() - 1 {
                let mut owner = vec![usize::MAX; count];
                for block in sweep.colours[colour]..sweep.colours[colour + 1] {
                    for place in sweep.blocks[block]..sweep.blocks[block + 1] {
                        for &dof in &dofs[sweep.order[place] as usize * 9..][..9] {
                            let owner = &mut owner[dof as usize];
                            assert!(*owner == usize::MAX || *owner == block);
                            *owner = block;
                        }
                    }
                }
            }
            sweep.for_each_block(true, |range| seen.lock().unwrap().extend(range));
            let mut seen = seen.into_inner().unwrap();
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..centres.len()));
        }
    }

    #[test]
    fn shuffled_cells_are_brought_close_together() {
        let (centres, dofs, count) = grid(64, 1, true);
        let shuffled: Vec<u32> = (0..centres.len() as u32).collect();
        let hilbert = along_hilbert_curve(&centres);
        let (before, after) = [&shuffled, &hilbert]
            .map(|o| most_open(o, &dofs, 4, count))
            .into();
        assert!(before > 1500 && after < 400, "{before} {after}");
        // consecutive cells are neighbours
        let mut neighbours = 0;
        for pair in hilbert.windows(2) {
            let [a, b] = [pair[0], pair[1]].map(|cell| centres[cell as usize]);
            neighbours += usize::from((a[0] - b[0]).abs() + (a[1] - b[1]).abs() == 1.0);
        }
        assert!(neighbours > 3800, "{neighbours} of 4095");
    }

    #[test]
    fn rows_of_quadrilaterals_have_runs() {
        let (centres, mut dofs, count) = grid(20, 4, false);
        let _ = Sweep::new(&centres, &mut dofs, count);
        for row in dofs.chunks(5) {
            assert!(
                row[..4].windows(2).all(|pair| pair[1] == pair[0] + 1),
                "{row:?}"
            );
        }
    }
}
