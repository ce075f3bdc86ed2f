//! What the FE solver itself takes for the trajectories that a surrogate replaces.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use fewave_datasets::Split;
use serde::Serialize;

use crate::config::dataset::DatasetConfig;
use crate::config::document::Document;
use crate::ensemble;
use crate::sample::Sampler;

/// Times of the FE solver for the data's own discretisation, in ms, on one thread; set-up of the mesh left out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FeTime {
    /// One trajectory on its own.
    pub single_ms: f64,
    /// A trajectory as one of `lanes` side by side.
    pub ensemble_ms: f64,
    /// Trajectories side by side.
    pub lanes: usize,
    /// Degrees of freedom.
    pub degrees_of_freedom: usize,
    /// Time steps a trajectory.
    pub steps: usize,
    /// Snapshots after t = 0 that such a trajectory reaches; they are evenly spaced.
    pub snapshots: usize,
}

impl FeTime {
    /// Times of one trajectory, alone and in an ensemble, for `predicted` of its snapshots: what a rollout replaces.
    pub fn for_snapshots(&self, predicted: usize) -> [f64; 2] {
        let share = predicted as f64 / self.snapshots.max(1) as f64;
        [self.single_ms * share, self.ensemble_ms * share]
    }
}

/// Repetitions; the smallest time counts.
const REPETITIONS: usize = 3;

/// Times the configuration stored with the data.
///
/// # Errors
/// When the configuration names a file that is not there any more or has another content, or is of another version.
pub fn time(split: &Split) -> anyhow::Result<FeTime> {
    let document = Document::parse(
        "the data's configuration",
        &split.provenance().config,
        &[],
        PathBuf::new(),
    )?;
    let config = DatasetConfig::from_document(&document, true)?;
    // the hash covers the content of files that the configuration names, so FE is timed on the model of the data
    anyhow::ensure!(
        config.hash == split.provenance().config_hash,
        "its SHA-256 is {} here and {} in the data: a file that it names has another content, or the data were made by another version; \
         run where the files of the data are",
        config.hash,
        split.provenance().config_hash
    );
    let sampler = Sampler::new(&config)?;
    let simulator = ensemble::simulator(&config, &sampler)?;
    let info = simulator.info();
    let name = split.provenance().split.as_str();
    let mut scenes = Vec::new();
    for index in 0..info.lanes as u64 {
        scenes.push(sampler.sample(name, index)?.scene);
    }
    let fastest = |count: usize| -> anyhow::Result<f64> {
        let mut best = f64::INFINITY;
        for _ in 0..REPETITIONS {
            let start = Instant::now();
            for recording in simulator.run(scenes.get(..count).context("too few scenes")?) {
                recording?;
            }
            best = best.min(start.elapsed().as_secs_f64() * 1e3);
        }
        Ok(best)
    };
    Ok(FeTime {
        single_ms: fastest(1)?,
        ensemble_ms: fastest(info.lanes)? / info.lanes as f64,
        lanes: info.lanes,
        degrees_of_freedom: info.dofs,
        steps: info.steps,
        snapshots: split.times().len().saturating_sub(1),
    })
}
