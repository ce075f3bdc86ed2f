//! Figures of a dataset's trajectory, with predictions of it beside.

use std::path::Path;

use anyhow::Context;
use fewave_datasets::{Split, SplitName};
use fewave_plots::{Prediction, Trace, TracePanel, Traces, Wavefields};
use fewave_surrogate::metrics::Stations;
use ndarray::{Array2, Array3, Axis};

use crate::cli::PlotArguments;
use crate::comparison::files::PREDICTED_BY;
use crate::comparison::report::extent;
use crate::config::ConfigError;

/// Times drawn where none are asked for.
const TIMES: usize = 4;

/// Opens a data file, a split (`data/test`) or the test split of a dataset.
fn open(path: &Path) -> anyhow::Result<Split> {
    if path.is_file() {
        return Ok(Split::open_file(path)?);
    }
    let splits = [SplitName::Train, SplitName::Valid, SplitName::Test];
    let last = path.file_name().and_then(|name| name.to_str());
    let named = splits.into_iter().find(|name| Some(name.as_str()) == last);
    let Some(name) = named else {
        return Ok(Split::open(path, SplitName::Test)?);
    };
    // `data/test` names the split of the dataset `data`; its files lie in `data/data/test`, which may be given, too
    let dataset = path.parent().unwrap_or(Path::new("."));
    let dataset = if path.is_dir() && dataset.file_name().is_some_and(|name| name == "data") {
        dataset.parent().unwrap_or(Path::new("."))
    } else {
        dataset
    };
    let dataset = if dataset.as_os_str().is_empty() {
        Path::new(".")
    } else {
        dataset
    };
    Ok(Split::open(dataset, name)?)
}

/// A trajectory and predictions of it.
struct Trajectory {
    split: Split,
    position: usize,
    truth: Array3<f32>,
    inside: Option<Array2<bool>>,
    predictions: Vec<(String, Array3<f32>)>,
}

fn trajectory(arguments: &PlotArguments) -> anyhow::Result<Trajectory> {
    let path = arguments.source()?;
    let split = open(&path)?;
    let position = arguments.trajectory;
    if position >= split.len() {
        return Err(ConfigError::Usage(format!(
            "--trajectory {position}: {} has {} trajectories, expected 0 to {}",
            path.display(),
            split.len(),
            split.len() - 1
        ))
        .into());
    }
    let truth = split.read_snapshots("displacement", position, 0..split.times().len())?;
    let holes = split
        .field_specs()
        .iter()
        .any(|field| field.name == fewave_datasets::INSIDE_FIELD);
    let inside = if holes {
        let field = split.read_static(fewave_datasets::INSIDE_FIELD, position)?;
        Some(field.mapv(|v| v > 0.5))
    } else {
        None
    };
    let index = split.index(position)?;
    let mut predictions = Vec::new();
    for file in &arguments.prediction {
        let predicted = Split::open_file(file)?;
        let label = predicted.provenance().extra.get(PREDICTED_BY).cloned();
        let label = label.with_context(|| {
            format!(
                "{}: is no file of predictions; give what `fewave predict` or `fewave evaluate` wrote",
                file.display()
            )
        })?;
        let mut same = None;
        for other in 0..predicted.len() {
            if predicted.index(other)? == index {
                same = Some(other);
            }
        }
        let same = same.with_context(|| {
            format!(
                "{}: has no prediction of trajectory {index} (position {position} of {})",
                file.display(),
                path.display()
            )
        })?;
        anyhow::ensure!(
            predicted.axes() == split.axes() && predicted.times() == split.times(),
            "{}: predictions are on another grid or at other times than {}; they must be of the same data",
            file.display(),
            path.display()
        );
        let fields = predicted.read_snapshots("displacement", same, 0..split.times().len())?;
        predictions.push((label, fields));
    }
    Ok(Trajectory {
        split,
        position,
        truth,
        inside,
        predictions,
    })
}

/// The snapshots at the times asked for, or some evenly spread ones.
fn snapshots(times: &[f64], asked: &[f64]) -> Result<Vec<usize>, ConfigError> {
    if asked.is_empty() {
        let mut shown: Vec<usize> = (1..=TIMES).map(|k| (times.len() - 1) * k / TIMES).collect();
        shown.dedup();
        return Ok(shown);
    }
    let interval = times.windows(2).map(|w| w[1] - w[0]).fold(0.0, f64::max);
    asked
        .iter()
        .map(|time| {
            let near = |n: &usize| (times[*n] - time).abs() <= 1e-6 * interval.max(1e-300);
            (0..times.len()).find(near).ok_or_else(|| {
                let at = times.partition_point(|t| t < time).min(times.len() - 1);
                ConfigError::Usage(format!(
                    "--times {time}: there is no snapshot at that time, nothing is interpolated; the nearest are at {} s and {} s, every {interval} s from {} to {} s",
                    times[at.saturating_sub(1)],
                    times[at],
                    times[0],
                    times[times.len() - 1]
                ))
            })
        })
        .collect()
}

pub(super) fn wavefields(arguments: &PlotArguments, name: String) -> anyhow::Result<Wavefields> {
    let Trajectory {
        split,
        position,
        truth,
        inside,
        predictions,
    } = trajectory(arguments)?;
    let shown = snapshots(split.times(), &arguments.times)?;
    let fields = |all: &Array3<f32>| -> Vec<Array2<f32>> {
        let fields = shown.iter().map(|n| all.index_axis(Axis(0), *n).to_owned());
        fields.collect()
    };
    Ok(Wavefields {
        name,
        title: format!(
            "{} trajectory {}",
            split.provenance().split,
            split.index(position)?
        ),
        quantity: "displacement".to_owned(),
        unit: "m".to_owned(),
        extent: extent(&split),
        times: shown.iter().map(|n| split.times()[*n]).collect(),
        reference: fields(&truth),
        predictions: predictions
            .iter()
            .map(|(label, all)| Prediction {
                label: label.clone(),
                fields: fields(all),
            })
            .collect(),
        inside,
    })
}

pub(super) fn traces(arguments: &PlotArguments, name: String) -> anyhow::Result<Traces> {
    let Trajectory {
        split,
        position,
        predictions,
        inside,
        ..
    } = trajectory(arguments)?;
    let (Some(spec), Some(recorded)) = (&split.spec().receivers, split.receivers(position)?) else {
        anyhow::bail!(
            "{}: has no displacement at receivers; give the data's configuration a [receivers] section and generate it again",
            arguments.source()?.display()
        );
    };
    let stations = Stations::new(split.axes(), &spec.positions, inside.as_ref());
    let predicted: Vec<Array2<f32>> = predictions
        .iter()
        .map(|(_, fields)| stations.traces(fields.view()))
        .collect();
    let panels = spec
        .positions
        .iter()
        .enumerate()
        .map(|(receiver, place)| TracePanel {
            label: format!(
                "receiver {receiver}: x = {} m, y = {} m",
                place[0], place[1]
            ),
            reference: Trace::new(&spec.times, recorded.row(receiver)),
            predictions: predicted
                .iter()
                .map(|own| Trace::new(split.times(), own.row(receiver)))
                .collect(),
        });
    Ok(Traces {
        name,
        title: format!("Seismograms of trajectory {}", split.index(position)?),
        quantity: "displacement".to_owned(),
        unit: "m".to_owned(),
        models: predictions.iter().map(|(label, _)| label.clone()).collect(),
        panels: panels.collect(),
    })
}
