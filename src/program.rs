//! The program from its command line to its exit code.

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::config::ConfigError;
use crate::interrupt::Interrupted;
use crate::{allocator, commands, console, interrupt};

#[global_allocator]
static ALLOCATOR: allocator::Counting = allocator::Counting;

/// The work failed, or a check found something.
const FAILED: u8 = 1;
/// Wrong usage or configuration.
const MISUSED: u8 = 2;

/// Reads the command line, does what it says, and tells the exit code.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match start(&cli).and_then(|()| commands::run(cli)) {
        Ok(_) if !console::written() => {
            eprintln!("error: standard output could not be written; check the space where it goes");
            ExitCode::from(FAILED)
        }
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", describe(&error));
            if error.downcast_ref::<Interrupted>().is_some() {
                ExitCode::from(interrupt::EXIT_CODE)
            } else if error.chain().any(is_misuse) {
                ExitCode::from(MISUSED)
            } else {
                ExitCode::from(FAILED)
            }
        }
    }
}

fn start(cli: &Cli) -> anyhow::Result<()> {
    allocator::keep_freed_memory();
    // candle's own pool spins at a barrier whenever it adds two gradients, beside the thread pool that does the work
    if std::env::var_os("CANDLE_NUM_THREADS").is_none() {
        // SAFETY: the program has a single thread at this point, so nothing reads the environment meanwhile
        unsafe { std::env::set_var("CANDLE_NUM_THREADS", "1") };
    }
    if let Some(threads) = cli.global.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(usize::from(threads))
            .build_global()?;
    }
    interrupt::install()?;
    Ok(())
}

/// Messages of the libraries that concern what the user wrote rather than what happened.
fn is_misuse(error: &(dyn std::error::Error + 'static)) -> bool {
    use fewave_solver::SolverError;
    use fewave_surrogate::SurrogateError;
    error.is::<ConfigError>()
        || matches!(
            error.downcast_ref::<SolverError>(),
            Some(
                SolverError::InvalidParameter { .. }
                    | SolverError::UnknownBoundaryGroup { .. }
                    | SolverError::UnstableTimeStep { .. }
                    | SolverError::TooLarge { .. }
                    | SolverError::OutsideMesh { .. }
            )
        )
        || matches!(
            error.downcast_ref::<SurrogateError>(),
            Some(SurrogateError::Setting { .. } | SurrogateError::Resume { .. })
        )
}

/// The chain of causes on one line, without repeating what a cause already says.
fn describe(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}
