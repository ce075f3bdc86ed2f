//! Loss `h1`: relative errors of the value and of its gradient, after the norm of the Sobolev space H¹.
//!
//! Mean over the batch of `√(‖e‖²/max(‖t‖², φ₀) + w·‖∇e‖²/max(‖∇t‖², φ₁))` with `e = p − t`, the weight w (config key
//! `gradient_weight`) and `‖∇e‖² = Σ_a Σ (Δ_a e/h_a)²`, where `Δ_a` are the differences of neighbours along x and y and `h_a`
//! the grid's spacing; time, where maps have it, is no axis of the gradient. Both parts are relative, so that no length weighs
//! one against the other. Floors: `φ₀ = 10⁻⁴·N`, 1 % of a typical sample, and `φ₁ = 10⁻⁴·N·Σ_a 1/L_a²`, 1 % of a slope of one
//! standard deviation over the grid's extent L. Within a domain only differences of two points inside are taken.
//! Source: training in Sobolev norms, Czarnecki et al., arXiv:1706.04859; the relative form and the floors are ours.

use super::constant::Constant;
use super::{FLOOR, SHIFT, within};
use crate::task::{Domain, Grid};
use candle_core::{D, Result, Tensor};
use ndarray::Array2;

/// The loss on one grid.
#[derive(Debug)]
pub(crate) struct H1 {
    weight: f64,
    domain: Option<Domain>,
    sides: [Side; 2],
}

/// Differences along one axis.
#[derive(Debug)]
struct Side {
    spacing: f64,
    /// The grid's extent.
    extent: f64,
    /// 1 where both neighbours are inside; none where all are.
    pairs: Option<Constant>,
}

impl H1 {
    /// The loss with a weight of the gradient on a grid.
    pub(super) fn new(weight: f64, grid: &Grid) -> Self {
        let side = |axis: usize| Side {
            spacing: grid.spacing[axis],
            extent: grid.spacing[axis] * (grid.shape[axis] - 1) as f64,
            pairs: grid
                .domain
                .as_ref()
                .map(|domain| Constant::new(pairs(domain, axis))),
        };
        Self {
            weight,
            domain: grid.domain.clone(),
            sides: [side(0), side(1)],
        }
    }

    pub(super) fn value(&self, prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
        let (error, target, share) = within(prediction, target, self.domain.as_ref())?;
        let count = share * (target.elem_count() / target.dim(0)?) as f64;
        let slope: f64 = self.sides.iter().map(|side| side.extent.powi(-2)).sum();
        let value = (energy(&error)? / energy(&target)?.maximum(FLOOR * count)?)?;
        let floor = FLOOR * count * slope;
        let gradient = (self.slopes(&error)? / self.slopes(&target)?.maximum(floor)?)?;
        ((value + (gradient * self.weight)?)? + SHIFT)?
            .sqrt()?
            .mean_all()
    }

    /// `‖∇u‖²` of each sample.
    fn slopes(&self, maps: &Tensor) -> Result<Tensor> {
        let [x, y] = &self.sides;
        x.energy(maps, D::Minus2)? + y.energy(maps, D::Minus1)?
    }
}

impl Side {
    fn energy(&self, maps: &Tensor, axis: D) -> Result<Tensor> {
        let count = maps.dim(axis)? - 1;
        let difference = (maps.narrow(axis, 1, count)? - maps.narrow(axis, 0, count)?)?;
        let difference = match &self.pairs {
            Some(pairs) => difference.broadcast_mul(&pairs.like(maps)?)?,
            None => difference,
        };
        energy(&difference)? / self.spacing.powi(2)
    }
}

/// Sum of squares of each sample.
fn energy(maps: &Tensor) -> Result<Tensor> {
    maps.flatten_from(1)?.sqr()?.sum(1)
}

/// Where a point and its next along an axis are both inside.
fn pairs(domain: &Domain, axis: usize) -> Array2<f64> {
    let points = domain.points();
    let [nx, ny] = domain.shape();
    let shape = if axis == 0 {
        (nx - 1, ny)
    } else {
        (nx, ny - 1)
    };
    Array2::from_shape_fn(shape, |(i, j)| {
        let next = if axis == 0 { (i + 1, j) } else { (i, j + 1) };
        f64::from(u8::from(points[(i, j)] && points[next]))
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check_gradient, wave};
    use super::*;

    fn grid(hole: bool) -> Grid {
        let inside = Array2::from_shape_fn((4, 5), |at| at != (1, 2) && at != (3, 0));
        Grid {
            shape: [4, 5],
            spacing: [0.5, 0.25],
            interval: 1.0,
            domain: Domain::new(&inside).filter(|_| hole),
        }
    }

    /// The formula, point by point.
    fn slow(prediction: &Tensor, target: &Tensor, weight: f64, grid: &Grid) -> f64 {
        let inside = |i: usize, j: usize| {
            let domain = grid.domain.as_ref();
            domain.is_none_or(|domain| domain.points()[(i, j)])
        };
        let maps = |of: &Tensor| {
            let flat = of.flatten_to(of.rank() - 3).unwrap();
            flat.to_vec3::<f64>().unwrap()
        };
        let (p, t) = (maps(prediction), maps(target));
        let (samples, planes) = (prediction.dim(0).unwrap(), p.len());
        let per = planes / samples;
        let mut sum = 0.0;
        for sample in 0..samples {
            let (mut error, mut size, mut steep, mut slope) = (0.0, 0.0, 0.0, 0.0);
            let mut count = 0.0;
            for plane in sample * per..(sample + 1) * per {
                let e = |i: usize, j: usize| p[plane][i][j] - t[plane][i][j];
                let u = |i: usize, j: usize| t[plane][i][j];
                for i in 0..4 {
                    for j in 0..5 {
                        if !inside(i, j) {
                            continue;
                        }
                        count += 1.0;
                        error += e(i, j).powi(2);
                        size += u(i, j).powi(2);
                        for (k, l, h) in [(i + 1, j, 0.5f64), (i, j + 1, 0.25)] {
                            if k < 4 && l < 5 && inside(k, l) {
                                steep += ((e(k, l) - e(i, j)) / h).powi(2);
                                slope += ((u(k, l) - u(i, j)) / h).powi(2);
                            }
                        }
                    }
                }
            }
            let floor = 1e-4 * count * (1.5f64.powi(-2) + 1.0);
            let value = error / f64::max(size, 1e-4 * count);
            sum += (value + weight * steep / f64::max(slope, floor)).sqrt();
        }
        sum / samples as f64
    }

    #[test]
    fn values_are_the_formula_on_maps_and_blocks_with_and_without_a_hole() {
        for hole in [false, true] {
            for shape in [vec![2, 1, 4, 5], vec![2, 1, 3, 4, 5]] {
                for size in [1.0, 0.0] {
                    let loss = H1::new(0.7, &grid(hole));
                    let (p, t) = (wave(&shape, 0.37), (wave(&shape, 0.9) * size).unwrap());
                    let found = loss.value(&p, &t).unwrap().to_scalar::<f64>().unwrap();
                    let expected = slow(&p, &t, 0.7, &grid(hole));
                    assert!(
                        (found - expected).abs() < 1e-10 * expected,
                        "{found} and {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn gradients_are_those_of_finite_differences() {
        for hole in [false, true] {
            let loss = H1::new(0.7, &grid(hole));
            check_gradient(&|p, t| loss.value(p, t), &[2, 1, 4, 5]);
            check_gradient(&|p, t| loss.value(p, t), &[1, 1, 2, 4, 5]);
        }
    }

    #[test]
    fn points_outside_and_what_lies_beyond_them_have_no_gradient() {
        let loss = H1::new(1.0, &grid(true));
        let found = |garbage: f64| {
            let mut values = wave(&[1, 1, 4, 5], 0.37)
                .flatten_all()
                .unwrap()
                .to_vec1::<f64>()
                .unwrap();
            (values[7], values[15]) = (garbage, -garbage);
            let p = Tensor::from_vec(values, (1, 1, 4, 5), &candle_core::Device::Cpu).unwrap();
            loss.value(&p, &wave(&[1, 1, 4, 5], 0.9))
                .unwrap()
                .to_scalar::<f64>()
                .unwrap()
        };
        assert_eq!(found(0.0), found(1e9));
    }
}
