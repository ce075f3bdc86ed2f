//! Checks that the constructors of scenes share; every refusal is an [`SolverError::InvalidParameter`].

use crate::SolverError;

/// `value`, if it is finite.
pub(crate) fn finite(what: &str, value: f64) -> Result<f64, SolverError> {
    if value.is_finite() {
        return Ok(value);
    }
    Err(SolverError::invalid(
        what,
        value,
        "a finite number",
        "correct the value",
    ))
}

/// `value`, if it is finite and above 0.
pub(crate) fn positive(what: &str, value: f64) -> Result<f64, SolverError> {
    if value.is_finite() && value > 0.0 {
        return Ok(value);
    }
    Err(SolverError::invalid(
        what,
        value,
        "a finite number above 0",
        "correct the value",
    ))
}

/// `range`, if both bounds are finite and above 0 and the first does not exceed the second.
pub(crate) fn positive_range(what: &str, range: [f64; 2]) -> Result<[f64; 2], SolverError> {
    let [lower, upper] = range;
    if lower.is_finite() && upper.is_finite() && 0.0 < lower && lower <= upper {
        return Ok(range);
    }
    Err(SolverError::invalid(
        what,
        format!("[{lower}, {upper}]"),
        "two finite numbers above 0 in ascending order",
        "correct the bounds",
    ))
}

/// `point`, if both coordinates are finite.
pub(crate) fn finite_point(what: &str, point: [f64; 2]) -> Result<[f64; 2], SolverError> {
    if point.iter().all(|x| x.is_finite()) {
        return Ok(point);
    }
    Err(SolverError::invalid(
        what,
        format!("[{}, {}]", point[0], point[1]),
        "two finite coordinates in m",
        "correct the position",
    ))
}

/// `size`, if both extents are finite and above 0.
pub(crate) fn positive_size(what: &str, size: [f64; 2]) -> Result<[f64; 2], SolverError> {
    if size.iter().all(|x| x.is_finite() && *x > 0.0) {
        return Ok(size);
    }
    Err(SolverError::invalid(
        what,
        format!("[{}, {}]", size[0], size[1]),
        "two finite extents above 0 m",
        "correct the size",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_what_was_found_and_expected() {
        let message = positive("uniform speed", f64::NAN).unwrap_err().to_string();
        assert!(
            message.contains("uniform speed") && message.contains("NaN"),
            "{message}"
        );
        assert!(message.contains("above 0"), "{message}");
    }

    #[test]
    fn only_usable_values_pass() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(positive("x", bad).is_err());
            assert!(positive_size("x", [1.0, bad]).is_err());
            assert!(positive_range("x", [bad, 2.0]).is_err());
        }
        assert!(positive_range("x", [2.0, 1.0]).is_err());
        assert_eq!(positive_range("x", [1.0, 1.0]), Ok([1.0, 1.0]));
        assert!(finite("x", f64::NEG_INFINITY).is_err());
        assert!(finite_point("x", [0.0, f64::NAN]).is_err());
        assert_eq!(finite("x", -3.0), Ok(-3.0));
    }
}
