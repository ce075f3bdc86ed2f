//! What an evaluation leaves on disk: the tables of [`tables`], `timing.json`, `predictions.hdf5`.

pub mod tables;

use std::path::Path;

use fewave_datasets::{FileSpec, FileWriter, INSIDE_FIELD, Sources, Split, TrajectoryData};
use fewave_surrogate::Provenance;
use ndarray::{Array3, Axis};

use super::Measured;
use crate::console::Console;
use crate::output::write_atomically;

/// Key in `fewave/extra` of a file of predictions: the surrogate that made them.
pub const PREDICTED_BY: &str = "predicted_by";
/// Fields of a file of predictions, as far as the data have them.
const KEPT: [&str; 3] = ["displacement", "speed", INSIDE_FIELD];

/// Writes the files of a run into an existing folder.
///
/// # Errors
/// When a file cannot be written.
pub fn write(
    item: &Measured,
    split: &Split,
    folder: &Path,
    console: &Console,
) -> anyhow::Result<()> {
    tables::write(std::slice::from_ref(item), split, folder)?;
    let timing = serde_json::json!({
        "latency": item.evaluation.latency,
        "training_seconds": item.surrogate.provenance().training_seconds,
    });
    write_atomically(
        &folder.join("timing.json"),
        serde_json::to_string_pretty(&timing)?.as_bytes(),
    )?;
    if let Some(trajectory) = item
        .evaluation
        .predictions
        .outer_iter()
        .position(|t| t.iter().any(|v| !v.is_finite()))
    {
        console.warn(format!(
            "{}: the rollout of trajectory {trajectory} leaves the finite numbers; predictions.hdf5 is not written, metrics.csv shows where",
            item.run.display()
        ));
        return Ok(());
    }
    let path = folder.join("predictions.hdf5");
    let given = if item.surrogate.rolls_out() {
        format!(
            "the {} snapshots after the sources have stopped, which are the true ones",
            item.evaluation.history
        )
    } else {
        "the scene at t = 0; snapshots that it does not predict are the true ones".to_owned()
    };
    let spec = predicted_spec(
        split,
        split.times().to_vec(),
        &item.label,
        &given,
        &item.surrogate.provenance(),
    );
    let mut writer = FileWriter::create(&path, &spec, split.len())?;
    for (trajectory, prediction) in item.evaluation.predictions.axis_iter(Axis(0)).enumerate() {
        writer.write(
            trajectory,
            &predicted_trajectory(split, trajectory, prediction.to_owned())?,
        )?;
    }
    writer.finish()?;
    Ok(())
}

/// The description of a file of predicted trajectories: as the data, with the displacement predicted from `given`
/// snapshots, and without what was not predicted.
pub fn predicted_spec(
    split: &Split,
    times: Vec<f64>,
    label: &str,
    given: &str,
    provenance: &Provenance,
) -> FileSpec {
    let mut spec = split.spec().clone();
    spec.times = times;
    spec.fields
        .retain(|field| KEPT.contains(&field.name.as_str()));
    for field in &mut spec.fields {
        if field.name == "displacement" {
            field.description =
                format!("displacement predicted by the surrogate {label} from {given}");
        }
    }
    spec.receivers = None;
    spec.sources = 0;
    spec.energy = false;
    spec.provenance.version = env!("CARGO_PKG_VERSION").to_owned();
    let extra = &mut spec.provenance.extra;
    extra.insert(PREDICTED_BY.to_owned(), label.to_owned());
    extra.insert("given".to_owned(), given.to_owned());
    extra.insert("weights_sha256".to_owned(), provenance.weights_hash.clone());
    extra.insert(
        "training_data_sha256".to_owned(),
        provenance.data_hash.clone(),
    );
    spec
}

/// One predicted trajectory of such a file.
///
/// # Errors
/// When the data cannot be read.
pub fn predicted_trajectory(
    split: &Split,
    trajectory: usize,
    prediction: Array3<f32>,
) -> anyhow::Result<TrajectoryData> {
    let scalars = split.scalars(trajectory)?;
    let mut fields = Vec::new();
    for field in split.field_specs() {
        match field.name.as_str() {
            "displacement" => fields.push(prediction.clone().into_dyn()),
            name @ ("speed" | INSIDE_FIELD) => {
                fields.push(split.read_static(name, trajectory)?.into_dyn());
            }
            _ => {}
        }
    }
    Ok(TrajectoryData {
        index: split.index(trajectory)?,
        scalars: split
            .spec()
            .scalars
            .iter()
            .filter_map(|scalar| scalars.get(&scalar.name).copied())
            .collect(),
        fields,
        receivers: Vec::new(),
        sources: Sources::default(),
        energy: Vec::new(),
        source_end: split.source_end(trajectory)?,
    })
}
