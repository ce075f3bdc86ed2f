//! Training and validation windows of a split as network batches, with trajectories kept in memory up to a budget.

use super::propagate::Propagate;
use super::samples::{Place, Samples, defect, flat};
use super::{DISPLACEMENT, SPEED};
use crate::Result;
use candle_core::{Device, Tensor};
use fewave_datasets::{Split, WindowStart, Windows};
use ndarray::{Array2, Array3};

/// The windows of one split and the trajectories read so far.
pub(crate) struct WindowStore<'a> {
    split: &'a Split,
    task: &'a Propagate,
    windows: Windows,
    /// Snapshots after the given ones, one target each.
    targets: usize,
    points: usize,
    shape: [usize; 2],
    /// Bytes that may still be kept.
    budget: usize,
    snapshots: Vec<Option<Array3<f32>>>,
    speeds: Vec<Option<Array2<f32>>>,
}

impl<'a> WindowStore<'a> {
    /// All windows with the task's history and so many targets, starting after each trajectory's sources have stopped.
    ///
    /// # Errors
    /// [`SurrogateError::Dataset`](crate::SurrogateError::Dataset) when there is none.
    pub(crate) fn new(
        split: &'a Split,
        task: &'a Propagate,
        targets: usize,
        budget: usize,
    ) -> Result<Self> {
        let windows = Windows::new(split, task.history(), targets, WindowStart::AfterSource)?;
        let [x, y] = split.axes();
        let shape = [x.len(), y.len()];
        let trajectories = split.len();
        Ok(Self {
            split,
            task,
            windows,
            targets,
            points: shape[0] * shape[1],
            shape,
            budget,
            snapshots: vec![None; trajectories],
            speeds: vec![None; trajectories],
        })
    }

    fn fill(&mut self, index: usize, input: &mut [f32], target: &mut [f32]) -> Result<()> {
        let Some(window) = self.windows.get(index) else {
            return Err(defect(format!("window {index} of {}", self.windows.len())));
        };
        let (trajectory, last) = (window.trajectory, self.task.history() - 1);
        self.keep(trajectory)?;
        let read;
        let (block, first) = match &self.snapshots[trajectory] {
            Some(kept) => (kept, window.first),
            None => {
                read = self
                    .split
                    .read_snapshots(DISPLACEMENT, trajectory, window.snapshots())?;
                (&read, 0)
            }
        };
        let values = flat(block.as_slice())?;
        let snapshot = |k: usize| &values[(first + k) * self.points..][..self.points];
        let medium;
        let speed = match &self.speeds[trajectory] {
            Some(kept) => flat(kept.as_slice())?,
            None if self.task.medium() => {
                medium = self.split.read_static(SPEED, trajectory)?;
                flat(medium.as_slice())?
            }
            None => &[],
        };
        self.task.fill_input((0..=last).map(snapshot), speed, input);
        for (n, target) in target.chunks_exact_mut(self.points).enumerate() {
            let [before, next] = [last + n, last + n + 1].map(snapshot);
            self.task.fill_target(before, next, target);
        }
        Ok(())
    }

    /// Reads a trajectory into memory if the budget allows.
    fn keep(&mut self, trajectory: usize) -> Result<()> {
        let times = self.split.times().len();
        let plane = self.points * size_of::<f32>();
        if self.task.medium() && self.speeds[trajectory].is_none() && plane <= self.budget {
            self.speeds[trajectory] = Some(self.split.read_static(SPEED, trajectory)?);
            self.budget -= plane;
        }
        if self.snapshots[trajectory].is_none() && times * plane <= self.budget {
            let block = self
                .split
                .read_snapshots(DISPLACEMENT, trajectory, 0..times)?;
            self.snapshots[trajectory] = Some(block);
            self.budget -= times * plane;
        }
        Ok(())
    }
}

impl Samples for WindowStore<'_> {
    fn len(&self) -> usize {
        self.windows.len()
    }

    fn place(&self, index: usize) -> Place {
        let window = self.windows.get(index);
        window.map_or(
            Place {
                trajectory: 0,
                first: 0,
            },
            |window| Place {
                trajectory: window.trajectory,
                first: window.first,
            },
        )
    }

    fn batch(&mut self, indices: &[usize], device: &Device) -> Result<(Tensor, Tensor)> {
        let channels = self.task.history() + usize::from(self.task.medium());
        let mut inputs = vec![0.0; indices.len() * channels * self.points];
        let mut targets = vec![0.0; indices.len() * self.targets * self.points];
        let samples = inputs
            .chunks_exact_mut(channels * self.points)
            .zip(targets.chunks_exact_mut(self.targets * self.points));
        for (&index, (input, target)) in indices.iter().zip(samples) {
            self.fill(index, input, target)?;
        }
        let [nx, ny] = self.shape;
        Ok((
            Tensor::from_vec(inputs, (indices.len(), channels, nx, ny), device)?,
            Tensor::from_vec(targets, (indices.len(), self.targets, nx, ny), device)?,
        ))
    }
}
