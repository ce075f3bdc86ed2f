//! Error measures between a predicted seismogram `p` and a reference `u`, N samples `interval` apart.
//!
//! - relative L2: `‖p−u‖₂ / max(‖u‖₂, 0.01·r·√N)`, `r` the RMS of all reference traces of the trajectory: the floor keeps
//!   receivers that hear nearly nothing from dividing by it;
//! - arrival-time shift τ in s: the lag at which `c_k = Σ_n p_{n+k} u_n` is largest, |k| ≤ N/2, refined by the parabola through it
//!   and its neighbours, `τ = interval·(k + (c_{k−1} − c_{k+1}) / (2(c_{k−1} − 2c_k + c_{k+1})))`. **Positive: the prediction arrives
//!   late.** Of equal lags the shortest counts;
//! - amplitude ratio: `max|p| / max|u|`; 1 is perfect.
//!
//! Shift and ratio are only defined where the reference is above the floor and the prediction is finite, and the shift only
//! where the two correlate positively at some lag. Sums are taken in f64, in an order that depends on N alone. Source: the
//! correlation method of time delays (Knapp and Carter 1976, without weighting) with the usual parabolic interpolation; the
//! floor is ours.

use super::{QUIET_FLOOR, Summary, ratio};
use ndarray::{ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

/// Errors of one predicted seismogram.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TraceMetrics {
    /// Relative L2 error with the floor for quiet receivers.
    pub relative_l2: f64,
    /// How much later than the reference the prediction arrives, s; none where that is undefined.
    pub arrival_shift: Option<f64>,
    /// Largest absolute value of the prediction over that of the reference; none where that is undefined.
    pub amplitude_ratio: Option<f64>,
}

impl TraceMetrics {
    /// Compares one seismogram with its reference of as many samples, `interval` seconds apart. `trajectory_rms` is the RMS of all
    /// reference traces of the trajectory ([`traces_rms`]).
    pub fn compare(
        prediction: ArrayView1<'_, f32>,
        reference: ArrayView1<'_, f32>,
        interval: f64,
        trajectory_rms: f64,
    ) -> Self {
        assert_eq!(
            prediction.len(),
            reference.len(),
            "seismograms to compare differ in length"
        );
        let wide = |trace: ArrayView1<'_, f32>| -> Vec<f64> {
            trace.iter().map(|&value| f64::from(value)).collect()
        };
        let (p, u) = (wide(prediction), wide(reference));
        let error: f64 = p.iter().zip(&u).map(|(p, u)| (p - u).powi(2)).sum();
        let norm = u.iter().map(|u| u * u).sum::<f64>().sqrt();
        let floor = QUIET_FLOOR * trajectory_rms * (u.len() as f64).sqrt();
        let defined = norm > 0.0 && norm >= floor && p.iter().all(|value| value.is_finite());
        Self {
            relative_l2: ratio(error.sqrt(), norm.max(floor)),
            arrival_shift: if defined { lag(&p, &u) } else { None }.map(|lag| interval * lag),
            amplitude_ratio: defined.then(|| peak(&p) / peak(&u)),
        }
    }
}

/// Errors over trajectories or traces; traces where a measure is undefined are left out of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TracesSummary {
    /// Relative L2 error of all traces of a trajectory at once, trajectory by trajectory; none over a single receiver.
    pub trajectories: Option<Summary>,
    /// Relative L2 error, trace by trace.
    pub relative_l2: Summary,
    /// Absolute arrival-time shift, s.
    pub arrival_shift: Option<Summary>,
    /// Mean of the arrival-time shift with its sign, s: positive where predictions arrive late.
    pub mean_shift: Option<f64>,
    /// `|amplitude ratio − 1|`.
    pub amplitude_deviation: Option<Summary>,
}

impl TracesSummary {
    /// The summaries with their names in files, units at the end: the first is over trajectories, the others over their traces.
    pub fn named(&self) -> [(&'static str, Option<&Summary>); 4] {
        [
            ("trajectory_relative_l2", self.trajectories.as_ref()),
            ("trace_relative_l2", Some(&self.relative_l2)),
            ("abs_arrival_shift_s", self.arrival_shift.as_ref()),
            (
                "abs_amplitude_ratio_minus_1",
                self.amplitude_deviation.as_ref(),
            ),
        ]
    }

    /// Over the relative errors of trajectories and the errors of their traces; none without a trace.
    pub fn of(trajectories: &[f64], traces: &[TraceMetrics]) -> Option<Self> {
        let shifts: Vec<f64> = traces.iter().filter_map(|t| t.arrival_shift).collect();
        let mean = shifts.iter().sum::<f64>() / shifts.len().max(1) as f64;
        let over = |values: Vec<f64>| Summary::of(&values);
        Some(Self {
            trajectories: Summary::of(trajectories),
            relative_l2: over(traces.iter().map(|t| t.relative_l2).collect())?,
            mean_shift: (!shifts.is_empty()).then_some(mean),
            arrival_shift: over(shifts.iter().map(|shift| shift.abs()).collect()),
            amplitude_deviation: over(
                traces
                    .iter()
                    .filter_map(|t| Some((t.amplitude_ratio? - 1.0).abs()))
                    .collect(),
            ),
        })
    }
}

/// Compares the seismograms of all receivers of one trajectory, both `(receiver, time)`, one result a receiver.
pub fn compare_traces(
    prediction: ArrayView2<'_, f32>,
    reference: ArrayView2<'_, f32>,
    interval: f64,
) -> Vec<TraceMetrics> {
    assert_eq!(
        prediction.dim(),
        reference.dim(),
        "seismograms to compare differ in shape"
    );
    let rms = traces_rms(reference);
    let traces = prediction.outer_iter().zip(reference.outer_iter());
    traces
        .map(|(p, u)| TraceMetrics::compare(p, u, interval, rms))
        .collect()
}

/// Root mean square of all samples of all receivers, in the unit of the traces; 0 for no samples.
pub fn traces_rms(traces: ArrayView2<'_, f32>) -> f64 {
    let energy: f64 = traces.iter().map(|&value| f64::from(value).powi(2)).sum();
    (energy / traces.len().max(1) as f64).sqrt()
}

/// Relative L2 error of all traces of a trajectory at once: one ratio of norms, without a floor.
pub fn traces_relative_l2(prediction: ArrayView2<'_, f32>, reference: ArrayView2<'_, f32>) -> f64 {
    assert_eq!(
        prediction.dim(),
        reference.dim(),
        "seismograms to compare differ in shape"
    );
    let (mut error, mut energy) = (0.0, 0.0);
    for (&p, &u) in prediction.iter().zip(reference) {
        error += (f64::from(p) - f64::from(u)).powi(2);
        energy += f64::from(u).powi(2);
    }
    ratio(error.sqrt(), energy.sqrt())
}

fn peak(trace: &[f64]) -> f64 {
    trace
        .iter()
        .fold(0.0, |peak: f64, value| peak.max(value.abs()))
}

/// The lag of `p` behind `u` in samples; none where they correlate at no lag.
fn lag(p: &[f64], u: &[f64]) -> Option<f64> {
    let longest = u.len() / 2;
    let correlation = |k: isize| -> f64 {
        let (ahead, behind) = match k {
            0.. => (k.unsigned_abs(), 0),
            _ => (0, k.unsigned_abs()),
        };
        if ahead.max(behind) > longest {
            return 0.0;
        }
        dot(&p[ahead..p.len() - behind], &u[behind..u.len() - ahead])
    };
    let (mut best, mut largest) = (0, correlation(0));
    for distance in 1..=longest as isize {
        for k in [distance, -distance] {
            let value = correlation(k);
            if value > largest {
                (best, largest) = (k, value);
            }
        }
    }
    if largest <= 0.0 {
        return None;
    }
    if best.unsigned_abs() == longest {
        return Some(best as f64);
    }
    let (before, after) = (correlation(best - 1), correlation(best + 1));
    let curvature = before - 2.0 * largest + after;
    let part = if curvature < 0.0 {
        0.5 * (before - after) / curvature
    } else {
        0.0
    };
    Some(best as f64 + part)
}

/// `Σ a·b` in eight interleaved partial sums.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    for (a, b) in a.iter().zip(b) {
        for n in 0..8 {
            sums[n] += a[n] * b[n];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, Array2, array, s};
    use proptest::prelude::*;

    const INTERVAL: f64 = 0.01;

    /// A Ricker wavelet around `arrival` seconds.
    fn wavelet(samples: usize, arrival: f64) -> Array1<f32> {
        Array1::from_shape_fn(samples, |n| {
            let a = (std::f64::consts::PI * 4.0 * (n as f64 * INTERVAL - arrival)).powi(2);
            ((1.0 - 2.0 * a) * (-a).exp()) as f32
        })
    }

    proptest! {
        #[test]
        fn a_shifted_and_scaled_wavelet_gives_shift_and_scale_back(
            shift in -0.3f64..0.3, scale in 0.2f32..3.0,
        ) {
            let reference = wavelet(200, 1.0);
            let prediction = wavelet(200, 1.0 + shift) * scale;
            let found = TraceMetrics::compare(prediction.view(), reference.view(), INTERVAL, 0.1);
            // The parabola is the correlation's own shape to second order: a twentieth of a sample.
            prop_assert!((found.arrival_shift.unwrap() - shift).abs() < 0.05 * INTERVAL);
            // The largest sample is within half an interval of the true peak.
            prop_assert!((found.amplitude_ratio.unwrap() / f64::from(scale) - 1.0).abs() < 0.02);
        }

        #[test]
        fn every_measure_equals_its_formula_written_out(
            samples in 1usize..40, seed in 0u32..1000,
        ) {
            let value = |n: usize, k: f64| ((n as f64 + 1.3 * f64::from(seed)) * k).sin() as f32;
            let p = Array1::from_shape_fn(samples, |n| value(n, 1.7));
            let u = Array1::from_shape_fn(samples, |n| value(n, 0.9));
            let found = TraceMetrics::compare(p.view(), u.view(), INTERVAL, 0.5);
            let error: f64 = (0..samples).map(|n| (f64::from(p[n]) - f64::from(u[n])).powi(2)).sum();
            let norm = (0..samples).map(|n| f64::from(u[n]).powi(2)).sum::<f64>().sqrt();
            let floor = 0.01 * 0.5 * (samples as f64).sqrt();
            prop_assert!((found.relative_l2 - error.sqrt() / norm.max(floor)).abs() < 1e-12);
            if norm < floor {
                prop_assert_eq!((found.arrival_shift, found.amplitude_ratio), (None, None));
                return Ok(());
            }
            let longest = (samples / 2) as i64;
            let c = |k: i64| -> f64 {
                let (mut sum, last) = (0.0, samples as i64);
                for n in 0..last {
                    if (0..last).contains(&(n + k)) {
                        sum += f64::from(p[(n + k) as usize]) * f64::from(u[n as usize]);
                    }
                }
                sum
            };
            let largest = (-longest..=longest).map(c).fold(f64::NEG_INFINITY, f64::max);
            match found.arrival_shift {
                None => prop_assert!(largest <= 0.0),
                Some(shift) => {
                    let k = (shift / INTERVAL).round() as i64;
                    let near = |k: i64| k.abs() <= longest && (c(k) - largest).abs() < 1e-9;
                    prop_assert!((k - 1..=k + 1).any(near), "lag {k}");
                }
            }
        }
    }

    #[test]
    fn a_late_prediction_has_a_positive_shift() {
        let reference = wavelet(100, 0.4);
        let late = wavelet(100, 0.5);
        let found = TraceMetrics::compare(late.view(), reference.view(), INTERVAL, 0.1);
        assert!((found.arrival_shift.unwrap() - 0.1).abs() < 1e-6);
        let found = TraceMetrics::compare(reference.view(), late.view(), INTERVAL, 0.1);
        assert!((found.arrival_shift.unwrap() + 0.1).abs() < 1e-6);
        let found = TraceMetrics::compare(reference.view(), reference.view(), INTERVAL, 0.1);
        assert_eq!(found.relative_l2, 0.0);
        assert_eq!(found.amplitude_ratio, Some(1.0));
        assert!(found.arrival_shift.unwrap().abs() < 1e-9);
    }

    #[test]
    fn quiet_receivers_are_floored_and_have_no_arrival() {
        let mut reference = Array2::zeros((2, 100));
        reference.slice_mut(s![0, ..]).assign(&wavelet(100, 0.5));
        reference.slice_mut(s![1, 50]).fill(1e-4);
        let prediction = &reference * 2.0;
        let found = compare_traces(prediction.view(), reference.view(), INTERVAL);
        assert!((found[0].relative_l2 - 1.0).abs() < 1e-6);
        assert_eq!(found[0].amplitude_ratio, Some(2.0));
        let rms = traces_rms(reference.view());
        assert!((found[1].relative_l2 - 1e-4 / (0.01 * rms * 10.0)).abs() < 1e-6);
        assert_eq!(
            (found[1].arrival_shift, found[1].amplitude_ratio),
            (None, None)
        );
        let silent = Array2::<f32>::zeros((1, 4));
        let found = compare_traces(silent.view(), silent.view(), INTERVAL)[0];
        assert_eq!((found.relative_l2, found.arrival_shift), (0.0, None));
    }

    #[test]
    fn a_prediction_that_is_not_a_number_is_not_perfect() {
        let reference = wavelet(20, 0.1);
        let mut prediction = reference.clone();
        prediction[3] = f32::NAN;
        let found = TraceMetrics::compare(prediction.view(), reference.view(), INTERVAL, 0.1);
        assert!(found.relative_l2.is_nan());
        assert_eq!((found.arrival_shift, found.amplitude_ratio), (None, None));
        let found = TraceMetrics::compare(
            (-&reference).slice(s![..1]),
            reference.slice(s![..1]),
            1.0,
            0.0,
        );
        assert_eq!(found.arrival_shift, None, "opposite signs at the only lag");
    }

    #[test]
    fn all_traces_of_a_trajectory_are_one_ratio_of_norms() {
        let reference = array![[3.0f32, 0.0], [0.0, 4.0]];
        let prediction = array![[3.0f32, 1.0], [0.0, 4.0]];
        assert!((traces_relative_l2(prediction.view(), reference.view()) - 0.2).abs() < 1e-12);
        assert!((traces_rms(reference.view()) - 2.5).abs() < 1e-12);
    }
}
