//! `fewave simulate`: one FE run into one file.

mod vtu;

use std::path::Path;
use std::time::Instant;

use fewave_datasets::{FileWriter, SplitName};
use serde::Serialize;

use crate::cli::Global;
use crate::config::dataset::DatasetConfig;
use crate::config::document::Document;
use crate::console::{Console, duration, grouped};
use crate::ensemble;
use crate::output;
use crate::sample::Sampler;
use vtu::Series;

/// What was simulated.
#[derive(Debug, Serialize)]
struct Summary {
    file: String,
    /// The list of VTU files, where they were asked for.
    vtu: Option<String>,
    degrees_of_freedom: usize,
    /// Those of absorbing layers.
    layer_degrees_of_freedom: usize,
    time_step: f64,
    /// None where every step is stable.
    stable_time_step: Option<f64>,
    steps: usize,
    snapshots: usize,
    receivers: usize,
    set_up_seconds: f64,
    run_seconds: f64,
    largest_displacement: f64,
    energy_first: f64,
    energy_last: f64,
}

/// Runs the command.
pub fn run(config: &Path, file: &Path, vtu: Option<&Path>, global: &Global) -> anyhow::Result<()> {
    let console = Console::new(global);
    let document = Document::read(config, &global.set)?;
    let config = DatasetConfig::from_document(&document, true)?;
    output::prepare_file(file, global.force)?;
    let folder = vtu
        .map(|folder| Series::create(folder, global.force))
        .transpose()?;
    let start = Instant::now();
    let sampler = Sampler::new(&config)?;
    let simulator = ensemble::simulator(&config, &sampler)?.on_all_threads();
    for warning in &simulator.info().warnings {
        console.warn(warning.to_string());
    }
    let sample = sampler.sample(SplitName::Train.as_str(), 0)?;
    let set_up_seconds = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let progress = console.progress("simulating", config.time.snapshots as u64, "snapshots");
    let times = simulator.info().snapshot_times.clone();
    let mut series =
        folder.map(|folder| Series::new(folder, simulator.space(), &*sample.scene.medium));
    let mut written = Ok(());
    let mut watch = |snapshot: usize, displacement: &[f64]| {
        if let (Some(series), Ok(())) = (&mut series, &written) {
            written = series.write(snapshot, times[snapshot], displacement);
        }
        progress.set(snapshot as u64 + 1, "");
    };
    // within the pool, where a step's parallel loops begin without a change of threads
    let run = rayon::scope(|_| simulator.run_watched(&sample.scene, &mut watch));
    let recording = run.map_err(|error| ensemble::refusal(&config, error))?;
    written?;
    let series = series.map(Series::finish).transpose()?;
    progress.finish();
    let run_seconds = start.elapsed().as_secs_f64();
    let info = simulator.info();
    let summary = Summary {
        file: file.display().to_string(),
        vtu: series.map(|path| path.display().to_string()),
        degrees_of_freedom: info.dofs,
        layer_degrees_of_freedom: info.layer_dofs,
        time_step: info.dt,
        stable_time_step: info.stable_dt.is_finite().then_some(info.stable_dt),
        steps: info.steps,
        snapshots: info.snapshot_times.len(),
        receivers: config.receivers.points.len(),
        set_up_seconds,
        run_seconds,
        largest_displacement: recording
            .snapshots
            .iter()
            .fold(0.0, |m: f64, v| m.max(f64::from(v.abs()))),
        energy_first: recording.energy.first().copied().unwrap_or(f64::NAN),
        energy_last: recording.energy.last().copied().unwrap_or(f64::NAN),
    };
    let spec = ensemble::file_spec(&config, &simulator, &sample, SplitName::Train, 1);
    let inside = ensemble::inside(&simulator);
    let inside = inside.as_ref();
    let data = ensemble::trajectory_data(&config, &simulator, inside, 0, &sample, recording);
    let mut writer = FileWriter::create(file, &spec, 1)?;
    writer.write(0, &data)?;
    writer.finish()?;
    let stable = if info.stable_dt.is_finite() {
        format!("stable up to {:.3e} s", info.stable_dt)
    } else {
        "stable for any step".to_owned()
    };
    console.say(format!(
        "{}: {} snapshots and {} receivers over {} s\n  {}, {} steps of {:.3e} s ({stable})\n  \
         set-up {}, time loop {}\n  largest displacement {:.4} m, energy {:.4e} at the start, {:.4e} at the end",
        summary.file,
        summary.snapshots,
        summary.receivers,
        config.time.duration,
        ensemble::count_dofs(info.dofs, info.layer_dofs),
        grouped(info.steps as u64),
        info.dt,
        duration(set_up_seconds),
        duration(run_seconds),
        summary.largest_displacement,
        summary.energy_first,
        summary.energy_last,
    ));
    if let Some(series) = &summary.vtu {
        console.say(format!("{series}: the field on its own mesh, for ParaView"));
    }
    console.json(&summary)
}
