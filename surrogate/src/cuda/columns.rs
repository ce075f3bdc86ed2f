//! Dense convolution on one to three axes: the neighbours of every point as columns (`columns.cu`), times the kernel by cuBLAS.
//!
//! Shapes: maps (B, S, N₁, …), kernel (T, S, d₁, …), columns (B, S·Π d, N₁, …); a kernel of side 1 needs no columns. The
//! columns go back by their adjoint.

use candle_core::cuda_backend::CudaStorage;
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::kernel::{Kernel, Number, sliced};
use super::not_here;
use super::product::product;
use super::program::Source;
use crate::tape;

const SOURCE: Source = Source {
    name: "columns",
    code: include_str!("columns.cu"),
};

/// The convolution, with a bias (T) where there is one.
pub(crate) fn convolution(
    input: &Tensor,
    kernel: &Tensor,
    bias: Option<&Tensor>,
) -> Result<Tensor> {
    let (maps, sides) = (input.dims(), &kernel.dims()[2..]);
    let taps: usize = sides.iter().product();
    let columns = match taps {
        1 => input.contiguous()?,
        _ => {
            let columns = Columns {
                map: three(&maps[2..]),
                kernel: three(sides),
                shape: maps.to_vec(),
            };
            tape::apply1(&input.contiguous()?, columns)?
        }
    };
    let matrix = kernel.reshape((kernel.dim(0)?, maps[1] * taps))?;
    product(&matrix, &columns, bias)
}

/// Sizes along one to three axes, brought to three by leading 1s.
fn three(sizes: &[usize]) -> [usize; 3] {
    let mut all = [1; 3];
    all[3 - sizes.len()..].copy_from_slice(sizes);
    all
}

/// Maps to columns (B, S·Π d, N₁, …).
struct Columns {
    map: [usize; 3],
    kernel: [usize; 3],
    /// Of the maps.
    shape: Vec<usize>,
}

impl Columns {
    fn taps(&self) -> usize {
        self.kernel.iter().product()
    }

    /// Columns, or `back` the adjoint: a kernel with a block a slice of a row of its result, and its numbers.
    fn kernel(&self, back: bool) -> (Kernel<'static>, [Number; 7]) {
        let rows = self.shape[0] * self.shape[1];
        let (name, rows) = match back {
            true => ("from_columns", rows),
            false => ("columns", rows * self.taps()),
        };
        let (slices, blocks) = sliced(rows, self.map.iter().product());
        let kernel = Kernel {
            source: SOURCE,
            name,
            constants: &[],
            blocks,
        };
        let ([depth, height, width], [a, b, c]) = (self.map, self.kernel);
        let numbers = [depth, height, width, a, b, c, slices].map(Number::Int);
        (kernel, numbers)
    }
}

impl CustomOp1 for Columns {
    fn name(&self) -> &'static str {
        "columns"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        not_here()
    }

    fn cuda_fwd(&self, maps: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let mut shape = self.shape.clone();
        shape[1] *= self.taps();
        let shape = Shape::from(shape);
        let (kernel, numbers) = self.kernel(false);
        let storage = kernel.run(shape.elem_count(), &[(maps, layout)], &numbers)?;
        Ok((storage, shape))
    }

    fn bwd(&self, maps: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let (kernel, numbers) = self.kernel(true);
        let gradient = gradient.contiguous()?;
        Ok(Some(kernel.on(maps.shape(), &[&gradient], &numbers)?))
    }
}
