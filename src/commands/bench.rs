//! `fewave bench`: how fast the kernels are on the machine at hand.

mod layers;
mod solver;

use std::path::Path;

use serde::Serialize;

use crate::cli::{BenchKind, Global, SchemeArgument};
use crate::config::ConfigError;
use crate::console::Console;
use crate::device;
use crate::output;

/// Which of the cases of `bench layers` are wanted.
#[derive(Debug)]
pub struct LayerChoice {
    /// Layers of these schemes only; all, if there are none.
    pub schemes: Vec<SchemeArgument>,
    /// Training steps instead of layers.
    pub steps: bool,
}

/// Runs the command.
pub fn run(
    kind: BenchKind,
    layers: &LayerChoice,
    file: Option<&Path>,
    quick: bool,
    global: &Global,
) -> anyhow::Result<()> {
    if kind == BenchKind::Solver && (layers.steps || !layers.schemes.is_empty()) {
        return Err(ConfigError::Usage(
            "bench solver: --scheme and --step are for surrogates; use them with `fewave bench layers`".into(),
        )
        .into());
    }
    let console = Console::new(global);
    let device = device::or_cpu(global)?;
    if let Some(file) = file {
        output::prepare_file(file, global.force)?;
    }
    match kind {
        BenchKind::Solver => solver::run(file, quick, &console),
        BenchKind::Layers => layers::run(layers, &device, file, quick, &console),
    }
}

/// Writes the rows as CSV, if a file is wanted.
fn write(rows: &[impl Serialize], file: Option<&Path>, console: &Console) -> anyhow::Result<()> {
    let Some(file) = file else { return Ok(()) };
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row)?;
    }
    output::write_atomically(file, &writer.into_inner()?)?;
    console.say(format!("{}: written", file.display()));
    Ok(())
}

fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}
