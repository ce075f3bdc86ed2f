//! Meshes: points, cells of one shape, and boundary facets that belong to named groups.

pub mod rectangle;

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

/// A conforming 2-D mesh.
#[derive(Debug, Clone, PartialEq)]
pub struct Mesh {
    shape: CellShape,
    points: Vec<[f64; 2]>,
    cells: Vec<usize>,
    facets: Vec<Facet>,
    groups: Vec<String>,
}

impl Mesh {
    /// A mesh from points (m), corner indices (cell after cell, counter-clockwise), boundary facets and group names.
    ///
    /// # Errors
    /// [`SolverError::InvalidParameter`] for an empty mesh, indices out of range or coordinates that are not finite;
    /// [`SolverError::BadCell`] for inverted or degenerate cells.
    pub fn new(
        shape: CellShape,
        points: Vec<[f64; 2]>,
        cells: Vec<usize>,
        facets: Vec<Facet>,
        groups: Vec<String>,
    ) -> Result<Self, SolverError> {
        let corners = shape.corners();
        if cells.is_empty() || !cells.len().is_multiple_of(corners) {
            return Err(SolverError::invalid(
                "mesh cells",
                format!("{} corner indices", cells.len()),
                format!("a multiple of {corners} above 0"),
                "give every cell its corners",
            ));
        }
        if let Some(&index) = cells.iter().find(|&&index| index >= points.len()) {
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
        let count = cells.len() / corners;
        if let Some(facet) = facets.iter().find(|facet| {
            facet.cell >= count || facet.side >= corners || facet.group >= groups.len()
        }) {
            return Err(SolverError::invalid(
                "mesh boundary facet",
                format!("{facet:?}"),
                format!("cell < {count}, side < {corners}, group < {}", groups.len()),
                "repair the mesh",
            ));
        }
        let mesh = Self {
            shape,
            points,
            cells,
            facets,
            groups,
        };
        for cell in 0..mesh.cell_count() {
            let det = mesh.cell_map(cell).min_determinant();
            if det.is_nan() || det <= 0.0 {
                return Err(SolverError::BadCell {
                    cell,
                    position: mesh.points[mesh.cell(cell)[0]],
                    problem: format!("smallest Jacobian determinant {det:e} m²"),
                });
            }
        }
        Ok(mesh)
    }

    /// Shape of every cell.
    pub fn shape(&self) -> CellShape {
        self.shape
    }

    /// Corner points, m.
    pub fn points(&self) -> &[[f64; 2]] {
        &self.points
    }

    /// Number of cells.
    pub fn cell_count(&self) -> usize {
        self.cells.len() / self.shape.corners()
    }

    /// Point indices of a cell's corners, counter-clockwise.
    pub fn cell(&self, cell: usize) -> &[usize] {
        let corners = self.shape.corners();
        &self.cells[cell * corners..(cell + 1) * corners]
    }

    /// The map from the reference cell onto a cell.
    pub fn cell_map(&self, cell: usize) -> CellMap {
        let mut corners = [[0.0; 2]; 4];
        for (corner, &point) in corners.iter_mut().zip(self.cell(cell)) {
            *corner = self.points[point];
        }
        CellMap::new(self.shape, &corners[..self.shape.corners()])
    }

    /// Boundary facets.
    pub fn facets(&self) -> &[Facet] {
        &self.facets
    }

    /// Names of the boundary groups.
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// Lower and upper corner of the bounding box, m.
    pub fn bounds(&self) -> ([f64; 2], [f64; 2]) {
        let mut lower = [f64::INFINITY; 2];
        let mut upper = [f64::NEG_INFINITY; 2];
        for point in &self.points {
            for axis in 0..2 {
                lower[axis] = lower[axis].min(point[axis]);
                upper[axis] = upper[axis].max(point[axis]);
            }
        }
        (lower, upper)
    }
}
