//! The figure of a trajectory's seismograms: FE in grey, surrogates over it, one line a receiver.

use fewave_plots::{LineColour, LineMark, LineSeries, Lines, LinesAxis};
use ndarray::ArrayView1;

use super::Measured;

/// Most receivers drawn; of more, evenly spaced ones.
const MOST_SHOWN: usize = 8;

/// Figure of the first predicted quantity of the trajectory at `position`. Traces of all receivers share one scale: a largest sample of
/// all of them would reach to the next receiver's line.
pub fn figure(measured: &[Measured], name: &str, position: usize) -> Option<Lines> {
    let first = measured.first()?;
    let scaled = first.constants.quantities.first()?;
    let truth = first.evaluation.reference.get(position)?.first()?;
    let rows = truth.nrows();
    let shown: Vec<usize> = if rows <= MOST_SHOWN {
        (0..rows).collect()
    } else {
        (0..MOST_SHOWN)
            .map(|n| n * (rows - 1) / (MOST_SHOWN - 1))
            .collect()
    };
    let all = shown.iter().flat_map(|row| truth.row(*row).to_vec());
    let largest = all.fold(0.0f64, |largest, value| largest.max(f64::from(value).abs()));
    let scale = if largest > 0.0 { 0.9 / largest } else { 1.0 };
    let (x, quantity) = (first.constants.times(), scaled.quantity);
    let series = |label: &str, row: usize, values: ArrayView1<'_, f32>, colour, mark| LineSeries {
        label: label.to_owned(),
        x: x.clone(),
        y: values
            .iter()
            .map(|&value| row as f64 + scale * f64::from(value))
            .collect(),
        mark,
        colour,
    };
    let mut lines = Vec::new();
    for (place, &row) in shown.iter().enumerate() {
        let label = if place + 1 == shown.len() { "FE" } else { "" };
        lines.push(series(
            label,
            row,
            truth.row(row),
            LineColour::Grey,
            LineMark::Line,
        ));
    }
    for (number, item) in measured.iter().enumerate() {
        let own = item.evaluation.predictions.get(position)?;
        let place = item
            .constants
            .quantities
            .iter()
            .position(|q| q.quantity == quantity)?;
        let colour = LineColour::Palette(number);
        for (place_shown, &row) in shown.iter().enumerate() {
            let label = if place_shown == 0 {
                item.label.as_str()
            } else {
                ""
            };
            lines.push(series(
                label,
                row,
                own[place].row(row),
                colour,
                LineMark::Dashed,
            ));
        }
    }
    let index = first.evaluation.trajectories.get(position)?.index;
    let (unit, what) = (quantity.recorded().unit(), quantity.recorded().name());
    let row_word = if rows == first.constants.positions.len() {
        "receiver"
    } else {
        "receiver and axis"
    };
    Some(Lines {
        name: name.to_owned(),
        title: format!("{what} of trajectory {index} at the receivers"),
        x: LinesAxis::linear("time", "s"),
        y: LinesAxis::linear(row_word, ""),
        series: lines,
        note: format!(
            "{what} at each receiver around its number; one unit is {:.2e} {unit}",
            1.0 / scale
        ),
    })
}
