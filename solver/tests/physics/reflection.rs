//! How much of a wave a boundary condition sends back, measured against the angle of incidence.
//!
//! A Ricker source of 1 Hz stands in front of a straight side in a medium of 1 m/s, so that lengths are in dominant
//! wavelengths. Receivers at the source's distance from the side see its wave reflected at the angles asked for. The same
//! run on a domain that goes on beyond the side gives both what has to be subtracted, and, at a receiver's mirror image, the
//! wave that a perfect mirror would return: same path, same angle, same numerical dispersion. The other sides are too far
//! away to matter; the one through the source is free, which by symmetry is no side at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use fewave_solver::medium::Uniform;
use fewave_solver::{
    BoundaryConditions, BoundaryKind, Element, Integrator, Observers, Precision, Rectangle, Scene,
    Signal, Simulator, SolverError, Source, SourceShape, Space, TimeSettings, TimeStep,
};

/// What is measured.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReflectionCase {
    /// The condition at the side.
    pub(crate) kind: BoundaryKind,
    /// Element.
    pub(crate) element: Element,
    /// Cells per dominant wavelength.
    pub(crate) cells_per_wavelength: usize,
    /// Distance of source and receivers from the side, in dominant wavelengths.
    pub(crate) distance: f64,
    /// How time is advanced.
    pub(crate) integrator: Integrator,
    /// Arithmetic.
    pub(crate) precision: Precision,
}

impl Default for ReflectionCase {
    /// First-order absorbing, order 4 with 3 cells per wavelength, two wavelengths away.
    fn default() -> Self {
        Self {
            kind: BoundaryKind::Absorbing,
            element: Element::GllQuad { order: 4 },
            cells_per_wavelength: 3,
            distance: 2.0,
            integrator: Integrator::CentralDifference,
            precision: Precision::F64,
        }
    }
}

/// The reflection at one angle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reflection {
    /// Angle of incidence to the normal, in radians.
    pub(crate) angle: f64,
    /// Signed coefficient: the reflected signal projected on that of a perfect mirror.
    pub(crate) coefficient: f64,
    /// Largest reflected displacement over that of a perfect mirror.
    pub(crate) peak: f64,
}

impl ReflectionCase {
    /// Measures the reflection at angles to the normal (radians, from 0 to below π/2).
    ///
    /// # Errors
    /// [`SolverError::InvalidParameter`] for angles out of range, no cells or no distance, and whatever [`Simulator::new`]
    /// and [`Simulator::run`] refuse.
    pub(crate) fn measure(&self, angles: &[f64]) -> Result<Vec<Reflection>, SolverError> {
        if let Some(&angle) = angles.iter().find(|angle| !(0.0..=1.5).contains(*angle)) {
            return Err(SolverError::invalid(
                "angle of incidence (rad)",
                angle,
                "an angle from 0 to 1.5",
                "stay away from grazing incidence",
            ));
        }
        if self.cells_per_wavelength == 0 || !(self.distance > 0.0 && self.distance.is_finite()) {
            return Err(SolverError::invalid(
                "cells per wavelength and distance",
                format!("{} and {}", self.cells_per_wavelength, self.distance),
                "at least one cell and a finite distance above 0",
                "use 3 cells of order 4 and 2 wavelengths",
            ));
        }
        let signal = Signal::ricker(1.0)?;
        let largest = angles.iter().copied().fold(0.0, f64::max);
        let duration = 2.0 * self.distance / largest.cos() + signal.end_time();
        // waves that have been at another side come back later than that; whole cells
        let per_wavelength = self.cells_per_wavelength as f64;
        let cells = |length: f64| (length * per_wavelength).ceil() as usize + 1;
        let receivers: Vec<[f64; 2]> = angles
            .iter()
            .map(|angle| [-self.distance, 2.0 * self.distance * angle.tan()])
            .collect();
        let highest = 2.0 * self.distance * largest.tan();
        let lengthwise = cells(0.5 * (duration + highest));
        let (inside, beyond) = (cells(0.5 * duration + self.distance), cells(0.5 * duration));
        let run = |beyond: usize, step: TimeStep, receivers: Vec<[f64; 2]>| {
            let width = (inside + beyond) as f64 / per_wavelength;
            let left = -(inside as f64) / per_wavelength;
            let mesh = Rectangle {
                origin: [left, 0.0],
                // the side lies at 0 up to rounding
                size: [width, lengthwise as f64 / per_wavelength],
                cells: [inside + beyond, lengthwise],
                shape: self.element.shape(),
                ..Rectangle::default()
            };
            let boundary = BoundaryConditions {
                default: BoundaryKind::Free,
                groups: match beyond {
                    0 => BTreeMap::from([("right".to_owned(), self.kind)]),
                    _ => BTreeMap::new(),
                },
            };
            let time = TimeSettings {
                duration,
                integrator: self.integrator,
                step,
                max_frequency: signal.max_frequency(),
                ..TimeSettings::default()
            };
            let observers = Observers {
                grid: [2, 2],
                receivers,
                ..Observers::default()
            };
            let space = Space::new(mesh.build()?, self.element)?;
            let simulator = Simulator::new(space, boundary, time, observers, self.precision)?;
            let scene = Scene {
                medium: Arc::new(Uniform::new(1.0)?),
                damping: 0.0,
                initial: Vec::new(),
                sources: vec![Source {
                    position: [-self.distance, 0.0],
                    shape: SourceShape::Point,
                    amplitude: 1.0,
                    signal: signal.clone(),
                }],
                prescribed: vec![],
            };
            let mut recordings = simulator.run(&[scene]);
            recordings
                .pop()
                .unwrap_or_else(|| {
                    Err(SolverError::invalid(
                        "recordings",
                        0,
                        "one a scene",
                        "report this as an error",
                    ))
                })
                .map(|recording| (recording.receivers, simulator.info().dt))
        };
        let mirrored = receivers.iter().map(|[x, y]| [-x, *y]);
        let both = receivers.iter().copied().chain(mirrored).collect();
        let (open, dt) = run(beyond, TimeStep::Auto, both)?;
        let (found, _) = run(0, TimeStep::Fixed(dt), receivers)?;
        let measured = angles.iter().enumerate().map(|(index, &angle)| {
            let (mut product, mut square) = (0.0, 0.0);
            let mut peaks = [0.0_f64; 2];
            let mirror = open.row(angles.len() + index);
            for ((found, open), mirror) in found.row(index).iter().zip(open.row(index)).zip(mirror)
            {
                let reflected = f64::from(*found) - f64::from(*open);
                let mirror = f64::from(*mirror);
                product += reflected * mirror;
                square += mirror * mirror;
                peaks = [peaks[0].max(reflected.abs()), peaks[1].max(mirror.abs())];
            }
            Reflection {
                angle,
                coefficient: product / square,
                peak: peaks[0] / peaks[1],
            }
        });
        Ok(measured.collect())
    }
}
