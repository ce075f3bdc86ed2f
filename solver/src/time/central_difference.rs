//! Central difference with diagonal mass, in increment form.
//!
//! With the increment `vⁿ = uⁿ − uⁿ⁻¹`:
//! `(M + dt/2 D) vⁿ⁺¹ = (M − dt/2 D) vⁿ + dt² (fⁿ − K uⁿ)`, `uⁿ⁺¹ = uⁿ + vⁿ⁺¹`, with diagonal `D` (damping and absorbing
//! sides), so that damping is centred and costs nothing. Increments are small numbers added to small numbers: f32 keeps
//! its accuracy, which the usual three-level form loses.
//! Start: `v⁰ = dt w + dt²/2 M⁻¹ (D w − f⁰ + K u⁰)` for the initial velocity `w`, which makes the first step second order.
//! Conserved without damping and sources: `½ vᵀMv/dt² + ½ (uⁿ)ᵀ K uⁿ⁻¹`.

use super::Stepper;
use crate::field::Field;
use crate::operator::StiffnessOperator;
use crate::real::Real;
use crate::simd::vectorised;
use crate::simulator::setup::{Loads, Prepared, SpaceMatrices};

/// The state of a group of trajectories.
pub(crate) struct CentralDifference<'a, T, const L: usize> {
    stiffness: &'a StiffnessOperator<T>,
    loads: Loads,
    dt: f64,
    step: usize,
    displacement: Field<T, L>,
    increment: Field<T, L>,
    /// `K u`, where `force_is_current`.
    force: Field<T, L>,
    force_is_current: bool,
    mass: Field<T, L>,
    /// `(M − dt/2 D)/(M + dt/2 D)`, where any lane is damped.
    decay: Option<Field<T, L>>,
    /// `dt²/(M + dt/2 D)`; 0 at fixed degrees of freedom.
    gain: Field<T, L>,
}

impl<'a, T: Real, const L: usize> CentralDifference<'a, T, L> {
    /// Vectors of `[dof][lane]` that a group holds.
    pub(crate) const VECTORS: usize = 6;

    /// Starts the trajectories of the lanes; lanes without one stay at rest.
    pub(crate) fn new(
        matrices: &SpaceMatrices,
        stiffness: &'a StiffnessOperator<T>,
        lanes: &[Option<Prepared>; L],
        dt: f64,
    ) -> Self {
        let n = matrices.mass.len();
        let zeros = || Field::zeros(n);
        let damped = lanes
            .iter()
            .flatten()
            .any(|lane| lane.damping > 0.0 || !matrices.boundary.absorbing.is_empty());
        let mut this = Self {
            stiffness,
            loads: Loads::new(
                lanes
                    .each_ref()
                    .map(|lane| lane.as_ref().map(|l| &l.loads[..])),
            ),
            dt,
            step: 0,
            displacement: zeros(),
            increment: zeros(),
            force: zeros(),
            force_is_current: true,
            mass: zeros(),
            decay: damped.then(zeros),
            gain: zeros(),
        };
        for (lane, prepared) in lanes.iter().enumerate() {
            if let Some(prepared) = prepared {
                for dof in 0..n {
                    this.displacement[dof][lane] = T::from_f64(prepared.displacement[dof]);
                }
            }
        }
        stiffness.apply(&this.displacement, &mut this.force);
        // K u − f now, without disturbing the force that the energy uses
        let mut residual = this.force.to_vec();
        this.loads.subtract(0.0, &mut residual);
        for (lane, prepared) in lanes.iter().enumerate() {
            let Some(prepared) = prepared else { continue };
            let damping = prepared.damping_diagonal(matrices);
            for dof in 0..n {
                if matrices.boundary.fixed[dof] {
                    continue;
                }
                let mass = prepared.mass[dof];
                let half_damping = 0.5 * dt * damping[dof];
                let velocity = prepared.velocity[dof];
                let acceleration = damping[dof] * velocity + residual[dof][lane].to_f64();
                let increment = dt * velocity + 0.5 * dt * dt / mass * acceleration;
                this.increment[dof][lane] = T::from_f64(increment);
                this.mass[dof][lane] = T::from_f64(mass);
                this.gain[dof][lane] = T::from_f64(dt * dt / (mass + half_damping));
                if let Some(decay) = &mut this.decay {
                    decay[dof][lane] = T::from_f64((mass - half_damping) / (mass + half_damping));
                }
            }
        }
        this
    }

    fn update_force(&mut self) {
        if !self.force_is_current {
            self.stiffness.apply(&self.displacement, &mut self.force);
            self.force_is_current = true;
        }
    }
}

impl<T: Real, const L: usize> Stepper<T, L> for CentralDifference<'_, T, L> {
    fn displacement(&self) -> &[[T; L]] {
        &self.displacement
    }

    fn energy(&mut self) -> [f64; L] {
        self.update_force();
        let mut energy = [0.0; L];
        let per_dt = 1.0 / (self.dt * self.dt);
        for dof in 0..self.displacement.len() {
            for lane in 0..L {
                let u = self.displacement[dof][lane].to_f64();
                let v = self.increment[dof][lane].to_f64();
                let kinetic = self.mass[dof][lane].to_f64() * v * v * per_dt;
                energy[lane] += 0.5 * (kinetic + (u - v) * self.force[dof][lane].to_f64());
            }
        }
        energy
    }

    fn advance(&mut self) {
        self.update_force();
        self.loads
            .subtract(self.step as f64 * self.dt, &mut self.force);
        let decay = self.decay.as_ref().map(|decay| decay.as_flattened());
        let (force, gain) = (self.force.as_flattened(), self.gain.as_flattened());
        let u = self.displacement.as_flattened_mut();
        let v = self.increment.as_flattened_mut();
        vectorised(
            #[inline(always)]
            || update(u, v, force, gain, decay),
        );
        self.force_is_current = false;
        self.step += 1;
    }
}

/// `v = decay·v − gain·force; u += v`, all of one length; lanes do not matter here, and plain slices become whole
/// registers. A decay of 1 gives the same bits as none, so that an undamped trajectory does not depend on damped
/// neighbours.
#[inline(always)]
fn update<T: Real>(u: &mut [T], v: &mut [T], force: &[T], gain: &[T], decay: Option<&[T]>) {
    let state = u.iter_mut().zip(v).zip(force.iter().zip(gain));
    match decay {
        Some(decay) => {
            for (((u, v), (f, g)), d) in state.zip(decay) {
                *v = (-*g).mul_add(*f, *d * *v);
                *u += *v;
            }
        }
        None => {
            for ((u, v), (f, g)) in state {
                *v = (-*g).mul_add(*f, *v);
                *u += *v;
            }
        }
    }
}
