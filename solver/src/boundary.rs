//! Boundary conditions by named group of facets.
//!
//! First-order absorbing (Engquist and Majda 1977): `k ∂u/∂n + (k/c) u_t = 0`, which enters the weak form as damping
//! `d = k/c` on the boundary, lumped to the nodes.

use std::collections::BTreeMap;

use crate::SolverError;
use crate::space::Space;

/// What happens at a side of the domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BoundaryKind {
    /// `u = 0`: reflects with the opposite sign.
    #[default]
    Fixed,
    /// `∂u/∂n = 0`: reflects with the same sign.
    Free,
    /// Lets waves of normal incidence out; reflects `(1 − cos θ)/(1 + cos θ)` at the angle θ to the normal.
    Absorbing,
}

/// The kind of every boundary group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BoundaryConditions {
    /// Kind of the groups that `groups` does not name.
    pub default: BoundaryKind,
    /// Kinds by group name.
    pub groups: BTreeMap<String, BoundaryKind>,
}

/// Boundary conditions in terms of degrees of freedom.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BoundaryDofs {
    /// Whether `u = 0` at a degree of freedom; where a fixed side meets another one, fixed wins.
    pub(crate) fixed: Vec<bool>,
    /// The nodes on absorbing sides, side after side; a node where two sides meet occurs twice.
    pub(crate) absorbing: Vec<AbsorbingNode>,
}

/// A node of a cell with an absorbing side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct AbsorbingNode {
    /// Its degree of freedom.
    pub(crate) dof: usize,
    /// Its place in [`Space::all_cell_dofs`].
    pub(crate) slot: usize,
    /// `∫ φ ds` over that side, m.
    pub(crate) length: f64,
}

impl BoundaryConditions {
    /// The same kind on every side.
    pub fn all(kind: BoundaryKind) -> Self {
        Self {
            default: kind,
            groups: BTreeMap::new(),
        }
    }

    /// Finds the degrees of freedom concerned.
    ///
    /// # Errors
    /// [`SolverError::UnknownBoundaryGroup`] for a group that the mesh does not have.
    pub(crate) fn resolve(&self, space: &Space) -> Result<BoundaryDofs, SolverError> {
        let known = space.mesh().groups();
        if let Some(group) = self.groups.keys().find(|name| !known.contains(name)) {
            return Err(SolverError::UnknownBoundaryGroup {
                group: group.clone(),
                known: known.to_vec(),
            });
        }
        let kinds: Vec<BoundaryKind> = known
            .iter()
            .map(|name| *self.groups.get(name).unwrap_or(&self.default))
            .collect();
        let mut fixed = vec![false; space.dof_count()];
        let mut absorbing = Vec::new();
        for facet in space.mesh().facets() {
            let dofs = space.cell_dofs(facet.cell);
            let nodes = space.reference().side_nodes(facet.side);
            match kinds[facet.group] {
                BoundaryKind::Free => {}
                BoundaryKind::Fixed => {
                    for node in nodes {
                        fixed[dofs[node] as usize] = true;
                    }
                }
                BoundaryKind::Absorbing => {
                    // on curved sides, the map stretches differently from node to node
                    let map = space.mesh().cell_map(facet.cell);
                    let line = space.reference().line();
                    for (k, node) in nodes.into_iter().enumerate() {
                        let stretch = map.side_stretch(facet.side, line.point(k));
                        absorbing.push(AbsorbingNode {
                            dof: dofs[node] as usize,
                            slot: facet.cell * dofs.len() + node,
                            length: space.reference().line_weights()[k] * stretch,
                        });
                    }
                }
            }
        }
        absorbing.retain(|node| !fixed[node.dof]);
        Ok(BoundaryDofs { fixed, absorbing })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::Element;
    use crate::mesh::rectangle::Rectangle;

    #[test]
    fn groups_get_their_kind_and_lengths_add_up() {
        for element in [
            Element::P1Triangle,
            Element::P2Triangle,
            Element::P2BubbleTriangle,
            Element::Q1Quad,
            Element::GllQuad { order: 5 },
        ] {
            let mesh = Rectangle {
                size: [2.0, 3.0],
                cells: [3, 4],
                shape: element.shape(),
                distortion: 0.2,
                ..Rectangle::default()
            };
            let space = Space::new(mesh.build().unwrap(), element).unwrap();
            let conditions = BoundaryConditions {
                default: BoundaryKind::Absorbing,
                groups: [("right".to_owned(), BoundaryKind::Free)].into(),
            };
            let dofs = conditions.resolve(&space).unwrap();
            let length: f64 = dofs.absorbing.iter().map(|node| node.length).sum();
            assert!((length - 7.0).abs() < 1e-12, "{length}");
            assert!(!dofs.fixed.contains(&true));
            let fixed = BoundaryConditions::default().resolve(&space).unwrap().fixed;
            for (dof, [x, y]) in space.dof_positions().iter().enumerate() {
                let near = |a: f64, b: f64| (a - b).abs() < 1e-14;
                let on = near(*x, 0.0) || near(*y, 0.0) || near(*x, 2.0) || near(*y, 3.0);
                assert_eq!(fixed[dof], on, "({x}, {y})");
            }
        }
    }

    #[test]
    fn unknown_groups_are_named_with_the_known_ones() {
        let space = Space::new(Rectangle::default().build().unwrap(), Element::Q1Quad).unwrap();
        let conditions = BoundaryConditions {
            groups: [("lid".to_owned(), BoundaryKind::Free)].into(),
            ..BoundaryConditions::default()
        };
        let message = conditions.resolve(&space).unwrap_err().to_string();
        assert!(
            message.contains("lid") && message.contains("left, right, bottom, top"),
            "{message}"
        );
    }
}
