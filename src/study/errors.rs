//! Errors of a surrogate as a study keeps them: over the trajectories of the valid split, to choose by, and of the test split, to
//! report.

use fewave_surrogate::evaluate::Evaluation;
use fewave_surrogate::metrics::Summary;
use serde::{Deserialize, Serialize};

/// One error over the trajectories of a split; none where it is not finite.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// 50 % quantile.
    pub median: Option<f64>,
    /// 90 % quantile.
    pub q90: Option<f64>,
    /// Largest.
    pub worst: Option<f64>,
}

/// What is taken of a [`Spread`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// Arithmetic mean.
    Mean,
    /// 50 % quantile.
    Median,
    /// 90 % quantile.
    Q90,
    /// Largest.
    Worst,
}

/// All of them, with their names.
pub const STATISTICS: [(Statistic, &str); 4] = [
    (Statistic::Mean, "mean"),
    (Statistic::Median, "median"),
    (Statistic::Q90, "q90"),
    (Statistic::Worst, "worst"),
];

/// Relative L2 errors on a split.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Errors {
    /// Of single predictions; none for whole fields.
    pub one_step: Option<Spread>,
    /// Of the first 20 snapshots of a rollout.
    pub rollout_20: Spread,
    /// Of the whole rollout, or the whole field.
    pub rollout_full: Spread,
}

/// Which of the [`Errors`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Of single predictions.
    OneStep,
    /// Of the first 20 snapshots of a rollout.
    Rollout20,
    /// Of the whole rollout, or the whole field.
    RolloutFull,
}

/// All of them, with their names in tables.
pub const MEASURES: [(Measure, &str); 3] = [
    (Measure::OneStep, "one_step"),
    (Measure::Rollout20, "rollout_20"),
    (Measure::RolloutFull, "rollout_full"),
];

/// Errors of a trivial prediction, which every surrogate must beat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trivial {
    /// `zero`, `persistence`, ….
    pub name: String,
    /// Its errors.
    pub errors: Errors,
}

/// A number to nine significant digits: more than an error has, and few enough to come back from JSON as the same number.
fn rounded(value: f64) -> f64 {
    format!("{value:.8e}").parse().unwrap_or(value)
}

impl From<&Summary> for Spread {
    fn from(summary: &Summary) -> Self {
        let finite = |value: f64| value.is_finite().then(|| rounded(value));
        Self {
            mean: finite(summary.mean),
            median: finite(summary.median),
            q90: finite(summary.q90),
            worst: finite(summary.worst),
        }
    }
}

impl Spread {
    /// One of the four.
    pub fn get(&self, statistic: Statistic) -> Option<f64> {
        match statistic {
            Statistic::Mean => self.mean,
            Statistic::Median => self.median,
            Statistic::Q90 => self.q90,
            Statistic::Worst => self.worst,
        }
    }
}

impl Errors {
    /// Those of an evaluation.
    pub fn of(evaluation: &Evaluation) -> Self {
        let summary = &evaluation.summary;
        Self {
            one_step: summary.one_step_relative_l2.as_ref().map(Spread::from),
            rollout_20: (&summary.rollout_relative_l2_20).into(),
            rollout_full: (&summary.rollout_relative_l2_full).into(),
        }
    }

    /// Those of the trivial predictions beside it.
    pub fn trivial(evaluation: &Evaluation) -> Vec<Trivial> {
        let all = evaluation.baselines.iter();
        all.map(|baseline| Trivial {
            name: baseline.name.to_owned(),
            errors: Self {
                one_step: baseline.one_step_relative_l2.as_ref().map(Spread::from),
                rollout_20: (&baseline.rollout_relative_l2_20).into(),
                rollout_full: (&baseline.rollout_relative_l2_full).into(),
            },
        })
        .collect()
    }

    /// One of the three; none where there is none.
    pub fn get(&self, measure: Measure) -> Option<&Spread> {
        match measure {
            Measure::OneStep => self.one_step.as_ref(),
            Measure::Rollout20 => Some(&self.rollout_20),
            Measure::RolloutFull => Some(&self.rollout_full),
        }
    }
}
