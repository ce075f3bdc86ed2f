//! A baseline with one parameter: FE that is as coarse as the snapshots, or coarser.
//!
//! On a rectangle, elements of order 4 with as many cells per side (the one parameter) as give one node a snapshot point, or
//! half the nodes per side that the data were computed with, whichever is fewer; on the mesh of a file, elements of order 1. The
//! time step is the largest stable one. It solves the scene from t = 0, so it is given more than a surrogate that continues from
//! true snapshots, and less than one that is given them.

use fewave_surrogate::evaluate::{Baseline, Errors, Judge};

use super::Fe;
use super::discretisation::{Discretisation, Step, order, with_order};
use crate::config::dataset::{DatasetConfig, ElementConfig};

/// Its name among the baselines.
pub const NAME: &str = "coarse-FE";
/// Its order on rectangles.
const ORDER: usize = 4;

/// The coarse discretisation of a configuration; none where the data's own mesh and element leave nothing coarser.
pub fn discretisation(config: &DatasetConfig) -> Option<Discretisation> {
    let own = Discretisation::own(config);
    if let Some(cells) = own.cells {
        let coarse = [0, 1].map(|axis| {
            let half = (cells[axis] * order(own.element)).div_ceil(2);
            half.min(config.grid[axis] - 1).div_ceil(ORDER)
        });
        return Some(Discretisation {
            element: ElementConfig::GllQuad { order: ORDER },
            cells: Some(coarse),
            step: Step::Limit,
        });
    }
    let element = with_order(own.element, 1).filter(|_| order(own.element) > 1)?;
    Some(Discretisation {
        element,
        step: Step::Limit,
        ..own
    })
}

/// Solves every trajectory that any run was measured on and judges it for each run: the discretisation in words, and the baseline of
/// each run; none where there is no coarser discretisation.
///
/// # Errors
/// When the solver refuses it, or the data cannot be read.
pub fn run(
    fe: &Fe<'_>,
    judges: &[Judge<'_>],
) -> anyhow::Result<Option<(String, Vec<Option<Baseline>>)>> {
    let Some(coarse) = discretisation(fe.config()) else {
        return Ok(None);
    };
    let simulator = fe.build(&coarse)?;
    let mut positions: Vec<usize> = judges.iter().flat_map(Judge::positions).collect();
    positions.sort_unstable();
    positions.dedup();
    let mut errors: Vec<Vec<Errors>> = vec![Vec::new(); judges.len()];
    fe.solve(&simulator, &positions, &mut |position, fields| {
        for (judge, errors) in judges.iter().zip(&mut errors) {
            if let Some(reference) = judge.reference(position)? {
                errors.push(reference.errors(fields.view())?);
            }
        }
        Ok(())
    })?;
    let baselines = errors
        .iter()
        .map(|errors| Baseline::new(NAME.to_owned(), 1, &[], errors))
        .collect();
    Ok(Some((coarse.words(), baselines)))
}
