//! From planned files to finished ones: workers simulate lane groups, one thread writes their results in order.
//!
//! HDF5 serialises its calls, so a single thread writes; the channel between them is bounded, so that finished groups never
//! pile up in memory. Results are written in the order of the plan: the bytes do not depend on who was faster.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use anyhow::bail;
use fewave_datasets::{FileWriter, SplitName, TrajectoryData};
use fewave_solver::{Scene, Simulator};

use crate::config::dataset::DatasetConfig;
use crate::console::Console;
use crate::ensemble::{self, PlannedFile};
use crate::interrupt::{self, Interrupted};
use crate::sample::Sampler;

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
///
/// # Errors
/// When a file cannot be written, when a trajectory failed (after finishing the others), or after Ctrl-C.
pub(super) fn simulate_files(
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
    let work = |sender: &mpsc::SyncSender<Finished>| {
        loop {
            let number = next.fetch_add(1, Ordering::SeqCst);
            let Some(group) = groups.get(number) else {
                return;
            };
            if interrupt::requested() {
                return;
            }
            let split = files[group.file].split;
            let trajectories = run_group(config, sampler, simulator, split, group);
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
    config: &DatasetConfig,
    sampler: &Sampler<'_>,
    simulator: &Simulator,
    split: SplitName,
    group: &Group,
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
    let inside = ensemble::inside(simulator);
    simulator
        .run(&scenes)
        .into_iter()
        .zip(&samples)
        .zip(indices)
        .map(|((recording, sample), index)| {
            recording
                .map(|recording| {
                    let inside = inside.as_ref();
                    ensemble::trajectory_data(config, simulator, inside, index, sample, recording)
                })
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
