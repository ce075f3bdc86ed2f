//! `fewave generate`: an ensemble of FE simulations into a dataset folder.

mod pipeline;
mod plan;
mod profile;

use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use fewave_datasets::{Split, SplitName, Statistics};
use serde::Serialize;
use toml::Table;

use crate::cli::{Global, Shard};
use crate::config::ConfigError;
use crate::config::dataset::DatasetConfig;
use crate::config::document::{Document, differences};
use crate::console::{Console, bytes, duration, grouped, percent};
use crate::ensemble::{self, PlannedFile};
use crate::generation::{self, Generation};
use crate::interrupt;
use crate::output::{self, Contents};
use crate::sample::Sampler;
use pipeline::Ensemble;
use plan::Plan;
use profile::Profile;

/// The configuration as it was generated, in the dataset folder.
pub const CONFIG_FILE: &str = "config.toml";

/// What was done.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Dataset folder.
    pub folder: String,
    /// Trajectories simulated now.
    pub simulated: usize,
    /// Trajectories found done.
    pub found: usize,
    /// Whether all shards are complete.
    pub complete: bool,
    /// Degrees of freedom.
    pub degrees_of_freedom: usize,
    /// Those of absorbing layers.
    pub layer_degrees_of_freedom: usize,
    /// Time step in s.
    pub time_step: f64,
    /// Steps a trajectory.
    pub steps: usize,
    /// Wall time in s.
    pub seconds: f64,
    /// SHA-256 of the configuration.
    pub config_hash: String,
    /// Where the time went.
    pub profile: Profile,
}

/// Runs the command.
pub fn run(
    config: &Path,
    folder: &Path,
    shard: Option<Shard>,
    profile: bool,
    global: &Global,
) -> anyhow::Result<()> {
    let console = Console::new(global);
    let document = Document::read(config, &global.set)?;
    let config = DatasetConfig::from_document(&document, false)?;
    let summary = generate(&config, folder, shard, global.force, &console)?;
    console.say(format!(
        "{}: {} trajectories simulated, {} found done, in {} ({}, {} steps of {:.3e} s each)",
        folder.display(),
        summary.simulated,
        summary.found,
        duration(summary.seconds),
        ensemble::count_dofs(summary.degrees_of_freedom, summary.layer_degrees_of_freedom),
        grouped(summary.steps as u64),
        summary.time_step
    ));
    if summary.simulated > 0 {
        console.say(format!(
            "{} of the threads' time was outside of the time loop",
            percent(summary.profile.outside_time_loop)
        ));
    }
    if profile {
        console.say(summary.profile.table());
    }
    if summary.complete {
        console.say(format!(
            "complete. Next: fewave inspect {0}, fewave train train.toml --set data={0} -o run",
            folder.display()
        ));
    } else {
        console.say("other shards are still missing; stats.yaml appears when the last one is done");
    }
    console.json(&summary)
}

/// Generates what is missing of a dataset.
///
/// # Errors
/// When the folder holds another dataset, a trajectory fails (after finishing the others), or a file cannot be written.
pub fn generate(
    config: &DatasetConfig,
    folder: &Path,
    shard: Option<Shard>,
    force: bool,
    console: &Console,
) -> anyhow::Result<Summary> {
    let start = Instant::now();
    if force && shard.is_some() {
        return Err(ConfigError::Usage(
            "--force with --shard: each shard would remove what the others have done; remove the dataset once, then start the \
             shards without --force"
                .to_owned(),
        )
        .into());
    }
    let _graceful = interrupt::graceful();
    let sampler = Sampler::new(config)?;
    let simulator = ensemble::simulator(config, &sampler)?;
    for warning in &simulator.info().warnings {
        console.warn(warning.to_string());
    }
    let all = ensemble::plan_files(config, folder);
    let mine = ensemble::of_shard(all.clone(), shard);
    let wanted = mine.iter().filter(|file| force || !file.path.exists());
    let wanted: Vec<PlannedFile> = wanted.cloned().collect();
    ensemble::draw_all(config, &sampler, &simulator, &wanted)?;
    claim(config, folder, force)?;
    let (done, missing): (Vec<PlannedFile>, Vec<PlannedFile>) =
        mine.into_iter().partition(|file| file.path.exists());
    let found: usize = done.iter().map(|file| file.count).sum();
    let simulated: usize = missing.iter().map(|file| file.count).sum();
    let info = simulator.info();
    let mut profile = Profile {
        set_up_seconds: start.elapsed().as_secs_f64(),
        ..Profile::default()
    };
    if simulated > 0 {
        let plan = Plan::new(&missing, info, rayon::current_num_threads());
        console.say(format!(
            "{simulated} trajectories to simulate, {} side by side on {} thread{}: at most {} of memory",
            plan.lanes.min(simulated),
            plan.workers,
            if plan.workers == 1 { "" } else { "s" },
            bytes(plan.memory_bytes)
        ));
        let ensemble = Ensemble {
            config,
            sampler: &sampler,
            simulator: &simulator,
            files: &missing,
        };
        pipeline::simulate_files(ensemble, &plan, found, &mut profile, console)?;
    }
    let complete = all.iter().all(|file| file.path.exists());
    // statistics of before stay as they are: another version may round them otherwise, and runs know data by their content
    if complete && (simulated > 0 || !folder.join("stats.yaml").exists()) {
        let start = Instant::now();
        let train = Split::open(folder, SplitName::Train)?;
        Statistics::compute(&train)?.write(folder)?;
        profile.statistics_seconds = start.elapsed().as_secs_f64();
    }
    let seconds = start.elapsed().as_secs_f64();
    if simulated > 0 {
        let run = Generation {
            trajectories: simulated,
            seconds,
            time_loop_seconds: profile.time_loop_seconds(),
            threads: profile.workers.len(),
        };
        if let Err(error) = run.append(folder) {
            // the data are complete without it
            console.warn(format!("{error:#}"));
        }
    }
    Ok(Summary {
        folder: folder.display().to_string(),
        simulated,
        found,
        complete,
        degrees_of_freedom: info.dofs,
        layer_degrees_of_freedom: info.layer_dofs,
        time_step: info.dt,
        steps: info.steps,
        seconds,
        config_hash: config.hash.clone(),
        profile,
    })
}

/// What a dataset folder holds.
const CONTENTS: Contents = Contents {
    what: "a dataset",
    marker: CONFIG_FILE,
    names: &[CONFIG_FILE, "data", "stats.yaml", generation::FILE],
};

/// Makes the folder ours: new, or begun with the same configuration. Several shards may start at the same time.
fn claim(config: &DatasetConfig, folder: &Path, force: bool) -> anyhow::Result<()> {
    let marker = folder.join(CONFIG_FILE);
    let (version, hash) = (env!("CARGO_PKG_VERSION"), &config.hash);
    let text = format!("# fewave {version} hash {hash}\n{}", config.canonical);
    if force {
        output::prepare_folder(folder, &CONTENTS, true)?;
    } else {
        output::join_folder(folder, &CONTENTS)?;
    }
    if !output::write_first(&marker, text.as_bytes())? {
        let old = std::fs::read_to_string(&marker)
            .with_context(|| format!("{}: cannot be read", marker.display()))?;
        let first = old.lines().next().unwrap_or_default();
        if !first.ends_with(&format!("hash {hash}")) {
            return Err(other_configuration(folder, &old, &config.canonical).into());
        }
    }
    for split in SplitName::ALL {
        output::create_folder(&folder.join("data").join(split.as_str()))?;
    }
    Ok(())
}

/// The folder was begun with another configuration.
fn other_configuration(folder: &Path, old: &str, new: &str) -> ConfigError {
    let table = |text: &str| text.parse::<Table>().unwrap_or_default();
    let mut keys = differences(&table(old), &table(new));
    if keys.is_empty() {
        keys.push("the content of a file that it names".to_owned());
    }
    ConfigError::Usage(format!(
        "{}: holds a dataset of another configuration. Differences: {}. Choose another folder with -o, restore these keys to \
         continue it, or replace it with --force",
        folder.display(),
        keys.join("; ")
    ))
}
