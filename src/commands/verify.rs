//! `fewave verify`: the verification suite and its report.

use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use crate::cli::Global;
use crate::console::Console;
use crate::output::{self, Contents};
use crate::verify::{self, CHECKS, Check, Effort, Finished, JsonCheck, report};

/// What a verification folder holds.
const CONTENTS: Contents = Contents {
    what: "a verification report",
    marker: "checks.csv",
    names: &["checks.csv", "index.html", "tables.tex", "figures"],
};

/// The result as JSON.
#[derive(Debug, Serialize)]
struct Verification<'a> {
    passed: bool,
    full: bool,
    checks: Vec<JsonCheck<'a>>,
}

/// Runs the command; exit code 1 if a check fails.
pub fn run(
    folder: &Path,
    full: bool,
    only: &[String],
    global: &Global,
) -> anyhow::Result<ExitCode> {
    let console = Console::new(global);
    let effort = if full { Effort::Full } else { Effort::Fast };
    let wanted: Vec<&dyn Check> = CHECKS
        .into_iter()
        .filter(|check| only.is_empty() || only.iter().any(|name| name == check.name()))
        .collect();
    output::prepare_folder(folder, &CONTENTS, global.force)?;
    let progress = console.progress("verifying", wanted.len() as u64, "checks");
    let mut finished: Vec<Finished> = Vec::new();
    for check in wanted {
        let result = verify::run(check, effort, &progress, finished.len());
        progress.suspend(|| console.say(report::lines(&result)));
        finished.push(result);
    }
    progress.finish();
    report::write(&finished, effort, command(full, only, folder), folder)?;
    let passed = finished.iter().all(Finished::passed);
    let failed = finished.iter().filter(|check| !check.passed()).count();
    console.say(format!(
        "\n{} of {} checks passed; report: {}",
        finished.len() - failed,
        finished.len(),
        folder.join("index.html").display()
    ));
    console.json(&Verification {
        passed,
        full,
        checks: finished.iter().map(JsonCheck::from).collect(),
    })?;
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The command that makes the same report again.
fn command(full: bool, only: &[String], folder: &Path) -> String {
    let mut command = "fewave verify".to_owned();
    if full {
        command.push_str(" --full");
    }
    if !only.is_empty() {
        command.push_str(&format!(" --only {}", only.join(" ")));
    }
    format!("{command} -o {}", folder.display())
}
