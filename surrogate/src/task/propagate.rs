//! Task `propagate`: K past snapshots and the medium → the next snapshot.
//!
//! Input channels, oldest snapshot first: `(u_{n−K+1} − ū)/σ_u, …, (u_n − ū)/σ_u`, then `(c − c̄)/σ_c` if the medium is given.
//! Output channel, by `target`: `increment`, `(u_{n+1} − u_n)/σ_Δ`; `next`, `(u_{n+1} − ū)/σ_u`. The constants come from
//! the train split's statistics and stay with the network. Arrays are `(x, y)` in row-major order, f32.

use super::{DISPLACEMENT, SPEED, refuse};
use crate::network::Channels;
use crate::{Result, SurrogateError};
use fewave_datasets::Statistics;
use serde::{Deserialize, Serialize};

/// Settings of the task (table `task` with `kind = "propagate"`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PropagateConfig {
    /// Past snapshots given.
    #[serde(default = "default_history")]
    pub history: usize,
    /// Whether the speed is given as a channel.
    #[serde(default = "default_medium")]
    pub medium: bool,
    /// What the network's output means.
    #[serde(default)]
    pub target: Target,
}

/// What the network's output means (config key `target`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// The normalised change from the last snapshot.
    #[default]
    Increment,
    /// The normalised next snapshot.
    Next,
}

fn default_history() -> usize {
    2
}

fn default_medium() -> bool {
    true
}

impl PropagateConfig {
    pub(super) fn validate(&self) -> Result<()> {
        if (1..=64).contains(&self.history) {
            Ok(())
        } else {
            Err(refuse(
                "history",
                self.history,
                "1 to 64 past snapshots",
                "the wave equation needs 2",
            ))
        }
    }

    pub(super) fn channels(&self) -> Channels {
        Channels {
            inputs: self.history + usize::from(self.medium),
            outputs: 1,
        }
    }
}

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
}

impl Normalisation {
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

/// The task with its constants: fills network inputs and reads network outputs.
#[derive(Debug, Clone)]
pub struct Propagate {
    config: PropagateConfig,
    constants: Normalisation,
}

impl Propagate {
    /// The task with the constants of its training data.
    pub fn new(config: PropagateConfig, constants: Normalisation) -> Self {
        Self { config, constants }
    }

    /// Snapshots that a prediction starts from.
    pub fn history(&self) -> usize {
        self.config.history
    }

    /// Whether the speed is an input.
    pub fn medium(&self) -> bool {
        self.config.medium
    }

    /// The constants.
    pub fn normalisation(&self) -> &Normalisation {
        &self.constants
    }

    /// Writes one sample's input channels: `snapshots` oldest first, each as long as `speed`; `input` of
    /// `inputs · points` values.
    pub(crate) fn fill_input<'a>(
        &self,
        snapshots: impl Iterator<Item = &'a [f32]>,
        speed: &[f32],
        input: &mut [f32],
    ) {
        let points = input.len() / self.config.channels().inputs;
        let mut channels = input.chunks_exact_mut(points);
        for (channel, snapshot) in channels.by_ref().take(self.config.history).zip(snapshots) {
            affine(
                snapshot,
                self.constants.displacement_mean,
                self.constants.displacement_std,
                channel,
            );
        }
        if self.config.medium
            && let Some(channel) = channels.next()
        {
            affine(
                speed,
                self.constants.speed_mean,
                self.constants.speed_std,
                channel,
            );
        }
    }

    /// Writes one sample's target from the last given snapshot and the next.
    pub(crate) fn fill_target(&self, last: &[f32], next: &[f32], target: &mut [f32]) {
        match self.config.target {
            Target::Increment => {
                let scale = (1.0 / self.constants.increment_std) as f32;
                for ((target, &last), &next) in target.iter_mut().zip(last).zip(next) {
                    *target = (next - last) * scale;
                }
            }
            Target::Next => affine(
                next,
                self.constants.displacement_mean,
                self.constants.displacement_std,
                target,
            ),
        }
    }

    /// The next snapshot from the last one and the network's output.
    pub(crate) fn advance(&self, last: &[f32], output: &[f32], next: &mut [f32]) {
        let (scale, shift) = match self.config.target {
            Target::Increment => (self.constants.increment_std as f32, None),
            Target::Next => (
                self.constants.displacement_std as f32,
                Some(self.constants.displacement_mean as f32),
            ),
        };
        for ((next, &last), &output) in next.iter_mut().zip(last).zip(output) {
            *next = shift.unwrap_or(last) + scale * output;
        }
    }
}

/// `(value − mean)/deviation`.
fn affine(values: &[f32], mean: f64, deviation: f64, output: &mut [f32]) {
    let (mean, scale) = (mean as f32, (1.0 / deviation) as f32);
    for (output, &value) in output.iter_mut().zip(values) {
        *output = (value - mean) * scale;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(target: Target) -> Propagate {
        let constants = Normalisation {
            displacement_mean: 1.0,
            displacement_std: 2.0,
            increment_std: 0.5,
            speed_mean: 3.0,
            speed_std: 4.0,
        };
        Propagate::new(
            PropagateConfig {
                history: 2,
                medium: true,
                target,
            },
            constants,
        )
    }

    #[test]
    fn inputs_are_normalised_oldest_first_then_the_medium() {
        let mut input = [0.0f32; 6];
        let (old, new) = ([1.0f32, 3.0], [5.0f32, -1.0]);
        task(Target::Next).fill_input([&old[..], &new[..]].into_iter(), &[3.0, 7.0], &mut input);
        assert_eq!(input, [0.0, 1.0, 2.0, -1.0, 0.0, 1.0]);
    }

    #[test]
    fn advancing_by_the_target_gives_the_next_snapshot() {
        for target in [Target::Increment, Target::Next] {
            let task = task(target);
            let (last, next) = ([0.25f32, -1.5, 2.0], [0.5f32, 1.0, -0.75]);
            let (mut output, mut found) = ([0.0f32; 3], [0.0f32; 3]);
            task.fill_target(&last, &next, &mut output);
            task.advance(&last, &output, &mut found);
            assert_eq!(found, next, "{target:?}");
        }
    }

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
