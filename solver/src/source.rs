//! Sources: at points, `f(x, t) = a·s(t)·δ(x − x_s)`, and along lines, `f(x, t) = a·s(t)·δ(n·(x − x_s))`.

mod line;
mod ricker;
mod sampled;

pub(crate) use line::line_weights;
pub use ricker::Ricker;
pub use sampled::{Interpolation, SampledSignal};

use crate::SolverError;

/// Below this fraction of its peak, a signal counts as silent.
const SILENCE: f64 = 1e-6;

/// Where a source acts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SourceShape {
    /// At its position.
    Point,
    /// Along the straight line through its position, as far as the domain reaches: with the unit normal `n`, a homogeneous
    /// medium of speed c (and k = 1) carries plane waves `u = (a c/2) ∫ s dτ`, from 0 to `t − |n·(x − x_s)|/c`, both ways.
    Line {
        /// Direction of the normal, along which waves travel: an angle (rad) from the x axis towards the y axis.
        direction: f64,
    },
}

/// A signal at a point or along a line.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Where the source acts, m.
    pub position: [f64; 2],
    /// At a point or along a line through it.
    pub shape: SourceShape,
    /// Factor of the signal.
    pub amplitude: f64,
    /// The signal `s(t)`, dimensionless.
    pub signal: Signal,
}

/// A signal in time.
#[derive(Debug, Clone, PartialEq)]
pub enum Signal {
    /// A Ricker wavelet.
    Ricker(Ricker),
    /// Samples at equal intervals.
    Sampled(SampledSignal),
}

impl Signal {
    /// A Ricker wavelet of peak frequency `frequency` (Hz), delayed so that it starts from silence at t = 0.
    ///
    /// # Errors
    /// [`SolverError::InvalidParameter`] unless the frequency is finite and above 0.
    pub fn ricker(frequency: f64) -> Result<Self, SolverError> {
        Ok(Self::Ricker(Ricker::new(frequency)?))
    }

    /// Samples at `t = 0, interval, 2·interval, …` (s), a cubic spline in between and 0 elsewhere.
    ///
    /// # Errors
    /// [`SolverError::InvalidParameter`] unless there are samples, all finite, and the interval is finite and above 0.
    pub fn sampled(interval: f64, values: Vec<f64>) -> Result<Self, SolverError> {
        let signal = SampledSignal::new(interval, values, Interpolation::Cubic)?;
        Ok(Self::Sampled(signal))
    }

    /// Value at `time` (s).
    pub fn value(&self, time: f64) -> f64 {
        match self {
            Self::Ricker(signal) => signal.value(time),
            Self::Sampled(signal) => signal.value(time),
        }
    }

    /// First derivative at `time` (s), 1/s; exact for the interpolant of a sampled signal.
    pub fn derivative(&self, time: f64) -> f64 {
        match self {
            Self::Ricker(signal) => signal.derivative(time),
            Self::Sampled(signal) => signal.derivative(time),
        }
    }

    /// Second derivative at `time` (s), 1/s²; 0 between the samples of a linear interpolant.
    pub fn second_derivative(&self, time: f64) -> f64 {
        match self {
            Self::Ricker(signal) => signal.second_derivative(time),
            Self::Sampled(signal) => signal.second_derivative(time),
        }
    }

    /// Whether the second derivative is continuous between start and end, as fourth-order stepping needs.
    pub fn is_smooth(&self) -> bool {
        match self {
            Self::Ricker(_) => true,
            Self::Sampled(signal) => signal.interpolation() == Interpolation::Cubic,
        }
    }

    /// Time (s) after which the signal stays below 1e-6 of its peak; 0 for a signal that is 0 throughout.
    pub fn end_time(&self) -> f64 {
        match self {
            Self::Ricker(signal) => signal.end_time(),
            Self::Sampled(signal) => signal.end_time(),
        }
    }

    /// The highest frequency (Hz) that a mesh has to carry, where it is known: 2.5 times a Ricker wavelet's peak.
    pub fn max_frequency(&self) -> Option<f64> {
        match self {
            Self::Ricker(signal) => Some(2.5 * signal.frequency()),
            Self::Sampled(_) => None,
        }
    }
}
