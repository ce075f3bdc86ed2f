//! Fits and norms of the suite.

use std::f64::consts::TAU;

/// Slope of `log y` over `log x` by least squares.
pub fn slope(x: &[f64], y: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().map(|v| v.ln()).sum::<f64>() / values.len() as f64;
    let (mx, my) = (mean(x), mean(y));
    let (mut covariance, mut variance) = (0.0, 0.0);
    for (x, y) in x.iter().zip(y) {
        covariance += (x.ln() - mx) * (y.ln() - my);
        variance += (x.ln() - mx).powi(2);
    }
    covariance / variance
}

/// Euclidean norm.
pub fn norm(values: impl IntoIterator<Item = f64>) -> f64 {
    let square = |sum: f64, value: f64| sum + value * value;
    values.into_iter().fold(0.0, square).sqrt()
}

/// `‖found − exact‖ / ‖exact‖` in the Euclidean norm.
pub fn relative_error(found: &[f64], exact: &[f64]) -> f64 {
    norm(found.iter().zip(exact).map(|(a, b)| a - b)) / norm(exact.iter().copied())
}

/// Largest absolute value: infinite if one is not a number, not a number if there is none, so that no bound holds then.
pub fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(f64::NAN, |peak, value| {
        if value.is_nan() {
            f64::INFINITY
        } else {
            peak.max(value.abs())
        }
    })
}

/// The smaller one, or what is not a number.
pub fn lower(a: f64, b: f64) -> f64 {
    if a.is_nan() || a < b { a } else { b }
}

/// Fourier sum `Σ values_i exp(−iωt_i) Δt` as (real, imaginary), for samples at equal intervals from t = 0.
pub fn fourier(values: &[f64], interval: f64, omega: f64) -> [f64; 2] {
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (i, value) in values.iter().enumerate() {
        let (sin, cos) = (omega * interval * i as f64).sin_cos();
        real += value * cos;
        imaginary -= value * sin;
    }
    [real * interval, imaginary * interval]
}

/// `a / b` of complex numbers.
pub fn ratio(a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    let norm = b[0] * b[0] + b[1] * b[1];
    [
        (a[0] * b[0] + a[1] * b[1]) / norm,
        (a[1] * b[0] - a[0] * b[1]) / norm,
    ]
}

/// `a · exp(iφ)`.
pub fn turned(a: [f64; 2], phase: f64) -> [f64; 2] {
    let (sin, cos) = phase.sin_cos();
    [a[0] * cos - a[1] * sin, a[0] * sin + a[1] * cos]
}

/// Angular frequency (rad/s) of the strongest oscillation within `spread` (relative) of `guess`: the peak of the spectrum
/// under the window of Blackman and Harris, whose side lobes lie 92 dB below it, so that other modes do not disturb it.
/// Samples at equal intervals (s); the span must hold many periods.
pub fn frequency(values: &[f64], interval: f64, guess: f64, spread: f64) -> f64 {
    let last = (values.len() - 1) as f64;
    let windowed: Vec<f64> = values
        .iter()
        .enumerate()
        .map(|(i, value)| {
            let s = TAU * i as f64 / last;
            let weights = [0.358_75, -0.488_29, 0.141_28, -0.011_68];
            let window: f64 = (0..4).map(|k| weights[k] * (k as f64 * s).cos()).sum();
            value * window
        })
        .collect();
    let power = |omega: f64| {
        let [real, imaginary] = fourier(&windowed, interval, omega);
        real * real + imaginary * imaginary
    };
    // the main lobe is 8 bins wide: half a bin apart, one of these is near the top
    let bin = TAU / (interval * last);
    let (low, high) = (guess * (1.0 - spread), guess * (1.0 + spread));
    let count = ((high - low) / (0.5 * bin)).ceil().max(8.0) as usize;
    let at = |i: usize| low + (high - low) * i as f64 / count as f64;
    let top = (0..=count)
        .max_by(|&i, &j| power(at(i)).total_cmp(&power(at(j))))
        .unwrap_or(0);
    // golden section
    let shrink = 0.5 * (5.0_f64.sqrt() - 1.0);
    let (mut a, mut b) = (at(top.saturating_sub(1)), at((top + 1).min(count)));
    let (mut x, mut y) = (b - shrink * (b - a), a + shrink * (b - a));
    let (mut fx, mut fy) = (power(x), power(y));
    while b - a > 1e-7 * bin {
        if fx > fy {
            (b, y, fy) = (y, x, fx);
            x = b - shrink * (b - a);
            fx = power(x);
        } else {
            (a, x, fx) = (x, y, fy);
            y = a + shrink * (b - a);
            fy = power(y);
        }
    }
    0.5 * (a + b)
}

/// The root of a function that changes its sign once between `low` and `high`.
pub fn root(function: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    let sign = function(low).signum();
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if function(middle).signum() == sign {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// Three significant digits.
pub fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        v if !v.is_finite() => "not a number".to_owned(),
        v if (1e-3..1e5).contains(&v) => {
            let decimals = (2 - v.log10().floor() as i32).max(0) as usize;
            let text = format!("{value:.decimals$}");
            if text.contains('.') {
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            } else {
                text
            }
        }
        _ => format!("{value:.1e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_and_roots_are_found() {
        let x = [1.0, 2.0, 4.0];
        assert!((slope(&x, &x.map(|x: f64| 3.0 * x.powf(2.5))) - 2.5).abs() < 1e-12);
        assert!((root(|x| x * x - 2.0, 0.0, 2.0) - 2.0_f64.sqrt()).abs() < 1e-15);
    }

    #[test]
    fn frequencies_are_found_beside_others() {
        let interval = 0.01;
        let signal: Vec<f64> = (0..6000)
            .map(|i| interval * f64::from(i))
            .map(|t| (7.3 * t + 0.4).cos() + 0.01 * (9.1 * t).sin() + 0.5 * (31.0 * t).cos())
            .collect();
        let found = frequency(&signal, interval, 7.0, 0.1);
        assert!((found / 7.3 - 1.0).abs() < 1e-7, "{found}");
    }

    #[test]
    fn complex_numbers_divide() {
        let [real, imaginary] = ratio([1.0, 2.0], [3.0, -1.0]);
        assert!((real - 0.1).abs() < 1e-15 && (imaginary - 0.7).abs() < 1e-15);
        let [real, imaginary] = turned([1.0, 0.0], 0.5 * std::f64::consts::PI);
        assert!(real.abs() < 1e-15 && (imaginary - 1.0).abs() < 1e-15);
    }

    #[test]
    fn numbers_are_short() {
        let texts = [0.005, 1e-7, 2.0, -0.1234].map(short);
        assert_eq!(texts, ["0.005", "1.0e-7", "2", "-0.123"]);
    }
}
