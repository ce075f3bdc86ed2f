//! What training minimises, over normalised predictions and targets of shape `(B, C, …)`.
//!
//! - `relative-l2`: mean over the batch of `‖p−t‖₂ / max(‖t‖₂, 0.01·√N)`, N values per sample. The targets have unit
//!   standard deviation over the data set, so the floor is 1 % of a typical sample;
//! - `mse`: mean of `(p−t)²`.
//!
//! Within a domain that is not the whole grid, values outside count as 0 in `p` and `t`, and not at all in N and the mean.

use crate::task::Domain;
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
    /// The loss within a domain (without one, on the whole grid), a scalar tensor that can be differentiated.
    pub fn value(
        self,
        prediction: &Tensor,
        target: &Tensor,
        domain: Option<&Domain>,
    ) -> Result<Tensor> {
        let whole = (prediction - target)?;
        let (difference, target, share) = match domain {
            Some(domain) => (domain.clear(&whole)?, domain.clear(target)?, domain.share()),
            None => (whole, target.clone(), 1.0),
        };
        match self {
            Self::RelativeL2 => {
                let count = share * (target.elem_count() / target.dim(0)?) as f64;
                let energy = target.flatten_from(1)?.sqr()?.sum(1)?;
                let energy = energy.maximum(1e-4 * count)?;
                // A perfect sample has no direction to improve in; the tiny shift keeps its gradient finite.
                let error = (difference.flatten_from(1)?.sqr()?.sum(1)? + 1e-20)?;
                (error / energy)?.sqrt()?.mean_all()
            }
            Self::Mse => difference.sqr()?.mean_all()? / share,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};
    use ndarray::Array2;

    #[test]
    fn values_are_the_formulas() {
        let target = Tensor::new(&[[3.0f64, 4.0], [0.0, 0.0]], &Device::Cpu).unwrap();
        let prediction = Tensor::new(&[[3.0f64, 5.0], [0.1, 0.0]], &Device::Cpu).unwrap();
        let value = |loss: Loss| {
            loss.value(&prediction, &target, None)
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
            .value(&prediction, &prediction.as_tensor().detach(), None)
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

    #[test]
    fn values_outside_the_domain_change_neither_loss_nor_gradient() {
        let inside = Array2::from_shape_fn((2, 3), |at| at != (0, 1) && at != (1, 2));
        let domain = Domain::new(&inside).unwrap();
        // two samples of two maps, and the same values of the four points inside alone
        let maps = |garbage: f32, seed: f32| -> Tensor {
            let values: Vec<f32> = (0..24)
                .map(|n| match inside[(n % 6 / 3, n % 3)] {
                    true => ((n as f32 + 1.0) * seed).sin(),
                    false => garbage * (n as f32 + 1.0),
                })
                .collect();
            Tensor::from_vec(values, (2, 2, 2, 3), &Device::Cpu).unwrap()
        };
        let only = |maps: &Tensor| -> Tensor {
            let flat = maps.reshape((4, 6)).unwrap();
            let places = Tensor::new(&[0u32, 2, 3, 4], &Device::Cpu).unwrap();
            let points = flat.index_select(&places, 1).unwrap();
            points.reshape((2, 8)).unwrap()
        };
        for loss in [Loss::RelativeL2, Loss::Mse] {
            let found = |garbage: f32| {
                let prediction = Var::from_tensor(&maps(-2.0 * garbage, 0.7)).unwrap();
                let value = loss
                    .value(&prediction, &maps(garbage, 1.3), Some(&domain))
                    .unwrap();
                let gradients = value.backward().unwrap();
                let gradient = gradients.get(&prediction).unwrap().flatten_all().unwrap();
                (
                    value.to_scalar::<f32>().unwrap(),
                    gradient.to_vec1::<f32>().unwrap(),
                )
            };
            let (value, gradient) = found(0.0);
            assert_eq!((value, gradient.clone()), found(1e6), "{loss:?}");
            for (n, gradient) in gradient.iter().enumerate() {
                assert_eq!(
                    *gradient != 0.0,
                    inside[(n % 6 / 3, n % 3)],
                    "{loss:?}, {n}"
                );
            }
            let alone = loss
                .value(&only(&maps(0.0, 0.7)), &only(&maps(0.0, 1.3)), None)
                .unwrap();
            assert!(
                (alone.to_scalar::<f32>().unwrap() - value).abs() < 1e-6,
                "{loss:?}"
            );
        }
    }
}
