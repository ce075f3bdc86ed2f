//! Settings of a study by dotted key, and the combinations of a grid's lists.

use toml::{Table, Value};

use crate::config::ConfigError;
use crate::config::section::Section;

/// Most runs of a study: more is a slip in a grid.
pub(super) const MOST_RUNS: usize = 10_000;

/// A dotted key, its value, and where the file gives it.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) place: String,
}

/// Whether two dotted keys are the same, or one lies inside the other.
pub(super) fn overlap(a: &str, b: &str) -> bool {
    let inside = |a: &str, b: &str| {
        a.strip_prefix(b)
            .is_some_and(|r| r.is_empty() || r.starts_with('.'))
    };
    inside(a, b) || inside(b, a)
}

/// The values of a section by dotted key; a table that names its `kind` is one value.
pub(super) fn leaves(section: &Section<'_>) -> Vec<Setting> {
    fn walk(section: &Section<'_>, prefix: &str, table: &Table, found: &mut Vec<Setting>) {
        for (name, value) in table {
            let key = match prefix {
                "" => name.clone(),
                _ => format!("{prefix}.{name}"),
            };
            match value {
                Value::Table(inner) if !inner.contains_key("kind") => {
                    walk(section, &key, inner, found)
                }
                value => found.push(Setting {
                    place: format!("{}, {}", section.document().place(&section.full("")), "set"),
                    key,
                    value: value.clone(),
                }),
            }
        }
    }
    let mut found = Vec::new();
    walk(section, "", section.table(), &mut found);
    found
}

/// The same of a grid, where every value must be a list.
pub(super) fn lists(section: &Section<'_>) -> Result<Vec<Setting>, ConfigError> {
    let settings = leaves(section);
    for Setting { key, value, .. } in &settings {
        let expected =
            "a list of values, for example [1, 2]; a single value belongs into `set` or the base";
        match value.as_array() {
            Some(list) if !list.is_empty() => {}
            _ => {
                return Err(ConfigError::Value {
                    place: section.document().place(&section.full("")),
                    key: format!("{}.{key}", section.full("")),
                    found: crate::config::section::describe(value),
                    expected: expected.to_owned(),
                });
            }
        }
    }
    Ok(settings)
}

/// Every combination of one value a key, the last key's values changing fastest.
pub(super) fn combinations(grid: &[Setting]) -> Vec<Vec<Setting>> {
    let mut all = vec![Vec::new()];
    for setting in grid {
        let values = setting.value.as_array().map_or(&[][..], Vec::as_slice);
        if all.len().saturating_mul(values.len()) > MOST_RUNS {
            // more than a study may have: the caller counts and refuses
            all.truncate(MOST_RUNS / values.len().max(1) + 1);
        }
        all = all
            .iter()
            .flat_map(|before: &Vec<Setting>| {
                values.iter().map(move |value| {
                    let mut next = before.clone();
                    next.push(Setting {
                        value: value.clone(),
                        ..setting.clone()
                    });
                    next
                })
            })
            .collect();
    }
    all
}
