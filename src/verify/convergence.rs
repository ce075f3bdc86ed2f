//! Convergence of every element with every integrator, in space and in time.
//!
//! A standing mode `sin(κπx) sin(κπy)`, κ = 7.5 (15.5 for orders above 4), of the unit square (fixed at the left and the bottom, free at the right and
//! the top) is released at rest. Being an eigenfunction of space, it oscillates in the *time-discrete* problem exactly as
//! `cos(ω̃ t)` with `sin(ω̃dt/2) = ωdt/2` (central difference), `cos ω̃dt = 1 − (ωdt)²/2 + (ωdt)⁴/24` (modified equation) or
//! `tan(ω̃dt/2) = ωdt/2` (Newmark, β = 1/4, γ = 1/2). The L2 error against that is an error of space alone, for any step; the error in time is measured against `cos(ωt)` on a mesh
//! whose own error is negligible. The end of the run, 2¼ periods, is where an error of phase shows most. On the unit
//! square's lowest mode, errors of space and time cancel in part, which is why it is not used.

use std::f64::consts::TAU;

use fewave_plots::{Cell, Column, LineColour, LineMark, LineSeries, Lines, LinesAxis, Table};
use fewave_solver::initial::{End, StandingMode};
use fewave_solver::medium::Uniform;
use fewave_solver::{BoundaryKind, Element, InitialState, Integrator, Mesh, TimeStep};
use rayon::prelude::*;

use super::case::{self, Case, NEWMARK, element_name, integrator_name};
use super::numerics::{lower, norm, slope};
use super::{Check, Criterion, Effort, Outcome, Steps};

/// Number of the mode along each side in the measurement of time; it has half a half wave less.
const MODE: u32 = 8;
/// Periods simulated.
const PERIODS: f64 = 2.25;
/// Points along each side of the grid on which errors are measured; coprime to the numbers of cells.
const GRID: usize = 59;
/// How far a measured order may fall short of the declared one: the finest cells are only about half as wide as the coarsest.
const SHORTFALL: f64 = 0.5;

/// The check.
#[derive(Debug)]
pub struct Convergence;

/// How the unit square is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// Equal cells.
    Straight,
    /// Every node displaced at random by up to 15 % of a cell, anew at each level.
    Distorted,
    /// Cells of degree 2 between wavy lines: every node moved by a smooth map of the square to itself.
    Curved,
}

impl Cut {
    const ALL: [Self; 3] = [Self::Straight, Self::Distorted, Self::Curved];

    fn name(self) -> &'static str {
        match self {
            Self::Straight => "straight",
            Self::Distorted => "distorted",
            Self::Curved => "curved",
        }
    }

    fn mesh(self, element: Element, cells: usize) -> anyhow::Result<Mesh> {
        match self {
            Self::Straight => case::unit_square(element, cells, 0.0),
            Self::Distorted => case::unit_square(element, cells, 0.15),
            Self::Curved => {
                let wave = |[x, y]: [f64; 2]| 0.05 * (TAU * x).sin() * (TAU * y).sin();
                case::curved(case::unit_square(element, cells, 0.0)?, |place| {
                    let shift = wave(place);
                    [place[0] + shift, place[1] - shift]
                })
            }
        }
    }
}

/// An element, an integrator and a kind of mesh, refined.
#[derive(Debug)]
struct Family {
    element: Element,
    integrator: Integrator,
    cut: Cut,
    cells: Vec<usize>,
    errors: Vec<f64>,
}

impl Family {
    fn order(&self) -> f64 {
        let h: Vec<f64> = self.cells.iter().map(|n| 1.0 / *n as f64).collect();
        slope(&h, &self.errors)
    }

    fn declared(&self) -> f64 {
        self.element.order() as f64 + 1.0
    }
}

impl Check for Convergence {
    fn name(&self) -> &'static str {
        "convergence"
    }

    fn what(&self) -> &'static str {
        "Errors of a standing mode fall with the declared order, for every element and integrator"
    }

    fn run(&self, effort: Effort, steps: &Steps<'_>) -> anyhow::Result<Outcome> {
        let mut families = families(effort);
        let levels: usize = families.iter().map(|family| family.cells.len()).sum();
        let time_levels = TIME_LEVELS.len() * INTEGRATORS.len();
        steps.expect(levels + time_levels);
        families.par_iter_mut().try_for_each(|family| {
            for cells in &family.cells {
                let mesh = family.cut.mesh(family.element, *cells)?;
                family.errors.push(space_error(mesh, family)?);
                steps.done();
            }
            anyhow::Ok(())
        })?;
        let in_time = INTEGRATORS
            .par_iter()
            .map(|integrator| {
                let errors = TIME_LEVELS.map(|count| {
                    let error = time_error(*integrator, count);
                    steps.done();
                    error
                });
                errors.into_iter().collect::<anyhow::Result<Vec<f64>>>()
            })
            .collect::<anyhow::Result<Vec<_>>>()?;

        let mut criteria = Vec::new();
        for cut in Cut::ALL {
            for integrator in INTEGRATORS {
                let members = families
                    .iter()
                    .filter(|f| f.cut == cut && f.integrator == integrator);
                let excess = members
                    .map(|f| f.order() - f.declared())
                    .fold(f64::INFINITY, lower);
                let what = format!(
                    "lowest (measured − declared) order in space, {} meshes, {}",
                    cut.name(),
                    integrator_name(integrator)
                );
                criteria.push(Criterion::at_least(what, excess, -SHORTFALL));
            }
        }
        for (integrator, errors) in INTEGRATORS.iter().zip(&in_time) {
            let what = format!("order in time, {}", integrator_name(*integrator));
            let least = f64::from(order_in_time(*integrator)) - 0.1;
            criteria.push(Criterion::at_least(what, time_order(errors), least));
        }
        let mut figures: Vec<_> = Cut::ALL
            .into_iter()
            .map(|cut| space_figure(&families, cut))
            .collect();
        figures.push(time_figure(&in_time));
        Ok(Outcome {
            criteria,
            figures,
            tables: vec![table(&families)],
            method: format!(
                "Standing mode with 7.5 half waves along each side of the unit square (15.5 for orders above 4), {PERIODS} periods, L2 error on {GRID} × {GRID} points relative \
                 to the mode. In space the reference is the time-discrete amplitude, so that the step does not matter; in time the element is GLL 8 on 7 × 7 cells."
            ),
        })
    }
}

const INTEGRATORS: [Integrator; 3] = [
    Integrator::CentralDifference,
    Integrator::ModifiedEquation,
    NEWMARK,
];

fn families(effort: Effort) -> Vec<Family> {
    let orders: &[usize] = effort.choose(&[2, 4], &[1, 2, 3, 4, 5, 6, 7, 8]);
    let mut elements = vec![
        Element::P1Triangle,
        Element::P2BubbleTriangle,
        Element::P2Triangle,
        Element::Q1Quad,
    ];
    elements.extend(orders.iter().map(|&order| Element::GllQuad { order }));
    let mut families = Vec::new();
    for cut in Cut::ALL {
        for integrator in INTEGRATORS {
            let implicit = matches!(integrator, Integrator::Newmark { .. });
            for element in elements.iter().filter(|e| implicit || e.can_be_lumped()) {
                families.push(Family {
                    element: *element,
                    integrator,
                    cut,
                    cells: levels(*element).1[..effort.choose(3, 4)].to_vec(),
                    errors: Vec::new(),
                });
            }
        }
    }
    families
}

/// Number of the mode and cells per side: from where the mode is just resolved to where snapshots in f32 still show the
/// error; high orders need many waves for more than a few cells of that.
fn levels(element: Element) -> (u32, [usize; 4]) {
    match element.order() {
        1 => (8, [40, 56, 80, 112]),
        2 => (8, [20, 28, 40, 56]),
        3 => (8, [10, 14, 18, 24]),
        4 => (8, [8, 10, 14, 18]),
        5 => (16, [10, 13, 17, 24]),
        6 => (16, [8, 11, 14, 19]),
        7 => (16, [7, 9, 11, 15]),
        _ => (16, [6, 8, 10, 13]),
    }
}

fn mode(number: u32) -> anyhow::Result<StandingMode> {
    let ends = [[End::Fixed, End::Free]; 2];
    Ok(StandingMode::new(
        [0.0; 2],
        [1.0; 2],
        [number; 2],
        ends,
        1.0,
    )?)
}

/// L2 error at the end against `factor(dt, steps)` times the mode, relative to the mode.
fn error(
    mesh: Mesh,
    element: Element,
    integrator: Integrator,
    number: u32,
    step: TimeStep,
    factor: impl Fn(f64, usize) -> f64,
) -> anyhow::Result<f64> {
    let mode = mode(number)?;
    let case = Case {
        element,
        boundary: case::sides(
            BoundaryKind::Fixed,
            [("right", BoundaryKind::Free), ("top", BoundaryKind::Free)],
        ),
        time: case::time(integrator, PERIODS / mode.frequency(1.0), step),
        grid: [GRID; 2],
        ..Case::default()
    };
    let run = case.run(mesh, &[case::starting_with(Uniform::new(1.0)?, mode)])?;
    let factor = factor(run.info.dt, run.info.steps);
    let last = run.recordings[0].snapshots.index_axis(ndarray::Axis(0), 1);
    let (mut differences, mut shape) = (Vec::new(), Vec::new());
    for (i, x) in run.info.grid_x.iter().enumerate() {
        for (j, y) in run.info.grid_y.iter().enumerate() {
            let here = mode.displacement([*x, *y]);
            differences.push(f64::from(last[(i, j)]) - factor * here);
            shape.push(here);
        }
    }
    Ok(norm(differences) / norm(shape))
}

fn space_error(mesh: Mesh, family: &Family) -> anyhow::Result<f64> {
    let Family {
        element,
        integrator,
        ..
    } = *family;
    let (number, _) = levels(element);
    let frequency = mode(number)?.frequency(1.0);
    let step = match integrator {
        Integrator::Newmark { .. } => TimeStep::Fixed(0.1 / frequency),
        _ => TimeStep::Auto,
    };
    error(mesh, element, integrator, number, step, |dt, steps| {
        (case::discrete_frequency(integrator, TAU * frequency, dt) * dt * steps as f64).cos()
    })
}

/// Steps over the run in the measurement of time.
const TIME_LEVELS: [u32; 4] = [112, 144, 192, 256];

fn order_in_time(integrator: Integrator) -> u32 {
    match integrator {
        Integrator::CentralDifference | Integrator::Newmark { .. } => 2,
        Integrator::ModifiedEquation => 4,
    }
}

fn time_error(integrator: Integrator, count: u32) -> anyhow::Result<f64> {
    let element = Element::GllQuad { order: 8 };
    let frequency = mode(MODE)?.frequency(1.0);
    let duration = PERIODS / frequency;
    let mesh = case::unit_square(element, 7, 0.0)?;
    let step = TimeStep::Fixed(duration / f64::from(count));
    error(mesh, element, integrator, MODE, step, |_, _| {
        (TAU * PERIODS).cos()
    })
}

fn time_order(errors: &[f64]) -> f64 {
    let steps = TIME_LEVELS.map(|count| 1.0 / f64::from(count));
    slope(&steps, errors)
}

/// `error` over cells, with a broken line of the declared order through the finest level.
fn space_figure(families: &[Family], cut: Cut) -> (Lines, String) {
    let mut series = Vec::new();
    let shown = families
        .iter()
        .filter(|f| f.cut == cut && f.integrator == Integrator::CentralDifference);
    for (index, family) in shown.enumerate() {
        let x: Vec<f64> = family.cells.iter().map(|n| *n as f64).collect();
        let last = x.len() - 1;
        let declared = |at: f64| family.errors[last] * (x[last] / at).powf(family.declared());
        let colour = LineColour::Palette(index);
        series.push(LineSeries {
            label: String::new(),
            y: x.iter().map(|at| declared(*at)).collect(),
            x: x.clone(),
            mark: LineMark::Dashed,
            colour,
        });
        series.push(LineSeries {
            label: element_name(family.element),
            x,
            y: family.errors.clone(),
            mark: LineMark::LineAndPoints,
            colour,
        });
    }
    let figure = Lines {
        name: format!("convergence-{}", cut.name()),
        title: format!("Convergence on {} meshes", cut.name()),
        x: LinesAxis::logarithmic("cells along a side", ""),
        y: LinesAxis::logarithmic("relative L2 error", ""),
        series,
        note: "broken line: declared order, p + 1".into(),
    };
    let caption = format!(
        "Error in space over refinement, {} meshes, central difference. Newmark's errors are in the table.",
        cut.name()
    );
    (figure, caption)
}

fn time_figure(errors: &[Vec<f64>]) -> (Lines, String) {
    let x: Vec<f64> = TIME_LEVELS
        .iter()
        .map(|count| f64::from(*count) / PERIODS)
        .collect();
    let series = INTEGRATORS
        .iter()
        .zip(errors)
        .enumerate()
        .map(|(index, (integrator, errors))| LineSeries {
            label: integrator_name(*integrator).to_owned(),
            x: x.clone(),
            y: errors.clone(),
            mark: LineMark::LineAndPoints,
            colour: LineColour::Palette(index),
        });
    let figure = Lines {
        name: "convergence-time".into(),
        title: "Convergence in time".into(),
        x: LinesAxis::logarithmic("steps per period", ""),
        y: LinesAxis::logarithmic("relative L2 error", ""),
        series: series.collect(),
        note: String::new(),
    };
    let caption =
        "Error in time over the number of steps, where the mesh's own error is negligible."
            .to_owned();
    (figure, caption)
}

fn table(families: &[Family]) -> Table {
    let rows = families.iter().map(|family| {
        let (first, last) = (family.errors[0], family.errors[family.errors.len() - 1]);
        vec![
            Cell::words(element_name(family.element)),
            Cell::words(family.cut.name()),
            Cell::words(integrator_name(family.integrator)),
            Cell::number(family.declared()),
            Cell::number(family.order()),
            Cell::number(first),
            Cell::number(last),
        ]
    });
    Table {
        caption: "Orders of convergence in space".into(),
        columns: vec![
            Column::words("element"),
            Column::words("mesh"),
            Column::words("integrator"),
            Column::numbers("declared order", ""),
            Column::numbers("measured order", ""),
            Column::numbers("coarsest error", ""),
            Column::numbers("finest error", ""),
        ],
        rows: rows.collect(),
    }
}
