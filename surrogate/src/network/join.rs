//! The way up in a U-Net: double the coarse map by nearest neighbours and put it before the skip connection's channels, as
//! one candle operation with its own backward.
//!
//! `y[b, c, i, j] = coarse[b, c, i/2, j/2]` for `c < C₁`, else `skip[b, c − C₁, i, j]`. Backward sums each 2×…×2 block of the
//! first C₁ channels and copies the rest. One pass over memory, and no use of candle's `upsample_nearest2d`, whose gradient
//! is wrong when its input feeds a second operation. Shapes: coarse `(B, C₁, n₁, …)`, skip `(B, C₂, 2n₁, …)`, one to three
//! spatial axes; result `(B, C₁ + C₂, 2n₁, …)`.

use super::real::Real;
use super::storage::{contiguous, on_cpu};
use crate::pieces::in_pieces;
use crate::{host, tape};
use candle_core::{CpuStorage, CustomOp2, DType, Layout, Result, Shape, Tensor};

/// Doubles `coarse` along every spatial axis and concatenates `skip` behind it along the channels.
pub(crate) fn upsample_and_join(coarse: &Tensor, skip: &Tensor) -> Result<Tensor> {
    if host::serves(&[coarse, skip]) {
        tape::apply2(&coarse.contiguous()?, &skip.contiguous()?, Join)
    } else {
        portable(coarse, skip)
    }
}

/// The same from candle's tensor operations, for other devices; a second reference in tests.
fn portable(coarse: &Tensor, skip: &Tensor) -> Result<Tensor> {
    let mut fine = coarse.clone();
    for axis in 2..coarse.rank() {
        let mut doubled = fine.dims().to_vec();
        doubled[axis] *= 2;
        fine = Tensor::stack(&[&fine, &fine], axis + 1)?.reshape(doubled)?;
    }
    Tensor::cat(&[&fine, skip], 1)
}

struct Join;

/// The sizes of one join: batch, channels of both inputs, and the coarse spatial axes.
struct Sizes {
    batch: usize,
    coarse_channels: usize,
    skip_channels: usize,
    coarse: Vec<usize>,
}

impl Sizes {
    fn of(coarse: &[usize], skip: &[usize]) -> Result<Self> {
        let fits = coarse.len() == skip.len()
            && coarse.len() > 2
            && coarse[0] == skip[0]
            && coarse[2..]
                .iter()
                .zip(&skip[2..])
                .all(|(&c, &s)| s == 2 * c);
        if !fits {
            candle_core::bail!(
                "a skip connection must be twice the coarse map along every axis, found {coarse:?} and {skip:?}"
            )
        }
        Ok(Self {
            batch: coarse[0],
            coarse_channels: coarse[1],
            skip_channels: skip[1],
            coarse: coarse[2..].to_vec(),
        })
    }

    /// Values in one channel of the coarse map.
    fn coarse_plane(&self) -> usize {
        self.coarse.iter().product()
    }

    /// Values in one channel of the fine map.
    fn fine_plane(&self) -> usize {
        self.coarse_plane() << self.coarse.len()
    }

    fn channels(&self) -> usize {
        self.coarse_channels + self.skip_channels
    }

    /// Row (along the last axis) of the coarse map that a row of the fine map copies.
    #[inline(always)]
    fn coarse_row(&self, fine_row: usize) -> usize {
        let leading = &self.coarse[..self.coarse.len() - 1];
        let (mut rest, mut row, mut stride) = (fine_row, 0, 1);
        for &size in leading.iter().rev() {
            row += (rest % (2 * size)) / 2 * stride;
            rest /= 2 * size;
            stride *= size;
        }
        row
    }
}

impl CustomOp2 for Join {
    fn name(&self) -> &'static str {
        "upsample-and-join"
    }

    fn cpu_fwd(
        &self,
        coarse: &CpuStorage,
        coarse_layout: &Layout,
        skip: &CpuStorage,
        skip_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let sizes = Sizes::of(coarse_layout.dims(), skip_layout.dims())?;
        let mut dims = skip_layout.dims().to_vec();
        dims[1] = sizes.channels();
        let storage = match coarse {
            CpuStorage::F64(_) => CpuStorage::F64(forward::<f64>(
                contiguous(coarse, coarse_layout)?,
                contiguous(skip, skip_layout)?,
                &sizes,
            )),
            _ => CpuStorage::F32(forward::<f32>(
                contiguous(coarse, coarse_layout)?,
                contiguous(skip, skip_layout)?,
                &sizes,
            )),
        };
        Ok((storage, Shape::from(dims)))
    }

    fn bwd(
        &self,
        coarse: &Tensor,
        skip: &Tensor,
        _result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let sizes = Sizes::of(coarse.dims(), skip.dims())?;
        let gradient = gradient.contiguous()?;
        let (coarse, skip) = match gradient.dtype() {
            DType::F64 => backward::<f64>(&gradient, &sizes, coarse.shape(), skip.shape())?,
            _ => backward::<f32>(&gradient, &sizes, coarse.shape(), skip.shape())?,
        };
        Ok((Some(coarse), Some(skip)))
    }
}

fn forward<F: Real>(coarse: &[F], skip: &[F], sizes: &Sizes) -> Vec<F> {
    let (small, large) = (sizes.coarse_plane(), sizes.fine_plane());
    let width = sizes.coarse[sizes.coarse.len() - 1];
    let length = sizes.batch * sizes.channels() * large;
    in_pieces(length, large, |index, output| {
        let (b, c) = (index / sizes.channels(), index % sizes.channels());
        if c >= sizes.coarse_channels {
            let start = (b * sizes.skip_channels + c - sizes.coarse_channels) * large;
            output.copy_from_slice(&skip[start..start + large]);
            return;
        }
        let plane = &coarse[(b * sizes.coarse_channels + c) * small..][..small];
        for (row, fine) in output.chunks_exact_mut(2 * width).enumerate() {
            let start = sizes.coarse_row(row) * width;
            for (pair, &value) in fine.chunks_exact_mut(2).zip(&plane[start..start + width]) {
                pair[0] = value;
                pair[1] = value;
            }
        }
    })
}

fn backward<F: Real>(
    gradient: &Tensor,
    sizes: &Sizes,
    coarse_shape: &Shape,
    skip_shape: &Shape,
) -> Result<(Tensor, Tensor)> {
    let (small, large) = (sizes.coarse_plane(), sizes.fine_plane());
    let width = sizes.coarse[sizes.coarse.len() - 1];
    let (guard, layout) = gradient.storage_and_layout();
    let dy: &[F] = on_cpu(&guard, layout)?;
    let coarse = sizes.batch * sizes.coarse_channels * small;
    let coarse = in_pieces(coarse, small, |index, plane: &mut [F]| {
        let (b, c) = (index / sizes.coarse_channels, index % sizes.coarse_channels);
        let dy = &dy[(b * sizes.channels() + c) * large..][..large];
        for (row, fine) in dy.chunks_exact(2 * width).enumerate() {
            let start = sizes.coarse_row(row) * width;
            for (value, pair) in plane[start..start + width]
                .iter_mut()
                .zip(fine.chunks_exact(2))
            {
                *value += pair[0] + pair[1];
            }
        }
    });
    let skip = sizes.batch * sizes.skip_channels * large;
    let skip = in_pieces(skip, large, |index, plane: &mut [F]| {
        let (b, c) = (index / sizes.skip_channels, index % sizes.skip_channels);
        let start = (b * sizes.channels() + sizes.coarse_channels + c) * large;
        plane.copy_from_slice(&dy[start..start + large]);
    });
    let device = gradient.device();
    Ok((
        Tensor::from_vec(coarse, coarse_shape.clone(), device)?,
        Tensor::from_vec(skip, skip_shape.clone(), device)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    fn run(
        op: impl Fn(&Tensor, &Tensor) -> Tensor,
        coarse: &[usize],
        skip: &[usize],
    ) -> Vec<Vec<f64>> {
        let wave = |n: usize, s: f64| {
            (0..n)
                .map(|i| (i as f64 * 0.37 + s).sin())
                .collect::<Vec<f64>>()
        };
        let a = Var::from_vec(wave(coarse.iter().product(), 0.0), coarse, &Device::Cpu).unwrap();
        let b = Var::from_vec(wave(skip.iter().product(), 1.0), skip, &Device::Cpu).unwrap();
        let y = op(&a, &b);
        let weights = Tensor::from_vec(wave(y.elem_count(), 2.0), y.shape(), &Device::Cpu).unwrap();
        // The coarse map feeds a second operation too: the case that candle's own upsampling gets wrong.
        let loss = ((&y * weights).unwrap().sum_all().unwrap()
            + a.as_tensor().sqr().unwrap().sum_all().unwrap())
        .unwrap();
        let store = loss.backward().unwrap();
        let flat = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        vec![
            flat(&y),
            flat(store.get(&a).unwrap()),
            flat(store.get(&b).unwrap()),
        ]
    }

    #[test]
    fn fused_equals_tensor_operations_forward_and_backward() {
        for (coarse, skip) in [
            (vec![2, 3, 4], vec![2, 2, 8]),
            (vec![2, 3, 2, 5], vec![2, 4, 4, 10]),
            (vec![1, 2, 3, 1, 2], vec![1, 1, 6, 2, 4]),
        ] {
            let fused = run(|a, b| upsample_and_join(a, b).unwrap(), &coarse, &skip);
            let reference = run(|a, b| portable(a, b).unwrap(), &coarse, &skip);
            for (found, expected) in fused.iter().zip(&reference) {
                assert_eq!(found.len(), expected.len());
                assert!(
                    found
                        .iter()
                        .zip(expected)
                        .all(|(f, e)| (f - e).abs() < 1e-12),
                    "{coarse:?}"
                );
            }
        }
    }

    #[test]
    fn maps_that_do_not_fit_are_refused() {
        let a = Tensor::zeros((1, 1, 3, 3), DType::F32, &Device::Cpu).unwrap();
        let b = Tensor::zeros((1, 1, 6, 7), DType::F32, &Device::Cpu).unwrap();
        assert!(
            upsample_and_join(&a, &b)
                .unwrap_err()
                .to_string()
                .contains("twice the coarse map")
        );
    }
}
