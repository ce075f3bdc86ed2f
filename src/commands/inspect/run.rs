//! Runs and checkpoints.

use std::fmt::Write;
use std::path::Path;

use candle_core::Device;
use fewave_surrogate::task::domain::describe;
use fewave_surrogate::{Surrogate, TaskConfig};
use serde_json::json;

use crate::console::{Console, duration, grouped, percent, table};
use crate::traces;

/// A run folder (its best checkpoint) or a checkpoint.
pub fn inspect(path: &Path, console: &Console) -> anyhow::Result<()> {
    let surrogate = Surrogate::load(path, &Device::Cpu)?;
    let (origin, metadata, layers) = (
        surrogate.provenance(),
        surrogate.metadata(),
        surrogate.layers(),
    );
    let total = surrogate.footprint();
    let dense: usize = layers.iter().map(|layer| layer.dense_parameters).sum();
    console.say(format!(
        "checkpoint     {}, step {} of {}, by fewave {}",
        origin.path.display(),
        origin.step,
        origin.steps,
        origin.version
    ));
    console.say(format!(
        "parameters     {} ({} in the dense twin, {:.2}× fewer), {} stored bits",
        grouped(total.parameters as u64),
        grouped(dense as u64),
        dense as f64 / total.parameters as f64,
        grouped(total.stored_bits as u64)
    ));
    console.say(format!(
        "multiply-adds  {} a prediction",
        grouped(total.multiply_adds as u64)
    ));
    let task = match &surrogate.config().task {
        TaskConfig::Propagate(task) => {
            format!("propagate: the next snapshot from {}", task.history)
        }
        TaskConfig::Field(task) => format!(
            "field: {} snapshots, {} apart, from the scene",
            task.snapshots, task.every
        ),
        TaskConfig::Traces(_) => surrogate
            .traces()
            .map_or_else(String::new, traces::describe),
    };
    console.say(format!("task           {task}"));
    let grid = surrogate.grid();
    if surrogate.traces().is_none() {
        console.say(format!(
            "grid           {:?} points, spacing {:?} m, snapshots every {} s",
            grid.shape, grid.spacing, grid.interval
        ));
    }
    if grid.domain.is_some() {
        console.say(format!("domain         {}", describe(grid.domain.as_ref())));
    }
    console.say(format!(
        "training       {}, data {}",
        duration(origin.training_seconds),
        origin.data_hash
    ));
    if let Some(best) = &metadata.best {
        let whole = percent(best.rollout_relative_l2);
        console.say(match best.one_step_relative_l2 {
            Some(single) => format!(
                "valid split    one step {}, rollout of {} steps {whole} (at step {})",
                percent(single),
                best.rollout_steps,
                best.step
            ),
            None if best.rollout_steps == 0 => {
                format!("valid split    traces {whole} (at step {})", best.step)
            }
            None => format!(
                "valid split    whole field of {} snapshots {whole} (at step {})",
                best.rollout_steps, best.step
            ),
        });
    }
    if let Some(record) = &metadata.pruning {
        let kept = record.rounds.iter().filter(|round| round.accepted).count();
        console.say(format!(
            "pruned         from {}, ε = {}, {} of {} rounds kept",
            record.parent_weights,
            record.epsilon,
            kept.saturating_sub(1),
            record.rounds.len().saturating_sub(1)
        ));
    }
    if let Some(ranges) = &metadata.ranges {
        let mut lines = format!("trained on     {} trajectories, with", ranges.trajectories);
        for range in ranges.in_words() {
            let _ = write!(lines, "\n               {range}");
        }
        console.say(lines);
    }
    console.say(format!(
        "hashes         weights {}, configuration {}\n",
        origin.weights_hash, origin.config_hash
    ));
    let rows: Vec<Vec<String>> = layers
        .iter()
        .map(|layer| {
            vec![
                layer.name.clone(),
                layer.scheme.clone(),
                format!("{:?}", layer.shape),
                grouped(layer.parameters as u64),
                grouped(layer.dense_parameters as u64),
                grouped(layer.multiply_adds as u64),
            ]
        })
        .collect();
    console.say(table(
        &[
            "layer",
            "scheme",
            "kernel",
            "parameters",
            "dense",
            "multiply-adds",
        ],
        &rows,
    ));
    console.json(&json!({
        "parameters": total.parameters,
        "dense_parameters": dense,
        "multiply_adds": total.multiply_adds,
        "layers": layers,
        "provenance": origin,
        "metadata": metadata,
    }))
}
