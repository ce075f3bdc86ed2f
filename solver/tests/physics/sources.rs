//! Sources along lines against d'Alembert's solution, and against points side by side.

use super::*;

/// `∫₀^t s dτ` of a Ricker signal of peak frequency f that peaks at 1.5/f, far from its start.
fn emitted(frequency: f64, t: f64) -> f64 {
    let since = t - 1.5 / frequency;
    since * (-(PI * frequency * since).powi(2)).exp()
}

fn line(position: [f64; 2], direction: f64, frequency: f64, amplitude: f64) -> Source {
    Source {
        shape: SourceShape::Line { direction },
        ..ricker(position, frequency, amplitude)
    }
}

#[test]
fn a_line_between_free_sides_emits_plane_waves_both_ways() {
    let (speed, frequency, amplitude) = (1.4, 3.0, 2.5);
    // across cells, and along their sides, where the kink of the displacement at the line can be represented
    for (element, cells, distortion, at, tolerance) in [
        (Element::GllQuad { order: 4 }, [24, 2], 0.0, 0.93, 5e-3),
        (Element::GllQuad { order: 4 }, [24, 2], 0.2, 0.93, 5e-3),
        (Element::GllQuad { order: 4 }, [24, 2], 0.0, 0.75, 5e-3),
        (Element::P2BubbleTriangle, [60, 6], 0.0, 0.93, 0.02),
        (Element::P1Triangle, [240, 24], 0.0, 0.93, 0.08),
    ] {
        let near = if at == 0.75 { at } else { 1.2 };
        let places = [0.2, near, 2.7];
        let case = Case {
            size: [3.0, 0.3],
            cells,
            element,
            distortion,
            boundary: sides(
                BoundaryKind::Free,
                &[
                    ("left", BoundaryKind::Absorbing),
                    ("right", BoundaryKind::Absorbing),
                ],
            ),
            duration: 2.5,
            max_speed: speed,
            courant: 0.2,
            receivers: places.map(|x| [x, 0.11]).to_vec(),
            ..Case::default()
        };
        let simulator = case.simulator();
        let scene = Scene {
            sources: vec![line([at, 0.2], PI, frequency, amplitude)],
            ..at_rest(Uniform::new(speed).unwrap())
        };
        let times = simulator.info().receiver_times.clone();
        let recording = simulator.run(&[scene]).remove(0).unwrap();
        for (receiver, x) in places.into_iter().enumerate() {
            let delay = (x - at).abs() / speed;
            let exact: Vec<f64> = times
                .iter()
                .map(|t| 0.5 * amplitude * speed * emitted(frequency, t - delay))
                .collect();
            let error = deviation(&trace(&recording, receiver), &exact);
            println!("{element:?} {distortion} from {at} at {x}: {error:.1e}");
            assert!(error < tolerance, "{element:?} {distortion} {x}: {error:e}");
        }
    }
}

#[test]
fn a_line_at_an_angle_emits_plane_waves_in_the_middle_until_its_ends_are_felt() {
    let (direction, frequency) = (0.5_f64, 3.0);
    let place = |across: f64, along: f64| {
        let (sin, cos) = direction.sin_cos();
        [
            1.5 + across * cos - along * sin,
            1.5 + across * sin + along * cos,
        ]
    };
    let distances = [-0.3, 0.25];
    for integrator in [
        Integrator::CentralDifference,
        Integrator::ModifiedEquation,
        Integrator::Newmark {
            beta: 0.25,
            gamma: 0.5,
        },
    ] {
        let case = Case {
            size: [3.0, 3.0],
            cells: [24, 24],
            // waves from the ends of the line arrive after 1.2 s
            duration: 1.15,
            courant: 0.4,
            integrator,
            receivers: distances.map(|across| place(across, 0.1)).to_vec(),
            ..Case::default()
        };
        let simulator = case.simulator();
        let scene = Scene {
            sources: vec![line([1.5, 1.5], direction, frequency, 1.0)],
            ..at_rest(Uniform::new(1.0).unwrap())
        };
        let times = simulator.info().receiver_times.clone();
        let recording = simulator.run(&[scene]).remove(0).unwrap();
        for (receiver, across) in distances.into_iter().enumerate() {
            let exact: Vec<f64> = times
                .iter()
                .map(|t| 0.5 * emitted(frequency, t - across.abs()))
                .collect();
            let error = deviation(&trace(&recording, receiver), &exact);
            println!("{integrator:?} at {across}: {error:.1e}");
            assert!(error < 0.02, "{integrator:?} {across}: {error:e}");
        }
    }
}

#[test]
fn a_line_whose_place_is_outside_or_whose_direction_is_none_is_refused() {
    let simulator = Case::default().simulator();
    for (source, words) in [
        (line([1.5, 0.5], 0.0, 3.0, 1.0), "source 0 at (1.5, 0.5)"),
        (
            line([0.5, 0.5], f64::NAN, 3.0, 1.0),
            "direction of a source",
        ),
    ] {
        let scene = Scene {
            sources: vec![source],
            ..at_rest(Uniform::new(1.0).unwrap())
        };
        for message in [
            simulator.check(&scene).unwrap_err().to_string(),
            simulator.run(&[scene]).remove(0).unwrap_err().to_string(),
        ] {
            assert!(message.contains(words), "{message}");
        }
    }
}
