//! `fewave predict`: a trained surrogate applied to a data file.

mod field;

use std::path::Path;
use std::time::Instant;

use fewave_datasets::{FileWriter, Split};
use fewave_surrogate::{Execution, LayerExecution, Surrogate, TaskConfig};
use ndarray::{Array2, Array3, s};

use crate::cli::Global;
use crate::commands::train::label;
use crate::comparison::{files, ranges};
use crate::config::ConfigError;
use crate::console::{Console, duration};
use crate::device;
use crate::output;
use crate::traces;

/// Most snapshots that `--steps` may ask for.
const MOST_STEPS: usize = 100_000;

/// Runs the command.
pub fn run(
    run: &Path,
    input: &Path,
    file: &Path,
    steps: Option<usize>,
    execution: Execution,
    extrapolate: bool,
    global: &Global,
) -> anyhow::Result<()> {
    let console = Console::new(global);
    if let Some(count) = steps
        && !(1..=MOST_STEPS).contains(&count)
    {
        return Err(ConfigError::Usage(format!(
            "--steps {count}: expected 1 to {MOST_STEPS} steps"
        ))
        .into());
    }
    if let (Ok(input), Ok(file)) = (input.canonicalize(), file.canonicalize())
        && input == file
    {
        return Err(ConfigError::Usage(format!(
            "{}: is the input itself; predictions never replace data, choose another output",
            file.display()
        ))
        .into());
    }
    output::prepare_file(file, global.force)?;
    let surrogate = Surrogate::load(run, &device::or_cpu(global)?)?;
    if let Some(constants) = surrogate.traces() {
        if let Some(count) = steps {
            return Err(ConfigError::Usage(format!(
                "--steps {count}: {} predicts traces, always the {} samples that it was trained on; leave --steps out",
                run.display(),
                constants.samples
            ))
            .into());
        }
        return traces::predict::run(
            run,
            &surrogate,
            constants,
            input,
            file,
            extrapolate,
            &console,
        );
    }
    let split = Split::open_file(input)?;
    surrogate.check(&split)?;
    let name = label(run);
    let out = surrogate.out_of_range(&split)?;
    match ranges::outside(out.as_deref()) {
        Some(words) if !extrapolate => anyhow::bail!(
            "{}: {words}; {name} was not trained on such waves and may be off by any amount: train on data that cover them, or say \
             --extrapolate",
            input.display()
        ),
        _ => ranges::warn(&name, out.as_deref(), &console),
    }
    surrogate.set_execution(execution);
    if let TaskConfig::Field(task) = &surrogate.config().task {
        if let Some(count) = steps {
            return Err(ConfigError::Usage(format!(
                "--steps {count}: {} predicts whole fields, always the {} snapshots that it was trained on; leave --steps out",
                run.display(),
                task.snapshots
            ))
            .into());
        }
        return field::predict(&surrogate, task, &split, &name, file, &console);
    }
    let history = surrogate.history();
    let mut first = 0;
    for trajectory in 0..split.len() {
        let end = split.source_end(trajectory)?;
        let start = split
            .times()
            .iter()
            .position(|time| *time >= end)
            .unwrap_or(split.times().len());
        // one time axis serves the whole file
        first = first.max(start);
    }
    if first + history > split.times().len() {
        anyhow::bail!(
            "{}: {} snapshots after the sources have stopped, expected at least {history}, which the rollout starts from; \
             simulate longer (time.duration, time.snapshots)",
            input.display(),
            split.times().len() - first
        );
    }
    let given = split.times().len();
    let steps = steps.unwrap_or_else(|| given.saturating_sub(first + history));
    if steps == 0 {
        anyhow::bail!(
            "{}: has {given} snapshots, nothing is left to predict after the first {}; give --steps N",
            input.display(),
            first + history
        );
    }
    let interval = split
        .times()
        .get(1)
        .zip(split.times().first())
        .map_or(0.0, |(b, a)| b - a);
    let total = first + history + steps;
    let start = split.times().first().copied().unwrap_or(0.0);
    let times: Vec<f64> = (0..total)
        .map(|n| {
            split
                .times()
                .get(n)
                .copied()
                .unwrap_or(start + interval * n as f64)
        })
        .collect();
    let given_words = format!(
        "the first {} snapshots, which are the input's",
        first + history
    );
    let spec = files::predicted_spec(&split, times, &name, &given_words, &surrogate.provenance());
    let mut writer = FileWriter::create(file, &spec, split.len())?;
    let progress = console.progress("predicting", split.len() as u64, "trajectories");
    let mut seconds = 0.0;
    for trajectory in 0..split.len() {
        let known = split.read_snapshots("displacement", trajectory, 0..first + history)?;
        let has_speed = split
            .field_specs()
            .iter()
            .any(|field| field.name == "speed");
        let speed = if has_speed {
            split.read_static("speed", trajectory)?
        } else {
            Array2::zeros((known.dim().1, known.dim().2))
        };
        let clock = Instant::now();
        let predicted = surrogate.rollout(known.slice(s![first.., .., ..]), speed.view(), steps)?;
        seconds += clock.elapsed().as_secs_f64();
        let mut all = Array3::zeros((total, known.dim().1, known.dim().2));
        all.slice_mut(s![..first + history, .., ..]).assign(&known);
        all.slice_mut(s![first + history.., .., ..])
            .assign(&predicted);
        writer.write(
            trajectory,
            &files::predicted_trajectory(&split, trajectory, all)?,
        )?;
        progress.set(trajectory as u64 + 1, "");
    }
    writer.finish()?;
    progress.finish();
    console.say(format!(
        "{}: {} trajectories, {steps} snapshots predicted after the first {}, in {} ({} a step)",
        file.display(),
        split.len(),
        first + history,
        duration(seconds),
        duration(seconds / (steps * split.len()) as f64)
    ));
    let executions = surrogate.measured_executions();
    if !executions.is_empty() {
        console.say(format!(
            "  run in the way that is faster here: {} of {} sizes of layers as dense convolutions; --execution as-written gives the same bits every time",
            executions.iter().filter(|one| LayerExecution::is_dense(one)).count(),
            executions.len(),
        ));
    }
    console.json(&serde_json::json!({
        "file": file.display().to_string(),
        "trajectories": split.len(),
        "given": first + history,
        "steps": steps,
        "seconds": seconds,
        "executions": executions,
    }))
}
