//! Receivers record what the solution is at their place and time.

use std::f64::consts::PI;

use super::*;
use fewave_solver::initial::{Pulse, Pulses};
use fewave_solver::medium::Uniform;
use fewave_solver::{InitialState, Integrator, Quantity, TimeStep};

/// `sin(2πx) sin(πy) cos(ωt + θ)` with ω = √5 π at 1 m/s.
#[derive(Debug)]
struct Phased;

const OMEGA: f64 = 2.236_067_977_499_79 * PI;
const THETA: f64 = 0.6;

impl Phased {
    fn shape([x, y]: [f64; 2]) -> f64 {
        (2.0 * PI * x).sin() * (PI * y).sin()
    }
    fn gradient([x, y]: [f64; 2]) -> [f64; 2] {
        let ((sx, cx), (sy, cy)) = ((2.0 * PI * x).sin_cos(), (PI * y).sin_cos());
        [2.0 * PI * cx * sy, PI * sx * cy]
    }
}

impl InitialState for Phased {
    fn displacement(&self, position: [f64; 2]) -> f64 {
        Self::shape(position) * THETA.cos()
    }
    fn velocity(&self, position: [f64; 2], _speed: f64) -> f64 {
        -OMEGA * Self::shape(position) * THETA.sin()
    }
}

/// Off the grid and the nodes, on a node, on a side of cells, on the boundary, in a corner.
const POINTS: [[f64; 2]; 6] = [
    [0.137, 0.731],
    [0.25, 0.5],
    [0.4, 0.31],
    [0.0, 0.37],
    [0.6, 1.0],
    [1.0, 1.0],
];

fn run(
    integrator: Integrator,
    dt: f64,
    every: usize,
    quantities: &[Quantity],
) -> (Vec<f64>, Recording) {
    run_from(Arc::new(Phased), integrator, dt, every, quantities)
}

fn run_from(
    initial: Arc<dyn InitialState>,
    integrator: Integrator,
    dt: f64,
    every: usize,
    quantities: &[Quantity],
) -> (Vec<f64>, Recording) {
    let time = TimeSettings {
        duration: 0.84,
        integrator,
        step: TimeStep::Fixed(dt),
        ..TimeSettings::default()
    };
    let observers = Observers {
        grid: [2, 2],
        receivers: POINTS.to_vec(),
        receiver_every: every,
        quantities: quantities.to_vec(),
    };
    let boundary = BoundaryConditions::all(BoundaryKind::Fixed);
    let space = unit_square(Element::GllQuad { order: 7 }, 3, 0.1, 1);
    let simulator = Simulator::new(space, boundary, time, observers, Precision::F64).unwrap();
    let scene = Scene {
        medium: Arc::new(Uniform::new(1.0).unwrap()),
        damping: 0.0,
        initial: vec![initial],
        sources: vec![],
        prescribed: vec![],
    };
    let recording = simulator.run(&[scene]).remove(0).unwrap();
    (simulator.info().receiver_times.clone(), recording)
}

const ALL: [Quantity; 3] = [
    Quantity::Displacement,
    Quantity::Velocity,
    Quantity::Gradient,
];

/// Largest error of displacement, velocity and gradient over all samples, relative to the largest value.
fn errors(times: &[f64], recording: &Recording) -> [f64; 3] {
    let mut errors = [0.0_f64; 3];
    for (receiver, &point) in POINTS.iter().enumerate() {
        let gradient = Phased::gradient(point);
        for (sample, time) in times.iter().enumerate() {
            let (sin, cos) = (OMEGA * time + THETA).sin_cos();
            let error = |found: f32, exact: f64| (f64::from(found) - exact).abs();
            let at = (receiver, sample);
            let shape = Phased::shape(point);
            errors[0] = errors[0].max(error(recording.receivers[at], shape * cos));
            let velocity = error(recording.receiver_velocity[at], -OMEGA * shape * sin) / OMEGA;
            errors[1] = errors[1].max(velocity);
            for axis in 0..2 {
                let found = recording.receiver_gradient[(receiver, axis, sample)];
                errors[2] = errors[2].max(error(found, gradient[axis] * cos) / (2.0 * PI));
            }
        }
    }
    errors
}

#[test]
fn all_quantities_are_those_of_the_exact_solution_anywhere_and_at_every_sample() {
    let newmark = Integrator::Newmark {
        beta: 0.25,
        gamma: 0.5,
    };
    for (integrator, dt, tolerance) in [
        (Integrator::CentralDifference, 0.003, 2e-3),
        (Integrator::ModifiedEquation, 0.003, 1e-5),
        (newmark, 0.003, 2e-3),
    ] {
        for every in [1, 2, 3, 4, 5, 14, 1000] {
            let (times, recording) = run(integrator, dt, every, &ALL);
            assert_eq!(times.len(), 280 / every + 1);
            let errors = errors(&times, &recording);
            println!("{integrator:?} every {every}: {errors:?}");
            assert!(
                errors[0] < tolerance && errors[1] < tolerance,
                "{integrator:?} {every} {errors:?}"
            );
            // one order of the element is lost to the derivative
            assert!(
                errors[2] < tolerance + 3e-4,
                "{integrator:?} {every} {errors:?}"
            );
        }
    }
}

#[test]
fn velocity_has_the_order_of_its_integrator() {
    for (integrator, declared) in [
        (Integrator::CentralDifference, 2.0),
        (Integrator::ModifiedEquation, 4.0),
    ] {
        // a pulse narrow enough for errors beyond the rounding of recordings, on one and the same mesh
        let velocity = |every: usize| {
            let pulse = Pulse::new([0.4, 0.45], 0.08, 1.0).unwrap();
            let pulses = Arc::new(Pulses::new(vec![pulse]));
            let dt = 0.0084 / every as f64;
            run_from(pulses, integrator, dt, every, &[Quantity::Velocity]).1
        };
        let reference = velocity(8).receiver_velocity;
        let error = |every| {
            let difference = velocity(every).receiver_velocity - &reference;
            difference
                .iter()
                .fold(0.0_f32, |worst, x| worst.max(x.abs()))
        };
        let (coarse, fine) = (error(1), error(2));
        let order = (coarse / fine).log2();
        println!("{integrator:?}: {coarse:.1e} {fine:.1e}, order {order:.2}");
        assert!((order - declared).abs() < 0.4, "{integrator:?}: {order}");
    }
}

#[test]
fn only_what_is_asked_for_is_recorded() {
    let (_, all) = run(Integrator::CentralDifference, 0.01, 2, &ALL);
    let (_, some) = run(
        Integrator::CentralDifference,
        0.01,
        2,
        &[Quantity::Velocity],
    );
    assert_eq!(some.receiver_velocity, all.receiver_velocity);
    assert!(some.receivers.is_empty() && some.receiver_gradient.is_empty());
    // two steps beyond the end change nothing else
    assert_eq!(some.snapshots, all.snapshots);
    assert_eq!(some.energy, all.energy);
}

#[test]
fn all_receivers_outside_are_named() {
    let observers = Observers {
        receivers: vec![[0.5, 0.5], [1.2, 0.5], [0.1, 0.1], [0.5, f64::NAN]],
        ..Observers::default()
    };
    let space = unit_square(Element::Q1Quad, 2, 0.0, 1);
    let boundary = BoundaryConditions::all(BoundaryKind::Fixed);
    let time = TimeSettings::default();
    let refused = Simulator::new(space, boundary, time, observers, Precision::F64);
    let message = refused.unwrap_err().to_string();
    assert!(message.starts_with("2 receivers lie outside"), "{message}");
    for part in [
        "receiver 1 at (1.2, 0.5)",
        "receiver 3 at (0.5, NaN)",
        "[0, 1] x [0, 1]",
    ] {
        assert!(message.contains(part), "{message}");
    }
}
