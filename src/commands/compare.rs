//! `fewave compare`: several runs side by side, and the report.

use std::path::{Path, PathBuf};

use fewave_datasets::{Split, SplitName, content_hash};
use fewave_surrogate::Surrogate;

use crate::cli::{FeArguments, Global};
use crate::comparison::fe::discretisation::Discretisation;
use crate::comparison::fe::timing::{self, FeTime};
use crate::comparison::fe::{self, Assessment, Fe, FeOptions};
use crate::comparison::{self, Measured, report};
use crate::console::Console;
use crate::output::{self, Contents};
use crate::traces;

/// Runs the command.
pub fn run(
    runs: &[PathBuf],
    data: &Path,
    split: SplitName,
    folder: &Path,
    arguments: &FeArguments,
    global: &Global,
) -> anyhow::Result<()> {
    let console = Console::new(global);
    if let Some(loaded) = traces::load(runs)? {
        return compare_traces(
            loaded,
            data,
            split,
            folder,
            arguments,
            global.force,
            &console,
        );
    }
    let Compared { measured, fe } =
        compare(runs, data, split, folder, arguments, global.force, &console)?;
    console.say(format!(
        "relative L2 error on the {split} split of {}",
        data.display()
    ));
    console.say(comparison::terminal_tables(&measured, fe.as_ref()));
    console.say(format!("\nreport: {}", folder.join("index.html").display()));
    console.json(&comparison::as_json(&measured, fe.as_ref()))
}

/// What a report's folder holds.
const CONTENTS: Contents = Contents {
    what: "a report",
    marker: "index.html",
    names: &[
        "index.html",
        "tables.tex",
        "metrics.csv",
        "trajectories.csv",
        "summary.csv",
        "figures",
    ],
};

/// What was found.
#[derive(Debug)]
pub struct Compared {
    /// The runs.
    pub measured: Vec<Measured>,
    /// What FE says to them; none where it was not asked or cannot be run.
    pub fe: Option<Assessment>,
}

impl FeArguments {
    /// What FE is asked; none where it is to be left out.
    pub fn options(&self) -> Option<FeOptions> {
        (!self.no_fe).then_some(FeOptions {
            budget_trajectories: self.budget_trajectories,
            search_seconds: Some(self.fe_seconds),
        })
    }

    /// The options that differ from their defaults, as they are typed.
    fn typed(&self) -> String {
        let standard = Self::default();
        let mut text = String::new();
        if self.no_fe {
            text += " --no-fe";
        }
        if self.budget_trajectories != standard.budget_trajectories {
            text += &format!(" --budget-trajectories {}", self.budget_trajectories);
        }
        if self.fe_seconds != standard.fe_seconds {
            text += &format!(" --fe-seconds {}", self.fe_seconds);
        }
        text
    }
}

/// Measures runs of traces and writes the report.
fn compare_traces(
    loaded: Vec<(PathBuf, Surrogate)>,
    data: &Path,
    split: SplitName,
    folder: &Path,
    arguments: &FeArguments,
    force: bool,
    console: &Console,
) -> anyhow::Result<()> {
    let opened = super::open_reference(data, split)?;
    for (_, surrogate) in &loaded {
        surrogate.check(&opened)?;
    }
    output::prepare_folder(folder, &CONTENTS, force)?;
    let runs: Vec<String> = loaded
        .iter()
        .map(|(run, _)| run.display().to_string())
        .collect();
    let measured = traces::measure(loaded, &opened, data, console)?;
    let comparison = traces::report::Comparison {
        measured: &measured,
        split: &opened,
        fe: fe_time(&opened, arguments, console),
        data_hash: content_hash(data)?,
        command: format!(
            "fewave compare {} --data {} --split {split} -o {}{}",
            runs.join(" "),
            data.display(),
            folder.display(),
            arguments.typed()
        ),
    };
    traces::report::write(&comparison, folder)?;
    console.say(format!(
        "errors of the traces on the {split} split of {}",
        data.display()
    ));
    console.say(traces::terminal_tables(&measured));
    console.say(format!("\nreport: {}", folder.join("index.html").display()));
    console.json(&traces::as_json(&measured))
}

/// What FE takes, if it is asked and the data's configuration can be run again here.
fn fe_time(split: &Split, arguments: &FeArguments, console: &Console) -> Option<FeTime> {
    if arguments.no_fe {
        return None;
    }
    let time = || {
        let config = fe::config(split)?;
        timing::time(&Fe::new(&config, split)?, &Discretisation::own(&config))
    };
    match time() {
        Ok(time) => Some(time),
        Err(error) => {
            console.warn(format!(
                "the FE time is left out of the report: the data's configuration cannot be run again here: {error:#}"
            ));
            None
        }
    }
}

/// Measures the runs and writes the report.
///
/// # Errors
/// When a run does not fit the data, or a file cannot be written.
pub fn compare(
    runs: &[PathBuf],
    data: &Path,
    split: SplitName,
    folder: &Path,
    arguments: &FeArguments,
    force: bool,
    console: &Console,
) -> anyhow::Result<Compared> {
    let opened = super::open_reference(data, split)?;
    let loaded = comparison::load(runs, &opened)?;
    output::prepare_folder(folder, &CONTENTS, force)?;
    let mut measured = comparison::measure(loaded, &opened, console)?;
    let fe = match arguments.options() {
        Some(options) => fe::assess(&mut measured, &opened, options, console)?,
        None => None,
    };
    let paths: Vec<String> = runs.iter().map(|run| run.display().to_string()).collect();
    let comparison = report::Comparison {
        measured: &measured,
        split: &opened,
        fe: fe.as_ref(),
        data_hash: content_hash(data)?,
        command: format!(
            "fewave compare {} --data {} --split {split} -o {}{}",
            paths.join(" "),
            data.display(),
            folder.display(),
            arguments.typed()
        ),
    };
    report::write(&comparison, folder, console)?;
    Ok(Compared { measured, fe })
}
