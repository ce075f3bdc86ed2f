//! Numerical dispersion: how much too fast or slow waves travel, by points per wavelength and by angle.
//!
//! On a regular mesh of square cells a plane wave is a Bloch wave of the discrete equations, and `ω² = Λ(k_x h) + Λ(k_y h)`
//! for tensor-product elements with diagonal mass, Λ being the eigenvalue of one dimension: the stiffness and mass of one
//! cell, reduced to its ends for a given ω², give `cos kh = −a(ω²)/b(ω²)` with the diagonal a and the off-diagonal b. That
//! is the theory drawn here (the analysis of Ainsworth and Wajid 2009, evaluated in place of expanded). What is measured
//! is the frequency at which a standing mode oscillates in a simulation, freed from the known error of time stepping.

use std::f64::consts::{PI, TAU};

use fewave_plots::{Cell, Column, LineColour, LineMark, LineSeries, Lines, LinesAxis, Table};
use fewave_solver::initial::{End, StandingMode};
use fewave_solver::medium::Uniform;
use fewave_solver::{Element, Integrator, Rectangle, TimeStep};
use rayon::prelude::*;

use super::bloch::bloch;
use super::case::{self, Case, element_name};
use super::numerics::{frequency, largest};
use super::{Check, Criterion, Effort, Outcome, Steps};

/// Periods over which a frequency is measured.
const PERIODS: f64 = 60.0;
/// Phase errors below this are not compared: traces are recorded in f32.
const FLOOR: f64 = 1e-7;

/// The check.
#[derive(Debug)]
pub struct Dispersion;

/// A plane wave on a mesh of cells of side 1, as a standing mode of a box of `cells` with `numbers` half waves.
#[derive(Debug, Clone, Copy)]
struct Wave {
    element: Element,
    cells: [usize; 2],
    numbers: [u32; 2],
}

impl Wave {
    /// The wave nearest to one of `points` points per wavelength at `angle` (degrees from the x axis): with up to twelve
    /// half waves along each side, boxes of whole cells come close to any wave number.
    fn near(element: Element, points: f64, angle: f64) -> Self {
        let k = TAU * element.order() as f64 / points;
        let (sin, cos) = angle.to_radians().sin_cos();
        let axis = |k: f64| -> (usize, u32) {
            if k < 1e-9 {
                return (2, 0);
            }
            let wrong = |half_waves: u32| {
                let cells = PI * f64::from(half_waves) / k;
                (cells.round() / cells - 1.0).abs()
            };
            let best = (2..=12)
                .min_by(|&a, &b| wrong(a).total_cmp(&wrong(b)))
                .unwrap_or(2);
            ((PI * f64::from(best) / k).round().max(1.0) as usize, best)
        };
        let (x, y) = (axis(k * cos), axis(k * sin));
        Self {
            element,
            cells: [x.0, y.0],
            numbers: [x.1, y.1],
        }
    }

    /// Wave numbers along x and y, rad per cell.
    fn wave_numbers(&self) -> [f64; 2] {
        [0, 1].map(|axis| PI * f64::from(self.numbers[axis]) / self.cells[axis] as f64)
    }

    fn exact(&self) -> f64 {
        let [x, y] = self.wave_numbers();
        x.hypot(y)
    }

    /// Points per wavelength.
    fn points(&self) -> f64 {
        TAU * self.element.order() as f64 / self.exact()
    }

    /// Angle to the x axis, degrees.
    fn angle(&self) -> f64 {
        let [x, y] = self.wave_numbers();
        y.atan2(x).to_degrees()
    }

    /// Relative phase error by theory, where there is one.
    fn theory(&self) -> Option<f64> {
        let [x, y] = self.wave_numbers();
        let square = match self.element {
            Element::GllQuad { order } => bloch(order, x) + bloch(order, y),
            Element::Q1Quad => {
                let (sx, sy) = (2.0 - 2.0 * x.cos(), 2.0 - 2.0 * y.cos());
                sx * (2.0 + y.cos()) / 3.0 + sy * (2.0 + x.cos()) / 3.0
            }
            _ => return None,
        };
        Some(square.sqrt() / self.exact() - 1.0)
    }

    /// Relative phase error of a simulation.
    fn measured(&self) -> anyhow::Result<f64> {
        let size = self.cells.map(|n| n as f64);
        let mesh = Rectangle {
            size,
            cells: self.cells,
            shape: self.element.shape(),
            ..Rectangle::default()
        };
        let mode = StandingMode::new([0.0; 2], size, self.numbers, [[End::Free; 2]; 2], 1.0)?;
        let exact = self.exact();
        let case = Case {
            element: self.element,
            time: case::time(
                Integrator::CentralDifference,
                PERIODS * TAU / exact,
                TimeStep::Auto,
            ),
            receivers: vec![[0.0; 2]],
            ..Case::default()
        };
        let scene = case::starting_with(Uniform::new(1.0)?, mode);
        let run = case.run(mesh.build()?, &[scene])?;
        let dt = run.info.dt;
        let guess = case::discrete_frequency(Integrator::CentralDifference, exact, dt);
        let found = frequency(&run.trace(0, 0), dt, guess, 0.2);
        let in_space = 2.0 / dt * (0.5 * found * dt).sin();
        Ok(in_space / exact - 1.0)
    }
}

impl Check for Dispersion {
    fn name(&self) -> &'static str {
        "dispersion"
    }

    fn what(&self) -> &'static str {
        "Waves are as fast as the theory of the discrete equations says, over points per wavelength and angle"
    }

    fn run(&self, effort: Effort, steps: &Steps<'_>) -> anyhow::Result<Outcome> {
        let gll = |order| Element::GllQuad { order };
        let elements = effort.choose(
            vec![Element::P1Triangle, Element::Q1Quad, gll(2), gll(4)],
            vec![
                Element::P1Triangle,
                Element::Q1Quad,
                gll(2),
                gll(3),
                gll(4),
                gll(6),
                gll(8),
            ],
        );
        let points: &[f64] = effort.choose(
            &[4.5, 6.0, 10.0],
            &[4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 16.0, 20.0],
        );
        let angles: &[f64] = effort.choose(&[0.0, 45.0], &[0.0, 7.5, 15.0, 22.5, 30.0, 37.5, 45.0]);
        let waves = |points: &[f64], angles: &[f64]| -> Vec<Vec<Wave>> {
            elements
                .iter()
                .map(|element| {
                    let pairs = points
                        .iter()
                        .flat_map(|points| angles.iter().map(move |angle| (*points, *angle)));
                    pairs
                        .map(|(points, angle)| Wave::near(*element, points, angle))
                        .collect()
                })
                .collect()
        };
        let by_points = waves(points, &[0.0]);
        let by_angle = waves(&[ANGLE_POINTS], angles);
        steps.expect(by_points.iter().chain(&by_angle).map(Vec::len).sum());
        let measure = |families: &[Vec<Wave>]| -> anyhow::Result<Vec<Vec<f64>>> {
            families
                .par_iter()
                .map(|waves| {
                    let each = waves.par_iter().map(|wave| {
                        let error = wave.measured()?;
                        steps.done();
                        Ok(error)
                    });
                    each.collect()
                })
                .collect()
        };
        let (over_points, over_angle) = (measure(&by_points)?, measure(&by_angle)?);
        let both = by_points.iter().zip(&over_points);
        let both = both.chain(by_angle.iter().zip(&over_angle));
        let departures = both.flat_map(|(waves, errors)| {
            waves.iter().zip(errors).filter_map(|(wave, error)| {
                let theory = wave.theory()?;
                (theory.abs() > FLOOR * 50.0).then(|| error / theory - 1.0)
            })
        });
        let criteria = vec![
            Criterion::at_most(
                "largest departure of a measured phase error from theory, relative to it, Q1 and GLL",
                largest(departures),
                0.02,
            ),
            gll_at_ten_points(&by_points, &over_points),
        ];
        Ok(Outcome {
            criteria,
            figures: vec![
                points_figure(&elements, &by_points, &over_points),
                angle_figure(&elements, &by_angle, &over_angle),
            ],
            tables: vec![table(&by_angle, &over_angle)],
            method: format!(
                "Standing modes on boxes of square cells with free sides, {PERIODS} periods of central difference, frequency of the trace in a corner \
                 under a Blackman–Harris window, the known error of time stepping taken out. Errors below {FLOOR:e} are at the resolution of traces in f32."
            ),
        })
    }
}

/// Points per wavelength of the figure over angles.
const ANGLE_POINTS: f64 = 6.0;

/// GLL 4 at ten points per wavelength, the rule of thumb of the guide.
fn gll_at_ten_points(families: &[Vec<Wave>], errors: &[Vec<f64>]) -> Criterion {
    let element = Element::GllQuad { order: 4 };
    let found = families
        .iter()
        .flatten()
        .zip(errors.iter().flatten())
        .filter(|(wave, _)| wave.element == element && (wave.points() - 10.0).abs() < 0.5);
    Criterion::at_most(
        "phase error of GLL 4 at 10 points per wavelength",
        largest(found.map(|(_, &error)| error)),
        1e-4,
    )
}

fn series(
    elements: &[Element],
    families: &[Vec<Wave>],
    errors: &[Vec<f64>],
    x: impl Fn(&Wave) -> f64,
) -> Vec<LineSeries> {
    let mut series = Vec::new();
    for (index, element) in elements.iter().enumerate() {
        let colour = LineColour::Palette(index);
        let line = |label: String, y: Vec<f64>, mark| LineSeries {
            label,
            x: families[index].iter().map(&x).collect(),
            y,
            mark,
            colour,
        };
        let theory: Option<Vec<f64>> = families[index]
            .iter()
            .map(|wave| Some(wave.theory()?.abs()))
            .collect();
        if let Some(theory) = theory {
            series.push(line(String::new(), theory, LineMark::Line));
        }
        let measured = errors[index].iter().map(|error| error.abs().max(FLOOR));
        series.push(line(
            element_name(*element),
            measured.collect(),
            LineMark::Points,
        ));
    }
    series
}

fn points_figure(
    elements: &[Element],
    families: &[Vec<Wave>],
    errors: &[Vec<f64>],
) -> (Lines, String) {
    let figure = Lines {
        name: "dispersion-points".into(),
        title: "Phase error over points per wavelength".into(),
        x: LinesAxis::logarithmic("points per wavelength", ""),
        y: LinesAxis::logarithmic("relative phase error", ""),
        series: series(elements, families, errors, Wave::points),
        note: "points: measured; line: theory".into(),
    };
    let caption = format!(
        "Phase error of waves along an axis of the mesh, relative to the phase travelled. Measured errors below {FLOOR:e} are drawn there."
    );
    (figure, caption)
}

fn angle_figure(
    elements: &[Element],
    families: &[Vec<Wave>],
    errors: &[Vec<f64>],
) -> (Lines, String) {
    let figure = Lines {
        name: "dispersion-angle".into(),
        title: "Phase error over the angle to the mesh".into(),
        x: LinesAxis::linear("angle to the mesh", "°"),
        y: LinesAxis::logarithmic("relative phase error", ""),
        series: series(elements, families, errors, Wave::angle),
        note: "points: measured; line: theory".into(),
    };
    let caption = format!(
        "Phase error at about {ANGLE_POINTS} points per wavelength over the angle between the wave and an axis of the mesh."
    );
    (figure, caption)
}

fn table(families: &[Vec<Wave>], errors: &[Vec<f64>]) -> Table {
    let rows = families
        .iter()
        .flatten()
        .zip(errors.iter().flatten())
        .map(|(wave, error)| {
            vec![
                Cell::words(element_name(wave.element)),
                Cell::number(wave.angle()),
                Cell::number(wave.points()),
                Cell::number(*error),
                wave.theory().map_or_else(Cell::missing, Cell::number),
            ]
        });
    Table {
        caption: "Phase errors over the angle to the mesh; below 0: too slow".into(),
        columns: vec![
            Column::words("element"),
            Column::numbers("angle", "°"),
            Column::numbers("points per wavelength", ""),
            Column::numbers("measured", ""),
            Column::numbers("theory", ""),
        ],
        rows: rows.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_are_near_what_is_asked_for() {
        for points in [4.0, 6.0, 10.0, 20.0] {
            for angle in [0.0, 22.5, 45.0] {
                let wave = Wave::near(Element::GllQuad { order: 4 }, points, angle);
                assert!((wave.points() / points - 1.0).abs() < 0.05, "{wave:?}");
                assert!((wave.angle() - angle).abs() < 2.5, "{wave:?}");
            }
        }
    }
}
