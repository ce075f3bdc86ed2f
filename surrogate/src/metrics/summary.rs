//! Mean, median, 90 % quantile and worst of one figure over the trajectories of a split: never the mean alone.
//!
//! The quantile interpolates linearly between order statistics (Hyndman and Fan's type 7, NumPy's default).

use serde::{Deserialize, Serialize};

/// One figure over several trajectories, dimensionless or in the figure's own unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Arithmetic mean.
    pub mean: f64,
    /// 50 % quantile.
    pub median: f64,
    /// 90 % quantile.
    pub q90: f64,
    /// Largest value; NaN if any value is.
    pub worst: f64,
    /// Position of the largest value among those given.
    pub worst_position: usize,
}

impl Summary {
    /// Summarises `values`; `None` when there are none.
    ///
    /// A value that is not a number counts as the worst, and makes the mean NaN too: a diverged trajectory must show.
    pub fn of(values: &[f64]) -> Option<Self> {
        let (worst_position, &worst) = values
            .iter()
            .enumerate()
            .max_by(|a, b| rank(*a.1).total_cmp(&rank(*b.1)))?;
        let mut sorted: Vec<f64> = values.iter().map(|&value| rank(value)).collect();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            mean: values.iter().sum::<f64>() / values.len() as f64,
            median: quantile(&sorted, 0.5),
            q90: quantile(&sorted, 0.9),
            worst,
            worst_position,
        })
    }
}

/// Orders NaN of either sign above infinity.
fn rank(value: f64) -> f64 {
    if value.is_nan() {
        f64::NAN.abs()
    } else {
        value
    }
}

/// Linear interpolation between order statistics of a sorted, non-empty slice.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let position = share * (sorted.len() - 1) as f64;
    let low = position.floor() as usize;
    let high = position.ceil() as usize;
    let weight = position - low as f64;
    if weight == 0.0 {
        sorted[low]
    } else {
        sorted[low] * (1.0 - weight) + sorted[high] * weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_numpys() {
        let found = Summary::of(&[4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!(
            (found.mean, found.median, found.worst, found.worst_position),
            (2.5, 2.5, 4.0, 0)
        );
        assert!(
            (found.q90 - 3.7).abs() < 1e-12,
            "numpy.quantile([1,2,3,4], 0.9) is 3.7, found {}",
            found.q90
        );
    }

    #[test]
    fn one_value_is_all_of_them() {
        let found = Summary::of(&[0.25]).unwrap();
        assert_eq!(
            found,
            Summary {
                mean: 0.25,
                median: 0.25,
                q90: 0.25,
                worst: 0.25,
                worst_position: 0
            }
        );
        assert!(Summary::of(&[]).is_none());
    }

    #[test]
    fn a_diverged_trajectory_is_the_worst() {
        let found = Summary::of(&[1.0, -f64::NAN, f64::INFINITY]).unwrap();
        assert!(found.worst.is_nan() && found.worst_position == 1 && found.mean.is_nan());
    }
}
