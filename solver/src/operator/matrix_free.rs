//! Matrix-free stiffness: per cell `Σ_q ∂φ(q)ᵀ g(q) ∂u(q)` with the metric `g = k w det(J) J⁻¹J⁻ᵀ` stored per quadrature
//! point (Orszag 1980; Komatitsch and Tromp 1999 for the spectral case).
//!
//! On quadrilaterals, gradients are sums along one axis at a time (sum factorisation): `O(p³)` operations a cell instead
//! of `O(p⁴)`. The order is a compile-time constant, so that all loops over nodes unroll.

mod kernels;

use nalgebra::DMatrix;

use crate::element::{Element, LineBasis};
use crate::geometry::stiffness_metric;
use crate::quadrature::gauss_legendre;
use crate::real::Real;
use crate::simd;
use crate::space::Space;
use kernels::{CollocatedQuads, GaussQuads, Triangles};

/// What a cell needs beside the metric.
#[derive(Debug, Clone)]
enum Cells<T> {
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
    cells: Cells<T>,
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
        let cells = match space.element() {
            Element::P1Triangle | Element::P2Triangle | Element::P2BubbleTriangle => {
                Cells::Triangle
            }
            Element::Q1Quad => {
                let points = gauss_legendre(2).points;
                Cells::Gauss {
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
                Cells::Collocated { n, derivative }
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
            cells,
            cell_dofs: space.all_cell_dofs().to_vec(),
            metric,
        }
    }

    /// Overwrites `product` with `K u`.
    pub fn apply<const L: usize>(&self, u: &[[T; L]], product: &mut [[T; L]]) {
        product.fill([T::ZERO; L]);
        let (dofs, metric) = (&self.cell_dofs[..], &self.metric[..]);
        match &self.cells {
            Cells::Triangle => simd::apply(Triangles { dofs, metric }, u, product),
            Cells::Gauss { values, slopes } => {
                let kernel = GaussQuads {
                    dofs,
                    metric,
                    values,
                    slopes,
                };
                simd::apply(kernel, u, product);
            }
            Cells::Collocated { n, derivative } => match n {
                2 => self.collocated::<2, L>(derivative, u, product),
                3 => self.collocated::<3, L>(derivative, u, product),
                4 => self.collocated::<4, L>(derivative, u, product),
                5 => self.collocated::<5, L>(derivative, u, product),
                6 => self.collocated::<6, L>(derivative, u, product),
                7 => self.collocated::<7, L>(derivative, u, product),
                8 => self.collocated::<8, L>(derivative, u, product),
                // orders are at most 8, checked by `ReferenceElement::new`
                _ => self.collocated::<9, L>(derivative, u, product),
            },
        }
    }

    /// Bytes of metric and indices.
    pub fn memory_bytes(&self) -> u64 {
        (size_of_val(&self.metric[..]) + size_of_val(&self.cell_dofs[..])) as u64
    }

    fn collocated<const N: usize, const L: usize>(
        &self,
        derivative: &[T],
        u: &[[T; L]],
        product: &mut [[T; L]],
    ) {
        let kernel = CollocatedQuads::<T, N> {
            dofs: &self.cell_dofs,
            metric: &self.metric,
            derivative: std::array::from_fn(|q| std::array::from_fn(|i| derivative[q * N + i])),
        };
        simd::apply(kernel, u, product);
    }
}
