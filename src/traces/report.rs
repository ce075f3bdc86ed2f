//! The report of a comparison of surrogates of traces.

use std::path::Path;

use anyhow::Context;
use fewave_datasets::Split;
use fewave_plots::{
    Cell, Column, ErrorDistribution, ErrorSample, Figure, FigureStyle, ParameterCounts, Report,
    ReportFigure, Table, TrainingCurves, Verdict, write_figure,
};
use fewave_surrogate::Surrogate;
use fewave_surrogate::metrics::TracesSummary;

use super::{Measured, files, pruning, row_name, seismograms, trivial};
use crate::comparison::fe::timing::FeTime;
use crate::comparison::findings::{is_no_better, size};
use crate::comparison::report::seismograms::{columns, four, row};
use crate::comparison::report::{counts, origin, provenance, training_run};
use crate::comparison::scope::{counted, milliseconds};
use crate::console::{grouped, percent};
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

/// Writes `index.html`, `tables.tex`, the CSV files and `figures/` into an existing folder.
///
/// # Errors
/// When a figure cannot be drawn or a file cannot be written.
pub fn write(comparison: &Comparison<'_>, folder: &Path) -> anyhow::Result<()> {
    let measured = comparison.measured;
    let names: Vec<&str> = measured.iter().map(|item| item.label.as_str()).collect();
    let mut tables = vec![errors(comparison), receivers(comparison), costs(comparison)];
    for item in measured {
        if let Some(record) = &item.surrogate.metadata().pruning {
            tables.push(pruning::report_table(&item.label, record));
        }
    }
    let figures_folder = folder.join("figures");
    std::fs::create_dir_all(&figures_folder)
        .with_context(|| format!("{}: cannot create the folder", figures_folder.display()))?;
    let style = FigureStyle {
        width_cm: PAGE_CM,
        ..FigureStyle::default()
    };
    let mut drawn = Vec::new();
    for (figure, caption) in figures(measured) {
        drawn.push(ReportFigure {
            files: write_figure(figure.as_ref(), &style, &figures_folder)?,
            caption,
        });
    }
    Report {
        title: format!(
            "Traces of {}: {}",
            comparison.split.dataset_name(),
            names.join(", ")
        ),
        verdicts: findings(comparison),
        summary: summary(comparison),
        tables,
        player: None,
        figures: drawn,
        attachments: Vec::new(),
        commands: vec![comparison.command.clone()],
        provenance: provenance(comparison.split, &comparison.data_hash, runs(measured)),
    }
    .write(folder)?;
    output::write_atomically(&folder.join("metrics.csv"), &files::metrics(measured)?)?;
    output::write_atomically(&folder.join("summary.csv"), &files::summary(measured)?)
}

/// The surrogates by their labels.
fn runs(measured: &[Measured]) -> impl Iterator<Item = (&str, &Surrogate)> {
    measured
        .iter()
        .map(|item| (item.label.as_str(), &item.surrogate))
}

fn summary(comparison: &Comparison<'_>) -> Vec<String> {
    let (measured, split) = (comparison.measured, comparison.split);
    let mut text = vec![format!(
        "{} measured on {} of the {} split. {}",
        counted(measured.len(), "network"),
        counted_trajectories(split.len()),
        split.provenance().split,
        origin(split, &comparison.data_hash, runs(measured)),
    )];
    text.extend(measured.first().map(|item| {
        format!(
            "Predicted in one pass: {}. The error of a trajectory is one ratio of norms over all its receivers; that of a trace is floored at 1 % \
             of the trajectory's RMS. Arrival-time shifts are the lags at which prediction and FE correlate best, positive where predictions \
             arrive late; amplitude ratios are those of the largest samples.",
            super::describe(&item.constants)
        )
    }));
    text.push(
        "Zero costs nothing; the mean trace is that of the training trajectories; the nearest neighbour gives the recorded traces of the training \
         trajectory whose scalars are nearest. A surrogate has to beat all three."
            .to_owned(),
    );
    text
}

fn counted_trajectories(count: usize) -> String {
    if count == 1 {
        "1 trajectory".to_owned()
    } else {
        format!("{count} trajectories")
    }
}

fn findings(comparison: &Comparison<'_>) -> Vec<Verdict> {
    let measured = comparison.measured;
    let mut found = Vec::new();
    // of equal ones the first
    let largest = (0..measured.len())
        .rev()
        .max_by_key(|n| measured[*n].surrogate.parameters());
    let median = |errors: &TracesSummary| errors.trajectories.map_or(f64::NAN, |s| s.median);
    for (number, item) in measured.iter().enumerate() {
        let own = &item.evaluation.summary;
        if let Some(largest) = largest.filter(|n| *n != number).map(|n| &measured[n]) {
            let [own_count, other_count] = [item, largest].map(|run| run.surrogate.parameters());
            found.push(format!(
                "{} has {} parameters, {} {} ({}). Its median error is {} ({} there).",
                item.label,
                grouped(own_count as u64),
                size(own_count, other_count),
                largest.label,
                grouped(other_count as u64),
                percent(median(own)),
                percent(median(&largest.evaluation.summary)),
            ));
        }
        let best = trivial(std::slice::from_ref(item))
            .into_iter()
            .map(|trivial| (median(&trivial.baseline.summary), trivial.name))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((error, name)) = best
            && is_no_better(median(own), error)
        {
            found.push(format!(
                "Warning: {} is no better than the trivial prediction \u{201c}{name}\u{201d}: median error {} against {}. Train it longer, or on more data.",
                item.label,
                percent(median(own)),
                percent(error)
            ));
        }
        if let Some(fe) = &comparison.fe {
            let latency = item.evaluation.latency;
            let (ours, theirs) = (latency.single_ms, fe.single_ms);
            found.push(format!(
                "{} predicts the traces of a scene in {} ({}), {} each if {} at once; FE takes {} for it, {} each in an ensemble of \
                 {}: {:.0} times as long alone, {:.0} times in the ensemble. FE is the reference here, with the error of its own mesh; this is not \
                 at equal error.",
                item.label,
                milliseconds(ours),
                counted(latency.threads, "thread"),
                milliseconds(latency.batch_ms),
                latency.batch,
                milliseconds(theirs),
                milliseconds(fe.ensemble_ms),
                fe.lanes,
                theirs / ours,
                fe.ensemble_ms / latency.batch_ms,
            ));
        }
        if let Some(record) = &item.surrogate.metadata().pruning {
            found.push(pruned(&item.label, record));
        }
    }
    let plain = |text| Verdict { holds: None, text };
    found.into_iter().map(plain).collect()
}

fn pruned(label: &str, record: &fewave_surrogate::prune::Pruning) -> String {
    let (first, last) = (
        record.rounds.first(),
        record.rounds.iter().rfind(|round| round.accepted),
    );
    let (Some(first), Some(last)) = (first, last) else {
        return format!("{label} was pruned without a round.");
    };
    format!(
        "{label} was pruned from {} to {} parameters ({} fewer) in {}; its valid error went from {} to {}.",
        grouped(first.parameters as u64),
        grouped(last.parameters as u64),
        percent(1.0 - last.parameters as f64 / first.parameters as f64),
        counted(
            record.rounds.iter().filter(|r| r.accepted).count() - 1,
            "round"
        ),
        percent(first.valid_error),
        percent(last.valid_error)
    )
}

fn errors(comparison: &Comparison<'_>) -> Table {
    let networks = comparison.measured.iter().map(|item| {
        row(
            item.label.clone(),
            item.surrogate.parameters(),
            &item.evaluation.summary,
        )
    });
    Table {
        caption: format!(
            "Errors on the {} split: relative L2 error of each trajectory, absolute arrival-time shift and deviation of the amplitude ratio from 1 of \
             each trace",
            comparison.split.provenance().split
        ),
        columns: columns(),
        rows: networks
            .chain(
                trivial(comparison.measured)
                    .into_iter()
                    .map(|own| row(own.name, 0, &own.baseline.summary)),
            )
            .collect(),
    }
}

fn receivers(comparison: &Comparison<'_>) -> Table {
    let mut columns = vec![Column::words("Receiver"), Column::words("Network")];
    columns.extend(
        ["mean", "median", "90 %", "worst"]
            .map(|name| Column::numbers(&format!("Error: {name}"), "%")),
    );
    columns.extend([
        Column::numbers("Mean shift, signed", "ms"),
        Column::numbers("Shift: worst", "ms"),
        Column::numbers("Amplitude: median", "%"),
    ]);
    let number = |value: Option<f64>| value.map_or_else(Cell::missing, Cell::number);
    let mut rows = Vec::new();
    for item in comparison.measured {
        for own in &item.evaluation.receivers {
            let errors = &own.summary;
            let mut row = vec![
                Cell::words(row_name(own.quantity, own.row)),
                Cell::words(&item.label),
            ];
            row.extend(four(Some(&errors.relative_l2), 100.0));
            row.extend([
                number(errors.mean_shift.map(|shift| 1e3 * shift)),
                number(errors.arrival_shift.map(|shift| 1e3 * shift.worst)),
                number(errors.amplitude_deviation.map(|ratio| 100.0 * ratio.median)),
            ]);
            rows.push(row);
        }
    }
    Table {
        caption: "Receiver by receiver: errors of its traces".to_owned(),
        columns,
        rows,
    }
}

fn costs(comparison: &Comparison<'_>) -> Table {
    let mut rows: Vec<Vec<Cell>> = comparison
        .measured
        .iter()
        .map(|item| {
            let latency = item.evaluation.latency;
            vec![
                Cell::words(&item.label),
                Cell::count(item.surrogate.parameters() as u64),
                Cell::number(item.surrogate.footprint().stored_bits as f64 / 1e6),
                Cell::number(item.surrogate.footprint().multiply_adds as f64 / 1e6),
                Cell::number(item.evaluation.synaptic_operations / 1e6),
                Cell::number(item.surrogate.provenance().training_seconds),
                Cell::number(latency.single_ms),
                Cell::number(latency.batch_ms),
            ]
        })
        .collect();
    if let Some(fe) = &comparison.fe {
        let mut row = vec![Cell::words(format!("FE, {} side by side", fe.lanes))];
        row.extend((0..5).map(|_| Cell::missing()));
        row.extend([Cell::number(fe.single_ms), Cell::number(fe.ensemble_ms)]);
        rows.push(row);
    }
    Table {
        caption: format!(
            "Cost of a scene, alone and as one of many at once ({} for networks). Surrogates and FE on {}",
            comparison.split.len(),
            counted(
                comparison
                    .measured
                    .first()
                    .map_or(0, |item| item.evaluation.latency.threads),
                "thread"
            ),
        ),
        columns: vec![
            Column::words("Network"),
            Column::numbers("Parameters", ""),
            Column::numbers("Stored", "Mbit"),
            Column::numbers("Multiply-adds", "million"),
            Column::numbers("Synaptic operations", "million"),
            Column::numbers("Training", "s"),
            Column::numbers("Alone", "ms"),
            Column::numbers("Each of many", "ms"),
        ],
        rows,
    }
}

fn figures(measured: &[Measured]) -> Vec<(Box<dyn Figure>, String)> {
    let mut figures: Vec<(Box<dyn Figure>, String)> = Vec::new();
    for (name, what, position) in shown(measured) {
        if let Some(figure) = seismograms::figure(measured, name, position) {
            let first = measured.first().map_or("", |item| item.label.as_str());
            let caption = format!(
                "Traces of the trajectory that is {what} of the split by the error of {first}: FE in grey, predictions broken over it, around the number \
                 of each receiver. All share one scale; look for arrivals that come too early or late, and for waves that are missing."
            );
            figures.push((Box::new(figure), caption));
        }
    }
    let samples = measured.iter().map(|item| ErrorSample {
        label: item.label.clone(),
        values: item
            .evaluation
            .trajectories
            .iter()
            .map(|t| t.relative_l2)
            .collect(),
    });
    figures.push((
        Box::new(ErrorDistribution {
            name: "error-distribution".to_owned(),
            metric: "relative L2 error over all receivers".to_owned(),
            samples: samples.collect(),
        }),
        "One dot a trajectory: what a single prediction may be off by, which a mean hides."
            .to_owned(),
    ));
    figures.push((
        Box::new(ParameterCounts {
            name: "parameters".to_owned(),
            models: measured
                .iter()
                .map(|item| counts(&item.surrogate, item.label.clone()))
                .collect(),
        }),
        "Trainable parameters, in total and layer by layer.".to_owned(),
    ));
    let runs: Vec<_> = measured
        .iter()
        .filter_map(|item| training_run(&item.run, item.label.clone(), false))
        .collect();
    if !runs.is_empty() {
        figures.push((
            Box::new(TrainingCurves {
                name: "training".to_owned(),
                metric: "relative L2 error".to_owned(),
                runs,
            }),
            "Loss on the training batches (lines) and error on the valid split (marks); of a pruned run, of its last retraining.".to_owned(),
        ));
    }
    for (number, item) in (1..).zip(measured) {
        if let Some(record) = &item.surrogate.metadata().pruning {
            let name = pruning::figure_name(number, &item.label);
            figures.push((
                Box::new(pruning::figure(name, &item.label, record)),
                format!(
                    "Errors of {} against its parameters while it was pruned, from right to left; the broken line is what was allowed.",
                    item.label
                ),
            ));
        }
    }
    figures
}

/// Trajectories to draw: nearest the median and worst by the error of the first run, once where these are the same.
fn shown(measured: &[Measured]) -> Vec<(&'static str, &'static str, usize)> {
    let Some(first) = measured.first() else {
        return Vec::new();
    };
    let errors: Vec<f64> = first
        .evaluation
        .trajectories
        .iter()
        .map(|t| t.relative_l2.abs())
        .collect();
    let mut order: Vec<usize> = (0..errors.len()).collect();
    order.sort_by(|a, b| errors[*a].total_cmp(&errors[*b]));
    match order.as_slice() {
        [] => Vec::new(),
        [only] => vec![("traces-worst", "the only one", *only)],
        [.., worst] => vec![
            (
                "traces-median",
                "nearest the median",
                order[(order.len() - 1) / 2],
            ),
            ("traces-worst", "the worst", *worst),
        ],
    }
}
