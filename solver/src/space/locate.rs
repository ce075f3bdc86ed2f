//! Finding the cell that holds a position: a grid of bins, then Newton's method on the cell's map.

use crate::mesh::Mesh;

/// How far outside of a reference cell a position counts as inside, so that rounding loses no point on a side.
const TOLERANCE: f64 = 1e-9;

/// A place in the mesh.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Location {
    /// Index of the cell.
    pub cell: usize,
    /// Reference coordinates in it.
    pub reference: [f64; 2],
}

/// Bins over the bounding box, each listing the cells whose own bounding box touches it.
#[derive(Debug, Clone)]
pub struct Locator {
    lower: [f64; 2],
    bin_size: [f64; 2],
    bins: [usize; 2],
    starts: Vec<u32>,
    cells: Vec<u32>,
}

impl Locator {
    /// Sorts the cells of a mesh into about as many bins as there are cells.
    pub fn new(mesh: &Mesh) -> Self {
        let (lower, upper) = mesh.bounds();
        let extent = [upper[0] - lower[0], upper[1] - lower[1]];
        let count = mesh.cell_count() as f64;
        let along = |a: usize, b: usize| {
            let wanted = (count * extent[a] / extent[b]).sqrt().ceil();
            wanted.clamp(1.0, count) as usize
        };
        let bins = [along(0, 1), along(1, 0)];
        let mut locator = Self {
            lower,
            bin_size: [extent[0] / bins[0] as f64, extent[1] / bins[1] as f64],
            bins,
            starts: vec![0; bins[0] * bins[1] + 1],
            cells: Vec::new(),
        };
        // counting sort: first the number of cells of every bin, then the cells
        for cell in 0..mesh.cell_count() {
            locator.for_each_bin(mesh, cell, |starts, bin| starts[bin + 1] += 1);
        }
        for bin in 0..bins[0] * bins[1] {
            locator.starts[bin + 1] += locator.starts[bin];
        }
        let total = locator.starts.last().copied().unwrap_or(0);
        let mut cells = vec![0; total as usize];
        let mut next = locator.starts.clone();
        for cell in 0..mesh.cell_count() {
            locator.for_each_bin(mesh, cell, |_, bin| {
                cells[next[bin] as usize] = cell as u32;
                next[bin] += 1;
            });
        }
        locator.cells = cells;
        locator
    }

    /// The cell that holds `position` (m); the one that it lies deepest in where cells share it.
    pub fn locate(&self, mesh: &Mesh, position: [f64; 2]) -> Option<Location> {
        self.locate_among(mesh, mesh.cell_count(), position)
    }

    /// The one of the first `cells` cells that holds `position` (m); the one that it lies deepest in where cells share it.
    pub(crate) fn locate_among(
        &self,
        mesh: &Mesh,
        cells: usize,
        position: [f64; 2],
    ) -> Option<Location> {
        if !position.iter().all(|x| x.is_finite()) {
            return None;
        }
        let slack = [0, 1].map(|axis| 1e-9 * self.bin_size[axis]);
        for axis in 0..2 {
            let extent = self.bin_size[axis] * self.bins[axis] as f64;
            let offset = position[axis] - self.lower[axis];
            if offset < -slack[axis] || offset > extent + slack[axis] {
                return None;
            }
        }
        let bin = self.bin(1, position[1]) * self.bins[0] + self.bin(0, position[0]);
        let range = self.starts[bin] as usize..self.starts[bin + 1] as usize;
        let mut best: Option<(f64, Location)> = None;
        for &cell in &self.cells[range] {
            let cell = cell as usize;
            if cell >= cells {
                continue;
            }
            let Some(reference) = mesh.cell_map(cell).reference(position) else {
                continue;
            };
            let excess = mesh.shape().excess(reference);
            if excess <= TOLERANCE && best.as_ref().is_none_or(|(least, _)| excess < *least) {
                best = Some((excess, Location { cell, reference }));
            }
        }
        best.map(|(_, location)| location)
    }

    fn bin(&self, axis: usize, coordinate: f64) -> usize {
        let place = (coordinate - self.lower[axis]) / self.bin_size[axis];
        (place.max(0.0) as usize).min(self.bins[axis] - 1)
    }

    fn for_each_bin(&mut self, mesh: &Mesh, cell: usize, mut visit: impl FnMut(&mut [u32], usize)) {
        let (mut lower, mut upper) = mesh.cell_map(cell).bounds();
        for axis in 0..2 {
            let slack = 1e-6 * self.bin_size[axis];
            lower[axis] -= slack;
            upper[axis] += slack;
        }
        for row in self.bin(1, lower[1])..=self.bin(1, upper[1]) {
            for column in self.bin(0, lower[0])..=self.bin(0, upper[0]) {
                visit(&mut self.starts, row * self.bins[0] + column);
            }
        }
    }
}
