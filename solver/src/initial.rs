//! Initial states: displacement `u(x, 0)` and velocity `u_t(x, 0)` as functions of position.

use std::fmt::Debug;

mod plane_wave;
mod pulses;
mod standing_mode;

pub use plane_wave::{PlaneWave, Profile};
pub use pulses::{Pulse, Pulses};
pub use standing_mode::{End, StandingMode};

/// A displacement and a velocity at t = 0; several of them add up.
pub trait InitialState: Debug + Send + Sync {
    /// Displacement at `position` (m), in m.
    fn displacement(&self, position: [f64; 2]) -> f64;
    /// Velocity at `position` (m), in m/s, where the wave speed is `speed` (m/s).
    fn velocity(&self, position: [f64; 2], speed: f64) -> f64;
}
