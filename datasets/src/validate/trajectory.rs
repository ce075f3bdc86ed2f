//! Checks the data of one trajectory: readable, finite, and with the digest that was stored when it was written.

use std::path::Path;

use ndarray::{Array, ArrayD};

use super::ValidationReport;
use crate::checksum::{TrajectoryDigest, hex};
use crate::error::{Error, Result};
use crate::reader::Split;
use crate::schema::sources::PLACES;

/// Values read at a time.
const BLOCK_VALUES: usize = 1 << 20;

const RULE: &str = "data are readable and finite";

/// Checks trajectory `trajectory` of the file at `path`, which `file` has open.
pub(super) fn check(
    path: &Path,
    file: &Split,
    trajectory: usize,
    report: &mut ValidationReport,
) -> Result<()> {
    let points: usize = file.axes().iter().map(Vec::len).product();
    let block = (BLOCK_VALUES / points).max(1);
    let steps = file.times().len();
    let scalars = file.scalars(trajectory)?;
    let scalars: Vec<f64> = file
        .spec()
        .scalars
        .iter()
        .map(|scalar| scalars[&scalar.name])
        .collect();
    let mut whole = true;
    let mut good = |values: Result<ArrayD<f32>>, place: &str| {
        let found = match values {
            Ok(values) => return Some(values),
            Err(Error::Layout { violation, .. }) => violation.found,
            Err(error) => error.to_string(),
        };
        whole = false;
        report.note(
            path,
            format!("{place}, trajectory {trajectory}"),
            "finite values",
            found,
            RULE,
        );
        None
    };
    let energy = file.energy(trajectory).map(Option::unwrap_or_default);
    let (index, source_end) = (file.index(trajectory)?, file.source_end(trajectory)?);
    let mut digest = TrajectoryDigest::new(
        file.spec(),
        index,
        source_end,
        &scalars,
        energy.as_deref().unwrap_or_default(),
    );
    for field in file.field_specs() {
        let place = format!("/t0_fields/{}", field.name);
        let count = if field.time_varying { steps } else { 1 };
        for start in (0..count).step_by(block) {
            let values = if field.time_varying {
                let range = start..steps.min(start + block);
                file.read_snapshots(&field.name, trajectory, range)
                    .map(Array::into_dyn)
            } else {
                file.read_static(&field.name, trajectory)
                    .map(Array::into_dyn)
            };
            match good(values, &place) {
                Some(values) => digest.update(&values),
                None => break,
            }
        }
    }
    if file.spec().sources > 0 {
        match file.sources(trajectory) {
            Ok(sources) => {
                for (place, values) in PLACES.into_iter().zip(sources.arrays()) {
                    let values = Ok(values.to_owned().into_dyn());
                    if let Some(values) = good(values, &format!("/{place}")) {
                        digest.update(&values);
                    }
                }
            }
            Err(error) => drop(good(Err(error), "/fewave/sources")),
        }
    }
    let quantities = file
        .spec()
        .receivers
        .iter()
        .flat_map(|spec| &spec.quantities);
    for quantity in quantities {
        let signals = file.receiver_signals(*quantity, trajectory);
        if let Some(signals) = good(signals, &format!("/{}", quantity.place())) {
            digest.update(&signals);
        }
    }
    if let Err(found) = finite(energy) {
        whole = false;
        report.note(
            path,
            format!("/fewave/energy, trajectory {trajectory}"),
            "finite values",
            found,
            RULE,
        );
    }
    let (expected, found) = (file.digest(trajectory)?, digest.finish());
    if whole && expected != found {
        let place = format!("/fewave/sha256, trajectory {trajectory}");
        report.note(
            path,
            place,
            hex(&expected),
            hex(&found),
            "data are what was written",
        );
    }
    Ok(())
}

/// What is wrong with the energy, if anything.
fn finite(energy: Result<Vec<f64>>) -> std::result::Result<(), String> {
    let energy = energy.map_err(|error| error.to_string())?;
    match energy.iter().find(|value| !value.is_finite()) {
        None => Ok(()),
        Some(value) => Err(value.to_string()),
    }
}
