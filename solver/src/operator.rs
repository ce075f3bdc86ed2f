//! The stiffness operator `K u` for trajectories side by side, `[dof][lane]`: assembled (CSR) or matrix-free.
//!
//! Both agree to rounding. The operator is read once for all lanes; every lane is computed by the same sequence of
//! operations whatever runs beside it, so a trajectory's bits do not depend on its neighbours or on the lane count.

pub mod assembled;
pub(crate) mod leapfrog;
pub mod matrix_free;
mod shared;

use crate::assembly::{self, stiffness::Stiffness};
use crate::element::Element;
use crate::real::Real;
use crate::space::Space;
use crate::{SolverError, memory};
use assembled::Assembled;
use leapfrog::Leapfrog;
use matrix_free::MatrixFree;

/// A way to compute `K u`.
#[derive(Debug, Clone)]
pub enum StiffnessOperator<T> {
    /// Rows of a CSR matrix.
    Assembled(Assembled<T>),
    /// Cell by cell from the metric at the quadrature points.
    MatrixFree(Box<MatrixFree<T>>),
}

impl<T: Real> StiffnessOperator<T> {
    /// The faster one: matrix-free from order 2 on, where a row has many entries, assembled below.
    ///
    /// # Errors
    /// [`SolverError::TooLarge`] where it would not fit into memory.
    pub fn new(space: &Space, coefficient: impl Fn([f64; 2]) -> f64) -> Result<Self, SolverError> {
        match space.element() {
            Element::GllQuad { order } if order > 1 => Self::matrix_free(space, coefficient),
            _ => Self::assembled(space, coefficient),
        }
    }

    /// The assembled operator for `k = coefficient(position)`.
    ///
    /// # Errors
    /// [`SolverError::TooLarge`] where it would not fit into memory.
    pub fn assembled(
        space: &Space,
        coefficient: impl Fn([f64; 2]) -> f64,
    ) -> Result<Self, SolverError> {
        let matrix = assembly::assemble(space, &Stiffness::new(space, coefficient))?;
        Ok(Self::Assembled(Assembled::new(&matrix)))
    }

    /// The matrix-free operator for `k = coefficient(position)`.
    ///
    /// # Errors
    /// [`SolverError::InvalidParameter`] for quadratic triangles, which are always assembled, [`SolverError::TooLarge`]
    /// where it would not fit into memory.
    pub fn matrix_free(
        space: &Space,
        coefficient: impl Fn([f64; 2]) -> f64,
    ) -> Result<Self, SolverError> {
        if matches!(
            space.element(),
            Element::P2Triangle | Element::P2BubbleTriangle
        ) {
            return Err(SolverError::invalid(
                "matrix-free operator",
                format!("{:?}", space.element()),
                "linear triangles or quadrilaterals",
                "use the assembled operator",
            ));
        }
        let points = memory::product(&[
            space.mesh().cell_count(),
            space.reference().quadrature().len(),
        ]);
        memory::require("the matrix-free operator", points.saturating_mul(64))?;
        let operator = MatrixFree::new(space, coefficient);
        Ok(Self::MatrixFree(Box::new(operator)))
    }

    /// Overwrites `product` with `K u`; both have one entry per degree of freedom.
    pub fn apply<const L: usize>(&self, u: &[[T; L]], product: &mut [[T; L]]) {
        match self {
            Self::Assembled(operator) => operator.apply(u, product),
            Self::MatrixFree(operator) => operator.apply(u, product),
        }
    }

    /// One step of central difference: adds `K u` to the accumulator, updates increment and displacement, and empties the
    /// accumulator, all while it goes through the mesh once.
    pub(crate) fn advance<const L: usize>(&self, state: Leapfrog<'_, T, L>) {
        match self {
            Self::Assembled(operator) => operator.advance(state),
            Self::MatrixFree(operator) => operator.advance(state),
        }
    }

    /// Whether [`StiffnessOperator::advance`] needs memory for a second displacement.
    pub(crate) fn needs_spare(&self) -> bool {
        matches!(self, Self::Assembled(_))
    }

    /// Bytes that the operator occupies.
    pub fn memory_bytes(&self) -> u64 {
        match self {
            Self::Assembled(operator) => operator.memory_bytes(),
            Self::MatrixFree(operator) => operator.memory_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::rectangle::Rectangle;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn distorted(element: Element) -> Space {
        let mesh = Rectangle {
            cells: [5, 4],
            size: [1.0, 1.5],
            shape: element.shape(),
            distortion: 0.2,
            seed: 11,
            ..Rectangle::default()
        };
        Space::new(mesh.build().unwrap(), element).unwrap()
    }

    fn elements() -> Vec<Element> {
        let mut elements = vec![Element::P1Triangle, Element::Q1Quad];
        elements.extend((1..=8).map(|order| Element::GllQuad { order }));
        elements
    }

    fn random<T: Real, const L: usize>(n: usize) -> Vec<[T; L]> {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        (0..n)
            .map(|_| std::array::from_fn(|_| T::from_f64(rng.random_range(-1.0..1.0))))
            .collect()
    }

    fn agree<T: Real, const L: usize>(tolerance: f64) {
        for element in elements() {
            let space = distorted(element);
            let coefficient = |[x, y]: [f64; 2]| 1.0 + x * y;
            let assembled = StiffnessOperator::<T>::assembled(&space, coefficient).unwrap();
            let free = StiffnessOperator::<T>::matrix_free(&space, coefficient).unwrap();
            let u = random::<T, L>(space.dof_count());
            let mut a = vec![[T::ZERO; L]; u.len()];
            // what was there before must not matter
            let mut b = random::<T, L>(u.len());
            assembled.apply(&u, &mut a);
            free.apply(&u, &mut b);
            let largest = a
                .iter()
                .flatten()
                .fold(0.0_f64, |m, x| m.max(x.to_f64().abs()));
            for (x, y) in a.iter().flatten().zip(b.iter().flatten()) {
                let error = (x.to_f64() - y.to_f64()).abs() / largest;
                assert!(error < tolerance, "{element:?}: {error}");
            }
        }
    }

    #[test]
    fn assembled_and_matrix_free_agree_to_rounding() {
        agree::<f64, 1>(2e-14);
        agree::<f64, 8>(2e-14);
        agree::<f32, 16>(1e-5);
    }

    #[test]
    fn lanes_are_bitwise_independent_of_each_other_and_of_their_number() {
        for element in elements() {
            let space = distorted(element);
            for operator in [
                StiffnessOperator::<f64>::assembled(&space, |_| 1.0).unwrap(),
                StiffnessOperator::<f64>::matrix_free(&space, |_| 1.0).unwrap(),
            ] {
                let u = random::<f64, 8>(space.dof_count());
                let mut together = vec![[0.0; 8]; u.len()];
                operator.apply(&u, &mut together);
                for lane in 0..8 {
                    let single: Vec<[f64; 1]> = u.iter().map(|x| [x[lane]]).collect();
                    let mut alone = vec![[0.0; 1]; u.len()];
                    operator.apply(&single, &mut alone);
                    for (x, y) in alone.iter().zip(&together) {
                        assert_eq!(x[0].to_bits(), y[lane].to_bits());
                    }
                }
            }
        }
    }

    #[test]
    fn stiffness_of_linear_functions_is_their_dirichlet_energy() {
        for element in elements() {
            let space = distorted(element);
            let operator = StiffnessOperator::<f64>::new(&space, |_| 2.0).unwrap();
            let u: Vec<[f64; 1]> = space
                .interpolate(|[x, y]| 3.0 * x - y)
                .into_iter()
                .map(|x| [x])
                .collect();
            let mut product = vec![[0.0; 1]; u.len()];
            operator.apply(&u, &mut product);
            let energy: f64 = u.iter().zip(&product).map(|(a, b)| a[0] * b[0]).sum();
            // k |∇u|² · area
            assert!(
                (energy - 2.0 * 10.0 * 1.5).abs() < 1e-10,
                "{element:?}: {energy}"
            );
        }
    }
}
