//! How long a dataset took to generate: `generation.jsonl` beside it, a line a run of `fewave generate`.
//!
//! Apart from the data, whose bytes depend on the configuration alone. Lines are appended as a whole, so that shards may
//! end at the same time; a run that was interrupted leaves none, which is why times are compared a trajectory.

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

/// Wall time a trajectory, s, over all recorded runs of a dataset's folder; none without a record that can be read.
pub fn seconds_per_trajectory(folder: &Path) -> Option<f64> {
    let mut text = String::new();
    let file = File::open(folder.join(FILE)).ok()?;
    file.take(LONGEST).read_to_string(&mut text).ok()?;
    let (mut trajectories, mut seconds) = (0.0, 0.0);
    for line in text.lines() {
        let run: Generation = serde_json::from_str(line).ok()?;
        trajectories += run.trajectories as f64;
        seconds += run.seconds;
    }
    let each: f64 = seconds / trajectories;
    (each.is_finite() && each > 0.0).then_some(each)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_add_up_and_damage_is_no_record() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(seconds_per_trajectory(folder.path()), None);
        for (trajectories, seconds) in [(30, 4.0), (10, 2.0)] {
            let run = Generation {
                trajectories,
                seconds,
                time_loop_seconds: 1.0,
                threads: 2,
            };
            run.append(folder.path()).unwrap();
        }
        assert_eq!(seconds_per_trajectory(folder.path()), Some(0.15));
        for damage in ["", "{\"trajectories\": 1}", "nonsense"] {
            std::fs::write(folder.path().join(FILE), damage).unwrap();
            assert_eq!(seconds_per_trajectory(folder.path()), None, "{damage}");
        }
    }
}
