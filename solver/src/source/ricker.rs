//! The Ricker wavelet `s(t) = (1 − 2a) exp(−a)`, `a = (π f (t − t_0))²`: the negative second derivative of a Gaussian.
//!
//! `|s|` stays below 1e-6 of the peak where a > 17.4, i.e. from 1.33/f before and after the peak at t_0. The default
//! delay `t_0 = 1.5/f` has a = 22.2 at t = 0 and starts with |s| = 1e-8.
//! Derivatives, with `b = (π f)²` and `τ = t − t_0`: `s' = bτ (4a − 6) exp(−a)`, `s'' = b (24a − 8a² − 6) exp(−a)`.

use std::f64::consts::PI;

use crate::{SolverError, check};

/// Above this value of a, `(2a − 1) exp(−a)` is below [`super::SILENCE`].
const SILENT: f64 = 17.4;

/// A Ricker wavelet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ricker {
    frequency: f64,
    delay: f64,
}

impl Ricker {
    /// A wavelet of peak frequency `frequency` (Hz), whose peak is at `1.5/frequency`.
    ///
    /// # Errors
    /// [`SolverError::InvalidParameter`] unless the frequency is finite and above 0.
    pub fn new(frequency: f64) -> Result<Self, SolverError> {
        check::positive("ricker frequency", frequency)?;
        Ok(Self {
            frequency,
            delay: 1.5 / frequency,
        })
    }

    /// The same wavelet with its peak at `delay` (s). With less than 1.33/f it starts with a jump.
    ///
    /// # Errors
    /// [`SolverError::InvalidParameter`] unless the delay is finite.
    pub fn with_delay(self, delay: f64) -> Result<Self, SolverError> {
        Ok(Self {
            delay: check::finite("ricker delay", delay)?,
            ..self
        })
    }

    /// Peak frequency, Hz.
    pub fn frequency(&self) -> f64 {
        self.frequency
    }

    /// Time of the peak, s.
    pub fn delay(&self) -> f64 {
        self.delay
    }

    /// Value at `time` (s), 1 at the peak.
    pub fn value(&self, time: f64) -> f64 {
        self.times_gaussian(time, |a, _| 1.0 - 2.0 * a)
    }

    /// First derivative at `time` (s), 1/s.
    pub fn derivative(&self, time: f64) -> f64 {
        let rate = PI * self.frequency;
        self.times_gaussian(time, |a, phase| rate * phase * (4.0 * a - 6.0))
    }

    /// Second derivative at `time` (s), 1/s².
    pub fn second_derivative(&self, time: f64) -> f64 {
        let rate = PI * self.frequency;
        self.times_gaussian(time, |a, _| rate * rate * ((24.0 - 8.0 * a) * a - 6.0))
    }

    /// `factor(a, π f τ) exp(−a)`.
    fn times_gaussian(&self, time: f64, factor: impl Fn(f64, f64) -> f64) -> f64 {
        let phase = PI * self.frequency * (time - self.delay);
        let a = phase * phase;
        // exp(−a) is 0 from here on, and a may be infinite
        if a > 750.0 {
            return 0.0;
        }
        factor(a, phase) * (-a).exp()
    }

    /// Time (s) after which the wavelet stays below 1e-6 of its peak.
    pub fn end_time(&self) -> f64 {
        (self.delay + SILENT.sqrt() / (PI * self.frequency)).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SILENCE;

    #[test]
    fn it_starts_and_ends_in_silence() {
        for frequency in [0.1, 4.0, 1e6] {
            let ricker = Ricker::new(frequency).unwrap();
            assert!(ricker.value(0.0).abs() < SILENCE);
            assert_eq!(ricker.value(ricker.delay()), 1.0);
            let end = ricker.end_time();
            for step in 0..100 {
                let late = end * (1.0 + 0.01 * step as f64);
                assert!(ricker.value(late).abs() < SILENCE);
            }
            // and it is not far from the last time above
            assert!(ricker.value(0.97 * end).abs() > SILENCE);
        }
    }

    #[test]
    fn its_spectrum_peaks_at_its_frequency() {
        let ricker = Ricker::new(5.0).unwrap().with_delay(1.0).unwrap();
        let power = |frequency: f64| {
            let (mut re, mut im) = (0.0, 0.0);
            for n in 0..2000 {
                let t = 0.001 * n as f64;
                let (sin, cos) = (2.0 * PI * frequency * t).sin_cos();
                re += ricker.value(t) * cos;
                im += ricker.value(t) * sin;
            }
            re * re + im * im
        };
        assert!(power(5.0) > power(4.9) && power(5.0) > power(5.1));
        // at 2.5 times the peak frequency 3 % of the amplitude is left
        assert!(power(12.5) < 0.034_f64.powi(2) * power(5.0));
    }

    #[test]
    fn derivatives_are_those_of_the_value() {
        let ricker = Ricker::new(3.0).unwrap();
        let step = 1e-5;
        for n in 0..60 {
            let t = 0.02 * n as f64;
            let [before, now, after] = [t - step, t, t + step].map(|t| ricker.value(t));
            let first = (after - before) / (2.0 * step);
            let second = (after - 2.0 * now + before) / (step * step);
            assert!((ricker.derivative(t) - first).abs() < 1e-5, "{t}");
            assert!((ricker.second_derivative(t) - second).abs() < 1e-3, "{t}");
        }
    }

    #[test]
    fn extreme_frequencies_and_times_give_numbers() {
        for frequency in [f64::MIN_POSITIVE, 1e-300, 1.0, 1e300] {
            let ricker = Ricker::new(frequency).unwrap();
            for time in [0.0, 1e-300, 1.0, 1e300] {
                assert!(ricker.value(time).is_finite(), "{frequency} {time}");
            }
        }
    }

    #[test]
    fn bad_parameters_are_refused() {
        assert!(Ricker::new(0.0).is_err());
        assert!(Ricker::new(f64::NAN).is_err());
        assert!(Ricker::new(1.0).unwrap().with_delay(f64::INFINITY).is_err());
    }
}
