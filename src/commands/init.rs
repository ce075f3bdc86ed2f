//! `fewave init`: commented starting configurations; the same files as under `examples/`.

use std::path::Path;

use crate::cli::{Global, InitKind};
use crate::console::Console;
use crate::output;

/// `examples/dataset.toml`.
pub const DATASET: &str = include_str!("../../examples/dataset.toml");
/// `examples/train.toml`.
pub const TRAIN: &str = include_str!("../../examples/train.toml");

/// Runs the command.
pub fn run(kind: InitKind, file: Option<&Path>, global: &Global) -> anyhow::Result<()> {
    let console = Console::new(global);
    let (text, name, next) = match kind {
        InitKind::Dataset => (DATASET, "dataset.toml", "fewave generate FILE -o data"),
        InitKind::Train => (TRAIN, "train.toml", "fewave train FILE -o run"),
    };
    let file = file.unwrap_or(Path::new(name));
    output::prepare_file(file, global.force)?;
    output::write_atomically(file, text.as_bytes())?;
    let shown = file.display().to_string();
    console.say(format!(
        "{shown}: written. Next: {}",
        next.replace("FILE", &shown)
    ));
    console.json(&serde_json::json!({ "file": shown }))
}
