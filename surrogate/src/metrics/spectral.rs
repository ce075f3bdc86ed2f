//! Where in the spectrum an error sits: root mean square errors within bands of wavenumbers.
//!
//! The error `e = p − u` on `nx × ny` points has the discrete Fourier transform `ê(k_x, k_y)`; `k = |(k_x, k_y)|` counts waves per
//! grid side, on the full plane (both signs of both components). A band's error is
//! `sqrt(Σ_{k in band} |ê|² / (nx·ny·N))` over N compared points, so that by Parseval the squares of the bands that cover the plane
//! add up to the mean square error.
//!
//! Two partitions: low (k < 4), mid (4 ≤ k < 12), high (k ≥ 12), and three bands whose edges are equally spaced in log k from
//! 1 to the largest wavenumber K of the grid, `K^{1/3}` and `K^{2/3}`; the mean (k = 0) belongs to the lowest band. Outside of a domain
//! that is not the whole grid, the error counts as 0. Source: the three fixed bands are PDEBench's fRMSE (Takamoto et al.,
//! arXiv:2210.07182), the logarithmic ones The Well's binned spectral error (Ohana et al., arXiv:2412.00568).

use rustfft::num_complex::Complex;
use rustfft::{Fft, FftPlanner};
use std::fmt;
use std::sync::Arc;

/// Bands of a partition.
pub const BANDS: usize = 3;

/// First wavenumbers of the bands mid and high.
pub const BAND_EDGES: [f64; 2] = [4.0, 12.0];

/// Transforms and bands for one shape of grid.
pub struct Spectrum {
    shape: [usize; 2],
    along_x: Arc<dyn Fft<f64>>,
    along_y: Arc<dyn Fft<f64>>,
    /// For every entry of the half plane `0 ≤ k_y ≤ ny/2`, `(k_y, k_x)` row-major: its band in both partitions.
    bands: Vec<[u8; 2]>,
}

impl fmt::Debug for Spectrum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spectrum")
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}

/// The first wavenumbers of the upper two logarithmic bands of a grid.
pub fn log_edges([nx, ny]: [usize; 2]) -> [f64; 2] {
    let largest = ((nx / 2) as f64).hypot((ny / 2) as f64).max(1.0);
    [largest.powf(1.0 / 3.0), largest.powf(2.0 / 3.0)]
}

impl Spectrum {
    /// Prepares transforms of fields `(nx, ny)`.
    pub fn new(shape: [usize; 2]) -> Self {
        let [nx, ny] = shape;
        let mut planner = FftPlanner::new();
        let log = log_edges(shape);
        let band = |k: f64, edges: [f64; 2]| edges.iter().filter(|edge| k >= **edge).count() as u8;
        let bands = (0..=ny / 2)
            .flat_map(|j| (0..nx).map(move |i| (i.min(nx - i) as f64).hypot(j as f64)))
            .map(|k| [band(k, BAND_EDGES), band(k, log)])
            .collect();
        Self {
            shape,
            along_x: planner.plan_fft_forward(nx),
            along_y: planner.plan_fft_forward(ny),
            bands,
        }
    }

    /// Points along x and y.
    pub fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// Energy of a real field by wavenumber, `Σ |û|² / (nx·ny)²` over the shells `(κ − ½)·w ≤ |k| < (κ + ½)·w` of width
    /// `w = 1 / max(size)` (1/m) for κ = 1, 2, … up to the smaller axis's Nyquist wavenumber; the mean is left out. With all
    /// wavenumbers the sum would be the field's variance, by Parseval.
    ///
    /// `field` is `(nx, ny)`, row-major; `size` are the sides of the grid in m.
    pub fn shells(&self, field: &[f64], size: [f64; 2]) -> Vec<f64> {
        let [nx, ny] = self.shape;
        let longest = size[0].max(size[1]);
        let nyquist = (nx as f64 / size[0]).min(ny as f64 / size[1]) / 2.0;
        let mut shells = vec![0.0; (nyquist * longest).floor() as usize];
        for (at, energy) in self.energies(field).enumerate() {
            let (j, i) = (at / nx, at % nx);
            let k = (i.min(nx - i) as f64 / size[0]).hypot(j as f64 / size[1]) * longest;
            let shell = k.round() as usize;
            if let Some(shell) = shell.checked_sub(1).and_then(|n| shells.get_mut(n)) {
                *shell += energy / ((nx * ny) as f64).powi(2);
            }
        }
        shells
    }

    /// Energies of the half plane `0 ≤ k_y ≤ ny/2`, `(k_y, k_x)` row-major, those of the other half counted with them.
    fn energies(&self, field: &[f64]) -> impl Iterator<Item = f64> {
        let [nx, ny] = self.shape;
        let mut rows: Vec<Complex<f64>> = field.iter().map(|&e| Complex::new(e, 0.0)).collect();
        self.along_y.process(&mut rows);
        // the other half of the plane of a real field has the same energy
        let half = ny / 2 + 1;
        let mut columns: Vec<Complex<f64>> = (0..half)
            .flat_map(|j| rows.iter().skip(j).step_by(ny).copied())
            .collect();
        self.along_x.process(&mut columns);
        columns.into_iter().enumerate().map(move |(at, value)| {
            let j = at / nx;
            let twice = if j == 0 || 2 * j == ny { 1.0 } else { 2.0 };
            twice * value.norm_sqr()
        })
    }

    /// Root mean square errors within the fixed and within the logarithmic bands, lowest first, in the unit of `error`.
    ///
    /// `error` is `(nx, ny)`, row-major, 0 where nothing is compared; `points` is how many points are.
    pub fn band_errors(&self, error: &[f64], points: f64) -> [[f64; BANDS]; 2] {
        let [nx, ny] = self.shape;
        let mut sums = [[0.0; BANDS]; 2];
        for (energy, band) in self.energies(error).zip(&self.bands) {
            for (sums, band) in sums.iter_mut().zip(band) {
                sums[usize::from(*band)] += energy;
            }
        }
        let scale = (nx * ny) as f64 * points;
        sums.map(|bands| bands.map(|sum| (sum / scale).sqrt()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::f64::consts::TAU;

    /// By the definition: a sum over all points for every wavenumber of the full plane.
    fn slow(error: &[f64], [nx, ny]: [usize; 2], points: f64) -> [[f64; BANDS]; 2] {
        let mut sums = [[0.0; BANDS]; 2];
        for a in 0..nx {
            for b in 0..ny {
                let (mut real, mut imaginary) = (0.0, 0.0);
                for i in 0..nx {
                    for j in 0..ny {
                        let angle = TAU * ((a * i) as f64 / nx as f64 + (b * j) as f64 / ny as f64);
                        real += error[i * ny + j] * angle.cos();
                        imaginary -= error[i * ny + j] * angle.sin();
                    }
                }
                // signed wavenumbers: the upper half of the indices is negative
                let signed = |index: usize, count: usize| {
                    let index = index as f64;
                    if 2.0 * index > count as f64 {
                        index - count as f64
                    } else {
                        index
                    }
                };
                let k = signed(a, nx).hypot(signed(b, ny));
                for (sums, edges) in sums.iter_mut().zip([BAND_EDGES, log_edges([nx, ny])]) {
                    let band = usize::from(k >= edges[0]) + usize::from(k >= edges[1]);
                    sums[band] += real * real + imaginary * imaginary;
                }
            }
        }
        sums.map(|bands| bands.map(|sum| (sum / (nx * ny) as f64 / points).sqrt()))
    }

    proptest! {
        #[test]
        fn bands_are_those_of_the_definition_and_add_up(nx in 1usize..14, ny in 1usize..14, seed in 0u64..100) {
            let error: Vec<f64> = (0..nx * ny)
                .map(|n| ((n as u64 + 1) * (seed + 3) * 2_654_435_761 % 1000) as f64 / 500.0 - 1.0)
                .collect();
            let points = (nx * ny) as f64;
            let found = Spectrum::new([nx, ny]).band_errors(&error, points);
            let expected = slow(&error, [nx, ny], points);
            let mse = error.iter().map(|e| e * e).sum::<f64>() / points;
            for (found, expected) in found.iter().zip(&expected) {
                for (a, b) in found.iter().zip(expected) {
                    prop_assert!((a - b).abs() < 1e-9, "{found:?} for {expected:?}");
                }
                prop_assert!((found.iter().map(|e| e * e).sum::<f64>() - mse).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn a_wave_is_in_its_shell_alone() {
        // 2 m × 1 m: three waves over 2 m have the wavenumber 1.5/m, the third shell of 0.5/m; three over 1 m the sixth.
        let (nx, ny) = (32, 16);
        let spectrum = Spectrum::new([nx, ny]);
        for (waves, shell) in [([3, 0], 3), ([0, 3], 6), ([3, 4], 9)] {
            let field: Vec<f64> = (0..nx * ny)
                .map(|n| {
                    let (x, y) = ((n / ny) as f64 / nx as f64, (n % ny) as f64 / ny as f64);
                    1.0 + (TAU * (f64::from(waves[0]) * x + f64::from(waves[1]) * y)).cos()
                })
                .collect();
            let found = spectrum.shells(&field, [2.0, 1.0]);
            assert_eq!(found.len(), 16);
            for (n, energy) in found.iter().enumerate() {
                // the variance of a cosine
                let expected = if n + 1 == shell { 0.5 } else { 0.0 };
                assert!((energy - expected).abs() < 1e-12, "{waves:?}: {found:?}");
            }
        }
    }

    #[test]
    fn a_wave_is_in_its_band_alone() {
        let (nx, ny) = (32, 24);
        let spectrum = Spectrum::new([nx, ny]);
        for (waves, band) in [
            ([0, 0], 0),
            ([3, 0], 0),
            ([4, 0], 1),
            ([0, 11], 1),
            ([9, 9], 2),
        ] {
            let error: Vec<f64> = (0..nx * ny)
                .map(|n| {
                    let (x, y) = ((n / ny) as f64 / nx as f64, (n % ny) as f64 / ny as f64);
                    (TAU * (f64::from(waves[0]) * x + f64::from(waves[1]) * y)).cos()
                })
                .collect();
            let [found, _] = spectrum.band_errors(&error, (nx * ny) as f64);
            let size = if waves == [0, 0] { 1.0 } else { 0.5f64.sqrt() };
            for (n, value) in found.into_iter().enumerate() {
                let expected = if n == band { size } else { 0.0 };
                assert!((value - expected).abs() < 1e-12, "{waves:?}: {found:?}");
            }
        }
    }
}
