//! Checks of a caller's [`FileSpec`] and [`TrajectoryData`] before anything reaches the disk.
//!
//! A file that passes here passes the reader and `fewave validate`; shapes are those of the parent module.

use std::collections::BTreeSet;

use super::sources::{PLACES, shapes};
use super::{AXIS_NAMES, FileSpec, TrajectoryData};
use crate::error::{Error, Result};

/// Root attributes that a constant must not overwrite.
const RESERVED: [&str; 5] = [
    "dataset_name",
    "grid_type",
    "n_spatial_dims",
    "n_trajectories",
    "simulation_parameters",
];

/// Most names in one list: an HDF5 attribute of the compatible format holds 64 KiB, a variable-length string takes 16 B.
const MAX_NAMES: usize = 4000;

/// An index of the first value that is not finite.
pub(crate) fn first_not_finite<'a>(
    values: impl IntoIterator<Item = &'a f32>,
) -> Option<(usize, f32)> {
    values
        .into_iter()
        .copied()
        .enumerate()
        .find(|(_, value)| !value.is_finite())
}

impl FileSpec {
    /// The snapshot grid, `(nx, ny)`.
    pub fn shape(&self) -> [usize; 2] {
        [self.axes[0].len(), self.axes[1].len()]
    }

    /// Shape of field `field` of one trajectory: `(time, x, y)` or `(x, y)`.
    pub(crate) fn field_shape(&self, field: usize) -> Vec<usize> {
        let [nx, ny] = self.shape();
        if self.fields[field].time_varying {
            vec![self.times.len(), nx, ny]
        } else {
            vec![nx, ny]
        }
    }

    /// # Errors
    /// [`Error::Input`] naming the first part that the layout cannot hold.
    pub(crate) fn check(&self) -> Result<()> {
        for (axis, name) in self.axes.iter().zip(AXIS_NAMES) {
            increasing(axis, &format!("the axis {name}"), 2)?;
        }
        increasing(&self.times, "the snapshot times", 1)?;
        if self.dataset_name.is_empty() {
            return Err(Error::input(
                "the dataset's name",
                "a name",
                "an empty text",
                "name the dataset",
            ));
        }
        if self.fields.is_empty() {
            return Err(Error::input(
                "the fields",
                "at least one",
                "none",
                "store a field",
            ));
        }
        names(
            self.fields.iter().map(|field| field.name.as_str()),
            "field",
            &[],
        )?;
        let numbers = self
            .constants
            .keys()
            .chain(self.scalars.iter().map(|scalar| &scalar.name));
        names(numbers.map(String::as_str), "scalar", &RESERVED)?;
        names(
            self.boundaries
                .iter()
                .map(|boundary| boundary.name.as_str()),
            "boundary condition",
            &[],
        )?;
        names(
            self.provenance.extra.keys().map(String::as_str),
            "extra provenance entry",
            &[],
        )?;
        for (name, constant) in &self.constants {
            finite(constant.value, &format!("the constant `{name}`"))?;
        }
        for boundary in &self.boundaries {
            let what = format!("the boundary condition `{}`", boundary.name);
            let Some(axis) = self.axes.get(boundary.dim) else {
                return Err(Error::input(
                    what,
                    "axis 0 or 1",
                    boundary.dim.to_string(),
                    "set `dim` to 0 or 1",
                ));
            };
            let name = boundary.name.to_lowercase();
            let kind = boundary.kind.as_str().to_lowercase();
            if boundary.mask.len() != axis.len() {
                let expected = format!("a mask of {} values", axis.len());
                return Err(Error::input(
                    what,
                    expected,
                    boundary.mask.len().to_string(),
                    "one value per grid point",
                ));
            }
            if !name.contains(&kind) || !name.contains(AXIS_NAMES[boundary.dim]) {
                let expected = format!("a name with `{}` and `{kind}`", AXIS_NAMES[boundary.dim]);
                return Err(Error::input(
                    what,
                    expected,
                    boundary.name.clone(),
                    "name it like `x_wall_left`",
                ));
            }
        }
        if let Some(receivers) = &self.receivers {
            increasing(&receivers.times, "the receivers' times", 1)?;
            if receivers.positions.is_empty() {
                return Err(Error::input(
                    "the receivers",
                    "at least one",
                    "none",
                    "use `None` for no receivers",
                ));
            }
            for value in receivers.positions.iter().flatten() {
                finite(*value, "a receiver's position")?;
            }
            let quantities = &receivers.quantities;
            if quantities.is_empty() || quantities.windows(2).any(|pair| pair[0] >= pair[1]) {
                return Err(Error::input(
                    "the receivers' quantities",
                    "at least one of displacement, velocity, gradient, each once and in this order",
                    format!("{quantities:?}"),
                    "name them in this order",
                ));
            }
        }
        Ok(())
    }

    /// # Errors
    /// [`Error::Input`] naming the first value, shape or count that does not fit.
    pub(crate) fn check_trajectory(&self, data: &TrajectoryData) -> Result<()> {
        let of = |what: &str| format!("{what} of trajectory {}", data.index);
        let count = |what: &str, expected: usize, found: usize| match expected == found {
            true => Ok(()),
            false => Err(Error::input(
                of(what),
                expected.to_string(),
                found.to_string(),
                "match the file's specification",
            )),
        };
        count("number of scalars", self.scalars.len(), data.scalars.len())?;
        for (value, spec) in data.scalars.iter().zip(&self.scalars) {
            finite(*value, &of(&format!("the scalar `{}`", spec.name)))?;
        }
        count(
            "number of energies",
            if self.energy { self.times.len() } else { 0 },
            data.energy.len(),
        )?;
        for value in &data.energy {
            finite(*value, &of("the energy"))?;
        }
        finite(data.source_end, &of("the end of the source"))?;
        count("number of fields", self.fields.len(), data.fields.len())?;
        for (field, (array, spec)) in data.fields.iter().zip(&self.fields).enumerate() {
            let what = of(&format!("field `{}`", spec.name));
            values(array.shape(), &self.field_shape(field), array.iter(), what)?;
        }
        let shapes = shapes(self.sources, self.times.len());
        for ((array, shape), place) in data.sources.arrays().iter().zip(shapes).zip(PLACES) {
            let name = place.rsplit('/').next().unwrap_or(place);
            let what = of(&format!("the sources' {name}"));
            values(array.shape(), &shape, array.iter(), what)?;
        }
        let quantities = self.receivers.iter().flat_map(|spec| &spec.quantities);
        count(
            "number of receiver signals",
            quantities.clone().count(),
            data.receivers.len(),
        )?;
        for (spec, (signals, quantity)) in self
            .receivers
            .iter()
            .cycle()
            .zip(data.receivers.iter().zip(quantities))
        {
            let what = of(&format!("the receivers' {}", quantity.name()));
            values(
                signals.shape(),
                &spec.shape(*quantity),
                signals.iter(),
                what,
            )?;
        }
        Ok(())
    }
}

fn values<'a>(
    found: &[usize],
    expected: &[usize],
    values: impl Iterator<Item = &'a f32>,
    what: String,
) -> Result<()> {
    if found != expected {
        return Err(Error::input(
            what,
            format!("shape {expected:?}"),
            format!("{found:?}"),
            "axes are (time, x, y)",
        ));
    }
    match first_not_finite(values) {
        None => Ok(()),
        Some((at, value)) => Err(Error::input(
            what,
            "finite values",
            format!("{value} at flat position {at}"),
            "the simulation blew up: use a smaller time step",
        )),
    }
}

fn finite(value: f64, what: &str) -> Result<()> {
    if value.is_finite() {
        return Ok(());
    }
    Err(Error::input(
        what,
        "a finite number",
        value.to_string(),
        "check the simulation's input",
    ))
}

fn increasing(values: &[f64], what: &str, least: usize) -> Result<()> {
    if values.len() < least {
        let expected = format!("at least {least} value(s)");
        return Err(Error::input(
            what,
            expected,
            values.len().to_string(),
            "add grid points",
        ));
    }
    for value in values {
        finite(*value, what)?;
    }
    match values.windows(2).find(|pair| pair[0] >= pair[1]) {
        None => Ok(()),
        Some(pair) => Err(Error::input(
            what,
            "increasing values",
            format!("{} then {}", pair[0], pair[1]),
            "sort the values",
        )),
    }
}

/// Names become HDF5 links and YAML keys: letters, digits and underscores, unique, not reserved.
fn names<'a>(names: impl Iterator<Item = &'a str>, kind: &str, reserved: &[&str]) -> Result<()> {
    let mut seen = BTreeSet::new();
    for name in names {
        let what = format!("a {kind}'s name");
        let starts = name.starts_with(|first: char| first.is_ascii_alphabetic());
        if !starts || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            let expected = "a letter followed by letters, digits and underscores";
            return Err(Error::input(
                what,
                expected,
                format!("{name:?}"),
                "rename it",
            ));
        }
        if reserved.contains(&name) || !seen.insert(name) {
            return Err(Error::input(
                what,
                "a name that is not taken",
                format!("`{name}`"),
                "rename it",
            ));
        }
    }
    if seen.len() > MAX_NAMES {
        let expected = format!("at most {MAX_NAMES} names");
        return Err(Error::input(
            format!("the {kind} names"),
            expected,
            seen.len().to_string(),
            "store fewer",
        ));
    }
    Ok(())
}
