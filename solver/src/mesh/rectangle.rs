//! Rectangles cut into quadrilaterals or triangles, optionally with randomly displaced nodes.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Facet, Mesh};
use crate::geometry::CellShape;
use crate::{SolverError, memory};

/// A rectangle and how to cut it. Boundary groups: `left`, `right`, `bottom`, `top`.
#[derive(Debug, Clone, PartialEq)]
pub struct Rectangle {
    /// Lower left corner, m.
    pub origin: [f64; 2],
    /// Width and height, m.
    pub size: [f64; 2],
    /// Number of cells along x and y; every one is two triangles where `shape` asks for triangles.
    pub cells: [usize; 2],
    /// Shape of the cells.
    pub shape: CellShape,
    /// Random displacement of the nodes as a fraction of the cell, in [0, 0.25): beyond a quarter, cells may invert.
    /// Nodes on a side move along it; corners stay.
    pub distortion: f64,
    /// Seed of the displacement (ChaCha8, drawn node after node, x before y).
    pub seed: u64,
}

impl Default for Rectangle {
    /// The unit square as one quadrilateral.
    fn default() -> Self {
        Self {
            origin: [0.0; 2],
            size: [1.0; 2],
            cells: [1; 2],
            shape: CellShape::Quadrilateral,
            distortion: 0.0,
            seed: 0,
        }
    }
}

impl Rectangle {
    /// Builds the mesh; points are numbered row after row from the lower left.
    ///
    /// # Errors
    /// [`SolverError::InvalidParameter`] for sizes, cell counts or distortions out of range, [`SolverError::TooLarge`]
    /// for meshes that do not fit into memory.
    pub fn build(&self) -> Result<Mesh, SolverError> {
        self.check()?;
        let [nx, ny] = self.cells;
        let points = self.points();
        let index = |i: usize, j: usize| j * (nx + 1) + i;
        let mut cells = Vec::with_capacity(nx * ny * self.shape.corners() * 2);
        let mut facets = Vec::with_capacity(2 * (nx + ny));
        for j in 0..ny {
            for i in 0..nx {
                let corners = [
                    index(i, j),
                    index(i + 1, j),
                    index(i + 1, j + 1),
                    index(i, j + 1),
                ];
                // the sides bottom, right, top, left of the box as (cell offset, side)
                let (count, sides) = match self.shape {
                    CellShape::Quadrilateral => {
                        cells.extend(corners);
                        (1, [(0, 0), (0, 1), (0, 2), (0, 3)])
                    }
                    // alternating diagonals, so that no direction is preferred
                    CellShape::Triangle if (i + j) % 2 == 0 => {
                        let [a, b, c, d] = corners;
                        cells.extend([a, b, c, a, c, d]);
                        (2, [(0, 0), (0, 1), (1, 1), (1, 2)])
                    }
                    CellShape::Triangle => {
                        let [a, b, c, d] = corners;
                        cells.extend([a, b, d, b, c, d]);
                        (2, [(0, 0), (1, 0), (1, 1), (0, 2)])
                    }
                };
                let on_side = [j == 0, i + 1 == nx, j + 1 == ny, i == 0];
                let group_of_side = [2, 1, 3, 0];
                for s in 0..4 {
                    if on_side[s] {
                        facets.push(Facet {
                            cell: (j * nx + i) * count + sides[s].0,
                            side: sides[s].1,
                            group: group_of_side[s],
                        });
                    }
                }
            }
        }
        let groups = ["left", "right", "bottom", "top"]
            .map(String::from)
            .to_vec();
        Mesh::new(self.shape, points, cells, facets, groups)
    }

    fn check(&self) -> Result<(), SolverError> {
        let finite_origin = self.origin.iter().all(|x| x.is_finite());
        if !finite_origin || !self.size.iter().all(|x| x.is_finite() && *x > 0.0) {
            return Err(SolverError::invalid(
                "rectangle origin and size",
                format!("{:?} and {:?} m", self.origin, self.size),
                "finite numbers and sizes above 0",
                "give width and height in metres",
            ));
        }
        if self.cells.contains(&0) {
            return Err(SolverError::invalid(
                "rectangle cells",
                format!("{:?}", self.cells),
                "at least one cell along each axis",
                "raise the number of cells",
            ));
        }
        if !(0.0..0.25).contains(&self.distortion) {
            return Err(SolverError::invalid(
                "rectangle distortion",
                self.distortion,
                "a fraction of the cell in [0, 0.25)",
                "reduce it, since cells may invert beyond a quarter",
            ));
        }
        let [nx, ny] = self.cells.map(|n| n.saturating_add(1));
        // two coordinates a point, up to six corner indices a box
        memory::require("the mesh", memory::product(&[nx, ny, 8 * 8]))
    }

    fn points(&self) -> Vec<[f64; 2]> {
        let [nx, ny] = self.cells;
        let step = [self.size[0] / nx as f64, self.size[1] / ny as f64];
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let mut points = Vec::with_capacity((nx + 1) * (ny + 1));
        for j in 0..=ny {
            for i in 0..=nx {
                let mut shift = [0.0; 2];
                if self.distortion > 0.0 {
                    let draw: [f64; 2] = [rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0)];
                    if i > 0 && i < nx {
                        shift[0] = draw[0] * self.distortion;
                    }
                    if j > 0 && j < ny {
                        shift[1] = draw[1] * self.distortion;
                    }
                }
                // the far sides are exact, so that positions on them lie in the mesh
                let coordinate = |axis: usize, k: usize, n: usize| {
                    if k == n {
                        self.origin[axis] + self.size[axis]
                    } else {
                        self.origin[axis] + (k as f64 + shift[axis]) * step[axis]
                    }
                };
                points.push([coordinate(0, i, nx), coordinate(1, j, ny)]);
            }
        }
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn area(mesh: &Mesh) -> f64 {
        (0..mesh.cell_count())
            .map(|cell| {
                let corners: Vec<_> = mesh.cell(cell).iter().map(|&p| mesh.points()[p]).collect();
                (0..corners.len())
                    .map(|i| {
                        let (a, b) = (corners[i], corners[(i + 1) % corners.len()]);
                        0.5 * (a[0] * b[1] - b[0] * a[1])
                    })
                    .sum::<f64>()
            })
            .sum()
    }

    proptest! {
        #[test]
        fn any_distortion_tiles_the_rectangle(
            nx in 1..6_usize, ny in 1..6_usize, distortion in 0.0..0.2499_f64, seed: u64, triangles: bool,
        ) {
            let shape = if triangles { CellShape::Triangle } else { CellShape::Quadrilateral };
            let mesh = Rectangle { origin: [-1.0, 2.0], size: [3.0, 0.5], cells: [nx, ny], shape, distortion, seed }.build();
            prop_assert!(mesh.is_ok(), "{:?}", mesh);
            let mesh = mesh.unwrap();
            prop_assert!((area(&mesh) - 1.5).abs() < 1e-12);
            prop_assert_eq!(mesh.facets().len(), 2 * (nx + ny));
            // every facet lies on the side it is named after
            for facet in mesh.facets() {
                let cell = mesh.cell(facet.cell);
                for corner in [facet.side, (facet.side + 1) % cell.len()] {
                    let [x, y] = mesh.points()[cell[corner]];
                    let on = match mesh.groups()[facet.group].as_str() {
                        "left" => x == -1.0,
                        "right" => x == 2.0,
                        "bottom" => y == 2.0,
                        _ => y == 2.5,
                    };
                    prop_assert!(on, "{facet:?} at ({x}, {y})");
                }
            }
        }
    }

    #[test]
    fn refuses_what_is_no_rectangle() {
        let good = Rectangle::default();
        for (bad, names) in [
            (
                Rectangle {
                    cells: [0, 3],
                    ..good.clone()
                },
                "cells",
            ),
            (
                Rectangle {
                    size: [-1.0, 1.0],
                    ..good.clone()
                },
                "size",
            ),
            (
                Rectangle {
                    size: [f64::NAN, 1.0],
                    ..good.clone()
                },
                "size",
            ),
            (
                Rectangle {
                    distortion: 0.3,
                    ..good.clone()
                },
                "distortion",
            ),
            (
                Rectangle {
                    cells: [usize::MAX, 3],
                    ..good.clone()
                },
                "MiB",
            ),
        ] {
            let message = bad.build().unwrap_err().to_string();
            assert!(message.contains(names), "{message}");
        }
    }
}
