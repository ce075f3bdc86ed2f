//! The figures of a comparison, from the measured runs to plain arrays.

use std::path::Path;

use anyhow::Context;
use fewave_datasets::Split;
use fewave_plots::Figure;
use fewave_plots::{
    ErrorDistribution, ErrorGrowth, ErrorSample, ErrorSeries, LayerCount, ModelCount,
    ParameterCounts, Prediction, Traces, TrainingCurves, TrainingRun, Wavefields,
};
use fewave_surrogate::Surrogate;
use fewave_surrogate::evaluate::TrajectoryEvaluation;
use fewave_surrogate::task::Domain;
use ndarray::{Array2, Axis};

use super::survey::survey;
use super::{Comparison, pareto, receivers};
use crate::comparison::Measured;
use crate::comparison::scope::{self, Mode};
use crate::console::Console;

/// Times shown in a wavefield figure.
const TIMES_SHOWN: usize = 4;

/// Every figure of a comparison with its caption, in the order of the report.
///
/// # Errors
/// When the data cannot be read.
pub(super) fn all(
    comparison: &Comparison<'_>,
    console: &Console,
) -> anyhow::Result<Vec<(Box<dyn Figure>, String)>> {
    let measured = comparison.measured;
    let mut figures: Vec<(Box<dyn Figure>, String)> = Vec::new();
    for (figure, caption) in pareto::figures(comparison) {
        figures.push((Box::new(figure), caption));
    }
    for shown in shown_trajectories(measured) {
        let trajectory = &measured[shown.run].evaluation.trajectories[shown.number];
        let caption = format!(
            "Predicted displacement of trajectory {}, {} of the split by the error of {} over all snapshots. All fields share one symmetric scale, \
             all errors another, at all times; look for fronts that arrive too early or late, and for energy that is lost.",
            trajectory.index, shown.what, measured[shown.run].label
        );
        let figure = wavefields(comparison, &shown.name, trajectory)?;
        figures.push((Box::new(figure), caption));
    }
    for (figure, caption) in seismograms(comparison)? {
        figures.push((Box::new(figure), caption));
    }
    let trajectories = comparison.split.len() as u64;
    let progress = console.progress("surveying", trajectories, "trajectories");
    let survey = survey(comparison, &progress)?;
    progress.finish();
    let (trajectories, snapshots) = survey.sampled;
    figures.push((
        Box::new(survey.maps),
        "Where the surrogates err: at each point the RMS of the error over the compared snapshots of a trajectory, relative to the RMS of its FE field over \
         all points and these snapshots; above the mean over trajectories, below the largest. One scale a row. Look for errors that sit \
         at boundaries or where waves are focused."
            .to_owned(),
    ));
    figures.push((
        Box::new(survey.spectra),
        format!(
            "Energy of the fields by wavenumber (of the discrete Fourier transform without a window, in shells of equal width), and of the errors, \
             as the mean over {trajectories} trajectories and up to {snapshots} snapshots of each. A surrogate below FE at large wavenumbers smooths, one above it \
             makes ripples; where a broken line meets that of FE, waves of that length are not predicted."
        ),
    ));
    figures.push((
        Box::new(error_growth(comparison)?),
        format!(
            "Error of each predicted snapshot: median over trajectories, 10–90 % band and worst trajectory. Where the curve reaches 1 the prediction \
             is no better than zero. {}",
            if scope::mode(measured) == Mode::Rollouts {
                "Steps count from each run's own first prediction, up to where the shortest rollout ends."
            } else {
                "Snapshots count from the first one that errors are taken over."
            }
        ),
    ));
    figures.push((
        Box::new(ErrorDistribution {
            name: "error-distribution".to_owned(),
            metric: "relative L2 error over all snapshots".to_owned(),
            samples: measured
                .iter()
                .map(|item| ErrorSample {
                    label: item.label.clone(),
                    values: item
                        .evaluation
                        .trajectories
                        .iter()
                        .map(|t| t.rollout_relative_l2_full)
                        .collect(),
                })
                .collect(),
        }),
        "One dot a trajectory: what a single prediction may be off by, which a mean hides."
            .to_owned(),
    ));
    figures.push((
        Box::new(ParameterCounts {
            name: "parameters".to_owned(),
            models: measured
                .iter()
                .map(|item| counts(&item.surrogate, item.label.clone()))
                .collect(),
        }),
        "Trainable parameters, in total and layer by layer.".to_owned(),
    ));
    let runs: Vec<TrainingRun> = measured
        .iter()
        .filter_map(|item| training_run(&item.run, item.label.clone(), item.surrogate.rolls_out()))
        .collect();
    if !runs.is_empty() {
        figures.push((
            Box::new(TrainingCurves {
                name: "training".to_owned(),
                metric: "relative L2 error".to_owned(),
                runs,
            }),
            "Loss on the training batches (lines) and error on the valid split (marks), of one step or of whole fields."
                .to_owned(),
        ));
    }
    Ok(figures)
}

/// Traces of the trajectories that are drawn, where the data have receivers.
fn seismograms(comparison: &Comparison<'_>) -> anyhow::Result<Vec<(Traces, String)>> {
    let mut figures = Vec::new();
    for shown in shown_trajectories(comparison.measured).into_iter().take(2) {
        let trajectory = &comparison.measured[shown.run].evaluation.trajectories[shown.number];
        let name = shown.name.replace("wavefields", "traces");
        let Some((figure, all)) = receivers::traces(comparison, name, trajectory.position)? else {
            continue;
        };
        let some = match figure.panels.len() {
            drawn if drawn < all => format!(" {drawn} of {all} receivers, evenly chosen."),
            _ => String::new(),
        };
        let caption = format!(
            "Seismograms of trajectory {}, {} of {}.{some} FE as the receivers recorded it; surrogates from their fields at the snapshot times, bilinear between \
             grid points. All panels share one scale. A front that is late is a line shifted to the right.",
            trajectory.index, shown.what, comparison.measured[shown.run].label
        );
        figures.push((figure, caption));
    }
    Ok(figures)
}

/// A trajectory that is drawn.
struct Shown {
    /// Of the figure.
    name: String,
    /// Which one it is, in words.
    what: &'static str,
    /// The run by whose errors it was chosen.
    run: usize,
    /// Its place in that run's evaluation.
    number: usize,
}

/// The trajectories drawn: nearest the median by the rollout error of the first run, and the worst one of every run, each
/// trajectory once; only such as every run predicts.
fn shown_trajectories(measured: &[Measured]) -> Vec<Shown> {
    let mut shown: Vec<Shown> = Vec::new();
    let mut drawn = Vec::new();
    for (run, item) in measured.iter().enumerate() {
        let trajectories = &item.evaluation.trajectories;
        let mut order: Vec<usize> = (0..trajectories.len())
            .filter(|n| !shared(measured, trajectories[*n].position).is_empty())
            .collect();
        // errors that are no numbers rank last
        let error = |n: usize| trajectories[n].rollout_relative_l2_full.abs();
        order.sort_by(|a, b| error(*a).total_cmp(&error(*b)));
        let Some(&worst) = order.last() else { continue };
        let median = order[(order.len() - 1) / 2];
        let mut show = |name: String, what, number: usize| {
            let position = trajectories[number].position;
            if !drawn.contains(&position) {
                drawn.push(position);
                shown.push(Shown {
                    name,
                    what,
                    run,
                    number,
                });
            }
        };
        if run > 0 {
            show(format!("wavefields-worst-{}", run + 1), "the worst", worst);
            continue;
        }
        if median != worst {
            show("wavefields-median".to_owned(), "nearest the median", median);
        }
        let what = match order.len() {
            1 => "the only one predicted",
            _ => "the worst",
        };
        show("wavefields-worst".to_owned(), what, worst);
    }
    shown
}

/// The snapshots of a trajectory that every run predicts: with a longer history a run predicts later.
pub(super) fn shared(measured: &[Measured], position: usize) -> Vec<usize> {
    let mut all = measured
        .iter()
        .map(|item| item.evaluation.predicted[position].as_slice());
    let mut shared = all.next().unwrap_or_default().to_vec();
    for other in all {
        shared.retain(|snapshot| other.contains(snapshot));
    }
    shared
}

/// First and last x, first and last y of the grid.
pub(crate) fn extent(split: &Split) -> [f64; 4] {
    let [x, y] = split.axes();
    let ends = |axis: &[f64]| {
        let first = axis.first().copied().unwrap_or(0.0);
        (first, axis.last().copied().unwrap_or(first))
    };
    let ((x0, x1), (y0, y1)) = (ends(x), ends(y));
    [x0, x1, y0, y1]
}

fn wavefields(
    comparison: &Comparison<'_>,
    name: &str,
    trajectory: &TrajectoryEvaluation,
) -> anyhow::Result<Wavefields> {
    let (split, position) = (comparison.split, trajectory.position);
    let shared = shared(comparison.measured, position);
    // evenly spread over what every run predicts, the last snapshot included
    let mut shown: Vec<usize> = (1..=TIMES_SHOWN)
        .filter_map(|n| (shared.len() * n / TIMES_SHOWN).checked_sub(1))
        .map(|place| shared[place])
        .collect();
    shown.dedup();
    let truth = split.read_snapshots("displacement", position, 0..split.times().len())?;
    Ok(Wavefields {
        name: name.to_owned(),
        title: format!(
            "{} trajectory {}",
            split.provenance().split,
            trajectory.index
        ),
        quantity: "displacement".to_owned(),
        unit: "m".to_owned(),
        extent: extent(split),
        times: shown.iter().map(|n| split.times()[*n]).collect(),
        reference: shown
            .iter()
            .map(|n| truth.index_axis(Axis(0), *n).to_owned())
            .collect(),
        predictions: comparison
            .measured
            .iter()
            .map(|item| Prediction {
                label: item.label.clone(),
                fields: shown
                    .iter()
                    .map(|n| {
                        item.evaluation
                            .predictions
                            .index_axis(Axis(0), position)
                            .index_axis(Axis(0), *n)
                            .to_owned()
                    })
                    .collect(),
            })
            .collect(),
        inside: comparison.measured[0]
            .surrogate
            .domain()
            .map(Domain::points),
    })
}

fn error_growth(comparison: &Comparison<'_>) -> anyhow::Result<ErrorGrowth> {
    let shortest = comparison
        .measured
        .iter()
        .flat_map(|item| &item.evaluation.trajectories)
        .map(|trajectory| trajectory.rollout.len())
        .min()
        .context("no trajectory was evaluated")?;
    let series = comparison
        .measured
        .iter()
        .map(|item| {
            let trajectories = &item.evaluation.trajectories;
            ErrorSeries {
                label: item.label.clone(),
                values: Array2::from_shape_fn((trajectories.len(), shortest), |(t, n)| {
                    trajectories[t].rollout[n].relative_l2
                }),
            }
        })
        .collect();
    Ok(ErrorGrowth {
        name: "error-growth".to_owned(),
        metric: "relative L2 error".to_owned(),
        x_quantity: if scope::mode(comparison.measured) == Mode::Rollouts {
            "rollout step".to_owned()
        } else {
            "snapshot".to_owned()
        },
        x_unit: String::new(),
        x: (1..=shortest).map(|n| n as f64).collect(),
        series,
        baselines: Vec::new(),
    })
}

/// Parameters and work of a surrogate.
pub(crate) fn counts(surrogate: &Surrogate, label: String) -> ModelCount {
    let layers = surrogate.layers();
    ModelCount {
        label,
        parameters: surrogate.parameters() as u64,
        multiply_adds: surrogate.footprint().multiply_adds as u64,
        layers: layers
            .into_iter()
            .map(|layer| LayerCount {
                name: layer.name,
                parameters: layer.parameters as u64,
                multiply_adds: layer.multiply_adds as u64,
            })
            .collect(),
    }
}

/// The curves of a run's log; none where there is no readable log (a lone checkpoint).
pub(crate) fn training_run(run: &Path, label: String, rolls_out: bool) -> Option<TrainingRun> {
    let mut reader = csv::Reader::from_path(run.join("log.csv")).ok()?;
    let header = reader.headers().ok()?.clone();
    let column = |name: &str| header.iter().position(|title| title == name);
    let valid = if rolls_out {
        "valid_one_step_relative_l2"
    } else {
        "valid_rollout_relative_l2"
    };
    let (step, loss, valid) = (column("step")?, column("loss")?, column(valid)?);
    let mut run = TrainingRun {
        label,
        ..TrainingRun::default()
    };
    for record in reader.records().flatten() {
        let number = |column: usize| record.get(column).and_then(|text| text.parse::<f64>().ok());
        let Some(at) = number(step) else { continue };
        if let Some(value) = number(loss) {
            run.steps.push(at);
            run.train_loss.push(value);
        }
        if let Some(value) = number(valid) {
            run.valid_steps.push(at);
            run.valid_error.push(value);
        }
    }
    (!run.steps.is_empty()).then_some(run)
}
