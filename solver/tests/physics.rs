//! The physics of whole runs: reciprocity, interfaces, boundaries, damping, superposition, Green's function, refinement.
//!
//! Every test compares with an exact property of the wave equation `u_tt/c² + (α/c²) u_t − Δu = f`, none with stored
//! numbers.

use std::collections::BTreeMap;
use std::f64::consts::{FRAC_PI_2, PI, TAU};
use std::sync::Arc;

use fewave_solver::initial::{End, PlaneWave, Profile, Pulse, Pulses, StandingMode};
use fewave_solver::medium::{Axis, GaussianField, Layers, Uniform};
use fewave_solver::source::Signal;
use fewave_solver::*;

/// A rectangle with everything that a test may change.
struct Case {
    size: [f64; 2],
    cells: [usize; 2],
    element: Element,
    distortion: f64,
    boundary: BoundaryConditions,
    duration: f64,
    snapshots: usize,
    integrator: Integrator,
    courant: f64,
    max_speed: f64,
    precision: Precision,
    grid: [usize; 2],
    receivers: Vec<[f64; 2]>,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            size: [1.0, 1.0],
            cells: [8, 8],
            element: Element::GllQuad { order: 4 },
            distortion: 0.0,
            boundary: sides(BoundaryKind::Free, &[]),
            duration: 1.0,
            snapshots: 2,
            integrator: Integrator::CentralDifference,
            courant: 0.9,
            max_speed: 1.0,
            precision: Precision::F64,
            grid: [3, 3],
            receivers: Vec::new(),
        }
    }
}

impl Case {
    fn simulator(&self) -> Simulator {
        let shape = match self.element {
            Element::P1Triangle => CellShape::Triangle,
            _ => CellShape::Quadrilateral,
        };
        let mesh = Rectangle {
            origin: [0.0, 0.0],
            size: self.size,
            cells: self.cells,
            shape,
            distortion: self.distortion,
            seed: 5,
        };
        let space = Space::new(mesh.build().unwrap(), self.element).unwrap();
        let time = TimeSettings {
            duration: self.duration,
            snapshots: self.snapshots,
            integrator: self.integrator,
            step: TimeStep::Auto,
            courant: self.courant,
            max_speed: self.max_speed,
            max_frequency: None,
        };
        let observers = Observers {
            grid: self.grid,
            receivers: self.receivers.clone(),
            receiver_every: 1,
        };
        Simulator::new(
            space,
            self.boundary.clone(),
            time,
            observers,
            self.precision,
        )
        .unwrap()
    }

    /// The recordings of `scenes`, side by side.
    fn run(&self, scenes: &[Scene]) -> Vec<Recording> {
        let recordings = self.simulator().run(scenes).into_iter();
        recordings.map(|recording| recording.unwrap()).collect()
    }
}

fn sides(default: BoundaryKind, others: &[(&str, BoundaryKind)]) -> BoundaryConditions {
    let groups: BTreeMap<_, _> = others
        .iter()
        .map(|(name, kind)| (name.to_string(), *kind))
        .collect();
    BoundaryConditions { default, groups }
}

fn at_rest(medium: impl Medium + 'static) -> Scene {
    Scene {
        medium: Arc::new(medium),
        damping: 0.0,
        initial: Vec::new(),
        sources: Vec::new(),
    }
}

fn starting_with(medium: impl Medium + 'static, initial: impl InitialState + 'static) -> Scene {
    Scene {
        initial: vec![Arc::new(initial)],
        ..at_rest(medium)
    }
}

fn ricker(position: [f64; 2], frequency: f64, amplitude: f64) -> PointSource {
    PointSource {
        position,
        amplitude,
        signal: Signal::ricker(frequency).unwrap(),
    }
}

fn smooth(seed: u64) -> GaussianField {
    GaussianField::new([0.7, 1.3], 0.2, seed).unwrap()
}

fn trace(recording: &Recording, receiver: usize) -> Vec<f64> {
    let row = recording.receivers.row(receiver);
    row.iter().map(|u| f64::from(*u)).collect()
}

fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(0.0, |peak, u| peak.max(u.abs()))
}

/// Largest difference over largest value of the second.
fn deviation(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    largest(found.iter().zip(expected).map(|(a, b)| a - b)) / largest(expected.iter().copied())
}

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
fn an_interface_reflects_and_transmits_as_it_should() {
    for element in [
        Element::P1Triangle,
        Element::Q1Quad,
        Element::GllQuad { order: 4 },
    ] {
        for (c1, c2) in [(1.0, 2.0), (2.0, 1.0), (1.0, 1.25)] {
            let per_metre = match element {
                Element::GllQuad { .. } => 12,
                _ => 60,
            };
            let case = Case {
                size: [4.0, 1.0 / 12.0],
                cells: [4 * per_metre, per_metre / 12],
                element,
                boundary: sides(
                    BoundaryKind::Free,
                    &[
                        ("left", BoundaryKind::Absorbing),
                        ("right", BoundaryKind::Absorbing),
                    ],
                ),
                max_speed: 2.0,
                // from 1 m to the interface at 2 m and back to 1 m, and the pulse's tail
                duration: 2.4 / c1,
                receivers: vec![[1.0, 0.04], [2.5, 0.04]],
                ..Case::default()
            };
            let medium = Layers::new(Axis::X, vec![2.0], vec![c1, c2], 0.0).unwrap();
            let wave = PlaneWave::new(Profile::Gaussian, 0.0, [1.0, 0.0], 0.12, 1.0).unwrap();
            let recordings = case.run(&[starting_with(medium, wave)]);

            let (back, onward) = (trace(&recordings[0], 0), trace(&recordings[0], 1));
            let signed_peak = |values: &[f64]| {
                let far = |a: &f64, b: &f64| a.abs().total_cmp(&b.abs());
                values.iter().copied().max_by(far).unwrap()
            };
            // the incident pulse has left the first receiver at half time
            let reflected = signed_peak(&back[back.len() / 2..]);
            let transmitted = signed_peak(&onward);
            let coefficient = (c2 - c1) / (c2 + c1);
            assert!(
                (reflected / coefficient - 1.0).abs() < 0.02,
                "{element:?} {c1} {c2}: reflected {reflected}, expected {coefficient}"
            );
            assert!(
                (transmitted / (1.0 + coefficient) - 1.0).abs() < 0.02,
                "{element:?} {c1} {c2}: transmitted {transmitted}, expected {}",
                1.0 + coefficient
            );
        }
    }
}

#[test]
fn an_interface_along_cells_costs_no_order() {
    let (c1, c2, width, duration) = (1.0, 2.0, 0.15, 1.2);
    let error = |element: Element, integrator: Integrator, per_metre: usize| {
        let case = Case {
            size: [4.0, 1.0 / per_metre as f64],
            cells: [4 * per_metre, 1],
            element,
            integrator,
            max_speed: 2.0,
            courant: 0.1,
            duration,
            grid: [401, 2],
            ..Case::default()
        };
        let medium = Layers::new(Axis::X, vec![2.0], vec![c1, c2], 0.0).unwrap();
        let wave = PlaneWave::new(Profile::Gaussian, 0.0, [1.0, 0.0], width, 1.0).unwrap();
        let recording = case.run(&[starting_with(medium, wave)]).remove(0);
        // the pulse as it comes, its image at the interface, and what has passed
        let pulse = |x: f64| wave.displacement([x, 0.0]);
        let coefficient = (c2 - c1) / (c2 + c1);
        let exact = |x: f64| {
            if x < 2.0 {
                pulse(x - c1 * duration) + coefficient * pulse(4.0 - x - c1 * duration)
            } else {
                (1.0 + coefficient) * pulse(2.0 + (x - 2.0) * c1 / c2 - c1 * duration)
            }
        };
        let errors = (0..401).map(|i| {
            let x = 0.01 * f64::from(i);
            f64::from(recording.snapshots[[1, i as usize, 0]]) - exact(x)
        });
        (errors.map(|e| e * e).sum::<f64>() / 401.0).sqrt()
    };
    let newmark = Integrator::Newmark {
        beta: 0.25,
        gamma: 0.5,
    };
    for integrator in [Integrator::CentralDifference, newmark] {
        for element in [Element::P1Triangle, Element::Q1Quad] {
            let slope = (error(element, integrator, 40) / error(element, integrator, 80)).log2();
            assert!(
                (slope - 2.0).abs() < 0.2,
                "{element:?} {integrator:?}: {slope}"
            );
        }
    }
    let spectral = Element::GllQuad { order: 4 };
    let explicit = Integrator::CentralDifference;
    let (coarse, fine) = (error(spectral, explicit, 5), error(spectral, explicit, 10));
    assert!((coarse / fine).log2() > 4.8, "{coarse} {fine}");
}

#[test]
fn boundaries_absorb_or_reflect_with_the_right_sign() {
    let newmark = Integrator::Newmark {
        beta: 0.25,
        gamma: 0.5,
    };
    for (element, cells, integrator) in [
        (Element::P1Triangle, [120, 4], Integrator::CentralDifference),
        (Element::Q1Quad, [120, 4], newmark),
        (Element::GllQuad { order: 4 }, [30, 1], newmark),
        (
            Element::GllQuad { order: 4 },
            [30, 1],
            Integrator::CentralDifference,
        ),
    ] {
        for (kind, expected) in [
            (BoundaryKind::Absorbing, 0.0),
            (BoundaryKind::Free, 1.0),
            (BoundaryKind::Fixed, -1.0),
        ] {
            let case = Case {
                size: [2.0, 2.0 / 30.0],
                cells,
                element,
                integrator,
                boundary: sides(BoundaryKind::Free, &[("right", kind)]),
                max_speed: 1.5,
                duration: 2.0 / 1.5,
                receivers: vec![[1.0, 0.03]],
                ..Case::default()
            };
            // c = 1.5 m/s: there and back, 2 m in 4/3 s, centred on the receiver again at the end
            let wave = PlaneWave::new(Profile::Gaussian, 0.0, [1.0, 0.0], 0.1, 1.0).unwrap();
            let recordings = case.run(&[starting_with(Uniform::new(1.5).unwrap(), wave)]);
            let trace = trace(&recordings[0], 0);
            let back = trace[trace.len() - 1];
            assert!(
                (back - expected).abs() < 0.01,
                "{element:?} {integrator:?} {kind:?}: {back}"
            );
            let late = largest(trace[trace.len() / 2..].iter().copied());
            assert!(
                (late - expected.abs()).abs() < 0.01,
                "{element:?} {integrator:?} {kind:?}: {late}"
            );
        }
    }
}

#[test]
fn damping_takes_its_share_of_a_mode() {
    let (speed, damping) = (1.2, 1.5);
    for integrator in [
        Integrator::CentralDifference,
        Integrator::Newmark {
            beta: 0.25,
            gamma: 0.5,
        },
    ] {
        let mode =
            StandingMode::new([0.0; 2], [1.0; 2], [1, 2], [[End::Fixed; 2]; 2], 1.0).unwrap();
        let receiver = [0.3, 0.2];
        let case = Case {
            boundary: sides(BoundaryKind::Fixed, &[]),
            integrator,
            duration: 3.0,
            max_speed: speed,
            courant: 0.5,
            receivers: vec![receiver],
            ..Case::default()
        };
        let simulator = case.simulator();
        let scene = Scene {
            damping,
            ..starting_with(Uniform::new(speed).unwrap(), mode)
        };
        let recording = simulator.run(&[scene]).remove(0).unwrap();
        let found = trace(&recording, 0);
        // u_tt + α u_t + ω² u = 0 from rest
        let omega = (TAU * mode.frequency(speed)).powi(2) - (0.5 * damping).powi(2);
        let omega = omega.sqrt();
        let exact: Vec<f64> = (simulator.info().receiver_times.iter())
            .map(|t| {
                let (sin, cos) = (omega * t).sin_cos();
                let decay = (-0.5 * damping * t).exp();
                mode.displacement(receiver) * decay * (cos + 0.5 * damping / omega * sin)
            })
            .collect();
        let difference = deviation(&found, &exact);
        assert!(difference < 2e-3, "{integrator:?}: {difference}");
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

/// In the plane, `u(r, t) = (1/2π) ∫ s(t − (r/c) cosh θ) dθ` over θ ≥ 0 for `u_tt/c² − Δu = s(t) δ(x)`.
fn plane_response(signal: &Signal, distance: f64, speed: f64, time: f64) -> f64 {
    let step = 1e-3;
    let value = |n: i32| signal.value(time - distance / speed * (step * f64::from(n)).cosh());
    let sum: f64 = (1..6000).map(value).sum();
    (0.5 * value(0) + sum) * step / TAU
}

#[test]
fn a_point_source_radiates_green_s_function() {
    let (speed, amplitude, source) = (2.0, 3.0, [1.013, 0.987]);
    let receivers = vec![[1.513, 0.987], [0.7, 0.6]];
    let case = Case {
        size: [2.0, 2.0],
        cells: [24, 24],
        // the fronts come back from the boundary after 0.7 s at the earliest
        duration: 0.7,
        max_speed: speed,
        courant: 0.4,
        receivers: receivers.clone(),
        ..Case::default()
    };
    let simulator = case.simulator();
    let signal = Signal::ricker(5.0).unwrap();
    let scene = Scene {
        sources: vec![PointSource {
            position: source,
            amplitude,
            signal: signal.clone(),
        }],
        ..at_rest(Uniform::new(speed).unwrap())
    };
    let recording = simulator.run(&[scene]).remove(0).unwrap();
    for (index, receiver) in receivers.iter().enumerate() {
        let distance = (receiver[0] - source[0]).hypot(receiver[1] - source[1]);
        let exact: Vec<f64> = (simulator.info().receiver_times.iter())
            .map(|t| amplitude * plane_response(&signal, distance, speed, *t))
            .collect();
        let difference = deviation(&trace(&recording, index), &exact);
        assert!(difference < 0.01, "receiver {index}: {difference}");
    }
}

#[test]
fn refinement_solves_the_same_random_problem() {
    let snapshots = |cells: usize, distortion: f64| {
        let case = Case {
            cells: [cells, cells],
            distortion,
            boundary: sides(BoundaryKind::Fixed, &[]),
            max_speed: 1.3,
            snapshots: 9,
            grid: [33, 33],
            ..Case::default()
        };
        let pulse = Pulse::new([0.45, 0.55], 0.08, 1.0).unwrap();
        let scene = starting_with(smooth(3), Pulses::new(vec![pulse]));
        let snapshots = case.run(&[scene]).remove(0).snapshots;
        snapshots.mapv(f64::from)
    };
    let reference = snapshots(32, 0.0);
    let norm = reference.mapv(|u| u * u).sum().sqrt();
    let error =
        |found: ndarray::Array3<f64>| (found - &reference).mapv(|u| u * u).sum().sqrt() / norm;
    let (coarse, fine) = (error(snapshots(8, 0.0)), error(snapshots(16, 0.0)));
    // second order in dt, against a reference that shares a quarter of the finer run's error: 5
    assert!(coarse / fine > 4.0, "{coarse} {fine}");
    assert!(fine < 5e-3, "{fine}");
    // another mesh of the same fineness is as close: the problem does not know the mesh
    let distorted = error(snapshots(16, 0.2));
    assert!(distorted < 3.0 * fine, "{distorted} {fine}");
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

#[test]
fn a_plane_wave_keeps_its_shape_and_speed() {
    // obliquely through an open square: what was at x is at x + c t n
    let (speed, direction) = (1.1, 0.4);
    let wave = PlaneWave::new(Profile::Ricker, direction, [1.0, 1.0], 0.12, 1.0).unwrap();
    let case = Case {
        size: [2.0, 2.0],
        cells: [20, 20],
        max_speed: speed,
        duration: 0.4,
        courant: 0.5,
        receivers: vec![[1.1, 1.05]],
        ..Case::default()
    };
    let simulator = case.simulator();
    let scene = starting_with(Uniform::new(speed).unwrap(), wave);
    let recording = simulator.run(&[scene]).remove(0).unwrap();
    let (sin, cos) = f64::sin_cos(direction);
    let exact: Vec<f64> = (simulator.info().receiver_times.iter())
        .map(|t| wave.displacement([1.1 - speed * t * cos, 1.05 - speed * t * sin]))
        .collect();
    let difference = deviation(&trace(&recording, 0), &exact);
    assert!(difference < 2e-3, "{difference}");
}

#[test]
fn a_mode_returns_after_its_period() {
    let ends = [[End::Fixed, End::Free], [End::Free, End::Free]];
    let mode = StandingMode::new([0.0; 2], [1.0; 2], [2, 1], ends, 1.0).unwrap();
    let period = 1.0 / mode.frequency(1.0);
    let case = Case {
        boundary: sides(BoundaryKind::Free, &[("left", BoundaryKind::Fixed)]),
        duration: period,
        snapshots: 3,
        courant: 0.2,
        grid: [21, 21],
        ..Case::default()
    };
    let recording = case
        .run(&[starting_with(Uniform::new(1.0).unwrap(), mode)])
        .remove(0);
    for (index, sign) in [(0, 1.0), (1, -1.0), (2, 1.0)] {
        for ((i, j), u) in recording
            .snapshots
            .index_axis(ndarray::Axis(0), index)
            .indexed_iter()
        {
            let exact = sign * mode.displacement([i as f64 / 20.0, j as f64 / 20.0]);
            assert!(
                (f64::from(*u) - exact).abs() < 1e-3,
                "{index} {i} {j}: {u} {exact}"
            );
        }
    }
    // ω = 2π f of the mode (3/2, 1)
    assert!((TAU / period - PI * 1.5_f64.hypot(1.0)).abs() < 1e-12);
}
