//! The group `fewave`: provenance, values per trajectory, receivers.

use std::collections::BTreeMap;

use hdf5::Group;

use super::Header;
use crate::hdf::inspect::{Inspector, Wanted};
use crate::schema::sources::shapes;
use crate::schema::{Provenance, ReceiverQuantity, ReceiverSpec, SplitName};
use crate::writer::layout::LAYOUT_VERSION;

/// Values per trajectory (less the scalars), provenance, receivers, number of sources, and whether the energy is stored.
pub(super) type Ours = (
    Header,
    Option<Provenance>,
    Option<ReceiverSpec>,
    usize,
    bool,
);

/// Reads the group; `times` is the number of snapshots.
pub(super) fn ours(
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
    let sources = match group.link_exists("sources") {
        false => 0,
        true => look
            .group(group, "sources")
            .and_then(|group| sources(look, &group, trajectories, times))?,
    };
    let digests = digests?.as_chunks::<32>().0.to_vec();
    let header = Header {
        index: index?,
        source_end: source_end?,
        scalars: Vec::new(),
        digests,
    };
    Some((header, provenance, receivers, sources, energy))
}

/// The number of sources, whose positions and signals must have that many rows.
fn sources(
    look: &mut Inspector<'_>,
    group: &Group,
    trajectories: usize,
    times: usize,
) -> Option<usize> {
    let position = look.dataset(group, "position", Wanted::Single)?;
    let count = position.shape().get(1).copied().unwrap_or(0);
    if count == 0 {
        let rule = "the group is there for sources only";
        look.note(
            "/fewave/sources/position",
            "at least one source",
            "none",
            rule,
        );
        return None;
    }
    let [positions, signals] = shapes(count, times);
    let fits = look.fits(&position, &[&[trajectories], positions.as_slice()].concat());
    let signal = [&[trajectories], signals.as_slice()].concat();
    look.shaped(group, "signal", Wanted::Single, &signal)?;
    fits.then_some(count)
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
    let present = |quantity: &ReceiverQuantity| group.link_exists(quantity.name());
    let quantities: Vec<_> = ReceiverQuantity::ALL.into_iter().filter(present).collect();
    if quantities.is_empty() {
        let rule = "receivers record at least one quantity";
        let expected = "displacement, velocity or gradient";
        look.note("/fewave/receivers", expected, "none of them", rule);
        return None;
    }
    for quantity in &quantities {
        let mut shape = vec![trajectories];
        shape.extend(quantity.shape(count, times.len()));
        look.shaped(group, quantity.name(), Wanted::Single, &shape)?;
    }
    Some(ReceiverSpec {
        positions: positions.as_chunks::<2>().0.to_vec(),
        times,
        quantities,
    })
}
