//! What the numbers say, in words: findings that a report must not leave to the reader.

use fewave_plots::Verdict;

use super::Measured;
use super::reference::FeTime;
use crate::console::{grouped, percent};

/// The findings, most important first.
pub fn findings(measured: &[Measured], fe: Option<&FeTime>) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let plain = |text: String| Verdict { holds: None, text };
    if let Some(largest) = measured
        .iter()
        .max_by_key(|item| item.surrogate.parameters())
    {
        for item in measured.iter().filter(|item| item.label != largest.label) {
            verdicts.push(plain(against(item, largest)));
            if let Some(text) = slower(item, largest) {
                verdicts.push(Verdict {
                    holds: Some(false),
                    text,
                });
            }
        }
    }
    for item in measured {
        if let Some(text) = worse_than_trivial(item) {
            verdicts.push(Verdict {
                holds: Some(false),
                text,
            });
        }
    }
    if let Some(fe) = fe {
        for item in measured {
            verdicts.extend(against_fe(item, fe).map(plain));
        }
    }
    verdicts
}

/// Parameters and errors of a run beside the largest one.
fn against(item: &Measured, largest: &Measured) -> String {
    let fewer = largest.surrogate.parameters() as f64 / item.surrogate.parameters() as f64;
    let (own, other) = (&item.evaluation.summary, &largest.evaluation.summary);
    format!(
        "{} has {} parameters, {fewer:.1} times fewer than {} ({}). Its median error is {} in one step ({} there) and {} over the rollout ({} there).",
        item.label,
        grouped(item.surrogate.parameters() as u64),
        largest.label,
        grouped(largest.surrogate.parameters() as u64),
        percent(own.one_step_relative_l2.median),
        percent(other.one_step_relative_l2.median),
        percent(own.rollout_relative_l2_full.median),
        percent(other.rollout_relative_l2_full.median),
    )
}

/// A smaller network that takes longer than the largest is a finding.
fn slower(item: &Measured, largest: &Measured) -> Option<String> {
    let (own, other) = (item.evaluation.latency?, largest.evaluation.latency?);
    (own.per_step_ms_median > other.per_step_ms_median).then(|| {
        format!(
            "{} is slower than {} in spite of fewer parameters: {:.2} ms a step, {:.2} ms there.",
            item.label, largest.label, own.per_step_ms_median, other.per_step_ms_median
        )
    })
}

/// A surrogate that loses to a prediction without any parameter.
fn worse_than_trivial(item: &Measured) -> Option<String> {
    let best = |of: fn(&fewave_surrogate::evaluate::Baseline) -> f64| {
        item.evaluation
            .baselines
            .iter()
            .map(move |baseline| (of(baseline), baseline.name))
            .min_by(|a, b| a.0.total_cmp(&b.0))
    };
    let summary = &item.evaluation.summary;
    let (single, single_name) = best(|b| b.one_step_relative_l2.median)?;
    let (rollout, rollout_name) = best(|b| b.rollout_relative_l2_full.median)?;
    if summary.one_step_relative_l2.median >= single {
        return Some(format!(
            "{} predicts one step worse than {single_name}, which has no parameters: median error {} against {}.",
            item.label,
            percent(summary.one_step_relative_l2.median),
            percent(single)
        ));
    }
    (summary.rollout_relative_l2_full.median >= rollout).then(|| {
        format!(
            "Over the whole rollout {} is worse than {rollout_name}: median error {} against {}. Use it for fewer steps, or train it longer.",
            item.label,
            percent(summary.rollout_relative_l2_full.median),
            percent(rollout)
        )
    })
}

/// Time of a rollout beside the FE solver's for the same trajectory.
fn against_fe(item: &Measured, fe: &FeTime) -> Option<String> {
    let latency = item.evaluation.latency?;
    let (surrogate, solver) = (latency.rollout_ms, fe.single_ms);
    let slower = surrogate > solver;
    let comparison = if slower {
        format!(
            "{:.1} times slower than FE, which is exact beside it: at this size the surrogate does not pay for speed",
            surrogate / solver
        )
    } else {
        format!(
            "{:.1} times faster than the FE run that made the data (not yet at equal error)",
            solver / surrogate
        )
    };
    Some(format!(
        "{} rolls a trajectory out in {surrogate:.1} ms ({} steps, {} threads); FE solves it in {solver:.1} ms on one \
         thread, {:.1} ms in an ensemble: {comparison}.",
        item.label, latency.rollout_steps, latency.threads, fe.ensemble_ms
    ))
}
