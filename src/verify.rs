//! The verification suite: the solver against exact solutions, theory and an independent code.
//!
//! Each check simulates what users can simulate, through the same [`Simulator`](fewave_solver::Simulator), compares with
//! something that is known without this program, and says which tolerance it holds itself to. Exact solutions and fits live
//! here and not in the solver, so that nothing is compared with itself.

mod absorption;
mod bessel;
mod bloch;
mod case;
mod convergence;
mod dispersion;
mod energy;
mod green;
mod interface;
mod membrane;
mod numerics;
mod plate;
mod reciprocity;
pub mod report;
mod strip;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fewave_plots::{Lines, Table};
use serde::Serialize;

use crate::console::Progress;

/// How much is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Under a minute on two cores.
    Fast,
    /// Everything that the documentation shows, under a quarter of an hour.
    Full,
}

impl Effort {
    /// One of two values.
    fn choose<T>(self, fast: T, full: T) -> T {
        match self {
            Self::Fast => fast,
            Self::Full => full,
        }
    }
}

/// One claim about the solver and how it is put to the test.
pub trait Check: Sync {
    /// What `--only` calls it.
    fn name(&self) -> &'static str;

    /// What is compared with what, in a sentence.
    fn what(&self) -> &'static str;

    /// Simulates and measures.
    ///
    /// # Errors
    /// When a simulation fails, which is a failure of the check too.
    fn run(&self, effort: Effort, steps: &Steps<'_>) -> anyhow::Result<Outcome>;
}

/// All checks, in the order of the report.
pub const CHECKS: [&dyn Check; 9] = [
    &convergence::Convergence,
    &membrane::Membrane,
    &dispersion::Dispersion,
    &green::Green,
    &interface::Interface,
    &absorption::Absorption,
    &energy::Energy,
    &reciprocity::Reciprocity,
    &plate::Plate,
];

/// What a measured number must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// No larger.
    AtMost(f64),
    /// No smaller.
    AtLeast(f64),
}

/// A measured number and what it must be.
#[derive(Debug, Clone, PartialEq)]
pub struct Criterion {
    /// What was measured, with its unit.
    pub what: String,
    /// The number.
    pub measured: f64,
    /// Its tolerance.
    pub bound: Bound,
}

impl Criterion {
    /// `what` was `measured` and may be at most `tolerance`.
    fn at_most(what: impl Into<String>, measured: f64, tolerance: f64) -> Self {
        let bound = Bound::AtMost(tolerance);
        let what = what.into();
        Self {
            what,
            measured,
            bound,
        }
    }

    /// `what` was `measured` and must be at least `tolerance`.
    fn at_least(what: impl Into<String>, measured: f64, tolerance: f64) -> Self {
        let bound = Bound::AtLeast(tolerance);
        let what = what.into();
        Self {
            what,
            measured,
            bound,
        }
    }

    /// Whether the tolerance is kept; what is not a number keeps none.
    pub fn holds(&self) -> bool {
        match self.bound {
            Bound::AtMost(tolerance) => self.measured <= tolerance,
            Bound::AtLeast(tolerance) => self.measured >= tolerance,
        }
    }

    /// The tolerance in words.
    pub fn tolerance(&self) -> String {
        match self.bound {
            Bound::AtMost(tolerance) => format!("at most {}", numerics::short(tolerance)),
            Bound::AtLeast(tolerance) => format!("at least {}", numerics::short(tolerance)),
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The judgements.
    pub criteria: Vec<Criterion>,
    /// Figures with their captions.
    pub figures: Vec<(Lines, String)>,
    /// Numbers behind them.
    pub tables: Vec<Table>,
    /// How it was measured, with its settings.
    pub method: String,
}

/// A check that has been run.
#[derive(Debug)]
pub struct Finished {
    /// What `--only` calls it.
    pub name: &'static str,
    /// What was compared with what.
    pub what: &'static str,
    /// What it found, or why it could not run.
    pub outcome: Result<Outcome, String>,
    /// How long it took.
    pub time: Duration,
}

impl Finished {
    /// Whether it ran and every tolerance is kept.
    pub fn passed(&self) -> bool {
        let holds = |outcome: &Outcome| outcome.criteria.iter().all(Criterion::holds);
        self.outcome.as_ref().is_ok_and(holds)
    }

    /// Its judgements.
    pub fn criteria(&self) -> &[Criterion] {
        self.outcome
            .as_ref()
            .map_or(&[], |outcome| &outcome.criteria)
    }
}

/// A criterion as JSON.
#[derive(Debug, Serialize)]
struct JsonCriterion<'a> {
    what: &'a str,
    measured: f64,
    bound: &'static str,
    tolerance: f64,
    holds: bool,
}

/// A check as JSON.
#[derive(Debug, Serialize)]
pub struct JsonCheck<'a> {
    name: &'a str,
    what: &'a str,
    passed: bool,
    seconds: f64,
    error: Option<&'a str>,
    criteria: Vec<JsonCriterion<'a>>,
}

impl<'a> From<&'a Finished> for JsonCheck<'a> {
    fn from(finished: &'a Finished) -> Self {
        let criterion = |criterion: &'a Criterion| {
            let (bound, tolerance) = match criterion.bound {
                Bound::AtMost(tolerance) => ("at most", tolerance),
                Bound::AtLeast(tolerance) => ("at least", tolerance),
            };
            JsonCriterion {
                what: &criterion.what,
                measured: criterion.measured,
                bound,
                tolerance,
                holds: criterion.holds(),
            }
        };
        Self {
            name: finished.name,
            what: finished.what,
            passed: finished.passed(),
            seconds: finished.time.as_secs_f64(),
            error: finished.outcome.as_ref().err().map(String::as_str),
            criteria: finished.criteria().iter().map(criterion).collect(),
        }
    }
}

/// Progress within a check.
#[derive(Debug)]
pub struct Steps<'a> {
    progress: &'a Progress,
    /// Checks done before this one.
    before: u64,
    name: &'static str,
    done: AtomicUsize,
    total: AtomicUsize,
}

impl Steps<'_> {
    /// `count` further simulations are to come.
    fn expect(&self, count: usize) {
        self.total.fetch_add(count, Ordering::Relaxed);
    }

    /// One more simulation is done.
    fn done(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let total = self.total.load(Ordering::Relaxed);
        let message = format!("{}: {done}/{total} simulations", self.name);
        self.progress.set(self.before, message);
    }
}

/// Runs check number `before` of those asked for.
pub fn run(check: &dyn Check, effort: Effort, progress: &Progress, before: usize) -> Finished {
    let steps = Steps {
        progress,
        before: before as u64,
        name: check.name(),
        done: AtomicUsize::new(0),
        total: AtomicUsize::new(0),
    };
    progress.set(before as u64, check.name());
    let start = Instant::now();
    let outcome = check
        .run(effort, &steps)
        .map_err(|error| format!("{error:#}"));
    Finished {
        name: check.name(),
        what: check.what(),
        outcome,
        time: start.elapsed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_number_holds_nothing() {
        assert!(!Criterion::at_most("error", f64::NAN, 1.0).holds());
        assert!(!Criterion::at_least("order", f64::NAN, 1.0).holds());
        assert!(Criterion::at_most("error", 1.0, 1.0).holds());
        assert!(!Criterion::at_least("order", 1.9, 2.0).holds());
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = CHECKS.iter().map(|check| check.name()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), CHECKS.len());
    }
}
