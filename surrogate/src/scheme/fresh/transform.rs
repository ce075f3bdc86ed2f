//! The type-II discrete cosine transform of kernels, as a matrix.
//!
//! In its orthonormal form, `X[k] = Σ_p φ_k(p) x[p]` with `φ_k(p) = sqrt((2 − δ_k0)/d) cos(π (2p + 1) k / 2d)`, a product over the
//! axes. The inverse is the transpose: `x[p] = Σ_k φ_k(p) X[k]`. Kernels are so small that the whole matrix (Π d, Π d) is less
//! work than the convolution by far, whatever the axes.

/// The rows `φ_k` over all positions, k and p row-major over the axes: coefficients (…, Π d) times it are kernels.
pub(super) fn inverse(sides: &[usize]) -> Vec<f64> {
    let taps: usize = sides.iter().product();
    let mut matrix = Vec::with_capacity(taps * taps);
    for k in 0..taps {
        for p in 0..taps {
            let (mut k, mut p, mut product) = (k, p, 1.0);
            for &side in sides.iter().rev() {
                product *= cosine(k % side, p % side, side);
                (k, p) = (k / side, p / side);
            }
            matrix.push(product);
        }
    }
    matrix
}

/// `φ_k(p)` along one axis.
fn cosine(k: usize, p: usize, side: usize) -> f64 {
    let scale = if k == 0 { 1.0 } else { 2.0 };
    let angle = std::f64::consts::PI * ((2 * p + 1) * k) as f64 / (2 * side) as f64;
    (scale / side as f64).sqrt() * angle.cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_orthonormal() {
        for sides in [vec![1], vec![7], vec![3, 3], vec![3, 5], vec![3, 1, 5]] {
            let taps: usize = sides.iter().product();
            let matrix = inverse(&sides);
            for a in 0..taps {
                for b in 0..taps {
                    let dot: f64 = (0..taps)
                        .map(|p| matrix[a * taps + p] * matrix[b * taps + p])
                        .sum();
                    let expected = if a == b { 1.0 } else { 0.0 };
                    assert!((dot - expected).abs() < 1e-14, "{sides:?} {a} {b}: {dot}");
                }
            }
        }
    }

    #[test]
    fn is_the_transform_of_the_textbook() {
        // Type II of (1, 2, 4), by hand: (7/√3, −3/√2, 1/√6).
        let matrix = inverse(&[3]);
        let x = [1.0, 2.0, 4.0];
        let expected = [7.0 / 3f64.sqrt(), -3.0 / 2f64.sqrt(), 1.0 / 6f64.sqrt()];
        for (k, expected) in expected.iter().enumerate() {
            let found: f64 = (0..3).map(|p| matrix[k * 3 + p] * x[p]).sum();
            assert!((found - expected).abs() < 1e-14, "{k}: {found}");
        }
    }
}
