//! Parallel layers of constant speed, across x or y, level or dipping.
//!
//! With axis y and dip θ, interface j is the line `y = p_j + x·tan θ`; with axis x, `x = p_j + y·tan θ`. Layer j lies
//! between interfaces j − 1 and j; a point on an interface belongs to the layer after it.

use std::f64::consts::FRAC_PI_2;

use crate::{Medium, SolverError, check};

/// A coordinate axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// The first coordinate.
    X,
    /// The second coordinate.
    Y,
}

/// Layers of constant speed, stacked along an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Layers {
    axis: Axis,
    interfaces: Vec<f64>,
    speeds: Vec<f64>,
    slope: f64,
}

impl Layers {
    /// Layers stacked along `axis`.
    ///
    /// * `interfaces`: ascending places (m) where the interfaces cross that axis (the other coordinate being 0); may be
    ///   empty.
    /// * `speeds`: of the layers in the same order, m/s; one more than interfaces.
    /// * `dip`: angle (rad) between −π/2 and π/2 by which the interfaces lean towards the other axis; 0 is level.
    ///
    /// # Errors
    /// [`SolverError::InvalidParameter`] if the counts do not match, interfaces do not ascend, a speed is not finite
    /// and above 0, or the dip is not within its bounds.
    pub fn new(
        axis: Axis,
        interfaces: Vec<f64>,
        speeds: Vec<f64>,
        dip: f64,
    ) -> Result<Self, SolverError> {
        if speeds.len() != interfaces.len() + 1 {
            return Err(SolverError::invalid(
                "layers speeds",
                format!(
                    "{} speeds for {} interfaces",
                    speeds.len(),
                    interfaces.len()
                ),
                format!("{} speeds", interfaces.len() + 1),
                "give one more speed than interfaces",
            ));
        }
        for (j, &speed) in speeds.iter().enumerate() {
            check::positive(&format!("layers speed {j}"), speed)?;
        }
        for (j, &place) in interfaces.iter().enumerate() {
            check::finite(&format!("layers interface {j}"), place)?;
            if j > 0 && interfaces[j - 1] >= place {
                return Err(SolverError::invalid(
                    format!("layers interface {j}"),
                    place,
                    format!("more than {}, the interface before it", interfaces[j - 1]),
                    "sort the interfaces",
                ));
            }
        }
        // a little less than a right angle, so that the slope stays a usable number
        if dip.is_nan() || dip.abs() > 0.999 * FRAC_PI_2 {
            return Err(SolverError::invalid(
                "layers dip",
                dip,
                "an angle between -1.569 and 1.569 rad",
                "use the other axis for steeper layers",
            ));
        }
        Ok(Self {
            axis,
            interfaces,
            speeds,
            slope: dip.tan(),
        })
    }
}

impl Medium for Layers {
    fn speed(&self, [x, y]: [f64; 2]) -> f64 {
        let place = match self.axis {
            Axis::X => x - self.slope * y,
            Axis::Y => y - self.slope * x,
        };
        self.speeds[self.interfaces.partition_point(|p| *p <= place)]
    }

    fn max_speed(&self) -> f64 {
        self.speeds.iter().copied().fold(0.0, f64::max)
    }

    fn min_speed(&self) -> f64 {
        self.speeds.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_finds_its_layer() {
        let layers = Layers::new(Axis::Y, vec![1.0, 2.0], vec![3.0, 1.0, 2.0], 0.0).unwrap();
        assert_eq!(layers.speed([9.0, 0.999]), 3.0);
        assert_eq!(layers.speed([9.0, 1.0]), 1.0);
        assert_eq!(layers.speed([9.0, 2.5]), 2.0);
        assert_eq!((layers.min_speed(), layers.max_speed()), (1.0, 3.0));
    }

    #[test]
    fn dip_leans_the_interfaces() {
        let layers = Layers::new(Axis::X, vec![1.0], vec![1.0, 2.0], 0.25_f64.atan()).unwrap();
        // the interface is x = 1 + y/4
        assert_eq!(layers.speed([1.49, 2.0]), 1.0);
        assert_eq!(layers.speed([1.51, 2.0]), 2.0);
        let layers = Layers::new(Axis::Y, vec![1.0], vec![1.0, 2.0], -0.25_f64.atan()).unwrap();
        assert_eq!(layers.speed([2.0, 0.49]), 1.0);
        assert_eq!(layers.speed([2.0, 0.51]), 2.0);
    }

    #[test]
    fn bad_layers_are_refused_with_the_place() {
        let refuse = |interfaces: &[f64], speeds: &[f64], dip| {
            Layers::new(Axis::X, interfaces.to_vec(), speeds.to_vec(), dip)
                .unwrap_err()
                .to_string()
        };
        assert!(refuse(&[1.0], &[1.0], 0.0).contains("2 speeds"));
        assert!(refuse(&[], &[], 0.0).contains("1 speeds"));
        assert!(refuse(&[1.0], &[1.0, f64::INFINITY], 0.0).contains("speed 1"));
        assert!(refuse(&[2.0, 1.0], &[1.0; 3], 0.0).contains("interface 1"));
        assert!(refuse(&[f64::NAN], &[1.0; 2], 0.0).contains("interface 0"));
        assert!(refuse(&[1.0], &[1.0; 2], FRAC_PI_2).contains("dip"));
        assert!(refuse(&[1.0], &[1.0; 2], f64::NAN).contains("dip"));
    }
}
