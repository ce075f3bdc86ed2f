//! The writer's side: the open file, complete ones on their way to the disk, and what failed.

use std::sync::mpsc::Sender;

use anyhow::bail;
use fewave_datasets::{ClosedFile, FileWriter, TrajectoryData};
use fewave_solver::Simulator;

use super::super::plan::Job;
use super::Finished;
use crate::config::dataset::DatasetConfig;
use crate::ensemble::{self, PlannedFile};
use crate::sample::Sampler;

/// A complete file, and its number of trajectories.
pub(super) type Complete = (ClosedFile, usize);

/// Writes groups in order.
pub(super) struct Writing<'a> {
    config: &'a DatasetConfig,
    sampler: &'a Sampler<'a>,
    simulator: &'a Simulator,
    files: &'a [PlannedFile],
    publisher: Sender<Complete>,
    open: Option<FileWriter>,
    /// The file that is left out because one of its trajectories failed.
    skipped: Option<usize>,
    /// Trajectories dealt with.
    pub(super) done: usize,
    /// What went wrong, a line a trajectory.
    pub(super) failures: Vec<String>,
}

impl<'a> Writing<'a> {
    /// Sends complete files to `publisher`.
    pub(super) fn new(
        config: &'a DatasetConfig,
        sampler: &'a Sampler<'a>,
        simulator: &'a Simulator,
        files: &'a [PlannedFile],
        publisher: Sender<Complete>,
    ) -> Self {
        Self {
            config,
            sampler,
            simulator,
            files,
            publisher,
            open: None,
            skipped: None,
            done: 0,
            failures: Vec::new(),
        }
    }

    /// Writes one group; groups come in order.
    ///
    /// # Errors
    /// Where a file cannot be written. A failed trajectory is none: its file is left out.
    pub(super) fn write(&mut self, jobs: &[Job], finished: Finished) -> anyhow::Result<()> {
        for (job, trajectory) in jobs.iter().zip(finished.trajectories) {
            self.done += 1;
            match trajectory {
                Ok(trajectory) if self.skipped != Some(job.file) => {
                    self.store(*job, &trajectory)?
                }
                Ok(_) => {}
                Err(reason) => {
                    let planned = &self.files[job.file];
                    self.failures.push(format!(
                        "{} trajectory {} (seed {}): {reason}",
                        planned.split,
                        planned.first + job.slot as u64,
                        self.config.seed
                    ));
                    self.open = None;
                    self.skipped = Some(job.file);
                }
            }
        }
        Ok(())
    }

    fn store(&mut self, job: Job, trajectory: &TrajectoryData) -> anyhow::Result<()> {
        let planned = &self.files[job.file];
        if job.slot == 0 {
            let sample = self
                .sampler
                .sample(planned.split.as_str(), trajectory.index)?;
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
            writer.write(job.slot, trajectory)?;
        }
        if job.slot + 1 == planned.count
            && let Some(writer) = self.open.take()
        {
            let complete = (writer.close()?, planned.count);
            if self.publisher.send(complete).is_err() {
                bail!("complete files cannot be published");
            }
        }
        Ok(())
    }
}
