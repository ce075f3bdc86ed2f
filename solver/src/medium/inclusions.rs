//! Discs and ellipses of constant speed in any other medium.
//!
//! A point is inside an ellipse with semi-axes (a, b) when its coordinates (ξ, η) along them satisfy
//! `(ξ/a)² + (η/b)² ≤ 1`. Where inclusions overlap, the last one counts.

use std::sync::Arc;

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

/// Any medium with inclusions in it.
#[derive(Debug, Clone)]
pub struct Inclusions {
    background: Arc<dyn Medium>,
    inclusions: Vec<Inclusion>,
}

impl Inclusions {
    /// `inclusions` in another medium; the list may be empty.
    pub fn new(background: Arc<dyn Medium>, inclusions: Vec<Inclusion>) -> Self {
        Self {
            background,
            inclusions,
        }
    }

    /// The speed of the inclusion that counts at a place.
    fn inside(&self, position: [f64; 2]) -> Option<f64> {
        let mut latest = self.inclusions.iter().rev();
        let found = latest.find(|inclusion| inclusion.contains(position));
        found.map(|inclusion| inclusion.speed)
    }
}

impl Medium for Inclusions {
    fn speed(&self, position: [f64; 2]) -> f64 {
        self.inside(position)
            .unwrap_or_else(|| self.background.speed(position))
    }

    fn speed_in_group(&self, position: [f64; 2], group: usize) -> f64 {
        self.inside(position)
            .unwrap_or_else(|| self.background.speed_in_group(position, group))
    }

    fn speeds_on_grid(&self, x: &[f64], y: &[f64]) -> Option<Vec<f64>> {
        let mut speeds = self.background.speeds_on_grid(x, y)?;
        let points = x.iter().flat_map(|&x| y.iter().map(move |&y| [x, y]));
        for (speed, point) in speeds.iter_mut().zip(points) {
            *speed = self.inside(point).unwrap_or(*speed);
        }
        Some(speeds)
    }

    fn is_continuous(&self) -> bool {
        self.inclusions.is_empty() && self.background.is_continuous()
    }

    fn max_speed(&self) -> f64 {
        let speeds = self.inclusions.iter().map(|inclusion| inclusion.speed);
        speeds.fold(self.background.max_speed(), f64::max)
    }

    fn min_speed(&self) -> f64 {
        let speeds = self.inclusions.iter().map(|inclusion| inclusion.speed);
        speeds.fold(self.background.min_speed(), f64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::medium::{Axis, GaussianField, Layers, Uniform};
    use std::f64::consts::FRAC_PI_4;

    #[test]
    fn the_last_inclusion_counts() {
        let medium = Inclusions::new(
            Arc::new(Uniform::new(2.0).unwrap()),
            vec![
                Inclusion::disc([0.0, 0.0], 1.0, 3.0).unwrap(),
                Inclusion::disc([1.0, 0.0], 0.5, 1.0).unwrap(),
            ],
        );
        assert_eq!(medium.speed([0.0, 0.9]), 3.0);
        assert_eq!(medium.speed([0.75, 0.0]), 1.0);
        assert_eq!(medium.speed([0.0, 1.1]), 2.0);
        assert_eq!((medium.min_speed(), medium.max_speed()), (1.0, 3.0));
    }

    #[test]
    fn around_inclusions_the_background_counts() {
        let layers = Layers::new(Axis::Y, vec![0.5], vec![1.0, 2.0], 0.0).unwrap();
        let disc = Inclusion::disc([0.5, 0.5], 0.1, 4.0).unwrap();
        let medium = Inclusions::new(Arc::new(layers), vec![disc]);
        let found = [[0.5, 0.3], [0.5, 0.45], [0.5, 0.55], [0.5, 0.7]].map(|p| medium.speed(p));
        assert_eq!(found, [1.0, 4.0, 4.0, 2.0]);
        assert_eq!((medium.min_speed(), medium.max_speed()), (1.0, 4.0));
    }

    #[test]
    fn a_grid_of_speeds_is_that_of_its_points() {
        let field = Arc::new(GaussianField::new([0.7, 1.3], 0.2, 5).unwrap());
        let disc = Inclusion::disc([0.4, 0.6], 0.2, 3.0).unwrap();
        let (x, y) = ([0.1, 0.35, 0.5, 0.9], [0.2, 0.55, 0.7]);
        let medium = Inclusions::new(field.clone(), vec![disc]);
        let grid = medium.speeds_on_grid(&x, &y).unwrap();
        let points = x.iter().flat_map(|&x| y.iter().map(move |&y| [x, y]));
        let mut inside = 0;
        for (found, point) in grid.iter().zip(points) {
            assert!((found - medium.speed(point)).abs() < 1e-12);
            inside += usize::from(*found == 3.0);
        }
        assert_eq!(inside, 4);
        assert!(field.is_continuous() && !medium.is_continuous());
        assert!(Inclusions::new(field, Vec::new()).is_continuous());
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
    }
}
