//! One file per subcommand.

mod compare;
mod demo;
mod evaluate;
mod generate;
mod init;
mod inspect;
mod predict;
mod simulate;
mod train;
mod validate;

use std::process::ExitCode;

use clap::CommandFactory;

use crate::cli::{Cli, Command};

/// Runs the subcommand.
///
/// # Errors
/// What went wrong, in words for the user.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let global = &cli.global;
    match cli.command {
        Command::Init { kind, output } => init::run(kind, output.as_deref(), global)?,
        Command::Simulate { config, output } => simulate::run(&config, &output, global)?,
        Command::Generate {
            config,
            output,
            shard,
        } => generate::run(&config, &output, shard, global)?,
        Command::Validate { path } => return validate::run(&path, global),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "fewave", &mut std::io::stdout());
        }
        Command::Demo { output } => demo::run(&output, global)?,
        Command::Inspect { path } => inspect::run(&path, global)?,
        Command::Train {
            config,
            output,
            resume,
            device,
        } => {
            train::run(&config, &output, resume, device.as_deref(), global)?;
        }
        Command::Evaluate {
            runs,
            data,
            split,
            output,
        } => evaluate::run(&runs, &data, split, output.as_deref(), global)?,
        Command::Compare {
            runs,
            data,
            split,
            output,
        } => compare::run(&runs, &data, split.into(), &output, global)?,
        Command::Predict {
            run,
            input,
            output,
            steps,
        } => predict::run(&run, &input, &output, steps, global)?,
    }
    Ok(ExitCode::SUCCESS)
}
