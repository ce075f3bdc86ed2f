//! Finite elements: their nodes, basis functions and quadrature on the reference cell.
//!
//! Quadrilateral nodes are tensor products, node `j·(p + 1) + i` at `(x_i, x_j)`; GLL elements put them at the
//! Gauss–Lobatto–Legendre points and integrate there too, which makes the mass matrix diagonal (spectral elements).

use nalgebra::DMatrix;

use crate::SolverError;
use crate::geometry::CellShape;
use crate::quadrature::{gauss_legendre, gauss_lobatto};

/// Highest order of the spectral elements.
pub const MAX_ORDER: usize = 8;

/// Which finite element discretises the cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// Linear triangle, three nodes.
    P1Triangle,
    /// Bilinear quadrilateral, four nodes, 2×2 Gauss quadrature.
    Q1Quad,
    /// Spectral quadrilateral of order 1 to 8 on Gauss–Lobatto–Legendre nodes.
    GllQuad {
        /// Polynomial order along each axis.
        order: usize,
    },
}

impl Element {
    /// Polynomial order.
    pub fn order(self) -> usize {
        match self {
            Self::P1Triangle | Self::Q1Quad => 1,
            Self::GllQuad { order } => order,
        }
    }

    /// The shape of cell that it lives on.
    pub fn shape(self) -> CellShape {
        match self {
            Self::P1Triangle => CellShape::Triangle,
            Self::Q1Quad | Self::GllQuad { .. } => CellShape::Quadrilateral,
        }
    }

    /// Whether its own quadrature makes the mass matrix diagonal.
    pub fn has_diagonal_mass(self) -> bool {
        matches!(self, Self::GllQuad { .. })
    }

    /// Number of nodes of a cell.
    pub fn nodes(self) -> usize {
        match self {
            Self::P1Triangle => 3,
            Self::Q1Quad | Self::GllQuad { .. } => (self.order() + 1).pow(2),
        }
    }
}

/// The Lagrange basis on given points of the line.
#[derive(Debug, Clone, PartialEq)]
pub struct LineBasis {
    points: Vec<f64>,
}

impl LineBasis {
    /// The basis that is 1 at one of the distinct `points` and 0 at the others.
    pub fn new(points: Vec<f64>) -> Self {
        Self { points }
    }

    /// Value of basis function `i` at `x`.
    pub fn value(&self, i: usize, x: f64) -> f64 {
        let mut product = 1.0;
        for (k, &point) in self.points.iter().enumerate() {
            if k != i {
                product *= (x - point) / (self.points[i] - point);
            }
        }
        product
    }

    /// Derivative of basis function `i` at `x`.
    pub fn derivative(&self, i: usize, x: f64) -> f64 {
        let mut sum = 0.0;
        for (k, &removed) in self.points.iter().enumerate() {
            if k == i {
                continue;
            }
            let mut product = 1.0 / (self.points[i] - removed);
            for (l, &point) in self.points.iter().enumerate() {
                if l != i && l != k {
                    product *= (x - point) / (self.points[i] - point);
                }
            }
            sum += product;
        }
        sum
    }

    /// Values at the points `at`: matrix (point, basis function).
    pub fn values_at(&self, at: &[f64]) -> DMatrix<f64> {
        DMatrix::from_fn(at.len(), self.points.len(), |q, i| self.value(i, at[q]))
    }

    /// Derivatives at the points `at`: matrix (point, basis function).
    pub fn derivatives_at(&self, at: &[f64]) -> DMatrix<f64> {
        DMatrix::from_fn(at.len(), self.points.len(), |q, i| {
            self.derivative(i, at[q])
        })
    }
}

/// An element's facts on the reference cell.
#[derive(Debug, Clone, PartialEq)]
pub struct ReferenceElement {
    element: Element,
    line: LineBasis,
    /// Weights of the Gauss–Lobatto rule on the nodes of a side, sum 2.
    line_weights: Vec<f64>,
    quadrature: Vec<([f64; 2], f64)>,
}

impl ReferenceElement {
    /// Tabulates an element.
    ///
    /// # Errors
    /// [`SolverError::InvalidParameter`] for spectral orders outside of 1 to 8.
    pub fn new(element: Element) -> Result<Self, SolverError> {
        let order = element.order();
        if !(1..=MAX_ORDER).contains(&order) {
            return Err(SolverError::invalid(
                "element order",
                order,
                format!("an order from 1 to {MAX_ORDER}"),
                "use more cells instead of a higher order",
            ));
        }
        let nodes = gauss_lobatto(order + 1);
        let tensor = |points: &[f64], weights: &[f64]| {
            let mut rule = Vec::with_capacity(points.len().pow(2));
            for (eta, w_eta) in points.iter().zip(weights) {
                for (xi, w_xi) in points.iter().zip(weights) {
                    rule.push(([*xi, *eta], w_xi * w_eta));
                }
            }
            rule
        };
        let quadrature = match element {
            // the three midpoints: exact for degree 2
            Element::P1Triangle => [[0.5, 0.0], [0.5, 0.5], [0.0, 0.5]]
                .map(|point| (point, 1.0 / 6.0))
                .to_vec(),
            Element::Q1Quad => {
                let gauss = gauss_legendre(2);
                tensor(&gauss.points, &gauss.weights)
            }
            Element::GllQuad { .. } => tensor(&nodes.points, &nodes.weights),
        };
        Ok(Self {
            element,
            line: LineBasis::new(nodes.points),
            line_weights: nodes.weights,
            quadrature,
        })
    }

    /// The element described.
    pub fn element(&self) -> Element {
        self.element
    }

    /// Nodes along a side and their basis.
    pub fn line(&self) -> &LineBasis {
        &self.line
    }

    /// Gauss–Lobatto weights of the nodes along a side, sum 2.
    pub fn line_weights(&self) -> &[f64] {
        &self.line_weights
    }

    /// Quadrature points and weights for stiffness and mass.
    pub fn quadrature(&self) -> &[([f64; 2], f64)] {
        &self.quadrature
    }

    /// Number of nodes of a cell.
    pub fn nodes(&self) -> usize {
        self.element.nodes()
    }

    /// Reference coordinates of node `a`.
    pub fn node(&self, a: usize) -> [f64; 2] {
        match self.element {
            Element::P1Triangle => CellShape::Triangle.reference_corners()[a],
            Element::Q1Quad | Element::GllQuad { .. } => {
                let n = self.line.points.len();
                [self.line.points[a % n], self.line.points[a / n]]
            }
        }
    }

    /// Local nodes on side `side`, in the direction from corner `side` to corner `side + 1`.
    pub fn side_nodes(&self, side: usize) -> Vec<usize> {
        match self.element {
            Element::P1Triangle => vec![side, (side + 1) % 3],
            Element::Q1Quad | Element::GllQuad { .. } => {
                let n = self.line.points.len();
                (0..n)
                    .map(|k| match side {
                        0 => k,
                        1 => k * n + n - 1,
                        2 => n * n - 1 - k,
                        _ => (n - 1 - k) * n,
                    })
                    .collect()
            }
        }
    }

    /// Writes the values of all basis functions at a reference point into `values` (one per node).
    pub fn values(&self, [xi, eta]: [f64; 2], values: &mut [f64]) {
        match self.element {
            Element::P1Triangle => values.copy_from_slice(&[1.0 - xi - eta, xi, eta]),
            Element::Q1Quad | Element::GllQuad { .. } => {
                let n = self.line.points.len();
                for (a, value) in values.iter_mut().enumerate() {
                    *value = self.line.value(a % n, xi) * self.line.value(a / n, eta);
                }
            }
        }
    }

    /// Writes the reference gradients of all basis functions at a reference point into `gradients` (one per node).
    pub fn gradients(&self, [xi, eta]: [f64; 2], gradients: &mut [[f64; 2]]) {
        match self.element {
            Element::P1Triangle => {
                gradients.copy_from_slice(&[[-1.0, -1.0], [1.0, 0.0], [0.0, 1.0]]);
            }
            Element::Q1Quad | Element::GllQuad { .. } => {
                let n = self.line.points.len();
                for (a, gradient) in gradients.iter_mut().enumerate() {
                    let (i, j) = (a % n, a / n);
                    *gradient = [
                        self.line.derivative(i, xi) * self.line.value(j, eta),
                        self.line.value(i, xi) * self.line.derivative(j, eta),
                    ];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;

    fn all() -> Vec<ReferenceElement> {
        let mut elements = vec![Element::P1Triangle, Element::Q1Quad];
        elements.extend((1..=MAX_ORDER).map(|order| Element::GllQuad { order }));
        elements
            .into_iter()
            .map(|element| ReferenceElement::new(element).unwrap())
            .collect()
    }

    #[test]
    fn basis_is_nodal_and_gradients_match_differences() {
        for reference in all() {
            let n = reference.nodes();
            let mut values = vec![0.0; n];
            for a in 0..n {
                reference.values(reference.node(a), &mut values);
                for (b, value) in values.iter().enumerate() {
                    assert_abs_diff_eq!(*value, f64::from(u8::from(a == b)), epsilon = 1e-12);
                }
            }
            let (point, h) = ([0.21, 0.37], 1e-6);
            let mut gradients = vec![[0.0; 2]; n];
            reference.gradients(point, &mut gradients);
            for axis in 0..2 {
                let (mut up, mut down) = (point, point);
                up[axis] += h;
                down[axis] -= h;
                let (mut above, mut below) = (vec![0.0; n], vec![0.0; n]);
                reference.values(up, &mut above);
                reference.values(down, &mut below);
                for a in 0..n {
                    let difference = (above[a] - below[a]) / (2.0 * h);
                    assert_abs_diff_eq!(gradients[a][axis], difference, epsilon = 1e-7);
                }
            }
        }
    }

    #[test]
    fn side_nodes_run_from_corner_to_corner() {
        for reference in all() {
            let corners = reference.element().shape().reference_corners();
            for side in 0..corners.len() {
                let nodes = reference.side_nodes(side);
                let first = reference.node(nodes[0]);
                let last = reference.node(nodes[nodes.len() - 1]);
                assert_eq!(first, corners[side]);
                assert_eq!(last, corners[(side + 1) % corners.len()]);
            }
        }
    }

    #[test]
    fn refuses_order_400_and_0() {
        for order in [0, 9, 400] {
            let error = ReferenceElement::new(Element::GllQuad { order }).unwrap_err();
            let message = error.to_string();
            assert!(
                message.contains(&order.to_string()) && message.contains("1 to 8"),
                "{message}"
            );
        }
    }
}
