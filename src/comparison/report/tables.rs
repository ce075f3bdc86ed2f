//! The tables of a comparison.

use fewave_plots::{Cell, Column, Table};
use fewave_surrogate::evaluate::{Baseline, EvaluationSummary};
use fewave_surrogate::metrics::{Measure, MetricsSummary, Summary};

use super::Comparison;
use crate::comparison::Measured;
use crate::comparison::scope::{self, Mode};

/// Errors of every network and of the trivial predictions: single steps, short rollouts where whole ones are longer,
/// whole rollouts.
pub(super) fn errors(comparison: &Comparison<'_>) -> Vec<Table> {
    let histories = scope::histories(comparison.measured).map_or(String::new(), |each| {
        format!(". The runs start differently: {each} snapshots")
    });
    type Of<T> = fn(&T) -> Option<&Summary>;
    let table = |what: &str, of: Of<EvaluationSummary>, trivial: Of<Baseline>| {
        let networks = comparison.measured.iter().filter_map(|item| {
            let errors = of(&item.evaluation.summary)?;
            Some((item.label.clone(), item.surrogate.parameters(), errors))
        });
        let baselines = scope::trivial(comparison.measured)
            .into_iter()
            .filter_map(|listed| {
                let baseline = listed.baseline;
                let name = listed.name.replace('-', " ");
                Some((name, baseline.parameters, trivial(baseline)?))
            });
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
    let mut tables = Vec::new();
    if scope::mode(comparison.measured) != Mode::Fields {
        tables.push(table(
            "One step",
            |s| s.one_step_relative_l2.as_ref(),
            |b| b.one_step_relative_l2.as_ref(),
        ));
    }
    if let Some(beginning) = scope::beginning(comparison.measured) {
        tables.push(table(
            &capitalised(&beginning),
            |s| Some(&s.rollout_relative_l2_20),
            |b| Some(&b.rollout_relative_l2_20),
        ));
    }
    tables.push(table(
        &capitalised(&scope::whole(comparison.measured)),
        |s| Some(&s.rollout_relative_l2_full),
        |b| Some(&b.rollout_relative_l2_full),
    ));
    tables
}

/// Every measure of every network and trivial prediction, measure by measure: of single steps, and of whole rollouts.
pub(super) fn measures(comparison: &Comparison<'_>) -> Vec<Table> {
    let (measured, split) = (comparison.measured, comparison.split);
    let trivial = scope::trivial(measured);
    type Of<'a> = (String, &'a Measured, Option<&'a MetricsSummary>);
    let table = |what: &str, all: &[Of<'_>]| {
        let mut rows = Vec::new();
        for measure in Measure::ALL {
            let unit = if measure.has_unit() { ", m" } else { "" };
            for (label, item, summary) in all {
                let Some(values) = summary.and_then(|summary| summary.get(measure)) else {
                    continue;
                };
                let worst = &item.evaluation.trajectories[values.worst_position];
                let mut row = vec![
                    Cell::words(format!("{}{unit}", capitalised(measure.title()))),
                    Cell::words(label),
                ];
                let values = [values.mean, values.median, values.q90, values.worst];
                row.extend(values.map(Cell::number));
                row.push(Cell::count(worst.index));
                rows.push(row);
            }
        }
        Table {
            caption: format!(
                "{what}, every measure over {} of the {} split. Wavenumbers k count waves along a side of the grid; ratios are plain numbers, 1 is 100 %. \
                 Over a trajectory, the largest error and the energy drift are the largest absolute values, others are means over the snapshots. \
                 There is no energy drift while sources act, where sides absorb, or without a speed map",
                scope::trajectories(measured),
                split.provenance().split
            ),
            columns: ["Measure", "Network"]
                .map(Column::words)
                .into_iter()
                .chain(
                    [
                        "Mean",
                        "Median",
                        "90 % quantile",
                        "Worst",
                        "Worst trajectory",
                    ]
                    .map(|name| Column::numbers(name, "")),
                )
                .collect(),
            rows,
        }
    };
    type Pick = (
        fn(&EvaluationSummary) -> Option<&MetricsSummary>,
        fn(&Baseline) -> Option<&MetricsSummary>,
    );
    let all = |(network, baseline): Pick| -> Vec<Of<'_>> {
        let networks = measured.iter().map(|item| {
            let summary = network(&item.evaluation.summary);
            (item.label.clone(), item, summary)
        });
        let baselines = trivial.iter().map(|listed| {
            let name = listed.name.replace('-', " ");
            (name, listed.item, baseline(listed.baseline))
        });
        networks.chain(baselines).collect()
    };
    let mut tables = Vec::new();
    if scope::mode(measured) != Mode::Fields {
        let single: Pick = (|s| s.one_step.as_ref(), |b| b.one_step.as_ref());
        tables.push(table("One step", &all(single)));
    }
    let whole: Pick = (|s| Some(&s.rollout), |b| Some(&b.rollout));
    tables.push(table(&capitalised(&scope::whole(measured)), &all(whole)));
    tables
}

/// The first letter as a capital.
fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
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
                number(latency.map(|l| l.ensemble_rollout_ms)),
            ]
        })
        .collect();
    if let Some(own) = comparison.fe.and_then(|fe| fe.own) {
        let mut spans: Vec<usize> = comparison
            .measured
            .iter()
            .filter_map(|item| Some(scope::reached(item, &item.evaluation.latency?)))
            .collect();
        spans.sort_unstable();
        spans.dedup();
        for snapshots in spans {
            let [single, ensemble] = own.for_snapshots(snapshots);
            for (name, alone, together) in [
                ("FE, one at a time".to_owned(), Some(single), None),
                (
                    format!("FE, {} at once", own.lanes * own.threads),
                    None,
                    Some(ensemble),
                ),
            ] {
                let number = |value: Option<f64>| value.map_or_else(Cell::missing, Cell::number);
                let mut row = vec![Cell::words(name)];
                row.extend((0..6).map(|_| Cell::missing()));
                row.extend([
                    Cell::count(snapshots as u64),
                    number(alone),
                    number(together),
                ]);
                rows.push(row);
            }
        }
    }
    let steps = if scope::mode(comparison.measured) == Mode::Rollouts {
        ""
    } else {
        "A step of a network of whole fields is the whole field, and its rollout, too. "
    };
    let threads = comparison
        .measured
        .first()
        .and_then(|item| item.evaluation.latency)
        .map_or(0, |latency| latency.threads);
    Table {
        caption: format!(
            "Cost. {steps}A rollout is of the first trajectory that can be predicted; FE is on the data's own mesh, its time scaled to the same snapshots. \
             One of many: wall time of a batch, or of an FE ensemble, over its trajectories. All on {}. \
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
            Column::numbers("Rollout alone", "ms"),
            Column::numbers("Rollout as one of many", "ms"),
        ],
        rows,
    }
}
