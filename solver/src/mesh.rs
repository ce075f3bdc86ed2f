//! Meshes: points, cells of one shape and one geometric degree, groups of cells, and boundary facets that belong to groups.
//!
//! Cells of degree 2 have curved sides: their map is quadratic or biquadratic ([`CellMap`]), whatever element computes on
//! them.

pub mod disc;
pub mod gmsh;
pub mod rectangle;
mod sides;

use crate::SolverError;
use crate::geometry::{CellMap, CellShape};

/// A side of a cell that lies on the boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facet {
    /// Index of the cell.
    pub cell: usize,
    /// Which of its sides; side `s` joins the corners `s` and `s + 1`.
    pub side: usize,
    /// Index into [`Mesh::groups`].
    pub group: usize,
}

/// What a mesh is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct MeshParts {
    /// Shape of every cell.
    pub shape: CellShape,
    /// Degree of the geometry: 1, or 2 for curved cells.
    pub degree: usize,
    /// Points, m.
    pub points: Vec<[f64; 2]>,
    /// Point indices, cell after cell in the order of [`CellMap::new`]: counter-clockwise corners first.
    pub cells: Vec<usize>,
    /// Boundary facets.
    pub facets: Vec<Facet>,
    /// Names of the boundary groups.
    pub groups: Vec<String>,
    /// Group of every cell; empty where all belong to the first.
    pub cell_groups: Vec<u32>,
    /// Names of the cell groups.
    pub cell_group_names: Vec<String>,
}

/// A conforming 2-D mesh.
#[derive(Debug, Clone, PartialEq)]
pub struct Mesh {
    parts: MeshParts,
    nodes: usize,
    bounds: ([f64; 2], [f64; 2]),
}

impl Mesh {
    /// A mesh of straight cells in one group, `domain`, from points (m), corner indices (cell after cell,
    /// counter-clockwise), boundary facets and group names.
    ///
    /// # Errors
    /// As [`Mesh::from_parts`].
    pub fn new(
        shape: CellShape,
        points: Vec<[f64; 2]>,
        cells: Vec<usize>,
        facets: Vec<Facet>,
        groups: Vec<String>,
    ) -> Result<Self, SolverError> {
        Self::from_parts(MeshParts {
            shape,
            degree: 1,
            points,
            cells,
            facets,
            groups,
            cell_groups: Vec::new(),
            cell_group_names: vec!["domain".to_owned()],
        })
    }

    /// A mesh from its parts.
    ///
    /// # Errors
    /// [`SolverError::InvalidParameter`] for an empty mesh, another degree than 1 or 2, indices out of range or
    /// coordinates that are not finite; [`SolverError::BadCell`] for inverted or degenerate cells.
    pub fn from_parts(mut parts: MeshParts) -> Result<Self, SolverError> {
        if !(1..=2).contains(&parts.degree) {
            return Err(SolverError::invalid(
                "mesh degree",
                parts.degree,
                "1 (straight cells) or 2 (curved cells)",
                "use cells of 3, 4, 6 or 9 nodes",
            ));
        }
        let nodes = parts.shape.map_nodes(parts.degree);
        if parts.cells.is_empty() || !parts.cells.len().is_multiple_of(nodes) {
            return Err(SolverError::invalid(
                "mesh cells",
                format!("{} corner indices", parts.cells.len()),
                format!("a multiple of {nodes} above 0"),
                "give every cell its nodes",
            ));
        }
        let count = parts.cells.len() / nodes;
        if parts.cell_groups.is_empty() {
            parts.cell_groups = vec![0; count];
        }
        check_indices(&parts, nodes, count)?;
        let mut mesh = Self {
            parts,
            nodes,
            bounds: ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]),
        };
        for cell in 0..count {
            let map = mesh.cell_map(cell);
            let (lower, upper) = map.bounds();
            for axis in 0..2 {
                // the nodes exactly; parabolas may bulge beyond them, by more than rounding
                let slack = 1e-9 * (upper[axis] - lower[axis]);
                let nodes = mesh.cell_nodes(cell).iter();
                let mut range =
                    nodes.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], &node| {
                        let x = mesh.parts.points[node][axis];
                        [low.min(x), high.max(x)]
                    });
                if lower[axis] < range[0] - slack {
                    range[0] = lower[axis];
                }
                if upper[axis] > range[1] + slack {
                    range[1] = upper[axis];
                }
                mesh.bounds.0[axis] = mesh.bounds.0[axis].min(range[0]);
                mesh.bounds.1[axis] = mesh.bounds.1[axis].max(range[1]);
            }
            let det = map.min_determinant();
            if is_degenerate(det, lower, upper) {
                return Err(SolverError::BadCell {
                    cell,
                    position: mesh.points()[mesh.cell(cell)[0]],
                    problem: format!("smallest Jacobian determinant {det:e} m²"),
                });
            }
        }
        Ok(mesh)
    }

    /// Shape of every cell.
    pub fn shape(&self) -> CellShape {
        self.parts.shape
    }

    /// Degree of the geometry: 1, or 2 for curved cells.
    pub fn degree(&self) -> usize {
        self.parts.degree
    }

    /// All points, m: corners and, at degree 2, the other nodes.
    pub fn points(&self) -> &[[f64; 2]] {
        &self.parts.points
    }

    /// Number of cells.
    pub fn cell_count(&self) -> usize {
        self.parts.cells.len() / self.nodes
    }

    /// Point indices of a cell's corners, counter-clockwise.
    pub fn cell(&self, cell: usize) -> &[usize] {
        &self.cell_nodes(cell)[..self.parts.shape.corners()]
    }

    /// Point indices of all nodes of a cell, in the order of [`CellMap::new`].
    pub fn cell_nodes(&self, cell: usize) -> &[usize] {
        &self.parts.cells[cell * self.nodes..(cell + 1) * self.nodes]
    }

    /// The map from the reference cell onto a cell.
    pub fn cell_map(&self, cell: usize) -> CellMap {
        let mut nodes = [[0.0; 2]; 9];
        for (node, &point) in nodes.iter_mut().zip(self.cell_nodes(cell)) {
            *node = self.parts.points[point];
        }
        CellMap::new(self.parts.shape, &nodes[..self.nodes])
    }

    /// Index into [`Mesh::cell_groups`] of a cell's group.
    pub fn cell_group(&self, cell: usize) -> usize {
        self.parts.cell_groups[cell] as usize
    }

    /// Names of the cell groups (materials); at least one.
    pub fn cell_groups(&self) -> &[String] {
        &self.parts.cell_group_names
    }

    /// Boundary facets.
    pub fn facets(&self) -> &[Facet] {
        &self.parts.facets
    }

    /// Names of the boundary groups.
    pub fn groups(&self) -> &[String] {
        &self.parts.groups
    }

    /// What it is made of, to build another one from.
    pub fn into_parts(self) -> MeshParts {
        self.parts
    }

    /// Lower and upper corner of the bounding box, m.
    pub fn bounds(&self) -> ([f64; 2], [f64; 2]) {
        self.bounds
    }

    /// For each side of the bounding box (left, right, bottom, top) the boundary groups that lie on it, by index, with
    /// their length on it (m), longest first. A group that only touches it has the length 0 and is listed where no other
    /// lies there.
    pub fn groups_on_box(&self) -> [Vec<(usize, f64)>; 4] {
        let (lower, upper) = self.bounds;
        let reach = (0..2)
            .map(|axis| upper[axis] - lower[axis])
            .fold(0.0, f64::max);
        std::array::from_fn(|end| {
            let (axis, wall) = (end / 2, if end % 2 == 0 { lower } else { upper }[end / 2]);
            let mut lengths = vec![0.0; self.groups().len()];
            let mut nearest = (f64::INFINITY, 0);
            for facet in self.facets() {
                let map = self.cell_map(facet.cell);
                let at = |t: f64| map.position(self.shape().on_side(facet.side, t));
                let points = [-1.0, 0.0, 1.0].map(at);
                let distance = |p: &[f64; 2]| (p[axis] - wall).abs();
                if points.iter().all(|p| distance(p) < 1e-9 * reach) {
                    lengths[facet.group] += (points[2][1 - axis] - points[0][1 - axis]).abs();
                }
                let least = points.iter().map(distance).fold(f64::INFINITY, f64::min);
                if least < nearest.0 {
                    nearest = (least, facet.group);
                }
            }
            let mut found: Vec<(usize, f64)> = lengths
                .into_iter()
                .enumerate()
                .filter(|(_, length)| *length > 0.0)
                .collect();
            found.sort_by(|a, b| b.1.total_cmp(&a.1));
            if found.is_empty() && nearest.0.is_finite() {
                found.push((nearest.1, 0.0));
            }
            found
        })
    }
}

/// Whether a smallest determinant (m²) means an inverted or a degenerate cell of this box.
fn is_degenerate(det: f64, lower: [f64; 2], upper: [f64; 2]) -> bool {
    // rounding leaves about that much of a cell without area; the thinnest useful ones have 1e-6
    let extent = (upper[0] - lower[0]).hypot(upper[1] - lower[1]);
    det.is_nan() || det <= 1e-13 * extent * extent
}

fn check_indices(parts: &MeshParts, nodes: usize, count: usize) -> Result<(), SolverError> {
    let points = &parts.points;
    if let Some(&index) = parts.cells.iter().find(|&&index| index >= points.len()) {
        return Err(SolverError::invalid(
            "mesh corner index",
            index,
            format!("an index below {}", points.len()),
            "number points from 0",
        ));
    }
    if let Some(index) = points
        .iter()
        .position(|point| !point.iter().all(|x| x.is_finite()))
    {
        return Err(SolverError::invalid(
            format!("mesh point {index}"),
            format!("{:?}", points[index]),
            "finite coordinates",
            "repair the mesh",
        ));
    }
    let corners = parts.shape.corners();
    if let Some(facet) = parts.facets.iter().find(|facet| {
        facet.cell >= count || facet.side >= corners || facet.group >= parts.groups.len()
    }) {
        return Err(SolverError::invalid(
            "mesh boundary facet",
            format!("{facet:?}"),
            format!(
                "cell < {count}, side < {corners}, group < {}",
                parts.groups.len()
            ),
            "repair the mesh",
        ));
    }
    let names = parts.cell_group_names.len();
    if parts.cell_groups.len() != count
        || parts
            .cell_groups
            .iter()
            .any(|&group| group as usize >= names)
    {
        return Err(SolverError::invalid(
            "mesh cell groups",
            format!("{} groups for {} cells", parts.cell_groups.len(), count),
            format!("one group below {names} a cell of {nodes} nodes"),
            "give every cell its group",
        ));
    }
    Ok(())
}
