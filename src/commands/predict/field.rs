//! Whole fields in one pass: from the scene of each trajectory all snapshots that the surrogate was trained on.

use std::path::Path;
use std::time::Instant;

use fewave_datasets::{FileWriter, Split};
use fewave_surrogate::Surrogate;
use fewave_surrogate::task::FieldConfig;
use ndarray::{Axis, concatenate};

use crate::comparison::files;
use crate::console::{Console, duration};

/// Predicts every trajectory of a file and writes t = 0, which is the input's, and the predicted snapshots.
///
/// # Errors
/// When the input lacks something of a scene, or the file cannot be written.
pub(super) fn predict(
    surrogate: &Surrogate,
    task: &FieldConfig,
    split: &Split,
    label: &str,
    file: &Path,
    console: &Console,
) -> anyhow::Result<()> {
    let interval = surrogate.grid().interval;
    let time = |snapshot: usize| {
        let known = split.times().get(snapshot).copied();
        known.unwrap_or(interval * snapshot as f64)
    };
    let times = (0..=task.snapshots).map(|n| time(n * task.every)).collect();
    let given = "the scene at t = 0";
    let spec = files::predicted_spec(split, times, label, given, &surrogate.provenance());
    let mut writer = FileWriter::create(file, &spec, split.len())?;
    let progress = console.progress("predicting", split.len() as u64, "trajectories");
    let mut seconds = 0.0;
    for trajectory in 0..split.len() {
        let first = split.read_snapshots("displacement", trajectory, 0..1)?;
        let clock = Instant::now();
        let predicted = surrogate.predict_field(split, trajectory)?;
        seconds += clock.elapsed().as_secs_f64();
        let all = concatenate(Axis(0), &[first.view(), predicted.view()])?;
        writer.write(
            trajectory,
            &files::predicted_trajectory(split, trajectory, all)?,
        )?;
        progress.set(trajectory as u64 + 1, "");
    }
    writer.finish()?;
    progress.finish();
    console.say(format!(
        "{}: {} trajectories, {} snapshots each, predicted in one pass from t = 0, in {} ({} a trajectory)",
        file.display(),
        split.len(),
        task.snapshots,
        duration(seconds),
        duration(seconds / split.len() as f64)
    ));
    console.json(&serde_json::json!({
        "file": file.display().to_string(),
        "trajectories": split.len(),
        "given": 1,
        "steps": task.snapshots,
        "seconds": seconds,
    }))
}
