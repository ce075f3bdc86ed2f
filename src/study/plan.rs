//! A study file: a base configuration, `[grid]` and `[[run]]` over any of its keys, and the runs that they make.
//!
//! Every `[[run]]` (or the base itself, where there is none) is combined with every combination of the grid's values; a key that
//! a run sets itself, or has in its own `grid`, is not taken from the study's. Every resulting configuration is read and checked
//! as `fewave train` does it, with the same errors.

use std::collections::BTreeSet;
use std::path::Path;

use fewave_surrogate::TaskConfig;
use toml::Value;

use super::grid::{MOST_RUNS, Setting, combinations, leaves, lists, overlap};
use super::naming::{is_name, name};
use super::selection::Select;
use super::{PlannedRun, Study};
use crate::config::ConfigError;
use crate::config::document::Document;
use crate::config::section::Section;
use crate::config::train::from_document;

/// An entry `[[run]]`, not yet combined with the grid.
struct Entry {
    name: Option<String>,
    place: String,
    series: Option<String>,
    set: Vec<Setting>,
    /// Keys with lists of values.
    grid: Vec<Setting>,
    project_from: Option<String>,
}

/// A run, not yet tied to the one that it is projected from.
struct Draft {
    run: PlannedRun,
    entry: usize,
    grid: Vec<(String, String)>,
}

impl Study {
    /// Reads a study; `sets` override values of every run, as on the command line of `fewave train`.
    ///
    /// # Errors
    /// Names place, key, found and expected; for a run's values the place in the study file that gave them.
    pub fn read(path: &Path, sets: &[String]) -> Result<Self, ConfigError> {
        let document = Document::read(path, &[])?;
        let root = document.root();
        let base = base(&document, &root)?;
        let grid = match root.section_if("grid", "lists of values by key")? {
            Some(section) => lists(&section)?,
            None => Vec::new(),
        };
        let mut entries = Vec::new();
        for section in root.sections("run", "name, set, grid, project_from")? {
            entries.push(entry(&section, &grid)?);
        }
        if entries.is_empty() {
            entries.push(Entry {
                name: None,
                place: document.place(""),
                series: None,
                set: Vec::new(),
                grid,
                project_from: None,
            });
        }
        let select = Select::read(&root)?;
        root.finish()?;
        let keys: BTreeSet<String> = entries
            .iter()
            .flat_map(|entry| entry.set.iter().chain(&entry.grid))
            .map(|setting| setting.key.clone())
            .collect();
        select.check(&document, &keys)?;
        let mut drafts: Vec<Draft> = Vec::new();
        for (number, entry) in entries.iter().enumerate() {
            for combination in combinations(&entry.grid) {
                if drafts.len() == MOST_RUNS {
                    return Err(ConfigError::Usage(format!(
                        "{}: more than {MOST_RUNS} runs; shorten the lists of the grid",
                        entry.place
                    )));
                }
                let settings: Vec<&Setting> = entry.set.iter().chain(&combination).collect();
                let (config, values) = configure(&document, &base, &settings, sets, &keys)?;
                let grid: Vec<(String, String)> = combination
                    .iter()
                    .map(|setting| (setting.key.clone(), value_of(&values, &keys, &setting.key)))
                    .collect();
                drafts.push(Draft {
                    run: PlannedRun {
                        name: name(entry.name.as_deref(), &grid, &keys),
                        series: entry.series.clone(),
                        config,
                        values,
                        project_from: None,
                    },
                    entry: number,
                    grid,
                });
            }
        }
        for number in 0..drafts.len() {
            let entry = &entries[drafts[number].entry];
            if let Some(source) = &entry.project_from {
                drafts[number].run.project_from = Some(find(source, number, &drafts, &entries)?);
            }
        }
        refuse_traces(&drafts, &entries)?;
        refuse_repeated(&drafts, &entries)?;
        Ok(Self {
            runs: drafts.into_iter().map(|draft| draft.run).collect(),
            varied: keys.into_iter().collect(),
            select,
        })
    }
}

/// The configuration that every run starts from: a table of the study, or a file.
fn base(document: &Document, root: &Section<'_>) -> Result<Document, ConfigError> {
    let expected = "the name of a training configuration, or a table [base] with its content";
    match root.value("base") {
        Some(Value::String(file)) => Document::read(&document.resolve(file), &[]),
        _ => {
            root.section("base", expected)?;
            document
                .within("base")
                .ok_or_else(|| root.error("base", expected))
        }
    }
}

fn entry(section: &Section<'_>, grid: &[Setting]) -> Result<Entry, ConfigError> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let expected = "a name of letters, digits and . _ + = -, in quotes";
    let name = section.required("name", expected, |value| {
        text(value).filter(|name| is_name(name))
    })?;
    let optional = |key: &str, expected: &str| {
        section.or(key, expected, None, |value| Some(Some(text(value)?)))
    };
    let series = optional("series", "the name of the run's curve, in quotes")?;
    let project_from = optional("project_from", "the name of another run, in quotes")?;
    let set = match section.section_if("set", "values by key")? {
        Some(set) => leaves(&set),
        None => Vec::new(),
    };
    let mut own = match section.section_if("grid", "lists of values by key")? {
        Some(grid) => lists(&grid)?,
        None => Vec::new(),
    };
    section.finish()?;
    for shared in grid {
        // what the run says itself, of the key, a part of it or a table around it, stands
        if !set
            .iter()
            .chain(&own)
            .any(|setting| overlap(&setting.key, &shared.key))
        {
            own.push(shared.clone());
        }
    }
    Ok(Entry {
        name: Some(name),
        place: section.document().place(&section.full("name")),
        series,
        set,
        grid: own,
        project_from,
    })
}

/// A run's configuration, and the texts of the varied keys in it.
fn configure(
    study: &Document,
    base: &Document,
    settings: &[&Setting],
    sets: &[String],
    keys: &BTreeSet<String>,
) -> Result<(fewave_surrogate::TrainConfig, Vec<String>), ConfigError> {
    let mut document = base.clone();
    for setting in settings {
        document.set(&setting.key, &setting.value, &setting.place)?;
    }
    for given in sets {
        document.override_with(given)?;
    }
    let mut config = from_document(&document)?;
    if document.is_from_command_line("data") {
        // relative to where the user is
    } else if document.is_overridden("data") {
        config.data = study.resolve(&config.data);
    } else {
        config.data = document.resolve(&config.data);
    }
    let values = keys
        .iter()
        .map(|key| match (key.as_str(), document.value(key)) {
            ("network.scheme", _) => config.network.scheme().to_string(),
            (_, Some(Value::String(text))) => text.clone(),
            (_, Some(value)) => value.to_string(),
            (_, None) => String::new(),
        })
        .collect();
    Ok((config, values))
}

fn value_of(values: &[String], keys: &BTreeSet<String>, key: &str) -> String {
    let place = keys.iter().position(|other| other == key);
    place.map_or_else(String::new, |place| values[place].clone())
}

/// The run that `project_from` means: of that name, or of the entry of that name with equal values where both have a grid.
fn find(
    source: &str,
    number: usize,
    drafts: &[Draft],
    entries: &[Entry],
) -> Result<usize, ConfigError> {
    let own = &drafts[number];
    let candidates: Vec<usize> = (0..drafts.len())
        .filter(|&other| other != number && entries[drafts[other].entry].project_from.is_none())
        .filter(|&other| {
            let other = &drafts[other];
            let agrees = other
                .grid
                .iter()
                .all(|(key, value)| own.grid.iter().all(|(k, v)| k != key || v == value));
            other.run.name == source
                || (entries[other.entry].name.as_deref() == Some(source) && agrees)
        })
        .collect();
    match candidates.as_slice() {
        [one] => Ok(*one),
        several => Err(ConfigError::Value {
            place: entries[own.entry].place.clone(),
            key: format!("project_from of {}", own.run.name),
            found: format!("\"{source}\""),
            expected: match several {
                [] => "the name of another run, which is not projected itself".to_owned(),
                _ => format!(
                    "the full name of one of {}",
                    several
                        .iter()
                        .map(|&place| drafts[place].run.name.as_str())
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
            },
        }),
    }
}

/// Refuses runs without wavefields: what a study measures and draws is of these.
fn refuse_traces(drafts: &[Draft], entries: &[Entry]) -> Result<(), ConfigError> {
    let traces = |draft: &&Draft| matches!(draft.run.config.task, TaskConfig::Traces(_));
    match drafts.iter().find(traces) {
        None => Ok(()),
        Some(draft) => Err(ConfigError::Usage(format!(
            "{}: {} has task.kind = \"traces\", expected propagate or field: a study compares errors of wavefields; train runs of traces one by one and \
             give them to fewave compare",
            entries[draft.entry].place, draft.run.name
        ))),
    }
}

/// Refuses two runs of one name, and two that train the same.
fn refuse_repeated(drafts: &[Draft], entries: &[Entry]) -> Result<(), ConfigError> {
    let mut seen = std::collections::HashMap::new();
    let mut trained = std::collections::HashMap::new();
    for draft in drafts {
        let place = &entries[draft.entry].place;
        let run = &draft.run;
        if !is_name(&run.name) {
            return Err(ConfigError::Usage(format!(
                "{place}: the run's name {:?} is no name of at most 120 letters, digits and . _ + = -; give the runs short names under [[run]]",
                run.name
            )));
        }
        // names differ in more than case: some file systems do not tell it
        if let Some(other) = seen.insert(run.name.to_lowercase(), place) {
            return Err(ConfigError::Usage(format!(
                "{place}: a second run with the name {} (the first: {other}); give every run its own name",
                run.name
            )));
        }
        let hash = run
            .config
            .hash()
            .map_err(|error| ConfigError::Usage(error.to_string()))?;
        let key = (hash, run.config.data.clone(), run.project_from);
        if let Some(other) = trained.insert(key, &run.name) {
            return Err(ConfigError::Usage(format!(
                "{place}: {} trains the same as {other}: every setting is equal; remove one, or change its settings",
                run.name
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = r#"
[base]
data = "data"
task = { kind = "propagate" }
network = { kind = "unet", width = 8, scheme = { kind = "dense" } }
train = { steps = 10 }
"#;

    fn read(text: &str, sets: &[&str]) -> Result<Study, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study.toml");
        std::fs::write(&path, format!("{BASE}{text}")).unwrap();
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        Study::read(&path, &sets)
    }

    fn names(study: &Study) -> Vec<&str> {
        study.runs.iter().map(|run| run.name.as_str()).collect()
    }

    #[test]
    fn a_grid_is_every_combination() {
        let study = read("[grid]\nnetwork.width = [8, 16]\nseed = [0, 1]\n", &[]).unwrap();
        assert_eq!(
            names(&study),
            [
                "width=8_seed=0",
                "width=8_seed=1",
                "width=16_seed=0",
                "width=16_seed=1"
            ]
        );
        assert_eq!(study.varied, ["network.width", "seed"]);
        assert_eq!(study.runs[3].values, ["16", "1"]);
        assert_eq!(study.runs[3].config.seed, 1);
    }

    #[test]
    fn runs_meet_the_grid_and_keep_what_they_say_themselves() {
        let text = r#"
[grid]
seed = [0, 1]
"train.learning_rate" = [1e-3, 3e-3]
[[run]]
name = "dense"
set = { "train.learning_rate" = 2e-3 }
[[run]]
name = "filter"
set = { network.scheme = { kind = "one-way", form = "filter", rank = 1 } }
grid = { seed = [5] }
[[run]]
name = "projected"
project_from = "dense"
set = { network.scheme = { kind = "one-way", form = "filter", rank = 1 }, "train.learning_rate" = 1e-4 }
"#;
        let study = read(text, &[]).unwrap();
        assert_eq!(
            names(&study),
            [
                "dense_seed=0",
                "dense_seed=1",
                "filter_seed=5_learning_rate=0.001",
                "filter_seed=5_learning_rate=0.003",
                "projected_seed=0",
                "projected_seed=1",
            ]
        );
        assert_eq!(study.runs[4].project_from, Some(0));
        assert_eq!(study.runs[5].project_from, Some(1));
        assert_eq!(
            study.runs[2].config.network.scheme().to_string(),
            "one-way filter R1"
        );
    }

    #[test]
    fn mistakes_are_those_of_train_with_the_place_in_the_study() {
        for (text, sets, words) in [
            (
                "[grid]\nnetwork.widht = [8]\n",
                &[][..],
                &["network.widht", "did you mean `width`", "study.toml:7"][..],
            ),
            (
                "[grid]\nseed = 3\n",
                &[],
                &["grid.seed", "a list of values"],
            ),
            (
                "[grid]\nseed = []\n",
                &[],
                &["grid.seed", "a list of values"],
            ),
            (
                "[grids]\nseed = [1]\n",
                &[],
                &["unknown key `grids`", "did you mean `grid`"],
            ),
            (
                "[grid]\nseed = [1, 1]\n",
                &[],
                &["a second run with the name seed=1"],
            ),
            (
                "[grid]\nnetwork.width = [8, 16]\n",
                &["network.width=4"],
                &["width=4"],
            ),
            (
                "[[run]]\nname = \"a\"\n[[run]]\nname = \"b\"\n",
                &[],
                &["b trains the same as a"],
            ),
            ("[[run]]\nname = \"a/b\"\n", &[], &["run.0.name", "letters"]),
            (
                "[[run]]\nname = \"a\"\nset = { task = { kind = \"traces\" }, network = { kind = \"mlp\", hidden = [4] } }\n",
                &[],
                &[
                    "a has task.kind = \"traces\"",
                    "propagate or field",
                    "fewave compare",
                ],
            ),
            (
                "[[run]]\nname = \"a\"\nproject_from = \"b\"\n",
                &[],
                &["project_from of a", "another run"],
            ),
            (
                "[[run]]\nname = \"a\"\nset = { train.steps = 0 }\n",
                &[],
                &["train.steps", "study.toml:9, set"],
            ),
            (
                "[[run]]\nname = \"a\"\nsets = { seed = 0 }\n",
                &[],
                &["run.0.sets", "did you mean `set`"],
            ),
            ("[select]\nover = [\"seed\"]\n", &[], &["select.over"]),
            (
                "[select]\nover = [\"train.batch\"]\n",
                &[],
                &["select.over", "train.batch"],
            ),
        ] {
            let message = read(text, sets).unwrap_err().to_string();
            for word in words {
                assert!(message.contains(word), "{text}: no {word:?} in {message}");
            }
        }
    }

    #[test]
    fn a_grid_beyond_reason_is_refused() {
        let list: Vec<String> = (0..200).map(|n| n.to_string()).collect();
        let list = list.join(", ");
        let text =
            format!("[grid]\nseed = [{list}]\ntrain.steps = [{list}]\n").replace("[0, ", "[777, ");
        let message = read(&text, &[]).unwrap_err().to_string();
        assert!(message.contains("more than 10000 runs"), "{message}");
    }
}
