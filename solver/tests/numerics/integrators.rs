//! Both integrators solve the same problem: with damping, an absorbing side and a source, their difference falls with the
//! square of the step.

use super::*;
use fewave_solver::initial::{Pulse, Pulses};
use fewave_solver::medium::GaussianField;
use fewave_solver::{Integrator, Signal, Source, SourceShape, TimeStep};

fn run(element: Element, integrator: Integrator, dt: f64) -> Recording {
    let time = TimeSettings {
        duration: 0.8,
        snapshots: 5,
        integrator,
        step: TimeStep::Fixed(dt),
        max_speed: 1.3,
        ..TimeSettings::default()
    };
    let boundary = BoundaryConditions {
        default: BoundaryKind::Absorbing,
        groups: [("left".to_owned(), BoundaryKind::Fixed)].into(),
    };
    let space = unit_square(element, 8, 0.15, 2);
    let simulator = Simulator::new(space, boundary, time, observers(), Precision::F64).unwrap();
    let scene = Scene {
        medium: Arc::new(GaussianField::new([0.7, 1.3], 0.3, 1).unwrap()),
        damping: 1.5,
        initial: vec![Arc::new(Pulses::new(vec![
            Pulse::new([0.6, 0.55], 0.12, 1.0).unwrap(),
        ]))],
        sources: vec![Source {
            position: [0.4, 0.3],
            shape: SourceShape::Point,
            amplitude: 0.5,
            signal: Signal::ricker(2.0).unwrap(),
        }],
        prescribed: vec![],
    };
    simulator.run(&[scene]).remove(0).unwrap()
}

fn difference(a: &Recording, b: &Recording) -> f64 {
    let pairs = a.snapshots.iter().zip(&b.snapshots);
    let error: f64 = pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum();
    let norm: f64 = a.snapshots.iter().map(|a| f64::from(*a).powi(2)).sum();
    (error / norm).sqrt()
}

#[test]
fn newmark_and_central_difference_meet_with_second_order() {
    let newmark = Integrator::Newmark {
        beta: 0.25,
        gamma: 0.5,
    };
    let element = Element::GllQuad { order: 3 };
    let at = |dt| {
        let explicit = run(element, Integrator::CentralDifference, dt);
        difference(&explicit, &run(element, newmark, dt))
    };
    let (coarse, fine) = (at(0.005), at(0.0025));
    println!("differences {coarse:.1e}, {fine:.1e}");
    assert!(coarse < 0.05, "{coarse}");
    let ratio = coarse / fine;
    assert!((3.5..4.5).contains(&ratio), "{coarse} / {fine} = {ratio}");
}

#[test]
fn simulators_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Simulator>();
}
