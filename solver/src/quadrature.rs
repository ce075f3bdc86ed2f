//! Quadrature rules on the line and the triangle, by their classical definitions.
//!
//! Gauss–Legendre: the roots of the Legendre polynomial `P_n`, exact to degree `2n − 1`. Gauss–Lobatto–Legendre (GLL):
//! the ends and the roots of `P'_{n−1}`, exact to degree `2n − 3`; the nodes of the spectral elements, which makes their
//! mass matrix diagonal. Reference line: [−1, 1]. Triangles: the symmetric rule of 12 points and degree 6 of Dunavant
//! (Int. J. Numer. Meth. Eng. 21, 1985).

use std::f64::consts::PI;

/// Points in [−1, 1], ascending, and their weights, which sum to 2.
#[derive(Debug, Clone, PartialEq)]
pub struct LineRule {
    /// The points.
    pub points: Vec<f64>,
    /// Their weights.
    pub weights: Vec<f64>,
}

/// `(P_n(x), P_{n−1}(x))` by the three-term recurrence.
fn legendre(n: usize, x: f64) -> (f64, f64) {
    let (mut current, mut previous) = (1.0, 0.0);
    for k in 0..n {
        let k = k as f64;
        (current, previous) = (
            ((2.0 * k + 1.0) * x * current - k * previous) / (k + 1.0),
            current,
        );
    }
    (current, previous)
}

/// Gauss–Legendre rule of `n ≥ 1` points.
pub fn gauss_legendre(n: usize) -> LineRule {
    let order = n as f64;
    let mut rule = LineRule {
        points: Vec::with_capacity(n),
        weights: Vec::with_capacity(n),
    };
    for i in 0..n {
        let mut x = -(PI * (i as f64 + 0.75) / (order + 0.5)).cos();
        let mut slope = 1.0;
        for _ in 0..50 {
            let (p, q) = legendre(n, x);
            slope = order * (q - x * p) / (1.0 - x * x);
            let step = p / slope;
            x -= step;
            if step.abs() < 1e-16 {
                break;
            }
        }
        rule.points.push(x);
        rule.weights.push(2.0 / ((1.0 - x * x) * slope * slope));
    }
    rule
}

/// Gauss–Lobatto–Legendre rule of `n ≥ 2` points, both ends included.
pub fn gauss_lobatto(n: usize) -> LineRule {
    let order = (n - 1) as f64;
    let mut rule = LineRule {
        points: Vec::with_capacity(n),
        weights: Vec::with_capacity(n),
    };
    for i in 0..n {
        let mut x = if i == 0 {
            -1.0
        } else if i == n - 1 {
            1.0
        } else {
            -(PI * i as f64 / order).cos()
        };
        // Newton on (1 − x²) P'_N, whose derivative is −N (N + 1) P_N; the ends are exact roots
        for _ in 0..50 {
            let (p, q) = legendre(n - 1, x);
            let step = (q - x * p) / ((order + 1.0) * p);
            x += step;
            if step.abs() < 1e-16 {
                break;
            }
        }
        let (p, _) = legendre(n - 1, x);
        rule.points.push(x);
        rule.weights.push(2.0 / (order * (order + 1.0) * p * p));
    }
    rule
}

/// Points and weights on the triangle (0,0), (1,0), (0,1), exact to degree 6; the weights sum to its area, 1/2.
pub fn triangle_rule() -> Vec<([f64; 2], f64)> {
    // barycentric coordinates, all their permutations, and the weight relative to the area
    const ORBITS: [([f64; 3], f64); 3] = [
        (
            [
                0.249_286_745_170_910,
                0.249_286_745_170_910,
                0.501_426_509_658_180,
            ],
            0.116_786_275_726_379,
        ),
        (
            [
                0.063_089_014_491_502,
                0.063_089_014_491_502,
                0.873_821_971_016_996,
            ],
            0.050_844_906_370_207,
        ),
        (
            [
                0.053_145_049_844_817,
                0.310_352_451_033_784,
                0.636_502_499_121_399,
            ],
            0.082_851_075_618_374,
        ),
    ];
    let mut rule = Vec::with_capacity(12);
    for (l, weight) in ORBITS {
        for [i, j] in [[0, 1], [1, 2], [2, 0], [1, 0], [2, 1], [0, 2]] {
            let point = [l[i], l[j]];
            // two equal coordinates leave three of the six permutations
            if !rule.iter().any(|(other, _)| *other == point) {
                rule.push((point, 0.5 * weight));
            }
        }
    }
    rule
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment_error(rule: &LineRule, degree: i32) -> f64 {
        let exact = if degree % 2 == 0 {
            2.0 / f64::from(degree + 1)
        } else {
            0.0
        };
        let sum: f64 = rule
            .points
            .iter()
            .zip(&rule.weights)
            .map(|(x, w)| w * x.powi(degree))
            .sum();
        (sum - exact).abs()
    }

    #[test]
    fn gauss_is_exact_to_its_degree_and_no_further() {
        for n in 1..=10 {
            let rule = gauss_legendre(n);
            for degree in 0..2 * n as i32 {
                assert!(moment_error(&rule, degree) < 1e-14, "n {n} degree {degree}");
            }
            assert!(moment_error(&rule, 2 * n as i32) > 1e-8);
        }
    }

    #[test]
    fn lobatto_is_exact_to_its_degree_and_no_further() {
        for n in 2..=10 {
            let rule = gauss_lobatto(n);
            assert_eq!((rule.points[0], rule.points[n - 1]), (-1.0, 1.0));
            for degree in 0..2 * n as i32 - 2 {
                assert!(moment_error(&rule, degree) < 1e-14, "n {n} degree {degree}");
            }
            assert!(moment_error(&rule, 2 * n as i32 - 2) > 1e-8);
        }
    }

    #[test]
    fn triangle_rule_is_exact_to_degree_6_and_no_further() {
        let rule = triangle_rule();
        assert_eq!(rule.len(), 12);
        let factorial = |n: i32| (1..=n).map(f64::from).product::<f64>();
        let error = |i: i32, j: i32| {
            let sum: f64 = rule
                .iter()
                .map(|([x, y], w)| w * x.powi(i) * y.powi(j))
                .sum();
            (sum - factorial(i) * factorial(j) / factorial(i + j + 2)).abs()
        };
        for degree in 0..=6 {
            for i in 0..=degree {
                assert!(error(i, degree - i) < 1e-14, "{i} {}", degree - i);
            }
        }
        assert!(error(7, 0) > 1e-8);
    }
}
