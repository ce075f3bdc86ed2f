//! What training minimises, over normalised predictions and targets of shape `(B, C, …)`.
//!
//! - `relative-l2`: mean over the batch of `‖p−t‖₂ / max(‖t‖₂, 0.01·√N)`, N values per sample. The targets have unit
//!   standard deviation over the data set, so the floor is 1 % of a typical sample;
//! - `mse`: mean of `(p−t)²`.

use candle_core::{Result, Tensor};
use serde::{Deserialize, Serialize};

/// The loss of a run (config key `loss`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Relative L2 error of each sample, averaged.
    #[default]
    RelativeL2,
    /// Mean squared error.
    Mse,
}

impl Loss {
    /// The loss, a scalar tensor that can be differentiated.
    pub fn value(self, prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
        let difference = (prediction - target)?;
        match self {
            Self::RelativeL2 => {
                let floor = 1e-4 * (target.elem_count() / target.dim(0)?) as f64;
                let energy = target.flatten_from(1)?.sqr()?.sum(1)?.maximum(floor)?;
                // A perfect sample has no direction to improve in; the tiny shift keeps its gradient finite.
                let error = (difference.flatten_from(1)?.sqr()?.sum(1)? + 1e-20)?;
                (error / energy)?.sqrt()?.mean_all()
            }
            Self::Mse => difference.sqr()?.mean_all(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn values_are_the_formulas() {
        let target = Tensor::new(&[[3.0f64, 4.0], [0.0, 0.0]], &Device::Cpu).unwrap();
        let prediction = Tensor::new(&[[3.0f64, 5.0], [0.1, 0.0]], &Device::Cpu).unwrap();
        let value = |loss: Loss| {
            loss.value(&prediction, &target)
                .unwrap()
                .to_scalar::<f64>()
                .unwrap()
        };
        let quiet = 0.1 / (0.01 * 2.0f64.sqrt());
        assert!((value(Loss::RelativeL2) - 0.5 * (0.2 + quiet)).abs() < 1e-9);
        assert!((value(Loss::Mse) - 1.01 / 4.0).abs() < 1e-12);
    }

    #[test]
    fn a_perfect_prediction_has_a_finite_gradient() {
        let prediction = Var::new(&[[1.0f32, 2.0]], &Device::Cpu).unwrap();
        let loss = Loss::RelativeL2
            .value(&prediction, &prediction.as_tensor().detach())
            .unwrap();
        let store = loss.backward().unwrap();
        let gradient = store
            .get(&prediction)
            .unwrap()
            .flatten_all()
            .unwrap()
            .to_vec1::<f32>()
            .unwrap();
        assert!(gradient.iter().all(|g| g.is_finite()), "{gradient:?}");
    }
}
