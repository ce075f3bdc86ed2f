//! A scene: everything that may differ between the trajectories of an ensemble on one mesh.

use std::sync::Arc;

use crate::boundary::prescribed::Prescribed;
use crate::{InitialState, Medium, Source};

/// One wave problem on a mesh that it does not know: medium, damping, initial state and sources.
#[derive(Debug, Clone)]
pub struct Scene {
    /// Wave speed; density is `m = 1/c²` with stiffness `k = 1`.
    pub medium: Arc<dyn Medium>,
    /// Damping rate α ≥ 0, 1/s: `d = α·m`, so amplitudes decay as `exp(−α t/2)`.
    pub damping: f64,
    /// Initial states, which add up; empty means at rest.
    pub initial: Vec<Arc<dyn InitialState>>,
    /// Sources, which add up.
    pub sources: Vec<Source>,
    /// What drives the sides of [`BoundaryKind::Prescribed`](crate::BoundaryKind::Prescribed), one a boundary group.
    pub prescribed: Vec<Prescribed>,
}
