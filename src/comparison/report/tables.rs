//! The tables of a comparison.

use fewave_plots::{Cell, Column, Table};
use fewave_surrogate::evaluate::{Baseline, EvaluationSummary, SHORT_ROLLOUT};
use fewave_surrogate::metrics::Summary;

use super::Comparison;

/// Errors of every network and of the trivial predictions: single steps, rollouts of 20 steps, whole rollouts.
pub(super) fn errors(comparison: &Comparison<'_>) -> Vec<Table> {
    let table =
        |what: &str, of: fn(&EvaluationSummary) -> &Summary, trivial: fn(&Baseline) -> &Summary| {
            let networks = comparison.measured.iter().map(|item| {
                (
                    item.label.clone(),
                    item.surrogate.parameters(),
                    of(&item.evaluation.summary),
                )
            });
            let baselines = comparison
                .measured
                .first()
                .into_iter()
                .flat_map(|item| &item.evaluation.baselines)
                .map(|baseline| (baseline.name.replace('-', " "), 0, trivial(baseline)));
            let mut columns = vec![Column::words("Network"), Column::numbers("Parameters", "")];
            columns.extend(
                ["Mean", "Median", "90 % quantile", "Worst"].map(|name| Column::numbers(name, "%")),
            );
            Table {
                caption: format!(
                    "{what}: relative L2 error over the {} trajectories of the {} split",
                    comparison.split.len(),
                    comparison.split.provenance().split
                ),
                columns,
                rows: networks
                    .chain(baselines)
                    .map(|(label, parameters, errors)| {
                        let mut row = vec![Cell::words(label), Cell::count(parameters as u64)];
                        let values = [errors.mean, errors.median, errors.q90, errors.worst];
                        row.extend(values.map(|value| Cell::number(value * 100.0)));
                        row
                    })
                    .collect(),
            }
        };
    vec![
        table(
            "One step",
            |s| &s.one_step_relative_l2,
            |b| &b.one_step_relative_l2,
        ),
        table(
            &format!("Rollout of {SHORT_ROLLOUT} steps"),
            |s| &s.rollout_relative_l2_20,
            |b| &b.rollout_relative_l2_20,
        ),
        table(
            "Whole rollout",
            |s| &s.rollout_relative_l2_full,
            |b| &b.rollout_relative_l2_full,
        ),
    ]
}

/// Parameters, work and times, the FE solver's beside them.
pub(super) fn costs(comparison: &Comparison<'_>) -> Table {
    let mut rows: Vec<Vec<Cell>> = comparison
        .measured
        .iter()
        .map(|item| {
            let latency = item.evaluation.latency;
            let number = |value: Option<f64>| value.map_or_else(Cell::missing, Cell::number);
            vec![
                Cell::words(&item.label),
                Cell::count(item.surrogate.parameters() as u64),
                Cell::number(item.surrogate.footprint().multiply_adds as f64 / 1e6),
                Cell::number(item.surrogate.provenance().training_seconds),
                number(latency.map(|l| l.per_step_ms_median)),
                number(latency.map(|l| l.rollout_ms)),
            ]
        })
        .collect();
    if let Some(fe) = comparison.fe {
        for (name, time) in [
            ("FE, one at a time".to_owned(), fe.single_ms),
            (
                format!("FE, {} side by side, each", fe.lanes),
                fe.ensemble_ms,
            ),
        ] {
            rows.push(vec![
                Cell::words(name),
                Cell::missing(),
                Cell::missing(),
                Cell::missing(),
                Cell::missing(),
                Cell::number(time),
            ]);
        }
    }
    let threads = comparison
        .measured
        .first()
        .and_then(|item| item.evaluation.latency)
        .map_or(0, |latency| latency.threads);
    Table {
        caption: format!(
            "Cost. A trajectory is the whole rollout, or the FE run on the data's own mesh; surrogates on {threads} threads, FE on one. \
             FE is the reference, so its error is that of its mesh, not zero"
        ),
        columns: vec![
            Column::words("Network"),
            Column::numbers("Parameters", ""),
            Column::numbers("Multiply-adds a step", "million"),
            Column::numbers("Training", "s"),
            Column::numbers("Step", "ms"),
            Column::numbers("Trajectory", "ms"),
        ],
        rows,
    }
}
