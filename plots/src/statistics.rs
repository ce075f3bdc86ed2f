//! Quantiles over trajectories.

/// The `q`-quantile of ascending `sorted`, linear between order statistics (type 7 of Hyndman and Fan 1996, NumPy's
/// default). `None` for no values.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = q.clamp(0.0, 1.0) * last as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(last);
    let share = position - below as f64;
    // On an order statistic there is nothing to interpolate, and infinity times zero would be no number.
    if share == 0.0 {
        return Some(sorted[below]);
    }
    Some(sorted[below] * (1.0 - share) + sorted[above] * share)
}

/// Lower decile, median, upper decile, largest and mean of some values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Summary {
    pub(crate) q10: f64,
    pub(crate) median: f64,
    pub(crate) q90: f64,
    pub(crate) worst: f64,
    pub(crate) mean: f64,
}

impl Summary {
    /// `None` for no values. What is not a number counts as infinite: an error that cannot be told is no small one.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let known = |value: f64| if value.is_nan() { f64::INFINITY } else { value };
        let mut sorted: Vec<f64> = values.into_iter().map(known).collect();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            q10: quantile(&sorted, 0.1)?,
            median: quantile(&sorted, 0.5)?,
            q90: quantile(&sorted, 0.9)?,
            worst: *sorted.last()?,
            mean: sorted.iter().sum::<f64>() / sorted.len() as f64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    #[test]
    fn quantiles_are_numpys() {
        // numpy.quantile([1, 2, 4, 8], [0.1, 0.5, 0.9])
        let summary = Summary::of([8.0, 1.0, 4.0, 2.0]).unwrap();
        assert_relative_eq!(summary.q10, 1.3, epsilon = 1e-12);
        assert_relative_eq!(summary.median, 3.0, epsilon = 1e-12);
        assert_relative_eq!(summary.q90, 6.8, epsilon = 1e-12);
        assert_eq!((summary.worst, summary.mean), (8.0, 3.75));
    }

    #[test]
    fn diverged_trajectories_count_as_infinite() {
        let summary = Summary::of([1.0, f64::NAN, 3.0, 4.0, 2.0]).unwrap();
        assert_eq!(summary.median, 3.0);
        assert_eq!(
            (summary.q90, summary.worst, summary.mean),
            (f64::INFINITY, f64::INFINITY, f64::INFINITY)
        );
    }

    #[test]
    fn one_value_is_all_its_quantiles_and_none_has_none() {
        assert_eq!(
            Summary::of([3.0]).map(|s| (s.q10, s.median, s.q90)),
            Some((3.0, 3.0, 3.0))
        );
        assert_eq!(Summary::of([]), None);
    }
}
