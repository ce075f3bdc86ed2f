//! What cells need beside their degrees of freedom: their metric at the quadrature points, as compact as their shape allows.
//!
//! On axis-aligned rectangles with a constant coefficient two factors a cell; where sides are straight, the bilinear maps
//! behind the metric; else the metric itself.

use nalgebra::DMatrix;

use super::kernels::{Bilinear, map_rows};
use crate::element::{Element, LineBasis};
use crate::geometry::stiffness_metric;
use crate::quadrature::gauss_legendre;
use crate::real::Real;
use crate::space::Space;
use crate::space::sweep::{BUNDLE, Sweep};

/// What cells need beside their degrees of freedom, bundle after bundle in rows of one value a cell.
#[derive(Debug, Clone)]
pub(super) enum Cells<T> {
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

impl<T: Real> Cells<T> {
    /// In the order of the sweep, for `k = coefficient(position)`.
    pub(super) fn new(space: &Space, coefficient: impl Fn([f64; 2]) -> f64) -> Self {
        let reference = space.reference();
        let sweep = space.sweep();
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
            bundled(sweep, 3 * points, |place, row| {
                metric[place][row % points][row / points]
            })
        };
        match space.element() {
            Element::P1Triangle | Element::P2Triangle | Element::P2BubbleTriangle => {
                Cells::Triangle {
                    metric: bundled(sweep, 3, |place, entry| {
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
                        factors: bundled(sweep, 2, |place, entry| factors[place][entry]),
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
        }
    }

    /// Bytes that grow with the number of cells.
    pub(super) fn bytes(&self) -> usize {
        match self {
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
