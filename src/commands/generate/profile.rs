//! Where the time of `generate` went: the table of `--profile`.

use std::time::Duration;

use fewave_solver::RunTimes;
use serde::Serialize;

use crate::console::{self, duration, percent};

/// Wall times, s.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Profile {
    /// Mesh, operators, time step.
    pub set_up_seconds: f64,
    /// From the first trajectory to the last file.
    pub simulate_seconds: f64,
    /// `stats.yaml`.
    pub statistics_seconds: f64,
    /// Threads that run trajectories.
    pub workers: Vec<WorkerTimes>,
    /// The thread that writes, beside them.
    pub writer: WriterTimes,
    /// Share of the workers' busy time that is not in the loop over time.
    pub outside_time_loop: f64,
}

/// What a worker did, s.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct WorkerTimes {
    /// Drawing scenes from the configuration.
    pub drawing_seconds: f64,
    /// Media and initial states on the mesh and the grid, memory.
    pub preparation_seconds: f64,
    /// Loop over time: steps.
    pub steps_seconds: f64,
    /// Loop over time: energy, snapshots, receivers.
    pub observers_seconds: f64,
    /// Waiting until the writer had caught up.
    pub waiting_seconds: f64,
}

/// What the writer and the disk did, s.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct WriterTimes {
    /// Checksums and HDF5, while the next groups ran.
    pub writing_seconds: f64,
    /// Waiting for files to be safe on the disk, on a thread of its own.
    pub syncing_seconds: f64,
    /// Of both, what was left to do after the last group had run.
    pub after_the_last_group_seconds: f64,
}

impl WorkerTimes {
    /// Adds a group.
    pub(super) fn add(&mut self, drawing: Duration, run: RunTimes, waiting: Duration) {
        self.drawing_seconds += drawing.as_secs_f64();
        self.preparation_seconds += run.preparation.as_secs_f64();
        self.steps_seconds += run.steps.as_secs_f64();
        self.observers_seconds += run.observers.as_secs_f64();
        self.waiting_seconds += waiting.as_secs_f64();
    }

    fn time_loop(&self) -> f64 {
        self.steps_seconds + self.observers_seconds
    }

    fn busy(&self) -> f64 {
        self.drawing_seconds + self.preparation_seconds + self.waiting_seconds + self.time_loop()
    }
}

impl Profile {
    /// Computes the share outside of the loop over time.
    pub(super) fn sum_up(&mut self) {
        let busy: f64 = self.workers.iter().map(WorkerTimes::busy).sum();
        let inside: f64 = self.workers.iter().map(WorkerTimes::time_loop).sum();
        self.outside_time_loop = if busy > 0.0 { 1.0 - inside / busy } else { 0.0 };
    }

    /// Time in the loop over time, the mean of the threads, s.
    pub(super) fn time_loop_seconds(&self) -> f64 {
        let inside: f64 = self.workers.iter().map(WorkerTimes::time_loop).sum();
        inside / self.workers.len().max(1) as f64
    }

    /// As text.
    pub(super) fn table(&self) -> String {
        let all: f64 = self.workers.iter().map(WorkerTimes::busy).sum();
        let row = |name: &str, value: &dyn Fn(&WorkerTimes) -> f64| {
            let sum: f64 = self.workers.iter().map(value).sum();
            let mut row = vec![name.to_owned()];
            row.extend(self.workers.iter().map(|worker| duration(value(worker))));
            row.push(percent(if all > 0.0 { sum / all } else { 0.0 }));
            row
        };
        let rows = [
            row("draw scenes", &|w| w.drawing_seconds),
            row("prepare scenes", &|w| w.preparation_seconds),
            row("time loop: steps", &|w| w.steps_seconds),
            row("time loop: observers", &|w| w.observers_seconds),
            row("wait for the writer", &|w| w.waiting_seconds),
        ];
        let names: Vec<String> = (1..=self.workers.len())
            .map(|number| format!("worker {number}"))
            .collect();
        let mut header = vec!["time of"];
        header.extend(names.iter().map(String::as_str));
        header.push("share");
        let writer = &self.writer;
        format!(
            "{}\n  outside of the time loop: {}\n  beside them: writing {}, waiting for the disk {}; {} of it after the last group\n  \
             wall: set-up {}, simulation {}, statistics {}",
            console::table(&header, &rows),
            percent(self.outside_time_loop),
            duration(writer.writing_seconds),
            duration(writer.syncing_seconds),
            duration(writer.after_the_last_group_seconds),
            duration(self.set_up_seconds),
            duration(self.simulate_seconds),
            duration(self.statistics_seconds),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_busy_time() {
        let run = RunTimes {
            preparation: Duration::from_millis(100),
            steps: Duration::from_millis(700),
            observers: Duration::from_millis(100),
        };
        let mut worker = WorkerTimes::default();
        worker.add(Duration::from_millis(60), run, Duration::from_millis(40));
        let mut profile = Profile {
            workers: vec![worker; 2],
            ..Profile::default()
        };
        profile.sum_up();
        assert!((profile.outside_time_loop - 0.2).abs() < 1e-12);
        let table = profile.table();
        let steps = table.lines().find(|line| line.contains("steps")).unwrap();
        assert!(steps.ends_with("70.0 %"), "{table}");
    }
}
