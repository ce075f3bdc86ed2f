//! A seeded random field: smooth, and a function of position alone.
//!
//! ```text
//! g(x) = sqrt(2/N) Σ_n cos(k_n·x + φ_n),   k_n ~ N(0, I/ℓ²),   φ_n ~ U(0, 2π)
//! c(x) = lo + (hi − lo)·Φ(g(x))
//! ```
//! By the theorem of Bochner, `g` has the squared-exponential correlation `exp(−|r|²/(2ℓ²))` over the draws of the
//! seed, and by the central limit theorem its values are normal for large N; `Φ`, the normal distribution function,
//! then spreads the speeds evenly over `[lo, hi]`, which are bounds at every point. The method is the spectral one of
//! Shinozuka and Deodatis (1991), with wave vectors drawn at random. Their lengths are stratified, one for each N-th
//! of the probability, so that a single draw also comes close to the correlation asked for.
//!
//! Cosines are evaluated by a polynomial over SIMD registers: faster than the library's, and, as fused multiply-add
//! rounds once everywhere, with the same bits on every machine.

use std::f64::consts::{FRAC_1_SQRT_2, PI, TAU};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::simd::vectorised;
use crate::{Medium, SolverError, check};

/// Plane waves in the sum.
const WAVES: usize = 128;
/// Partial sums, as many as a wide SIMD register holds.
const LANES: usize = 8;
/// ChaCha stream of the draws.
const STREAM: u64 = 1;

/// A smooth random medium between two speeds.
#[derive(Debug, Clone, PartialEq)]
pub struct GaussianField {
    speed: [f64; 2],
    waves: Waves,
}

/// The plane waves, in turns (1 turn = 2π) so that range reduction is a rounding.
#[derive(Debug, Clone, PartialEq)]
struct Waves {
    x: [[f64; LANES]; WAVES / LANES],
    y: [[f64; LANES]; WAVES / LANES],
    phase: [[f64; LANES]; WAVES / LANES],
}

impl GaussianField {
    /// A draw of the field from `seed`.
    ///
    /// * `speed`: its lowest and highest value, m/s; both are bounds at every point.
    /// * `correlation_length`: ℓ (m), at which the correlation has fallen to `exp(−1/2)`.
    /// * `seed`: of the ChaCha8 generator, whose stream 1 is used here.
    ///
    /// # Errors
    /// [`SolverError::InvalidParameter`] unless the speeds are finite, above 0 and in ascending order, and the
    /// correlation length is finite and above 0.
    pub fn new(speed: [f64; 2], correlation_length: f64, seed: u64) -> Result<Self, SolverError> {
        check::positive_range("gaussian-field speed", speed)?;
        check::positive("gaussian-field correlation length", correlation_length)?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(STREAM);
        let mut waves = Waves {
            x: [[0.0; LANES]; WAVES / LANES],
            y: [[0.0; LANES]; WAVES / LANES],
            phase: [[0.0; LANES]; WAVES / LANES],
        };
        for n in 0..WAVES {
            // |k|·ℓ is Rayleigh distributed: inverse of its distribution function within the n-th stratum
            let probability = (n as f64 + rng.random::<f64>()) / WAVES as f64;
            let length = (-2.0 * (1.0 - probability).ln()).sqrt() / correlation_length;
            let (sin, cos) = (TAU * rng.random::<f64>()).sin_cos();
            waves.x[n / LANES][n % LANES] = length * cos / TAU;
            waves.y[n / LANES][n % LANES] = length * sin / TAU;
            waves.phase[n / LANES][n % LANES] = rng.random::<f64>();
        }
        Ok(Self { speed, waves })
    }

    /// The speed of a value of `g`.
    fn speed_of(&self, normal: f64) -> f64 {
        let [lower, upper] = self.speed;
        let speed = lower + (upper - lower) * normal_distribution(normal);
        speed.clamp(lower, upper)
    }

    /// The standard normal field `g` at `position`.
    fn normal(&self, position: [f64; 2]) -> f64 {
        let waves = &self.waves;
        let sum = vectorised(
            #[inline(always)]
            || waves.sum(position),
        );
        sum * (2.0 / WAVES as f64).sqrt()
    }
}

impl Medium for GaussianField {
    fn speed(&self, position: [f64; 2]) -> f64 {
        self.speed_of(self.normal(position))
    }

    fn speeds_on_grid(&self, x: &[f64], y: &[f64]) -> Option<Vec<f64>> {
        let mut sums = vec![0.0; x.len() * y.len()];
        vectorised(
            #[inline(always)]
            || self.waves.sum_on_grid(x, y, &mut sums),
        );
        let scale = (2.0 / WAVES as f64).sqrt();
        Some(sums.iter().map(|sum| self.speed_of(sum * scale)).collect())
    }

    fn is_continuous(&self) -> bool {
        true
    }

    fn max_speed(&self) -> f64 {
        self.speed[1]
    }

    fn min_speed(&self) -> f64 {
        self.speed[0]
    }
}

impl Waves {
    /// `Σ cos(2π(k·x + φ))`; the order of the additions is fixed, so that the sum has the same bits on every machine.
    #[inline(always)]
    fn sum(&self, [x, y]: [f64; 2]) -> f64 {
        let mut sums = [0.0; LANES];
        for ((kx, ky), phase) in self.x.iter().zip(&self.y).zip(&self.phase) {
            let mut turns = [0.0; LANES];
            for lane in 0..LANES {
                turns[lane] = kx[lane].mul_add(x, ky[lane].mul_add(y, phase[lane]));
            }
            let cosines = cos_turns(turns);
            for lane in 0..LANES {
                sums[lane] += cosines[lane];
            }
        }
        sums.iter().sum()
    }

    /// The sum at every point of a grid, y fastest: `cos(a + b) = cos a cos b − sin a sin b` asks for cosines along the axes
    /// only, a tenth of the work.
    #[inline(always)]
    fn sum_on_grid(&self, x: &[f64], y: &[f64], sums: &mut [f64]) {
        const GROUPS: usize = WAVES / LANES;
        // cos and sin of the part of y, which all rows share
        let mut columns = Vec::with_capacity(y.len());
        for &y in y {
            let mut column = [[[0.0; LANES]; 2]; GROUPS];
            for (pair, ky) in column.iter_mut().zip(&self.y) {
                *pair = cos_and_sin(ky, y, &[0.0; LANES]);
            }
            columns.push(column);
        }
        for (&x, sums) in x.iter().zip(sums.chunks_exact_mut(y.len().max(1))) {
            let mut row = [[[0.0; LANES]; 2]; GROUPS];
            for ((pair, kx), phase) in row.iter_mut().zip(&self.x).zip(&self.phase) {
                *pair = cos_and_sin(kx, x, phase);
            }
            for (sum, column) in sums.iter_mut().zip(&columns) {
                let mut partial = [0.0; LANES];
                for ([cos_a, sin_a], [cos_b, sin_b]) in row.iter().zip(column) {
                    for lane in 0..LANES {
                        let cosines = cos_a[lane].mul_add(cos_b[lane], partial[lane]);
                        partial[lane] = (-sin_a[lane]).mul_add(sin_b[lane], cosines);
                    }
                }
                *sum = partial.iter().sum();
            }
        }
    }
}

/// cos and sin of `2π(k·x + φ)`.
#[inline(always)]
fn cos_and_sin(k: &[f64; LANES], x: f64, phase: &[f64; LANES]) -> [[f64; LANES]; 2] {
    let mut turns = [0.0; LANES];
    let mut quarter_back = [0.0; LANES];
    for lane in 0..LANES {
        turns[lane] = k[lane].mul_add(x, phase[lane]);
        quarter_back[lane] = turns[lane] - 0.25;
    }
    [cos_turns(turns), cos_turns(quarter_back)]
}

/// `cos(2π·turns)` of each number to 1e-14, for |turns| < 2⁵¹.
#[inline(always)]
fn cos_turns(turns: [f64; LANES]) -> [f64; LANES] {
    // adding 1.5·2⁵² leaves no bits below 1: the nearest integer, without a library call
    const ROUND: f64 = 6_755_399_441_055_744.0;
    // −1/19!, 1/17!, … of the series of sin
    const SERIES: [f64; 10] = [
        -8.220_635_246_624_33e-18,
        2.811_457_254_345_521e-15,
        -7.647_163_731_819_816e-13,
        1.605_904_383_682_161_5e-10,
        -2.505_210_838_544_172e-8,
        2.755_731_922_398_589_3e-6,
        -1.984_126_984_126_984e-4,
        8.333_333_333_333_333e-3,
        -1.666_666_666_666_666_6e-1,
        1.0,
    ];
    let mut half = [0.0; LANES];
    let mut square = [0.0; LANES];
    for lane in 0..LANES {
        half[lane] = PI * (turns[lane] - ((turns[lane] + ROUND) - ROUND));
        square[lane] = half[lane] * half[lane];
    }
    // cos a = 1 − 2 sin²(a/2), and the series of sin converges fast for |a/2| ≤ π/2
    let mut series = [SERIES[0]; LANES];
    for coefficient in &SERIES[1..] {
        for lane in 0..LANES {
            series[lane] = series[lane].mul_add(square[lane], *coefficient);
        }
    }
    let mut cosines = [0.0; LANES];
    for lane in 0..LANES {
        let sin = half[lane] * series[lane];
        cosines[lane] = 1.0 - 2.0 * sin * sin;
    }
    cosines
}

/// The standard normal distribution function Φ to about 1e-15, by the rational approximation of Hart et al.,
/// *Computer Approximations* (1968), no. 5666, with a continued fraction in the tails.
fn normal_distribution(x: f64) -> f64 {
    let z = x.abs();
    let tail = if z > 37.0 {
        0.0
    } else if z < 10.0 * FRAC_1_SQRT_2 {
        let numerator = horner(
            z,
            &[
                3.526_249_659_989_11e-2,
                0.700_383_064_443_688,
                6.373_962_203_531_65,
                33.912_866_078_383,
                112.079_291_497_871,
                221.213_596_169_931,
                220.206_867_912_376,
            ],
        );
        let denominator = horner(
            z,
            &[
                8.838_834_764_831_84e-2,
                1.755_667_163_182_64,
                16.064_177_579_207,
                86.780_732_202_946_1,
                296.564_248_779_674,
                637.333_633_378_831,
                793.826_512_519_948,
                440.413_735_824_752,
            ],
        );
        (-0.5 * z * z).exp() * numerator / denominator
    } else {
        let fraction = z + 1.0 / (z + 2.0 / (z + 3.0 / (z + 4.0 / (z + 0.65))));
        (-0.5 * z * z).exp() / (fraction * TAU.sqrt())
    };
    if x > 0.0 { 1.0 - tail } else { tail }
}

/// The polynomial with these coefficients, highest power first.
fn horner(x: f64, coefficients: &[f64]) -> f64 {
    coefficients.iter().fold(0.0, |sum, c| sum * x + c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `Φ(x) = 1/2 + φ(x) (x + x³/3 + x⁵/(3·5) + …)`: slow, and plainly right.
    fn normal_distribution_by_series(x: f64) -> f64 {
        let (mut term, mut sum) = (x, x);
        for n in 1..400 {
            term *= x * x / (2 * n + 1) as f64;
            sum += term;
        }
        0.5 + sum * (-0.5 * x * x).exp() / TAU.sqrt()
    }

    #[test]
    fn the_distribution_function_matches_its_series() {
        for i in -800..=800 {
            let x = 0.01 * i as f64;
            let (fast, slow) = (normal_distribution(x), normal_distribution_by_series(x));
            assert!((fast - slow).abs() < 2e-15, "{x}: {fast} {slow}");
        }
        assert_eq!(
            (normal_distribution(-50.0), normal_distribution(50.0)),
            (0.0, 1.0)
        );
    }

    proptest! {
        #[test]
        fn the_cosine_matches_the_library(turns in -1000.0..1000.0f64) {
            // 2π·turns itself is rounded to 1e-12 for 1000 turns, hence the exact reduction first
            let library = (TAU * (turns - turns.round())).cos();
            prop_assert!((cos_turns([turns; LANES])[0] - library).abs() < 1e-14);
        }

        #[test]
        fn speeds_stay_within_their_bounds(seed: u64, x in -1e3..1e3f64, y in -1e3..1e3f64) {
            let field = GaussianField::new([0.7, 1.3], 0.2, seed).unwrap();
            let speed = field.speed([x, y]);
            prop_assert!((0.7..=1.3).contains(&speed));
        }
    }

    #[test]
    fn the_sum_matches_one_by_one() {
        let field = GaussianField::new([1.0, 2.0], 0.3, 7).unwrap();
        let (x, y) = (0.37, -0.81);
        let slow: f64 = (0..WAVES)
            .map(|n| {
                let (waves, i, j) = (&field.waves, n / LANES, n % LANES);
                (TAU * (waves.x[i][j] * x + waves.y[i][j] * y + waves.phase[i][j])).cos()
            })
            .sum();
        let slow = slow * (2.0 / WAVES as f64).sqrt();
        assert!((field.normal([x, y]) - slow).abs() < 1e-13);
    }

    #[test]
    fn the_grid_matches_point_by_point() {
        let field = GaussianField::new([0.7, 1.3], 0.15, 11).unwrap();
        let (x, y) = ([-0.4, 0.0, 0.31, 2.5], [0.05, 0.9, 1.7]);
        let grid = field.speeds_on_grid(&x, &y).unwrap();
        assert_eq!(grid.len(), x.len() * y.len());
        let points = x.iter().flat_map(|&x| y.map(|y| [x, y]));
        for (point, speed) in points.zip(grid) {
            assert!((speed - field.speed(point)).abs() < 1e-12, "{point:?}");
        }
    }

    #[test]
    fn speeds_are_spread_evenly_over_the_range() {
        // far apart in space and over many seeds, values are independent: the share below each decile is binomial
        let mut below = [0usize; 9];
        let count = 20_000;
        for i in 0..count {
            let field = GaussianField::new([1.0, 2.0], 0.1, i as u64 / 20).unwrap();
            let speed = field.speed([(i % 20) as f64, 0.3]);
            for (decile, below) in below.iter_mut().enumerate() {
                *below += usize::from(speed < 1.1 + 0.1 * decile as f64);
            }
        }
        for (decile, &below) in below.iter().enumerate() {
            let (share, expected) = (below as f64 / count as f64, 0.1 * (decile + 1) as f64);
            // four standard deviations, plus what the sum of 128 waves lacks of a normal distribution
            assert!((share - expected).abs() < 0.018, "{share} of {expected}");
        }
    }

    #[test]
    fn the_correlation_is_squared_exponential() {
        let length = 0.2;
        let seeds = 6000;
        for (dx, dy) in [(0.0, 0.0), (0.1, 0.0), (0.0, 0.2), (0.24, 0.18), (0.5, 0.0)] {
            let mean = (0..seeds)
                .map(|seed| {
                    let field = GaussianField::new([1.0, 2.0], length, seed).unwrap();
                    field.normal([0.3, 0.4]) * field.normal([0.3 + dx, 0.4 + dy])
                })
                .sum::<f64>()
                / seeds as f64;
            let expected = (-(dx * dx + dy * dy) / (2.0 * length * length)).exp();
            // the product of two normal values deviates by at most sqrt(2): four standard deviations of the mean
            assert!(
                (mean - expected).abs() < 0.073,
                "{dx} {dy}: {mean} {expected}"
            );
        }
    }

    #[test]
    fn a_seed_gives_one_field_and_another_seed_another() {
        let field = |seed| GaussianField::new([1.0, 2.0], 0.2, seed).unwrap();
        assert_eq!(field(3), field(3));
        assert_ne!(field(3).speed([0.5, 0.5]), field(4).speed([0.5, 0.5]));
    }

    #[test]
    fn bad_parameters_are_refused() {
        assert!(GaussianField::new([1.3, 0.7], 0.2, 0).is_err());
        assert!(GaussianField::new([-1.0, 0.7], 0.2, 0).is_err());
        assert!(GaussianField::new([0.7, f64::INFINITY], 0.2, 0).is_err());
        assert!(GaussianField::new([0.7, 1.3], 0.0, 0).is_err());
    }
}
