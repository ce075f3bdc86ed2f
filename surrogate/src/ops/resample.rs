//! Halving and doubling the resolution of maps along all their spatial axes, with gradients that add up.
//!
//! With `n` spatial axes, `upsample_nearest` copies each value into a block of 2ⁿ, and `average_pool` takes the mean of a
//! block: each is, up to the factor 2ⁿ, the other's adjoint. `max_pool` takes a block's largest value (NaN above all) and
//! sends the gradient to the first of the largest. candle's own `upsample_nearest2d` overwrites, in its backward pass, the
//! gradient that other users of its input have left (candle 0.11.1): no network here uses it.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp1, D, DType, Layout, Result as Computed, Shape, Tensor};
use rayon::prelude::*;

use super::element::{Element, slice, with_slice};
use super::{check_spatial, on_host};
use crate::pieces::in_pieces;
use crate::{Result, SurrogateError, tape};

/// Maps (B, C, N₁, …) to (B, C, 2·N₁, …), each value copied into a block.
///
/// # Errors
/// [`SurrogateError::Shape`] if there are not one to three spatial axes.
pub fn upsample_nearest(input: &Tensor) -> Result<Tensor> {
    check_spatial("upsampling, input", input)?;
    apply(input, Resample::Upsample)
}

/// Maps (B, C, N₁, …) to (B, C, N₁/2, …), the mean of each block.
///
/// # Errors
/// [`SurrogateError::Shape`] if a spatial axis has an odd length.
pub fn average_pool(input: &Tensor) -> Result<Tensor> {
    check_even("average pooling", input)?;
    apply(input, Resample::Average)
}

/// Maps (B, C, N₁, …) to (B, C, N₁/2, …), the largest value of each block.
///
/// # Errors
/// [`SurrogateError::Shape`] if a spatial axis has an odd length.
pub fn max_pool(input: &Tensor) -> Result<Tensor> {
    check_even("max pooling", input)?;
    apply(input, Resample::Max)
}

fn apply(input: &Tensor, operation: Resample) -> Result<Tensor> {
    if on_host(&[Some(input)]) && input.elem_count() > 0 {
        Ok(tape::apply1(&input.contiguous()?, operation)?)
    } else {
        Ok(operation.portable(input)?)
    }
}

fn check_even(place: &str, input: &Tensor) -> Result<()> {
    check_spatial(place, input)?;
    match input.dims()[2..]
        .iter()
        .enumerate()
        .find(|(_, length)| **length == 0 || **length % 2 != 0)
    {
        None => Ok(()),
        Some((axis, length)) => Err(SurrogateError::Shape {
            place: format!("{place}, spatial axis {axis}"),
            found: format!("length {length}"),
            expected: "an even length".into(),
            remedy: "use a grid whose shape every pooling of the network can halve".into(),
        }),
    }
}

/// The three operations, each an operation of candle's graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resample {
    Upsample,
    Average,
    Max,
}

impl Resample {
    /// The shape of the result.
    fn shape(self, maps: &[usize]) -> Vec<usize> {
        let spatial = |length: usize| {
            if self == Self::Upsample {
                2 * length
            } else {
                length / 2
            }
        };
        maps.iter()
            .enumerate()
            .map(|(axis, &length)| if axis < 2 { length } else { spatial(length) })
            .collect()
    }

    /// With candle's own operations, for other devices and types.
    fn portable(self, input: &Tensor) -> Computed<Tensor> {
        let (dims, axes) = (input.dims(), input.rank() - 2);
        let (mut split, mut wide, halves) =
            (dims[..2].to_vec(), dims[..2].to_vec(), self.shape(dims));
        for &length in &dims[2..] {
            split.extend(if self == Self::Upsample {
                [length, 1]
            } else {
                [length / 2, 2]
            });
            wide.extend([length, 2]);
        }
        if self == Self::Upsample {
            return input.reshape(split)?.broadcast_as(wide)?.reshape(halves);
        }
        let order: Vec<usize> = [0, 1]
            .into_iter()
            .chain((0..axes).map(|a| 2 + 2 * a))
            .chain((0..axes).map(|a| 3 + 2 * a))
            .collect();
        let blocks = input
            .reshape(split)?
            .permute(order)?
            .reshape([halves.as_slice(), &[1 << axes]].concat())?;
        match self {
            Self::Max => {
                let largest = blocks.argmax_keepdim(D::Minus1)?;
                blocks
                    .contiguous()?
                    .gather(&largest, D::Minus1)?
                    .squeeze(D::Minus1)
            }
            _ => blocks.mean(D::Minus1),
        }
    }

    /// From coarse and fine maps, result row by result row.
    fn run<E: Element>(self, x: &[E], blocks: Blocks) -> Vec<E> {
        match self {
            Self::Upsample => blocks.spread(x, E::from_f64(1.0)),
            Self::Average => blocks.gather(x, E::from_f64(1.0 / (1 << blocks.axes) as f64)),
            Self::Max => blocks.largest(x),
        }
    }

    fn adjoint<E: Element>(self, x: &[E], g: &[E], blocks: Blocks) -> Vec<E> {
        match self {
            Self::Upsample => blocks.gather(g, E::from_f64(1.0)),
            Self::Average => blocks.spread(g, E::from_f64(1.0 / (1 << blocks.axes) as f64)),
            Self::Max => blocks.route(x, g),
        }
    }
}

impl CustomOp1 for Resample {
    fn name(&self) -> &'static str {
        match self {
            Self::Upsample => "upsample-nearest",
            Self::Average => "average-pool",
            Self::Max => "max-pool",
        }
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Computed<(CpuStorage, Shape)> {
        let shape = self.shape(layout.dims());
        let blocks = Blocks::new(if *self == Self::Upsample {
            layout.dims()
        } else {
            &shape
        });
        let y = match x.dtype() {
            DType::F64 => CpuStorage::F64(self.run(slice(x, layout)?, blocks)),
            _ => CpuStorage::F32(self.run(slice(x, layout)?, blocks)),
        };
        Ok((y, shape.into()))
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, gradient: &Tensor) -> Computed<Option<Tensor>> {
        fn run<E: Element>(
            operation: Resample,
            x: &Tensor,
            g: &Tensor,
            blocks: Blocks,
        ) -> Computed<Option<Tensor>> {
            let values = with_slice::<E, _>(x, |x| {
                with_slice(g, |g| Ok(operation.adjoint(x, g, blocks)))
            })?;
            Ok(Some(Tensor::from_vec(values, x.shape(), x.device())?))
        }
        let blocks = Blocks::new(if *self == Self::Upsample {
            x.dims()
        } else {
            y.dims()
        });
        match x.dtype() {
            DType::F64 => run::<f64>(*self, x, gradient, blocks),
            _ => run::<f32>(*self, x, gradient, blocks),
        }
    }
}

/// The coarse maps (maps, depth, height, width) whose every value stands for a block of a fine map.
#[derive(Clone, Copy)]
struct Blocks {
    axes: usize,
    height: usize,
    width: usize,
    rows: usize,
}

impl Blocks {
    fn new(coarse: &[usize]) -> Self {
        let axes = coarse.len() - 2;
        let rows = coarse[..coarse.len() - 1].iter().product();
        let height = if axes > 1 { coarse[axes] } else { 1 };
        Self {
            axes,
            height,
            width: coarse[axes + 1],
            rows,
        }
    }

    /// Where the fine rows of a coarse row start: 1, 2 or 4 of them.
    fn fine_rows(self, row: usize) -> impl Iterator<Item = usize> + Clone {
        let fine = 2 * self.width;
        let (plane, line) = (row / self.height, row % self.height);
        let (planes, lines) = (
            if self.axes > 2 { 2 } else { 1 },
            if self.axes > 1 { 2 } else { 1 },
        );
        (0..planes).flat_map(move |a| {
            (0..lines).map(move |b| {
                ((plane * planes + a) * self.height * lines + line * lines + b) * fine
            })
        })
    }

    /// Coarse values, `factor` times, into their blocks.
    fn spread<E: Element>(self, coarse: &[E], factor: E) -> Vec<E> {
        self.fine_planes(coarse, |_, fine, coarse| {
            for (row, values) in coarse.chunks_exact(self.width).enumerate() {
                for start in self.fine_rows(row) {
                    for (pair, value) in fine[start..start + 2 * self.width]
                        .chunks_exact_mut(2)
                        .zip(values)
                    {
                        pair.fill(*value * factor);
                    }
                }
            }
        })
    }

    /// `factor` times the sum of each block.
    fn gather<E: Element>(self, fine: &[E], factor: E) -> Vec<E> {
        self.coarse_rows(|row, sums| {
            for start in self.fine_rows(row) {
                for (sum, pair) in sums
                    .iter_mut()
                    .zip(fine[start..start + 2 * self.width].chunks_exact(2))
                {
                    *sum += pair[0];
                    *sum += pair[1];
                }
            }
            for sum in sums {
                *sum *= factor;
            }
        })
    }

    /// The largest value of each block.
    fn largest<E: Element>(self, fine: &[E]) -> Vec<E> {
        self.coarse_rows(|row, largest| {
            for (index, start) in self.fine_rows(row).enumerate() {
                for (largest, pair) in largest
                    .iter_mut()
                    .zip(fine[start..start + 2 * self.width].chunks_exact(2))
                {
                    for (place, value) in pair.iter().enumerate() {
                        if (index, place) == (0, 0) || exceeds(*value, *largest) {
                            *largest = *value;
                        }
                    }
                }
            }
        })
    }

    /// Each coarse value at the first place of its block's largest value, 0 elsewhere.
    fn route<E: Element>(self, fine: &[E], coarse: &[E]) -> Vec<E> {
        self.fine_planes(coarse, |start, routed, coarse| {
            let fine = &fine[start..start + routed.len()];
            for (row, values) in coarse.chunks_exact(self.width).enumerate() {
                for (position, value) in values.iter().enumerate() {
                    let places = self
                        .fine_rows(row)
                        .flat_map(|start| [start + 2 * position, start + 2 * position + 1]);
                    let largest = places.reduce(|best, at| {
                        if exceeds(fine[at], fine[best]) {
                            at
                        } else {
                            best
                        }
                    });
                    if let Some(place) = largest {
                        routed[place] = *value;
                    }
                }
            }
        })
    }

    /// Zeros of the fine maps, given to `fill` by the planes that one coarse plane stands for: where they start, they, it.
    fn fine_planes<E: Element>(
        self,
        coarse: &[E],
        fill: impl Fn(usize, &mut [E], &[E]) + Sync,
    ) -> Vec<E> {
        let plane = self.height * self.width;
        let fine_plane = plane << self.axes;
        in_pieces(coarse.len() << self.axes, fine_plane, |index, fine| {
            fill(index * fine_plane, fine, &coarse[index * plane..][..plane]);
        })
    }

    /// The coarse maps, given to `fill` row by row.
    fn coarse_rows<E: Element>(self, fill: impl Fn(usize, &mut [E]) + Sync) -> Vec<E> {
        let mut coarse = vec![E::default(); self.rows * self.width];
        coarse
            .par_chunks_exact_mut(self.width)
            .with_min_len(64)
            .enumerate()
            .for_each(|(row, values)| fill(row, values));
        coarse
    }
}

/// Whether `a` is the larger; NaN counts as the largest, so that it is not lost.
fn exceeds<E: Element>(a: E, b: E) -> bool {
    a > b || (a.to_f64().is_nan() && !b.to_f64().is_nan())
}
