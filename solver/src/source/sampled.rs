//! A signal given by samples at `t = 0, Δ, 2Δ, …`, interpolated in between and 0 before the first and after the last.
//!
//! Linear: `s(t) = (1 − τ) s_i + τ s_{i+1}`. Cubic: the piecewise cubic of Catmull and Rom (1974), whose slope at a
//! sample is `(s_{i+1} − s_{i−1})/(2Δ)`; samples beyond the ends count as 0.

use super::SILENCE;
use crate::{SolverError, check};

/// How a signal goes from sample to sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interpolation {
    /// Straight lines: never exceeds the samples.
    Linear,
    /// Cubics with a continuous slope: third order for smooth signals.
    Cubic,
}

/// A signal given by samples.
#[derive(Debug, Clone, PartialEq)]
pub struct SampledSignal {
    interval: f64,
    values: Vec<f64>,
    interpolation: Interpolation,
    end_time: f64,
}

impl SampledSignal {
    /// The signal with these `values` at `t = 0, interval, 2·interval, …` (s).
    ///
    /// # Errors
    /// [`SolverError::InvalidParameter`] unless there are samples, all finite, and the interval is finite and above 0.
    pub fn new(
        interval: f64,
        values: Vec<f64>,
        interpolation: Interpolation,
    ) -> Result<Self, SolverError> {
        check::positive("sampled signal interval", interval)?;
        if values.is_empty() {
            return Err(SolverError::invalid(
                "sampled signal",
                "no samples",
                "at least one sample",
                "give samples",
            ));
        }
        for (n, &value) in values.iter().enumerate() {
            check::finite(&format!("sampled signal value {n}"), value)?;
        }
        let peak = values.iter().fold(0.0_f64, |peak, s| peak.max(s.abs()));
        // a sample acts as far as the interpolation reaches, but not beyond the last one
        let reach = match interpolation {
            Interpolation::Linear => 1,
            Interpolation::Cubic => 2,
        };
        let end = values
            .iter()
            .rposition(|s| s.abs() >= SILENCE * peak && *s != 0.0)
            .map_or(0, |last| (last + reach).min(values.len() - 1));
        Ok(Self {
            end_time: interval * end as f64,
            interval,
            values,
            interpolation,
        })
    }

    /// Value at `time` (s).
    pub fn value(&self, time: f64) -> f64 {
        let place = time / self.interval;
        let last = (self.values.len() - 1) as f64;
        if !(0.0 <= place && place <= last) {
            return 0.0;
        }
        let index = place.floor() as usize;
        let tau = place - index as f64;
        let sample = |shift: usize| {
            // shift 1 is the sample at `index`
            (index + shift)
                .checked_sub(1)
                .and_then(|n| self.values.get(n))
                .copied()
                .unwrap_or(0.0)
        };
        let [before, left, right, after] = [sample(0), sample(1), sample(2), sample(3)];
        match self.interpolation {
            Interpolation::Linear => (1.0 - tau) * left + tau * right,
            Interpolation::Cubic => {
                let (slope_left, slope_right) = (0.5 * (right - before), 0.5 * (after - left));
                let rise = right - left;
                let quadratic = 3.0 * rise - 2.0 * slope_left - slope_right;
                let cubic = slope_left + slope_right - 2.0 * rise;
                left + tau * (slope_left + tau * (quadratic + tau * cubic))
            }
        }
    }

    /// Time (s) after which the signal stays below 1e-6 of its peak; 0 for a signal that is 0 throughout.
    pub fn end_time(&self) -> f64 {
        self.end_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(values: &[f64], interpolation: Interpolation) -> SampledSignal {
        SampledSignal::new(0.5, values.to_vec(), interpolation).unwrap()
    }

    #[test]
    fn it_passes_through_its_samples_and_is_zero_outside() {
        for interpolation in [Interpolation::Linear, Interpolation::Cubic] {
            let signal = signal(&[1.0, -2.0, 4.0], interpolation);
            for (time, value) in [
                (0.0, 1.0),
                (0.5, -2.0),
                (1.0, 4.0),
                (-0.1, 0.0),
                (1.01, 0.0),
            ] {
                assert!(
                    (signal.value(time) - value).abs() < 1e-15,
                    "{interpolation:?} {time}"
                );
            }
        }
        assert_eq!(
            signal(&[1.0, -2.0, 4.0], Interpolation::Linear).value(0.75),
            1.0
        );
    }

    #[test]
    fn cubics_reproduce_parabolas() {
        let values: Vec<f64> = (0..8).map(|n| (0.5 * n as f64 - 1.0).powi(2)).collect();
        let signal = signal(&values, Interpolation::Cubic);
        for n in 0..100 {
            let time = 0.5 + 0.025 * n as f64;
            assert!(
                (signal.value(time) - (time - 1.0).powi(2)).abs() < 1e-13,
                "{time}"
            );
        }
    }

    #[test]
    fn smooth_signals_converge_with_their_order() {
        for (interpolation, order) in [(Interpolation::Linear, 2.0), (Interpolation::Cubic, 3.0)] {
            let worst = |count: usize| {
                let interval = 1.0 / count as f64;
                let values = (0..=count)
                    .map(|n| (6.0 * interval * n as f64).sin())
                    .collect();
                let signal = SampledSignal::new(interval, values, interpolation).unwrap();
                let error = |n: usize| {
                    let time = 0.3 + 0.4 * n as f64 / 999.0;
                    (signal.value(time) - (6.0 * time).sin()).abs()
                };
                (0..1000).map(error).fold(0.0, f64::max)
            };
            let slope = (worst(40) / worst(80)).log2();
            assert!(slope > order - 0.2, "{interpolation:?}: {slope}");
        }
    }

    #[test]
    fn it_ends_where_its_last_loud_sample_stops_acting() {
        let values = [0.0, 2.0, 1.0, 1e-7, 0.0, 0.0, 1e-7, 0.0];
        for (interpolation, end) in [(Interpolation::Linear, 1.5), (Interpolation::Cubic, 2.0)] {
            let signal = signal(&values, interpolation);
            assert_eq!(signal.end_time(), end);
            for n in 0..200 {
                assert!(signal.value(end + 0.01 * n as f64).abs() < SILENCE * 2.0);
            }
        }
        assert_eq!(signal(&[0.0, 0.0], Interpolation::Linear).end_time(), 0.0);
        assert_eq!(signal(&[0.0, 1.0], Interpolation::Linear).end_time(), 0.5);
    }

    #[test]
    fn bad_samples_are_refused_with_their_place() {
        let refuse = |interval, values: &[f64]| {
            SampledSignal::new(interval, values.to_vec(), Interpolation::Linear)
                .unwrap_err()
                .to_string()
        };
        assert!(refuse(0.0, &[1.0]).contains("interval"));
        assert!(refuse(1.0, &[]).contains("no samples"));
        assert!(refuse(1.0, &[0.0, f64::NAN]).contains("value 1"));
    }
}
