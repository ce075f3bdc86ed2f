//! The list of measures, and their values over whole trajectories: what tables and files go through.
//!
//! Over a trajectory the relative L2 error is one ratio of norms, max and energy drift are the largest absolute values, and all
//! others are means over the steps.

use super::{StepMetrics, Summary};
use serde::{Serialize, Serializer};

/// A measure of the error of a predicted field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Relative L2 norm.
    RelativeL2,
    /// Root mean square error over the root mean square of the reference, both of a step.
    Nrmse,
    /// Root mean square error over the standard deviation in space.
    Vrmse,
    /// Largest absolute error.
    MaxAbs,
    /// Root mean square error over the boundary nodes.
    BoundaryRmse,
    /// Of wavenumbers below 4.
    SpectralLow,
    /// Of wavenumbers from 4 to 12.
    SpectralMid,
    /// Of wavenumbers of 12 and more.
    SpectralHigh,
    /// Of the lowest of three bands that are equally wide in log k.
    SpectralLogLow,
    /// Of the middle one.
    SpectralLogMid,
    /// Of the highest one.
    SpectralLogHigh,
    /// Energy too much (too little where negative), relative to the reference's.
    EnergyDrift,
}

impl Measure {
    /// All, in the order of tables.
    pub const ALL: [Self; 12] = [
        Self::RelativeL2,
        Self::Nrmse,
        Self::Vrmse,
        Self::MaxAbs,
        Self::BoundaryRmse,
        Self::SpectralLow,
        Self::SpectralMid,
        Self::SpectralHigh,
        Self::SpectralLogLow,
        Self::SpectralLogMid,
        Self::SpectralLogHigh,
        Self::EnergyDrift,
    ];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::RelativeL2 => "relative_l2",
            Self::Nrmse => "nrmse",
            Self::Vrmse => "vrmse",
            Self::MaxAbs => "max_abs",
            Self::BoundaryRmse => "boundary_rmse",
            Self::SpectralLow => "spectral_low",
            Self::SpectralMid => "spectral_mid",
            Self::SpectralHigh => "spectral_high",
            Self::SpectralLogLow => "spectral_log_low",
            Self::SpectralLogMid => "spectral_log_mid",
            Self::SpectralLogHigh => "spectral_log_high",
            Self::EnergyDrift => "energy_drift",
        }
    }

    /// Its name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::RelativeL2 => "relative L2",
            Self::Nrmse => "nRMSE",
            Self::Vrmse => "VRMSE",
            Self::MaxAbs => "largest error",
            Self::BoundaryRmse => "RMSE at the boundary",
            Self::SpectralLow => "RMSE, k < 4",
            Self::SpectralMid => "RMSE, 4 ≤ k < 12",
            Self::SpectralHigh => "RMSE, k ≥ 12",
            Self::SpectralLogLow => "RMSE, lowest band in log k",
            Self::SpectralLogMid => "RMSE, middle band in log k",
            Self::SpectralLogHigh => "RMSE, highest band in log k",
            Self::EnergyDrift => "energy drift",
        }
    }

    /// Whether it has the unit of the field; else it is a ratio.
    pub fn has_unit(self) -> bool {
        !matches!(
            self,
            Self::RelativeL2 | Self::Nrmse | Self::Vrmse | Self::EnergyDrift
        )
    }

    /// Its value for one step; none where it is not defined.
    pub fn of(self, step: &StepMetrics) -> Option<f64> {
        Some(match self {
            // the step's floor makes the two one
            Self::RelativeL2 | Self::Nrmse => step.relative_l2,
            Self::Vrmse => step.vrmse,
            Self::MaxAbs => step.max_abs,
            Self::BoundaryRmse => step.boundary_rmse,
            Self::SpectralLow => step.spectral[0],
            Self::SpectralMid => step.spectral[1],
            Self::SpectralHigh => step.spectral[2],
            Self::SpectralLogLow => step.spectral_log[0],
            Self::SpectralLogMid => step.spectral_log[1],
            Self::SpectralLogHigh => step.spectral_log[2],
            Self::EnergyDrift => return step.energy_drift,
        })
    }
}

/// Every measure of one trajectory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrajectoryMetrics {
    values: [Option<f64>; Measure::ALL.len()],
}

impl TrajectoryMetrics {
    /// From the measures of the steps and the relative L2 error of all of them at once.
    pub fn new(steps: &[StepMetrics], relative_l2: f64) -> Self {
        let values = Measure::ALL.map(|measure| {
            let values = steps.iter().filter_map(|step| measure.of(step));
            match measure {
                Measure::RelativeL2 => Some(relative_l2),
                Measure::MaxAbs | Measure::EnergyDrift => values.map(f64::abs).reduce(largest),
                _ => {
                    let (sum, count) = values.fold((0.0, 0), |(sum, n), v| (sum + v, n + 1));
                    (count > 0).then(|| sum / f64::from(count))
                }
            }
        });
        Self { values }
    }

    /// The value of a measure; none where it is not defined for any step.
    pub fn get(&self, measure: Measure) -> Option<f64> {
        self.values[measure as usize]
    }
}

/// The larger one; NaN if any is: a step that is not a number must show.
fn largest(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}

/// Every measure over several trajectories.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricsSummary {
    values: [Option<Summary>; Measure::ALL.len()],
}

impl MetricsSummary {
    /// Summarises trajectories; a measure that none of them has is left out.
    pub fn new<'a>(trajectories: impl Iterator<Item = &'a TrajectoryMetrics> + Clone) -> Self {
        let values = Measure::ALL.map(|measure| {
            let (positions, values): (Vec<usize>, Vec<f64>) = trajectories
                .clone()
                .enumerate()
                .filter_map(|(n, trajectory)| Some((n, trajectory.get(measure)?)))
                .unzip();
            let summary = Summary::of(&values)?;
            Some(Summary {
                worst_position: positions[summary.worst_position],
                ..summary
            })
        });
        Self { values }
    }

    /// The summary of a measure.
    pub fn get(&self, measure: Measure) -> Option<&Summary> {
        self.values[measure as usize].as_ref()
    }

    /// The measures that there are, in the order of tables.
    pub fn iter(&self) -> impl Iterator<Item = (Measure, &Summary)> {
        let all = Measure::ALL.into_iter();
        all.filter_map(|measure| Some((measure, self.get(measure)?)))
    }
}

impl Serialize for TrajectoryMetrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let all = Measure::ALL.into_iter();
        serializer.collect_map(all.map(|measure| (measure.name(), self.get(measure))))
    }
}

impl Serialize for MetricsSummary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.iter()
                .map(|(measure, summary)| (measure.name(), summary)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(value: f64, drift: Option<f64>) -> StepMetrics {
        StepMetrics {
            relative_l2: value,
            vrmse: 2.0 * value,
            max_abs: value,
            boundary_rmse: value,
            spectral: [value, 0.0, 1.0],
            spectral_log: [0.0, value, 1.0],
            energy_drift: drift,
        }
    }

    #[test]
    fn every_measure_has_its_place() {
        for (place, measure) in Measure::ALL.into_iter().enumerate() {
            assert_eq!(measure as usize, place);
        }
    }

    #[test]
    fn a_trajectory_has_means_and_largest_values() {
        let steps = [
            step(1.0, Some(-0.5)),
            step(3.0, Some(0.25)),
            step(2.0, None),
        ];
        let found = TrajectoryMetrics::new(&steps, 7.0);
        for (measure, expected) in [
            (Measure::RelativeL2, 7.0),
            (Measure::Nrmse, 2.0),
            (Measure::Vrmse, 4.0),
            (Measure::MaxAbs, 3.0),
            (Measure::SpectralHigh, 1.0),
            (Measure::SpectralLogMid, 2.0),
            (Measure::EnergyDrift, 0.5),
        ] {
            assert_eq!(found.get(measure), Some(expected), "{measure:?}");
        }
        let lost = TrajectoryMetrics::new(&[step(f64::NAN, None), step(1.0, None)], f64::NAN);
        assert!(lost.get(Measure::MaxAbs).unwrap().is_nan());
        assert_eq!(lost.get(Measure::EnergyDrift), None);
    }

    #[test]
    fn the_worst_trajectory_is_found_among_those_that_have_the_measure() {
        let of = |drift: Option<f64>| TrajectoryMetrics::new(&[step(1.0, drift)], 1.0);
        let all = [of(None), of(Some(0.1)), of(Some(-0.3))];
        let found = MetricsSummary::new(all.iter());
        let drift = found.get(Measure::EnergyDrift).unwrap();
        assert_eq!((drift.worst, drift.worst_position), (0.3, 2));
        assert!(
            MetricsSummary::new([of(None)].iter())
                .get(Measure::EnergyDrift)
                .is_none()
        );
    }
}
