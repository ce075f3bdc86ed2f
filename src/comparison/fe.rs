//! The FE solver beside the surrogates: the scenes of a split solved again with other meshes, orders and time steps.
//!
//! - [`coarse`]: a baseline with one parameter, the cells per side;
//! - [`budget`]: the error of the reference itself;
//! - [`search`], [`worth`]: the coarsest discretisation that is as good as a surrogate, and what that says of its speed.

pub mod budget;
pub mod coarse;
pub mod discretisation;
pub mod search;
pub mod timing;
pub mod worth;

use std::path::PathBuf;

use anyhow::Context;
use fewave_datasets::{Split, SplitName};
use fewave_solver::Simulator;
use fewave_surrogate::evaluate::{Baseline, Judge};
use ndarray::Array3;
use rayon::prelude::*;

use super::Measured;
use crate::config::dataset::DatasetConfig;
use crate::config::document::Document;
use crate::console::Console;
use crate::ensemble;
use crate::generation::Generation;
use crate::sample::Sampler;
use budget::Budget;
use discretisation::Discretisation;
use timing::FeTime;
use worth::Worth;

/// What of the FE solver is shown beside the surrogates.
#[derive(Debug, Clone, Copy)]
pub struct FeOptions {
    /// Trajectories that the reference's own error is estimated from; 0 for none.
    pub budget_trajectories: usize,
    /// Time that the search for equal errors may take, s; none to leave it and all timing out.
    pub search_seconds: Option<f64>,
    /// What generating the data took, where it was recorded.
    pub generation: Option<Generation>,
}

/// What FE says about the reference and the surrogates.
#[derive(Debug, Clone)]
pub struct Assessment {
    /// The coarse FE of the baseline, in words; none where there is none.
    pub coarse: Option<String>,
    /// The reference's own error beside each run's; none where it was not estimated.
    pub budget: Option<Budget>,
    /// Times with the data's own discretisation, where asked for.
    pub own: Option<FeTime>,
    /// What each run is worth, where asked for; none for a run without times.
    pub worth: Vec<Option<Worth>>,
}

/// The FE solver on the scenes of a split.
#[derive(Debug)]
pub struct Fe<'a> {
    config: &'a DatasetConfig,
    split: &'a Split,
    sampler: Sampler<'a>,
}

/// The configuration that a split was generated with.
///
/// # Errors
/// When it names a file that is not there any more or has another content, or is of another version.
pub fn config(split: &Split) -> anyhow::Result<DatasetConfig> {
    let document = Document::parse(
        "the data's configuration",
        &split.provenance().config,
        &[],
        PathBuf::new(),
    )?;
    let config = DatasetConfig::from_document(&document, true)?;
    // the hash covers the content of files that the configuration names, so FE solves the problem of the data
    anyhow::ensure!(
        config.hash == split.provenance().config_hash,
        "its SHA-256 is {} here and {} in the data: a file that it names has another content, or the data were made by another version; \
         run where the files of the data are",
        config.hash,
        split.provenance().config_hash
    );
    Ok(config)
}

impl<'a> Fe<'a> {
    /// The solver of a split's configuration.
    ///
    /// # Errors
    /// When the model of a file medium cannot be read.
    pub fn new(config: &'a DatasetConfig, split: &'a Split) -> anyhow::Result<Self> {
        Ok(Self {
            config,
            split,
            sampler: Sampler::new(config)?,
        })
    }

    /// The configuration of the data.
    pub fn config(&self) -> &DatasetConfig {
        self.config
    }

    /// Mesh, operators and time step of a discretisation.
    ///
    /// # Errors
    /// What the solver finds wrong with it.
    pub fn build(&self, discretisation: &Discretisation) -> anyhow::Result<Simulator> {
        ensemble::simulator(&discretisation.apply(self.config), &self.sampler)
    }

    /// The scene of the trajectory at a position of the split.
    fn scene(&self, position: usize) -> anyhow::Result<fewave_solver::Scene> {
        let name = self.split.provenance().split.as_str();
        Ok(self
            .sampler
            .sample(name, self.split.index(position)?)?
            .scene)
    }

    /// Solves trajectories, as many at once as there are threads and lanes; `take` is given each one's snapshots `(time, x, y)` in
    /// order.
    ///
    /// # Errors
    /// When a scene cannot be solved, and errors of `take`.
    pub fn solve(
        &self,
        simulator: &Simulator,
        positions: &[usize],
        take: &mut dyn FnMut(usize, Array3<f32>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let threads = rayon::current_num_threads();
        let lanes = positions
            .len()
            .div_ceil(threads)
            .clamp(1, simulator.info().lanes);
        for round in positions.chunks(threads * lanes) {
            let solved: Vec<Vec<anyhow::Result<Array3<f32>>>> = round
                .par_chunks(lanes)
                .map(|group| {
                    let scenes: anyhow::Result<Vec<_>> =
                        group.iter().map(|position| self.scene(*position)).collect();
                    match scenes {
                        Ok(scenes) => simulator
                            .run(&scenes)
                            .into_iter()
                            .map(|recording| Ok(recording?.snapshots))
                            .collect(),
                        Err(error) => vec![Err(error)],
                    }
                })
                .collect();
            for (position, snapshots) in round.iter().zip(solved.into_iter().flatten()) {
                take(*position, snapshots?)?;
            }
        }
        Ok(())
    }
}

/// Puts FE beside the surrogates: adds the coarse baseline to every run, estimates the reference's own error, and searches what
/// is as good as each run. What cannot be done is left out with a warning.
///
/// # Errors
/// When the data cannot be read.
pub fn assess(
    measured: &mut [Measured],
    split: &Split,
    options: FeOptions,
    console: &Console,
) -> anyhow::Result<Option<Assessment>> {
    let config = match config(split) {
        Ok(config) => config,
        Err(error) => {
            console.warn(format!(
                "FE is left out of the comparison: the data's configuration cannot be run again here: {error:#}"
            ));
            return Ok(None);
        }
    };
    let fe = Fe::new(&config, split)?;
    let progress = console.progress("FE again", 3, "parts");
    let judges = measured
        .iter()
        .map(|item| Judge::new(&item.surrogate, split, &item.evaluation))
        .collect::<Result<Vec<_>, _>>()?;
    let left_out = |what: &str, error: anyhow::Error| {
        progress.suspend(|| console.warn(format!("{what} is left out: {error:#}")));
    };
    let mut baselines: Vec<Option<Baseline>> = vec![None; judges.len()];
    let mut coarse = None;
    match coarse::run(&fe, &judges) {
        Ok(Some((words, found))) => {
            coarse = Some(words);
            baselines = found;
        }
        Ok(None) => {}
        Err(error) => left_out("coarse FE", error),
    }
    progress.set(1, "");
    let budget = match options.budget_trajectories {
        0 => None,
        count => budget::estimate(&fe, measured, &judges, count)
            .map_err(|error| left_out("the reference's own error", error))
            .ok(),
    };
    progress.set(2, "");
    let (mut own, mut worth) = (None, Vec::new());
    if let Some(seconds) = options.search_seconds {
        match timing::time(&fe, &Discretisation::own(&config))
            .context("the data's own discretisation")
            .and_then(|time| {
                let all = SplitName::ALL.map(|split| config.count_of(split));
                let recorded = options
                    .generation
                    .and_then(|record| record.seconds_each(all.iter().sum()));
                Ok((
                    worth::find(&fe, measured, &judges, &time, seconds, recorded)?,
                    time,
                ))
            }) {
            Ok((found, time)) => {
                own = Some(time);
                worth = found;
            }
            Err(error) => left_out("the time of FE", error),
        }
    }
    progress.finish();
    drop(judges);
    for (item, baseline) in measured.iter_mut().zip(baselines) {
        item.evaluation.baselines.extend(baseline);
    }
    Ok(Some(Assessment {
        coarse,
        budget,
        own,
        worth,
    }))
}

/// At most `count` of `all`, evenly spaced, the first and the last included where there is room.
fn evenly(all: &[usize], count: usize) -> Vec<usize> {
    let count = count.min(all.len());
    (0..count)
        .map(|n| match count {
            1 => all[all.len() / 2],
            _ => all[n * (all.len() - 1) / (count - 1)],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trajectories_are_evenly_spaced() {
        let all: Vec<usize> = (10..20).collect();
        assert_eq!(evenly(&all, 4), [10, 13, 16, 19]);
        assert_eq!(evenly(&all, 1), [15]);
        assert_eq!(evenly(&all, 99), all);
        assert!(evenly(&[], 3).is_empty());
    }
}
