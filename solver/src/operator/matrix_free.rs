//! Matrix-free stiffness: per cell `Σ_q ∂φ(q)ᵀ g(q) ∂u(q)` with the metric `g = k w det(J) J⁻¹J⁻ᵀ` stored per quadrature
//! point (Orszag 1980; Komatitsch and Tromp 1999 for the spectral case).
//!
//! On quadrilaterals, gradients are sums along one axis at a time (sum factorisation): `O(p³)` operations a cell instead
//! of `O(p⁴)`. The order is a compile-time constant, so that all loops over nodes unroll. Where all cells are axis-aligned
//! rectangles with a constant coefficient, two products with the stiffness of the line suffice, and no metric is stored.
//!
//! A step of central difference is fused into the sweep over cells: see [`crate::space::sweep::Sweep`].

mod across_cells;
mod inheritance;
mod kernels;
mod side_by_side;

use nalgebra::DMatrix;

use super::leapfrog::{Leapfrog, Update};
use super::shared::Shared;
use crate::element::{Element, LineBasis};
use crate::geometry::stiffness_metric;
use crate::quadrature::gauss_legendre;
use crate::real::Real;
use crate::simd;
use crate::space::Space;
use crate::space::sweep::{BUNDLE, Sweep};
use across_cells::{AcrossCells, Layout};
use kernels::{
    AlignedQuads, Bilinear, BilinearQuads, CellKernel, GaussQuads, MappedQuads, Triangles, map_rows,
};
use side_by_side::{FAR, SideBySide};

/// What cells need beside their degrees of freedom, bundle after bundle in rows of one value a cell.
#[derive(Debug, Clone)]
enum Cells<T> {
    /// One gradient on the whole triangle; xx, xy, yy.
    Triangle { metric: Vec<[T; BUNDLE]> },
    /// Two nodes a side, two Gauss points: `values[q][i] = φ_i(x_q)`, `slopes[q][i]` the derivative at `x_q` of the
    /// Lagrange basis on the Gauss points themselves, which spans the same space.
    Gauss {
        values: [[T; 2]; 2],
        slopes: [[T; 2]; 2],
        metric: Vec<[T; BUNDLE]>,
    },
    /// Nodes are the quadrature points: `derivative[q·n + i] = φ_i'(x_q)`; xx at all points, xy at all, yy at all.
    Mapped {
        n: usize,
        derivative: Vec<T>,
        metric: Vec<[T; BUNDLE]>,
    },
    /// As `Mapped`, where sides are straight: the maps behind the metric.
    Straight {
        n: usize,
        derivative: Vec<T>,
        bilinear: Bilinear<T>,
    },
    /// As `Mapped`, on axis-aligned rectangles: the line's stiffness and weights, and two factors a cell.
    Aligned {
        n: usize,
        stiffness: Vec<T>,
        weights: Vec<T>,
        factors: Vec<[T; BUNDLE]>,
    },
}

/// The matrix-free stiffness operator; all per-cell data in the order of the sweep.
#[derive(Debug, Clone)]
pub struct MatrixFree<T> {
    cells: Cells<T>,
    cell_dofs: Vec<u32>,
    /// How the cells of bundles lie.
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
        let points = reference.quadrature().len();
        // xx at all points, xy at all, yy at all
        let by_entry = || {
            bundled(&sweep, 3 * points, |place, row| {
                metric[place][row % points][row / points]
            })
        };
        let cells = match space.element() {
            Element::P1Triangle | Element::P2Triangle | Element::P2BubbleTriangle => {
                Cells::Triangle {
                    metric: bundled(&sweep, 3, |place, entry| {
                        metric[place].iter().map(|point| point[entry]).sum()
                    }),
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
                    metric: by_entry(),
                }
            }
            Element::GllQuad { order } => {
                let n = order + 1;
                let nodes: Vec<f64> = (0..n).map(|i| reference.node(i)[0]).collect();
                let derivative = reference.line().derivatives_at(&nodes);
                let weights: Vec<f64> = reference.quadrature()[..n]
                    .iter()
                    .map(|(_, weight)| weight / reference.quadrature()[0].1.sqrt())
                    .collect();
                if let Some(factors) = aligned(&metric, &weights) {
                    let diagonal =
                        DMatrix::from_fn(n, n, |i, k| if i == k { weights[i] } else { 0.0 });
                    let stiffness = derivative.transpose() * diagonal * derivative;
                    Cells::Aligned {
                        n,
                        stiffness: by_rows(&stiffness),
                        weights: weights.iter().map(|&w| T::from_f64(w)).collect(),
                        factors: bundled(&sweep, 2, |place, entry| factors[place][entry]),
                    }
                } else if space.mesh().degree() == 1 {
                    Cells::Straight {
                        n,
                        derivative: by_rows(&derivative),
                        bilinear: bilinear(space, &nodes, &metric),
                    }
                } else {
                    Cells::Mapped {
                        n,
                        derivative: by_rows(&derivative),
                        metric: by_entry(),
                    }
                }
            }
        };
        let cell_dofs: Vec<u32> = in_order()
            .flat_map(|cell| space.cell_dofs(cell).iter().copied())
            .collect();
        let layouts = match cells {
            Cells::Mapped { n, .. } | Cells::Straight { n, .. } | Cells::Aligned { n, .. } => {
                across_cells::layouts(&sweep, &cell_dofs, n)
            }
            _ => vec![Layout::Scattered; sweep.bundle_count()],
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
        self.go(L, u, force, None, &[], false);
    }

    /// One step of central difference in a single sweep.
    pub(crate) fn advance<const L: usize>(&self, state: Leapfrog<'_, T, L>) {
        // SAFETY: blocks of a colour share no entry, and only they run at the same time
        let (u, force, update) = unsafe {
            (
                Shared::new(state.displacement.as_flattened_mut()),
                Shared::new(state.force.as_flattened_mut()),
                Update {
                    increment: Shared::new(state.increment.as_flattened_mut()),
                    gain: Shared::read_only(state.gain.as_flattened()),
                    decay: state.decay,
                },
            )
        };
        self.go(L, u, force, Some(update), state.forced, state.parallel);
    }

    /// Bytes of metric and indices.
    pub fn memory_bytes(&self) -> u64 {
        let metric = match &self.cells {
            Cells::Triangle { metric }
            | Cells::Gauss { metric, .. }
            | Cells::Mapped { metric, .. }
            | Cells::Straight {
                bilinear: Bilinear { maps: metric, .. },
                ..
            }
            | Cells::Aligned {
                factors: metric, ..
            } => size_of_val(&metric[..]),
        };
        let sweep = size_of_val(self.sweep.order())
            + self.sweep.bundle_count() * (2 * size_of::<u32>() + size_of::<Layout>());
        (metric + size_of_val(&self.cell_dofs[..]) + sweep) as u64
    }

    fn go(
        &self,
        lanes: usize,
        u: Shared<'_, T>,
        force: Shared<'_, T>,
        update: Option<Update<'_, T>>,
        forced: &[u32],
        parallel: bool,
    ) {
        let sweep = Going {
            operator: self,
            lanes,
            u,
            force,
            update,
            forced,
            parallel,
        };
        match &self.cells {
            Cells::Triangle { metric } => sweep.with(Triangles { metric }),
            Cells::Gauss {
                values,
                slopes,
                metric,
            } => sweep.with(GaussQuads {
                metric,
                values: *values,
                slopes: *slopes,
            }),
            Cells::Mapped { n, .. } | Cells::Straight { n, .. } | Cells::Aligned { n, .. } => {
                match n {
                    2 => sweep.spectral::<2>(),
                    3 => sweep.spectral::<3>(),
                    4 => sweep.spectral::<4>(),
                    5 => sweep.spectral::<5>(),
                    6 => sweep.spectral::<6>(),
                    7 => sweep.spectral::<7>(),
                    8 => sweep.spectral::<8>(),
                    // orders are at most 8, checked by `ReferenceElement::new`
                    _ => sweep.spectral::<9>(),
                }
            }
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
    /// Where `force` may differ from zero before an update, sorted.
    forced: &'a [u32],
    parallel: bool,
}

impl<T: Real> Going<'_, T> {
    fn with<const R: usize, const C: usize>(self, kernel: impl CellKernel<T, R, C> + Sync) {
        let operator = self.operator;
        let sweep = &operator.sweep;
        let far = self.u.len() * size_of::<T>() > FAR;
        sweep.for_each_block(self.parallel, |bundles| {
            if self.lanes > 1 {
                let block = SideBySide {
                    far,
                    kernel,
                    dofs: &operator.cell_dofs,
                    sweep,
                    bundles,
                    lanes: self.lanes,
                    u: self.u,
                    force: self.force,
                    update: self.update,
                    forced: self.forced,
                };
                simd::run(self.lanes, block);
            } else {
                simd::run_wide(AcrossCells {
                    kernel,
                    dofs: &operator.cell_dofs,
                    layouts: &operator.layouts,
                    sweep,
                    bundles,
                    u: self.u,
                    force: self.force,
                    update: self.update,
                    forced: self.forced,
                });
            }
        });
    }

    fn spectral<const N: usize>(self) {
        let square = |entries: &[T]| -> [[T; N]; N] {
            std::array::from_fn(|j| std::array::from_fn(|i| entries[j * N + i]))
        };
        match &self.operator.cells {
            Cells::Mapped {
                derivative, metric, ..
            } => self.with(MappedQuads {
                metric,
                derivative: square(derivative),
            }),
            Cells::Straight {
                derivative,
                bilinear,
                ..
            } => self.with(BilinearQuads {
                bilinear,
                derivative: square(derivative),
            }),
            Cells::Aligned {
                stiffness,
                weights,
                factors,
                ..
            } => self.with(AlignedQuads {
                factors,
                stiffness: square(stiffness),
                weights: std::array::from_fn(|i| weights[i]),
            }),
            Cells::Triangle { .. } | Cells::Gauss { .. } => {}
        }
    }
}

/// Values of cells by place and number, bundle after bundle in rows of one value a cell; 0 beyond the cells of a bundle.
fn bundled<T: Real>(
    sweep: &Sweep,
    rows: usize,
    value: impl Fn(usize, usize) -> f64,
) -> Vec<[T; BUNDLE]> {
    let mut values = vec![[T::ZERO; BUNDLE]; sweep.bundle_count() * rows];
    for (bundle, values) in values.chunks_exact_mut(rows).enumerate() {
        for (cell, place) in sweep.places(bundle).enumerate() {
            for (row, values) in values.iter_mut().enumerate() {
                values[cell] = T::from_f64(value(place, row));
            }
        }
    }
    values
}

/// The maps of straight-sided quadrilaterals in the order of the sweep, given their metric.
fn bilinear<T: Real>(space: &Space, nodes: &[f64], metric: &[Vec<[f64; 3]>]) -> Bilinear<T> {
    let points = space.reference().quadrature();
    let maps = bundled(space.sweep(), map_rows(nodes.len()), |place, row| {
        let map = space.mesh().cell_map(space.sweep().order()[place] as usize);
        if let Some(&(point, _)) = points.get(row) {
            let jacobian = map.jacobian(point);
            let square = jacobian[(0, 0)].powi(2) + jacobian[(1, 0)].powi(2);
            return metric[place][row][2] / square;
        }
        let (centre, corner) = (map.jacobian([0.0; 2]), map.jacobian([1.0; 2]));
        match row - points.len() {
            0 => centre[(0, 0)],
            1 => centre[(0, 1)],
            2 => centre[(1, 0)],
            3 => centre[(1, 1)],
            4 => corner[(0, 0)] - centre[(0, 0)],
            _ => corner[(1, 0)] - centre[(1, 0)],
        }
    });
    Bilinear {
        nodes: nodes.iter().map(|&x| T::from_f64(x)).collect(),
        maps,
    }
}

fn by_rows<T: Real>(matrix: &DMatrix<f64>) -> Vec<T> {
    matrix.transpose().iter().map(|&x| T::from_f64(x)).collect()
}

/// The factors of xx and yy beside the weights of the points, where they are constant in every cell and xy vanishes.
fn aligned(metric: &[Vec<[f64; 3]>], weights: &[f64]) -> Option<Vec<[f64; 2]>> {
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
            same.then_some([a, b])
        })
        .collect()
}
