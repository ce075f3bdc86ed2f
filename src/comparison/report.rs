//! The report: figures, tables, findings and hashes of a comparison.

mod figures;
mod tables;

use std::path::Path;

use anyhow::Context;
use fewave_datasets::{Split, SplitName};
use fewave_plots::{FigureStyle, write_figure};
use fewave_plots::{Provenance, Report, ReportFigure};

use super::findings::findings;
use super::reference::FeTime;
use super::{Measured, files};
use crate::console::Console;
use crate::output;

/// Width of figures that span a page, in cm.
const PAGE_CM: f64 = 17.0;

/// Everything that a report is made of.
pub struct Comparison<'a> {
    /// The runs.
    pub measured: &'a [Measured],
    /// The split that they were measured on.
    pub split: &'a Split,
    /// What FE takes, where that is known.
    pub fe: Option<FeTime>,
    /// SHA-256 of the dataset.
    pub data_hash: String,
    /// The command that makes this report.
    pub command: String,
}

/// Writes `index.html`, `tables.tex` and `figures/` into an existing folder.
///
/// # Errors
/// When a figure cannot be drawn or a file cannot be written.
pub fn write(comparison: &Comparison<'_>, folder: &Path, console: &Console) -> anyhow::Result<()> {
    let figures_folder = folder.join("figures");
    std::fs::create_dir_all(&figures_folder)
        .with_context(|| format!("{}: cannot create the folder", figures_folder.display()))?;
    let style = FigureStyle {
        width_cm: PAGE_CM,
        ..FigureStyle::default()
    };
    let figures = figures::all(comparison)?;
    let progress = console.progress("drawing", figures.len() as u64, "figures");
    let mut written = Vec::new();
    for (number, (figure, caption)) in figures.into_iter().enumerate() {
        written.push(ReportFigure {
            files: write_figure(figure.as_ref(), &style, &figures_folder)?,
            caption,
        });
        progress.set(number as u64 + 1, "");
    }
    let names: Vec<&str> = comparison
        .measured
        .iter()
        .map(|item| item.label.as_str())
        .collect();
    let mut tables = tables::errors(comparison);
    tables.push(tables::costs(comparison));
    Report {
        title: format!(
            "Surrogates of {}: {}",
            comparison.split.dataset_name(),
            names.join(", ")
        ),
        verdicts: findings(comparison.measured, comparison.fe.as_ref()),
        summary: summary(comparison),
        tables,
        figures: written,
        commands: vec![comparison.command.clone()],
        provenance: provenance(comparison),
    }
    .write(folder)?;
    output::write_atomically(
        &folder.join("metrics.csv"),
        &files::metrics(comparison.measured, comparison.split)?,
    )?;
    output::write_atomically(
        &folder.join("summary.csv"),
        &files::summary(comparison.measured)?,
    )
}

fn summary(comparison: &Comparison<'_>) -> Vec<String> {
    let split = comparison.split;
    let [x, y] = split.axes();
    let history = comparison
        .measured
        .first()
        .map_or(0, |item| item.evaluation.history);
    let name = split.provenance().split;
    let unseen = match name {
        SplitName::Test => "which no network was trained or tuned on",
        SplitName::Valid => {
            "by which the checkpoints were chosen, so errors on new data are larger"
        }
        SplitName::Train => "which the networks were trained on, so errors on new data are larger",
    };
    let foreign: Vec<&str> = comparison
        .measured
        .iter()
        .filter(|item| item.surrogate.provenance().data_hash != comparison.data_hash)
        .map(|item| item.label.as_str())
        .collect();
    let origin = match foreign.as_slice() {
        [] => "The networks were trained on the train split of this dataset.".to_owned(),
        names => format!("Trained on another dataset: {}.", names.join(", ")),
    };
    vec![
        format!(
            "{} networks measured on the {} trajectories of the {name} split, {unseen}: {} × {} points, {} snapshots. {origin}",
            comparison.measured.len(),
            split.len(),
            x.len(),
            y.len(),
            split.times().len(),
        ),
        format!(
            "One step: the next snapshot from {history} true ones. Rollout: all snapshots from the first {history} alone, each prediction feeding the next. \
             Errors are relative L2 norms over a trajectory; 100 % is what predicting zero gives. Zero, persistence (no change) and linear \
             extrapolation (2u(n) − u(n−1)) cost no parameters and are what any surrogate has to beat."
        ),
    ]
}

fn provenance(comparison: &Comparison<'_>) -> Vec<Provenance> {
    let entry = |what: &str, source: String, sha256: &str| Provenance {
        what: what.to_owned(),
        source,
        sha256: sha256.to_owned(),
    };
    let split = comparison.split;
    let mut list = vec![
        entry(
            "program",
            format!("fewave {}", env!("CARGO_PKG_VERSION")),
            "",
        ),
        entry(
            "data",
            split.dataset_name().to_owned(),
            &comparison.data_hash,
        ),
        entry(
            "data configuration",
            format!("seed {}", split.provenance().seed),
            &split.provenance().config_hash,
        ),
    ];
    for item in comparison.measured {
        let origin = item.surrogate.provenance();
        list.push(entry(
            "training configuration",
            item.label.clone(),
            &origin.config_hash,
        ));
        list.push(entry(
            "training data",
            item.label.clone(),
            &origin.data_hash,
        ));
        list.push(entry(
            "weights",
            format!("{}, step {} of {}", item.label, origin.step, origin.steps),
            &origin.weights_hash,
        ));
    }
    list
}
