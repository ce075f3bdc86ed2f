//! The header of one file: everything but fields and signals, checked rule by rule.
//!
//! Rules: The Well's (table in the crate's documentation) and those of the group `fewave`. All violations are
//! collected; a [`FileSpec`] comes back only where there is nothing that it could not say.

use std::collections::BTreeMap;
use std::path::Path;

use hdf5::{File, Group};

use crate::error::Violation;
use crate::hdf::inspect::{Inspector, Wanted, described};
use crate::hdf::write::{attribute, join};
use crate::schema::{
    AXIS_NAMES, BoundarySpec, BoundaryType, Constant, FieldSpec, FileSpec, Provenance,
    ReceiverSpec, ScalarSpec, SplitName,
};
use crate::writer::layout::LAYOUT_VERSION;

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
    let header = read_with(&mut look, file);
    (
        header.filter(|_| look.violations.is_empty()),
        look.violations,
    )
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
    let (header, provenance, receivers, energy) = ours?;
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

fn conditions(
    look: &mut Inspector<'_>,
    group: &Group,
    coordinates: &[Vec<f64>; 3],
) -> Option<Vec<BoundarySpec>> {
    let names = group.member_names().unwrap_or_default();
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let Some(condition) = look.group(group, &name) else {
            continue;
        };
        let kind = look.text(&condition, "bc_type").and_then(|text| {
            let kind = BoundaryType::ALL
                .into_iter()
                .find(|kind| kind.as_str() == text);
            if kind.is_none() {
                let rule = "boundary types are The Well's";
                look.note(
                    attribute(&condition, "bc_type"),
                    "WALL, OPEN or PERIODIC",
                    format!("{text:?}"),
                    rule,
                );
            }
            kind
        });
        let dim = look.texts(&condition, "associated_dims").and_then(|dims| {
            let dim = AXIS_NAMES.iter().position(|axis| dims == [*axis]);
            if dim.is_none() {
                let rule = "conditions lie on the sides of the grid";
                look.note(
                    attribute(&condition, "associated_dims"),
                    "[\"x\"] or [\"y\"]",
                    format!("{dims:?}"),
                    rule,
                );
            }
            dim
        });
        look.texts(&condition, "associated_fields");
        look.flag_is(
            &condition,
            "sample_varying",
            false,
            "boundaries are those of the dataset",
        );
        look.flag_is(
            &condition,
            "time_varying",
            false,
            "boundaries do not vary in time",
        );
        let description = look.text(&condition, "description").unwrap_or_default();
        let (Some(kind), Some(dim)) = (kind, dim) else {
            continue;
        };
        let lower = name.to_lowercase();
        if !lower.contains(&kind.as_str().to_lowercase()) || !lower.contains(AXIS_NAMES[dim]) {
            let expected = format!(
                "a name with {:?} and {:?}",
                AXIS_NAMES[dim],
                kind.as_str().to_lowercase()
            );
            look.note(
                condition.name(),
                expected,
                format!("{name:?}"),
                "names say type and dimension",
            );
        }
        let mask = look.shaped(
            &condition,
            "mask",
            Wanted::Flag,
            &[coordinates[1 + dim].len()],
        );
        if let Some(mask) = mask.and_then(|mask| look.values::<i8>(&mask)) {
            let mask = mask.into_iter().map(|flag| flag != 0).collect();
            found.push(BoundarySpec {
                name,
                kind,
                dim,
                mask,
                description,
            });
        }
    }
    Some(found)
}

type Numbers = (BTreeMap<String, Constant>, Vec<ScalarSpec>, Vec<Vec<f64>>);

fn scalars(
    look: &mut Inspector<'_>,
    file: &File,
    group: &Group,
    parameters: &[String],
    trajectories: usize,
) -> Option<Numbers> {
    let names = look.texts(group, "field_names")?;
    unlisted(look, group, &names);
    for name in parameters.iter().filter(|name| !names.contains(name)) {
        let rule = "every simulation parameter is also a scalar";
        look.note(
            "/scalars@field_names",
            format!("{name:?} among the names"),
            "no such name",
            rule,
        );
    }
    let (mut constants, mut sampled, mut values) = (BTreeMap::new(), Vec::new(), Vec::new());
    for name in names {
        let constant = parameters.contains(&name);
        let shape = if constant { vec![] } else { vec![trajectories] };
        let Some(dataset) = look.shaped(group, &name, Wanted::Real, &shape) else {
            continue;
        };
        look.flag_is(
            &dataset,
            "sample_varying",
            !constant,
            "simulation parameters are constant, other scalars sampled",
        );
        look.flag_is(
            &dataset,
            "time_varying",
            false,
            "scalars do not vary in time",
        );
        let (unit, description) = described(&dataset);
        let Some(read) = look.values::<f64>(&dataset) else {
            continue;
        };
        if let Some(value) = read.iter().find(|value| !value.is_finite()) {
            look.note(
                join(group, &name),
                "finite values",
                value.to_string(),
                "data are finite",
            );
        }
        match read.first() {
            Some(&value) if constant => {
                if let Some(root) = look.real(file, &name)
                    && root != value
                {
                    let rule = "every simulation parameter is a root attribute of the same value";
                    look.note(
                        attribute(file, &name),
                        value.to_string(),
                        root.to_string(),
                        rule,
                    );
                }
                constants.insert(
                    name,
                    Constant {
                        value,
                        unit,
                        description,
                    },
                );
            }
            _ => {
                sampled.push(ScalarSpec {
                    name,
                    unit,
                    description,
                });
                values.push(read);
            }
        }
    }
    Some((constants, sampled, values))
}

fn fields_of(
    look: &mut Inspector<'_>,
    group: &Group,
    coordinates: &[Vec<f64>; 3],
    trajectories: usize,
) -> Option<Vec<FieldSpec>> {
    let names = look.texts(group, "field_names")?;
    unlisted(look, group, &names);
    if names.is_empty() {
        look.note(
            "/t0_fields@field_names",
            "at least one field",
            "none",
            "a dataset has fields",
        );
    }
    let [times, nx, ny] = coordinates.each_ref().map(Vec::len);
    let mut fields = Vec::with_capacity(names.len());
    for name in names {
        let Some(dataset) = look.dataset(group, &name, Wanted::Single) else {
            continue;
        };
        look.flag_is(
            &dataset,
            "sample_varying",
            true,
            "fields are stored per trajectory",
        );
        if let Some(dims) = look.flags(&dataset, "dim_varying")
            && dims != [true, true]
        {
            let rule = "fields vary over x and y";
            look.note(
                attribute(&dataset, "dim_varying"),
                "[true, true]",
                format!("{dims:?}"),
                rule,
            );
        }
        let (unit, description) = described(&dataset);
        let Some(time_varying) = look.flag(&dataset, "time_varying") else {
            continue;
        };
        let time = time_varying.then_some(times);
        let shape: Vec<usize> = [trajectories]
            .into_iter()
            .chain(time)
            .chain([nx, ny])
            .collect();
        look.fits(&dataset, &shape);
        fields.push(FieldSpec {
            name,
            unit,
            description,
            time_varying,
        });
    }
    Some(fields)
}

/// Notes members of a group that its `field_names` does not list.
fn unlisted(look: &mut Inspector<'_>, group: &Group, names: &[String]) {
    for member in group.member_names().unwrap_or_default() {
        if !names.contains(&member) {
            look.note(
                join(group, &member),
                "no unlisted member",
                "one",
                "`field_names` lists every member",
            );
        }
    }
}

type Ours = (Header, Option<Provenance>, Option<ReceiverSpec>, bool);

fn ours(
    look: &mut Inspector<'_>,
    group: &Group,
    trajectories: usize,
    times: usize,
) -> Option<Ours> {
    if let Some(version) = look.integer(group, "layout")
        && version != LAYOUT_VERSION
    {
        let rule = "this version of fewave reads this layout";
        look.note(
            "/fewave@layout",
            LAYOUT_VERSION.to_string(),
            version.to_string(),
            rule,
        );
    }
    let provenance = provenance(look, group);
    let per_trajectory = [trajectories];
    let index = look.shaped(group, "index", Wanted::Integer, &per_trajectory);
    let index = index.and_then(|dataset| look.values::<u64>(&dataset));
    let source_end = look.shaped(group, "source_end", Wanted::Real, &per_trajectory);
    let source_end = source_end.and_then(|dataset| look.values::<f64>(&dataset));
    if let Some(value) = source_end.iter().flatten().find(|value| !value.is_finite()) {
        look.note(
            "/fewave/source_end",
            "finite values",
            value.to_string(),
            "data are finite",
        );
    }
    let digests = look.shaped(group, "sha256", Wanted::Byte, &[trajectories, 32]);
    let digests = digests.and_then(|dataset| look.values::<u8>(&dataset));
    let energy = group.link_exists("energy");
    if energy {
        look.shaped(group, "energy", Wanted::Real, &[trajectories, times]);
    }
    let receivers = match group.link_exists("receivers") {
        false => None,
        true => Some(
            look.group(group, "receivers")
                .and_then(|group| receivers(look, &group, trajectories))?,
        ),
    };
    let digests = digests?.as_chunks::<32>().0.to_vec();
    let header = Header {
        index: index?,
        source_end: source_end?,
        scalars: Vec::new(),
        digests,
    };
    Some((header, provenance, receivers, energy))
}

fn provenance(look: &mut Inspector<'_>, group: &Group) -> Option<Provenance> {
    let version = look.text(group, "version");
    let config = look.text(group, "config");
    let config_hash = look.text(group, "config_hash");
    let seed = look.unsigned(group, "seed");
    let split_trajectories = look.unsigned(group, "split_trajectories");
    let split = look.text(group, "split").and_then(|text| {
        let split = text.parse::<SplitName>().ok();
        if split.is_none() {
            look.note(
                "/fewave@split",
                "train, valid or test",
                format!("{text:?}"),
                "files belong to a split",
            );
        }
        split
    });
    let mut extra = BTreeMap::new();
    if let Some(group) = look.group(group, "extra") {
        for name in group.attr_names().unwrap_or_default() {
            if let Some(text) = look.text(&group, &name) {
                extra.insert(name, text);
            }
        }
    }
    Some(Provenance {
        config: config?,
        config_hash: config_hash?,
        version: version?,
        seed: seed?,
        split: split?,
        split_trajectories: split_trajectories?,
        extra,
    })
}

fn receivers(look: &mut Inspector<'_>, group: &Group, trajectories: usize) -> Option<ReceiverSpec> {
    let times = look.numbers(group, "time", Wanted::Real, 1);
    let position = look.dataset(group, "position", Wanted::Real)?;
    let count = position.shape().first().copied().unwrap_or(0);
    if !look.fits(&position, &[count, 2]) {
        return None;
    }
    let positions = look.values::<f64>(&position)?;
    let times = times?;
    let signals = look.shaped(
        group,
        "displacement",
        Wanted::Single,
        &[trajectories, count, times.len()],
    )?;
    let (unit, _) = described(&signals);
    Some(ReceiverSpec {
        positions: positions.as_chunks::<2>().0.to_vec(),
        times,
        unit,
    })
}
