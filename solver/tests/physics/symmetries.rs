//! What must not matter: the direction of travel, the order of adding, the lane, the way a medium is asked.

use super::*;

#[test]
fn source_and_receiver_may_be_exchanged() {
    let places = [[0.231, 0.347], [0.712, 0.654]];
    for (element, integrator) in [
        (Element::P1Triangle, Integrator::CentralDifference),
        (
            Element::Q1Quad,
            Integrator::Newmark {
                beta: 0.25,
                gamma: 0.5,
            },
        ),
        (Element::GllQuad { order: 3 }, Integrator::CentralDifference),
        (
            Element::GllQuad { order: 3 },
            Integrator::Newmark {
                beta: 0.25,
                gamma: 0.5,
            },
        ),
    ] {
        let case = Case {
            element,
            integrator,
            cells: [12, 12],
            distortion: 0.2,
            boundary: sides(
                BoundaryKind::Fixed,
                &[
                    ("left", BoundaryKind::Absorbing),
                    ("top", BoundaryKind::Free),
                ],
            ),
            max_speed: 1.3,
            duration: 1.5,
            receivers: places.to_vec(),
            ..Case::default()
        };
        let scenes = places.map(|place| Scene {
            damping: 0.5,
            sources: vec![ricker(place, 3.0, 1.0)],
            ..at_rest(smooth(11))
        });
        let recordings = case.run(&scenes);
        let (there, back) = (trace(&recordings[0], 1), trace(&recordings[1], 0));
        // exact for the discrete equations too; what remains is the rounding of recordings to f32
        let difference = deviation(&there, &back);
        assert!(
            difference < 1e-6,
            "{element:?} {integrator:?}: {difference}"
        );
    }
}

#[test]
fn solutions_add_up() {
    for precision in [Precision::F64, Precision::F32] {
        let case = Case {
            boundary: sides(BoundaryKind::Absorbing, &[("top", BoundaryKind::Fixed)]),
            max_speed: 1.3,
            snapshots: 6,
            grid: [17, 19],
            receivers: vec![[0.4, 0.3]],
            precision,
            ..Case::default()
        };
        let pulse = || Pulses::new(vec![Pulse::new([0.6, 0.5], 0.08, 0.02).unwrap()]);
        let source = || vec![ricker([0.31, 0.62], 4.0, 1.0)];
        let recordings = case.run(&[
            starting_with(smooth(2), pulse()),
            Scene {
                sources: source(),
                ..at_rest(smooth(2))
            },
            Scene {
                sources: source(),
                ..starting_with(smooth(2), pulse())
            },
        ]);
        let tolerance = match precision {
            Precision::F64 => 1e-6,
            Precision::F32 => 1e-4,
        };
        let sum = &recordings[0].snapshots + &recordings[1].snapshots;
        let both = &recordings[2].snapshots;
        let scale = largest(both.iter().map(|u| f64::from(*u)));
        let difference = largest((&sum - both).iter().map(|u| f64::from(*u))) / scale;
        assert!(difference < tolerance, "{precision:?}: {difference}");
        let sum: Vec<f64> = (trace(&recordings[0], 0).iter())
            .zip(trace(&recordings[1], 0))
            .map(|(a, b)| a + b)
            .collect();
        let difference = deviation(&sum, &trace(&recordings[2], 0));
        assert!(difference < tolerance, "{precision:?}: {difference}");
    }
}

/// A continuous medium that does not say so.
#[derive(Debug)]
struct Reticent(GaussianField);

impl Medium for Reticent {
    fn speed(&self, position: [f64; 2]) -> f64 {
        self.0.speed(position)
    }
    fn max_speed(&self) -> f64 {
        self.0.max_speed()
    }
    fn min_speed(&self) -> f64 {
        self.0.min_speed()
    }
}

#[test]
fn a_continuous_medium_may_be_evaluated_cell_by_cell() {
    for element in [Element::P1Triangle, Element::GllQuad { order: 3 }] {
        let case = Case {
            element,
            distortion: 0.2,
            boundary: sides(BoundaryKind::Absorbing, &[]),
            max_speed: 1.3,
            receivers: vec![[0.3, 0.6]],
            ..Case::default()
        };
        let pulse = || Pulses::new(vec![Pulse::new([0.5, 0.5], 0.1, 1.0).unwrap()]);
        let recordings = case.run(&[
            starting_with(smooth(4), pulse()),
            starting_with(Reticent(smooth(4)), pulse()),
        ]);
        let difference = deviation(&trace(&recordings[0], 0), &trace(&recordings[1], 0));
        assert!(difference < 1e-6, "{element:?}: {difference}");
    }
}

#[test]
fn a_scene_gives_the_same_bits_in_every_lane() {
    for precision in [Precision::F64, Precision::F32] {
        for integrator in [
            Integrator::CentralDifference,
            Integrator::Newmark {
                beta: 0.25,
                gamma: 0.5,
            },
        ] {
            let case = Case {
                cells: [6, 6],
                boundary: sides(BoundaryKind::Fixed, &[("left", BoundaryKind::Absorbing)]),
                max_speed: 1.3,
                duration: 0.5,
                snapshots: 3,
                grid: [9, 9],
                receivers: vec![[0.3, 0.3]],
                integrator,
                precision,
                ..Case::default()
            };
            let scene = |seed: u64| Scene {
                damping: 0.1 * seed as f64,
                sources: vec![ricker([0.4, 0.1 * seed as f64], 4.0, 1.0)],
                ..starting_with(
                    smooth(seed),
                    PlaneWave::new(Profile::Ricker, FRAC_PI_2, [0.5, 0.5], 0.1, 1.0).unwrap(),
                )
            };
            let simulator = case.simulator();
            let run = |scenes: &[Scene]| -> Vec<Recording> {
                let recordings = simulator.run(scenes).into_iter();
                recordings.map(|recording| recording.unwrap()).collect()
            };
            let alone = run(&[scene(1)]).remove(0);
            let lanes = simulator.info().lanes;
            for lane in [0, 1, lanes - 1] {
                let mut scenes: Vec<_> = (0..lanes).map(|n| scene(2 + n as u64 % 5)).collect();
                scenes[lane] = scene(1);
                let beside = run(&scenes).remove(lane);
                assert_eq!(
                    alone.snapshots, beside.snapshots,
                    "{precision:?} {integrator:?}"
                );
                assert_eq!(
                    alone.receivers, beside.receivers,
                    "{precision:?} {integrator:?}"
                );
                assert_eq!(alone.energy, beside.energy, "{precision:?} {integrator:?}");
            }
        }
    }
}
