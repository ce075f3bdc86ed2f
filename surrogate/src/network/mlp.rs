//! Dense feed-forward network: from a few numbers to many.
//!
//! `x_{l+1} = act(W_l x_l + b_l)` for every hidden layer, and `W x + b` without a non-linearity at the end. Weights start from
//! N(0, 2/n), the last from N(0, 1/n), n inputs of the layer (He et al., arXiv:1502.01852), biases from 0. Shapes:
//! `(B, inputs)` → `(B, outputs)`, weights `(outputs, inputs)` of each layer.

use super::activation::{Activation, activate};
use super::pass::Pass;
use super::{Channels, LayerFootprint, Network, refuse};
use crate::parameters::Parameters;
use crate::{Result, SurrogateError};
use candle_core::{DType, Tensor};
use rand_chacha::ChaCha12Rng;
use serde::{Deserialize, Serialize};

/// Most hidden layers.
const MOST_LAYERS: usize = 64;
/// Most units of a hidden layer.
const MOST_UNITS: usize = 1 << 16;

/// Settings of a dense feed-forward network (table `network` with `kind = "mlp"`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MlpConfig {
    /// Units of every hidden layer, from input to output.
    #[serde(default = "default_hidden")]
    pub hidden: Vec<usize>,
    /// Non-linearity after each hidden layer; none of the noisy ones.
    #[serde(default)]
    pub activation: Activation,
}

fn default_hidden() -> Vec<usize> {
    vec![256, 256]
}

impl MlpConfig {
    /// Checks every value that does not depend on the data.
    ///
    /// # Errors
    /// [`SurrogateError::Setting`] with the key, what was found, what is allowed and the remedy.
    pub fn validate(&self) -> Result<()> {
        if !(1..=MOST_LAYERS).contains(&self.hidden.len()) {
            return Err(refuse(
                "hidden",
                format!("{} layers", self.hidden.len()),
                "1 to 64 hidden layers",
                "[256, 256] is a good start",
            ));
        }
        if let Some(units) = self.hidden.iter().find(|n| !(1..=MOST_UNITS).contains(*n)) {
            return Err(refuse(
                "hidden",
                format!("a layer of {units}"),
                "1 to 65536 units in every layer",
                "[256, 256] is a good start",
            ));
        }
        if self.activation.is_noisy() {
            return Err(refuse(
                "activation",
                match self.activation {
                    Activation::Binary => "binary",
                    _ => "noisy-relu",
                },
                "\"gelu\", \"silu\" or \"relu\" in a dense feed-forward network",
                "change network.activation",
            ));
        }
        Ok(())
    }
}

/// One layer's `W` `(outputs, inputs)` and `b` `(outputs)`.
#[derive(Debug, Clone)]
struct Linear {
    name: String,
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let (weight, bias) = (&self.weight, &self.bias);
        let (weight, bias) = (
            weight.to_dtype(input.dtype())?,
            bias.to_dtype(input.dtype())?,
        );
        Ok(input.matmul(&weight.t()?)?.broadcast_add(&bias)?)
    }

    fn footprint(&self) -> LayerFootprint {
        let weights = self.weight.elem_count();
        let parameters = weights + self.bias.elem_count();
        LayerFootprint {
            name: self.name.clone(),
            scheme: "dense".into(),
            shape: self.weight.dims().to_vec(),
            grid: Vec::new(),
            parameters,
            dense_parameters: parameters,
            stored_bits: 32 * parameters,
            multiply_adds: weights,
            dense_multiply_adds: weights,
        }
    }
}

/// A dense feed-forward network with its parameters.
#[derive(Debug)]
pub struct Mlp {
    /// Hidden layers and the last one.
    layers: Vec<Linear>,
    activation: Activation,
}

impl Mlp {
    /// Builds the network; parameters are named `hidden.<number>.weight`, `hidden.<number>.bias`, `head.weight` and `head.bias`.
    pub(super) fn build(
        config: &MlpConfig,
        channels: Channels,
        parameters: &mut Parameters,
        random: &mut ChaCha12Rng,
    ) -> Result<Self> {
        let mut inputs = channels.inputs;
        let mut layers = Vec::with_capacity(config.hidden.len() + 1);
        let hidden = config.hidden.iter().enumerate();
        let named = hidden.map(|(number, units)| (hidden_name(number), *units, 2.0));
        for (name, outputs, gain) in named.chain([(HEAD.to_owned(), channels.outputs, 1.0)]) {
            let mut scope = parameters.scope(&name);
            let deviation = (gain / inputs.max(1) as f64).sqrt();
            let weight = scope.normal("weight", (outputs, inputs), deviation, random)?;
            let bias = scope.constant("bias", outputs, 0.0)?;
            layers.push(Linear { name, weight, bias });
            inputs = outputs;
        }
        Ok(Self {
            layers,
            activation: config.activation,
        })
    }
}

/// Prefix of the last layer's parameters.
pub(crate) const HEAD: &str = "head";

/// Prefix of a hidden layer's parameters.
pub(crate) fn hidden_name(number: usize) -> String {
    format!("hidden.{number}")
}

impl Network for Mlp {
    fn run(&self, input: &Tensor, pass: &mut Pass) -> Result<Tensor> {
        self.check_grid(input.dims().get(2..).unwrap_or_default())?;
        let Some((head, hidden)) = self.layers.split_last() else {
            return Ok(input.clone());
        };
        let mut values = input.clone();
        for layer in hidden {
            pass.count_dense(&layer.weight, &values)?;
            values = activate(&layer.forward(&values)?, self.activation)?;
        }
        pass.count_dense(&head.weight, &values)?;
        head.forward(&values)
    }

    fn check_grid(&self, grid: &[usize]) -> Result<()> {
        if grid.is_empty() {
            return Ok(());
        }
        Err(SurrogateError::Shape {
            place: "input of the dense feed-forward network".into(),
            found: format!("maps of shape {grid:?}"),
            expected: "numbers, (B, inputs)".into(),
            remedy: "use network.kind = \"unet\" or \"cnn\" for maps".into(),
        })
    }

    fn layers(&self, _grid: &[usize]) -> Vec<LayerFootprint> {
        self.layers.iter().map(Linear::footprint).collect()
    }
}

/// The output `(B, units)` of hidden layer `number` after its activation, by the weights `W` and `b` of all layers up to it.
///
/// # Errors
/// [`SurrogateError::Tensor`] where shapes do not fit.
pub(crate) fn hidden_output(
    input: &Tensor,
    layers: &[(Tensor, Tensor)],
    activation: Activation,
) -> Result<Tensor> {
    let mut values = input.to_dtype(DType::F32)?;
    for (weight, bias) in layers {
        let sum = values.matmul(&weight.t()?)?.broadcast_add(bias)?;
        values = activate(&sum, activation)?;
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NetworkConfig;
    use crate::tape::Tape;
    use candle_core::{Device, Var};
    use rand::SeedableRng;

    fn network(hidden: &[usize], dtype: DType) -> (Box<dyn Network>, Parameters) {
        let config = NetworkConfig::Mlp(MlpConfig {
            hidden: hidden.to_vec(),
            activation: Activation::Gelu,
        });
        let mut parameters = Parameters::new(dtype, &Device::Cpu);
        let channels = Channels {
            inputs: 3,
            outputs: 2,
        };
        let mut random = ChaCha12Rng::seed_from_u64(4);
        let network = config
            .build(channels, 0, &mut parameters, &mut random)
            .unwrap();
        (network, parameters)
    }

    fn wave(shape: (usize, usize), pace: f64) -> Tensor {
        let values = (0..shape.0 * shape.1).map(|n| ((n as f64 + 0.5) * pace).sin());
        Tensor::from_vec(values.collect::<Vec<f64>>(), shape, &Device::Cpu).unwrap()
    }

    #[test]
    fn values_are_the_formula_written_out() {
        let (network, parameters) = network(&[4, 5], DType::F64);
        let input = wave((6, 3), 0.7);
        let found = network.forward(&input).unwrap().to_vec2::<f64>().unwrap();
        let of = |name: &str| parameters.get(name).unwrap().as_tensor().clone();
        let mut rows = input.to_vec2::<f64>().unwrap();
        for name in ["hidden.0", "hidden.1", "head"] {
            let weight = of(&format!("{name}.weight")).to_vec2::<f64>().unwrap();
            let bias = of(&format!("{name}.bias")).to_vec1::<f64>().unwrap();
            for row in &mut rows {
                let sum = |(w, b): (&Vec<f64>, &f64)| {
                    b + w.iter().zip(row.iter()).map(|(w, x)| w * x).sum::<f64>()
                };
                let next: Vec<f64> = weight.iter().zip(&bias).map(sum).collect();
                let active = |x: f64| {
                    if name == "head" {
                        x
                    } else {
                        Activation::Gelu.value(x)
                    }
                };
                *row = next.into_iter().map(active).collect();
            }
        }
        for (a, b) in found.iter().flatten().zip(rows.iter().flatten()) {
            assert!((a - b).abs() < 1e-12, "{a} and {b}");
        }
        let layers = network.layers(&[]);
        assert_eq!(
            layers.iter().map(|l| l.parameters).sum::<usize>(),
            parameters.count()
        );
        assert_eq!(parameters.count(), 3 * 4 + 4 + 4 * 5 + 5 + 5 * 2 + 2);
        // no weight and no input is 0
        let operations = network.synaptic_operations(&input).unwrap();
        assert_eq!(operations, 6.0 * (12 + 20 + 10) as f64);
    }

    #[test]
    fn the_tape_gives_the_gradient_of_differences() {
        let (network, parameters) = network(&[4, 5], DType::F64);
        let (input, weights) = (wave((6, 3), 0.7), wave((6, 2), 1.9));
        let (output, tape) = Tape::record(|| network.forward_in_training(&input, 0)).unwrap();
        let gradients = tape.backward(output, weights.clone()).unwrap();
        let value = || -> f64 {
            let output = network.forward(&input).unwrap();
            let sum = (output * &weights).unwrap().sum_all().unwrap();
            sum.to_scalar().unwrap()
        };
        let mut checked = 0;
        for (name, variable) in parameters.iter() {
            let found = gradients.get(variable).unwrap().flatten_all().unwrap();
            let found = found.to_vec1::<f64>().unwrap();
            let start = variable.flatten_all().unwrap().to_vec1::<f64>().unwrap();
            for place in 0..start.len() {
                let at = |by: f64| {
                    let mut moved = start.clone();
                    moved[place] += by;
                    let moved = Tensor::from_vec(moved, variable.shape(), &Device::Cpu).unwrap();
                    variable.set(&moved).unwrap();
                    value()
                };
                let step = 1e-5;
                let expected = (at(step) - at(-step)) / (2.0 * step);
                at(0.0);
                assert!(
                    (found[place] - expected).abs() < 1e-8,
                    "{name}[{place}]: {} and {expected}",
                    found[place]
                );
                checked += 1;
            }
        }
        assert_eq!(checked, parameters.count());
    }

    #[test]
    fn bits_do_not_depend_on_the_number_of_threads() {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            pool.build().unwrap().install(|| {
                let (network, parameters) = network(&[257, 129], DType::F32);
                let input = wave((61, 3), 0.7).to_dtype(DType::F32).unwrap();
                let input = Var::from_tensor(&input).unwrap();
                let (output, tape) =
                    Tape::record(|| network.forward_in_training(&input, 0)).unwrap();
                let ones = output.ones_like().unwrap();
                let mut bits = output.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                let gradients = tape.backward(output, ones).unwrap();
                for (_, variable) in parameters.iter() {
                    let gradient = gradients.get(variable).unwrap().flatten_all().unwrap();
                    bits.extend(gradient.to_vec1::<f32>().unwrap());
                }
                bits
            })
        };
        let one = run(1);
        assert!(run(2) == one && run(3) == one);
    }

    #[test]
    fn settings_that_cannot_work_are_refused_by_name() {
        let config = |hidden: &[usize], activation| MlpConfig {
            hidden: hidden.to_vec(),
            activation,
        };
        for (config, word) in [
            (config(&[], Activation::Gelu), "network.hidden"),
            (config(&[4, 0], Activation::Gelu), "a layer of 0"),
            (config(&[1 << 20], Activation::Gelu), "65536"),
            (config(&[4], Activation::Binary), "network.activation"),
        ] {
            let message = config.validate().unwrap_err().to_string();
            assert!(message.contains(word), "{message}");
        }
        let (network, _) = network(&[4], DType::F32);
        let message = network.check_grid(&[16, 16]).unwrap_err().to_string();
        assert!(message.contains("unet"), "{message}");
    }
}
