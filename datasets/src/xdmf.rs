//! XDMF beside a data file, so that ParaView opens its snapshots without a copy of them.
//!
//! `NAME.xdmf` selects every snapshot of one trajectory as a hyperslab of `t0_fields/<field>` (trajectory, time, x, y) of the
//! data file itself. The grid is in `NAME.grid.h5`: points (nx·ny, 2), in the fields' order, x slowest, and cells of four points
//! (XDMF's structured grids have x fastest and would transpose). Cells with a corner outside of the domain are left out.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use ndarray::Array2;

use crate::error::{Error, Hdf5Context, IoContext, Result};
use crate::hdf::write::{SPACE, Sink};
use crate::reader::Split;
use crate::schema::{FieldSpec, INSIDE_FIELD};

/// Writes `target` and the grid beside it, for trajectory `trajectory` (counted from 0) of the data file `file`.
///
/// # Errors
/// [`Error::Input`] for a trajectory that does not exist or a file name with a colon, which XDMF cannot refer to; what
/// reading the file may give; [`Error::Io`] and [`Error::Hdf5`] where something cannot be written.
pub fn write_xdmf(file: &Path, trajectory: usize, target: &Path) -> Result<()> {
    let data = Split::open_file(file)?;
    // refuses trajectories that do not exist
    data.index(trajectory)?;
    let grid = target.with_extension("grid.h5");
    let cells = write_grid(&data, trajectory, &grid)?;
    let from = target.parent().unwrap_or(Path::new(""));
    let description = describe(
        &data,
        trajectory,
        cells,
        &reference(file, from)?,
        &reference(&grid, from)?,
    );
    let part = target.with_extension("xdmf.part");
    fs::write(&part, description).io(&part, "write", SPACE)?;
    fs::rename(&part, target).io(target, "rename into place", SPACE)
}

/// How a file is named in an XDMF of the folder `from`: by its name where it is there too.
fn reference(file: &Path, from: &Path) -> Result<String> {
    let path = match (file.parent(), file.file_name()) {
        (Some(folder), Some(name)) if folder == from => PathBuf::from(name),
        _ => fs::canonicalize(file).io(file, "find", "check the path")?,
    };
    let text = path.to_string_lossy();
    if text.contains(':') {
        return Err(Error::input(
            "the data file's name",
            "one without a colon, which separates files from datasets in XDMF",
            text,
            "rename it",
        ));
    }
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;");
    Ok(escaped)
}

/// Writes points and cells; gives the number of cells.
fn write_grid(data: &Split, trajectory: usize, path: &Path) -> Result<usize> {
    let [x, y] = data.axes();
    let points: Vec<f64> = x
        .iter()
        .flat_map(|&x| y.iter().flat_map(move |&y| [x, y]))
        .collect();
    let has_holes = data
        .field_specs()
        .iter()
        .any(|field| field.name == INSIDE_FIELD && !field.time_varying);
    let inside = match has_holes {
        true => data.read_static(INSIDE_FIELD, trajectory)?,
        false => Array2::ones((x.len(), y.len())),
    };
    let ny = y.len();
    let mut cells: Vec<i32> = Vec::new();
    for i in 1..x.len() {
        for j in 1..ny {
            let corners = [(i - 1, j - 1), (i, j - 1), (i, j), (i - 1, j)];
            if corners.iter().all(|&corner| inside[corner] > 0.5) {
                cells.extend(corners.map(|(i, j)| (i * ny + j) as i32));
            }
        }
    }
    let count = cells.len() / 4;
    let shaped = |length: usize, width: usize| (length / width, width);
    let part = path.with_extension("h5.part");
    let sink = Sink { path: &part };
    let file = hdf5::File::create(&part).at(&part, "/", "create", SPACE)?;
    let what = |error: ndarray::ShapeError| {
        Error::input(
            "the grid",
            "points and cells",
            error.to_string(),
            "check the file",
        )
    };
    let points = Array2::from_shape_vec(shaped(points.len(), 2), points).map_err(what)?;
    let cells = Array2::from_shape_vec(shaped(cells.len(), 4), cells).map_err(what)?;
    sink.data(&file, "points", points.view())?;
    sink.data(&file, "cells", cells.view())?;
    file.close().at(&part, "/", "close", SPACE)?;
    fs::rename(&part, path).io(path, "rename into place", SPACE)?;
    Ok(count)
}

fn describe(data: &Split, trajectory: usize, cells: usize, file: &str, grid: &str) -> String {
    let [nx, ny] = data.spec().shape();
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Xdmf Version=\"3.0\">\n<Domain>\n\
         <Grid Name=\"snapshots\" GridType=\"Collection\" CollectionType=\"Temporal\">\n",
    );
    for (snapshot, time) in data.times().iter().enumerate() {
        // writing into a String cannot fail
        let _ = write!(
            text,
            "<Grid Name=\"snapshot {snapshot}\" GridType=\"Uniform\">\n<Time Value=\"{time:e}\"/>\n\
             <Topology TopologyType=\"Quadrilateral\" NumberOfElements=\"{cells}\">\
             <DataItem Format=\"HDF\" NumberType=\"Int\" Precision=\"4\" Dimensions=\"{cells} 4\">{grid}:/cells</DataItem></Topology>\n\
             <Geometry GeometryType=\"XY\">\
             <DataItem Format=\"HDF\" NumberType=\"Float\" Precision=\"8\" Dimensions=\"{} 2\">{grid}:/points</DataItem></Geometry>\n",
            nx * ny
        );
        for field in data.field_specs() {
            text.push_str(&attribute(data, field, trajectory, snapshot, file));
        }
        text.push_str("</Grid>\n");
    }
    text.push_str("</Grid>\n</Domain>\n</Xdmf>\n");
    text
}

/// A field of one snapshot: start, stride and count of the hyperslab, then the dataset.
fn attribute(
    data: &Split,
    field: &FieldSpec,
    trajectory: usize,
    snapshot: usize,
    file: &str,
) -> String {
    let [nx, ny] = data.spec().shape();
    let (trajectories, times) = (data.len(), data.times().len());
    let (rank, start, stride, count, all) = if field.time_varying {
        (
            4,
            format!("{trajectory} {snapshot} 0 0"),
            "1 1 1 1",
            format!("1 1 {nx} {ny}"),
            format!("{trajectories} {times} {nx} {ny}"),
        )
    } else {
        (
            3,
            format!("{trajectory} 0 0"),
            "1 1 1",
            format!("1 {nx} {ny}"),
            format!("{trajectories} {nx} {ny}"),
        )
    };
    format!(
        "<Attribute Name=\"{0}\" AttributeType=\"Scalar\" Center=\"Node\">\
         <DataItem ItemType=\"HyperSlab\" Dimensions=\"{count}\">\
         <DataItem Format=\"XML\" NumberType=\"Int\" Dimensions=\"3 {rank}\">{start} {stride} {count}</DataItem>\
         <DataItem Format=\"HDF\" NumberType=\"Float\" Precision=\"4\" Dimensions=\"{all}\">{file}:/t0_fields/{0}</DataItem>\
         </DataItem></Attribute>\n",
        field.name
    )
}
