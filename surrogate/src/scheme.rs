//! Schemes: how the kernel `K[T, S, d, …, d]` of a convolution layer is parametrised.
//!
//! A [`Scheme`] is what a config names and a checkpoint stores; [`Scheme::build`] makes a [`Layer`] of it. Whatever its
//! parameters, a layer is linear and translation invariant, so it equals the dense convolution with its
//! [`equivalent kernel`](Layer::equivalent_kernel): that identity is the contract that every scheme is tested by.

pub(crate) mod dense;
pub(crate) mod one_way;

use std::fmt::Debug;

use candle_core::Tensor;
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::{Result, Scope, SurrogateError};
use one_way::{Form, OneWay};

/// A convolution layer with trainable parameters, of stride 1 and keeping the size of its maps.
pub trait Layer: Debug + Send + Sync {
    /// Maps (B, S, N₁, …, Nₙ) to (B, T, N₁, …, Nₙ).
    ///
    /// # Errors
    /// [`SurrogateError::Shape`] if the maps do not fit the layer.
    fn forward(&self, input: &Tensor) -> Result<Tensor>;

    /// The dense kernel (T, S, d₁, …, dₙ) that the layer stands for.
    ///
    /// # Errors
    /// Only if a tensor operation fails.
    fn equivalent_kernel(&self) -> Result<Tensor>;

    /// One number per output channel, shape (T), if the layer has them.
    fn bias(&self) -> Option<&Tensor>;

    /// What the layer costs on maps of so many positions.
    fn footprint(&self, positions: usize) -> Footprint;
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

/// What a layer costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Footprint {
    /// Trainable reals, biases included.
    pub parameters: usize,
    /// Bits that a checkpoint stores for them.
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
}

impl Scheme {
    /// The scheme's name as a config writes it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Dense => "dense",
            Self::OneWay(_) => "one-way",
        }
    }

    /// A layer of this scheme and size, its parameters drawn from `rng` and added under `parameters`.
    ///
    /// # Errors
    /// [`SurrogateError::Setting`] for a rank of 0, an even side, no channels; [`SurrogateError::Parameter`] if the names are taken.
    pub fn build(
        &self,
        shape: &ConvolutionShape,
        parameters: &mut Scope<'_>,
        rng: &mut impl Rng,
    ) -> Result<Box<dyn Layer>> {
        shape.check()?;
        match self {
            Self::Dense => Ok(Box::new(dense::Dense::new(shape, parameters, rng)?)),
            Self::OneWay(scheme) => scheme.build(shape, parameters, rng),
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
        };
        Ok(weights + shape.biases())
    }
}

/// The keys of a scheme as written: [`Scheme`] is what remains after they have been checked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum SchemeKeys {
    Dense {},
    OneWay {
        form: Form,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rank: Option<usize>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rank_ratio: Option<f64>,
    },
}

impl TryFrom<SchemeKeys> for Scheme {
    type Error = SurrogateError;

    fn try_from(keys: SchemeKeys) -> Result<Self> {
        match keys {
            SchemeKeys::Dense {} => Ok(Self::Dense),
            SchemeKeys::OneWay {
                form,
                rank,
                rank_ratio,
            } => Ok(Self::OneWay(OneWay::from_keys(form, rank, rank_ratio)?)),
        }
    }
}

impl From<Scheme> for SchemeKeys {
    fn from(scheme: Scheme) -> Self {
        match scheme {
            Scheme::Dense => Self::Dense {},
            Scheme::OneWay(OneWay { form, rank }) => {
                let (rank, rank_ratio) = rank.keys();
                Self::OneWay {
                    form,
                    rank,
                    rank_ratio,
                }
            }
        }
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

#[cfg(test)]
mod tests {
    use super::one_way::Rank;
    use super::*;

    fn parse(text: &str) -> std::result::Result<Scheme, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn reads_the_keys_that_configs_write() {
        assert_eq!(parse(r#"{"kind":"dense"}"#), Ok(Scheme::Dense));
        let filter = Scheme::OneWay(OneWay {
            form: Form::Filter,
            rank: Rank::Fixed(1),
        });
        assert_eq!(parse(r#"{"kind":"one-way","form":"filter"}"#), Ok(filter));
        let layer = Scheme::OneWay(OneWay {
            form: Form::Layer,
            rank: Rank::Ratio(0.5),
        });
        assert_eq!(
            parse(r#"{"kind":"one-way","form":"layer","rank_ratio":0.5}"#),
            Ok(layer)
        );
        for scheme in [Scheme::Dense, filter, layer] {
            assert_eq!(parse(&serde_json::to_string(&scheme).unwrap()), Ok(scheme));
        }
    }

    #[test]
    fn refuses_keys_that_cannot_work() {
        for (text, named) in [
            (r#"{"kind":"dense","rank":1}"#, "rank"),
            (r#"{"kind":"sparse"}"#, "sparse"),
            (r#"{"kind":"one-way"}"#, "form"),
            (r#"{"kind":"one-way","form":"tucker"}"#, "tucker"),
            (
                r#"{"kind":"one-way","form":"filter","rank":0}"#,
                "rank: found 0",
            ),
            (r#"{"kind":"one-way","form":"filter","ranks":1}"#, "ranks"),
            (
                r#"{"kind":"one-way","form":"filter","rank_ratio":0.5}"#,
                "rank_ratio",
            ),
            (
                r#"{"kind":"one-way","form":"layer","rank":2,"rank_ratio":0.5}"#,
                "both",
            ),
            (
                r#"{"kind":"one-way","form":"layer","rank_ratio":0.0}"#,
                "rank_ratio: found 0",
            ),
            (
                r#"{"kind":"one-way","form":"layer","rank_ratio":-1.0}"#,
                "rank_ratio: found -1",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(named), "{text}: {error}");
        }
    }
}
