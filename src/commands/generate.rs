//! `fewave generate`: an ensemble of FE simulations into a dataset folder.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Instant;

use anyhow::{Context, bail};
use fewave_datasets::{FileWriter, Split, SplitName, Statistics, TrajectoryData};
use fewave_solver::{Scene, Simulator};
use serde::Serialize;
use toml::Table;

use crate::cli::{Global, Shard};
use crate::config::ConfigError;
use crate::config::dataset::DatasetConfig;
use crate::config::document::{Document, differences};
use crate::console::{Console, duration, grouped};
use crate::ensemble::{self, PlannedFile};
use crate::interrupt::{self, Interrupted};
use crate::output::{self, Contents};
use crate::sample::Sampler;

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
    /// Time step in s.
    pub time_step: f64,
    /// Steps a trajectory.
    pub steps: usize,
    /// Wall time in s.
    pub seconds: f64,
    /// SHA-256 of the configuration.
    pub config_hash: String,
}

/// Runs the command.
pub fn run(
    config: &Path,
    folder: &Path,
    shard: Option<Shard>,
    global: &Global,
) -> anyhow::Result<()> {
    let console = Console::new(global);
    let document = Document::read(config, &global.set)?;
    let config = DatasetConfig::from_document(&document, false)?;
    let summary = generate(&config, folder, shard, global.force, &console)?;
    console.say(format!(
        "{}: {} trajectories simulated, {} found done, in {} ({} degrees of freedom, {} steps of {:.3e} s each)",
        folder.display(),
        summary.simulated,
        summary.found,
        duration(summary.seconds),
        grouped(summary.degrees_of_freedom as u64),
        grouped(summary.steps as u64),
        summary.time_step
    ));
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
    claim(config, folder, force)?;
    let all = ensemble::plan_files(config, folder);
    let mine = ensemble::of_shard(all.clone(), shard);
    let (done, missing): (Vec<PlannedFile>, Vec<PlannedFile>) =
        mine.into_iter().partition(|file| file.path.exists());
    let found: usize = done.iter().map(|file| file.count).sum();
    let simulated: usize = missing.iter().map(|file| file.count).sum();
    if simulated > 0 {
        simulate_files(config, &sampler, &simulator, &missing, found, console)?;
    }
    let complete = all.iter().all(|file| file.path.exists());
    if complete {
        let train = Split::open(folder, SplitName::Train)?;
        Statistics::compute(&train)?.write(folder)?;
    }
    let info = simulator.info();
    Ok(Summary {
        folder: folder.display().to_string(),
        simulated,
        found,
        complete,
        degrees_of_freedom: info.dofs,
        time_step: info.dt,
        steps: info.steps,
        seconds: start.elapsed().as_secs_f64(),
        config_hash: config.hash.clone(),
    })
}

/// What a dataset folder holds.
const CONTENTS: Contents = Contents {
    what: "a dataset",
    marker: CONFIG_FILE,
    names: &[CONFIG_FILE, "data", "stats.yaml"],
};

/// Makes the folder ours: new, or begun with the same configuration. Several shards may start at the same time.
fn claim(config: &DatasetConfig, folder: &Path, force: bool) -> anyhow::Result<()> {
    let marker = folder.join(CONFIG_FILE);
    let (version, hash) = (env!("CARGO_PKG_VERSION"), &config.hash);
    let text = format!("# fewave {version} hash {hash}\n{}", config.canonical);
    if !marker.is_file() || force {
        output::prepare_folder(folder, &CONTENTS, force)?;
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

/// A lane group: trajectories that run side by side, all of one file.
struct Group {
    file: usize,
    first: u64,
    count: usize,
}

/// What a group became.
struct Finished {
    group: usize,
    trajectories: Vec<Result<TrajectoryData, String>>,
}

/// Simulates the files in order: workers take lane groups, this thread writes their results in order.
fn simulate_files(
    config: &DatasetConfig,
    sampler: &Sampler<'_>,
    simulator: &Simulator,
    files: &[PlannedFile],
    found: usize,
    console: &Console,
) -> anyhow::Result<()> {
    let lanes = simulator.info().lanes.max(1);
    let mut groups = Vec::new();
    for (file, planned) in files.iter().enumerate() {
        for offset in (0..planned.count).step_by(lanes) {
            groups.push(Group {
                file,
                first: planned.first + offset as u64,
                count: lanes.min(planned.count - offset),
            });
        }
    }
    let total = found + files.iter().map(|file| file.count).sum::<usize>();
    let progress = console.progress("simulating", total as u64, "trajectories");
    progress.skip_to(found as u64);

    let next = AtomicUsize::new(0);
    let workers = rayon::current_num_threads().min(groups.len()).max(1);
    // a bounded channel keeps finished groups from piling up in memory
    let (sender, receiver) = mpsc::sync_channel::<Finished>(workers);
    let has_receivers = !config.receivers.points.is_empty();
    let work = |sender: &mpsc::SyncSender<Finished>| {
        loop {
            let number = next.fetch_add(1, Ordering::SeqCst);
            let Some(group) = groups.get(number) else {
                return;
            };
            if interrupt::requested() {
                return;
            }
            let trajectories = run_group(
                sampler,
                simulator,
                files[group.file].split,
                group,
                has_receivers,
            );
            if sender
                .send(Finished {
                    group: number,
                    trajectories,
                })
                .is_err()
            {
                return;
            }
        }
    };
    // this thread writes, so it must not be one of the pool's
    let outcome = rayon::in_place_scope(|scope| {
        // dropped with the first failed write, which lets the workers go
        let receiver = receiver;
        for _ in 0..workers {
            let (sender, work) = (sender.clone(), &work);
            scope.spawn(move |_| work(&sender));
        }
        drop(sender);
        let mut writing = Writing::new(config, sampler, simulator, files, &groups);
        let mut early: BTreeMap<usize, Finished> = BTreeMap::new();
        let mut expected = 0;
        for finished in receiver.iter() {
            early.insert(finished.group, finished);
            while let Some(finished) = early.remove(&expected) {
                writing.write(finished)?;
                expected += 1;
                progress.set((found + writing.done) as u64, "");
            }
        }
        anyhow::Ok(writing)
    })?;
    progress.finish();
    if !outcome.failures.is_empty() {
        bail!(
            "{} of {} trajectories failed, their files were left out and all others finished:\n  {}",
            outcome.failures.len(),
            total - found,
            outcome.failures.join("\n  ")
        );
    }
    if interrupt::requested() {
        return Err(Interrupted(format!(
            "{} of {total} trajectories are complete; the same command continues",
            found + outcome.complete
        ))
        .into());
    }
    Ok(())
}

fn run_group(
    sampler: &Sampler<'_>,
    simulator: &Simulator,
    split: SplitName,
    group: &Group,
    has_receivers: bool,
) -> Vec<Result<TrajectoryData, String>> {
    let indices = group.first..group.first + group.count as u64;
    let samples: Result<Vec<_>, _> = indices
        .clone()
        .map(|index| sampler.sample(split.as_str(), index))
        .collect();
    let samples = match samples {
        Ok(samples) => samples,
        Err(error) => return indices.map(|_| Err(error.to_string())).collect(),
    };
    let scenes: Vec<Scene> = samples.iter().map(|sample| sample.scene.clone()).collect();
    simulator
        .run(&scenes)
        .into_iter()
        .zip(&samples)
        .zip(indices)
        .map(|((recording, sample), index)| {
            recording
                .map(|recording| ensemble::trajectory_data(index, sample, recording, has_receivers))
                .map_err(|error| error.to_string())
        })
        .collect()
}

/// The writer's side: the open file, and what failed.
struct Writing<'a> {
    config: &'a DatasetConfig,
    sampler: &'a Sampler<'a>,
    simulator: &'a Simulator,
    files: &'a [PlannedFile],
    groups: &'a [Group],
    open: Option<FileWriter>,
    /// The file that is left out because one of its trajectories failed.
    skipped: Option<usize>,
    done: usize,
    complete: usize,
    failures: Vec<String>,
}

impl<'a> Writing<'a> {
    fn new(
        config: &'a DatasetConfig,
        sampler: &'a Sampler<'a>,
        simulator: &'a Simulator,
        files: &'a [PlannedFile],
        groups: &'a [Group],
    ) -> Self {
        Self {
            config,
            sampler,
            simulator,
            files,
            groups,
            open: None,
            skipped: None,
            done: 0,
            complete: 0,
            failures: Vec::new(),
        }
    }

    /// Writes one group; groups come in order.
    fn write(&mut self, finished: Finished) -> anyhow::Result<()> {
        let group = &self.groups[finished.group];
        let planned = &self.files[group.file];
        for (offset, trajectory) in finished.trajectories.into_iter().enumerate() {
            let index = group.first + offset as u64;
            let slot = usize::try_from(index - planned.first)?;
            self.done += 1;
            let trajectory = match trajectory {
                Ok(trajectory) => trajectory,
                Err(reason) => {
                    self.failures.push(format!(
                        "{} trajectory {index} (seed {}): {reason}",
                        planned.split, self.config.seed
                    ));
                    self.open = None;
                    self.skipped = Some(group.file);
                    continue;
                }
            };
            if self.skipped == Some(group.file) {
                continue;
            }
            if slot == 0 {
                let sample = self.sampler.sample(planned.split.as_str(), index)?;
                let spec = ensemble::file_spec(
                    self.config,
                    self.simulator,
                    &sample,
                    planned.split,
                    self.config.count_of(planned.split),
                );
                self.open = Some(FileWriter::create(&planned.path, &spec, planned.count)?);
            }
            if let Some(writer) = &mut self.open {
                writer.write(slot, &trajectory)?;
            }
            if slot + 1 == planned.count
                && let Some(writer) = self.open.take()
            {
                writer.finish()?;
                self.complete += planned.count;
            }
        }
        Ok(())
    }
}
