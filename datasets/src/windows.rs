//! Training samples of a split: every run of `history + horizon` consecutive snapshots of a trajectory.
//!
//! Enumerated in a fixed order, by trajectory, then by first snapshot. No array is stored: a window is found by bisection.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::reader::Split;

/// From where on windows are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WindowStart {
    /// From the first snapshot that is not before the end of the trajectory's sources: afterwards the snapshots alone
    /// determine what follows.
    #[default]
    AfterSource,
    /// From the first snapshot: for networks that are given the source.
    Beginning,
}

/// One sample: snapshots `first .. first + history` are given, the next `horizon` are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Trajectory in the split.
    pub trajectory: usize,
    /// First snapshot.
    pub first: usize,
    /// Number of given snapshots.
    pub history: usize,
    /// Number of snapshots asked for.
    pub horizon: usize,
}

impl Window {
    /// The given snapshots.
    pub fn inputs(&self) -> Range<usize> {
        self.first..self.first + self.history
    }

    /// The snapshots asked for.
    pub fn targets(&self) -> Range<usize> {
        self.first + self.history..self.first + self.history + self.horizon
    }

    /// Both.
    pub fn snapshots(&self) -> Range<usize> {
        self.first..self.first + self.history + self.horizon
    }
}

/// All windows of a split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    history: usize,
    horizon: usize,
    /// First snapshot of each trajectory's first window.
    starts: Vec<usize>,
    /// Number of windows of all trajectories before, and the total at the end.
    offsets: Vec<usize>,
}

impl Windows {
    /// The windows of `history` given and `horizon` asked-for snapshots.
    ///
    /// Trajectories whose source stops too late for a window have none.
    ///
    /// # Errors
    /// [`Error::Input`] for a history or horizon of 0, and where not a single window exists.
    pub fn new(split: &Split, history: usize, horizon: usize, start: WindowStart) -> Result<Self> {
        let length = match history.checked_add(horizon) {
            Some(length) if history > 0 && horizon > 0 => length,
            _ => {
                let found = format!("history {history}, horizon {horizon}");
                return Err(Error::input(
                    "the window",
                    "a history and a horizon of at least 1",
                    found,
                    "raise them",
                ));
            }
        };
        let times = split.times();
        let mut starts = Vec::with_capacity(split.len());
        let mut offsets = vec![0];
        for trajectory in 0..split.len() {
            let first = match start {
                WindowStart::Beginning => 0,
                WindowStart::AfterSource => {
                    let end = split.source_end(trajectory)?;
                    times.partition_point(|time| *time < end)
                }
            };
            starts.push(first);
            let windows = (times.len() + 1).saturating_sub(first + length);
            offsets.push(offsets[trajectory] + windows);
        }
        let windows = Windows {
            history,
            horizon,
            starts,
            offsets,
        };
        if windows.is_empty() {
            let found = format!(
                "{} snapshots, of which too few follow the end of the sources",
                times.len()
            );
            let expected = format!(
                "trajectories with {length} consecutive snapshots ({history} given, {horizon} asked for)"
            );
            let remedy = "generate longer trajectories or shorten the history";
            return Err(Error::input(
                split.path().display().to_string(),
                expected,
                found,
                remedy,
            ));
        }
        Ok(windows)
    }

    /// Number of windows.
    pub fn len(&self) -> usize {
        self.offsets.last().copied().unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Window `number`; `None` from [`Windows::len`] on.
    pub fn get(&self, number: usize) -> Option<Window> {
        if number >= self.len() {
            return None;
        }
        let trajectory = self.offsets.partition_point(|offset| *offset <= number) - 1;
        let first = self.starts[trajectory] + number - self.offsets[trajectory];
        Some(Window {
            trajectory,
            first,
            history: self.history,
            horizon: self.horizon,
        })
    }

    /// All windows, in order.
    pub fn iter(&self) -> impl Iterator<Item = Window> + '_ {
        (0..self.len()).filter_map(|number| self.get(number))
    }

    /// First snapshot from which a trajectory may be rolled out; `None` where no window fits.
    pub fn start(&self, trajectory: usize) -> Option<usize> {
        let windows = self.offsets.get(trajectory + 1)? - self.offsets[trajectory];
        (windows > 0).then(|| self.starts[trajectory])
    }
}
