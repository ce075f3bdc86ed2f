//! Training samples by number, whatever the task.

use crate::{Result, SurrogateError};
use candle_core::{Device, Tensor};

/// The samples of one split.
pub(crate) trait Samples {
    /// How many there are.
    fn len(&self) -> usize;

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
