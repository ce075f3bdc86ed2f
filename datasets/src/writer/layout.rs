//! The part of a file that does not depend on trajectories, written when the file is created.
//! The table of groups, attributes and shapes is in the crate's documentation.

use hdf5::{Dataset, File, Group};
use ndarray::{Array2, ArrayView1, arr1};

use super::Compression;
use crate::error::{Hdf5Context, IoContext, Result};
use crate::hdf::strings::Seal;
use crate::hdf::write::{SPACE, Sink};
use crate::schema::{AXIS_NAMES, BoundarySpec, FileSpec, ReceiverSpec, sources};

/// Version of the group `fewave`; a reader refuses others.
pub(crate) const LAYOUT_VERSION: i64 = 1;

/// Writes everything but the trajectories, and reserves their space.
pub(crate) fn write(
    sink: Sink<'_>,
    file: &File,
    spec: &FileSpec,
    trajectories: usize,
    compression: Compression,
) -> Result<()> {
    sink.text(file, "dataset_name", &spec.dataset_name)?;
    sink.text(file, "grid_type", "cartesian")?;
    sink.value(file, "n_spatial_dims", 2i64)?;
    sink.value(file, "n_trajectories", trajectories as i64)?;
    sink.texts(
        file,
        "simulation_parameters",
        spec.constants.keys().map(String::as_str),
    )?;
    for (name, constant) in &spec.constants {
        sink.value(file, name, constant.value)?;
    }
    let [nx, ny] = spec.shape();
    dimensions(sink, &sink.group(file, "dimensions")?, spec)?;
    let boundaries = sink.group(file, "boundary_conditions")?;
    for boundary in &spec.boundaries {
        condition(sink, &sink.group(&boundaries, &boundary.name)?, boundary)?;
    }
    scalars(sink, &sink.group(file, "scalars")?, spec, trajectories)?;

    let fields = sink.group(file, "t0_fields")?;
    sink.texts(
        &fields,
        "field_names",
        spec.fields.iter().map(|field| field.name.as_str()),
    )?;
    for field in &spec.fields {
        let time = field.time_varying.then_some(spec.times.len());
        let shape: Vec<usize> = [trajectories]
            .into_iter()
            .chain(time)
            .chain([nx, ny])
            .collect();
        let dataset = sink.reserve::<f32>(&fields, &field.name, &shape, compression)?;
        varying(sink, &dataset, true, field.time_varying)?;
        sink.list(&dataset, "dim_varying", &[true, true])?;
        described(sink, &dataset, &field.unit, &field.description)?;
    }
    for name in ["t1_fields", "t2_fields"] {
        sink.texts(&*sink.group(file, name)?, "field_names", [])?;
    }
    ours(
        sink,
        &sink.group(file, "fewave")?,
        spec,
        trajectories,
        compression,
    )
}

/// Digests the strings, all of which have been written, so that a reader notices damage before HDF5 follows it.
pub(crate) fn seal(sink: Sink<'_>, file: &File, spec: &FileSpec) -> Result<()> {
    file.flush().at(sink.path, "/", "flush", SPACE)?;
    let fields = spec
        .fields
        .iter()
        .map(|field| format!("t0_fields/{}", field.name));
    let signals = spec
        .receivers
        .iter()
        .flat_map(|receivers| receivers.quantities.iter().map(|quantity| quantity.place()));
    let sources = if spec.sources > 0 {
        sources::PLACES.as_slice()
    } else {
        &[]
    };
    let sources = sources.iter().map(|place| (*place).to_owned());
    let mut data = Vec::new();
    for place in fields.chain(signals).chain(sources) {
        let dataset = file.dataset(&place).at(sink.path, &place, "open", SPACE)?;
        data.extend(
            dataset
                .offset()
                .map(|offset| (offset, dataset.storage_size())),
        );
    }
    let seal = Seal::new(sink.path, data).io(sink.path, "read", SPACE)?;
    let group = file
        .group("fewave")
        .at(sink.path, "fewave", "open", SPACE)?;
    sink.list(&group, "strings", &seal.places)?;
    sink.list(&group, "strings_sha256", &seal.digest)
}

fn dimensions(sink: Sink<'_>, group: &Group, spec: &FileSpec) -> Result<()> {
    sink.texts(group, "spatial_dims", AXIS_NAMES)?;
    let write = |name: &str, values: &[f64], unit: &str, time_varying: bool, description: &str| {
        let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
        let dataset = sink.data(group, name, ArrayView1::from(&values))?;
        varying(sink, &dataset, false, time_varying)?;
        described(sink, &dataset, unit, description)
    };
    write("time", &spec.times, "s", true, "times of the snapshots")?;
    write(
        AXIS_NAMES[0],
        &spec.axes[0],
        "m",
        false,
        "grid coordinates, first axis",
    )?;
    write(
        AXIS_NAMES[1],
        &spec.axes[1],
        "m",
        false,
        "grid coordinates, second axis",
    )
}

fn condition(sink: Sink<'_>, group: &Group, boundary: &BoundarySpec) -> Result<()> {
    sink.text(group, "bc_type", boundary.kind.as_str())?;
    sink.texts(group, "associated_dims", [AXIS_NAMES[boundary.dim]])?;
    sink.texts(group, "associated_fields", [])?;
    varying(sink, group, false, false)?;
    sink.text(group, "description", &boundary.description)?;
    let mask = sink.data(group, "mask", ArrayView1::from(&boundary.mask))?;
    described(sink, &mask, "1", "true where the condition holds")
}

fn scalars(sink: Sink<'_>, group: &Group, spec: &FileSpec, trajectories: usize) -> Result<()> {
    let constants = spec.constants.keys().map(String::as_str);
    let sampled = spec.scalars.iter().map(|scalar| scalar.name.as_str());
    sink.texts(group, "field_names", constants.chain(sampled))?;
    for (name, constant) in &spec.constants {
        let dataset = sink.number(group, name, constant.value)?;
        varying(sink, &dataset, false, false)?;
        described(sink, &dataset, &constant.unit, &constant.description)?;
    }
    for scalar in &spec.scalars {
        let dataset =
            sink.reserve::<f64>(group, &scalar.name, &[trajectories], Compression::None)?;
        varying(sink, &dataset, true, false)?;
        described(sink, &dataset, &scalar.unit, &scalar.description)?;
    }
    Ok(())
}

fn ours(
    sink: Sink<'_>,
    group: &Group,
    spec: &FileSpec,
    trajectories: usize,
    compression: Compression,
) -> Result<()> {
    let provenance = &spec.provenance;
    sink.value(group, "layout", LAYOUT_VERSION)?;
    sink.text(group, "version", &provenance.version)?;
    sink.text(group, "config", &provenance.config)?;
    sink.text(group, "config_hash", &provenance.config_hash)?;
    sink.value(group, "seed", provenance.seed)?;
    sink.text(group, "split", provenance.split.as_str())?;
    sink.value(group, "split_trajectories", provenance.split_trajectories)?;
    let extra = sink.group(group, "extra")?;
    for (name, text) in &provenance.extra {
        sink.text(&extra, name, text)?;
    }
    let coordinates = [
        ("time", &spec.times, "s"),
        ("x", &spec.axes[0], "m"),
        ("y", &spec.axes[1], "m"),
    ];
    for (name, values, unit) in coordinates {
        let dataset = sink.data(group, name, ArrayView1::from(values))?;
        described(
            sink,
            &dataset,
            unit,
            "as in `dimensions`, in full precision",
        )?;
    }
    let per_trajectory = Compression::None;
    let index = sink.reserve::<u64>(group, "index", &[trajectories], per_trajectory)?;
    described(
        sink,
        &index,
        "1",
        "index in the split; with the seed it determines the trajectory",
    )?;
    let source_end = sink.reserve::<f64>(group, "source_end", &[trajectories], per_trajectory)?;
    described(
        sink,
        &source_end,
        "s",
        "time at which the last source has stopped; 0 without sources",
    )?;
    if spec.energy {
        let shape = [trajectories, spec.times.len()];
        let energy = sink.reserve::<f64>(group, "energy", &shape, per_trajectory)?;
        described(
            sink,
            &energy,
            "J",
            "discrete energy at every snapshot, (trajectory, time)",
        )?;
    }
    let digest = sink.reserve::<u8>(group, "sha256", &[trajectories, 32], per_trajectory)?;
    let digested = "SHA-256 over coordinates, masks, index, source_end, scalars, energy, fields, sources, receivers";
    described(sink, &digest, "1", digested)?;
    if spec.sources > 0 {
        emitted(sink, &sink.group(group, "sources")?, spec, trajectories)?;
    }
    match &spec.receivers {
        None => Ok(()),
        Some(receivers) => signals(
            sink,
            &sink.group(group, "receivers")?,
            receivers,
            trajectories,
            compression,
        ),
    }
}

fn emitted(sink: Sink<'_>, group: &Group, spec: &FileSpec, trajectories: usize) -> Result<()> {
    let [positions, signals] = sources::shapes(spec.sources, spec.times.len());
    for (name, [count, length], unit, description) in [
        (
            "position",
            positions,
            "m",
            "coordinates of the sources, (trajectory, source, axis)",
        ),
        (
            "signal",
            signals,
            "1",
            "force of the sources at the times of the snapshots, amplitude included, (trajectory, source, time)",
        ),
    ] {
        let shape = [trajectories, count, length];
        let dataset = sink.reserve::<f32>(group, name, &shape, Compression::None)?;
        described(sink, &dataset, unit, description)?;
    }
    Ok(())
}

fn signals(
    sink: Sink<'_>,
    group: &Group,
    spec: &ReceiverSpec,
    trajectories: usize,
    compression: Compression,
) -> Result<()> {
    for quantity in &spec.quantities {
        let mut shape = vec![trajectories];
        shape.extend(spec.shape(*quantity));
        let signals = sink.reserve::<f32>(group, quantity.name(), &shape, compression)?;
        described(sink, &signals, quantity.unit(), quantity.description())?;
    }
    let mut positions = Array2::zeros((spec.positions.len(), 2));
    for (mut row, position) in positions.rows_mut().into_iter().zip(&spec.positions) {
        row.assign(&arr1(position));
    }
    let position = sink.data(group, "position", positions.view())?;
    described(
        sink,
        &position,
        "m",
        "coordinates of the receivers, (receiver, axis)",
    )?;
    let time = sink.data(group, "time", ArrayView1::from(&spec.times))?;
    described(sink, &time, "s", "times of the signals' samples")
}

fn varying(sink: Sink<'_>, at: &hdf5::Location, sample: bool, time: bool) -> Result<()> {
    sink.value(at, "sample_varying", sample)?;
    sink.value(at, "time_varying", time)
}

fn described(sink: Sink<'_>, dataset: &Dataset, unit: &str, description: &str) -> Result<()> {
    sink.text(dataset, "unit", unit)?;
    sink.text(dataset, "description", description)
}
