//! Loss `spectral`: relative errors with a weight for each wavenumber.
//!
//! Mean over the batch of `√(Σ_k w(k) ê_k² / max(Σ_k w(k) t̂_k², 10⁻⁴·N))` with `e = p − t` and `w(k) = (1 + |k|²)^s`
//! (config key `spectral_exponent`): s > 0 weighs short waves more, s < 0 long ones, s = 0 is `relative-l2`; s = 1 is close to `h1`.
//! `ê` is the orthonormal discrete cosine transform (DCT-II) along x and y, that is, the discrete Fourier transform of the map's
//! even reflection at its sides: unlike that of the bare map it sees no jumps where opposite sides differ. Mode j along an axis
//! of n points at distance h has wavelength 2nh/j; `k_a = j_a·L/(n_a h_a)`, with L the longer extent n·h of both, counts
//! half waves over L, so that |k| does not depend on the direction. Time, where maps have it, is not transformed.
//! Source: Sobolev norms by Fourier multipliers, as weights of training in Yu, Yang, Townsend, arXiv:2205.14300; the
//! transform is Ahmed, Natarajan, Rao, *Discrete cosine transform* (1974).

use super::constant::Constant;
use super::{FLOOR, SHIFT};
use crate::task::Grid;
use candle_core::{Result, Tensor};
use ndarray::Array2;
use std::f64::consts::PI;

/// The loss on one grid.
#[derive(Debug)]
pub(crate) struct Spectral {
    /// Cosine transforms along x and y, `(mode, point)`.
    transforms: [Constant; 2],
    /// `√w(k)`, `(mode along y, mode along x)`.
    roots: Constant,
}

impl Spectral {
    /// The loss with exponent s on a grid whose points are all inside the domain.
    pub(super) fn new(exponent: f64, grid: &Grid) -> Self {
        let [nx, ny] = grid.shape;
        let extent = |axis: usize| grid.shape[axis] as f64 * grid.spacing[axis];
        let longer = extent(0).max(extent(1));
        let square = |axis: usize, mode: usize| (mode as f64 * longer / extent(axis)).powi(2);
        Self {
            transforms: grid.shape.map(|points| Constant::new(cosines(points))),
            roots: Constant::new(Array2::from_shape_fn([ny, nx], |(j, i)| {
                (1.0 + square(0, i) + square(1, j)).powf(0.5 * exponent)
            })),
        }
    }

    pub(super) fn value(&self, prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
        let count = target.elem_count() / target.dim(0)?;
        let error = self.energy(&(prediction - target)?)?;
        let energy = self.energy(target)?.maximum(FLOOR * count as f64)?;
        ((error + SHIFT)? / energy)?.sqrt()?.mean_all()
    }

    /// `Σ_k w(k) û_k²` of each sample.
    fn energy(&self, maps: &Tensor) -> Result<Tensor> {
        let (ny, nx) = self.roots.dim();
        let [x, y] = &self.transforms;
        // rows of all maps at once, then columns, each a product of two matrices
        let rows = maps
            .contiguous()?
            .reshape(((), ny))?
            .matmul(&y.like(maps)?.t()?)?;
        let columns = rows.reshape(((), nx, ny))?.transpose(1, 2)?.contiguous()?;
        let both = columns.reshape(((), nx))?.matmul(&x.like(maps)?.t()?)?;
        let weighted = both
            .reshape(((), ny, nx))?
            .broadcast_mul(&self.roots.like(maps)?)?;
        weighted.reshape((maps.dim(0)?, ()))?.sqr()?.sum(1)
    }
}

/// The orthonormal DCT-II: row j is `√((2 − δ_j0)/n)·cos(π j (i + ½)/n)`.
fn cosines(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, n), |(mode, point)| {
        let scale = if mode == 0 { 1.0 } else { 2.0 } / n as f64;
        scale.sqrt() * (PI * mode as f64 * (point as f64 + 0.5) / n as f64).cos()
    })
}

#[cfg(test)]
mod tests {
    use super::super::relative_l2;
    use super::super::tests::{check_gradient, wave};
    use super::*;

    fn grid() -> Grid {
        Grid {
            shape: [4, 6],
            spacing: [0.5, 0.25],
            interval: 1.0,
            domain: None,
        }
    }

    /// `Σ w û²` of one map by the sum over points, mode by mode, of the map's even reflection.
    fn slow(map: &[Vec<f64>], exponent: f64) -> f64 {
        let (nx, ny) = (4, 6);
        let mut sum = 0.0;
        for a in 0..nx {
            for b in 0..ny {
                // |DFT|² of the reflected map, 2nx × 2ny points, modes ±a and ±b in one
                let (mut re, mut im) = (0.0, 0.0);
                for i in 0..2 * nx {
                    for j in 0..2 * ny {
                        let u = map[i.min(2 * nx - 1 - i)][j.min(2 * ny - 1 - j)];
                        let turn =
                            (a * i) as f64 / (2 * nx) as f64 + (b * j) as f64 / (2 * ny) as f64;
                        re += u * (2.0 * PI * turn).cos();
                        im += u * (2.0 * PI * turn).sin();
                    }
                }
                let twice = |mode: usize| if mode == 0 { 1.0 } else { 2.0 };
                let square = (re * re + im * im) / (16 * nx * ny) as f64 * twice(a) * twice(b);
                // extents 2 and 1.5 m
                let k = (a as f64).powi(2) + (b as f64 * 2.0 / 1.5).powi(2);
                sum += (1.0 + k).powf(exponent) * square;
            }
        }
        sum
    }

    #[test]
    fn values_are_the_weighted_fourier_sums() {
        for exponent in [-1.0, 1.0, 2.5] {
            let (p, t) = (wave(&[2, 1, 4, 6], 0.37), wave(&[2, 1, 4, 6], 0.9));
            let energy = |of: &Tensor, sample: usize| {
                let map = of.get(sample).unwrap().get(0).unwrap();
                slow(&map.to_vec2::<f64>().unwrap(), exponent)
            };
            let e = (&p - &t).unwrap();
            let ratios = (0..2).map(|n| (energy(&e, n) / energy(&t, n)).sqrt());
            let expected = ratios.sum::<f64>() / 2.0;
            let loss = Spectral::new(exponent, &grid());
            let found = loss.value(&p, &t).unwrap().to_scalar::<f64>().unwrap();
            assert!(
                (found / expected - 1.0).abs() < 1e-12,
                "{found}, {expected}"
            );
        }
    }

    #[test]
    fn without_an_exponent_it_is_the_relative_l2_loss() {
        let shape = [2, 1, 3, 4, 6];
        let (p, t) = (wave(&shape, 0.37), wave(&shape, 0.9));
        let loss = Spectral::new(0.0, &grid());
        let found = loss.value(&p, &t).unwrap().to_scalar::<f64>().unwrap();
        let expected = relative_l2(&p, &t, None)
            .unwrap()
            .to_scalar::<f64>()
            .unwrap();
        assert!((found / expected - 1.0).abs() < 1e-12);
    }

    #[test]
    fn gradients_are_those_of_finite_differences() {
        let loss = Spectral::new(1.5, &grid());
        check_gradient(&|p, t| loss.value(p, t), &[2, 1, 4, 6]);
        check_gradient(&|p, t| loss.value(p, t), &[1, 1, 2, 4, 6]);
    }
}
