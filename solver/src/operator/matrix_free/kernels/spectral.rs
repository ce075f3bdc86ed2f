//! Spectral quadrilaterals with `N` nodes a side, which are the quadrature points.
//!
//! Products along rows and columns of nodes are done line by line (`lines.rs`): for five nodes 12 multiplications and 8
//! additions each, four of them a line on mapped cells and two of 13 and 8 on aligned ones, instead of 25 multiplications.

use super::lines::{Antisymmetric, Symmetric};
use super::{CellKernel, Coefficients, Nodes};
use crate::real::Real;
use crate::simd::{Packs, Prefix, lanes_of};
use crate::space::sweep::BUNDLE;

/// Quadrilaterals of any shape.
#[derive(Clone, Copy)]
pub(in super::super) struct MappedQuads<'a, T, const N: usize> {
    /// Per cell: xx at all points, xy at all, yy at all.
    pub(in super::super) metric: &'a [[T; BUNDLE]],
    /// Slopes of the basis at the nodes, `[node][basis]`.
    pub(in super::super) derivative: [[T; N]; N],
}

impl<T: Real, const N: usize> CellKernel<T, N, N> for MappedQuads<'_, T, N> {
    type Tables<P: Packs<T>> = Antisymmetric<P::Pack, N>;

    #[inline(always)]
    fn tables<P: Packs<T>>(self, packs: P) -> Self::Tables<P> {
        Antisymmetric::new(packs, &self.derivative)
    }

    #[inline(always)]
    fn coefficient_count(self) -> usize {
        3 * N * N
    }

    #[inline(always)]
    fn coefficients<'s, P: Packs<T>>(
        &'s self,
        _: P,
        bundle: usize,
        _: &'s mut [[T; BUNDLE]],
    ) -> &'s [[T; BUNDLE]] {
        &self.metric[bundle * 3 * N * N..][..3 * N * N]
    }

    #[inline(always)]
    fn add_force<P: Packs<T>>(
        self,
        packs: P,
        tables: &Self::Tables<P>,
        metric: impl Coefficients<T, P>,
        nodes: &mut impl Nodes<P::Pack, N, N>,
    ) {
        add_mapped_force(packs, tables, metric, nodes);
    }
}

/// Adds `Σ_q ∂φ(q)ᵀ g(q) ∂u(q)` for values at the quadrature points of a tensor rule; the metric g is xx at all points, xy
/// at all, yy at all.
#[inline(always)]
pub(super) fn add_mapped_force<T: Real, P: Packs<T>, const N: usize>(
    packs: P,
    derivative: &Antisymmetric<P::Pack, N>,
    metric: impl Coefficients<T, P>,
    nodes: &mut impl Nodes<P::Pack, N, N>,
) {
    let zero = packs.splat(T::ZERO);
    // by columns: slopes along them, then fluxes
    let mut across = [[zero; N]; N];
    let mut along = [[zero; N]; N];
    for i in 0..N {
        across[i] = derivative.times(packs, &nodes.column(i));
    }
    for j in 0..N {
        let mut flux = derivative.times(packs, &nodes.row(j));
        for i in 0..N {
            let (gx, gy) = (flux[i], across[i][j]);
            let q = j * N + i;
            let xx = metric.at(packs, q);
            let xy = metric.at(packs, N * N + q);
            let yy = metric.at(packs, 2 * N * N + q);
            flux[i] = packs.mul_add(xx, gx, packs.mul(xy, gy));
            across[i][j] = packs.mul_add(xy, gx, packs.mul(yy, gy));
        }
        along[j] = derivative.transposed_times(packs, &flux);
    }
    for i in (0..N).rev() {
        let mut force = derivative.transposed_times(packs, &across[i]);
        for j in 0..N {
            force[j] = packs.add(along[j][i], force[j]);
        }
        nodes.add_column(i, force);
    }
}

/// The bilinear maps of cells, which take less than half of the memory of the metric.
///
/// With the Jacobian's columns `(a + t₀ η, c + t₁ η)` and `(b + t₀ ξ, d + t₁ ξ)`, the metric is
/// `xx = s P(ξ)`, `yy = s R(η)`, `xy = −s Q(ξ, η)`: P is the second column's square, R the first one's, Q their product,
/// and `s = w k/det(J)`.
#[derive(Debug, Clone)]
pub(in super::super) struct Bilinear<T> {
    /// Nodes of the line.
    pub(in super::super) nodes: Vec<T>,
    /// s at the points of every cell, then a, b, c, d, t₀, t₁.
    pub(in super::super) maps: Vec<[T; BUNDLE]>,
}

/// Rows of [`Bilinear::maps`] per bundle, for `n` nodes a side.
pub(in super::super) const fn map_rows(n: usize) -> usize {
    n * n + 6
}

/// Quadrilaterals with straight sides, by their maps.
#[derive(Clone, Copy)]
pub(in super::super) struct BilinearQuads<'a, T, const N: usize> {
    /// The maps.
    pub(in super::super) bilinear: &'a Bilinear<T>,
    /// Slopes of the basis at the nodes, `[node][basis]`.
    pub(in super::super) derivative: [[T; N]; N],
}

impl<T: Real, const N: usize> CellKernel<T, N, N> for BilinearQuads<'_, T, N> {
    type Tables<P: Packs<T>> = Antisymmetric<P::Pack, N>;

    #[inline(always)]
    fn tables<P: Packs<T>>(self, packs: P) -> Self::Tables<P> {
        Antisymmetric::new(packs, &self.derivative)
    }

    #[inline(always)]
    fn coefficient_count(self) -> usize {
        3 * N * N
    }

    #[inline(always)]
    fn coefficients<'s, P: Packs<T>>(
        &'s self,
        packs: P,
        bundle: usize,
        scratch: &'s mut [[T; BUNDLE]],
    ) -> &'s [[T; BUNDLE]] {
        let maps = &self.bilinear.maps[bundle * map_rows(N)..][..map_rows(N)];
        let nodes = &self.bilinear.nodes[..N];
        let metric = &mut scratch[..3 * N * N];
        let zero = packs.splat(T::ZERO);
        let width = lanes_of::<T, P>().min(BUNDLE);
        let lanes = Prefix::new(packs, width);
        for from in (0..BUNDLE).step_by(width) {
            let mut entries = [zero; 6];
            for (entry, values) in entries.iter_mut().zip(&maps[N * N..]) {
                *entry = lanes.load(packs, &values[from..]);
            }
            let [a, b, c, d, t0, t1] = entries;
            for i in 0..N {
                let xi = packs.splat(nodes[i]);
                let second = [packs.mul_add(t0, xi, b), packs.mul_add(t1, xi, d)];
                let square = packs.mul_add(second[0], second[0], packs.mul(second[1], second[1]));
                for j in 0..N {
                    let eta = packs.splat(nodes[j]);
                    let first = [packs.mul_add(t0, eta, a), packs.mul_add(t1, eta, c)];
                    let product =
                        packs.mul_add(first[0], second[0], packs.mul(first[1], second[1]));
                    let first = packs.mul_add(first[0], first[0], packs.mul(first[1], first[1]));
                    let q = j * N + i;
                    let scale = lanes.load(packs, &maps[q][from..]);
                    let xy = packs.sub(zero, packs.mul(scale, product));
                    lanes.store(packs, &mut metric[q][from..], packs.mul(scale, square));
                    lanes.store(packs, &mut metric[N * N + q][from..], xy);
                    let yy = packs.mul(scale, first);
                    lanes.store(packs, &mut metric[2 * N * N + q][from..], yy);
                }
            }
        }
        metric
    }

    #[inline(always)]
    fn add_force<P: Packs<T>>(
        self,
        packs: P,
        tables: &Self::Tables<P>,
        metric: impl Coefficients<T, P>,
        nodes: &mut impl Nodes<P::Pack, N, N>,
    ) {
        add_mapped_force(packs, tables, metric, nodes);
    }
}

/// Quadrilaterals with sides along the axes and a constant coefficient: the stiffness is `a W ⊗ K₁ + b K₁ ⊗ W` with the
/// stiffness `K₁` and the weights `W` of the line.
#[derive(Clone, Copy)]
pub(in super::super) struct AlignedQuads<'a, T, const N: usize> {
    /// a and b of every cell.
    pub(in super::super) factors: &'a [[T; BUNDLE]],
    /// `K₁`.
    pub(in super::super) stiffness: [[T; N]; N],
    /// The diagonal of `W`.
    pub(in super::super) weights: [T; N],
}

impl<T: Real, const N: usize> CellKernel<T, N, N> for AlignedQuads<'_, T, N> {
    type Tables<P: Packs<T>> = Symmetric<P::Pack, N>;

    #[inline(always)]
    fn tables<P: Packs<T>>(self, packs: P) -> Self::Tables<P> {
        Symmetric::new(packs, &self.stiffness)
    }

    #[inline(always)]
    fn coefficient_count(self) -> usize {
        2
    }

    #[inline(always)]
    fn coefficients<'s, P: Packs<T>>(
        &'s self,
        _: P,
        bundle: usize,
        _: &'s mut [[T; BUNDLE]],
    ) -> &'s [[T; BUNDLE]] {
        &self.factors[bundle * 2..][..2]
    }

    #[inline(always)]
    fn add_force<P: Packs<T>>(
        self,
        packs: P,
        stiffness: &Self::Tables<P>,
        factors: impl Coefficients<T, P>,
        nodes: &mut impl Nodes<P::Pack, N, N>,
    ) {
        let zero = packs.splat(T::ZERO);
        let (a, b) = (factors.at(packs, 0), factors.at(packs, 1));
        let mut along = [[zero; N]; N];
        for j in 0..N {
            let weight = packs.mul(a, packs.splat(self.weights[j]));
            let line = stiffness.times(packs, &nodes.row(j));
            for i in 0..N {
                along[j][i] = packs.mul(weight, line[i]);
            }
        }
        for i in (0..N).rev() {
            let weight = packs.mul(b, packs.splat(self.weights[i]));
            let mut force = stiffness.times(packs, &nodes.column(i));
            for j in 0..N {
                force[j] = packs.mul_add(weight, force[j], along[j][i]);
            }
            nodes.add_column(i, force);
        }
    }
}
