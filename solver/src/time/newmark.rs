//! Newmark's implicit method (Newmark 1959; Hughes 2000, chapter 9) in its acceleration form.
//!
//! Predict `u* = u + dt v + dt² (1/2 − β) a`, `v* = v + dt (1 − γ) a`; solve
//! `(M + γ dt D + β dt² K) a = f − K u* − D v*`; correct `u = u* + β dt² a`, `v = v* + γ dt a`.
//! Mass is consistent for P1, Q1 and P2, diagonal for spectral elements and P2 with bubble; `D = α M + ` absorbing sides.
//! Prescribed sides have their displacement, velocity and acceleration from splines; the latter couples through `M`.
//! β = 1/4, γ = 1/2 conserves `½ vᵀMv + ½ uᵀKu` without damping and sources.

pub(crate) mod cholesky;
pub(crate) mod mass;

use super::{Rate, Stepper};
use crate::SolverError;
use crate::boundary::prescribed::{Derivative, Driven};
use crate::field::Field;
use crate::operator::StiffnessOperator;
use crate::real::Real;
use crate::simd::vectorised;
use crate::simulator::setup::{Loads, Prepared, SpaceMatrices};
use crate::space::Space;
use cholesky::{Cholesky, ImplicitPattern};
use mass::LaneMass;

/// β and γ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Weights {
    pub(crate) beta: f64,
    pub(crate) gamma: f64,
}

/// The state of a group of trajectories.
pub(crate) struct Newmark<'a, T, const L: usize> {
    stiffness: &'a StiffnessOperator<T>,
    loads: Loads,
    weights: Weights,
    dt: f64,
    step: usize,
    displacement: Field<T, L>,
    velocity: Field<T, L>,
    acceleration: Field<T, L>,
    residual: Field<T, L>,
    mass_product: Field<T, L>,
    mass: LaneMass<'a, T, L>,
    /// Damping rate α per lane.
    rates: [T; L],
    /// Damping of absorbing sides, at their degrees of freedom.
    absorbing: Vec<(usize, [T; L])>,
    /// What drives prescribed sides, by lane.
    driven: Vec<(usize, Driven)>,
    /// Accelerations of prescribed sides, 0 elsewhere; empty where nothing is prescribed.
    forced: Field<T, L>,
    cholesky: Cholesky<'a, L>,
}

impl<'a, T: Real, const L: usize> Newmark<'a, T, L> {
    /// Vectors of `[dof][lane]` that a group holds.
    pub(crate) const VECTORS: usize = 6;

    /// Factorises and starts the trajectories of the lanes; lanes without one stay at rest.
    ///
    /// # Errors
    /// [`SolverError::Factorisation`], [`SolverError::TooLarge`].
    pub(crate) fn new(
        space: &Space,
        matrices: &SpaceMatrices,
        pattern: &'a ImplicitPattern,
        stiffness: &'a StiffnessOperator<T>,
        lanes: &[Option<Prepared>; L],
        weights: Weights,
        dt: f64,
    ) -> Result<Self, SolverError> {
        let n = space.dof_count();
        let mut this = Self {
            stiffness,
            loads: Loads::new(
                lanes
                    .each_ref()
                    .map(|lane| lane.as_ref().map(|l| &l.loads[..])),
            ),
            weights,
            dt,
            step: 0,
            displacement: Field::zeros(n),
            velocity: Field::zeros(n),
            acceleration: Field::zeros(n),
            residual: Field::zeros(n),
            mass_product: Field::zeros(n),
            mass: LaneMass::new(space, pattern),
            rates: [T::ZERO; L],
            absorbing: matrices
                .boundary
                .absorbing
                .iter()
                .map(|node| (node.dof, [T::ZERO; L]))
                .collect(),
            driven: Driven::of_lanes(lanes),
            forced: Field::zeros(if matrices.boundary.prescribed.is_empty() {
                0
            } else {
                n
            }),
            cholesky: Cholesky::new(pattern),
        };
        for (lane, prepared) in lanes.iter().enumerate() {
            let Some(prepared) = prepared else { continue };
            for dof in 0..n {
                this.displacement[dof][lane] = T::from_f64(prepared.displacement[dof]);
                this.velocity[dof][lane] = T::from_f64(prepared.velocity[dof]);
            }
            this.rates[lane] = T::from_f64(prepared.damping);
            let sides = this.absorbing.iter_mut().zip(prepared.absorbing(matrices));
            for ((_, values), (_, value)) in sides {
                values[lane] = T::from_f64(value);
            }
        }
        // lanes of one density and damping share their matrices
        let mut groups = Vec::new();
        for members in equal_lanes(lanes) {
            let Some(prepared) = &lanes[members[0]] else {
                continue;
            };
            let mass = mass::entries(space, pattern, prepared)?;
            this.mass.set(&members, &mass);
            this.cholesky.factorise(&members, &mass)?;
            groups.push((members, prepared, mass));
        }
        this.drive(0.0);
        this.initial_acceleration();
        this.cholesky.clear();
        let damping = weights.gamma * dt;
        for (members, prepared, mut system) in groups {
            for (entry, stiffness) in system.iter_mut().zip(pattern.stiffness()) {
                *entry *= 1.0 + damping * prepared.damping;
                *entry += weights.beta * dt * dt * stiffness;
            }
            for (dof, value) in prepared.absorbing(matrices) {
                system[pattern.diagonal(dof)] += damping * value;
            }
            this.cholesky.factorise(&members, &system)?;
        }
        Ok(this)
    }

    /// Sets displacement, velocity and acceleration of prescribed sides at time `t` (s). Their entries of `acceleration` stay
    /// 0, so that prediction and correction leave them alone.
    fn drive(&mut self, t: f64) {
        for (lane, driven) in &self.driven {
            let targets = [
                (Derivative::Zeroth, &mut self.displacement),
                (Derivative::First, &mut self.velocity),
                (Derivative::Second, &mut self.forced),
            ];
            for (derivative, target) in targets {
                driven.each(t, derivative, |dof, value| {
                    target[dof][*lane] = T::from_f64(value);
                });
            }
        }
    }

    /// `M a⁰ = f⁰ − K u⁰ − D v⁰`, with the mass factorised.
    fn initial_acceleration(&mut self) {
        self.assemble_residual(0.0);
        self.cholesky.solve(&self.residual, &mut self.acceleration);
    }

    /// `residual = f(t) − K u − D v` for the displacement and velocity at hand.
    fn assemble_residual(&mut self, t: f64) {
        self.stiffness.apply(&self.displacement, &mut self.residual);
        self.loads.subtract(t, &mut self.residual);
        for (dof, damping) in &self.absorbing {
            for lane in 0..L {
                self.residual[*dof][lane] += damping[lane] * self.velocity[*dof][lane];
            }
        }
        if self.rates.iter().any(|rate| *rate > T::ZERO) {
            self.mass.apply(&self.velocity, &mut self.mass_product);
            let (rates, products) = (self.rates, &self.mass_product);
            let residual = &mut self.residual;
            vectorised(
                #[inline(always)]
                || {
                    for (sum, product) in residual.iter_mut().zip(products.iter()) {
                        for lane in 0..L {
                            sum[lane] = rates[lane].mul_add(product[lane], sum[lane]);
                        }
                    }
                },
            );
        }
        if !self.driven.is_empty() {
            // what a consistent mass couples to the others
            self.mass.apply(&self.forced, &mut self.mass_product);
            let sums = self.residual.as_flattened_mut().iter_mut();
            for (sum, product) in sums.zip(self.mass_product.as_flattened()) {
                *sum += *product;
            }
        }
        for value in self.residual.as_flattened_mut() {
            *value = -*value;
        }
    }
}

impl<T: Real, const L: usize> Stepper<T, L> for Newmark<'_, T, L> {
    fn displacement(&self) -> &[[T; L]] {
        &self.displacement
    }

    fn rate(&self) -> Rate<'_, T, L> {
        Rate::Velocity(&self.velocity)
    }

    fn energy(&mut self) -> [f64; L] {
        self.mass.apply(&self.velocity, &mut self.mass_product);
        self.stiffness.apply(&self.displacement, &mut self.residual);
        let mut energy = [0.0; L];
        for dof in 0..self.displacement.len() {
            for lane in 0..L {
                let kinetic =
                    self.velocity[dof][lane].to_f64() * self.mass_product[dof][lane].to_f64();
                let elastic =
                    self.displacement[dof][lane].to_f64() * self.residual[dof][lane].to_f64();
                energy[lane] += 0.5 * (kinetic + elastic);
            }
        }
        energy
    }

    fn advance(&mut self) {
        let Weights { beta, gamma } = self.weights;
        let dt = self.dt;
        self.step += 1;
        let old = [dt * dt * (0.5 - beta), dt * (1.0 - gamma)].map(T::from_f64);
        let dt_in_state = T::from_f64(dt);
        let a = self.acceleration.as_flattened();
        let u = self.displacement.as_flattened_mut();
        let v = self.velocity.as_flattened_mut();
        vectorised(
            #[inline(always)]
            || {
                for ((u, v), a) in u.iter_mut().zip(v.iter_mut()).zip(a) {
                    *u += dt_in_state.mul_add(*v, old[0] * *a);
                    *v = old[1].mul_add(*a, *v);
                }
            },
        );
        self.drive(self.step as f64 * dt);
        self.assemble_residual(self.step as f64 * dt);
        self.cholesky.solve(&self.residual, &mut self.acceleration);
        let new = [beta * dt * dt, gamma * dt].map(T::from_f64);
        let a = self.acceleration.as_flattened();
        let u = self.displacement.as_flattened_mut();
        let v = self.velocity.as_flattened_mut();
        vectorised(
            #[inline(always)]
            || {
                for ((u, v), a) in u.iter_mut().zip(v.iter_mut()).zip(a) {
                    *u = new[0].mul_add(*a, *u);
                    *v = new[1].mul_add(*a, *v);
                }
            },
        );
    }
}

/// Lanes with the same bits of density and damping, group by group.
fn equal_lanes<const L: usize>(lanes: &[Option<Prepared>; L]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (lane, prepared) in lanes.iter().enumerate() {
        let Some(prepared) = prepared else { continue };
        let same = groups.iter_mut().find(|group| {
            lanes[group[0]].as_ref().is_some_and(|first| {
                first.damping == prepared.damping && first.density == prepared.density
            })
        });
        match same {
            Some(group) => group.push(lane),
            None => groups.push(vec![lane]),
        }
    }
    groups
}
