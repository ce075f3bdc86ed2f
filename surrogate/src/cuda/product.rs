//! A matrix times the channels of maps, by cuBLAS, with one bias a row: what every convolution ends in.
//!
//! `y[b, t] = Σ_k M[t, k] x[b, k] + bias[t]`; backward `∂x = Mᵀ ∂y`, `∂M = Σ_b ∂y_b x_bᵀ`, `∂bias = Σ ∂y`. Shapes: matrix (T, K),
//! maps (B, K, N₁, …), bias (T), result (B, T, N₁, …). cuBLAS reads the one matrix for every image, no copies are made, and the
//! bias is added in place (`bias.cu`).

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::PushKernelArg;
use candle_core::cuda_backend::{CudaStorage, WrapErr};
use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};

use super::kernel::sliced;
use super::program::Source;
use super::{for_real, grid, int, not_here, places};
use crate::tape;

const SOURCE: Source = Source {
    name: "bias",
    code: include_str!("bias.cu"),
};

/// The product, with a bias where there is one.
pub(crate) fn product(matrix: &Tensor, maps: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let (matrix, maps) = (matrix.contiguous()?, maps.contiguous()?);
    let operation = Product {
        input_gradient: maps.track_op(),
    };
    match bias {
        Some(bias) => tape::apply3(&matrix, &maps, &bias.contiguous()?, operation),
        None => tape::apply2(&matrix, &maps, operation),
    }
}

struct Product {
    input_gradient: bool,
}

impl Product {
    fn multiply(
        (matrix, matrix_layout): (&CudaStorage, &Layout),
        (maps, maps_layout): (&CudaStorage, &Layout),
    ) -> Result<(CudaStorage, Shape)> {
        let mut shape = maps_layout.dims().to_vec();
        let (outputs, inner) = matrix_layout.shape().dims2()?;
        let (images, points) = (shape[0], shape[2..].iter().product::<usize>());
        // the same matrix for every image
        let every = Layout::new(
            (images, outputs, inner).into(),
            vec![0, inner, 1],
            matrix_layout.start_offset(),
        );
        let columns =
            Layout::contiguous_with_offset((images, inner, points), maps_layout.start_offset());
        let product = matrix.matmul(maps, (images, outputs, points, inner), &every, &columns)?;
        shape[1] = outputs;
        Ok((product, shape.into()))
    }

    fn gradients(
        &self,
        matrix: &Tensor,
        maps: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let back = Self {
            input_gradient: false,
        };
        let of_maps = match self.input_gradient {
            true => Some(
                matrix
                    .t()?
                    .contiguous()?
                    .apply_op2_no_bwd(gradient, &back)?,
            ),
            false => None,
        };
        Ok((Some(outer(gradient, maps)?), of_maps))
    }
}

/// `Σ_b g_b x_bᵀ` for contiguous maps g (B, T, N₁, …) and x (B, K, N₁, …): (T, K).
pub(super) fn outer(gradient: &Tensor, maps: &Tensor) -> Result<Tensor> {
    let rows = maps.flatten_from(2)?.transpose(1, 2)?;
    gradient.flatten_from(2)?.matmul(&rows)?.sum(0)
}

/// Sums of every channel of contiguous maps (B, T, N₁, …): (T).
pub(super) fn channel_sums(maps: &Tensor) -> Result<Tensor> {
    maps.flatten_from(2)?.sum(2)?.sum(0)
}

impl CustomOp2 for Product {
    fn name(&self) -> &'static str {
        "product"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        not_here()
    }

    fn cuda_fwd(
        &self,
        matrix: &CudaStorage,
        matrix_layout: &Layout,
        maps: &CudaStorage,
        maps_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        Self::multiply((matrix, matrix_layout), (maps, maps_layout))
    }

    fn bwd(
        &self,
        matrix: &Tensor,
        maps: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        self.gradients(matrix, maps, &gradient.contiguous()?)
    }
}

impl CustomOp3 for Product {
    fn name(&self) -> &'static str {
        "product-and-bias"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        not_here()
    }

    fn cuda_fwd(
        &self,
        matrix: &CudaStorage,
        matrix_layout: &Layout,
        maps: &CudaStorage,
        maps_layout: &Layout,
        bias: &CudaStorage,
        bias_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let (mut product, shape) = Self::multiply((matrix, matrix_layout), (maps, maps_layout))?;
        let (channels, map) = (shape.dims()[1], shape.dims()[2..].iter().product());
        let (slices, blocks) = sliced(shape.dims()[0] * channels, map);
        let (channels, map, slices) = (int(channels)?, int(map)?, int(slices)?);
        let device = product.device().clone();
        for_real!(product.dtype(), {
            let function = SOURCE.function::<Real>(&device, "add_bias", &[])?;
            let b = bias.as_cuda_slice::<Real>()?.slice(places(bias_layout)?);
            let y = product.as_cuda_slice_mut::<Real>()?;
            let mut launch = function.builder();
            launch.arg(y).arg(&b).arg(&channels).arg(&map).arg(&slices);
            // SAFETY: types and sizes are those of the kernel's head, one block a slice of a map.
            unsafe { launch.launch(grid(blocks)?) }.w()?;
        });
        Ok((product, shape))
    }

    fn bwd(
        &self,
        matrix: &Tensor,
        maps: &Tensor,
        _: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        let (of_matrix, of_maps) = self.gradients(matrix, maps, &gradient)?;
        Ok((of_matrix, of_maps, Some(channel_sums(&gradient)?)))
    }
}
