//! How long a dataset took to generate: `generation.jsonl` beside it, a line a run of `fewave generate`.
//!
//! Apart from the data, whose bytes depend on the configuration alone. Lines are appended, so that shards may end at the same time;
//! a run that was interrupted leaves none, and what cannot be read is no record.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

/// The file's name inside a dataset's folder.
pub const FILE: &str = "generation.jsonl";
/// Longest record that is read, bytes.
const LONGEST: u64 = 1 << 24;

/// What one run did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Generation {
    /// Trajectories simulated.
    pub trajectories: usize,
    /// Wall time from the start to the last file, s.
    pub seconds: f64,
    /// The part of it in the loop over time, the mean of its threads, s.
    pub time_loop_seconds: f64,
    /// Threads that ran trajectories.
    pub threads: usize,
}

impl Generation {
    /// Adds a line to the record of a dataset's folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn append(&self, folder: &Path) -> anyhow::Result<()> {
        let path = folder.join(FILE);
        let line = serde_json::to_string(self)? + "\n";
        let mut options = OpenOptions::new();
        let file = options.append(true).create(true).open(&path);
        file.and_then(|mut file| file.write_all(line.as_bytes()))
            .with_context(|| {
                let path = path.display();
                format!("{path}: cannot be written; check space and permissions")
            })
    }
}

/// What all recorded runs of a dataset's folder did together, or those of shards; none without a record that can be read.
pub fn recorded(folder: &Path) -> Option<Generation> {
    let mut text = String::new();
    let file = File::open(folder.join(FILE)).ok()?;
    file.take(LONGEST).read_to_string(&mut text).ok()?;
    let mut lines = text.lines().map(serde_json::from_str::<Generation>);
    let mut all = lines.next()?.ok()?;
    for run in lines {
        let run = run.ok()?;
        all.trajectories = all.trajectories.checked_add(run.trajectories)?;
        all.seconds += run.seconds;
        all.time_loop_seconds += run.time_loop_seconds;
        all.threads = all.threads.max(run.threads);
    }
    (all.seconds.is_finite() && all.seconds > 0.0).then_some(all)
}

impl Generation {
    /// Wall time a trajectory, s, if at least so many are on record: few of many, after runs that left no line, say little.
    pub fn seconds_each(&self, least: usize) -> Option<f64> {
        (self.trajectories > 0 && self.trajectories >= least)
            .then(|| self.seconds / self.trajectories as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_add_up_and_damage_is_no_record() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(recorded(folder.path()), None);
        for (trajectories, seconds) in [(30, 4.0), (10, 2.0)] {
            let run = Generation {
                trajectories,
                seconds,
                time_loop_seconds: 1.0,
                threads: 2,
            };
            run.append(folder.path()).unwrap();
        }
        let all = recorded(folder.path()).unwrap();
        assert_eq!((all.trajectories, all.seconds), (40, 6.0));
        assert_eq!(all.seconds_each(40), Some(0.15));
        assert_eq!(all.seconds_each(41), None, "some left no line");
        for damage in ["", "{\"trajectories\": 1}", "nonsense"] {
            std::fs::write(folder.path().join(FILE), damage).unwrap();
            assert_eq!(recorded(folder.path()), None, "{damage}");
        }
    }
}
