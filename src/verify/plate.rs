//! Receivers on a plate with a hole and an inclusion against scikit-fem, an independent code.
//!
//! `benches/peers/plate_receivers.py` solves the same problem with matrices, loads and stepping that share nothing with
//! fewave, on the same unstructured mesh of Gmsh; its traces are committed. Where both discretise alike (P1 with lumped
//! mass, P2 with consistent mass), the traces must agree to the digits that are stored; elements that scikit-fem was not
//! run with must agree as far as the problem is resolved.

use anyhow::Context;
use fewave_plots::{LineColour, LineMark, LineSeries, Lines, LinesAxis};
use fewave_solver::medium::Groups;
use fewave_solver::mesh::gmsh;
use fewave_solver::{BoundaryKind, Element, Integrator, Mesh, Scene, TimeStep};
use rayon::prelude::*;

use super::case::{self, Case, NEWMARK, element_name, integrator_name};
use super::numerics::{largest, relative_error};
use super::{Check, Criterion, Effort, Outcome, Steps};

const MESH: &[u8] = include_bytes!("meshes/plate.msh");
const TRACES: &str = include_str!("plate_skfem.csv");
// as in the script
const SOURCE: [f64; 2] = [0.123, 0.217];
const RECEIVERS: [[f64; 2]; 3] = [[0.9, 0.45], [0.71, 0.29], [0.31, 0.481]];
const FREQUENCY: f64 = 2.0;
const STEP: f64 = 0.001;
const DURATION: f64 = 2.0;
const EVERY: usize = 5;
/// Speed of a physical surface, m/s.
fn speed(group: &str) -> f64 {
    if group == "inclusion" { 0.6 } else { 1.0 }
}

/// The check.
#[derive(Debug)]
pub struct Plate;

/// A run of fewave and the column of scikit-fem that it is held to.
#[derive(Debug, Clone, Copy)]
struct Setting {
    element: Element,
    integrator: Integrator,
    peer: &'static str,
    tolerance: f64,
}

const SETTINGS: [Setting; 4] = [
    Setting {
        element: Element::P1Triangle,
        integrator: Integrator::CentralDifference,
        peer: "P1",
        tolerance: 1e-5,
    },
    Setting {
        element: Element::P2Triangle,
        integrator: NEWMARK,
        peer: "P2",
        tolerance: 1e-5,
    },
    Setting {
        element: Element::P2BubbleTriangle,
        integrator: Integrator::ModifiedEquation,
        peer: "P2",
        tolerance: 5e-3,
    },
    Setting {
        element: Element::P2BubbleTriangle,
        integrator: Integrator::CentralDifference,
        peer: "P2",
        tolerance: 5e-3,
    },
];

impl Check for Plate {
    fn name(&self) -> &'static str {
        "plate"
    }

    fn what(&self) -> &'static str {
        "Traces on an unstructured mesh with a hole and an inclusion agree with those of scikit-fem"
    }

    fn run(&self, _effort: Effort, steps: &Steps<'_>) -> anyhow::Result<Outcome> {
        steps.expect(SETTINGS.len());
        let found = SETTINGS
            .par_iter()
            .map(|setting| {
                let traces = traces(setting)?;
                steps.done();
                anyhow::Ok(traces)
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let mut criteria = Vec::new();
        for (setting, traces) in SETTINGS.iter().zip(&found) {
            let peers = peers(setting.peer)?;
            let errors = traces.iter().zip(&peers);
            let error = largest(errors.map(|(ours, theirs)| relative_error(ours, theirs)));
            let what = format!(
                "largest relative L2 difference of a trace, {}, {}, from scikit-fem's {}",
                element_name(setting.element),
                integrator_name(setting.integrator),
                setting.peer
            );
            criteria.push(Criterion::at_most(what, error, setting.tolerance));
        }
        Ok(Outcome {
            criteria,
            figures: vec![figure(&found[2], &peers("P2")?)],
            tables: Vec::new(),
            method: format!(
                "Plate of 1 m × 0.6 m in triangles of 0.03 m by Gmsh, c = 1 m/s and 0.6 m/s in the inclusion, hole clamped, outer sides free; Ricker wavelet \
                 of {FREQUENCY} Hz at {SOURCE:?} m, receivers at {RECEIVERS:?} m, {DURATION} s, steps of {STEP} s. scikit-fem: P1 with row-summed mass and \
                 central difference, P2 with consistent mass and Newmark."
            ),
        })
    }
}

/// Traces of fewave, every so many steps.
fn traces(setting: &Setting) -> anyhow::Result<Vec<Vec<f64>>> {
    let mesh: Mesh = gmsh::read(MESH)?;
    let speeds = mesh
        .cell_groups()
        .iter()
        .map(|group| speed(group))
        .collect();
    let scene = Scene {
        sources: vec![case::ricker(SOURCE, FREQUENCY)?],
        ..case::at_rest(Groups::new(&mesh, speeds)?)
    };
    let case = Case {
        element: setting.element,
        boundary: case::sides(BoundaryKind::Free, [("hole", BoundaryKind::Fixed)]),
        time: case::time(setting.integrator, DURATION, TimeStep::Fixed(STEP)),
        receivers: RECEIVERS.to_vec(),
        ..Case::default()
    };
    let run = case.run(mesh, &[scene])?;
    let every = |trace: Vec<f64>| trace.into_iter().step_by(EVERY).collect();
    Ok((0..RECEIVERS.len())
        .map(|receiver| every(run.trace(0, receiver)))
        .collect())
}

/// Traces of scikit-fem with an element.
fn peers(element: &str) -> anyhow::Result<Vec<Vec<f64>>> {
    let mut reader = csv::Reader::from_reader(TRACES.as_bytes());
    let header = reader.headers()?.clone();
    let columns: Vec<usize> = (0..header.len())
        .filter(|column| header[*column].starts_with(element))
        .collect();
    let mut traces = vec![Vec::new(); columns.len()];
    for record in reader.records() {
        let record = record?;
        for (trace, column) in traces.iter_mut().zip(&columns) {
            let value = record[*column].parse::<f64>();
            trace.push(value.context("plate_skfem.csv holds numbers")?);
        }
    }
    Ok(traces)
}

fn figure(ours: &[Vec<f64>], theirs: &[Vec<f64>]) -> (Lines, String) {
    let mut series = Vec::new();
    let time = |i: usize| STEP * (EVERY * i) as f64;
    for (receiver, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        let colour = LineColour::Palette(receiver);
        series.push(LineSeries {
            label: format!("receiver {receiver}"),
            x: (0..theirs.len()).map(time).collect(),
            y: theirs.clone(),
            mark: LineMark::Line,
            colour,
        });
        series.push(LineSeries {
            label: String::new(),
            x: (0..ours.len()).step_by(8).map(time).collect(),
            y: ours.iter().step_by(8).copied().collect(),
            mark: LineMark::Points,
            colour,
        });
    }
    let figure = Lines {
        name: "plate".into(),
        title: "Traces on a plate, fewave and scikit-fem".into(),
        x: LinesAxis::linear("time", "s"),
        y: LinesAxis::linear("displacement", "m"),
        series,
        note: "line: scikit-fem, P2, Newmark; points: fewave, P2 with bubble, modified equation"
            .into(),
    };
    let caption =
        "Displacement at three receivers on a plate with a hole and an inclusion.".to_owned();
    (figure, caption)
}
