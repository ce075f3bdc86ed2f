//! From the sections of a Gmsh file to a mesh that can be computed on.

use std::collections::HashMap;

use super::elements::{EXPECTED, Kind};
use super::loose::untagged;
use super::sections::{Block, Sections};
use super::{UNTAGGED, bad};
use crate::geometry::{CellMap, CellShape};
use crate::mesh::sides::{Sides, Use};
use crate::mesh::{Facet, Mesh, MeshParts, is_degenerate};
use crate::{SolverError, memory};

/// Cells with the tags of the file, for errors.
pub(super) struct Cells<'a> {
    pub(super) shape: CellShape,
    pub(super) kind: Kind,
    pub(super) points: Vec<[f64; 2]>,
    /// Index of a point by the tag of its node.
    pub(super) index: HashMap<u64, usize>,
    /// The reverse.
    pub(super) tags: Vec<u64>,
    /// Point indices, cell after cell.
    pub(super) cells: Vec<usize>,
    pub(super) elements: Vec<u64>,
    /// Largest coordinate of the file, m.
    pub(super) scale: f64,
    pub(super) sections: &'a Sections,
}

/// Builds the mesh.
pub(super) fn mesh(sections: &Sections) -> Result<Mesh, SolverError> {
    let (shape, kind) = common_kind(sections)?;
    let surfaces = || {
        sections
            .blocks
            .iter()
            .filter(|block| block.kind.dimension == 2)
    };
    let count: usize = surfaces().map(|block| block.tags.len()).sum();
    // indices, and up to four sides of a cell with their tables
    memory::require("the mesh", memory::product(&[count, 512]))?;
    let mut cells = Cells {
        shape,
        kind,
        points: Vec::new(),
        index: HashMap::new(),
        tags: Vec::new(),
        cells: Vec::with_capacity(count * kind.nodes),
        elements: Vec::with_capacity(count),
        scale: sections
            .nodes
            .iter()
            .flat_map(|(_, [x, y, _])| [x.abs(), y.abs()])
            .fold(0.0, f64::max),
        sections,
    };
    let nodes = node_table(sections)?;
    let mut groups = Groups::default();
    let mut cell_groups = Vec::with_capacity(count);
    for block in surfaces() {
        let group = groups.of(sections, block, UNTAGGED)?;
        for (tag, nodes_of) in block.tags.iter().zip(block.nodes.chunks_exact(kind.nodes)) {
            cells.push(*tag, nodes_of, &nodes)?;
            cell_groups.push(group);
        }
    }
    drop(nodes);
    let (facets, names) = facets(&cells)?;
    Mesh::from_parts(MeshParts {
        shape,
        degree: kind.degree,
        points: cells.points,
        cells: cells.cells,
        facets,
        groups: names,
        cell_groups,
        cell_group_names: groups.names,
    })
}

/// The kind of all cells.
fn common_kind(sections: &Sections) -> Result<(CellShape, Kind), SolverError> {
    let mut surfaces = sections
        .blocks
        .iter()
        .filter(|block| block.kind.dimension == 2);
    let Some((first, shape)) = surfaces.next().and_then(|b| Some((b, b.kind.shape?))) else {
        return Err(bad(
            "$Elements".to_owned(),
            "no cells (curves or points only)",
            "triangles or quadrangles",
            "mesh the surfaces (gmsh -2) and give them a Physical Surface, without which Gmsh saves no cells beside \
             physical curves",
        ));
    };
    if let Some(other) = surfaces.find(|block| block.kind != first.kind) {
        let (found, remedy) = if other.kind.degree == first.kind.degree {
            (
                "both triangles and quadrangles",
                "set Mesh.RecombineAll = 1 and Mesh.SubdivisionAlgorithm = 1 in Gmsh for quadrangles only, or do not \
                 recombine",
            )
        } else {
            (
                "cells of first and second order",
                "set one Mesh.ElementOrder for all surfaces",
            )
        };
        return Err(bad(
            format!("element {}", other.tags[0]),
            found,
            format!("cells of one kind: {EXPECTED}"),
            remedy,
        ));
    }
    Ok((shape, first.kind))
}

/// Positions by node tag.
fn node_table(sections: &Sections) -> Result<HashMap<u64, [f64; 3]>, SolverError> {
    let mut table = HashMap::with_capacity(sections.nodes.len());
    for &(tag, position) in &sections.nodes {
        if table.insert(tag, position).is_some() {
            return Err(bad(
                format!("node {tag}"),
                "a second node of this tag",
                "every tag once",
                "renumber the mesh: `gmsh in.msh -save -format msh41 -o out.msh`",
            ));
        }
    }
    Ok(table)
}

/// Physical groups of one dimension by name.
#[derive(Default)]
struct Groups {
    names: Vec<String>,
}

impl Groups {
    /// Index of the group of an entity; `untagged` where it belongs to none.
    fn of(
        &mut self,
        sections: &Sections,
        block: &Block,
        untagged: &str,
    ) -> Result<u32, SolverError> {
        let dimension = block.kind.dimension;
        let tags = sections.physical.get(&(dimension, block.entity));
        let mut names = tags.into_iter().flatten().map(|tag| {
            let name = sections.names.get(&(dimension, *tag));
            name.cloned().unwrap_or_else(|| tag.to_string())
        });
        let name = names.next().unwrap_or_else(|| untagged.to_owned());
        if let Some(other) = names.find(|other| *other != name) {
            let entity = ["point", "curve", "surface", "volume"][dimension.clamp(0, 3) as usize];
            return Err(bad(
                format!("{entity} {}", block.entity),
                format!("the physical groups `{name}` and `{other}`"),
                "one physical group an entity",
                "remove it from all groups but one",
            ));
        }
        let known = self.names.iter().position(|known| *known == name);
        Ok(known.unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        }) as u32)
    }
}

impl Cells<'_> {
    fn push(
        &mut self,
        element: u64,
        nodes: &[u64],
        table: &HashMap<u64, [f64; 3]>,
    ) -> Result<(), SolverError> {
        let place = || format!("element {element}");
        let start = self.cells.len();
        for (i, &tag) in nodes.iter().enumerate() {
            if nodes[..i].contains(&tag) {
                return Err(bad(
                    place(),
                    format!("node {tag} twice"),
                    "different nodes",
                    "repair the mesh; Gmsh collapses cells where points of the geometry coincide",
                ));
            }
            if let Some(&known) = self.index.get(&tag) {
                self.cells.push(known);
                continue;
            }
            let Some(&[x, y, z]) = table.get(&tag) else {
                return Err(bad(
                    place(),
                    format!("node {tag}, which $Nodes does not have"),
                    "nodes of $Nodes",
                    "the file is damaged; export it again",
                ));
            };
            // rounding of the file's own coordinates, whatever their size
            if z.abs() > 1e-9 * self.scale && z.abs() > 1e-12 {
                return Err(bad(
                    format!("node {tag}"),
                    format!("z = {z} m"),
                    "z = 0: waves are computed in the plane",
                    "move or project the geometry onto z = 0",
                ));
            }
            self.index.insert(tag, self.points.len());
            self.cells.push(self.points.len());
            self.points.push([x, y]);
            self.tags.push(tag);
        }
        self.orient(start);
        self.check(element, start)?;
        self.elements.push(element);
        Ok(())
    }

    /// Turns a clockwise cell over: the first corner stays, the others and the sides go round the other way.
    fn orient(&mut self, start: usize) {
        let corners = self.shape.corners();
        let cell = &mut self.cells[start..];
        let doubled_area: f64 = (0..corners)
            .map(|i| {
                // from the first corner: coordinates may be large beside the cell
                let [a, b] = [cell[i], cell[(i + 1) % corners]].map(|p| {
                    let (point, first) = (self.points[p], self.points[cell[0]]);
                    [point[0] - first[0], point[1] - first[1]]
                });
                a[0] * b[1] - b[0] * a[1]
            })
            .sum();
        if doubled_area < 0.0 {
            cell[1..corners].reverse();
            if self.kind.degree > 1 {
                cell[corners..2 * corners].reverse();
            }
        }
    }

    fn check(&self, element: u64, start: usize) -> Result<(), SolverError> {
        let cell = &self.cells[start..];
        let positions: Vec<[f64; 2]> = cell.iter().map(|&point| self.points[point]).collect();
        let map = CellMap::new(self.shape, &positions);
        let det = map.min_determinant();
        let (lower, upper) = map.bounds();
        if !is_degenerate(det, lower, upper) {
            return Ok(());
        }
        // the node where it is worst
        let corners = self.shape.corners();
        let reference = |node: usize| match node {
            node if node < corners => self.shape.reference_corners()[node],
            node if node < 2 * corners => self.shape.on_side(node - corners, 0.0),
            _ => self.shape.centre(),
        };
        let at_node = |node: &usize| map.jacobian(reference(*node)).determinant();
        let worst = (0..cell.len())
            .min_by(|a, b| at_node(a).total_cmp(&at_node(b)))
            .unwrap_or(0);
        let [x, y] = positions[worst];
        Err(bad(
            format!(
                "element {element}, near node {} at ({x}, {y}) m",
                self.tags[cell[worst]]
            ),
            format!("an inverted or degenerate cell (smallest Jacobian determinant {det:.3e} m²)"),
            "a cell of positive area that does not fold over",
            if self.kind.degree > 1 {
                "refine the mesh where sides bend, or optimise it (gmsh -optimize_ho)"
            } else {
                "repair or refine the mesh there"
            },
        ))
    }
}

/// The boundary facets and the names of their groups.
fn facets(cells: &Cells<'_>) -> Result<(Vec<Facet>, Vec<String>), SolverError> {
    let sides = Sides::new(cells.shape, cells.kind.nodes, &cells.cells).map_err(|clash| {
        let [a, b] = clash.corners.map(|corner| cells.tags[corner]);
        let [one, other] = clash.cells.map(|cell| cells.elements[cell]);
        bad(
            format!("element {other}"),
            format!(
                "the side between the nodes {a} and {b}, which element {one} {}",
                clash.problem
            ),
            "two cells at most a side, one on each side of it, that share its nodes",
            "remove duplicate or overlapping cells; mesh all surfaces together",
        )
    })?;
    let mut groups = Groups::default();
    let mut group_of: HashMap<(usize, usize), u32> = HashMap::new();
    let curves = cells
        .sections
        .blocks
        .iter()
        .filter(|block| block.kind.dimension == 1);
    for block in curves {
        let entity = (1, block.entity);
        if cells
            .sections
            .physical
            .get(&entity)
            .is_none_or(Vec::is_empty)
        {
            continue;
        }
        let group = groups.of(cells.sections, block, UNTAGGED)?;
        for (tag, nodes) in block
            .tags
            .iter()
            .zip(block.nodes.chunks_exact(block.kind.nodes))
        {
            let ends = [nodes[0], nodes[1]].map(|node| cells.index.get(&node).copied());
            let key = match ends {
                [Some(a), Some(b)] => (a.min(b), a.max(b)),
                _ => (usize::MAX, usize::MAX),
            };
            match sides.of(key) {
                Some(Use::Boundary { .. }) => match group_of.insert(key, group) {
                    Some(other) if other != group => {
                        let [one, other] = [other, group].map(|g| &groups.names[g as usize]);
                        return Err(bad(
                            format!("element {tag}"),
                            format!("a side in two physical curves, `{one}` and `{other}`"),
                            "one physical curve a side",
                            "remove the duplicate curve (Gmsh: Coherence;) or take it out of one of the groups",
                        ));
                    }
                    _ => {}
                },
                Some(Use::Interior) => {}
                None => {
                    return Err(bad(
                        format!("element {tag}"),
                        format!(
                            "a line of the physical curve `{}` between the nodes {} and {}, which is no side of a cell",
                            groups.names[group as usize], nodes[0], nodes[1]
                        ),
                        "physical curves along sides of cells",
                        "mesh curves and surfaces together, or remove the curve from the physical group",
                    ));
                }
            }
        }
    }
    let mut facets = Vec::new();
    for (key, cell, side) in sides.boundary() {
        match group_of.get(&key) {
            Some(group) => facets.push(Facet {
                cell,
                side,
                group: *group as usize,
            }),
            None => return Err(untagged(cells, &sides, &group_of, (key, cell))),
        }
    }
    refuse_empty(cells.sections, &groups.names)?;
    Ok((facets, groups.names))
}

/// Refuses physical curves that the file names and that hold no line, which a condition on them would never reach.
fn refuse_empty(sections: &Sections, found: &[String]) -> Result<(), SolverError> {
    let curves = sections.names.iter().filter(|((dim, _), _)| *dim == 1);
    let empty = curves.map(|(_, name)| name).filter(|n| !found.contains(n));
    // the first in the alphabet: the order of the table is none
    match empty.min() {
        None => Ok(()),
        Some(name) => Err(bad(
            format!("physical curve `{name}`"),
            "no lines of it",
            "physical curves with lines along sides of cells",
            "mesh its curves, or remove it: in the .geo file, or its line under $PhysicalNames",
        )),
    }
}
