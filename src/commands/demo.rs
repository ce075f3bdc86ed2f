//! `fewave demo`: data → dense and one-way training → evaluation → report, small enough for a laptop.

use std::path::Path;
use std::time::Instant;

use fewave_datasets::SplitName;

use super::compare::{Compared, Inputs};
use super::{compare, generate, train};
use crate::cli::{FeArguments, Global};
use crate::comparison;
use crate::config::dataset::DatasetConfig;
use crate::config::document::Document;
use crate::console::{Console, duration};
use crate::device;
use crate::interrupt::Interrupted;
use crate::output::{self, Contents};

const DATASET: &str = include_str!("../../examples/demo/dataset.toml");
const DENSE: &str = include_str!("../../examples/demo/dense.toml");
const ONE_WAY: &str = include_str!("../../examples/demo/one-way.toml");

/// What the demo's folder holds.
const CONTENTS: Contents = Contents {
    what: "a demo",
    marker: "one-way.toml",
    names: &[
        "dataset.toml",
        "dense.toml",
        "one-way.toml",
        "data",
        "runs",
        "report",
    ],
};

/// Runs the command. A demo that was interrupted continues when it is called again with the same options.
pub fn run(folder: &Path, global: &Global) -> anyhow::Result<()> {
    let console = Console::new(global);
    let start = Instant::now();
    // overrides of the trainings begin with their sections; everything else is about the data
    let (training, data): (Vec<String>, Vec<String>) =
        global.set.iter().cloned().partition(|set| {
            ["train.", "network.", "task."]
                .iter()
                .any(|section| set.starts_with(section))
        });
    let mut files = Vec::new();
    for (name, text, sets) in [
        ("dataset", DATASET, &data),
        ("dense", DENSE, &training),
        ("one-way", ONE_WAY, &training),
    ] {
        let document = Document::parse(&format!("{name}.toml"), text, sets, folder.to_path_buf())?;
        let text = if sets.is_empty() {
            text.to_owned()
        } else {
            document.canonical()
        };
        files.push((name, document, text));
    }
    let dataset = DatasetConfig::from_document(&files[0].1, false)?;
    let mut trainings = Vec::new();
    for (name, document, _) in &files[1..] {
        let mut config = train::read(document)?;
        if let Some(device) = &global.device {
            config.train.device.clone_from(device);
        }
        trainings.push((*name, config));
    }
    let same = |name: &str, text: &str| {
        std::fs::read_to_string(folder.join(format!("{name}.toml"))).is_ok_and(|old| old == text)
    };
    let begun = files.iter().all(|(name, _, text)| same(name, text));
    let report = folder.join("report");
    if !begun || report.join("index.html").exists() || global.force {
        output::prepare_folder(folder, &CONTENTS, global.force)?;
    }
    for (name, _, text) in &files {
        output::write_atomically(&folder.join(format!("{name}.toml")), text.as_bytes())?;
    }
    let device = device::or_cpu(global)?;
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
        let resume = run.join("last.safetensors").exists();
        let mode = train::Mode {
            resume,
            ..train::Mode::default()
        };
        train::start(config, &run, mode, name, &console).map_err(|error| {
            if error.is::<Interrupted>() {
                Interrupted("what is done is kept; the same command continues".to_owned()).into()
            } else {
                error
            }
        })?;
        runs.push(run);
    }
    console.say("4/4  evaluation on trajectories that neither has seen, and the report");
    let inputs = Inputs {
        runs: &runs,
        device: &device,
        data: &folder.join("data"),
        split: SplitName::Test,
        arguments: &FeArguments::default(),
        requirements: &[],
        typed: String::new(),
    };
    let Compared { measured, fe } = compare::compare(&inputs, &report, false, &console)?;
    console.say(format!(
        "\nRelative L2 error on the test split (done in {})\n",
        duration(start.elapsed().as_secs_f64())
    ));
    console.say(comparison::terminal_tables(&measured, fe.as_ref()));
    console.say(format!(
        "\nWhere to look next:\n  report   {}\n  configs  {}, {}\n  again    fewave train {} -o runs/longer --set train.steps=3000\n  yours    fewave init dataset",
        report.join("index.html").display(),
        folder.join("dataset.toml").display(),
        folder.join("one-way.toml").display(),
        folder.join("one-way.toml").display(),
    ));
    console.json(&comparison::as_json(&measured, fe.as_ref()))
}
