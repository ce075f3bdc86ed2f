//! `fewave study`: many trainings, measured alike, with a table and figures of what they cost and what they are worth.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

use crate::cli::Global;
use crate::console::Console;
use crate::output;
use crate::study::execute::Schedule;
use crate::study::record::State;
use crate::study::{CONTENTS, Folder, Study, figures, latency, summary};

/// Runs the command: with `dry_run` only what would be done is shown, with `latency` only predictions are timed.
pub fn run(
    file: &Path,
    folder: &Path,
    dry_run: bool,
    time_predictions: bool,
    global: &Global,
) -> anyhow::Result<ExitCode> {
    let console = Console::new(global);
    let mut study = Study::read(file, &global.set)?;
    if let Some(device) = &global.device {
        for run in &mut study.runs {
            run.config.train.device.clone_from(device);
        }
    }
    let folder = Folder::new(folder);
    if !dry_run {
        if global.force {
            output::prepare_folder(folder.path(), &CONTENTS, true)?;
        } else {
            output::join_folder(folder.path(), &CONTENTS)?;
        }
    }
    let mut schedule = Schedule::new(&study, &folder, &console)?;
    if dry_run {
        warn_of_layers(&study, &console)?;
        console.say(summary::planned(&study, &schedule));
        console.json(&summary::as_json(&study, &schedule, &[]))?;
        return Ok(ExitCode::SUCCESS);
    }
    // the study's file first: it marks the folder as ours
    let text =
        std::fs::read(file).with_context(|| format!("{}: cannot be read", file.display()))?;
    output::write_atomically(&folder.path().join(CONTENTS.marker), &text)?;
    for name in ["runs", "records"] {
        output::create_folder(&folder.path().join(name))?;
    }
    let mut failures = Vec::new();
    if time_predictions {
        latency::measure(&study, &mut schedule, &folder, &console)?;
    } else {
        let finished = |job: &&crate::study::execute::Job| matches!(job.state, State::Finished(_));
        console.say(format!(
            "{}: {} runs, {} of them finished",
            file.display(),
            study.runs.len(),
            schedule.jobs.iter().filter(finished).count()
        ));
        failures = schedule.run(&study, &folder, &console, |schedule| {
            summary::write(&study, schedule, &folder)
        })?;
    }
    summary::write(&study, &schedule, &folder)?;
    let drawn = figures::write(&study, &schedule, &folder)?;
    console.say(summary::terminal(&study, &schedule));
    console.say(format!(
        "{}: summary.csv, baselines.csv, {} figures",
        folder.path().display(),
        drawn.len()
    ));
    console.json(&summary::as_json(&study, &schedule, &failures))?;
    if failures.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    console.warn(format!(
        "{} of {} runs failed: {}; the same command tries them again",
        failures.len(),
        study.runs.len(),
        failures.join(", ")
    ));
    Ok(ExitCode::FAILURE)
}

/// Says which schemes make layers larger than dense ones, once for all runs alike.
fn warn_of_layers(study: &Study, console: &Console) -> anyhow::Result<()> {
    let mut found: Vec<(String, Vec<&str>)> = Vec::new();
    for run in &study.runs {
        let task = &run.config.task;
        let network = &run.config.network;
        for warning in network.warnings(task.least_channels(), task.axes())? {
            match found.iter_mut().find(|(text, _)| *text == warning) {
                Some((_, names)) => names.push(&run.name),
                None => found.push((warning, vec![&run.name])),
            }
        }
    }
    for (warning, names) in found {
        console.warn(format!("{}: {warning}", names.join(", ")));
    }
    Ok(())
}
