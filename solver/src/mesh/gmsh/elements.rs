//! Which of Gmsh's element types are cells and sides here, and what to do about the others.

use crate::geometry::CellShape;

/// An element type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    /// 0 point, 1 curve, 2 surface.
    pub(super) dimension: i32,
    /// Number of nodes.
    pub(super) nodes: usize,
    /// Shape of cells.
    pub(super) shape: Option<CellShape>,
    /// Degree of the geometry.
    pub(super) degree: usize,
}

/// The elements that can be read.
pub(super) const EXPECTED: &str =
    "lines of 2 or 3 nodes, triangles of 3 or 6, quadrangles of 4 or 9";

/// The type behind Gmsh's number, or what it is and how to mesh without it.
pub(super) fn kind(code: i32) -> Result<Kind, (String, &'static str)> {
    let make = |dimension, nodes, shape, degree| Kind {
        dimension,
        nodes,
        shape,
        degree,
    };
    Err(match code {
        15 => return Ok(make(0, 1, None, 1)),
        1 => return Ok(make(1, 2, None, 1)),
        8 => return Ok(make(1, 3, None, 2)),
        2 => return Ok(make(2, 3, Some(CellShape::Triangle), 1)),
        9 => return Ok(make(2, 6, Some(CellShape::Triangle), 2)),
        3 => return Ok(make(2, 4, Some(CellShape::Quadrilateral), 1)),
        10 => return Ok(make(2, 9, Some(CellShape::Quadrilateral), 2)),
        16 => (
            "quadrangles of 8 nodes".to_owned(),
            "set Mesh.SecondOrderIncomplete = 0 in Gmsh, which gives 9 nodes",
        ),
        4..=7 | 11..=14 | 17..=19 | 29..=33 | 71..=75 | 79..=83 | 90..=132 => (
            format!("3-D cells (Gmsh's element type {code})"),
            "waves are computed in 2-D: mesh surfaces only (gmsh -2), and save no volumes",
        ),
        20..=28 | 36..=70 => (
            format!("elements of order 3 or above (Gmsh's element type {code})"),
            "set Mesh.ElementOrder = 2 (or 1) in Gmsh; the order of the waves' element is another matter",
        ),
        _ => (
            format!("Gmsh's element type {code}"),
            "mesh with triangles or quadrangles of order 1 or 2",
        ),
    })
}
