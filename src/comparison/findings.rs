//! What the numbers say, in words: findings that a report must not leave to the reader.

use fewave_plots::Verdict;
use fewave_surrogate::evaluate::Baseline;
use fewave_surrogate::metrics::Summary;

mod worth;

use super::fe::Assessment;
use super::scope::{counted, milliseconds};
use super::{Measured, ranges};
use crate::console::{grouped, percent};

/// Times that differ by less than this factor are called about the same: timings vary from run to run.
const ABOUT: f64 = 1.1;

/// The findings, most important first; warnings begin with that word.
pub fn findings(measured: &[Measured], fe: Option<&Assessment>) -> Vec<Verdict> {
    let mut found = Vec::new();
    let largest = (0..measured.len())
        .rev()
        .max_by_key(|n| measured[*n].surrogate.parameters());
    if let Some(position) = largest {
        let largest = &measured[position];
        for (_, item) in measured.iter().enumerate().filter(|(n, _)| *n != position) {
            found.push(against(item, largest));
            found.extend(speed(item, largest));
        }
    }
    for item in measured {
        found.extend(ranges::words(&item.label, item.out_of_range.as_deref()));
        found.extend(diverged(item));
        found.extend(worse_than_trivial(item));
    }
    if let Some(fe) = fe {
        found.extend(fe_lines(measured, fe));
    }
    let plain = |text| Verdict { holds: None, text };
    found.into_iter().map(plain).collect()
}

pub use worth::fe_lines;

/// Parameters and errors of a run beside the largest one.
fn against(item: &Measured, largest: &Measured) -> String {
    let [own_count, other_count] = [item, largest].map(|run| run.surrogate.parameters());
    let size = size(own_count, other_count);
    let (own, other) = (&item.evaluation.summary, &largest.evaluation.summary);
    let single = match (&own.one_step_relative_l2, &other.one_step_relative_l2) {
        (Some(own), Some(other)) => format!(
            "{} in one step ({} there) and ",
            percent(own.median),
            percent(other.median)
        ),
        _ => String::new(),
    };
    format!(
        "{} has {} parameters, {size} {} ({}). Its median error is {single}{} over the {} ({} there).",
        item.label,
        grouped(own_count as u64),
        largest.label,
        grouped(other_count as u64),
        percent(own.rollout_relative_l2_full.median),
        if both(item, largest, true) {
            "rollout"
        } else if both(item, largest, false) {
            "whole field"
        } else {
            "snapshots that both predict"
        },
        percent(other.rollout_relative_l2_full.median),
    )
}

/// How a number of parameters is to one that is at least as large, in words that end before its owner: `as many as`.
pub fn size(own: usize, largest: usize) -> String {
    let fewer = largest as f64 / own as f64;
    if own == largest {
        "as many as".to_owned()
    } else if fewer < ABOUT {
        "a little fewer than".to_owned()
    } else {
        format!("{fewer:.1} times fewer than")
    }
}

/// Whether both predict step by step, or neither.
fn both(item: &Measured, other: &Measured, rolls_out: bool) -> bool {
    [item, other].map(|run| run.surrogate.rolls_out()) == [rolls_out; 2]
}

/// Whether fewer parameters pay in time; a smaller network that takes longer than the largest is a warning.
fn speed(item: &Measured, largest: &Measured) -> Option<String> {
    // a step and a whole field are not the same work
    let alike = both(item, largest, true) || both(item, largest, false);
    let (own, other) = (
        item.evaluation.latency?.per_step_ms_median,
        largest.evaluation.latency?.per_step_ms_median,
    );
    if !alike {
        return None;
    }
    if item.surrogate.parameters() >= largest.surrogate.parameters() || own * ABOUT < other {
        return None;
    }
    let times = format!(
        "{} a {}, {} there",
        milliseconds(own),
        if item.surrogate.rolls_out() {
            "step"
        } else {
            "field"
        },
        milliseconds(other)
    );
    Some(if own > other * ABOUT {
        format!(
            "Warning: {} is slower than {} in spite of fewer parameters: {times}.",
            item.label, largest.label
        )
    } else {
        format!(
            "{} is about as fast as {}, its fewer parameters save no time: {times}.",
            item.label, largest.label
        )
    })
}

/// Rollouts that leave the finite numbers.
fn diverged(item: &Measured) -> Option<String> {
    let trajectories = &item.evaluation.trajectories;
    let lost = trajectories
        .iter()
        .filter(|t| !t.rollout_relative_l2_full.is_finite())
        .count();
    (lost > 0).then(|| {
        format!(
            "Warning: {lost} of {} of {} without a finite error: the predictions grow without bound.",
            counted(
                trajectories.len(),
                if item.surrogate.rolls_out() {
                    "rollout"
                } else {
                    "field"
                }
            ),
            item.label
        )
    })
}

/// Where a surrogate does no better than a prediction without any parameter: in one step, over the rollout, or both.
fn worse_than_trivial(item: &Measured) -> Vec<String> {
    let best = |of: fn(&Baseline) -> Option<&Summary>| {
        item.evaluation
            .baselines
            .iter()
            .filter_map(|baseline| {
                let name = baseline.name.replace('-', " ");
                Some((of(baseline)?.median, name, baseline.parameters))
            })
            .min_by(|a, b| a.0.total_cmp(&b.0))
    };
    let summary = &item.evaluation.summary;
    let (whole, shorter) = if item.surrogate.rolls_out() {
        (
            "over the whole rollout",
            "Use it for fewer steps, or train it longer.",
        )
    } else {
        (
            "over the whole field",
            "Train it longer, on more data, or to predict fewer snapshots.",
        )
    };
    let cases = [
        (
            "in one step",
            "Train it longer, or on more data.",
            summary.one_step_relative_l2.as_ref(),
            best(|b| b.one_step_relative_l2.as_ref()),
        ),
        (
            whole,
            shorter,
            Some(&summary.rollout_relative_l2_full),
            best(|b| Some(&b.rollout_relative_l2_full)),
        ),
    ];
    cases
        .into_iter()
        .filter_map(|(place, remedy, own, trivial)| {
            let (own, (error, name, parameters)) = (own?.median, trivial?);
            is_no_better(own, error).then(|| {
                format!(
                    "Warning: {place} {} is no better than the prediction \u{201c}{name}\u{201d}, which has {}: \
                     median error {} against {}. {remedy}",
                    item.label,
                    if parameters == 0 { "no parameters".to_owned() } else { counted(parameters, "parameter") },
                    percent(own),
                    percent(error)
                )
            })
        })
        .collect()
}

/// An error that is not a number is worse than any.
pub fn is_no_better(own: f64, trivial: f64) -> bool {
    own.is_nan() || own >= trivial
}

/// A time beside another in words.
fn compared(own: f64, other: f64) -> String {
    match own / other {
        ratio if ratio > ABOUT => format!("{ratio:.1} times slower than"),
        ratio if ratio * ABOUT < 1.0 => format!("{:.1} times faster than", 1.0 / ratio),
        _ => "about as fast as".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_times_are_about_the_same_and_nan_is_worse() {
        assert_eq!(compared(1.05, 1.0), "about as fast as");
        assert_eq!(compared(2.0, 1.0), "2.0 times slower than");
        assert_eq!(compared(1.0, 4.0), "4.0 times faster than");
        assert!(is_no_better(f64::NAN, 1.0) && is_no_better(1.0, 1.0) && !is_no_better(0.5, 1.0));
    }
}
