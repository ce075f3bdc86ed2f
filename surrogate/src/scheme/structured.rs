//! `structured`: kernels of four values each, placed by commuting permutations; optionally ternary.
//!
//! Source: Appuswamy et al., *Structured convolution matrices for energy-efficient deep learning* (2016). A convolution as a
//! matrix is block-Toeplitz; with four weight values per neuron it fits a crossbar when one step along an axis permutes the
//! values, `σ` along rows and `γ` along columns, which must commute. **Our reading:** the kernel of one (t, s) pair is
//! `K[t, s, i, j] = s[σ^i γ^j (0)]` with its own four trainable values and its own pair, a seeded draw. In 3-D a kernel has a
//! commuting triple, in 1-D a single permutation.
//!
//! - Draws are from the transitive tuples (42 of the 120 commuting pairs), by a hash of (seed, t, s): the seed stored with
//!   the model is all that a file needs. `permutations` gives one commuting tuple to all kernels instead.
//! - Values that do not occur in a small kernel are neither stored nor counted.
//! - **Start.** Value `g`, which occurs `n_g` times, has the variance `2/(S·Σ n_g²)`: equal entries add up where maps are
//!   smooth, and He's variance would let them grow.
//! - **Ternary.** `K = α[t]·t(l)` with a latent value `l` per trained value, `t` in {−1, 0, 1} ([`ternary`]) and one scale
//!   per output channel. A trained layer is stored in two bits per value and a real per scale.

mod permutations;
mod ternary;

use std::fmt;
use std::sync::Arc;

use candle_core::Tensor;
use rand::Rng;
use rand_distr::StandardNormal;

use super::hash::{Use, below, hash};
use super::rebuilt::{KernelScheme, Rebuilt, bits};
use super::{ConvolutionShape, MAX_TABLE, setting};
use crate::ops::{Table, gather};
use crate::{Result, Scope};
pub use permutations::Permutation;
use permutations::{VALUES, transitive, values_at_taps};

/// Most spatial axes.
const AXES: usize = 3;

/// The settings of a structured scheme.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Structured {
    /// Whether values are restricted to −1, 0 and 1 times a scale per output channel.
    pub ternary: bool,
    /// One permutation per axis for all kernels, instead of draws.
    pub permutations: Option<Permutations>,
    /// Seed of the draws.
    pub seed: u64,
}

/// Commuting permutations, one per spatial axis.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Permutations {
    axes: usize,
    steps: [Permutation; AXES],
}

impl Permutations {
    /// Reads one permutation per axis, each a text of images such as `1230`.
    ///
    /// # Errors
    /// [`SurrogateError::Setting`](crate::SurrogateError::Setting) where a text is no permutation, two do not commute, or there are not one to three.
    pub fn parse(texts: &[String]) -> Result<Self> {
        if !(1..=AXES).contains(&texts.len()) {
            return Err(setting(
                "scheme.permutations",
                format!("{} permutations", texts.len()),
                "one per spatial axis, 1 to 3",
                "leave the key out for a seeded draw",
            ));
        }
        let mut steps = [Permutation::IDENTITY; AXES];
        for (step, text) in steps.iter_mut().zip(texts) {
            *step = Permutation::parse(text)?;
        }
        for (index, one) in steps.iter().enumerate() {
            if let Some(other) = steps[..index]
                .iter()
                .find(|other| !one.commutes_with(other))
            {
                return Err(setting(
                    "scheme.permutations",
                    format!("\"{other}\" and \"{one}\", which do not commute"),
                    "permutations of which the order does not matter: 120 of the 576 pairs",
                    format!(
                        "\"{other}\" commutes with itself and its powers, for example; or leave the key out for a seeded draw"
                    ),
                ));
            }
        }
        Ok(Self {
            axes: texts.len(),
            steps,
        })
    }

    /// The permutations as texts.
    pub fn texts(&self) -> Vec<String> {
        self.as_slice().iter().map(ToString::to_string).collect()
    }

    fn as_slice(&self) -> &[Permutation] {
        &self.steps[..self.axes]
    }
}

impl fmt::Debug for Permutations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.texts())
    }
}

/// Where the values of a kernel stand.
struct Pattern {
    /// Per tap, the value's position among those that occur.
    taps: Vec<usize>,
    /// How often each value occurs.
    counts: Vec<usize>,
}

impl Pattern {
    fn new(tuple: &[Permutation], sides: &[usize]) -> Self {
        let values = values_at_taps(tuple, sides);
        let mut counts = [0; VALUES];
        values
            .iter()
            .for_each(|&value| counts[usize::from(value)] += 1);
        let position = |value: u8| {
            counts[..usize::from(value)]
                .iter()
                .filter(|&&n| n > 0)
                .count()
        };
        Self {
            taps: values.iter().map(|&value| position(value)).collect(),
            counts: counts.into_iter().filter(|&n| n > 0).collect(),
        }
    }

    /// `Σ n_g²`.
    fn squares(&self) -> usize {
        self.counts.iter().map(|n| n * n).sum()
    }
}

/// The patterns of a layer: which kernel has which.
struct Patterns {
    patterns: Vec<Pattern>,
    seed: u64,
}

impl Patterns {
    /// The pattern of the kernel of output t and input s, at the place `t·S + s`.
    fn of(&self, place: usize) -> &Pattern {
        let draw = hash(self.seed, Use::Permutations, place);
        &self.patterns[below(self.patterns.len(), draw)]
    }
}

impl Structured {
    fn patterns(&self, shape: &ConvolutionShape) -> Result<Patterns> {
        if shape.dense_weights() > MAX_TABLE {
            return Err(setting(
                "scheme.kind",
                format!("\"structured\" for {} weights", shape.dense_weights()),
                format!("at most {MAX_TABLE} weights in the dense layer"),
                "use one-way layers, or fewer channels",
            ));
        }
        let tuples = match &self.permutations {
            None => transitive(shape.kernel.len()),
            Some(given) if given.axes == shape.kernel.len() => vec![given.as_slice().to_vec()],
            Some(given) => {
                return Err(setting(
                    "scheme.permutations",
                    format!("{} permutations", given.axes),
                    format!("{}, one per spatial axis of the kernel", shape.kernel.len()),
                    "give one per axis, or leave the key out for a seeded draw",
                ));
            }
        };
        let patterns = tuples
            .iter()
            .map(|tuple| Pattern::new(tuple, &shape.kernel));
        Ok(Patterns {
            patterns: patterns.collect(),
            seed: self.seed,
        })
    }

    /// The number of values, and of scales, without biases.
    pub(super) fn weights(&self, shape: &ConvolutionShape) -> Result<usize> {
        let scales = if self.ternary { shape.outputs } else { 0 };
        Ok(scales + values(&self.patterns(shape)?, shape))
    }

    pub(super) fn build(
        &self,
        shape: &ConvolutionShape,
        parameters: &mut Scope<'_>,
        rng: &mut impl Rng,
    ) -> Result<Rebuilt<StructuredKernel>> {
        let patterns = self.patterns(shape)?;
        let places = 0..shape.outputs * shape.inputs;
        let count = values(&patterns, shape);
        let gain = |pattern: &Pattern| 2.0 / (shape.inputs * pattern.squares()) as f64;
        let mut normal = || rng.sample::<f64, _>(StandardNormal);
        // Two axes, so that the optimiser's decay takes them for the weights that they are.
        let (values, scale) = if self.ternary {
            let latent = parameters.with("latent", (count, 1), || {
                (0..count).map(|_| normal()).collect()
            })?;
            let scale = parameters.with("scale", shape.outputs, || {
                let squares = |t: usize| {
                    let kernels = t * shape.inputs..(t + 1) * shape.inputs;
                    kernels
                        .map(|place| patterns.of(place).squares())
                        .sum::<usize>()
                };
                (0..shape.outputs)
                    .map(|t| (2.0 / (ternary::NONZERO_SHARE * squares(t) as f64)).sqrt())
                    .collect()
            })?;
            (latent, Some(scale))
        } else {
            let values = parameters.with("values", (count, 1), || {
                let kernels = places.clone().map(|place| patterns.of(place));
                kernels
                    .flat_map(|pattern| {
                        let deviation = gain(pattern).sqrt();
                        pattern.counts.iter().map(move |_| deviation)
                    })
                    .map(|deviation| deviation * normal())
                    .collect()
            })?;
            (values, None)
        };
        let mut first = 0;
        let table = Table::new(
            count,
            places.flat_map(|place| {
                let pattern = patterns.of(place);
                let start = first;
                first += pattern.counts.len();
                pattern.taps.iter().map(move |tap| (start + tap, false))
            }),
        );
        let kernel = StructuredKernel {
            shape: shape.clone(),
            values,
            scale,
            table: Arc::new(table),
        };
        Rebuilt::new(shape, kernel, parameters)
    }
}

/// The number of values of all kernels.
fn values(patterns: &Patterns, shape: &ConvolutionShape) -> usize {
    let places = 0..shape.outputs * shape.inputs;
    places.map(|place| patterns.of(place).counts.len()).sum()
}

/// A kernel of few values.
#[derive(Debug)]
pub(super) struct StructuredKernel {
    shape: ConvolutionShape,
    /// (P, 1), kernel by kernel: the values, or what they are rounded from.
    values: Tensor,
    /// (T), if ternary.
    scale: Option<Tensor>,
    table: Arc<Table>,
}

impl KernelScheme for StructuredKernel {
    fn kernel(&self) -> Result<Tensor> {
        let sides = self.shape.kernel_dims();
        let Some(scale) = &self.scale else {
            return Ok(gather(&self.values, &self.table)?.reshape(sides)?);
        };
        let kernel = gather(&ternary::ternary(&self.values)?, &self.table)?;
        let rows =
            kernel.reshape((self.shape.outputs, kernel.elem_count() / self.shape.outputs))?;
        let scaled = rows.broadcast_mul(&scale.reshape((self.shape.outputs, 1))?)?;
        Ok(scaled.reshape(sides)?)
    }

    fn parameters(&self) -> usize {
        self.values.elem_count() + self.scale.as_ref().map_or(0, Tensor::elem_count)
    }

    fn stored_bits(&self) -> usize {
        match &self.scale {
            Some(scale) => 2 * self.values.elem_count() + bits(scale),
            None => bits(&self.values),
        }
    }

    fn rebuild_cost(&self) -> usize {
        self.scale
            .as_ref()
            .map_or(0, |_| self.shape.dense_weights())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_values_that_occur_are_counted() {
        let tuple = |texts: [&str; 2]| Permutations::parse(&texts.map(str::to_owned));
        let pattern =
            |texts, sides: &[usize]| Pattern::new(tuple(texts).unwrap().as_slice(), sides);
        // One value in a 1×1 kernel; three where rows change nothing and columns are a cycle of four.
        assert_eq!(pattern(["1230", "1230"], &[1, 1]).counts, [1]);
        let rows = pattern(["0123", "1230"], &[3, 3]);
        assert_eq!(
            (rows.counts.as_slice(), rows.squares()),
            (&[3, 3, 3][..], 27)
        );
        assert_eq!(rows.taps, [0, 1, 2, 0, 1, 2, 0, 1, 2]);
        let both = pattern(["1230", "2301"], &[3, 3]);
        assert_eq!(both.counts.iter().sum::<usize>(), 9);
        assert_eq!(both.counts.len(), 4);
        let refused = tuple(["1230", "1023"]).unwrap_err().to_string();
        assert!(refused.contains("do not commute"), "{refused}");
    }
}
