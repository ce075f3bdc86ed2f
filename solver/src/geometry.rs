//! The map from a reference cell to a cell of the mesh: of degree 1 (affine triangles, bilinear quadrilaterals) or of
//! degree 2 (quadratic triangles of 6 nodes, biquadratic quadrilaterals of 9), whose sides are parabolas.
//!
//! Reference quadrilateral [−1, 1]², corners counter-clockwise from (−1, −1); reference triangle (0,0), (1,0), (0,1).
//! Nodes of a cell: corners, then the middles of the sides in the order of the sides, then the centre of quadrilaterals.
//! The bilinear map's determinant is linear in `xi` and `eta`, so it is positive everywhere iff it is at the corners; of
//! maps of degree 2 it is sampled.

use nalgebra::{Matrix2, Vector2};

/// The shape of every cell of a mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellShape {
    /// Three corners, affine map.
    Triangle,
    /// Four corners, bilinear map.
    Quadrilateral,
}

impl CellShape {
    /// Number of corners, which is also the number of sides; side `s` joins the corners `s` and `s + 1`.
    pub fn corners(self) -> usize {
        match self {
            Self::Triangle => 3,
            Self::Quadrilateral => 4,
        }
    }

    /// Reference coordinates of the corners.
    pub fn reference_corners(self) -> &'static [[f64; 2]] {
        match self {
            Self::Triangle => &[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]],
            Self::Quadrilateral => &[[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]],
        }
    }

    /// How far a reference point lies outside of the reference cell; 0 or less inside.
    pub fn excess(self, [xi, eta]: [f64; 2]) -> f64 {
        match self {
            Self::Triangle => (-xi).max(-eta).max(xi + eta - 1.0),
            Self::Quadrilateral => xi.abs().max(eta.abs()) - 1.0,
        }
    }

    /// Number of nodes that a map of this degree (1 or 2) has.
    pub fn map_nodes(self, degree: usize) -> usize {
        match (self, degree) {
            (_, ..=1) => self.corners(),
            (Self::Triangle, _) => 6,
            (Self::Quadrilateral, _) => 9,
        }
    }

    /// The point at `t` in [−1, 1] of a side, from corner `side` (−1) to the next (1), in reference coordinates.
    pub fn on_side(self, side: usize, t: f64) -> [f64; 2] {
        let corners = self.reference_corners();
        let (a, b) = (corners[side], corners[(side + 1) % corners.len()]);
        [0, 1].map(|axis| 0.5 * (a[axis] * (1.0 - t) + b[axis] * (1.0 + t)))
    }

    /// Reference coordinates of a point well inside.
    pub fn centre(self) -> [f64; 2] {
        match self {
            Self::Triangle => [1.0 / 3.0; 2],
            Self::Quadrilateral => [0.0; 2],
        }
    }
}

/// How finely the determinant of maps of degree 2 is sampled along each axis.
const SAMPLES: usize = 16;

/// The map of one cell, a polynomial in the monomials 1, ξ, η, ξη, ξ², η², ξ²η, ξη², ξ²η² with points (m) as coefficients;
/// only the first `terms` count: 3 affine, 4 bilinear, 6 quadratic, 9 biquadratic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CellMap {
    shape: CellShape,
    terms: usize,
    coefficients: [Vector2<f64>; 9],
}

impl CellMap {
    /// The map onto the cell with these nodes (m), counter-clockwise: the shape's corners, or these and the nodes that
    /// degree 2 adds ([`CellShape::map_nodes`]).
    pub fn new(shape: CellShape, nodes: &[[f64; 2]]) -> Self {
        let node = |i: usize| Vector2::from(nodes[i]);
        let mut coefficients = [Vector2::zeros(); 9];
        let curved = nodes.len() > shape.corners();
        match (shape, curved) {
            (CellShape::Triangle, false) => {
                coefficients[0] = node(0);
                coefficients[1] = node(1) - node(0);
                coefficients[2] = node(2) - node(0);
            }
            (CellShape::Quadrilateral, false) => {
                coefficients[0] = (node(0) + node(1) + node(2) + node(3)) / 4.0;
                coefficients[1] = (node(1) + node(2) - node(0) - node(3)) / 4.0;
                coefficients[2] = (node(2) + node(3) - node(0) - node(1)) / 4.0;
                coefficients[3] = (node(0) + node(2) - node(1) - node(3)) / 4.0;
            }
            (CellShape::Triangle, true) => {
                let [bottom, slope, left] = [node(3), node(4), node(5)];
                coefficients[0] = node(0);
                coefficients[1] = bottom * 4.0 - node(0) * 3.0 - node(1);
                coefficients[2] = left * 4.0 - node(0) * 3.0 - node(2);
                coefficients[3] = (node(0) + slope - bottom - left) * 4.0;
                coefficients[4] = (node(0) + node(1) - bottom * 2.0) * 2.0;
                coefficients[5] = (node(0) + node(2) - left * 2.0) * 2.0;
            }
            (CellShape::Quadrilateral, true) => {
                // rows from the bottom to the top, each a parabola in ξ: values at −1, 0, 1 to coefficients of 1, ξ, ξ²
                let parabola = |[low, middle, high]: [Vector2<f64>; 3]| {
                    [
                        middle,
                        (high - low) / 2.0,
                        (high + low - middle * 2.0) / 2.0,
                    ]
                };
                let rows = [[0, 4, 1], [7, 8, 5], [3, 6, 2]].map(|row| parabola(row.map(node)));
                let [one, xi, square] = [0, 1, 2]
                    .map(|power| parabola([rows[0][power], rows[1][power], rows[2][power]]));
                coefficients = [
                    one[0], xi[0], one[1], xi[1], square[0], one[2], square[1], xi[2], square[2],
                ];
            }
        }
        Self {
            shape,
            terms: match (shape, curved) {
                (CellShape::Triangle, false) => 3,
                (CellShape::Quadrilateral, false) => 4,
                (CellShape::Triangle, true) => 6,
                (CellShape::Quadrilateral, true) => 9,
            },
            coefficients,
        }
    }

    /// Position (m) of a reference point.
    pub fn position(&self, [xi, eta]: [f64; 2]) -> [f64; 2] {
        let c = &self.coefficients;
        let mut x = c[0] + c[1] * xi + c[2] * eta + c[3] * (xi * eta);
        if self.terms > 4 {
            x += c[4] * (xi * xi) + c[5] * (eta * eta);
        }
        if self.terms > 6 {
            x += (c[6] * xi + c[7] * eta + c[8] * (xi * eta)) * (xi * eta);
        }
        x.into()
    }

    /// Jacobian `∂(x, y)/∂(xi, eta)` at a reference point, m.
    pub fn jacobian(&self, [xi, eta]: [f64; 2]) -> Matrix2<f64> {
        let c = &self.coefficients;
        let (mut by_xi, mut by_eta) = (c[1] + c[3] * eta, c[2] + c[3] * xi);
        if self.terms > 4 {
            by_xi += c[4] * (2.0 * xi);
            by_eta += c[5] * (2.0 * eta);
        }
        if self.terms > 6 {
            by_xi += (c[6] * (2.0 * xi) + c[7] * eta + c[8] * (2.0 * xi * eta)) * eta;
            by_eta += (c[6] * xi + c[7] * (2.0 * eta) + c[8] * (2.0 * xi * eta)) * xi;
        }
        Matrix2::from_columns(&[by_xi, by_eta])
    }

    /// Length of the tangent `|dx/dt|` (m) at `t` in [−1, 1] of a side: `∫ f ds = ∫ f |dx/dt| dt`.
    pub fn side_stretch(&self, side: usize, t: f64) -> f64 {
        let corners = self.shape.reference_corners();
        let (a, b) = (corners[side], corners[(side + 1) % corners.len()]);
        let along = Vector2::new(b[0] - a[0], b[1] - a[1]) / 2.0;
        (self.jacobian(self.shape.on_side(side, t)) * along).norm()
    }

    /// Lower and upper corner of the box around the sides, m; parabolas may bulge beyond their nodes.
    pub fn bounds(&self) -> ([f64; 2], [f64; 2]) {
        let mut lower = [f64::INFINITY; 2];
        let mut upper = [f64::NEG_INFINITY; 2];
        let mut include = |axis: usize, x: f64| {
            lower[axis] = lower[axis].min(x);
            upper[axis] = upper[axis].max(x);
        };
        for side in 0..self.shape.corners() {
            let at = |t: f64| self.position(self.shape.on_side(side, t));
            let (low, middle, high) = (at(-1.0), at(0.0), at(1.0));
            for axis in 0..2 {
                include(axis, low[axis]);
                if self.terms <= 4 {
                    continue;
                }
                let slope = (high[axis] - low[axis]) / 2.0;
                let bend = (high[axis] + low[axis] - 2.0 * middle[axis]) / 2.0;
                let top = -slope / (2.0 * bend);
                if top.abs() < 1.0 {
                    include(axis, middle[axis] + top * (slope + top * bend));
                }
            }
        }
        (lower, upper)
    }

    /// Smallest determinant of the Jacobian, m²: over the cell's corners, hence over the cell, for maps of degree 1; over a
    /// fine lattice for curved cells.
    pub fn min_determinant(&self) -> f64 {
        let determinant = |point| self.jacobian(point).determinant();
        let smallest = |least: f64, det: f64| {
            if det.is_nan() { det } else { least.min(det) }
        };
        if self.terms <= 4 {
            return self
                .shape
                .reference_corners()
                .iter()
                .map(|&corner| determinant(corner))
                .fold(f64::INFINITY, smallest);
        }
        let n = SAMPLES;
        let mut least = f64::INFINITY;
        for j in 0..=n {
            for i in 0..=n {
                let [s, t] = [i, j].map(|k| k as f64 / n as f64);
                let point = match self.shape {
                    CellShape::Triangle if i + j > n => continue,
                    CellShape::Triangle => [s, t],
                    CellShape::Quadrilateral => [2.0 * s - 1.0, 2.0 * t - 1.0],
                };
                least = smallest(least, determinant(point));
            }
        }
        least
    }

    /// Reference coordinates of the position `p` (m) by Newton's method, or `None` where it does not converge, which
    /// happens for positions far outside only. On curved cells it starts again from other places, until one leads inside.
    pub fn reference(&self, p: [f64; 2]) -> Option<[f64; 2]> {
        /// How far outside of a curved cell the solution may be a second one beside that inside.
        const AMBIGUOUS: f64 = 1.0;
        let first = self.newton(p, self.shape.centre());
        let clear = |found: &Option<[f64; 2]>| {
            let excess = found.map_or(0.5 * AMBIGUOUS, |r| self.shape.excess(r));
            excess <= 1e-9 || excess > AMBIGUOUS
        };
        if self.terms <= 4 || clear(&first) {
            return first;
        }
        let centre = self.shape.centre();
        let starts = self.shape.reference_corners().iter();
        starts
            .map(|corner| [0, 1].map(|axis| 0.5 * (corner[axis] + centre[axis])))
            .filter_map(|start| self.newton(p, start))
            .chain(first)
            .min_by(|a, b| self.shape.excess(*a).total_cmp(&self.shape.excess(*b)))
    }

    fn newton(&self, p: [f64; 2], start: [f64; 2]) -> Option<[f64; 2]> {
        // iterates stay near the cell: beyond it, the map folds over
        const REACH: f64 = 1.5;
        let target = Vector2::from(p);
        let mut r = Vector2::from(start);
        for _ in 0..50 {
            let residual = target - Vector2::from(self.position(r.into()));
            let step = self.jacobian(r.into()).try_inverse()? * residual;
            if !step.iter().all(|s| s.is_finite()) {
                return None;
            }
            let before = r;
            r += step;
            // convergence is quadratic: the next step would be lost in rounding
            if step.amax() < 1e-8 {
                return Some(r.into());
            }
            if self.terms > 3 {
                r = r.map(|s| s.clamp(-REACH, REACH));
                // held at its reach: all further steps would be the same
                if r == before {
                    return None;
                }
            }
        }
        None
    }
}

/// The symmetric metric `g = det(J) J⁻¹ J⁻ᵀ` (entries xx, xy, yy) that turns reference gradients into the stiffness
/// integrand `∇u·∇v dx dy = (∂u)ᵀ g (∂v) dxi deta`.
pub fn stiffness_metric(jacobian: &Matrix2<f64>) -> [f64; 3] {
    let (a, b, c, d) = (
        jacobian[(0, 0)],
        jacobian[(0, 1)],
        jacobian[(1, 0)],
        jacobian[(1, 1)],
    );
    let det = a * d - b * c;
    [
        (b * b + d * d) / det,
        -(a * b + c * d) / det,
        (a * a + c * c) / det,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;
    use proptest::prelude::*;

    #[test]
    fn metric_is_det_times_inverse_gram() {
        let jacobian = Matrix2::new(1.3, 0.4, -0.2, 0.9);
        let inverse = jacobian.try_inverse().unwrap();
        let expected = inverse * inverse.transpose() * jacobian.determinant();
        let [xx, xy, yy] = stiffness_metric(&jacobian);
        assert_relative_eq!(xx, expected[(0, 0)], epsilon = 1e-14);
        assert_relative_eq!(xy, expected[(0, 1)], epsilon = 1e-14);
        assert_relative_eq!(yy, expected[(1, 1)], epsilon = 1e-14);
    }

    proptest! {
        #[test]
        fn reference_inverts_position(
            shift in proptest::array::uniform8(-0.24..0.24_f64),
            r in proptest::array::uniform2(-1.0..1.0_f64),
        ) {
            let corners = [
                [shift[0], shift[1]],
                [1.0 + shift[2], shift[3]],
                [1.0 + shift[4], 1.0 + shift[5]],
                [shift[6], 1.0 + shift[7]],
            ];
            let map = CellMap::new(CellShape::Quadrilateral, &corners);
            prop_assert!(map.min_determinant() > 0.0);
            let found = map.reference(map.position(r));
            prop_assert!(found.is_some());
            let found = found.unwrap();
            let [x, y] = map.position(found);
            let [px, py] = map.position(r);
            prop_assert!((x - px).abs() < 1e-12 && (y - py).abs() < 1e-12);
            prop_assert!(CellShape::Quadrilateral.excess(found) < 1e-9);
        }
    }
}
