//! Constants that bring inputs and outputs to order one, from the statistics of the train split.

use super::scenes::Given;
use super::{DISPLACEMENT, SPEED};
use crate::{Result, SurrogateError};
use fewave_datasets::{INITIAL_VELOCITY_FIELD, Statistics};
use serde::{Deserialize, Serialize};

/// Constants that make the network's numbers of order one; in the units of the fields.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalisation {
    /// Mean displacement ū, m.
    pub displacement_mean: f64,
    /// Standard deviation σ_u of the displacement, m.
    pub displacement_std: f64,
    /// Standard deviation σ_Δ of the change between snapshots, m.
    pub increment_std: f64,
    /// Mean speed c̄, m/s.
    pub speed_mean: f64,
    /// Standard deviation σ_c of the speed, m/s; 1 where the medium is the same everywhere.
    pub speed_std: f64,
    /// Standard deviation σ_v of the velocity at t = 0, m/s; none where the data have no such field: waves start at rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub velocity_std: Option<f64>,
    /// RMS σ_f of the sources' signals; none where the data have no sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_rms: Option<f64>,
}

impl Normalisation {
    /// Whether the constants are those of another, but for rounding.
    pub(crate) fn is_near(&self, other: &Self) -> bool {
        let all = |of: &Self| {
            [
                Some(of.displacement_mean),
                Some(of.displacement_std),
                Some(of.increment_std),
                Some(of.speed_mean),
                Some(of.speed_std),
                of.velocity_std,
                of.source_rms,
            ]
        };
        let near = |pair: (Option<f64>, Option<f64>)| match pair {
            (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs(),
            (a, b) => a.is_none() && b.is_none(),
        };
        all(self).into_iter().zip(all(other)).all(near)
    }

    /// The constants for a task on data with these statistics.
    ///
    /// # Errors
    /// [`SurrogateError::Data`] naming the statistic that is missing, not finite, or zero where waves should move.
    pub fn new(statistics: &Statistics, medium: bool) -> Result<Self> {
        let (speed_mean, speed_std) = if medium {
            (
                look_up(&statistics.mean, "mean", SPEED)?,
                look_up(&statistics.std, "std", SPEED)?,
            )
        } else {
            (0.0, 1.0)
        };
        let constants = Self {
            displacement_mean: look_up(&statistics.mean, "mean", DISPLACEMENT)?,
            displacement_std: look_up(&statistics.std, "std", DISPLACEMENT)?,
            increment_std: look_up(&statistics.std_delta, "std_delta", DISPLACEMENT)?,
            speed_mean,
            // A uniform medium has no spread: whatever it is divided by, the channel is zero. Rounding in the mean of
            // a uniform field must not be blown up.
            speed_std: if speed_std <= 1e-6 * speed_mean.abs() {
                1.0
            } else {
                speed_std
            },
            velocity_std: None,
            source_rms: None,
        };
        for (name, value) in [
            ("std", constants.displacement_std),
            ("std_delta", constants.increment_std),
        ] {
            if value <= 0.0 {
                return Err(bad_statistic(
                    name,
                    DISPLACEMENT,
                    format!("{value}"),
                    "generate data in which waves move",
                ));
            }
        }
        Ok(constants)
    }

    /// Constants that change nothing, for a task without fields.
    pub(crate) fn neutral() -> Self {
        Self {
            displacement_mean: 0.0,
            displacement_std: 1.0,
            increment_std: 1.0,
            speed_mean: 0.0,
            speed_std: 1.0,
            velocity_std: None,
            source_rms: None,
        }
    }

    /// What networks are given as displacement outside the domain: zero.
    pub(crate) fn displacement_outside(&self) -> f32 {
        (-self.displacement_mean / self.displacement_std) as f32
    }

    /// What networks are given as speed outside the domain: zero, which tells them where it ends, but no less than
    /// −5, since the speeds of a nearly uniform medium are a great many deviations away from zero.
    pub(crate) fn speed_outside(&self) -> f32 {
        (-self.speed_mean / self.speed_std).max(-5.0) as f32
    }

    /// The same with the constants of what else a scene has.
    pub(crate) fn with_scene(self, statistics: &Statistics, given: &Given) -> Result<Self> {
        let velocity_std = if given.velocity {
            // a field that is zero throughout has no spread to divide by
            let deviation = look_up(&statistics.std, "std", INITIAL_VELOCITY_FIELD)?;
            Some(if deviation > 0.0 { deviation } else { 1.0 })
        } else {
            None
        };
        Ok(Self {
            velocity_std,
            source_rms: given.source_rms,
            ..self
        })
    }
}

fn look_up(map: &std::collections::BTreeMap<String, f64>, name: &str, field: &str) -> Result<f64> {
    match map.get(field) {
        Some(value) if value.is_finite() => Ok(*value),
        Some(value) => Err(bad_statistic(
            name,
            field,
            value.to_string(),
            "generate the data again",
        )),
        None => Err(bad_statistic(
            name,
            field,
            "nothing".into(),
            "give a data set with this field, or set task.medium = false",
        )),
    }
}

fn bad_statistic(name: &str, field: &str, found: String, remedy: &str) -> SurrogateError {
    SurrogateError::Data {
        place: format!("stats.yaml, {name} of {field}"),
        found,
        expected: "a finite number, positive for deviations".into(),
        remedy: remedy.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn still_data_and_missing_statistics_are_refused_by_name() {
        let field =
            |value: f64| std::collections::BTreeMap::from([(DISPLACEMENT.to_owned(), value)]);
        let mut statistics = Statistics {
            mean: field(0.0),
            std: field(1.0),
            std_delta: field(0.0),
            ..Default::default()
        };
        let message = Normalisation::new(&statistics, false)
            .unwrap_err()
            .to_string();
        assert!(message.contains("std_delta of displacement"), "{message}");
        statistics.std_delta = field(0.1);
        assert_eq!(
            Normalisation::new(&statistics, false)
                .unwrap()
                .increment_std,
            0.1
        );
        let message = Normalisation::new(&statistics, true)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("mean of speed") && message.contains("task.medium"),
            "{message}"
        );
    }
}
