//! Central difference with diagonal mass, in increment form.
//!
//! With the increment `vⁿ = uⁿ − uⁿ⁻¹`:
//! `(M + dt/2 D) vⁿ⁺¹ = (M − dt/2 D) vⁿ + dt² (fⁿ − K uⁿ)`, `uⁿ⁺¹ = uⁿ + vⁿ⁺¹`, with diagonal `D = α M + B` (damping and
//! absorbing sides), so that damping is centred and costs nothing. Increments are small numbers added to small numbers: f32
//! keeps its accuracy, which the usual three-level form loses.
//! Start: `v⁰ = dt w + dt²/2 M⁻¹ (D w − f⁰ + K u⁰)` for the initial velocity `w`, which makes the first step second order.
//! Conserved without damping and sources: `½ vᵀMv/dt² + ½ (uⁿ)ᵀ K uⁿ⁻¹`, taken over the domain without its layer.
//!
//! A step is one sweep of the operator (`operator/leapfrog.rs`). All other forces are added to an accumulator before it:
//! loads, and absorbing sides as `B v (1 + δ)/(2 dt)` with the decay `δ = (1 − α dt/2)/(1 + α dt/2)` of a lane, which leaves
//! a single factor per degree of freedom and lane, the gain `dt²/(m (1 + α dt/2) + b dt/2)`. Absorbing layers:
//! `central_difference/layer.rs`.

mod layer;

use super::{Rate, Stepper};
use crate::boundary::pml::operator::LayerOperator;
use crate::boundary::prescribed::{Derivative, Driven};
use crate::field::Field;
use crate::operator::StiffnessOperator;
use crate::operator::leapfrog::Leapfrog;
use crate::real::Real;
use crate::simulator::setup::{Loads, Prepared, SpaceMatrices};
use crate::space::Space;
use layer::LayerForces;

/// The state of a group of trajectories.
pub(crate) struct CentralDifference<'a, T, const L: usize> {
    stiffness: &'a StiffnessOperator<T>,
    loads: Loads,
    dt: f64,
    step: usize,
    displacement: Field<T, L>,
    increment: Field<T, L>,
    /// The accumulator: zeros between steps, or `K u` where `force_is_stiffness`.
    force: Field<T, L>,
    force_is_stiffness: bool,
    /// Where other forces than `K u` act, sorted.
    forced: Vec<u32>,
    /// `−dt²/(m (1 + α dt/2) + b dt/2)`; 0 at fixed degrees of freedom.
    gain: Field<T, L>,
    /// `(1 − α dt/2)/(1 + α dt/2)` per lane.
    decay: [T; L],
    /// `b (1 + δ)/(2 dt)` at the degrees of freedom of absorbing sides.
    sides: Vec<(usize, [T; L])>,
    /// A second displacement, where the operator needs it.
    spare: Field<T, L>,
    layer: Option<LayerForces<'a, T, L>>,
    /// What drives prescribed sides, by lane.
    driven: Vec<(usize, Driven)>,
    parallel: bool,
}

impl<'a, T: Real, const L: usize> CentralDifference<'a, T, L> {
    /// Vectors of `[dof][lane]` that a group holds.
    pub(crate) const VECTORS: usize = 5;

    /// Starts the trajectories of the lanes; lanes without one stay at rest. Where `parallel`, the thread pool shares the
    /// work of every step; the bits do not depend on it.
    pub(crate) fn new(
        space: &Space,
        matrices: &SpaceMatrices,
        stiffness: &'a StiffnessOperator<T>,
        layer: Option<&'a LayerOperator<T>>,
        lanes: &[Option<Prepared>; L],
        dt: f64,
        parallel: bool,
    ) -> Self {
        let n = matrices.mass.len();
        let zeros = || Field::zeros(n);
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
            force_is_stiffness: true,
            forced: Vec::new(),
            gain: zeros(),
            decay: [T::from_f64(1.0); L],
            sides: matrices
                .boundary
                .absorbing
                .iter()
                .map(|node| (node.dof, [T::ZERO; L]))
                .collect(),
            spare: if stiffness.needs_spare() {
                zeros()
            } else {
                Field::zeros(0)
            },
            layer: layer.map(|operator| LayerForces::new(operator, n)),
            driven: Driven::of_lanes(lanes),
            parallel,
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
            let half_rate = 0.5 * dt * prepared.damping;
            let decay = (1.0 - half_rate) / (1.0 + half_rate);
            this.decay[lane] = T::from_f64(decay);
            let mut side = vec![0.0; n];
            for ((dof, value), (_, values)) in prepared.absorbing(matrices).zip(&mut this.sides) {
                side[dof] += value;
                values[lane] = T::from_f64(value * (1.0 + decay) / (2.0 * dt));
            }
            let terms = prepared.layer_terms(space, matrices);
            // damping and stiffness that the layer adds
            let mut added = vec![[0.0; 2]; terms.last().map_or(0, |term| term.dof + 1)];
            for term in &terms {
                added[term.dof] = [term.damping, term.stiffness];
            }
            for dof in 0..n {
                if matrices.boundary.fixed[dof] {
                    continue;
                }
                let [layer_damping, layer_stiffness] = *added.get(dof).unwrap_or(&[0.0; 2]);
                let mass = prepared.mass[dof];
                let velocity = prepared.velocity[dof];
                let damping = prepared.damping * mass + side[dof] + layer_damping;
                let force =
                    residual[dof][lane].to_f64() + layer_stiffness * prepared.displacement[dof];
                let acceleration = damping * velocity + force;
                let increment = dt * velocity + 0.5 * dt * dt / mass * acceleration;
                let inertia = mass * (1.0 + half_rate)
                    + 0.5 * dt * (side[dof] + layer_damping)
                    + 0.25 * dt * dt * layer_stiffness;
                this.increment[dof][lane] = T::from_f64(increment);
                this.gain[dof][lane] = T::from_f64(-dt * dt / inertia);
            }
            if let Some(layer) = &mut this.layer {
                layer.set(lane, &terms, prepared.damping, dt);
            }
        }
        this.forced = this.other_forces();
        // where displacement is prescribed, only the increment is missing
        this.drive(0.0);
        this
    }

    /// Sets displacement and increment of prescribed sides at time `t` (s).
    fn drive(&mut self, t: f64) {
        let (u, v) = (&mut self.displacement, &mut self.increment);
        for (lane, driven) in &self.driven {
            let lane = *lane;
            driven.each(t - self.dt, Derivative::Zeroth, |dof, before| {
                v[dof][lane] = T::from_f64(-before);
            });
            driven.each(t, Derivative::Zeroth, |dof, now| {
                v[dof][lane] = T::from_f64(now + v[dof][lane].to_f64());
                u[dof][lane] = T::from_f64(now);
            });
        }
    }

    /// The degrees of freedom that [`Self::add_other_forces`] adds to, sorted.
    fn other_forces(&self) -> Vec<u32> {
        let sides = self.sides.iter().map(|(dof, _)| *dof as u32);
        let mut dofs: Vec<u32> = self.loads.dofs().chain(sides).collect();
        if let Some(layer) = &self.layer {
            dofs.extend(layer.dofs());
        }
        dofs.sort_unstable();
        dofs.dedup();
        dofs
    }

    /// Adds everything but `K u` to the accumulator.
    fn add_other_forces(&mut self) {
        self.loads
            .subtract(self.step as f64 * self.dt, &mut self.force);
        for (dof, factors) in &self.sides {
            let (force, v) = (&mut self.force[*dof], &self.increment[*dof]);
            for lane in 0..L {
                force[lane] = factors[lane].mul_add(v[lane], force[lane]);
            }
        }
        if let Some(layer) = &mut self.layer {
            layer.add(&self.displacement, &self.increment, &mut self.force);
        }
    }

    fn leapfrog(&mut self) -> Leapfrog<'_, T, L> {
        Leapfrog {
            displacement: &mut self.displacement,
            increment: &mut self.increment,
            force: &mut self.force,
            forced: &self.forced,
            gain: &self.gain,
            decay: &self.decay,
            spare: &mut self.spare,
            parallel: self.parallel,
        }
    }
}

impl<T: Real, const L: usize> Stepper<T, L> for CentralDifference<'_, T, L> {
    fn displacement(&self) -> &[[T; L]] {
        &self.displacement
    }

    fn rate(&self) -> Rate<'_, T, L> {
        Rate::Increment(&self.increment)
    }

    fn energy(&mut self) -> [f64; L] {
        if !self.force_is_stiffness {
            self.stiffness.apply(&self.displacement, &mut self.force);
            self.force_is_stiffness = true;
        }
        let force = match &mut self.layer {
            None => &self.force,
            Some(layer) => layer.domain_force(&self.displacement, &self.force),
        };
        let mut energy = [0.0; L];
        // the gain gives the mass back
        let scale: [f64; L] = self.decay.map(|decay| 0.25 * (1.0 + decay.to_f64()));
        for dof in 0..self.displacement.len() {
            for lane in 0..L {
                let u = self.displacement[dof][lane].to_f64();
                let v = self.increment[dof][lane].to_f64();
                let gain = self.gain[dof][lane].to_f64();
                if gain != 0.0 {
                    energy[lane] -= scale[lane] * v * v / gain;
                }
                energy[lane] += 0.5 * (u - v) * force[dof][lane].to_f64();
            }
        }
        for (dof, factors) in &self.sides {
            for lane in 0..L {
                let v = self.increment[*dof][lane].to_f64();
                energy[lane] -= 0.25 * factors[lane].to_f64() * v * v;
            }
        }
        if let Some(layer) = &self.layer {
            layer.subtract_kinetic(&self.increment, &mut energy);
        }
        energy
    }

    fn advance(&mut self) {
        self.add_other_forces();
        let stiffness = self.stiffness;
        if self.force_is_stiffness {
            self.leapfrog().update_all();
            self.force_is_stiffness = false;
        } else {
            stiffness.advance(self.leapfrog());
        }
        self.step += 1;
        self.drive(self.step as f64 * self.dt);
    }
}
