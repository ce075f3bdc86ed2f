//! Observers: snapshots on a uniform grid over the bounding box, receivers anywhere, energy.
//!
//! Both are products with sparse interpolation matrices (row: point; column: degree of freedom), computed once.

pub(crate) mod receivers;

use ndarray::{Array2, Array3};

use crate::SolverError;
use crate::assembly::Csr;
use crate::space::Space;
use crate::space::locate::Location;

/// What a receiver records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quantity {
    /// u, m.
    Displacement,
    /// ∂u/∂t at the very time of the sample, m/s. Explicit integrators: the fourth-order difference of the displacements of
    /// the steps around, with two steps beyond the end; Newmark: its own velocity.
    Velocity,
    /// (∂u/∂x, ∂u/∂y), dimensionless, of the cell that holds the point; on a side between cells, where it jumps, of one of
    /// them.
    Gradient,
}

/// What is recorded of every trajectory.
#[derive(Debug, Clone, PartialEq)]
pub struct Observers {
    /// Number of snapshot points along x and y, both ends of the bounding box included; at least 2 each.
    pub grid: [usize; 2],
    /// Positions of the receivers, m.
    pub receivers: Vec<[f64; 2]>,
    /// Receivers record every that many time steps, from t = 0 on; at least 1.
    pub receiver_every: usize,
    /// What receivers record.
    pub quantities: Vec<Quantity>,
}

impl Default for Observers {
    /// A grid of 64 × 64 points, no receivers; where there are some, their displacement at every time step.
    fn default() -> Self {
        Self {
            grid: [64, 64],
            receivers: Vec::new(),
            receiver_every: 1,
            quantities: vec![Quantity::Displacement],
        }
    }
}

/// One trajectory as recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// Displacement on the grid, m; axes (time, x, y); 0 outside of the mesh.
    pub snapshots: Array3<f32>,
    /// Speed on the grid, m/s; axes (x, y); 0 outside of the mesh.
    pub speed: Array2<f32>,
    /// Displacement at the receivers, m; axes (receiver, time); empty where not asked for.
    pub receivers: Array2<f32>,
    /// Velocity at the receivers, m/s; axes (receiver, time); empty where not asked for.
    pub receiver_velocity: Array2<f32>,
    /// Gradient at the receivers; axes (receiver, axis, time); empty where not asked for.
    pub receiver_gradient: Array3<f32>,
    /// Energy `½ u_tᵀ M u_t + ½ uᵀ K u` of the domain without its layers per snapshot, in the form that the integrator
    /// conserves.
    pub energy: Vec<f64>,
}

/// The snapshot grid of a space.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Grid {
    /// Coordinates along x, m.
    pub(crate) x: Vec<f64>,
    /// Coordinates along y, m.
    pub(crate) y: Vec<f64>,
}

impl Grid {
    /// Points of the grid, y fastest.
    pub(crate) fn points(&self) -> impl Iterator<Item = [f64; 2]> + '_ {
        self.x
            .iter()
            .flat_map(move |&x| self.y.iter().map(move |&y| [x, y]))
    }
}

impl Observers {
    /// Refuses observers that record nothing.
    pub(crate) fn check(&self) -> Result<(), SolverError> {
        if self.grid.iter().any(|&n| n < 2) {
            return Err(SolverError::invalid(
                "snapshot grid",
                format!("{:?}", self.grid),
                "at least 2 points along each axis",
                "raise the shape of the grid",
            ));
        }
        if self.receiver_every == 0 {
            return Err(SolverError::invalid(
                "receiver decimation",
                0,
                "at least 1",
                "use 1 to record every time step",
            ));
        }
        if !self.receivers.is_empty() && self.quantities.is_empty() {
            return Err(SolverError::invalid(
                "receiver quantities",
                "none",
                "displacement, velocity or gradient",
                "name a quantity, or give no receivers",
            ));
        }
        Ok(())
    }

    /// Coordinates of the grid on the bounding box of a mesh.
    pub(crate) fn grid(&self, space: &Space) -> Grid {
        let (lower, upper) = space.domain_bounds();
        let axis = |a: usize| -> Vec<f64> {
            let last = self.grid[a] - 1;
            (0..=last)
                .map(|i| {
                    // both ends are exact, so that they lie in the mesh
                    if i == last {
                        upper[a]
                    } else {
                        lower[a] + i as f64 * (upper[a] - lower[a]) / last as f64
                    }
                })
                .collect()
        };
        Grid {
            x: axis(0),
            y: axis(1),
        }
    }

    /// Whether receivers record a quantity.
    pub(crate) fn records(&self, quantity: Quantity) -> bool {
        !self.receivers.is_empty() && self.quantities.contains(&quantity)
    }
}

/// Interpolation on the grid, y fastest, from where its points lie in the mesh; points outside have empty rows.
pub(crate) fn grid_matrix(space: &Space, locations: &[Option<Location>]) -> Csr<f64> {
    let rows = locations
        .iter()
        .map(|location| {
            location
                .as_ref()
                .map_or_else(Vec::new, |location| space.basis_at(location))
        })
        .collect();
    from_rows(rows, space.dof_count())
}

/// A matrix from the entries of its rows; the columns of a row are distinct, in any order.
fn from_rows(rows: Vec<Vec<(usize, f64)>>, columns: usize) -> Csr<f64> {
    let (count, entries) = (rows.len(), rows.iter().map(Vec::len).sum());
    let mut starts = Vec::with_capacity(count + 1);
    let mut indices = Vec::with_capacity(entries);
    let mut values = Vec::with_capacity(entries);
    starts.push(0);
    for mut row in rows {
        row.sort_unstable_by_key(|(column, _)| *column);
        indices.extend(row.iter().map(|(column, _)| *column as u32));
        values.extend(row.iter().map(|(_, weight)| *weight));
        starts.push(indices.len() as u32);
    }
    Csr::new((count, columns), starts, indices, values)
}
