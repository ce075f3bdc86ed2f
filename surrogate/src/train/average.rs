//! Running mean of the weights, which is validated and kept as the best instead of the weights of one update.
//!
//! After update t = 1, 2, …: `θ̄ ← β_t θ̄ + (1 − β_t) θ` with `β_t = min(β, (1 + t)/(10 + t))`, so that the start is forgotten soon.
//! Source: Polyak, Juditsky, *Acceleration of stochastic approximation by averaging*, SIAM J. Control Optim. 30 (1992); the
//! exponential form with this β_t is TensorFlow's `ExponentialMovingAverage` with `num_updates`.

use super::optimiser::Blend;
use crate::Result;
use crate::parameters::Parameters;
use candle_core::Tensor;

/// The mean of every parameter, in their order.
#[derive(Debug)]
pub(crate) struct Average {
    decay: f64,
    pub(crate) values: Vec<(String, Tensor)>,
}

impl Average {
    /// The mean before the first update: the weights themselves.
    pub(crate) fn new(decay: f64, parameters: &Parameters) -> Result<Self> {
        let values = parameters
            .iter()
            .map(|(name, variable)| Ok((name.to_owned(), variable.as_tensor().copy()?.detach())))
            .collect::<Result<_>>()?;
        Ok(Self { decay, values })
    }

    /// Takes the weights after update number `step`, from 1, into the mean.
    pub(super) fn update(&mut self, step: usize, parameters: &Parameters) -> Result<()> {
        let step = step as f64;
        let keep = self.decay.min((1.0 + step) / (10.0 + step));
        let blend = Blend {
            keep,
            take: 1.0 - keep,
            square: false,
        };
        for ((_, mean), (_, variable)) in self.values.iter_mut().zip(parameters.iter()) {
            blend.apply(mean, variable.as_tensor())?;
        }
        Ok(())
    }

    /// Does `work` while the parameters have the mean's values.
    pub(super) fn within<T>(
        &self,
        parameters: &Parameters,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let kept = parameters
            .iter()
            .map(|(_, variable)| variable.as_tensor().copy())
            .collect::<candle_core::Result<Vec<_>>>()?;
        for ((_, variable), (_, mean)) in parameters.iter().zip(&self.values) {
            variable.set(mean)?;
        }
        let result = work();
        for ((_, variable), value) in parameters.iter().zip(&kept) {
            variable.set(value)?;
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};

    #[test]
    fn follows_the_formula_and_gives_the_weights_back() {
        let mut parameters = Parameters::new(DType::F64, &Device::Cpu);
        parameters.root().constant("a", 2, 1.0).unwrap();
        let mut average = Average::new(0.3, &parameters).unwrap();
        let mut expected = 1.0;
        for step in 1..=5 {
            let value = step as f64;
            let new = Tensor::full(value, 2, &Device::Cpu).unwrap();
            parameters.get("a").unwrap().set(&new).unwrap();
            average.update(step, &parameters).unwrap();
            let keep = f64::min(0.3, (1.0 + value) / (10.0 + value));
            expected = keep * expected + (1.0 - keep) * value;
        }
        let weights = || parameters.get("a").unwrap().to_vec1::<f64>().unwrap();
        let inside = average.within(&parameters, || Ok(weights())).unwrap();
        assert!((inside[0] - expected).abs() < 1e-12 && inside[0] == inside[1]);
        assert_eq!(weights(), [5.0, 5.0]);
    }
}
