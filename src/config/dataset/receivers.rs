//! The section `[receivers]`: points and lines of points, and what is recorded there.

use fewave_solver::Quantity;
use toml::Value;

use super::super::ConfigError;
use super::super::range::number;
use super::super::section::Section;
use super::mesh::Domain;
use super::whole;

/// Most receivers of a dataset.
const MOST_RECEIVERS: usize = 1_000_000;

/// Receivers.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceiversConfig {
    /// Positions in m: the points, then those of the lines from `from` to `to`.
    pub points: Vec<[f64; 2]>,
    /// A sample every so many time steps.
    pub every: usize,
    /// What is recorded, each once, in the order of the files.
    pub quantities: Vec<Quantity>,
}

/// The names of quantities in configurations.
const QUANTITIES: [(&str, Quantity); 3] = [
    ("displacement", Quantity::Displacement),
    ("velocity", Quantity::Velocity),
    ("gradient", Quantity::Gradient),
];

/// Reads `[receivers]` of a domain.
pub(super) fn read(root: &Section<'_>, domain: &Domain) -> Result<ReceiversConfig, ConfigError> {
    let what = "points and lines that record the wave at every time step";
    let Some(section) = root.section_if("receivers", what)? else {
        return Ok(ReceiversConfig {
            points: Vec::new(),
            every: 1,
            quantities: vec![Quantity::Displacement],
        });
    };
    let lines = lines(&section)?;
    let expected = "a list of points [x, y] in m";
    let read = |value: &Value| value.as_array()?.iter().map(point).collect();
    let mut points: Vec<[f64; 2]> = if lines.is_empty() {
        section.required("points", expected, read)?
    } else {
        section.or("points", expected, Vec::new(), read)?
    };
    refuse_outside(&section, "points", &points, domain)?;
    for (number, line) in lines.into_iter().enumerate() {
        refuse_outside(&section, &format!("lines.{number}"), &line, domain)?;
        points.extend(line);
    }
    if points.len() > MOST_RECEIVERS {
        return Err(section.error_found(
            "",
            format!("{} receivers", points.len()),
            format!("at most {MOST_RECEIVERS}: use shorter lists or lines of fewer points"),
        ));
    }
    let every = section.or(
        "every",
        "a whole number of time steps of at least 1",
        1,
        |value| whole(value, 1, 1_000_000),
    )?;
    let quantities = section.or(
        "quantities",
        "a list with one or more of \"displacement\", \"velocity\", \"gradient\"",
        vec![Quantity::Displacement],
        |value| {
            let mut quantities: Vec<Quantity> = value
                .as_array()?
                .iter()
                .map(|name| {
                    let named = QUANTITIES
                        .iter()
                        .find(|(key, _)| name.as_str() == Some(key));
                    named.map(|(_, quantity)| *quantity)
                })
                .collect::<Option<_>>()?;
            quantities.sort_unstable();
            quantities.dedup();
            (!quantities.is_empty()).then_some(quantities)
        },
    )?;
    section.finish()?;
    Ok(ReceiversConfig {
        points,
        every,
        quantities,
    })
}

/// The points of `lines = [{ from = [x, y], to = [x, y], count = n }]`, both ends included.
fn lines(section: &Section<'_>) -> Result<Vec<Vec<[f64; 2]>>, ConfigError> {
    let end = "a point [x, y] in m";
    section
        .sections("lines", "{ from = [x, y], to = [x, y], count = n }")?
        .iter()
        .map(|line| {
            let from = line.required("from", end, point)?;
            let to = line.required("to", end, point)?;
            let count = line.required(
                "count",
                "a whole number of points from 2 to 1 000 000, both ends included",
                |value| whole(value, 2, MOST_RECEIVERS),
            )?;
            line.finish()?;
            let last = (count - 1) as f64;
            let at = |n: usize| {
                let share = n as f64 / last;
                // the ends are exact, so that they may lie on sides
                [0, 1].map(|axis| (1.0 - share) * from[axis] + share * to[axis])
            };
            Ok((0..count).map(at).collect())
        })
        .collect()
}

fn point(value: &Value) -> Option<[f64; 2]> {
    let [x, y] = value.as_array()?.as_slice() else {
        return None;
    };
    Some([number(x)?, number(y)?])
}

fn refuse_outside(
    section: &Section<'_>,
    key: &str,
    points: &[[f64; 2]],
    domain: &Domain,
) -> Result<(), ConfigError> {
    let outside: Vec<String> = points
        .iter()
        .enumerate()
        .filter(|(_, point)| !domain.contains(**point))
        .map(|(index, point)| format!("number {index} at ({}, {})", point[0], point[1]))
        .collect();
    if outside.is_empty() {
        return Ok(());
    }
    Err(section.error_found(
        key,
        format!("partly outside the mesh: {}", outside.join(", ")),
        format!("points of the mesh, {}", domain.describe()),
    ))
}
