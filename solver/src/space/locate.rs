//! Finding the cell that holds a position: a grid of bins, then Newton's method on the cell's map.

use std::ops::RangeInclusive;

use crate::mesh::Mesh;

/// Entries a cell, on average, in the lists of all bins: a mesh from a file may be a fan of needles, each of which touches a
/// row of bins.
const MOST_ENTRIES: usize = 32;

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
    /// Sorts the cells of a mesh into about as many bins as there are cells, or fewer where cells are so long that they touch
    /// many.
    pub fn new(mesh: &Mesh) -> Self {
        let (lower, upper) = mesh.bounds();
        let extent = [upper[0] - lower[0], upper[1] - lower[1]];
        let count = mesh.cell_count() as f64;
        let along = |a: usize, b: usize| {
            let wanted = (count * extent[a] / extent[b]).sqrt().ceil();
            wanted.clamp(1.0, count) as usize
        };
        let mut locator = Self {
            lower,
            bin_size: [0.0; 2],
            bins: [along(0, 1), along(1, 0)],
            starts: Vec::new(),
            cells: Vec::new(),
        };
        loop {
            let bins = locator.bins;
            locator.bin_size = [extent[0] / bins[0] as f64, extent[1] / bins[1] as f64];
            let entries = (0..mesh.cell_count())
                .map(|cell| locator.bins_of(mesh, cell).map(|range| range.count()))
                .fold(0, |sum: usize, [columns, rows]| {
                    sum.saturating_add(columns * rows)
                });
            // one bin has every cell once
            if entries <= MOST_ENTRIES * mesh.cell_count() || bins == [1, 1] {
                break;
            }
            let longer = usize::from(bins[1] > bins[0]);
            locator.bins[longer] = bins[longer].div_ceil(2);
        }
        let bins = locator.bins;
        locator.starts = vec![0; bins[0] * bins[1] + 1];
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

    /// The columns and rows of bins that a cell's bounding box touches.
    fn bins_of(&self, mesh: &Mesh, cell: usize) -> [RangeInclusive<usize>; 2] {
        let (lower, upper) = mesh.cell_map(cell).bounds();
        [0, 1].map(|axis| {
            let slack = 1e-6 * self.bin_size[axis];
            self.bin(axis, lower[axis] - slack)..=self.bin(axis, upper[axis] + slack)
        })
    }

    fn for_each_bin(&mut self, mesh: &Mesh, cell: usize, mut visit: impl FnMut(&mut [u32], usize)) {
        let [columns, rows] = self.bins_of(mesh, cell);
        for row in rows {
            for column in columns.clone() {
                visit(&mut self.starts, row * self.bins[0] + column);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::gmsh;
    use std::f64::consts::TAU;
    use std::fmt::Write as _;

    /// Needles around one point, every one of which touches bins from the centre to the rim.
    fn fan(count: usize) -> Mesh {
        let mut text = String::from(
            "$MeshFormat\n4.1 0 8\n$EndMeshFormat\n$PhysicalNames\n2\n1 1 \"rim\"\n2 1 \"disc\"\n$EndPhysicalNames\n\
             $Entities\n0 1 1 0\n1 -1 -1 0 1 1 0 1 1 0\n1 -1 -1 0 1 1 0 1 1 0\n$EndEntities\n",
        );
        let nodes = count + 1;
        write!(text, "$Nodes\n1 {nodes} 1 {nodes}\n2 1 0 {nodes}\n").unwrap();
        (1..=nodes).for_each(|tag| writeln!(text, "{tag}").unwrap());
        text += "0 0 0\n";
        for n in 0..count {
            let (y, x) = (TAU * n as f64 / count as f64).sin_cos();
            writeln!(text, "{x} {y} 0").unwrap();
        }
        let (all, rim) = (2 * count, |n: usize| 2 + n % count);
        write!(
            text,
            "$EndNodes\n$Elements\n2 {all} 1 {all}\n1 1 1 {count}\n"
        )
        .unwrap();
        for n in 0..count {
            writeln!(text, "{} {} {}", n + 1, rim(n), rim(n + 1)).unwrap();
        }
        writeln!(text, "2 1 2 {count}").unwrap();
        for n in 0..count {
            writeln!(text, "{} 1 {} {}", count + n + 1, rim(n), rim(n + 1)).unwrap();
        }
        text += "$EndElements\n";
        gmsh::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn needles_take_bounded_memory_and_are_found() {
        let count = 20_000;
        let mesh = fan(count);
        let locator = Locator::new(&mesh);
        assert!(locator.cells.len() <= MOST_ENTRIES * count);
        for n in (0..count).step_by(997) {
            let (y, x) = (TAU * (n as f64 + 0.5) / count as f64).sin_cos();
            let found = locator.locate(&mesh, [0.7 * x, 0.7 * y]).unwrap();
            assert_eq!(found.cell, n);
        }
    }
}
