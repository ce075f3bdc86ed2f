//! What a surrogate is worth: FE at equal error, the speed-up over it, and after how many solves a surrogate has paid for its data and its
//! training.
//!
//! On rectangles the search goes over orders and cells per side, on the mesh of a file over orders; the time step is the largest
//! stable one; no discretisation has more nodes per side than the data's own, which itself is the last resort. "Equal" is at
//! most the surrogate's error: the median over at most eight evenly spaced trajectories of the relative L2 error over all snapshots that it
//! predicts, with respect to the data. Of the coarsest good enough of each order, the fastest counts, for single
//! solves and for ensembles each. `solves = (generation + training) / (t_FE − t_surrogate)`, in ensembles on both sides.

use std::time::Instant;

use fewave_datasets::SplitName;
use fewave_surrogate::evaluate::Judge;
use fewave_surrogate::metrics::Summary;
use serde::Serialize;

use super::discretisation::{Discretisation, Step, order, with_order};
use super::search::{Outcome, coarsest};
use super::timing::{FeTime, time};
use super::{Fe, evenly};
use crate::comparison::{Measured, scope};
use crate::config::dataset::ElementConfig;

/// Trajectories that equal errors are judged by, at most.
const TRAJECTORIES: usize = 8;
/// Orders tried on rectangles.
const ORDERS: [usize; 4] = [1, 2, 4, 8];

/// FE that is as good as a surrogate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct EqualError {
    /// Its discretisation and times.
    pub time: FeTime,
    /// Its error in the same measure; 0 for the data's own discretisation.
    pub error: f64,
    /// Time for the snapshots that the surrogate predicts, ms.
    pub ms: f64,
}

/// A surrogate's time and error beside FE's. Pairs are of one trajectory alone, and of one of many at once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Worth {
    /// Trajectories that the errors are over.
    pub trajectories: usize,
    /// Snapshots that the surrogate predicts of each.
    pub snapshots: usize,
    /// The surrogate's error: median relative L2 over all snapshots.
    pub error: f64,
    /// The surrogate's time for all its snapshots, ms.
    pub surrogate_ms: [f64; 2],
    /// Time of FE with the data's own discretisation for them, ms.
    pub own_ms: [f64; 2],
    /// The usual speed-up, over that.
    pub naive_speed_up: [f64; 2],
    /// The fastest FE at equal error.
    pub equal: [EqualError; 2],
    /// The speed-up over it.
    pub speed_up: [f64; 2],
    /// Whether the search ended by itself; if not, faster FE may exist and the speed-up be smaller.
    pub complete: bool,
    /// Wall time of generating the training and validation data, s: what was recorded then, or else estimated from the time of
    /// one trajectory in an ensemble.
    pub generation_seconds: f64,
    /// Whether it was recorded.
    pub generation_recorded: bool,
    /// Wall time of training as recorded in the checkpoint, s.
    pub training_seconds: f64,
    /// Solves after which data and training are paid for; none if never.
    pub break_even: Option<f64>,
}

impl Worth {
    /// Whether the surrogate is no better than predicting zero, with an error of 1.
    pub fn is_hopeless(&self) -> bool {
        self.error.is_nan() || self.error >= 1.0
    }
}

/// What is as good as each run; none for a run without times. The search ends after about `seconds`; generating a trajectory
/// took `recorded` seconds.
///
/// # Errors
/// When the data cannot be read.
pub fn find(
    fe: &Fe<'_>,
    measured: &[Measured],
    judges: &[Judge<'_>],
    own: &FeTime,
    seconds: f64,
    recorded: Option<f64>,
) -> anyhow::Result<Vec<Option<Worth>>> {
    let start = Instant::now();
    let all: Vec<usize> = judges
        .first()
        .map_or_else(Vec::new, |judge| judge.positions().collect());
    let positions = evenly(&all, TRAJECTORIES);
    let targets: Vec<Option<(f64, usize)>> = measured
        .iter()
        .map(|item| target(item, &positions))
        .collect();
    let mut errors = Errors {
        fe,
        judges,
        positions: &positions,
        own,
        known: Vec::new(),
        start,
        seconds,
    };
    let mut times: Vec<FeTime> = Vec::new();
    let mut found = Vec::new();
    for (run, (item, target)) in measured.iter().zip(targets).enumerate() {
        let (Some((error, trajectories)), Some(latency)) = (target, item.evaluation.latency) else {
            found.push(None);
            continue;
        };
        // a surrogate whose error is no number is worse than any FE
        let limit = if error.is_nan() { f64::INFINITY } else { error };
        let (mut complete, mut candidates) = (true, vec![(*own, 0.0)]);
        for family in families(fe) {
            let outcome = coarsest(family.len(), limit, &mut |n| errors.of(&family[n], run))?;
            let best = match outcome {
                Outcome::Found(n) => Some(n),
                Outcome::Stopped(n) => {
                    complete = false;
                    n
                }
                Outcome::None => None,
            };
            let Some(best) = best.map(|n| family[n]) else {
                continue;
            };
            let Some(error) = errors.of(&best, run)? else {
                continue;
            };
            let known = times.iter().find(|time| time.discretisation == best);
            let timed = match known {
                Some(time) => *time,
                None => {
                    let new = time(fe, &best)?;
                    times.push(new);
                    new
                }
            };
            candidates.push((timed, error));
        }
        let reached = scope::reached(item, &latency);
        let equal = [0, 1].map(|mode| {
            let of = |(time, error): &(FeTime, f64)| EqualError {
                time: *time,
                error: *error,
                ms: time.for_snapshots(reached)[mode],
            };
            candidates
                .iter()
                .map(of)
                .fold(of(&candidates[0]), |a, b| if b.ms < a.ms { b } else { a })
        });
        let surrogate_ms = [latency.rollout_ms, latency.ensemble_rollout_ms];
        let own_ms = own.for_snapshots(reached);
        let [train, valid] =
            [SplitName::Train, SplitName::Valid].map(|split| fe.config().count_of(split));
        let learnt_from = item.surrogate.config().train.trajectories.unwrap_or(train);
        let each = recorded.unwrap_or(own.ensemble_ms * 1e-3);
        let generation_seconds = each * (learnt_from + valid) as f64;
        let training_seconds = item.surrogate.provenance().training_seconds;
        let saved = (equal[1].ms - surrogate_ms[1]) * 1e-3;
        found.push(Some(Worth {
            trajectories,
            snapshots: latency.rollout_steps,
            error,
            surrogate_ms,
            own_ms,
            naive_speed_up: [0, 1].map(|mode| own_ms[mode] / surrogate_ms[mode]),
            equal,
            speed_up: [0, 1].map(|mode| equal[mode].ms / surrogate_ms[mode]),
            complete,
            generation_seconds,
            generation_recorded: recorded.is_some(),
            training_seconds,
            break_even: (saved > 0.0)
                .then(|| ((generation_seconds + training_seconds) / saved).ceil()),
        }));
    }
    Ok(found)
}

/// The median error of a run on those of these trajectories that it did not leave out, and how many they are; none where it
/// left them all out.
fn target(item: &Measured, positions: &[usize]) -> Option<(f64, usize)> {
    let errors: Vec<f64> = item
        .evaluation
        .trajectories
        .iter()
        .filter(|t| positions.contains(&t.position))
        .map(|t| t.rollout_relative_l2_full)
        .collect();
    Summary::of(&errors).map(|summary| (summary.median, errors.len()))
}

/// Discretisations by order, each family from coarse to fine.
fn families(fe: &Fe<'_>) -> Vec<Vec<Discretisation>> {
    let own = Discretisation::own(fe.config());
    let own_order = order(own.element);
    let Some(cells) = own.cells else {
        let coarser = (1..own_order).filter_map(|order| with_order(own.element, order));
        let family = coarser.map(|element| Discretisation {
            element,
            step: Step::Limit,
            ..own
        });
        return vec![family.collect()];
    };
    let size = fe.config().mesh.domain.size;
    let long = usize::from(size[1] > size[0]);
    let mut orders = ORDERS.to_vec();
    if !orders.contains(&own_order) {
        orders.push(own_order);
    }
    let family = |order: usize| -> Vec<Discretisation> {
        let most = cells[long] * own_order / order;
        (1..=most)
            .map(|n| {
                let other = (n as f64 * size[1 - long] / size[long]).round().max(1.0) as usize;
                let mut cells = [n; 2];
                cells[1 - long] = other;
                Discretisation {
                    element: ElementConfig::GllQuad { order },
                    cells: Some(cells),
                    step: Step::Limit,
                }
            })
            .collect()
    };
    orders.into_iter().map(family).collect()
}

/// Errors of discretisations for every run, each computed once.
struct Errors<'a> {
    fe: &'a Fe<'a>,
    judges: &'a [Judge<'a>],
    positions: &'a [usize],
    own: &'a FeTime,
    known: Vec<(Discretisation, Vec<f64>)>,
    start: Instant,
    seconds: f64,
}

impl Errors<'_> {
    /// The median error of a discretisation as one run's is measured, infinite where the solver refuses it; none when time is out.
    fn of(&mut self, discretisation: &Discretisation, run: usize) -> anyhow::Result<Option<f64>> {
        let mut known = self.known.iter();
        if let Some((_, errors)) = known.find(|(known, _)| known == discretisation) {
            return Ok(Some(errors[run]));
        }
        if self.start.elapsed().as_secs_f64() + self.estimate(discretisation) > self.seconds {
            return Ok(None);
        }
        let errors = self.compute(discretisation)?;
        let error = errors[run];
        self.known.push((*discretisation, errors));
        Ok(Some(error))
    }

    /// A guess of the time that solving takes, s: as the data's own, by nodes per side to the third power.
    fn estimate(&self, discretisation: &Discretisation) -> f64 {
        let own = Discretisation::own(self.fe.config());
        let ratio = match (discretisation.intervals(0), own.intervals(0)) {
            (Some(new), Some(old)) => (new as f64 / old as f64).powi(3),
            _ => 1.0,
        };
        self.own.ensemble_ms * 1e-3 * self.positions.len() as f64 * ratio
    }

    fn compute(&self, discretisation: &Discretisation) -> anyhow::Result<Vec<f64>> {
        let mut errors: Vec<Vec<f64>> = vec![Vec::new(); self.judges.len()];
        // what the solver refuses (too coarse for a layer, say) is no candidate
        let Ok(simulator) = self.fe.build(discretisation) else {
            return Ok(vec![f64::INFINITY; self.judges.len()]);
        };
        let mut solved = Vec::new();
        let outcome = self
            .fe
            .solve(&simulator, self.positions, &mut |position, fields| {
                solved.push((position, fields));
                Ok(())
            });
        if outcome.is_err() {
            return Ok(vec![f64::INFINITY; self.judges.len()]);
        }
        for (position, fields) in &solved {
            for (judge, errors) in self.judges.iter().zip(&mut errors) {
                if let Some(reference) = judge.reference(*position)? {
                    errors.push(reference.relative_l2(fields.view())?);
                }
            }
        }
        let median = |errors: &Vec<f64>| Summary::of(errors).map_or(f64::INFINITY, |s| s.median);
        Ok(errors.iter().map(median).collect())
    }
}
