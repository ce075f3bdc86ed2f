//! Finite elements for the 2-D wave equation `m u_tt + d u_t − ∇·(k ∇u) = f`.
//!
//! Knows meshes, elements, operators, media, sources, time integration and observers; opens no file and prints nothing.

mod check;
pub mod error;
pub mod initial;
pub mod medium;
pub mod npy;
pub mod scene;
pub mod source;

pub use error::SolverError;
pub use initial::InitialState;
pub use medium::Medium;
pub use scene::Scene;
pub use source::{PointSource, Signal};
