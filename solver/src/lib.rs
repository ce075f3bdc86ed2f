//! Finite elements for the 2-D wave equation `m u_tt + d u_t − ∇·(k ∇u) = f`.
//!
//! Knows meshes, elements, operators, media, sources, time integration and observers; opens no file and prints nothing.
//! A [`Simulator`] is built once per mesh; [`Scene`]s, which know no mesh, run on it side by side.
//!
//! ```
//! use std::sync::Arc;
//! use fewave_solver::initial::{Pulse, Pulses};
//! use fewave_solver::medium::Uniform;
//! use fewave_solver::*;
//!
//! # fn main() -> Result<(), SolverError> {
//! let mesh = Rectangle { cells: [8, 8], ..Rectangle::default() }.build()?;
//! let space = Space::new(mesh, Element::GllQuad { order: 4 })?;
//! let simulator = Simulator::new(
//!     space,
//!     BoundaryConditions::all(BoundaryKind::Fixed),
//!     TimeSettings { duration: 0.5, snapshots: 11, ..TimeSettings::default() },
//!     Observers { grid: [32, 32], receivers: vec![[0.25, 0.75]], ..Observers::default() },
//!     Precision::F64,
//! )?;
//! let scene = Scene {
//!     medium: Arc::new(Uniform::new(1.0)?),
//!     damping: 0.0,
//!     initial: vec![Arc::new(Pulses::new(vec![Pulse::new([0.5, 0.5], 0.08, 1.0)?]))],
//!     sources: vec![],
//!     prescribed: vec![],
//! };
//! for recording in simulator.run(&[scene]) {
//!     assert_eq!(recording?.snapshots.dim(), (11, 32, 32));
//! }
//! # Ok(())
//! # }
//! ```

pub mod assembly;
pub mod bench;
pub mod boundary;
mod check;
mod digits;
pub mod element;
pub mod error;
mod field;
pub mod geometry;
pub mod initial;
pub mod medium;
pub mod memory;
pub mod mesh;
pub mod npy;
pub mod observe;
pub mod operator;
pub mod quadrature;
pub mod real;
pub mod scene;
pub mod simd;
pub mod simulator;
pub mod source;
pub mod space;
pub mod spectrum;
pub mod time;

pub use boundary::prescribed::{BoundaryHistory, Prescribed};
pub use boundary::{BoundaryConditions, BoundaryKind};
pub use element::Element;
pub use error::SolverError;
pub use geometry::CellShape;
pub use initial::InitialState;
pub use medium::Medium;
pub use mesh::Mesh;
pub use mesh::disc::Disc;
pub use mesh::rectangle::Rectangle;
pub use observe::{Observers, Quantity, Recording};
pub use scene::Scene;
pub use simulator::{Precision, RunTimes, Simulator, SimulatorInfo};
pub use source::{Signal, Source, SourceShape};
pub use space::Space;
pub use time::{Integrator, TimeSettings, TimeStep, Warning};
