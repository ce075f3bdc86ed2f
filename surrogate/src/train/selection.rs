//! Which validation is the best, and when a run that no longer improves ends.

use crate::checkpoint::Validation;
use serde::{Deserialize, Serialize};

/// Which error on the valid split decides what is best (config key `select`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Select {
    /// That of single predictions; of whole fields where these are predicted.
    #[default]
    OneStep,
    /// That of rollouts.
    Rollout,
}

/// Whether a validation is better than the best so far. An error that is no number is better than none.
pub(super) fn is_better(validation: &Validation, best: Option<Validation>) -> bool {
    best.is_none_or(|best| validation.error() < best.error() || best.error().is_nan())
}

/// Whether a run ends after `step` updates because `patience` validations in a row, `every` updates apart, were no better
/// than the best.
pub(super) fn is_over(
    step: usize,
    best: Option<Validation>,
    patience: Option<usize>,
    every: usize,
) -> bool {
    let (Some(patience), Some(best)) = (patience, best) else {
        return false;
    };
    // a function of what a checkpoint holds: a resumed run ends where an uninterrupted one does
    step / every >= best.step / every + patience
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validation(step: usize, one_step: f64, rollout: f64, select: Select) -> Validation {
        Validation {
            step,
            one_step_relative_l2: Some(one_step),
            rollout_relative_l2: rollout,
            rollout_steps: 20,
            one_step: None,
            rollout: None,
            select,
        }
    }

    #[test]
    fn the_key_says_which_error_counts() {
        let best = |select| Some(validation(1, 0.5, 0.5, select));
        for (select, better) in [(Select::OneStep, true), (Select::Rollout, false)] {
            let next = validation(2, 0.4, 0.6, select);
            assert_eq!(is_better(&next, best(select)), better);
        }
        let broken = Some(validation(1, f64::NAN, 0.1, Select::OneStep));
        assert!(is_better(&validation(2, 9.0, 0.0, Select::OneStep), broken));
        assert!(is_better(&validation(2, 9.0, 0.0, Select::OneStep), None));
    }

    #[test]
    fn patience_counts_validations_since_the_best() {
        let best = Some(validation(30, 0.1, 0.1, Select::OneStep));
        let over: Vec<usize> = (30..70)
            .filter(|step| is_over(*step, best, Some(3), 10))
            .collect();
        assert_eq!(over, (60..70).collect::<Vec<_>>());
        assert!(!is_over(1_000, best, None, 10) && !is_over(1_000, None, Some(3), 10));
    }
}
