//! What a comparison covers: lengths of rollouts, histories, trajectories left out, and the trivial predictions beside it.

use std::path::PathBuf;

use fewave_datasets::Split;
use fewave_surrogate::TaskConfig;
use fewave_surrogate::evaluate::{Baseline, Latency, SHORT_ROLLOUT};

use super::{Loaded, Measured};
use crate::config::ConfigError;

/// A trivial prediction as it is listed: once for each history, named with it where histories differ.
pub struct Trivial<'a> {
    /// `persistence`, or `persistence (history 4)`.
    pub name: String,
    /// Its errors.
    pub baseline: &'a Baseline,
    /// The run whose history and trajectories it shares.
    pub item: &'a Measured,
}

/// Refuses runs that are given twice: beside themselves they say nothing.
///
/// # Errors
/// When two paths lead to the same place.
pub fn refuse_repeated(runs: &[PathBuf]) -> Result<(), ConfigError> {
    let places: Vec<PathBuf> = runs
        .iter()
        .map(|run| run.canonicalize().unwrap_or_else(|_| run.clone()))
        .collect();
    for (number, place) in places.iter().enumerate() {
        if let Some(earlier) = places[..number].iter().position(|other| other == place) {
            return Err(ConfigError::Usage(format!(
                "{}: given twice, first as {}; name every run once",
                runs[number].display(),
                runs[earlier].display()
            )));
        }
    }
    Ok(())
}

/// The snapshots of each trajectory that errors are taken over, where the runs predict different ones and at least one of
/// them predicts whole fields: those that all predict. Rollouts among themselves are taken as they are: each has the trivial
/// predictions of its own history beside it.
///
/// # Errors
/// When no snapshot is predicted by all.
pub fn common_snapshots(
    loaded: &[Loaded],
    split: &Split,
) -> anyhow::Result<Option<Vec<Vec<usize>>>> {
    if loaded.iter().all(|item| item.surrogate.rolls_out()) {
        return Ok(None);
    }
    let mut predicted = Vec::new();
    for item in loaded {
        let spans = item.surrogate.spans(split)?.into_iter();
        let snapshots = spans.map(|span| span.map_or_else(Vec::new, |span| span.predicted));
        predicted.push(snapshots.collect::<Vec<Vec<usize>>>());
    }
    let Some((first, others)) = predicted.split_first() else {
        return Ok(None);
    };
    if others.iter().all(|other| other == first) {
        return Ok(None);
    }
    let mut common = first.clone();
    for (position, snapshots) in common.iter_mut().enumerate() {
        snapshots.retain(|n| others.iter().all(|other| other[position].contains(n)));
    }
    if common.iter().all(Vec::is_empty) {
        let each: Vec<String> = loaded
            .iter()
            .zip(&predicted)
            .map(|(item, all)| format!("{} predicts {}", item.label, in_words(all)))
            .collect();
        return Err(ConfigError::Usage(format!(
            "the runs have no snapshot in common on {}: {}; nothing could be compared, evaluate them one by one or train them on \
             the same snapshots",
            split.path().display(),
            each.join(", ")
        ))
        .into());
    }
    Ok(Some(common))
}

/// The first and last predicted snapshots over all trajectories.
fn in_words(predicted: &[Vec<usize>]) -> String {
    let all = predicted.iter().flatten();
    match (all.clone().min(), all.max()) {
        (Some(least), Some(most)) => format!("snapshots from {least} to {most}"),
        _ => "nothing".to_owned(),
    }
}

/// How the runs predict, which decides the words for their errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// All step by step.
    Rollouts,
    /// All in one pass.
    Fields,
    /// Some this way, some that.
    Mixed,
}

/// How the runs predict.
pub fn mode(measured: &[Measured]) -> Mode {
    let steps = measured.iter().filter(|item| item.surrogate.rolls_out());
    match steps.count() {
        0 => Mode::Fields,
        count if count == measured.len() => Mode::Rollouts,
        _ => Mode::Mixed,
    }
}

/// The same in short, for the head of a column: `all 36 steps`, `all 16 snapshots`.
pub fn all(measured: &[Measured]) -> String {
    let steps = whole_rollout(measured);
    match mode(measured) {
        Mode::Rollouts => format!("all {steps}"),
        _ => format!("all {}", steps.replace("step", "snapshot")),
    }
}

/// What the errors over all measured snapshots are over: `whole rollout of 36 steps`, `whole field of 16 snapshots`.
pub fn whole(measured: &[Measured]) -> String {
    let steps = whole_rollout(measured);
    let snapshots = || steps.replace("step", "snapshot");
    match mode(measured) {
        Mode::Rollouts => format!("whole rollout of {steps}"),
        Mode::Fields => format!("whole field of {}", snapshots()),
        Mode::Mixed => format!("the {} that all predict", snapshots()),
    }
}

/// What the errors over the first of them are over: `rollout of 20 steps`, `first 20 snapshots`; `None` where that is all.
pub fn beginning(measured: &[Measured]) -> Option<String> {
    let steps = short_rollout(measured)?;
    Some(match mode(measured) {
        Mode::Rollouts => format!("rollout of {steps}"),
        _ => format!("first {}", steps.replace("step", "snapshot")),
    })
}

/// Fewest and most predicted snapshots of a rollout, over all runs and trajectories.
fn rollout_lengths(measured: &[Measured]) -> (usize, usize) {
    let lengths = measured
        .iter()
        .flat_map(|item| &item.evaluation.trajectories)
        .map(|trajectory| trajectory.rollout.len());
    (
        lengths.clone().min().unwrap_or(0),
        lengths.max().unwrap_or(0),
    )
}

/// The short rollout in words, `20 steps`; `None` where no rollout is longer, so that the whole one says it all.
fn short_rollout(measured: &[Measured]) -> Option<String> {
    let (least, most) = rollout_lengths(measured);
    match (least, most) {
        (_, most) if most <= SHORT_ROLLOUT => None,
        (least, _) if least < SHORT_ROLLOUT => Some(format!("at most {SHORT_ROLLOUT} steps")),
        _ => Some(format!("{SHORT_ROLLOUT} steps")),
    }
}

/// The whole rollout in words: `36 steps`, or `3 to 7 steps` where trajectories or runs differ.
fn whole_rollout(measured: &[Measured]) -> String {
    match rollout_lengths(measured) {
        (least, most) if least == most => counted(most, "step"),
        (least, most) => format!("{least} to {most} steps"),
    }
}

/// Snapshots of the data that FE has to compute for a prediction: a field may leave some out.
pub fn reached(item: &Measured, latency: &Latency) -> usize {
    match &item.surrogate.config().task {
        TaskConfig::Propagate(_) => latency.rollout_steps,
        TaskConfig::Field(task) => latency.rollout_steps * task.every,
        TaskConfig::Traces(_) => 0,
    }
}

/// `1 network`, `2 networks`.
pub fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// How many trajectories were measured: `8`, or `6 to 8` where runs differ.
pub fn trajectories(measured: &[Measured]) -> String {
    let counts = measured
        .iter()
        .map(|item| item.evaluation.trajectories.len());
    match (counts.clone().min().unwrap_or(0), counts.max().unwrap_or(0)) {
        (1, 1) => "1 trajectory".to_owned(),
        (least, most) if least == most => format!("{most} trajectories"),
        (least, most) => format!("{least} to {most} trajectories"),
    }
}

/// Whether the runs start from different numbers of snapshots.
pub fn histories_differ(measured: &[Measured]) -> bool {
    measured
        .windows(2)
        .any(|pair| pair[0].evaluation.history != pair[1].evaluation.history)
}

/// Run by run the given snapshots, where they differ: `a from 2, b from 4`.
pub fn histories(measured: &[Measured]) -> Option<String> {
    histories_differ(measured).then(|| {
        let each: Vec<String> = measured
            .iter()
            .map(|item| format!("{} from {}", item.label, item.evaluation.history))
            .collect();
        each.join(", ")
    })
}

/// The trivial predictions, one of each kind for each history; those beside whole fields start from the first snapshot.
pub fn trivial(measured: &[Measured]) -> Vec<Trivial<'_>> {
    let mixed = mode(measured) == Mode::Mixed;
    let differ = histories_differ(measured) || mixed;
    let mut listed = Vec::new();
    let mut all = Vec::new();
    for item in measured {
        let (history, rolls_out) = (item.evaluation.history, item.surrogate.rolls_out());
        if listed.contains(&(history, rolls_out)) {
            continue;
        }
        listed.push((history, rolls_out));
        all.extend(item.evaluation.baselines.iter().map(|baseline| Trivial {
            name: match (differ, rolls_out) {
                (false, _) => baseline.name.clone(),
                (true, true) => format!("{} (history {history})", baseline.name),
                (true, false) => format!("{} (from t = 0)", baseline.name),
            },
            baseline,
            item,
        }));
    }
    all
}

/// A time in ms with three significant digits: `0.0123 ms`, `4.50 ms`, `120 ms`, `2.50 s`.
pub fn milliseconds(ms: f64) -> String {
    let (value, unit) = if ms.abs() >= 999.5 {
        (ms / 1e3, "s")
    } else {
        (ms, "ms")
    };
    if value == 0.0 || !value.is_finite() {
        return format!("{value} {unit}");
    }
    // digits behind the point of the rounded value, so that 9.999 becomes 10.0
    let rounded: f64 = format!("{value:.2e}").parse().unwrap_or(value);
    let decimals = (2 - rounded.abs().log10().floor() as i32).max(0) as usize;
    format!("{value:.decimals$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits() {
        for (ms, text) in [
            (0.01234, "0.0123 ms"),
            (0.0999999, "0.100 ms"),
            (4.5, "4.50 ms"),
            (9.999, "10.0 ms"),
            (123.4, "123 ms"),
            (999.7, "1.00 s"),
            (123_456.0, "123 s"),
        ] {
            assert_eq!(milliseconds(ms), text);
        }
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(counted(1, "network"), "1 network");
        assert_eq!(counted(2, "network"), "2 networks");
    }

    #[test]
    fn a_run_given_twice_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().to_path_buf();
        assert!(refuse_repeated(&[run.clone(), run.join(".")]).is_err());
        assert!(refuse_repeated(&[run.clone(), run.join("other")]).is_ok());
    }
}
