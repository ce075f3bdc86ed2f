//! The record of a pruning as a table, as CSV and as a figure.

use fewave_plots::{Cell, Column, LineColour, LineMark, LineSeries, Lines, LinesAxis, Table};
use fewave_surrogate::prune::{PruneRound, Pruning};

use crate::console::{duration, grouped, percent, table};

/// Units of every hidden layer: `256, 256`.
pub fn units(round: &PruneRound) -> String {
    let each: Vec<String> = round.hidden.iter().map(usize::to_string).collect();
    each.join(", ")
}

/// What became of a round.
pub fn outcome(round: &PruneRound) -> &'static str {
    match (round.round, round.accepted) {
        (0, _) => "trained",
        (_, true) if round.diverged => "kept, retraining diverged",
        (_, true) => "kept",
        (_, false) if round.diverged => "refused, retraining diverged",
        (_, false) => "refused",
    }
}

/// The rounds for the terminal.
pub fn terminal_table(pruning: &Pruning) -> String {
    let rows: Vec<Vec<String>> = pruning
        .rounds
        .iter()
        .map(|round| {
            vec![
                round.round.to_string(),
                format!("{:.3e}", round.epsilon),
                units(round),
                grouped(round.parameters as u64),
                percent(round.train_error),
                percent(round.folded_error),
                percent(round.valid_error),
                duration(round.seconds),
                outcome(round).to_owned(),
            ]
        })
        .collect();
    let header = [
        "round",
        "epsilon",
        "units",
        "parameters",
        "train",
        "valid folded",
        "valid",
        "time",
        "",
    ];
    table(&header, &rows)
}

/// The rounds as CSV.
///
/// # Errors
/// Never for finite memory.
pub fn csv(pruning: &Pruning) -> anyhow::Result<Vec<u8>> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record([
        "round",
        "epsilon",
        "units",
        "parameters",
        "train_relative_l2",
        "valid_relative_l2_folded",
        "valid_relative_l2",
        "seconds",
        "outcome",
    ])?;
    for round in &pruning.rounds {
        let each: Vec<String> = round.hidden.iter().map(usize::to_string).collect();
        csv.write_record([
            round.round.to_string(),
            format!("{:e}", round.epsilon),
            each.join(" "),
            round.parameters.to_string(),
            format!("{:e}", round.train_error),
            format!("{:e}", round.folded_error),
            format!("{:e}", round.valid_error),
            format!("{:.3}", round.seconds),
            outcome(round).to_owned(),
        ])?;
    }
    Ok(csv.into_inner()?)
}

/// The rounds as a table of a report.
pub fn report_table(label: &str, pruning: &Pruning) -> Table {
    let row = |round: &PruneRound| {
        vec![
            Cell::words(round.round.to_string()),
            Cell::number(round.epsilon),
            Cell::words(units(round)),
            Cell::count(round.parameters as u64),
            Cell::number(round.train_error * 100.0),
            Cell::number(round.folded_error * 100.0),
            Cell::number(round.valid_error * 100.0),
            Cell::number(round.seconds),
            Cell::words(outcome(round)),
        ]
    };
    Table {
        caption: format!(
            "Pruning of {label} with ε = {}: units of its hidden layers, and relative L2 errors before (folded) and after {} steps of retraining. A \
             round is kept if its valid error is at most {} of that of the trained network",
            pruning.epsilon,
            pruning.retrain_steps,
            percent(1.0 + pruning.max_error_rise),
        ),
        columns: vec![
            Column::words("Round"),
            Column::numbers("ε", ""),
            Column::words("Units"),
            Column::numbers("Parameters", ""),
            Column::numbers("Train", "%"),
            Column::numbers("Valid, folded", "%"),
            Column::numbers("Valid", "%"),
            Column::numbers("Time", "s"),
            Column::words("Outcome"),
        ],
        rows: pruning.rounds.iter().map(row).collect(),
    }
}

/// Most characters of a label in the name of a figure.
const LONGEST: usize = 60;

/// Name of the figure of a report's run: its number, counted from 1, tells runs apart whose labels differ in what file names cannot hold.
pub fn figure_name(number: usize, label: &str) -> String {
    let plain = |c: char| match c.is_ascii_alphanumeric() || c == '_' {
        true => c,
        false => '-',
    };
    let stem: String = label.chars().map(plain).take(LONGEST).collect();
    format!("pruning-{number}-{stem}")
}

/// Valid error against parameters, over the rounds and so over ε, as a figure of this name.
pub fn figure(name: String, label: &str, pruning: &Pruning) -> Lines {
    let series =
        |name: &str, rounds: Vec<&PruneRound>, value: fn(&PruneRound) -> f64, mark, colour| {
            LineSeries {
                label: name.to_owned(),
                x: rounds.iter().map(|round| round.parameters as f64).collect(),
                y: rounds.iter().map(|round| 100.0 * value(round)).collect(),
                mark,
                colour,
            }
        };
    let kept: Vec<&PruneRound> = pruning
        .rounds
        .iter()
        .filter(|round| round.accepted)
        .collect();
    let refused: Vec<&PruneRound> = pruning
        .rounds
        .iter()
        .filter(|round| !round.accepted)
        .collect();
    let extent: Vec<f64> = pruning
        .rounds
        .iter()
        .map(|round| round.parameters as f64)
        .collect();
    let (least, most) = (
        extent.iter().copied().fold(f64::INFINITY, f64::min),
        extent.iter().copied().fold(0.0, f64::max),
    );
    let allowed = pruning.rounds.first().map_or(0.0, |round| {
        100.0 * round.valid_error * (1.0 + pruning.max_error_rise)
    });
    let mut lines = vec![
        LineSeries {
            label: "allowed".to_owned(),
            x: vec![least, most],
            y: vec![allowed; 2],
            mark: LineMark::Dashed,
            colour: LineColour::Grey,
        },
        series(
            "train",
            kept.clone(),
            |r| r.train_error,
            LineMark::LineAndPoints,
            LineColour::Palette(1),
        ),
        series(
            "valid",
            kept,
            |r| r.valid_error,
            LineMark::LineAndPoints,
            LineColour::Palette(0),
        ),
    ];
    if !refused.is_empty() {
        let own = series(
            "refused",
            refused,
            |r| r.valid_error,
            LineMark::Points,
            LineColour::Palette(2),
        );
        lines.push(own);
    }
    let epsilons = pruning.rounds.iter().skip(1).map(|round| round.epsilon);
    let (small, large) = (
        epsilons.clone().fold(f64::INFINITY, f64::min),
        epsilons.fold(0.0, f64::max),
    );
    let span = if pruning.rounds.len() > 1 {
        format!("from right to left the rounds, ε from {small:.2e} to {large:.2e}")
    } else {
        "no unit fell below ε".to_owned()
    };
    Lines {
        name,
        title: format!("Error of {label} against its parameters while it was pruned"),
        x: LinesAxis::logarithmic("parameters", ""),
        y: LinesAxis::linear("relative L2 error", "%"),
        series: lines,
        note: span,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figure_names_are_file_names_whatever_the_label() {
        assert_eq!(figure_name(1, "small_seed=0"), "pruning-1-small_seed-0");
        assert_eq!(figure_name(2, "s0/größer.v2"), "pruning-2-s0-gr--er-v2");
        assert!(figure_name(12, &"x".repeat(300)).len() <= 100);
        assert_ne!(figure_name(1, "a.b"), figure_name(2, "a=b"));
    }
}
