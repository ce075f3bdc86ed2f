//! The report: figures, tables, findings and hashes of a comparison.

mod figures;
mod manifest;
mod origin;
mod pareto;
mod playing;
mod provenance;
mod receivers;
pub(crate) mod seismograms;
mod survey;
mod tables;
mod worth;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use fewave_datasets::Split;
use fewave_plots::{FigureStyle, write_figure};
use fewave_plots::{Report, ReportFigure, Verdict};
use fewave_surrogate::Surrogate;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::fe::Assessment;
use super::findings::findings;
use super::requirements::{self, Requirement};
use super::scope::Mode;
use super::{Measured, files, scope};
use crate::console::Console;

pub(crate) use figures::{counts, extent, training_run};
pub(crate) use origin::origin;
pub(crate) use provenance::provenance;

/// Width of figures that span a page, in cm.
const PAGE_CM: f64 = 17.0;

/// Everything that a report is made of.
pub struct Comparison<'a> {
    /// The runs.
    pub measured: &'a [Measured],
    /// The split that they were measured on.
    pub split: &'a Split,
    /// What FE says to the runs, where it was asked and could be.
    pub fe: Option<&'a Assessment>,
    /// What is demanded of the runs.
    pub requirements: &'a [Requirement],
    /// SHA-256 of the dataset.
    pub data_hash: String,
    /// The command that makes this report.
    pub command: String,
}

/// Writes `index.html`, `tables.tex`, `figures/` and `manifest.json` into an existing folder.
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
    let figures = figures::all(comparison, console)?;
    let count = figures.len() as u64;
    let progress = console.progress("drawing", count + playing::MOST as u64, "pictures");
    let drawn = AtomicU64::new(0);
    let written = figures
        .into_par_iter()
        .map(|(figure, caption)| {
            let files = write_figure(figure.as_ref(), &style, &figures_folder)?;
            progress.set(drawn.fetch_add(1, Ordering::Relaxed) + 1, "");
            Ok(ReportFigure { files, caption })
        })
        .collect::<anyhow::Result<Vec<ReportFigure>>>()?;
    let mut played = 0;
    let mut follow = || {
        played += 1;
        progress.set(count + played, "player");
    };
    let (player, animation) = playing::player(comparison, &style, &figures_folder, &mut follow)?;
    progress.finish();
    let names: Vec<&str> = comparison
        .measured
        .iter()
        .map(|item| item.label.as_str())
        .collect();
    let mut tables = tables::errors(comparison);
    tables.push(tables::costs(comparison));
    tables.extend(worth::tables(comparison));
    tables.extend(seismograms::of_wavefields(comparison));
    tables.extend(tables::measures(comparison));
    Report {
        title: format!(
            "Surrogates of {}: {}",
            comparison.split.dataset_name(),
            names.join(", ")
        ),
        verdicts: verdicts(comparison),
        summary: summary(comparison)?,
        tables,
        player,
        attachments: attachments(folder, animation),
        figures: written,
        commands: vec![comparison.command.clone()],
        provenance: provenance(
            comparison.split,
            &comparison.data_hash,
            runs(comparison.measured),
        ),
    }
    .write(folder)?;
    files::tables::write(comparison.measured, comparison.split, folder)?;
    manifest::write(comparison, folder)
}

/// The surrogates by their labels.
fn runs(measured: &[Measured]) -> impl Iterator<Item = (&str, &Surrogate)> {
    measured
        .iter()
        .map(|item| (item.label.as_str(), &item.surrogate))
}

/// What was demanded, then what was found.
fn verdicts(comparison: &Comparison<'_>) -> Vec<Verdict> {
    let measured = comparison.measured;
    let mut list = requirements::verdicts(comparison.requirements, measured);
    list.extend(findings(measured, comparison.fe));
    list
}

/// The files beside the page.
fn attachments(folder: &Path, animation: Option<PathBuf>) -> Vec<(String, PathBuf)> {
    let mut list = vec![
        ("the tables for LaTeX", folder.join("tables.tex")),
        (
            "every error of every trajectory and step",
            folder.join("metrics.csv"),
        ),
        ("errors over trajectories", folder.join("summary.csv")),
        (
            "hashes of everything, program and machine",
            folder.join(manifest::NAME),
        ),
    ];
    if let Some(path) = animation {
        list.insert(
            0,
            ("the worst trajectory as an animated PNG, for slides", path),
        );
    }
    list.into_iter()
        .map(|(what, path)| (what.to_owned(), path))
        .collect()
}

fn summary(comparison: &Comparison<'_>) -> anyhow::Result<Vec<String>> {
    let (split, measured) = (comparison.split, comparison.measured);
    let [x, y] = split.axes();
    let given = given(measured);
    let mut paragraphs = vec![
        format!(
            "{} measured on {} of the {} split: {} × {} points, {} snapshots. {}",
            scope::counted(measured.len(), "network"),
            scope::trajectories(measured),
            split.provenance().split,
            x.len(),
            y.len(),
            split.times().len(),
            origin(split, &comparison.data_hash, runs(measured)),
        ),
        format!(
            "{given} Errors are relative L2 norms over a trajectory; 100 % is what predicting zero gives. {} cost no parameters and are what any \
             surrogate has to beat.{}",
            if scope::mode(measured) == Mode::Fields {
                "Zero and persistence (no change from t = 0)"
            } else {
                "Zero, persistence (no change) and linear extrapolation (2u(n) − u(n−1))"
            },
            match comparison.fe.and_then(|fe| fe.coarse.as_ref()) {
                Some(words) => format!(" Coarse FE has one parameter, its cells per side: {words}."),
                None => String::new(),
            }
        ),
        "Each line is one training with one seed. Another seed gives other numbers, most of all for long rollouts: train several \
         before a difference is taken for a property of the scheme."
            .to_owned(),
    ];
    for item in measured {
        let skipped: Vec<String> = item
            .evaluation
            .skipped
            .iter()
            .map(|position| split.index(*position).map(|index| index.to_string()))
            .collect::<Result<_, _>>()?;
        if !skipped.is_empty() {
            paragraphs.push(format!(
                "Left out of {}, as their sources stop too late to predict anything: {} {}.",
                item.label,
                if skipped.len() == 1 {
                    "trajectory"
                } else {
                    "trajectories"
                },
                skipped.join(", ")
            ));
        }
    }
    Ok(paragraphs)
}

/// What the errors are of.
fn given(measured: &[Measured]) -> String {
    const FIELD: &str = "Whole field: all snapshots in one pass from the scene, which is the first snapshot, the medium, and the initial velocity and the \
                         sources where there are any.";
    match scope::mode(measured) {
        Mode::Fields => return FIELD.to_owned(),
        Mode::Mixed => {
            return format!(
                "{FIELD} Rollout: all snapshots from the first ones after the sources have stopped, each prediction feeding the next. The runs of \
                 this report predict in both ways: all errors over several snapshots are over those that every run predicts, and each way has \
                 its own trivial predictions."
            );
        }
        Mode::Rollouts => {}
    }
    match scope::histories(measured) {
        Some(each) => format!(
            "One step: the next snapshot from the true ones before it. Rollout: all snapshots from the first ones alone, each prediction \
             feeding the next. The runs predict from different numbers of snapshots ({each}): their rollouts begin at different times and \
             cover different spans, so their errors are not over the same snapshots, and each history has its own trivial predictions."
        ),
        None => {
            let history = measured.first().map_or(0, |item| item.evaluation.history);
            format!(
                "One step: the next snapshot from {history} true {}. Rollout: all snapshots from the first {history} alone, each prediction feeding the next.",
                if history == 1 { "one" } else { "ones" }
            )
        }
    }
}
