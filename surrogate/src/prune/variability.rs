//! How much the output of a hidden unit varies over a train split.
//!
//! Over the outputs `a_j` of unit j after its activation, for all N inputs: the mean `ā_j`, the standard deviation `σ_j` (with N in the
//! denominator), and the variability `σ_j / max_k σ_k`, the largest over the units of the same layer: a number in [0, 1] that no scaling
//! of a layer changes. Source: Balderas, Lastra, Benítez, arXiv:2312.10560, which compares a unit's output variability with a
//! tolerance ε; that it is a standard deviation, and its scale, are our reading.

use super::dense::DenseNetwork;
use crate::network::Activation;
use crate::network::mlp::hidden_output;
use crate::{Result, SurrogateError};
use candle_core::Tensor;

/// Inputs per pass.
const BATCH: usize = 1024;

/// What the units of one hidden layer say over all inputs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Variability {
    /// Mean outputs.
    pub(super) means: Vec<f64>,
    /// Standard deviations relative to the largest.
    pub(super) relative: Vec<f64>,
}

impl Variability {
    /// Of hidden layer `layer`, over inputs `(N, inputs)`.
    ///
    /// # Errors
    /// [`SurrogateError::Data`] without inputs, for outputs that are not finite, and for a layer that says the same for every input.
    pub(super) fn measure(
        network: &DenseNetwork,
        layer: usize,
        activation: Activation,
        inputs: &Tensor,
    ) -> Result<Self> {
        let place = format!("units of hidden layer {layer}");
        let refuse = |found: String, expected: &str, remedy: &str| SurrogateError::Data {
            place: place.clone(),
            found,
            expected: expected.into(),
            remedy: remedy.into(),
        };
        let count = inputs.dim(0)?;
        if count == 0 {
            return Err(refuse(
                "no input to measure them on".into(),
                "a train split with trajectories",
                "give data with --data, or generate them",
            ));
        }
        let units = network.layers[layer].bias.len();
        let layers = network.layers[..=layer].iter();
        let layers = layers
            .map(|layer| layer.tensors())
            .collect::<Result<Vec<_>>>()?;
        // sums of differences from the first output, which keeps a small deviation beside a large mean
        let mut first: Vec<f64> = Vec::new();
        let (mut sums, mut squares) = (vec![0.0; units], vec![0.0; units]);
        for start in (0..count).step_by(BATCH) {
            let block = inputs.narrow(0, start, BATCH.min(count - start))?;
            let outputs = hidden_output(&block, &layers, activation)?;
            for row in outputs.to_vec2::<f32>()? {
                if let Some(unit) = row.iter().position(|value| !value.is_finite()) {
                    return Err(refuse(
                        format!("{} from unit {unit}", row[unit]),
                        "finite outputs",
                        "train again with a lower train.learning_rate",
                    ));
                }
                if first.is_empty() {
                    first = row.iter().map(|&value| f64::from(value)).collect();
                }
                for (unit, &value) in row.iter().enumerate() {
                    let difference = f64::from(value) - first[unit];
                    sums[unit] += difference;
                    squares[unit] += difference * difference;
                }
            }
        }
        let count = count as f64;
        let deviation =
            |(sum, square): (&f64, &f64)| (square / count - (sum / count).powi(2)).max(0.0).sqrt();
        let deviations: Vec<f64> = sums.iter().zip(&squares).map(deviation).collect();
        let largest = deviations.iter().copied().fold(0.0, f64::max);
        if largest <= 0.0 {
            return Err(refuse(
                format!("the same outputs for all {count} inputs"),
                "at least one unit that varies, so that the network depends on its input",
                "train the network before it is pruned",
            ));
        }
        Ok(Self {
            means: first
                .iter()
                .zip(&sums)
                .map(|(first, sum)| first + sum / count)
                .collect(),
            relative: deviations.iter().map(|own| own / largest).collect(),
        })
    }

    /// The units that vary by at least ε, in order.
    ///
    /// # Errors
    /// [`SurrogateError::Setting`] where that is none: a layer keeps at least one unit.
    pub(super) fn keep(&self, layer: usize, epsilon: f64) -> Result<Vec<usize>> {
        let units = self.relative.iter().enumerate();
        let keep: Vec<usize> = units
            .filter(|(_, relative)| **relative >= epsilon)
            .map(|(unit, _)| unit)
            .collect();
        if keep.is_empty() {
            return Err(SurrogateError::Setting {
                key: "--epsilon".into(),
                found: format!(
                    "{epsilon}, below which all {} units of hidden layer {layer} fall",
                    self.relative.len()
                ),
                expected: "at most 1, so that a layer keeps the unit that varies most".into(),
                remedy: "lower it: 1e-3 drops what is all but constant, auto finds what the error allows".into(),
            });
        }
        Ok(keep)
    }
}

#[cfg(test)]
mod tests {
    use super::super::dense::Layer;
    use super::*;
    use candle_core::Device;
    use ndarray::{Array1, Array2, array};

    fn inputs() -> Tensor {
        let values: Vec<f32> = (0..60).map(|n| (n as f32 * 0.37).sin()).collect();
        Tensor::from_vec(values, (30, 2), &Device::Cpu).unwrap()
    }

    /// Units: one that varies, a constant one, one that varies a tenth as much.
    fn network() -> DenseNetwork {
        DenseNetwork {
            layers: vec![
                Layer {
                    weight: array![[1.0, 2.0], [0.0, 0.0], [0.1, 0.2]],
                    bias: array![5.0, 0.75, 5.0],
                },
                Layer {
                    weight: array![[0.5, -1.5, 2.0], [1.0, 1.0, -0.25]],
                    bias: array![0.1, -0.2],
                },
            ],
        }
    }

    fn outputs(network: &DenseNetwork) -> Vec<Vec<f32>> {
        let layers: Vec<_> = network
            .layers
            .iter()
            .map(|l| l.tensors().unwrap())
            .collect();
        let hidden = hidden_output(&inputs(), &layers[..1], Activation::Relu).unwrap();
        hidden_output(&hidden, &layers[1..], Activation::Identity)
            .unwrap()
            .to_vec2()
            .unwrap()
    }

    #[test]
    fn deviations_are_those_of_the_formula() {
        let found = Variability::measure(&network(), 0, Activation::Relu, &inputs()).unwrap();
        let x = inputs().to_vec2::<f32>().unwrap();
        let said: Vec<f64> = x
            .iter()
            .map(|row| f64::from(row[0] + 2.0 * row[1] + 5.0))
            .collect();
        let mean = said.iter().sum::<f64>() / 30.0;
        assert!((found.means[0] - mean).abs() < 1e-6);
        assert_eq!((found.relative[0], found.relative[1]), (1.0, 0.0));
        assert_eq!(found.means[1], 0.75);
        assert!((found.relative[2] - 0.1).abs() < 1e-5);
        assert_eq!(found.keep(0, 0.05).unwrap(), [0, 2]);
        assert_eq!(found.keep(0, 0.5).unwrap(), [0]);
        assert_eq!(found.keep(0, 1.0).unwrap(), [0], "the last unit stays");
        let message = found.keep(0, 1.5).unwrap_err().to_string();
        assert!(
            message.contains("--epsilon") && message.contains("at most 1"),
            "{message}"
        );
    }

    #[test]
    fn a_constant_unit_folds_away_without_changing_any_output() {
        let network = network();
        let found = Variability::measure(&network, 0, Activation::Relu, &inputs()).unwrap();
        let folded = network.fold(0, &found.keep(0, 1e-3).unwrap(), &found.means);
        assert_eq!(folded.hidden(), [2]);
        for (a, b) in outputs(&network)
            .iter()
            .flatten()
            .zip(outputs(&folded).iter().flatten())
        {
            assert!(
                (a - b).abs() <= 4.0 * f32::EPSILON * a.abs().max(1.0),
                "{a} and {b}"
            );
        }
    }

    #[test]
    fn what_cannot_be_measured_is_refused() {
        let none = Tensor::zeros((0, 2), candle_core::DType::F32, &Device::Cpu).unwrap();
        let of = |network: &DenseNetwork, inputs: &Tensor| {
            Variability::measure(network, 0, Activation::Relu, inputs)
                .unwrap_err()
                .to_string()
        };
        assert!(of(&network(), &none).contains("--data"));
        let mut huge = network();
        huge.layers[0].weight.fill(f32::MAX);
        assert!(of(&huge, &inputs()).contains("finite outputs"));
        let mut still = network();
        still.layers[0] = Layer {
            weight: Array2::zeros((3, 2)),
            bias: Array1::ones(3),
        };
        assert!(of(&still, &inputs()).contains("train the network"));
    }
}
