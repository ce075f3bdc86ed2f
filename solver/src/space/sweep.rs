//! The order in which cells are gone through, and the numbering of the degrees of freedom that follows from it.
//!
//! The order is cut into *bundles* of up to eight cells, which a single trajectory computes side by side, a cell a lane.
//! Degrees of freedom are numbered by the **last** bundle of the sweep that touches them, those of a bundle node by node and for
//! every node cell by cell. What a bundle finishes is then one range of numbers, in any mesh: a fused sweep adds its cells'
//! forces, then updates that range and never comes back (`operator/matrix_free.rs`). In rows of quadrilaterals, a node's
//! numbers in the cells of a bundle are consecutive, so that they are read and written as a vector.
//!
//! Cells keep the order of the mesh, unless that jumps about so much that a sweep would have too many degrees of freedom
//! open at a time; then they follow Hilbert's curve. The bundles are put into blocks and the blocks are coloured: blocks of a
//! colour share no degree of freedom, so that threads may do them at the same time. Blocks and colours depend on the mesh
//! alone, hence the order of all sums, and with it every bit of a result, does not depend on the number of threads.

use std::ops::Range;

/// From this number of cells on, a sweep has blocks.
const CELLS_WORTH_BLOCKS: usize = 4096;

/// Blocks of a large mesh: enough for two colours on eight threads, few enough that the seams cost nothing.
const BLOCKS: usize = 16;

/// The largest number of cells in a bundle: as many as the widest registers hold f64.
pub(crate) const BUNDLE: usize = 8;

/// Neighbours in a row that are worth bundles of their own.
const CELLS_WORTH_ROW: usize = 4;

/// An order of the cells, in bundles, in coloured blocks.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    order: Vec<u32>,
    /// First place of each bundle in the order; one more at the end.
    bundles: Vec<u32>,
    /// First degree of freedom that each bundle finishes; one more at the end.
    finished: Vec<u32>,
    /// The largest number of them in a bundle.
    most_finished: usize,
    /// Runs of degrees of freedom that bundles finish and earlier ones have touched, bundle after bundle, sorted.
    inherited: Vec<Range<u32>>,
    /// First of the runs of each bundle; one more at the end.
    inherited_starts: Vec<u32>,
    /// First bundle of each block; one more at the end.
    blocks: Vec<usize>,
    /// First block of each colour; one more at the end.
    colours: Vec<usize>,
}

impl Sweep {
    /// Orders the cells of `centres` (m, one per cell) with these degrees of freedom (cell after cell), and renumbers
    /// them. Cells with `nodes_a_side` are quadrilaterals with so many nodes a side; others are bundled as they come. Returns
    /// the new number of every old one beside the sweep.
    pub(super) fn new(
        centres: &[[f64; 2]],
        cell_dofs: &mut [u32],
        nodes_a_side: Option<usize>,
        dof_count: usize,
    ) -> (Self, Vec<u32>) {
        let blocks = if centres.len() < CELLS_WORTH_BLOCKS {
            1
        } else {
            BLOCKS
        };
        Self::with_blocks(centres, cell_dofs, nodes_a_side, dof_count, blocks)
    }

    /// As [`Sweep::new`], with a given number of blocks.
    pub(super) fn with_blocks(
        centres: &[[f64; 2]],
        cell_dofs: &mut [u32],
        nodes_a_side: Option<usize>,
        dof_count: usize,
        blocks: usize,
    ) -> (Self, Vec<u32>) {
        let nodes = cell_dofs.len() / centres.len();
        let mut order: Vec<u32> = (0..centres.len() as u32).collect();
        if most_open(&order, cell_dofs, nodes, dof_count) > 8 * dof_count.isqrt() {
            order = along_hilbert_curve(centres);
        }
        let bundles = match nodes_a_side {
            Some(side) => bundles(&order, cell_dofs, side),
            None => order.chunks(BUNDLE).collect(),
        };
        let mut sweep = coloured_blocks(&bundles, cell_dofs, nodes, dof_count, blocks);
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

    /// Number of bundles.
    pub(crate) fn bundle_count(&self) -> usize {
        self.bundles.len() - 1
    }

    /// The places of a bundle's cells in the order.
    #[inline(always)]
    pub(crate) fn places(&self, bundle: usize) -> Range<usize> {
        self.bundles[bundle] as usize..self.bundles[bundle + 1] as usize
    }

    /// The degrees of freedom that a bundle finishes.
    #[inline(always)]
    pub(crate) fn finished(&self, bundle: usize) -> Range<usize> {
        self.finished[bundle] as usize..self.finished[bundle + 1] as usize
    }

    /// Those of them that earlier bundles have touched, as sorted runs: in rows of quadrilaterals nearly a single one.
    #[inline(always)]
    pub(crate) fn inherited(&self, bundle: usize) -> &[Range<u32>] {
        let starts = &self.inherited_starts;
        &self.inherited[starts[bundle] as usize..starts[bundle + 1] as usize]
    }

    /// Number of degrees of freedom that more than one bundle touches.
    pub(crate) fn inherited_count(&self) -> usize {
        self.inherited.iter().map(|run| run.len()).sum()
    }

    /// The largest number of degrees of freedom that a bundle finishes.
    pub(crate) fn most_finished(&self) -> usize {
        self.most_finished
    }

    /// Goes through the blocks as ranges of bundles, those of a colour at the same time where `parallel`.
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

    /// New numbers: by the last bundle that touches a degree of freedom, node by node, cell by cell.
    fn number(&mut self, cell_dofs: &[u32], nodes: usize, dof_count: usize) -> Vec<u32> {
        const UNSEEN: u32 = u32::MAX;
        let dof = |place: usize, node: usize| {
            cell_dofs[self.order[place] as usize * nodes + node] as usize
        };
        let (mut first, mut last) = (vec![usize::MAX; dof_count], vec![0; dof_count]);
        for bundle in 0..self.bundle_count() {
            for place in self.places(bundle) {
                for dof in (0..nodes).map(|node| dof(place, node)) {
                    first[dof] = first[dof].min(bundle);
                    last[dof] = bundle;
                }
            }
        }
        let mut numbers = vec![UNSEEN; dof_count];
        let mut next = 0;
        let mut finished = Vec::with_capacity(self.bundles.len());
        let (mut inherited, mut inherited_starts) = (Vec::<Range<u32>>::new(), vec![0]);
        for bundle in 0..self.bundle_count() {
            finished.push(next);
            for node in 0..nodes {
                for place in self.places(bundle) {
                    let dof = dof(place, node);
                    if last[dof] == bundle && numbers[dof] == UNSEEN {
                        numbers[dof] = next;
                        if first[dof] != bundle {
                            let known = *inherited_starts.last().unwrap_or(&0) as usize;
                            match inherited[known..].last_mut() {
                                Some(run) if run.end == next => run.end += 1,
                                _ => inherited.push(next..next + 1),
                            }
                        }
                        next += 1;
                    }
                }
            }
            inherited_starts.push(inherited.len() as u32);
        }
        finished.push(next);
        let lengths = finished.windows(2).map(|ends| ends[1] - ends[0]);
        self.most_finished = lengths.max().unwrap_or(0) as usize;
        self.finished = finished;
        (self.inherited, self.inherited_starts) = (inherited, inherited_starts);
        numbers
    }
}

/// Whether the first nodes of a quadrilateral's rows are the last ones of the rows of the quadrilateral before it.
pub(crate) fn continues_row(before: &[u32], cell: &[u32], nodes_a_side: usize) -> bool {
    let mut rows = before.chunks(nodes_a_side).zip(cell.chunks(nodes_a_side));
    rows.all(|(before, row)| before[nodes_a_side - 1] == row[0])
}

/// Cuts an order of quadrilaterals into bundles: rows of neighbours from their beginnings on, so that bundles of adjacent
/// rows lie side by side; what is not in a row, as it comes.
fn bundles<'a>(order: &'a [u32], cell_dofs: &[u32], nodes_a_side: usize) -> Vec<&'a [u32]> {
    let nodes = nodes_a_side * nodes_a_side;
    let dofs = |cell: u32| &cell_dofs[cell as usize * nodes..][..nodes];
    let mut bundles = Vec::new();
    let mut loose = 0..0;
    for row in order.chunk_by(|&a, &b| continues_row(dofs(a), dofs(b), nodes_a_side)) {
        let end = loose.end + row.len();
        if row.len() < CELLS_WORTH_ROW {
            loose.end = end;
        } else {
            bundles.extend(order[loose].chunks(BUNDLE));
            bundles.extend(row.chunks(BUNDLE));
            loose = end..end;
        }
    }
    bundles.extend(order[loose].chunks(BUNDLE));
    bundles
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

/// Puts bundles into blocks of equal length and gives each the first colour that none of its neighbours has.
fn coloured_blocks(
    bundles: &[&[u32]],
    cell_dofs: &[u32],
    nodes: usize,
    dof_count: usize,
    blocks: usize,
) -> Sweep {
    let length = bundles.len().div_ceil(blocks);
    let parts: Vec<&[&[u32]]> = bundles.chunks(length).collect();
    // per degree of freedom the colours of the blocks at it, one bit each
    let mut taken = vec![0_u64; dof_count];
    let mut colour_of = Vec::with_capacity(parts.len());
    for part in &parts {
        let dofs = || {
            let cells = part.iter().copied().flatten();
            cells.flat_map(|&cell| &cell_dofs[cell as usize * nodes..][..nodes])
        };
        let around = dofs().fold(0, |around, &dof| around | taken[dof as usize]);
        // at most `BLOCKS` colours are needed, fewer than there are bits
        let colour = around.trailing_ones();
        dofs().for_each(|&dof| taken[dof as usize] |= 1 << colour);
        colour_of.push(colour);
    }
    let colours = colour_of.iter().max().map_or(0, |&colour| colour + 1);
    let mut sweep = Sweep {
        order: Vec::new(),
        bundles: vec![0],
        finished: Vec::new(),
        most_finished: 0,
        inherited: Vec::new(),
        inherited_starts: Vec::new(),
        blocks: vec![0],
        colours: vec![0],
    };
    for colour in 0..colours {
        for (part, _) in parts.iter().zip(&colour_of).filter(|(_, c)| **c == colour) {
            for bundle in *part {
                sweep.order.extend_from_slice(bundle);
                sweep.bundles.push(sweep.order.len() as u32);
            }
            sweep.blocks.push(sweep.bundles.len() - 1);
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
            let (sweep, numbers) = Sweep::with_blocks(&centres, &mut dofs, Some(4), count, blocks);
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
            let mut before = std::collections::HashSet::new();
            for bundle in 0..sweep.bundle_count() {
                // nothing finished before is touched again
                let cells = &sweep.order()[sweep.places(bundle)];
                let touched: Vec<usize> = cells
                    .iter()
                    .flat_map(|&cell| dofs[cell as usize * 16..][..16].iter())
                    .map(|&dof| dof as usize)
                    .collect();
                let own = sweep.finished(bundle);
                assert!(touched.iter().all(|&dof| dof >= own.start));
                assert!(own.clone().all(|dof| touched.contains(&dof)));
                let from_before = own.filter(|dof| before.contains(dof));
                let inherited = sweep.inherited(bundle).iter().cloned().flatten();
                assert!(from_before.eq(inherited.map(|dof| dof as usize)));
                before.extend(touched);
            }
            assert_eq!(sweep.finished(sweep.bundle_count() - 1).end, count);
        }
    }

    #[test]
    fn blocks_of_a_colour_share_nothing() {
        for shuffled in [false, true] {
            let (centres, mut dofs, count) = grid(32, 2, shuffled);
            let (sweep, _) = Sweep::with_blocks(&centres, &mut dofs, Some(3), count, 8);
            let seen = std::sync::Mutex::new(Vec::new());
            for colour in 0..sweep.colours.len() - 1 {
                let mut owner = vec![usize::MAX; count];
                for block in sweep.colours[colour]..sweep.colours[colour + 1] {
                    let bundles = sweep.blocks[block]..sweep.blocks[block + 1];
                    for place in bundles.flat_map(|bundle| sweep.places(bundle)) {
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
            assert!(seen.into_iter().eq(0..sweep.bundle_count()));
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
        // two bundles of 8 and one of 4 in a row
        let (centres, mut dofs, count) = grid(20, 4, false);
        let (sweep, _) = Sweep::new(&centres, &mut dofs, Some(5), count);
        assert_eq!(sweep.bundle_count(), 60);
        for bundle in 0..sweep.bundle_count() {
            let cells: Vec<&[u32]> = sweep.order()[sweep.places(bundle)]
                .iter()
                .map(|&cell| &dofs[cell as usize * 25..][..25])
                .collect();
            for node in (0..25).filter(|node| node % 5 < 4) {
                let runs = cells.windows(2).all(|c| c[1][node] == c[0][node] + 1);
                assert!(runs, "bundle {bundle}, node {node}");
            }
        }
    }

    #[test]
    fn loose_cells_are_bundled_as_they_come() {
        let (centres, mut dofs, count) = grid(16, 2, true);
        let (sweep, _) = Sweep::new(&centres, &mut dofs, Some(3), count);
        // few of Hilbert's curve's cells are in rows of three
        assert!(sweep.bundle_count() < 100, "{}", sweep.bundle_count());
    }
}
