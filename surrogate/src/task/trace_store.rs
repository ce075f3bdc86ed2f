//! The trajectories of a split as samples of the task `traces`, with targets kept in memory up to a budget.

use super::samples::{Samples, defect};
use super::traces::{TraceConstants, Traces, scene_numbers};
use crate::{Result, SurrogateError};
use candle_core::{Device, Tensor};
use fewave_datasets::Split;
use std::borrow::Cow;

/// The trajectories of one split, one sample each.
pub(crate) struct TraceStore<'a> {
    split: &'a Split,
    constants: &'a TraceConstants,
    /// Inputs of all trajectories, one after the other.
    inputs: Vec<f32>,
    /// Bytes that may still be kept.
    budget: usize,
    targets: Vec<Option<Vec<f32>>>,
}

impl<'a> TraceStore<'a> {
    /// All trajectories of a split with the receivers and scalars of the training data.
    ///
    /// # Errors
    /// [`SurrogateError::Data`] where it lacks some.
    pub(crate) fn new(split: &'a Split, task: &'a Traces, budget: usize) -> Result<Self> {
        let constants = task.constants();
        constants.check_receivers(split)?;
        constants.check_quantities(split)?;
        if split.is_empty() {
            return Err(SurrogateError::Data {
                place: split.path().display().to_string(),
                found: "no trajectory".into(),
                expected: "at least one".into(),
                remedy: "generate the data again".into(),
            });
        }
        Ok(Self {
            split,
            constants,
            inputs: inputs(constants, split)?,
            budget,
            targets: vec![None; split.len()],
        })
    }

    fn target(&mut self, trajectory: usize) -> Result<Cow<'_, [f32]>> {
        if self.targets.get(trajectory).is_none_or(Option::is_none) {
            let target = self.constants.read_target(self.split, trajectory)?;
            let bytes = size_of_val(target.as_slice());
            if bytes > self.budget {
                return Ok(Cow::Owned(target));
            }
            self.budget -= bytes;
            self.targets[trajectory] = Some(target);
        }
        match &self.targets[trajectory] {
            Some(target) => Ok(Cow::Borrowed(target)),
            None => Err(defect(format!("trajectory {trajectory}"))),
        }
    }
}

impl Samples for TraceStore<'_> {
    fn len(&self) -> usize {
        self.split.len()
    }

    fn batch(&mut self, indices: &[usize], device: &Device) -> Result<(Tensor, Tensor)> {
        let channels = self.constants.channels();
        let count = indices.len();
        let mut inputs = Vec::with_capacity(count * channels.inputs);
        let mut targets = Vec::with_capacity(count * channels.outputs);
        for &index in indices {
            let first = index * channels.inputs;
            let own = self.inputs.get(first..first + channels.inputs);
            inputs.extend_from_slice(own.ok_or_else(|| defect(format!("trajectory {index}")))?);
            targets.extend_from_slice(&self.target(index)?);
        }
        Ok((
            Tensor::from_vec(inputs, (count, channels.inputs), device)?,
            Tensor::from_vec(targets, (count, channels.outputs), device)?,
        ))
    }
}

/// The network's inputs for all trajectories of a split, `(trajectory, scalar)` in row-major order.
pub(crate) fn inputs(constants: &TraceConstants, split: &Split) -> Result<Vec<f32>> {
    let width = constants.channels().inputs;
    let mut inputs = vec![0.0; split.len() * width];
    let place = split.path().display().to_string();
    for (trajectory, input) in inputs.chunks_exact_mut(width.max(1)).enumerate() {
        constants.fill_input(&scene_numbers(split, trajectory)?, &place, input)?;
    }
    Ok(inputs)
}
