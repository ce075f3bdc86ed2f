//! Interfaces and boundaries reflect and transmit what they should.

use super::*;

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
