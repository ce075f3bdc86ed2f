//! Lanes do not feel each other, and f32 is accurate enough.

use super::*;
use fewave_solver::initial::{Pulse, Pulses};
use fewave_solver::medium::GaussianField;
use fewave_solver::{
    BoundaryHistory, Integrator, Prescribed, Quantity, Signal, SolverError, Source, SourceShape,
    TimeStep,
};

/// A different problem for every index: medium, damping, initial state and source.
fn scene(index: u64) -> Scene {
    let place = 0.3 + 0.04 * index as f64;
    Scene {
        medium: Arc::new(GaussianField::new([0.7, 1.3], 0.2, index).unwrap()),
        damping: if index % 3 == 1 { 0.5 } else { 0.0 },
        initial: vec![Arc::new(Pulses::new(vec![
            Pulse::new([place, 0.55], 0.06, 1.0).unwrap(),
        ]))],
        sources: if index % 2 == 1 {
            vec![Source {
                position: [0.61, place],
                shape: SourceShape::Point,
                amplitude: 0.3,
                signal: Signal::ricker(4.0).unwrap(),
            }]
        } else {
            vec![]
        },
        prescribed: vec![],
    }
}

fn demo(precision: Precision, integrator: Integrator, cells: usize, duration: f64) -> Simulator {
    let time = TimeSettings {
        duration,
        snapshots: 41,
        integrator,
        step: match integrator {
            Integrator::CentralDifference | Integrator::ModifiedEquation => TimeStep::Auto,
            Integrator::Newmark { .. } => TimeStep::Fixed(0.01),
        },
        max_speed: 1.3,
        ..TimeSettings::default()
    };
    let order = match integrator {
        Integrator::CentralDifference | Integrator::ModifiedEquation => 4,
        Integrator::Newmark { .. } => 2,
    };
    let space = unit_square(Element::GllQuad { order }, cells, 0.0, 0);
    let observers = Observers {
        grid: [64, 64],
        receivers: vec![[0.25, 0.75]],
        receiver_every: 2,
        quantities: vec![
            Quantity::Displacement,
            Quantity::Velocity,
            Quantity::Gradient,
        ],
    };
    let right = match integrator {
        Integrator::ModifiedEquation => BoundaryKind::Free,
        _ => BoundaryKind::Absorbing,
    };
    let boundary = BoundaryConditions {
        default: BoundaryKind::Fixed,
        groups: [("right".to_owned(), right)].into(),
    };
    Simulator::new(space, boundary, time, observers, precision).unwrap()
}

fn same_bits(a: &Recording, b: &Recording) -> bool {
    let bits = |r: &Recording| -> Vec<u32> {
        r.snapshots
            .iter()
            .chain(&r.receivers)
            .chain(&r.receiver_velocity)
            .chain(&r.receiver_gradient)
            .chain(&r.speed)
            .map(|x| x.to_bits())
            .collect()
    };
    let energy = |r: &Recording| -> Vec<u64> { r.energy.iter().map(|x| x.to_bits()).collect() };
    bits(a) == bits(b) && energy(a) == energy(b)
}

fn neighbours_do_not_matter(simulator: &Simulator, scene: fn(u64) -> Scene) {
    let lanes = simulator.info().lanes as u64;
    let scenes: Vec<Scene> = (0..lanes).map(scene).collect();
    let together = simulator.run(&scenes);
    // alone, in another lane, and beside copies of itself
    for index in [0_usize, 1, 4] {
        let expected = together[index].as_ref().unwrap();
        let alone = simulator.run(&scenes[index..=index]).remove(0).unwrap();
        assert!(
            same_bits(expected, &alone),
            "lane {index} differs from a single run"
        );
        let moved = simulator
            .run(&[scene(7), scene(6), scene(index as u64)])
            .remove(2)
            .unwrap();
        assert!(
            same_bits(expected, &moved),
            "lane {index} depends on its place"
        );
        let copies = simulator
            .run(&vec![scene(index as u64); 5])
            .remove(3)
            .unwrap();
        assert!(
            same_bits(expected, &copies),
            "lane {index} depends on equal neighbours"
        );
    }
}

#[test]
fn lanes_are_bitwise_independent() {
    neighbours_do_not_matter(
        &demo(Precision::F64, Integrator::CentralDifference, 4, 0.4),
        scene,
    );
    neighbours_do_not_matter(
        &demo(Precision::F32, Integrator::CentralDifference, 4, 0.4),
        scene,
    );
}

#[test]
fn lanes_are_bitwise_independent_in_the_modified_equation() {
    let undamped = |index| Scene {
        damping: 0.0,
        ..scene(index)
    };
    for precision in [Precision::F64, Precision::F32] {
        let simulator = demo(precision, Integrator::ModifiedEquation, 4, 0.4);
        neighbours_do_not_matter(&simulator, undamped);
    }
}

#[test]
fn threads_do_not_matter() {
    // meshes large enough for blocks, and rows of several bundles, straight and distorted
    let quadrilaterals = Element::GllQuad { order: 2 };
    for (element, cells, distortion, precision) in [
        (quadrilaterals, 70, 0.2, Precision::F64),
        (quadrilaterals, 70, 0.0, Precision::F64),
        (quadrilaterals, 70, 0.2, Precision::F32),
        (quadrilaterals, 70, 0.0, Precision::F32),
        (Element::P1Triangle, 100, 0.2, Precision::F64),
    ] {
        let simulator = || {
            let time = TimeSettings {
                duration: 0.05,
                snapshots: 3,
                max_speed: 1.3,
                ..TimeSettings::default()
            };
            let boundary = BoundaryConditions::all(BoundaryKind::Absorbing);
            let space = unit_square(element, cells, distortion, 5);
            Simulator::new(space, boundary, time, observers(), precision).unwrap()
        };
        let alone = simulator().run(&[scene(1)]).remove(0).unwrap();
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let shared = simulator().on_all_threads();
            let shared = pool.install(|| shared.run(&[scene(1)])).remove(0).unwrap();
            assert!(
                same_bits(&alone, &shared),
                "{element:?} {distortion} {precision:?} on {threads} threads"
            );
        }
        let beside = simulator().run(&[scene(0), scene(1)]).remove(1).unwrap();
        assert!(
            same_bits(&alone, &beside),
            "{element:?} {distortion} {precision:?} side by side"
        );
    }
}

#[test]
fn lanes_are_bitwise_independent_in_newmark() {
    let newmark = Integrator::Newmark {
        beta: 0.25,
        gamma: 0.5,
    };
    neighbours_do_not_matter(&demo(Precision::F64, newmark, 16, 0.4), scene);
    neighbours_do_not_matter(&demo(Precision::F32, newmark, 16, 0.4), scene);
}

#[test]
fn lanes_are_bitwise_independent_beside_absorbing_layers() {
    let layer = BoundaryKind::Pml {
        thickness: 0.5,
        reflection: 1e-6,
    };
    let boundary = BoundaryConditions {
        default: layer,
        groups: [("top".to_owned(), BoundaryKind::Impedance { ratio: 0.5 })].into(),
    };
    for precision in [Precision::F64, Precision::F32] {
        for (element, cells) in [
            (Element::GllQuad { order: 4 }, 4),
            (Element::P1Triangle, 10),
            (Element::Q1Quad, 10),
        ] {
            let time = TimeSettings {
                duration: 0.8,
                snapshots: 41,
                max_speed: 1.3,
                ..TimeSettings::default()
            };
            let space = unit_square(element, cells, 0.2, 0);
            let simulator =
                Simulator::new(space, boundary.clone(), time, observers(), precision).unwrap();
            neighbours_do_not_matter(&simulator, scene);
        }
    }
}

#[test]
fn lanes_are_bitwise_independent_beside_prescribed_sides() {
    let driven = |index: u64| {
        let values = (0..21)
            .map(|n| (0.3 * n as f64 + index as f64).sin())
            .collect();
        let history = BoundaryHistory::uniform(0.02, values).unwrap();
        Scene {
            prescribed: vec![Prescribed {
                group: "left".to_owned(),
                history: Arc::new(history),
            }],
            ..scene(index)
        }
    };
    let boundary = BoundaryConditions {
        default: BoundaryKind::Absorbing,
        groups: [("left".to_owned(), BoundaryKind::Prescribed)].into(),
    };
    let newmark = Integrator::Newmark {
        beta: 0.25,
        gamma: 0.5,
    };
    for precision in [Precision::F64, Precision::F32] {
        for (element, integrator) in [
            (Element::GllQuad { order: 4 }, Integrator::CentralDifference),
            (Element::P1Triangle, Integrator::CentralDifference),
            (Element::Q1Quad, newmark),
        ] {
            let time = TimeSettings {
                duration: 0.4,
                snapshots: 5,
                integrator,
                step: TimeStep::Fixed(0.004),
                max_speed: 1.3,
                ..TimeSettings::default()
            };
            let space = unit_square(element, 8, 0.2, 0);
            let simulator =
                Simulator::new(space, boundary.clone(), time, observers(), precision).unwrap();
            neighbours_do_not_matter(&simulator, driven);
        }
    }
}

#[test]
fn f32_stays_within_1e_4_of_f64_over_a_demo_length_run() {
    let scenes: Vec<Scene> = (0..8).map(scene).collect();
    let exact = demo(Precision::F64, Integrator::CentralDifference, 16, 1.6).run(&scenes);
    let single = demo(Precision::F32, Integrator::CentralDifference, 16, 1.6).run(&scenes);
    let mut worst = 0.0_f64;
    for (a, b) in exact.iter().zip(&single) {
        let (a, b) = (
            &a.as_ref().unwrap().snapshots,
            &b.as_ref().unwrap().snapshots,
        );
        let error: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum();
        let norm: f64 = a.iter().map(|a| f64::from(*a).powi(2)).sum();
        worst = worst.max((error / norm).sqrt());
    }
    println!("relative difference {worst:.1e}");
    assert!(worst > 0.0 && worst < 1e-4, "{worst:e}");
}

#[test]
fn progress_counts_the_snapshots() {
    let simulator = demo(Precision::F64, Integrator::CentralDifference, 4, 0.4);
    let mut seen = Vec::new();
    let results = simulator.run_with_progress(&[scene(0)], &mut |done| seen.push(done));
    assert!(results[0].is_ok());
    assert_eq!(seen, (1..=41).collect::<Vec<_>>());
}

#[test]
fn a_lane_that_fails_leaves_the_others_as_they_are() {
    let simulator = demo(Precision::F64, Integrator::CentralDifference, 4, 0.4);
    let mut scenes: Vec<Scene> = (0..4).map(scene).collect();
    let expected = simulator.run(&scenes);
    // grows beyond what f32 recordings and f64 sums can hold
    scenes[1].initial = vec![Arc::new(Pulses::new(vec![
        Pulse::new([0.5, 0.5], 0.1, 1e300).unwrap(),
    ]))];
    scenes[2].sources = vec![Source {
        position: [1.5, 0.5],
        shape: SourceShape::Point,
        amplitude: 1.0,
        signal: Signal::ricker(4.0).unwrap(),
    }];
    let results = simulator.run(&scenes);
    for lane in [0, 3] {
        let (a, b) = (
            results[lane].as_ref().unwrap(),
            expected[lane].as_ref().unwrap(),
        );
        assert!(same_bits(a, b), "lane {lane}");
    }
    assert!(
        matches!(results[1], Err(SolverError::BlewUp { .. })),
        "{:?}",
        results[1]
    );
    let message = results[2].as_ref().unwrap_err().to_string();
    assert!(message.contains("source 0 at (1.5, 0.5)"), "{message}");
}
