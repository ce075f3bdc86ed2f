//! Observers: snapshots on a uniform grid over the bounding box, receivers anywhere, energy.
//!
//! Both are products with one sparse interpolation matrix (row: point; column: degree of freedom), computed once.

use ndarray::{Array2, Array3};
use sprs::TriMatI;

use crate::SolverError;
use crate::assembly::Csr;
use crate::simulator::setup::point_weights;
use crate::space::Space;
use crate::space::locate::Location;

/// What is recorded of every trajectory.
#[derive(Debug, Clone, PartialEq)]
pub struct Observers {
    /// Number of snapshot points along x and y, both ends of the bounding box included; at least 2 each.
    pub grid: [usize; 2],
    /// Positions of the receivers, m.
    pub receivers: Vec<[f64; 2]>,
    /// Receivers record every that many time steps, from t = 0 on; at least 1.
    pub receiver_every: usize,
}

/// One trajectory as recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// Displacement on the grid, m; axes (time, x, y); 0 outside of the mesh.
    pub snapshots: Array3<f32>,
    /// Speed on the grid, m/s; axes (x, y); 0 outside of the mesh.
    pub speed: Array2<f32>,
    /// Displacement at the receivers, m; axes (receiver, time).
    pub receivers: Array2<f32>,
    /// Energy `½ u_tᵀ M u_t + ½ uᵀ K u` per snapshot, in the form that the integrator conserves.
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
        Ok(())
    }

    /// Coordinates of the grid on the bounding box of a mesh.
    pub(crate) fn grid(&self, space: &Space) -> Grid {
        let (lower, upper) = space.mesh().bounds();
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

    /// Interpolation at the receivers.
    ///
    /// # Errors
    /// [`SolverError::OutsideMesh`] naming the first receiver outside.
    pub(crate) fn receiver_matrix(&self, space: &Space) -> Result<Csr<f64>, SolverError> {
        let mut rows = Vec::with_capacity(self.receivers.len());
        for (index, &position) in self.receivers.iter().enumerate() {
            rows.push(point_weights(space, "receiver", index, position)?);
        }
        Ok(from_rows(rows, space.dof_count()))
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

fn from_rows(rows: Vec<Vec<(usize, f64)>>, columns: usize) -> Csr<f64> {
    let entries = rows.iter().map(Vec::len).sum();
    let mut triplets = TriMatI::<f64, u32>::with_capacity((rows.len(), columns), entries);
    for (row, weights) in rows.iter().enumerate() {
        for &(column, weight) in weights {
            triplets.add_triplet(row, column, weight);
        }
    }
    triplets.to_csr()
}
