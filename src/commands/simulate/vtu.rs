//! VTU files of the FE field on its own mesh, one a snapshot, and the PVD file that lists their times, for ParaView.
//!
//! Points are the degrees of freedom. GLL cells of order p become p × p quadrilaterals between their nodes; quadratic
//! triangles stay quadratic. Arrays are base64 with a header of 64 bits, little-endian. No value is interpolated.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use fewave_solver::{Element, Medium, Space};

use crate::output::{self, Contents};

/// The list of all snapshots.
const SERIES: &str = "series.pvd";

/// What such a folder holds.
const CONTENTS: Contents = Contents {
    what: "a series of VTU files",
    marker: SERIES,
    names: &[SERIES, "snapshots"],
};

/// A folder that snapshots go to.
pub struct Series {
    folder: PathBuf,
    /// Everything that all snapshots share, encoded.
    mesh: String,
    /// The degrees of freedom shown.
    dofs: Vec<usize>,
    cells: usize,
    speed: String,
    /// Times and files so far.
    entries: String,
}

impl Series {
    /// Prepares the folder.
    ///
    /// # Errors
    /// When it is there already without `force`, or cannot be written.
    pub fn create(folder: &Path, force: bool) -> anyhow::Result<PathBuf> {
        output::prepare_folder(folder, &CONTENTS, force)?;
        output::create_folder(&folder.join("snapshots"))?;
        Ok(folder.to_path_buf())
    }

    /// A series of fields on a space in a medium.
    pub fn new(folder: PathBuf, space: &Space, medium: &dyn Medium) -> Self {
        let (kind, nodes, mut connectivity) = connectivity(space);
        // absorbing layers are no part of the field
        let mut dofs: Vec<usize> = connectivity.iter().map(|&dof| dof as usize).collect();
        dofs.sort_unstable();
        dofs.dedup();
        let mut numbers = vec![0; space.dof_count()];
        for (number, &dof) in dofs.iter().enumerate() {
            numbers[dof] = number as i64;
        }
        for dof in &mut connectivity {
            *dof = numbers[*dof as usize];
        }
        let positions = || dofs.iter().map(|&dof| space.dof_positions()[dof]);
        let points = positions().flat_map(|[x, y]| [x, y, 0.0]);
        let speeds = positions().map(|position| medium.speed(position));
        let cells = connectivity.len() / nodes;
        let offsets = (1..=cells).map(|cell| (cell * nodes) as i64);
        let mesh = format!(
            "<Points>{}</Points>\n<Cells>\n{}{}{}</Cells>\n",
            array("Float64", "points", 3, points.flat_map(f64::to_le_bytes)),
            array(
                "Int64",
                "connectivity",
                1,
                connectivity.into_iter().flat_map(i64::to_le_bytes)
            ),
            array("Int64", "offsets", 1, offsets.flat_map(i64::to_le_bytes)),
            array("UInt8", "types", 1, std::iter::repeat_n(kind, cells)),
        );
        Self {
            folder,
            mesh,
            cells,
            speed: array("Float64", "speed", 1, speeds.flat_map(f64::to_le_bytes)),
            dofs,
            entries: String::new(),
        }
    }

    /// Writes the displacement (m) at all degrees of freedom at a time (s).
    ///
    /// # Errors
    /// When the disk is full.
    pub fn write(
        &mut self,
        snapshot: usize,
        time: f64,
        displacement: &[f64],
    ) -> anyhow::Result<()> {
        let name = format!("snapshots/{snapshot:05}.vtu");
        let values = self.dofs.iter().map(|&dof| displacement[dof]);
        let values = values.flat_map(f64::to_le_bytes);
        let text = format!(
            "<?xml version=\"1.0\"?>\n<VTKFile type=\"UnstructuredGrid\" version=\"1.0\" byte_order=\"LittleEndian\" header_type=\"UInt64\">\n\
             <UnstructuredGrid>\n<Piece NumberOfPoints=\"{}\" NumberOfCells=\"{}\">\n{}<PointData Scalars=\"displacement\">\n{}{}</PointData>\n\
             </Piece>\n</UnstructuredGrid>\n</VTKFile>\n",
            self.dofs.len(),
            self.cells,
            self.mesh,
            array("Float64", "displacement", 1, values),
            self.speed,
        );
        output::write_atomically(&self.folder.join(&name), text.as_bytes())?;
        // writing into a String cannot fail
        let _ = writeln!(
            self.entries,
            "<DataSet timestep=\"{time:e}\" file=\"{name}\"/>"
        );
        Ok(())
    }

    /// Writes the list of snapshots.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn finish(self) -> anyhow::Result<PathBuf> {
        let text = format!(
            "<?xml version=\"1.0\"?>\n<VTKFile type=\"Collection\" version=\"1.0\" byte_order=\"LittleEndian\">\n<Collection>\n{}</Collection>\n</VTKFile>\n",
            self.entries
        );
        let path = self.folder.join(SERIES);
        output::write_atomically(&path, text.as_bytes())?;
        Ok(path)
    }
}

/// VTK's cell type, nodes a cell, and the degrees of freedom of the domain's cells.
fn connectivity(space: &Space) -> (u8, usize, Vec<i64>) {
    const TRIANGLE: u8 = 5;
    const QUAD: u8 = 9;
    const QUADRATIC_TRIANGLE: u8 = 22;
    const BIQUADRATIC_TRIANGLE: u8 = 34;
    let nodes = space.reference().nodes();
    let domain = &space.all_cell_dofs()[..space.domain_cells() * nodes];
    let all = || domain.iter().map(|&dof| i64::from(dof)).collect();
    match space.element() {
        Element::P1Triangle => (TRIANGLE, 3, all()),
        Element::P2Triangle => (QUADRATIC_TRIANGLE, 6, all()),
        Element::P2BubbleTriangle => (BIQUADRATIC_TRIANGLE, 7, all()),
        Element::Q1Quad | Element::GllQuad { .. } => {
            let order = space.element().order();
            let row = order + 1;
            let mut list = Vec::new();
            for cell in domain.chunks_exact(row * row) {
                for j in 0..order {
                    for i in 0..order {
                        let corner = j * row + i;
                        let corners = [corner, corner + 1, corner + row + 1, corner + row];
                        list.extend(corners.map(|node| i64::from(cell[node])));
                    }
                }
            }
            (QUAD, 4, list)
        }
    }
}

/// One array, in base64 behind the number of its bytes.
fn array(kind: &str, name: &str, components: usize, bytes: impl Iterator<Item = u8>) -> String {
    let bytes: Vec<u8> = bytes.collect();
    let length = (bytes.len() as u64).to_le_bytes();
    format!(
        "<DataArray type=\"{kind}\" Name=\"{name}\" NumberOfComponents=\"{components}\" format=\"binary\">{}{}</DataArray>\n",
        base64(&length),
        base64(&bytes)
    )
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |n: usize| u32::from(chunk.get(n).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            if digit <= chunk.len() {
                let value = bits >> (18 - 6 * digit) & 63;
                text.push(char::from(DIGITS[value as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_its_rfc() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }
}
