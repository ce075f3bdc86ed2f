//! How many values each frequency band of a kernel gets.
//!
//! Band `j` of a kernel of sides d₁ … dₙ holds the DCT coefficients whose indices add up to j, `0..=Σ(d − 1)`; over the
//! layer these are `N_j = T·S·#{k : Σk = j}`. Its share of values follows a Beta curve,
//! `K_j = clamp(round(N_j · v · x^(α−1) (1−x)^(β−1)), 1, N_j)` at `x = (j + ½)/bands` (**our reading** of "inside (0, 1)"), with
//! the largest `v`, found by bisection, for which `Σ K_j` stays within the budget `T·S·Π d / compression`.

use crate::Result;
use crate::scheme::{ConvolutionShape, setting};

/// The share of values that each band gets (config key `bands`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bands {
    /// A Beta curve with these exponents, both above 0. Where β is larger, high frequencies get fewer values.
    Beta {
        /// α.
        alpha: f64,
        /// β.
        beta: f64,
    },
    /// All bands alike: the paper's control.
    Equal,
}

impl Default for Bands {
    /// α = 1, β = 2.5: the share falls from band to band, to less than a twentieth over a 3×3 kernel.
    fn default() -> Self {
        Self::Beta {
            alpha: Self::ALPHA,
            beta: Self::BETA,
        }
    }
}

impl Bands {
    /// The usual α (**our choice**; the source tunes both by cross-validation).
    pub(in crate::scheme) const ALPHA: f64 = 1.0;
    /// The usual β (**our choice**).
    pub(in crate::scheme) const BETA: f64 = 2.5;

    /// The curve at x, up to a factor.
    fn weight(self, x: f64) -> f64 {
        match self {
            Self::Beta { alpha, beta } => x.powf(alpha - 1.0) * (1.0 - x).powf(beta - 1.0),
            Self::Equal => 1.0,
        }
    }
}

/// The band of each place of a kernel, row-major.
pub(super) fn band_of_places(sides: &[usize]) -> Vec<usize> {
    let mut bands = vec![0];
    for &side in sides {
        bands = bands
            .iter()
            .flat_map(|&band| (0..side).map(move |index| band + index))
            .collect();
    }
    bands
}

/// The values `K_j` of each band, where `places` holds the band of each place of a kernel.
///
/// # Errors
/// [`SurrogateError::Setting`](crate::SurrogateError::Setting) where the budget is below one value per band.
pub(super) fn budget(
    shape: &ConvolutionShape,
    places: &[usize],
    bands: Bands,
    compression: f64,
) -> Result<Vec<usize>> {
    let kernels = shape.outputs * shape.inputs;
    let count = places.iter().max().map_or(0, |last| last + 1);
    let mut sizes = vec![0usize; count];
    places.iter().for_each(|&band| sizes[band] += kernels);
    let budget = shape.dense_weights() as f64 / compression;
    if budget < count as f64 {
        let most = shape.dense_weights() as f64 / count as f64;
        return Err(setting(
            "scheme.compression",
            compression,
            format!(
                "at most {most:.1} for {} inputs, {} outputs and a kernel of {:?}, whose {} need one value each",
                shape.inputs,
                shape.outputs,
                shape.kernel,
                if count == 1 {
                    "weights".into()
                } else {
                    format!("{count} frequency bands")
                },
            ),
            "lower it, or use more channels",
        ));
    }
    let weights: Vec<f64> = (0..count)
        .map(|band| bands.weight((band as f64 + 0.5) / count as f64))
        .collect();
    let shares = |factor: f64| -> Vec<usize> {
        let sizes = sizes.iter().zip(&weights);
        sizes
            .map(|(&size, weight)| {
                let share = (size as f64 * factor * weight).round();
                (share.min(size as f64) as usize).max(1)
            })
            .collect()
    };
    let fits = |factor: f64| shares(factor).iter().sum::<usize>() as f64 <= budget;
    // With the largest factor every band has all its values.
    let least = weights.iter().copied().fold(f64::INFINITY, f64::min);
    let (mut lower, mut upper) = (0.0, 1.0 / least.max(f64::MIN_POSITIVE));
    if fits(upper) {
        return Ok(shares(upper));
    }
    // Steep curves need factors of any size: as many halvings as an f64 has.
    for _ in 0..2200 {
        let middle = 0.5 * (lower + upper);
        if fits(middle) {
            lower = middle;
        } else {
            upper = middle;
        }
    }
    Ok(shares(lower))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(inputs: usize, outputs: usize, kernel: &[usize]) -> ConvolutionShape {
        ConvolutionShape {
            inputs,
            outputs,
            kernel: kernel.to_vec(),
            bias: false,
        }
    }

    #[test]
    fn bands_are_the_sums_of_the_indices() {
        assert_eq!(band_of_places(&[3, 3]), [0, 1, 2, 1, 2, 3, 2, 3, 4]);
        assert_eq!(band_of_places(&[5]), [0, 1, 2, 3, 4]);
        let cube = band_of_places(&[3, 3, 3]);
        assert_eq!((cube.len(), cube.iter().max()), (27, Some(&6)));
    }

    #[test]
    fn the_budget_is_kept_and_high_frequencies_get_less() {
        let shape = shape(64, 64, &[3, 3]);
        let places = band_of_places(&shape.kernel);
        let found = budget(&shape, &places, Bands::default(), 16.0).unwrap();
        let total: usize = found.iter().sum();
        assert!(total <= 2304 && total > 2304 - 5, "{found:?}");
        let share = |band: usize, size: usize| found[band] as f64 / (4096 * size) as f64;
        let shares = [
            share(0, 1),
            share(1, 2),
            share(2, 3),
            share(3, 2),
            share(4, 1),
        ];
        assert!(
            shares.windows(2).all(|pair| pair[0] > pair[1]),
            "{shares:?}"
        );
        // K_j/N_j is the curve: its ratios are those of (1 − x)^1.5.
        assert!((shares[3] / shares[0] - (0.3f64 / 0.9).powf(1.5)).abs() < 2e-3);
        let equal = budget(&shape, &places, Bands::Equal, 16.0).unwrap();
        assert_eq!(equal, [256, 512, 768, 512, 256]);
    }

    #[test]
    fn every_band_keeps_a_value_and_none_more_than_it_has() {
        let shape = shape(2, 3, &[5, 5]);
        let places = band_of_places(&shape.kernel);
        for (alpha, beta) in [(0.2, 9.0), (9.0, 0.2), (0.5, 0.5)] {
            for compression in [1.0, 1.5, 4.0, 16.0] {
                let bands = Bands::Beta { alpha, beta };
                let found = budget(&shape, &places, bands, compression).unwrap();
                assert!(found.iter().sum::<usize>() as f64 <= 150.0 / compression);
                for (band, &count) in found.iter().enumerate() {
                    let most = 6 * places.iter().filter(|&&other| other == band).count();
                    assert!((1..=most).contains(&count), "{found:?}");
                }
            }
        }
        let error = budget(&shape, &places, Bands::Equal, 17.0).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("scheme.compression: found 17") && error.contains("at most 16.7"),
            "{error}"
        );
    }
}
