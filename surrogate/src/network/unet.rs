//! U-Net (Ronneberger, Fischer, Brox, arXiv:1505.04597) whose convolutions follow any scheme.
//!
//! Level l = 0 … depth works on the grid divided by 2^l with `width·2^l` channels. Each level down is two blocks of
//! convolution, group norm and activation, then average pooling by 2; each level up doubles the map by nearest neighbours,
//! joins the skip connection and applies two blocks. A dense 1×1 convolution ends it. "Same" padding keeps every size.
//! Shapes: `(B, inputs, x, y)` → `(B, outputs, x, y)`; x and y must be multiples of `2^depth`.

use super::activation::{Activation, activate};
use super::join::upsample_and_join;
use super::norm::{Norm, group_count, normalise_and_activate};
use super::{Channels, LayerFootprint, Network, describe, refuse};
use crate::parameters::{Parameters, Scope};
use crate::scheme::{ConvolutionShape, Layer, Scheme};
use crate::{Result, SurrogateError, ops};
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
}

/// What a convolution sees beyond the grid (config key `padding`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Padding {
    /// Zeros.
    #[default]
    Zero,
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

/// Axes of the grid.
const AXES: usize = 2;

impl UnetConfig {
    /// Checks every value that does not depend on the data.
    ///
    /// # Errors
    /// [`SurrogateError::Setting`] with the key, what was found, what is allowed and the remedy.
    pub fn validate(&self) -> Result<()> {
        if !(1..=1024).contains(&self.width) {
            return Err(refuse(
                "width",
                self.width,
                "1 to 1024 channels",
                "32 is a good start",
            ));
        }
        if self.depth > 8 {
            return Err(refuse(
                "depth",
                self.depth,
                "at most 8 halvings",
                "4 is a good start",
            ));
        }
        if self.kernel.is_multiple_of(2) || self.kernel > 31 {
            return Err(refuse(
                "kernel",
                self.kernel,
                "an odd side of at most 31",
                "use 3, 5 or 7",
            ));
        }
        Ok(())
    }

    fn width_at(&self, level: usize) -> usize {
        self.width << level
    }
}

/// A U-Net with its parameters.
#[derive(Debug)]
pub struct Unet {
    /// Two blocks per level, finest first.
    down: Vec<[Block; 2]>,
    middle: [Block; 2],
    /// Two blocks per level, finest first.
    up: Vec<[Block; 2]>,
    head: Box<dyn Layer>,
    head_channels: Channels,
}

/// Convolution, normalisation, activation.
#[derive(Debug)]
struct Block {
    name: String,
    shape: ConvolutionShape,
    scheme: Scheme,
    convolution: Box<dyn Layer>,
    /// Scale and shift of the group norm, each `(T)`.
    norm: Option<(Tensor, Tensor)>,
    activation: Activation,
}

impl Block {
    fn build(
        config: &UnetConfig,
        name: String,
        channels: Channels,
        parameters: &mut Parameters,
        random: &mut ChaCha12Rng,
    ) -> Result<Self> {
        let shape = convolution(channels, config.kernel);
        let convolution = config
            .scheme
            .build(&shape, &mut parameters.scope(&name), random)?;
        let norm = match config.norm {
            Norm::Group => {
                let mut scope: Scope<'_> = parameters.scope(format!("{name}.norm"));
                let scale = scope.constant("scale", channels.outputs, 1.0)?;
                Some((scale, scope.constant("shift", channels.outputs, 0.0)?))
            }
            Norm::None => None,
        };
        Ok(Self {
            name,
            shape,
            scheme: config.scheme,
            convolution,
            norm,
            activation: config.activation,
        })
    }

    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let map = self.convolution.forward(input)?;
        Ok(match &self.norm {
            Some((scale, shift)) => normalise_and_activate(
                &map,
                scale,
                shift,
                group_count(self.shape.outputs),
                self.activation,
            )?,
            None => activate(&map, self.activation)?,
        })
    }

    fn footprints(&self, grid: &[usize], layers: &mut Vec<LayerFootprint>) {
        layers.push(footprint(
            &self.name,
            describe(&self.scheme),
            self.convolution.as_ref(),
            &self.shape,
            grid,
        ));
        if self.norm.is_some() {
            let channels = self.shape.outputs;
            let work = 2 * channels * grid.iter().product::<usize>();
            layers.push(LayerFootprint {
                name: format!("{}.norm", self.name),
                scheme: "group-norm".into(),
                shape: vec![channels],
                grid: grid.to_vec(),
                parameters: 2 * channels,
                dense_parameters: 2 * channels,
                stored_bits: 64 * channels,
                multiply_adds: work,
                dense_multiply_adds: work,
            });
        }
    }
}

fn convolution(channels: Channels, kernel: usize) -> ConvolutionShape {
    ConvolutionShape {
        inputs: channels.inputs,
        outputs: channels.outputs,
        kernel: vec![kernel; AXES],
        bias: true,
    }
}

fn footprint(
    name: &str,
    scheme: String,
    layer: &dyn Layer,
    shape: &ConvolutionShape,
    grid: &[usize],
) -> LayerFootprint {
    let positions = grid.iter().product();
    let cost = layer.footprint(positions);
    let weights = shape.outputs * shape.inputs * shape.kernel.iter().product::<usize>();
    LayerFootprint {
        name: name.to_owned(),
        scheme,
        shape: [&[shape.outputs, shape.inputs], shape.kernel.as_slice()].concat(),
        grid: grid.to_vec(),
        parameters: cost.parameters,
        dense_parameters: weights + if shape.bias { shape.outputs } else { 0 },
        stored_bits: cost.stored_bits,
        multiply_adds: cost.multiply_adds,
        dense_multiply_adds: weights * positions,
    }
}

impl Unet {
    /// Builds the network; parameters are named `down.<level>.<block>.…`, `middle.…`, `up.…` and `head.…`.
    pub(super) fn build(
        config: &UnetConfig,
        channels: Channels,
        parameters: &mut Parameters,
        random: &mut ChaCha12Rng,
    ) -> Result<Self> {
        let mut pair = |name: String, inputs: usize, outputs: usize| -> Result<[Block; 2]> {
            Ok([
                Block::build(
                    config,
                    format!("{name}.0"),
                    Channels { inputs, outputs },
                    parameters,
                    random,
                )?,
                Block::build(
                    config,
                    format!("{name}.1"),
                    Channels {
                        inputs: outputs,
                        outputs,
                    },
                    parameters,
                    random,
                )?,
            ])
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
        let head = Scheme::Dense.build(
            &convolution(head_channels, 1),
            &mut parameters.scope("head"),
            random,
        )?;
        Ok(Self {
            down,
            middle,
            up,
            head,
            head_channels,
        })
    }

    fn multiple(&self) -> usize {
        1 << self.down.len()
    }
}

impl Network for Unet {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        self.check_grid(input.dims().get(2..).unwrap_or_default())?;
        let mut map = input.clone();
        let mut skips = Vec::with_capacity(self.down.len());
        for [first, second] in &self.down {
            let skip = second.forward(&first.forward(&map)?)?;
            map = ops::average_pool(&skip)?;
            skips.push(skip);
        }
        let [first, second] = &self.middle;
        map = second.forward(&first.forward(&map)?)?;
        for ([first, second], skip) in self.up.iter().zip(&skips).rev() {
            map = second.forward(&first.forward(&upsample_and_join(&map, skip)?)?)?;
        }
        self.head.forward(&map)
    }

    fn check_grid(&self, grid: &[usize]) -> Result<()> {
        let multiple = self.multiple();
        if grid.len() != AXES {
            return Err(SurrogateError::Shape {
                place: "input of the U-Net".into(),
                found: format!("{} spatial axes", grid.len()),
                expected: format!("{AXES}"),
                remedy: "give maps of shape (B, C, x, y)".into(),
            });
        }
        for (axis, &size) in ["x", "y"].iter().zip(grid) {
            if size == 0 || !size.is_multiple_of(multiple) {
                return Err(SurrogateError::Shape {
                    place: format!("grid axis {axis}"),
                    found: format!("{size} points"),
                    expected: format!(
                        "a multiple of {multiple}, as a U-Net of depth {} halves it {} times",
                        self.up.len(),
                        self.up.len()
                    ),
                    remedy: format!(
                        "lower network.depth, or generate data with grid.shape {} along {axis}",
                        size.next_multiple_of(multiple).max(multiple)
                    ),
                });
            }
        }
        Ok(())
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
        let shape = convolution(self.head_channels, 1);
        layers.push(footprint(
            "head",
            describe(&Scheme::Dense),
            self.head.as_ref(),
            &shape,
            grid,
        ));
        layers
    }
}
