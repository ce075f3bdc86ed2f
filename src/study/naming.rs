//! Names of runs: what the file calls them, and the values of the grid behind it, in letters that every file system takes.

use std::collections::BTreeSet;

/// Longest name.
const LONGEST: usize = 120;

/// Whether a text may be the name of a run, and so of a folder.
pub fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._+=-".contains(c);
    (1..=LONGEST).contains(&text.len())
        && text.chars().all(allowed)
        && !text.starts_with(['.', '-'])
}

/// A run's name from that of its entry and the values of its grid: `dense_seed=1_width=8`.
pub fn name(entry: Option<&str>, grid: &[(String, String)], all_keys: &BTreeSet<String>) -> String {
    let parts = grid
        .iter()
        .map(|(key, value)| format!("{}={}", short(key, all_keys), slug(value)));
    entry
        .map(str::to_owned)
        .into_iter()
        .chain(parts)
        .collect::<Vec<_>>()
        .join("_")
}

/// The last part of a dotted key, or all of it where another key ends alike.
fn short(key: &str, all_keys: &BTreeSet<String>) -> String {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let own = last(key);
    let ambiguous = all_keys.iter().filter(|other| last(other) == own).count() > 1;
    if ambiguous { key.to_owned() } else { own }
}

/// A value in the letters of names.
fn slug(value: &str) -> String {
    let mut text = String::new();
    for c in value.chars() {
        if c.is_ascii_alphanumeric() || ".+".contains(c) {
            text.push(c);
        } else if !text.is_empty() && !text.ends_with('-') {
            text.push('-');
        }
    }
    text.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_safe() {
        let keys: BTreeSet<String> = ["network.width", "seed", "network.scheme.seed"]
            .map(str::to_owned)
            .into();
        let grid = |list: &[(&str, &str)]| -> Vec<(String, String)> {
            list.iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect()
        };
        let found = name(
            Some("dense"),
            &grid(&[("network.width", "8"), ("seed", "1")]),
            &keys,
        );
        assert_eq!(found, "dense_width=8_seed=1");
        let found = name(
            None,
            &grid(&[("network.scheme", "one-way filter R1")]),
            &keys,
        );
        assert_eq!(found, "scheme=one-way-filter-R1");
        assert!(
            is_name(&found) && is_name("a") && !is_name("") && !is_name("../a") && !is_name("-x")
        );
        assert_eq!(slug("[\"0123\", 1e-3]"), "0123-1e-3");
    }
}
