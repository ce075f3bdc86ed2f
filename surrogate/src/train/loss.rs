//! What training minimises, over normalised predictions p and targets t of shape `(B, C, …, x, y)`.
//!
//! - `relative-l2`: mean over the batch of `‖p−t‖₂ / max(‖t‖₂, 0.01·√N)`, N values per sample. The targets have unit
//!   standard deviation over the data set, so the floor is 1 % of a typical sample;
//! - `mse`: mean of `(p−t)²`;
//! - `h1`: value and gradient, see `loss/h1.rs`;
//! - `spectral`: weighted by wavenumber, see `loss/spectral.rs`.
//!
//! Within a domain that is not the whole grid, values outside count as 0 in `p` and `t`, and not at all in N and the mean.

mod constant;
mod h1;
mod spectral;

use crate::task::{Domain, Grid};
use crate::train::settings::{TrainSettings, refuse};
use crate::{Result, SurrogateError};
use candle_core::Tensor;
use h1::H1;
use serde::{Deserialize, Serialize};
use spectral::Spectral;

/// The loss of a run (config key `loss`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Relative L2 error of each sample, averaged.
    #[default]
    RelativeL2,
    /// Mean squared error.
    Mse,
    /// Relative error of value and gradient of each sample, averaged.
    H1,
    /// Relative error of each sample with weights that rise with the wavenumber, averaged.
    Spectral,
}

/// Square of the norm, per value, below which a target counts as having it: 1 % of a typical one.
const FLOOR: f64 = 1e-4;
/// A perfect sample has no direction to improve in; this shift of its squared error keeps the gradient finite.
const SHIFT: f64 = 1e-20;

/// A loss on one grid.
#[derive(Debug)]
pub(crate) enum Criterion {
    RelativeL2(Option<Domain>),
    Mse(Option<Domain>),
    H1(H1),
    Spectral(Spectral),
}

impl Criterion {
    /// The loss of a run on a grid.
    ///
    /// # Errors
    /// [`SurrogateError::Setting`] for a loss that the grid's domain does not allow.
    pub(crate) fn new(settings: &TrainSettings, grid: &Grid) -> Result<Self> {
        let domain = grid.domain.clone();
        Ok(match settings.loss {
            Loss::RelativeL2 => Self::RelativeL2(domain),
            Loss::Mse => Self::Mse(domain),
            Loss::H1 => Self::H1(H1::new(settings.gradient_weight.unwrap_or(1.0), grid)),
            Loss::Spectral if domain.is_some() => {
                return refuse(
                    "loss",
                    "\"spectral\" on a grid with points outside of the domain",
                    "\"relative-l2\", \"mse\" or \"h1\": a field that ends within the grid has no series of waves",
                    "choose one of them",
                );
            }
            Loss::Spectral => Self::Spectral(Spectral::new(
                settings.spectral_exponent.unwrap_or(1.0),
                grid,
            )),
        })
    }

    /// The loss, a scalar tensor that can be differentiated.
    ///
    /// # Errors
    /// [`SurrogateError::Tensor`] for tensors of different shapes, or of another grid.
    pub(crate) fn value(&self, prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
        let value = match self {
            Self::RelativeL2(domain) => relative_l2(prediction, target, domain.as_ref()),
            Self::Mse(domain) => mse(prediction, target, domain.as_ref()),
            Self::H1(h1) => h1.value(prediction, target),
            Self::Spectral(spectral) => spectral.value(prediction, target),
        };
        value.map_err(SurrogateError::from)
    }
}

/// The loss `relative-l2` within a domain; without one, on the whole grid.
pub(crate) fn relative_l2(
    prediction: &Tensor,
    target: &Tensor,
    domain: Option<&Domain>,
) -> candle_core::Result<Tensor> {
    let (difference, target, share) = within(prediction, target, domain)?;
    let count = share * (target.elem_count() / target.dim(0)?) as f64;
    let energy = target.flatten_from(1)?.sqr()?.sum(1)?;
    let energy = energy.maximum(FLOOR * count)?;
    let error = (difference.flatten_from(1)?.sqr()?.sum(1)? + SHIFT)?;
    (error / energy)?.sqrt()?.mean_all()
}

fn mse(
    prediction: &Tensor,
    target: &Tensor,
    domain: Option<&Domain>,
) -> candle_core::Result<Tensor> {
    let (difference, _, share) = within(prediction, target, domain)?;
    difference.sqr()?.mean_all()? / share
}

/// Difference and target within a domain, and its share of the grid.
fn within(
    prediction: &Tensor,
    target: &Tensor,
    domain: Option<&Domain>,
) -> candle_core::Result<(Tensor, Tensor, f64)> {
    let whole = (prediction - target)?;
    Ok(match domain {
        Some(domain) => (domain.clear(&whole)?, domain.clear(target)?, domain.share()),
        None => (whole, target.clone(), 1.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};
    use ndarray::Array2;

    /// A smooth tensor of f64.
    pub(super) fn wave(shape: &[usize], pace: f64) -> Tensor {
        let count = shape.iter().product::<usize>();
        let values: Vec<f64> = (0..count).map(|n| (pace * n as f64).sin()).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    /// Compares a loss's gradient with central differences, value by value.
    pub(super) fn check_gradient(
        loss: &dyn Fn(&Tensor, &Tensor) -> candle_core::Result<Tensor>,
        shape: &[usize],
    ) {
        let (start, target) = (wave(shape, 0.37), wave(shape, 0.9));
        let prediction = Var::from_tensor(&start).unwrap();
        let gradients = loss(&prediction, &target).unwrap().backward().unwrap();
        let flat = |of: &Tensor| of.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        let found = flat(gradients.get(&prediction).unwrap());
        let at = |place: usize, step: f64| {
            let mut values = flat(&start);
            values[place] += step;
            let moved = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
            loss(&moved, &target).unwrap().to_scalar::<f64>().unwrap()
        };
        for (place, found) in found.iter().enumerate() {
            let expected = (at(place, 1e-5) - at(place, -1e-5)) / 2e-5;
            assert!(
                (found - expected).abs() < 1e-8,
                "{place}: {found} and {expected}"
            );
        }
    }

    #[test]
    fn values_are_the_formulas() {
        let target = Tensor::new(&[[3.0f64, 4.0], [0.0, 0.0]], &Device::Cpu).unwrap();
        let prediction = Tensor::new(&[[3.0f64, 5.0], [0.1, 0.0]], &Device::Cpu).unwrap();
        let value = |loss: Criterion| {
            let value = loss.value(&prediction, &target).unwrap();
            value.to_scalar::<f64>().unwrap()
        };
        let quiet = 0.1 / (0.01 * 2.0f64.sqrt());
        assert!((value(Criterion::RelativeL2(None)) - 0.5 * (0.2 + quiet)).abs() < 1e-9);
        assert!((value(Criterion::Mse(None)) - 1.01 / 4.0).abs() < 1e-12);
    }

    #[test]
    fn a_perfect_prediction_has_a_finite_gradient() {
        let prediction = Var::new(&[[1.0f32, 2.0]], &Device::Cpu).unwrap();
        let target = prediction.as_tensor().detach();
        let loss = relative_l2(&prediction, &target, None).unwrap();
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
        type Formula = fn(&Tensor, &Tensor, Option<&Domain>) -> candle_core::Result<Tensor>;
        for (name, loss) in [("relative-l2", relative_l2 as Formula), ("mse", mse)] {
            let found = |garbage: f32| {
                let prediction = Var::from_tensor(&maps(-2.0 * garbage, 0.7)).unwrap();
                let value = loss(&prediction, &maps(garbage, 1.3), Some(&domain)).unwrap();
                let gradients = value.backward().unwrap();
                let gradient = gradients.get(&prediction).unwrap().flatten_all().unwrap();
                (
                    value.to_scalar::<f32>().unwrap(),
                    gradient.to_vec1::<f32>().unwrap(),
                )
            };
            let (value, gradient) = found(0.0);
            assert_eq!((value, gradient.clone()), found(1e6), "{name}");
            for (n, gradient) in gradient.iter().enumerate() {
                assert_eq!(*gradient != 0.0, inside[(n % 6 / 3, n % 3)], "{name}, {n}");
            }
            let alone = loss(&only(&maps(0.0, 0.7)), &only(&maps(0.0, 1.3)), None).unwrap();
            assert!(
                (alone.to_scalar::<f32>().unwrap() - value).abs() < 1e-6,
                "{name}"
            );
        }
    }
}
