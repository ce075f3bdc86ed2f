//! The medium that waves travel in: a wave speed `c(x)`, with stiffness `k = 1` and density `m = 1/c²`.
//!
//! Media are continuous-space functions of position: they know no mesh, so that a finer mesh solves the same problem.
//! Only [`Groups`] ask the mesh, for the group of a cell.

use std::fmt::Debug;

mod gaussian_field;
mod groups;
mod inclusions;
mod layers;
mod sampled;
mod uniform;

pub use gaussian_field::GaussianField;
pub use groups::Groups;
pub use inclusions::{Inclusion, Inclusions};
pub use layers::{Axis, Layers};
pub use sampled::{Sampled, SampledGrid, Window};
pub use uniform::Uniform;

/// The wave speed at every place of the domain, m/s.
pub trait Medium: Debug + Send + Sync {
    /// Speed at `position` (m), in m/s: finite and above 0.
    fn speed(&self, position: [f64; 2]) -> f64;
    /// Speed at `position` (m) as seen from inside of a cell of a group, an index into
    /// [`Mesh::cell_groups`](crate::Mesh::cell_groups), in m/s. Media that know no groups give [`Medium::speed`].
    fn speed_in_group(&self, position: [f64; 2], group: usize) -> f64 {
        let _ = group;
        self.speed(position)
    }
    /// Speed at every point of a grid with these coordinates (m), y fastest, to rounding what [`Medium::speed`] gives; none
    /// from media that have no faster way.
    fn speeds_on_grid(&self, x: &[f64], y: &[f64]) -> Option<Vec<f64>> {
        let _ = (x, y);
        None
    }
    /// Whether the speed is continuous. One that may jump is evaluated in every cell around a node, from inside of it;
    /// a continuous one, once a node.
    fn is_continuous(&self) -> bool {
        false
    }
    /// An upper bound of [`Medium::speed`], m/s.
    fn max_speed(&self) -> f64;
    /// A lower bound of [`Medium::speed`] above 0, m/s.
    fn min_speed(&self) -> f64;
}
