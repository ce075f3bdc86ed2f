//! Bessel functions of the first kind and their zeros.
//!
//! `J_m(x) = (1/2π) ∫ cos(mτ − x sin τ) dτ` over a period: the trapezoidal rule converges geometrically, to rounding once it
//! has more than `x + m` points by a margin (Abramowitz and Stegun 1964, 9.1.21).

use std::f64::consts::TAU;

use super::numerics::root;

/// `J_m(x)`.
pub fn j(m: u32, x: f64) -> f64 {
    let count = 64 + 2 * (x.abs().ceil() as u32 + m);
    let sum: f64 = (0..count)
        .map(|i| TAU * f64::from(i) / f64::from(count))
        .map(|angle| (f64::from(m) * angle - x * angle.sin()).cos())
        .sum();
    sum / f64::from(count)
}

/// The `n`-th positive zero of `J_m`, n from 1.
pub fn zero(m: u32, n: u32) -> f64 {
    // zeros are more than 2 apart, and the first lies beyond m
    let step = 0.5;
    let mut at = f64::from(m).max(0.5);
    let mut found = 0;
    loop {
        let next = at + step;
        if (j(m, at) < 0.0) != (j(m, next) < 0.0) {
            found += 1;
            if found == n {
                return root(|x| j(m, x), at, next);
            }
        }
        at = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_those_of_the_tables() {
        // Abramowitz and Stegun, table 9.5
        for (m, n, expected) in [
            (0, 1, 2.404_825_557_7),
            (0, 2, 5.520_078_110_3),
            (1, 1, 3.831_705_970_2),
            (2, 1, 5.135_622_301_8),
            (3, 2, 9.761_023_130_0),
        ] {
            assert!((zero(m, n) - expected).abs() < 1e-9, "{m} {n}");
        }
        assert!((j(0, 1.0) - 0.765_197_686_557_966_6).abs() < 1e-15);
    }
}
