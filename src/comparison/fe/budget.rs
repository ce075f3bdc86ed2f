//! The error budget: how far the reference is from a finer FE solution, beside how far surrogates are from the reference.
//!
//! Some trajectories (evenly spaced over the split) are solved again with cells of half the side and at most half the time step; on
//! the mesh of a file, whose cells stay, with twice the polynomial order. The distance to the finer solution is nearly
//! the reference's own discretisation error: for elements of order p it misses a share of about `2^{-(p+1)}` of what the
//! cells do and a quarter of what the time step does (a sixteenth for steps of fourth order).

use fewave_surrogate::evaluate::Judge;
use fewave_surrogate::metrics::Summary;
use serde::Serialize;

use super::discretisation::{Discretisation, Step, order, with_order};
use super::{Fe, evenly};
use crate::comparison::Measured;
use crate::config::dataset::IntegratorConfig;

/// A surrogate whose error is within this factor of the reference's cannot be told from it.
pub const NEAR: f64 = 3.0;

/// The estimate and what it is compared with.
#[derive(Debug, Clone, Serialize)]
pub struct Budget {
    /// The finer discretisation.
    pub finer: Discretisation,
    /// Indices of the trajectories that were solved again.
    pub trajectories: Vec<u64>,
    /// One for each run; none for a run that left all of these trajectories out.
    pub runs: Vec<Option<Share>>,
}

/// Errors over the snapshots that a run predicts of these trajectories, relative L2.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// Of the surrogate.
    pub surrogate: Summary,
    /// Of the reference.
    pub reference: Summary,
}

impl Share {
    /// How many times larger the surrogate's error is, by medians.
    pub fn ratio(&self) -> f64 {
        self.surrogate.median / self.reference.median
    }

    /// Whether the two are so close that the reference's error is part of what is measured; so they are where one is no number.
    pub fn is_near(&self) -> bool {
        let ratio = self.ratio();
        (1.0 / NEAR..=NEAR).contains(&ratio) || ratio < 1.0
    }
}

/// Solves `count` trajectories again.
///
/// # Errors
/// When there is no finer discretisation, the solver refuses it, or the data cannot be read.
pub fn estimate(
    fe: &Fe<'_>,
    measured: &[Measured],
    judges: &[Judge<'_>],
    count: usize,
) -> anyhow::Result<Budget> {
    let own = Discretisation::own(fe.config());
    let dt = fe.build(&own)?.info().dt;
    let finer = Discretisation {
        step: Step::Fixed(0.5 * dt),
        ..match own.cells {
            Some(cells) => Discretisation {
                cells: Some(cells.map(|n| 2 * n)),
                ..own
            },
            None => Discretisation {
                element: with_order(own.element, (2 * order(own.element)).min(8))
                    .filter(|element| order(*element) > order(own.element))
                    .ok_or_else(|| {
                        anyhow::anyhow!(
                            "there is no higher order than that of the data on its mesh; mesh it finer to know its error"
                        )
                    })?,
                ..own
            },
        }
    };
    let (finer, simulator) = match fe.build(&finer) {
        Ok(simulator) => (finer, simulator),
        // half the step may be a little above the limit of the finer mesh, and then the limit is the step
        Err(_)
            if !matches!(
                fe.config().time.integrator,
                IntegratorConfig::Newmark { .. }
            ) =>
        {
            let finer = Discretisation {
                step: Step::Limit,
                ..finer
            };
            let simulator = fe.build(&finer)?;
            (finer, simulator)
        }
        Err(error) => return Err(error),
    };
    let all: Vec<usize> = judges
        .first()
        .map_or_else(Vec::new, |judge| judge.positions().collect());
    let positions = evenly(&all, count);
    let mut errors: Vec<Vec<[f64; 2]>> = vec![Vec::new(); judges.len()];
    let mut trajectories = Vec::new();
    fe.solve(&simulator, &positions, &mut |position, fields| {
        for ((judge, item), errors) in judges.iter().zip(measured).zip(&mut errors) {
            let mut own = item.evaluation.trajectories.iter();
            if let (Some(reference), Some(own)) = (
                judge.reference(position)?,
                own.find(|t| t.position == position),
            ) {
                let distance = reference.relative_l2(fields.view())?;
                errors.push([own.rollout_relative_l2_full, distance]);
            }
        }
        trajectories.push(fe.split.index(position)?);
        Ok(())
    })?;
    let runs = errors
        .iter()
        .map(|errors| {
            let column = |n: usize| errors.iter().map(|pair| pair[n]).collect::<Vec<_>>();
            Some(Share {
                surrogate: Summary::of(&column(0))?,
                reference: Summary::of(&column(1))?,
            })
        })
        .collect();
    Ok(Budget {
        finer,
        trajectories,
        runs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_within_a_factor_of_three_are_near() {
        let share = |surrogate: f64, reference: f64| {
            let of = |value: f64| Summary::of(&[value]).unwrap();
            Share {
                surrogate: of(surrogate),
                reference: of(reference),
            }
        };
        for (surrogate, near) in [(0.01, true), (0.029, true), (0.031, false), (0.001, true)] {
            assert_eq!(share(surrogate, 0.01).is_near(), near, "{surrogate}");
        }
        assert!(!share(f64::NAN, 0.01).is_near());
        assert!(!share(0.01, 0.0).is_near());
    }
}
