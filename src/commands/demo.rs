//! `fewave demo`: data → dense and one-way training → evaluation → report, small enough for a laptop.

use std::path::Path;
use std::time::Instant;

use fewave_datasets::SplitName;

use super::{compare, generate, train};
use crate::cli::Global;
use crate::comparison;
use crate::config::dataset::DatasetConfig;
use crate::config::document::Document;
use crate::console::{Console, duration};
use crate::output;

const DATASET: &str = include_str!("../../examples/demo/dataset.toml");
const DENSE: &str = include_str!("../../examples/demo/dense.toml");
const ONE_WAY: &str = include_str!("../../examples/demo/one-way.toml");

/// Runs the command.
pub fn run(folder: &Path, global: &Global) -> anyhow::Result<()> {
    let console = Console::new(global);
    let start = Instant::now();
    output::prepare_folder(folder, global.force)?;
    for (name, text) in [
        ("dataset.toml", DATASET),
        ("dense.toml", DENSE),
        ("one-way.toml", ONE_WAY),
    ] {
        output::write_atomically(&folder.join(name), text.as_bytes())?;
    }
    // overrides of the trainings begin with their sections; everything else is about the data
    let (training, data): (Vec<String>, Vec<String>) =
        global.set.iter().cloned().partition(|set| {
            ["train.", "network.", "task."]
                .iter()
                .any(|section| set.starts_with(section))
        });

    let dataset =
        DatasetConfig::from_document(&Document::read(&folder.join("dataset.toml"), &data)?, false)?;
    let mut trainings = Vec::new();
    for name in ["dense", "one-way"] {
        trainings.push((
            name,
            train::read(&Document::read(
                &folder.join(format!("{name}.toml")),
                &training,
            )?)?,
        ));
    }
    console.say(format!(
        "1/4  data: {} trajectories of the 2-D wave equation in random media",
        dataset.count.iter().sum::<usize>()
    ));
    let summary = generate::generate(&dataset, &folder.join("data"), None, false, &console)?;
    console.say(format!(
        "     {} in {}",
        folder.join("data").display(),
        duration(summary.seconds)
    ));
    let mut runs = Vec::new();
    for (number, (name, config)) in trainings.iter().enumerate() {
        console.say(format!("{}/4  training {name}", number + 2));
        let run = folder.join("runs").join(name);
        train::start(config, &run, false, false, name, &console)?;
        runs.push(run);
    }
    console.say("4/4  evaluation on trajectories that neither has seen, and the report");
    let report = folder.join("report");
    output::prepare_folder(&report, false)?;
    let measured = compare::compare(
        &runs,
        &folder.join("data"),
        SplitName::Test,
        &report,
        &console,
    )?;
    console.say(format!(
        "\nRelative L2 error on the test split (done in {})\n",
        duration(start.elapsed().as_secs_f64())
    ));
    console.say(comparison::terminal_tables(&measured));
    console.say(format!(
        "\nWhere to look next:\n  report   {}\n  configs  {}, {}\n  again    fewave train {} -o runs/longer --set train.steps=3000\n  yours    fewave init dataset",
        report.join("index.html").display(),
        folder.join("dataset.toml").display(),
        folder.join("one-way.toml").display(),
        folder.join("one-way.toml").display(),
    ));
    console.json(&comparison::as_json(&measured))
}
