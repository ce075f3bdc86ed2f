//! One file per subcommand.

mod bench;
mod compare;
mod demo;
mod evaluate;
mod export;
mod find_rate;
mod generate;
mod init;
mod inspect;
mod plot;
mod predict;
mod prune;
mod simulate;
mod study;
pub mod train;
mod validate;
mod verify;

use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;
use fewave_datasets::{Split, SplitName};

use bench::LayerChoice;

use crate::cli::{BenchKind, Cli, Command};
use crate::comparison::files::PREDICTED_BY;
use crate::config::ConfigError;
use crate::console;

/// Runs the subcommand.
///
/// # Errors
/// What went wrong, in words for the user.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let global = &cli.global;
    if !global.set.is_empty() && !reads_configuration(&cli.command) {
        return Err(ConfigError::Usage(
            "--set: this command reads no configuration; it works with demo, simulate, generate, train and study".to_owned(),
        )
        .into());
    }
    if global.device.is_some() && !runs_networks(&cli.command) {
        return Err(ConfigError::Usage(
            "--device: this command runs no network; it works with demo, train, study, evaluate, compare, predict and bench layers".to_owned(),
        )
        .into());
    }
    match cli.command {
        Command::Init { kind, output } => init::run(kind, output.as_deref(), global)?,
        Command::Simulate {
            config,
            output,
            vtu,
        } => simulate::run(&config, &output, vtu.as_deref(), global)?,
        Command::Export {
            file,
            trajectory,
            output,
        } => export::run(&file, trajectory, output.as_deref(), global)?,
        Command::Generate {
            config,
            output,
            shard,
            profile,
        } => generate::run(&config, &output, shard, profile, global)?,
        Command::Validate { path } => return validate::run(&path, global),
        Command::Study {
            config,
            output,
            dry_run,
            latency,
        } => return study::run(&config, &output, dry_run, latency, global),

        Command::Plot(arguments) => plot::run(&arguments, global)?,
        Command::Verify { output, full, only } => {
            return verify::run(&output, full, &only, global);
        }
        Command::Bench {
            kind,
            scheme,
            step,
            output,
            quick,
        } => {
            let layers = LayerChoice {
                schemes: scheme,
                steps: step,
            };
            bench::run(kind, &layers, output.as_deref(), quick, global)?;
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "fewave", &mut script);
            console::print(&String::from_utf8_lossy(&script));
        }
        Command::Demo { output } => demo::run(&output, global)?,
        Command::Inspect { path } => inspect::run(&path, global)?,
        Command::Train {
            config,
            output,
            resume,
            find_lr,
            profile,
        } => {
            // only --find-lr goes without
            let output = output.unwrap_or_else(|| "find-lr".into());
            if find_lr {
                find_rate::run(&config, &output, global)?;
            } else {
                train::run(&config, &output, resume, profile, global)?;
            }
        }
        Command::Evaluate {
            runs,
            data,
            split,
            output,
            reference,
        } => evaluate::run(&runs, &data, split, output.as_deref(), reference, global)?,
        Command::Prune(arguments) => prune::run(&arguments, global)?,
        Command::Compare {
            runs,
            data,
            split,
            output,
            fe,
            requirements,
        } => {
            let split = split.into();
            return compare::run(&runs, &data, split, &output, &fe, &requirements, global);
        }
        Command::Predict {
            run,
            input,
            output,
            steps,
            execution,
            extrapolate,
        } => {
            let execution = execution.into();
            predict::run(&run, &input, &output, steps, execution, extrapolate, global)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn reads_configuration(command: &Command) -> bool {
    matches!(
        command,
        Command::Demo { .. }
            | Command::Simulate { .. }
            | Command::Generate { .. }
            | Command::Train { .. }
            | Command::Study { .. }
    )
}

fn runs_networks(command: &Command) -> bool {
    matches!(
        command,
        Command::Demo { .. }
            | Command::Train { .. }
            | Command::Study { .. }
            | Command::Evaluate { .. }
            | Command::Compare { .. }
            | Command::Predict { .. }
            | Command::Bench {
                kind: BenchKind::Layers,
                ..
            }
    )
}

/// Opens a split of FE solutions to learn from or to compare with.
///
/// # Errors
/// When it cannot be read, or holds predictions of a surrogate.
pub fn open_reference(data: &Path, split: SplitName) -> anyhow::Result<Split> {
    let opened = Split::open(data, split)?;
    if let Some(label) = opened.provenance().extra.get(PREDICTED_BY) {
        anyhow::bail!(
            "{}: the {split} split holds predictions of the surrogate {label}, expected FE solutions; predictions belong \
             outside of a dataset, generate the split again",
            data.display()
        );
    }
    Ok(opened)
}
