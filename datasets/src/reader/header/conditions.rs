//! The group `boundary_conditions`.

use hdf5::Group;

use crate::hdf::inspect::{Inspector, Wanted};
use crate::hdf::write::attribute;
use crate::schema::{AXIS_NAMES, BoundarySpec, BoundaryType};

/// The conditions that are sound, by name; `coordinates` are time, x and y.
pub(super) fn conditions(
    look: &mut Inspector<'_>,
    group: &Group,
    coordinates: &[Vec<f64>; 3],
) -> Option<Vec<BoundarySpec>> {
    let mut names = group.member_names().unwrap_or_default();
    names.sort();
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
