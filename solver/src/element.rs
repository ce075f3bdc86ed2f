//! Finite elements: their nodes, basis functions and quadrature on the reference cell.
//!
//! Quadrilateral nodes are tensor products, node `j·(p + 1) + i` at `(x_i, x_j)`; GLL elements put them at the
//! Gauss–Lobatto–Legendre points and integrate there too, which makes the mass matrix diagonal (spectral elements).
//! Nodes of quadratic triangles: corners, middles of the sides, and, where enriched, the centroid.
//!
//! The enriched quadratic triangle (Cohen, Joly, Roberts and Tordjman, SIAM J. Numer. Anal. 38, 2001) adds the bubble
//! `λ₁λ₂λ₃` to P2; the rule on its seven nodes with the weights 1/40, 1/15 and 9/40 (of twice the area) is exact for
//! cubics and positive, which P2's own six nodes do not allow: their corners would have no mass.

use nalgebra::DMatrix;

use crate::SolverError;
use crate::geometry::CellShape;
use crate::quadrature::{gauss_legendre, gauss_lobatto, triangle_rule};

/// Highest order of the spectral elements.
pub const MAX_ORDER: usize = 8;

/// Which finite element discretises the cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// Linear triangle, three nodes.
    P1Triangle,
    /// Quadratic triangle, six nodes, consistent mass: for implicit stepping.
    P2Triangle,
    /// Quadratic triangle with a cubic bubble, seven nodes, diagonal mass: for explicit stepping.
    P2BubbleTriangle,
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
            Self::P2Triangle | Self::P2BubbleTriangle => 2,
            Self::GllQuad { order } => order,
        }
    }

    /// The shape of cell that it lives on.
    pub fn shape(self) -> CellShape {
        match self {
            Self::P1Triangle | Self::P2Triangle | Self::P2BubbleTriangle => CellShape::Triangle,
            Self::Q1Quad | Self::GllQuad { .. } => CellShape::Quadrilateral,
        }
    }

    /// Whether its own quadrature makes the mass matrix diagonal.
    pub fn has_diagonal_mass(self) -> bool {
        matches!(self, Self::GllQuad { .. } | Self::P2BubbleTriangle)
    }

    /// Whether the mass can be lumped to a positive diagonal without loss of order, as explicit stepping needs.
    pub fn can_be_lumped(self) -> bool {
        self != Self::P2Triangle
    }

    /// Number of nodes of a cell.
    pub fn nodes(self) -> usize {
        match self {
            Self::P1Triangle => 3,
            Self::P2Triangle => 6,
            Self::P2BubbleTriangle => 7,
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

    /// Point `i`.
    pub fn point(&self, i: usize) -> f64 {
        self.points[i]
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
    /// Where it differs: weights at the nodes.
    nodal_weights: Option<Vec<f64>>,
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
            // products of gradients of the bubble have degree 4; two more for curved cells
            Element::P2Triangle | Element::P2BubbleTriangle => triangle_rule(),
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
            nodal_weights: (element == Element::P2BubbleTriangle).then(|| {
                let (corner, side, centre) = (1.0 / 40.0, 1.0 / 15.0, 9.0 / 40.0);
                vec![corner, corner, corner, side, side, side, centre]
            }),
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

    /// Quadrature points and weights for the stiffness.
    pub fn quadrature(&self) -> &[([f64; 2], f64)] {
        &self.quadrature
    }

    /// Quadrature points and weights for the mass: the nodes, in their order, where that makes it diagonal.
    pub fn mass_quadrature(&self) -> Vec<([f64; 2], f64)> {
        match &self.nodal_weights {
            None => self.quadrature.clone(),
            Some(weights) => {
                let weights = weights.iter().enumerate();
                weights.map(|(a, &weight)| (self.node(a), weight)).collect()
            }
        }
    }

    /// Number of nodes of a cell.
    pub fn nodes(&self) -> usize {
        self.element.nodes()
    }

    /// Reference coordinates of node `a`.
    pub fn node(&self, a: usize) -> [f64; 2] {
        match self.element {
            Element::P1Triangle | Element::P2Triangle | Element::P2BubbleTriangle => match a {
                0..3 => CellShape::Triangle.reference_corners()[a],
                3..6 => CellShape::Triangle.on_side(a - 3, 0.0),
                _ => CellShape::Triangle.centre(),
            },
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
            Element::P2Triangle | Element::P2BubbleTriangle => {
                vec![side, 3 + side, (side + 1) % 3]
            }
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
            Element::P2Triangle | Element::P2BubbleTriangle => {
                let l = [1.0 - xi - eta, xi, eta];
                for i in 0..3 {
                    values[i] = l[i] * (2.0 * l[i] - 1.0);
                    values[3 + i] = 4.0 * l[i] * l[(i + 1) % 3];
                }
                if self.element == Element::P2BubbleTriangle {
                    // 1 at the centroid; what the others have there is taken off
                    let bubble = 27.0 * l[0] * l[1] * l[2];
                    for i in 0..3 {
                        values[i] += bubble / 9.0;
                        values[3 + i] -= bubble * 4.0 / 9.0;
                    }
                    values[6] = bubble;
                }
            }
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
            Element::P2Triangle | Element::P2BubbleTriangle => {
                let l = [1.0 - xi - eta, xi, eta];
                let dl = [[-1.0, -1.0], [1.0, 0.0], [0.0, 1.0]];
                for axis in 0..2 {
                    let d = dl.map(|gradient| gradient[axis]);
                    for i in 0..3 {
                        let next = (i + 1) % 3;
                        gradients[i][axis] = (4.0 * l[i] - 1.0) * d[i];
                        gradients[3 + i][axis] = 4.0 * (d[i] * l[next] + l[i] * d[next]);
                    }
                    if self.element == Element::P2BubbleTriangle {
                        let bubble =
                            27.0 * (d[0] * l[1] * l[2] + l[0] * d[1] * l[2] + l[0] * l[1] * d[2]);
                        for i in 0..3 {
                            gradients[i][axis] += bubble / 9.0;
                            gradients[3 + i][axis] -= bubble * 4.0 / 9.0;
                        }
                        gradients[6][axis] = bubble;
                    }
                }
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
        let mut elements = vec![
            Element::P1Triangle,
            Element::P2Triangle,
            Element::P2BubbleTriangle,
            Element::Q1Quad,
        ];
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
