//! The weights of a dense feed-forward network as plain arrays, and what dropping units does to them.
//!
//! A unit j of hidden layer l that says nearly the same for every input, `a_j ≈ ā_j`, is dropped by folding its mean into the next
//! layer, `b_{l+1} ← b_{l+1} + Σ_j W_{l+1}[:, j]·ā_j` over the dropped j, and by taking row j of `W_l`, `b_l` and column j of `W_{l+1}`
//! away (Balderas, Lastra, Benítez, arXiv:2312.10560). For a unit that is exactly constant the outputs are the same but for rounding.
//! Sums are taken in f64.

use crate::network::mlp::{HEAD, hidden_name};
use crate::{Result, SurrogateError};
use candle_core::{Device, Tensor};
use ndarray::{Array1, Array2, Axis};
use std::collections::HashMap;

/// A layer's `W` `(outputs, inputs)` and `b` `(outputs)`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layer {
    pub(super) weight: Array2<f32>,
    pub(super) bias: Array1<f32>,
}

/// Hidden layers and the last one, from input to output.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DenseNetwork {
    pub(super) layers: Vec<Layer>,
}

impl DenseNetwork {
    /// From a checkpoint's tensors, with so many hidden layers.
    pub(super) fn of(weights: &HashMap<String, Tensor>, hidden: usize) -> Result<Self> {
        let layers = names(hidden).map(|name| {
            let part = |part: &str| {
                let name = format!("{name}.{part}");
                weights.get(&name).ok_or_else(|| SurrogateError::Parameter {
                    name,
                    found: "nothing".into(),
                    expected: format!("the tensors of {hidden} hidden layers"),
                    remedy: crate::parameters::OTHER_NETWORK.into(),
                })
            };
            let (weight, bias) = (part("weight")?, part("bias")?);
            let shape = weight.dims2()?;
            let values = weight.flatten_all()?.to_vec1::<f32>()?;
            let weight = Array2::from_shape_vec(shape, values)
                .map_err(|error| crate::task::samples::defect(error.to_string()))?;
            Ok(Layer {
                weight,
                bias: bias.to_vec1::<f32>()?.into(),
            })
        });
        Ok(Self {
            layers: layers.collect::<Result<_>>()?,
        })
    }

    /// The tensors by name.
    pub(super) fn tensors(&self) -> Result<HashMap<String, Tensor>> {
        let mut tensors = HashMap::new();
        let hidden = self.layers.len().saturating_sub(1);
        for (name, layer) in names(hidden).zip(&self.layers) {
            let (weight, bias) = layer.tensors()?;
            tensors.insert(format!("{name}.weight"), weight);
            tensors.insert(format!("{name}.bias"), bias);
        }
        Ok(tensors)
    }

    /// Units of every hidden layer.
    pub(super) fn hidden(&self) -> Vec<usize> {
        let hidden = self.layers.len().saturating_sub(1);
        self.layers[..hidden]
            .iter()
            .map(|layer| layer.bias.len())
            .collect()
    }

    /// Trainable reals.
    pub(super) fn parameters(&self) -> usize {
        let count = |layer: &Layer| layer.weight.len() + layer.bias.len();
        self.layers.iter().map(count).sum()
    }

    /// The network whose hidden layer `layer` keeps only the units in `keep`, in order; `means` are the mean outputs of all its units.
    pub(super) fn fold(&self, layer: usize, keep: &[usize], means: &[f64]) -> Self {
        let mut folded = self.clone();
        if keep.len() == means.len() {
            return folded;
        }
        let (own, next) = (&self.layers[layer], &self.layers[layer + 1]);
        folded.layers[layer] = Layer {
            weight: own.weight.select(Axis(0), keep),
            bias: own.bias.select(Axis(0), keep),
        };
        let mut dropped = vec![true; means.len()];
        for &unit in keep {
            dropped[unit] = false;
        }
        let rows = next.weight.outer_iter().zip(&next.bias);
        let bias = rows.map(|(row, bias)| {
            let said = row.iter().zip(means).zip(&dropped);
            let said = said.filter(|(_, dropped)| **dropped);
            let sum: f64 = said
                .map(|((weight, mean), _)| f64::from(*weight) * mean)
                .sum();
            (f64::from(*bias) + sum) as f32
        });
        folded.layers[layer + 1] = Layer {
            bias: bias.collect(),
            weight: next.weight.select(Axis(1), keep),
        };
        folded
    }
}

impl Layer {
    /// `W` and `b` as tensors.
    pub(super) fn tensors(&self) -> Result<(Tensor, Tensor)> {
        let values: Vec<f32> = self.weight.iter().copied().collect();
        let weight = Tensor::from_vec(values, self.weight.dim(), &Device::Cpu)?;
        let bias = Tensor::from_vec(self.bias.to_vec(), self.bias.len(), &Device::Cpu)?;
        Ok((weight, bias))
    }
}

/// Names of all layers' prefixes.
fn names(hidden: usize) -> impl Iterator<Item = String> {
    (0..hidden).map(hidden_name).chain([HEAD.to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn network() -> DenseNetwork {
        let layer = |rows: usize, columns: usize, pace: f32| Layer {
            weight: Array2::from_shape_fn((rows, columns), |(i, j)| {
                ((i * columns + j + 1) as f32 * pace).sin()
            }),
            bias: Array1::from_shape_fn(rows, |i| (i as f32 + 0.5) * pace),
        };
        DenseNetwork {
            layers: vec![layer(4, 3, 0.7), layer(3, 4, 1.1), layer(2, 3, 0.3)],
        }
    }

    #[test]
    fn dropping_nothing_changes_no_bit() {
        let network = network();
        assert_eq!(network.fold(1, &[0, 1, 2], &[0.1, 0.2, 0.3]), network);
        let again = DenseNetwork::of(&network.tensors().unwrap(), 2).unwrap();
        assert_eq!(again, network);
        assert_eq!(network.hidden(), [4, 3]);
        assert_eq!(network.parameters(), 12 + 4 + 12 + 3 + 6 + 2);
    }

    #[test]
    fn a_mean_goes_into_the_next_bias_and_the_unit_goes_away() {
        let network = network();
        let folded = network.fold(0, &[0, 2], &[9.0, 2.0, 9.0, -1.0]);
        assert_eq!(folded.hidden(), [2, 3]);
        assert_eq!(
            folded.layers[0].weight.row(1),
            network.layers[0].weight.row(2)
        );
        assert_eq!(
            folded.layers[1].weight.column(1),
            network.layers[1].weight.column(2)
        );
        let next = &network.layers[1];
        for row in 0..3 {
            let expected = next.bias[row] + 2.0 * next.weight[(row, 1)] - next.weight[(row, 3)];
            assert!((folded.layers[1].bias[row] - expected).abs() < 1e-6);
        }
        assert_eq!(folded.layers[2], network.layers[2]);
        let one = DenseNetwork {
            layers: vec![
                Layer {
                    weight: array![[1.0]],
                    bias: array![0.0],
                },
                Layer {
                    weight: array![[2.0]],
                    bias: array![1.0],
                },
            ],
        };
        assert_eq!(one.fold(0, &[0], &[5.0]), one);
    }
}
