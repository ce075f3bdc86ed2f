//! Seismograms of a comparison: what the receivers of the data recorded, and the surrogates at the same places.
//!
//! A surrogate predicts fields on the snapshot grid, so its trace is interpolated bilinearly at the receiver, at the times
//! of the snapshots that it predicts; the caption says so. FE traces are those of the data, with their own finer times.

use fewave_plots::{Trace, TracePanel, Traces};
use fewave_surrogate::metrics::Stations;
use fewave_surrogate::task::Domain;
use ndarray::{Array2, Axis};

use super::Comparison;
use super::figures::shared;

/// Receivers shown, evenly chosen.
const MOST_RECEIVERS: usize = 6;

/// The figure of a trajectory, and how many receivers the data have; `None` where they recorded no displacement.
///
/// # Errors
/// When the data cannot be read.
pub(super) fn traces(
    comparison: &Comparison<'_>,
    name: String,
    position: usize,
) -> anyhow::Result<Option<(Traces, usize)>> {
    let split = comparison.split;
    let (Some(spec), Some(recorded)) = (&split.spec().receivers, split.receivers(position)?) else {
        return Ok(None);
    };
    let shown = shared(comparison.measured, position);
    if shown.is_empty() {
        return Ok(None);
    }
    let count = spec.positions.len();
    let chosen: Vec<usize> = if count <= MOST_RECEIVERS {
        (0..count).collect()
    } else {
        (0..MOST_RECEIVERS)
            .map(|k| k * (count - 1) / (MOST_RECEIVERS - 1))
            .collect()
    };
    let domain = comparison.measured.first();
    let inside = domain
        .and_then(|item| item.surrogate.domain())
        .map(Domain::points);
    let times: Vec<f64> = shown.iter().map(|n| split.times()[*n]).collect();
    let places: Vec<[f64; 2]> = chosen.iter().map(|n| spec.positions[*n]).collect();
    let stations = Stations::new(split.axes(), &places, inside.as_ref());
    let predicted = comparison.measured.iter().map(|item| {
        let fields = item.evaluation.predictions.index_axis(Axis(0), position);
        stations.traces(fields.select(Axis(0), &shown).view())
    });
    let predicted: Vec<Array2<f32>> = predicted.collect();
    let mut panels = Vec::new();
    for (row, receiver) in chosen.into_iter().enumerate() {
        let place = spec.positions[receiver];
        let predictions = predicted.iter().map(|own| Trace::new(&times, own.row(row)));
        panels.push(TracePanel {
            label: format!(
                "receiver {receiver}: x = {} m, y = {} m",
                place[0], place[1]
            ),
            predictions: predictions.collect(),
            reference: Trace::new(&spec.times, recorded.row(receiver)),
        });
    }
    let figure = Traces {
        name,
        title: format!("Seismograms of trajectory {}", split.index(position)?),
        quantity: "displacement".to_owned(),
        unit: "m".to_owned(),
        models: comparison
            .measured
            .iter()
            .map(|item| item.label.clone())
            .collect(),
        panels,
    };
    Ok(Some((figure, count)))
}
