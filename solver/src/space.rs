//! A finite-element space: degrees of freedom on a mesh, continuous across cells.

pub mod locate;
pub mod sweep;

use std::collections::HashMap;

use nalgebra::Vector2;

use crate::element::{Element, ReferenceElement};
use crate::mesh::Mesh;
use crate::{SolverError, memory};
use locate::{Location, Locator};
use sweep::Sweep;

/// The continuous functions on a mesh that are, on every cell, in the span of an element's basis.
#[derive(Debug, Clone)]
pub struct Space {
    mesh: Mesh,
    reference: ReferenceElement,
    cell_dofs: Vec<u32>,
    dof_positions: Vec<[f64; 2]>,
    locator: Locator,
    sweep: Sweep,
    /// Cells that positions are looked for in; those after them are layers around the domain.
    domain_cells: usize,
    domain_bounds: ([f64; 2], [f64; 2]),
}

impl Space {
    /// Numbers the degrees of freedom by the last bundle of the [`Sweep`] that touches them.
    ///
    /// # Errors
    /// [`SolverError::InvalidParameter`] for an order out of range or a mesh of another cell shape,
    /// [`SolverError::TooLarge`] for spaces beyond the memory.
    pub fn new(mesh: Mesh, element: Element) -> Result<Self, SolverError> {
        let reference = ReferenceElement::new(element)?;
        if mesh.shape() != element.shape() {
            return Err(SolverError::invalid(
                "mesh cells",
                format!("{:?} cells", mesh.shape()),
                format!("{:?} cells for {element:?}", element.shape()),
                "build the mesh with the element's shape",
            ));
        }
        let entries = memory::product(&[mesh.cell_count(), reference.nodes()]);
        if entries >= u64::from(u32::MAX) {
            return Err(SolverError::invalid(
                "number of cell nodes",
                entries,
                format!("fewer than {}", u32::MAX),
                "use fewer cells or a lower order",
            ));
        }
        memory::require("the finite-element space", entries.saturating_mul(24))?;
        if mesh.degree() > 1 {
            check_curved(&mesh, &reference)?;
        }
        let (mut cell_dofs, unsorted) = number(&mesh, &reference);
        let centre = mesh.shape().centre();
        let centres: Vec<[f64; 2]> = (0..mesh.cell_count())
            .map(|cell| mesh.cell_map(cell).position(centre))
            .collect();
        let nodes_a_side = match element {
            Element::GllQuad { order } => Some(order + 1),
            _ => None,
        };
        let (sweep, numbers) = Sweep::new(&centres, &mut cell_dofs, nodes_a_side, unsorted.len());
        let mut dof_positions = vec![[0.0; 2]; unsorted.len()];
        for (&number, position) in numbers.iter().zip(unsorted) {
            dof_positions[number as usize] = position;
        }
        let locator = Locator::new(&mesh);
        let (domain_cells, domain_bounds) = (mesh.cell_count(), mesh.bounds());
        Ok(Self {
            mesh,
            reference,
            cell_dofs,
            dof_positions,
            locator,
            sweep,
            domain_cells,
            domain_bounds,
        })
    }

    /// A space whose domain are the first cells of the mesh, with these bounds (m); what follows is invisible to
    /// [`Space::locate`].
    ///
    /// # Errors
    /// As [`Space::new`].
    pub(crate) fn with_layers(
        mesh: Mesh,
        element: Element,
        domain_cells: usize,
        domain_bounds: ([f64; 2], [f64; 2]),
    ) -> Result<Self, SolverError> {
        Ok(Self {
            domain_cells,
            domain_bounds,
            ..Self::new(mesh, element)?
        })
    }

    /// Number of cells of the domain; absorbing layers around it follow.
    pub fn domain_cells(&self) -> usize {
        self.domain_cells
    }

    /// Lower and upper corner of the domain's bounding box, m: without layers.
    pub fn domain_bounds(&self) -> ([f64; 2], [f64; 2]) {
        self.domain_bounds
    }

    /// The mesh.
    pub fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// The element.
    pub fn element(&self) -> Element {
        self.reference.element()
    }

    /// The element's facts on the reference cell.
    pub fn reference(&self) -> &ReferenceElement {
        &self.reference
    }

    /// Number of degrees of freedom.
    pub fn dof_count(&self) -> usize {
        self.dof_positions.len()
    }

    /// Positions of the degrees of freedom, m.
    pub fn dof_positions(&self) -> &[[f64; 2]] {
        &self.dof_positions
    }

    /// Degrees of freedom of a cell, one per node.
    pub fn cell_dofs(&self, cell: usize) -> &[u32] {
        let n = self.reference.nodes();
        &self.cell_dofs[cell * n..(cell + 1) * n]
    }

    /// Degrees of freedom of all cells, cell after cell.
    pub fn all_cell_dofs(&self) -> &[u32] {
        &self.cell_dofs
    }

    /// The order in which operators go through the cells.
    pub fn sweep(&self) -> &Sweep {
        &self.sweep
    }

    /// The cell of the domain that holds a position (m) and the reference coordinates in it; `None` outside.
    pub fn locate(&self, position: [f64; 2]) -> Option<Location> {
        self.locator
            .locate_among(&self.mesh, self.domain_cells, position)
    }

    /// The basis functions that do not vanish at a place, as (degree of freedom, value).
    pub fn basis_at(&self, location: &Location) -> Vec<(usize, f64)> {
        // basis values at nodes are 1 and rounding errors; those would only cost time
        const NEGLIGIBLE: f64 = 1e-14;
        let mut values = vec![0.0; self.reference.nodes()];
        self.reference.values(location.reference, &mut values);
        self.cell_dofs(location.cell)
            .iter()
            .zip(values)
            .filter(|(_, value)| value.abs() > NEGLIGIBLE)
            .map(|(&dof, value)| (dof as usize, value))
            .collect()
    }

    /// The gradients of the basis functions of the cell at a place, as (degree of freedom, gradient in 1/m). On a side
    /// between cells, where gradients jump, it is that of the location's cell.
    pub fn basis_gradients_at(&self, location: &Location) -> Vec<(usize, [f64; 2])> {
        let mut gradients = vec![[0.0; 2]; self.reference.nodes()];
        self.reference.gradients(location.reference, &mut gradients);
        let jacobian = self
            .mesh
            .cell_map(location.cell)
            .jacobian(location.reference);
        // cells are checked to have positive determinants
        let inverse = jacobian.try_inverse().unwrap_or_default().transpose();
        self.cell_dofs(location.cell)
            .iter()
            .zip(gradients)
            .map(|(&dof, gradient)| (dof as usize, (inverse * Vector2::from(gradient)).into()))
            .collect()
    }

    /// Value at a position (m) of the function with these coefficients (one per degree of freedom); `None` outside.
    pub fn evaluate(&self, coefficients: &[f64], position: [f64; 2]) -> Option<f64> {
        let location = self.locate(position)?;
        Some(
            self.basis_at(&location)
                .iter()
                .map(|&(dof, value)| value * coefficients[dof])
                .sum(),
        )
    }

    /// Coefficients of the function's interpolant, one per degree of freedom.
    pub fn interpolate(&self, function: impl Fn([f64; 2]) -> f64) -> Vec<f64> {
        self.dof_positions.iter().map(|&x| function(x)).collect()
    }
}

/// Refuses curved cells that are inverted at a quadrature point, which the samples of [`Mesh::from_parts`] may have missed.
fn check_curved(mesh: &Mesh, reference: &ReferenceElement) -> Result<(), SolverError> {
    let mut points: Vec<[f64; 2]> = reference.quadrature().iter().map(|(x, _)| *x).collect();
    points.extend(reference.mass_quadrature().iter().map(|(x, _)| *x));
    for cell in 0..mesh.cell_count() {
        let map = mesh.cell_map(cell);
        for &point in &points {
            let det = map.jacobian(point).determinant();
            if det.is_nan() || det <= 0.0 {
                return Err(SolverError::BadCell {
                    cell,
                    position: map.position(point),
                    problem: format!("Jacobian determinant {det:e} m² at a quadrature point"),
                });
            }
        }
    }
    Ok(())
}

/// Cell degrees of freedom and their positions: vertices and sides are shared between cells, interiors are not.
fn number(mesh: &Mesh, reference: &ReferenceElement) -> (Vec<u32>, Vec<[f64; 2]>) {
    const UNSEEN: u32 = u32::MAX;
    let nodes = reference.nodes();
    let corners = mesh.shape().corners();
    let sides: Vec<Vec<usize>> = (0..corners).map(|s| reference.side_nodes(s)).collect();
    let inner = reference.element().order() - 1;
    let mut vertex_dofs = vec![UNSEEN; mesh.points().len()];
    // first inner degree of freedom of a side; the others follow from its lower to its higher point
    let mut side_dofs: HashMap<(usize, usize), u32> = HashMap::new();
    let mut cell_dofs = Vec::with_capacity(mesh.cell_count() * nodes);
    let mut positions: Vec<[f64; 2]> = Vec::new();
    let mut local = vec![UNSEEN; nodes];
    for cell in 0..mesh.cell_count() {
        let map = mesh.cell_map(cell);
        local.fill(UNSEEN);
        let points = mesh.cell(cell);
        let mut count = positions.len() as u32;
        let first_new = count;
        for side in 0..corners {
            let (from, to) = (points[side], points[(side + 1) % corners]);
            if vertex_dofs[from] == UNSEEN {
                vertex_dofs[from] = count;
                count += 1;
            }
            local[sides[side][0]] = vertex_dofs[from];
            if inner == 0 {
                continue;
            }
            let first = *side_dofs
                .entry((from.min(to), from.max(to)))
                .or_insert_with(|| {
                    count += inner as u32;
                    count - inner as u32
                });
            for k in 0..inner {
                let along = if from < to { k } else { inner - 1 - k };
                local[sides[side][k + 1]] = first + along as u32;
            }
        }
        for dof in &mut local {
            if *dof == UNSEEN {
                *dof = count;
                count += 1;
            }
        }
        positions.resize(count as usize, [0.0; 2]);
        for (node, &dof) in local.iter().enumerate() {
            if dof >= first_new {
                positions[dof as usize] = map.position(reference.node(node));
            }
        }
        // corners exactly, so that those on the boundary are on it
        for (side, &point) in sides.iter().zip(points) {
            positions[local[side[0]] as usize] = mesh.points()[point];
        }
        cell_dofs.extend_from_slice(&local);
    }
    (cell_dofs, positions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::rectangle::Rectangle;

    fn spaces() -> Vec<Space> {
        let mut elements = vec![
            Element::P1Triangle,
            Element::P2Triangle,
            Element::P2BubbleTriangle,
            Element::Q1Quad,
        ];
        elements.extend((1..=8).map(|order| Element::GllQuad { order }));
        elements
            .into_iter()
            .map(|element| {
                let mesh = Rectangle {
                    cells: [4, 3],
                    size: [2.0, 1.0],
                    shape: element.shape(),
                    distortion: 0.2,
                    seed: 5,
                    ..Rectangle::default()
                };
                Space::new(mesh.build().unwrap(), element).unwrap()
            })
            .collect()
    }

    #[test]
    fn counts_are_those_of_the_tensor_grid_and_shared_nodes_coincide() {
        for space in spaces() {
            let p = space.element().order();
            let bubbles = match space.element() {
                Element::P2BubbleTriangle => space.mesh().cell_count(),
                _ => 0,
            };
            assert_eq!(space.dof_count(), (4 * p + 1) * (3 * p + 1) + bubbles);
            for cell in 0..space.mesh().cell_count() {
                let map = space.mesh().cell_map(cell);
                for (node, &dof) in space.cell_dofs(cell).iter().enumerate() {
                    let here = map.position(space.reference().node(node));
                    let there = space.dof_positions()[dof as usize];
                    let distance = (here[0] - there[0]).hypot(here[1] - there[1]);
                    assert!(distance < 1e-13, "{:?} cell {cell}", space.element());
                }
            }
        }
    }

    #[test]
    fn reproduces_linear_functions_anywhere() {
        for space in spaces() {
            let linear = |[x, y]: [f64; 2]| 1.0 + 2.0 * x - 3.0 * y;
            let coefficients = space.interpolate(linear);
            for i in 0..=50 {
                for j in 0..=50 {
                    let position = [2.0 * f64::from(i) / 50.0, f64::from(j) / 50.0];
                    let value = space.evaluate(&coefficients, position).unwrap();
                    assert!((value - linear(position)).abs() < 1e-11);
                }
            }
            for place in [[0.3, 0.7], [1.99, 0.01]] {
                let location = space.locate(place).unwrap();
                let mut gradient = [0.0; 2];
                for (dof, slopes) in space.basis_gradients_at(&location) {
                    gradient[0] += slopes[0] * coefficients[dof];
                    gradient[1] += slopes[1] * coefficients[dof];
                }
                assert!((gradient[0] - 2.0).abs() < 1e-10 && (gradient[1] + 3.0).abs() < 1e-10);
            }
            assert!(space.evaluate(&coefficients, [2.001, 0.5]).is_none());
            assert!(space.evaluate(&coefficients, [f64::NAN, 0.5]).is_none());
        }
    }

    #[test]
    fn refuses_a_mesh_of_the_other_shape() {
        let mesh = Rectangle::default().build().unwrap();
        let error = Space::new(mesh, Element::P1Triangle).unwrap_err();
        assert!(error.to_string().contains("Triangle"), "{error}");
    }
}
