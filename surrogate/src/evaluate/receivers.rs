//! Errors of predicted wavefields as receivers would hear them.
//!
//! Both wavefields, the predicted and the true one, are read on the snapshot grid at the places of the data's receivers, at the
//! measured snapshots: a seismogram has the interval of the snapshots, and interpolation is the same on both sides. The measures
//! are those of [`crate::metrics::traces`].

use crate::metrics::traces::{compare_traces, traces_relative_l2};
use crate::metrics::{Stations, TraceMetrics, TracesSummary};
use crate::task::Domain;
use fewave_datasets::{ReceiverQuantity, Split};
use ndarray::ArrayView3;
use serde::Serialize;

/// Errors of the seismograms of one trajectory.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SeismogramErrors {
    /// Relative L2 error of all of them at once.
    pub relative_l2: f64,
    /// The receivers of the data that have a point of the domain beside them, by number.
    pub receivers: Vec<usize>,
    /// Receiver by receiver, in that order.
    pub traces: Vec<TraceMetrics>,
}

impl SeismogramErrors {
    /// Over several trajectories; none without any.
    pub(super) fn summary<'a>(all: impl Iterator<Item = &'a Self>) -> Option<TracesSummary> {
        let (mut whole, mut traces) = (Vec::new(), Vec::new());
        for errors in all {
            whole.push(errors.relative_l2);
            traces.extend(&errors.traces);
        }
        TracesSummary::of(&whole, &traces)
    }
}

/// Places of the receivers of a split.
#[derive(Debug)]
pub(super) struct Receivers {
    numbers: Vec<usize>,
    stations: Stations,
}

impl Receivers {
    /// Those that recorded displacement, and have a point of the domain beside them; none without any.
    pub(super) fn of(split: &Split, domain: Option<&Domain>) -> Option<Self> {
        let spec = split.spec().receivers.as_ref()?;
        if !spec.quantities.contains(&ReceiverQuantity::Displacement) {
            return None;
        }
        let inside = domain.map(Domain::points);
        let on = |places: &[[f64; 2]]| Stations::new(split.axes(), places, inside.as_ref());
        let all = on(&spec.positions);
        let numbers = 0..spec.positions.len();
        let numbers: Vec<usize> = numbers.filter(|&n| all.hears(n)).collect();
        let places: Vec<[f64; 2]> = numbers.iter().map(|&n| spec.positions[n]).collect();
        (!numbers.is_empty()).then(|| Self {
            stations: on(&places),
            numbers,
        })
    }

    /// Errors of predicted snapshots `(time, x, y)` at these times (s).
    pub(super) fn compare(
        &self,
        predicted: ArrayView3<'_, f32>,
        truth: ArrayView3<'_, f32>,
        times: &[f64],
    ) -> SeismogramErrors {
        let [p, u] = [predicted, truth].map(|fields| self.stations.traces(fields));
        let interval = interval(times);
        let mut traces = compare_traces(p.view(), u.view(), interval.unwrap_or(1.0));
        if interval.is_none() {
            for trace in &mut traces {
                trace.arrival_shift = None;
            }
        }
        SeismogramErrors {
            relative_l2: traces_relative_l2(p.view(), u.view()),
            receivers: self.numbers.clone(),
            traces,
        }
    }
}

/// The interval of evenly spaced times; none where they are not, or for fewer than three.
fn interval(times: &[f64]) -> Option<f64> {
    let [first, second, .., last] = times else {
        return None;
    };
    let mean = (last - first) / (times.len() - 1) as f64;
    let even = times
        .windows(2)
        .all(|pair| (pair[1] - pair[0] - mean).abs() <= 1e-6 * mean);
    (even && second > first).then_some(mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uneven_times_have_no_interval() {
        assert_eq!(interval(&[0.5, 1.0, 1.5, 2.0]), Some(0.5));
        assert_eq!(interval(&[0.5, 1.0, 1.5, 2.5]), None);
        assert_eq!(interval(&[0.5, 1.0]), None);
        assert_eq!(interval(&[]), None);
    }
}
