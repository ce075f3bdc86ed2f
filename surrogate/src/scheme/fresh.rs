//! `fresh` (FreshNets): kernels whose frequency coefficients share a few trained values, chosen by a hash.
//!
//! Source: Chen, Wilson, Tyree, Weinberger, Chen, *Compressing convolutional neural networks* (2015). The coefficient of the
//! type-II DCT of kernel (t, s) at frequency k is `ξ(t,s,k) · w_j[h(t,s,k)]`, where j is its band (the sum of its indices), `w_j`
//! the band's `K_j` values ([`bands`]), h a hash into them and ξ = ±1 a second one. The kernel is the inverse DCT
//! ([`transform`]). Hashes are functions of the stored seed and the place, so that a file rebuilds its network anywhere.
//!
//! Controls of the paper: `bands = "equal"` gives all bands the same share; `transform = "none"` hashes the weights themselves,
//! without bands (HashedNets, arXiv:1504.04788).
//!
//! **Start.** Values are drawn with He's variance `2/(S·dⁿ)`; the orthonormal transform hands it on to the kernel's entries.

mod bands;
mod transform;

use std::sync::Arc;

use candle_core::{Device, Tensor};
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::hash::{Use, below, hash};
use super::rebuilt::{KernelScheme, Rebuilt, bits};
use super::{ConvolutionShape, MAX_TABLE, setting};
use crate::ops::{Table, gather};
use crate::{Result, Scope};
pub use bands::Bands;

/// The settings of a fresh scheme.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fresh {
    /// Weights of the dense layer per trained value, at least 1.
    pub compression: f64,
    /// What the values share.
    pub domain: Domain,
    /// Seed of both hashes.
    pub seed: u64,
}

/// What is hashed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Domain {
    /// The coefficients of the DCT, band by band.
    Frequency(Bands),
    /// The weights themselves.
    Weights,
}

/// Whether a kernel is transformed (config key `transform`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Transform {
    /// Inverse DCT of type II.
    #[default]
    Dct,
    /// None.
    None,
}

impl Default for Fresh {
    fn default() -> Self {
        Self {
            compression: 16.0,
            domain: Domain::Frequency(Bands::default()),
            seed: 0,
        }
    }
}

impl Fresh {
    pub(super) fn check(&self) -> Result<()> {
        if !(self.compression >= 1.0 && self.compression.is_finite()) {
            return Err(setting(
                "scheme.compression",
                self.compression,
                "a number of at least 1",
                "16 is the usual value",
            ));
        }
        if let Domain::Frequency(Bands::Beta { alpha, beta }) = self.domain {
            for (key, value) in [("scheme.alpha", alpha), ("scheme.beta", beta)] {
                if !(value > 0.0 && value <= MAX_EXPONENT) {
                    return Err(setting(
                        key,
                        value,
                        format!("a number above 0, at most {MAX_EXPONENT}"),
                        "leave it out for the default (alpha = 1, beta = 2.5)",
                    ));
                }
            }
        }
        Ok(())
    }

    /// The band of each place of a kernel, and the values of each band.
    fn bands(&self, shape: &ConvolutionShape) -> Result<(Vec<usize>, Vec<usize>)> {
        self.check()?;
        if shape.dense_weights() > MAX_TABLE {
            return Err(setting(
                "scheme.kind",
                format!("\"fresh\" for {} weights", shape.dense_weights()),
                format!("at most {MAX_TABLE} weights in the dense layer"),
                "use one-way layers, or fewer channels",
            ));
        }
        let (places, bands) = match self.domain {
            Domain::Frequency(bands) => (bands::band_of_places(&shape.kernel), bands),
            Domain::Weights => (vec![0; shape.taps()], Bands::Equal),
        };
        let counts = bands::budget(shape, &places, bands, self.compression)?;
        Ok((places, counts))
    }

    /// The number of values, without biases.
    pub(super) fn weights(&self, shape: &ConvolutionShape) -> Result<usize> {
        Ok(self.bands(shape)?.1.iter().sum())
    }

    pub(super) fn build(
        &self,
        shape: &ConvolutionShape,
        parameters: &mut Scope<'_>,
        rng: &mut impl Rng,
    ) -> Result<Rebuilt<FreshKernel>> {
        let (places, counts) = self.bands(shape)?;
        let total = counts.iter().sum();
        let deviation = shape.he_variance().sqrt();
        // Two axes, so that the optimiser's decay takes them for the weights that they are.
        let values = parameters.normal("values", (total, 1), deviation, rng)?;
        let starts: Vec<usize> = counts
            .iter()
            .scan(0, |next, count| {
                *next += count;
                Some(*next - count)
            })
            .collect();
        let choose = |place: usize| {
            let band = places[place % places.len()];
            let bucket = below(counts[band], hash(self.seed, Use::Bucket, place));
            let minus = hash(self.seed, Use::Sign, place) & 1 == 1;
            (starts[band] + bucket, minus)
        };
        let table = Table::new(total, (0..shape.dense_weights()).map(choose));
        let kernel = FreshKernel::new(shape, self.domain, values, table)?;
        Rebuilt::new(shape, kernel, parameters)
    }
}

/// No curve is steeper.
const MAX_EXPONENT: f64 = 64.0;

/// A kernel whose coefficients share values.
#[derive(Debug)]
pub(super) struct FreshKernel {
    shape: ConvolutionShape,
    /// (Σ K_j, 1), band by band.
    values: Tensor,
    table: Arc<Table>,
    /// The inverse transform (Π d, Π d); none where weights are hashed.
    inverse: Option<Tensor>,
}

impl FreshKernel {
    fn new(shape: &ConvolutionShape, domain: Domain, values: Tensor, table: Table) -> Result<Self> {
        let taps = shape.taps();
        let inverse = match domain {
            Domain::Weights => None,
            Domain::Frequency(_) => {
                let matrix = transform::inverse(&shape.kernel);
                let matrix = Tensor::from_vec(matrix, (taps, taps), &Device::Cpu)?;
                Some(
                    matrix
                        .to_dtype(values.dtype())?
                        .to_device(values.device())?,
                )
            }
        };
        Ok(Self {
            shape: shape.clone(),
            values,
            table: Arc::new(table),
            inverse,
        })
    }
}

impl KernelScheme for FreshKernel {
    fn kernel(&self) -> Result<Tensor> {
        let coefficients = gather(&self.values, &self.table)?;
        let kernel = match &self.inverse {
            None => coefficients,
            Some(inverse) => {
                let rows = self.shape.outputs * self.shape.inputs;
                coefficients
                    .reshape((rows, self.shape.taps()))?
                    .matmul(inverse)?
            }
        };
        Ok(kernel.reshape(self.shape.kernel_dims())?)
    }

    fn parameters(&self) -> usize {
        self.values.elem_count()
    }

    fn stored_bits(&self) -> usize {
        bits(&self.values)
    }

    fn rebuild_cost(&self) -> usize {
        let transformed = self.inverse.as_ref().map_or(0, |_| self.shape.taps());
        self.shape.dense_weights() * transformed
    }
}

#[cfg(test)]
mod tests {
    use super::super::Layer;
    use super::*;
    use crate::{Parameters, ops};
    use candle_core::DType;
    use rand::SeedableRng;
    use rand_chacha::ChaCha12Rng;

    fn flat(tensor: &Tensor) -> Vec<f64> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    /// With every coefficient its own value, the layer is the dense one whose DCT these values are.
    #[test]
    fn without_sharing_it_is_the_dense_layer() {
        for sides in [vec![5], vec![3, 5], vec![3, 3, 3]] {
            let shape = ConvolutionShape {
                inputs: 3,
                outputs: 4,
                kernel: sides.clone(),
                bias: false,
            };
            let (taps, weights) = (shape.taps(), shape.dense_weights());
            let mut parameters = Parameters::new(DType::F64, &Device::Cpu);
            let mut rng = ChaCha12Rng::seed_from_u64(5);
            let dense = parameters
                .root()
                .normal("kernel", shape.kernel_dims(), 1.0, &mut rng)
                .unwrap();
            // Its transform, by the definition.
            let (kernel, matrix) = (flat(&dense), transform::inverse(&sides));
            let coefficient = |n: usize| {
                let (row, k) = (n / taps * taps, n % taps);
                (0..taps)
                    .map(|p| matrix[k * taps + p] * kernel[row + p])
                    .sum()
            };
            let values: Vec<f64> = (0..weights).map(coefficient).collect();
            let values = Tensor::from_vec(values, (weights, 1), &Device::Cpu).unwrap();
            let identity = Table::new(weights, (0..weights).map(|n| (n, false)));
            let domain = Domain::Frequency(Bands::Equal);
            let fresh = FreshKernel::new(&shape, domain, values, identity).unwrap();
            for (a, b) in flat(&fresh.kernel().unwrap()).iter().zip(&kernel) {
                assert!((a - b).abs() < 1e-13, "{sides:?}: {a} and {b}");
            }
            let grid = [&[2, 3], vec![6; sides.len()].as_slice()].concat();
            let input = parameters
                .root()
                .normal("input", grid, 1.0, &mut rng)
                .unwrap();
            let layer = Rebuilt::new(&shape, fresh, &mut parameters.root()).unwrap();
            let found = flat(&layer.forward(&input).unwrap());
            let expected = flat(&ops::convolution(&input, &dense, None).unwrap());
            for (a, b) in found.iter().zip(&expected) {
                assert!((a - b).abs() < 1e-12, "{sides:?}: {a} and {b}");
            }
        }
    }

    #[test]
    fn a_bands_values_are_shared_within_it_only() {
        let shape = ConvolutionShape {
            inputs: 8,
            outputs: 8,
            kernel: vec![3, 3],
            bias: false,
        };
        let mut parameters = Parameters::new(DType::F64, &Device::Cpu);
        let mut rng = ChaCha12Rng::seed_from_u64(0);
        let scheme = Fresh::default();
        let layer = scheme
            .build(&shape, &mut parameters.root(), &mut rng)
            .unwrap();
        let (places, counts) = scheme.bands(&shape).unwrap();
        // Values 1, 2, … by band: the transform of the kernel has them at their frequencies, with a sign.
        let values = counts.iter().enumerate();
        let values: Vec<f64> = values
            .flat_map(|(band, &count)| vec![band as f64 + 1.0; count])
            .collect();
        let count = values.len();
        parameters
            .get("values")
            .unwrap()
            .set(&Tensor::from_vec(values, (count, 1), &Device::Cpu).unwrap())
            .unwrap();
        let (kernel, matrix) = (
            flat(&layer.equivalent_kernel().unwrap()),
            transform::inverse(&shape.kernel),
        );
        let mut negative = 0;
        for kernel in kernel.chunks_exact(9) {
            for k in 0..9 {
                let found: f64 = (0..9).map(|p| matrix[k * 9 + p] * kernel[p]).sum();
                assert!((found.abs() - places[k] as f64 - 1.0).abs() < 1e-13);
                negative += usize::from(found < 0.0);
            }
        }
        assert!(
            (200..376).contains(&negative),
            "{negative} of 576 are negative"
        );
    }
}
