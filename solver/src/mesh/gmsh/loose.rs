//! Sides on the boundary that belong to no physical curve: torn meshes, hanging nodes, curves that were forgotten.

use std::collections::HashMap;

use super::bad;
use super::build::Cells;
use crate::SolverError;
use crate::mesh::sides::Sides;

/// Why a side on the boundary belongs to no physical curve: often it should not be on the boundary at all.
pub(super) fn untagged(
    cells: &Cells<'_>,
    sides: &Sides,
    group_of: &HashMap<(usize, usize), u32>,
    (key, cell): ((usize, usize), usize),
) -> SolverError {
    let loose: Vec<(usize, usize)> = sides
        .boundary()
        .map(|(key, ..)| key)
        .filter(|key| !group_of.contains_key(key))
        .collect();
    let tag = |point: usize| cells.tags[point];
    if let Some((one, other)) = coincident(&cells.points, &loose) {
        let [x, y] = cells.points[one];
        return bad(
            format!("node {}", tag(one)),
            format!(
                "node {} at the same place, ({x}, {y}) m: the mesh is torn there",
                tag(other)
            ),
            "one node a place",
            "join the surfaces before meshing (`Coherence;`, or BooleanFragments with OpenCASCADE), or the nodes of the \
             mesh (`Coherence Mesh;`)",
        );
    }
    if let Some((node, (a, b))) = hanging(&cells.points, &loose) {
        let [x, y] = cells.points[node];
        return bad(
            format!("node {}", tag(node)),
            format!(
                "a hanging node at ({x}, {y}) m, in the middle of the side between the nodes {} and {}",
                tag(a),
                tag(b)
            ),
            "cells that meet along whole sides",
            "mesh the neighbouring surfaces together, so that they share their sides",
        );
    }
    let (a, b) = key;
    let [p, q] = [a, b].map(|point| cells.points[point]);
    bad(
        format!("element {}", cells.elements[cell]),
        format!(
            "a side on the boundary without a physical curve, between node {} at ({}, {}) m and node {} at ({}, {}) m; \
             {} such sides in all",
            tag(a),
            p[0],
            p[1],
            tag(b),
            q[0],
            q[1],
            loose.len()
        ),
        "a physical curve for every side of the boundary, whose name [boundary] can give a condition",
        "add the curve in Gmsh, e.g. Physical Curve(\"outer\") = {1, 2, 3, 4};, and save the mesh again",
    )
}

/// Two ends of loose sides at one place.
fn coincident(points: &[[f64; 2]], loose: &[(usize, usize)]) -> Option<(usize, usize)> {
    let ends = ends_by_x(points, loose);
    let scale = loose
        .iter()
        .map(|side| length(points, *side))
        .fold(0.0, f64::max);
    for (i, &a) in ends.iter().enumerate() {
        for &b in &ends[i + 1..] {
            if points[b][0] - points[a][0] > 1e-7 * scale {
                break;
            }
            if (points[b][1] - points[a][1]).abs() <= 1e-7 * scale {
                return Some((a.min(b), a.max(b)));
            }
        }
    }
    None
}

/// An end of a loose side within another one; curved sides are taken as straight, with room for their bend.
fn hanging(points: &[[f64; 2]], loose: &[(usize, usize)]) -> Option<(usize, (usize, usize))> {
    const BEND: f64 = 0.02;
    let ends = ends_by_x(points, loose);
    for &(a, b) in loose {
        let (p, q) = (points[a], points[b]);
        let along = [q[0] - p[0], q[1] - p[1]];
        let square = along[0] * along[0] + along[1] * along[1];
        let room = BEND * square.sqrt();
        let first = ends.partition_point(|&end| points[end][0] < p[0].min(q[0]) - room);
        for &end in &ends[first..] {
            let r = [points[end][0] - p[0], points[end][1] - p[1]];
            if points[end][0] > p[0].max(q[0]) + room {
                break;
            }
            let t = (r[0] * along[0] + r[1] * along[1]) / square;
            let off = (r[0] * along[1] - r[1] * along[0]).abs() / square;
            if end != a && end != b && t > BEND && t < 1.0 - BEND && off < BEND {
                return Some((end, (a, b)));
            }
        }
    }
    None
}

fn ends_by_x(points: &[[f64; 2]], loose: &[(usize, usize)]) -> Vec<usize> {
    let mut ends: Vec<usize> = loose.iter().flat_map(|&(a, b)| [a, b]).collect();
    ends.sort_unstable();
    ends.dedup();
    ends.sort_by(|&a, &b| points[a][0].total_cmp(&points[b][0]));
    ends
}

fn length(points: &[[f64; 2]], (a, b): (usize, usize)) -> f64 {
    (points[b][0] - points[a][0]).hypot(points[b][1] - points[a][1])
}
