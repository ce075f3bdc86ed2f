//! Displacement prescribed on sides: waves sent in, and sub-models driven by what a larger model recorded around them.

use super::*;
use ndarray::Array2;

const NEWMARK: Integrator = Integrator::Newmark {
    beta: 0.25,
    gamma: 0.5,
};

fn bump(t: f64) -> f64 {
    (-0.5 * ((t - 0.5) / 0.08).powi(2)).exp()
}

#[test]
fn a_driven_side_sends_its_signal_into_the_domain() {
    for (element, cells, integrator) in [
        (
            Element::GllQuad { order: 4 },
            [20, 1],
            Integrator::CentralDifference,
        ),
        (Element::GllQuad { order: 4 }, [20, 1], NEWMARK),
        (Element::Q1Quad, [160, 4], NEWMARK),
        (Element::P1Triangle, [160, 4], Integrator::CentralDifference),
    ] {
        let case = Case {
            size: [2.0, 0.1],
            cells,
            element,
            boundary: sides(
                BoundaryKind::Free,
                &[
                    ("left", BoundaryKind::Prescribed),
                    ("right", BoundaryKind::Absorbing),
                ],
            ),
            duration: 2.5,
            courant: 0.3,
            integrator,
            receivers: vec![[0.0, 0.05], [1.0, 0.05]],
            ..Case::default()
        };
        let values = (0..=250).map(|i| bump(0.01 * f64::from(i))).collect();
        let history = BoundaryHistory::uniform(0.01, values).unwrap();
        let scene = Scene {
            prescribed: vec![Prescribed {
                group: "left".to_owned(),
                history: Arc::new(history),
            }],
            ..at_rest(Uniform::new(1.0).unwrap())
        };
        let simulator = case.simulator();
        let times = simulator.info().receiver_times.clone();
        let recording = simulator.run(&[scene]).remove(0).unwrap();
        for (receiver, delay) in [(0, 0.0), (1, 1.0)] {
            let expected: Vec<f64> = times.iter().map(|t| bump(t - delay)).collect();
            let error = deviation(&trace(&recording, receiver), &expected);
            let tolerance = match (receiver, element) {
                (0, _) => 1e-4,
                (_, Element::GllQuad { .. }) => 0.01,
                _ => 0.03,
            };
            assert!(
                error < tolerance,
                "{element:?} {integrator:?} {receiver}: {error:e}"
            );
        }
    }
}

/// A run on a rectangle; the times and traces of its receivers.
fn run(
    [origin, size]: [[f64; 2]; 2],
    per_metre: f64,
    element: Element,
    integrator: Integrator,
    receivers: Vec<[f64; 2]>,
    prescribed: Vec<Prescribed>,
) -> (f64, Array2<f64>) {
    let mesh = Rectangle {
        origin,
        size,
        cells: size.map(|side| (side * per_metre).round() as usize),
        shape: element.shape(),
        ..Rectangle::default()
    };
    let driven = !prescribed.is_empty();
    let boundary = BoundaryConditions::all(if driven {
        BoundaryKind::Prescribed
    } else {
        BoundaryKind::Free
    });
    let time = TimeSettings {
        duration: 2.0,
        integrator,
        step: TimeStep::Fixed(0.004),
        max_speed: 1.3,
        ..TimeSettings::default()
    };
    let observers = Observers {
        grid: [3, 3],
        receivers,
        receiver_every: 2,
        ..Observers::default()
    };
    let space = Space::new(mesh.build().unwrap(), element).unwrap();
    let simulator = Simulator::new(space, boundary, time, observers, Precision::F64).unwrap();
    // the source lies outside of the sub-model, and so do the sides that send waves back
    let sources = if driven {
        vec![]
    } else {
        vec![ricker([0.4, 0.7], 2.0, 1.0)]
    };
    let scene = Scene {
        sources,
        prescribed,
        ..at_rest(smooth(4))
    };
    let recording = simulator.run(&[scene]).remove(0).unwrap();
    let interval = simulator.info().receiver_times[1];
    (interval, recording.receivers.mapv(f64::from))
}

#[test]
fn a_sub_model_repeats_what_the_whole_has_inside_of_it() {
    for (integrator, element, per_metre, tolerance) in [
        (
            Integrator::CentralDifference,
            Element::GllQuad { order: 4 },
            8.0,
            1e-3,
        ),
        (NEWMARK, Element::GllQuad { order: 2 }, 16.0, 5e-3),
        (NEWMARK, Element::Q1Quad, 32.0, 1e-2),
    ] {
        let whole = [[0.0, 0.0], [3.0, 2.0]];
        let part = [[1.0, 0.5], [1.0, 1.0]];
        // every 2.5 cm along the outline
        let outline: Vec<[f64; 2]> = (0..40)
            .flat_map(|i| {
                let s = 0.025 * f64::from(i);
                [
                    [1.0 + s, 0.5],
                    [2.0, 0.5 + s],
                    [2.0 - s, 1.5],
                    [1.0, 1.5 - s],
                ]
            })
            .collect();
        let inner = vec![[1.23, 0.81], [1.5, 1.0], [1.91, 1.4]];
        let all = outline.iter().chain(&inner).copied().collect();
        let (interval, recorded) = run(whole, per_metre, element, integrator, all, vec![]);
        let around = recorded.slice(ndarray::s![..160, ..]).to_owned();
        let history = Arc::new(BoundaryHistory::along(outline, interval, &around).unwrap());
        let prescribed = ["left", "right", "bottom", "top"]
            .map(|side| Prescribed {
                group: side.to_owned(),
                history: Arc::clone(&history),
            })
            .to_vec();
        let (_, found) = run(part, per_metre, element, integrator, inner, prescribed);
        let expected = recorded.slice(ndarray::s![160.., ..]);
        let error = largest(&found - &expected) / largest(expected.iter().copied());
        println!("{element:?} {integrator:?}: {error:.1e}");
        assert!(error < tolerance, "{element:?} {integrator:?}: {error:e}");
    }
}

#[test]
fn prescribed_sides_without_fitting_values_are_refused_with_a_remedy() {
    let case = |boundary: BoundaryConditions, integrator: Integrator| {
        let mesh = Rectangle {
            cells: [4, 4],
            ..Rectangle::default()
        };
        let space = Space::new(mesh.build().unwrap(), Element::GllQuad { order: 2 }).unwrap();
        let time = TimeSettings {
            integrator,
            ..TimeSettings::default()
        };
        Simulator::new(space, boundary, time, Observers::default(), Precision::F64)
    };
    let left = sides(BoundaryKind::Fixed, &[("left", BoundaryKind::Prescribed)]);
    let simulator = case(left.clone(), Integrator::CentralDifference).unwrap();
    let refusal = |prescribed: Vec<(&str, BoundaryHistory)>| {
        let scene = Scene {
            prescribed: prescribed
                .into_iter()
                .map(|(group, history)| Prescribed {
                    group: group.to_owned(),
                    history: Arc::new(history),
                })
                .collect(),
            ..at_rest(Uniform::new(1.0).unwrap())
        };
        simulator.run(&[scene]).remove(0).unwrap_err().to_string()
    };
    let lasting = |n: usize| BoundaryHistory::uniform(0.1, vec![0.0; n]).unwrap();
    for (prescribed, words) in [
        (vec![], ["`left`", "no values"]),
        (
            vec![("left", lasting(10))],
            ["until 0.9", "shorten the run"],
        ),
        (
            vec![("left", lasting(11)), ("right", lasting(11))],
            ["`right`", "not prescribed"],
        ),
        (
            vec![(
                "left",
                BoundaryHistory::along(vec![[0.0, 0.0], [0.0, 0.75]], 0.1, &Array2::zeros((2, 11)))
                    .unwrap(),
            )],
            ["(0, 1) and (0, 0.75)", "its ends included"],
        ),
        (
            vec![(
                "left",
                BoundaryHistory::along(vec![[0.5, 0.5]], 0.1, &Array2::zeros((1, 11))).unwrap(),
            )],
            ["between (0, 1) and (0, 0)", "(0.5, 0.5) m, 0.5 m beside it"],
        ),
    ] {
        let message = refusal(prescribed);
        for word in words {
            assert!(message.contains(word), "{word}: {message}");
        }
    }
    let message = case(left.clone(), Integrator::ModifiedEquation)
        .unwrap_err()
        .to_string();
    assert!(message.contains("prescribed"), "{message}");
    let layer = BoundaryKind::Pml {
        thickness: 0.5,
        reflection: 1e-6,
    };
    let both = sides(layer, &[("left", BoundaryKind::Prescribed)]);
    let message = case(both, Integrator::CentralDifference)
        .unwrap_err()
        .to_string();
    assert!(message.contains("use absorbing"), "{message}");
    assert!(BoundaryHistory::uniform(0.1, vec![1.0]).is_err());
    assert!(BoundaryHistory::uniform(0.0, vec![1.0; 3]).is_err());
    assert!(BoundaryHistory::uniform(0.1, vec![1.0, f64::NAN]).is_err());
    assert!(BoundaryHistory::along(vec![[0.0; 2]], 0.1, &Array2::zeros((2, 3))).is_err());
}
