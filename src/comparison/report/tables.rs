//! The tables of a comparison.

use fewave_plots::{Cell, Column, Table};
use fewave_surrogate::metrics::Summary;

use super::Comparison;

/// Errors of every network and of the trivial predictions.
pub(super) fn errors(comparison: &Comparison<'_>) -> Table {
    let mut columns = vec![Column::words("Network"), Column::numbers("Parameters", "")];
    for what in ["One step", "Rollout of 20", "Whole rollout"] {
        for statistic in ["mean", "median", "90 %", "worst"] {
            columns.push(Column::numbers(&format!("{what}, {statistic}"), "%"));
        }
    }
    let cells = |summary: &Summary| {
        [summary.mean, summary.median, summary.q90, summary.worst]
            .map(|value| Cell::number(value * 100.0))
    };
    let mut rows: Vec<Vec<Cell>> = comparison
        .measured
        .iter()
        .map(|item| {
            let summary = &item.evaluation.summary;
            let mut row = vec![
                Cell::words(&item.label),
                Cell::count(item.surrogate.parameters() as u64),
            ];
            row.extend(cells(&summary.one_step_relative_l2));
            row.extend(cells(&summary.rollout_relative_l2_20));
            row.extend(cells(&summary.rollout_relative_l2_full));
            row
        })
        .collect();
    for baseline in comparison
        .measured
        .first()
        .into_iter()
        .flat_map(|item| &item.evaluation.baselines)
    {
        let mut row = vec![Cell::words(baseline.name.replace('-', " ")), Cell::count(0)];
        row.extend(cells(&baseline.one_step_relative_l2));
        row.extend(cells(&baseline.rollout_relative_l2_20));
        row.extend(cells(&baseline.rollout_relative_l2_full));
        rows.push(row);
    }
    Table {
        caption: format!(
            "Relative L2 error over the {} trajectories of the {} split",
            comparison.split.len(),
            comparison.split.provenance().split
        ),
        columns,
        rows,
    }
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
