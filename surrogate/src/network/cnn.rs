//! Residual convolutional network at one resolution, whose convolutions follow any scheme.
//!
//! `x₀ = block(input)`, then `x_{i+1} = x_i + (1/√N)·K_i ⋆ block_i(x_i)` for N residual blocks (He, Zhang, Ren, Sun,
//! arXiv:1512.03385, with the residual scaling and without the activation after the sum of Lim et al., arXiv:1707.02921), and a
//! dense 1×…×1 convolution. The factor 1/√N is our reading: with it the variance at the start grows by `(1 + 1/N)^N < e`
//! at most, whatever the number of blocks. Shapes: `(B, inputs, x, y)` → `(B, outputs, x, y)`, or the same with `(t, x, y)`; any grid. A
//! value of the output sees `(kernel − 1)/2·(2N + 1)` points of the input to each side, so reach grows with the number of
//! blocks and not, as in a U-Net, with its depth.

use super::activation::Activation;
use super::block::{Block, Convolution, Style, size};
use super::norm::Norm;
use super::pass::Pass;
use super::{
    Channels, DEFAULT_NOISE, LayerFootprint, Network, Padding, check_kernel, check_noise,
    check_width, grid, refuse,
};
use crate::Result;
use crate::ops;
use crate::parameters::Parameters;
use crate::scheme::{ConvolutionShape, Scheme};
use candle_core::Tensor;
use rand_chacha::ChaCha12Rng;
use serde::{Deserialize, Serialize};

/// Settings of a residual network (table `network` with `kind = "cnn"`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CnnConfig {
    /// Channels of every layer.
    #[serde(default = "default_width")]
    pub width: usize,
    /// Number of residual blocks, of two convolutions each.
    #[serde(default = "default_blocks")]
    pub blocks: usize,
    /// Side of the convolution kernels; odd.
    #[serde(default = "default_kernel")]
    pub kernel: usize,
    /// How every convolution but the last 1×1 is parametrised.
    pub scheme: Scheme,
    /// Normalisation after the first convolution of a block.
    #[serde(default)]
    pub norm: Norm,
    /// What a convolution sees beyond the grid.
    #[serde(default)]
    pub padding: Padding,
    /// Non-linearity after the first convolution of a block.
    #[serde(default)]
    pub activation: Activation,
    /// Standard deviation of the noise that `noisy-relu` and `binary` are trained with; only with these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<f64>,
}

fn default_width() -> usize {
    32
}

fn default_blocks() -> usize {
    4
}

fn default_kernel() -> usize {
    3
}

impl CnnConfig {
    /// Checks every value that does not depend on the data.
    ///
    /// # Errors
    /// [`SurrogateError::Setting`](crate::SurrogateError::Setting) with the key, what was found, what is allowed and the remedy.
    pub fn validate(&self) -> Result<()> {
        check_width(self.width)?;
        if !(1..=128).contains(&self.blocks) {
            return Err(refuse(
                "blocks",
                self.blocks,
                "1 to 128 residual blocks",
                "4 is a good start",
            ));
        }
        check_kernel(self.kernel)?;
        check_noise(self.noise, self.activation)
    }

    /// The sizes of the convolutions that follow the scheme, from input to output.
    pub(super) fn shapes(
        &self,
        channels: Channels,
        axes: usize,
    ) -> Vec<(String, ConvolutionShape)> {
        let outputs = self.width;
        let of = |inputs| size(Channels { inputs, outputs }, self.kernel, axes);
        let inner = (0..2 * self.blocks)
            .map(|place| (format!("block.{}.{}", place / 2, place % 2), of(self.width)));
        std::iter::once(("lift".to_owned(), of(channels.inputs)))
            .chain(inner)
            .collect()
    }
}

/// A residual network with its parameters.
#[derive(Debug)]
pub struct Cnn {
    axes: usize,
    lift: Block,
    residuals: Vec<(Block, Convolution)>,
    head: Convolution,
}

impl Cnn {
    /// Builds the network on so many axes; parameters are named `lift.…`, `block.<number>.<0 or 1>.…` and `head.…`.
    pub(super) fn build(
        config: &CnnConfig,
        channels: Channels,
        axes: usize,
        parameters: &mut Parameters,
        random: &mut ChaCha12Rng,
    ) -> Result<Self> {
        let style = Style {
            axes,
            kernel: config.kernel,
            scheme: config.scheme,
            norm: config.norm,
            activation: config.activation,
            noise: config.noise.unwrap_or(DEFAULT_NOISE),
        };
        let [first, inner, last] = [
            (channels.inputs, config.width),
            (config.width, config.width),
            (config.width, channels.outputs),
        ]
        .map(|(inputs, outputs)| Channels { inputs, outputs });
        let lift = Block::build(&style, "lift".into(), first, parameters, random)?;
        let mut residuals = Vec::with_capacity(config.blocks);
        for number in 0..config.blocks {
            let name = |part: usize| format!("block.{number}.{part}");
            residuals.push((
                Block::build(&style, name(0), inner, parameters, random)?,
                Convolution::build(&style, name(1), inner, parameters, random)?,
            ));
        }
        let head = Convolution::head(axes, last, parameters, random)?;
        Ok(Self {
            axes,
            lift,
            residuals,
            head,
        })
    }
}

impl Network for Cnn {
    fn run(&self, input: &Tensor, pass: &mut Pass) -> Result<Tensor> {
        self.check_grid(input.dims().get(2..).unwrap_or_default())?;
        let scale = 1.0 / (self.residuals.len() as f64).sqrt();
        let mut map = self.lift.forward(input, pass)?;
        for (block, convolution) in &self.residuals {
            let inner = block.forward(&map, pass)?;
            let residual = convolution.forward(&inner, pass)?;
            map = ops::add_scaled(&map, &residual, scale)?;
        }
        self.head.forward(&map, pass)
    }

    fn check_grid(&self, grid: &[usize]) -> Result<()> {
        grid::check("residual network", self.axes, 0, grid)
    }

    fn layers(&self, grid: &[usize]) -> Vec<LayerFootprint> {
        let mut layers = Vec::new();
        self.lift.footprints(grid, &mut layers);
        for (block, convolution) in &self.residuals {
            block.footprints(grid, &mut layers);
            layers.push(convolution.footprint(grid));
        }
        layers.push(self.head.footprint(grid));
        layers
    }
}
