//! One speed everywhere.

use crate::{Medium, SolverError, check};

/// A medium with the same speed everywhere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Uniform {
    speed: f64,
}

impl Uniform {
    /// A medium of the given `speed`, m/s.
    ///
    /// # Errors
    /// [`SolverError::InvalidParameter`] unless the speed is finite and above 0.
    pub fn new(speed: f64) -> Result<Self, SolverError> {
        Ok(Self {
            speed: check::positive("uniform speed", speed)?,
        })
    }
}

impl Medium for Uniform {
    fn speed(&self, _position: [f64; 2]) -> f64 {
        self.speed
    }

    fn is_continuous(&self) -> bool {
        true
    }

    fn max_speed(&self) -> f64 {
        self.speed
    }

    fn min_speed(&self) -> f64 {
        self.speed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_everywhere_and_its_own_bound() {
        let medium = Uniform::new(1.25).unwrap();
        assert_eq!(medium.speed([-3.0, 1e9]), 1.25);
        assert_eq!((medium.min_speed(), medium.max_speed()), (1.25, 1.25));
        assert!(Uniform::new(0.0).is_err());
    }
}
