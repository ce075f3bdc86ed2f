//! The record of a run: `log.csv`, one row per update, validation columns filled where it was validated.
//!
//! Rows are kept in memory and appended before each checkpoint, so that every step of a checkpoint is on disk; a resumed
//! run cuts what lies beyond its checkpoint and continues.

use crate::checkpoint::{Validation, write_atomically};
use crate::{Result, SurrogateError};
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Name of the record in a run's folder.
pub const LOG: &str = "log.csv";

const HEADER: &str = "step,epoch,loss,learning_rate,gradient_norm,seconds,valid_one_step_relative_l2,valid_rollout_relative_l2,\
valid_one_step_median,valid_one_step_worst,valid_rollout_median,valid_rollout_worst\n";

/// The record being written.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    pending: String,
}

/// One update.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Updates made, this one included.
    pub step: usize,
    /// Updates of the whole run.
    pub steps: usize,
    /// Passes over the training windows so far.
    pub epoch: f64,
    /// Loss of the batch, before the update.
    pub loss: f64,
    /// Learning rate of the update.
    pub learning_rate: f64,
    /// Global norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// Wall time of training so far, s.
    pub seconds: f64,
}

impl Log {
    /// An empty record in a run's folder; replaces one that is there.
    pub(crate) fn create(run: &Path) -> Result<Self> {
        let path = run.join(LOG);
        write_atomically(&path, HEADER.as_bytes())?;
        Ok(Self {
            path,
            pending: String::new(),
        })
    }

    /// The record of a run continued after `step`: later rows, and a row cut short, are removed.
    pub(crate) fn resume(run: &Path, step: usize) -> Result<Self> {
        let path = run.join(LOG);
        let text = fs::read_to_string(&path).map_err(|source| io(&path, "read", source))?;
        let mut kept = HEADER.to_owned();
        for line in text.split_inclusive('\n').skip(1) {
            let number = line
                .split(',')
                .next()
                .and_then(|field| field.parse::<usize>().ok());
            if !line.ends_with('\n') || number.is_none_or(|number| number > step) {
                break;
            }
            // rows of versions that wrote fewer columns are filled up
            let (columns, there) = (HEADER.matches(',').count(), line.matches(',').count());
            kept.push_str(line.trim_end());
            kept.push_str(&",".repeat(columns.saturating_sub(there)));
            kept.push('\n');
        }
        write_atomically(&path, kept.as_bytes())?;
        Ok(Self {
            path,
            pending: String::new(),
        })
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, report: &StepReport, validation: Option<&Validation>) {
        let StepReport {
            step,
            epoch,
            loss,
            learning_rate,
            gradient_norm,
            seconds,
            ..
        } = report;
        // Writing to a string cannot fail.
        let _ = write!(
            self.pending,
            "{step},{epoch:.4},{loss:e},{learning_rate:e},{gradient_norm:e},{seconds:.3},"
        );
        let figure = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:e}"));
        let figures = [
            validation.and_then(|v| v.one_step_relative_l2),
            validation.map(|v| v.rollout_relative_l2),
            validation.and_then(|v| v.one_step).map(|s| s.median),
            validation.and_then(|v| v.one_step).map(|s| s.worst),
            validation.and_then(|v| v.rollout).map(|s| s.median),
            validation.and_then(|v| v.rollout).map(|s| s.worst),
        ];
        let _ = writeln!(self.pending, "{}", figures.map(figure).join(","));
    }

    /// Appends what has not been written yet.
    pub(crate) fn flush(&mut self) -> Result<()> {
        let written = OpenOptions::new()
            .append(true)
            .open(&self.path)
            .and_then(|mut file| {
                file.write_all(self.pending.as_bytes())?;
                file.sync_all()
            });
        written.map_err(|source| io(&self.path, "write", source))?;
        self.pending.clear();
        Ok(())
    }
}

/// An error at one of a run's records.
pub(super) fn io(path: &Path, action: &'static str, source: std::io::Error) -> SurrogateError {
    SurrogateError::Io {
        path: path.to_owned(),
        action,
        source,
        remedy: "check the run's folder, its permissions and the free space".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Spread;
    use crate::train::selection::Select;

    fn report(step: usize) -> StepReport {
        StepReport {
            step,
            steps: 9,
            epoch: 0.5,
            loss: 0.25,
            learning_rate: 1e-3,
            gradient_norm: 2.0,
            seconds: 1.5,
        }
    }

    #[test]
    fn resuming_cuts_what_lies_beyond_the_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::create(folder.path()).unwrap();
        let validation = Validation {
            step: 2,
            one_step_relative_l2: Some(0.5),
            rollout_relative_l2: 0.75,
            rollout_steps: 20,
            one_step: Some(Spread {
                median: 0.5,
                worst: 1.0,
            }),
            rollout: None,
            select: Select::OneStep,
        };
        for step in 1..=4 {
            log.push(&report(step), (step == 2).then_some(&validation));
        }
        log.flush().unwrap();
        let path = folder.path().join(LOG);
        let mut text = fs::read_to_string(&path).unwrap();
        assert_eq!(
            text.lines().nth(2).unwrap(),
            "2,0.5000,2.5e-1,1e-3,2e0,1.500,5e-1,7.5e-1,5e-1,1e0,,"
        );
        text.push_str("5,0.5,2.5e");
        fs::write(&path, text).unwrap();
        let mut log = Log::resume(folder.path(), 2).unwrap();
        log.push(&report(3), None);
        log.flush().unwrap();
        let steps: Vec<String> = fs::read_to_string(&path)
            .unwrap()
            .lines()
            .skip(1)
            .map(|line| line.split(',').next().unwrap().to_owned())
            .collect();
        assert_eq!(steps, ["1", "2", "3"]);
    }

    #[test]
    fn rows_of_an_older_version_get_the_columns_that_they_lack() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LOG);
        fs::write(&path, "step,epoch,loss\n1,0.5,2e0,1e-3,2e0,1.5,,\n").unwrap();
        Log::resume(folder.path(), 1).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let row = text.strip_prefix(HEADER).unwrap();
        assert_eq!(row, "1,0.5,2e0,1e-3,2e0,1.5,,,,,,\n");
    }
}
