//! Seismograms of a comparison: what the receivers of the data recorded, and the surrogates at the same places.
//!
//! A surrogate predicts fields on the snapshot grid, so its trace is interpolated bilinearly at the receiver, at the times
//! of the snapshots that it predicts; the caption says so. FE traces are those of the data, with their own finer times.

use fewave_plots::{Trace, TracePanel, Traces};
use fewave_surrogate::task::Domain;
use ndarray::{Array2, ArrayView3, Axis};

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
    let mut panels = Vec::new();
    for receiver in chosen {
        let place = spec.positions[receiver];
        let predictions = comparison.measured.iter().map(|item| {
            let fields = item.evaluation.predictions.index_axis(Axis(0), position);
            Trace {
                times: times.clone(),
                values: interpolated(fields, split.axes(), place, &shown, inside.as_ref()),
            }
        });
        panels.push(TracePanel {
            label: format!(
                "receiver {receiver}: x = {} m, y = {} m",
                place[0], place[1]
            ),
            predictions: predictions.collect(),
            reference: Trace {
                times: spec.times.clone(),
                values: recorded
                    .row(receiver)
                    .iter()
                    .map(|v| f64::from(*v))
                    .collect(),
            },
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

/// The field (time, x, y) at a place, at the chosen snapshots, bilinear between the grid's points; beside a hole or a curved side,
/// where some of the four are outside, between those inside.
pub(crate) fn interpolated(
    fields: ArrayView3<'_, f32>,
    axes: &[Vec<f64>; 2],
    place: [f64; 2],
    snapshots: &[usize],
    inside: Option<&Array2<bool>>,
) -> Vec<f64> {
    // node below the place, and the fraction of the way to the next
    let between = |axis: &[f64], at: f64| {
        let node = axis.partition_point(|x| *x <= at).saturating_sub(1);
        let node = node.min(axis.len().saturating_sub(2));
        match axis.get(node + 1) {
            Some(next) => (
                node,
                ((at - axis[node]) / (next - axis[node])).clamp(0.0, 1.0),
            ),
            None => (node, 0.0),
        }
    };
    let ((i, right), (j, up)) = (between(&axes[0], place[0]), between(&axes[1], place[1]));
    let (i1, j1) = (
        (i + 1).min(axes[0].len() - 1),
        (j + 1).min(axes[1].len() - 1),
    );
    let corners = [
        (i, j, (1.0 - right) * (1.0 - up)),
        (i1, j, right * (1.0 - up)),
        (i, j1, (1.0 - right) * up),
        (i1, j1, right * up),
    ];
    let holds = |i: usize, j: usize| inside.is_none_or(|inside| inside[[i, j]]);
    let held = corners.iter().filter(|(i, j, _)| holds(*i, *j));
    let total: f64 = held.clone().map(|(_, _, weight)| weight).sum();
    // outside of all: what is there, which is 0
    let scale = if total > 0.0 { 1.0 / total } else { 0.0 };
    let value = |n: &usize| {
        let parts = held.clone();
        let parts = parts.map(|&(i, j, weight)| f64::from(fields[[*n, i, j]]) * weight * scale);
        parts.sum()
    };
    snapshots.iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    #[test]
    fn a_bilinear_field_is_met_everywhere() {
        let axes = [vec![0.0, 1.0, 2.0], vec![-1.0, 0.0]];
        let fields = Array3::from_shape_fn((2, 3, 2), |(n, i, j)| {
            (n as f32 + 1.0) * (axes[0][i] * (axes[1][j] + 3.0)) as f32
        });
        for place in [[0.0, -1.0], [2.0, 0.0], [1.25, -0.5], [0.5, 0.0]] {
            let found = interpolated(fields.view(), &axes, place, &[1, 0], None);
            let exact = place[0] * (place[1] + 3.0);
            assert!((found[0] - 2.0 * exact).abs() < 1e-6 && (found[1] - exact).abs() < 1e-6);
        }
    }

    #[test]
    fn beside_a_hole_points_inside_count_alone() {
        let axes = [vec![0.0, 1.0], vec![0.0, 1.0]];
        let inside = Array2::from_shape_fn((2, 2), |at| at != (1, 1));
        // 3 wherever there is a domain, 0 outside
        let fields = Array3::from_shape_fn(
            (1, 2, 2),
            |(_, i, j)| {
                if inside[[i, j]] { 3.0 } else { 0.0 }
            },
        );
        let found = |place| interpolated(fields.view(), &axes, place, &[0], Some(&inside))[0];
        for place in [[0.5, 0.5], [0.9, 0.8], [0.0, 1.0]] {
            assert!((found(place) - 3.0).abs() < 1e-12, "{place:?}");
        }
        assert_eq!(found([1.0, 1.0]), 0.0);
    }
}
