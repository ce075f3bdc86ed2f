//! Point sources `f(x, t) = a·s(t)·δ(x − x_s)`.

use std::f64::consts::PI;

/// A signal at a point.
#[derive(Debug, Clone, PartialEq)]
pub struct PointSource {
    /// Where the source acts, m.
    pub position: [f64; 2],
    /// Factor of the signal.
    pub amplitude: f64,
    /// The signal `s(t)`, dimensionless.
    pub signal: Signal,
}

/// A signal in time.
#[derive(Debug, Clone, PartialEq)]
pub enum Signal {
    /// Ricker wavelet `(1 − 2a) exp(−a)`, `a = (π f (t − delay))²`.
    Ricker {
        /// Peak frequency f, Hz.
        frequency: f64,
        /// Time of the peak, s.
        delay: f64,
    },
    /// Samples at `t = 0, interval, 2·interval, …`, linear in between and 0 elsewhere.
    Sampled {
        /// Time between samples, s.
        interval: f64,
        /// The samples.
        values: Vec<f64>,
    },
}

impl Signal {
    /// Value at time `t` (s).
    pub fn value(&self, t: f64) -> f64 {
        match self {
            Self::Ricker { frequency, delay } => {
                let a = (PI * frequency * (t - delay)).powi(2);
                (1.0 - 2.0 * a) * (-a).exp()
            }
            Self::Sampled { interval, values } => {
                let place = t / interval;
                if place.is_nan() || place < 0.0 {
                    return 0.0;
                }
                let index = place.floor() as usize;
                let fraction = place - place.floor();
                match (values.get(index), values.get(index + 1)) {
                    (Some(a), Some(b)) => a + fraction * (b - a),
                    (Some(a), None) if fraction == 0.0 => *a,
                    _ => 0.0,
                }
            }
        }
    }

    /// Time after which the signal stays below 1e-6 of its peak, s.
    pub fn end_time(&self) -> f64 {
        match self {
            // (2a − 1) exp(−a) < 1e-6 for a > 17.3
            Self::Ricker { frequency, delay } => delay + 17.4_f64.sqrt() / (PI * frequency),
            Self::Sampled { interval, values } => interval * values.len() as f64,
        }
    }
}
