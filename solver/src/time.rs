//! Time: duration, integrator, and how the time step is found.

pub(crate) mod central_difference;
pub(crate) mod modified_equation;
pub(crate) mod newmark;
pub(crate) mod step;
mod warning;

pub use warning::Warning;

/// How time is advanced.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Integrator {
    /// Explicit, second order, diagonal mass, in increment form.
    #[default]
    CentralDifference,
    /// Explicit, fourth order, diagonal mass: two products with the stiffness a step, steps √3 times as long. For fixed and
    /// free sides without damping; signals need a continuous second derivative.
    ModifiedEquation,
    /// Implicit; β = 1/4, γ = 1/2 conserves energy and is of second order. Needs `2β ≥ γ ≥ 1/2`.
    Newmark {
        /// Weight of the new acceleration in the displacement.
        beta: f64,
        /// Weight of the new acceleration in the velocity.
        gamma: f64,
    },
}

/// How the time step is found. Either way it is reduced to divide the time between snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum TimeStep {
    /// Explicit: `courant` times the stable limit. Newmark: a phase error of 0.25 % at `max_frequency`, or,
    /// where that is not given, the step that central difference would take.
    #[default]
    Auto,
    /// At most this step, s; refused above the stable limit.
    Fixed(f64),
}

/// Everything about time that trajectories on one mesh share.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeSettings {
    /// Time simulated, s.
    pub duration: f64,
    /// Number of snapshots, at equal distances, t = 0 and the end included; at least 2.
    pub snapshots: usize,
    /// How time is advanced.
    pub integrator: Integrator,
    /// How the step is found.
    pub step: TimeStep,
    /// Fraction of the stable limit that `TimeStep::Auto` takes, in (0, 1].
    pub courant: f64,
    /// Largest speed of any medium to come, m/s.
    pub max_speed: f64,
    /// Highest frequency that matters, Hz, for the estimate of phase errors.
    pub max_frequency: Option<f64>,
}

impl Integrator {
    /// Stable steps relative to those of central difference; infinite where every step is stable.
    pub(crate) fn stability_factor(self) -> f64 {
        match self {
            Self::CentralDifference => 1.0,
            Self::ModifiedEquation => 3.0_f64.sqrt(),
            Self::Newmark { .. } => f64::INFINITY,
        }
    }
}

impl Default for TimeSettings {
    /// One second of central difference in a medium of 1 m/s, two snapshots.
    fn default() -> Self {
        Self {
            duration: 1.0,
            snapshots: 2,
            integrator: Integrator::CentralDifference,
            step: TimeStep::Auto,
            courant: 0.9,
            max_speed: 1.0,
            max_frequency: None,
        }
    }
}

/// What a stepper knows about the velocity now.
pub(crate) enum Rate<'a, T, const L: usize> {
    /// `uⁿ − uⁿ⁻¹`, m.
    Increment(&'a [[T; L]]),
    /// `u_t`, m/s.
    Velocity(&'a [[T; L]]),
}

/// A group of trajectories being advanced, `[dof][lane]`.
pub(crate) trait Stepper<T, const L: usize> {
    /// Displacement now.
    fn displacement(&self) -> &[[T; L]];
    /// Velocity, or what it follows from.
    fn rate(&self) -> Rate<'_, T, L>;
    /// The energy that the scheme conserves, per lane.
    fn energy(&mut self) -> [f64; L];
    /// Goes one step further.
    fn advance(&mut self);
}
