//! `[select]`: which of the runs that differ only in how they were trained stands for a network, by its error on the valid split.
//!
//! Runs that agree in all varied keys but the seed and those of `over` are one *point* of a study. Among the values of `over` that
//! were tried for a point, the one with the smallest median over its seeds of the error on the valid split is selected; that of a
//! run that failed or blew up is infinite. The test
//! split is not looked at.

use std::collections::{BTreeMap, BTreeSet};

use toml::Value;

use super::Study;
use super::errors::{MEASURES, Measure, STATISTICS, Statistic};
use super::record::Results;
use crate::config::ConfigError;
use crate::config::document::Document;
use crate::config::section::Section;

/// How runs are chosen.
#[derive(Debug, Clone)]
pub struct Select {
    /// Dotted keys that are chosen over.
    over: Vec<String>,
    measure: Measure,
    statistic: Statistic,
}

/// The key that repeats a run.
const SEED: &str = "seed";

impl Select {
    /// The section of a study file; without it nothing is chosen: every run stands for itself.
    pub fn read(root: &Section<'_>) -> Result<Self, ConfigError> {
        let mut select = Self {
            over: Vec::new(),
            measure: Measure::OneStep,
            statistic: Statistic::Mean,
        };
        let Some(section) = root.section_if("select", "over, by")? else {
            return Ok(select);
        };
        let expected = "a list of dotted keys that the study varies, not the seed";
        select.over = section.required("over", expected, |value| {
            let keys = value.as_array()?.iter();
            let keys: Vec<String> = keys
                .map(|key| key.as_str().map(str::to_owned))
                .collect::<Option<_>>()?;
            (!keys.is_empty() && !keys.iter().any(|key| key == SEED)).then_some(keys)
        })?;
        let words: Vec<(String, Measure, Statistic)> = MEASURES
            .iter()
            .flat_map(|(measure, m)| {
                let word = move |(statistic, s): &(Statistic, &str)| {
                    (format!("valid {m} {s}"), *measure, *statistic)
                };
                STATISTICS.iter().map(word)
            })
            .collect();
        let expected = format!(
            "an error on the valid split: one of {}",
            words
                .iter()
                .map(|(word, ..)| format!("\"{word}\""))
                .collect::<Vec<_>>()
                .join(", ")
        );
        let default = (Measure::OneStep, Statistic::Mean);
        (select.measure, select.statistic) =
            section.or("by", &expected, default, |value: &Value| {
                let found = words.iter().find(|(word, ..)| value.as_str() == Some(word));
                found.map(|(_, measure, statistic)| (*measure, *statistic))
            })?;
        section.finish()?;
        Ok(select)
    }

    /// Refuses keys that the study does not vary.
    pub fn check(&self, document: &Document, varied: &BTreeSet<String>) -> Result<(), ConfigError> {
        match self.over.iter().find(|key| !varied.contains(*key)) {
            None => Ok(()),
            Some(key) => Err(ConfigError::Value {
                place: document.place("select.over"),
                key: "select.over".to_owned(),
                found: format!("\"{key}\""),
                expected: format!(
                    "keys that the study varies: {}",
                    varied.iter().cloned().collect::<Vec<_>>().join(", ")
                ),
            }),
        }
    }
}

/// A network of a study with its repetitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// Places in [`Study::runs`] of the selected runs, which differ in their seeds.
    pub runs: Vec<usize>,
}

/// Runs of a point by the values of the keys that are chosen over.
type Tried = BTreeMap<Vec<String>, Vec<usize>>;

impl Study {
    /// The points of the runs that have ended, in the order of the file; `results` and `failed` have an entry for every run. The error
    /// of a run that failed is infinite, so that a value that fails for most seeds is not chosen for the others.
    pub fn points(&self, results: &[Option<Results>], failed: &[bool]) -> Vec<Point> {
        let mut points: Vec<(Vec<String>, Tried)> = Vec::new();
        for (number, run) in self.runs.iter().enumerate() {
            if results[number].is_none() && !failed[number] {
                continue;
            }
            let (mut own, mut tried) = (
                vec![format!("{:?}", run.project_from.is_some())],
                Vec::new(),
            );
            own.push(run.series.clone().unwrap_or_default());
            for (key, value) in self.varied.iter().zip(&run.values) {
                if self.select.over.contains(key) {
                    tried.push(value.clone());
                } else if key != SEED {
                    own.push(value.clone());
                }
            }
            let place = points.iter().position(|(other, _)| *other == own);
            let place = place.unwrap_or_else(|| {
                points.push((own, BTreeMap::new()));
                points.len() - 1
            });
            points[place].1.entry(tried).or_default().push(number);
        }
        let error = |runs: &Vec<usize>| {
            let mut errors: Vec<f64> = runs
                .iter()
                .map(|&run| {
                    let Some(result) = &results[run] else {
                        return f64::INFINITY;
                    };
                    let spread = result.valid.get(self.select.measure);
                    let spread = spread.unwrap_or(&result.valid.rollout_full);
                    spread.get(self.select.statistic).unwrap_or(f64::INFINITY)
                })
                .collect();
            median(&mut errors).unwrap_or(f64::INFINITY)
        };
        points
            .into_iter()
            .filter_map(|(_, tried)| {
                let best = tried
                    .into_values()
                    .min_by(|a, b| error(a).total_cmp(&error(b)))?;
                Some(Point { runs: best })
            })
            .collect()
    }
}

/// The middle value, or the mean of the two in the middle; none without values.
pub fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}
