//! Surrogates of traces, measured on a split: what the commands `evaluate`, `compare`, `predict` and `inspect` do with them.

pub mod files;
pub mod predict;
pub mod pruning;
pub mod report;
mod seismograms;

use std::path::{Path, PathBuf};

use candle_core::Device;
use fewave_datasets::Split;
use fewave_surrogate::Surrogate;
use fewave_surrogate::evaluate::traces::{TraceBaseline, TracesEvaluation, ZERO, evaluate_traces};
use fewave_surrogate::metrics::{Summary, TracesSummary};
use fewave_surrogate::task::TraceConstants;
use fewave_surrogate::task::traces::TraceQuantity;
use serde_json::{Value, json};

use crate::comparison::scope::{self, milliseconds};
use crate::comparison::{labels, ranges};
use crate::config::ConfigError;
use crate::console::{Console, duration, grouped, percent, table};

/// A run of traces, measured.
pub struct Measured {
    /// Folder or checkpoint.
    pub run: PathBuf,
    /// Name in tables and figures.
    pub label: String,
    /// The surrogate.
    pub surrogate: Surrogate,
    /// What it was trained on.
    pub constants: TraceConstants,
    /// Its errors and times.
    pub evaluation: TracesEvaluation,
    /// Trajectories that it and the trivial predictions learn from; none where these are not there to be read.
    pub learnt_from: Option<usize>,
}

/// A prediction that costs nothing, beside the networks.
#[derive(Debug)]
pub struct Trivial<'a> {
    /// Its name in tables; it says its trajectories where runs that learnt from different numbers of them are compared.
    pub name: String,
    /// What it is.
    pub baseline: &'a TraceBaseline,
    /// Trajectories that it learns from.
    pub learnt_from: Option<usize>,
}

/// Loads runs if all of them are of traces; `None` if none is.
///
/// # Errors
/// When a run cannot be loaded or is given twice, or for traces beside other tasks.
pub fn load(
    runs: &[PathBuf],
    device: &Device,
) -> anyhow::Result<Option<Vec<(PathBuf, Surrogate)>>> {
    let mut loaded = Vec::new();
    for run in runs {
        loaded.push((run.clone(), Surrogate::load(run, device)?));
    }
    let of_traces = |(_, surrogate): &&(PathBuf, Surrogate)| surrogate.traces().is_some();
    let count = loaded.iter().filter(of_traces).count();
    if count == 0 {
        return Ok(None);
    }
    if let Some((other, surrogate)) = loaded.iter().find(|item| !of_traces(item)) {
        return Err(ConfigError::Usage(format!(
            "{}: task.kind = \"{}\" beside runs of traces: fields and traces have no error in common; compare runs of one kind",
            other.display(),
            surrogate.config().task.kind()
        ))
        .into());
    }
    scope::refuse_repeated(runs)?;
    Ok(Some(loaded))
}

/// Measures runs on a split of a dataset, whose train split gives trivial predictions to compare with.
///
/// # Errors
/// When a run does not fit the data, or these cannot be read.
pub fn measure(
    loaded: Vec<(PathBuf, Surrogate)>,
    split: &Split,
    data: &Path,
    console: &Console,
) -> anyhow::Result<Vec<Measured>> {
    let runs: Vec<PathBuf> = loaded.iter().map(|(run, _)| run.clone()).collect();
    let mut measured = Vec::new();
    for ((run, surrogate), label) in loaded.into_iter().zip(labels(&runs)) {
        let Some(constants) = surrogate.traces().cloned() else {
            continue;
        };
        let train = match surrogate.config().training_split(data) {
            Ok(train) => Some(train),
            Err(error) => {
                console.warn(format!(
                    "{label}: the mean trace and the nearest neighbour are left out, since what it learns from cannot be read there: {error}"
                ));
                None
            }
        };
        let evaluation = evaluate_traces(&surrogate, split, train.as_ref())?;
        ranges::warn(&label, surrogate.out_of_range(split)?.as_deref(), console);
        measured.push(Measured {
            label,
            run,
            surrogate,
            constants,
            evaluation,
            learnt_from: train.map(|train| train.len()),
        });
    }
    Ok(measured)
}

/// The task in one line: what is predicted from what.
pub fn describe(constants: &TraceConstants) -> String {
    let quantities: Vec<&str> = constants
        .quantities
        .iter()
        .map(|scaled| scaled.quantity.recorded().name())
        .collect();
    let scalars: Vec<&str> = constants.scalars.iter().map(|s| s.name.as_str()).collect();
    format!(
        "traces: {} of {} at {}, {} s apart, from {}",
        quantities.join(" and "),
        scope::counted(constants.samples, "sample"),
        scope::counted(constants.positions.len(), "receiver"),
        constants.interval,
        scalars.join(", ")
    )
}

/// Name of a row in tables and files: `displacement, receiver 3`.
pub fn row_name(quantity: TraceQuantity, row: usize) -> String {
    let (receiver, axis) = quantity.row(row);
    let axis = if axis.is_empty() {
        String::new()
    } else {
        format!(" along {axis}")
    };
    format!("{}{axis}, receiver {receiver}", quantity.recorded().name())
}

/// The trivial predictions, which runs share that learnt from the same trajectories, with their errors: zero once, those that learn once
/// for every number of trajectories.
pub fn trivial(measured: &[Measured]) -> Vec<Trivial<'_>> {
    let several = measured
        .windows(2)
        .any(|pair| pair[0].learnt_from != pair[1].learnt_from);
    let mut list: Vec<Trivial<'_>> = Vec::new();
    for item in measured {
        for baseline in &item.evaluation.baselines {
            let learnt_from = item.learnt_from.filter(|_| baseline.name != ZERO);
            let known = |other: &Trivial<'_>| {
                other.baseline.name == baseline.name && other.learnt_from == learnt_from
            };
            if list.iter().any(known) {
                continue;
            }
            let mut name = baseline.name.replace('-', " ");
            if let Some(count) = learnt_from.filter(|_| several) {
                name += &format!(" of {count} trajectories");
            }
            list.push(Trivial {
                name,
                baseline,
                learnt_from,
            });
        }
    }
    list
}

/// The tables for the terminal.
pub fn terminal_tables(measured: &[Measured]) -> String {
    let costs: Vec<Vec<String>> = measured
        .iter()
        .map(|item| {
            let latency = item.evaluation.latency;
            vec![
                item.label.clone(),
                grouped(item.surrogate.parameters() as u64),
                grouped(item.surrogate.footprint().multiply_adds as u64),
                duration(item.surrogate.provenance().training_seconds),
                milliseconds(latency.single_ms),
                milliseconds(latency.batch_ms),
            ]
        })
        .collect();
    let three = |summary: Option<&Summary>, word: &dyn Fn(f64) -> String| match summary {
        Some(s) => [s.mean, s.median, s.worst].map(word),
        None => ["–"; 3].map(str::to_owned),
    };
    let row = |label: String, errors: &TracesSummary| {
        let seconds = |value: f64| milliseconds(value * 1e3);
        [label]
            .into_iter()
            .chain(three(errors.trajectories.as_ref(), &percent))
            .chain(three(errors.arrival_shift.as_ref(), &seconds))
            .chain(three(errors.amplitude_deviation.as_ref(), &percent))
            .collect::<Vec<String>>()
    };
    let networks = measured
        .iter()
        .map(|item| row(item.label.clone(), &item.evaluation.summary));
    let rows: Vec<Vec<String>> = networks
        .chain(
            trivial(measured)
                .into_iter()
                .map(|own| row(own.name, &own.baseline.summary)),
        )
        .collect();
    let header = [
        "",
        "relative L2: mean",
        "median",
        "worst",
        "arrival shift: mean",
        "median",
        "worst",
        "amplitude off by: mean",
        "median",
        "worst",
    ];
    format!(
        "{}\n\n{}",
        table(
            &[
                "",
                "parameters",
                "multiply-adds",
                "training",
                "one scene",
                "each of all"
            ],
            &costs
        ),
        table(&header, &rows)
    )
}

/// The results for scripts.
pub fn as_json(measured: &[Measured]) -> Value {
    let runs: Vec<Value> = measured
        .iter()
        .map(|item| {
            json!({
                "run": item.run.display().to_string(),
                "label": item.label,
                "task": item.surrogate.config().task.kind(),
                "trajectories": item.evaluation.trajectories.len(),
                "parameters": item.surrogate.parameters(),
                "multiply_adds": item.surrogate.footprint().multiply_adds,
                "summary": item.evaluation.summary,
                "receivers": item.evaluation.receivers,
                "latency": item.evaluation.latency,
                "training_seconds": item.surrogate.provenance().training_seconds,
                "provenance": item.surrogate.provenance(),
                "pruning": item.surrogate.metadata().pruning,
            })
        })
        .collect();
    let baselines: Vec<Value> = trivial(measured)
        .into_iter()
        .map(|own| {
            json!({
                "name": own.baseline.name,
                "learnt_from": own.learnt_from,
                "summary": own.baseline.summary,
            })
        })
        .collect();
    json!({ "runs": runs, "baselines": baselines })
}
