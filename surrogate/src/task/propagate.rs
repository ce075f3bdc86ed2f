//! Task `propagate`: K past snapshots and the medium → the next snapshot.
//!
//! Input channels, oldest snapshot first: `(u_{n−K+1} − ū)/σ_u, …, (u_n − ū)/σ_u`, then `(c − c̄)/σ_c` if the medium is given.
//! Output channel, by `target`: `increment`, `(u_{n+1} − u_n)/σ_Δ`; `next`, `(u_{n+1} − ū)/σ_u`. The constants come from
//! the train split's statistics and stay with the network; with `amplitude = "relative"` ū is 0, and each sample's snapshots
//! are also brought to the same size within the network. Arrays are `(x, y)` in row-major order, f32. Outside of a domain
//! that is not the whole grid, inputs are those of no displacement and no speed, targets and snapshots are 0.

use super::{Domain, Normalisation, affine, refuse};
use crate::Result;
use crate::network::Channels;
use candle_core::Tensor;
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
    /// What the network is given of the waves' size.
    #[serde(default)]
    pub amplitude: Amplitude,
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

/// What the network is given of the waves' size (config key `amplitude`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Amplitude {
    /// Displacements in units of the training data's deviation, less their mean.
    #[default]
    Absolute,
    /// Displacements in units of each sample's own root mean square, which the output is multiplied by: predictions are
    /// homogeneous of degree 1 in the waves, as solutions of the wave equation without sources are.
    Relative,
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

    /// The constants as this task uses them: waves of relative amplitude are not shifted.
    pub(super) fn adapt(&self, constants: Normalisation) -> Normalisation {
        match self.amplitude {
            Amplitude::Absolute => constants,
            Amplitude::Relative => Normalisation {
                displacement_mean: 0.0,
                ..constants
            },
        }
    }

    pub(super) fn channels(&self) -> Channels {
        Channels {
            inputs: self.history + usize::from(self.medium),
            outputs: 1,
        }
    }
}

/// The task with its constants: fills network inputs and reads network outputs.
#[derive(Debug, Clone)]
pub struct Propagate {
    config: PropagateConfig,
    constants: Normalisation,
    domain: Option<Domain>,
}

impl Propagate {
    /// The task with the constants of its training data, on the whole grid.
    pub fn new(config: PropagateConfig, constants: Normalisation) -> Self {
        Self {
            config,
            constants,
            domain: None,
        }
    }

    /// The same within a domain; on the whole grid without one.
    pub fn within(self, domain: Option<Domain>) -> Self {
        Self { domain, ..self }
    }

    /// The domain; none where it is the whole grid.
    pub fn domain(&self) -> Option<&Domain> {
        self.domain.as_ref()
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

    /// What the network's output means.
    pub(crate) fn target(&self) -> Target {
        self.config.target
    }

    /// `σ_Δ/σ_u`: an increment of the network's output in units of its inputs.
    pub(crate) fn increment_in_deviations(&self) -> f64 {
        self.constants.increment_std / self.constants.displacement_std
    }

    /// Maps `(…, x, y)` of outputs with zeros outside of the domain.
    pub(crate) fn clear(&self, maps: &Tensor) -> candle_core::Result<Tensor> {
        match &self.domain {
            Some(domain) => domain.clear(maps),
            None => Ok(maps.clone()),
        }
    }

    /// Maps `(…, x, y)` of normalised snapshots as a network is given them: of no displacement outside of the domain.
    pub(crate) fn fill_displacement_outside(&self, maps: &Tensor) -> candle_core::Result<Tensor> {
        let Some(domain) = &self.domain else {
            return Ok(maps.clone());
        };
        let outside = f64::from(self.constants.displacement_outside());
        domain.clear(&(maps - outside)?)? + outside
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
            self.outside(channel, self.constants.displacement_outside());
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
            self.outside(channel, self.constants.speed_outside());
        }
    }

    fn outside(&self, map: &mut [f32], value: f32) {
        if let Some(domain) = &self.domain {
            domain.fill_outside(map, value);
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
        self.outside(target, 0.0);
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
        self.outside(next, 0.0);
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
            velocity_std: None,
            source_rms: None,
        };
        Propagate::new(
            PropagateConfig {
                history: 2,
                medium: true,
                target,
                amplitude: Amplitude::Absolute,
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
}
