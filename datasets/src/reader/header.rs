//! The header of one file: everything but fields and signals, checked rule by rule.
//!
//! Rules: The Well's (table in the crate's documentation) and those of the group `fewave`. All violations are
//! collected; a [`FileSpec`] comes back only where there is nothing that it could not say.

mod conditions;
mod members;
mod ours;

use std::path::Path;

use hdf5::{File, Group};

use self::conditions::conditions;
use self::members::{fields_of, scalars};
use self::ours::ours;
use crate::error::Violation;
use crate::hdf::inspect::{Inspector, Wanted};
use crate::hdf::strings::Seal;
use crate::hdf::write::join;
use crate::schema::{AXIS_NAMES, FileSpec};

/// Most trajectories that one file may claim.
const MAX_TRAJECTORIES: i64 = 1 << 32;

/// What is stored per trajectory and small: one value (or digest) for each.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) index: Vec<u64>,
    pub(crate) source_end: Vec<f64>,
    /// `[scalar][trajectory]`, in the order of [`FileSpec::scalars`].
    pub(crate) scalars: Vec<Vec<f64>>,
    pub(crate) digests: Vec<[u8; 32]>,
}

impl Header {
    /// Number of trajectories in the file.
    pub(crate) fn trajectories(&self) -> usize {
        self.index.len()
    }
}

/// Reads the header of `file` at `path`, `length` bytes long.
pub(crate) fn read(
    path: &Path,
    length: u64,
    file: &File,
) -> (Option<(Header, FileSpec)>, Vec<Violation>) {
    let mut look = Inspector::new(path, length);
    let header = sealed(&mut look, path, length, file)
        .then(|| read_with(&mut look, file))
        .flatten();
    (
        header.filter(|_| look.violations.is_empty()),
        look.violations,
    )
}

/// Whether strings may be read: those of a file of ours must be as they were written.
fn sealed(look: &mut Inspector<'_>, path: &Path, length: u64, file: &File) -> bool {
    let Ok(group) = file.group("fewave") else {
        return true; // A foreign file; that the group is missing is noted later.
    };
    let (places, digest) = (
        look.integers(&group, "strings"),
        look.bytes(&group, "strings_sha256"),
    );
    let (Some(places), Some(digest)) = (places, digest.and_then(|digest| digest.try_into().ok()))
    else {
        return false;
    };
    let found = match (Seal { places, digest }).holds(path, length) {
        Ok(true) => return true,
        Ok(false) => "other bytes".to_owned(),
        Err(error) => error.to_string(),
    };
    look.note(
        "/fewave@strings_sha256",
        "the strings that were written",
        found,
        "strings are what was written",
    );
    false
}

fn read_with(look: &mut Inspector<'_>, file: &File) -> Option<(Header, FileSpec)> {
    let dataset_name = look.text(file, "dataset_name");
    if let Some(grid) = look.text(file, "grid_type")
        && grid != "cartesian"
    {
        look.note(
            "/@grid_type",
            "\"cartesian\"",
            format!("{grid:?}"),
            "fewave reads cartesian grids",
        );
    }
    if let Some(count) = look.integer(file, "n_spatial_dims")
        && count != 2
    {
        look.note(
            "/@n_spatial_dims",
            "2",
            count.to_string(),
            "fewave reads two dimensions",
        );
    }
    let trajectories = look.integer(file, "n_trajectories").and_then(|count| {
        if (1..=MAX_TRAJECTORIES).contains(&count) {
            return Some(count as usize);
        }
        look.note(
            "/@n_trajectories",
            format!("1 to {MAX_TRAJECTORIES}"),
            count.to_string(),
            "a file has trajectories",
        );
        None
    });
    let parameters = look.texts(file, "simulation_parameters");

    let coordinates = look
        .group(file, "dimensions")
        .and_then(|group| dimensions(look, &group));
    let fewave = look.group(file, "fewave");
    let coordinates = coordinates.and_then(|coarse| precise(look, fewave.as_ref()?, coarse));
    let boundaries = look.group(file, "boundary_conditions");
    let boundaries = boundaries.and_then(|group| conditions(look, &group, coordinates.as_ref()?));
    let numbers = look.group(file, "scalars");
    let numbers =
        numbers.and_then(|group| scalars(look, file, &group, &parameters?, trajectories?));
    let fields = look.group(file, "t0_fields");
    let fields =
        fields.and_then(|group| fields_of(look, &group, coordinates.as_ref()?, trajectories?));
    for name in ["t1_fields", "t2_fields"] {
        let names = look
            .group(file, name)
            .and_then(|group| look.texts(&group, "field_names"));
        if let Some(names) = names.filter(|names| !names.is_empty()) {
            let place = format!("/{name}@field_names");
            look.note(
                place,
                "an empty list",
                names.join(", "),
                "fewave reads scalar fields only",
            );
        }
    }
    let [times, x, y] = coordinates?;
    let ours = fewave.and_then(|group| ours(look, &group, trajectories?, times.len()));
    let (header, provenance, receivers, sources, energy) = ours?;
    let (constants, scalars, values) = numbers?;
    let spec = FileSpec {
        dataset_name: dataset_name?,
        axes: [x, y],
        times,
        boundaries: boundaries?,
        constants,
        scalars,
        fields: fields?,
        receivers,
        sources,
        energy,
        provenance: provenance?,
    };
    Some((
        Header {
            scalars: values,
            ..header
        },
        spec,
    ))
}

/// Time, x and y in f32.
fn dimensions(look: &mut Inspector<'_>, group: &Group) -> Option<[Vec<f64>; 3]> {
    if let Some(names) = look.texts(group, "spatial_dims")
        && names != AXIS_NAMES
    {
        look.note(
            "/dimensions@spatial_dims",
            "[\"x\", \"y\"]",
            format!("{names:?}"),
            "axes are x and y",
        );
    }
    let mut read = |name: &str, least: usize, time_varying: bool| {
        let values = look.numbers(group, name, Wanted::Single, least);
        if let Ok(dataset) = group.dataset(name) {
            look.flag_is(
                &dataset,
                "sample_varying",
                false,
                "one grid and one set of times for all trajectories",
            );
            look.flag_is(
                &dataset,
                "time_varying",
                time_varying,
                "only time varies in time",
            );
        }
        values
    };
    let (time, x, y) = (
        read("time", 1, true),
        read("x", 2, false),
        read("y", 2, false),
    );
    Some([time?, x?, y?])
}

/// The same in f64, which must agree to the rounding of f32.
fn precise(
    look: &mut Inspector<'_>,
    group: &Group,
    coarse: [Vec<f64>; 3],
) -> Option<[Vec<f64>; 3]> {
    let mut read = |name: &str, coarse: &[f64]| {
        let values = look.numbers(group, name, Wanted::Real, coarse.len())?;
        let place = join(group, name);
        if let Some(pair) = values
            .windows(2)
            .find(|pair| pair[0].partial_cmp(&pair[1]) != Some(std::cmp::Ordering::Less))
        {
            look.note(
                place,
                "increasing values",
                format!("{} then {}", pair[0], pair[1]),
                "coordinates increase",
            );
            return None;
        }
        let differ = values.len() != coarse.len()
            || values
                .iter()
                .zip(coarse)
                .any(|(fine, coarse)| f64::from(*fine as f32) != *coarse);
        if differ {
            let expected = format!("the {} values of /dimensions/{name}", coarse.len());
            look.note(
                place,
                expected,
                "other values",
                "coordinates are stored twice, in f32 and f64",
            );
            return None;
        }
        Some(values)
    };
    let [time, x, y] = coarse;
    let (time, x, y) = (
        read("time", &time),
        read(AXIS_NAMES[0], &x),
        read(AXIS_NAMES[1], &y),
    );
    Some([time?, x?, y?])
}
