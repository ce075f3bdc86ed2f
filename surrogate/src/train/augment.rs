//! Symmetries of the physics that training samples are turned by: the waves of a mirrored scene are the mirrored waves.
//!
//! Each symmetry that the config names is applied to a sample or not, with probability ½ each, to inputs and targets alike; the
//! transpose before the flips, so that all elements of the group that they generate are drawn equally often. On a uniform grid
//! that ends at the domain's sides the action permutes grid points: it is exact. Choices are a function of the run's seed, the
//! update and the sample's position in it. What makes a symmetry wrong is refused with the reason, in `augment/allowed.rs`.

mod allowed;

use crate::scheme::hash::{Use, hash};
use crate::task::{Domain, Normalisation, PropagateConfig, Target, TaskConfig};
use serde::{Deserialize, Serialize};

pub(super) use allowed::check;

/// A symmetry (config key `augment`, a list).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Symmetry {
    /// x from the other end.
    FlipX,
    /// y from the other end.
    FlipY,
    /// x and y exchanged.
    Transpose,
    /// Displacement, velocity and sources with the other sign: the wave equation is linear.
    Sign,
}

impl Symmetry {
    /// Its name as a config writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::FlipX => "flip-x",
            Self::FlipY => "flip-y",
            Self::Transpose => "transpose",
            Self::Sign => "sign",
        }
    }
}

/// What the other sign does to a normalised channel.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Parity {
    /// Nothing: media and clocks.
    Even,
    /// `v → −v + shift`, the shift due to the mean that normalisation subtracts; `outside` of the domain.
    Odd { shift: f32, outside: f32 },
}

/// The action of symmetries on training samples.
#[derive(Debug, Clone)]
pub(super) struct Augmentation {
    seed: u64,
    symmetries: Vec<Symmetry>,
    shape: [usize; 2],
    domain: Option<Domain>,
    inputs: Vec<Parity>,
    target: Parity,
}

impl Augmentation {
    /// The action on samples of a task on a grid; the symmetries must be allowed.
    pub(super) fn new(
        seed: u64,
        symmetries: &[Symmetry],
        task: &TaskConfig,
        constants: &Normalisation,
        shape: [usize; 2],
        domain: Option<Domain>,
    ) -> Self {
        let mean = (constants.displacement_mean / constants.displacement_std) as f32;
        let snapshot = Parity::Odd {
            shift: -2.0 * mean,
            outside: constants.displacement_outside(),
        };
        let plain = Parity::Odd {
            shift: 0.0,
            outside: 0.0,
        };
        let target = Parity::Odd {
            shift: -2.0 * mean,
            outside: 0.0,
        };
        let (inputs, target) = match task {
            TaskConfig::Propagate(PropagateConfig {
                history,
                medium,
                target: meaning,
                amplitude: _,
            }) => {
                let mut inputs = vec![snapshot; *history];
                inputs.extend(medium.then_some(Parity::Even));
                match meaning {
                    Target::Increment => (inputs, plain),
                    Target::Next => (inputs, target),
                }
            }
            TaskConfig::Field(config) => {
                let mut inputs = vec![snapshot];
                inputs.extend(config.medium.then_some(Parity::Even));
                inputs.extend(constants.velocity_std.map(|_| plain));
                inputs.push(Parity::Even);
                inputs.extend(constants.source_rms.map(|_| plain));
                (inputs, target)
            }
            // numbers have no symmetries: none are allowed
            TaskConfig::Traces(_) => (Vec::new(), plain),
        };
        Self {
            seed,
            symmetries: symmetries.to_vec(),
            shape,
            domain,
            inputs,
            target,
        }
    }

    /// The symmetries of the sample at a position of an update.
    fn draw(&self, step: usize, position: usize) -> impl Iterator<Item = Symmetry> {
        let seed = hash(
            hash(self.seed, Use::Symmetry, step),
            Use::Symmetry,
            position,
        );
        let drawn = |symmetry: &Symmetry| (seed >> (*symmetry as u32)) & 1 == 1;
        let mut drawn: Vec<Symmetry> = self.symmetries.iter().copied().filter(drawn).collect();
        // a transpose exchanges the flips: it comes first
        drawn.sort_by_key(|symmetry| *symmetry != Symmetry::Transpose);
        drawn.into_iter()
    }

    /// Turns one sample in place: `inputs` channels and a target, each of maps `(…, x, y)`.
    pub(super) fn apply(
        &self,
        step: usize,
        position: usize,
        input: &mut [f32],
        target: &mut [f32],
    ) {
        let channel = input.len() / self.inputs.len();
        for symmetry in self.draw(step, position) {
            if symmetry == Symmetry::Sign {
                for (maps, parity) in input.chunks_exact_mut(channel).zip(&self.inputs) {
                    self.negate(maps, *parity);
                }
                self.negate(target, self.target);
            } else {
                permute(input, self.shape, symmetry);
                permute(target, self.shape, symmetry);
            }
        }
    }

    fn negate(&self, maps: &mut [f32], parity: Parity) {
        let Parity::Odd { shift, outside } = parity else {
            return;
        };
        for value in maps.iter_mut() {
            *value = shift - *value;
        }
        if let Some(domain) = &self.domain {
            domain.fill_outside(maps, outside);
        }
    }
}

/// Moves the points of all maps; for the transpose nx = ny.
fn permute(maps: &mut [f32], [nx, ny]: [usize; 2], symmetry: Symmetry) {
    for map in maps.chunks_exact_mut(nx * ny) {
        match symmetry {
            Symmetry::FlipX => {
                for i in 0..nx / 2 {
                    for j in 0..ny {
                        map.swap(i * ny + j, (nx - 1 - i) * ny + j);
                    }
                }
            }
            Symmetry::FlipY => map.chunks_exact_mut(ny).for_each(<[f32]>::reverse),
            Symmetry::Transpose => {
                for i in 0..nx {
                    for j in 0..i {
                        map.swap(i * ny + j, j * ny + i);
                    }
                }
            }
            Symmetry::Sign => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Amplitude;
    use std::collections::BTreeMap;

    const ALL: [Symmetry; 4] = [
        Symmetry::FlipX,
        Symmetry::FlipY,
        Symmetry::Transpose,
        Symmetry::Sign,
    ];

    fn action(symmetries: &[Symmetry], target: Target) -> Augmentation {
        let constants = Normalisation {
            displacement_mean: 0.5,
            displacement_std: 2.0,
            increment_std: 1.0,
            speed_mean: 0.0,
            speed_std: 1.0,
            velocity_std: None,
            source_rms: None,
        };
        let task = TaskConfig::Propagate(PropagateConfig {
            history: 1,
            medium: true,
            target,
            amplitude: Amplitude::default(),
        });
        Augmentation::new(7, symmetries, &task, &constants, [3, 3], None)
    }

    fn sample() -> (Vec<f32>, Vec<f32>) {
        let of = |scale: f32| (0..9).map(move |n| scale * n as f32);
        (of(1.0).chain(of(10.0)).collect(), of(-1.0).collect())
    }

    #[test]
    fn permutations_move_points_as_their_names_say() {
        let turned = |symmetry| {
            let mut map: Vec<f32> = (0..6).map(|n| n as f32).collect();
            permute(&mut map, [2, 3], symmetry);
            map
        };
        assert_eq!(turned(Symmetry::FlipX), [3.0, 4.0, 5.0, 0.0, 1.0, 2.0]);
        assert_eq!(turned(Symmetry::FlipY), [2.0, 1.0, 0.0, 5.0, 4.0, 3.0]);
        let mut map: Vec<f32> = (0..4).map(|n| n as f32).collect();
        permute(&mut map, [2, 2], Symmetry::Transpose);
        assert_eq!(map, [0.0, 2.0, 1.0, 3.0]);
    }

    #[test]
    fn the_sign_turns_physical_values_and_leaves_the_medium() {
        for (meaning, mean) in [(Target::Increment, 0.0), (Target::Next, 0.25)] {
            let action = action(&[Symmetry::Sign], meaning);
            let step = (0..99).find(|step| action.draw(*step, 0).next().is_some());
            let (mut input, mut target) = sample();
            action.apply(step.unwrap(), 0, &mut input, &mut target);
            let (old, aim) = sample();
            for n in 0..9 {
                // (v + mean/σ) is the displacement in deviations
                assert_eq!(input[n] + 0.25, -(old[n] + 0.25));
                assert_eq!(input[9 + n], old[9 + n]);
                assert_eq!(target[n] + mean, -(aim[n] + mean));
            }
        }
    }

    #[test]
    fn all_sixteen_elements_are_drawn_equally_often_and_by_place_alone() {
        let action = action(&ALL, Target::Increment);
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for step in 0..2_000 {
            let (mut input, mut target) = sample();
            action.apply(step, 3, &mut input, &mut target);
            *seen.entry(format!("{input:?}")).or_default() += 1;
            let (mut again, mut aim) = sample();
            action.apply(step, 3, &mut again, &mut aim);
            assert_eq!((input, target), (again, aim));
        }
        assert_eq!(seen.len(), 16);
        // five standard deviations of a count of 125
        assert!(
            seen.values().all(|count| (71..180).contains(count)),
            "{seen:?}"
        );
    }
}
