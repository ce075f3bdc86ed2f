//! Learning rate over the steps of a run, as a function of the step alone, so that a resumed run needs no state.
//!
//! With `w = warm_up · steps` and peak rate η, each schedule rises to η over the first `w` steps and then
//! - `one-cycle`: rises along a cosine from η/25, falls along a cosine to η/10⁴ (Smith and Topin, arXiv:1708.07120);
//! - `cosine`: rises linearly, falls along a cosine to 0 (Loshchilov and Hutter, arXiv:1608.03983);
//! - `constant`: rises linearly, stays.

use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// Shape of the learning rate over a run (config key `schedule`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Cosine up from 1/25 of the peak, cosine down to 1/10 000.
    #[default]
    OneCycle,
    /// Linear up, cosine down to zero.
    Cosine,
    /// Linear up, then the peak.
    Constant,
}

impl Schedule {
    /// Learning rate of `step` (from 0) of a run of `steps`, for a peak rate and a warm-up fraction in `[0, 1]`.
    pub fn rate(self, step: usize, steps: usize, peak: f64, warm_up: f64) -> f64 {
        let rise = warm_up * steps as f64;
        let position = step as f64;
        if position < rise {
            // The first step already moves: its rate is not zero.
            return match self {
                Self::OneCycle => cosine(peak / 25.0, peak, position / rise),
                Self::Cosine | Self::Constant => peak * (position + 1.0) / (rise + 1.0),
            };
        }
        let share = (position - rise) / (steps as f64 - rise).max(1.0);
        match self {
            Self::OneCycle => cosine(peak, peak / 1e4, share),
            Self::Cosine => cosine(peak, 0.0, share),
            Self::Constant => peak,
        }
    }
}

/// From `start` (share 0) to `end` (share 1) along half a cosine.
fn cosine(start: f64, end: f64, share: f64) -> f64 {
    end + (start - end) * 0.5 * (1.0 + (PI * share).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cycle_starts_low_peaks_after_the_warm_up_and_ends_lower() {
        let rate = |step| Schedule::OneCycle.rate(step, 100, 1.0, 0.3);
        assert!((rate(0) - 0.04).abs() < 1e-12);
        assert!((rate(30) - 1.0).abs() < 1e-12);
        assert!(rate(99) < 2e-3 && rate(99) >= 1e-4);
        assert!((0..30).all(|s| rate(s) < rate(s + 1)) && (30..99).all(|s| rate(s) > rate(s + 1)));
    }

    #[test]
    fn every_schedule_stays_between_zero_and_its_peak() {
        for schedule in [Schedule::OneCycle, Schedule::Cosine, Schedule::Constant] {
            for (steps, warm_up) in [(1, 0.0), (1, 1.0), (7, 0.5), (100, 0.0), (100, 1.0)] {
                for step in 0..steps {
                    let rate = schedule.rate(step, steps, 3e-3, warm_up);
                    assert!(
                        rate > 0.0 && rate <= 3e-3 * (1.0 + 1e-12),
                        "{schedule:?} {step}/{steps}: {rate}"
                    );
                }
            }
        }
        assert_eq!(Schedule::Constant.rate(50, 100, 0.5, 0.1), 0.5);
    }
}
