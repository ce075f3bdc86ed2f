//! Gaussian pulses at rest: `u(x, 0) = Σ a exp(−|x − p|²/(2w²))`, `u_t(x, 0) = 0`.

use crate::{InitialState, SolverError, check};

/// One Gaussian pulse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pulse {
    position: [f64; 2],
    width: f64,
    amplitude: f64,
}

impl Pulse {
    /// A pulse around `position` (m) whose standard deviation is `width` (m) and whose peak is `amplitude` (m).
    ///
    /// # Errors
    /// [`SolverError::InvalidParameter`] for a value that is not finite or a width not above 0.
    pub fn new(position: [f64; 2], width: f64, amplitude: f64) -> Result<Self, SolverError> {
        Ok(Self {
            position: check::finite_point("pulse position", position)?,
            width: check::positive("pulse width", width)?,
            amplitude: check::finite("pulse amplitude", amplitude)?,
        })
    }

    fn value(&self, [x, y]: [f64; 2]) -> f64 {
        // in widths: the square of a width may vanish
        let dx = (x - self.position[0]) / self.width;
        let dy = (y - self.position[1]) / self.width;
        self.amplitude * (-0.5 * (dx * dx + dy * dy)).exp()
    }
}

/// A sum of Gaussian pulses, at rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Pulses(Vec<Pulse>);

impl Pulses {
    /// The sum of `pulses`; none means no displacement.
    pub fn new(pulses: Vec<Pulse>) -> Self {
        Self(pulses)
    }
}

impl InitialState for Pulses {
    fn displacement(&self, position: [f64; 2]) -> f64 {
        self.0.iter().map(|pulse| pulse.value(position)).sum()
    }

    fn velocity(&self, _position: [f64; 2], _speed: f64) -> f64 {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn width_is_the_standard_deviation() {
        let pulses = Pulses::new(vec![Pulse::new([1.0, 2.0], 0.5, -3.0).unwrap()]);
        assert_eq!(pulses.displacement([1.0, 2.0]), -3.0);
        let at_width = pulses.displacement([1.3, 2.4]);
        assert!((at_width + 3.0 * (-0.5_f64).exp()).abs() < 1e-15);
        assert_eq!(pulses.velocity([1.0, 2.0], 1.0), 0.0);
    }

    #[test]
    fn pulses_add_up() {
        let pulse = |x: f64, a: f64| Pulse::new([x, 0.0], 0.2, a).unwrap();
        let sum = Pulses::new(vec![pulse(0.0, 1.0), pulse(0.3, -0.5)]);
        let one = |p: Pulse| Pulses::new(vec![p]).displacement([0.1, 0.1]);
        let separate = one(pulse(0.0, 1.0)) + one(pulse(0.3, -0.5));
        assert!((sum.displacement([0.1, 0.1]) - separate).abs() < 1e-15);
        assert_eq!(Pulses::new(Vec::new()).displacement([0.0, 0.0]), 0.0);
    }

    #[test]
    fn extreme_widths_give_numbers() {
        for width in [1e-300, 1e-160, 1e300] {
            let pulses = Pulses::new(vec![Pulse::new([0.5, 0.5], width, 1.0).unwrap()]);
            assert_eq!(pulses.displacement([0.5, 0.5]), 1.0);
            assert!(pulses.displacement([0.0, 1.0]).is_finite());
        }
    }

    #[test]
    fn bad_pulses_are_refused() {
        assert!(Pulse::new([f64::NAN, 0.0], 1.0, 1.0).is_err());
        assert!(Pulse::new([0.0, 0.0], 0.0, 1.0).is_err());
        assert!(Pulse::new([0.0, 0.0], 1.0, f64::INFINITY).is_err());
    }
}
