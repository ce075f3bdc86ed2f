//! Schemes: how the kernel `K[T, S, d, …, d]` of a convolution layer is parametrised.
//!
//! A [`Scheme`] is what a config names and a checkpoint stores; [`Scheme::build`] makes a [`Layer`] of it. Whatever its
//! parameters, a layer is linear and translation invariant, so it equals the dense convolution with its
//! [`equivalent kernel`](Layer::equivalent_kernel): that identity is the contract that every scheme is tested by. Where a scheme
//! keeps it with a reservation, [`Equivalence`] says which.

mod dense;
pub(crate) mod flattened;
pub(crate) mod folding;
pub(crate) mod fresh;
pub(crate) mod hash;
mod keys;
pub(crate) mod one_way;
mod rebuilt;
pub(crate) mod structured;

use std::fmt::{self, Debug};

use candle_core::Tensor;
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::{Result, Scope, SurrogateError};
use flattened::Flattened;
use folding::Folding;
use fresh::{Bands, Domain, Fresh};
use keys::SchemeKeys;
use one_way::{Form, OneWay, Rank};
use structured::Structured;

/// A convolution layer with trainable parameters, of stride 1 and keeping the size of its maps.
pub trait Layer: Debug + Send + Sync {
    /// Maps (B, S, N₁, …, Nₙ) to (B, T, N₁, …, Nₙ).
    ///
    /// # Errors
    /// [`SurrogateError::Shape`] if the maps do not fit the layer.
    fn forward(&self, input: &Tensor) -> Result<Tensor>;

    /// The dense kernel (T, S, d₁, …, dₙ) that the layer stands for. Its sides are those of the layer, but for two chains of a
    /// [`Flattened`] layer, whose kernel has the sides 2d − 1.
    ///
    /// # Errors
    /// Only if a tensor operation fails.
    fn equivalent_kernel(&self) -> Result<Tensor>;

    /// One number per output channel, shape (T), if the layer has them.
    fn bias(&self) -> Option<&Tensor>;

    /// In which sense the layer equals the convolution with its equivalent kernel.
    fn equivalence(&self) -> Equivalence {
        Equivalence::Exact
    }

    /// What the layer costs on maps of so many positions.
    fn footprint(&self, positions: usize) -> Footprint;
}

/// In which sense a layer `f` equals the convolution with its equivalent kernel `K`, to rounding error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Equivalence {
    /// `f(x) = K ⋆ x + bias`.
    Exact,
    /// `f(x) = K ⋆ x + f(0)`, where `f(0)` depends on the distance to the edge: biases inside the layer meet zero padding.
    Offset,
    /// As [`Offset`](Self::Offset), so many positions or more away from every edge: the layer pads with zeros inside, too.
    Inside(usize),
}

/// The size of a convolution layer, whatever its scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConvolutionShape {
    /// Input channels S.
    pub inputs: usize,
    /// Output channels T.
    pub outputs: usize,
    /// Odd kernel sides, one per spatial axis (one to three).
    pub kernel: Vec<usize>,
    /// Whether each output channel has a bias.
    pub bias: bool,
}

impl ConvolutionShape {
    /// The number of taps `Π d`.
    pub fn taps(&self) -> usize {
        self.kernel.iter().product()
    }

    /// The sum of the sides `Σ d`: what one-way filters cost instead of [`taps`](Self::taps).
    pub fn sides(&self) -> usize {
        self.kernel.iter().sum()
    }

    /// The shape of the kernel: (T, S, d₁, …, dₙ).
    pub fn kernel_dims(&self) -> Vec<usize> {
        [&[self.outputs, self.inputs], self.kernel.as_slice()].concat()
    }

    /// The number of biases, T or 0.
    pub fn biases(&self) -> usize {
        if self.bias { self.outputs } else { 0 }
    }

    /// The weights (without biases) of the dense layer of this size, `T·S·Π d`.
    pub fn dense_weights(&self) -> usize {
        self.outputs * self.inputs * self.taps()
    }

    /// He's variance `2 / (S·Π d)`: what the entries of every scheme's kernel start with.
    pub fn he_variance(&self) -> f64 {
        2.0 / (self.inputs * self.taps()) as f64
    }

    fn check(&self) -> Result<()> {
        for (key, channels) in [("inputs", self.inputs), ("outputs", self.outputs)] {
            if channels == 0 {
                return Err(setting(
                    key,
                    "0",
                    "at least 1 channel",
                    "give the layer a channel",
                ));
            }
        }
        if !(1..=3).contains(&self.kernel.len()) {
            let found = format!("{} sides", self.kernel.len());
            return Err(setting(
                "kernel",
                found,
                "1 to 3 sides",
                "give one side per spatial axis",
            ));
        }
        if let Some(side) = self.kernel.iter().find(|&&side| side % 2 == 0) {
            let remedy = format!(
                "use {}: an even kernel would shift the map by half a point",
                side + 1
            );
            return Err(setting("kernel", side, "an odd side", remedy));
        }
        let bounded = [self.inputs, self.outputs]
            .iter()
            .chain(&self.kernel)
            .try_fold(1usize, |n, &m| n.checked_mul(m));
        match bounded {
            Some(weights) if weights <= MAX_WEIGHTS => Ok(()),
            _ => Err(setting(
                "kernel",
                format!("{self:?}"),
                format!("at most {MAX_WEIGHTS} weights in the dense layer"),
                "reduce channels or sides",
            )),
        }
    }
}

/// No layer of a surrogate has more weights than this; a larger one is a slip of the keyboard, refused before it is allocated.
const MAX_WEIGHTS: usize = 1 << 31;

/// Nor has a layer that looks up where each weight comes from, whose table is not in the file that it is built from; nor have
/// all such layers of a network together.
pub(crate) const MAX_TABLE: usize = 1 << 27;

/// What a layer costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Footprint {
    /// Trainable reals, biases included.
    pub parameters: usize,
    /// Bits that a file of the trained layer needs for them; a scheme of few values needs fewer than a real for each.
    pub stored_bits: usize,
    /// Multiplications followed by an addition in one forward pass of one map, as the layer is run.
    pub multiply_adds: usize,
}

impl std::ops::Add for Footprint {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            parameters: self.parameters + other.parameters,
            stored_bits: self.stored_bits + other.stored_bits,
            multiply_adds: self.multiply_adds + other.multiply_adds,
        }
    }
}

/// How a layer's kernel is parametrised; in a config `{ kind = "dense" }`, `{ kind = "one-way", form = "filter", rank = 1 }`, ….
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "SchemeKeys", into = "SchemeKeys")]
pub enum Scheme {
    /// The kernel itself is trained.
    Dense,
    /// The kernel is a sum of products of one-way filters.
    OneWay(OneWay),
    /// The layer is a chain of one-way filters, or two.
    Flattened(Flattened),
    /// Each kernel has four values, placed by commuting permutations.
    Structured(Structured),
    /// Frequency coefficients share hashed values.
    Fresh(Fresh),
}

/// In short, for tables and titles: `dense`, `one-way filter R1`, `fresh 1/16`.
impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dense => f.write_str("dense"),
            Self::OneWay(OneWay { form, rank }) => {
                let form = match form {
                    Form::Kernel => "kernel",
                    Form::Filter => "filter",
                    Form::Layer => "layer",
                };
                match rank {
                    Rank::Fixed(rank) => write!(f, "one-way {form} R{rank}"),
                    Rank::Ratio(ratio) => write!(f, "one-way {form} R={ratio}·max(S,T)"),
                }
            }
            Self::Flattened(Flattened { chains, inner_bias }) => {
                let biases = if *inner_bias {
                    ""
                } else {
                    " without inner biases"
                };
                write!(f, "flattened ×{chains}{biases}")
            }
            Self::Structured(Structured { ternary, .. }) => f.write_str(if *ternary {
                "structured ternary"
            } else {
                "structured"
            }),
            Self::Fresh(fresh) => {
                let control = match fresh.domain {
                    Domain::Frequency(Bands::Beta { .. }) => "",
                    Domain::Frequency(Bands::Equal) => " equal bands",
                    Domain::Weights => " without transform",
                };
                write!(f, "fresh 1/{}{control}", fresh.compression)
            }
        }
    }
}

impl Scheme {
    /// Whether a layer looks up where each weight of its kernel comes from, in a table as large as the kernel.
    pub(crate) fn has_table(&self) -> bool {
        matches!(self, Self::Fresh(_) | Self::Structured(_))
    }

    /// The scheme's name as a config writes it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Dense => "dense",
            Self::OneWay(_) => "one-way",
            Self::Flattened(_) => "flattened",
            Self::Structured(_) => "structured",
            Self::Fresh(_) => "fresh",
        }
    }

    /// A layer of this scheme and size, its parameters drawn from `rng` and added under `parameters`.
    ///
    /// # Errors
    /// [`SurrogateError::Setting`] for an even side, no channels, or a setting that this size cannot serve;
    /// [`SurrogateError::Parameter`] if the names are taken.
    pub fn build(
        &self,
        shape: &ConvolutionShape,
        parameters: &mut Scope<'_>,
        rng: &mut impl Rng,
    ) -> Result<Box<dyn Layer>> {
        shape.check()?;
        let layer: Box<dyn Layer> = match self {
            Self::Dense => Box::new(dense::build(shape, parameters, rng)?),
            Self::OneWay(scheme) => scheme.build(shape, parameters, rng)?,
            Self::Flattened(scheme) => Box::new(scheme.build(shape, parameters, rng)?),
            Self::Structured(scheme) => Box::new(scheme.build(shape, parameters, rng)?),
            Self::Fresh(scheme) => Box::new(scheme.build(shape, parameters, rng)?),
        };
        Ok(match parameters.executions() {
            Some(executions) if self.is_run_as_filters() => {
                Folding::wrap(layer, self.to_string(), executions)
            }
            _ => layer,
        })
    }

    /// Whether a layer is run as small filters, and not as one dense convolution with its rebuilt kernel.
    fn is_run_as_filters(&self) -> bool {
        match self {
            Self::OneWay(OneWay { form, .. }) => *form != Form::Kernel,
            Self::Flattened(_) => true,
            Self::Dense | Self::Structured(_) | Self::Fresh(_) => false,
        }
    }

    /// The trainable reals of a layer of this size, biases included, without building it.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn parameter_formula(&self, shape: &ConvolutionShape) -> Result<usize> {
        shape.check()?;
        let weights = match self {
            Self::Dense => shape.dense_weights(),
            Self::OneWay(scheme) => scheme.weights(shape)?,
            Self::Flattened(scheme) => scheme.weights(shape)?,
            Self::Structured(scheme) => scheme.weights(shape)?,
            Self::Fresh(scheme) => scheme.weights(shape)?,
        };
        Ok(weights + shape.biases())
    }
}

fn setting(
    key: &str,
    found: impl ToString,
    expected: impl Into<String>,
    remedy: impl Into<String>,
) -> SurrogateError {
    SurrogateError::Setting {
        key: key.into(),
        found: found.to_string(),
        expected: expected.into(),
        remedy: remedy.into(),
    }
}

/// A zero bias per output channel, where the shape asks for one.
fn zero_bias(shape: &ConvolutionShape, parameters: &mut Scope<'_>) -> Result<Option<Tensor>> {
    shape
        .bias
        .then(|| parameters.constant("bias", shape.outputs, 0.0))
        .transpose()
}
