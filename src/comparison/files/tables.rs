//! Every measure as CSV: `metrics.csv` step by step, `trajectories.csv` trajectory by trajectory, `receivers.csv` receiver by receiver where
//! there are any, `summary.csv` over all of them, trivial predictions included.
//!
//! Measures with a unit carry it at the end of their name. A value that is not defined is an empty field.

use std::path::Path;

use anyhow::Context;
use fewave_datasets::Split;
use fewave_surrogate::metrics::{Measure, MetricsSummary, Summary, TracesSummary};

use crate::comparison::{Measured, scope};
use crate::output::write_atomically;

/// The field that is predicted.
const CHANNEL: &str = "displacement";

/// Writes the files into an existing folder.
///
/// # Errors
/// When a file cannot be written.
pub fn write(measured: &[Measured], split: &Split, folder: &Path) -> anyhow::Result<()> {
    for (name, content) in [
        ("metrics.csv", steps(measured, split)?),
        ("trajectories.csv", trajectories(measured, split)?),
        ("summary.csv", summary(measured, split)?),
    ] {
        write_atomically(&folder.join(name), &content)?;
    }
    let path = folder.join("receivers.csv");
    match receivers(measured, split)? {
        Some(content) => write_atomically(&path, &content),
        // that of an earlier report
        None if path.exists() => std::fs::remove_file(&path)
            .with_context(|| format!("{}: cannot remove the file", path.display())),
        None => Ok(()),
    }
}

/// A measure's name in files, with the unit of the field: `max_abs_m`.
fn column(measure: Measure) -> String {
    let unit = if measure.has_unit() { "_m" } else { "" };
    format!("{}{unit}", measure.name())
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| format!("{value:e}"))
}

/// What the errors over several snapshots of a run are of.
fn whole(item: &Measured) -> &'static str {
    if item.surrogate.rolls_out() {
        "rollout"
    } else {
        "field"
    }
}

/// Every measure of every trajectory and step.
fn steps(measured: &[Measured], split: &Split) -> anyhow::Result<Vec<u8>> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let head = ["run", "split", "trajectory", "channel", "mode", "step"];
    let head = head.iter().map(|name| (*name).to_owned());
    let measures = Measure::ALL.map(column);
    csv.write_record(head.chain(["time_s".to_owned()]).chain(measures))?;
    let name = split.provenance().split;
    for item in measured {
        for trajectory in &item.evaluation.trajectories {
            for (mode, steps) in [
                ("one-step", &trajectory.one_step),
                (whole(item), &trajectory.rollout),
            ] {
                for (count, (step, snapshot)) in steps.iter().zip(&trajectory.snapshots).enumerate()
                {
                    let time = split.times().get(*snapshot);
                    let place = [
                        item.label.clone(),
                        name.to_string(),
                        trajectory.index.to_string(),
                        CHANNEL.to_owned(),
                        mode.to_owned(),
                        (count + 1).to_string(),
                        time.map_or_else(String::new, f64::to_string),
                    ];
                    let values = Measure::ALL.map(|measure| number(measure.of(step)));
                    csv.write_record(place.into_iter().chain(values))?;
                }
            }
        }
    }
    Ok(csv.into_inner()?)
}

/// Every measure of every trajectory.
fn trajectories(measured: &[Measured], split: &Split) -> anyhow::Result<Vec<u8>> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let head = ["run", "split", "trajectory", "channel", "mode", "snapshots"];
    let head = head.iter().map(|name| (*name).to_owned());
    csv.write_record(head.chain(Measure::ALL.map(column)))?;
    let name = split.provenance().split;
    for item in measured {
        for trajectory in &item.evaluation.trajectories {
            for (mode, metrics) in [
                ("one-step", trajectory.one_step_metrics.as_ref()),
                (whole(item), Some(&trajectory.rollout_metrics)),
            ] {
                let Some(metrics) = metrics else { continue };
                let place = [
                    item.label.clone(),
                    name.to_string(),
                    trajectory.index.to_string(),
                    CHANNEL.to_owned(),
                    mode.to_owned(),
                    trajectory.snapshots.len().to_string(),
                ];
                let values = Measure::ALL.map(|measure| number(metrics.get(measure)));
                csv.write_record(place.into_iter().chain(values))?;
            }
        }
    }
    Ok(csv.into_inner()?)
}

/// Errors of every trajectory's seismograms; none without receivers.
fn receivers(measured: &[Measured], split: &Split) -> anyhow::Result<Option<Vec<u8>>> {
    let Some(spec) = &split.spec().receivers else {
        return Ok(None);
    };
    let mut csv = csv::Writer::from_writer(Vec::new());
    let head = ["run", "split", "trajectory", "receiver", "x_m", "y_m"];
    let measures = ["relative_l2", "arrival_shift_s", "amplitude_ratio"];
    csv.write_record(head.iter().chain(&measures))?;
    let (name, mut written) = (split.provenance().split, false);
    for item in measured {
        for trajectory in &item.evaluation.trajectories {
            let Some(errors) = &trajectory.receivers else {
                continue;
            };
            for (receiver, trace) in errors.receivers.iter().zip(&errors.traces) {
                let [x, y] = spec.positions[*receiver];
                csv.write_record([
                    item.label.clone(),
                    name.to_string(),
                    trajectory.index.to_string(),
                    receiver.to_string(),
                    x.to_string(),
                    y.to_string(),
                    number(Some(trace.relative_l2)),
                    number(trace.arrival_shift),
                    number(trace.amplitude_ratio),
                ])?;
                written = true;
            }
        }
    }
    Ok(written.then_some(csv.into_inner()?))
}

/// The three relative L2 errors of a prediction, and all its other measures.
struct Errors<'a> {
    label: &'a str,
    item: &'a Measured,
    relative_l2: [Option<&'a Summary>; 3],
    one_step: Option<&'a MetricsSummary>,
    rollout: &'a MetricsSummary,
    receivers: Option<&'a TracesSummary>,
}

/// Mean, median, 90 % quantile and worst of every measure.
fn summary(measured: &[Measured], split: &Split) -> anyhow::Result<Vec<u8>> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let head = ["run", "measure", "mean", "median", "q90", "worst"];
    csv.write_record(head.iter().chain(&["worst_trajectory", "split", "channel"]))?;
    let trivial = scope::trivial(measured);
    let networks = measured.iter().map(|item| {
        let of = &item.evaluation.summary;
        Errors {
            label: &item.label,
            item,
            relative_l2: [
                of.one_step_relative_l2.as_ref(),
                Some(&of.rollout_relative_l2_20),
                Some(&of.rollout_relative_l2_full),
            ],
            one_step: of.one_step.as_ref(),
            rollout: &of.rollout,
            receivers: of.receivers.as_ref(),
        }
    });
    let baselines = trivial.iter().map(|listed| {
        let of = listed.baseline;
        Errors {
            label: &listed.name,
            item: listed.item,
            relative_l2: [
                of.one_step_relative_l2.as_ref(),
                Some(&of.rollout_relative_l2_20),
                Some(&of.rollout_relative_l2_full),
            ],
            one_step: of.one_step.as_ref(),
            rollout: &of.rollout,
            receivers: of.receivers.as_ref(),
        }
    });
    for errors in networks.chain(baselines) {
        let names = [
            "one_step_relative_l2",
            "rollout_relative_l2_20",
            "rollout_relative_l2_full",
        ];
        // with the place of the worst trajectory, where the summary is over trajectories
        let mut rows: Vec<(String, &Summary, Option<usize>)> = names
            .into_iter()
            .zip(errors.relative_l2)
            .filter_map(|(name, values)| Some((name.to_owned(), values?)))
            .map(|(name, values)| (name, values, Some(values.worst_position)))
            .collect();
        for (mode, summary) in [
            ("one_step", errors.one_step),
            ("rollout", Some(errors.rollout)),
        ] {
            let measures = summary.into_iter().flat_map(MetricsSummary::iter);
            rows.extend(
                measures
                    .filter(|(measure, _)| *measure != Measure::RelativeL2)
                    .map(|(measure, values)| {
                        let place = Some(values.worst_position);
                        (format!("{mode}_{}", column(measure)), values, place)
                    }),
            );
        }
        if let Some(receivers) = errors.receivers {
            let named = receivers.named().into_iter().enumerate();
            rows.extend(named.filter_map(|(number, (name, values))| {
                let place = (number == 0).then_some(values?.worst_position);
                Some((format!("receivers_{name}"), values?, place))
            }));
        }
        for (measure, values, place) in rows {
            let trajectories = &errors.item.evaluation.trajectories;
            let worst = place.and_then(|place| trajectories.get(place));
            let mut record = vec![errors.label.to_owned(), measure];
            let figures = [values.mean, values.median, values.q90, values.worst];
            record.extend(figures.map(|value| format!("{value:e}")));
            record.push(worst.map_or_else(String::new, |t| t.index.to_string()));
            record.extend([split.provenance().split.to_string(), CHANNEL.to_owned()]);
            csv.write_record(record)?;
        }
    }
    Ok(csv.into_inner()?)
}
