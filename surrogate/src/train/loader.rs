//! Batches of training: read, turned by symmetries, made noisy, while the batch before is computed.
//!
//! A thread of its own runs ahead of the training by at most two batches, which bounds memory, and stops when nobody takes
//! them any more. What a batch holds is a function of the update and the pass alone, so that no bit depends on who is faster.

use super::augment::Augmentation;
use super::noise::InputNoise;
use super::order::WindowOrder;
use crate::task::samples::{Place, Samples};
use crate::{Result, SurrogateError};
use candle_core::{Device, Tensor};
use std::ops::Range;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Builder, Scope};
use std::time::Instant;

/// Batches that wait for the training, beside the one that is being read.
const AHEAD: usize = 1;

/// One pass's samples.
#[derive(Debug)]
pub(super) struct Batch {
    /// Network inputs `(B, inputs, …)`.
    pub(super) input: Tensor,
    /// Targets `(B, outputs, …)`, of unrolled steps `(B, n, x, y)`.
    pub(super) target: Tensor,
    /// Noise on the last given snapshot `(B, 1, x, y)`, where there is noise.
    pub(super) noise: Option<Tensor>,
    /// Where the samples come from.
    pub(super) places: Vec<Place>,
    /// Time to read, turn and disturb the samples, s.
    pub(super) reading: f64,
    /// Time to send them to the device, s.
    pub(super) sending: f64,
}

/// Makes batches.
pub(super) struct Loader<'a> {
    pub(super) store: Box<dyn Samples + 'a>,
    pub(super) order: WindowOrder,
    /// Samples of one pass.
    pub(super) batch: usize,
    pub(super) augmentation: Option<Augmentation>,
    pub(super) noise: Option<InputNoise>,
    /// Given snapshots, the channels that noise is added to.
    pub(super) history: usize,
    pub(super) device: Device,
}

impl<'a> Loader<'a> {
    /// The batch of a pass of an update.
    pub(super) fn load(&mut self, step: usize, pass: usize) -> Result<Batch> {
        let clock = Instant::now();
        let windows = self.order.batch(step);
        let first = pass * self.batch;
        let windows = &windows[first..first + self.batch];
        let places = windows.iter().map(|&n| self.store.place(n)).collect();
        let (mut input, mut target) = self.store.batch(windows, &Device::Cpu)?;
        if let Some(augmentation) = &self.augmentation {
            let (mut inputs, mut targets) = (values(&input)?, values(&target)?);
            for (n, (input, target)) in samples(&mut inputs, windows.len())
                .zip(samples(&mut targets, windows.len()))
                .enumerate()
            {
                augmentation.apply(step, first + n, input, target);
            }
            input = Tensor::from_vec(inputs, input.shape(), &Device::Cpu)?;
            target = Tensor::from_vec(targets, target.shape(), &Device::Cpu)?;
        }
        let mut noise = None;
        if let Some(added) = &self.noise {
            let (batch, channels, nx, ny) = input.dims4()?;
            let points = nx * ny;
            let mut inputs = values(&input)?;
            let mut last = Vec::with_capacity(batch * points);
            for (n, input) in samples(&mut inputs, batch).enumerate() {
                let snapshots = &mut input[..self.history.min(channels) * points];
                last.extend(added.add(step, first + n, snapshots, points));
            }
            input = Tensor::from_vec(inputs, input.shape(), &Device::Cpu)?;
            noise = Some(Tensor::from_vec(last, (batch, 1, nx, ny), &Device::Cpu)?);
        }
        // to the device once, from this thread, while the batch before is computed there
        let sent = |tensor: &Tensor| tensor.to_device(&self.device);
        let reading = clock.elapsed().as_secs_f64();
        let (input, target) = (sent(&input)?, sent(&target)?);
        let noise = noise.as_ref().map(sent).transpose()?;
        Ok(Batch {
            input,
            target,
            noise,
            places,
            reading,
            sending: clock.elapsed().as_secs_f64() - reading,
        })
    }

    /// Makes the batches of the updates in order, `passes` each, on a thread of its own.
    ///
    /// # Errors
    /// [`SurrogateError::Io`] where the system gives no thread; those of reading come instead of a batch.
    pub(super) fn run_ahead<'scope>(
        mut self,
        scope: &'scope Scope<'scope, '_>,
        steps: Range<usize>,
        passes: usize,
    ) -> Result<Receiver<Result<Batch>>>
    where
        'a: 'scope,
    {
        let (sender, receiver) = sync_channel(AHEAD);
        Builder::new()
            .name("batches".into())
            .spawn_scoped(scope, move || {
                for step in steps {
                    for pass in 0..passes {
                        let batch = self.load(step, pass);
                        let failed = batch.is_err();
                        if sender.send(batch).is_err() || failed {
                            return;
                        }
                    }
                }
            })
            .map_err(|source| SurrogateError::Io {
                path: "the thread that reads batches".into(),
                action: "start",
                source,
                remedy: "raise the limit of threads and processes, or run fewer programs".into(),
            })?;
        Ok(receiver)
    }
}

fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor.flatten_all()?.to_vec1::<f32>()?)
}

/// The parts of a flat batch that belong to one sample each.
fn samples(values: &mut [f32], count: usize) -> impl Iterator<Item = &mut [f32]> {
    let size = values.len() / count.max(1);
    values.chunks_exact_mut(size.max(1))
}
