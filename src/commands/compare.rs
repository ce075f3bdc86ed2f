//! `fewave compare`: several runs side by side, and the report.

use std::path::{Path, PathBuf};

use fewave_datasets::{SplitName, content_hash};

use crate::cli::Global;
use crate::comparison::{self, Measured, reference, report};
use crate::console::Console;
use crate::output::{self, Contents};

/// Runs the command.
pub fn run(
    runs: &[PathBuf],
    data: &Path,
    split: SplitName,
    folder: &Path,
    global: &Global,
) -> anyhow::Result<()> {
    let console = Console::new(global);
    let measured = compare(runs, data, split, folder, global.force, &console)?;
    console.say(format!(
        "relative L2 error on the {split} split of {}",
        data.display()
    ));
    console.say(comparison::terminal_tables(&measured));
    console.say(format!("\nreport: {}", folder.join("index.html").display()));
    console.json(&comparison::as_json(&measured))
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

/// Measures the runs and writes the report.
///
/// # Errors
/// When a run does not fit the data, or a file cannot be written.
pub fn compare(
    runs: &[PathBuf],
    data: &Path,
    split: SplitName,
    folder: &Path,
    force: bool,
    console: &Console,
) -> anyhow::Result<Vec<Measured>> {
    let opened = super::open_reference(data, split)?;
    let loaded = comparison::load(runs, &opened)?;
    output::prepare_folder(folder, &CONTENTS, force)?;
    let measured = comparison::measure(loaded, &opened, console)?;
    let fe = match reference::time(&opened) {
        Ok(time) => Some(time),
        Err(error) => {
            console.warn(format!("the FE time is left out of the report: the data's configuration cannot be run again here: {error}"));
            None
        }
    };
    let paths: Vec<String> = runs.iter().map(|run| run.display().to_string()).collect();
    let comparison = report::Comparison {
        measured: &measured,
        split: &opened,
        fe,
        data_hash: content_hash(data)?,
        command: format!(
            "fewave compare {} --data {} --split {split} -o {}",
            paths.join(" "),
            data.display(),
            folder.display()
        ),
    };
    report::write(&comparison, folder, console)?;
    Ok(measured)
}
