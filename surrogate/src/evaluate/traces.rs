//! Evaluation of a surrogate of traces: errors of every trace of a split, trivial predictions beside them, latency.
//!
//! Trivial predictions, which cost nothing or a look-up in the training data: zero; the mean trace of the train split; the traces
//! of the nearest training trajectory, by the Euclidean distance of the normalised scalars.

use crate::metrics::traces::compare_traces;
use crate::metrics::{TraceMetrics, TracesSummary};
use crate::surrogate::Surrogate;
use crate::task::trace_store::inputs;
use crate::task::traces::{TraceConstants, TraceQuantity};
use crate::trace_prediction::TracePredictor;
use crate::{Result, SurrogateError};
use candle_core::Tensor;
use fewave_datasets::Split;
use ndarray::Array2;
use serde::Serialize;
use std::time::Instant;

/// Errors of one trace.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TraceError {
    /// What was predicted.
    pub quantity: TraceQuantity,
    /// Its row: the receiver, of the gradient `2·receiver + axis`.
    pub row: usize,
    /// The errors.
    #[serde(flatten)]
    pub metrics: TraceMetrics,
}

/// Errors of all traces of one trajectory.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrajectoryTraces {
    /// Position in the split.
    pub position: usize,
    /// Index that the trajectory was generated with.
    pub index: u64,
    /// Relative L2 error of all its traces at once, each quantity over its RMS in the training data.
    pub relative_l2: f64,
    /// Trace by trace.
    pub traces: Vec<TraceError>,
}

/// Errors of one receiver over all trajectories.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReceiverErrors {
    /// What was predicted.
    pub quantity: TraceQuantity,
    /// Its row.
    pub row: usize,
    /// Over the trajectories.
    pub summary: TracesSummary,
}

/// A trivial prediction.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TraceBaseline {
    /// `zero`, `mean-trace` or `nearest-neighbour`.
    pub name: &'static str,
    /// Its errors.
    pub summary: TracesSummary,
}

/// How long a prediction of all traces takes, ms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TraceLatency {
    /// Median over repetitions of one trajectory alone.
    pub single_ms: f64,
    /// Median over repetitions of all trajectories of the split at once, divided by their number.
    pub batch_ms: f64,
    /// Trajectories at once.
    pub batch: usize,
    /// Threads that were available.
    pub threads: usize,
}

/// A surrogate's results on a split.
#[derive(Debug, Clone)]
pub struct TracesEvaluation {
    /// Trajectory by trajectory.
    pub trajectories: Vec<TrajectoryTraces>,
    /// Over everything.
    pub summary: TracesSummary,
    /// Receiver by receiver.
    pub receivers: Vec<ReceiverErrors>,
    /// Recorded traces of every trajectory, one array `(row, time)` a quantity.
    pub reference: Vec<Vec<Array2<f32>>>,
    /// Predicted traces of every trajectory, of the same shapes.
    pub predictions: Vec<Vec<Array2<f32>>>,
    /// Trivial predictions; those from training data only where they are there.
    pub baselines: Vec<TraceBaseline>,
    /// Times of predictions.
    pub latency: TraceLatency,
    /// [`Network::synaptic_operations`](crate::Network::synaptic_operations) of the first prediction.
    pub synaptic_operations: f64,
}

/// Name of the trivial prediction that learns nothing.
pub const ZERO: &str = "zero";

/// Timed repetitions.
const REPETITIONS: usize = 20;

/// Evaluates a surrogate of traces on all trajectories of a split; `train` is what it was trained on
/// ([`TrainConfig::training_split`](crate::TrainConfig::training_split)), for trivial predictions.
///
/// # Errors
/// [`SurrogateError::Setting`] for a surrogate of another task, [`SurrogateError::Data`] for data with other receivers or scalars; errors of
/// reading and of the network.
pub fn evaluate_traces(
    surrogate: &Surrogate,
    split: &Split,
    train: Option<&Split>,
) -> Result<TracesEvaluation> {
    surrogate.check(split)?;
    let predictor = surrogate.trace_predictor()?;
    let constants = predictor.constants;
    let given = inputs(constants, split)?;
    let predictions = predictor.predict(&given)?;
    let reference = (0..split.len())
        .map(|trajectory| constants.read_traces(split, trajectory))
        .collect::<Result<Vec<_>>>()?;
    let measure = |all: &[Vec<Array2<f32>>]| measure(&predictor, split, &reference, all);
    let trajectories = measure(&predictions)?;
    let zero: Vec<Vec<Array2<f32>>> = reference
        .iter()
        .map(|traces| traces.iter().map(|own| Array2::zeros(own.dim())).collect())
        .collect();
    let mut trivial = vec![(ZERO, zero)];
    if let Some(train) = train {
        surrogate.check(train)?;
        trivial.push(("mean-trace", vec![mean(constants, train)?; split.len()]));
        trivial.push(("nearest-neighbour", nearest(constants, train, &given)?));
    }
    let baselines = trivial
        .into_iter()
        .map(|(name, predictions)| {
            Ok(TraceBaseline {
                name,
                summary: summary(&measure(&predictions)?, |_| true)?,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let rows = trajectories.first().map_or(&[][..], |first| &first.traces);
    let receivers = rows
        .iter()
        .map(|own| {
            let same = |trace: &TraceError| (trace.quantity, trace.row) == (own.quantity, own.row);
            Ok(ReceiverErrors {
                quantity: own.quantity,
                row: own.row,
                summary: TracesSummary {
                    trajectories: None,
                    ..summary(&trajectories, same)?
                },
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let width = constants.channels().inputs.min(given.len());
    let first = Tensor::from_slice(&given[..width], (1, width), predictor.device)?;
    Ok(TracesEvaluation {
        summary: summary(&trajectories, |_| true)?,
        trajectories,
        receivers,
        reference,
        predictions,
        baselines,
        latency: latency(&predictor, &given, split.len())?,
        synaptic_operations: surrogate.network().synaptic_operations(&first)?,
    })
}

/// Errors of predictions of all trajectories.
fn measure(
    predictor: &TracePredictor<'_>,
    split: &Split,
    reference: &[Vec<Array2<f32>>],
    predictions: &[Vec<Array2<f32>>],
) -> Result<Vec<TrajectoryTraces>> {
    let constants = predictor.constants;
    let pairs = predictions.iter().zip(reference).enumerate();
    pairs
        .map(|(position, (predicted, truth))| {
            let mut traces = Vec::new();
            for (scaled, (p, u)) in constants.quantities.iter().zip(predicted.iter().zip(truth)) {
                let all = compare_traces(p.view(), u.view(), constants.interval);
                traces.extend(
                    all.into_iter()
                        .enumerate()
                        .map(|(row, metrics)| TraceError {
                            quantity: scaled.quantity,
                            row,
                            metrics,
                        }),
                );
            }
            Ok(TrajectoryTraces {
                position,
                index: split.index(position)?,
                relative_l2: predictor.scaled_error(predicted, truth)?,
                traces,
            })
        })
        .collect()
}

/// Summary over the trajectories, and over those of their traces that are `wanted`.
fn summary(
    trajectories: &[TrajectoryTraces],
    wanted: impl Fn(&TraceError) -> bool,
) -> Result<TracesSummary> {
    let traces: Vec<TraceMetrics> = trajectories
        .iter()
        .flat_map(|trajectory| &trajectory.traces)
        .filter(|trace| wanted(trace))
        .map(|trace| trace.metrics)
        .collect();
    let whole: Vec<f64> = trajectories.iter().map(|t| t.relative_l2).collect();
    TracesSummary::of(&whole, &traces).ok_or_else(|| SurrogateError::Data {
        place: "evaluated split".into(),
        found: "no trace".into(),
        expected: "at least one trajectory with receivers".into(),
        remedy: "generate the split again".into(),
    })
}

/// The mean traces of a train split.
fn mean(constants: &TraceConstants, train: &Split) -> Result<Vec<Array2<f32>>> {
    let mut sums: Vec<Array2<f64>> = Vec::new();
    for trajectory in 0..train.len() {
        let own = constants.read_traces(train, trajectory)?;
        if sums.is_empty() {
            sums = own
                .iter()
                .map(|traces| Array2::zeros(traces.dim()))
                .collect();
        }
        for (sum, traces) in sums.iter_mut().zip(own) {
            sum.zip_mut_with(&traces, |sum, value| *sum += f64::from(*value));
        }
    }
    let count = train.len().max(1) as f64;
    Ok(sums
        .into_iter()
        .map(|sum| sum.mapv(|sum| (sum / count) as f32))
        .collect())
}

/// The traces of the training trajectory nearest to each of the given inputs.
fn nearest(
    constants: &TraceConstants,
    train: &Split,
    given: &[f32],
) -> Result<Vec<Vec<Array2<f32>>>> {
    let width = constants.channels().inputs.max(1);
    let known = inputs(constants, train)?;
    given
        .chunks_exact(width)
        .map(|own| {
            let distance = |other: &[f32]| -> f32 {
                own.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum()
            };
            let others = known.chunks_exact(width).map(distance).enumerate();
            let nearest = others.min_by(|a, b| a.1.total_cmp(&b.1));
            constants.read_traces(train, nearest.map_or(0, |(position, _)| position))
        })
        .collect()
}

fn latency(predictor: &TracePredictor<'_>, given: &[f32], count: usize) -> Result<TraceLatency> {
    let width = predictor.constants.channels().inputs.min(given.len());
    let median = |inputs: &[f32]| -> Result<f64> {
        predictor.predict(inputs)?;
        let mut times = Vec::with_capacity(REPETITIONS);
        for _ in 0..REPETITIONS {
            let clock = Instant::now();
            predictor.predict(inputs)?;
            times.push(clock.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        Ok(times[times.len() / 2])
    };
    Ok(TraceLatency {
        single_ms: median(&given[..width])?,
        batch_ms: median(given)? / count.max(1) as f64,
        batch: count,
        threads: rayon::current_num_threads(),
    })
}
