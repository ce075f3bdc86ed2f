//! `fewave evaluate`: errors and times of runs on a split.

use std::path::{Path, PathBuf};

use fewave_datasets::Split;

use crate::cli::{Global, SplitArgument};
use crate::comparison;
use crate::config::ConfigError;
use crate::console::Console;
use crate::output;

/// Runs the command.
pub fn run(
    runs: &[PathBuf],
    data: &Path,
    split: SplitArgument,
    folder: Option<&Path>,
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
    let split = Split::open(data, split.into())?;
    let measured = comparison::measure(runs, &split, &console)?;
    for item in &measured {
        let default = if item.run.is_dir() {
            item.run.join("evaluation")
        } else {
            item.run.with_extension("evaluation")
        };
        let folder = folder.map_or(default, Path::to_path_buf);
        // an evaluation is a function of run and data, so a new one replaces the old one
        output::prepare_folder(&folder, true)?;
        comparison::files::write(item, &split, &folder, &console)?;
        console.say(format!(
            "{}: metrics.csv, summary.csv, timing.json, predictions.hdf5",
            folder.display()
        ));
    }
    console.say(format!(
        "\n{} trajectories of {}, relative L2 error",
        split.len(),
        data.display()
    ));
    console.say(comparison::terminal_tables(&measured));
    console.json(&comparison::as_json(&measured))
}
