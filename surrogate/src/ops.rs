//! Operations on maps that the networks are built from, each with its own gradient.
//!
//! Maps have the shape (B, C, N₁, …, Nₙ): batch, channel, then one to three spatial axes. Convolutions have stride 1 and
//! pad with zeros so that the map keeps its size; as everywhere in machine learning they are cross-correlations,
//! `y[p] = Σ_k K[k] x[p + k − ⌊d/2⌋]`.

mod add;
mod axis;
mod dense;
mod element;
mod gather;
mod geometry;
mod memory;
mod microkernel;
mod mix;
mod offset;
mod one_way;
pub mod portable;
mod resample;
mod row;
mod scale;
mod shifted;

use candle_core::Tensor;

pub(crate) use add::add_scaled;
pub(crate) use gather::{Table, gather};
pub(crate) use offset::add_offset;
pub use resample::{average_pool, max_pool, upsample_nearest};
pub(crate) use scale::scale_samples;

use crate::{Result, SurrogateError, host, tape};

/// N-dimensional convolution of maps (B, S, N₁, …) with a kernel (T, S, d₁, …) of odd sides and a bias (T): (B, T, N₁, …).
///
/// # Errors
/// [`SurrogateError::Shape`] where the shapes do not fit, a side is even, or there are not one to three spatial axes.
pub fn convolution(input: &Tensor, kernel: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    check_convolution(input, kernel, bias)?;
    if !on_host(&[Some(input), Some(kernel), bias]) || input.elem_count() == 0 {
        return portable::convolution(input, kernel, bias);
    }
    let operation = dense::DenseConvolution {
        input_gradient: input.track_op(),
        bias_gradient: bias.is_some(),
    };
    let bias = match bias {
        Some(bias) => bias.contiguous()?,
        None => Tensor::zeros(kernel.dim(0)?, input.dtype(), input.device())?,
    };
    Ok(tape::apply3(
        &input.contiguous()?,
        &kernel.contiguous()?,
        &bias,
        operation,
    )?)
}

/// Convolution of every channel of maps (B, C, N₁, …) with its own taps (C, d) along one spatial axis: the same shape.
///
/// # Errors
/// [`SurrogateError::Shape`] where the shapes do not fit, `d` is even, or there is no such axis.
pub fn axis_convolution(input: &Tensor, taps: &Tensor, axis: usize) -> Result<Tensor> {
    check_axis_convolution(input, taps, axis)?;
    if !on_host(&[Some(input), Some(taps)]) || input.elem_count() == 0 {
        return portable::axis_convolution(input, taps, axis);
    }
    let operation = axis::AxisConvolution {
        axis,
        input_gradient: input.track_op(),
    };
    Ok(tape::apply2(
        &input.contiguous()?,
        &taps.contiguous()?,
        operation,
    )?)
}

/// The one-way `layer` form: `1×1` to R inner channels, an axis convolution per axis, `1×1` to T.
///
/// Shapes: input (B, S, N₁, …), `inputs` (R, S), `taps` one (R, d) per axis, `outputs` (T, R), bias (T); result (B, T, N₁, …).
///
/// # Errors
/// [`SurrogateError::Shape`] where the shapes do not fit.
pub fn one_way_layer(
    input: &Tensor,
    inputs: &Tensor,
    taps: &[Tensor],
    outputs: &Tensor,
    bias: Option<&Tensor>,
) -> Result<Tensor> {
    check_one_way(input, inputs, taps, outputs.dims())?;
    check_bias("one-way layer, bias", bias, outputs.dim(0)?)?;
    let factors: Vec<&Tensor> = [inputs].into_iter().chain(taps).chain([outputs]).collect();
    if let Some(output) = fused(input, &factors, outputs.dim(0)?, bias)? {
        return Ok(output);
    }
    #[cfg(feature = "cuda")]
    if let Some(output) =
        crate::cuda::one_way_layer(input, inputs, taps, Some(outputs), outputs.dim(0)?, bias)?
    {
        return Ok(output);
    }
    let filtered = inner_maps(input, inputs, taps)?;
    convolution(&filtered, &pointwise(outputs, filtered.rank())?, bias)
}

/// The one-way `filter` form: `1×1` to `R·T` inner channels (index `r·T + t`), an axis convolution per axis, sum over r.
///
/// Shapes: input (B, S, N₁, …), `channels` (R·T, S), `taps` one (R·T, d) per axis, bias (T); result (B, T, N₁, …).
///
/// # Errors
/// [`SurrogateError::Shape`] where the shapes do not fit.
pub fn one_way_filter(
    input: &Tensor,
    channels: &Tensor,
    taps: &[Tensor],
    bias: Option<&Tensor>,
    rank: usize,
) -> Result<Tensor> {
    let inner = channels.dim(0)?;
    if rank == 0 || inner % rank != 0 {
        return Err(SurrogateError::Shape {
            place: "one-way layer, channels".into(),
            found: format!("{:?}", channels.dims()),
            expected: format!("(R·T, S) with R = {rank} ≥ 1"),
            remedy: "give R rows of channel factors per output".into(),
        });
    }
    let outputs = inner / rank;
    check_one_way(input, channels, taps, &[outputs, inner])?;
    check_bias("one-way layer, bias", bias, outputs)?;
    let factors: Vec<&Tensor> = [channels].into_iter().chain(taps).collect();
    if let Some(output) = fused(input, &factors, outputs, bias)? {
        return Ok(output);
    }
    #[cfg(feature = "cuda")]
    if let Some(output) = crate::cuda::one_way_layer(input, channels, taps, None, outputs, bias)? {
        return Ok(output);
    }
    let filtered = inner_maps(input, channels, taps)?;
    let dims = filtered.dims();
    let split = [&[dims[0], rank, outputs], &dims[2..]].concat();
    let sum = if rank == 1 {
        filtered.clone()
    } else {
        filtered.reshape(split)?.sum(1)?
    };
    match bias {
        Some(bias) => {
            let mut shape = vec![1; dims.len()];
            shape[1] = outputs;
            let bias = bias.to_dtype(sum.dtype())?;
            Ok(sum.broadcast_add(&bias.reshape(shape)?)?)
        }
        None => Ok(sum),
    }
}

/// The whole one-way layer in one operation, where the host's kernels can take it: the factors are the channels
/// (inner, S), the taps of each axis, and in the `layer` form the outputs (T, inner).
fn fused(
    input: &Tensor,
    factors: &[&Tensor],
    outputs: usize,
    bias: Option<&Tensor>,
) -> Result<Option<Tensor>> {
    let all: Vec<Option<&Tensor>> = factors
        .iter()
        .map(|f| Some(*f))
        .chain([Some(input), bias])
        .collect();
    if !on_host(&all) || input.elem_count() == 0 {
        return Ok(None);
    }
    let axes = input.rank() - 2;
    let sides: Vec<usize> = factors[1..=axes]
        .iter()
        .map(|taps| taps.dims()[1])
        .collect();
    let mixes = factors.len() > axes + 1;
    let operation = one_way::OneWay {
        plan: one_way::Plan::new(input.dims(), &sides, factors[0].dim(0)?, outputs, mixes),
        input_gradient: input.track_op(),
        bias_gradient: bias.is_some(),
    };
    let bias = match bias {
        Some(bias) => bias.contiguous()?,
        None => Tensor::zeros(outputs, input.dtype(), input.device())?,
    };
    Ok(Some(tape::apply3(
        &input.contiguous()?,
        &row::in_row(factors[0], &factors[1..])?,
        &bias,
        operation,
    )?))
}

fn check_one_way(
    input: &Tensor,
    channels: &Tensor,
    taps: &[Tensor],
    outputs: &[usize],
) -> Result<()> {
    check_spatial("one-way layer, input", input)?;
    let misfit = |place: &str, found: &[usize], expected: String| SurrogateError::Shape {
        place: format!("one-way layer, {place}"),
        found: format!("{found:?}"),
        expected,
        remedy: "give factors of one rank that fit the maps".into(),
    };
    let (maps, inner) = (input.dims(), channels.dims().first().copied().unwrap_or(0));
    if inner == 0 || channels.dims() != [inner, maps[1]] {
        return Err(misfit(
            "channels",
            channels.dims(),
            format!("(R, {}) for maps {maps:?}", maps[1]),
        ));
    }
    if taps.len() != maps.len() - 2 {
        return Err(misfit(
            "axes of the taps",
            &[taps.len()],
            format!("{} for maps {maps:?}", maps.len() - 2),
        ));
    }
    for taps in taps {
        match taps.dims() {
            [rows, side] if *rows == inner && side % 2 == 1 => {}
            [rows, side] if *rows == inner => return Err(even_side("one-way layer, taps", *side)),
            other => return Err(misfit("taps", other, format!("({inner}, d)"))),
        }
    }
    match outputs {
        [outputs, rank] if *outputs > 0 && *rank == inner => Ok(()),
        _ => Err(misfit("outputs", outputs, format!("(T, {inner})"))),
    }
}

/// The maps after the first `1×1` convolution and the axis convolutions.
fn inner_maps(input: &Tensor, channels: &Tensor, taps: &[Tensor]) -> Result<Tensor> {
    let mut maps = convolution(input, &pointwise(channels, input.rank())?, None)?;
    for (axis, taps) in taps.iter().enumerate() {
        maps = axis_convolution(&maps, taps, axis)?;
    }
    Ok(maps)
}

/// A matrix (T, S) as the kernel (T, S, 1, …) of a `1×1` convolution on maps of this rank.
fn pointwise(matrix: &Tensor, rank: usize) -> Result<Tensor> {
    let mut shape = matrix.dims().to_vec();
    shape.resize(rank.max(2), 1);
    Ok(matrix.reshape(shape)?)
}

/// Whether the host's kernels can take these tensors.
fn on_host(tensors: &[Option<&Tensor>]) -> bool {
    let tensors: Vec<&Tensor> = tensors.iter().copied().flatten().collect();
    host::serves(&tensors)
}

fn check_convolution(input: &Tensor, kernel: &Tensor, bias: Option<&Tensor>) -> Result<()> {
    check_spatial("convolution, input", input)?;
    let (maps, sides) = (input.dims(), kernel.dims());
    if sides.len() != maps.len() || sides[1] != maps[1] {
        return Err(SurrogateError::Shape {
            place: "convolution, kernel".into(),
            found: format!("{sides:?}"),
            expected: format!(
                "(T, {}) and {} sides for maps {maps:?}",
                maps[1],
                maps.len() - 2
            ),
            remedy: "give the kernel as (outputs, inputs, one side per spatial axis)".into(),
        });
    }
    if let Some(side) = sides[2..].iter().find(|&&side| side % 2 == 0) {
        return Err(even_side("convolution, kernel", *side));
    }
    check_bias("convolution, bias", bias, sides[0])
}

fn check_bias(place: &str, bias: Option<&Tensor>, outputs: usize) -> Result<()> {
    match bias {
        Some(bias) if bias.dims() != [outputs] => Err(SurrogateError::Shape {
            place: place.into(),
            found: format!("{:?}", bias.dims()),
            expected: format!("[{outputs}]"),
            remedy: "give one bias per output channel".into(),
        }),
        _ => Ok(()),
    }
}

fn check_axis_convolution(input: &Tensor, taps: &Tensor, axis: usize) -> Result<()> {
    check_spatial("axis convolution, input", input)?;
    let axes = input.rank() - 2;
    if axis >= axes {
        return Err(SurrogateError::Shape {
            place: "axis convolution, axis".into(),
            found: axis.to_string(),
            expected: format!("a spatial axis below {axes} of maps {:?}", input.dims()),
            remedy: "count the spatial axes from 0".into(),
        });
    }
    match taps.dims() {
        [channels, side] if *channels == input.dims()[1] => match side % 2 {
            1 => Ok(()),
            _ => Err(even_side("axis convolution, taps", *side)),
        },
        other => Err(SurrogateError::Shape {
            place: "axis convolution, taps".into(),
            found: format!("{other:?}"),
            expected: format!("({}, d) for maps {:?}", input.dims()[1], input.dims()),
            remedy: "give one row of taps per channel".into(),
        }),
    }
}

/// Refuses maps without one to three spatial axes.
fn check_spatial(place: &str, input: &Tensor) -> Result<()> {
    match input.rank() {
        3..=5 => Ok(()),
        _ => Err(SurrogateError::Shape {
            place: place.into(),
            found: format!("{:?}", input.dims()),
            expected: "(batch, channel, and one to three spatial axes)".into(),
            remedy: "reshape the maps".into(),
        }),
    }
}

fn even_side(place: &str, side: usize) -> SurrogateError {
    SurrogateError::Shape {
        place: place.into(),
        found: format!("the even side {side}"),
        expected: "odd sides".into(),
        remedy: format!(
            "use {} or {}: an even kernel would shift the map by half a point",
            side.max(1) - 1,
            side + 1
        ),
    }
}
