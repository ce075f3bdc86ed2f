//! Measured orders of every element and integrator.
//!
//! A standing mode is an eigenfunction of space, so the exact solution of the *time-discrete* problem is known: it
//! oscillates with `sin(ω̃ dt/2) = ω dt/2` (central difference), `sin²(ω̃ dt/2) = x (1 − x/3)`, `x = (ω dt/2)²` (modified
//! equation) or `tan(ω̃ dt/2) = ω dt/2` (Newmark 1/4, 1/2). Errors against it are errors of space alone, whatever the step. Two sides are fixed and two free, so that the mode fits no
//! number of cells. Distorted meshes are drawn anew at each level with a distortion that stays the same fraction of the
//! cell.

use std::f64::consts::PI;

use super::*;
use fewave_solver::initial::{End, StandingMode};
use fewave_solver::medium::Uniform;
use fewave_solver::{Integrator, TimeStep};

const NEWMARK: Integrator = Integrator::Newmark {
    beta: 0.25,
    gamma: 0.5,
};

/// `sin((a − 1/2) πx) sin((b − 1/2) πy)`: fixed at the left and the bottom, free at the right and the top.
fn mode(numbers: [u32; 2]) -> StandingMode {
    let ends = [[End::Fixed, End::Free]; 2];
    StandingMode::new([0.0; 2], [1.0; 2], numbers, ends, 1.0).unwrap()
}

/// Runs the mode in a medium of 1 m/s; gives `error(factor)`, the L2 error at the end against `factor` times the mode,
/// relative to the mode's own norm.
fn run(
    space: Space,
    time: TimeSettings,
    numbers: [u32; 2],
    factor: impl Fn(f64, usize) -> f64,
) -> f64 {
    let boundary = BoundaryConditions {
        default: BoundaryKind::Fixed,
        groups: ["right", "top"]
            .map(|side| (side.to_owned(), BoundaryKind::Free))
            .into(),
    };
    let simulator = Simulator::new(space, boundary, time, observers(), Precision::F64).unwrap();
    let scene = Scene {
        medium: Arc::new(Uniform::new(1.0).unwrap()),
        damping: 0.0,
        initial: vec![Arc::new(mode(numbers))],
        sources: vec![],
        prescribed: vec![],
    };
    let recording = simulator.run(&[scene]).remove(0).unwrap();
    let info = simulator.info();
    let factor = factor(info.dt, info.steps);
    let last = recording.snapshots.shape()[0] - 1;
    let (mut error, mut norm) = (0.0, 0.0);
    for (i, &x) in info.grid_x.iter().enumerate() {
        for (j, &y) in info.grid_y.iter().enumerate() {
            let shape = mode(numbers).exact([x, y], 0.0, 1.0);
            error += (f64::from(recording.snapshots[(last, i, j)]) - factor * shape).powi(2);
            norm += shape.powi(2);
        }
    }
    (error / norm).sqrt()
}

/// Angular frequency of a mode, rad/s.
fn frequency(numbers: [u32; 2]) -> f64 {
    2.0 * PI * mode(numbers).frequency(1.0)
}

/// Slope of log(error) over log(h) by least squares.
pub(super) fn slope(h: &[f64], errors: &[f64]) -> f64 {
    let n = h.len() as f64;
    let (x, y): (Vec<f64>, Vec<f64>) = (
        h.iter().map(|h| h.ln()).collect(),
        errors.iter().map(|e| e.ln()).collect(),
    );
    let (mx, my) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let covariance: f64 = x.iter().zip(&y).map(|(x, y)| (x - mx) * (y - my)).sum();
    covariance / x.iter().map(|x| (x - mx).powi(2)).sum::<f64>()
}

/// Amplitude of the mode at the end in the time-discrete problem.
pub(super) fn discrete_factor(integrator: Integrator, omega: f64, dt: f64, steps: usize) -> f64 {
    let half = 0.5 * omega * dt;
    let half_angle = match integrator {
        Integrator::CentralDifference => half.asin(),
        Integrator::ModifiedEquation => (half * (1.0 - half * half / 3.0).sqrt()).asin(),
        Integrator::Newmark { .. } => half.atan(),
    };
    (2.0 * half_angle * steps as f64).cos()
}

fn space_error(
    element: Element,
    cells: usize,
    distortion: f64,
    integrator: Integrator,
    numbers: [u32; 2],
) -> f64 {
    let omega = frequency(numbers);
    let time = TimeSettings {
        duration: 0.4,
        integrator,
        step: match integrator {
            Integrator::CentralDifference | Integrator::ModifiedEquation => TimeStep::Auto,
            Integrator::Newmark { .. } => TimeStep::Fixed(0.02),
        },
        ..TimeSettings::default()
    };
    let space = unit_square(element, cells, distortion, cells as u64);
    run(space, time, numbers, |dt, steps| {
        discrete_factor(integrator, omega, dt, steps)
    })
}

fn space_order(element: Element, distortion: f64, integrator: Integrator) -> f64 {
    let p = element.order();
    // errors between the asymptotic range's start and what f32 recordings resolve
    let (levels, numbers): (&[usize], [u32; 2]) = match p {
        1 => (&[16, 24, 32, 48], [2, 1]),
        2 => (&[8, 12, 16, 24], [2, 2]),
        3 => (&[6, 8, 12, 16], [2, 2]),
        4 => (&[4, 6, 8, 10], [2, 2]),
        5 => (&[4, 5, 6, 8], [3, 3]),
        6 => (&[4, 5, 6, 8], [4, 4]),
        7 => (&[4, 5, 6, 7], [5, 5]),
        _ => (&[4, 5, 6, 7], [6, 6]),
    };
    let errors: Vec<f64> = levels
        .iter()
        .map(|&cells| space_error(element, cells, distortion, integrator, numbers))
        .collect();
    let h: Vec<f64> = levels.iter().map(|&cells| 1.0 / cells as f64).collect();
    let order = slope(&h, &errors);
    println!(
        "{element:?} distortion {distortion} {integrator:?}: order {order:.2}, errors {errors:?}"
    );
    order
}

#[test]
fn every_element_has_its_order_in_space() {
    let mut elements = vec![
        Element::P1Triangle,
        Element::P2Triangle,
        Element::P2BubbleTriangle,
        Element::Q1Quad,
    ];
    elements.extend((1..=8).map(|order| Element::GllQuad { order }));
    for element in elements {
        for distortion in [0.0, 0.15] {
            for integrator in [
                Integrator::CentralDifference,
                Integrator::ModifiedEquation,
                NEWMARK,
            ] {
                if integrator != NEWMARK && !element.can_be_lumped() {
                    continue;
                }
                let order = space_order(element, distortion, integrator);
                let declared = (element.order() + 1) as f64;
                assert!(
                    order > declared - 0.2,
                    "{element:?} {distortion} {integrator:?}: {order}"
                );
                if element.order() == 1 {
                    assert!(order < declared + 0.2, "{element:?} {distortion}: {order}");
                }
            }
        }
    }
}

#[test]
fn central_difference_and_newmark_are_of_second_order_in_time() {
    let numbers = [2, 1];
    for (integrator, coarsest) in [(Integrator::CentralDifference, 0.016), (NEWMARK, 0.02)] {
        let steps: Vec<f64> = (0..3)
            .map(|level| coarsest / f64::from(1 << level))
            .collect();
        let errors: Vec<f64> = steps
            .iter()
            .map(|&dt| {
                let time = TimeSettings {
                    duration: 0.64,
                    integrator,
                    step: TimeStep::Fixed(dt),
                    ..TimeSettings::default()
                };
                let space = unit_square(Element::GllQuad { order: 6 }, 3, 0.1, 1);
                run(space, time, numbers, |actual, _| {
                    assert!((actual / dt - 1.0).abs() < 1e-12);
                    (0.64 * frequency(numbers)).cos()
                })
            })
            .collect();
        let order = slope(&steps, &errors);
        println!("{integrator:?}: order {order:.3}, errors {errors:?}");
        assert!(
            (order - 2.0).abs() < 0.2,
            "{integrator:?}: {order} {errors:?}"
        );
    }
}
