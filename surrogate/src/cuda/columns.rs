//! Dense convolution on one to three axes: the neighbours of every point as columns (`columns.cu`), times the kernel by cuBLAS.
//!
//! Shapes: maps (B, S, N₁, …), kernel (T, S, d₁, …), columns (B, S·Π d, Π N); a kernel of side 1 needs no columns. The product's
//! gradients are candle's, and the columns go back by their adjoint.

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::PushKernelArg;
use candle_core::cuda_backend::{CudaStorage, WrapErr};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::program::Source;
use super::{for_real, int, not_here, over, places};

const SOURCE: Source = Source {
    name: "columns",
    code: include_str!("columns.cu"),
};

/// The convolution without a bias.
pub(crate) fn convolution(input: &Tensor, kernel: &Tensor) -> Result<Tensor> {
    let (maps, sides) = (input.dims(), &kernel.dims()[2..]);
    let (taps, points): (usize, usize) = (sides.iter().product(), maps[2..].iter().product());
    let columns = match taps {
        1 => input.contiguous()?,
        _ => input.contiguous()?.apply_op1(Columns {
            map: three(&maps[2..]),
            kernel: three(sides),
            shape: maps.to_vec(),
        })?,
    };
    let columns = columns.reshape((maps[0], maps[1] * taps, points))?;
    let matrix = kernel.reshape((kernel.dim(0)?, maps[1] * taps))?;
    let mut shape = maps.to_vec();
    shape[1] = kernel.dim(0)?;
    matrix.broadcast_matmul(&columns)?.reshape(shape)
}

/// Sizes along one to three axes, brought to three by leading 1s.
fn three(sizes: &[usize]) -> [usize; 3] {
    let mut all = [1; 3];
    all[3 - sizes.len()..].copy_from_slice(sizes);
    all
}

/// Maps to columns (B, S·Π d, Π N).
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

    /// Launches a function of the source for a result of so many values.
    fn run(
        &self,
        function: &str,
        input: &CudaStorage,
        layout: &Layout,
        count: usize,
    ) -> Result<CudaStorage> {
        let device = input.device().clone();
        let [depth, height, width] = [int(self.map[0])?, int(self.map[1])?, int(self.map[2])?];
        let [a, b, c] = [
            int(self.kernel[0])?,
            int(self.kernel[1])?,
            int(self.kernel[2])?,
        ];
        let values = count as i64;
        Ok(for_real!(input.dtype(), {
            let function = SOURCE.function::<Real>(&device, function)?;
            let x = input.as_cuda_slice::<Real>()?.slice(places(layout)?);
            // SAFETY: the kernel writes every value.
            let mut y = unsafe { device.alloc::<Real>(count)? };
            let mut launch = function.builder();
            launch
                .arg(&mut y)
                .arg(&x)
                .arg(&depth)
                .arg(&height)
                .arg(&width);
            launch.arg(&a).arg(&b).arg(&c).arg(&values);
            // SAFETY: types and sizes are those of the kernel's head.
            unsafe { launch.launch(over(count)) }.w()?;
            CudaStorage::wrap_cuda_slice(y, device)
        }))
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
        let rows = self.shape[1] * self.taps();
        let shape = Shape::from((self.shape[0], rows, self.map.iter().product::<usize>()));
        let count = shape.elem_count();
        Ok((self.run("columns", maps, layout, count)?, shape))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let adjoint = FromColumns(Self {
            shape: self.shape.clone(),
            ..*self
        });
        Ok(Some(gradient.contiguous()?.apply_op1_no_bwd(&adjoint)?))
    }
}

/// The adjoint: columns to maps.
struct FromColumns(Columns);

impl CustomOp1 for FromColumns {
    fn name(&self) -> &'static str {
        "from-columns"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        not_here()
    }

    fn cuda_fwd(&self, columns: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let shape = Shape::from(self.0.shape.clone());
        let count = shape.elem_count();
        Ok((self.0.run("from_columns", columns, layout, count)?, shape))
    }
}
