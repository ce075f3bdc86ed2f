//! What an absorbing layer (`boundary/pml.rs`) adds to a step of central difference.
//!
//! To the force: `B φⁿ + q uⁿ + s v`, with `b = m (ζ₁ + ζ₂)` and `q` of [`LayerTerm`] at its degrees of freedom. Centring `b u_t` and
//! `q u` as `boundary/pml.rs` says gives, with the decay `δ` that a lane has anyway,
//! `s = b (1 + δ)/(2 dt) − q (1 − δ)/4`, and adds `b dt/2 + q dt²/4` to what the gain divides by.
//! To the energy: nothing. What the sums over all degrees of freedom have of the layer is taken off again.

use crate::boundary::pml::operator::{LayerOperator, LayerState};
use crate::field::Field;
use crate::real::Real;
use crate::simulator::setup::LayerTerm;

/// The layer's state and its factors for the lanes of a group.
pub(super) struct LayerForces<'a, T, const L: usize> {
    operator: &'a LayerOperator<T>,
    state: LayerState<T, L>,
    factors: Vec<Factors<T, L>>,
    /// `K u` of the domain alone, where the energy needs it.
    domain_force: Field<T, L>,
}

/// The factors of a degree of freedom.
#[derive(Debug, Clone, Copy)]
struct Factors<T, const L: usize> {
    dof: usize,
    /// Of the displacement: `q`.
    stiffness: [T; L],
    /// Of the increment: `s`.
    damping: [T; L],
    /// Of the squared increment: the layer's part of what the energy counts as kinetic.
    kinetic: [f64; L],
}

impl<'a, T: Real, const L: usize> LayerForces<'a, T, L> {
    /// A layer at rest, on a space of `dofs` degrees of freedom.
    pub(super) fn new(operator: &'a LayerOperator<T>, dofs: usize) -> Self {
        Self {
            operator,
            state: operator.at_rest(),
            factors: Vec::new(),
            domain_force: Field::zeros(dofs),
        }
    }

    /// Sets the factors of a lane that is damped at `rate` (1/s), for steps of `dt` (s).
    pub(super) fn set(&mut self, lane: usize, terms: &[LayerTerm], rate: f64, dt: f64) {
        self.factors.resize(
            terms.len(),
            Factors {
                dof: 0,
                stiffness: [T::ZERO; L],
                damping: [T::ZERO; L],
                kinetic: [0.0; L],
            },
        );
        let half_rate = 0.5 * dt * rate;
        let decay = (1.0 - half_rate) / (1.0 + half_rate);
        for (factors, term) in self.factors.iter_mut().zip(terms) {
            let (b, q) = (term.damping, term.stiffness);
            let s = b * (1.0 + decay) / (2.0 * dt) - 0.25 * q * (1.0 - decay);
            let beside_mass = (0.5 * b / dt + 0.25 * q) / (1.0 + half_rate);
            factors.dof = term.dof;
            factors.stiffness[lane] = T::from_f64(q);
            factors.damping[lane] = T::from_f64(s);
            factors.kinetic[lane] = 0.5 * (term.mass / (dt * dt) + beside_mass);
        }
    }

    /// The degrees of freedom that the layer's forces act on.
    pub(super) fn dofs(&self) -> impl Iterator<Item = u32> {
        let terms = self.factors.iter().map(|factors| factors.dof as u32);
        terms.chain(self.operator.dofs().iter().copied())
    }

    /// Goes on to the displacement of the next step and adds the layer's forces.
    pub(super) fn add(&mut self, u: &[[T; L]], v: &[[T; L]], force: &mut [[T; L]]) {
        self.operator.advance(&mut self.state, u, force);
        for factors in &self.factors {
            let (u, v) = (&u[factors.dof], &v[factors.dof]);
            let force = &mut force[factors.dof];
            for lane in 0..L {
                let sum = factors.stiffness[lane].mul_add(u[lane], force[lane]);
                force[lane] = factors.damping[lane].mul_add(v[lane], sum);
            }
        }
    }

    /// `K u` of the domain from that of domain and layer.
    pub(super) fn domain_force(&mut self, u: &[[T; L]], force: &[[T; L]]) -> &Field<T, L> {
        self.domain_force.copy_from_slice(force);
        self.operator.subtract_stiffness(u, &mut self.domain_force);
        &self.domain_force
    }

    /// Takes the layer's share off the kinetic energies.
    pub(super) fn subtract_kinetic(&self, v: &[[T; L]], energy: &mut [f64; L]) {
        for factors in &self.factors {
            for lane in 0..L {
                let v = v[factors.dof][lane].to_f64();
                energy[lane] -= factors.kinetic[lane] * v * v;
            }
        }
    }
}
