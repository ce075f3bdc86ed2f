//! Boundary conditions by named group of facets.
//!
//! Impedance: `k ∂u/∂n + ratio·(k/c) u_t = 0`, which enters the weak form as damping `d = ratio·k/c` on the boundary, lumped to
//! the nodes. A plane wave at the angle θ to the normal comes back with `(cos θ − ratio)/(cos θ + ratio)`; the ratio 1 is the
//! first-order absorbing condition of Engquist and Majda (1977).

pub(crate) mod pml;
pub mod prescribed;

use std::collections::BTreeMap;

use crate::SolverError;
use crate::mesh::Mesh;
use crate::space::Space;
use pml::Layer;
use pml::extend::Wanted;
use prescribed::PrescribedDofs;

/// What happens at a side of the domain.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum BoundaryKind {
    /// `u = 0`: reflects with the opposite sign.
    #[default]
    Fixed,
    /// `∂u/∂n = 0`: reflects with the same sign.
    Free,
    /// Lets waves of normal incidence out; reflects `(cos θ − 1)/(cos θ + 1)` at the angle θ to the normal.
    Absorbing,
    /// `k ∂u/∂n + ratio·(k/c) u_t = 0`: between free (0), absorbing (1) and fixed (infinite).
    Impedance {
        /// Impedance of what lies behind the side, relative to that of the medium; finite and at least 0.
        ratio: f64,
    },
    /// The displacement is given in time by the scene ([`Scene::prescribed`](crate::Scene::prescribed)). For central
    /// difference and Newmark; not beside sides with a layer. Where such a side meets a fixed one, fixed wins.
    Prescribed,
    /// A perfectly matched layer outside of the side, which must be a whole straight side of the mesh's bounding box. The
    /// medium continues outwards as it is at the side; sources, receivers and the snapshot grid do not see the layer.
    /// Only for central difference.
    Pml {
        /// Thickness, m; cells are as wide as the mesh's along the side. Half the dominant wavelength absorbs well.
        thickness: f64,
        /// Amplitude `R` that comes back at normal incidence in theory, in (0, 1); at the angle θ it is `R^cos θ`.
        reflection: f64,
    },
}

impl BoundaryKind {
    /// Impedance ratio of the kinds that have one.
    fn ratio(self) -> Option<f64> {
        match self {
            Self::Absorbing => Some(1.0),
            Self::Impedance { ratio } => Some(ratio),
            Self::Fixed | Self::Free | Self::Prescribed | Self::Pml { .. } => None,
        }
    }
}

/// The kind of every boundary group.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BoundaryConditions {
    /// Kind of the groups that `groups` does not name.
    pub default: BoundaryKind,
    /// Kinds by group name.
    pub groups: BTreeMap<String, BoundaryKind>,
}

/// Boundary conditions in terms of degrees of freedom.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BoundaryDofs {
    /// Whether `u` is given at a degree of freedom, as 0 or by the scene; where a fixed side meets another one, fixed wins.
    pub(crate) fixed: Vec<bool>,
    /// Those that the scene gives.
    pub(crate) prescribed: PrescribedDofs,
    /// The nodes on absorbing sides (impedance of any ratio above 0), side after side; a node where two sides meet occurs
    /// twice.
    pub(crate) absorbing: Vec<AbsorbingNode>,
}

/// A node of a cell with an absorbing side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct AbsorbingNode {
    /// Its degree of freedom.
    pub(crate) dof: usize,
    /// Its place in [`Space::all_cell_dofs`].
    pub(crate) slot: usize,
    /// `ratio·∫ φ ds` over that side, m.
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

    /// The kind of every boundary group of a mesh, in the mesh's order.
    ///
    /// # Errors
    /// [`SolverError::UnknownBoundaryGroup`] for a group that the mesh does not have,
    /// [`SolverError::InvalidParameter`] for one without sides, or an impedance ratio that is negative or not finite.
    fn kinds(&self, mesh: &Mesh) -> Result<Vec<BoundaryKind>, SolverError> {
        let known = mesh.groups();
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
        let is_empty = |index: usize| !mesh.facets().iter().any(|facet| facet.group == index);
        let named = known.iter().position(|name| self.groups.contains_key(name));
        if let Some(index) = named.filter(|&index| is_empty(index)) {
            return Err(SolverError::invalid(
                format!("boundary group `{}`", known[index]),
                "no side of a cell in it",
                "a group along the boundary of the domain",
                "remove its condition, or repair the mesh",
            ));
        }
        for (name, kind) in known.iter().zip(&kinds) {
            if let Some(ratio) = kind.ratio()
                && !(ratio.is_finite() && ratio >= 0.0)
            {
                return Err(SolverError::invalid(
                    format!("impedance ratio of the boundary group `{name}`"),
                    ratio,
                    "a finite number of at least 0 (below 0, the side would feed energy in)",
                    "use 0 for free, 1 for absorbing, or fixed for an infinite ratio",
                ));
            }
        }
        Ok(kinds)
    }

    /// Extends a space by the layers that its boundary groups ask for, whose damping is that for waves of `speed` (m/s);
    /// `None` where no group asks for one.
    ///
    /// # Errors
    /// As `kinds`, and where a layer cannot be built: see [`BoundaryKind::Pml`].
    pub(crate) fn layer(
        &self,
        space: &Space,
        speed: f64,
    ) -> Result<Option<(Layer, Space)>, SolverError> {
        let kinds = self.kinds(space.mesh())?;
        let has = |is: fn(&BoundaryKind) -> bool| {
            let mut facets = space.mesh().facets().iter();
            facets.any(|facet| is(&kinds[facet.group]))
        };
        if has(|kind| *kind == BoundaryKind::Prescribed)
            && has(|kind| matches!(kind, BoundaryKind::Pml { .. }))
        {
            return Err(SolverError::invalid(
                "absorbing layer (pml) beside a prescribed side",
                "both",
                "one of them: a layer would have to go on with what is prescribed",
                "use absorbing beside prescribed sides",
            ));
        }
        let wanted: Vec<Option<Wanted>> = kinds
            .into_iter()
            .map(|kind| match kind {
                BoundaryKind::Pml {
                    thickness,
                    reflection,
                } => Some(Wanted {
                    thickness,
                    reflection,
                }),
                _ => None,
            })
            .collect();
        Layer::around(space, &wanted, speed)
    }

    /// Finds the degrees of freedom concerned, on a space that has its layers already: they end in `u = 0`.
    ///
    /// # Errors
    /// As `kinds`.
    pub(crate) fn resolve(&self, space: &Space) -> Result<BoundaryDofs, SolverError> {
        let kinds = self.kinds(space.mesh())?;
        let reference = space.reference();
        let mut fixed = vec![false; space.dof_count()];
        let mut absorbing = Vec::new();
        for facet in space.mesh().facets() {
            let dofs = space.cell_dofs(facet.cell);
            let nodes = reference.side_nodes(facet.side);
            let kind = kinds[facet.group];
            if matches!(kind, BoundaryKind::Fixed | BoundaryKind::Pml { .. }) {
                for &node in &nodes {
                    fixed[dofs[node] as usize] = true;
                }
            }
            let Some(ratio) = kind.ratio().filter(|ratio| *ratio > 0.0) else {
                continue;
            };
            // on curved sides, the map stretches differently from node to node
            let map = space.mesh().cell_map(facet.cell);
            for (k, node) in nodes.into_iter().enumerate() {
                let stretch = map.side_stretch(facet.side, reference.line().point(k));
                absorbing.push(AbsorbingNode {
                    dof: dofs[node] as usize,
                    slot: facet.cell * dofs.len() + node,
                    length: ratio * reference.line_weights()[k] * stretch,
                });
            }
        }
        let groups: Vec<(usize, String)> = kinds
            .iter()
            .zip(space.mesh().groups())
            .enumerate()
            .filter(|(_, (kind, _))| **kind == BoundaryKind::Prescribed)
            .map(|(group, (_, name))| (group, name.clone()))
            .collect();
        let free: Vec<bool> = fixed.iter().map(|fixed| !fixed).collect();
        let prescribed = PrescribedDofs::new(space, &groups, &free);
        for dof in prescribed.dofs() {
            fixed[dof] = true;
        }
        absorbing.retain(|node| !fixed[node.dof]);
        Ok(BoundaryDofs {
            fixed,
            prescribed,
            absorbing,
        })
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
