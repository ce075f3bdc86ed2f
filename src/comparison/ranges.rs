//! Trajectories outside of what a surrogate was trained on, in words.

use std::collections::BTreeMap;

use fewave_surrogate::OutOfRange;

use super::scope::counted;
use crate::console::Console;

/// Most numbers that are named.
const NAMED: usize = 4;

/// What is outside, each number by its farthest value: `2 trajectories leave the training ranges: …`; none where nothing is, or
/// where that is not known.
pub fn outside(out: Option<&[OutOfRange]>) -> Option<String> {
    let out = out.filter(|out| !out.is_empty())?;
    let mut trajectories: Vec<u64> = out.iter().map(|one| one.trajectory).collect();
    trajectories.sort_unstable();
    trajectories.dedup();
    let mut farthest: BTreeMap<&str, &OutOfRange> = BTreeMap::new();
    for one in out {
        let known = farthest.entry(&one.name).or_insert(one);
        if one.distance() > known.distance() {
            *known = one;
        }
    }
    let mut names: Vec<&OutOfRange> = farthest.into_values().collect();
    names.sort_by(|a, b| b.distance().total_cmp(&a.distance()));
    let mut list: Vec<String> = names.iter().take(NAMED).map(ToString::to_string).collect();
    if names.len() > NAMED {
        list.push(format!(
            "and {}",
            counted(names.len() - NAMED, "other number")
        ));
    }
    let (count, verb) = match trajectories.len() {
        1 => ("1 trajectory".to_owned(), "leaves"),
        count => (format!("{count} trajectories"), "leave"),
    };
    Some(format!(
        "{count} {verb} the training ranges: {}",
        list.join(", ")
    ))
}

/// The same as a finding about a run; said too where the ranges are not known.
pub fn words(label: &str, out: Option<&[OutOfRange]>) -> Option<String> {
    if out.is_none() {
        return Some(format!(
            "{label}: its training ranges are unknown, since its checkpoint was written by an older version; whether it is asked for more than it was \
             trained on cannot be told."
        ));
    }
    let outside = outside(out)?;
    Some(format!(
        "Warning: {label}: {outside}. Errors there are those of an extrapolation."
    ))
}

/// Warns of it.
pub fn warn(label: &str, out: Option<&[OutOfRange]>, console: &Console) {
    if let Some(words) = words(label, out) {
        console.warn(words.strip_prefix("Warning: ").unwrap_or(&words));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_farthest_value_of_each_number_is_named() {
        let out = |trajectory: u64, name: &str, value: f64| OutOfRange {
            trajectory,
            name: name.to_owned(),
            value,
            unit: "m".to_owned(),
            range: Some([0.0, 1.0]),
        };
        let all = [
            out(3, "a", 2.0),
            out(4, "a", 5.0),
            out(4, "b", 1.5),
            out(4, "c", 7.0),
            out(4, "d", 8.0),
            out(4, "e", 9.0),
        ];
        let words = outside(Some(&all)).unwrap();
        assert!(
            words.starts_with("2 trajectories leave the training ranges: e = 9 m"),
            "{words}"
        );
        assert!(words.contains("a = 5 m (0 to 1 m in training)") && !words.contains("a = 2"));
        assert!(words.ends_with("and 1 other number"), "{words}");
        assert_eq!(outside(Some(&[])), None);
        assert_eq!(outside(None), None);
        assert!(self::words("net", None).unwrap().contains("unknown"));
    }
}
