//! Task `traces`: the numbers that were drawn for a scene → the signals at its receivers.
//!
//! Inputs: the sampled scalars `s_k` of a trajectory that vary over the train split, `(s_k − s̄_k)/σ_k` with mean and standard
//! deviation of that split; scalars that are the same throughout are dropped, and data in which they differ are refused. Outputs: the
//! samples `p_q/r_q` of every chosen quantity q, `r_q` the RMS of all its samples in the train split, so that a relative error
//! of the outputs is one of the traces. Shapes: `(B, scalars)` → `(B, Σ_q rows_q · samples)`, the rows of a quantity its receivers,
//! of the gradient `(receiver, axis)`. The task of the dense networks of Balderas, Lastra, Benítez, arXiv:2312.10560, is our choice.
//!
//! What is not among the scalars is not known to the network: a medium drawn as a random field, for one.

use super::{Normalisation, refuse};
use crate::network::Channels;
use crate::{Result, SurrogateError};
use fewave_datasets::{ReceiverQuantity, ReceiverSpec, Split};
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What receivers record, by its name in configurations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TraceQuantity {
    /// u, m.
    Displacement,
    /// ∂u/∂t, m/s.
    Velocity,
    /// (∂u/∂x, ∂u/∂y).
    Gradient,
}

impl TraceQuantity {
    /// The same in a dataset.
    pub fn recorded(self) -> ReceiverQuantity {
        match self {
            Self::Displacement => ReceiverQuantity::Displacement,
            Self::Velocity => ReceiverQuantity::Velocity,
            Self::Gradient => ReceiverQuantity::Gradient,
        }
    }

    fn of(quantity: ReceiverQuantity) -> Self {
        match quantity {
            ReceiverQuantity::Displacement => Self::Displacement,
            ReceiverQuantity::Velocity => Self::Velocity,
            ReceiverQuantity::Gradient => Self::Gradient,
        }
    }

    /// Rows of a number of receivers: one each, of the gradient one for each axis.
    pub fn rows(self, receivers: usize) -> usize {
        match self {
            Self::Gradient => receivers.saturating_mul(2),
            _ => receivers,
        }
    }

    /// Receiver and, of the gradient, axis of a row.
    pub fn row(self, row: usize) -> (usize, &'static str) {
        match self {
            Self::Gradient => (row / 2, ["x", "y"][row % 2]),
            _ => (row, ""),
        }
    }
}

/// Settings of the task (table `task` with `kind = "traces"`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TracesConfig {
    /// What is predicted at the receivers; by default all that the data have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quantities: Vec<TraceQuantity>,
}

impl TracesConfig {
    pub(super) fn validate(&self) -> Result<()> {
        let mut sorted = self.quantities.clone();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.len() < self.quantities.len() {
            return Err(refuse(
                "quantities",
                "a quantity twice",
                "each at most once",
                "remove one",
            ));
        }
        Ok(())
    }
}

/// A scalar that varies, with its statistics over the train split, in its own unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaryingScalar {
    /// Its name in the dataset.
    pub name: String,
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub std: f64,
}

/// A predicted quantity with the RMS of its samples in the train split.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScaledQuantity {
    /// Which.
    pub quantity: TraceQuantity,
    /// RMS, in its unit.
    pub rms: f64,
}

/// What a network of traces was trained on: its inputs, its outputs, and their sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceConstants {
    /// The inputs, in their order.
    pub scalars: Vec<VaryingScalar>,
    /// Numbers of the scene that are the same in all training data.
    pub fixed: BTreeMap<String, f64>,
    /// The outputs, in their order.
    pub quantities: Vec<ScaledQuantity>,
    /// Places of the receivers, m.
    pub positions: Vec<[f64; 2]>,
    /// Time of the first sample, s.
    pub start: f64,
    /// Time between samples, s.
    pub interval: f64,
    /// Samples of every trace.
    pub samples: usize,
}

/// Spread of a scalar, relative to its size, below which it counts as constant.
const CONSTANT: f64 = 1e-12;
/// Largest relative difference of places and times that count as equal.
const TOLERANCE: f64 = 1e-6;

impl TraceConstants {
    /// From a train split.
    ///
    /// # Errors
    /// [`SurrogateError::Data`] where there are no receivers, no scalar that varies or nothing to hear.
    pub(crate) fn of(config: &TracesConfig, train: &Split) -> Result<Self> {
        let spec = receivers(train)?;
        let recorded = || spec.quantities.iter().map(|q| TraceQuantity::of(*q));
        let wanted: Vec<TraceQuantity> = match config.quantities.as_slice() {
            [] => recorded().collect(),
            chosen => chosen.to_vec(),
        };
        if let Some(missing) = wanted.iter().find(|q| !recorded().any(|r| r == **q)) {
            let names: Vec<&str> = spec.quantities.iter().map(|q| q.name()).collect();
            return Err(data(
                train,
                "receivers",
                format!("{} only", names.join(", ")),
                format!(
                    "also {}, as task.quantities asks for",
                    missing.recorded().name()
                ),
                "change task.quantities, or generate data with it in receivers.quantities",
            ));
        }
        let (start, interval) = uniform(&spec.times, train)?;
        let (scalars, fixed) = split_scalars(train)?;
        let mut constants = Self {
            scalars,
            fixed,
            quantities: Vec::new(),
            positions: spec.positions.clone(),
            start,
            interval,
            samples: spec.times.len(),
        };
        for quantity in wanted {
            let (mut energy, mut count) = (0.0, 0usize);
            for trajectory in 0..train.len() {
                let signals = train.receiver_signals(quantity.recorded(), trajectory)?;
                energy += signals.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>();
                count += signals.len();
            }
            let rms = (energy / count.max(1) as f64).sqrt();
            if rms <= 0.0 || !rms.is_finite() {
                return Err(data(
                    train,
                    &format!("{} at the receivers", quantity.recorded().name()),
                    format!("an RMS of {rms}"),
                    "signals that are not all zero".into(),
                    "simulate until waves arrive (time.duration), or move the receivers",
                ));
            }
            constants.quantities.push(ScaledQuantity { quantity, rms });
        }
        Ok(constants)
    }

    /// Numbers that the network is given and that it gives.
    pub fn channels(&self) -> Channels {
        let rows = self.quantities.iter().map(|scaled| self.rows(scaled));
        Channels {
            inputs: self.scalars.len(),
            outputs: rows
                .fold(0usize, usize::saturating_add)
                .saturating_mul(self.samples),
        }
    }

    fn rows(&self, scaled: &ScaledQuantity) -> usize {
        scaled.quantity.rows(self.positions.len())
    }

    /// Times of the samples, s.
    pub fn times(&self) -> Vec<f64> {
        let time = |n: usize| self.start + self.interval * n as f64;
        (0..self.samples).map(time).collect()
    }

    /// Writes the inputs of a trajectory with these scalars. `place` says where they come from.
    ///
    /// # Errors
    /// [`SurrogateError::Data`] for a scalar that is missing, no finite number, or another than in all training data.
    pub(crate) fn fill_input(
        &self,
        scalars: &BTreeMap<String, f64>,
        place: &str,
        input: &mut [f32],
    ) -> Result<()> {
        let refuse = |name: &str, found: String, expected: String| SurrogateError::Data {
            place: format!("{name} of {place}"),
            found,
            expected,
            remedy: "use data with the scalars of the training data, or train on these".into(),
        };
        for (name, expected) in &self.fixed {
            // a scalar that was constant need not be told again
            if let Some(found) = scalars.get(name)
                && (found - expected).abs() > TOLERANCE * expected.abs()
            {
                let expected = format!("{expected}, as in all training data");
                return Err(refuse(name, found.to_string(), expected));
            }
        }
        for (known, value) in self.scalars.iter().zip(input) {
            *value = match scalars.get(&known.name) {
                Some(found) if found.is_finite() => ((found - known.mean) / known.std) as f32,
                Some(found) => {
                    return Err(refuse(
                        &known.name,
                        found.to_string(),
                        "a finite number".into(),
                    ));
                }
                None => {
                    let expected = "a number: the surrogate was trained to look at it".into();
                    return Err(refuse(&known.name, "nothing".into(), expected));
                }
            };
        }
        Ok(())
    }

    /// The targets of a trajectory, as the network is to give them.
    pub(crate) fn read_target(&self, split: &Split, trajectory: usize) -> Result<Vec<f32>> {
        let mut target = Vec::with_capacity(self.channels().outputs);
        for scaled in &self.quantities {
            let scale = (1.0 / scaled.rms) as f32;
            let signals = split.receiver_signals(scaled.quantity.recorded(), trajectory)?;
            target.extend(signals.iter().map(|value| value * scale));
        }
        Ok(target)
    }

    /// The traces of one output of the network: one array `(row, time)` for each quantity, in its unit.
    pub(crate) fn read_output(&self, output: &[f32]) -> Result<Vec<Array2<f32>>> {
        let mut rest = output;
        let mut traces = Vec::with_capacity(self.quantities.len());
        for scaled in &self.quantities {
            let rows = self.rows(scaled);
            let (own, after) = rest
                .split_at_checked(rows.saturating_mul(self.samples))
                .ok_or_else(|| super::samples::defect(format!("{} outputs", output.len())))?;
            let values = own.iter().map(|value| value * scaled.rms as f32).collect();
            let array = Array2::from_shape_vec((rows, self.samples), values)
                .map_err(|error| super::samples::defect(error.to_string()))?;
            traces.push(array);
            rest = after;
        }
        Ok(traces)
    }

    /// The recorded traces of a trajectory, in the form of [`read_output`](Self::read_output).
    pub(crate) fn read_traces(&self, split: &Split, trajectory: usize) -> Result<Vec<Array2<f32>>> {
        let mut traces = Vec::with_capacity(self.quantities.len());
        for scaled in &self.quantities {
            let signals = split.receiver_signals(scaled.quantity.recorded(), trajectory)?;
            let shape = (self.rows(scaled), self.samples);
            let array = signals
                .into_shape_with_order(shape)
                .map_err(|error| super::samples::defect(error.to_string()))?;
            traces.push(array);
        }
        Ok(traces)
    }

    /// Refuses data with other receivers or sample times.
    pub(crate) fn check_receivers(&self, split: &Split) -> Result<()> {
        let spec = receivers(split)?;
        let (start, interval) = uniform(&spec.times, split)?;
        let near = |a: f64, b: f64, scale: f64| (a - b).abs() <= TOLERANCE * scale;
        let extent = self
            .positions
            .iter()
            .flatten()
            .fold(0.0, |m: f64, x| m.max(x.abs()));
        let places = |positions: &[[f64; 2]]| format!("receivers at {positions:?} m");
        let same = spec.positions.len() == self.positions.len()
            && spec
                .positions
                .iter()
                .flatten()
                .zip(self.positions.iter().flatten())
                .all(|(a, b)| near(*a, *b, extent));
        let (found, expected) = if !same {
            (places(&spec.positions), places(&self.positions))
        } else if spec.times.len() != self.samples
            || !near(interval, self.interval, self.interval)
            || !near(start, self.start, self.interval)
        {
            let told = |count: usize, start: f64, interval: f64| {
                format!("{count} samples {interval} s apart from {start} s")
            };
            (
                told(spec.times.len(), start, interval),
                told(self.samples, self.start, self.interval),
            )
        } else {
            return Ok(());
        };
        Err(data(
            split,
            "receivers",
            found,
            format!("{expected}, which the surrogate was trained on"),
            "generate the data with the receivers, the mesh and the time step of the training data, or train on this data",
        ))
    }

    /// Refuses data that do not record what is predicted.
    pub(crate) fn check_quantities(&self, split: &Split) -> Result<()> {
        let spec = receivers(split)?;
        let lacking =
            |scaled: &&ScaledQuantity| !spec.quantities.contains(&scaled.quantity.recorded());
        match self.quantities.iter().find(lacking) {
            None => Ok(()),
            Some(scaled) => Err(data(
                split,
                "receivers",
                format!("no {}", scaled.quantity.recorded().name()),
                "all quantities that the surrogate predicts".into(),
                "generate the data with it in receivers.quantities",
            )),
        }
    }
}

impl TraceConstants {
    /// Refuses constants that no training writes.
    pub(crate) fn check(&self) -> Result<()> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let sound = !self.scalars.is_empty()
            && self
                .scalars
                .iter()
                .all(|scalar| positive(scalar.std) && scalar.mean.is_finite())
            && !self.quantities.is_empty()
            && self.quantities.iter().all(|scaled| positive(scaled.rms))
            && !self.positions.is_empty()
            && self.samples > 0
            && positive(self.interval);
        if sound {
            return Ok(());
        }
        Err(SurrogateError::Data {
            place: "constants of the traces in the checkpoint".into(),
            found: "none that training could have written".into(),
            expected: "scalars and quantities of positive spread, receivers and samples".into(),
            remedy: "copy the file again, or train again".into(),
        })
    }
}

/// The receivers of a split.
fn receivers(split: &Split) -> Result<&ReceiverSpec> {
    match &split.spec().receivers {
        Some(spec) if !spec.positions.is_empty() && !spec.times.is_empty() => Ok(spec),
        _ => Err(data(
            split,
            "receivers",
            "none".into(),
            "receivers, whose signals are predicted".into(),
            "generate data with a section [receivers] in the configuration",
        )),
    }
}

/// First time and interval of evenly spaced sample times.
fn uniform(times: &[f64], split: &Split) -> Result<(f64, f64)> {
    let (first, last) = (times[0], times[times.len() - 1]);
    let interval = (last - first) / (times.len().max(2) - 1) as f64;
    let uneven = times
        .windows(2)
        .any(|pair| (pair[1] - pair[0] - interval).abs() > 1e-3 * interval);
    if interval > 0.0 && !uneven {
        return Ok((first, interval));
    }
    Err(data(
        split,
        "times of the receivers",
        format!("{} from {first} s to {last} s", times.len()),
        "at least two, evenly spaced".into(),
        "generate the data again",
    ))
}

/// All numbers of a trajectory's scene by name: what was drawn for it, and what holds for the whole dataset.
///
/// # Errors
/// [`SurrogateError::Dataset`] for a trajectory that does not exist.
pub fn scene_numbers(split: &Split, trajectory: usize) -> Result<BTreeMap<String, f64>> {
    let constants = split.spec().constants.iter();
    let mut numbers: BTreeMap<String, f64> = constants
        .map(|(name, constant)| (name.clone(), constant.value))
        .collect();
    numbers.extend(split.scalars(trajectory)?);
    Ok(numbers)
}

/// Scalars that vary over a split, with their statistics, and the others with their values.
fn split_scalars(split: &Split) -> Result<(Vec<VaryingScalar>, BTreeMap<String, f64>)> {
    let all = (0..split.len())
        .map(|trajectory| split.scalars(trajectory))
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let constants = split.spec().constants.iter();
    let mut fixed: BTreeMap<String, f64> = constants
        .map(|(name, constant)| (name.clone(), constant.value))
        .collect();
    let mut varying = Vec::new();
    for scalar in &split.spec().scalars {
        let values: Vec<f64> = all
            .iter()
            .filter_map(|own| own.get(&scalar.name).copied())
            .collect();
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return Err(data(
                split,
                &format!("scalar {}", scalar.name),
                value.to_string(),
                "finite numbers".into(),
                "generate the data again",
            ));
        }
        let count = values.len().max(1) as f64;
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if most - least <= CONSTANT * least.abs().max(most.abs()) {
            fixed.insert(scalar.name.clone(), least);
            continue;
        }
        let mean = values.iter().sum::<f64>() / count;
        let variance = values
            .iter()
            .map(|value| (value - mean).powi(2))
            .sum::<f64>()
            / count;
        varying.push(VaryingScalar {
            name: scalar.name.clone(),
            mean,
            std: variance.sqrt(),
        });
    }
    if varying.is_empty() {
        let found = match fixed.len() {
            0 => "none".to_owned(),
            count => format!("{count}, the same in all {} trajectories", split.len()),
        };
        return Err(data(
            split,
            "sampled scalars",
            found,
            "at least one that varies, which traces could depend on".into(),
            "give ranges in the dataset's configuration, for example source.0.position = [[0.2, 0.8], [0.2, 0.8]]",
        ));
    }
    Ok((varying, fixed))
}

fn data(
    split: &Split,
    what: &str,
    found: String,
    expected: String,
    remedy: &str,
) -> SurrogateError {
    SurrogateError::Data {
        place: format!("{what} of {}", split.path().display()),
        found,
        expected,
        remedy: remedy.into(),
    }
}

/// The task with its constants.
#[derive(Debug, Clone)]
pub struct Traces {
    constants: TraceConstants,
    neutral: Normalisation,
}

impl Traces {
    /// The task with the constants of its training data.
    pub fn new(constants: TraceConstants) -> Self {
        Self {
            constants,
            neutral: Normalisation::neutral(),
        }
    }

    /// The constants.
    pub fn constants(&self) -> &TraceConstants {
        &self.constants
    }

    /// Refuses data with other receivers, without a predicted quantity or a scalar, or with other constants.
    pub(crate) fn check(&self, split: &Split) -> Result<()> {
        self.constants.check_receivers(split)?;
        self.constants.check_quantities(split)?;
        super::trace_store::inputs(&self.constants, split).map(drop)
    }

    /// Constants of fields, of which there are none: they change nothing.
    pub(crate) fn normalisation(&self) -> &Normalisation {
        &self.neutral
    }
}
