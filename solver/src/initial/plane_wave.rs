//! A plane wave under way: `u(x, t) = a·g(n·(x − p) − c t)`, hence `u_t(x, 0) = −c·a·g'(n·(x − p))`.
//!
//! With the speed c of the medium at each place the wave travels in one direction only, where the medium is uniform
//! over the width of the profile.

use crate::{InitialState, SolverError, check};

/// The shape of a plane wave across its front, as a function of the distance ξ from its centre, of width w.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// `exp(−ξ²/(2w²))`.
    Gaussian,
    /// `(1 − ξ²/w²) exp(−ξ²/(2w²))`: the wave of a Ricker signal of peak frequency `c/(√2 π w)`.
    Ricker,
}

/// A plane wave that travels in one direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlaneWave {
    profile: Profile,
    normal: [f64; 2],
    position: [f64; 2],
    width: f64,
    amplitude: f64,
}

impl PlaneWave {
    /// A plane wave.
    ///
    /// * `profile`, `width` (m): its shape.
    /// * `direction`: where it travels, an angle (rad) from the x axis towards the y axis.
    /// * `position`: a point of the front's centre line at t = 0, m.
    /// * `amplitude`: peak displacement, m.
    ///
    /// # Errors
    /// [`SolverError::InvalidParameter`] for a value that is not finite or a width not above 0.
    pub fn new(
        profile: Profile,
        direction: f64,
        position: [f64; 2],
        width: f64,
        amplitude: f64,
    ) -> Result<Self, SolverError> {
        check::finite("plane wave direction", direction)?;
        Ok(Self {
            profile,
            normal: [direction.cos(), direction.sin()],
            position: check::finite_point("plane wave position", position)?,
            width: check::positive("plane wave width", width)?,
            amplitude: check::finite("plane wave amplitude", amplitude)?,
        })
    }

    /// Distance from the front's centre line in widths, cut off where profiles have long vanished, so that its powers
    /// stay finite.
    fn place(&self, [x, y]: [f64; 2]) -> f64 {
        let along =
            self.normal[0] * (x - self.position[0]) + self.normal[1] * (y - self.position[1]);
        (along / self.width).clamp(-40.0, 40.0)
    }
}

impl InitialState for PlaneWave {
    fn displacement(&self, position: [f64; 2]) -> f64 {
        let s = self.place(position);
        let gaussian = (-0.5 * s * s).exp();
        self.amplitude
            * match self.profile {
                Profile::Gaussian => gaussian,
                Profile::Ricker => (1.0 - s * s) * gaussian,
            }
    }

    fn velocity(&self, position: [f64; 2], speed: f64) -> f64 {
        let s = self.place(position);
        let gaussian = (-0.5 * s * s).exp();
        let slope = match self.profile {
            Profile::Gaussian => -s * gaussian,
            Profile::Ricker => s * (s * s - 3.0) * gaussian,
        };
        -speed * self.amplitude * slope / self.width
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn velocity_is_that_of_the_travelling_profile(
            ricker: bool, direction in 0.0..7.0f64, x in -0.5..0.5f64, y in -0.5..0.5f64,
        ) {
            let profile = if ricker { Profile::Ricker } else { Profile::Gaussian };
            let wave = PlaneWave::new(profile, direction, [0.1, 0.2], 0.2, 1.5).unwrap();
            let (speed, h) = (1.4, 1e-6);
            // at time h the wave is what it was at time 0 a distance speed·h behind
            let behind = |h: f64| {
                wave.displacement([x - speed * h * direction.cos(), y - speed * h * direction.sin()])
            };
            let velocity = (behind(h) - behind(-h)) / (2.0 * h);
            prop_assert!((wave.velocity([x, y], speed) - velocity).abs() < 1e-7);
        }
    }

    #[test]
    fn the_front_is_a_line_through_its_position() {
        let wave = PlaneWave::new(Profile::Ricker, 0.5, [1.0, 2.0], 0.1, 3.0).unwrap();
        for along in [-5.0, 0.0, 2.0] {
            let on_front = [1.0 - along * 0.5_f64.sin(), 2.0 + along * 0.5_f64.cos()];
            assert!((wave.displacement(on_front) - 3.0).abs() < 1e-12);
        }
    }

    #[test]
    fn extreme_widths_give_numbers() {
        for profile in [Profile::Gaussian, Profile::Ricker] {
            for width in [1e-300, 1e300] {
                let wave = PlaneWave::new(profile, 0.0, [0.5, 0.5], width, 1.0).unwrap();
                for x in [0.0, 0.5, 1e10] {
                    assert!(wave.displacement([x, 0.0]).is_finite());
                    assert!(wave.velocity([x, 0.0], 2.0).is_finite());
                }
            }
        }
    }

    #[test]
    fn bad_waves_are_refused() {
        let new =
            |direction, width| PlaneWave::new(Profile::Gaussian, direction, [0.0; 2], width, 1.0);
        assert!(new(f64::NAN, 1.0).is_err());
        assert!(new(0.0, -1.0).is_err());
        assert!(PlaneWave::new(Profile::Ricker, 0.0, [0.0; 2], 1.0, f64::NAN).is_err());
    }
}
