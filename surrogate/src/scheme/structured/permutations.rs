//! The symmetric group S4 and its commuting tuples: one permutation per spatial axis, for the step along that axis.
//!
//! Of the 24² pairs 120 commute, and 42 of these act transitively: every value can be reached from every other by steps along
//! the axes. Pairs that do not leave a kernel with fewer than four values, however large it is.

use std::fmt;

use crate::Result;
use crate::scheme::setting;

/// The number of values that are permuted.
pub(super) const VALUES: usize = 4;

/// A permutation of 0, 1, 2, 3, written as its images: `1230` maps 0 to 1, 1 to 2, 2 to 3 and 3 to 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Permutation([u8; VALUES]);

impl Permutation {
    /// The permutation that changes nothing.
    pub(super) const IDENTITY: Self = Self([0, 1, 2, 3]);

    /// All 24, in lexicographic order.
    pub(super) fn all() -> Vec<Self> {
        let digits = 0..VALUES.pow(4);
        digits
            .map(|n| Self([n / 64 % 4, n / 16 % 4, n / 4 % 4, n % 4].map(|image| image as u8)))
            .filter(Self::is_permutation)
            .collect()
    }

    fn is_permutation(&self) -> bool {
        (0..VALUES as u8).all(|value| self.0.contains(&value))
    }

    /// The permutation of a text such as `1230`.
    ///
    /// # Errors
    /// [`SurrogateError::Setting`](crate::SurrogateError::Setting) for anything else.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let digits: Option<Vec<u8>> = text
            .chars()
            .map(|digit| digit.to_digit(VALUES as u32).map(|digit| digit as u8))
            .collect();
        digits
            .and_then(|digits| digits.try_into().ok())
            .map(Self)
            .filter(Self::is_permutation)
            .ok_or_else(|| {
                setting(
                    "scheme.permutations",
                    format!("\"{text}\""),
                    "the images of 0, 1, 2 and 3, each once, such as \"1230\"",
                    "leave the key out for a seeded draw",
                )
            })
    }

    /// The image of a value.
    pub(super) fn of(&self, value: u8) -> u8 {
        self.0[usize::from(value)]
    }

    /// First `other`, then this one.
    fn after(&self, other: &Self) -> Self {
        Self(other.0.map(|image| self.of(image)))
    }

    pub(super) fn commutes_with(&self, other: &Self) -> bool {
        self.after(other) == other.after(self)
    }
}

impl fmt::Display for Permutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|image| write!(f, "{image}"))
    }
}

/// All tuples of so many permutations that commute pairwise, in lexicographic order: 24, 120 and 504 for 1, 2 and 3 axes.
pub(super) fn commuting(axes: usize) -> Vec<Vec<Permutation>> {
    let all = Permutation::all();
    let mut tuples: Vec<Vec<Permutation>> = vec![Vec::new()];
    for _ in 0..axes {
        tuples = tuples
            .iter()
            .flat_map(|tuple| {
                let next = all
                    .iter()
                    .filter(|next| tuple.iter().all(|one| one.commutes_with(next)));
                next.map(|next| [tuple.as_slice(), &[*next]].concat())
            })
            .collect();
    }
    tuples
}

/// Whether every value can be reached from 0 by steps along the axes.
pub(super) fn is_transitive(tuple: &[Permutation]) -> bool {
    let mut reached = [true, false, false, false];
    for _ in 0..VALUES {
        for value in 0..VALUES as u8 {
            if reached[usize::from(value)] {
                tuple
                    .iter()
                    .for_each(|step| reached[usize::from(step.of(value))] = true);
            }
        }
    }
    reached == [true; VALUES]
}

/// The commuting tuples that act transitively: 6, 42 and 210 for 1, 2 and 3 axes.
pub(super) fn transitive(axes: usize) -> Vec<Vec<Permutation>> {
    let mut tuples = commuting(axes);
    tuples.retain(|tuple| is_transitive(tuple));
    tuples
}

/// The value at each tap of a kernel, `σ₁^i₁ σ₂^i₂ … (0)`, row-major.
pub(super) fn values_at_taps(tuple: &[Permutation], sides: &[usize]) -> Vec<u8> {
    let mut values = vec![0];
    for (step, &side) in tuple.iter().zip(sides) {
        values = values
            .iter()
            .flat_map(|&value| {
                std::iter::successors(Some(value), |&value| Some(step.of(value))).take(side)
            })
            .collect();
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn enumerates_the_group_and_its_commuting_tuples() {
        let all = Permutation::all();
        assert_eq!((all.len(), all[0]), (24, Permutation::IDENTITY));
        assert_eq!([1, 2, 3].map(|axes| commuting(axes).len()), [24, 120, 504]);
        assert_eq!([1, 2, 3].map(|axes| transitive(axes).len()), [6, 42, 210]);
        // by brute force
        let pairs = all.iter().flat_map(|a| all.iter().map(move |b| (a, b)));
        let slow =
            pairs.filter(|(a, b)| (0..4).all(|value| a.of(b.of(value)) == b.of(a.of(value))));
        assert_eq!(slow.count(), 120);
    }

    #[test]
    fn texts_are_read_back() {
        for permutation in Permutation::all() {
            assert_eq!(
                Permutation::parse(&permutation.to_string()).unwrap(),
                permutation
            );
        }
        for text in ["", "012", "01234", "0012", "0124", "abcd"] {
            let error = Permutation::parse(text).unwrap_err().to_string();
            assert!(error.contains("1230"), "{error}");
        }
    }

    proptest! {
        /// The rule of the paper: a step along an axis permutes the values, the same way everywhere.
        #[test]
        fn a_step_along_an_axis_permutes_the_values(
            pair in 0usize..120, rows in 1usize..7, columns in 1usize..7,
        ) {
            let tuple = &commuting(2)[pair];
            let values = values_at_taps(tuple, &[rows, columns]);
            prop_assert_eq!(values.len(), rows * columns);
            prop_assert_eq!(values[0], 0);
            for i in 0..rows {
                for j in 0..columns {
                    let value = values[i * columns + j];
                    if i + 1 < rows {
                        prop_assert_eq!(values[(i + 1) * columns + j], tuple[0].of(value));
                    }
                    if j + 1 < columns {
                        prop_assert_eq!(values[i * columns + j + 1], tuple[1].of(value));
                    }
                }
            }
        }

        /// With four steps along each axis, all values occur exactly for the transitive pairs.
        #[test]
        fn transitive_pairs_use_all_values(pair in 0usize..120) {
            let tuple = &commuting(2)[pair];
            let values = values_at_taps(tuple, &[4, 4]);
            let all = (0..4).all(|value| values.contains(&value));
            prop_assert_eq!(all, is_transitive(tuple));
        }

        #[test]
        fn a_step_along_an_axis_permutes_the_values_in_3_d(triple in 0usize..504) {
            let tuple = &commuting(3)[triple];
            let values = values_at_taps(tuple, &[3, 4, 5]);
            let at = |i: usize, j: usize, k: usize| values[(i * 4 + j) * 5 + k];
            for (i, j, k) in (0..2).flat_map(|i| (0..3).flat_map(move |j| (0..4).map(move |k| (i, j, k)))) {
                prop_assert_eq!(at(i + 1, j, k), tuple[0].of(at(i, j, k)));
                prop_assert_eq!(at(i, j + 1, k), tuple[1].of(at(i, j, k)));
                prop_assert_eq!(at(i, j, k + 1), tuple[2].of(at(i, j, k)));
            }
        }
    }
}
