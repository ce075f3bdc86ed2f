//! What predictions of a split are measured with, whoever made them: the surrogate, a trivial prediction, or another solver.

use super::receivers::{Receivers, SeismogramErrors};
use super::{Case, SHORT_ROLLOUT};
use crate::metrics::{Energy, Spectrum, StepMetrics, TrajectoryMetrics, relative_l2, rms};
use crate::surrogate::Surrogate;
use crate::task::{Domain, SPEED};
use fewave_datasets::{BoundaryType, Split};
use ndarray::{Array3, ArrayView3, Axis, s};
use rayon::prelude::*;

/// Errors of predictions of one trajectory.
#[derive(Debug, Clone, PartialEq)]
pub struct Errors {
    /// Snapshot by snapshot.
    pub steps: Vec<StepMetrics>,
    /// Over all snapshots.
    pub trajectory: TrajectoryMetrics,
    /// Relative L2 error over the first [`SHORT_ROLLOUT`] snapshots (fewer if there are fewer).
    pub relative_l2_20: f64,
    /// Relative L2 error over all snapshots.
    pub relative_l2: f64,
    /// Of the seismograms at the receivers of the data; none for single predictions, or without receivers.
    pub receivers: Option<SeismogramErrors>,
}

/// Grid, domain and physics of a split, as measures need them.
#[derive(Debug)]
pub(super) struct Yardstick<'a> {
    spectrum: Spectrum,
    domain: Option<&'a Domain>,
    spacing: [f64; 2],
    times: &'a [f64],
    /// Whether the energy says anything: the speed is known, and waves cannot leave.
    energy: bool,
    receivers: Option<Receivers>,
}

impl<'a> Yardstick<'a> {
    pub(super) fn new(surrogate: &'a Surrogate, split: &'a Split) -> Self {
        let [x, y] = split.axes();
        let mut boundaries = split.spec().boundaries.iter();
        Self {
            spectrum: Spectrum::new([x.len(), y.len()]),
            domain: surrogate.domain(),
            spacing: surrogate.grid().spacing,
            times: split.times(),
            energy: split.field_specs().iter().any(|field| field.name == SPEED)
                && boundaries.all(|side| side.kind != BoundaryType::Open),
            receivers: Receivers::of(split, surrogate.domain()),
        }
    }

    /// Errors of predictions, each by itself, of the measured snapshots of a case.
    pub(super) fn single(&self, case: &Case, predictions: &Array3<f32>) -> Errors {
        let truth = case.measured_of(&case.all, |snapshot| snapshot);
        let scale = rms(case.all.slice(s![case.span.first.., .., ..]), self.domain);
        let steps: Vec<StepMetrics> = (0..truth.dim().0)
            .into_par_iter()
            .map(|n| {
                let fields = [predictions, &truth].map(|all| all.index_axis(Axis(0), n));
                StepMetrics::compare(fields[0], fields[1], scale, self.domain, &self.spectrum)
            })
            .collect();
        let short = SHORT_ROLLOUT.min(truth.dim().0);
        let first = s![..short, .., ..];
        let ratio = relative_l2(predictions.view(), truth.view(), self.domain);
        Errors {
            trajectory: TrajectoryMetrics::new(&steps, ratio),
            steps,
            relative_l2_20: relative_l2(predictions.slice(first), truth.slice(first), self.domain),
            relative_l2: ratio,
            receivers: None,
        }
    }

    /// Errors of predictions that belong together, of all predicted snapshots of a case: those of the measured ones, their
    /// energy included.
    pub(super) fn sequence(&self, case: &Case, predicted: &Array3<f32>) -> Errors {
        let measured = predicted.select(Axis(0), &case.measured);
        let mut errors = self.single(case, &measured);
        let drifts = self.drifts(case, predicted.view());
        for (step, place) in errors.steps.iter_mut().zip(&case.measured) {
            step.energy_drift = drifts.get(*place).copied().flatten();
        }
        errors.trajectory = TrajectoryMetrics::new(&errors.steps, errors.relative_l2);
        errors.receivers = self.receivers.as_ref().map(|receivers| {
            let truth = case.measured_of(&case.all, |snapshot| snapshot);
            let times: Vec<f64> = case.snapshots().map(|n| self.times[n]).collect();
            receivers.compare(measured.view(), truth.view(), &times)
        });
        errors
    }

    /// The drift of the energy at each predicted snapshot; none for the last one, and while sources act.
    fn drifts(&self, case: &Case, predicted: ArrayView3<'_, f32>) -> Vec<Option<f64>> {
        let snapshots = &case.span.predicted;
        let (Some(&next), Some(last)) = (snapshots.first(), snapshots.last()) else {
            return Vec::new();
        };
        let stride = snapshots.get(1).map_or(1, |second| second - next);
        if !self.energy || next < stride {
            return Vec::new();
        }
        let before = next - stride;
        let given = case.all.slice(s![before..before + 1, .., ..]);
        let (_, nx, ny) = predicted.dim();
        let mut prediction = Array3::zeros((snapshots.len() + 1, nx, ny));
        prediction.slice_mut(s![..1, .., ..]).assign(&given);
        prediction.slice_mut(s![1.., .., ..]).assign(&predicted);
        let reference = case.all.slice(s![before..=*last; stride, .., ..]);
        let energy = Energy {
            speed: case.speed.view(),
            spacing: self.spacing,
            interval: self.times[next] - self.times[before],
            domain: self.domain,
        };
        let drifts = energy.drifts(prediction.view(), reference);
        snapshots
            .iter()
            .zip(drifts)
            .map(|(n, drift)| (self.times[n - stride] >= case.source_end).then_some(drift))
            .collect()
    }
}
