//! The scenes of a split as network batches for the task `field`, with trajectories kept in memory up to a budget.

use super::field::{Field, Footprint, Scene, corners};
use super::samples::{Samples, defect};
use super::{DISPLACEMENT, SPEED};
use crate::{Result, SurrogateError};
use candle_core::{Device, Tensor};
use fewave_datasets::{INITIAL_VELOCITY_FIELD, Split};
use ndarray::s;
use std::borrow::Cow;

/// A trajectory as the task sees it: the scene, and its predicted snapshots one after the other.
#[derive(Debug, Clone)]
struct Sample {
    scene: Scene,
    snapshots: Vec<f32>,
}

impl Sample {
    fn bytes(&self) -> usize {
        let scene = &self.scene;
        let maps = scene.displacement.len() + scene.velocity.len() + scene.speed.len();
        (maps + self.snapshots.len()) * size_of::<f32>()
    }
}

/// The trajectories of one split, one sample each.
pub(crate) struct SceneStore<'a> {
    split: &'a Split,
    task: &'a Field,
    shape: [usize; 2],
    /// Bytes that may still be kept.
    budget: usize,
    kept: Vec<Option<Sample>>,
}

impl<'a> SceneStore<'a> {
    /// All trajectories of a split that has all predicted snapshots.
    ///
    /// # Errors
    /// [`SurrogateError::Data`] where there are too few snapshots.
    pub(crate) fn new(split: &'a Split, task: &'a Field, budget: usize) -> Result<Self> {
        task.config().check_times(split)?;
        let [x, y] = split.axes();
        Ok(Self {
            split,
            task,
            shape: [x.len(), y.len()],
            budget,
            kept: vec![None; split.len()],
        })
    }

    fn sample(&mut self, trajectory: usize) -> Result<Cow<'_, Sample>> {
        if self.kept.get(trajectory).is_none_or(Option::is_none) {
            let sample = Sample {
                scene: read_scene(self.task, self.split, trajectory)?,
                snapshots: read_predicted(self.task, self.split, trajectory)?,
            };
            let bytes = sample.bytes();
            if bytes > self.budget {
                return Ok(Cow::Owned(sample));
            }
            self.budget -= bytes;
            self.kept[trajectory] = Some(sample);
        }
        match &self.kept[trajectory] {
            Some(sample) => Ok(Cow::Borrowed(sample)),
            None => Err(defect(format!("trajectory {trajectory}"))),
        }
    }
}

impl Samples for SceneStore<'_> {
    fn len(&self) -> usize {
        self.split.len()
    }

    fn batch(&mut self, indices: &[usize], device: &Device) -> Result<(Tensor, Tensor)> {
        let (task, [nx, ny]) = (self.task, self.shape);
        let (channels, times) = (task.channels().inputs, task.config().snapshots);
        let block = times * nx * ny;
        let mut inputs = vec![0.0; indices.len() * channels * block];
        let mut targets = vec![0.0; indices.len() * block];
        let samples = inputs
            .chunks_exact_mut(channels * block)
            .zip(targets.chunks_exact_mut(block));
        for (&index, (input, target)) in indices.iter().zip(samples) {
            let sample = self.sample(index)?;
            task.fill_input(&sample.scene, input);
            task.fill_target(&sample.snapshots, target);
        }
        let count = indices.len();
        Ok((
            Tensor::from_vec(inputs, (count, channels, times, nx, ny), device)?,
            Tensor::from_vec(targets, (count, 1, times, nx, ny), device)?,
        ))
    }
}

/// Reads what determines the waves of a trajectory, as far as the task looks at it.
pub(crate) fn read_scene(task: &Field, split: &Split, trajectory: usize) -> Result<Scene> {
    let constants = task.normalisation();
    let still = |field: &str| -> Result<Vec<f32>> {
        Ok(split.read_static(field, trajectory)?.into_iter().collect())
    };
    let first = split.read_snapshots(DISPLACEMENT, trajectory, 0..1)?;
    Ok(Scene {
        displacement: first.into_iter().collect(),
        velocity: match constants.velocity_std {
            Some(_) => still(INITIAL_VELOCITY_FIELD)?,
            None => Vec::new(),
        },
        speed: if task.config().medium {
            still(SPEED)?
        } else {
            Vec::new()
        },
        sources: match constants.source_rms {
            Some(_) => read_sources(task, split, trajectory)?,
            None => Vec::new(),
        },
    })
}

/// Puts the sources of a trajectory on the grid; one off the grid reaches no point of it.
fn read_sources(task: &Field, split: &Split, trajectory: usize) -> Result<Vec<Footprint>> {
    let sources = split.sources(trajectory)?;
    let config = task.config();
    config.check_times(split)?;
    let rows = sources
        .position
        .outer_iter()
        .zip(sources.signal.outer_iter());
    Ok(rows
        .filter_map(|(position, signal)| {
            let position = [f64::from(position[0]), f64::from(position[1])];
            Some(Footprint {
                corners: corners(split.axes(), position)?,
                signal: config.predicted().map(|n| signal[n]).collect(),
            })
        })
        .collect())
}

/// Reads the predicted snapshots of a trajectory, `(N, x, y)` in row-major order.
fn read_predicted(task: &Field, split: &Split, trajectory: usize) -> Result<Vec<f32>> {
    let config = task.config();
    let all = split.read_snapshots(DISPLACEMENT, trajectory, 1..config.last() + 1)?;
    let chosen = all.slice(s![config.every - 1..; config.every, .., ..]);
    Ok(chosen.iter().copied().collect())
}

impl Field {
    /// Refuses data without something that the network was trained to look at, or with something that it does not.
    pub(crate) fn check_scenes(&self, split: &Split) -> Result<()> {
        let given = Given::of(split)?;
        let constants = self.normalisation();
        for (what, known, found, remedy) in [
            (
                "initial velocity",
                constants.velocity_std.is_some(),
                given.velocity,
                "generate data with initial states of the same kind, or train on data that have it",
            ),
            (
                "sources",
                constants.source_rms.is_some(),
                given.source_rms.is_some(),
                "generate data with sources like those of the training data, or train on these",
            ),
        ] {
            if known != found {
                let word = |there: bool| {
                    if there {
                        what.to_owned()
                    } else {
                        format!("no {what}")
                    }
                };
                return Err(SurrogateError::Data {
                    place: format!("scenes of {}", split.path().display()),
                    found: word(found),
                    expected: format!("{}, as in the training data", word(known)),
                    remedy: remedy.into(),
                });
            }
        }
        Ok(())
    }
}

/// What of a scene a dataset says beyond the first snapshot and the medium, as constants of the task.
pub(crate) struct Given {
    /// Whether it has the velocity at t = 0.
    pub(crate) velocity: bool,
    /// RMS of the sources' signals, where it has sources.
    pub(crate) source_rms: Option<f64>,
}

impl Given {
    /// Looks through a train split.
    ///
    /// # Errors
    /// [`SurrogateError::Data`] where the data do not begin at t = 0 or sources act that are not stored.
    pub(crate) fn of(split: &Split) -> Result<Self> {
        check_beginning(split)?;
        let velocity = split
            .field_specs()
            .iter()
            .any(|field| field.name == INITIAL_VELOCITY_FIELD && !field.time_varying);
        Ok(Self {
            velocity,
            source_rms: signal_rms(split)?,
        })
    }
}

/// RMS of the signals of all sources at all snapshots; none without sources.
fn signal_rms(split: &Split) -> Result<Option<f64>> {
    let (mut energy, mut count) = (0.0, 0usize);
    for trajectory in 0..split.len() {
        if split.spec().sources == 0 && split.source_end(trajectory)? > 0.0 {
            return Err(SurrogateError::Data {
                place: format!("sources of {}", split.path().display()),
                found: "sources that act, but neither their places nor their signals".into(),
                expected: "both, in the group fewave/sources".into(),
                remedy:
                    "generate the data again with this version, or use task.kind = \"propagate\""
                        .into(),
            });
        }
        let signal = split.sources(trajectory)?.signal;
        energy += signal.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>();
        count += signal.len();
    }
    // signals that are zero throughout have no size to divide by
    let rms = (energy / count.max(1) as f64).sqrt();
    Ok((count > 0).then_some(if rms > 0.0 { rms } else { 1.0 }))
}

/// Refuses data that do not begin at t = 0.
fn check_beginning(split: &Split) -> Result<()> {
    match split.times().first() {
        Some(0.0) => Ok(()),
        first => Err(SurrogateError::Data {
            place: format!("times of {}", split.path().display()),
            found: format!(
                "a first snapshot at {} s",
                first.copied().unwrap_or(f64::NAN)
            ),
            expected: "the initial displacement, at 0 s".into(),
            remedy: "generate data that begin at t = 0, or use task.kind = \"propagate\"".into(),
        }),
    }
}
