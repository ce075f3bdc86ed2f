//! What comes back from boundaries that absorb.

use super::*;
use crate::reflection::{Reflection, ReflectionCase};

const ORDER_4: Element = Element::GllQuad { order: 4 };

const NEWMARK: Integrator = Integrator::Newmark {
    beta: 0.25,
    gamma: 0.5,
};

fn pml(thickness: f64) -> BoundaryKind {
    BoundaryKind::Pml {
        thickness,
        reflection: 1e-7,
    }
}

/// From 0° to 60° to the normal.
fn measure(case: ReflectionCase) -> Vec<Reflection> {
    let angles = [0.0_f64, 15.0, 30.0, 45.0, 60.0].map(f64::to_radians);
    case.measure(&angles).unwrap()
}

#[test]
fn layers_return_less_than_a_thousandth_up_to_60_degrees() {
    for (element, cells_per_wavelength, precision) in [
        (ORDER_4, 4, Precision::F64),
        (ORDER_4, 4, Precision::F32),
        (Element::GllQuad { order: 2 }, 9, Precision::F64),
        (Element::GllQuad { order: 7 }, 2, Precision::F64),
        (Element::P2BubbleTriangle, 12, Precision::F64),
        (Element::Q1Quad, 20, Precision::F64),
    ] {
        let found = measure(ReflectionCase {
            kind: pml(1.0),
            element,
            cells_per_wavelength,
            precision,
            ..ReflectionCase::default()
        });
        let peaks: Vec<f64> = found.iter().map(|r| r.peak).collect();
        println!("{element:?} {precision:?}: {peaks:?}");
        assert!(
            peaks.iter().all(|peak| *peak <= 1e-3),
            "{element:?}: {peaks:?}"
        );
    }
    // linear triangles disperse along their diagonals: twice the thickness
    let found = measure(ReflectionCase {
        kind: pml(2.0),
        element: Element::P1Triangle,
        cells_per_wavelength: 16,
        ..ReflectionCase::default()
    });
    let peaks: Vec<f64> = found.iter().map(|r| r.peak).collect();
    println!("P1 {peaks:?}");
    assert!(peaks.iter().all(|peak| *peak <= 1e-3), "{peaks:?}");
}

#[test]
fn impedance_reflects_by_the_cosine_law() {
    for integrator in [Integrator::CentralDifference, NEWMARK] {
        for (kind, ratio) in [
            (BoundaryKind::Absorbing, 1.0),
            (BoundaryKind::Impedance { ratio: 0.0 }, 0.0),
            (BoundaryKind::Impedance { ratio: 0.5 }, 0.5),
            (BoundaryKind::Impedance { ratio: 2.0 }, 2.0),
        ] {
            let explicit = integrator == Integrator::CentralDifference;
            let found = measure(ReflectionCase {
                kind,
                integrator,
                // the law is that of plane waves
                distance: if explicit { 4.0 } else { 2.0 },
                cells_per_wavelength: if explicit { 3 } else { 2 },
                ..ReflectionCase::default()
            });
            for Reflection {
                angle, coefficient, ..
            } in found
            {
                let expected = (angle.cos() - ratio) / (angle.cos() + ratio);
                assert!(
                    (coefficient - expected).abs() < 0.015,
                    "{kind:?} {integrator:?} {angle}: {coefficient}, expected {expected}"
                );
            }
        }
    }
}

/// A square with layers all around, two of its trajectories and as many lanes as fit.
fn surrounded(element: Element, cells: usize, precision: Precision, duration: f64) -> Case {
    Case {
        cells: [cells; 2],
        element,
        distortion: 0.2,
        boundary: BoundaryConditions::all(pml(0.25)),
        duration,
        snapshots: 101,
        max_speed: 1.3,
        precision,
        grid: [21, 21],
        receivers: vec![[0.9, 0.8]],
        ..Case::default()
    }
}

fn pulse_in(seed: u64, damping: f64, width: f64) -> Scene {
    let pulse = Pulse::new([0.45, 0.6], width, 1.0).unwrap();
    let place = [0.3, 0.3 + 0.02 * seed as f64];
    Scene {
        damping,
        sources: vec![ricker(place, 0.18 / width, 1.0)],
        ..starting_with(smooth(seed), Pulses::new(vec![pulse]))
    }
}

#[test]
fn nothing_grows_over_twenty_crossings_in_any_lane() {
    for (element, cells, precision) in [
        (ORDER_4, 8, Precision::F64),
        (ORDER_4, 8, Precision::F32),
        (Element::GllQuad { order: 8 }, 4, Precision::F64),
        (Element::P2BubbleTriangle, 16, Precision::F64),
        (Element::Q1Quad, 32, Precision::F64),
        (Element::P1Triangle, 32, Precision::F64),
    ] {
        // at the limit itself
        let case = Case {
            courant: 1.0,
            ..surrounded(element, cells, precision, 20.0)
        };
        // as short as the mesh carries
        let width = if element.order() > 1 { 0.06 } else { 0.12 };
        let scenes: Vec<Scene> = (0..4).map(|i| pulse_in(i, 0.1 * i as f64, width)).collect();
        for recording in case.run(&scenes) {
            let energy = &recording.energy;
            let peak = energy.iter().copied().fold(0.0, f64::max);
            // the sources have stopped after a tenth of the run, 2 s
            let late = &energy[10..];
            for (i, pair) in late.windows(2).enumerate() {
                let floor = match precision {
                    Precision::F64 => 1e-14,
                    Precision::F32 => 1e-10,
                } * peak;
                assert!(
                    pair[1] <= 1.05 * pair[0] + floor,
                    "{element:?} {precision:?} snapshot {}: {pair:?}",
                    i + 10
                );
            }
            let left = energy[100] / peak;
            println!("{element:?} {precision:?}: {left:.1e} of the energy left");
            // in the plane, displacement itself falls no faster than 1/t²; triangles hold back waves of the size of their
            // cells, which a smooth pulse of 4 cells excites a little
            let tolerance = match element {
                Element::P1Triangle | Element::P2BubbleTriangle => 5e-3,
                _ => 1e-5,
            };
            assert!(left < tolerance, "{element:?} {precision:?}: {left:e}");
        }
    }
}

#[test]
fn corners_and_media_let_waves_out_as_a_larger_domain_does() {
    // the same pulse in the middle of a domain so large that nothing comes back, in a medium that varies along the sides
    let medium = || Layers::new(Axis::Y, vec![1.5], vec![1.0, 1.3], 0.0).unwrap();
    let scene = |damping: f64| Scene {
        damping,
        ..starting_with(
            medium(),
            Pulses::new(vec![Pulse::new([1.5, 1.6], 0.08, 1.0).unwrap()]),
        )
    };
    for damping in [0.0, 1.0] {
        let run = |cells: usize, size: f64, origin: f64, kind: BoundaryKind| {
            let mesh = Rectangle {
                origin: [origin; 2],
                size: [size; 2],
                cells: [cells; 2],
                ..Rectangle::default()
            };
            let space = Space::new(mesh.build().unwrap(), ORDER_4).unwrap();
            let time = TimeSettings {
                duration: 2.0,
                snapshots: 21,
                step: TimeStep::Fixed(0.005),
                max_speed: 1.3,
                ..TimeSettings::default()
            };
            let line = (0..=10).map(|i| 1.0 + 0.1 * f64::from(i));
            let observers = Observers {
                grid: [3, 3],
                // the corners and everything else along two sides, and inside
                receivers: line.flat_map(|s| [[s, 1.0], [2.0, s], [s, s]]).collect(),
                receiver_every: 4,
                ..Observers::default()
            };
            let boundary = BoundaryConditions::all(kind);
            Simulator::new(space, boundary, time, observers, Precision::F64)
                .unwrap()
                .run(&[scene(damping)])
                .remove(0)
                .unwrap()
        };
        let open = run(48, 4.0, -0.5, BoundaryKind::Free);
        let found = run(12, 1.0, 1.0, pml(0.5));
        let difference = found
            .receivers
            .iter()
            .zip(&open.receivers)
            .map(|(a, b)| f64::from(a - b));
        let error = largest(difference) / largest(open.receivers.iter().map(|u| f64::from(*u)));
        println!("damping {damping}: {error:.1e}");
        // one term of a damped medium is left out in the corners
        let tolerance = if damping > 0.0 { 2e-3 } else { 1e-3 };
        assert!(error < tolerance, "damping {damping}: {error:e}");
    }
}

#[test]
fn the_layer_is_invisible_and_says_how_large_it_is() {
    let case = surrounded(ORDER_4, 8, Precision::F64, 1.0);
    let simulator = case.simulator();
    let info = simulator.info();
    // 2 cells of order 4 on every side
    assert_eq!(info.dofs, 49 * 49);
    assert_eq!(info.layer_dofs, 49 * 49 - 33 * 33);
    assert_eq!((info.grid_x[0], info.grid_x[20]), (0.0, 1.0));
    let outside = Scene {
        sources: vec![ricker([1.1, 0.5], 3.0, 1.0)],
        ..at_rest(smooth(1))
    };
    let message = simulator.run(&[outside]).remove(0).unwrap_err().to_string();
    assert!(message.contains("source 0 at (1.1, 0.5)"), "{message}");
    let bare = Case {
        boundary: sides(BoundaryKind::Free, &[]),
        ..case
    };
    let bare = bare.simulator();
    assert!(bare.info().memory_bytes < info.memory_bytes);
    assert!(bare.info().group_memory_bytes < info.group_memory_bytes);
}

#[test]
fn absorbing_sides_run_on_along_a_layer() {
    // a wave that leaves through the corner of a layer and an absorbing side at normal incidence to the latter
    let run = |size: [f64; 2], right: BoundaryKind| {
        let case = Case {
            size,
            cells: [(8.0 * size[0]) as usize, (8.0 * size[1]) as usize],
            boundary: sides(BoundaryKind::Absorbing, &[("right", right)]),
            duration: 3.0,
            receivers: (0..=8).map(|i| [1.0, f64::from(i) / 8.0]).collect(),
            courant: 0.5,
            ..Case::default()
        };
        let pulse = Pulse::new([0.7, 0.5], 0.1, 1.0).unwrap();
        case.run(&[starting_with(
            Uniform::new(1.0).unwrap(),
            Pulses::new(vec![pulse]),
        )])
        .remove(0)
    };
    let open = run([4.0, 1.0], BoundaryKind::Absorbing);
    let found = run([1.0, 1.0], pml(1.0));
    for receiver in 0..9 {
        let (found, open) = (trace(&found, receiver), trace(&open, receiver));
        // both have steps of 3 s over a whole number
        assert_eq!(found.len(), open.len());
        let error = deviation(&found, &open);
        assert!(error < 2e-3, "receiver {receiver}: {error:e}");
    }
}

#[test]
fn layers_that_cannot_work_are_refused_with_a_remedy() {
    let attempt = |boundary: BoundaryConditions, integrator: Integrator| {
        let mesh = Rectangle {
            cells: [4, 4],
            ..Rectangle::default()
        };
        let space = Space::new(mesh.build().unwrap(), Element::Q1Quad).unwrap();
        let time = TimeSettings {
            integrator,
            ..TimeSettings::default()
        };
        let observers = Observers {
            grid: [3, 3],
            ..Observers::default()
        };
        Simulator::new(space, boundary, time, observers, Precision::F64)
    };
    let refusal = |kind: BoundaryKind, integrator: Integrator| {
        attempt(BoundaryConditions::all(kind), integrator)
            .unwrap_err()
            .to_string()
    };
    let explicit = Integrator::CentralDifference;
    let message = refusal(pml(0.5), NEWMARK);
    assert!(message.contains("central-difference"), "{message}");
    for thickness in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let message = refusal(pml(thickness), explicit);
        assert!(message.contains("pml thickness"), "{message}");
    }
    for reflection in [0.0, 1.0, f64::NAN] {
        let kind = BoundaryKind::Pml {
            thickness: 0.5,
            reflection,
        };
        let message = refusal(kind, explicit);
        assert!(message.contains("pml reflection"), "{message}");
    }
    for ratio in [-0.5, f64::NAN, f64::INFINITY] {
        let message = refusal(BoundaryKind::Impedance { ratio }, explicit);
        assert!(message.contains("impedance ratio"), "{message}");
    }
    let message = refusal(pml(1e12), explicit);
    assert!(message.contains("MiB"), "{message}");
    // one cell of a quarter of a metre
    let thin = attempt(BoundaryConditions::all(pml(0.25)), explicit).unwrap();
    let warnings = &thin.info().warnings;
    assert!(
        matches!(warnings[..], [Warning::ThinLayer { cells: 1, .. }]),
        "{warnings:?}"
    );
    let text = warnings[0].to_string();
    assert!(text.contains("pml.thickness = 0.5"), "{text}");
}
