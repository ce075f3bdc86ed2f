//! Matrix-free stiffness: per cell `Σ_q ∂φ(q)ᵀ g(q) ∂u(q)` with the metric `g = k w det(J) J⁻¹J⁻ᵀ` stored per quadrature
//! point (Orszag 1980; Komatitsch and Tromp 1999 for the spectral case).
//!
//! On quadrilaterals, gradients are sums along one axis at a time (sum factorisation): `O(p³)` operations a cell instead
//! of `O(p⁴)`. The order is a compile-time constant, so that all loops over nodes unroll. Where all cells are axis-aligned
//! rectangles with a constant coefficient, two products with the stiffness of the line suffice, and no metric is stored.
//!
//! A step of central difference is fused into the sweep over cells: see [`crate::space::sweep::Sweep`].

mod kernels;
mod side_by_side;
mod tile;
mod within_cell;

use nalgebra::DMatrix;

use super::leapfrog::{Leapfrog, Update};
use super::shared::Shared;
use crate::element::{Element, LineBasis};
use crate::geometry::stiffness_metric;
use crate::quadrature::gauss_legendre;
use crate::real::Real;
use crate::simd;
use crate::space::Space;
use crate::space::sweep::Sweep;
use kernels::{AlignedQuads, Bilinear, BilinearQuads, GaussQuads, MappedQuads, Triangles};
use side_by_side::{CellKernel, FAR, SideBySide};
use within_cell::{Layout, RowKernel, WithinCell};

/// What cells need beside their degrees of freedom.
#[derive(Debug, Clone)]
enum Cells<T> {
    /// One gradient on the whole triangle; xx, xy, yy a cell.
    Triangle { metric: Vec<T> },
    /// Two nodes a side, two Gauss points: `values[q][i] = φ_i(x_q)`, `slopes[q][i]` the derivative at `x_q` of the
    /// Lagrange basis on the Gauss points themselves, which spans the same space.
    Gauss {
        values: [[T; 2]; 2],
        slopes: [[T; 2]; 2],
        metric: Vec<T>,
    },
    /// Nodes are the quadrature points: `derivative[q·n + i] = φ_i'(x_q)`; per cell xx at all points, xy at all, yy at all.
    Mapped {
        n: usize,
        derivative: Vec<T>,
        metric: Vec<T>,
        /// The maps behind the metric, where sides are straight.
        bilinear: Option<Bilinear<T>>,
    },
    /// As `Mapped`, on axis-aligned rectangles: the line's stiffness and weights, and two factors a cell.
    Aligned {
        n: usize,
        stiffness: Vec<T>,
        weights: Vec<T>,
        factors: Vec<[T; 2]>,
    },
}

/// The matrix-free stiffness operator; all per-cell data in the order of the sweep.
#[derive(Debug, Clone)]
pub struct MatrixFree<T> {
    cells: Cells<T>,
    cell_dofs: Vec<u32>,
    /// How the degrees of freedom of quadrilaterals lie.
    layouts: Vec<Layout>,
    sweep: Sweep,
}

impl<T: Real> MatrixFree<T> {
    /// Computes the metric for `k = coefficient(position)`.
    pub(crate) fn new(space: &Space, coefficient: impl Fn([f64; 2]) -> f64) -> Self {
        let reference = space.reference();
        let sweep = space.sweep().clone();
        let in_order = || sweep.order().iter().map(|&cell| cell as usize);
        // xx, xy and yy at every quadrature point
        let metric: Vec<Vec<[f64; 3]>> = in_order()
            .map(|cell| {
                let map = space.mesh().cell_map(cell);
                let points = reference.quadrature().iter();
                points
                    .map(|&(point, weight)| {
                        let factor = weight * coefficient(map.position(point));
                        stiffness_metric(&map.jacobian(point)).map(|g| factor * g)
                    })
                    .collect()
            })
            .collect();
        let cells = match space.element() {
            Element::P1Triangle | Element::P2Triangle | Element::P2BubbleTriangle => {
                Cells::Triangle {
                    metric: metric
                        .iter()
                        .flat_map(|points| {
                            [0, 1, 2].map(|entry| {
                                T::from_f64(points.iter().map(|point| point[entry]).sum())
                            })
                        })
                        .collect(),
                }
            }
            Element::Q1Quad => {
                let points = gauss_legendre(2).points;
                let square = |matrix: DMatrix<f64>| -> [[T; 2]; 2] {
                    std::array::from_fn(|q| std::array::from_fn(|i| T::from_f64(matrix[(q, i)])))
                };
                Cells::Gauss {
                    values: square(reference.line().values_at(&points)),
                    slopes: square(LineBasis::new(points.clone()).derivatives_at(&points)),
                    metric: by_entry(&metric),
                }
            }
            Element::GllQuad { order } => {
                let n = order + 1;
                let points: Vec<f64> = (0..n).map(|i| reference.node(i)[0]).collect();
                let derivative = reference.line().derivatives_at(&points);
                let weights: Vec<f64> = reference.quadrature()[..n]
                    .iter()
                    .map(|(_, weight)| weight / reference.quadrature()[0].1.sqrt())
                    .collect();
                match aligned(&metric, &weights) {
                    Some(factors) => {
                        let diagonal =
                            DMatrix::from_fn(n, n, |i, k| if i == k { weights[i] } else { 0.0 });
                        let stiffness = derivative.transpose() * diagonal * derivative;
                        Cells::Aligned {
                            n,
                            stiffness: by_rows(&stiffness),
                            weights: weights.iter().map(|&w| T::from_f64(w)).collect(),
                            factors,
                        }
                    }
                    None => {
                        let bilinear =
                            (space.mesh().degree() == 1).then(|| bilinear(space, &points, &metric));
                        Cells::Mapped {
                            n,
                            derivative: by_rows(&derivative),
                            metric: bilinear
                                .as_ref()
                                .map_or_else(|| by_entry(&metric), Bilinear::metric),
                            bilinear,
                        }
                    }
                }
            }
        };
        let cell_dofs: Vec<u32> = in_order()
            .flat_map(|cell| space.cell_dofs(cell).iter().copied())
            .collect();
        let layouts = match cells {
            Cells::Mapped { n, .. } | Cells::Aligned { n, .. } => {
                within_cell::layouts(&cell_dofs, n)
            }
            _ => Vec::new(),
        };
        Self {
            cells,
            cell_dofs,
            layouts,
            sweep,
        }
    }

    /// Overwrites `product` with `K u`.
    pub fn apply<const L: usize>(&self, u: &[[T; L]], product: &mut [[T; L]]) {
        product.fill([T::ZERO; L]);
        // SAFETY: `u` is only read where there is no update; blocks of a colour share no entry
        let (u, force) = unsafe {
            (
                Shared::read_only(u.as_flattened()),
                Shared::new(product.as_flattened_mut()),
            )
        };
        self.go(L, u, force, None, false);
    }

    /// One step of central difference in a single sweep.
    pub(crate) fn advance<const L: usize>(&self, state: Leapfrog<'_, T, L>) {
        // SAFETY: blocks of a colour share no entry, and only they run at the same time
        let (u, update) = unsafe {
            (
                Shared::new(state.displacement.as_flattened_mut()),
                Update {
                    increment: Shared::new(state.increment.as_flattened_mut()),
                    force: Shared::new(state.force.as_flattened_mut()),
                    gain: Shared::read_only(state.gain.as_flattened()),
                    decay: state.decay,
                },
            )
        };
        self.go(L, u, update.force, Some(update), state.parallel);
    }

    /// Bytes of metric and indices.
    pub fn memory_bytes(&self) -> u64 {
        let metric = match &self.cells {
            Cells::Triangle { metric } | Cells::Gauss { metric, .. } => size_of_val(&metric[..]),
            Cells::Mapped {
                metric, bilinear, ..
            } => {
                let maps = bilinear
                    .as_ref()
                    .map_or(0, |b| size_of_val(&b.maps[..]) + size_of_val(&b.scales[..]));
                size_of_val(&metric[..]) + maps
            }
            Cells::Aligned { factors, .. } => size_of_val(&factors[..]),
        };
        let per_cell = 2 * size_of::<u32>() + size_of::<Layout>();
        (metric + size_of_val(&self.cell_dofs[..]) + self.sweep.order().len() * per_cell) as u64
    }

    /// Bytes of metric and indices that one sweep over so many lanes reads: a single trajectory on straight quadrilaterals
    /// computes their metric anew.
    pub(crate) fn traffic_bytes(&self, lanes: usize) -> u64 {
        let unread = match &self.cells {
            Cells::Mapped {
                n,
                metric,
                bilinear: Some(bilinear),
                ..
            } => {
                if lanes == 1 && *n <= simd::width::<T>() {
                    size_of_val(&metric[..])
                } else {
                    size_of_val(&bilinear.maps[..]) + size_of_val(&bilinear.scales[..])
                }
            }
            _ => 0,
        };
        self.memory_bytes() - unread as u64
    }

    fn go(
        &self,
        lanes: usize,
        u: Shared<'_, T>,
        force: Shared<'_, T>,
        update: Option<Update<'_, T>>,
        parallel: bool,
    ) {
        let sweep = Going {
            operator: self,
            lanes,
            u,
            force,
            update,
            parallel,
        };
        match &self.cells {
            Cells::Triangle { metric } => sweep.side_by_side(Triangles { metric }),
            Cells::Gauss {
                values,
                slopes,
                metric,
            } => sweep.side_by_side(GaussQuads {
                metric,
                values: *values,
                slopes: *slopes,
            }),
            Cells::Mapped { n, .. } | Cells::Aligned { n, .. } => match n {
                2 => sweep.spectral::<2>(),
                3 => sweep.spectral::<3>(),
                4 => sweep.spectral::<4>(),
                5 => sweep.spectral::<5>(),
                6 => sweep.spectral::<6>(),
                7 => sweep.spectral::<7>(),
                8 => sweep.spectral::<8>(),
                // orders are at most 8, checked by `ReferenceElement::new`
                _ => sweep.spectral::<9>(),
            },
        }
    }
}

/// A sweep under way.
#[derive(Clone, Copy)]
struct Going<'a, T> {
    operator: &'a MatrixFree<T>,
    lanes: usize,
    u: Shared<'a, T>,
    force: Shared<'a, T>,
    update: Option<Update<'a, T>>,
    parallel: bool,
}

impl<T: Real> Going<'_, T> {
    fn side_by_side(self, kernel: impl CellKernel<T> + Sync) {
        let sweep = &self.operator.sweep;
        let dofs = sweep.finished().last().map_or(0, |&end| end as usize);
        let far = dofs * self.lanes * size_of::<T>() > FAR;
        sweep.for_each_block(self.parallel, |places| {
            let block = SideBySide {
                far,
                kernel,
                dofs: &self.operator.cell_dofs,
                finished: sweep.finished(),
                places,
                lanes: self.lanes,
                u: self.u,
                force: self.force,
                update: self.update,
            };
            simd::run(self.lanes, block);
        });
    }

    fn spectral<const N: usize>(self) {
        let square = |entries: &[T]| -> [[T; N]; N] {
            std::array::from_fn(|j| std::array::from_fn(|i| entries[j * N + i]))
        };
        match &self.operator.cells {
            Cells::Mapped {
                derivative,
                metric,
                bilinear,
                ..
            } => {
                let mapped = MappedQuads {
                    metric,
                    derivative: square(derivative),
                };
                match bilinear {
                    Some(bilinear) => self.quads(mapped, BilinearQuads { mapped, bilinear }),
                    None => self.quads(mapped, mapped),
                }
            }
            Cells::Aligned {
                stiffness,
                weights,
                factors,
                ..
            } => {
                let aligned = AlignedQuads {
                    factors,
                    stiffness: square(stiffness),
                    weights: std::array::from_fn(|i| weights[i]),
                };
                self.quads(aligned, aligned);
            }
            Cells::Triangle { .. } | Cells::Gauss { .. } => {}
        }
    }

    fn quads<const N: usize>(
        self,
        side_by_side: impl CellKernel<T> + Sync,
        within_cell: impl RowKernel<T, N> + Sync,
    ) {
        if self.lanes > 1 || N > simd::width::<T>() {
            return self.side_by_side(side_by_side);
        }
        let sweep = &self.operator.sweep;
        sweep.for_each_block(self.parallel, |places| {
            simd::run_wide(WithinCell {
                kernel: within_cell,
                dofs: &self.operator.cell_dofs,
                layouts: &self.operator.layouts,
                finished: sweep.finished(),
                places,
                u: self.u,
                force: self.force,
                update: self.update,
            });
        });
    }
}

/// The maps of straight-sided quadrilaterals in the order of the sweep, given their metric.
fn bilinear<T: Real>(space: &Space, nodes: &[f64], metric: &[Vec<[f64; 3]>]) -> Bilinear<T> {
    let (mut maps, mut scales) = (Vec::new(), Vec::new());
    for (&cell, points) in space.sweep().order().iter().zip(metric) {
        let map = space.mesh().cell_map(cell as usize);
        let (centre, corner) = (map.jacobian([0.0; 2]), map.jacobian([1.0; 2]));
        let twist = [0, 1].map(|axis| corner[(axis, 0)] - centre[(axis, 0)]);
        maps.push(
            [
                centre[(0, 0)],
                centre[(0, 1)],
                centre[(1, 0)],
                centre[(1, 1)],
                twist[0],
                twist[1],
            ]
            .map(T::from_f64),
        );
        for (&(point, _), [_, _, yy]) in space.reference().quadrature().iter().zip(points) {
            let jacobian = map.jacobian(point);
            let square = jacobian[(0, 0)].powi(2) + jacobian[(1, 0)].powi(2);
            scales.push(T::from_f64(yy / square));
        }
    }
    Bilinear {
        nodes: nodes.iter().map(|&x| T::from_f64(x)).collect(),
        maps,
        scales,
    }
}

/// Cell after cell: xx at all points, xy at all, yy at all.
fn by_entry<T: Real>(metric: &[Vec<[f64; 3]>]) -> Vec<T> {
    let cells = metric.iter().flat_map(|points| {
        (0..3).flat_map(move |entry| points.iter().map(move |point| T::from_f64(point[entry])))
    });
    cells.collect()
}

fn by_rows<T: Real>(matrix: &DMatrix<f64>) -> Vec<T> {
    matrix.transpose().iter().map(|&x| T::from_f64(x)).collect()
}

/// The factors of xx and yy beside the weights of the points, where they are constant in every cell and xy vanishes.
fn aligned<T: Real>(metric: &[Vec<[f64; 3]>], weights: &[f64]) -> Option<Vec<[T; 2]>> {
    // far above rounding, far below what a result could show
    const NEGLIGIBLE: f64 = 1e-12;
    let n = weights.len();
    metric
        .iter()
        .map(|points| {
            let [a, b] = [0, 2].map(|entry| points[0][entry] / (weights[0] * weights[0]));
            let same = points.iter().enumerate().all(|(q, [xx, xy, yy])| {
                let weight = weights[q / n] * weights[q % n];
                (xx - a * weight).abs() <= NEGLIGIBLE * a * weight
                    && (yy - b * weight).abs() <= NEGLIGIBLE * b * weight
                    && xy.abs() <= NEGLIGIBLE * weight * a.min(b)
            });
            same.then(|| [a, b].map(T::from_f64))
        })
        .collect()
}
