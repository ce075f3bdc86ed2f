//! Frequencies of a round membrane on curved meshes.
//!
//! Clamped at its rim, the membrane of radius R oscillates in the modes `J_m(j r/R) cos(mθ)` with the angular frequencies
//! `j c/R`, j being the zeros of J_m (Rayleigh 1877, section 206). Frequencies of elements of order p are accurate to 2p; cells
//! of degree 2 leave the circle by `O(h⁴)`, so that 4 is all there is to gain on them.

use std::f64::consts::PI;

use fewave_plots::{Cell, Column, LineColour, LineMark, LineSeries, Lines, LinesAxis, Table};
use fewave_solver::medium::Uniform;
use fewave_solver::mesh::gmsh;
use fewave_solver::{
    BoundaryConditions, BoundaryKind, Disc, Element, InitialState, Integrator, Mesh, TimeStep,
};
use rayon::prelude::*;

use super::bessel;
use super::case::{self, Case, element_name};
use super::numerics::{frequency, largest, slope};
use super::{Check, Criterion, Effort, Outcome, Steps};

/// Modes measured, as (m, number of the zero).
const MODES: [(u32, u32); 4] = [(0, 1), (1, 1), (2, 1), (0, 2)];
/// Time simulated, s: the modes' frequencies lie at least 0.06 Hz apart.
const DURATION: f64 = 50.0;
/// How far an order may fall short on regular meshes, and on those of Gmsh, whose cells are not refined one by one.
const SHORTFALL: [f64; 2] = [0.3, 0.6];
/// Discs of radius 1 in curved quadrangles, by Gmsh (`benches/peers/verify_meshes.py`).
const GMSH: [&[u8]; 5] = [
    include_bytes!("meshes/disc_0.msh"),
    include_bytes!("meshes/disc_1.msh"),
    include_bytes!("meshes/disc_2.msh"),
    include_bytes!("meshes/disc_3.msh"),
    include_bytes!("meshes/disc_4.msh"),
];

/// The check.
#[derive(Debug)]
pub struct Membrane;

/// Where a mesh comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// A square within four rings, degree 2.
    Regular,
    /// The same of degree 1.
    Straight,
    /// Gmsh's quadrangles of degree 2.
    Gmsh,
}

impl Origin {
    fn name(self) -> &'static str {
        match self {
            Self::Regular => "regular, curved",
            Self::Straight => "regular, straight",
            Self::Gmsh => "Gmsh, curved",
        }
    }

    fn mesh(self, element: Element, level: usize) -> anyhow::Result<Mesh> {
        let disc = |degree: usize| Disc {
            // low orders reach the asymptotic range later
            cells: match element.order() {
                1 | 2 => [4, 6, 8, 12, 16],
                _ => [2, 3, 4, 6, 8],
            }[level],
            shape: element.shape(),
            degree,
            ..Disc::default()
        };
        Ok(match self {
            Self::Regular => disc(2).build()?,
            Self::Straight => disc(1).build()?,
            Self::Gmsh => gmsh::read(GMSH[level])?,
        })
    }
}

/// An element on refined discs.
#[derive(Debug)]
struct Family {
    element: Element,
    origin: Origin,
    /// Per level: size of the cells, m, and the relative error of each mode's frequency.
    levels: Vec<(f64, Vec<f64>)>,
}

impl Family {
    fn expected(&self) -> f64 {
        let geometry = if self.origin == Origin::Straight {
            2
        } else {
            4
        };
        (2 * self.element.order()).min(geometry) as f64
    }

    fn sizes(&self) -> Vec<f64> {
        self.levels.iter().map(|(h, _)| *h).collect()
    }

    /// Largest error of the modes, per level.
    fn errors(&self) -> Vec<f64> {
        let of_level = |(_, errors): &(f64, Vec<f64>)| largest(errors.iter().copied());
        self.levels.iter().map(of_level).collect()
    }

    fn order(&self) -> f64 {
        // the coarsest discs hold a dozen cells
        let from = if self.levels.len() > 4 { 1 } else { 0 };
        slope(&self.sizes()[from..], &self.errors()[from..])
    }
}

/// A mode of the unit disc.
#[derive(Debug, Clone, Copy)]
struct Mode {
    m: u32,
    zero: f64,
}

impl Mode {
    fn new((m, n): (u32, u32)) -> Self {
        Self {
            m,
            zero: bessel::zero(m, n),
        }
    }
}

impl InitialState for Mode {
    fn displacement(&self, [x, y]: [f64; 2]) -> f64 {
        (f64::from(self.m) * y.atan2(x)).cos() * bessel::j(self.m, self.zero * x.hypot(y))
    }

    fn velocity(&self, _position: [f64; 2], _speed: f64) -> f64 {
        0.0
    }
}

impl Check for Membrane {
    fn name(&self) -> &'static str {
        "membrane"
    }

    fn what(&self) -> &'static str {
        "Frequencies of a round membrane converge to the zeros of Bessel functions, on curved cells of degree 2 with order min(2p, 4)"
    }

    fn run(&self, effort: Effort, steps: &Steps<'_>) -> anyhow::Result<Outcome> {
        let gll = |order| Element::GllQuad { order };
        let regular = effort.choose(
            vec![Element::P1Triangle, Element::P2BubbleTriangle, gll(4)],
            vec![
                Element::P1Triangle,
                Element::P2BubbleTriangle,
                Element::Q1Quad,
                gll(1),
                gll(2),
                gll(3),
                gll(4),
                gll(6),
            ],
        );
        let unstructured = effort.choose(vec![gll(2)], vec![gll(2), gll(3), gll(4)]);
        let family = |element, origin| Family {
            element,
            origin,
            levels: Vec::new(),
        };
        let mut families: Vec<Family> = regular
            .into_iter()
            .map(|element| family(element, Origin::Regular))
            .collect();
        families.extend(unstructured.into_iter().map(|e| family(e, Origin::Gmsh)));
        families.push(family(gll(4), Origin::Straight));
        let levels = effort.choose(4, 5);
        steps.expect(families.len() * levels);
        families.par_iter_mut().try_for_each(|family| {
            for level in 0..levels {
                let mesh = family.origin.mesh(family.element, level)?;
                let h = (PI / mesh.cell_count() as f64).sqrt();
                family.levels.push((h, errors(mesh, family.element)?));
                steps.done();
            }
            anyhow::Ok(())
        })?;
        let mut criteria = Vec::new();
        for (origin, shortfall) in [
            (Origin::Regular, SHORTFALL[0]),
            (Origin::Gmsh, SHORTFALL[1]),
        ] {
            for family in families.iter().filter(|f| f.origin == origin) {
                let what = format!(
                    "order of the frequencies, {}, {} mesh (expected {})",
                    element_name(family.element),
                    origin.name(),
                    family.expected()
                );
                let least = family.expected() - shortfall;
                criteria.push(Criterion::at_least(what, family.order(), least));
            }
        }
        Ok(Outcome {
            criteria,
            figures: figures(&families),
            tables: vec![table(&families)],
            method: format!(
                "Clamped disc of radius 1 m, c = 1 m/s, modes (m, n) = {MODES:?} released at rest, {DURATION} s of the modified equation, frequency of a trace \
                 under a Blackman–Harris window, the known error of time stepping taken out; h is the square root of the mean area of a cell."
            ),
        })
    }
}

/// Relative errors of the modes' frequencies.
fn errors(mesh: Mesh, element: Element) -> anyhow::Result<Vec<f64>> {
    let modes = MODES.map(Mode::new);
    // on the x axis no mode has a node line; each is looked at near its largest value there
    let receivers = modes.map(|mode| {
        let at = |i: i32| 0.013 + 0.02 * f64::from(i);
        let height = |i: &i32| mode.displacement([at(*i), 0.0]).abs();
        let best = (0..45).max_by(|i, j| height(i).total_cmp(&height(j)));
        [at(best.unwrap_or(0)), 0.0]
    });
    let case = Case {
        element,
        boundary: BoundaryConditions::all(BoundaryKind::Fixed),
        time: case::time(Integrator::ModifiedEquation, DURATION, TimeStep::Auto),
        receivers: receivers.to_vec(),
        ..Case::default()
    };
    let scenes = modes
        .iter()
        .map(|mode| Ok(case::starting_with(Uniform::new(1.0)?, *mode)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let run = case.run(mesh, &scenes)?;
    let dt = run.info.dt;
    let discrete = |omega: f64| case::discrete_frequency(Integrator::ModifiedEquation, omega, dt);
    let each = modes.iter().enumerate().map(|(index, mode)| {
        let found = frequency(&run.trace(index, index), dt, discrete(mode.zero), 0.1);
        // the frequency in continuous time that the scheme turns into the one found
        let mut omega = found;
        for _ in 0..20 {
            omega += found - discrete(omega);
        }
        omega / mode.zero - 1.0
    });
    Ok(each.collect())
}

/// One figure of the regular discs, one of the others.
fn figures(families: &[Family]) -> Vec<(Lines, String)> {
    let (regular, others): (Vec<&Family>, Vec<&Family>) = families
        .iter()
        .partition(|family| family.origin == Origin::Regular);
    let rest = "over refinement, on curved meshes of Gmsh and on a regular mesh of straight cells, whose rim alone costs second order, \
                whatever the element.";
    vec![
        figure(
            "membrane",
            &regular,
            "over refinement, on regular meshes of curved cells.",
        ),
        figure("membrane-meshes", &others, rest),
    ]
}

fn figure(name: &str, families: &[&Family], setting: &str) -> (Lines, String) {
    let mut series = Vec::new();
    for (index, family) in families.iter().enumerate() {
        let (x, y) = (family.sizes(), family.errors());
        let (last_x, last_y) = (x[x.len() - 1], y[y.len() - 1]);
        let colour = match family.origin {
            Origin::Straight => LineColour::Grey,
            _ => LineColour::Palette(index),
        };
        let label = match family.origin {
            Origin::Regular => element_name(family.element),
            Origin::Straight => format!("{}, straight", element_name(family.element)),
            Origin::Gmsh => format!("{}, Gmsh", element_name(family.element)),
        };
        series.push(LineSeries {
            label: String::new(),
            y: x.iter()
                .map(|h| last_y * (h / last_x).powf(family.expected()))
                .collect(),
            x: x.clone(),
            mark: LineMark::Dashed,
            colour,
        });
        // refined to the right
        series.push(LineSeries {
            label,
            x,
            y,
            mark: LineMark::LineAndPoints,
            colour,
        });
    }
    for series in &mut series {
        for h in &mut series.x {
            *h = 1.0 / *h;
        }
    }
    let figure = Lines {
        name: name.into(),
        title: "Frequency errors of a round membrane".into(),
        x: LinesAxis::logarithmic("cells per radius, R/h", ""),
        y: LinesAxis::logarithmic("relative error of the frequency", ""),
        series,
        note: "broken line: expected order".into(),
    };
    let caption = format!(
        "Largest relative error of the frequencies of four modes of a clamped disc {setting}"
    );
    (figure, caption)
}

fn table(families: &[Family]) -> Table {
    let rows = families.iter().map(|family| {
        let finest = family.levels.last().map_or(&[][..], |(_, errors)| errors);
        let mut row = vec![
            Cell::words(element_name(family.element)),
            Cell::words(family.origin.name()),
            Cell::number(family.expected()),
            Cell::number(family.order()),
        ];
        row.extend(finest.iter().map(|error| Cell::number(*error)));
        row
    });
    let mut columns = vec![
        Column::words("element"),
        Column::words("mesh"),
        Column::numbers("expected order", ""),
        Column::numbers("measured order", ""),
    ];
    for (m, n) in MODES {
        columns.push(Column::numbers(&format!("error of mode ({m}, {n})"), ""));
    }
    Table {
        caption: "Frequencies of a round membrane: orders, and relative errors on the finest mesh"
            .into(),
        columns,
        rows: rows.collect(),
    }
}
