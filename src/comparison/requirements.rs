//! What the user demands of a surrogate, and the verdict.
//!
//! A requirement is an upper limit: `rollout_relative_l2 = 0.05`. Names are those of the files: `one_step_` or `rollout_` and a
//! measure, `rollout_relative_l2_20` (the first 20 snapshots), `parameters`, `multiply_adds`, `step_ms`, `rollout_ms`. Errors are
//! judged by their median over trajectories, or by what the name ends in: `_mean`, `_median`, `_q90`, `_worst`.

use std::path::Path;

use fewave_plots::Verdict;
use fewave_surrogate::metrics::{Measure, Summary};
use toml::Value;

use super::Measured;
use crate::config::ConfigError;
use crate::config::document::Document;
use crate::config::section::unknown_key;

/// A number of a run that can be limited.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Quantity {
    OneStep(Measure),
    Rollout(Measure),
    First20,
    Parameters,
    MultiplyAdds,
    StepMilliseconds,
    RolloutMilliseconds,
}

/// A number of an error's distribution over trajectories.
type Statistic = fn(&Summary) -> f64;

/// What of that distribution may be limited, by name.
const STATISTICS: [(&str, Statistic); 4] = [
    ("median", |s| s.median),
    ("mean", |s| s.mean),
    ("q90", |s| s.q90),
    ("worst", |s| s.worst),
];

/// An upper limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Requirement {
    name: String,
    quantity: Quantity,
    /// Its place in [`STATISTICS`].
    statistic: usize,
    limit: f64,
}

/// Reads `--require NAME=LIMIT` and the file of `--requirements`, whose limits come first.
///
/// # Errors
/// An unknown name, a limit that is no positive number, a file that cannot be read.
pub fn read(given: &[String], file: Option<&Path>) -> Result<Vec<Requirement>, ConfigError> {
    let mut all = Vec::new();
    if let Some(path) = file {
        let document = Document::read(path, &[])?;
        let root = document.root();
        let section = root.section("requirements", "names and their upper limits")?;
        for (name, value) in section.table() {
            let place = document.place(&section.full(name));
            let limit = match value {
                Value::Float(limit) => Some(*limit),
                Value::Integer(limit) => Some(*limit as f64),
                _ => None,
            };
            let found = value.to_string();
            all.push(Requirement::new(name, limit, &found, place)?);
        }
        root.finish()?;
    }
    for text in given {
        let place = format!("--require {text}");
        let (name, limit) = text.split_once('=').unwrap_or((text, ""));
        all.push(Requirement::new(
            name.trim(),
            limit.trim().parse().ok(),
            if limit.is_empty() { "absent" } else { limit },
            place,
        )?);
    }
    for (number, one) in all.iter().enumerate() {
        if all[..number].iter().any(|other| other.name == one.name) {
            return Err(ConfigError::Usage(format!(
                "the requirement {} is given twice; give each limit once",
                one.name
            )));
        }
    }
    Ok(all)
}

/// Every quantity with its name.
fn quantities() -> impl Iterator<Item = (String, Quantity)> {
    let measures = |prefix: &'static str, of: fn(Measure) -> Quantity| {
        let all = Measure::ALL.into_iter();
        all.map(move |measure| (format!("{prefix}_{}", measure.name()), of(measure)))
    };
    measures("one_step", Quantity::OneStep)
        .chain(measures("rollout", Quantity::Rollout))
        .chain(
            [
                ("rollout_relative_l2_20", Quantity::First20),
                ("parameters", Quantity::Parameters),
                ("multiply_adds", Quantity::MultiplyAdds),
                ("step_ms", Quantity::StepMilliseconds),
                ("rollout_ms", Quantity::RolloutMilliseconds),
            ]
            .map(|(name, quantity)| (name.to_owned(), quantity)),
        )
}

impl Requirement {
    fn new(
        name: &str,
        limit: Option<f64>,
        found: &str,
        place: String,
    ) -> Result<Self, ConfigError> {
        let whole = quantities().find(|(known, _)| known == name);
        let with_statistic = || {
            let mut all = STATISTICS.iter().enumerate();
            all.find_map(|(place, (statistic, _))| {
                let start = name.strip_suffix(statistic)?.strip_suffix('_')?;
                let quantity = quantities().find(|(known, _)| known == start)?.1;
                quantity.is_error().then_some((quantity, place))
            })
        };
        let known = whole
            .map(|(_, quantity)| (quantity, 0))
            .or_else(with_statistic);
        let Some((quantity, statistic)) = known else {
            let names: Vec<String> = quantities().map(|(name, _)| name).collect();
            return Err(unknown_key(place, name.to_owned(), name, &names));
        };
        match limit {
            Some(limit) if limit.is_finite() && limit > 0.0 => Ok(Self {
                name: name.to_owned(),
                quantity,
                statistic,
                limit,
            }),
            _ => Err(ConfigError::Value {
                place,
                key: name.to_owned(),
                found: found.to_owned(),
                expected: "an upper limit above 0, as in rollout_relative_l2=0.05 (5 %)".to_owned(),
            }),
        }
    }

    /// The value of a run; none where the run has no such number.
    fn value(&self, item: &Measured) -> Option<f64> {
        let evaluation = &item.evaluation;
        let summary = &evaluation.summary;
        let of = |summary: &Summary| (STATISTICS[self.statistic].1)(summary);
        Some(match self.quantity {
            Quantity::OneStep(Measure::RelativeL2) => of(summary.one_step_relative_l2.as_ref()?),
            Quantity::OneStep(measure) => of(summary.one_step.as_ref()?.get(measure)?),
            Quantity::Rollout(Measure::RelativeL2) => of(&summary.rollout_relative_l2_full),
            Quantity::Rollout(measure) => of(summary.rollout.get(measure)?),
            Quantity::First20 => of(&summary.rollout_relative_l2_20),
            Quantity::Parameters => item.surrogate.parameters() as f64,
            Quantity::MultiplyAdds => item.surrogate.footprint().multiply_adds as f64,
            Quantity::StepMilliseconds => evaluation.latency?.per_step_ms_median,
            Quantity::RolloutMilliseconds => evaluation.latency?.rollout_ms,
        })
    }

    /// Whether a run keeps the limit; a run without the number does not.
    fn holds(&self, item: &Measured) -> bool {
        self.value(item).is_some_and(|value| value <= self.limit)
    }

    fn verdict(&self, item: &Measured) -> Verdict {
        let statistic = if self.quantity.is_error() {
            format!(" ({} over trajectories)", STATISTICS[self.statistic].0)
        } else {
            String::new()
        };
        let bare = self.name.strip_suffix(STATISTICS[self.statistic].0);
        let name = match bare.and_then(|name| name.strip_suffix('_')) {
            Some(name) if self.quantity.is_error() => name,
            _ => &self.name,
        };
        let found = match self.value(item) {
            None => "it has no such number".to_owned(),
            Some(value) => format!("it is {}", significant(value)),
        };
        Verdict {
            holds: Some(self.holds(item)),
            text: format!(
                "{} keeps {name}{statistic} within the required {}: {found}.",
                item.label,
                significant(self.limit)
            ),
        }
    }
}

impl Quantity {
    /// Whether it has one value a trajectory.
    fn is_error(self) -> bool {
        matches!(self, Self::OneStep(_) | Self::Rollout(_) | Self::First20)
    }
}

/// The verdict on every run and requirement, after one on all of them; empty without requirements.
pub fn verdicts(requirements: &[Requirement], measured: &[Measured]) -> Vec<Verdict> {
    if requirements.is_empty() {
        return Vec::new();
    }
    let good = fulfilling(requirements, measured);
    let names: Vec<&str> = good.iter().map(|item| item.label.as_str()).collect();
    let mut list = vec![Verdict {
        holds: Some(!good.is_empty()),
        text: match names.as_slice() {
            [] => "There is a run that meets every requirement: none does.".to_owned(),
            names => format!("Every requirement is met by {}.", names.join(", ")),
        },
    }];
    for item in measured {
        list.extend(requirements.iter().map(|one| one.verdict(item)));
    }
    list
}

/// The runs that meet every requirement.
pub fn fulfilling<'a>(requirements: &[Requirement], measured: &'a [Measured]) -> Vec<&'a Measured> {
    let all = measured.iter();
    all.filter(|item| requirements.iter().all(|one| one.holds(item)))
        .collect()
}

/// A number with at most four significant digits, whole where it is large.
fn significant(value: f64) -> String {
    if value.abs() >= 1000.0 || !value.is_finite() {
        return format!("{value:.0}");
    }
    let rounded: f64 = format!("{value:.3e}").parse().unwrap_or(value);
    rounded.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Result<Requirement, ConfigError> {
        read(&[text.to_owned()], None).map(|mut all| all.remove(0))
    }

    #[test]
    fn names_lead_to_quantities_and_statistics() {
        let cases = [
            (
                "rollout_relative_l2=0.05",
                Quantity::Rollout(Measure::RelativeL2),
                0,
            ),
            ("rollout_relative_l2_20_worst=0.1", Quantity::First20, 3),
            (
                "one_step_spectral_high_q90=1e-3",
                Quantity::OneStep(Measure::SpectralHigh),
                2,
            ),
            (
                "rollout_nrmse_mean = 2",
                Quantity::Rollout(Measure::Nrmse),
                1,
            ),
            ("rollout_ms=5", Quantity::RolloutMilliseconds, 0),
        ];
        for (text, quantity, statistic) in cases {
            let read = one(text).unwrap();
            assert_eq!(
                (read.quantity, read.statistic),
                (quantity, statistic),
                "{text}"
            );
        }
    }

    #[test]
    fn mistakes_are_named() {
        let message = |text: &str| one(text).unwrap_err().to_string();
        assert!(message("rollout_relativ_l2=0.1").contains("did you mean `rollout_relative_l2`"));
        assert!(message("parameters_worst=3").contains("unknown key `parameters_worst`"));
        for bad in [
            "rollout_ms",
            "rollout_ms=",
            "rollout_ms=-1",
            "rollout_ms=nan",
            "rollout_ms=x",
        ] {
            assert!(
                message(bad).contains("expected an upper limit above 0"),
                "{bad}"
            );
        }
        let twice = ["rollout_ms=1".to_owned(), "rollout_ms=2".to_owned()];
        assert!(
            read(&twice, None)
                .unwrap_err()
                .to_string()
                .contains("given twice")
        );
    }

    #[test]
    fn a_file_is_read_and_its_lines_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("limits.toml");
        std::fs::write(
            &path,
            "[requirements]\nrollout_relative_l2 = 0.05\nparameters = 1000\n",
        )
        .unwrap();
        let all = read(&["rollout_ms=3".to_owned()], Some(&path)).unwrap();
        assert_eq!(all.len(), 3);
        std::fs::write(&path, "[requirements]\nrollout_ms = \"fast\"\n").unwrap();
        let message = read(&[], Some(&path)).unwrap_err().to_string();
        assert!(
            message.contains("limits.toml:2") && message.contains("\"fast\""),
            "{message}"
        );
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [0.05, 0.123_456, 12_345.6].map(significant),
            ["0.05", "0.1235", "12346"]
        );
    }
}
