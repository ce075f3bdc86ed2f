//! How fast layers and training steps are: the cases of `fewave bench layers`.
//!
//! A layer is timed whole, as networks use it and are trained: a forward pass, and a forward pass with the project's own backward
//! pass for the gradients of the input and of all parameters, from a given gradient of the result. A training step is a forward pass, the loss, a backward pass and the
//! optimiser's update of a whole U-Net. Times are wall clock, the least of many repeats. `benches/peers/torch_layers.py` times
//! torch on the same cases.
//!
//! Operations are two for each multiply-add of a forward pass as the layer is run, and three times as many forward and
//! backward (the gradients of input and weights each cost as much again); what a fused layer computes twice is not counted.

mod candle;
mod layer;
mod step;

pub use candle::candle_cases;
pub use layer::{LayerCase, layer_cases};
pub use step::{StepCase, step_cases};

use std::hint::black_box;
use std::time::Instant;

use candle_core::Device;

use crate::{Result, pool};

/// What a case took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measurement {
    /// A forward pass, s.
    pub forward: f64,
    /// A forward and a backward pass, or a whole training step, s.
    pub both: f64,
    /// Operations of a forward pass; those of `both` are three times as many. 0 where they are not known.
    pub operations: f64,
    /// Trainable reals.
    pub parameters: usize,
}

/// How long each of a case's two times is measured, s, and how often at least.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    seconds: f64,
    repeats: usize,
}

impl Effort {
    /// For figures to be recorded, as long as `benches/peers/torch_layers.py` measures.
    pub const FULL: Self = Self {
        seconds: 0.4,
        repeats: 5,
    };
    /// For a first look.
    pub const QUICK: Self = Self {
        seconds: 0.15,
        repeats: 2,
    };

    /// The least time of the repeats of `work`, after one that warms up, s.
    fn least<T: Send>(
        self,
        device: &Device,
        work: impl FnMut() -> Result<T> + Send,
    ) -> Result<f64> {
        // as a network calls its layers, and a training its steps
        pool::within(|| self.least_here(device, work))
    }

    fn least_here<T>(self, device: &Device, mut work: impl FnMut() -> Result<T>) -> Result<f64> {
        work()?;
        device.synchronize()?;
        let (start, mut least) = (Instant::now(), f64::INFINITY);
        let mut repeat = 0;
        while repeat < self.repeats
            || (start.elapsed().as_secs_f64() < self.seconds && repeat < 500)
        {
            let one = Instant::now();
            black_box(work()?);
            // a GPU has only been told so far
            device.synchronize()?;
            least = least.min(one.elapsed().as_secs_f64());
            repeat += 1;
        }
        Ok(least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_have_the_costs_of_their_layers() {
        let effort = Effort {
            seconds: 0.0,
            repeats: 1,
        };
        let mut dense = layer_cases(true)
            .into_iter()
            .find(|case| case.name == "dense")
            .unwrap();
        dense.batch = 2;
        dense.channels = 4;
        dense.map = vec![6, 5];
        let measurement = dense.measure(&Device::Cpu, effort).unwrap();
        assert_eq!(measurement.parameters, 4 * 4 * 9 + 4);
        assert_eq!(measurement.operations, 2.0 * 2.0 * (4 * 4 * 9 * 30) as f64);
        assert!(measurement.forward > 0.0 && measurement.both > 0.0);
    }

    #[test]
    fn names_of_cases_tell_them_apart() {
        let mut names: Vec<String> = layer_cases(false)
            .iter()
            .map(|case| {
                format!(
                    "{} {} {:?} {}",
                    case.name, case.channels, case.map, case.kernel
                )
            })
            .collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
