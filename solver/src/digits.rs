//! Numbers in messages: few digits, and never on the wrong side of a limit that a user may type in.

/// Significant digits of numbers in messages.
const DIGITS: i32 = 4;

/// `value` with four significant digits, without an exponent where that is short.
pub(crate) fn short(value: f64) -> String {
    show(value, f64::round)
}

/// The same, rounded towards 0: an upper limit that holds as printed.
pub(crate) fn short_below(value: f64) -> String {
    show(value, f64::trunc)
}

fn show(value: f64, round: impl Fn(f64) -> f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let exponent = value.abs().log10().floor() as i32;
    let digits = round(value * 10_f64.powi(DIGITS - 1 - exponent));
    // through text, since a product with a power of ten would add digits; it also ends in `e0` at most once
    let rounded: f64 = format!("{digits:.0}e{}", exponent - DIGITS + 1)
        .parse()
        .unwrap_or(value);
    if (-4..7).contains(&exponent) {
        rounded.to_string()
    } else {
        format!("{rounded:e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn four_digits_are_shown() {
        for (value, shown) in [
            (4.138_028_520_389_279, "4.138"),
            (0.031_243_013_127_304_185, "0.03124"),
            (310_468_463.7, "3.105e8"),
            (0.99996, "1"),
            (-12_345.0, "-12350"),
            (2.5e-9, "2.5e-9"),
            (0.0, "0"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(short(value), shown);
        }
        assert_eq!(short_below(0.99996), "0.9999");
    }

    proptest! {
        #[test]
        fn limits_are_not_exceeded_as_printed(mantissa in 1.0..10.0_f64, exponent in -12..12_i32) {
            let value = mantissa * 10_f64.powi(exponent);
            let shown: f64 = short_below(value).parse().unwrap();
            // one unit of rounding is due to the scaling above
            prop_assert!(shown <= value * (1.0 + 1e-14) && shown > 0.998 * value, "{shown} {value}");
        }
    }
}
