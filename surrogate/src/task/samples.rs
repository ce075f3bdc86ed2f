//! Training samples by number, whatever the task.

use crate::{Result, SurrogateError};
use candle_core::{Device, Tensor};

/// Where a sample comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Trajectory in the split.
    pub(crate) trajectory: usize,
    /// Its first snapshot that is given.
    pub(crate) first: usize,
}

/// The samples of one split.
pub(crate) trait Samples: Send {
    /// How many there are.
    fn len(&self) -> usize;

    /// Where a sample comes from; by default each trajectory is one.
    fn place(&self, index: usize) -> Place {
        Place {
            trajectory: index,
            first: 0,
        }
    }

    /// Inputs `(B, inputs, …)` and targets `(B, outputs, …)` of the given samples.
    fn batch(&mut self, indices: &[usize], device: &Device) -> Result<(Tensor, Tensor)>;
}

/// Values of an array in row-major order.
pub(crate) fn flat(values: Option<&[f32]>) -> Result<&[f32]> {
    values.ok_or_else(|| defect("an array that is not row-major".into()))
}

/// Something that only a defect of this program can bring about.
pub(crate) fn defect(found: String) -> SurrogateError {
    SurrogateError::Data {
        place: "training samples".into(),
        found,
        expected: "an existing sample in row-major order".into(),
        remedy: "report this: it is a defect of fewave".into(),
    }
}
