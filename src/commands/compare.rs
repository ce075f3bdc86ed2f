//! `fewave compare`: several runs side by side, and the report.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use candle_core::Device;
use fewave_datasets::{Split, SplitName, content_hash};
use fewave_surrogate::Surrogate;

use crate::cli::{FeArguments, Global, RequirementArguments};
use crate::comparison::fe::discretisation::Discretisation;
use crate::comparison::fe::timing::{self, FeTime};
use crate::comparison::fe::{self, Assessment, Fe, FeOptions};
use crate::comparison::requirements::{self, Requirement};
use crate::comparison::{self, Measured, report};
use crate::config::ConfigError;
use crate::console::Console;
use crate::device;
use crate::generation;
use crate::output::{self, Contents};
use crate::traces;

/// Runs the command; exit code 1 where limits are given and no run keeps all of them.
pub fn run(
    runs: &[PathBuf],
    data: &Path,
    split: SplitName,
    folder: &Path,
    arguments: &FeArguments,
    limits: &RequirementArguments,
    global: &Global,
) -> anyhow::Result<ExitCode> {
    let console = Console::new(global);
    let demanded = requirements::read(&limits.require, limits.requirements.as_deref())?;
    let device = device::or_cpu(global)?;
    if let Some(loaded) = traces::load(runs, &device)? {
        if !demanded.is_empty() {
            return Err(ConfigError::Usage(
                "--require: these runs predict seismograms, and requirements judge the errors of fields; leave it out and read the tables"
                    .to_owned(),
            )
            .into());
        }
        compare_traces(
            loaded,
            data,
            split,
            folder,
            arguments,
            global.force,
            &console,
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    let typed_device = match &global.device {
        Some(name) => format!(" --device {name}"),
        None => String::new(),
    };
    let inputs = Inputs {
        runs,
        device: &device,
        data,
        split,
        arguments,
        requirements: &demanded,
        typed: limits.typed() + &typed_device,
    };
    let Compared { measured, fe } = compare(&inputs, folder, global.force, &console)?;
    console.say(format!(
        "relative L2 error on the {split} split of {}",
        data.display()
    ));
    console.say(comparison::terminal_tables(&measured, fe.as_ref()));
    for verdict in requirements::verdicts(&demanded, &measured) {
        let sign = if verdict.holds == Some(true) {
            "yes"
        } else {
            "NO "
        };
        console.say(format!("\n  {sign}  {}", verdict.text));
    }
    console.say(format!("\nreport: {}", folder.join("index.html").display()));
    let mut found = comparison::as_json(&measured, fe.as_ref());
    let fulfilling = requirements::fulfilling(&demanded, &measured);
    if !demanded.is_empty() {
        let labels: Vec<&str> = fulfilling.iter().map(|item| item.label.as_str()).collect();
        found["meet_requirements"] = labels.into();
    }
    console.json(&found)?;
    Ok(if fulfilling.is_empty() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
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
        "manifest.json",
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
    /// What FE is asked about a dataset; none where it is to be left out.
    pub fn options(&self, data: &Path) -> Option<FeOptions> {
        (!self.no_fe).then_some(FeOptions {
            budget_trajectories: self.budget_trajectories,
            search_seconds: Some(self.fe_seconds),
            generation: generation::recorded(data),
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

impl RequirementArguments {
    /// The options as they are typed.
    fn typed(&self) -> String {
        let mut text = String::new();
        if let Some(file) = &self.requirements {
            text += &format!(" --requirements {}", file.display());
        }
        for limit in &self.require {
            text += &format!(" --require {limit}");
        }
        text
    }
}

/// What is compared, and by what.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The runs.
    pub runs: &'a [PathBuf],
    /// Where they are computed.
    pub device: &'a Device,
    /// The dataset.
    pub data: &'a Path,
    /// Its split.
    pub split: SplitName,
    /// What FE is asked.
    pub arguments: &'a FeArguments,
    /// What is demanded.
    pub requirements: &'a [Requirement],
    /// The demands as they are typed.
    pub typed: String,
}

/// Measures the runs and writes the report.
///
/// # Errors
/// When a run does not fit the data, or a file cannot be written.
pub fn compare(
    inputs: &Inputs<'_>,
    folder: &Path,
    force: bool,
    console: &Console,
) -> anyhow::Result<Compared> {
    let Inputs {
        runs,
        device,
        data,
        split,
        arguments,
        requirements,
        typed,
    } = inputs;
    let opened = super::open_reference(data, *split)?;
    let loaded = comparison::load(runs, &opened, device)?;
    output::prepare_folder(folder, &CONTENTS, force)?;
    let mut measured = comparison::measure(loaded, &opened, console)?;
    let fe = match arguments.options(data) {
        Some(options) => fe::assess(&mut measured, &opened, options, console)?,
        None => None,
    };
    let paths: Vec<String> = runs.iter().map(|run| run.display().to_string()).collect();
    let comparison = report::Comparison {
        measured: &measured,
        split: &opened,
        fe: fe.as_ref(),
        requirements,
        data_hash: content_hash(data)?,
        command: format!(
            "fewave compare {} --data {} --split {split} -o {}{}{typed}",
            paths.join(" "),
            data.display(),
            folder.display(),
            arguments.typed()
        ),
    };
    report::write(&comparison, folder, console)?;
    Ok(Compared { measured, fe })
}
