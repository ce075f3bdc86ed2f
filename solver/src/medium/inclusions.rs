//! Discs and ellipses of constant speed in a background of constant speed.
//!
//! A point is inside an ellipse with semi-axes (a, b) when its coordinates (ξ, η) along them satisfy
//! `(ξ/a)² + (η/b)² ≤ 1`. Where inclusions overlap, the last one counts.

use crate::{Medium, SolverError, check};

/// One ellipse of constant speed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Inclusion {
    center: [f64; 2],
    semi_axes: [f64; 2],
    cos_sin: [f64; 2],
    speed: f64,
}

impl Inclusion {
    /// A disc around `center` (m) of the given `radius` (m) and `speed` (m/s).
    ///
    /// # Errors
    /// [`SolverError::InvalidParameter`] for a value that is not finite, or a radius or speed not above 0.
    pub fn disc(center: [f64; 2], radius: f64, speed: f64) -> Result<Self, SolverError> {
        check::positive("inclusion radius", radius)?;
        Self::ellipse(center, [radius, radius], 0.0, speed)
    }

    /// An ellipse around `center` (m) with `semi_axes` (m), the first of which is turned by `angle` (rad) from the x
    /// axis towards the y axis, of the given `speed` (m/s).
    ///
    /// # Errors
    /// [`SolverError::InvalidParameter`] for a value that is not finite, or a semi-axis or speed not above 0.
    pub fn ellipse(
        center: [f64; 2],
        semi_axes: [f64; 2],
        angle: f64,
        speed: f64,
    ) -> Result<Self, SolverError> {
        check::finite("inclusion angle", angle)?;
        Ok(Self {
            center: check::finite_point("inclusion center", center)?,
            semi_axes: check::positive_size("inclusion semi-axes", semi_axes)?,
            cos_sin: [angle.cos(), angle.sin()],
            speed: check::positive("inclusion speed", speed)?,
        })
    }

    fn contains(&self, [x, y]: [f64; 2]) -> bool {
        let (dx, dy) = (x - self.center[0], y - self.center[1]);
        let [cos, sin] = self.cos_sin;
        let xi = (cos * dx + sin * dy) / self.semi_axes[0];
        let eta = (cos * dy - sin * dx) / self.semi_axes[1];
        xi * xi + eta * eta <= 1.0
    }
}

/// A background with inclusions in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Inclusions {
    background: f64,
    inclusions: Vec<Inclusion>,
}

impl Inclusions {
    /// `inclusions` in a medium of the speed `background` (m/s); the list may be empty.
    ///
    /// # Errors
    /// [`SolverError::InvalidParameter`] unless the background's speed is finite and above 0.
    pub fn new(background: f64, inclusions: Vec<Inclusion>) -> Result<Self, SolverError> {
        Ok(Self {
            background: check::positive("inclusions background speed", background)?,
            inclusions,
        })
    }
}

impl Medium for Inclusions {
    fn speed(&self, position: [f64; 2]) -> f64 {
        self.inclusions
            .iter()
            .rev()
            .find(|inclusion| inclusion.contains(position))
            .map_or(self.background, |inclusion| inclusion.speed)
    }

    fn max_speed(&self) -> f64 {
        let speeds = self.inclusions.iter().map(|inclusion| inclusion.speed);
        speeds.fold(self.background, f64::max)
    }

    fn min_speed(&self) -> f64 {
        let speeds = self.inclusions.iter().map(|inclusion| inclusion.speed);
        speeds.fold(self.background, f64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::FRAC_PI_4;

    #[test]
    fn the_last_inclusion_counts() {
        let medium = Inclusions::new(
            2.0,
            vec![
                Inclusion::disc([0.0, 0.0], 1.0, 3.0).unwrap(),
                Inclusion::disc([1.0, 0.0], 0.5, 1.0).unwrap(),
            ],
        )
        .unwrap();
        assert_eq!(medium.speed([0.0, 0.9]), 3.0);
        assert_eq!(medium.speed([0.75, 0.0]), 1.0);
        assert_eq!(medium.speed([0.0, 1.1]), 2.0);
        assert_eq!((medium.min_speed(), medium.max_speed()), (1.0, 3.0));
    }

    #[test]
    fn an_ellipse_turns_from_x_towards_y() {
        let ellipse = Inclusion::ellipse([0.0, 0.0], [2.0, 0.1], FRAC_PI_4, 1.0).unwrap();
        assert!(ellipse.contains([1.3, 1.3]));
        assert!(!ellipse.contains([1.3, -1.3]));
        assert!(!ellipse.contains([1.5, 1.5]));
    }

    #[test]
    fn bad_inclusions_are_refused() {
        assert!(Inclusion::disc([0.0, f64::NAN], 1.0, 1.0).is_err());
        assert!(Inclusion::disc([0.0, 0.0], -1.0, 1.0).is_err());
        assert!(Inclusion::disc([0.0, 0.0], 1.0, 0.0).is_err());
        assert!(Inclusion::ellipse([0.0, 0.0], [1.0, 0.0], 0.0, 1.0).is_err());
        assert!(Inclusion::ellipse([0.0, 0.0], [1.0, 1.0], f64::INFINITY, 1.0).is_err());
        assert!(Inclusions::new(f64::NAN, Vec::new()).is_err());
    }
}
