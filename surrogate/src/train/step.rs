//! One update's loss and gradients: of all its passes, each of one step or of several unrolled ones.

use super::gradient::{add, differentiate, divide};
use super::loader::Batch;
use super::profile::{Part, Stopwatch};
use super::setup::Setup;
use super::unroll::Unrolled;
use crate::network::Network;
use crate::parameters::Parameters;
use crate::pool;
use crate::scheme::hash::{Use, hash};
use crate::task::Task;
use crate::task::propagate::Target;
use crate::task::samples::Place;
use crate::{Result, SurrogateError};
use candle_core::backprop::GradStore;
use candle_core::{DType, Tensor};
use std::sync::mpsc::Receiver;

/// A network with what it is trained by.
#[derive(Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) setup: &'a Setup<'a>,
    pub(super) network: &'a dyn Network,
    pub(super) parameters: &'a Parameters,
    pub(super) stopwatch: &'a Stopwatch,
}

/// What an update starts from.
pub(super) struct Computed {
    /// Mean over the passes.
    pub(super) loss: f64,
    /// Means over the passes.
    pub(super) gradients: GradStore,
    /// Where the samples come from.
    pub(super) places: Vec<Place>,
}

impl Step<'_> {
    /// Loss and gradients of the update after `step` others, from its batches.
    pub(super) fn compute(
        &self,
        batches: &Receiver<Result<Batch>>,
        step: usize,
    ) -> Result<Computed> {
        let passes = self.setup.config.train.accumulate;
        self.stopwatch.begin();
        let mut places = Vec::new();
        let (mut value, mut gradients) = (0.0, GradStore::default());
        for pass in 0..passes {
            let batch = batches.recv().map_err(|_| no_batches())??;
            self.stopwatch.lap(Part::Waiting)?;
            self.stopwatch.batch(batch.reading, batch.sending);
            places.extend(&batch.places);
            let number = step * passes + pass;
            let (loss, found) = pool::within(|| self.differentiate(&batch, step, number))?;
            self.stopwatch.lap(Part::Backward)?;
            value += f64::from(loss.to_dtype(DType::F32)?.to_scalar::<f32>()?) / passes as f64;
            match passes {
                1 => gradients = found,
                _ => add(self.parameters, &mut gradients, found)?,
            }
        }
        if passes > 1 {
            divide(self.parameters, &mut gradients, passes)?;
        }
        Ok(Computed {
            loss: value,
            gradients,
            places,
        })
    }

    /// The loss and the gradients of one pass, the `number`-th of the run.
    fn differentiate(
        &self,
        batch: &Batch,
        step: usize,
        number: usize,
    ) -> Result<(Tensor, GradStore)> {
        let settings = &self.setup.config.train;
        let seed = hash(self.setup.config.seed, Use::Noise, number);
        let Batch {
            input,
            target,
            noise,
            ..
        } = batch;
        let loss =
            |prediction: &Tensor, target: &Tensor| self.setup.criterion.value(prediction, target);
        let forward_done = || self.stopwatch.lap(Part::Forward);
        match &self.setup.task {
            Task::Propagate(task) if settings.longest_unroll() > 1 || noise.is_some() => {
                let offset = match (noise, task.target()) {
                    (Some(noise), Target::Increment) => {
                        Some((noise / task.increment_in_deviations())?)
                    }
                    _ => None,
                };
                let unrolled = Unrolled {
                    network: self.network,
                    parameters: self.parameters,
                    task,
                    steps: settings.unroll_at(step),
                    pushforward: settings.pushforward,
                };
                unrolled.differentiate(&loss, input, target, offset.as_ref(), seed, &forward_done)
            }
            _ => differentiate(
                self.network,
                |prediction| loss(prediction, target),
                input,
                seed,
                forward_done,
            ),
        }
    }
}

/// The thread that reads has ended without a word.
fn no_batches() -> SurrogateError {
    SurrogateError::Data {
        place: "training samples".into(),
        found: "no further batch".into(),
        expected: "one for every update".into(),
        remedy: "report this: it is a defect of fewave".into(),
    }
}
