//! Waves go where and as the exact solutions say.

use super::*;

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
        sources: vec![Source {
            position: source,
            shape: SourceShape::Point,
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
