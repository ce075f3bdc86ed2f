//! `fewave inspect`: what is in a dataset, a data file, a run or a checkpoint.

mod dataset;
mod run;

use std::path::Path;

use anyhow::bail;
use fewave_datasets::Split;

use crate::cli::Global;
use crate::console::Console;

/// Runs the command.
pub fn run(path: &Path, global: &Global) -> anyhow::Result<()> {
    let console = Console::new(global);
    let shown = path.display();
    if !path.exists() {
        bail!(
            "{shown}: does not exist; expected a dataset folder, a data file (.hdf5), a run folder or a checkpoint (.safetensors)"
        );
    }
    let extension = path.extension().and_then(|extension| extension.to_str());
    if path.is_dir() && path.join("data").is_dir() {
        dataset::folder(path, &console)
    } else if path.is_dir() || extension == Some("safetensors") {
        run::inspect(path, &console)
    } else {
        dataset::file(&Split::open_file(path)?, &console)
    }
}
