//! Discs cut into straight or curved cells: a square in the middle, and four rings around it out to the circle.
//!
//! Of degree 2, all nodes of the rim lie on the circle; its sides are parabolas, which leave it by `O(h⁴)`.

use std::collections::HashMap;
use std::f64::consts::FRAC_PI_2;

use super::{Facet, Mesh, MeshParts};
use crate::geometry::CellShape;
use crate::{SolverError, check, memory};

/// A disc and how to cut it. Boundary group: `rim`; cell group: `domain`.
#[derive(Debug, Clone, PartialEq)]
pub struct Disc {
    /// Centre, m.
    pub centre: [f64; 2],
    /// Radius, m.
    pub radius: f64,
    /// Cells along a side of the square in the middle, at least 1; the rings have half as many (rounded up) outwards.
    pub cells: usize,
    /// Shape of the cells; every quadrilateral makes two triangles.
    pub shape: CellShape,
    /// Degree of the geometry, 1 or 2.
    pub degree: usize,
}

impl Default for Disc {
    /// The unit disc in curved quadrilaterals, 2 along the square in the middle.
    fn default() -> Self {
        Self {
            centre: [0.0; 2],
            radius: 1.0,
            cells: 2,
            shape: CellShape::Quadrilateral,
            degree: 2,
        }
    }
}

impl Disc {
    /// Builds the mesh.
    ///
    /// # Errors
    /// [`SolverError::InvalidParameter`] for a centre, radius, number of cells or degree out of range,
    /// [`SolverError::TooLarge`] for meshes that do not fit into memory.
    pub fn build(&self) -> Result<Mesh, SolverError> {
        check::finite_point("disc centre", self.centre)?;
        check::positive("disc radius", self.radius)?;
        if self.cells == 0 {
            return Err(SolverError::invalid(
                "disc cells",
                0,
                "at least one cell along the square in the middle",
                "raise the number of cells",
            ));
        }
        memory::require(
            "the mesh",
            memory::product(&[self.cells, self.cells, 4 * 512]),
        )?;
        let (along, outwards) = (self.cells, self.cells.div_ceil(2));
        let mut net = Net {
            disc: self,
            index: HashMap::new(),
            parts: MeshParts {
                shape: self.shape,
                degree: self.degree,
                points: Vec::new(),
                cells: Vec::new(),
                facets: Vec::new(),
                groups: vec!["rim".to_owned()],
                cell_groups: Vec::new(),
                cell_group_names: vec!["domain".to_owned()],
            },
        };
        for j in 0..along {
            for i in 0..along {
                net.quadrilateral(
                    [i, j],
                    |i, j| [i, j].map(|k| self.half_side() * (k / along as f64 - 1.0)),
                    false,
                );
            }
        }
        for quarter in 0..4 {
            for j in 0..outwards {
                for i in 0..along {
                    net.quadrilateral(
                        [i, j],
                        |i, j| {
                            self.in_ring(quarter, 0.5 * i / along as f64, 0.5 * j / outwards as f64)
                        },
                        j + 1 == outwards,
                    );
                }
            }
        }
        Mesh::from_parts(net.parts)
    }

    /// Half a side of the square in the middle, relative to the radius.
    fn half_side(&self) -> f64 {
        0.45
    }

    /// Place relative to centre and radius at `s` along (0 to 1, clockwise) and `t` outwards (0 to 1) of a ring's quarter.
    fn in_ring(&self, quarter: i32, s: f64, t: f64) -> [f64; 2] {
        // the quarter at the top, from its left to its right end, then turned
        let angle = FRAC_PI_2 * (1.5 - s);
        let inner = [self.half_side() * (2.0 * s - 1.0), self.half_side()];
        let outer = [angle.cos(), angle.sin()];
        let [x, y] = [0, 1].map(|axis| (1.0 - t) * inner[axis] + t * outer[axis]);
        match quarter {
            0 => [x, y],
            1 => [y, -x],
            2 => [-x, -y],
            _ => [-y, x],
        }
    }
}

/// A mesh under construction.
struct Net<'a> {
    disc: &'a Disc,
    /// Points by their place in units of 1e-9 radii, so that blocks share them.
    index: HashMap<[i64; 2], usize>,
    parts: MeshParts,
}

impl Net<'_> {
    fn point(&mut self, place: [f64; 2]) -> usize {
        let key = place.map(|x| (x * 1e9).round() as i64);
        let points = &mut self.parts.points;
        *self.index.entry(key).or_insert_with(|| {
            let Disc { centre, radius, .. } = self.disc;
            points.push([0, 1].map(|axis| centre[axis] + radius * place[axis]));
            points.len() - 1
        })
    }

    /// Adds cell `(i, j)` of a block, whose lattice of half cells `place` maps to the disc; `rim` where its upper side is
    /// on the circle.
    fn quadrilateral(
        &mut self,
        [i, j]: [usize; 2],
        place: impl Fn(f64, f64) -> [f64; 2],
        rim: bool,
    ) {
        let disc = self.disc;
        let mut node = |a: usize, b: usize| {
            let (x, y) = ((2 * i + a) as f64, (2 * j + b) as f64);
            self.point(place(x, y))
        };
        let corners = [node(0, 0), node(2, 0), node(2, 2), node(0, 2)];
        let extra: &[usize] = match disc.degree {
            1 => &[],
            _ => &[node(1, 0), node(2, 1), node(1, 2), node(0, 1), node(1, 1)],
        };
        let [a, b, c, d] = corners;
        let cells = &mut self.parts.cells;
        let nodes = disc.shape.map_nodes(disc.degree);
        let side = match (disc.shape, extra) {
            (CellShape::Quadrilateral, extra) => {
                cells.extend(corners);
                cells.extend(extra);
                2
            }
            (CellShape::Triangle, [ab, bc, cd, da, ac]) => {
                cells.extend([a, b, c, *ab, *bc, *ac]);
                cells.extend([a, c, d, *ac, *cd, *da]);
                1
            }
            (CellShape::Triangle, _) => {
                cells.extend([a, b, c, a, c, d]);
                1
            }
        };
        if rim {
            self.parts.facets.push(Facet {
                cell: self.parts.cells.len() / nodes - 1,
                side,
                group: 0,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    #[test]
    fn rims_close_and_approach_the_circle_with_their_degree() {
        for shape in [CellShape::Triangle, CellShape::Quadrilateral] {
            for (degree, order) in [(1, 2.0), (2, 4.0)] {
                let length = |cells: usize| {
                    let disc = Disc {
                        cells,
                        shape,
                        degree,
                        centre: [1.0, -2.0],
                        radius: 3.0,
                    };
                    let mesh = disc.build().unwrap();
                    assert_eq!(mesh.facets().len(), 4 * cells);
                    let stretch = |facet: &Facet| {
                        let map = mesh.cell_map(facet.cell);
                        let at = |t: f64| map.side_stretch(facet.side, t);
                        (5.0 * at(-0.6_f64.sqrt()) + 8.0 * at(0.0) + 5.0 * at(0.6_f64.sqrt())) / 9.0
                    };
                    mesh.facets().iter().map(stretch).sum::<f64>()
                };
                let error = |cells: usize| (length(cells) - 6.0 * PI).abs();
                let measured = (error(2) / error(4)).log2();
                assert!(
                    (measured - order).abs() < 0.2,
                    "{shape:?} {degree}: {measured}"
                );
            }
        }
    }

    #[test]
    fn bad_discs_are_refused() {
        for disc in [
            Disc {
                cells: 0,
                ..Disc::default()
            },
            Disc {
                radius: -1.0,
                ..Disc::default()
            },
            Disc {
                degree: 3,
                ..Disc::default()
            },
            Disc {
                cells: usize::MAX,
                ..Disc::default()
            },
        ] {
            assert!(disc.build().is_err(), "{disc:?}");
        }
    }
}
