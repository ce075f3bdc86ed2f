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
}

/// Repetitions; the smallest time counts.
const REPETITIONS: usize = 3;

/// Times the configuration stored with the data.
///
/// # Errors
/// When the configuration names a file that is not there any more, or is of another version.
pub fn time(split: &Split) -> anyhow::Result<FeTime> {
    let document = Document::parse(
        "the data's configuration",
        &split.provenance().config,
        &[],
        PathBuf::new(),
    )?;
    let config = DatasetConfig::from_document(&document, true)?;
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
    })
}
