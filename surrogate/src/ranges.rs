//! What the training data covered, so that a surrogate knows when it is asked for more.
//!
//! For every number that determines a scene (the dataset's sampled scalars and constants) and for a few statistics of its fields (least
//! and largest speed; RMS and largest absolute displacement of the first given snapshot, inside the domain), the checkpoint keeps the least and the
//! largest value over the n trajectories of the train split.
//!
//! n samples do not reach the ends of what they were drawn from: a range R of a uniform distribution is on average wider by R/(n−1)
//! at each end, and another sample lies further out than `k·R/(n−1)` at one end with a probability of about `e^{-k}/n`. So a value counts as
//! outside from a margin of `k·R/(n−1)` on, with `k = ln(2D/(n·α))` for D numbers and α = 0.001: then a trajectory of the same
//! (uniform) distributions is mistaken with a probability of at most about α. The margin is **ours**. Of a pulse or an inclusion that
//! is absent (amplitude or radius 0), the other numbers do not count.

use crate::Result;
use crate::task::{DISPLACEMENT, Domain, SPEED};
use fewave_datasets::Split;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Probability with which a trajectory of the training distribution is mistaken, about.
const MISTAKEN: f64 = 1e-3;
/// Relative difference up to which values that never varied count as equal: fields are stored in f32.
const ROUNDING: f64 = 1e-5;

/// The ranges of a train split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ranges {
    /// Trajectories that they are over.
    pub trajectories: usize,
    /// By name: least and largest value.
    pub quantities: BTreeMap<String, [f64; 2]>,
}

/// A number of a trajectory that is outside of the ranges.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutOfRange {
    /// Index of the trajectory.
    pub trajectory: u64,
    /// Name of the number.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// Its unit, `1` where there is none.
    pub unit: String,
    /// Least and largest value of training; none where training had no such number.
    pub range: Option<[f64; 2]>,
}

impl OutOfRange {
    /// How far outside it is, in widths of the range; infinite for a range without a width.
    pub fn distance(&self) -> f64 {
        let Some([least, most]) = self.range else {
            return f64::INFINITY;
        };
        (least - self.value).max(self.value - most) / (most - least)
    }
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit.as_str() {
            "1" | "" => String::new(),
            unit => format!(" {unit}"),
        };
        let short = |value: f64| format!("{:.4}", Short(value));
        write!(f, "{} = {}{unit}", self.name, short(self.value))?;
        match self.range {
            Some([least, most]) if least == most => {
                write!(f, " (always {}{unit} in training)", short(least))
            }
            Some([least, most]) => {
                let (least, most) = (short(least), short(most));
                write!(f, " ({least} to {most}{unit} in training)")
            }
            None => write!(f, " (no such number in training)"),
        }
    }
}

/// A number with a few significant digits.
struct Short(f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(4);
        let size = self.0.abs();
        if size != 0.0 && !(1e-3..1e6).contains(&size) {
            return write!(f, "{:.*e}", digits - 1, self.0);
        }
        let before = if size < 1.0 {
            0
        } else {
            size.log10().floor() as usize + 1
        };
        let text = format!("{:.*}", digits.saturating_sub(before).max(1), self.0);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// A number of one trajectory.
struct Quantity {
    name: String,
    value: f64,
    unit: String,
}

impl Ranges {
    /// Every number with its range, in words: `speed_min: 0.7 to 0.95`.
    pub fn in_words(&self) -> impl Iterator<Item = String> + '_ {
        let short = |value: f64| format!("{:.4}", Short(value));
        self.quantities.iter().map(move |(name, [least, most])| {
            if least == most {
                format!("{name}: always {}", short(*least))
            } else {
                format!("{name}: {} to {}", short(*least), short(*most))
            }
        })
    }

    /// The ranges of a train split. `start` gives the first snapshot that predictions of a trajectory begin from, none where there are
    /// none.
    ///
    /// # Errors
    /// Errors of reading.
    pub(crate) fn of(
        split: &Split,
        domain: Option<&Domain>,
        start: &dyn Fn(usize) -> Option<usize>,
    ) -> Result<Self> {
        let mut ranges = Self {
            trajectories: split.len(),
            quantities: BTreeMap::new(),
        };
        for position in 0..split.len() {
            for Quantity { name, value, .. } in quantities(split, position, domain, start)? {
                let range = ranges.quantities.entry(name).or_insert([value; 2]);
                *range = [range[0].min(value), range[1].max(value)];
            }
        }
        Ok(ranges)
    }

    /// What of a trajectory is outside.
    ///
    /// # Errors
    /// Errors of reading.
    pub(crate) fn check(
        &self,
        split: &Split,
        position: usize,
        domain: Option<&Domain>,
        start: &dyn Fn(usize) -> Option<usize>,
    ) -> Result<Vec<OutOfRange>> {
        let trajectory = split.index(position)?;
        let all = quantities(split, position, domain, start)?;
        Ok(all
            .into_iter()
            .filter(|quantity| self.leaves(&quantity.name, quantity.value))
            .map(|Quantity { name, value, unit }| OutOfRange {
                trajectory,
                range: self.quantities.get(&name).copied(),
                name,
                value,
                unit,
            })
            .collect())
    }

    /// What of a trajectory's numbers, by name, is outside.
    pub fn check_numbers(
        &self,
        trajectory: u64,
        numbers: &BTreeMap<String, f64>,
    ) -> Vec<OutOfRange> {
        let outside = numbers
            .iter()
            .filter(|(name, value)| self.leaves(name, **value));
        outside
            .map(|(name, value)| OutOfRange {
                trajectory,
                name: name.clone(),
                value: *value,
                unit: String::new(),
                range: self.quantities.get(name).copied(),
            })
            .collect()
    }

    /// Whether a value is outside of the range of its name, the margin included; zero of an unknown name is inside.
    fn leaves(&self, name: &str, value: f64) -> bool {
        let Some([least, most]) = self.quantities.get(name) else {
            return value != 0.0;
        };
        let margin = (most - least) * self.margin() + ROUNDING * least.abs().max(most.abs());
        !(least - margin..=most + margin).contains(&value)
    }

    /// The margin as a share of a range.
    fn margin(&self) -> f64 {
        let (count, samples) = (self.quantities.len() as f64, self.trajectories as f64);
        let k = (2.0 * count / (samples * MISTAKEN)).ln().max(0.0);
        k / (samples - 1.0).max(1.0)
    }
}

/// The numbers of a trajectory.
fn quantities(
    split: &Split,
    position: usize,
    domain: Option<&Domain>,
    start: &dyn Fn(usize) -> Option<usize>,
) -> Result<Vec<Quantity>> {
    let spec = split.spec();
    let scalars = split.scalars(position)?;
    let mut all: Vec<Quantity> = spec
        .scalars
        .iter()
        .filter_map(|scalar| {
            Some(Quantity {
                name: scalar.name.clone(),
                value: *scalars.get(&scalar.name)?,
                unit: scalar.unit.clone(),
            })
        })
        .chain(spec.constants.iter().map(|(name, constant)| Quantity {
            name: name.clone(),
            value: constant.value,
            unit: constant.unit.clone(),
        }))
        .collect();
    let absent: Vec<String> = all
        .iter()
        .filter(|quantity| quantity.value == 0.0)
        .filter_map(|quantity| {
            let owner = ["_amplitude", "_radius"];
            let owner = owner
                .iter()
                .find_map(|end| quantity.name.strip_suffix(end))?;
            Some(format!("{owner}_"))
        })
        .collect();
    all.retain(|quantity| !absent.iter().any(|owner| quantity.name.starts_with(owner)));
    let unit = |name: &str| {
        let field = split.field_specs().iter().find(|field| field.name == name);
        field.map(|field| field.unit.clone())
    };
    let mut push = |name: &str, value: f64, unit: &str| {
        all.push(Quantity {
            name: name.to_owned(),
            value,
            unit: unit.to_owned(),
        });
    };
    if let Some(unit) = unit(SPEED) {
        let speed = split.read_static(SPEED, position)?;
        let [least, most, _] = statistics(speed.view(), domain);
        push("speed_minimum", least, &unit);
        push("speed_maximum", most, &unit);
    }
    if let (Some(unit), Some(first)) = (unit(DISPLACEMENT), start(position)) {
        let given = split.read_snapshots(DISPLACEMENT, position, first..first + 1)?;
        let [least, most, rms] = statistics(given.index_axis(ndarray::Axis(0), 0), domain);
        push("first_displacement_rms", rms, &unit);
        push("first_displacement_maximum", most.max(-least), &unit);
    }
    Ok(all)
}

/// Least and largest value and root mean square inside of the domain.
fn statistics(field: ArrayView2<'_, f32>, domain: Option<&Domain>) -> [f64; 3] {
    let inside = |place: usize| domain.is_none_or(|domain| domain.holds(place));
    let values = field.iter().enumerate();
    let values = values
        .filter(|(place, _)| inside(*place))
        .map(|(_, v)| f64::from(*v));
    let (mut least, mut most, mut squares, mut count) = (f64::INFINITY, f64::NEG_INFINITY, 0.0, 0);
    for value in values {
        least = least.min(value);
        most = most.max(value);
        squares += value * value;
        count += 1;
    }
    [least, most, (squares / f64::from(count.max(1))).sqrt()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha12Rng;

    fn ranges(trajectories: usize, range: [f64; 2]) -> Ranges {
        Ranges {
            trajectories,
            quantities: BTreeMap::from([("c".to_owned(), range)]),
        }
    }

    #[test]
    fn values_beyond_the_margin_are_outside() {
        // k = ln(2/(1000·0.001)) = 0.69
        let found = ranges(1000, [1.0, 2.0]);
        assert!(!found.leaves("c", 1.0) && !found.leaves("c", 2.0006));
        assert!(
            found.leaves("c", 2.001) && found.leaves("c", 0.999) && found.leaves("c", f64::NAN)
        );
        assert!(found.leaves("other", 0.5) && !found.leaves("other", 0.0));
        let fixed = ranges(10, [3.0, 3.0]);
        assert!(!fixed.leaves("c", 3.0 + 1e-6) && fixed.leaves("c", 3.01));
    }

    /// Trajectories of the training distribution are seldom mistaken, and a third beyond its ends is always seen.
    #[test]
    fn mistakes_are_as_rare_as_the_margin_promises() {
        let (quantities, samples, trials) = (10, 48, 4000);
        let mut random = ChaCha12Rng::seed_from_u64(1);
        let mut mistaken = 0;
        for _ in 0..trials {
            let mut ranges = Ranges {
                trajectories: samples,
                quantities: BTreeMap::new(),
            };
            let mut out = false;
            for n in 0..quantities {
                let values: Vec<f64> = (0..samples).map(|_| random.random()).collect();
                let least = values.iter().copied().fold(1.0, f64::min);
                let most = values.iter().copied().fold(0.0, f64::max);
                ranges.quantities.insert(n.to_string(), [least, most]);
            }
            for n in 0..quantities {
                out |= ranges.leaves(&n.to_string(), random.random());
                assert!(ranges.leaves(&n.to_string(), 1.34));
            }
            mistaken += u32::from(out);
        }
        // 4 are expected of 4000
        assert!(mistaken <= 12, "{mistaken} of {trials}");
    }

    #[test]
    fn numbers_are_told_with_their_ranges() {
        let out = |value: f64, range| OutOfRange {
            trajectory: 3,
            name: "speed_maximum".into(),
            value,
            unit: "m/s".into(),
            range,
        };
        for (found, words) in [
            (
                out(2.25, Some([1.0, 1.5])),
                "speed_maximum = 2.25 m/s (1 to 1.5 m/s in training)",
            ),
            (
                out(4500.0, Some([1e-5, 1.5])),
                "= 4500 m/s (1.000e-5 to 1.5 m/s",
            ),
            (out(2.0, Some([1.0, 1.0])), "(always 1 m/s in training)"),
            (out(2.0, None), "(no such number in training)"),
        ] {
            assert!(found.to_string().contains(words), "{found}");
        }
        assert_eq!(out(2.25, Some([1.0, 1.5])).distance(), 1.5);
    }
}
