//! A network made homogeneous of degree 1 in the waves: `N(a·u, c) = a·N(u, c)` for every `a > 0`, whatever network is inside.
//!
//! Without sources the wave equation is linear: twice the displacement now is twice the displacement later. Biases and
//! activations keep a network from knowing so, and waves much weaker than most it was trained on come out wrong. Here each
//! sample's snapshots are divided by their root mean square `r`, the network is applied, and its output is multiplied by `r`:
//! `(u_1, …, u_K, c) ↦ r·N(u_1/r, …, u_K/r, c)`, `r² = mean(u_1², …, u_K²)` over snapshots and points. Exact up to rounding
//! for `r` well above [`FLOOR`]; differentiated like any other operation.

use super::{LayerFootprint, Network, Pass};
use crate::{Result, ops};
use candle_core::Tensor;

/// Added to `r²`, so that a state at rest stays at rest instead of being divided by zero.
const FLOOR: f64 = 1e-24;

/// The network inside, and which of its input channels are snapshots.
#[derive(Debug)]
pub(crate) struct Homogeneous {
    network: Box<dyn Network>,
    snapshots: usize,
}

impl Homogeneous {
    /// Makes a network homogeneous in its first `snapshots` input channels.
    pub(crate) fn new(network: Box<dyn Network>, snapshots: usize) -> Self {
        Self { network, snapshots }
    }
}

impl Network for Homogeneous {
    fn run(&self, input: &Tensor, pass: &mut Pass) -> Result<Tensor> {
        let snapshots = input.narrow(1, 0, self.snapshots)?;
        let others = input.dim(1)? - self.snapshots;
        let squares = snapshots.sqr()?.flatten_from(1)?.mean_keepdim(1)?;
        let scale = (squares + FLOOR)?.sqrt()?;
        let scale = scale.flatten_all()?;
        let mut channels = vec![ops::scale_samples(&snapshots, &scale.recip()?)?];
        if others > 0 {
            channels.push(input.narrow(1, self.snapshots, others)?);
        }
        let output = self.network.run(&Tensor::cat(&channels, 1)?, pass)?;
        ops::scale_samples(&output, &scale)
    }

    fn check_grid(&self, grid: &[usize]) -> Result<()> {
        self.network.check_grid(grid)
    }

    fn layers(&self, grid: &[usize]) -> Vec<LayerFootprint> {
        self.network.layers(grid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NetworkConfig;
    use crate::network::Channels;
    use crate::parameters::Parameters;
    use candle_core::{DType, Device, Var};
    use rand::SeedableRng;
    use rand_chacha::ChaCha12Rng;

    fn networks() -> (Box<dyn Network>, Homogeneous) {
        let build = || {
            let config: NetworkConfig =
                serde_json::from_str(r#"{"kind": "cnn", "width": 6, "blocks": 2, "norm": "none", "scheme": {"kind": "dense"}}"#)
                    .unwrap();
            let mut parameters = Parameters::new(DType::F64, &Device::Cpu);
            let channels = Channels {
                inputs: 3,
                outputs: 1,
            };
            let network = config
                .build(
                    channels,
                    2,
                    &mut parameters,
                    &mut ChaCha12Rng::seed_from_u64(4),
                )
                .unwrap();
            for (name, variable) in parameters.iter() {
                // biases start at zero; a network without any would be nearly homogeneous anyway
                if name.ends_with("bias") {
                    variable
                        .set(&(variable.as_tensor() + 0.3).unwrap())
                        .unwrap();
                }
            }
            network
        };
        (build(), Homogeneous::new(build(), 2))
    }

    fn input(amplitudes: [f64; 2]) -> Tensor {
        let value = |sample: usize, channel: usize, n: usize| {
            let wave = (0.7 * n as f64 + channel as f64 + 2.0 * sample as f64).sin();
            match channel {
                2 => wave,
                _ => amplitudes[sample] * wave,
            }
        };
        let values: Vec<f64> = (0..2)
            .flat_map(|s| (0..3).flat_map(move |c| (0..64).map(move |n| value(s, c, n))))
            .collect();
        Tensor::from_vec(values, (2, 3, 8, 8), &Device::Cpu).unwrap()
    }

    fn values(tensor: &Tensor) -> Vec<f64> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn outputs_grow_with_the_waves_of_their_own_sample_only() {
        let (plain, homogeneous) = networks();
        let of = |network: &dyn Network, amplitudes| {
            values(&network.forward(&input(amplitudes)).unwrap())
        };
        let (once, scaled) = (of(&homogeneous, [1.0, 1.0]), of(&homogeneous, [1e-3, 50.0]));
        let distance = |factors: [f64; 2], once: &[f64], scaled: &[f64]| {
            let pairs = once.iter().zip(scaled).enumerate();
            let errors = pairs.map(|(n, (a, b))| (factors[n / 64] * a - b).abs() / factors[n / 64]);
            errors.fold(0.0, f64::max)
        };
        assert!(distance([1e-3, 50.0], &once, &scaled) < 1e-12);
        // the network inside does not know it
        let (once, scaled) = (of(&*plain, [1.0, 1.0]), of(&*plain, [1e-3, 50.0]));
        assert!(distance([1e-3, 50.0], &once, &scaled) > 1e-2);
        assert!(of(&homogeneous, [0.0, 0.0]).iter().all(|v| v.abs() < 1e-10));
    }

    #[test]
    fn its_gradient_is_that_of_finite_differences() {
        let (_, homogeneous) = networks();
        let loss = |input: &Tensor| homogeneous.forward(input).unwrap().sqr().unwrap().sum_all();
        let input = Var::from_tensor(&input([0.5, 2.0])).unwrap();
        let gradients = loss(input.as_tensor()).unwrap().backward().unwrap();
        let found = values(gradients.get(&input).unwrap());
        let start = values(input.as_tensor());
        // a point of a snapshot and one of the medium, in each sample
        for n in [5, 100, 140, 197, 290, 350] {
            let at = |step: f64| {
                let mut moved = start.clone();
                moved[n] += step;
                let moved = Tensor::from_vec(moved, input.shape(), &Device::Cpu).unwrap();
                loss(&moved).unwrap().to_scalar::<f64>().unwrap()
            };
            let expected = (at(1e-5) - at(-1e-5)) / 2e-5;
            let bound = 1e-6 * (1.0 + expected.abs());
            assert!(
                (found[n] - expected).abs() < bound,
                "{n}: {} {expected}",
                found[n]
            );
        }
    }
}
