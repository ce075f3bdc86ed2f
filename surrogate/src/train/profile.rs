//! Where the time of updates goes: waiting for data, forward, backward, optimiser; and, in the thread that reads ahead, reading
//! and sending to the device.
//!
//! A GPU is only told what to do and answers later: while a profile is taken it is waited for after every part, so that times
//! belong to their parts; a profiled run is a little slower for it.

use crate::Result;
use candle_core::Device;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A part of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Waiting for the thread that reads batches.
    Waiting,
    /// Forward passes, with the loss.
    Forward,
    /// Backward passes.
    Backward,
    /// The optimiser's step, the running mean of the weights included.
    Optimiser,
}

impl Part {
    /// All parts, in the order of an update.
    pub const ALL: [Self; 4] = [
        Self::Waiting,
        Self::Forward,
        Self::Backward,
        Self::Optimiser,
    ];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting for data",
            Self::Forward => "forward",
            Self::Backward => "backward",
            Self::Optimiser => "optimiser",
        }
    }
}

/// What the updates of a run took, s.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Profile {
    /// Updates.
    pub updates: usize,
    /// By part, in the order of [`Part::ALL`].
    pub parts: [f64; 4],
    /// Reading, turning and disturbing of batches, in a thread of its own beside the parts.
    pub reading: f64,
    /// Sending batches to the device, in the same thread.
    pub sending: f64,
}

/// Takes times, if it is wanted.
#[derive(Debug)]
pub(super) struct Stopwatch {
    device: Option<Device>,
    state: Mutex<(Instant, Profile)>,
}

impl Stopwatch {
    /// One that takes times, or one that does nothing.
    pub(super) fn new(device: &Device, wanted: bool) -> Self {
        Self {
            device: wanted.then(|| device.clone()),
            state: Mutex::new((Instant::now(), Profile::default())),
        }
    }

    fn state(&self) -> MutexGuard<'_, (Instant, Profile)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The times so far, where they are taken.
    pub(super) fn profile(&self) -> Option<Profile> {
        self.device.as_ref().map(|_| self.state().1)
    }

    /// An update begins.
    pub(super) fn begin(&self) {
        if self.device.is_some() {
            let mut state = self.state();
            state.0 = Instant::now();
            state.1.updates += 1;
        }
    }

    /// What was done since the last call was this part.
    pub(super) fn lap(&self, part: Part) -> Result<()> {
        if let Some(device) = &self.device {
            device.synchronize()?;
            let (last, profile) = &mut *self.state();
            let now = Instant::now();
            profile.parts[part as usize] += (now - *last).as_secs_f64();
            *last = now;
        }
        Ok(())
    }

    /// A batch took so long to read and to send.
    pub(super) fn batch(&self, reading: f64, sending: f64) {
        let profile = &mut self.state().1;
        profile.reading += reading;
        profile.sending += sending;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_belong_to_their_parts_and_cost_nothing_unless_wanted() {
        let stopwatch = Stopwatch::new(&Device::Cpu, true);
        for _ in 0..2 {
            stopwatch.begin();
            stopwatch.lap(Part::Waiting).unwrap();
            std::thread::sleep(Duration::from_millis(3));
            stopwatch.lap(Part::Backward).unwrap();
            stopwatch.batch(0.5, 0.25);
        }
        let profile = stopwatch.profile().unwrap();
        assert_eq!(
            (profile.updates, profile.reading, profile.sending),
            (2, 1.0, 0.5)
        );
        let [waiting, forward, backward, optimiser] = profile.parts;
        assert!(backward >= 0.006 && waiting < backward);
        assert_eq!([forward, optimiser], [0.0; 2]);
        let idle = Stopwatch::new(&Device::Cpu, false);
        idle.begin();
        idle.lap(Part::Forward).unwrap();
        assert!(idle.profile().is_none());
    }
}
