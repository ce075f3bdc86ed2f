//! Sources: where they are and what they emit, so that a file says everything that made its waves.
//!
//! On disk under `fewave/sources`, f32: `position` `(trajectory, source, axis)` in m, `signal` `(trajectory, source, time)`.

use ndarray::{Array2, ArrayView2};

/// Where the datasets are: positions, signals.
pub(crate) const PLACES: [&str; 2] = ["fewave/sources/position", "fewave/sources/signal"];

/// The sources of one trajectory; empty where it has none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sources {
    /// `(source, axis)`, m.
    pub position: Array2<f32>,
    /// The source's force at the snapshot times, amplitude included, `(source, time)`.
    pub signal: Array2<f32>,
}

impl Sources {
    /// Both arrays, in the order of the file.
    pub(crate) fn arrays(&self) -> [ArrayView2<'_, f32>; 2] {
        [self.position.view(), self.signal.view()]
    }
}

/// Shapes of one trajectory's arrays: `(source, axis)` and `(source, time)`; empty without sources.
pub(crate) fn shapes(sources: usize, times: usize) -> [[usize; 2]; 2] {
    match sources {
        0 => [[0, 0]; 2],
        _ => [[sources, 2], [sources, times]],
    }
}
