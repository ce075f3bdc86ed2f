//! Task `field`: the scene → the whole wavefield as one block in space-time.
//!
//! A scene is what determines the waves: displacement and velocity at t = 0, the medium, and the sources. Input channels, each
//! a block `(t, x, y)` over the N predicted times `t_n = n·every·Δt`, n = 1 … N: `(u(0) − ū)/σ_u`, the same at all times; then,
//! each where it is given, `(c − c̄)/σ_c` and `v(0)/σ_v`; `n/N`; and, where there are any, the sources `Σ_s φ_s(x, y)·f_s(t_n)/σ_f`, where `φ_s` spreads a
//! point over the four grid points around it (bilinear weights, which add up to 1). Output channel: `(u(t_n) − ū)/σ_u`. The
//! constants come from the train split and stay with the network; `σ_f` is the RMS of the signals. Source: the space-time
//! tensors (x, y, t) of Boukraichi et al., arXiv:2304.04964; which channels describe a scene is our reading.
//! Outside of a domain that is not the whole grid, maps of the scene are those of no displacement, velocity and speed, and
//! targets and snapshots are 0.

use super::{Domain, Normalisation, affine, refuse};
use crate::network::Channels;
use crate::{Result, SurrogateError};
use fewave_datasets::Split;
use serde::{Deserialize, Serialize};

/// Settings of the task (table `task` with `kind = "field"`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldConfig {
    /// Predicted snapshots N: the first ones after t = 0, `every` apart.
    pub snapshots: usize,
    /// Snapshots of the data from one predicted one to the next.
    #[serde(default = "default_every")]
    pub every: usize,
    /// Whether the speed is given as a channel.
    #[serde(default = "default_medium")]
    pub medium: bool,
}

fn default_every() -> usize {
    1
}

fn default_medium() -> bool {
    true
}

/// Most snapshots that a block may have.
const MOST_SNAPSHOTS: usize = 4096;

impl FieldConfig {
    pub(super) fn validate(&self) -> Result<()> {
        for (key, value) in [("snapshots", self.snapshots), ("every", self.every)] {
            if !(1..=MOST_SNAPSHOTS).contains(&value) {
                return Err(refuse(
                    key,
                    value,
                    "1 to 4096",
                    "predict the snapshots that the data have, for example 16 of them",
                ));
            }
        }
        Ok(())
    }

    /// The predicted snapshots, by their position in the data.
    pub(crate) fn predicted(&self) -> impl Iterator<Item = usize> + '_ {
        (1..=self.snapshots).map(|n| n * self.every)
    }

    /// The last of them.
    pub(crate) fn last(&self) -> usize {
        self.snapshots * self.every
    }

    pub(super) fn least_channels(&self) -> Channels {
        Channels {
            inputs: 2 + usize::from(self.medium),
            outputs: 1,
        }
    }

    pub(super) fn channels(&self, constants: &Normalisation) -> Channels {
        let least = self.least_channels();
        let more = [
            constants.velocity_std.is_some(),
            constants.source_rms.is_some(),
        ];
        Channels {
            inputs: least.inputs + more.into_iter().filter(|given| *given).count(),
            ..least
        }
    }

    /// Refuses data without all predicted snapshots.
    pub(crate) fn check_times(&self, split: &Split) -> Result<()> {
        let last = split.times().len().saturating_sub(1);
        if self.last() <= last {
            return Ok(());
        }
        Err(SurrogateError::Data {
            place: format!("snapshots of {}", split.path().display()),
            found: format!("{last} after t = 0"),
            expected: format!(
                "at least {}, as task.snapshots = {} and task.every = {} ask for",
                self.last(),
                self.snapshots,
                self.every
            ),
            remedy: "lower task.snapshots or task.every, or generate data with more time.snapshots"
                .into(),
        })
    }
}

/// The task with its constants: fills network inputs and targets and reads network outputs.
#[derive(Debug, Clone)]
pub struct Field {
    config: FieldConfig,
    constants: Normalisation,
    domain: Option<Domain>,
}

/// Maps `(x, y)` of one scene, row-major, and its sources.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scene {
    /// Displacement at t = 0, m.
    pub(crate) displacement: Vec<f32>,
    /// Velocity at t = 0, m/s; looked at where the network was trained with one.
    pub(crate) velocity: Vec<f32>,
    /// Speed, m/s; looked at where the medium is an input.
    pub(crate) speed: Vec<f32>,
    /// Sources; looked at where the network was trained with some.
    pub(crate) sources: Vec<Footprint>,
}

/// A source on the grid.
#[derive(Debug, Clone)]
pub(crate) struct Footprint {
    /// Grid points around it, row-major, with their weights.
    pub(crate) corners: [(usize, f32); 4],
    /// Signal at the predicted times.
    pub(crate) signal: Vec<f32>,
}

impl Field {
    /// The task with the constants of its training data, on the whole grid.
    pub fn new(config: FieldConfig, constants: Normalisation) -> Self {
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

    fn outside(&self, maps: &mut [f32], value: f32) {
        if let Some(domain) = &self.domain {
            domain.fill_outside(maps, value);
        }
    }

    /// The settings.
    pub fn config(&self) -> &FieldConfig {
        &self.config
    }

    /// The constants.
    pub fn normalisation(&self) -> &Normalisation {
        &self.constants
    }

    /// Channels of the network.
    pub(crate) fn channels(&self) -> Channels {
        self.config.channels(&self.constants)
    }

    /// Writes one scene's input channels, `inputs · N · points` values.
    pub(crate) fn fill_input(&self, scene: &Scene, input: &mut [f32]) {
        let times = self.config.snapshots;
        let block = input.len() / self.channels().inputs;
        let points = block / times;
        let mut blocks = input.chunks_exact_mut(block);
        let mut repeated = |map: &[f32], mean: f64, deviation: f64, outside: f32| {
            if let Some(block) = blocks.next() {
                let (first, rest) = block.split_at_mut(points);
                affine(map, mean, deviation, first);
                self.outside(first, outside);
                rest.chunks_exact_mut(points)
                    .for_each(|plane| plane.copy_from_slice(first));
            }
        };
        let constants = &self.constants;
        repeated(
            &scene.displacement,
            constants.displacement_mean,
            constants.displacement_std,
            constants.displacement_outside(),
        );
        if self.config.medium {
            repeated(
                &scene.speed,
                constants.speed_mean,
                constants.speed_std,
                constants.speed_outside(),
            );
        }
        if let Some(deviation) = constants.velocity_std {
            repeated(&scene.velocity, 0.0, deviation, 0.0);
        }
        if let Some(clock) = blocks.next() {
            for (n, plane) in clock.chunks_exact_mut(points).enumerate() {
                plane.fill((n + 1) as f32 / times as f32);
            }
        }
        if let (Some(rms), Some(block)) = (constants.source_rms, blocks.next()) {
            block.fill(0.0);
            let scale = (1.0 / rms) as f32;
            for source in &scene.sources {
                for (plane, signal) in block.chunks_exact_mut(points).zip(&source.signal) {
                    for (point, weight) in source.corners {
                        plane[point] += weight * signal * scale;
                    }
                }
            }
        }
    }

    /// Writes the target of one scene from its predicted snapshots, or the like of it.
    pub(crate) fn fill_target(&self, snapshots: &[f32], target: &mut [f32]) {
        let constants = &self.constants;
        affine(
            snapshots,
            constants.displacement_mean,
            constants.displacement_std,
            target,
        );
        self.outside(target, 0.0);
    }

    /// Snapshots from the network's output, in place.
    pub(crate) fn read_output(&self, values: &mut [f32]) {
        let (mean, deviation) = (
            self.constants.displacement_mean as f32,
            self.constants.displacement_std as f32,
        );
        for value in values.iter_mut() {
            *value = mean + deviation * *value;
        }
        self.outside(values, 0.0);
    }
}

/// Grid points around a position, row-major on axes x and y, with bilinear weights; `None` off the grid.
pub(crate) fn corners(axes: &[Vec<f64>; 2], position: [f64; 2]) -> Option<[(usize, f32); 4]> {
    let mut place = [(0, 0.0); 2];
    for ((axis, at), place) in axes.iter().zip(position).zip(&mut place) {
        let (first, last) = (*axis.first()?, *axis.last()?);
        let slack = 1e-6 * (last - first);
        if axis.len() < 2 || !(first - slack..=last + slack).contains(&at) {
            return None;
        }
        let cell = axis.partition_point(|x| *x <= at).clamp(1, axis.len() - 1) - 1;
        let share = (at - axis[cell]) / (axis[cell + 1] - axis[cell]);
        *place = (cell, share.clamp(0.0, 1.0));
    }
    let [(i, a), (j, b)] = place;
    let point = |i: usize, j: usize| i * axes[1].len() + j;
    Some([
        (point(i, j), ((1.0 - a) * (1.0 - b)) as f32),
        (point(i, j + 1), ((1.0 - a) * b) as f32),
        (point(i + 1, j), (a * (1.0 - b)) as f32),
        (point(i + 1, j + 1), (a * b) as f32),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constants() -> Normalisation {
        Normalisation {
            displacement_mean: 1.0,
            displacement_std: 2.0,
            increment_std: 0.5,
            speed_mean: 3.0,
            speed_std: 4.0,
            velocity_std: None,
            source_rms: None,
        }
    }

    fn config() -> FieldConfig {
        FieldConfig {
            snapshots: 2,
            every: 3,
            medium: true,
        }
    }

    #[test]
    fn inputs_repeat_the_scene_and_tell_the_time() {
        let scene = Scene {
            displacement: vec![1.0, 5.0],
            velocity: vec![8.0, -8.0],
            speed: vec![3.0, 7.0],
            sources: vec![Footprint {
                corners: [(0, 0.25), (1, 0.75), (0, 0.0), (1, 0.0)],
                signal: vec![4.0, -4.0],
            }],
        };
        let plain = Field::new(config(), constants());
        let mut input = [f32::NAN; 12];
        plain.fill_input(&scene, &mut input);
        assert_eq!(
            input,
            [0.0, 2.0, 0.0, 2.0, 0.0, 1.0, 0.0, 1.0, 0.5, 0.5, 1.0, 1.0]
        );
        let full = Field::new(
            config(),
            Normalisation {
                velocity_std: Some(8.0),
                source_rms: Some(2.0),
                ..constants()
            },
        );
        assert_eq!(full.channels().inputs, 5);
        let mut input = [f32::NAN; 20];
        full.fill_input(&scene, &mut input);
        assert_eq!(input[8..12], [1.0, -1.0, 1.0, -1.0]);
        assert_eq!(input[16..], [0.5, 1.5, -0.5, -1.5]);
    }

    #[test]
    fn outputs_are_targets_read_back() {
        let task = Field::new(config(), constants());
        let truth = [0.25f32, -1.5, 2.0];
        let mut values = [0.0f32; 3];
        task.fill_target(&truth, &mut values);
        task.read_output(&mut values);
        assert_eq!(values, truth);
    }

    #[test]
    fn a_source_spreads_over_its_cell_and_keeps_its_place() {
        let axes = [vec![0.0, 1.0, 2.0], vec![0.0, 0.5, 1.0, 1.5]];
        let found = corners(&axes, [1.25, 0.9]).unwrap();
        let sum = |of: &dyn Fn(usize) -> f64| -> f64 {
            found.iter().map(|(p, w)| f64::from(*w) * of(*p)).sum()
        };
        assert!((sum(&|_| 1.0) - 1.0).abs() < 1e-6);
        assert!((sum(&|p| axes[0][p / 4]) - 1.25).abs() < 1e-6);
        assert!((sum(&|p| axes[1][p % 4]) - 0.9).abs() < 1e-6);
        assert!(corners(&axes, [2.0, 1.5]).is_some(), "the last corner");
        assert!(corners(&axes, [2.1, 0.0]).is_none());
    }

    #[test]
    fn predicted_snapshots_are_evenly_spaced_after_the_first() {
        assert_eq!(config().predicted().collect::<Vec<_>>(), [3, 6]);
        assert_eq!(config().last(), 6);
        for bad in [
            FieldConfig {
                snapshots: 0,
                ..config()
            },
            FieldConfig {
                every: 0,
                ..config()
            },
        ] {
            assert!(bad.validate().unwrap_err().to_string().contains("task."));
        }
    }
}
