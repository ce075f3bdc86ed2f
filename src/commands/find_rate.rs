//! `fewave train --find-lr`: a sweep of the learning rate, as a table and a figure.

use std::ops::ControlFlow;
use std::path::Path;

use fewave_plots::{FigureStyle, LineColour, LineMark, LineSeries, Lines, LinesAxis, write_figure};
use fewave_surrogate::{RateSweep, find_rate};
use serde_json::json;

use crate::cli::Global;
use crate::config::document::Document;
use crate::console::Console;
use crate::interrupt;
use crate::output::{self, Contents};

/// What the folder of a sweep holds.
const CONTENTS: Contents = Contents {
    what: "a sweep of the learning rate",
    marker: "find-lr.csv",
    names: &[
        "find-lr.csv",
        "learning-rate.svg",
        "learning-rate.png",
        "learning-rate.pdf",
        "learning-rate.csv",
    ],
};

/// Runs the command.
pub fn run(config: &Path, folder: &Path, global: &Global) -> anyhow::Result<()> {
    let console = Console::new(global);
    let document = Document::read(config, &global.set)?;
    let config = super::train::read(&document)?;
    let device = crate::device::open(global.device.as_ref().unwrap_or(&config.train.device))?;
    super::train::check_data(&config)?;
    output::prepare_folder(folder, &CONTENTS, global.force)?;
    let _graceful = interrupt::graceful();
    let progress = console.progress("sweeping", 0, "updates");
    let sweep = find_rate(&config, &device, &mut |done, all| {
        progress.set_total(all as u64);
        progress.set(done as u64, "");
        match interrupt::requested() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    })?;
    progress.finish();
    anyhow::ensure!(
        !sweep.points.is_empty(),
        "the loss is no number before the first update; expected data and a network that give one: look at the data with fewave inspect"
    );
    write(&sweep, folder)?;
    match sweep.suggestion {
        Some(rate) => console.say(format!(
            "Suggested: --set train.learning_rate={rate:.1e}, a tenth of the rate of the least smoothed loss, {:.1e}",
            10.0 * rate
        )),
        None => console.say(
            "No suggestion: the loss never fell below nine tenths of its start; look at the figure, and at the data",
        ),
    }
    console.say(format!(
        "Sweep of {} updates: {}",
        sweep.points.len(),
        folder.join("learning-rate.svg").display()
    ));
    console.json(&json!({
        "folder": folder.display().to_string(),
        "updates": sweep.points.len(),
        "suggested_learning_rate": sweep.suggestion,
    }))
}

/// Writes the table and the figure.
fn write(sweep: &RateSweep, folder: &Path) -> anyhow::Result<()> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(["learning_rate", "loss", "smoothed_loss"])?;
    for point in &sweep.points {
        let values = [point.rate, point.loss, point.smoothed];
        table.write_record(values.map(|value| format!("{value:e}")))?;
    }
    output::write_atomically(&folder.join(CONTENTS.marker), &table.into_inner()?)?;
    let rates: Vec<f64> = sweep.points.iter().map(|point| point.rate).collect();
    let series = |label: &str, y: Vec<f64>, mark, colour| LineSeries {
        label: label.into(),
        x: rates.clone(),
        y,
        mark,
        colour,
    };
    let losses: Vec<f64> = sweep.points.iter().map(|point| point.loss).collect();
    let smoothed: Vec<f64> = sweep.points.iter().map(|point| point.smoothed).collect();
    let bounds = losses
        .iter()
        .fold((f64::INFINITY, 0.0f64), |(low, high), loss| {
            (low.min(*loss), high.max(*loss))
        });
    let mut all = vec![
        series(
            "loss of a batch",
            losses,
            LineMark::Points,
            LineColour::Grey,
        ),
        series("smoothed", smoothed, LineMark::Line, LineColour::Palette(0)),
    ];
    if let Some(rate) = sweep.suggestion {
        all.push(LineSeries {
            label: "suggested".into(),
            x: vec![rate; 2],
            y: vec![bounds.0, bounds.1],
            mark: LineMark::Dashed,
            colour: LineColour::Palette(1),
        });
    }
    let figure = Lines {
        name: "learning-rate".into(),
        title: "Loss over the learning rate of a sweep".into(),
        x: LinesAxis::logarithmic("learning rate", ""),
        y: LinesAxis::logarithmic("loss", ""),
        series: all,
        note: String::new(),
    };
    write_figure(&figure, &FigureStyle::page(), folder)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use fewave_surrogate::RatePoint;

    #[test]
    fn the_table_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let [marker, other] = ["find-lr.csv", "other"].map(|name| folder.path().join(name));
        // another name of the file shows whether it is written in place
        std::fs::write(&marker, "before").unwrap();
        std::fs::hard_link(&marker, &other).unwrap();
        let points = (1..4).map(|n| RatePoint {
            rate: 1e-3 * f64::from(n),
            loss: 1.0 / f64::from(n),
            smoothed: 1.0 / f64::from(n),
        });
        let sweep = RateSweep {
            points: points.collect(),
            suggestion: None,
        };
        write(&sweep, folder.path()).unwrap();
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "before");
        let table = std::fs::read_to_string(&marker).unwrap();
        assert_eq!(table.lines().count(), 4);
    }
}
