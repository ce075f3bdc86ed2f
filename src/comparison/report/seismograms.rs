//! Errors of seismograms as a table, of wavefields read at the receivers and of surrogates that predict nothing else.

use fewave_plots::{Cell, Column, Table};
use fewave_surrogate::metrics::{Summary, TracesSummary};

use super::Comparison;
use crate::comparison::scope;

/// Cells for mean, median, 90 % quantile and worst, times a factor.
pub(crate) fn four(summary: Option<&Summary>, factor: f64) -> Vec<Cell> {
    match summary {
        Some(s) => [s.mean, s.median, s.q90, s.worst]
            .map(|value| Cell::number(factor * value))
            .to_vec(),
        None => vec![Cell::missing(); 4],
    }
}

/// The columns of [`row`].
pub(crate) fn columns() -> Vec<Column> {
    let mut columns = vec![Column::words("Network"), Column::numbers("Parameters", "")];
    for (what, unit) in [("Error", "%"), ("Shift", "ms"), ("Amplitude", "%")] {
        columns.extend(
            ["mean", "median", "90 %", "worst"]
                .map(|name| Column::numbers(&format!("{what}: {name}"), unit)),
        );
    }
    columns
}

/// Errors of trajectories, absolute arrival-time shifts and deviations of amplitude ratios from 1.
pub(crate) fn row(label: String, parameters: usize, errors: &TracesSummary) -> Vec<Cell> {
    let mut row = vec![Cell::words(label), Cell::count(parameters as u64)];
    row.extend(four(errors.trajectories.as_ref(), 100.0));
    row.extend(four(errors.arrival_shift.as_ref(), 1e3));
    row.extend(four(errors.amplitude_deviation.as_ref(), 100.0));
    row
}

/// What receivers would hear of the predicted wavefields; none where the data have no receivers.
pub(super) fn of_wavefields(comparison: &Comparison<'_>) -> Option<Table> {
    let measured = comparison.measured;
    let networks = measured.iter().filter_map(|item| {
        let errors = item.evaluation.summary.receivers.as_ref()?;
        Some(row(item.label.clone(), item.surrogate.parameters(), errors))
    });
    let trivial = scope::trivial(measured).into_iter().filter_map(|listed| {
        let errors = listed.baseline.receivers.as_ref()?;
        let name = listed.name.replace('-', " ");
        Some(row(name, listed.baseline.parameters, errors))
    });
    let rows: Vec<Vec<Cell>> = networks.chain(trivial).collect();
    let mut trajectories = measured
        .iter()
        .flat_map(|item| &item.evaluation.trajectories);
    let receivers = trajectories.find_map(|t| Some(t.receivers.as_ref()?.receivers.len()))?;
    Some(Table {
        caption: format!(
            "Seismograms at {}, over {} of the {} split: predicted and FE wavefields read on the snapshot grid at the receivers, at the times of the \
             predicted snapshots. Error: relative L2 over all receivers of a trajectory. Shift: how much later or earlier a receiver's prediction arrives \
             (largest correlation), without its sign. Amplitude: how far the largest predicted value is from the largest true one",
            scope::counted(receivers, "receiver"),
            scope::trajectories(measured),
            comparison.split.provenance().split
        ),
        columns: columns(),
        rows,
    })
}
