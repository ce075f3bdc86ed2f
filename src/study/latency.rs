//! Times of predictions of all finished runs, in one go on one machine: one trajectory, one step (or one whole field), layers in
//! their fastest exact way. Runs are timed in turns, several rounds of all of them, so that a machine that slows down or is
//! disturbed for a while does so for all of them.

use std::path::Path;
use std::time::Instant;

use candle_core::Device;
use fewave_datasets::{Split, SplitName};
use fewave_surrogate::{Execution, Surrogate};
use ndarray::{Array2, Axis};

use super::execute::Schedule;
use super::record::{Latency, Outcome, State};
use super::selection::median;
use super::{Folder, Study};
use crate::commands::open_reference;
use crate::console::Console;
use crate::device;

/// Rounds over all runs.
const ROUNDS: usize = 5;
/// Timed repetitions in each.
const REPETITIONS: usize = 10;

/// Measures all finished runs and keeps the times in their records.
///
/// # Errors
/// When a run or its data cannot be read.
pub fn measure(
    study: &Study,
    schedule: &mut Schedule,
    folder: &Folder,
    console: &Console,
) -> anyhow::Result<()> {
    let finished: Vec<usize> = (0..study.runs.len())
        .filter(|&place| matches!(schedule.jobs[place].state, State::Finished(_)))
        .collect();
    let progress = console.progress("latency", (ROUNDS * finished.len()) as u64, "measurements");
    let mut times = vec![Vec::new(); finished.len()];
    for round in 0..ROUNDS {
        for (number, &place) in finished.iter().enumerate() {
            let run = &study.runs[place];
            let device = device::open(&run.config.train.device)?;
            times[number].extend(time(&folder.run(&run.name), &run.config.data, &device)?);
            progress.set(
                (round * finished.len() + number + 1) as u64,
                run.name.clone(),
            );
        }
    }
    progress.finish();
    for (times, place) in times.iter_mut().zip(finished) {
        let repetitions = times.len();
        let (Some(milliseconds), State::Finished(record)) =
            (median(times), &mut schedule.jobs[place].state)
        else {
            continue;
        };
        if let Outcome::Finished(results) = &mut record.outcome {
            results.latency = Some(Latency {
                milliseconds,
                repetitions,
                threads: rayon::current_num_threads(),
            });
        }
        record.write(folder, &study.runs[place].name)?;
    }
    Ok(())
}

/// Times of single predictions of the first trajectory of the test split, ms, after two to warm up.
fn time(run: &Path, data: &Path, device: &Device) -> anyhow::Result<Vec<f64>> {
    let surrogate = Surrogate::load(run, device)?;
    surrogate.set_execution(Execution::Fastest);
    let split = open_reference(data, SplitName::Test)?;
    let predict = predictor(&surrogate, &split)?;
    for _ in 0..2 {
        predict()?;
    }
    (0..REPETITIONS)
        .map(|_| {
            let clock = Instant::now();
            predict()?;
            Ok(clock.elapsed().as_secs_f64() * 1e3)
        })
        .collect()
}

/// One prediction; what is read is read before. Of whole fields the reading of the scene is part of it.
fn predictor<'a>(
    surrogate: &'a Surrogate,
    split: &'a Split,
) -> anyhow::Result<Box<dyn Fn() -> anyhow::Result<()> + 'a>> {
    let spans = surrogate.spans(split)?;
    let first = spans
        .into_iter()
        .enumerate()
        .find_map(|(place, span)| Some((place, span?)));
    let Some((position, span)) = first else {
        anyhow::bail!("{}: no trajectory to predict", split.path().display());
    };
    if !surrogate.rolls_out() {
        return Ok(Box::new(move || {
            surrogate.predict_field(split, position)?;
            Ok(())
        }));
    }
    let history = split.read_snapshots(
        "displacement",
        position,
        span.first..span.first + span.given,
    )?;
    let speed = if surrogate.takes_medium() {
        split.read_static("speed", position)?
    } else {
        Array2::zeros((history.len_of(Axis(1)), history.len_of(Axis(2))))
    };
    Ok(Box::new(move || {
        surrogate.rollout(history.view(), speed.view(), 1)?;
        Ok(())
    }))
}
