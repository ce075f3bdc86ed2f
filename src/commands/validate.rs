//! `fewave validate`: every violation of the schema, with its path.

use std::path::Path;
use std::process::ExitCode;

use fewave_datasets::Split;

use crate::cli::Global;
use crate::comparison::files::PREDICTED_BY;
use crate::console::Console;

/// Runs the command; exit code 1 when there is any violation.
pub fn run(path: &Path, global: &Global) -> anyhow::Result<ExitCode> {
    let console = Console::new(global);
    let report = fewave_datasets::validate(path)?;
    for violation in &report.violations {
        console.show(violation.to_string());
    }
    if report.is_valid()
        && path.is_file()
        && Split::open_file(path)?
            .provenance()
            .extra
            .contains_key(PREDICTED_BY)
    {
        console.warn(format!(
            "{}: holds predictions of a surrogate, not FE solutions",
            path.display()
        ));
    }
    let verdict = if report.violations.is_empty() {
        "valid".to_owned()
    } else {
        format!("{} violations", report.violations.len())
    };
    console.say(format!(
        "{}: {verdict}; {} files with {} trajectories checked",
        path.display(),
        report.files,
        report.trajectories
    ));
    console.json(&serde_json::json!({
        "path": path.display().to_string(),
        "valid": report.violations.is_empty(),
        "files": report.files,
        "trajectories": report.trajectories,
        "violations": report.violations.iter().map(ToString::to_string).collect::<Vec<_>>(),
    }))?;
    Ok(if report.violations.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}
