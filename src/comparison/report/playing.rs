//! The player and the animation of a comparison: which trajectories, in which order.

use std::path::{Path, PathBuf};

use fewave_plots::{
    FigureStyle, Player, PlayerFields, PlayerPrediction, PlayerSequence, write_animation,
};
use fewave_surrogate::task::Domain;
use ndarray::{Array3, Axis};

use super::Comparison;
use super::figures::{extent, shared};
use crate::comparison::Measured;

/// Trajectories offered to the player, which takes as many as the page has room for.
pub(super) const MOST: usize = 8;

/// A trajectory to be played.
struct Chosen {
    position: usize,
    words: String,
}

/// Worst, median and best by the first run's error over all snapshots, the worst of every other run, then others evenly
/// spread over the order of errors.
fn chosen(measured: &[Measured]) -> Vec<Chosen> {
    let mut list: Vec<Chosen> = Vec::new();
    let mut add = |position: usize, words: String| {
        if list.len() < MOST && list.iter().all(|c| c.position != position) {
            list.push(Chosen { position, words });
        }
    };
    let ordered = |item: &Measured| -> Vec<usize> {
        let mut order: Vec<(f64, usize)> = item
            .evaluation
            .trajectories
            .iter()
            .filter(|t| !shared(measured, t.position).is_empty())
            .map(|t| (t.rollout_relative_l2_full.abs(), t.position))
            .collect();
        // errors that are no numbers rank last
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        order.into_iter().map(|(_, position)| position).collect()
    };
    let Some(first) = measured.first() else {
        return list;
    };
    let order = ordered(first);
    let (Some(&best), Some(&worst)) = (order.first(), order.last()) else {
        return list;
    };
    let by = |what: &str, item: &Measured| format!(", {what} of {}", item.label);
    add(worst, by("the worst", first));
    add(
        order[(order.len() - 1) / 2],
        by("nearest the median", first),
    );
    add(best, by("the best", first));
    for item in &measured[1..] {
        if let Some(&worst) = ordered(item).last() {
            add(worst, by("the worst", item));
        }
    }
    for k in 1..MOST {
        add(order[k * (order.len() - 1) / MOST], String::new());
    }
    list
}

/// Encodes the player, and writes the animation of the first run's worst trajectory; `None` where nothing is predicted by
/// all runs.
///
/// # Errors
/// When the data cannot be read or the animation cannot be written.
pub(super) fn player(
    comparison: &Comparison<'_>,
    style: &FigureStyle,
    folder: &Path,
    progress: &mut dyn FnMut(),
) -> anyhow::Result<(Option<Player>, Option<PathBuf>)> {
    let (split, measured) = (comparison.split, comparison.measured);
    let Some(first) = measured.first() else {
        return Ok((None, None));
    };
    let fields = PlayerFields {
        quantity: "displacement".to_owned(),
        unit: "m".to_owned(),
        extent: extent(split),
        inside: first.surrogate.domain().map(Domain::points),
        colour_map: style.colour_map,
    };
    let mut player = Player::new(fields.clone());
    let mut animation = None;
    for (number, Chosen { position, words }) in chosen(measured).iter().enumerate() {
        let truth = split.read_snapshots("displacement", *position, 0..split.times().len())?;
        let label = format!("trajectory {}{words}", split.index(*position)?);
        let sequence = sequence(comparison, *position, label, &truth);
        if number == 0 {
            animation = Some(write_animation(
                "rollout-worst",
                &sequence,
                &fields,
                style,
                folder,
            )?);
        }
        player.add(&sequence)?;
        progress();
    }
    Ok(((!player.is_empty()).then_some(player), animation))
}

/// The snapshots of a trajectory that all runs predict, as views.
fn sequence<'a>(
    comparison: &Comparison<'a>,
    position: usize,
    label: String,
    truth: &'a Array3<f32>,
) -> PlayerSequence<'a> {
    let shown = shared(comparison.measured, position);
    let predictions = comparison.measured.iter().map(|item| PlayerPrediction {
        label: item.label.clone(),
        fields: shown
            .iter()
            .map(|n| {
                let all = item.evaluation.predictions.index_axis(Axis(0), position);
                all.index_axis_move(Axis(0), *n)
            })
            .collect(),
    });
    PlayerSequence {
        label,
        times: shown.iter().map(|n| comparison.split.times()[*n]).collect(),
        reference: shown
            .iter()
            .map(|n| truth.index_axis(Axis(0), *n))
            .collect(),
        predictions: predictions.collect(),
    }
}
