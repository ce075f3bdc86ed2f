//! The snapshot grid, its domain and the interval that a surrogate was trained on: it holds for no other.

use super::domain::{Domain, describe};
use crate::{Result, SurrogateError};
use fewave_datasets::Split;
use serde::{Deserialize, Serialize};

/// A uniform grid in space and time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// Points along x and y.
    pub shape: [usize; 2],
    /// Distance of neighbouring points along x and y, m.
    pub spacing: [f64; 2],
    /// Time between snapshots, s.
    pub interval: f64,
    /// The points that are inside the domain; none where all are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Domain>,
}

/// Largest relative difference of spacings that count as equal: axes are stored in f32.
const TOLERANCE: f64 = 1e-3;

impl Grid {
    /// The grid of a split.
    ///
    /// # Errors
    /// [`SurrogateError::Data`] where an axis has fewer than two points or its points are not equally spaced,
    /// or trajectories have different domains.
    pub fn of(split: &Split) -> Result<Self> {
        let [x, y] = split.axes();
        Ok(Self {
            shape: [x.len(), y.len()],
            spacing: [spacing("axis x", x)?, spacing("axis y", y)?],
            interval: spacing("time", split.times())?,
            domain: Domain::of(split)?,
        })
    }

    /// Whether `other` has the same spacing and interval; its extent may differ.
    ///
    /// # Errors
    /// [`SurrogateError::Data`] naming the axis and both spacings.
    pub fn check_same_spacing(&self, other: &Self) -> Result<()> {
        let pairs = [
            ("spacing along x", "m", self.spacing[0], other.spacing[0]),
            ("spacing along y", "m", self.spacing[1], other.spacing[1]),
            ("snapshot interval", "s", self.interval, other.interval),
        ];
        for (name, unit, expected, found) in pairs {
            if (found - expected).abs() > TOLERANCE * expected.abs() {
                return Err(SurrogateError::Data {
                    place: name.into(),
                    found: format!("{found} {unit}"),
                    expected: format!("{expected} {unit}, which the surrogate was trained on"),
                    remedy: "generate the data with the grid and snapshots of the training data, or train on this data".into(),
                });
            }
        }
        Ok(())
    }

    /// Whether `other`, the grid of `split`, has the same points inside the domain.
    ///
    /// # Errors
    /// [`SurrogateError::Data`] naming both domains.
    pub fn check_same_domain(&self, other: &Self, split: &Split) -> Result<()> {
        if self.domain == other.domain {
            return Ok(());
        }
        Err(SurrogateError::Data {
            place: format!(
                "domain of the {} split of {}",
                split.provenance().split,
                split.path().display()
            ),
            found: describe(other.domain.as_ref()),
            expected: format!("{}, as in the training data", describe(self.domain.as_ref())),
            remedy: "generate the data with the mesh and the grid of the training data, or train on this data".into(),
        })
    }
}

/// The common distance of neighbouring values.
fn spacing(name: &str, values: &[f64]) -> Result<f64> {
    let refuse = |found: String| SurrogateError::Data {
        place: name.into(),
        found,
        expected: "at least two equally spaced values".into(),
        remedy: "generate the data on a uniform grid".into(),
    };
    let (Some(first), Some(last)) = (values.first(), values.last()) else {
        return Err(refuse("no values".into()));
    };
    let step = (last - first) / (values.len() as f64 - 1.0);
    if !(step.is_finite() && step > 0.0) {
        return Err(refuse(format!(
            "{} values from {first} to {last}",
            values.len()
        )));
    }
    for pair in values.windows(2) {
        if ((pair[1] - pair[0]) - step).abs() > TOLERANCE * step {
            return Err(refuse(format!(
                "a step of {} beside a mean step of {step}",
                pair[1] - pair[0]
            )));
        }
    }
    Ok(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uniform_axes_have_a_spacing_and_others_are_refused() {
        let axis: Vec<f64> = (0..64).map(|i| f64::from(i as f32 / 63.0)).collect();
        assert!((spacing("axis x", &axis).unwrap() - 1.0 / 63.0).abs() < 1e-9);
        for bad in [
            vec![],
            vec![1.0],
            vec![0.0, 1.0, 3.0],
            vec![1.0, 0.0],
            vec![0.0, f64::NAN],
        ] {
            assert!(
                spacing("axis x", &bad)
                    .unwrap_err()
                    .to_string()
                    .contains("axis x"),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn another_spacing_or_interval_is_refused_by_name() {
        let grid = Grid {
            shape: [64, 64],
            spacing: [0.1, 0.1],
            interval: 0.04,
            domain: None,
        };
        grid.check_same_spacing(&Grid {
            shape: [128, 32],
            ..grid.clone()
        })
        .unwrap();
        let other = Grid {
            interval: 0.02,
            ..grid.clone()
        };
        let message = grid.check_same_spacing(&other).unwrap_err().to_string();
        assert!(
            message.contains("snapshot interval")
                && message.contains("0.02 s")
                && message.contains("0.04 s"),
            "{message}"
        );
    }
}
