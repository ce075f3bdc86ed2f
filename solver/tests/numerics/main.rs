//! What the discretisation promises, measured through the public interface.

mod convergence;
mod curved;
mod energy;
mod integrators;
mod lanes;
mod modified_equation;
mod prescribed;
mod receivers;
mod stability;

use std::sync::Arc;

use fewave_solver::{
    BoundaryConditions, BoundaryKind, Element, Observers, Precision, Recording, Rectangle, Scene,
    Simulator, Space, TimeSettings,
};

/// Points of the snapshot grid along each axis; no multiple of any cell count, so that points fall anywhere in a cell.
const GRID: usize = 54;

/// A unit square.
fn unit_square(element: Element, cells: usize, distortion: f64, seed: u64) -> Space {
    let mesh = Rectangle {
        cells: [cells; 2],
        shape: element.shape(),
        distortion,
        seed,
        ..Rectangle::default()
    };
    Space::new(mesh.build().unwrap(), element).unwrap()
}

fn observers() -> Observers {
    Observers {
        grid: [GRID; 2],
        ..Observers::default()
    }
}

fn fixed_square(space: Space, time: TimeSettings, precision: Precision) -> Simulator {
    let boundary = BoundaryConditions::all(BoundaryKind::Fixed);
    Simulator::new(space, boundary, time, observers(), precision).unwrap()
}
