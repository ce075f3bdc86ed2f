//! Fourth-order explicit stepping by the modified equation (Dablain 1986; Shubin and Bell 1987), with diagonal mass.
//!
//! The leading error of central difference, `dt⁴/12 u_tttt`, is expressed by the equation itself and subtracted: with
//! `w = M⁻¹(f − K u)` and the increment `vⁿ = uⁿ − uⁿ⁻¹`,
//! `vⁿ⁺¹ = vⁿ + dt² w + dt⁴/12 M⁻¹(f_tt − K w)`, `uⁿ⁺¹ = uⁿ + vⁿ⁺¹`. Written as a central difference step from the corrected
//! displacement, `vⁿ⁺¹ = vⁿ − dt² M⁻¹ (K (u + dt²/12 w) − f − dt²/12 f_tt)`: two products with `K` a step.
//! Start: `v⁰ = dt u_t − dt²/2 u_tt + dt³/6 u_ttt − dt⁴/24 u_tttt` with `u_ttt = M⁻¹(f_t − K u_t)`,
//! `u_tttt = M⁻¹(f_tt − K u_tt)`, which makes the first step of the same order.
//! Stable for `dt² λ ≤ 12`: steps √3 times those of central difference. Conserved without sources:
//! `½ vᵀMv/dt² + ½ (uⁿ)ᵀ K' uⁿ⁻¹` with the symmetric `K' = K − dt²/12 K M⁻¹ K`, which is positive for those steps.
//! Damping would enter `u_tttt` as well, so damped scenes and absorbing sides are refused.

use super::{Rate, Stepper};
use crate::field::Field;
use crate::operator::StiffnessOperator;
use crate::real::Real;
use crate::simd::vectorised;
use crate::simulator::setup::{Loads, Prepared, SpaceMatrices};
use crate::{Scene, Signal, SolverError};

/// The state of a group of trajectories.
pub(crate) struct ModifiedEquation<'a, T, const L: usize> {
    stiffness: &'a StiffnessOperator<T>,
    loads: Loads,
    dt: f64,
    step: usize,
    displacement: Field<T, L>,
    increment: Field<T, L>,
    /// `u + dt²/12 w`.
    corrected: Field<T, L>,
    force: Field<T, L>,
    /// Whether `force` is `K' u`, without loads.
    force_is_current: bool,
    /// `dt²/M`; 0 at fixed degrees of freedom.
    gain: Field<T, L>,
}

/// Refuses what this integrator is not of fourth order for.
///
/// # Errors
/// [`SolverError::InvalidParameter`] for damping, or a signal without a continuous second derivative.
pub(crate) fn check_scene(scene: &Scene) -> Result<(), SolverError> {
    if scene.damping > 0.0 {
        return Err(SolverError::invalid(
            "damping (1/s) beside the modified equation",
            scene.damping,
            "0: the fourth order holds without damping only",
            "use central difference, or no damping",
        ));
    }
    for (index, source) in scene.sources.iter().enumerate() {
        if !source.signal.is_smooth() {
            return Err(SolverError::invalid(
                format!("signal of source {index} beside the modified equation"),
                "linear interpolation between samples",
                "a signal with a continuous second derivative",
                "interpolate the samples by cubics, or use central difference",
            ));
        }
    }
    Ok(())
}

impl<'a, T: Real, const L: usize> ModifiedEquation<'a, T, L> {
    /// Vectors of `[dof][lane]` that a group holds.
    pub(crate) const VECTORS: usize = 5;

    /// Starts the trajectories of the lanes; lanes without one stay at rest.
    pub(crate) fn new(
        matrices: &SpaceMatrices,
        stiffness: &'a StiffnessOperator<T>,
        lanes: &[Option<Prepared>; L],
        dt: f64,
    ) -> Self {
        let n = matrices.mass.len();
        let loads = lanes
            .each_ref()
            .map(|lane| lane.as_ref().map(|l| &l.loads[..]));
        let mut this = Self {
            stiffness,
            loads: Loads::new(loads),
            dt,
            step: 0,
            displacement: Field::zeros(n),
            increment: Field::zeros(n),
            corrected: Field::zeros(n),
            force: Field::zeros(n),
            force_is_current: false,
            gain: Field::zeros(n),
        };
        for (lane, prepared) in lanes.iter().enumerate() {
            let Some(prepared) = prepared else { continue };
            for dof in 0..n {
                this.displacement[dof][lane] = T::from_f64(prepared.displacement[dof]);
                this.corrected[dof][lane] = T::from_f64(prepared.velocity[dof]);
                if !matrices.boundary.fixed[dof] {
                    this.gain[dof][lane] = T::from_f64(dt * dt / prepared.mass[dof]);
                }
            }
        }
        this.start();
        this
    }

    /// `v⁰` from Taylor's series; `corrected` holds the initial velocity.
    fn start(&mut self) {
        let dt = self.dt;
        let mut derivatives = Derivatives {
            increment: vec![[0.0; L]; self.displacement.len()],
            gain: &self.gain,
        };
        derivatives.add_velocity(dt, &self.corrected);
        // of K u_t − f_t
        self.stiffness.apply(&self.corrected, &mut self.force);
        self.loads
            .subtract_with(&mut self.force, |signal| signal.derivative(0.0));
        derivatives.add_product(-dt / 6.0, &self.force);
        // of K u − f, whose negative is the acceleration
        self.stiffness.apply(&self.displacement, &mut self.force);
        self.loads.subtract(0.0, &mut self.force);
        derivatives.add_product(0.5, &self.force);
        // dt² times the acceleration
        for ((out, force), gain) in self
            .corrected
            .as_flattened_mut()
            .iter_mut()
            .zip(self.force.as_flattened())
            .zip(self.gain.as_flattened())
        {
            *out = -*gain * *force;
        }
        self.stiffness.apply(&self.corrected, &mut self.force);
        self.loads.subtract_with(&mut self.force, |signal| {
            dt * dt * signal.second_derivative(0.0)
        });
        derivatives.add_product(1.0 / 24.0, &self.force);
        let increment = derivatives.increment;
        for (row, values) in self.increment.iter_mut().zip(increment) {
            *row = values.map(T::from_f64);
        }
    }

    /// `force = K' u`, with `time` less the loads then.
    fn update_force(&mut self, time: Option<f64>) {
        self.stiffness.apply(&self.displacement, &mut self.force);
        if let Some(time) = time {
            self.loads.subtract(time, &mut self.force);
        }
        let share = T::from_f64(-1.0 / 12.0);
        let corrected = self.corrected.as_flattened_mut();
        let u = self.displacement.as_flattened();
        let (force, gain) = (self.force.as_flattened(), self.gain.as_flattened());
        vectorised(
            #[inline(always)]
            || {
                let values = u.iter().zip(force).zip(gain);
                for (out, ((u, f), g)) in corrected.iter_mut().zip(values) {
                    *out = (share * *g).mul_add(*f, *u);
                }
            },
        );
        self.stiffness.apply(&self.corrected, &mut self.force);
        if let Some(time) = time {
            let share = self.dt * self.dt / 12.0;
            self.loads.subtract_with(&mut self.force, |signal| {
                signal.value(time) + share * signal.second_derivative(time)
            });
        }
        self.force_is_current = time.is_none();
    }
}

/// The sum of Taylor's series, in f64.
struct Derivatives<'a, T, const L: usize> {
    increment: Vec<[f64; L]>,
    gain: &'a Field<T, L>,
}

impl<T: Real, const L: usize> Derivatives<'_, T, L> {
    fn add_velocity(&mut self, factor: f64, velocity: &Field<T, L>) {
        for (sum, velocity) in self.increment.iter_mut().zip(velocity.iter()) {
            for lane in 0..L {
                sum[lane] += factor * velocity[lane].to_f64();
            }
        }
    }

    /// Adds `factor·dt² M⁻¹ product`.
    fn add_product(&mut self, factor: f64, product: &Field<T, L>) {
        let rows = product.iter().zip(self.gain.iter());
        for (sum, (product, gain)) in self.increment.iter_mut().zip(rows) {
            for lane in 0..L {
                sum[lane] += factor * gain[lane].to_f64() * product[lane].to_f64();
            }
        }
    }
}

impl<T: Real, const L: usize> Stepper<T, L> for ModifiedEquation<'_, T, L> {
    fn displacement(&self) -> &[[T; L]] {
        &self.displacement
    }

    fn rate(&self) -> Rate<'_, T, L> {
        Rate::Increment(&self.increment)
    }

    fn energy(&mut self) -> [f64; L] {
        if !self.force_is_current {
            self.update_force(None);
        }
        let mut energy = [0.0; L];
        for dof in 0..self.displacement.len() {
            for lane in 0..L {
                let u = self.displacement[dof][lane].to_f64();
                let v = self.increment[dof][lane].to_f64();
                let gain = self.gain[dof][lane].to_f64();
                let kinetic = if gain > 0.0 { v * v / gain } else { 0.0 };
                energy[lane] += 0.5 * (kinetic + (u - v) * self.force[dof][lane].to_f64());
            }
        }
        energy
    }

    fn advance(&mut self) {
        let time = self.step as f64 * self.dt;
        let acts =
            |signal: &Signal| signal.value(time) != 0.0 || signal.second_derivative(time) != 0.0;
        if !self.force_is_current || self.loads.any(acts) {
            self.update_force(Some(time));
        }
        let (force, gain) = (self.force.as_flattened(), self.gain.as_flattened());
        let u = self.displacement.as_flattened_mut();
        let v = self.increment.as_flattened_mut();
        vectorised(
            #[inline(always)]
            || {
                let state = u.iter_mut().zip(v.iter_mut());
                for ((u, v), (f, g)) in state.zip(force.iter().zip(gain)) {
                    *v = (-*g).mul_add(*f, *v);
                    *u += *v;
                }
            },
        );
        self.force_is_current = false;
        self.step += 1;
    }
}
