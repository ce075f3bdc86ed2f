//! What an evaluation of traces leaves on disk: `metrics.csv`, `summary.csv`, `timing.json`, `predictions.hdf5`.

use std::path::Path;

use fewave_datasets::{FileSpec, FileWriter, ReceiverSpec, Sources, Split, TrajectoryData};
use fewave_surrogate::metrics::TracesSummary;
use fewave_surrogate::task::TraceConstants;
use fewave_surrogate::{Provenance, Surrogate};
use ndarray::{Array2, ArrayD, IxDyn};

use super::{Measured, trivial};
use crate::comparison::files::predicted_spec;
use crate::console::Console;
use crate::output::write_atomically;

/// Writes the four files of a run into an existing folder.
///
/// # Errors
/// When a file cannot be written.
pub fn write(
    item: &Measured,
    split: &Split,
    folder: &Path,
    console: &Console,
) -> anyhow::Result<()> {
    let own = std::slice::from_ref(item);
    write_atomically(&folder.join("metrics.csv"), &metrics(own)?)?;
    write_atomically(&folder.join("summary.csv"), &summary(own)?)?;
    let timing = serde_json::json!({
        "latency": item.evaluation.latency,
        "training_seconds": item.surrogate.provenance().training_seconds,
    });
    let timing = serde_json::to_string_pretty(&timing)?;
    write_atomically(&folder.join("timing.json"), timing.as_bytes())?;
    let all = item.evaluation.predictions.iter().flatten().flatten();
    if all.clone().any(|value| !value.is_finite()) {
        console.warn(format!(
            "{}: predicts numbers that are not finite; predictions.hdf5 is not written, metrics.csv shows where",
            item.run.display()
        ));
        return Ok(());
    }
    let path = folder.join("predictions.hdf5");
    write_traces(
        &path,
        &item.surrogate,
        &item.constants,
        &item.label,
        split,
        &item.evaluation.predictions,
    )
}

/// Writes predicted traces as a data file: receivers and scalars of the input, without wavefields.
///
/// # Errors
/// When the file cannot be written.
pub fn write_traces(
    path: &Path,
    surrogate: &Surrogate,
    constants: &TraceConstants,
    label: &str,
    split: &Split,
    predictions: &[Vec<Array2<f32>>],
) -> anyhow::Result<()> {
    let order = file_order(constants);
    let spec = traces_spec(split, constants, &order, label, &surrogate.provenance())?;
    let mut writer = FileWriter::create(path, &spec, split.len())?;
    for (trajectory, traces) in predictions.iter().enumerate() {
        let scalars = split.scalars(trajectory)?;
        let names = spec.scalars.iter().map(|scalar| &scalar.name);
        let fields = spec
            .fields
            .iter()
            .map(|field| Ok(split.read_static(&field.name, trajectory)?.into_dyn()))
            .collect::<anyhow::Result<Vec<ArrayD<f32>>>>()?;
        let named = order.iter().filter_map(|&n| {
            let quantity = constants.quantities.get(n)?.quantity.recorded();
            Some((quantity, traces.get(n)?))
        });
        let signals = named.map(|(quantity, own)| {
            let shape = quantity.shape(constants.positions.len(), constants.samples);
            ArrayD::from_shape_vec(IxDyn(&shape), own.iter().copied().collect())
        });
        let data = TrajectoryData {
            index: split.index(trajectory)?,
            scalars: names
                .filter_map(|name| scalars.get(name).copied())
                .collect(),
            fields,
            receivers: signals.collect::<Result<_, _>>()?,
            sources: Sources::default(),
            energy: Vec::new(),
            source_end: split.source_end(trajectory)?,
        };
        writer.write(trajectory, &data)?;
    }
    writer.finish()?;
    Ok(())
}

/// Positions of the predicted quantities in the order of files, which is that of the quantities themselves; the network's is that of its
/// configuration.
fn file_order(constants: &TraceConstants) -> Vec<usize> {
    let mut order: Vec<usize> = (0..constants.quantities.len()).collect();
    order.sort_by_key(|&n| constants.quantities[n].quantity.recorded());
    order
}

fn traces_spec(
    split: &Split,
    constants: &TraceConstants,
    order: &[usize],
    label: &str,
    provenance: &Provenance,
) -> anyhow::Result<FileSpec> {
    let given = "the sampled scalars of each trajectory; the signals at the receivers are the predicted ones";
    let mut spec = predicted_spec(split, split.times().to_vec(), label, given, provenance);
    spec.fields.retain(|field| !field.time_varying);
    anyhow::ensure!(
        !spec.fields.is_empty(),
        "{}: has no static field (speed), expected one to describe the scene in a file of predictions; write CSV instead: -o traces.csv",
        split.path().display()
    );
    let quantities = order
        .iter()
        .map(|&n| constants.quantities[n].quantity.recorded())
        .collect();
    spec.receivers = Some(ReceiverSpec {
        positions: constants.positions.clone(),
        times: constants.times(),
        quantities,
    });
    Ok(spec)
}

/// Every error of every trace.
///
/// # Errors
/// Never for finite memory.
pub fn metrics(measured: &[Measured]) -> anyhow::Result<Vec<u8>> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record([
        "run",
        "trajectory",
        "quantity",
        "receiver",
        "axis",
        "relative_l2",
        "arrival_shift_s",
        "amplitude_ratio",
    ])?;
    for item in measured {
        for trajectory in &item.evaluation.trajectories {
            for trace in &trajectory.traces {
                let (receiver, axis) = trace.quantity.row(trace.row);
                csv.write_record([
                    item.label.clone(),
                    trajectory.index.to_string(),
                    trace.quantity.recorded().name().to_owned(),
                    receiver.to_string(),
                    axis.to_owned(),
                    format!("{:e}", trace.metrics.relative_l2),
                    optional(trace.metrics.arrival_shift),
                    optional(trace.metrics.amplitude_ratio),
                ])?;
            }
        }
    }
    Ok(csv.into_inner()?)
}

fn optional(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| format!("{value:e}"))
}

/// Mean, median, 90 % quantile and worst of every measure: over everything, receiver by receiver, and of trivial predictions.
///
/// # Errors
/// Never for finite memory.
pub fn summary(measured: &[Measured]) -> anyhow::Result<Vec<u8>> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record([
        "run", "quantity", "receiver", "axis", "measure", "mean", "median", "q90", "worst",
    ])?;
    let mut rows = |run: &str, place: [&str; 3], errors: &TracesSummary| -> anyhow::Result<()> {
        for (measure, summary) in errors.named() {
            let Some(s) = summary else { continue };
            let numbers = [s.mean, s.median, s.q90, s.worst].map(|value| format!("{value:e}"));
            let record = [run].into_iter().chain(place).chain([measure]);
            csv.write_record(record.chain(numbers.iter().map(String::as_str)))?;
        }
        Ok(())
    };
    for item in measured {
        rows(&item.label, ["all", "all", ""], &item.evaluation.summary)?;
        for own in &item.evaluation.receivers {
            let (receiver, axis) = own.quantity.row(own.row);
            let place = [own.quantity.recorded().name(), &receiver.to_string(), axis];
            rows(&item.label, place, &own.summary)?;
        }
    }
    for own in trivial(measured) {
        rows(&own.name, ["all", "all", ""], &own.baseline.summary)?;
    }
    Ok(csv.into_inner()?)
}
