//! A signal given by samples at `t = 0, Δ, 2Δ, …`, interpolated in between and 0 before the first and after the last.
//!
//! Linear: `s(t) = (1 − τ) s_i + τ s_{i+1}`. Cubic: the natural spline (de Boor 1978, chapter IV), whose second derivative is
//! continuous and 0 at both ends; its values `M_i` at the samples solve
//! `M_{i−1} + 4 M_i + M_{i+1} = 6 (s_{i−1} − 2 s_i + s_{i+1})/Δ²`. A signal that starts or ends with a value other than 0 jumps
//! there: taper it.

use super::SILENCE;
use crate::{SolverError, check};

/// How a signal goes from sample to sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interpolation {
    /// Straight lines: never exceeds the samples; fourth-order stepping falls back to second order.
    Linear,
    /// The natural cubic spline: fourth order for signals that start and end smoothly, third derivative piecewise constant.
    Cubic,
}

/// A signal given by samples.
#[derive(Debug, Clone, PartialEq)]
pub struct SampledSignal {
    interval: f64,
    values: Vec<f64>,
    /// Second derivatives at the samples times `interval²`; zeros where linear.
    curvatures: Vec<f64>,
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
        let curvatures = match interpolation {
            Interpolation::Linear => vec![0.0; values.len()],
            Interpolation::Cubic => natural_spline(&values),
        };
        let peak = values.iter().fold(0.0_f64, |peak, s| peak.max(s.abs()));
        // between two samples, no more than the larger of them and an eighth of the curvature
        let bound = |n: usize| {
            let largest = |list: &[f64]| {
                list[n..]
                    .iter()
                    .take(2)
                    .fold(0.0, |m: f64, x| m.max(x.abs()))
            };
            largest(&values) + largest(&curvatures) / 8.0
        };
        let end = (0..values.len())
            .rev()
            .find(|&n| bound(n) >= SILENCE * peak && bound(n) > 0.0)
            .map_or(0, |last| (last + 1).min(values.len() - 1));
        Ok(Self {
            end_time: interval * end as f64,
            interval,
            values,
            curvatures,
            interpolation,
        })
    }

    /// How it goes from sample to sample.
    pub fn interpolation(&self) -> Interpolation {
        self.interpolation
    }

    /// Value at `time` (s).
    pub fn value(&self, time: f64) -> f64 {
        let Some((n, tau)) = self.place(time) else {
            return 0.0;
        };
        let (left, right) = (1.0 - tau, tau);
        let bend = |weight: f64| (weight * weight - 1.0) * weight / 6.0;
        left * self.values[n]
            + right * self.next(&self.values, n)
            + bend(left) * self.curvatures[n]
            + bend(right) * self.next(&self.curvatures, n)
    }

    /// First derivative at `time` (s), 1/s; the one to the right at a sample of a linear signal, to the left at the last one.
    pub fn derivative(&self, time: f64) -> f64 {
        let Some((n, tau)) = self.place(time) else {
            return 0.0;
        };
        let bend = |weight: f64| (3.0 * weight * weight - 1.0) / 6.0;
        let rise = self.next(&self.values, n) - self.values[n];
        let bent =
            bend(tau) * self.next(&self.curvatures, n) - bend(1.0 - tau) * self.curvatures[n];
        (rise + bent) / self.interval
    }

    /// Second derivative at `time` (s), 1/s²; 0 between the samples of a linear signal.
    pub fn second_derivative(&self, time: f64) -> f64 {
        let Some((n, tau)) = self.place(time) else {
            return 0.0;
        };
        let curvature = (1.0 - tau) * self.curvatures[n] + tau * self.next(&self.curvatures, n);
        curvature / (self.interval * self.interval)
    }

    /// The sample at or before a time, and how far the time is on the way to the next.
    fn place(&self, time: f64) -> Option<(usize, f64)> {
        let place = time / self.interval;
        let last = (self.values.len() - 1) as f64;
        if !(0.0 <= place && place <= last) {
            return None;
        }
        // the last sample is the end of the piece before it, so that derivatives there are that piece's
        let index = (place as usize).min(self.values.len().saturating_sub(2));
        Some((index, place - index as f64))
    }

    /// The entry after `n`; of a single sample that one again.
    fn next(&self, list: &[f64], n: usize) -> f64 {
        list[(n + 1).min(list.len() - 1)]
    }

    /// Time (s) after which the signal stays below 1e-6 of its peak; 0 for a signal that is 0 throughout.
    pub fn end_time(&self) -> f64 {
        self.end_time
    }
}

/// Second derivatives of the natural spline, times the interval squared, by elimination of the tridiagonal system.
fn natural_spline(values: &[f64]) -> Vec<f64> {
    let mut curvatures = vec![0.0; values.len()];
    let mut factors = vec![0.0; values.len()];
    for n in 1..values.len().saturating_sub(1) {
        let factor = 1.0 / (4.0 - factors[n - 1]);
        let bend = 6.0 * (values[n - 1] - 2.0 * values[n] + values[n + 1]);
        factors[n] = factor;
        curvatures[n] = factor * (bend - curvatures[n - 1]);
    }
    for n in (1..values.len().saturating_sub(1)).rev() {
        curvatures[n] -= factors[n] * curvatures[n + 1];
    }
    curvatures
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
        // a single sample acts at its instant only
        assert_eq!(signal(&[3.0], Interpolation::Cubic).value(0.0), 3.0);
    }

    #[test]
    fn derivatives_are_those_of_the_value() {
        let values: Vec<f64> = (0..9).map(|n| (0.9 * n as f64).sin() * n as f64).collect();
        for interpolation in [Interpolation::Linear, Interpolation::Cubic] {
            let signal = signal(&values, interpolation);
            let step = 1e-5;
            for n in 0..70 {
                // between the samples, where linear signals have derivatives
                let t = 0.055 * n as f64 + 0.012;
                let [before, now, after] = [t - step, t, t + step].map(|t| signal.value(t));
                let first = (after - before) / (2.0 * step);
                let second = (after - 2.0 * now + before) / (step * step);
                assert!((signal.derivative(t) - first).abs() < 1e-6, "{t}");
                assert!((signal.second_derivative(t) - second).abs() < 1e-3, "{t}");
            }
        }
    }

    #[test]
    fn derivatives_at_the_ends_are_those_of_the_pieces_there() {
        let signal = signal(&[0.0, 1.0, 3.0], Interpolation::Cubic);
        for end in [0.0, 1.0] {
            let inside = (end - 1e-9_f64).abs();
            let (here, beside) = (signal.derivative(end), signal.derivative(inside));
            assert!(
                here > 1.0 && (here - beside).abs() < 1e-6,
                "{here} {beside}"
            );
        }
    }

    #[test]
    fn splines_bend_without_jumps() {
        let signal = signal(&[0.0, 1.0, -2.0, 0.5, 3.0, 0.0], Interpolation::Cubic);
        for knot in 1..5 {
            let t = 0.5 * f64::from(knot);
            let jump = |f: &dyn Fn(f64) -> f64| (f(t + 1e-9) - f(t - 1e-9)).abs();
            assert!(jump(&|t| signal.derivative(t)) < 1e-6);
            assert!(jump(&|t| signal.second_derivative(t)) < 1e-6);
        }
        assert!(signal.second_derivative(0.0).abs() < 1e-12);
        assert!(signal.second_derivative(2.5).abs() < 1e-12);
    }

    #[test]
    fn smooth_signals_converge_with_their_order() {
        for (interpolation, order) in [(Interpolation::Linear, 2.0), (Interpolation::Cubic, 4.0)] {
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
    fn it_is_silent_after_its_end() {
        let mut values = vec![0.0, 2.0, 1.0, 1e-7, 0.0, 0.0, 1e-7, 0.0];
        assert_eq!(signal(&values, Interpolation::Linear).end_time(), 1.5);
        // a spline rings on for a few samples
        values.resize(40, 0.0);
        let spline = signal(&values, Interpolation::Cubic);
        assert!(
            (2.0..8.0).contains(&spline.end_time()),
            "{}",
            spline.end_time()
        );
        for n in 0..2000 {
            let time = spline.end_time() + 0.01 * n as f64;
            assert!(spline.value(time).abs() < SILENCE * 2.0);
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
