//! Energy is kept without damping and sources, in any medium.

use super::*;
use fewave_solver::initial::{Pulse, Pulses};
use fewave_solver::medium::GaussianField;
use fewave_solver::{Integrator, TimeStep};

/// Two pulses in a random medium between 0.7 and 1.3 m/s.
fn pulses() -> Scene {
    let pulse = |x, y, a| Pulse::new([x, y], 0.08, a).unwrap();
    Scene {
        medium: Arc::new(GaussianField::new([0.7, 1.3], 0.2, 4).unwrap()),
        damping: 0.0,
        initial: vec![Arc::new(Pulses::new(vec![
            pulse(0.3, 0.4, 1.0),
            pulse(0.7, 0.6, -0.5),
        ]))],
        sources: vec![],
        prescribed: vec![],
    }
}

fn energies(element: Element, cells: usize, time: TimeSettings, precision: Precision) -> Vec<f64> {
    let simulator = fixed_square(unit_square(element, cells, 0.15, 3), time, precision);
    assert!(simulator.info().steps >= 1000);
    simulator.run(&[pulses()]).remove(0).unwrap().energy
}

fn largest_change(energies: &[f64]) -> f64 {
    let start = energies[0];
    assert!(start > 0.0);
    energies
        .iter()
        .map(|e| (e / start - 1.0).abs())
        .fold(0.0, f64::max)
}

#[test]
fn newmark_conserves_energy_over_1000_steps() {
    for (element, cells) in [
        (Element::P1Triangle, 10),
        (Element::Q1Quad, 12),
        (Element::GllQuad { order: 3 }, 4),
    ] {
        let time = TimeSettings {
            duration: 10.0,
            snapshots: 101,
            integrator: Integrator::Newmark {
                beta: 0.25,
                gamma: 0.5,
            },
            step: TimeStep::Fixed(0.01),
            max_speed: 1.3,
            ..TimeSettings::default()
        };
        let change = largest_change(&energies(element, cells, time, Precision::F64));
        println!("{element:?}: {change:.1e}");
        assert!(change < 1e-10, "{element:?}: {change:e}");
    }
}

#[test]
fn newmark_with_larger_gamma_loses_energy() {
    let time = TimeSettings {
        duration: 10.0,
        integrator: Integrator::Newmark {
            beta: 0.3025,
            gamma: 0.6,
        },
        step: TimeStep::Fixed(0.01),
        max_speed: 1.3,
        ..TimeSettings::default()
    };
    let energies = energies(Element::Q1Quad, 12, time, Precision::F64);
    assert!(energies[1] < 0.9 * energies[0], "{energies:?}");
}

#[test]
fn explicit_integrators_keep_their_energy_without_drift() {
    for integrator in [Integrator::CentralDifference, Integrator::ModifiedEquation] {
        keeps_its_energy(integrator);
    }
}

fn keeps_its_energy(integrator: Integrator) {
    for (precision, tolerance) in [(Precision::F64, 1e-11), (Precision::F32, 1e-4)] {
        let time = TimeSettings {
            duration: 20.0,
            snapshots: 101,
            integrator,
            max_speed: 1.3,
            ..TimeSettings::default()
        };
        let energies = energies(Element::GllQuad { order: 4 }, 6, time, precision);
        let change = largest_change(&energies);
        println!("{integrator:?} {precision:?}: {change:.1e}");
        assert!(
            change < tolerance,
            "{integrator:?} {precision:?}: {change:e}"
        );
    }
}
