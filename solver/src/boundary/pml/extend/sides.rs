//! The sides of the bounding box that layers lie on: which facets, in which order, and whether they can carry a layer.

use super::Wanted;
use crate::SolverError;
use crate::mesh::{Facet, Mesh};

/// How far from a side of the bounding box, relative to its extent, a point still counts as on it.
const TOLERANCE: f64 = 1e-9;

/// The sides of the bounding box, in the order of [`Extension::sides`].
const SIDES: [&str; 4] = ["left", "right", "bottom", "top"];

/// The facets along one side of the bounding box.
pub(super) struct Side {
    pub(super) wanted: Wanted,
    /// Index of the boundary group of its first facet.
    pub(super) group: usize,
    /// Points in ascending order along the side.
    pub(super) points: Vec<usize>,
    /// The domain's cells between them.
    pub(super) cells: Vec<usize>,
    /// Whether the diagonals of the layer's first boxes rise along x, where boxes are cut into triangles.
    pub(super) rising: Vec<bool>,
    /// Cells of the layer across.
    pub(super) count: usize,
}

fn refused(group: &str, found: String, expected: &str) -> SolverError {
    SolverError::invalid(
        format!("absorbing layer (pml) at the boundary group `{group}`"),
        found,
        expected,
        "use absorbing there, or change the mesh",
    )
}

/// Sorts the facets with a layer by side of the bounding box and checks that each of these is covered by one layer.
pub(super) fn sides(
    mesh: &Mesh,
    groups: &[Option<Wanted>],
) -> Result<[Option<Side>; 4], SolverError> {
    let bounds: [[f64; 2]; 2] = mesh.bounds().into();
    let mut facets: [Vec<(usize, [usize; 2])>; 4] = Default::default();
    for (index, facet) in mesh.facets().iter().enumerate() {
        if groups[facet.group].is_none() {
            continue;
        }
        let ends = ends(mesh, facet);
        let on = (0..4).find(|&side| {
            let (axis, end) = (side / 2, side % 2);
            let slack = TOLERANCE * (bounds[1][axis] - bounds[0][axis]);
            let near = |p: usize| (mesh.points()[p][axis] - bounds[end][axis]).abs() <= slack;
            ends.into_iter().all(near)
        });
        let on = on.filter(|_| is_straight(mesh, facet, ends));
        let Some(side) = on else {
            let [[x0, y0], [x1, y1]] = ends.map(|p| mesh.points()[p]);
            return Err(refused(
                &mesh.groups()[facet.group],
                format!(
                    "a facet from ({x0}, {y0}) to ({x1}, {y1}) m that is curved or on no side of the bounding box"
                ),
                "only straight sides of the bounding box along x or y",
            ));
        };
        // ascending along the side
        let along = 1 - side / 2;
        let [a, b] = ends;
        let sorted = if mesh.points()[a][along] <= mesh.points()[b][along] {
            [a, b]
        } else {
            [b, a]
        };
        facets[side].push((index, sorted));
    }
    let mut sides = [None, None, None, None];
    for (side, mut facets) in facets.into_iter().enumerate() {
        if facets.is_empty() {
            continue;
        }
        let (axis, along) = (side / 2, 1 - side / 2);
        let start = |p: usize| mesh.points()[p][along];
        facets.sort_by(|a, b| start(a.1[0]).total_cmp(&start(b.1[0])));
        let group = mesh.facets()[facets[0].0].group;
        let name = &mesh.groups()[group];
        let slack = TOLERANCE * (bounds[1][along] - bounds[0][along]);
        let chained = facets.windows(2).all(|pair| pair[0].1[1] == pair[1].1[0]);
        let last = facets[facets.len() - 1].1[1];
        let whole = chained
            && (start(facets[0].1[0]) - bounds[0][along]).abs() <= slack
            && (start(last) - bounds[1][along]).abs() <= slack;
        if !whole {
            return Err(refused(
                name,
                format!(
                    "a layer along a part of the {} side of the bounding box",
                    SIDES[side]
                ),
                "the whole side, from one corner of the bounding box to the next",
            ));
        }
        let wanted = |facet: &(usize, _)| groups[mesh.facets()[facet.0].group];
        let Some(first) = wanted(&facets[0]) else {
            continue;
        };
        if facets.iter().any(|facet| wanted(facet) != Some(first)) {
            return Err(refused(
                name,
                format!("two different layers along the {} side", SIDES[side]),
                "one thickness and reflection a side",
            ));
        }
        let widths = facets.iter().map(|(facet, _)| {
            let corners = mesh.cell(mesh.facets()[*facet].cell).iter();
            let normal = corners.map(|&p| mesh.points()[p][axis]);
            let (low, high) = normal.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| {
                (a.min(x), b.max(x))
            });
            high - low
        });
        let width = widths.sum::<f64>() / facets.len() as f64;
        let mut points: Vec<usize> = facets.iter().map(|(_, ends)| ends[0]).collect();
        points.push(last);
        sides[side] = Some(Side {
            wanted: first,
            group,
            points,
            cells: facets
                .iter()
                .map(|(facet, _)| mesh.facets()[*facet].cell)
                .collect(),
            rising: facets
                .iter()
                .map(|(facet, ends)| {
                    let third = third_corner(mesh, &mesh.facets()[*facet]);
                    let [low, high] = ends.map(|p| (start(p) - start(third)).abs());
                    (high > low) == (side % 2 == 0)
                })
                .collect(),
            // as wide as the neighbours, at least one
            count: (first.thickness / width).round().clamp(1.0, 1e9) as usize,
        });
    }
    Ok(sides)
}

/// Whether the middle of a facet lies halfway between its ends, as the layer's cells have it.
fn is_straight(mesh: &Mesh, facet: &Facet, ends: [usize; 2]) -> bool {
    let middle = mesh
        .cell_map(facet.cell)
        .position(mesh.shape().on_side(facet.side, 0.0));
    let [a, b] = ends.map(|p| mesh.points()[p]);
    let length = (b[0] - a[0]).hypot(b[1] - a[1]);
    let off = [0, 1].map(|i| middle[i] - 0.5 * (a[i] + b[i]));
    off[0].hypot(off[1]) <= 1e-6 * length
}

/// The corner before the facet: of a triangle, the one opposite to it.
fn third_corner(mesh: &Mesh, facet: &Facet) -> usize {
    let cell = mesh.cell(facet.cell);
    cell[(facet.side + cell.len() - 1) % cell.len()]
}

pub(super) fn ends(mesh: &Mesh, facet: &Facet) -> [usize; 2] {
    let cell = mesh.cell(facet.cell);
    [cell[facet.side], cell[(facet.side + 1) % cell.len()]]
}
