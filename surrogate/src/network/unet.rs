//! U-Net (Ronneberger, Fischer, Brox, arXiv:1505.04597) whose convolutions follow any scheme.
//!
//! Level l = 0 … depth works on the grid divided by 2^l with `width·2^l` channels. Each level down is two blocks of
//! convolution, group norm and activation, then average pooling by 2; each level up doubles the map by nearest neighbours,
//! joins the skip connection and applies two blocks. A dense 1×1 convolution ends it. "Same" padding keeps every size.
//! Shapes: `(B, inputs, x, y)` → `(B, outputs, x, y)`, or `(B, inputs, t, x, y)` → `(B, outputs, t, x, y)`. Kernels, pooling and
//! upsampling treat all axes alike, time included, so every axis must be a multiple of `2^depth`: an architecture that
//! depended on which axes happen to be even would make the same weights mean different things on different grids.

use super::activation::Activation;
use super::block::{Block, Convolution, Style, size};
use super::join::upsample_and_join;
use super::norm::Norm;
use super::pass::Pass;
use super::{
    Channels, DEFAULT_NOISE, LayerFootprint, Network, Padding, check_kernel, check_noise,
    check_width, grid, refuse,
};
use crate::parameters::Parameters;
use crate::scheme::{ConvolutionShape, Scheme};
use crate::{Result, ops};
use candle_core::Tensor;
use rand_chacha::ChaCha12Rng;
use serde::{Deserialize, Serialize};

/// Settings of a U-Net (table `network` with `kind = "unet"`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnetConfig {
    /// Channels of the finest level.
    #[serde(default = "default_width")]
    pub width: usize,
    /// Number of halvings.
    #[serde(default = "default_depth")]
    pub depth: usize,
    /// Side of the convolution kernels; odd.
    #[serde(default = "default_kernel")]
    pub kernel: usize,
    /// How every convolution but the last 1×1 is parametrised.
    pub scheme: Scheme,
    /// Normalisation after each convolution.
    #[serde(default)]
    pub norm: Norm,
    /// What a convolution sees beyond the grid.
    #[serde(default)]
    pub padding: Padding,
    /// Non-linearity after each convolution.
    #[serde(default)]
    pub activation: Activation,
    /// Standard deviation of the noise that `noisy-relu` and `binary` are trained with; only with these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<f64>,
}

fn default_width() -> usize {
    32
}

fn default_depth() -> usize {
    4
}

fn default_kernel() -> usize {
    3
}

impl UnetConfig {
    /// Checks every value that does not depend on the data.
    ///
    /// # Errors
    /// [`SurrogateError::Setting`](crate::SurrogateError::Setting) with the key, what was found, what is allowed and the remedy.
    pub fn validate(&self) -> Result<()> {
        check_width(self.width)?;
        if self.depth > 8 {
            return Err(refuse(
                "depth",
                self.depth,
                "at most 8 halvings",
                "4 is a good start",
            ));
        }
        check_kernel(self.kernel)?;
        check_noise(self.noise, self.activation)
    }

    fn width_at(&self, level: usize) -> usize {
        self.width << level
    }

    /// The sizes of the convolutions that follow the scheme, from input to output.
    pub(super) fn shapes(
        &self,
        channels: Channels,
        axes: usize,
    ) -> Vec<(String, ConvolutionShape)> {
        let mut shapes = Vec::with_capacity(4 * self.depth + 2);
        let mut pair = |name: String, inputs: usize, outputs: usize| {
            for (number, inputs) in [inputs, outputs].into_iter().enumerate() {
                let shape = size(Channels { inputs, outputs }, self.kernel, axes);
                shapes.push((format!("{name}.{number}"), shape));
            }
        };
        let mut inputs = channels.inputs;
        for level in 0..self.depth {
            pair(format!("down.{level}"), inputs, self.width_at(level));
            inputs = self.width_at(level);
        }
        pair("middle".into(), inputs, self.width_at(self.depth));
        for level in (0..self.depth).rev() {
            let width = self.width_at(level);
            pair(
                format!("up.{level}"),
                self.width_at(level + 1) + width,
                width,
            );
        }
        shapes
    }
}

/// A U-Net with its parameters.
#[derive(Debug)]
pub struct Unet {
    axes: usize,
    /// Two blocks per level, finest first.
    down: Vec<[Block; 2]>,
    middle: [Block; 2],
    /// Two blocks per level, finest first.
    up: Vec<[Block; 2]>,
    head: Convolution,
}

impl Unet {
    /// Builds the network on so many axes; parameters are named `down.<level>.<block>.…`, `middle.…`, `up.…` and `head.…`.
    pub(super) fn build(
        config: &UnetConfig,
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
        let mut pair = |name: String, inputs: usize, outputs: usize| -> Result<[Block; 2]> {
            let mut block = |number: usize, inputs: usize| {
                let channels = Channels { inputs, outputs };
                Block::build(
                    &style,
                    format!("{name}.{number}"),
                    channels,
                    parameters,
                    random,
                )
            };
            Ok([block(0, inputs)?, block(1, outputs)?])
        };
        let mut down = Vec::with_capacity(config.depth);
        let mut inputs = channels.inputs;
        for level in 0..config.depth {
            down.push(pair(
                format!("down.{level}"),
                inputs,
                config.width_at(level),
            )?);
            inputs = config.width_at(level);
        }
        let middle = pair("middle".into(), inputs, config.width_at(config.depth))?;
        let mut up = Vec::with_capacity(config.depth);
        for level in 0..config.depth {
            let width = config.width_at(level);
            up.push(pair(
                format!("up.{level}"),
                config.width_at(level + 1) + width,
                width,
            )?);
        }
        let head_channels = Channels {
            inputs: config.width,
            outputs: channels.outputs,
        };
        let head = Convolution::head(axes, head_channels, parameters, random)?;
        Ok(Self {
            axes,
            down,
            middle,
            up,
            head,
        })
    }
}

impl Network for Unet {
    fn run(&self, input: &Tensor, pass: &mut Pass) -> Result<Tensor> {
        self.check_grid(input.dims().get(2..).unwrap_or_default())?;
        let mut map = input.clone();
        let mut skips = Vec::with_capacity(self.down.len());
        for [first, second] in &self.down {
            let inner = first.forward(&map, pass)?;
            let skip = second.forward(&inner, pass)?;
            map = ops::average_pool(&skip)?;
            skips.push(skip);
        }
        let [first, second] = &self.middle;
        map = first.forward(&map, pass)?;
        map = second.forward(&map, pass)?;
        for ([first, second], skip) in self.up.iter().zip(&skips).rev() {
            map = first.forward(&upsample_and_join(&map, skip)?, pass)?;
            map = second.forward(&map, pass)?;
        }
        self.head.forward(&map, pass)
    }

    fn check_grid(&self, grid: &[usize]) -> Result<()> {
        grid::check("U-Net", self.axes, self.down.len(), grid)
    }

    fn layers(&self, grid: &[usize]) -> Vec<LayerFootprint> {
        let at = |level: usize| grid.iter().map(|&size| size >> level).collect::<Vec<_>>();
        let mut layers = Vec::new();
        for (level, blocks) in self.down.iter().enumerate() {
            blocks
                .iter()
                .for_each(|block| block.footprints(&at(level), &mut layers));
        }
        self.middle
            .iter()
            .for_each(|block| block.footprints(&at(self.down.len()), &mut layers));
        for (level, blocks) in self.up.iter().enumerate().rev() {
            blocks
                .iter()
                .for_each(|block| block.footprints(&at(level), &mut layers));
        }
        layers.push(self.head.footprint(grid));
        layers
    }
}
