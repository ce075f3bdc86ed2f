//! The map from a reference cell to a cell of the mesh: affine on triangles, bilinear on quadrilaterals.
//!
//! Reference quadrilateral [−1, 1]², corners counter-clockwise from (−1, −1); reference triangle (0,0), (1,0), (0,1).
//! The bilinear map's determinant is linear in `xi` and `eta`, so it is positive everywhere iff it is at the corners.

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

    /// Reference coordinates of a point well inside.
    pub fn centre(self) -> [f64; 2] {
        match self {
            Self::Triangle => [1.0 / 3.0; 2],
            Self::Quadrilateral => [0.0; 2],
        }
    }
}

/// The map of one cell, `x(xi, eta) = origin + along_xi·xi + along_eta·eta + twist·xi·eta` (m).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CellMap {
    shape: CellShape,
    origin: Vector2<f64>,
    along_xi: Vector2<f64>,
    along_eta: Vector2<f64>,
    twist: Vector2<f64>,
}

impl CellMap {
    /// The map onto the cell with these corners (m), counter-clockwise; as many as the shape has.
    pub fn new(shape: CellShape, corners: &[[f64; 2]]) -> Self {
        let corner = |i: usize| Vector2::from(corners[i]);
        match shape {
            CellShape::Triangle => Self {
                shape,
                origin: corner(0),
                along_xi: corner(1) - corner(0),
                along_eta: corner(2) - corner(0),
                twist: Vector2::zeros(),
            },
            CellShape::Quadrilateral => Self {
                shape,
                origin: (corner(0) + corner(1) + corner(2) + corner(3)) / 4.0,
                along_xi: (corner(1) + corner(2) - corner(0) - corner(3)) / 4.0,
                along_eta: (corner(2) + corner(3) - corner(0) - corner(1)) / 4.0,
                twist: (corner(0) + corner(2) - corner(1) - corner(3)) / 4.0,
            },
        }
    }

    /// Position (m) of a reference point.
    pub fn position(&self, [xi, eta]: [f64; 2]) -> [f64; 2] {
        (self.origin + self.along_xi * xi + self.along_eta * eta + self.twist * (xi * eta)).into()
    }

    /// Jacobian `∂(x, y)/∂(xi, eta)` at a reference point, m.
    pub fn jacobian(&self, [xi, eta]: [f64; 2]) -> Matrix2<f64> {
        Matrix2::from_columns(&[
            self.along_xi + self.twist * eta,
            self.along_eta + self.twist * xi,
        ])
    }

    /// Smallest determinant of the Jacobian over the cell's corners, hence over the cell, m².
    pub fn min_determinant(&self) -> f64 {
        self.shape
            .reference_corners()
            .iter()
            .map(|&corner| self.jacobian(corner).determinant())
            .fold(f64::INFINITY, f64::min)
    }

    /// Reference coordinates of the position `p` (m) by Newton's method, or `None` where it does not converge, which
    /// happens for positions far outside only.
    pub fn reference(&self, p: [f64; 2]) -> Option<[f64; 2]> {
        // iterates stay near the cell: beyond it, the bilinear map folds over
        const REACH: f64 = 1.5;
        let target = Vector2::from(p);
        let mut r = Vector2::from(self.shape.centre());
        for _ in 0..50 {
            let residual = target - Vector2::from(self.position(r.into()));
            let step = self.jacobian(r.into()).try_inverse()? * residual;
            if !step.iter().all(|s| s.is_finite()) {
                return None;
            }
            r += step;
            // convergence is quadratic: the next step would be lost in rounding
            if step.amax() < 1e-8 {
                return Some(r.into());
            }
            if self.shape == CellShape::Quadrilateral {
                r = r.map(|s| s.clamp(-REACH, REACH));
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
