//! Halving and doubling the resolution of maps along all their spatial axes, with gradients that add up.
//!
//! With `n` spatial axes, `upsample_nearest` copies each value into a block of 2ⁿ, and `average_pool` takes the mean of a
//! block: each is, up to the factor 2ⁿ, the other's adjoint. `max_pool` takes a block's largest value and sends the
//! gradient to the first of the largest. candle's own `upsample_nearest2d` overwrites, in its backward pass, the gradient
//! that other users of its input have left (candle 0.11.1): no network here uses it.

use candle_core::{D, Tensor};

use super::check_spatial;
use crate::{Result, SurrogateError};

/// Maps (B, C, N₁, …) to (B, C, 2·N₁, …), each value copied into a block.
///
/// # Errors
/// [`SurrogateError::Shape`] if there are not one to three spatial axes.
pub fn upsample_nearest(input: &Tensor) -> Result<Tensor> {
    check_spatial("upsampling, input", input)?;
    let (mut outer, mut blocks, mut doubled) = (Vec::new(), Vec::new(), Vec::new());
    for (axis, &length) in input.dims().iter().enumerate() {
        let factor = if axis < 2 { 1 } else { 2 };
        outer.extend([length, 1]);
        blocks.extend([length, factor]);
        doubled.push(length * factor);
    }
    Ok(input
        .reshape(outer)?
        .broadcast_as(blocks)?
        .reshape(doubled)?)
}

/// Maps (B, C, N₁, …) to (B, C, N₁/2, …), the mean of each block.
///
/// # Errors
/// [`SurrogateError::Shape`] if a spatial axis has an odd length.
pub fn average_pool(input: &Tensor) -> Result<Tensor> {
    Ok(blocks("average pooling", input)?.mean(D::Minus1)?)
}

/// Maps (B, C, N₁, …) to (B, C, N₁/2, …), the largest value of each block.
///
/// # Errors
/// [`SurrogateError::Shape`] if a spatial axis has an odd length.
pub fn max_pool(input: &Tensor) -> Result<Tensor> {
    let blocks = blocks("max pooling", input)?;
    let largest = blocks.argmax_keepdim(D::Minus1)?;
    Ok(blocks
        .contiguous()?
        .gather(&largest, D::Minus1)?
        .squeeze(D::Minus1)?)
}

/// The maps as (B, C, N₁/2, …, 2ⁿ): the values of a block side by side along the last axis.
fn blocks(place: &str, input: &Tensor) -> Result<Tensor> {
    check_spatial(place, input)?;
    let dims = input.dims();
    let (mut split, mut halves) = (dims[..2].to_vec(), dims[..2].to_vec());
    for (axis, &length) in dims[2..].iter().enumerate() {
        if length % 2 != 0 || length == 0 {
            return Err(SurrogateError::Shape {
                place: format!("{place}, spatial axis {axis}"),
                found: format!("length {length}"),
                expected: "an even length".into(),
                remedy: "use a grid whose shape every pooling of the network can halve".into(),
            });
        }
        split.extend([length / 2, 2]);
        halves.push(length / 2);
    }
    let axes = dims.len() - 2;
    let order: Vec<usize> = [0, 1]
        .into_iter()
        .chain((0..axes).map(|a| 2 + 2 * a))
        .chain((0..axes).map(|a| 3 + 2 * a))
        .collect();
    halves.push(1 << axes);
    Ok(input.reshape(split)?.permute(order)?.reshape(halves)?)
}
