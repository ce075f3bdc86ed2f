//! What networks are built from: a convolution of any scheme, followed by normalisation and activation.
//!
//! `block(x) = activation(norm(K ⋆ x + b))`, shapes `(B, S, N₁, …)` → `(B, T, N₁, …)` on two or three axes.

use super::activation::{Activation, activate};
use super::noisy::noisy_relu;
use super::norm::{Norm, group_count, normalise_and_activate};
use super::pass::Pass;
use super::{Channels, LayerFootprint};
use crate::Result;
use crate::parameters::{Parameters, Scope};
use crate::scheme::{ConvolutionShape, Layer, Scheme};
use candle_core::Tensor;
use rand_chacha::ChaCha12Rng;

/// What all convolutions of a network have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// Axes of the maps: 2 for `(x, y)`, 3 for `(t, x, y)`.
    pub(super) axes: usize,
    /// Side of the kernels along every axis.
    pub(super) kernel: usize,
    pub(super) scheme: Scheme,
    pub(super) norm: Norm,
    pub(super) activation: Activation,
    /// Standard deviation of a noisy activation's noise.
    pub(super) noise: f64,
}

/// The size of a network's convolution.
pub(super) fn size(channels: Channels, side: usize, axes: usize) -> ConvolutionShape {
    ConvolutionShape {
        inputs: channels.inputs,
        outputs: channels.outputs,
        kernel: vec![side; axes],
        bias: true,
    }
}

/// A named convolution.
#[derive(Debug)]
pub(super) struct Convolution {
    name: String,
    shape: ConvolutionShape,
    scheme: Scheme,
    layer: Box<dyn Layer>,
}

impl Convolution {
    /// A convolution in the network's style.
    pub(super) fn build(
        style: &Style,
        name: String,
        channels: Channels,
        parameters: &mut Parameters,
        random: &mut ChaCha12Rng,
    ) -> Result<Self> {
        Self::with(
            style.scheme,
            style.kernel,
            style.axes,
            name,
            channels,
            parameters,
            random,
        )
    }

    /// The dense 1×…×1 convolution that ends a network.
    pub(super) fn head(
        axes: usize,
        channels: Channels,
        parameters: &mut Parameters,
        random: &mut ChaCha12Rng,
    ) -> Result<Self> {
        Self::with(
            Scheme::Dense,
            1,
            axes,
            "head".into(),
            channels,
            parameters,
            random,
        )
    }

    fn with(
        scheme: Scheme,
        side: usize,
        axes: usize,
        name: String,
        channels: Channels,
        parameters: &mut Parameters,
        random: &mut ChaCha12Rng,
    ) -> Result<Self> {
        let shape = size(channels, side, axes);
        let layer = scheme.build(&shape, &mut parameters.scope(&name), random)?;
        Ok(Self {
            name,
            shape,
            scheme,
            layer,
        })
    }

    pub(super) fn forward(&self, input: &Tensor, pass: &mut Pass) -> Result<Tensor> {
        pass.count(self.layer.as_ref(), input)?;
        self.layer.forward(input)
    }

    /// What it costs on a grid, beside its dense twin.
    pub(super) fn footprint(&self, grid: &[usize]) -> LayerFootprint {
        let positions = grid.iter().product();
        let cost = self.layer.footprint(positions);
        let (shape, weights) = (&self.shape, self.shape.dense_weights());
        LayerFootprint {
            name: self.name.clone(),
            scheme: self.scheme.to_string(),
            shape: shape.kernel_dims(),
            grid: grid.to_vec(),
            parameters: cost.parameters,
            dense_parameters: weights + shape.biases(),
            stored_bits: cost.stored_bits,
            multiply_adds: cost.multiply_adds,
            dense_multiply_adds: weights * positions,
        }
    }
}

/// Convolution, normalisation, activation.
#[derive(Debug)]
pub(super) struct Block {
    convolution: Convolution,
    /// Scale and shift of the group norm, each `(T)`.
    norm: Option<(Tensor, Tensor)>,
    activation: Activation,
    noise: f64,
}

impl Block {
    pub(super) fn build(
        style: &Style,
        name: String,
        channels: Channels,
        parameters: &mut Parameters,
        random: &mut ChaCha12Rng,
    ) -> Result<Self> {
        let convolution = Convolution::build(style, name.clone(), channels, parameters, random)?;
        let norm = match style.norm {
            Norm::Group => {
                let mut scope: Scope<'_> = parameters.scope(format!("{name}.norm"));
                let scale = scope.constant("scale", channels.outputs, 1.0)?;
                Some((scale, scope.constant("shift", channels.outputs, 0.0)?))
            }
            Norm::None => None,
        };
        Ok(Self {
            convolution,
            norm,
            activation: style.activation,
            noise: style.noise,
        })
    }

    pub(super) fn forward(&self, input: &Tensor, pass: &mut Pass) -> Result<Tensor> {
        let map = self.convolution.forward(input, pass)?;
        let seed = pass.next_seed().filter(|_| self.activation.is_noisy());
        let activation = match seed {
            Some(_) => Activation::Identity,
            None => self.activation,
        };
        let map = match &self.norm {
            Some((scale, shift)) => normalise_and_activate(
                &map,
                scale,
                shift,
                group_count(self.convolution.shape.outputs),
                activation,
            )?,
            None if activation == Activation::Identity => map,
            None => activate(&map, activation)?,
        };
        Ok(match seed {
            Some(seed) => noisy_relu(&map, self.noise, seed)?,
            None => map,
        })
    }

    /// Adds what its convolution and its normalisation cost on a grid.
    pub(super) fn footprints(&self, grid: &[usize], layers: &mut Vec<LayerFootprint>) {
        layers.push(self.convolution.footprint(grid));
        if self.norm.is_some() {
            let channels = self.convolution.shape.outputs;
            let work = 2 * channels * grid.iter().product::<usize>();
            layers.push(LayerFootprint {
                name: format!("{}.norm", self.convolution.name),
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
