//! Where the time of a group of trajectories went.

use std::ops::AddAssign;
use std::time::Duration;

/// Wall time of the thread that ran a group, by what it did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunTimes {
    /// Before and after the loop over time: media and initial states at the nodes, speed on the grid, memory.
    pub preparation: Duration,
    /// Time steps.
    pub steps: Duration,
    /// Within the loop over time: energy, snapshots interpolated per lane, receivers.
    pub observers: Duration,
}

impl AddAssign for RunTimes {
    fn add_assign(&mut self, other: Self) {
        self.preparation += other.preparation;
        self.steps += other.steps;
        self.observers += other.observers;
    }
}
