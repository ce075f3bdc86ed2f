//! candle's own convolutions beside ours: dense, and the factorised layer as convolutions with groups.

use candle_core::{Device, Var};

use super::{Effort, Measurement};
use crate::Result;

/// Times candle's own operations as [`LayerCase`](super::LayerCase) `dense` and `layer-1` with 8 samples of 64 channels on 64×64
/// maps: name, side of the kernel, times.
///
/// # Errors
/// Those of candle.
pub fn candle_cases(effort: Effort, kernel: usize) -> Result<[(&'static str, Measurement); 2]> {
    const CHANNELS: usize = 64;
    const SIZE: usize = 64;
    let random = |dims: (usize, usize, usize, usize)| Var::randn(0f32, 0.1f32, dims, &Device::Cpu);
    let input = random((8, CHANNELS, SIZE, SIZE))?;
    let half = kernel / 2;
    let whole = random((CHANNELS, CHANNELS, kernel, kernel))?;
    let dense = || input.conv2d(&whole, half, 1, 1, 1);
    let points = random((CHANNELS, CHANNELS, 1, 1))?;
    let vertical = random((CHANNELS, 1, kernel, 1))?;
    let horizontal = random((CHANNELS, 1, 1, kernel))?;
    let factorised = || {
        // candle pads both axes alike: what was padded too much is cut off
        let maps = input.conv2d(&points, 0, 1, 1, 1)?;
        let maps = maps.conv2d(&vertical, half, 1, 1, CHANNELS)?;
        let maps = maps.narrow(3, half, SIZE)?;
        let maps = maps.conv2d(&horizontal, half, 1, 1, CHANNELS)?;
        maps.narrow(2, half, SIZE)?.conv2d(&points, 0, 1, 1, 1)
    };
    let measure = |forward: &(dyn Fn() -> candle_core::Result<candle_core::Tensor> + Sync),
                   parameters| {
        Ok::<_, crate::SurrogateError>(Measurement {
            forward: effort.least(&Device::Cpu, || Ok(forward()?))?,
            both: effort.least(&Device::Cpu, || Ok(forward()?.backward()?))?,
            operations: 0.0,
            parameters,
        })
    };
    Ok([
        (
            "dense",
            measure(&dense, CHANNELS * CHANNELS * kernel * kernel)?,
        ),
        (
            "layer-1",
            measure(&factorised, 2 * CHANNELS * (CHANNELS + kernel))?,
        ),
    ])
}
