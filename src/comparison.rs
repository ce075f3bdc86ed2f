//! Surrogates measured on a split, and what that is compared with: trivial predictions and the FE solver itself.

pub mod fe;
pub mod files;
pub mod findings;
pub mod ranges;
pub mod report;
pub mod requirements;
pub mod scope;

use std::path::{Path, PathBuf};

use candle_core::Device;
use fewave_datasets::{Split, SplitName};
use fewave_surrogate::metrics::{Measure, MetricsSummary, Summary};
use fewave_surrogate::{EvaluateOptions, Evaluation, OutOfRange, Surrogate, evaluate};
use serde_json::{Value, json};

use crate::cli::SplitArgument;
use crate::console::{Console, duration, grouped, percent, table};
use fe::Assessment;
use scope::{Mode, milliseconds};

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
    /// What of the split leaves the ranges of its training; none where the checkpoint does not know them.
    pub out_of_range: Option<Vec<OutOfRange>>,
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

/// A run, ready to be measured.
#[derive(Debug)]
pub struct Loaded {
    run: PathBuf,
    label: String,
    surrogate: Surrogate,
}

/// Loads runs for a split. All are loaded before the first is measured or anything is written, so that mistakes show early
/// and cost nothing.
///
/// # Errors
/// When a run is given twice, cannot be loaded or does not fit the data, or where there is nothing that all predict.
pub fn load(runs: &[PathBuf], split: &Split, device: &Device) -> anyhow::Result<Vec<Loaded>> {
    scope::refuse_repeated(runs)?;
    let mut loaded = Vec::new();
    for (run, label) in runs.iter().zip(labels(runs)) {
        let surrogate = Surrogate::load(run, device)?;
        surrogate.check(split)?;
        let run = run.clone();
        loaded.push(Loaded {
            run,
            label,
            surrogate,
        });
    }
    scope::common_snapshots(&loaded, split)?;
    Ok(loaded)
}

/// Measures runs on a split.
///
/// # Errors
/// When the data cannot be read or a network fails.
pub fn measure(
    loaded: Vec<Loaded>,
    split: &Split,
    console: &Console,
) -> anyhow::Result<Vec<Measured>> {
    let progress = console.progress(
        "evaluating",
        (loaded.len() * split.len()) as u64,
        "trajectories",
    );
    let options = EvaluateOptions {
        snapshots: scope::common_snapshots(&loaded, split)?,
        ..EvaluateOptions::default()
    };
    let mut measured = Vec::new();
    for (number, item) in loaded.into_iter().enumerate() {
        let Loaded {
            run,
            label,
            surrogate,
        } = item;
        let before = number * split.len();
        let mut follow =
            |done: usize, _: usize| progress.set((before + done) as u64, label.clone());
        let out_of_range = surrogate.out_of_range(split)?;
        progress.suspend(|| ranges::warn(&label, out_of_range.as_deref(), console));
        let evaluation = evaluate(&surrogate, split, &options, &mut follow)?;
        measured.push(Measured {
            out_of_range,
            run,
            label,
            surrogate,
            evaluation,
        });
    }
    Ok(measured)
}

/// Short names that tell the runs apart: the last part of each path, or all of it where that is ambiguous.
pub fn labels(runs: &[PathBuf]) -> Vec<String> {
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

/// The tables for the terminal: what each network costs, its errors beside those of trivial predictions, and what FE says to them.
pub fn terminal_tables(measured: &[Measured], fe: Option<&Assessment>) -> String {
    let costs: Vec<Vec<String>> = measured
        .iter()
        .map(|item| {
            let latency = item.evaluation.latency;
            vec![
                item.label.clone(),
                grouped(item.surrogate.parameters() as u64),
                grouped(item.surrogate.footprint().multiply_adds as u64),
                duration(item.surrogate.provenance().training_seconds),
                latency.map_or("–".to_owned(), |l| milliseconds(l.per_step_ms_median)),
                latency.map_or("–".to_owned(), |l| milliseconds(l.rollout_ms)),
            ]
        })
        .collect();
    let short = scope::beginning(measured);
    let single = measured.iter().any(|item| item.surrogate.rolls_out());
    let mut header = vec![String::new()];
    let titles = [
        single.then(|| "one step".to_owned()),
        short.as_ref().map(|words| words.replace("rollout of ", "")),
        Some(scope::all(measured)),
    ];
    for title in titles.into_iter().flatten() {
        header.extend([
            format!("{title}: mean"),
            "median".to_owned(),
            "worst".to_owned(),
        ]);
    }
    let row = |label: String, one: Option<&Summary>, first: &Summary, full: &Summary| {
        let cells = [
            single.then_some(one),
            short.is_some().then_some(Some(first)),
            Some(Some(full)),
        ];
        let cells = cells
            .into_iter()
            .flatten()
            .flat_map(|summary| match summary {
                Some(s) => [s.mean, s.median, s.worst].map(percent),
                None => ["–"; 3].map(str::to_owned),
            });
        std::iter::once(label).chain(cells).collect::<Vec<String>>()
    };
    let networks = measured.iter().map(|item| {
        let s = &item.evaluation.summary;
        row(
            item.label.clone(),
            s.one_step_relative_l2.as_ref(),
            &s.rollout_relative_l2_20,
            &s.rollout_relative_l2_full,
        )
    });
    let trivial = scope::trivial(measured).into_iter().map(|trivial| {
        let b = trivial.baseline;
        row(
            trivial.name.replace('-', " "),
            b.one_step_relative_l2.as_ref(),
            &b.rollout_relative_l2_20,
            &b.rollout_relative_l2_full,
        )
    });
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut text = format!(
        "{}\n\n{}",
        table(
            &[
                "",
                "parameters",
                "multiply-adds",
                "training",
                "step",
                "rollout"
            ],
            &costs
        ),
        table(&header, &networks.chain(trivial).collect::<Vec<_>>())
    );
    if scope::mode(measured) == Mode::Mixed {
        text += "\n\n  Errors are over the snapshots that all runs predict; whole fields start at t = 0, rollouts after the sources have stopped.";
    } else if let Some(each) = scope::histories(measured) {
        text += &format!(
            "\n\n  The runs predict from different numbers of snapshots ({each}), so their errors are not over the same span."
        );
    }
    if let Some(fe) = fe {
        for line in findings::fe_lines(measured, fe) {
            text += &format!("\n\n  {line}");
        }
    }
    for item in measured {
        let skipped = item.evaluation.skipped.len();
        if skipped > 0 {
            text += &format!(
                "\n\n  {}: {skipped} of {} trajectories left out, whose sources stop too late to predict anything.",
                item.label,
                skipped + item.evaluation.trajectories.len()
            );
        }
    }
    text
}

/// The results for scripts.
pub fn as_json(measured: &[Measured], fe: Option<&Assessment>) -> Value {
    let runs: Vec<Value> = measured
        .iter()
        .enumerate()
        .map(|(number, item)| {
            let summary = &item.evaluation.summary;
            let mut run = json!({
                "run": item.run.display().to_string(),
                "label": item.label,
                "task": item.surrogate.config().task.kind(),
                "history": item.evaluation.history,
                "trajectories": item.evaluation.trajectories.len(),
                "skipped": item.evaluation.skipped,
                "rollout_steps": item.evaluation.trajectories.iter().map(|t| t.rollout.len()).collect::<Vec<_>>(),
                "parameters": item.surrogate.parameters(),
                "multiply_adds": item.surrogate.footprint().multiply_adds,
                "one_step_relative_l2": summary.one_step_relative_l2,
                "rollout_relative_l2_20": summary.rollout_relative_l2_20,
                "rollout_relative_l2_full": summary.rollout_relative_l2_full,
                "out_of_range": item.out_of_range,
                "latency": item.evaluation.latency,
                "training_seconds": item.surrogate.provenance().training_seconds,
                "provenance": item.surrogate.provenance(),
            });
            add_measures(&mut run, summary.one_step.as_ref(), &summary.rollout);
            if let Some(fe) = fe {
                run["worth"] = json!(fe.worth.get(number));
            }
            run
        })
        .collect();
    let baselines: Vec<Value> = scope::trivial(measured)
        .into_iter()
        .map(|trivial| {
            let of = trivial.baseline;
            let mut baseline = json!({
                "name": trivial.name,
                "parameters": of.parameters,
                "history": trivial.item.evaluation.history,
                "one_step_relative_l2": of.one_step_relative_l2,
                "rollout_relative_l2_20": of.rollout_relative_l2_20,
                "rollout_relative_l2_full": of.rollout_relative_l2_full,
            });
            add_measures(&mut baseline, of.one_step.as_ref(), &of.rollout);
            baseline
        })
        .collect();
    let mut result = json!({ "runs": runs, "baselines": baselines });
    if let Some(fe) = fe {
        result["fe"] = json!({ "coarse": fe.coarse, "budget": fe.budget, "own": fe.own });
    }
    result
}

/// Adds `one_step_vrmse`, `rollout_vrmse` and so on. The relative L2 error is there in its own two lengths.
fn add_measures(object: &mut Value, one_step: Option<&MetricsSummary>, rollout: &MetricsSummary) {
    for (mode, summary) in [("one_step", one_step), ("rollout", Some(rollout))] {
        let measures = summary.into_iter().flat_map(MetricsSummary::iter);
        for (measure, values) in measures.filter(|(measure, _)| *measure != Measure::RelativeL2) {
            object[format!("{mode}_{}", measure.name())] = json!(values);
        }
    }
}
