//! Receivers: displacement, velocity and gradient at points, sampled every so many time steps.
//!
//! Velocity from increments `vⁿ = uⁿ − uⁿ⁻¹`, of fourth order: `u_t(tⁿ) = (7 (vⁿ + vⁿ⁺¹) − vⁿ⁻¹ − vⁿ⁺²)/(12 dt)`, the centred
//! difference of five displacements; at t = 0, where `v⁰` comes from the start of the integrator and nothing lies before,
//! `(3 v⁰ + 13 v¹ − 5 v² + v³)/(12 dt)`. The run goes two steps beyond its end for the last sample. Shapes: `[receiver][lane]`.

use ndarray::{Array2, Array3};

use super::{Observers, Quantity, Recording, from_rows};
use crate::SolverError;
use crate::field::Field;
use crate::operator::assembled::Assembled;
use crate::real::Real;
use crate::space::Space;
use crate::time::{Rate, Stepper};

/// Steps beyond the end that the velocity of the last sample needs.
const BEYOND: usize = 2;

/// The receivers of a space.
#[derive(Debug)]
pub(crate) struct Receivers<T> {
    values: Assembled<T>,
    /// Derivatives along x and y, where recorded.
    slopes: Option<[Assembled<T>; 2]>,
    displacement: bool,
    velocity: bool,
    every: usize,
    samples: usize,
    dt: f64,
}

impl<T: Real> Receivers<T> {
    /// Whether there is anything to record.
    pub(crate) fn any_samples(&self) -> bool {
        self.samples > 0
    }

    /// Locates the receivers of a run of `steps` steps.
    ///
    /// # Errors
    /// [`SolverError::ReceiversOutsideMesh`] naming all receivers outside.
    pub(crate) fn new(
        observers: &Observers,
        space: &Space,
        steps: usize,
        dt: f64,
    ) -> Result<Self, SolverError> {
        let points = observers.receivers.iter();
        let located: Vec<_> = points.map(|&point| space.locate(point)).collect();
        let outside: Vec<(usize, [f64; 2])> = located
            .iter()
            .zip(&observers.receivers)
            .enumerate()
            .filter(|(_, (location, _))| location.is_none())
            .map(|(index, (_, &position))| (index, position))
            .collect();
        if !outside.is_empty() {
            let (lower, upper) = space.domain_bounds();
            return Err(SolverError::ReceiversOutsideMesh {
                outside,
                lower,
                upper,
            });
        }
        let matrix = |weights: &dyn Fn(&crate::space::locate::Location) -> Vec<(usize, f64)>| {
            let rows = located.iter().flatten().map(weights).collect();
            Assembled::new(&from_rows(rows, space.dof_count()))
        };
        let slope = |axis: usize| {
            matrix(&|location| {
                let gradients = space.basis_gradients_at(location).into_iter();
                gradients.map(|(dof, slopes)| (dof, slopes[axis])).collect()
            })
        };
        Ok(Self {
            values: matrix(&|location| space.basis_at(location)),
            slopes: observers
                .records(Quantity::Gradient)
                .then(|| [slope(0), slope(1)]),
            displacement: observers.records(Quantity::Displacement),
            velocity: observers.records(Quantity::Velocity),
            every: observers.receiver_every,
            samples: samples(observers, steps),
            dt,
        })
    }

    /// Bytes of the matrices.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let slopes = self.slopes.iter().flatten().map(Assembled::memory_bytes);
        self.values.memory_bytes() + slopes.sum::<u64>()
    }

    /// A recording without samples yet.
    pub(crate) fn prepare(&self, recording: &mut Recording) {
        let rows = |wanted: bool| if wanted { self.values.rows() } else { 0 };
        let samples = |wanted: bool| if wanted { self.samples } else { 0 };
        let (u, v, g) = (self.displacement, self.velocity, self.slopes.is_some());
        recording.receivers = Array2::zeros((rows(u), samples(u)));
        recording.receiver_velocity = Array2::zeros((rows(v), samples(v)));
        recording.receiver_gradient = Array3::zeros((rows(g), if g { 2 } else { 0 }, samples(g)));
    }

    /// Starts recording a group of lanes.
    pub(crate) fn recorder<const L: usize>(&self) -> Recorder<'_, T, L> {
        Recorder {
            receivers: self,
            values: Field::zeros(self.values.rows()),
            increments: std::array::from_fn(|_| {
                Field::zeros(if self.velocity { self.values.rows() } else { 0 })
            }),
        }
    }

    /// Whether the increment of `step` belongs to the velocity of some sample.
    fn needs_increment(&self, step: usize) -> bool {
        step <= 3 || (step + 1) % self.every <= 3
    }
}

/// Number of samples of a run of `steps` steps.
pub(crate) fn samples(observers: &Observers, steps: usize) -> usize {
    if observers.receivers.is_empty() {
        0
    } else {
        steps / observers.receiver_every.max(1) + 1
    }
}

/// Bytes of what one trajectory's receivers record.
pub(crate) fn bytes(observers: &Observers, samples: usize) -> u64 {
    let components = [
        (Quantity::Displacement, 1),
        (Quantity::Velocity, 1),
        (Quantity::Gradient, 2),
    ]
    .into_iter()
    .filter(|(quantity, _)| observers.records(*quantity))
    .map(|(_, count)| count)
    .sum();
    crate::memory::product(&[observers.receivers.len(), samples, 4, components])
}

/// Records the receivers of a group of lanes.
pub(crate) struct Recorder<'a, T, const L: usize> {
    receivers: &'a Receivers<T>,
    values: Field<T, L>,
    /// Of the last four steps, step `n` at `n % 4`.
    increments: [Field<T, L>; 4],
}

impl<T: Real, const L: usize> Recorder<'_, T, L> {
    /// The last step to record after `steps` steps.
    pub(crate) fn last_step(&self, steps: usize, rate: &Rate<'_, T, L>) -> usize {
        match rate {
            // the first sample looks at the first three steps
            Rate::Increment(_) if self.receivers.velocity => steps.max(1) + BEYOND,
            _ => steps,
        }
    }

    /// Records what is known after `step` steps; the recordings are those of the lanes, in order.
    pub(crate) fn record(
        &mut self,
        step: usize,
        stepper: &impl Stepper<T, L>,
        recordings: &mut [Recording],
    ) {
        let receivers = self.receivers;
        if receivers.velocity {
            self.record_velocity(step, stepper.rate(), recordings);
        }
        let sample = step / receivers.every;
        if !step.is_multiple_of(receivers.every) || sample >= receivers.samples {
            return;
        }
        let u = stepper.displacement();
        if receivers.displacement {
            receivers.values.apply(u, &mut self.values);
            for (lane, recording) in recordings.iter_mut().enumerate() {
                for (receiver, values) in self.values.iter().enumerate() {
                    recording.receivers[(receiver, sample)] = values[lane].to_f64() as f32;
                }
            }
        }
        for (axis, slopes) in receivers.slopes.iter().flatten().enumerate() {
            slopes.apply(u, &mut self.values);
            for (lane, recording) in recordings.iter_mut().enumerate() {
                for (receiver, values) in self.values.iter().enumerate() {
                    let value = values[lane].to_f64() as f32;
                    recording.receiver_gradient[(receiver, axis, sample)] = value;
                }
            }
        }
    }

    fn record_velocity(&mut self, step: usize, rate: Rate<'_, T, L>, recordings: &mut [Recording]) {
        let receivers = self.receivers;
        let every = receivers.every;
        let increments = match rate {
            Rate::Increment(increments) => increments,
            Rate::Velocity(velocity) => {
                if step.is_multiple_of(every) && step / every < receivers.samples {
                    receivers.values.apply(velocity, &mut self.values);
                    for (receiver, values) in self.values.iter().enumerate() {
                        for (lane, recording) in recordings.iter_mut().enumerate() {
                            let value = values[lane].to_f64() as f32;
                            recording.receiver_velocity[(receiver, step / every)] = value;
                        }
                    }
                }
                return;
            }
        };
        if receivers.needs_increment(step) {
            receivers
                .values
                .apply(increments, &mut self.increments[step % 4]);
        }
        if step == 3 {
            self.difference(0, [(0, 3.0), (1, 13.0), (2, -5.0), (3, 1.0)], recordings);
        }
        if let Some(at) = step.checked_sub(BEYOND)
            && at > 0
            && at.is_multiple_of(every)
            && at / every < receivers.samples
        {
            let terms = [(at - 1, -1.0), (at, 7.0), (at + 1, 7.0), (at + 2, -1.0)];
            self.difference(at / every, terms, recordings);
        }
    }

    /// Sets the velocity of a sample to the sum of (step, factor) times increments, over 12 dt.
    fn difference(&self, sample: usize, terms: [(usize, f64); 4], recordings: &mut [Recording]) {
        let scale = 1.0 / (12.0 * self.receivers.dt);
        for receiver in 0..self.receivers.values.rows() {
            for (lane, recording) in recordings.iter_mut().enumerate() {
                let sum: f64 = terms
                    .iter()
                    .map(|(step, factor)| {
                        factor * self.increments[step % 4][receiver][lane].to_f64()
                    })
                    .sum();
                recording.receiver_velocity[(receiver, sample)] = (scale * sum) as f32;
            }
        }
    }
}

impl Recording {
    /// Whether all signals of the receivers are finite.
    pub(crate) fn has_finite_signals(&self) -> bool {
        let scalars = self.receivers.iter().chain(&self.receiver_velocity);
        scalars
            .chain(&self.receiver_gradient)
            .all(|value| value.is_finite())
    }
}
