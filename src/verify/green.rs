//! A point source in the plane against Green's function.
//!
//! `u_tt/c² − Δu = s(t) δ(x)` has `u(r, t) = (1/2π) ∫ s(t − (r/c) cosh θ) dθ` over θ ≥ 0 (Achenbach 1973, section 3.5). The
//! domain is so large that nothing comes back from its boundary within the run. λ is the wavelength at the Ricker wavelet's
//! peak frequency f0; the mesh is measured by its points per wavelength at 2.5·f0, up to where the wavelet has power.

use std::f64::consts::TAU;

use fewave_plots::{LineColour, LineMark, LineSeries, Lines, LinesAxis};
use fewave_solver::medium::Uniform;
use fewave_solver::{Element, Integrator, Rectangle, Scene, Signal, TimeStep};
use rayon::prelude::*;

use super::case::{self, Case, element_name};
use super::numerics::{largest, relative_error};
use super::{Check, Criterion, Effort, Outcome, Steps};

/// Peak frequency, Hz, in a medium of 1 m/s: λ = 1 m.
const FREQUENCY: f64 = 1.0;
/// Distance of the receivers from the source, in λ.
const DISTANCE: f64 = 5.0;
/// Half the side of the domain: echoes from it travel at least 2·7.2 − 5 λ.
const REACH: f64 = 7.2;
/// Time simulated, in periods: the wavelet has passed, and no echo has come.
const DURATION: f64 = 9.3;
/// Largest frequency that counts, over the peak frequency.
const HIGHEST: f64 = 2.5;
/// Directions of the receivers, degrees from the x axis.
const DIRECTIONS: [f64; 4] = [0.0, 22.5, 45.0, 101.0];
/// Place of the source, inside of a cell.
const SOURCE: [f64; 2] = [0.013, -0.021];
/// Points per wavelength at 2.5·f0 at which the tolerance holds.
const POINTS: f64 = 10.0;
/// Largest relative L2 error of a trace there.
const TOLERANCE: f64 = 0.005;

/// The check.
#[derive(Debug)]
pub struct Green;

/// A mesh, by its element, its points per wavelength at 2.5·f0 and its distortion.
#[derive(Debug, Clone, Copy)]
struct Setting {
    element: Element,
    points: f64,
    distortion: f64,
}

/// Traces on a mesh beside the exact ones.
#[derive(Debug)]
struct Traces {
    times: Vec<f64>,
    found: Vec<Vec<f64>>,
    exact: Vec<Vec<f64>>,
}

impl Traces {
    /// Relative L2 error of each trace, the largest.
    fn error(&self) -> f64 {
        let errors = self.found.iter().zip(&self.exact);
        largest(errors.map(|(found, exact)| relative_error(found, exact)))
    }
}

impl Check for Green {
    fn name(&self) -> &'static str {
        "green"
    }

    fn what(&self) -> &'static str {
        "A point source in the plane radiates Green's function, convolved with its wavelet"
    }

    fn run(&self, effort: Effort, steps: &Steps<'_>) -> anyhow::Result<Outcome> {
        let orders: &[usize] = effort.choose(&[4], &[2, 4, 8]);
        let points: &[f64] = effort.choose(&[POINTS], &[5.0, 7.0, POINTS, 14.0]);
        let setting = |order: usize, points: f64| Setting {
            element: Element::GllQuad { order },
            points,
            distortion: 0.0,
        };
        let main = setting(4, POINTS);
        let mut settings: Vec<Setting> = orders
            .iter()
            .flat_map(|order| points.iter().map(|points| setting(*order, *points)))
            .collect();
        let distorted = settings.len();
        settings.push(Setting {
            distortion: 0.15,
            ..main
        });
        steps.expect(settings.len());
        let all = settings
            .par_iter()
            .map(|setting| {
                let traces = traces(*setting)?;
                steps.done();
                anyhow::Ok(traces)
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let is_main = |s: &Setting| s.element == main.element && s.points == POINTS;
        let straight = settings.iter().position(is_main).unwrap_or(distorted);
        let criterion = |mesh: &str, place: usize| {
            let what = format!(
                "largest relative L2 error of a trace {DISTANCE} wavelengths away, GLL 4, {POINTS} points per wavelength at 2.5·f0, {mesh} mesh"
            );
            Criterion::at_most(what, all[place].error(), TOLERANCE)
        };
        let mut figures = vec![trace_figure(&all[straight])];
        if points.len() > 1 {
            figures.push(error_figure(orders, points, &all));
        }
        Ok(Outcome {
            criteria: vec![
                criterion("straight", straight),
                criterion("distorted", distorted),
            ],
            figures,
            tables: Vec::new(),
            method: format!(
                "Ricker wavelet of {FREQUENCY} Hz at a point inside of a cell, c = 1 m/s, {} receivers at {DIRECTIONS:?}° on a circle, square of {} m, \
                 {DURATION} s, modified equation at 0.9 of its limit.",
                DIRECTIONS.len(),
                2.0 * REACH
            ),
        })
    }
}

fn traces(setting: Setting) -> anyhow::Result<Traces> {
    // `order` points a cell
    let spacing = 1.0 / (HIGHEST * FREQUENCY * setting.points);
    let cells = (2.0 * REACH / (spacing * setting.element.order() as f64)).ceil() as usize;
    let mesh = Rectangle {
        origin: [-REACH; 2],
        size: [2.0 * REACH; 2],
        cells: [cells; 2],
        shape: setting.element.shape(),
        distortion: setting.distortion,
        seed: 1,
    };
    let receivers = DIRECTIONS.map(|degrees| {
        let (sin, cos) = degrees.to_radians().sin_cos();
        [SOURCE[0] + DISTANCE * cos, SOURCE[1] + DISTANCE * sin]
    });
    let case = Case {
        element: setting.element,
        time: case::time(Integrator::ModifiedEquation, DURATION, TimeStep::Auto),
        receivers: receivers.to_vec(),
        ..Case::default()
    };
    let source = case::ricker(SOURCE, FREQUENCY)?;
    let signal = source.signal.clone();
    let scene = Scene {
        sources: vec![source],
        ..case::at_rest(Uniform::new(1.0)?)
    };
    let run = case.run(mesh.build()?, &[scene])?;
    let times = run.info.receiver_times.clone();
    let exact: Vec<f64> = times
        .par_iter()
        .map(|time| plane_response(&signal, DISTANCE, *time))
        .collect();
    Ok(Traces {
        found: (0..DIRECTIONS.len())
            .map(|receiver| run.trace(0, receiver))
            .collect(),
        exact: vec![exact; DIRECTIONS.len()],
        times,
    })
}

/// Displacement at the distance `r` (m) from the source, c = 1 m/s, by the trapezoidal rule: the integrand vanishes with
/// all its derivatives at the far end and is even at θ = 0, so the rule converges geometrically.
fn plane_response(signal: &Signal, r: f64, time: f64) -> f64 {
    let step = 2e-3;
    // beyond, the signal has not begun
    let count = ((time / r).max(1.0).acosh() / step).ceil() as usize + 1;
    let value = |n: usize| signal.value(time - r * (step * n as f64).cosh());
    let sum: f64 = (1..=count).map(value).sum();
    (0.5 * value(0) + sum) * step / TAU
}

fn trace_figure(traces: &Traces) -> (Lines, String) {
    let from = traces.times.partition_point(|time| *time < DISTANCE - 0.5);
    let line = |label: &str, y: &[f64], stride: usize, mark, colour| LineSeries {
        label: label.to_owned(),
        x: traces.times[from..]
            .iter()
            .step_by(stride)
            .copied()
            .collect(),
        y: y[from..].iter().step_by(stride).copied().collect(),
        mark,
        colour,
    };
    let (found, exact) = (&traces.found[1], &traces.exact[1]);
    let difference: Vec<f64> = found
        .iter()
        .zip(exact)
        .map(|(found, exact)| 100.0 * (found - exact))
        .collect();
    let (blue, red) = (LineColour::Palette(0), LineColour::Palette(1));
    let sparse = (traces.times.len() - from) / 60 + 1;
    let figure = Lines {
        name: "green-traces".into(),
        title: "A trace beside Green's function".into(),
        x: LinesAxis::linear("time", "s"),
        y: LinesAxis::linear("displacement", "m"),
        series: vec![
            line("exact", exact, 1, LineMark::Line, blue),
            line("FE", found, sparse, LineMark::Points, red),
            line(
                "100 × (FE − exact)",
                &difference,
                1,
                LineMark::Line,
                LineColour::Grey,
            ),
        ],
        note: String::new(),
    };
    let caption = format!(
        "Displacement {DISTANCE} wavelengths from a point source at {}°, GLL 4 with {POINTS} points per wavelength at 2.5·f0.",
        DIRECTIONS[1]
    );
    (figure, caption)
}

fn error_figure(orders: &[usize], points: &[f64], all: &[Traces]) -> (Lines, String) {
    let mut series: Vec<LineSeries> = orders
        .iter()
        .enumerate()
        .map(|(index, order)| LineSeries {
            label: element_name(Element::GllQuad { order: *order }),
            x: points.to_vec(),
            y: (0..points.len())
                .map(|level| all[index * points.len() + level].error())
                .collect(),
            mark: LineMark::LineAndPoints,
            colour: LineColour::Palette(index),
        })
        .collect();
    series.push(LineSeries {
        label: "tolerance".into(),
        x: vec![points[0], points[points.len() - 1]],
        y: vec![TOLERANCE; 2],
        mark: LineMark::Dashed,
        colour: LineColour::Grey,
    });
    let figure = Lines {
        name: "green-errors".into(),
        title: "Errors of traces over points per wavelength".into(),
        x: LinesAxis::logarithmic("points per wavelength at 2.5·f0", ""),
        y: LinesAxis::logarithmic("relative L2 error of traces", ""),
        series,
        note: String::new(),
    };
    let caption = format!(
        "Largest error of the traces {DISTANCE} wavelengths from a point source, by element and mesh."
    );
    (figure, caption)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plane_response_does_not_depend_on_its_own_step() {
        let signal = Signal::ricker(1.0).unwrap();
        for time in [5.5, 6.3, 7.0, 9.0] {
            let fine: f64 = (0..400_000)
                .map(|n| (f64::from(n) + 0.5) * 1e-5)
                .map(|theta| signal.value(time - 5.0 * theta.cosh()))
                .sum::<f64>()
                * 1e-5
                / TAU;
            assert!(
                (plane_response(&signal, 5.0, time) - fine).abs() < 1e-9,
                "{time}"
            );
        }
    }
}
