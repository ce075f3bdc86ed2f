//! The tables of a comparison.

use fewave_plots::{Cell, Column, Table};
use fewave_surrogate::evaluate::{Baseline, EvaluationSummary};
use fewave_surrogate::metrics::Summary;

use super::Comparison;
use crate::comparison::scope;

/// Errors of every network and of the trivial predictions: single steps, short rollouts where whole ones are longer,
/// whole rollouts.
pub(super) fn errors(comparison: &Comparison<'_>) -> Vec<Table> {
    let histories = scope::histories(comparison.measured).map_or(String::new(), |each| {
        format!(". The runs start differently: {each} snapshots")
    });
    let table =
        |what: &str, of: fn(&EvaluationSummary) -> &Summary, trivial: fn(&Baseline) -> &Summary| {
            let networks = comparison.measured.iter().map(|item| {
                (
                    item.label.clone(),
                    item.surrogate.parameters(),
                    of(&item.evaluation.summary),
                )
            });
            let baselines = scope::trivial(comparison.measured)
                .into_iter()
                .map(|listed| (listed.name.replace('-', " "), 0, trivial(listed.baseline)));
            let mut columns = vec![Column::words("Network"), Column::numbers("Parameters", "")];
            columns.extend(
                ["Mean", "Median", "90 % quantile", "Worst"].map(|name| Column::numbers(name, "%")),
            );
            Table {
                caption: format!(
                    "{what}: relative L2 error over {} of the {} split{histories}",
                    scope::trajectories(comparison.measured),
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
    let mut tables = vec![table(
        "One step",
        |s| &s.one_step_relative_l2,
        |b| &b.one_step_relative_l2,
    )];
    if let Some(steps) = scope::short_rollout(comparison.measured) {
        tables.push(table(
            &format!("Rollout of {steps}"),
            |s| &s.rollout_relative_l2_20,
            |b| &b.rollout_relative_l2_20,
        ));
    }
    tables.push(table(
        &format!(
            "Whole rollout of {}",
            scope::whole_rollout(comparison.measured)
        ),
        |s| &s.rollout_relative_l2_full,
        |b| &b.rollout_relative_l2_full,
    ));
    tables
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
                Cell::number(item.surrogate.footprint().stored_bits as f64 / 1e6),
                Cell::number(item.surrogate.footprint().multiply_adds as f64 / 1e6),
                Cell::number(item.evaluation.synaptic_operations / 1e6),
                Cell::number(item.surrogate.provenance().training_seconds),
                number(latency.map(|l| l.per_step_ms_median)),
                latency.map_or_else(Cell::missing, |l| Cell::count(l.rollout_steps as u64)),
                number(latency.map(|l| l.rollout_ms)),
            ]
        })
        .collect();
    if let Some(fe) = comparison.fe {
        let mut spans: Vec<usize> = comparison
            .measured
            .iter()
            .filter_map(|item| Some(item.evaluation.latency?.rollout_steps))
            .collect();
        spans.sort_unstable();
        spans.dedup();
        for snapshots in spans {
            let [single, ensemble] = fe.for_snapshots(snapshots);
            for (name, time) in [
                ("FE, one at a time".to_owned(), single),
                (format!("FE, {} side by side, each", fe.lanes), ensemble),
            ] {
                let mut row = vec![Cell::words(name)];
                row.extend((0..6).map(|_| Cell::missing()));
                row.extend([Cell::count(snapshots as u64), Cell::number(time)]);
                rows.push(row);
            }
        }
    }
    let threads = comparison
        .measured
        .first()
        .and_then(|item| item.evaluation.latency)
        .map_or(0, |latency| latency.threads);
    Table {
        caption: format!(
            "Cost. A rollout is of the first trajectory that can be predicted; FE is on the data's own mesh, its time scaled to the same snapshots. \
             Surrogates on {}, FE on one. FE is the reference, so its error is that of its mesh, not zero. \
             Layers of surrogates are run as they were trained or as dense convolutions, whichever is faster here. Synaptic operations are \
             pairs of a weight and an input of which neither is 0, in the first prediction",
            scope::counted(threads, "thread")
        ),
        columns: vec![
            Column::words("Network"),
            Column::numbers("Parameters", ""),
            Column::numbers("Stored", "Mbit"),
            Column::numbers("Multiply-adds a step", "million"),
            Column::numbers("Synaptic operations a step", "million"),
            Column::numbers("Training", "s"),
            Column::numbers("Step", "ms"),
            Column::numbers("Snapshots", ""),
            Column::numbers("Rollout", "ms"),
        ],
        rows,
    }
}
