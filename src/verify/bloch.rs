//! Bloch waves on a line of spectral elements: the exact dispersion of the discretisation in space, to compare measured
//! phase errors with.

use fewave_solver::element::LineBasis;
use fewave_solver::quadrature::gauss_lobatto;

/// The eigenvalue `ω²` of a Bloch wave of wave number `k` (rad per cell) on a line of spectral elements of length 1.
pub(super) fn bloch(order: usize, k: f64) -> f64 {
    if k == 0.0 {
        return 0.0;
    }
    let rule = gauss_lobatto(order + 1);
    let slopes = LineBasis::new(rule.points.clone()).derivatives_at(&rule.points);
    let n = order + 1;
    // reference length 2, cell length 1
    let stiffness = |i: usize, j: usize| -> f64 {
        let sum: f64 = (0..n)
            .map(|q| rule.weights[q] * slopes[(q, i)] * slopes[(q, j)])
            .sum();
        2.0 * sum
    };
    let mismatch = |omega: f64| {
        let entry = |i: usize, j: usize| {
            let mass = if i == j { 0.5 * rule.weights[i] } else { 0.0 };
            stiffness(i, j) - omega * omega * mass
        };
        // ends first, so that elimination from the last row upwards leaves them
        let places: Vec<usize> = [0, order].into_iter().chain(1..order).collect();
        let mut matrix: Vec<Vec<f64>> = places
            .iter()
            .map(|i| places.iter().map(|j| entry(*i, *j)).collect())
            .collect();
        for pivot in (2..n).rev() {
            for row in 0..pivot {
                let factor = matrix[row][pivot] / matrix[pivot][pivot];
                for column in 0..pivot {
                    matrix[row][column] -= factor * matrix[pivot][column];
                }
            }
        }
        matrix[0][0] + matrix[0][1] * k.cos()
    };
    // Newton's method by secants from the exact value, which is near
    let (mut a, mut b) = (k, k * (1.0 + 1e-4));
    let (mut fa, mut fb) = (mismatch(a), mismatch(b));
    for _ in 0..50 {
        if (fb - fa).abs() < f64::MIN_POSITIVE || (b - a).abs() < 1e-15 * k {
            break;
        }
        let next = b - fb * (b - a) / (fb - fa);
        (a, fa) = (b, fb);
        (b, fb) = (next, mismatch(next));
    }
    b * b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bloch_waves_of_order_one_are_those_of_finite_differences() {
        for k in [0.1, 0.5, 1.5] {
            assert!((bloch(1, k) - (2.0 - 2.0 * k.cos())).abs() < 1e-12);
        }
    }

    #[test]
    fn bloch_waves_tend_to_the_leading_term() {
        // Ainsworth and Wajid 2009: −½ (p!/(2p)!)² (kh)^{2p} / (p (2p + 1)) for spectral elements, p > 1
        for (order, k) in [(2, 0.3), (3, 0.6), (4, 1.0)] {
            let p = order as f64;
            let ratio: f64 = (order + 1..=2 * order).map(|n| 1.0 / n as f64).product();
            let leading =
                0.5 * ratio.powi(2) * f64::powi(k, 2 * order as i32) / (p * (2.0 * p + 1.0));
            let error = (bloch(order, k).sqrt() / k - 1.0).abs();
            assert!(
                (error / leading - 1.0).abs() < 0.1,
                "{order}: {error:e} {leading:e}"
            );
        }
    }
}
