//! The mesh of a layer: sides of the bounding box extruded outwards, corners between two of them filled.
//!
//! Extrusion runs along the normal of a straight side, so every cell of the layer is an axis-parallel rectangle, or half
//! of one. Cells, points and facets of the domain keep their numbers; those of the layer follow.

mod sides;

use std::collections::HashMap;

use self::sides::{Side, ends, sides};
use crate::geometry::CellShape;
use crate::mesh::{Facet, Mesh, MeshParts};
use crate::{SolverError, memory};

/// What one boundary group asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Wanted {
    /// Thickness, m.
    pub(crate) thickness: f64,
    /// Amplitude that comes back at normal incidence, relative to the incident one.
    pub(crate) reflection: f64,
}

/// A mesh with its layer.
#[derive(Debug, Clone)]
pub(crate) struct Extension {
    /// Domain and layer.
    pub(crate) mesh: Mesh,
    /// What lies outside of left, right, bottom and top, and the number of cells across it.
    pub(crate) sides: [Option<(Wanted, usize)>; 4],
}

/// Adds the layers that the boundary groups ask for (`None` for groups of other kinds).
///
/// # Errors
/// [`SolverError::InvalidParameter`] for facets that do not lie on a straight side of the bounding box, sides that are
/// covered in part, or that are given two layers; [`SolverError::TooLarge`].
pub(crate) fn extend(mesh: &Mesh, groups: &[Option<Wanted>]) -> Result<Extension, SolverError> {
    let sides = sides(mesh, groups)?;
    let mut builder = Builder::new(mesh, groups, &sides)?;
    for (index, side) in sides.iter().enumerate() {
        if let Some(side) = side {
            builder.extrude(mesh, index, side, &sides);
        }
    }
    builder.fill_corners(mesh, &sides);
    Ok(Extension {
        mesh: builder.build(mesh)?,
        sides: sides.map(|side| side.map(|side| (side.wanted, side.count))),
    })
}

/// The growing mesh.
struct Builder {
    shape: CellShape,
    points: Vec<[f64; 2]>,
    /// Cells of the domain; those of the layer follow.
    domain_cells: usize,
    /// Corners of the layer's cells.
    cells: Vec<usize>,
    /// Cell groups of domain and layer.
    cell_groups: Vec<u32>,
    facets: Vec<Facet>,
    /// Points of a side's layer, `[across][along]`; row 0 lies on the domain.
    layers: [Vec<Vec<usize>>; 4],
    /// Group of a facet at a point that lies on no side with a layer: what bounds the layer there.
    neighbours: HashMap<usize, usize>,
    bounds: [[f64; 2]; 2],
}

impl Builder {
    fn new(
        mesh: &Mesh,
        groups: &[Option<Wanted>],
        sides: &[Option<Side>; 4],
    ) -> Result<Self, SolverError> {
        let count = |side: usize| sides[side].as_ref().map_or(0, |s| s.count);
        let boxes: u64 = sides
            .iter()
            .flatten()
            .map(|side| memory::product(&[side.points.len(), side.count]))
            .fold(0, u64::saturating_add)
            .saturating_add(memory::product(&[count(0) + count(1), count(2) + count(3)]));
        // two coordinates a point, up to six corner indices a box
        memory::require("the absorbing layer", boxes.saturating_mul(8 * 8))?;
        // what lies on a layer is no boundary any more
        let facets: Vec<Facet> = mesh
            .facets()
            .iter()
            .filter(|facet| groups[facet.group].is_none())
            .copied()
            .collect();
        let neighbours = facets
            .iter()
            .flat_map(|facet| ends(mesh, facet).map(|point| (point, facet.group)))
            .collect();
        Ok(Self {
            shape: mesh.shape(),
            points: mesh.points().to_vec(),
            domain_cells: mesh.cell_count(),
            cells: Vec::new(),
            cell_groups: (0..mesh.cell_count())
                .map(|cell| mesh.cell_group(cell) as u32)
                .collect(),
            facets,
            layers: Default::default(),
            neighbours,
            bounds: mesh.bounds().into(),
        })
    }

    /// Coordinate of row `k` of a side's layer along its normal, m.
    fn coordinate(&self, side: usize, layer: &Side, k: usize) -> f64 {
        let (axis, end) = (side / 2, side % 2);
        let outwards = if end == 0 { -1.0 } else { 1.0 };
        let distance = layer.wanted.thickness * k as f64 / layer.count as f64;
        self.bounds[end][axis] + outwards * distance
    }

    fn extrude(&mut self, mesh: &Mesh, side: usize, layer: &Side, sides: &[Option<Side>; 4]) {
        let axis = side / 2;
        let mut rows = vec![layer.points.clone()];
        for k in 1..=layer.count {
            let coordinate = self.coordinate(side, layer, k);
            let row = layer.points.iter().map(|&point| {
                let mut position = mesh.points()[point];
                position[axis] = coordinate;
                self.points.push(position);
                self.points.len() - 1
            });
            rows.push(row.collect());
        }
        // the sides across which the first and the last point of a row lie
        let ends = [2 * (1 - axis), 2 * (1 - axis) + 1];
        let last = layer.points.len() - 1;
        let lateral = [0, last].map(|j| self.neighbours.get(&layer.points[j]).copied());
        for k in 0..layer.count {
            for j in 0..last {
                let mut groups = [None; 4];
                if k + 1 == layer.count {
                    groups[side] = Some(layer.group);
                }
                for (end, j_end) in [(0, 0), (1, last - 1)] {
                    if j == j_end && sides[ends[end]].is_none() {
                        groups[ends[end]] = lateral[end];
                    }
                }
                let cell_group = mesh.cell_group(layer.cells[j]) as u32;
                let rising = layer.rising[j] == (k % 2 == 0);
                self.add_box(&rows, side, (k, j), groups, cell_group, rising);
            }
        }
        self.layers[side] = rows;
    }

    fn fill_corners(&mut self, mesh: &Mesh, sides: &[Option<Side>; 4]) {
        for x_side in 0..2 {
            for y_side in 2..4 {
                let (Some(x), Some(y)) = (&sides[x_side], &sides[y_side]) else {
                    continue;
                };
                // the end of the x layer at this corner, and that of the y layer
                let along_x = |rows: &[Vec<usize>]| -> Vec<usize> {
                    let end = |row: &Vec<usize>| {
                        if y_side == 2 {
                            row[0]
                        } else {
                            row[row.len() - 1]
                        }
                    };
                    rows.iter().map(end).collect()
                };
                let along_y = |row: &[usize]| {
                    if x_side == 0 {
                        row[0]
                    } else {
                        row[row.len() - 1]
                    }
                };
                // rows away from the domain along y, each from the domain outwards along x
                let mut rows = vec![along_x(&self.layers[x_side])];
                for k in 1..=y.count {
                    let mut row = vec![along_y(&self.layers[y_side][k])];
                    for l in 1..=x.count {
                        let position =
                            [self.coordinate(x_side, x, l), self.coordinate(y_side, y, k)];
                        self.points.push(position);
                        row.push(self.points.len() - 1);
                    }
                    rows.push(row);
                }
                // ascending along x, as in the layers of the sides
                if x_side == 0 {
                    rows.iter_mut().for_each(|row| row.reverse());
                }
                // the medium of the cell at the corner
                let at_corner = if y_side == 2 { 0 } else { x.cells.len() - 1 };
                let cell_group = mesh.cell_group(x.cells[at_corner]) as u32;
                let first = x.rising[at_corner];
                for k in 0..y.count {
                    for j in 0..x.count {
                        let mut groups = [None; 4];
                        if k + 1 == y.count {
                            groups[y_side] = Some(y.group);
                        }
                        let outermost = if x_side == 0 { 0 } else { x.count - 1 };
                        if j == outermost {
                            groups[x_side] = Some(x.group);
                        }
                        let out = if x_side == 0 { x.count - 1 - j } else { j };
                        let rising = first == ((k + 1 + out) % 2 == 0);
                        self.add_box(&rows, y_side, (k, j), groups, cell_group, rising);
                    }
                }
            }
        }
    }

    /// Adds the box between the rows `k`, `k + 1` and the columns `j`, `j + 1` of a layer that grows away from `side`;
    /// `groups` are those of its left, right, bottom and top. Diagonals alternate from box to box, and go on from those of
    /// the domain where that is cut likewise: waves would feel a fault in the pattern.
    fn add_box(
        &mut self,
        rows: &[Vec<usize>],
        side: usize,
        (k, j): (usize, usize),
        groups: [Option<usize>; 4],
        cell_group: u32,
        rising: bool,
    ) {
        let (near, far) = (&rows[k], &rows[k + 1]);
        // lower left, lower right, upper right, upper left
        let [a, b, c, d] = match side {
            0 => [far[j], near[j], near[j + 1], far[j + 1]],
            1 => [near[j], far[j], far[j + 1], near[j + 1]],
            2 => [far[j], far[j + 1], near[j + 1], near[j]],
            _ => [near[j], near[j + 1], far[j + 1], far[j]],
        };
        let first = self.domain_cells + self.cells.len() / self.shape.corners();
        // the sides left, right, bottom, top as (cell offset, side)
        let of_cells = match self.shape {
            CellShape::Quadrilateral => {
                self.cells.extend([a, b, c, d]);
                [(0, 3), (0, 1), (0, 0), (0, 2)]
            }
            CellShape::Triangle if rising => {
                self.cells.extend([a, b, c, a, c, d]);
                [(1, 2), (0, 1), (0, 0), (1, 1)]
            }
            CellShape::Triangle => {
                self.cells.extend([a, b, d, b, c, d]);
                [(0, 2), (1, 0), (0, 0), (1, 1)]
            }
        };
        let count = self.domain_cells + self.cells.len() / self.shape.corners();
        self.cell_groups.resize(count, cell_group);
        for (group, (offset, side)) in groups.into_iter().zip(of_cells) {
            if let Some(group) = group {
                self.facets.push(Facet {
                    cell: first + offset,
                    side,
                    group,
                });
            }
        }
    }

    /// Domain and layer as one mesh of the domain's degree.
    fn build(mut self, mesh: &Mesh) -> Result<Mesh, SolverError> {
        let corners = self.shape.corners();
        let mut cells: Vec<usize> = (0..mesh.cell_count())
            .flat_map(|cell| mesh.cell_nodes(cell).iter().copied())
            .collect();
        if mesh.degree() == 1 {
            cells.extend(&self.cells);
        } else {
            let mut middles = HashMap::new();
            for facet in mesh.facets() {
                let [a, b] = ends(mesh, facet);
                let middle = mesh.cell_nodes(facet.cell)[corners + facet.side];
                middles.insert((a.min(b), a.max(b)), middle);
            }
            for cell in self.cells.chunks_exact(corners) {
                cells.extend(cell);
                for side in 0..corners {
                    let (a, b) = (cell[side], cell[(side + 1) % corners]);
                    let points = &mut self.points;
                    cells.push(*middles.entry((a.min(b), a.max(b))).or_insert_with(|| {
                        points.push([0, 1].map(|i| 0.5 * (points[a][i] + points[b][i])));
                        points.len() - 1
                    }));
                }
                if self.shape == CellShape::Quadrilateral {
                    let centre =
                        [0, 1].map(|i| 0.5 * (self.points[cell[0]][i] + self.points[cell[2]][i]));
                    self.points.push(centre);
                    cells.push(self.points.len() - 1);
                }
            }
        }
        Mesh::from_parts(MeshParts {
            shape: self.shape,
            degree: mesh.degree(),
            points: self.points,
            cells,
            facets: self.facets,
            groups: mesh.groups().to_vec(),
            cell_groups: self.cell_groups,
            cell_group_names: mesh.cell_groups().to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::rectangle::Rectangle;

    const WANTED: Wanted = Wanted {
        thickness: 0.5,
        reflection: 1e-6,
    };

    fn rectangle(shape: CellShape) -> Mesh {
        Rectangle {
            origin: [1.0, -1.0],
            size: [2.0, 1.0],
            cells: [8, 4],
            shape,
            distortion: 0.2,
            seed: 3,
        }
        .build()
        .unwrap()
    }

    fn area(mesh: &Mesh) -> f64 {
        (0..mesh.cell_count())
            .map(|cell| {
                let det = mesh.cell_map(cell).jacobian(mesh.shape().centre());
                det.determinant()
                    * match mesh.shape() {
                        CellShape::Triangle => 0.5,
                        CellShape::Quadrilateral => 4.0,
                    }
            })
            .sum()
    }

    #[test]
    fn layers_tile_what_they_should_and_lateral_sides_keep_their_group() {
        for shape in [CellShape::Quadrilateral, CellShape::Triangle] {
            let mesh = rectangle(shape);
            for sides in 1..16_usize {
                let has = |side: usize| sides >> side & 1 == 1;
                let wanted: Vec<_> = (0..4).map(|s| has(s).then_some(WANTED)).collect();
                let extension = extend(&mesh, &wanted).unwrap();
                let grown = |low: usize| {
                    0.5 * (f64::from(u8::from(has(low))) + f64::from(u8::from(has(low + 1))))
                };
                let (width, height) = (2.0 + grown(0), 1.0 + grown(2));
                let found = area(&extension.mesh);
                assert!((found - width * height).abs() < 1e-12, "{sides}: {found}");
                // facets go all around, each on the side that it is named after
                let mut length = [0.0; 4];
                let (lower, upper) = extension.mesh.bounds();
                for facet in extension.mesh.facets() {
                    let [p, q] = ends(&extension.mesh, facet).map(|p| extension.mesh.points()[p]);
                    let axis = facet.group / 2;
                    let end = [lower, upper][facet.group % 2][axis];
                    let near = |point: [f64; 2]| (point[axis] - end).abs() < 1e-12;
                    assert!(near(p) && near(q), "{sides}: {p:?} {q:?} {}", facet.group);
                    length[facet.group] += (p[0] - q[0]).hypot(p[1] - q[1]);
                }
                for (side, length) in length.into_iter().enumerate() {
                    let expected = [height, height, width, width][side];
                    assert!((length - expected).abs() < 1e-12, "{sides} {side}");
                }
                // the domain comes first, as it was
                assert_eq!(extension.mesh.points()[..45], *mesh.points());
                for cell in 0..mesh.cell_count() {
                    assert_eq!(extension.mesh.cell(cell), mesh.cell(cell));
                }
                let counts = extension.sides.map(|side| side.map(|(_, count)| count));
                assert!(counts.into_iter().flatten().all(|count| count == 2));
            }
        }
    }

    #[test]
    fn sides_that_are_not_straight_or_not_whole_are_refused_by_name() {
        let square = |points: Vec<[f64; 2]>, facets: Vec<Facet>, groups: [&str; 2]| {
            let cells = (0..points.len() / 2 - 1)
                .flat_map(|i| [2 * i, 2 * i + 2, 2 * i + 3, 2 * i + 1])
                .collect();
            let groups = groups.map(String::from).to_vec();
            Mesh::new(CellShape::Quadrilateral, points, cells, facets, groups).unwrap()
        };
        // two cells side by side; the slanted right side is no side of the bounding box
        let points = vec![
            [0.0, 0.0],
            [0.0, 1.0],
            [1.0, 0.0],
            [1.0, 1.0],
            [2.0, 0.0],
            [2.2, 1.0],
        ];
        let facet = |cell, side, group| Facet { cell, side, group };
        let mesh = square(
            points,
            vec![facet(1, 1, 0), facet(0, 0, 1)],
            ["end", "foot"],
        );
        let message = |wanted: &[Option<Wanted>]| extend(&mesh, wanted).unwrap_err().to_string();
        let slanted = message(&[Some(WANTED), None]);
        assert!(
            slanted.contains("`end`") && slanted.contains("(2.2, 1)"),
            "{slanted}"
        );
        let part = message(&[None, Some(WANTED)]);
        assert!(
            part.contains("`foot`") && part.contains("part of the bottom side"),
            "{part}"
        );
    }
}
