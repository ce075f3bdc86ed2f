//! The time step: stable, accurate enough, and a divisor of the time between snapshots.
//!
//! Central difference is stable for `dt ≤ 2/ω_max` with `ω_max² ≤ c_max² λ`, λ the largest eigenvalue of the mesh at unit
//! speed, because a medium slower than `c_max` only adds mass; centred damping leaves the limit as it is. The modified
//! equation is stable for steps √3 times as long (Dablain 1986). Newmark with
//! `2β ≥ γ ≥ 1/2` is stable for any step (Newmark 1959; Hughes 2000, chapter 9).
//! Relative phase error of a wave of angular frequency ω, at most: in time `(ω dt)² |β − 1/12| / 2` (β = 0 is central
//! difference), `(ω dt)⁴/720` for the modified equation; in space `½ (p!/(2p)!)² (kh)^{2p} / (2p + 1)`, divided by p for GLL (Ainsworth and Wajid 2009).

use std::f64::consts::TAU;

use super::{Integrator, TimeSettings, TimeStep, Warning};
use crate::SolverError;
use crate::boundary::pml::Layer;
use crate::digits::short;
use crate::element::Element;
use crate::space::Space;

/// Phase error above which a [`Warning`] is given, relative to the phase travelled.
const PHASE_TOLERANCE: f64 = 0.005;
/// Phase error that an automatic implicit step aims at, relative to the phase travelled.
const IMPLICIT_PHASE_AIM: f64 = 0.0025;
/// More steps than anyone waits for.
const MAX_STEPS: f64 = 1e9;

/// The steps to take.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StepPlan {
    pub(crate) dt: f64,
    pub(crate) steps_per_snapshot: usize,
    /// Infinite for Newmark, s.
    pub(crate) stable_dt: f64,
    pub(crate) warnings: Vec<Warning>,
}

impl TimeSettings {
    /// Refuses settings that make no sense on any mesh.
    pub(crate) fn check(&self) -> Result<(), SolverError> {
        let positive = |what: &str, value: f64, remedy: &str| {
            if value.is_finite() && value > 0.0 {
                return Ok(());
            }
            Err(SolverError::invalid(
                what,
                value,
                "a finite number above 0",
                remedy,
            ))
        };
        positive(
            "time duration (s)",
            self.duration,
            "give the time to simulate in seconds",
        )?;
        positive(
            "maximum speed (m/s)",
            self.max_speed,
            "give the largest speed of the media",
        )?;
        if let TimeStep::Fixed(dt) = self.step {
            positive(
                "time step dt (s)",
                dt,
                "use dt = \"auto\" or a step in seconds",
            )?;
        }
        if let Some(frequency) = self.max_frequency {
            positive(
                "maximum frequency (Hz)",
                frequency,
                "give the highest frequency in hertz",
            )?;
        }
        if self.courant.is_nan() || self.courant <= 0.0 || self.courant > 1.0 {
            return Err(SolverError::invalid(
                "courant factor",
                self.courant,
                "a number in (0, 1]",
                "use 0.9",
            ));
        }
        if self.snapshots < 2 {
            return Err(SolverError::invalid(
                "snapshots",
                self.snapshots,
                "at least 2, which are the start and the end",
                "raise the number of snapshots",
            ));
        }
        if let Integrator::Newmark { beta, gamma } = self.integrator {
            let stable = gamma >= 0.5 && 2.0 * beta >= gamma;
            if !(stable && beta.is_finite() && gamma.is_finite()) {
                return Err(SolverError::invalid(
                    "newmark beta and gamma",
                    format!("{beta} and {gamma}"),
                    "2 beta >= gamma >= 1/2, which is stable for every dt",
                    "use beta = 0.25, gamma = 0.5",
                ));
            }
        }
        Ok(())
    }

    /// Chooses the step; `unit_eigenvalue` bounds the spectrum of the mesh at unit speed, 1/m².
    pub(crate) fn plan(
        &self,
        space: &Space,
        unit_eigenvalue: f64,
    ) -> Result<StepPlan, SolverError> {
        self.check()?;
        // every degree of freedom may be fixed: then nothing limits the step
        let limit = if unit_eigenvalue > 0.0 {
            2.0 / (self.max_speed * unit_eigenvalue.sqrt())
        } else {
            f64::INFINITY
        };
        let stable_dt = self.integrator.stability_factor() * limit;
        let explicit = self.integrator.stability_factor().is_finite();
        let interval = self.duration / (self.snapshots - 1) as f64;
        let wanted = match (self.step, self.max_frequency) {
            (TimeStep::Fixed(dt), _) if dt > stable_dt => {
                return Err(SolverError::UnstableTimeStep {
                    found: dt,
                    limit: stable_dt,
                    speed: self.max_speed,
                });
            }
            (TimeStep::Fixed(dt), _) => dt,
            (TimeStep::Auto, Some(frequency)) if !explicit => {
                self.dt_of_phase_error(frequency, IMPLICIT_PHASE_AIM)
            }
            (TimeStep::Auto, _) if explicit => self.courant * stable_dt,
            (TimeStep::Auto, _) => self.courant * limit,
        };
        // a step that divides the interval up to rounding needs no further reduction
        let exact = interval / wanted;
        let steps = if (exact - exact.round()).abs() <= 1e-9 * exact {
            exact.round()
        } else {
            exact.ceil()
        }
        .max(1.0);
        if steps * (self.snapshots - 1) as f64 > MAX_STEPS {
            return Err(SolverError::invalid(
                "number of time steps",
                short(steps * (self.snapshots - 1) as f64),
                format!("at most {}", short(MAX_STEPS)),
                "use a shorter duration, a longer dt or a coarser mesh",
            ));
        }
        let dt = interval / steps;
        let mut warnings = self.warnings(space, dt);
        if explicit && self.step == TimeStep::Auto {
            warnings.extend(narrow_cell(space));
        }
        Ok(StepPlan {
            dt,
            steps_per_snapshot: steps as usize,
            stable_dt,
            warnings,
        })
    }

    /// Warns of a layer that is thinner than half the dominant wavelength or two cells. A signal's highest frequency is
    /// about 2.5 times its dominant one.
    pub(crate) fn layer_warning(&self, layer: &Layer) -> Option<Warning> {
        let (thickness, cells) = (layer.thickness(), layer.cells_across);
        let wavelength = self.max_frequency.map(|f| 2.5 * self.max_speed / f);
        let half = 0.5 * wavelength.unwrap_or(0.0);
        let two_cells = 2.0 * thickness / cells.max(1) as f64;
        (thickness < half || cells < 2).then_some(Warning::ThinLayer {
            thickness,
            cells,
            wavelength,
            advised: half.max(two_cells),
        })
    }

    /// Factor and exponent of `ω dt` in the phase error.
    fn phase_error(&self) -> (f64, i32) {
        match self.integrator {
            Integrator::CentralDifference => (1.0 / 24.0, 2),
            Integrator::ModifiedEquation => (1.0 / 720.0, 4),
            Integrator::Newmark { beta, .. } => (0.5 * (beta - 1.0 / 12.0).abs(), 2),
        }
    }

    fn dt_of_phase_error(&self, frequency: f64, error: f64) -> f64 {
        let (factor, exponent) = self.phase_error();
        (error / factor).powf(1.0 / f64::from(exponent)) / (TAU * frequency)
    }

    fn warnings(&self, space: &Space, dt: f64) -> Vec<Warning> {
        let Some(frequency) = self.max_frequency else {
            return Vec::new();
        };
        let mut warnings = Vec::new();
        let (factor, exponent) = self.phase_error();
        let error = factor * (TAU * frequency * dt).powi(exponent);
        if error > PHASE_TOLERANCE {
            warnings.push(Warning::TimeDispersion {
                error,
                frequency,
                dt,
                advised: self.dt_of_phase_error(frequency, PHASE_TOLERANCE),
            });
        }
        let cell = longest_side(space);
        let wave_number = TAU * frequency / self.max_speed;
        let error = space_phase_error(space.element(), wave_number * cell);
        if error > PHASE_TOLERANCE {
            let exponent = 1.0 / (2.0 * space.element().order() as f64);
            warnings.push(Warning::SpaceDispersion {
                error,
                frequency,
                cell,
                advised: cell * (PHASE_TOLERANCE / error).powf(exponent),
            });
        }
        warnings
    }
}

/// Relative phase error of an element at `kh`, wave number times cell size.
fn space_phase_error(element: Element, kh: f64) -> f64 {
    let p = element.order();
    // p!/(2p)! = 1/((p + 1)·…·2p)
    let ratio: f64 = (p + 1..=2 * p).map(|k| 1.0 / k as f64).product();
    let error = 0.5 * (ratio * kh.powi(p as i32)).powi(2) / (2 * p + 1) as f64;
    match element {
        Element::GllQuad { .. } => error / p as f64,
        Element::P1Triangle | Element::P2Triangle | Element::P2BubbleTriangle | Element::Q1Quad => {
            error
        }
    }
}

/// The narrowest cell where most are far wider: its width is the determinant of the map over its longest stretch, at the
/// quadrature point where that is least.
fn narrow_cell(space: &Space) -> Option<Warning> {
    // the step falls about in proportion; graded meshes have less on purpose
    const RATIO: f64 = 10.0;
    let mesh = space.mesh();
    let width = |cell: usize| {
        let map = mesh.cell_map(cell);
        let points = space.reference().quadrature().iter();
        points
            .map(|(point, _)| {
                let jacobian = map.jacobian(*point);
                (jacobian.determinant() / jacobian.norm(), *point)
            })
            .fold((f64::INFINITY, [0.0; 2]), |least, here| {
                if here.0 < least.0 { here } else { least }
            })
    };
    let mut widths: Vec<f64> = (0..mesh.cell_count()).map(|cell| width(cell).0).collect();
    let narrowest = (0..widths.len()).min_by(|&a, &b| widths[a].total_cmp(&widths[b]))?;
    let (least, point) = width(narrowest);
    widths.sort_by(f64::total_cmp);
    let ratio = widths[widths.len() / 2] / least;
    (ratio > RATIO).then(|| Warning::NarrowCell {
        position: mesh.cell_map(narrowest).position(point),
        ratio,
    })
}

fn longest_side(space: &Space) -> f64 {
    let mesh = space.mesh();
    (0..mesh.cell_count())
        .flat_map(|cell| {
            let points = mesh.cell(cell);
            (0..points.len()).map(move |i| {
                let [a, b] = [points[i], points[(i + 1) % points.len()]].map(|p| mesh.points()[p]);
                (b[0] - a[0]).hypot(b[1] - a[1])
            })
        })
        .fold(0.0, f64::max)
}
