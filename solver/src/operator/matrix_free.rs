//! Matrix-free stiffness: per cell `Σ_q ∂φ(q)ᵀ g(q) ∂u(q)` with the metric `g = k w det(J) J⁻¹J⁻ᵀ` stored per quadrature
//! point (Orszag 1980; Komatitsch and Tromp 1999 for the spectral case).
//!
//! On quadrilaterals, gradients are sums along one axis at a time (sum factorisation): `O(p³)` operations a cell instead
//! of `O(p⁴)`. The order is a compile-time constant, so that all loops over nodes unroll.

use nalgebra::DMatrix;

use crate::element::{Element, LineBasis};
use crate::geometry::stiffness_metric;
use crate::quadrature::gauss_legendre;
use crate::real::{Real, axpy};
use crate::simd::vectorised;
use crate::space::Space;

/// What a cell's kernel needs beside the metric.
#[derive(Debug, Clone)]
enum Kernel<T> {
    /// One gradient on the whole triangle.
    Triangle,
    /// Nodes are the quadrature points: `derivative[q·n + i] = φ_i'(x_q)`.
    Collocated { n: usize, derivative: Vec<T> },
    /// Two nodes a side, two Gauss points: `values[q][i] = φ_i(x_q)`, `slopes[q][i]` the derivative at `x_q` of the
    /// Lagrange basis on the Gauss points themselves, which spans the same space.
    Gauss {
        values: [[T; 2]; 2],
        slopes: [[T; 2]; 2],
    },
}

/// The matrix-free stiffness operator.
#[derive(Debug, Clone)]
pub struct MatrixFree<T> {
    kernel: Kernel<T>,
    cell_dofs: Vec<u32>,
    metric: Vec<[T; 3]>,
}

impl<T: Real> MatrixFree<T> {
    /// Computes the metric for `k = coefficient(position)`.
    pub fn new(space: &Space, coefficient: impl Fn([f64; 2]) -> f64) -> Self {
        let reference = space.reference();
        let round = |matrix: DMatrix<f64>| -> [[T; 2]; 2] {
            std::array::from_fn(|q| std::array::from_fn(|i| T::from_f64(matrix[(q, i)])))
        };
        let kernel = match space.element() {
            Element::P1Triangle => Kernel::Triangle,
            Element::Q1Quad => {
                let points = gauss_legendre(2).points;
                Kernel::Gauss {
                    values: round(reference.line().values_at(&points)),
                    slopes: round(LineBasis::new(points.clone()).derivatives_at(&points)),
                }
            }
            Element::GllQuad { order } => {
                let n = order + 1;
                let points: Vec<f64> = (0..n).map(|i| reference.node(i)[0]).collect();
                let matrix = reference.line().derivatives_at(&points);
                let derivative = (0..n * n)
                    .map(|k| T::from_f64(matrix[(k / n, k % n)]))
                    .collect();
                Kernel::Collocated { n, derivative }
            }
        };
        let mut metric = Vec::new();
        for cell in 0..space.mesh().cell_count() {
            let map = space.mesh().cell_map(cell);
            let mut sum = [0.0; 3];
            for &(point, weight) in reference.quadrature() {
                let factor = weight * coefficient(map.position(point));
                let here = stiffness_metric(&map.jacobian(point)).map(|g| factor * g);
                if space.element() == Element::P1Triangle {
                    sum = [sum[0] + here[0], sum[1] + here[1], sum[2] + here[2]];
                } else {
                    metric.push(here.map(T::from_f64));
                }
            }
            if space.element() == Element::P1Triangle {
                metric.push(sum.map(T::from_f64));
            }
        }
        Self {
            kernel,
            cell_dofs: space.all_cell_dofs().to_vec(),
            metric,
        }
    }

    /// Overwrites `product` with `K u`.
    pub fn apply<const L: usize>(&self, u: &[[T; L]], product: &mut [[T; L]]) {
        product.fill([T::ZERO; L]);
        match &self.kernel {
            Kernel::Triangle => vectorised(
                #[inline(always)]
                || self.triangles(u, product),
            ),
            Kernel::Gauss { values, slopes } => vectorised(
                #[inline(always)]
                || self.gauss_quads(values, slopes, u, product),
            ),
            Kernel::Collocated { n, derivative } => match n {
                2 => self.dispatch_quads::<2, L>(derivative, u, product),
                3 => self.dispatch_quads::<3, L>(derivative, u, product),
                4 => self.dispatch_quads::<4, L>(derivative, u, product),
                5 => self.dispatch_quads::<5, L>(derivative, u, product),
                6 => self.dispatch_quads::<6, L>(derivative, u, product),
                7 => self.dispatch_quads::<7, L>(derivative, u, product),
                8 => self.dispatch_quads::<8, L>(derivative, u, product),
                // orders are at most 8, checked by `ReferenceElement::new`
                _ => self.dispatch_quads::<9, L>(derivative, u, product),
            },
        }
    }

    /// Bytes of metric and indices.
    pub fn memory_bytes(&self) -> u64 {
        (size_of_val(&self.metric[..]) + size_of_val(&self.cell_dofs[..])) as u64
    }

    fn dispatch_quads<const N: usize, const L: usize>(
        &self,
        derivative: &[T],
        u: &[[T; L]],
        product: &mut [[T; L]],
    ) {
        let d: [[T; N]; N] =
            std::array::from_fn(|q| std::array::from_fn(|i| derivative[q * N + i]));
        vectorised(
            #[inline(always)]
            || self.collocated_quads(&d, u, product),
        );
    }

    #[inline(always)]
    fn triangles<const L: usize>(&self, u: &[[T; L]], product: &mut [[T; L]]) {
        for (dofs, [xx, xy, yy]) in self.cell_dofs.chunks_exact(3).zip(&self.metric) {
            let [a, b, c] = [dofs[0] as usize, dofs[1] as usize, dofs[2] as usize];
            for lane in 0..L {
                let gx = u[b][lane] - u[a][lane];
                let gy = u[c][lane] - u[a][lane];
                let fx = xx.mul_add(gx, *xy * gy);
                let fy = xy.mul_add(gx, *yy * gy);
                product[a][lane] -= fx + fy;
                product[b][lane] += fx;
                product[c][lane] += fy;
            }
        }
    }

    #[inline(always)]
    fn gauss_quads<const L: usize>(
        &self,
        values: &[[T; 2]; 2],
        slopes: &[[T; 2]; 2],
        u: &[[T; L]],
        product: &mut [[T; L]],
    ) {
        let transposed = [[values[0][0], values[1][0]], [values[0][1], values[1][1]]];
        for (dofs, metric) in self
            .cell_dofs
            .chunks_exact(4)
            .zip(self.metric.chunks_exact(4))
        {
            let mut local = [[[T::ZERO; L]; 2]; 2];
            gather(dofs, u, &mut local);
            let at_points = tensor_2(values, &local);
            let force = quad_force(slopes, metric, &at_points);
            scatter(dofs, &tensor_2(&transposed, &force), product);
        }
    }

    #[inline(always)]
    fn collocated_quads<const N: usize, const L: usize>(
        &self,
        derivative: &[[T; N]; N],
        u: &[[T; L]],
        product: &mut [[T; L]],
    ) {
        let cells = self.cell_dofs.chunks_exact(N * N);
        for (dofs, metric) in cells.zip(self.metric.chunks_exact(N * N)) {
            let mut local = [[[T::ZERO; L]; N]; N];
            gather(dofs, u, &mut local);
            scatter(dofs, &quad_force(derivative, metric, &local), product);
        }
    }
}

#[inline(always)]
fn gather<T: Real, const N: usize, const L: usize>(
    dofs: &[u32],
    u: &[[T; L]],
    local: &mut [[[T; L]; N]; N],
) {
    for (value, &dof) in local.as_flattened_mut().iter_mut().zip(dofs) {
        *value = u[dof as usize];
    }
}

#[inline(always)]
fn scatter<T: Real, const N: usize, const L: usize>(
    dofs: &[u32],
    local: &[[[T; L]; N]; N],
    product: &mut [[T; L]],
) {
    for (value, &dof) in local.as_flattened().iter().zip(dofs) {
        let sum = &mut product[dof as usize];
        for lane in 0..L {
            sum[lane] += value[lane];
        }
    }
}

/// `out[j][i] = Σ_kl a[j][l] a[i][k] x[l][k]`.
#[inline(always)]
fn tensor_2<T: Real, const L: usize>(a: &[[T; 2]; 2], x: &[[[T; L]; 2]; 2]) -> [[[T; L]; 2]; 2] {
    let mut half = [[[T::ZERO; L]; 2]; 2];
    let mut out = [[[T::ZERO; L]; 2]; 2];
    for j in 0..2 {
        for i in 0..2 {
            for k in 0..2 {
                axpy(a[i][k], &x[j][k], &mut half[j][i]);
            }
        }
    }
    for j in 0..2 {
        for i in 0..2 {
            for l in 0..2 {
                axpy(a[j][l], &half[l][i], &mut out[j][i]);
            }
        }
    }
    out
}

/// `Σ_q ∂φ(q)ᵀ g(q) ∂u(q)` for values at the quadrature points of a tensor rule, index `[eta][xi]`.
#[inline(always)]
fn quad_force<T: Real, const N: usize, const L: usize>(
    d: &[[T; N]; N],
    metric: &[[T; 3]],
    u: &[[[T; L]; N]; N],
) -> [[[T; L]; N]; N] {
    let mut flux_x = [[[T::ZERO; L]; N]; N];
    let mut flux_y = [[[T::ZERO; L]; N]; N];
    for j in 0..N {
        for i in 0..N {
            let mut gx = [T::ZERO; L];
            let mut gy = [T::ZERO; L];
            for k in 0..N {
                axpy(d[i][k], &u[j][k], &mut gx);
                axpy(d[j][k], &u[k][i], &mut gy);
            }
            let [xx, xy, yy] = metric[j * N + i];
            for lane in 0..L {
                flux_x[j][i][lane] = xx.mul_add(gx[lane], xy * gy[lane]);
                flux_y[j][i][lane] = xy.mul_add(gx[lane], yy * gy[lane]);
            }
        }
    }
    let mut force = [[[T::ZERO; L]; N]; N];
    for j in 0..N {
        for i in 0..N {
            let mut sum = [T::ZERO; L];
            for k in 0..N {
                axpy(d[k][i], &flux_x[j][k], &mut sum);
                axpy(d[k][j], &flux_y[k][i], &mut sum);
            }
            force[j][i] = sum;
        }
    }
    force
}
