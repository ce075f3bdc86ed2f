//! The groups whose members `field_names` lists: `scalars` and `t0_fields`.

use std::collections::BTreeMap;

use hdf5::{File, Group};

use crate::hdf::inspect::{Inspector, Wanted, described};
use crate::hdf::write::{attribute, join};
use crate::schema::{Constant, FieldSpec, ScalarSpec};

/// Constants by name, sampled numbers, and the values of these, `[scalar][trajectory]`.
pub(super) type Numbers = (BTreeMap<String, Constant>, Vec<ScalarSpec>, Vec<Vec<f64>>);

/// The group `scalars`: what `parameters` names is constant and a root attribute too, the rest is per trajectory.
pub(super) fn scalars(
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

/// The group `t0_fields`: names, units and shapes, no data.
pub(super) fn fields_of(
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
