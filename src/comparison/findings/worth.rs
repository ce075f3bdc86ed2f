//! What FE says to the surrogates, in words: its own error, the speed-up at equal error, after how many solves a surrogate pays.

use super::compared;
use crate::comparison::fe::Assessment;
use crate::comparison::fe::budget::Budget;
use crate::comparison::fe::worth::Worth;
use crate::comparison::scope::{counted, milliseconds};
use crate::comparison::{Measured, fe};
use crate::console::{duration, grouped, percent};

/// The lines; warnings begin with that word.
pub fn fe_lines(measured: &[Measured], fe: &Assessment) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(coarse) = &fe.coarse {
        lines.push(format!(
            "Coarse FE is FE from t = 0 with {coarse}; its one parameter is the number of cells per side."
        ));
    }
    if let Some(budget) = &fe.budget {
        lines.extend(reference(budget));
        lines.extend(near(measured, budget));
    }
    for (item, worth) in measured.iter().zip(&fe.worth) {
        lines.extend(worth.as_ref().map(|worth| pays(&item.label, worth)));
    }
    lines
}

/// The reference's own error.
fn reference(budget: &Budget) -> Option<String> {
    // every run has an estimate over its own snapshots: the largest is on the safe side
    let shares = budget.runs.iter().flatten();
    let largest = shares.max_by(|a, b| a.reference.median.total_cmp(&b.reference.median))?;
    Some(format!(
        "The FE reference has an error of its own of about {} (median; worst {}), found by solving {} again with {} and at most half the time step.",
        percent(largest.reference.median),
        percent(largest.reference.worst),
        match budget.trajectories.len() {
            1 => "1 trajectory".to_owned(),
            count => format!("{count} trajectories, evenly spaced,"),
        },
        budget.finer.words(),
    ))
}

/// Runs whose error is not clear of the reference's.
fn near(measured: &[Measured], budget: &Budget) -> Vec<String> {
    measured
        .iter()
        .zip(&budget.runs)
        .filter_map(|(item, share)| Some((item, share.as_ref().filter(|share| share.is_near())?)))
        .map(|(item, share)| {
            format!(
                "Warning: the error of {}, {}, is less than {} times the reference's own, {}: part of it is the reference's. Generate the data on a \
                 finer mesh before such errors are compared.",
                item.label,
                percent(share.surrogate.median),
                fe::budget::NEAR,
                percent(share.reference.median),
            )
        })
        .collect()
}

/// Whether a surrogate pays for speed.
fn pays(label: &str, worth: &Worth) -> String {
    let [alone, many] = worth.equal;
    let search = if worth.complete {
        ""
    } else {
        " The search was cut short by its time limit, so faster FE of this error may exist; give it longer with --fe-seconds."
    };
    let verdict = match worth.speed_up {
        _ if worth.is_hopeless() => {
            "No prediction at all (zero) is as good as the surrogate, so any FE is, and the speed-up says nothing: train it further, or ask for fewer snapshots."
        }
        [alone, many] if alone < 1.0 && many < 1.0 => {
            "The surrogate does not pay for speed: FE of the same error is faster."
        }
        [alone, _] if alone < 1.0 => {
            "The surrogate pays for speed in ensembles only: alone, FE of the same error is faster."
        }
        [_, many] if many < 1.0 => {
            "The surrogate pays for speed one at a time only: in ensembles, FE of the same error is faster."
        }
        _ => "The surrogate is faster than FE of the same error.",
    };
    let costs = format!(
        "training took {}, and generating its data {}",
        duration(worth.training_seconds),
        match worth.generation_recorded {
            true => format!("{}, as recorded then", duration(worth.generation_seconds)),
            false => format!(
                "about {} (estimated: this dataset has no record of all of it)",
                duration(worth.generation_seconds)
            ),
        }
    );
    let even = match worth.break_even {
        Some(solves) => format!(
            "It pays back its costs after {} solves: {costs}.",
            grouped(solves as u64)
        ),
        None => format!("It never pays back its costs: {costs}."),
    };
    format!(
        "{label} has a median error of {} over {}. FE of at most this error takes {} alone ({}, error {}) and {} in ensembles ({}, error {}); \
         the surrogate takes {} alone and {} in a batch for the same {}, all with {}. At equal error its speed-up is {} alone and {} in ensembles: it is {} FE \
         alone and {} it in ensembles. The usual comparison, with the data's own mesh, would say {} and {}. {verdict} {even}{search}",
        percent(worth.error),
        match worth.trajectories {
            1 => "1 trajectory".to_owned(),
            count => format!("{count} trajectories"),
        },
        milliseconds(alone.ms),
        alone.time.discretisation.words(),
        percent(alone.error),
        milliseconds(many.ms),
        many.time.discretisation.words(),
        percent(many.error),
        milliseconds(worth.surrogate_ms[0]),
        milliseconds(worth.surrogate_ms[1]),
        counted(worth.snapshots, "snapshot"),
        counted(alone.time.threads, "thread"),
        factor(worth.speed_up[0]),
        factor(worth.speed_up[1]),
        compared(worth.surrogate_ms[0], alone.ms),
        compared(worth.surrogate_ms[1], many.ms),
        factor(worth.naive_speed_up[0]),
        factor(worth.naive_speed_up[1]),
    )
}

/// A speed-up with two digits.
pub fn factor(value: f64) -> String {
    match value {
        value if !value.is_finite() => value.to_string(),
        value if value >= 9.95 => format!("{value:.0}"),
        value if value >= 0.995 => format!("{value:.1}"),
        value => {
            let digits = (1.0 - value.max(1e-9).log10().floor()) as usize;
            format!("{value:.digits$}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::fe::discretisation::{Discretisation, Step};
    use crate::comparison::fe::timing::FeTime;
    use crate::comparison::fe::worth::EqualError;
    use crate::config::dataset::ElementConfig;

    fn worth(speed_up: [f64; 2]) -> Worth {
        let time = FeTime {
            discretisation: Discretisation {
                element: ElementConfig::GllQuad { order: 2 },
                cells: Some([10, 8]),
                step: Step::Limit,
            },
            single_ms: 1.0,
            ensemble_ms: 0.5,
            lanes: 8,
            threads: 2,
            degrees_of_freedom: 357,
            steps: 40,
            snapshots: 40,
        };
        let equal = |ms: f64| EqualError {
            time,
            error: 0.018,
            ms,
        };
        Worth {
            trajectories: 8,
            snapshots: 40,
            error: 0.02,
            surrogate_ms: [10.0, 5.0],
            own_ms: [20.0, 10.0],
            naive_speed_up: [2.0, 2.0],
            equal: [equal(10.0 * speed_up[0]), equal(5.0 * speed_up[1])],
            speed_up,
            complete: true,
            generation_seconds: 60.0,
            generation_recorded: false,
            training_seconds: 600.0,
            break_even: (speed_up[1] > 1.0).then_some(132_000.0),
        }
    }

    #[test]
    fn speed_ups_under_one_are_said_in_words() {
        let slower = pays("net", &worth([0.1, 0.1]));
        for words in [
            "does not pay for speed",
            "10.0 times slower than FE",
            "never pays back",
            "GLL order 2, 10 × 8 cells",
            "2 threads",
            "would say 2.0 and 2.0",
            "about 60 s",
        ] {
            assert!(slower.contains(words), "no {words:?} in {slower}");
        }
        let mut recorded = worth([0.1, 0.1]);
        recorded.generation_recorded = true;
        assert!(pays("net", &recorded).contains("data 60 s, as recorded then"));
        let faster = pays("net", &worth([2.0, 2.0]));
        assert!(faster.contains("faster than FE of the same error"));
        let solves = format!("after {} solves", grouped(132_000));
        assert!(faster.contains(&solves), "{faster}");
        assert!(pays("net", &worth([2.0, 0.5])).contains("one at a time only"));
        assert!(pays("net", &worth([0.5, 2.0])).contains("in ensembles only"));
        let mut hopeless = worth([2.0, 2.0]);
        for error in [1.0, 3.0, f64::NAN] {
            hopeless.error = error;
            assert!(pays("net", &hopeless).contains("as good as the surrogate"));
        }
        let mut cut = worth([1.0, 1.0]);
        cut.complete = false;
        assert!(pays("net", &cut).contains("--fe-seconds"));
    }

    #[test]
    fn factors_have_two_digits() {
        for (value, text) in [
            (123.4, "123"),
            (9.96, "10"),
            (1.04, "1.0"),
            (0.96, "0.96"),
            (0.0123, "0.012"),
        ] {
            assert_eq!(factor(value), text);
        }
    }
}
