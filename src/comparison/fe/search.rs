//! The coarsest member of a family of discretisations whose error is small enough.
//!
//! Members are ordered from coarse to fine. The search doubles the member's number until one is good enough and bisects between
//! that one and the last that was not, to within a thirty-second; so it needs errors to fall with the number only where
//! it looks, and evaluates coarse members first, which cost next to nothing.

/// Relative width at which bisection ends, as a divisor.
const WIDTH: usize = 32;

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The number of the coarsest member that was found good enough.
    Found(usize),
    /// Stopped before its end: the coarsest one found so far, if any; a coarser one may exist.
    Stopped(Option<usize>),
    /// No member is good enough.
    None,
}

/// Searches members `0 .. count`. `error` gives the error of a member, infinite where it cannot be computed; none when time is
/// out.
///
/// # Errors
/// Those of `error`.
pub fn coarsest<E>(
    count: usize,
    target: f64,
    error: &mut dyn FnMut(usize) -> Result<Option<f64>, E>,
) -> Result<Outcome, E> {
    // numbers from 1, so that they can be doubled; `bad` is not good enough, or 0
    let (mut bad, mut good) = (0, None);
    let mut next = 1.min(count);
    while good.is_none() && next > bad {
        match error(next - 1)? {
            None => return Ok(Outcome::Stopped(None)),
            Some(value) if value <= target => good = Some(next),
            Some(_) => {
                bad = next;
                next = (2 * next).min(count);
            }
        }
    }
    let Some(mut good) = good else {
        return Ok(Outcome::None);
    };
    while good - bad > (good / WIDTH).max(1) {
        let middle = bad + (good - bad) / 2;
        match error(middle - 1)? {
            None => return Ok(Outcome::Stopped(Some(good - 1))),
            Some(value) if value <= target => good = middle,
            Some(_) => bad = middle,
        }
    }
    Ok(Outcome::Found(good - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    /// Errors that fall as `1/(n + 1)²`.
    fn search(count: usize, target: f64) -> (Outcome, usize) {
        let mut calls = 0;
        let mut error = |n: usize| -> Result<Option<f64>, Infallible> {
            calls += 1;
            Ok(Some(1.0 / ((n + 1) as f64).powi(2)))
        };
        let Ok(outcome) = coarsest(count, target, &mut error);
        (outcome, calls)
    }

    #[test]
    fn a_known_answer_is_found() {
        for answer in 0..31 {
            let target = 1.0 / ((answer + 1) as f64).powi(2);
            assert_eq!(search(31, target * 1.0001).0, Outcome::Found(answer));
        }
        // of many, to within a thirty-second, with about twice the logarithm of evaluations
        let (outcome, calls) = search(100_000, 1e-8);
        let Outcome::Found(found) = outcome else {
            panic!("{outcome:?}")
        };
        assert!(
            (9_999..10_400).contains(&found) && calls < 30,
            "{found}, {calls}"
        );
    }

    #[test]
    fn ends_are_ends() {
        assert_eq!(search(0, 1.0), (Outcome::None, 0));
        assert_eq!(search(5, 0.03).0, Outcome::None);
        assert_eq!(search(5, 0.04).0, Outcome::Found(4));
        assert_eq!(search(5, f64::INFINITY), (Outcome::Found(0), 1));
        assert_eq!(search(5, f64::NAN).0, Outcome::None);
    }

    #[test]
    fn time_that_runs_out_keeps_what_was_found() {
        let mut left = 4;
        let mut error = |n: usize| -> Result<Option<f64>, Infallible> {
            left -= 1;
            Ok((left > 0).then_some(if n >= 3 { 0.0 } else { 1.0 }))
        };
        let Ok(outcome) = coarsest(50, 0.5, &mut error);
        assert_eq!(outcome, Outcome::Stopped(Some(3)));
        let Ok(outcome) = coarsest(50, 0.5, &mut |_| Ok::<_, Infallible>(None));
        assert_eq!(outcome, Outcome::Stopped(None));
    }
}
