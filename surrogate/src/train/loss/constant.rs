//! Constant factors of a loss, as tensors: made of the type and on the device of the first maps, and kept for all that follow.

use candle_core::{Result, Tensor};
use ndarray::Array2;
use std::sync::OnceLock;

/// A matrix that a loss multiplies maps with.
#[derive(Debug)]
pub(super) struct Constant {
    values: Array2<f64>,
    made: OnceLock<Tensor>,
}

impl Constant {
    pub(super) fn new(values: Array2<f64>) -> Self {
        Self {
            values,
            made: OnceLock::new(),
        }
    }

    /// Rows and columns.
    pub(super) fn dim(&self) -> (usize, usize) {
        self.values.dim()
    }

    /// The matrix of the type and on the device of `maps`; built anew only where these change.
    pub(super) fn like(&self, maps: &Tensor) -> Result<Tensor> {
        let fits = |made: &&Tensor| {
            made.dtype() == maps.dtype() && made.device().same_device(maps.device())
        };
        if let Some(made) = self.made.get().filter(fits) {
            return Ok(made.clone());
        }
        let flat = self.values.iter().copied().collect::<Vec<f64>>();
        let made = Tensor::from_vec(flat, self.values.dim(), maps.device())?;
        let made = made.to_dtype(maps.dtype())?;
        // one of another type stays: what is asked for twice is what was asked for first
        self.made.get_or_init(|| made.clone());
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};

    #[test]
    fn is_built_once_and_of_the_type_that_is_asked_for() {
        let constant = Constant::new(Array2::from_shape_fn((2, 3), |(i, j)| (3 * i + j) as f64));
        let maps = |dtype| Tensor::zeros((4, 2, 3), dtype, &Device::Cpu).unwrap();
        let first = constant.like(&maps(DType::F32)).unwrap();
        assert_eq!(constant.like(&maps(DType::F32)).unwrap().id(), first.id());
        let rows = first.to_vec2::<f32>().unwrap();
        assert_eq!(rows, [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]);
        let other = constant.like(&maps(DType::F64)).unwrap();
        assert_eq!(other.to_vec2::<f64>().unwrap()[1], [3.0, 4.0, 5.0]);
    }
}
