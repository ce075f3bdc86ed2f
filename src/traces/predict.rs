//! `fewave predict` of a surrogate of traces: from a data file, or from a table of scalars alone, to seismograms.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use fewave_datasets::Split;
use fewave_surrogate::Surrogate;
use fewave_surrogate::task::TraceConstants;
use fewave_surrogate::task::traces::scene_numbers;
use ndarray::Array2;

use super::files;
use crate::commands::train::label;
use crate::comparison::ranges;
use crate::config::ConfigError;
use crate::console::{Console, duration};
use crate::output::write_atomically;

/// Most rows of a table of scalars.
const MOST_ROWS: usize = 1_000_000;

/// Whether a file is a table by its name.
pub fn is_table(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("csv"))
}

/// Predicts the traces of every trajectory of `input`, a data file or a table with a column for every scalar, and writes them as a data
/// file or, in long form, as CSV.
///
/// # Errors
/// When the input lacks a scalar, or the file cannot be written.
pub fn run(
    run: &Path,
    surrogate: &Surrogate,
    constants: &TraceConstants,
    input: &Path,
    file: &Path,
    extrapolate: bool,
    console: &Console,
) -> anyhow::Result<()> {
    if is_table(input) && !is_table(file) {
        return Err(ConfigError::Usage(format!(
            "{}: a table of scalars says nothing of grid and medium, which a data file has to; write CSV: -o traces.csv",
            file.display()
        ))
        .into());
    }
    let split = if is_table(input) {
        None
    } else {
        Some(Split::open_file(input)?)
    };
    let scalars = match &split {
        Some(split) => {
            surrogate.check_scalars(split)?;
            (0..split.len())
                .map(|trajectory| Ok(scene_numbers(split, trajectory)?))
                .collect::<anyhow::Result<Vec<_>>>()?
        }
        None => read_table(input)?,
    };
    let name = label(run);
    let out = match (&split, &surrogate.metadata().ranges) {
        (Some(split), _) => surrogate.out_of_range(split)?,
        (None, Some(known)) => {
            let rows = (0..).zip(&scalars);
            Some(
                rows.flat_map(|(row, own)| known.check_numbers(row, own))
                    .collect(),
            )
        }
        (None, None) => None,
    };
    match ranges::outside(out.as_deref()) {
        Some(words) if !extrapolate => anyhow::bail!(
            "{}: {words}; {name} was not trained on such scenes and may be off by any amount: train on data that cover them, or say \
             --extrapolate",
            input.display()
        ),
        _ => ranges::warn(&name, out.as_deref(), console),
    }
    let clock = Instant::now();
    let traces = surrogate.predict_traces(&scalars)?;
    let seconds = clock.elapsed().as_secs_f64();
    match &split {
        Some(split) if !is_table(file) => {
            files::write_traces(file, surrogate, constants, &name, split, &traces)?;
        }
        _ => write_atomically(file, &table(constants, &traces)?)?,
    }
    console.say(format!(
        "{}: traces of {} trajectories at {} receivers, predicted in {} ({} a trajectory)",
        file.display(),
        scalars.len(),
        constants.positions.len(),
        duration(seconds),
        duration(seconds / scalars.len().max(1) as f64)
    ));
    console.json(&serde_json::json!({
        "file": file.display().to_string(),
        "trajectories": scalars.len(),
        "receivers": constants.positions.len(),
        "samples": constants.samples,
        "seconds": seconds,
    }))
}

/// The rows of a table of scalars, by name.
fn read_table(path: &Path) -> anyhow::Result<Vec<BTreeMap<String, f64>>> {
    let place = path.display();
    let mut reader = csv::Reader::from_path(path).with_context(|| {
        format!("{place}: cannot be read; give a CSV file with a head line of scalar names")
    })?;
    let header = reader
        .headers()
        .with_context(|| format!("{place}: line 1"))?
        .clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let line = rows.len() + 2;
        anyhow::ensure!(
            rows.len() < MOST_ROWS,
            "{place}: more than {MOST_ROWS} rows; cut it into several files"
        );
        let record = record.with_context(|| format!("{place}: line {line}"))?;
        let mut row = BTreeMap::new();
        for (name, text) in header.iter().zip(&record) {
            let value: f64 = text.trim().parse().ok().filter(|value: &f64| value.is_finite()).ok_or_else(|| {
                ConfigError::Usage(format!(
                    "{place}: line {line}, column {name}: found {text:?}, expected a finite number"
                ))
            })?;
            row.insert(name.trim().to_owned(), value);
        }
        rows.push(row);
    }
    anyhow::ensure!(
        !rows.is_empty(),
        "{place}: no row below the head line, expected one for every scene"
    );
    Ok(rows)
}

/// All samples in long form.
fn table(constants: &TraceConstants, traces: &[Vec<Array2<f32>>]) -> anyhow::Result<Vec<u8>> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record([
        "trajectory",
        "quantity",
        "receiver",
        "axis",
        "time_s",
        "value",
    ])?;
    let times = constants.times();
    for (trajectory, own) in traces.iter().enumerate() {
        for (scaled, array) in constants.quantities.iter().zip(own) {
            for ((row, sample), value) in array.indexed_iter() {
                let (receiver, axis) = scaled.quantity.row(row);
                csv.write_record([
                    trajectory.to_string(),
                    scaled.quantity.recorded().name().to_owned(),
                    receiver.to_string(),
                    axis.to_owned(),
                    times[sample].to_string(),
                    format!("{value:e}"),
                ])?;
            }
        }
    }
    Ok(csv.into_inner()?)
}
