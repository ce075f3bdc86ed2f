//! The forces of one cell, `K_e u`, for each kind of cell.

use super::side_by_side::CellKernel;
use super::within_cell::{RowKernel, Values, columns, rows};
use crate::real::Real;
use crate::simd::{Packs, Prefix};

/// Linear triangles: one gradient and one metric (xx, xy, yy) a cell.
#[derive(Clone, Copy)]
pub(super) struct Triangles<'a, T> {
    pub(super) metric: &'a [T],
}

impl<T: Real> CellKernel<T> for Triangles<'_, T> {
    type Local<V: Copy> = [V; 3];

    #[inline(always)]
    fn force<P: Packs<T>>(self, packs: P, place: usize, u: &[P::Pack; 3]) -> [P::Pack; 3] {
        let metric = &self.metric[place * 3..][..3];
        let xx = packs.splat(metric[0]);
        let xy = packs.splat(metric[1]);
        let yy = packs.splat(metric[2]);
        let gx = packs.sub(u[1], u[0]);
        let gy = packs.sub(u[2], u[0]);
        let fx = packs.mul_add(xx, gx, packs.mul(xy, gy));
        let fy = packs.mul_add(xy, gx, packs.mul(yy, gy));
        let zero = packs.splat(T::ZERO);
        [packs.sub(zero, packs.add(fx, fy)), fx, fy]
    }
}

/// Bilinear quadrilaterals with 2×2 Gauss points.
#[derive(Clone, Copy)]
pub(super) struct GaussQuads<'a, T> {
    /// Per cell: xx at all points, xy at all, yy at all.
    pub(super) metric: &'a [T],
    /// Basis at the Gauss points, `[point][basis]`.
    pub(super) values: [[T; 2]; 2],
    /// Slopes at the Gauss points of the Lagrange basis on them, `[point][basis]`.
    pub(super) slopes: [[T; 2]; 2],
}

impl<T: Real> CellKernel<T> for GaussQuads<'_, T> {
    type Local<V: Copy> = [[V; 2]; 2];

    #[inline(always)]
    fn force<P: Packs<T>>(
        self,
        packs: P,
        place: usize,
        u: &[[P::Pack; 2]; 2],
    ) -> [[P::Pack; 2]; 2] {
        let [[a, b], [c, d]] = self.values;
        let at_points = along_both_axes(packs, &self.values, u);
        let metric = &self.metric[place * 12..][..12];
        let force = mapped_force(packs, &self.slopes, metric, &at_points);
        along_both_axes(packs, &[[a, c], [b, d]], &force)
    }
}

/// Spectral quadrilaterals of any shape with `N` nodes a side, which are the quadrature points.
#[derive(Clone, Copy)]
pub(super) struct MappedQuads<'a, T, const N: usize> {
    /// Per cell: xx at all points, xy at all, yy at all.
    pub(super) metric: &'a [T],
    /// Slopes of the basis at the nodes, `[node][basis]`.
    pub(super) derivative: [[T; N]; N],
}

impl<T: Real, const N: usize> CellKernel<T> for MappedQuads<'_, T, N> {
    type Local<V: Copy> = [[V; N]; N];

    #[inline(always)]
    fn force<P: Packs<T>>(
        self,
        packs: P,
        place: usize,
        u: &[[P::Pack; N]; N],
    ) -> [[P::Pack; N]; N] {
        let metric = &self.metric[place * 3 * N * N..][..3 * N * N];
        mapped_force(packs, &self.derivative, metric, u)
    }
}

impl<T: Real, const N: usize> RowKernel<T, N> for MappedQuads<'_, T, N> {
    /// The derivative's columns and rows.
    type Tables<P: Packs<T>> = [[P::Pack; N]; 2];

    #[inline(always)]
    fn tables<P: Packs<T>>(self, packs: P) -> [[P::Pack; N]; 2] {
        [
            columns(packs, &self.derivative),
            rows(packs, &self.derivative),
        ]
    }

    #[inline(always)]
    fn force_in_rows<P: Packs<T>>(
        self,
        packs: P,
        place: usize,
        derivative: &[[P::Pack; N]; 2],
        rows: &[P::Pack; N],
        values: impl Values<T>,
    ) -> [P::Pack; N] {
        let row = Prefix::new(packs, N);
        let metric = &self.metric[place * 3 * N * N..][..3 * N * N];
        let mut in_rows = [[packs.splat(T::ZERO); N]; 3];
        for entry in 0..3 {
            for j in 0..N {
                in_rows[entry][j] = row.load(packs, &metric[(entry * N + j) * N..]);
            }
        }
        mapped_rows(packs, &self.derivative, derivative, &in_rows, rows, values)
    }
}

/// As [`mapped_force`], with registers for rows. `tables`: columns and rows of the derivative `d`; `metric`: rows of xx, xy
/// and yy.
#[inline(always)]
fn mapped_rows<T: Real, P: Packs<T>, const N: usize>(
    packs: P,
    d: &[[T; N]; N],
    [columns, rows_of_derivative]: &[[P::Pack; N]; 2],
    [xx, xy, yy]: &[[P::Pack; N]; 3],
    rows: &[P::Pack; N],
    values: impl Values<T>,
) -> [P::Pack; N] {
    let row = Prefix::new(packs, N);
    let zero = packs.splat(T::ZERO);
    let mut flux_x = [[T::ZERO; N]; N];
    let mut flux_y = [zero; N];
    for j in 0..N {
        let (mut gx, mut gy) = (zero, zero);
        for k in 0..N {
            gx = packs.mul_add(columns[k], packs.splat(values.at(j, k)), gx);
            gy = packs.mul_add(packs.splat(d[j][k]), rows[k], gy);
        }
        let along = packs.mul_add(xx[j], gx, packs.mul(xy[j], gy));
        row.store(packs, &mut flux_x[j], along);
        flux_y[j] = packs.mul_add(xy[j], gx, packs.mul(yy[j], gy));
    }
    let mut force = [zero; N];
    for j in 0..N {
        for k in 0..N {
            let flux = packs.splat(flux_x[j][k]);
            force[j] = packs.mul_add(rows_of_derivative[k], flux, force[j]);
            force[j] = packs.mul_add(packs.splat(d[k][j]), flux_y[k], force[j]);
        }
    }
    force
}

/// The bilinear maps of cells, which take a third of the memory of the metric.
///
/// With the Jacobian's columns `(a + t₀ η, c + t₁ η)` and `(b + t₀ ξ, d + t₁ ξ)`, the metric is
/// `xx = s P(ξ)`, `yy = s R(η)`, `xy = −s Q(ξ, η)`: P is the second column's square, R the first one's, Q their product,
/// and `s = w k/det(J)`.
#[derive(Debug, Clone)]
pub(super) struct Bilinear<T> {
    /// Nodes of the line.
    pub(super) nodes: Vec<T>,
    /// a, b, c, d, t₀, t₁ of every cell.
    pub(super) maps: Vec<[T; 6]>,
    /// s at the points of every cell.
    pub(super) scales: Vec<T>,
}

impl<T: Real> Bilinear<T> {
    /// The metric itself: per cell xx at all points, xy at all, yy at all, by the operations of [`BilinearQuads`].
    pub(super) fn metric(&self) -> Vec<T> {
        let n = self.nodes.len();
        let mut metric = Vec::with_capacity(3 * self.scales.len());
        for (&[a, b, c, d, t0, t1], scales) in self.maps.iter().zip(self.scales.chunks(n * n)) {
            let mut entries = [const { Vec::new() }; 3];
            for (q, &scale) in scales.iter().enumerate() {
                let (xi, eta) = (self.nodes[q % n], self.nodes[q / n]);
                let first = [t0.mul_add(eta, a), t1.mul_add(eta, c)];
                let second = [t0.mul_add(xi, b), t1.mul_add(xi, d)];
                let product = first[0].mul_add(second[0], first[1] * second[1]);
                entries[0].push(scale * second[0].mul_add(second[0], second[1] * second[1]));
                entries[1].push(T::ZERO - scale * product);
                entries[2].push(scale * first[0].mul_add(first[0], first[1] * first[1]));
            }
            metric.extend(entries.into_iter().flatten());
        }
        metric
    }
}

/// Spectral quadrilaterals with straight sides, by their maps.
#[derive(Clone, Copy)]
pub(super) struct BilinearQuads<'a, T, const N: usize> {
    pub(super) mapped: MappedQuads<'a, T, N>,
    pub(super) bilinear: &'a Bilinear<T>,
}

impl<T: Real, const N: usize> RowKernel<T, N> for BilinearQuads<'_, T, N> {
    /// The derivative's columns and rows, and the nodes.
    type Tables<P: Packs<T>> = ([[P::Pack; N]; 2], P::Pack);

    #[inline(always)]
    fn tables<P: Packs<T>>(self, packs: P) -> Self::Tables<P> {
        let nodes = Prefix::new(packs, N).load(packs, &self.bilinear.nodes);
        (self.mapped.tables(packs), nodes)
    }

    #[inline(always)]
    fn force_in_rows<P: Packs<T>>(
        self,
        packs: P,
        place: usize,
        (derivative, nodes): &Self::Tables<P>,
        rows: &[P::Pack; N],
        values: impl Values<T>,
    ) -> [P::Pack; N] {
        let row = Prefix::new(packs, N);
        let scales = &self.bilinear.scales[place * N * N..][..N * N];
        let [a, b, c, d, t0, t1] = self.bilinear.maps[place];
        let zero = packs.splat(T::ZERO);
        let second_x = packs.mul_add(packs.splat(t0), *nodes, packs.splat(b));
        let second_y = packs.mul_add(packs.splat(t1), *nodes, packs.splat(d));
        let square = packs.mul_add(second_x, second_x, packs.mul(second_y, second_y));
        let mut metric = [[zero; N]; 3];
        for j in 0..N {
            let eta = self.bilinear.nodes[j];
            let first = [t0.mul_add(eta, a), t1.mul_add(eta, c)];
            let product = packs.mul_add(
                packs.splat(first[0]),
                second_x,
                packs.mul(packs.splat(first[1]), second_y),
            );
            let scale = row.load(packs, &scales[j * N..]);
            metric[0][j] = packs.mul(scale, square);
            metric[1][j] = packs.sub(zero, packs.mul(scale, product));
            let first = first[0].mul_add(first[0], first[1] * first[1]);
            metric[2][j] = packs.mul(scale, packs.splat(first));
        }
        mapped_rows(
            packs,
            &self.mapped.derivative,
            derivative,
            &metric,
            rows,
            values,
        )
    }
}

/// Spectral quadrilaterals with sides along the axes and a constant coefficient: the stiffness is
/// `a W ⊗ K₁ + b K₁ ⊗ W` with the stiffness `K₁` and the weights `W` of the line.
#[derive(Clone, Copy)]
pub(super) struct AlignedQuads<'a, T, const N: usize> {
    /// a and b of every cell.
    pub(super) factors: &'a [[T; 2]],
    /// `K₁`.
    pub(super) stiffness: [[T; N]; N],
    /// The diagonal of `W`.
    pub(super) weights: [T; N],
}

impl<T: Real, const N: usize> CellKernel<T> for AlignedQuads<'_, T, N> {
    type Local<V: Copy> = [[V; N]; N];

    #[inline(always)]
    fn force<P: Packs<T>>(
        self,
        packs: P,
        place: usize,
        u: &[[P::Pack; N]; N],
    ) -> [[P::Pack; N]; N] {
        let zero = packs.splat(T::ZERO);
        let [a, b] = self.factors[place];
        let k1 = &self.stiffness;
        let mut force = [[zero; N]; N];
        for j in 0..N {
            for i in 0..N {
                let (mut along, mut across) = (zero, zero);
                for k in 0..N {
                    along = packs.mul_add(packs.splat(k1[i][k]), u[j][k], along);
                    across = packs.mul_add(packs.splat(k1[j][k]), u[k][i], across);
                }
                let across = packs.mul(packs.splat(b * self.weights[i]), across);
                force[j][i] = packs.mul_add(packs.splat(a * self.weights[j]), along, across);
            }
        }
        force
    }
}

impl<T: Real, const N: usize> RowKernel<T, N> for AlignedQuads<'_, T, N> {
    /// Columns of `K₁`, and the weights.
    type Tables<P: Packs<T>> = ([P::Pack; N], P::Pack);

    #[inline(always)]
    fn tables<P: Packs<T>>(self, packs: P) -> ([P::Pack; N], P::Pack) {
        let weights = Prefix::new(packs, N).load(packs, &self.weights);
        (columns(packs, &self.stiffness), weights)
    }

    #[inline(always)]
    fn force_in_rows<P: Packs<T>>(
        self,
        packs: P,
        place: usize,
        (columns, weights): &([P::Pack; N], P::Pack),
        rows: &[P::Pack; N],
        values: impl Values<T>,
    ) -> [P::Pack; N] {
        let zero = packs.splat(T::ZERO);
        let [a, b] = self.factors[place];
        let b_weights = packs.mul(packs.splat(b), *weights);
        let mut force = [zero; N];
        for j in 0..N {
            let (mut along, mut across) = (zero, zero);
            for k in 0..N {
                along = packs.mul_add(columns[k], packs.splat(values.at(j, k)), along);
                across = packs.mul_add(packs.splat(self.stiffness[j][k]), rows[k], across);
            }
            let across = packs.mul(b_weights, across);
            force[j] = packs.mul_add(packs.splat(a * self.weights[j]), along, across);
        }
        force
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

/// `Σ_q ∂φ(q)ᵀ g(q) ∂u(q)` for values at the quadrature points of a tensor rule, `[eta][xi]`; the metric g of the cell is
/// xx at all points, xy at all, yy at all.
#[inline(always)]
fn mapped_force<T: Real, P: Packs<T>, const N: usize>(
    packs: P,
    d: &[[T; N]; N],
    metric: &[T],
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
            let xx = packs.splat(metric[j * N + i]);
            let xy = packs.splat(metric[(N + j) * N + i]);
            let yy = packs.splat(metric[(2 * N + j) * N + i]);
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
