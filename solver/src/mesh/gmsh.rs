//! Meshes of Gmsh, format 4.1, ASCII or binary, from bytes.
//!
//! Cells are triangles of 3 or 6 nodes or quadrangles of 4 or 9, all of one kind, in the plane z = 0. Physical curves are
//! the boundary groups, physical surfaces the cell groups, by name, or by number where they have none. Every side on the
//! boundary must belong to a physical curve, so that no condition is chosen by accident; physical curves inside of the mesh
//! (interfaces) are read over. Cells that run clockwise are turned over, as Gmsh may orient surfaces either way.
//!
//! The reader is our own: mshio 0.4 drops the tags of nodes where they have no gaps, so that files whose nodes are not in
//! the order of their tags would be read as another mesh, and it ends the process on some damaged files.

mod build;
mod cursor;
mod elements;
mod loose;
mod sections;

use super::Mesh;
use crate::SolverError;

/// Name of the group of cells that belong to no physical surface.
pub const UNTAGGED: &str = "untagged";

/// Reads a mesh from the bytes of an `.msh` file.
///
/// # Errors
/// [`SolverError::BadMeshFile`] for everything that is not such a mesh, with the line (or the byte, in binary files), node
/// or element; [`SolverError::TooLarge`] where it would not fit into memory. Damaged files of any kind give an error.
pub fn read(bytes: &[u8]) -> Result<Mesh, SolverError> {
    build::mesh(&sections::read(bytes)?)
}

fn bad(
    place: String,
    found: impl Into<String>,
    expected: impl Into<String>,
    remedy: impl Into<String>,
) -> SolverError {
    SolverError::BadMeshFile {
        place,
        found: found.into(),
        expected: expected.into(),
        remedy: remedy.into(),
    }
}
