//! Numbers that are fixed or drawn uniformly per trajectory.

use toml::Value;

/// A number, or a range `[lower, upper]` sampled uniformly per trajectory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Range {
    /// The same for every trajectory.
    Fixed(f64),
    /// Uniform between both ends.
    Uniform(f64, f64),
}

impl Range {
    pub(super) fn from_value(value: &Value) -> Result<Self, String> {
        if let Some(number) = number(value) {
            return if number.is_finite() {
                Ok(Self::Fixed(number))
            } else {
                Err("not finite".into())
            };
        }
        let list = value.as_array().ok_or("not a number")?;
        let [lower, upper] = list.as_slice() else {
            return Err(format!("a list of {} values, a range has 2", list.len()));
        };
        let (lower, upper) = number(lower)
            .zip(number(upper))
            .ok_or("its ends are no numbers")?;
        if !(lower.is_finite() && upper.is_finite()) {
            Err("not finite".into())
        } else if lower > upper {
            Err(format!("the range is empty: {lower} is above {upper}"))
        } else if lower == upper {
            Ok(Self::Fixed(lower))
        } else {
            Ok(Self::Uniform(lower, upper))
        }
    }

    /// Smallest possible value.
    pub fn lower(self) -> f64 {
        match self {
            Self::Fixed(value) | Self::Uniform(value, _) => value,
        }
    }

    /// Largest possible value.
    pub fn upper(self) -> f64 {
        match self {
            Self::Fixed(value) | Self::Uniform(_, value) => value,
        }
    }

    /// Whether it differs between trajectories.
    pub fn varies(self) -> bool {
        matches!(self, Self::Uniform(..))
    }

    /// The value at `share` ∈ [0, 1) of the range.
    pub fn at(self, share: f64) -> f64 {
        match self {
            Self::Fixed(value) => value,
            Self::Uniform(lower, upper) => lower + (upper - lower) * share,
        }
    }
}

/// A whole number, or an inclusive range of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntegerRange {
    /// Smallest value.
    pub lower: i64,
    /// Largest value, included.
    pub upper: i64,
}

impl IntegerRange {
    pub(super) fn from_value(value: &Value) -> Option<Self> {
        if let Some(number) = value.as_integer() {
            return Some(Self {
                lower: number,
                upper: number,
            });
        }
        let [lower, upper] = value.as_array()?.as_slice() else {
            return None;
        };
        let (lower, upper) = (lower.as_integer()?, upper.as_integer()?);
        (lower <= upper).then_some(Self { lower, upper })
    }

    /// Whether it differs between trajectories.
    pub fn varies(self) -> bool {
        self.lower < self.upper
    }

    /// The value at `share` ∈ [0, 1) of the range.
    pub fn at(self, share: f64) -> i64 {
        // in f64, where the width of any range fits
        let count = self.upper as f64 - self.lower as f64 + 1.0;
        let value = i128::from(self.lower) + (share * count) as i128;
        i64::try_from(value).map_or(self.upper, |value| value.min(self.upper))
    }
}

/// A TOML number as f64.
pub fn number(value: &Value) -> Option<f64> {
    value
        .as_float()
        .or_else(|| value.as_integer().map(|whole| whole as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Result<Range, String> {
        let table: toml::Table = format!("x = {text}").parse().unwrap();
        Range::from_value(&table["x"])
    }

    #[test]
    fn numbers_pairs_and_mistakes() {
        assert_eq!(range("2"), Ok(Range::Fixed(2.0)));
        assert_eq!(range("[1, 2.5]"), Ok(Range::Uniform(1.0, 2.5)));
        assert_eq!(range("[1, 1]"), Ok(Range::Fixed(1.0)));
        assert!(range("[2, 1]").unwrap_err().contains("empty"));
        for bad in ["nan", "[0, inf]", "\"a\"", "[1]", "[1, 2, 3]", "[1, \"b\"]"] {
            assert!(range(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_widest_integer_range_has_values() {
        let range = IntegerRange {
            lower: i64::MIN,
            upper: i64::MAX,
        };
        assert_eq!(range.at(0.0), i64::MIN);
        assert!(range.at(0.75) > 0);
    }

    #[test]
    fn integer_ranges_include_both_ends() {
        let range = IntegerRange { lower: 1, upper: 3 };
        let seen: Vec<i64> = (0..30).map(|i| range.at(f64::from(i) / 30.0)).collect();
        assert_eq!((seen.iter().min(), seen.iter().max()), (Some(&1), Some(&3)));
        assert_eq!(seen.iter().filter(|value| **value == 2).count(), 10);
    }
}
