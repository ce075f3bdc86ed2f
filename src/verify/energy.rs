//! The discrete energy over long runs.
//!
//! Without damping and sources, central difference, the modified equation and Newmark (β = 1/4, γ = 1/2) each keep a quadratic energy exactly, up to
//! rounding; nothing may grow or leak over any number of steps.

use fewave_plots::{LineColour, LineMark, LineSeries, Lines, LinesAxis};
use fewave_solver::initial::{Pulse, Pulses};
use fewave_solver::medium::GaussianField;
use fewave_solver::{
    BoundaryConditions, BoundaryKind, Element, Integrator, Precision, Scene, TimeSettings, TimeStep,
};
use rayon::prelude::*;

use super::case::{self, Case, NEWMARK, element_name, integrator_name};
use super::numerics::largest;
use super::{Check, Criterion, Effort, Outcome, Steps};

/// Time step, s: below the limit of the explicit integrators on the mesh used.
const STEP: f64 = 0.005;
/// Times at which energy is measured, the start included.
const SAMPLES: usize = 101;

/// The check.
#[derive(Debug)]
pub struct Energy;

/// A run to measure.
#[derive(Debug, Clone, Copy)]
struct Setting {
    element: Element,
    integrator: Integrator,
    precision: Precision,
    cells: usize,
    tolerance: f64,
}

const SETTINGS: [Setting; 5] = [
    Setting {
        element: Element::GllQuad { order: 4 },
        integrator: Integrator::CentralDifference,
        precision: Precision::F64,
        cells: 6,
        tolerance: 1e-12,
    },
    Setting {
        element: Element::GllQuad { order: 4 },
        integrator: Integrator::CentralDifference,
        precision: Precision::F32,
        cells: 6,
        tolerance: 1e-4,
    },
    Setting {
        element: Element::GllQuad { order: 4 },
        integrator: Integrator::ModifiedEquation,
        precision: Precision::F64,
        cells: 6,
        tolerance: 1e-12,
    },
    Setting {
        element: Element::P1Triangle,
        integrator: Integrator::CentralDifference,
        precision: Precision::F64,
        cells: 20,
        tolerance: 1e-12,
    },
    Setting {
        element: Element::Q1Quad,
        integrator: NEWMARK,
        precision: Precision::F64,
        cells: 20,
        tolerance: 1e-10,
    },
];

impl Setting {
    fn name(&self) -> String {
        let bits = match self.precision {
            Precision::F64 => "f64",
            Precision::F32 => "f32",
        };
        format!(
            "{}, {}, {bits}",
            element_name(self.element),
            integrator_name(self.integrator)
        )
    }

    /// Energies over `steps` steps.
    fn energies(&self, steps: usize) -> anyhow::Result<Vec<f64>> {
        let case = Case {
            element: self.element,
            boundary: BoundaryConditions::all(BoundaryKind::Fixed),
            time: TimeSettings {
                duration: STEP * steps as f64,
                snapshots: SAMPLES,
                integrator: self.integrator,
                step: TimeStep::Fixed(STEP),
                max_speed: 1.3,
                ..TimeSettings::default()
            },
            precision: self.precision,
            ..Case::default()
        };
        let mesh = case::unit_square(self.element, self.cells, 0.15)?;
        Ok(case.run(mesh, &[scene()?])?.recordings.remove(0).energy)
    }
}

/// Two pulses in a random medium between 0.7 and 1.3 m/s.
fn scene() -> anyhow::Result<Scene> {
    let pulses = vec![
        Pulse::new([0.3, 0.4], 0.08, 1.0)?,
        Pulse::new([0.7, 0.6], 0.08, -0.5)?,
    ];
    let medium = GaussianField::new([0.7, 1.3], 0.2, 4)?;
    Ok(case::starting_with(medium, Pulses::new(pulses)))
}

impl Check for Energy {
    fn name(&self) -> &'static str {
        "energy"
    }

    fn what(&self) -> &'static str {
        "Without damping and sources, the discrete energy stays what it is, however long the run"
    }

    fn run(&self, effort: Effort, steps: &Steps<'_>) -> anyhow::Result<Outcome> {
        let count = effort.choose(10_000, 100_000);
        steps.expect(SETTINGS.len());
        let energies = SETTINGS
            .par_iter()
            .map(|setting| {
                let energies = setting.energies(count)?;
                steps.done();
                anyhow::Ok(energies)
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let times: Vec<f64> = (1..SAMPLES)
            .map(|i| STEP * (count * i / (SAMPLES - 1)) as f64)
            .collect();
        let (mut criteria, mut series) = (Vec::new(), Vec::new());
        for (index, (setting, energies)) in SETTINGS.iter().zip(&energies).enumerate() {
            let change: Vec<f64> = energies[1..]
                .iter()
                .map(|energy| (energy / energies[0] - 1.0).abs())
                .collect();
            let what = format!(
                "largest relative change of energy over {count} steps, {}",
                setting.name()
            );
            criteria.push(Criterion::at_most(
                what,
                largest(change.iter().copied()),
                setting.tolerance,
            ));
            series.push(LineSeries {
                label: setting.name(),
                x: times.clone(),
                y: change,
                mark: LineMark::Line,
                colour: LineColour::Palette(index),
            });
        }
        let figure = Lines {
            name: "energy".into(),
            title: "Change of energy over time".into(),
            x: LinesAxis::linear("time", "s"),
            y: LinesAxis::logarithmic("relative change of energy", ""),
            series,
            note: String::new(),
        };
        let caption = format!("Energy over {count} steps in a random medium, distorted mesh.");
        Ok(Outcome {
            criteria,
            figures: vec![(figure, caption)],
            tables: Vec::new(),
            method: format!(
                "Two pulses in a Gaussian random medium of 0.7 to 1.3 m/s on the unit square with fixed sides, distorted meshes, {count} steps of {STEP} s."
            ),
        })
    }
}
