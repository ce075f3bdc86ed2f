//! The record of a run for TensorBoard: `events/events.out.tfevents.fewave`, scalars `train/…` of every update and `valid/…` of every
//! validation.
//!
//! The file is a TFRecord of messages `Event` of TensorFlow's `event.proto` (time, step, values by tag), written here byte by
//! byte since only six fields are needed. Rows are kept in memory and appended before each checkpoint; a resumed run cuts
//! what lies beyond its checkpoint and continues, so that no step is there twice.

mod message;
mod record;

use super::log::{StepReport, io};
use crate::Result;
use crate::checkpoint::{Validation, write_atomically};
use message::{Kind, event, step_of};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Name of the folder in a run's folder.
pub const EVENTS: &str = "events";
/// Its file.
const FILE: &str = "events.out.tfevents.fewave";

/// The record being written.
#[derive(Debug)]
pub(crate) struct Events {
    path: PathBuf,
    pending: Vec<u8>,
}

impl Events {
    /// An empty record in a run's folder; replaces one that is there.
    pub(crate) fn create(run: &Path) -> Result<Self> {
        Self::begin(run, &[])
    }

    /// The record of a run continued after `step`: later events, and one cut short or damaged with all after it, are removed.
    pub(crate) fn resume(run: &Path, step: usize) -> Result<Self> {
        let path = run.join(EVENTS).join(FILE);
        let content = match fs::read(&path) {
            // runs of earlier versions have none
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            content => content.map_err(|source| io(&path, "read", source))?,
        };
        let mut kept = Vec::new();
        for payload in record::payloads(&content) {
            match step_of(payload) {
                Some(at) if (1..=step as u64).contains(&at) => record::push(&mut kept, payload),
                _ => {}
            }
        }
        Self::begin(run, &kept)
    }

    fn begin(run: &Path, kept: &[u8]) -> Result<Self> {
        let folder = run.join(EVENTS);
        fs::create_dir_all(&folder).map_err(|source| io(&folder, "create", source))?;
        let path = folder.join(FILE);
        let mut content = Vec::new();
        record::push(
            &mut content,
            &event(now(), 0, Kind::Version("brain.Event:2")),
        );
        content.extend_from_slice(kept);
        write_atomically(&path, &content)?;
        Ok(Self {
            path,
            pending: Vec::new(),
        })
    }

    /// Adds an update, and its validation if there was one.
    pub(crate) fn push(&mut self, report: &StepReport, validation: Option<&Validation>) {
        let mut scalars = vec![
            ("train/loss", report.loss),
            ("train/learning_rate", report.learning_rate),
            ("train/gradient_norm", report.gradient_norm),
        ];
        if let Some(validation) = validation {
            let mut add = |tag, value: Option<f64>| scalars.extend(value.map(|value| (tag, value)));
            add("valid/one_step/mean", validation.one_step_relative_l2);
            add(
                "valid/one_step/median",
                validation.one_step.map(|s| s.median),
            );
            add("valid/one_step/worst", validation.one_step.map(|s| s.worst));
            add("valid/rollout/mean", Some(validation.rollout_relative_l2));
            add("valid/rollout/median", validation.rollout.map(|s| s.median));
            add("valid/rollout/worst", validation.rollout.map(|s| s.worst));
        }
        let message = event(now(), report.step as u64, Kind::Scalars(&scalars));
        record::push(&mut self.pending, &message);
    }

    /// Appends what has not been written yet.
    pub(crate) fn flush(&mut self) -> Result<()> {
        let written = OpenOptions::new()
            .append(true)
            .open(&self.path)
            .and_then(|mut file| file.write_all(&self.pending));
        written.map_err(|source| io(&self.path, "write", source))?;
        self.pending.clear();
        Ok(())
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |time| time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(step: usize) -> StepReport {
        StepReport {
            step,
            steps: 9,
            epoch: 0.5,
            loss: 0.25 * step as f64,
            learning_rate: 1e-3,
            gradient_norm: 2.0,
            seconds: 1.5,
        }
    }

    fn steps(run: &Path) -> Vec<u64> {
        let content = fs::read(run.join(EVENTS).join(FILE)).unwrap();
        let payloads = record::payloads(&content);
        payloads.map(|payload| step_of(payload).unwrap()).collect()
    }

    #[test]
    fn resuming_repeats_no_step_and_loses_none() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path();
        let mut events = Events::create(run).unwrap();
        for step in 1..=5 {
            events.push(&report(step), None);
        }
        events.flush().unwrap();
        assert_eq!(steps(run), [0, 1, 2, 3, 4, 5]);
        // killed while the sixth was written
        let path = run.join(EVENTS).join(FILE);
        let mut content = fs::read(&path).unwrap();
        content.extend_from_within(content.len() - 40..content.len() - 10);
        fs::write(&path, content).unwrap();
        let mut events = Events::resume(run, 3).unwrap();
        for step in 4..=6 {
            events.push(&report(step), None);
        }
        events.flush().unwrap();
        assert_eq!(steps(run), [0, 1, 2, 3, 4, 5, 6]);
        fs::remove_file(&path).unwrap();
        Events::resume(run, 3).unwrap();
        assert_eq!(steps(run), [0], "runs of earlier versions have no record");
    }
}
