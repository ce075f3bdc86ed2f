//! Time steps: safe, near the limit, refused above it; and every other input that must be refused.

use super::*;
use fewave_solver::initial::{Pulse, Pulses};
use fewave_solver::{InitialState, Integrator, Medium, SolverError, TimeStep, Warning};

/// A rough start that excites every mode of the mesh.
#[derive(Debug)]
struct Rough;

impl InitialState for Rough {
    fn displacement(&self, [x, y]: [f64; 2]) -> f64 {
        (1e4 * (x + 0.37 * y)).sin()
    }
    fn velocity(&self, _position: [f64; 2], _speed: f64) -> f64 {
        0.0
    }
}

/// A medium of one number, good or bad.
#[derive(Debug)]
struct Constant(f64);

impl Medium for Constant {
    fn speed(&self, _position: [f64; 2]) -> f64 {
        self.0
    }
    fn max_speed(&self) -> f64 {
        self.0
    }
    fn min_speed(&self) -> f64 {
        self.0
    }
}

fn attempt(
    element: Element,
    cells: usize,
    time: TimeSettings,
    observers: Observers,
) -> Result<Simulator, SolverError> {
    let boundary = BoundaryConditions::all(BoundaryKind::Free);
    let space = unit_square(element, cells, 0.2, 5);
    Simulator::new(space, boundary, time, observers, Precision::F64)
}

fn rough(speed: f64) -> Scene {
    Scene {
        medium: Arc::new(Constant(speed)),
        damping: 0.0,
        initial: vec![Arc::new(Rough)],
        sources: vec![],
        prescribed: vec![],
    }
}

#[test]
fn the_step_at_the_limit_stays_bounded_for_thousands_of_steps() {
    let (explicit, fourth) = (Integrator::CentralDifference, Integrator::ModifiedEquation);
    for (element, integrator) in [
        (Element::P1Triangle, explicit),
        (Element::Q1Quad, explicit),
        (Element::GllQuad { order: 4 }, explicit),
        (Element::P1Triangle, fourth),
        (Element::GllQuad { order: 4 }, fourth),
    ] {
        let settings = |duration, step| TimeSettings {
            duration,
            step,
            integrator,
            max_speed: 2.0,
            ..TimeSettings::default()
        };
        let limit = attempt(element, 4, settings(1.0, TimeStep::Auto), observers())
            .unwrap()
            .info()
            .stable_dt;
        let long = settings(5000.0 * limit, TimeStep::Fixed(limit));
        let simulator = attempt(element, 4, long, observers()).unwrap();
        assert!((simulator.info().dt / limit - 1.0).abs() < 1e-9);
        let recording = simulator.run(&[rough(2.0)]).remove(0).unwrap();
        let largest = recording
            .snapshots
            .iter()
            .fold(0.0_f32, |m, x| m.max(x.abs()));
        assert!(largest < 100.0, "{element:?}: {largest}");
        let change = recording.energy[1] / recording.energy[0] - 1.0;
        assert!(change.abs() < 1e-9, "{element:?}: {change}");
        let above = attempt(
            element,
            4,
            settings(1.0, TimeStep::Fixed(1.001 * limit)),
            observers(),
        );
        match above.unwrap_err() {
            SolverError::UnstableTimeStep { limit: named, .. } => assert_eq!(named, limit),
            other => panic!("{element:?}: {other}"),
        }
    }
}

#[test]
fn output_times_are_met_exactly_by_every_integrator() {
    let newmark = Integrator::Newmark {
        beta: 0.25,
        gamma: 0.5,
    };
    for integrator in [
        Integrator::CentralDifference,
        Integrator::ModifiedEquation,
        newmark,
    ] {
        for step in [TimeStep::Fixed(0.003), TimeStep::Auto] {
            let time = TimeSettings {
                duration: 1.7,
                snapshots: 8,
                step,
                integrator,
                ..TimeSettings::default()
            };
            let simulator = attempt(Element::Q1Quad, 4, time, observers()).unwrap();
            let info = simulator.info();
            assert!(step != TimeStep::Fixed(0.003) || info.dt <= 0.003);
            assert_eq!(info.steps, 7 * info.steps_per_snapshot);
            assert_eq!((info.snapshot_times[0], info.snapshot_times[7]), (0.0, 1.7));
            for (snapshot, time) in info.snapshot_times.iter().enumerate() {
                let reached = info.dt * (snapshot * info.steps_per_snapshot) as f64;
                assert!(
                    (reached - time).abs() < 1e-12
                        && (time - 1.7 * snapshot as f64 / 7.0).abs() < 1e-12
                );
            }
        }
    }
}

#[test]
fn coarse_steps_and_meshes_are_warned_of_with_a_remedy() {
    let time = TimeSettings {
        max_frequency: Some(3.0),
        ..TimeSettings::default()
    };
    let coarse = attempt(Element::Q1Quad, 4, time.clone(), observers()).unwrap();
    let warnings = &coarse.info().warnings;
    assert!(
        matches!(warnings[0], Warning::TimeDispersion { .. }),
        "{warnings:?}"
    );
    assert!(
        matches!(warnings[1], Warning::SpaceDispersion { .. }),
        "{warnings:?}"
    );
    assert!(
        warnings[0].to_string().contains("time.dt"),
        "{}",
        warnings[0]
    );
    let fine = attempt(Element::GllQuad { order: 6 }, 8, time, observers()).unwrap();
    assert_eq!(fine.info().warnings, []);
}

#[test]
fn bad_settings_are_refused_by_name() {
    let good = TimeSettings::default();
    let nan = f64::NAN;
    let newmark = |beta, gamma| Integrator::Newmark { beta, gamma };
    let bad: Vec<(TimeSettings, &str)> = vec![
        (
            TimeSettings {
                duration: 0.0,
                ..good.clone()
            },
            "duration",
        ),
        (
            TimeSettings {
                duration: nan,
                ..good.clone()
            },
            "duration",
        ),
        (
            TimeSettings {
                snapshots: 0,
                ..good.clone()
            },
            "snapshots",
        ),
        (
            TimeSettings {
                snapshots: 1,
                ..good.clone()
            },
            "snapshots",
        ),
        (
            TimeSettings {
                courant: 1.5,
                ..good.clone()
            },
            "courant",
        ),
        (
            TimeSettings {
                max_speed: -1.0,
                ..good.clone()
            },
            "maximum speed",
        ),
        (
            TimeSettings {
                max_speed: f64::INFINITY,
                ..good.clone()
            },
            "maximum speed",
        ),
        (
            TimeSettings {
                max_frequency: Some(nan),
                ..good.clone()
            },
            "frequency",
        ),
        (
            TimeSettings {
                step: TimeStep::Fixed(-0.1),
                ..good.clone()
            },
            "dt",
        ),
        (
            TimeSettings {
                step: TimeStep::Fixed(1e-12),
                ..good.clone()
            },
            "time steps",
        ),
        (
            TimeSettings {
                integrator: newmark(0.1, 0.5),
                ..good.clone()
            },
            "newmark",
        ),
        (
            TimeSettings {
                integrator: newmark(0.25, 0.4),
                ..good.clone()
            },
            "newmark",
        ),
        (
            TimeSettings {
                snapshots: usize::MAX,
                ..good.clone()
            },
            "time steps",
        ),
    ];
    for (time, named) in bad {
        let error = attempt(Element::Q1Quad, 2, time, observers()).unwrap_err();
        assert!(error.to_string().contains(named), "{named}: {error}");
    }
    let bad = [
        (
            Observers {
                grid: [1, 5],
                ..observers()
            },
            "grid",
        ),
        (
            Observers {
                grid: [1 << 40, 1 << 20],
                ..observers()
            },
            "MiB",
        ),
        (
            Observers {
                receiver_every: 0,
                ..observers()
            },
            "decimation",
        ),
        (
            Observers {
                receivers: vec![[0.5, 0.5], [0.5, 1.1]],
                ..observers()
            },
            "receiver 1 at (0.5, 1.1)",
        ),
    ];
    for (observers, named) in bad {
        let error = attempt(Element::Q1Quad, 2, good.clone(), observers).unwrap_err();
        assert!(error.to_string().contains(named), "{named}: {error}");
    }
}

#[test]
fn bad_scenes_are_refused_one_by_one() {
    let simulator = attempt(Element::Q1Quad, 2, TimeSettings::default(), observers()).unwrap();
    for speed in [0.0, -1.0, f64::NAN, f64::INFINITY, 1.001] {
        let results = simulator.run(&[rough(1.0), rough(speed), rough(0.5)]);
        assert!(results[0].is_ok() && results[2].is_ok());
        let message = results[1].as_ref().unwrap_err().to_string();
        assert!(
            message.contains(&format!("speed {speed} m/s at (")),
            "{message}"
        );
    }
    let damped = Scene {
        damping: -1.0,
        ..rough(1.0)
    };
    assert!(
        simulator
            .run(&[damped])
            .remove(0)
            .unwrap_err()
            .to_string()
            .contains("damping")
    );
    assert!(simulator.run(&[]).is_empty());
    let many = vec![rough(1.0); 9];
    let message = simulator.run(&many)[8].as_ref().unwrap_err().to_string();
    assert!(message.contains("at most 8"), "{message}");
}

#[test]
fn a_mesh_with_every_side_fixed_and_no_inner_node_stays_at_rest() {
    let newmark = Integrator::Newmark {
        beta: 0.25,
        gamma: 0.5,
    };
    for integrator in [Integrator::CentralDifference, newmark] {
        let time = TimeSettings {
            integrator,
            ..TimeSettings::default()
        };
        let space = unit_square(Element::Q1Quad, 1, 0.0, 0);
        let simulator = fixed_square(space, time, Precision::F64);
        let pulse = Pulses::new(vec![Pulse::new([0.5, 0.5], 0.1, 1.0).unwrap()]);
        let scene = Scene {
            initial: vec![Arc::new(pulse)],
            ..rough(1.0)
        };
        let recording = simulator.run(&[scene]).remove(0).unwrap();
        assert!(recording.snapshots.iter().all(|x| *x == 0.0));
    }
}
