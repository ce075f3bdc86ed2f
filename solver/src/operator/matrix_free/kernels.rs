//! The cell loops of the matrix-free stiffness, each `product += K u` over all cells.
//!
//! `dofs`: degrees of freedom cell after cell; `metric`: entries xx, xy, yy per quadrature point, cell after cell.

use crate::real::Real;
use crate::simd::{PackOperator, Packs};

/// Linear triangles: one gradient and one metric a cell.
pub(super) struct Triangles<'a, T> {
    pub(super) dofs: &'a [u32],
    pub(super) metric: &'a [[T; 3]],
}

impl<T: Real> PackOperator<T> for Triangles<'_, T> {
    #[inline(always)]
    fn run<P: Packs<T>>(self, packs: P, u: &[P::Pack], product: &mut [P::Pack], stride: usize) {
        for (dofs, metric) in self.dofs.chunks_exact(3).zip(self.metric) {
            let [xx, xy, yy] = metric.map(|g| packs.splat(g));
            for p in 0..stride {
                let [a, b, c] = [0, 1, 2].map(|k| dofs[k] as usize * stride + p);
                let gx = packs.sub(u[b], u[a]);
                let gy = packs.sub(u[c], u[a]);
                let fx = packs.mul_add(xx, gx, packs.mul(xy, gy));
                let fy = packs.mul_add(xy, gx, packs.mul(yy, gy));
                product[a] = packs.sub(product[a], packs.add(fx, fy));
                product[b] = packs.add(product[b], fx);
                product[c] = packs.add(product[c], fy);
            }
        }
    }
}

/// Bilinear quadrilaterals with 2×2 Gauss points.
pub(super) struct GaussQuads<'a, T> {
    pub(super) dofs: &'a [u32],
    pub(super) metric: &'a [[T; 3]],
    /// Basis at the Gauss points, `[point][basis]`.
    pub(super) values: &'a [[T; 2]; 2],
    /// Slopes at the Gauss points of the Lagrange basis on them, `[point][basis]`.
    pub(super) slopes: &'a [[T; 2]; 2],
}

impl<T: Real> PackOperator<T> for GaussQuads<'_, T> {
    #[inline(always)]
    fn run<P: Packs<T>>(self, packs: P, u: &[P::Pack], product: &mut [P::Pack], stride: usize) {
        let [[a, b], [c, d]] = *self.values;
        let transposed = [[a, c], [b, d]];
        let cells = self.dofs.chunks_exact(4);
        for (dofs, metric) in cells.zip(self.metric.chunks_exact(4)) {
            for p in 0..stride {
                let local = gather::<T, P, 2>(packs, dofs, u, stride, p);
                let at_points = along_both_axes(packs, self.values, &local);
                let force = force(packs, self.slopes, metric, &at_points);
                let force = along_both_axes(packs, &transposed, &force);
                scatter::<T, P, 2>(packs, dofs, &force, product, stride, p);
            }
        }
    }
}

/// Spectral quadrilaterals of `N` nodes a side, which are the quadrature points.
pub(super) struct CollocatedQuads<'a, T, const N: usize> {
    pub(super) dofs: &'a [u32],
    pub(super) metric: &'a [[T; 3]],
    /// Slopes of the basis at the nodes, `[node][basis]`.
    pub(super) derivative: [[T; N]; N],
}

impl<T: Real, const N: usize> PackOperator<T> for CollocatedQuads<'_, T, N> {
    #[inline(always)]
    fn run<P: Packs<T>>(self, packs: P, u: &[P::Pack], product: &mut [P::Pack], stride: usize) {
        let cells = self.dofs.chunks_exact(N * N);
        for (dofs, metric) in cells.zip(self.metric.chunks_exact(N * N)) {
            for p in 0..stride {
                let local = gather::<T, P, N>(packs, dofs, u, stride, p);
                let force = force(packs, &self.derivative, metric, &local);
                scatter::<T, P, N>(packs, dofs, &force, product, stride, p);
            }
        }
    }
}

/// Values at the nodes of a cell, `[eta][xi]`.
#[inline(always)]
fn gather<T: Real, P: Packs<T>, const N: usize>(
    packs: P,
    dofs: &[u32],
    u: &[P::Pack],
    stride: usize,
    p: usize,
) -> [[P::Pack; N]; N] {
    let mut local = [[packs.splat(T::ZERO); N]; N];
    for (value, &dof) in local.as_flattened_mut().iter_mut().zip(dofs) {
        *value = u[dof as usize * stride + p];
    }
    local
}

#[inline(always)]
fn scatter<T: Real, P: Packs<T>, const N: usize>(
    packs: P,
    dofs: &[u32],
    local: &[[P::Pack; N]; N],
    product: &mut [P::Pack],
    stride: usize,
    p: usize,
) {
    for (&value, &dof) in local.as_flattened().iter().zip(dofs) {
        let sum = &mut product[dof as usize * stride + p];
        *sum = packs.add(*sum, value);
    }
}

/// `out[j][i] = Σ_kl a[j][l] a[i][k] x[l][k]`.
#[inline(always)]
fn along_both_axes<T: Real, P: Packs<T>>(
    packs: P,
    a: &[[T; 2]; 2],
    x: &[[P::Pack; 2]; 2],
) -> [[P::Pack; 2]; 2] {
    let zero = packs.splat(T::ZERO);
    let mut half = [[zero; 2]; 2];
    let mut out = [[zero; 2]; 2];
    for j in 0..2 {
        for i in 0..2 {
            for k in 0..2 {
                half[j][i] = packs.mul_add(packs.splat(a[i][k]), x[j][k], half[j][i]);
            }
        }
    }
    for j in 0..2 {
        for i in 0..2 {
            for l in 0..2 {
                out[j][i] = packs.mul_add(packs.splat(a[j][l]), half[l][i], out[j][i]);
            }
        }
    }
    out
}

/// `Σ_q ∂φ(q)ᵀ g(q) ∂u(q)` for values at the quadrature points of a tensor rule, `[eta][xi]`.
#[inline(always)]
fn force<T: Real, P: Packs<T>, const N: usize>(
    packs: P,
    d: &[[T; N]; N],
    metric: &[[T; 3]],
    u: &[[P::Pack; N]; N],
) -> [[P::Pack; N]; N] {
    let zero = packs.splat(T::ZERO);
    let mut flux_x = [[zero; N]; N];
    let mut flux_y = [[zero; N]; N];
    for j in 0..N {
        for i in 0..N {
            let (mut gx, mut gy) = (zero, zero);
            for k in 0..N {
                gx = packs.mul_add(packs.splat(d[i][k]), u[j][k], gx);
                gy = packs.mul_add(packs.splat(d[j][k]), u[k][i], gy);
            }
            let [xx, xy, yy] = metric[j * N + i].map(|g| packs.splat(g));
            flux_x[j][i] = packs.mul_add(xx, gx, packs.mul(xy, gy));
            flux_y[j][i] = packs.mul_add(xy, gx, packs.mul(yy, gy));
        }
    }
    let mut force = [[zero; N]; N];
    for j in 0..N {
        for i in 0..N {
            let mut sum = zero;
            for k in 0..N {
                sum = packs.mul_add(packs.splat(d[k][i]), flux_x[j][k], sum);
                sum = packs.mul_add(packs.splat(d[k][j]), flux_y[k][i], sum);
            }
            force[j][i] = sum;
        }
    }
    force
}
