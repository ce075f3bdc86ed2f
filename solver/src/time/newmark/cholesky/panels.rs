//! A Cholesky factor `P A Pᵀ = L Lᵀ` packed for the triangular solves of time steps.
//!
//! faer factorises by supernodes: neighbouring columns of `L` with the same rows below their triangle, stored as a dense
//! trapezoid. That of a plane mesh has mostly supernodes of a few columns and about ten rows, for which calls of general
//! kernels cost more than their arithmetic. Here supernodes are cut into strips of at most [`STRIP`] columns: a triangle,
//! and below it blocks of [`BLOCK`] rows, column by column, filled up with zeros, which the kernels read once from front to
//! back (or back to front), a register at a time. Diagonals are stored as their inverses.

use faer::sparse::linalg::cholesky::supernodal::SymbolicSupernodalCholesky;

/// Columns that a strip has at most.
pub(super) const STRIP: usize = 4;
/// Rows of a block: as many as the widest register holds.
pub(super) const BLOCK: usize = 8;

/// One column of a block of rows.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Block(pub(super) [f64; BLOCK]);

/// The shape of a supernode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Supernode {
    /// Its columns.
    pub(super) columns: usize,
    /// Rows below its triangle.
    pub(super) below: usize,
}

impl Supernode {
    /// Its strips: the first column of each within the supernode, and their number.
    fn strips(self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.columns)
            .step_by(STRIP)
            .map(move |first| (first, STRIP.min(self.columns - first)))
    }

    /// Rows of the triangle and below.
    pub(super) fn height(self) -> usize {
        self.columns + self.below
    }
}

/// What factors of equal sparsity share.
#[derive(Debug, Default)]
pub(super) struct Panels {
    /// In ascending order of their columns.
    pub(super) supernodes: Vec<Supernode>,
    /// The rows below the triangles, supernode by supernode.
    pub(super) rows: Vec<u32>,
    /// Where faer stores each supernode.
    sources: Vec<usize>,
    /// Numbers in all triangles.
    triangles: usize,
    /// Blocks in all strips.
    blocks: usize,
    /// Rows of the highest supernode.
    tallest: usize,
}

/// The numbers of a factor.
#[derive(Debug)]
pub(super) struct Packed {
    /// Triangles of all strips, row by row.
    pub(super) triangles: Vec<f64>,
    /// Blocks of all strips: block of rows by block of rows, in each column by column.
    pub(super) blocks: Vec<Block>,
}

impl Panels {
    /// The shapes of faer's supernodes.
    pub(super) fn new(symbolic: &SymbolicSupernodalCholesky<usize>) -> Self {
        let bounds = symbolic.supernode_begin().iter();
        let supernodes: Vec<Supernode> = bounds
            .zip(symbolic.supernode_end())
            .enumerate()
            .map(|(s, (begin, end))| Supernode {
                columns: end - begin,
                below: symbolic.supernode(s).pattern().len(),
            })
            .collect();
        let rows = (0..supernodes.len()).flat_map(|s| symbolic.supernode(s).pattern());
        let strips = || {
            supernodes
                .iter()
                .flat_map(|s| s.strips().map(|strip| (*s, strip)))
        };
        Self {
            rows: rows.map(|row| *row as u32).collect(),
            sources: symbolic.col_ptr_for_val().to_vec(),
            triangles: strips()
                .map(|(_, (_, width))| width * (width + 1) / 2)
                .sum(),
            blocks: strips()
                .map(|(s, (first, width))| (s.height() - first - width).div_ceil(BLOCK) * width)
                .sum(),
            tallest: supernodes.iter().map(|s| s.height()).max().unwrap_or(0),
            supernodes,
        }
    }

    /// Bytes of a factor.
    pub(super) fn factor_bytes(&self) -> usize {
        self.triangles * size_of::<f64>() + self.blocks * size_of::<Block>()
    }

    /// Bytes that all factors share.
    pub(super) fn memory_bytes(&self) -> usize {
        self.supernodes.len() * (size_of::<Supernode>() + size_of::<usize>())
            + self.rows.len() * size_of::<u32>()
    }

    /// Right-hand sides that a solve needs as working space: those of a supernode, and what fills up its last block.
    pub(super) fn work_rows(&self) -> usize {
        self.tallest + BLOCK
    }

    /// Packs the numbers of a factor of this sparsity, as faer has stored them.
    pub(super) fn pack(&self, values: &[f64]) -> Packed {
        let mut packed = Packed {
            triangles: Vec::with_capacity(self.triangles),
            blocks: Vec::with_capacity(self.blocks),
        };
        for (supernode, &source) in self.supernodes.iter().zip(&self.sources) {
            let height = supernode.height();
            let column = |c: usize| &values[source + c * height..source + (c + 1) * height];
            for (first, width) in supernode.strips() {
                let end = first + width;
                for row in first..end {
                    packed
                        .triangles
                        .extend((first..row).map(|c| column(c)[row]));
                    packed.triangles.push(1.0 / column(row)[row]);
                }
                for start in (end..height).step_by(BLOCK) {
                    let stop = height.min(start + BLOCK);
                    for c in first..end {
                        let mut block = Block([0.0; BLOCK]);
                        block.0[..stop - start].copy_from_slice(&column(c)[start..stop]);
                        packed.blocks.push(block);
                    }
                }
            }
        }
        packed
    }
}
