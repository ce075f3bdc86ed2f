//! Reflection and transmission at the interface of two media, over angles, through the critical one.
//!
//! With `k = 1` and `m = 1/c²` in both media, displacement and `∂u/∂n` are continuous, so a wave of amplitude 1 at the angle θ₁
//! gives `R = (q₁ − q₂)/(q₁ + q₂)` and `T = 2q₁/(q₁ + q₂)` with `q = sqrt(1/c² − sin²θ₁/c₁²)`; beyond the critical angle q₂ is
//! imaginary, `+i|q₂|` for the time factor exp(−iωt), and R turns the phase (Achenbach 1973, chapter 5, for SH waves).

use std::f64::consts::TAU;

use fewave_plots::{Cell, Column, LineColour, LineMark, LineSeries, Lines, LinesAxis, Table};
use fewave_solver::medium::{Axis, Layers};
use fewave_solver::{BoundaryConditions, BoundaryKind, Integrator, TimeStep};
use rayon::prelude::*;

use super::numerics::{fourier, largest, ratio, turned};
use super::strip::{CELLS, ORDER, Strip};
use super::{Check, Criterion, Effort, Outcome, Steps};

/// Speeds behind the interface, m/s; before it, 1.
const SPEEDS: [f64; 2] = [0.6, 1.5];
/// Receivers before and behind the interface, m.
const RECEIVERS: [f64; 2] = [-0.25, 0.2];
/// Largest error of a coefficient, as a complex number.
const TOLERANCE: f64 = 0.005;

/// The check.
#[derive(Debug)]
pub struct Interface;

/// Complex coefficients of an interface at an angle.
#[derive(Debug, Clone, Copy)]
struct Coefficients {
    degrees: f64,
    speed: f64,
    reflected: [f64; 2],
    transmitted: [f64; 2],
}

impl Coefficients {
    fn exact(degrees: f64, speed: f64) -> Self {
        let sin = degrees.to_radians().sin();
        let before = degrees.to_radians().cos();
        let behind = complex_root(1.0 / (speed * speed) - sin * sin);
        let sum = [before + behind[0], behind[1]];
        Self {
            degrees,
            speed,
            reflected: ratio([before - behind[0], -behind[1]], sum),
            transmitted: ratio([2.0 * before, 0.0], sum),
        }
    }

    fn measured(degrees: f64, speed: f64) -> anyhow::Result<Self> {
        let strip = Strip::new(degrees);
        let sides = BoundaryConditions::all(BoundaryKind::Free);
        let run = |medium_speed: f64| {
            let medium = Layers::new(Axis::X, vec![0.0], vec![1.0, medium_speed], 0.0)?;
            let mesh = strip.mesh(strip.far(medium_speed))?;
            let me = Integrator::ModifiedEquation;
            strip.run(mesh, medium, sides.clone(), me, TimeStep::Auto, &RECEIVERS)
        };
        let (incident, total) = (run(1.0)?, run(speed)?);
        let spectrum = |trace: &[f64], dt: f64| fourier(trace, dt, TAU);
        let here = spectrum(&incident.trace(0, 0), incident.info.dt);
        let all = spectrum(&total.trace(0, 0), total.info.dt);
        let behind = spectrum(&total.trace(0, 1), total.info.dt);
        // exp(−iωt) travels as exp(+ikx); the Fourier sum takes exp(+iωt) out, so that waves towards +x turn by −kx
        let k = strip.wave_number();
        let at_interface = turned(here, k * RECEIVERS[0]);
        let reflected = [all[0] - here[0], all[1] - here[1]];
        let reflected = turned(ratio(reflected, at_interface), -k * RECEIVERS[0]);
        let sin = degrees.to_radians().sin();
        let q = complex_root(1.0 / (speed * speed) - sin * sin);
        let transmitted = turned(ratio(behind, at_interface), TAU * q[0] * RECEIVERS[1]);
        let growth = (TAU * q[1] * RECEIVERS[1]).exp();
        Ok(Self {
            degrees,
            speed,
            reflected: conjugate(reflected),
            transmitted: conjugate(transmitted.map(|part| part * growth)),
        })
    }
}

/// `√x` as (real, imaginary).
fn complex_root(x: f64) -> [f64; 2] {
    if x >= 0.0 {
        [x.sqrt(), 0.0]
    } else {
        [0.0, (-x).sqrt()]
    }
}

fn conjugate([real, imaginary]: [f64; 2]) -> [f64; 2] {
    [real, -imaginary]
}

fn magnitude([real, imaginary]: [f64; 2]) -> f64 {
    real.hypot(imaginary)
}

impl Check for Interface {
    fn name(&self) -> &'static str {
        "interface"
    }

    fn what(&self) -> &'static str {
        "An interface reflects and transmits plane waves as the analytic coefficients say, at every angle"
    }

    fn run(&self, effort: Effort, steps: &Steps<'_>) -> anyhow::Result<Outcome> {
        let angles: &[f64] = effort.choose(
            &[0.0, 30.0, 50.0],
            &[0.0, 10.0, 20.0, 30.0, 36.0, 48.0, 55.0, 62.5, 70.0],
        );
        let settings: Vec<(f64, f64)> = SPEEDS
            .iter()
            .flat_map(|speed| angles.iter().map(move |angle| (*angle, *speed)))
            .collect();
        steps.expect(settings.len());
        let measured = settings
            .par_iter()
            .rev()
            .map(|(degrees, speed)| {
                let coefficients = Coefficients::measured(*degrees, *speed)?;
                steps.done();
                anyhow::Ok(coefficients)
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let error = |part: fn(&Coefficients) -> [f64; 2], speed: f64| {
            let of_speed = measured.iter().filter(|c| c.speed == speed);
            largest(of_speed.map(|c| {
                let (a, b) = (part(c), part(&Coefficients::exact(c.degrees, c.speed)));
                magnitude([a[0] - b[0], a[1] - b[1]])
            }))
        };
        let mut criteria = Vec::new();
        for speed in SPEEDS {
            for (name, part) in [
                ("reflection", (|c| c.reflected) as fn(&Coefficients) -> _),
                ("transmission", |c| c.transmitted),
            ] {
                let what = format!(
                    "largest error of the {name} coefficient over {} angles, as a complex number, c2/c1 = {speed}",
                    angles.len()
                );
                criteria.push(Criterion::at_most(what, error(part, speed), TOLERANCE));
            }
        }
        Ok(Outcome {
            criteria,
            figures: vec![figure(&measured)],
            tables: vec![table(&measured)],
            method: format!(
                "Modes of a strip between free sides, which are plane waves at ±θ; GLL {ORDER}, {CELLS} cells per wavelength before the interface, \
                 modified equation; Fourier sums at the packet's frequency, {} m before and {} m behind the interface, over those of a run without it.",
                -RECEIVERS[0], RECEIVERS[1]
            ),
        })
    }
}

fn figure(measured: &[Coefficients]) -> (Lines, String) {
    let mut series = Vec::new();
    let degrees: Vec<f64> = (0..=178).map(|i| 0.5 * f64::from(i)).collect();
    for (index, speed) in SPEEDS.iter().enumerate() {
        for (other, (sign, part)) in [
            ("R", (|c| c.reflected) as fn(&Coefficients) -> [f64; 2]),
            ("T", |c| c.transmitted),
        ]
        .into_iter()
        .enumerate()
        {
            let colour = LineColour::Palette(2 * index + other);
            series.push(LineSeries {
                label: format!("|{sign}|, c2/c1 = {speed}"),
                x: degrees.clone(),
                y: degrees
                    .iter()
                    .map(|angle| magnitude(part(&Coefficients::exact(*angle, *speed))))
                    .collect(),
                mark: LineMark::Line,
                colour,
            });
            let of_speed = measured.iter().filter(|c| c.speed == *speed);
            let (x, y) = of_speed.map(|c| (c.degrees, magnitude(part(c)))).unzip();
            series.push(LineSeries {
                label: String::new(),
                x,
                y,
                mark: LineMark::Points,
                colour,
            });
        }
    }
    let figure = Lines {
        name: "interface".into(),
        title: "Reflection and transmission over the angle of incidence".into(),
        x: LinesAxis::linear("angle of incidence", "°"),
        y: LinesAxis::linear("amplitude", ""),
        series,
        note: "points: measured; line: analytic".into(),
    };
    let caption = "Amplitudes reflected and transmitted by an interface. For c2/c1 = 1.5 reflection is total beyond 41.8°.".to_owned();
    (figure, caption)
}

fn table(measured: &[Coefficients]) -> Table {
    let phase = |value: [f64; 2]| Cell::number(value[1].atan2(value[0]).to_degrees());
    let mut rows: Vec<&Coefficients> = measured.iter().collect();
    rows.sort_by(|a, b| {
        (a.speed, a.degrees)
            .partial_cmp(&(b.speed, b.degrees))
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    let rows = rows.into_iter().map(|c| {
        let exact = Coefficients::exact(c.degrees, c.speed);
        vec![
            Cell::number(c.speed),
            Cell::number(c.degrees),
            Cell::number(magnitude(c.reflected)),
            Cell::number(magnitude(exact.reflected)),
            phase(c.reflected),
            phase(exact.reflected),
            Cell::number(magnitude(c.transmitted)),
            Cell::number(magnitude(exact.transmitted)),
        ]
    });
    Table {
        caption: "Reflection and transmission of plane waves".into(),
        columns: vec![
            Column::numbers("c2/c1", ""),
            Column::numbers("angle", "°"),
            Column::numbers("|R| measured", ""),
            Column::numbers("|R| exact", ""),
            Column::numbers("phase of R measured", "°"),
            Column::numbers("phase of R exact", "°"),
            Column::numbers("|T| measured", ""),
            Column::numbers("|T| exact", ""),
        ],
        rows: rows.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_keep_energy() {
        for speed in SPEEDS {
            for degrees in [0.0, 20.0, 41.0, 60.0, 85.0] {
                let c = Coefficients::exact(degrees, speed);
                // 1 + R = T, and the flux through the interface
                let [real, imaginary] = c.reflected;
                assert!((1.0 + real - c.transmitted[0]).abs() < 1e-12);
                assert!((imaginary - c.transmitted[1]).abs() < 1e-12);
                let sin = degrees.to_radians().sin();
                let q = complex_root(1.0 / (speed * speed) - sin * sin)[0];
                let flux = q / degrees.to_radians().cos() * magnitude(c.transmitted).powi(2);
                assert!((magnitude(c.reflected).powi(2) + flux - 1.0).abs() < 1e-12);
            }
        }
    }
}
