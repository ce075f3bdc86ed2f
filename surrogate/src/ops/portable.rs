//! The convolutions written with candle's own tensor operations: they run, with gradients, on every device and type. On a GPU
//! in f32 and f64 our own kernels take the places of shifts and sums (`cuda.rs`).
//!
//! Weights are rounded to the type of the maps (bf16) where theirs is another.
//!
//! One term per tap: the padded map, shifted, times that tap's (T, S) matrix (or, along one axis, its (C) factors). On
//! the host the custom operations of the parent module are several times faster; these are their reference.

use candle_core::Tensor;

use crate::Result;

/// See [`convolution`](super::convolution); shapes must have been checked.
///
/// # Errors
/// Whatever candle refuses.
pub fn convolution(input: &Tensor, kernel: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let kernel = kernel.to_dtype(input.dtype())?;
    #[cfg(feature = "cuda")]
    if crate::cuda::serves(&[input, &kernel]) {
        let bias = bias.map(|bias| bias.to_dtype(input.dtype())).transpose()?;
        return Ok(crate::cuda::convolution(input, &kernel, bias.as_ref())?);
    }
    let output = product(input, &kernel)?;
    match bias {
        Some(bias) => {
            let shape = per_channel(output.rank(), bias.elem_count());
            let bias = bias.to_dtype(input.dtype())?;
            Ok(output.broadcast_add(&bias.reshape(shape)?)?)
        }
        None => Ok(output),
    }
}

/// The convolution without a bias.
fn product(input: &Tensor, kernel: &Tensor) -> Result<Tensor> {
    let (maps, sides) = (input.dims().to_vec(), kernel.dims()[2..].to_vec());
    let positions: usize = maps[2..].iter().product();
    let mut padded = input.clone();
    for (axis, side) in sides.iter().enumerate() {
        padded = padded.pad_with_zeros(2 + axis, side / 2, side / 2)?;
    }
    let taps: usize = sides.iter().product();
    let kernel = kernel.reshape((kernel.dim(0)?, kernel.dim(1)?, taps))?;
    let mut sum: Option<Tensor> = None;
    for tap in 0..taps {
        let mut shifted = padded.clone();
        let mut rest = tap;
        for axis in (0..sides.len()).rev() {
            shifted = shifted.narrow(2 + axis, rest % sides[axis], maps[2 + axis])?;
            rest /= sides[axis];
        }
        let matrix = kernel.narrow(2, tap, 1)?.squeeze(2)?.contiguous()?;
        let term = matrix.broadcast_matmul(&shifted.reshape((maps[0], maps[1], positions))?)?;
        sum = Some(match sum {
            Some(sum) => (sum + term)?,
            None => term,
        });
    }
    let mut shape = maps;
    shape[1] = kernel.dim(0)?;
    match sum {
        Some(sum) => Ok(sum.reshape(shape)?),
        None => Ok(Tensor::zeros(shape, input.dtype(), input.device())?),
    }
}

/// See [`axis_convolution`](super::axis_convolution); shapes must have been checked.
///
/// # Errors
/// Whatever candle refuses.
pub fn axis_convolution(input: &Tensor, taps: &Tensor, axis: usize) -> Result<Tensor> {
    let (side, length) = (taps.dim(1)?, input.dim(2 + axis)?);
    let taps = taps.to_dtype(input.dtype())?;
    #[cfg(feature = "cuda")]
    if crate::cuda::serves(&[input, &taps]) {
        return Ok(crate::cuda::axis_convolution(input, &taps, axis)?);
    }
    let padded = input.pad_with_zeros(2 + axis, side / 2, side / 2)?;
    let factor = |tap: usize| {
        taps.narrow(1, tap, 1)?
            .reshape(per_channel(input.rank(), input.dim(1)?))
    };
    let mut sum = padded
        .narrow(2 + axis, 0, length)?
        .broadcast_mul(&factor(0)?)?;
    for tap in 1..side {
        sum = (sum
            + padded
                .narrow(2 + axis, tap, length)?
                .broadcast_mul(&factor(tap)?)?)?;
    }
    Ok(sum)
}

/// The shape (1, C, 1, …) that broadcasts one number per channel over maps of this rank.
fn per_channel(rank: usize, channels: usize) -> Vec<usize> {
    let mut shape = vec![1; rank];
    shape[1] = channels;
    shape
}
