//! Networks: from channels on a grid to channels on the same grid, their convolutions built from any [`Scheme`]; or from
//! numbers to numbers ([`mlp`]).

pub mod activation;
mod block;
pub mod cnn;
mod grid;
mod homogeneous;
mod join;
mod mixed;
pub mod mlp;
mod noisy;
pub mod norm;
mod pass;
mod real;
mod storage;
pub mod unet;

use crate::parameters::Parameters;
use crate::scheme::MAX_TABLE;
use crate::{ConvolutionShape, Result, Scheme, SurrogateError};
use candle_core::Tensor;
use rand_chacha::ChaCha12Rng;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;

pub use activation::Activation;
pub use cnn::CnnConfig;
pub(crate) use homogeneous::Homogeneous;
pub(crate) use mixed::Mixed;
pub use mlp::MlpConfig;
pub use norm::Norm;
pub use pass::Pass;
pub use unet::UnetConfig;

/// A network and its settings (table `network`, told apart by `kind`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum NetworkConfig {
    /// U-Net.
    Unet(UnetConfig),
    /// Residual network at one resolution.
    Cnn(CnnConfig),
    /// Dense feed-forward network, on numbers instead of maps.
    Mlp(MlpConfig),
}

/// What a convolution sees beyond the grid (config key `padding`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Padding {
    /// Zeros.
    #[default]
    Zero,
}

/// Numbers of channels that a task gives a network and wants from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Channels {
    /// Given.
    pub inputs: usize,
    /// Wanted.
    pub outputs: usize,
}

/// A map from `(B, inputs, x, y)` to `(B, outputs, x, y)`, from `(B, inputs, t, x, y)` to `(B, outputs, t, x, y)`, or, without a grid,
/// from `(B, inputs)` to `(B, outputs)`: any batch size and any grid that [`check_grid`](Self::check_grid) accepts.
pub trait Network: Debug + Send + Sync {
    /// Applies the network in one pass; keeps the graph for differentiation when its parameters are trainable.
    ///
    /// # Errors
    /// [`SurrogateError::Shape`] for a grid that the network cannot serve, [`SurrogateError::Tensor`] from candle.
    fn run(&self, input: &Tensor, pass: &mut Pass) -> Result<Tensor>;

    /// Applies the network as evaluation and prediction do.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        crate::pool::within(|| self.run(input, &mut Pass::default()))
    }

    /// Applies the network as training does: where its activations are noisy, with the noise of this seed.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    fn forward_in_training(&self, input: &Tensor, seed: u64) -> Result<Tensor> {
        self.run(input, &mut Pass::training(seed))
    }

    /// Pairs of a weight and an input, neither of them 0, in all convolutions on this input: the work of hardware that
    /// skips zeros. Summed over the batch.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    fn synaptic_operations(&self, input: &Tensor) -> Result<f64> {
        let mut pass = Pass::counting();
        self.run(input, &mut pass)?;
        Ok(pass.operations())
    }

    /// Whether the network can serve this grid.
    ///
    /// # Errors
    /// [`SurrogateError::Shape`] naming the axis, its size and what it must be a multiple of.
    fn check_grid(&self, grid: &[usize]) -> Result<()>;

    /// Every layer with parameters, from input to output, for a grid of this shape.
    fn layers(&self, grid: &[usize]) -> Vec<LayerFootprint>;
}

/// What one layer costs, beside its dense twin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerFootprint {
    /// Name, the prefix of its parameters.
    pub name: String,
    /// Scheme in short: `dense`, `one-way filter R1`, `group-norm`.
    pub scheme: String,
    /// Kernel `(T, S, d, …)`, or `(C)` for a normalisation.
    pub shape: Vec<usize>,
    /// Grid that the layer works on.
    pub grid: Vec<usize>,
    /// Trainable reals.
    pub parameters: usize,
    /// Trainable reals of a dense layer of the same shape.
    pub dense_parameters: usize,
    /// Bits that a file needs for them.
    pub stored_bits: usize,
    /// Multiply-adds for one sample.
    pub multiply_adds: usize,
    /// Multiply-adds of a dense layer of the same shape for one sample.
    pub dense_multiply_adds: usize,
}

/// As many layers does a warning name.
const NAMED_LAYERS: usize = 3;

impl NetworkConfig {
    /// Checks every value that does not depend on the data.
    ///
    /// # Errors
    /// [`SurrogateError::Setting`] with the key, what was found, what is allowed and the remedy.
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::Unet(config) => config.validate(),
            Self::Cnn(config) => config.validate(),
            Self::Mlp(config) => config.validate(),
        }
    }

    /// Builds the network on `axes` axes (2 for `(x, y)`, 3 for `(t, x, y)`, 0 for numbers) with its parameters in `parameters`, drawn from
    /// `random`.
    ///
    /// # Errors
    /// [`SurrogateError::Setting`] for settings that cannot work.
    pub fn build(
        &self,
        channels: Channels,
        axes: usize,
        parameters: &mut Parameters,
        random: &mut ChaCha12Rng,
    ) -> Result<Box<dyn Network>> {
        self.validate()?;
        match self {
            Self::Unet(config) => Ok(Box::new(unet::Unet::build(
                config, channels, axes, parameters, random,
            )?)),
            Self::Cnn(config) => Ok(Box::new(cnn::Cnn::build(
                config, channels, axes, parameters, random,
            )?)),
            Self::Mlp(config) => Ok(Box::new(mlp::Mlp::build(
                config, channels, parameters, random,
            )?)),
        }
    }

    /// Checks that the scheme can serve every layer of the network between these channels on so many axes, before anything is built.
    ///
    /// # Errors
    /// [`SurrogateError::Setting`] with the key of the scheme, and the size that it cannot serve.
    pub fn check_layers(&self, channels: Channels, axes: usize) -> Result<()> {
        let mut tables = 0usize;
        for (_, shape) in self.shapes(channels, axes) {
            self.scheme()
                .parameter_formula(&shape)
                .map_err(within_network)?;
            if self.scheme().has_table() {
                tables = tables.saturating_add(shape.dense_weights());
            }
        }
        if tables > MAX_TABLE {
            return Err(refuse(
                "width",
                self.scheme(),
                &format!("at most {MAX_TABLE} weights to look up, in the dense network {tables}"),
                "reduce width, depth or kernel",
            ));
        }
        Ok(())
    }

    /// What may surprise in settings that work: layers that have more parameters in the scheme than in a dense network.
    ///
    /// # Errors
    /// As [`check_layers`](Self::check_layers).
    pub fn warnings(&self, channels: Channels, axes: usize) -> Result<Vec<String>> {
        let shapes = self.shapes(channels, axes);
        let (mut own, mut dense, mut larger) = (0, 0, Vec::new());
        for (name, shape) in &shapes {
            let counts =
                [self.scheme(), &Scheme::Dense].map(|scheme| scheme.parameter_formula(shape));
            let [here, there] = counts;
            let (here, there) = (here?, there?);
            own += here;
            dense += there;
            if here > there {
                let (inputs, outputs) = (shape.inputs, shape.outputs);
                let text =
                    format!("{name} ({inputs} to {outputs} channels) {here} instead of {there}");
                larger.push((here - there, text));
            }
        }
        if larger.is_empty() {
            return Ok(Vec::new());
        }
        larger.sort_by_key(|(excess, _)| std::cmp::Reverse(*excess));
        let mut named: Vec<String> = larger.iter().map(|(_, text)| text.clone()).collect();
        if named.len() > NAMED_LAYERS {
            let rest = named.len() - NAMED_LAYERS;
            named.truncate(NAMED_LAYERS);
            named.push(format!("and {rest} more"));
        }
        Ok(vec![format!(
            "network.scheme: {} has more parameters than a dense layer in {} of {} layers: {}; together {own}, in the dense network \
             {dense}; lower its rank or choose another",
            self.scheme(),
            larger.len(),
            shapes.len(),
            named.join(", "),
        )])
    }

    /// Names and sizes of all layers that follow the scheme.
    fn shapes(&self, channels: Channels, axes: usize) -> Vec<(String, ConvolutionShape)> {
        match self {
            Self::Unet(config) => config.shapes(channels, axes),
            Self::Cnn(config) => config.shapes(channels, axes),
            Self::Mlp(_) => Vec::new(),
        }
    }

    /// The scheme of its convolutions, in short, for tables and titles; dense where it has none.
    pub fn scheme(&self) -> &Scheme {
        match self {
            Self::Unet(config) => &config.scheme,
            Self::Cnn(config) => &config.scheme,
            Self::Mlp(_) => &Scheme::Dense,
        }
    }

    /// The same, to be replaced; none where there are no convolutions.
    pub fn scheme_mut(&mut self) -> Option<&mut Scheme> {
        match self {
            Self::Unet(config) => Some(&mut config.scheme),
            Self::Cnn(config) => Some(&mut config.scheme),
            Self::Mlp(_) => None,
        }
    }

    /// Whether it maps numbers to numbers, and not maps to maps.
    pub fn takes_numbers(&self) -> bool {
        matches!(self, Self::Mlp(_))
    }
}

/// The error of a scheme, with the key's full name.
fn within_network(error: SurrogateError) -> SurrogateError {
    match error {
        SurrogateError::Setting {
            key,
            found,
            expected,
            remedy,
        } => SurrogateError::Setting {
            key: format!("network.{key}"),
            found,
            expected,
            remedy,
        },
        other => other,
    }
}

fn check_width(width: usize) -> Result<()> {
    if (1..=1024).contains(&width) {
        return Ok(());
    }
    Err(refuse(
        "width",
        width,
        "1 to 1024 channels",
        "32 is a good start",
    ))
}

/// The usual standard deviation of noise in training: a tenth of what a normalisation leaves.
const DEFAULT_NOISE: f64 = 0.1;

fn check_noise(noise: Option<f64>, activation: Activation) -> Result<()> {
    match noise {
        None => Ok(()),
        Some(given) if !activation.is_noisy() => Err(refuse(
            "noise",
            given,
            "it beside activation = \"noisy-relu\" or \"binary\" only",
            "remove it, or change network.activation",
        )),
        Some(given) if !(0.0..=100.0).contains(&given) => Err(refuse(
            "noise",
            given,
            "a standard deviation of 0 to 100",
            "0.1 is a good start",
        )),
        Some(_) => Ok(()),
    }
}

fn check_kernel(side: usize) -> Result<()> {
    if side.is_multiple_of(2) || side > 31 {
        return Err(refuse(
            "kernel",
            side,
            "an odd side of at most 31",
            "use 3, 5 or 7",
        ));
    }
    Ok(())
}

/// An error for one value of table `network`.
fn refuse(key: &str, found: impl ToString, expected: &str, remedy: &str) -> SurrogateError {
    SurrogateError::Setting {
        key: format!("network.{key}"),
        found: found.to_string(),
        expected: expected.into(),
        remedy: remedy.into(),
    }
}
