//! What sides that let waves out send back, over angles, and that nothing grows in them.
//!
//! A mode of a strip, which is two plane waves at ±θ, meets the strip's end; the same run on a strip too long to send
//! anything back is the incident wave, and what differs is the reflection. First-order absorption reflects
//! `(1 − cos θ)/(1 + cos θ)` (Engquist and Majda 1977), a perfectly matched layer in theory `R^cos θ` with R its parameter
//! (Grote and Sim 2010), and more once discretised.

use fewave_plots::{LineColour, LineMark, LineSeries, Lines, LinesAxis};
use fewave_solver::initial::{Pulse, Pulses};
use fewave_solver::medium::Uniform;
use fewave_solver::{BoundaryConditions, BoundaryKind, Integrator, TimeSettings, TimeStep};
use rayon::prelude::*;
use std::f64::consts::TAU;

use super::case::{self, Case};
use super::numerics::{fourier, largest};
use super::strip::{CELLS, ORDER, Strip};
use super::{Check, Criterion, Effort, Outcome, Steps};

/// Distance of the receiver from the end, m.
const RECEIVER: f64 = -0.5;
/// Parameter of the layers, and their thickness in wavelengths.
const REFLECTION: f64 = 1e-7;
const THICKNESS: [f64; 2] = [0.6, 1.0];
/// Largest reflection of a layer up to 60°.
const TOLERANCE: f64 = 1e-3;
/// Largest angle that the tolerance is for, degrees.
const STEEPEST: f64 = 60.0;
/// Times that a wave crosses the square of the run that looks for growth.
const CROSSINGS: usize = 20;

/// The check.
#[derive(Debug)]
pub struct Absorption;

fn layer(thickness: f64) -> BoundaryKind {
    BoundaryKind::Pml {
        thickness,
        reflection: REFLECTION,
    }
}

/// Reflected amplitudes at an angle: first-order absorption, then the layers.
fn reflections(degrees: f64) -> anyhow::Result<Vec<f64>> {
    let strip = Strip::new(degrees);
    let run = |right: f64, end: BoundaryKind, step: TimeStep| {
        strip.run(
            strip.mesh(right)?,
            Uniform::new(1.0)?,
            case::sides(BoundaryKind::Free, [("right", end)]),
            Integrator::CentralDifference,
            step,
            &[RECEIVER],
        )
    };
    // well below the limit of any of them, so that all take the same steps
    let step = TimeStep::Fixed(0.01);
    let incident = run(strip.far(1.0), BoundaryKind::Free, step)?;
    let amplitude = |values: &[f64]| {
        let [real, imaginary] = fourier(values, incident.info.dt, TAU);
        real.hypot(imaginary)
    };
    let reference = incident.trace(0, 0);
    let kinds = [BoundaryKind::Absorbing]
        .into_iter()
        .chain(THICKNESS.map(layer));
    kinds
        .map(|kind| {
            let trace = run(0.0, kind, step)?.trace(0, 0);
            let returned: Vec<f64> = trace.iter().zip(&reference).map(|(a, b)| a - b).collect();
            Ok(amplitude(&returned) / amplitude(&reference))
        })
        .collect()
}

/// Largest displacement within each crossing of a square between layers, from a pulse of 1 m in its middle.
fn crossings() -> anyhow::Result<Vec<f64>> {
    let each = 8;
    let case = Case {
        boundary: BoundaryConditions::all(layer(0.3)),
        time: TimeSettings {
            duration: CROSSINGS as f64,
            snapshots: CROSSINGS * each + 1,
            ..TimeSettings::default()
        },
        grid: [41; 2],
        ..Case::default()
    };
    let pulse = Pulse::new([0.45, 0.55], 0.08, 1.0)?;
    let scene = case::starting_with(Uniform::new(1.0)?, Pulses::new(vec![pulse]));
    let run = case.run(case::unit_square(case.element, 10, 0.0)?, &[scene])?;
    let snapshots = &run.recordings[0].snapshots;
    Ok((0..CROSSINGS)
        .map(|crossing| {
            let within = crossing * each + 1..=(crossing + 1) * each;
            let of_snapshot = |n: usize| {
                let field = snapshots.index_axis(ndarray::Axis(0), n);
                largest(field.iter().map(|u| f64::from(*u)))
            };
            largest(within.map(of_snapshot))
        })
        .collect())
}

impl Check for Absorption {
    fn name(&self) -> &'static str {
        "absorption"
    }

    fn what(&self) -> &'static str {
        "Perfectly matched layers send back at most a thousandth up to 60°, first-order absorption what theory says, and nothing grows"
    }

    fn run(&self, effort: Effort, steps: &Steps<'_>) -> anyhow::Result<Outcome> {
        let angles: &[f64] = effort.choose(
            &[0.0, 30.0, 45.0],
            &[
                0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 55.0, 60.0, 65.0, 70.0, 75.0,
            ],
        );
        steps.expect(angles.len() + 1);
        let found = angles
            .par_iter()
            .rev()
            .map(|degrees| {
                let reflections = reflections(*degrees)?;
                steps.done();
                anyhow::Ok(reflections)
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        // computed from the steepest down, which takes longest
        let found: Vec<Vec<f64>> = found.into_iter().rev().collect();
        let peaks = crossings()?;
        steps.done();
        let of_kind = |kind: usize| -> Vec<f64> { found.iter().map(|each| each[kind]).collect() };
        let mut criteria = Vec::new();
        for (index, thickness) in THICKNESS.iter().enumerate() {
            let within = angles.iter().zip(of_kind(index + 1));
            let within = within.filter(|(degrees, _)| **degrees <= STEEPEST);
            let steepest = angles.iter().copied().filter(|a| *a <= STEEPEST);
            let what = format!(
                "largest reflection of a layer of {thickness} wavelengths, 0° to {}°",
                largest(steepest)
            );
            criteria.push(Criterion::at_most(
                what,
                largest(within.map(|(_, reflection)| reflection)),
                TOLERANCE,
            ));
        }
        let departures = angles.iter().zip(of_kind(0));
        criteria.push(Criterion::at_most(
            "largest difference of first-order absorption from theory",
            largest(departures.map(|(degrees, found)| found - first_order(*degrees))),
            5e-3,
        ));
        let early = largest(peaks[1..3].iter().copied());
        let late = largest(peaks[CROSSINGS / 2..].iter().copied());
        criteria.push(Criterion::at_most(
            format!(
                "largest displacement from crossing {} to {CROSSINGS} of a square between layers, over that in crossings 2 and 3",
                CROSSINGS / 2 + 1
            ),
            late / early,
            1.0,
        ));
        let series: Vec<Vec<f64>> = (0..=THICKNESS.len()).map(of_kind).collect();
        Ok(Outcome {
            criteria,
            figures: vec![figure(angles, &series), growth_figure(&peaks)],
            tables: Vec::new(),
            method: format!(
                "Modes of a strip, which are plane waves at ±θ; GLL {ORDER}, {CELLS} cells per wavelength, central difference; reflection at the packet's \
                 frequency, {} wavelengths before the end, against a strip too long to reflect. Layers: theoretical reflection {REFLECTION:e}.",
                -RECEIVER
            ),
        })
    }
}

/// Reflection of first-order absorption in theory.
fn first_order(degrees: f64) -> f64 {
    let cos = degrees.to_radians().cos();
    (1.0 - cos) / (1.0 + cos)
}

fn figure(angles: &[f64], found: &[Vec<f64>]) -> (Lines, String) {
    let line = |label: String, x: Vec<f64>, y: Vec<f64>, mark, colour| LineSeries {
        label,
        x,
        y,
        mark,
        colour,
    };
    let fine: Vec<f64> = (1..=160).map(|i| 0.5 * f64::from(i)).collect();
    // at 0° theory says 0, which has no place on a logarithmic axis
    let theory: Vec<f64> = fine.iter().map(|angle| first_order(*angle)).collect();
    let from = fine.partition_point(|angle| *angle < 4.0);
    let mut series = vec![line(
        String::new(),
        fine[from..].to_vec(),
        theory[from..].to_vec(),
        LineMark::Line,
        LineColour::Palette(0),
    )];
    for (index, y) in found.iter().enumerate() {
        let (label, mark) = match index.checked_sub(1) {
            None => ("first order".to_owned(), LineMark::Points),
            Some(place) => (
                format!("PML, {} λ", THICKNESS[place]),
                LineMark::LineAndPoints,
            ),
        };
        let colour = LineColour::Palette(index);
        series.push(line(label, angles.to_vec(), y.clone(), mark, colour));
    }
    series.push(line(
        "tolerance".into(),
        vec![0.0, STEEPEST],
        vec![TOLERANCE; 2],
        LineMark::Dashed,
        LineColour::Grey,
    ));
    let figure = Lines {
        name: "absorption".into(),
        title: "Reflection of absorbing sides over the angle".into(),
        x: LinesAxis::linear("angle of incidence", "°"),
        y: LinesAxis::logarithmic("reflected amplitude", ""),
        series,
        note: "points: measured; line without points: theory of first order".into(),
    };
    let caption = "Amplitude that comes back from first-order absorption and from perfectly matched layers, relative to the incident one."
        .to_owned();
    (figure, caption)
}

fn growth_figure(peaks: &[f64]) -> (Lines, String) {
    let figure = Lines {
        name: "absorption-growth".into(),
        title: "Largest displacement over crossings".into(),
        x: LinesAxis::linear("crossing", ""),
        y: LinesAxis::logarithmic("largest displacement", "m"),
        series: vec![LineSeries {
            label: "PML on all sides".into(),
            x: (1..=peaks.len()).map(|n| n as f64).collect(),
            y: peaks.to_vec(),
            mark: LineMark::LineAndPoints,
            colour: LineColour::Palette(1),
        }],
        note: String::new(),
    };
    let caption = "Largest displacement within each crossing of a square between perfectly matched layers, after a pulse of 1 m.".to_owned();
    (figure, caption)
}
