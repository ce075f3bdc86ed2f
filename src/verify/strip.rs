//! Plane waves at an angle, without edges: a strip between free sides.
//!
//! The mode `cos(πy/W) exp(i(k_x x − ωt))` of a strip of width W is exactly two plane waves, at the angles ±θ to the strip's
//! axis with `sin θ = π/(W k)`. What stands across the strip reflects and transmits the mode as it does each of them, at
//! every angle, beyond the critical one too, and nothing else is in the strip. A packet of the mode is released at rest and
//! splits; its half that goes towards +x meets what is to be measured at x = 0. A second run without it gives the incident
//! wave, so that the two need not be apart in time. Lengths are in wavelengths λ at the frequency of measurement, f = 1 Hz,
//! in the medium of incidence, c = 1 m/s.

use std::f64::consts::{PI, TAU};

use fewave_solver::{
    BoundaryConditions, Element, InitialState, Integrator, Medium, Mesh, Rectangle, TimeStep,
};

use super::case::{self, Case, Run};

/// Order of the elements used.
pub const ORDER: usize = 4;
/// Cells per wavelength.
pub const CELLS: f64 = 5.0;

/// A strip whose mode has a given angle.
#[derive(Debug, Clone, Copy)]
pub struct Strip {
    /// Angle of incidence, rad.
    angle: f64,
}

/// A packet of the strip's mode, at rest.
#[derive(Debug, Clone, Copy)]
struct Packet {
    strip: Strip,
    centre: f64,
}

impl Strip {
    /// The strip of the angle `degrees` below 90.
    pub fn new(degrees: f64) -> Self {
        Self {
            angle: degrees.to_radians(),
        }
    }

    /// Wave number along the strip, rad/m.
    pub fn wave_number(&self) -> f64 {
        TAU * self.angle.cos()
    }

    /// Width, m; a plane wave along the strip needs no particular one.
    fn width(&self) -> f64 {
        if self.angle.sin() < 1e-9 {
            1.0 / CELLS
        } else {
            0.5 / self.angle.sin()
        }
    }

    /// Standard deviation of the packet, m: its spectrum has all but vanished where nothing travels along the strip.
    fn spread(&self) -> f64 {
        6.0 / self.wave_number()
    }

    /// Distance from which the packet starts, m: its tail does not reach x = 0.
    fn distance(&self) -> f64 {
        4.5 * self.spread()
    }

    /// Time after which the slowest part of the packet that counts has gone by, s.
    pub fn duration(&self) -> f64 {
        (self.distance() + 4.0 * self.spread()) / (0.5 * self.angle.cos())
    }

    /// Where the left end must be, m: the front of what it sends back arrives when all is over.
    fn left(&self) -> f64 {
        -0.5 * (self.duration() + self.distance() + 5.0 * self.spread()) - 1.0
    }

    /// The strip from its left end to at least `right` (m), whole cells on both sides of x = 0.
    ///
    /// # Errors
    /// Whatever the solver refuses.
    pub fn mesh(&self, right: f64) -> anyhow::Result<Mesh> {
        let before = (-self.left() * CELLS).ceil();
        let after = (right * CELLS).ceil();
        let rectangle = Rectangle {
            origin: [-before / CELLS, 0.0],
            size: [(before + after) / CELLS, self.width()],
            cells: [
                (before + after) as usize,
                (self.width() * CELLS).ceil().max(1.0) as usize,
            ],
            ..Rectangle::default()
        };
        Ok(rectangle.build()?)
    }

    /// Right end, m, from which nothing comes back in a medium of `speed` m/s.
    pub fn far(&self, speed: f64) -> f64 {
        0.5 * speed * self.duration() + self.spread() + 1.0
    }

    /// Runs the packet; traces at the places `receivers` (m) along the strip's lower side.
    ///
    /// # Errors
    /// Whatever the solver refuses.
    pub fn run(
        &self,
        mesh: Mesh,
        medium: impl Medium + 'static,
        boundary: BoundaryConditions,
        integrator: Integrator,
        step: TimeStep,
        receivers: &[f64],
    ) -> anyhow::Result<Run> {
        let mut time = case::time(integrator, self.duration(), step);
        time.max_speed = medium.max_speed();
        let case = Case {
            element: Element::GllQuad { order: ORDER },
            boundary,
            time,
            receivers: receivers.iter().map(|x| [*x, 0.0]).collect(),
            ..Case::default()
        };
        let packet = Packet {
            strip: *self,
            centre: -self.distance(),
        };
        case.run(mesh, &[case::starting_with(medium, packet)])
    }
}

impl InitialState for Packet {
    fn displacement(&self, [x, y]: [f64; 2]) -> f64 {
        let along = x - self.centre;
        let s = along / self.strip.spread();
        let across = if self.strip.angle.sin() < 1e-9 {
            1.0
        } else {
            (PI * y / self.strip.width()).cos()
        };
        across * (-0.5 * s * s).exp() * (self.strip.wave_number() * along).cos()
    }

    fn velocity(&self, _position: [f64; 2], _speed: f64) -> f64 {
        0.0
    }
}
