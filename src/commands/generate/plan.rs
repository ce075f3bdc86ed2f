//! Lane groups, and how many of them are in memory at a time.

use fewave_solver::{SimulatorInfo, memory};

use crate::ensemble::PlannedFile;

/// Groups a worker may be ahead of the writer, the one that it runs included.
const AHEAD: usize = 3;

/// A trajectory and its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Job {
    /// Which of the planned files.
    pub(super) file: usize,
    /// Slot in the file, from 0.
    pub(super) slot: usize,
}

/// What is run, and how much of it at a time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    /// All trajectories, file by file. A group is the next [`Plan::lanes`] of them, across the ends of files, so that lanes are
    /// left over in the last one only.
    pub(super) jobs: Vec<Job>,
    /// Trajectories side by side.
    pub(super) lanes: usize,
    /// Threads that run groups.
    pub(super) workers: usize,
    /// Groups that are begun and not yet written, at most.
    pub(super) window: usize,
    /// Estimated memory at most, bytes.
    pub(super) memory_bytes: u64,
}

impl Plan {
    /// Plans the missing files for at most `threads` workers, fewer where memory would not do.
    pub(super) fn new(files: &[PlannedFile], info: &SimulatorInfo, threads: usize) -> Self {
        Self::within(files, info, threads, memory::available())
    }

    fn within(files: &[PlannedFile], info: &SimulatorInfo, threads: usize, available: u64) -> Self {
        let jobs: Vec<Job> = files
            .iter()
            .enumerate()
            .flat_map(|(file, planned)| (0..planned.count).map(move |slot| Job { file, slot }))
            .collect();
        let lanes = info.lanes.max(1);
        let groups = jobs.len().div_ceil(lanes).max(1);
        let window = |workers: usize| groups.min(AHEAD * workers);
        let needed = |workers: usize| {
            let running = info.group_memory_bytes.saturating_mul(workers as u64 - 1);
            let waiting = (window(workers) - workers) as u64;
            info.memory_bytes
                .saturating_add(running)
                .saturating_add(info.recording_memory_bytes.saturating_mul(waiting))
        };
        let mut workers = groups.min(threads).max(1);
        while workers > 1 && needed(workers) > available {
            workers -= 1;
        }
        Self {
            window: window(workers),
            memory_bytes: needed(workers),
            workers,
            lanes,
            jobs,
        }
    }

    /// The trajectories of a group; none beyond the last.
    pub(super) fn group(&self, number: usize) -> &[Job] {
        let end = self.jobs.len();
        let first = number.saturating_mul(self.lanes).min(end);
        &self.jobs[first..(first + self.lanes).min(end)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fewave_datasets::SplitName;
    use std::path::PathBuf;

    fn files(counts: &[usize]) -> Vec<PlannedFile> {
        counts
            .iter()
            .map(|&count| PlannedFile {
                split: SplitName::Train,
                path: PathBuf::new(),
                first: 0,
                count,
            })
            .collect()
    }

    fn info() -> SimulatorInfo {
        SimulatorInfo {
            dofs: 1,
            layer_dofs: 0,
            dt: 1.0,
            steps: 1,
            steps_per_snapshot: 1,
            stable_dt: 1.0,
            memory_bytes: 1000,
            group_memory_bytes: 300,
            recording_memory_bytes: 100,
            lanes: 8,
            grid_x: Vec::new(),
            grid_y: Vec::new(),
            inside: Vec::new(),
            snapshot_times: Vec::new(),
            receiver_times: Vec::new(),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn only_the_last_group_leaves_lanes_over() {
        let plan = Plan::within(&files(&[10, 3, 10]), &info(), 2, u64::MAX);
        let sizes = [0, 1, 2].map(|number| plan.group(number).len());
        assert_eq!(sizes, [8, 8, 7]);
        let all: Vec<Job> = (0..3).flat_map(|n| plan.group(n).to_vec()).collect();
        assert_eq!(all, plan.jobs);
        assert_eq!(plan.jobs[10], Job { file: 1, slot: 0 });
        assert!(plan.group(3).is_empty() && plan.group(usize::MAX).is_empty());
    }

    #[test]
    fn memory_bounds_the_workers() {
        // two run (1000 + 300), four wait for the writer
        let plenty = Plan::within(&files(&[800]), &info(), 2, 1700);
        assert_eq!((plenty.workers, plenty.window), (2, 6));
        assert_eq!(plenty.memory_bytes, 1700);
        let tight = Plan::within(&files(&[800]), &info(), 2, 1699);
        assert_eq!((tight.workers, tight.window), (1, 3));
        assert_eq!(tight.memory_bytes, 1200);
        // no more workers than groups, and nothing waits that does not exist
        let small = Plan::within(&files(&[9]), &info(), 16, u64::MAX);
        assert_eq!((small.workers, small.window), (2, 2));
        assert_eq!(small.memory_bytes, 1300);
    }
}
