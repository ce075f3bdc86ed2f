//! Prescribed sides keep the order of elements and integrators: a plane wave passes through a square whose four sides
//! follow it.

use super::*;
use fewave_solver::medium::Uniform;
use fewave_solver::{BoundaryHistory, InitialState, Integrator, Prescribed, TimeStep};
use ndarray::Array2;
use std::f64::consts::PI;

const NEWMARK: Integrator = Integrator::Newmark {
    beta: 0.25,
    gamma: 0.5,
};
const DURATION: f64 = 1.0;

/// `sin(π (x cos 30° + y sin 30° − t))`, a solution at the speed 1.
fn phase([x, y]: [f64; 2], t: f64) -> f64 {
    PI * (0.75_f64.sqrt() * x + 0.5 * y - t)
}

#[derive(Debug)]
struct Travelling;

impl InitialState for Travelling {
    fn displacement(&self, position: [f64; 2]) -> f64 {
        phase(position, 0.0).sin()
    }

    fn velocity(&self, position: [f64; 2], _speed: f64) -> f64 {
        -PI * phase(position, 0.0).cos()
    }
}

/// Largest error of the last snapshot.
fn error(element: Element, cells: usize, integrator: Integrator, dt: f64) -> f64 {
    let outline: Vec<[f64; 2]> = (0..100)
        .map(|i| f64::from(i) / 100.0)
        .flat_map(|s| [[s, 0.0], [1.0, s], [1.0 - s, 1.0], [0.0, 1.0 - s]])
        .collect();
    let interval = 1e-3;
    let samples = (DURATION / interval) as usize + 1;
    let values = Array2::from_shape_fn((outline.len(), samples), |(point, n)| {
        phase(outline[point], interval * n as f64).sin()
    });
    let history = Arc::new(BoundaryHistory::along(outline, interval, &values).unwrap());
    let prescribed = ["left", "right", "bottom", "top"].map(|side| Prescribed {
        group: side.to_owned(),
        history: Arc::clone(&history),
    });
    let time = TimeSettings {
        duration: DURATION,
        snapshots: 2,
        integrator,
        step: TimeStep::Fixed(dt),
        ..TimeSettings::default()
    };
    let space = unit_square(element, cells, 0.1, 3);
    let boundary = BoundaryConditions::all(BoundaryKind::Prescribed);
    let simulator = Simulator::new(space, boundary, time, observers(), Precision::F64).unwrap();
    let scene = Scene {
        medium: Arc::new(Uniform::new(1.0).unwrap()),
        damping: 0.0,
        initial: vec![Arc::new(Travelling)],
        sources: vec![],
        prescribed: prescribed.to_vec(),
    };
    let recording = simulator.run(&[scene]).remove(0).unwrap();
    let info = simulator.info();
    let mut worst = 0.0_f64;
    for (i, &x) in info.grid_x.iter().enumerate() {
        for (j, &y) in info.grid_y.iter().enumerate() {
            let found = f64::from(recording.snapshots[(1, i, j)]);
            worst = worst.max((found - phase([x, y], DURATION).sin()).abs());
        }
    }
    worst
}

#[test]
fn refinement_in_space_converges_with_the_order_of_the_element() {
    for (element, cells, integrator, order) in [
        (
            Element::GllQuad { order: 2 },
            5,
            Integrator::CentralDifference,
            3.0,
        ),
        (Element::P1Triangle, 12, Integrator::CentralDifference, 2.0),
        (
            Element::P2BubbleTriangle,
            4,
            Integrator::CentralDifference,
            3.0,
        ),
        (Element::GllQuad { order: 3 }, 3, NEWMARK, 4.0),
    ] {
        let [coarse, fine] = [cells, 2 * cells].map(|n| error(element, n, integrator, 5e-4));
        let found = (coarse / fine).log2();
        println!("{element:?} {integrator:?}: {coarse:.1e} {fine:.1e}, order {found:.2}");
        assert!(found > order - 0.3, "{element:?} {integrator:?}: {found}");
        assert!(fine < 0.02, "{fine}");
    }
}

#[test]
fn refinement_in_time_converges_with_order_two() {
    for (integrator, dt) in [(Integrator::CentralDifference, 0.02), (NEWMARK, 0.05)] {
        let [coarse, fine] =
            [dt, 0.5 * dt].map(|dt| error(Element::GllQuad { order: 6 }, 2, integrator, dt));
        let found = (coarse / fine).log2();
        println!("{integrator:?}: {coarse:.1e} {fine:.1e}, order {found:.2}");
        assert!((1.8..2.3).contains(&found), "{integrator:?}: {found}");
    }
}

/// A consistent mass couples the accelerations of the sides to their neighbours.
#[test]
fn consistent_masses_converge_in_space_and_time_together() {
    for element in [Element::Q1Quad, Element::P1Triangle, Element::P2Triangle] {
        let order = if element == Element::P2Triangle {
            2.0
        } else {
            1.85
        };
        let [coarse, fine] = [8, 16].map(|n| error(element, n, NEWMARK, 0.2 / n as f64));
        let found = (coarse / fine).log2();
        println!("{element:?}: {coarse:.1e} {fine:.1e}, order {found:.2}");
        assert!(found > order - 0.15, "{element:?}: {found}");
        assert!(fine < 0.02, "{element:?}: {fine}");
    }
}
