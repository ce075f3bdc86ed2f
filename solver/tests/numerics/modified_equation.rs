//! The modified equation is of fourth order for everything that it takes: start, medium, signals, fixed and free sides.

use super::*;
use fewave_solver::initial::{PlaneWave, Profile, Pulse, Pulses};
use fewave_solver::medium::GaussianField;
use fewave_solver::source::{Interpolation, SampledSignal};
use fewave_solver::{InitialState, Integrator, Signal, SolverError, Source, SourceShape, TimeStep};

fn simulator(dt: TimeStep, default: BoundaryKind) -> Result<Simulator, SolverError> {
    let time = TimeSettings {
        duration: 0.8,
        snapshots: 5,
        integrator: Integrator::ModifiedEquation,
        step: dt,
        max_speed: 1.3,
        ..TimeSettings::default()
    };
    let boundary = BoundaryConditions {
        default,
        groups: [("left".to_owned(), BoundaryKind::Fixed)].into(),
    };
    let space = unit_square(Element::GllQuad { order: 3 }, 5, 0.1, 2);
    Simulator::new(space, boundary, time, observers(), Precision::F64)
}

fn sampled(interpolation: Interpolation) -> Signal {
    let ricker = Signal::ricker(2.5).unwrap();
    let values = (0..=40).map(|n| ricker.value(0.03 * f64::from(n)));
    Signal::Sampled(SampledSignal::new(0.03, values.collect(), interpolation).unwrap())
}

fn scene(initial: Vec<Arc<dyn InitialState>>, signal: Option<Signal>) -> Scene {
    Scene {
        medium: Arc::new(GaussianField::new([0.7, 1.3], 0.3, 1).unwrap()),
        damping: 0.0,
        initial,
        sources: signal
            .into_iter()
            .map(|signal| Source {
                position: [0.4, 0.3],
                shape: SourceShape::Point,
                amplitude: 0.5,
                signal,
            })
            .collect(),
        prescribed: vec![],
    }
}

fn run(dt: f64, scene: &Scene) -> Recording {
    let simulator = simulator(TimeStep::Fixed(dt), BoundaryKind::Free).unwrap();
    let results = simulator.run(std::slice::from_ref(scene));
    results.into_iter().next().unwrap().unwrap()
}

fn difference(a: &Recording, b: &Recording) -> f64 {
    let pairs = a.snapshots.iter().zip(&b.snapshots);
    let error: f64 = pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum();
    let norm: f64 = b.snapshots.iter().map(|b| f64::from(*b).powi(2)).sum();
    (error / norm).sqrt()
}

#[test]
fn errors_fall_with_the_fourth_power_of_the_step() {
    let pulse = Pulses::new(vec![Pulse::new([0.6, 0.55], 0.12, 1.0).unwrap()]);
    // it moves from the first step on
    let wave = PlaneWave::new(Profile::Gaussian, 0.4, [0.5, 0.5], 0.12, 1.0).unwrap();
    // a jump of the signal at the start exercises f, f_t and f_tt there
    let late = fewave_solver::source::Ricker::new(1.5).unwrap();
    let late = Signal::Ricker(late.with_delay(0.1).unwrap());
    for (what, scene) in [
        ("pulse", scene(vec![Arc::new(pulse)], None)),
        ("plane wave", scene(vec![Arc::new(wave)], None)),
        ("ricker", scene(vec![], Some(Signal::ricker(2.5).unwrap()))),
        ("cut ricker", scene(vec![], Some(late))),
        ("spline", scene(vec![], Some(sampled(Interpolation::Cubic)))),
    ] {
        let reference = run(0.001, &scene);
        let steps = [0.025, 0.02, 0.0125];
        let errors = steps.map(|dt| difference(&run(dt, &scene), &reference));
        let order = (errors[0] / errors[2]).ln() / (steps[0] / steps[2]).ln();
        println!("{what}: order {order:.2}, errors {errors:?}");
        assert!(errors[0] < 0.02, "{what}: {errors:?}");
        assert!((order - 4.0).abs() < 0.4, "{what}: {order} {errors:?}");
    }
}

#[test]
fn its_limit_is_the_square_root_of_three_times_that_of_central_difference() {
    let limit = |integrator| {
        let time = TimeSettings {
            integrator,
            ..TimeSettings::default()
        };
        let space = unit_square(Element::GllQuad { order: 3 }, 5, 0.1, 2);
        fixed_square(space, time, Precision::F64).info().stable_dt
    };
    let ratio = limit(Integrator::ModifiedEquation) / limit(Integrator::CentralDifference);
    assert!((ratio - 3.0_f64.sqrt()).abs() < 1e-12, "{ratio}");
}

#[test]
fn losses_and_kinks_are_refused_by_name() {
    let absorbing = simulator(TimeStep::Auto, BoundaryKind::Absorbing);
    let message = absorbing.unwrap_err().to_string();
    assert!(message.contains("absorbing side"), "{message}");
    let simulator = simulator(TimeStep::Auto, BoundaryKind::Free).unwrap();
    let damped = Scene {
        damping: 0.1,
        ..scene(vec![], Some(sampled(Interpolation::Cubic)))
    };
    let kinked = scene(vec![], Some(sampled(Interpolation::Linear)));
    for (scene, named) in [(damped, "damping"), (kinked, "signal of source 0")] {
        let message = simulator.run(&[scene]).remove(0).unwrap_err().to_string();
        assert!(message.contains(named), "{message}");
        assert!(message.contains("central difference"), "{message}");
    }
}
