//! `fewave evaluate`: errors and times of runs on a split.

use std::path::{Path, PathBuf};

use crate::cli::{Global, ReferenceArguments, SplitArgument};
use crate::comparison;
use crate::comparison::fe::{self, FeOptions};
use crate::config::ConfigError;
use crate::console::Console;
use crate::device;
use crate::output::{self, Contents};
use crate::traces;

/// What an evaluation folder holds.
const CONTENTS: Contents = Contents {
    what: "an evaluation",
    marker: "metrics.csv",
    names: &[
        "metrics.csv",
        "trajectories.csv",
        "summary.csv",
        "timing.json",
        "predictions.hdf5",
    ],
};

/// Runs the command.
pub fn run(
    runs: &[PathBuf],
    data: &Path,
    split: SplitArgument,
    folder: Option<&Path>,
    arguments: ReferenceArguments,
    global: &Global,
) -> anyhow::Result<()> {
    let console = Console::new(global);
    if folder.is_some() && runs.len() > 1 {
        return Err(ConfigError::Usage(format!(
            "--output: one folder for {} runs; evaluate them one by one, or leave it out to write into each run",
            runs.len()
        ))
        .into());
    }
    let split = super::open_reference(data, split.into())?;
    let device = device::or_cpu(global)?;
    let traces = traces::load(runs, &device)?;
    let loaded = match &traces {
        Some(_) => Vec::new(),
        None => comparison::load(runs, &split, &device)?,
    };
    let mut folders = Vec::new();
    for run in runs {
        let own = if run.is_dir() {
            run.join("evaluation")
        } else {
            run.with_extension("evaluation")
        };
        // an evaluation is a function of run and data: in the run's own folder a new one replaces the old one
        let (folder, replace) =
            folder.map_or((own, true), |given| (given.to_path_buf(), global.force));
        output::prepare_folder(&folder, &CONTENTS, replace)?;
        folders.push(folder);
    }
    if let Some(loaded) = traces {
        let measured = traces::measure(loaded, &split, data, &console)?;
        for (item, folder) in measured.iter().zip(&folders) {
            traces::files::write(item, &split, folder, &console)?;
            console.say(format!(
                "{}: metrics.csv, summary.csv, timing.json, predictions.hdf5",
                folder.display()
            ));
        }
        console.say(format!(
            "\nerrors of the traces on the {} split of {}",
            split.provenance().split,
            data.display()
        ));
        console.say(traces::terminal_tables(&measured));
        return console.json(&traces::as_json(&measured));
    }
    let mut measured = comparison::measure(loaded, &split, &console)?;
    let fe = if arguments.no_fe {
        None
    } else {
        let options = FeOptions {
            budget_trajectories: arguments.budget_trajectories,
            search_seconds: None,
            generation: None,
        };
        fe::assess(&mut measured, &split, options, &console)?
    };
    for (item, folder) in measured.iter().zip(&folders) {
        comparison::files::write(item, &split, folder, &console)?;
        console.say(format!(
            "{}: metrics.csv, trajectories.csv, summary.csv, timing.json, predictions.hdf5",
            folder.display()
        ));
    }
    console.say(format!(
        "\nrelative L2 error on the {} split of {}",
        split.provenance().split,
        data.display()
    ));
    console.say(comparison::terminal_tables(&measured, fe.as_ref()));
    console.json(&comparison::as_json(&measured, fe.as_ref()))
}
