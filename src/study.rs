//! Studies: many trainings over a grid or a list of settings, run in order of cost, measured alike and drawn together.
//!
//! A study file gives a base configuration and what varies; [`plan`] makes ordinary training configurations of it. Every run
//! has a folder as `fewave train` would leave it and a [`record`] of its results, by which it is recognised when the study is
//! called again: what is finished is kept, what was begun is continued.

pub mod errors;
pub mod execute;
pub mod figures;
mod grid;
pub mod latency;
mod naming;
pub mod plan;
pub mod record;
mod selection;
pub mod summary;

use std::path::{Path, PathBuf};

use fewave_surrogate::TrainConfig;

use crate::output::Contents;
use selection::Select;

/// A study, checked: nothing in it can fail for a mistake in the file.
#[derive(Debug)]
pub struct Study {
    /// All runs, in the order of the file.
    pub runs: Vec<PlannedRun>,
    /// Dotted keys that the file varies, sorted.
    pub varied: Vec<String>,
    /// How runs are chosen among those of one network.
    select: Select,
}

/// One training of a study.
#[derive(Debug, Clone)]
pub struct PlannedRun {
    /// Its own name, also that of its folder.
    pub name: String,
    /// Its name in figures, shared by the runs of one curve; by default that of its scheme.
    pub series: Option<String>,
    /// What is trained.
    pub config: TrainConfig,
    /// The values of [`Study::varied`] in it, as text; empty where the configuration does not say.
    pub values: Vec<String>,
    /// The run whose trained kernels it starts from, by its place in [`Study::runs`].
    pub project_from: Option<usize>,
}

/// Where a study keeps its files.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

/// What a study's folder holds.
pub const CONTENTS: Contents = Contents {
    what: "a study",
    marker: "study.toml",
    names: &[
        "study.toml",
        "runs",
        "records",
        "summary.csv",
        "baselines.csv",
        "figures",
    ],
};

impl Folder {
    /// A study's files below `path`.
    pub fn new(path: &Path) -> Self {
        Self(path.to_path_buf())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A run's folder.
    pub fn run(&self, name: &str) -> PathBuf {
        self.0.join("runs").join(name)
    }

    /// The file with a run's results.
    pub fn record(&self, name: &str) -> PathBuf {
        self.0.join("records").join(format!("{name}.json"))
    }
}
