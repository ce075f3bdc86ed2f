//! Surrogates measured on a split, and what that is compared with: trivial predictions and the FE solver itself.

pub mod files;
pub mod findings;
pub mod reference;
pub mod report;

use std::path::{Path, PathBuf};

use candle_core::Device;
use fewave_datasets::{Split, SplitName};
use fewave_surrogate::{EvaluateOptions, Evaluation, Surrogate, evaluate};
use serde_json::{Value, json};

use crate::cli::SplitArgument;
use crate::console::{Console, percent, table};

/// A run, measured.
#[derive(Debug)]
pub struct Measured {
    /// Folder or checkpoint.
    pub run: PathBuf,
    /// Name in tables and figures.
    pub label: String,
    /// The surrogate.
    pub surrogate: Surrogate,
    /// Its errors and times.
    pub evaluation: Evaluation,
}

impl From<SplitArgument> for SplitName {
    fn from(split: SplitArgument) -> Self {
        match split {
            SplitArgument::Train => Self::Train,
            SplitArgument::Valid => Self::Valid,
            SplitArgument::Test => Self::Test,
        }
    }
}

/// Loads and measures runs on a split. All are loaded before the first is measured, so that mistakes show early.
///
/// # Errors
/// When a run cannot be loaded or does not fit the data.
pub fn measure(
    runs: &[PathBuf],
    split: &Split,
    console: &Console,
) -> anyhow::Result<Vec<Measured>> {
    let mut loaded = Vec::new();
    for (run, label) in runs.iter().zip(labels(runs)) {
        let surrogate = Surrogate::load(run, &Device::Cpu)?;
        surrogate.check(split)?;
        loaded.push((run.clone(), label, surrogate));
    }
    let progress = console.progress(
        "evaluating",
        (loaded.len() * split.len()) as u64,
        "trajectories",
    );
    let mut measured = Vec::new();
    for (number, (run, label, surrogate)) in loaded.into_iter().enumerate() {
        let before = number * split.len();
        let mut follow =
            |done: usize, _: usize| progress.set((before + done) as u64, label.clone());
        let evaluation = evaluate(&surrogate, split, &EvaluateOptions::default(), &mut follow)?;
        measured.push(Measured {
            run,
            label,
            surrogate,
            evaluation,
        });
    }
    Ok(measured)
}

/// Short names that tell the runs apart: the last part of each path, or all of it where that is ambiguous.
fn labels(runs: &[PathBuf]) -> Vec<String> {
    let short = |run: &Path| {
        let absolute = std::path::absolute(run).unwrap_or_else(|_| run.to_path_buf());
        absolute.file_name().map_or_else(
            || run.display().to_string(),
            |name| name.to_string_lossy().into_owned(),
        )
    };
    let names: Vec<String> = runs.iter().map(|run| short(run)).collect();
    names
        .iter()
        .zip(runs)
        .map(|(name, run)| {
            let ambiguous = names.iter().filter(|other| *other == name).count() > 1;
            if ambiguous {
                run.display().to_string()
            } else {
                name.clone()
            }
        })
        .collect()
}

/// The table for the terminal.
pub fn terminal_table(measured: &[Measured]) -> String {
    let header = [
        "",
        "parameters",
        "one step: mean",
        "median",
        "worst",
        "rollout: mean",
        "median",
        "worst",
        "training",
        "step latency",
    ];
    let rows: Vec<Vec<String>> = measured
        .iter()
        .map(|item| {
            let summary = &item.evaluation.summary;
            let mut row = vec![
                item.label.clone(),
                crate::console::grouped(item.surrogate.parameters() as u64),
            ];
            for errors in [
                &summary.one_step_relative_l2,
                &summary.rollout_relative_l2_full,
            ] {
                row.extend([errors.mean, errors.median, errors.worst].map(percent));
            }
            row.push(crate::console::duration(
                item.surrogate.provenance().training_seconds,
            ));
            row.push(item.evaluation.latency.map_or("–".to_owned(), |latency| {
                format!("{:.2} ms", latency.per_step_ms_median)
            }));
            row
        })
        .chain(
            measured
                .first()
                .into_iter()
                .flat_map(|item| &item.evaluation.baselines)
                .map(|baseline| {
                    let mut row = vec![baseline.name.replace('-', " "), "0".to_owned()];
                    for errors in [
                        &baseline.one_step_relative_l2,
                        &baseline.rollout_relative_l2_full,
                    ] {
                        row.extend([errors.mean, errors.median, errors.worst].map(percent));
                    }
                    row.extend(["–".to_owned(), "–".to_owned()]);
                    row
                }),
        )
        .collect();
    table(&header, &rows)
}

/// The results for scripts.
pub fn as_json(measured: &[Measured]) -> Value {
    let runs: Vec<Value> = measured
        .iter()
        .map(|item| {
            let summary = &item.evaluation.summary;
            json!({
                "run": item.run.display().to_string(),
                "label": item.label,
                "parameters": item.surrogate.parameters(),
                "multiply_adds": item.surrogate.footprint().multiply_adds,
                "one_step_relative_l2": summary.one_step_relative_l2,
                "one_step_vrmse": summary.one_step_vrmse,
                "rollout_relative_l2_20": summary.rollout_relative_l2_20,
                "rollout_relative_l2_full": summary.rollout_relative_l2_full,
                "rollout_vrmse": summary.rollout_vrmse,
                "rollout_nrmse": summary.rollout_nrmse,
                "rollout_max_abs": summary.rollout_max_abs,
                "rollout_boundary_rmse": summary.rollout_boundary_rmse,
                "latency": item.evaluation.latency,
                "training_seconds": item.surrogate.provenance().training_seconds,
                "provenance": item.surrogate.provenance(),
            })
        })
        .collect();
    json!({ "runs": runs, "baselines": measured.first().map(|item| &item.evaluation.baselines) })
}
