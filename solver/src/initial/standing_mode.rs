//! Standing modes of a homogeneous rectangle, at rest at t = 0.
//!
//! `u(x, t) = a·φ_x((x − x_0)/L_x)·φ_y((y − y_0)/L_y)·cos(2πf t)`, with
//! `f = (c/2) sqrt((κ_x/L_x)² + (κ_y/L_y)²)` and, for a mode number n,
//!
//! | ends of the axis | φ(s) | κ |
//! |---|---|---|
//! | fixed, fixed | sin(πκs) | n = 1, 2, … |
//! | free, free | cos(πκs) | n = 0, 1, … |
//! | fixed, free | sin(πκs) | n − 1/2, n = 1, 2, … |
//! | free, fixed | cos(πκs) | n − 1/2, n = 1, 2, … |

use std::f64::consts::{PI, TAU};

use crate::{InitialState, SolverError, check};

/// What holds at an end of an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// No displacement.
    Fixed,
    /// No force.
    Free,
}

/// A standing mode of a rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StandingMode {
    axes: [Axis; 2],
    amplitude: f64,
}

/// The mode along one axis.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Axis {
    origin: f64,
    size: f64,
    first: End,
    /// Half waves over the size, κ.
    half_waves: f64,
}

impl StandingMode {
    /// A mode of the rectangle with the lower corner `origin` and the extents `size` (m).
    ///
    /// * `numbers`: mode numbers along x and y, from 1, or from 0 between free ends.
    /// * `ends`: the conditions at both ends of x (left, right) and of y (bottom, top).
    /// * `amplitude`: largest displacement, m.
    ///
    /// # Errors
    /// [`SolverError::InvalidParameter`] for an unusable rectangle or amplitude, or mode number 0 where an end is fixed.
    pub fn new(
        origin: [f64; 2],
        size: [f64; 2],
        numbers: [u32; 2],
        ends: [[End; 2]; 2],
        amplitude: f64,
    ) -> Result<Self, SolverError> {
        check::finite_point("mode origin", origin)?;
        check::positive_size("mode size", size)?;
        check::finite("mode amplitude", amplitude)?;
        let axis = |a: usize| {
            let [first, second] = ends[a];
            if numbers[a] == 0 && ends[a] != [End::Free; 2] {
                return Err(SolverError::invalid(
                    format!("mode number along {}", ["x", "y"][a]),
                    0,
                    "at least 1 where an end is fixed",
                    "raise the mode number",
                ));
            }
            let shift = if first == second { 0.0 } else { 0.5 };
            Ok(Axis {
                origin: origin[a],
                size: size[a],
                first,
                half_waves: f64::from(numbers[a]) - shift,
            })
        };
        Ok(Self {
            axes: [axis(0)?, axis(1)?],
            amplitude,
        })
    }

    /// Frequency (Hz) in a medium of the speed `speed` (m/s) everywhere.
    pub fn frequency(&self, speed: f64) -> f64 {
        let [x, y] = self.axes.map(|axis| axis.half_waves / axis.size);
        0.5 * speed * x.hypot(y)
    }

    /// Exact displacement (m) at `position` (m) and `time` (s) in a medium of the speed `speed` (m/s) everywhere.
    pub fn exact(&self, position: [f64; 2], time: f64, speed: f64) -> f64 {
        self.displacement(position) * (TAU * self.frequency(speed) * time).cos()
    }
}

impl InitialState for StandingMode {
    fn displacement(&self, [x, y]: [f64; 2]) -> f64 {
        self.amplitude * self.axes[0].value(x) * self.axes[1].value(y)
    }

    fn velocity(&self, _position: [f64; 2], _speed: f64) -> f64 {
        0.0
    }
}

impl Axis {
    fn value(&self, x: f64) -> f64 {
        let angle = PI * self.half_waves * (x - self.origin) / self.size;
        match self.first {
            End::Fixed => angle.sin(),
            End::Free => angle.cos(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDS: [[End; 2]; 4] = [
        [End::Fixed, End::Fixed],
        [End::Free, End::Free],
        [End::Fixed, End::Free],
        [End::Free, End::Fixed],
    ];

    fn mode(numbers: [u32; 2], ends: [[End; 2]; 2]) -> StandingMode {
        StandingMode::new([1.0, -2.0], [2.0, 3.0], numbers, ends, 0.7).unwrap()
    }

    #[test]
    fn every_end_condition_holds() {
        let h = 1e-5;
        for x_ends in ENDS {
            for (x, end) in [(1.0, x_ends[0]), (3.0, x_ends[1])] {
                let mode = mode([3, 2], [x_ends, ENDS[1]]);
                let u = |x: f64| mode.displacement([x, -1.2]);
                match end {
                    End::Fixed => assert!(u(x).abs() < 1e-14, "{x_ends:?} at {x}"),
                    End::Free => {
                        let slope = (u(x + h) - u(x - h)) / (2.0 * h);
                        assert!(slope.abs() < 1e-9, "{x_ends:?} at {x}: {slope}");
                    }
                }
            }
        }
    }

    #[test]
    fn it_satisfies_the_wave_equation() {
        let (speed, h) = (1.7, 1e-3);
        for x_ends in ENDS {
            for y_ends in ENDS {
                let mode = mode([2, 1], [x_ends, y_ends]);
                let u =
                    |dx: f64, dy: f64, dt: f64| mode.exact([1.63 + dx, -0.8 + dy], 0.4 + dt, speed);
                let second =
                    |plus: f64, minus: f64| (plus - 2.0 * u(0.0, 0.0, 0.0) + minus) / (h * h);
                let u_tt = second(u(0.0, 0.0, h), u(0.0, 0.0, -h));
                let laplacian = second(u(h, 0.0, 0.0), u(-h, 0.0, 0.0))
                    + second(u(0.0, h, 0.0), u(0.0, -h, 0.0));
                assert!(
                    (u_tt - speed * speed * laplacian).abs() < 1e-4,
                    "{x_ends:?} {y_ends:?}"
                );
            }
        }
    }

    #[test]
    fn frequency_of_the_unit_square() {
        let mode = StandingMode::new([0.0; 2], [1.0; 2], [1, 1], [ENDS[0]; 2], 1.0).unwrap();
        assert!((mode.frequency(2.0) - 2.0_f64.sqrt()).abs() < 1e-15);
    }

    #[test]
    fn bad_modes_are_refused() {
        let new = |size, numbers, ends| StandingMode::new([0.0; 2], size, numbers, ends, 1.0);
        assert!(
            new([1.0; 2], [0, 1], [ENDS[0]; 2])
                .unwrap_err()
                .to_string()
                .contains("along x")
        );
        assert!(new([1.0; 2], [1, 0], [ENDS[1], ENDS[2]]).is_err());
        assert!(new([1.0; 2], [0, 0], [ENDS[1]; 2]).is_ok());
        assert!(new([0.0, 1.0], [1, 1], [ENDS[0]; 2]).is_err());
    }
}
