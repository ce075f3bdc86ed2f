//! `fewave export`: an XDMF file beside a data file, for ParaView.

use std::path::Path;

use anyhow::bail;

use crate::cli::Global;
use crate::config::ConfigError;
use crate::console::Console;
use crate::output;

/// Runs the command.
pub fn run(
    file: &Path,
    trajectory: usize,
    target: Option<&Path>,
    global: &Global,
) -> anyhow::Result<()> {
    let console = Console::new(global);
    if file.is_dir() {
        return Err(ConfigError::Usage(format!(
            "{}: is a folder, expected a data file, for example one of its data/train/*.hdf5",
            file.display()
        ))
        .into());
    }
    let target = target.map_or_else(|| file.with_extension("xdmf"), Path::to_path_buf);
    if target
        .extension()
        .is_none_or(|extension| extension != "xdmf")
    {
        bail!(
            "{}: expected a name that ends in .xdmf, by which ParaView knows the format",
            target.display()
        );
    }
    let grid = target.with_extension("grid.h5");
    if let (Ok(grid), Ok(file)) = (grid.canonicalize(), file.canonicalize())
        && grid == file
    {
        bail!(
            "{}: the export would replace the data themselves, since its grid gets this name; give another name with -o",
            grid.display()
        );
    }
    output::prepare_file(&target, global.force)?;
    output::prepare_file(&grid, global.force)?;
    fewave_datasets::write_xdmf(file, trajectory, &target)?;
    console.say(format!(
        "{}: trajectory {trajectory} of {}. Next: open it in ParaView with the reader \"XDMF\"",
        target.display(),
        file.display()
    ));
    console.json(&serde_json::json!({
        "xdmf": target.display().to_string(),
        "grid": grid.display().to_string(),
    }))
}
