//! Reciprocity: source and receiver may change places.
//!
//! The trace at B of a source at A equals the trace at A of the same source at B, in any medium, with damping and with any
//! of the boundary conditions (Achenbach 1973, section 3.9). It holds exactly for symmetric discrete operators too, so what
//! remains is rounding, mostly that of recordings in f32.

use fewave_plots::{LineColour, LineMark, LineSeries, Lines, LinesAxis};
use fewave_solver::medium::GaussianField;
use fewave_solver::{BoundaryKind, Element, Integrator, Scene, TimeSettings};
use rayon::prelude::*;

use super::case::{self, Case, NEWMARK, element_name, integrator_name};
use super::numerics::largest;
use super::{Check, Criterion, Effort, Outcome, Steps};

/// Source and receiver, m, both inside of cells.
const PLACES: [[f64; 2]; 2] = [[0.231, 0.347], [0.712, 0.654]];
/// Largest difference allowed, relative to the peak; traces are recorded in f32, whose spacing is 1.2e-7.
const TOLERANCE: f64 = 1e-6;

/// The check.
#[derive(Debug)]
pub struct Reciprocity;

impl Check for Reciprocity {
    fn name(&self) -> &'static str {
        "reciprocity"
    }

    fn what(&self) -> &'static str {
        "Source and receiver may change places, in a random medium with damping and mixed boundaries"
    }

    fn run(&self, _effort: Effort, steps: &Steps<'_>) -> anyhow::Result<Outcome> {
        let gll = Element::GllQuad { order: 4 };
        let settings = [
            (Element::P1Triangle, Integrator::CentralDifference),
            (Element::Q1Quad, NEWMARK),
            (gll, Integrator::CentralDifference),
            (gll, NEWMARK),
        ];
        steps.expect(settings.len());
        let pairs = settings
            .par_iter()
            .map(|(element, integrator)| {
                let pair = traces(*element, *integrator)?;
                steps.done();
                anyhow::Ok(pair)
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let criteria = settings.iter().zip(&pairs);
        let criteria = criteria.map(|((element, integrator), pair)| {
            let what = format!(
                "largest difference of the two traces over their peak, {}, {}",
                element_name(*element),
                integrator_name(*integrator)
            );
            Criterion::at_most(what, pair.difference(), TOLERANCE)
        });
        Ok(Outcome {
            criteria: criteria.collect(),
            figures: vec![figure(&pairs[2])],
            tables: Vec::new(),
            method: format!(
                "Ricker wavelet of 3 Hz between {PLACES:?} m, Gaussian random medium of 0.7 to 1.3 m/s, damping 0.5 1/s, distorted mesh; \
                 left side absorbing, top free, others fixed."
            ),
        })
    }
}

/// Both traces.
#[derive(Debug)]
struct Pair {
    times: Vec<f64>,
    there: Vec<f64>,
    back: Vec<f64>,
}

impl Pair {
    fn difference(&self) -> f64 {
        let both = self.there.iter().zip(&self.back);
        largest(both.map(|(a, b)| a - b)) / largest(self.there.iter().copied())
    }
}

fn traces(element: Element, integrator: Integrator) -> anyhow::Result<Pair> {
    let case = Case {
        element,
        boundary: case::sides(
            BoundaryKind::Fixed,
            [
                ("left", BoundaryKind::Absorbing),
                ("top", BoundaryKind::Free),
            ],
        ),
        time: TimeSettings {
            duration: 2.5,
            integrator,
            max_speed: 1.3,
            ..TimeSettings::default()
        },
        receivers: PLACES.to_vec(),
        ..Case::default()
    };
    let mut scenes = Vec::new();
    for place in PLACES {
        scenes.push(Scene {
            damping: 0.5,
            sources: vec![case::ricker(place, 3.0)?],
            ..case::at_rest(GaussianField::new([0.7, 1.3], 0.2, 11)?)
        });
    }
    let cells = if element.order() == 1 { 48 } else { 12 };
    let run = case.run(case::unit_square(element, cells, 0.2)?, &scenes)?;
    Ok(Pair {
        there: run.trace(0, 1),
        back: run.trace(1, 0),
        times: run.info.receiver_times,
    })
}

fn figure(pair: &Pair) -> (Lines, String) {
    let line = |label: &str, y: &[f64], stride: usize, mark, index| LineSeries {
        label: label.to_owned(),
        x: pair.times.iter().step_by(stride).copied().collect(),
        y: y.iter().step_by(stride).copied().collect(),
        mark,
        colour: LineColour::Palette(index),
    };
    let figure = Lines {
        name: "reciprocity".into(),
        title: "Traces of exchanged source and receiver".into(),
        x: LinesAxis::linear("time", "s"),
        y: LinesAxis::linear("displacement", "m"),
        series: vec![
            line("A to B", &pair.there, 1, LineMark::Line, 0),
            line(
                "B to A",
                &pair.back,
                pair.times.len() / 80 + 1,
                LineMark::Points,
                1,
            ),
        ],
        note: String::new(),
    };
    let caption = "The trace at B of a source at A, and the trace at A of a source at B; GLL 4, central difference."
        .to_owned();
    (figure, caption)
}
