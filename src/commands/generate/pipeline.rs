//! From planned files to finished ones: workers simulate lane groups, one thread writes their results in order.
//!
//! HDF5 serialises its calls, so a single thread writes, while the next groups run; another waits for the disk, so that the
//! writer need not. Workers stay close to the writer, which bounds the memory. Results are written in the order of the plan:
//! the bytes do not depend on who was faster.

mod gate;
mod writing;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::bail;
use fewave_datasets::TrajectoryData;
use fewave_solver::{RunTimes, Scene, Simulator};

use super::plan::{Job, Plan};
use super::profile::Profile;
use crate::config::dataset::DatasetConfig;
use crate::console::Console;
use crate::ensemble::{self, PlannedFile};
use crate::interrupt::{self, Interrupted};
use crate::sample::{Sample, Sampler};
use gate::Gate;
use writing::{Complete, Writing};

/// What a group became.
struct Finished {
    worker: usize,
    group: usize,
    trajectories: Vec<Result<TrajectoryData, String>>,
    waiting: Duration,
    drawing: Duration,
    run: RunTimes,
    at: Instant,
}

/// What everyone needs.
#[derive(Clone, Copy)]
pub(super) struct Ensemble<'a> {
    pub(super) config: &'a DatasetConfig,
    pub(super) sampler: &'a Sampler<'a>,
    pub(super) simulator: &'a Simulator,
    /// The missing files.
    pub(super) files: &'a [PlannedFile],
}

/// Simulates the files as planned. `found` trajectories of the ensemble are done already.
///
/// # Errors
/// When a file cannot be written, when a trajectory failed (after finishing the others), or after Ctrl-C.
pub(super) fn simulate_files(
    ensemble: Ensemble<'_>,
    plan: &Plan,
    found: usize,
    profile: &mut Profile,
    console: &Console,
) -> anyhow::Result<()> {
    let start = Instant::now();
    let total = found + plan.jobs.len();
    let progress = console.progress("simulating", total as u64, "trajectories");
    progress.skip_to(found as u64);

    let next = AtomicUsize::new(0);
    let gate = Gate::new(plan.window);
    let (sender, receiver) = mpsc::channel::<Finished>();
    let work = |worker: usize, sender: &mpsc::Sender<Finished>| {
        let _closing = gate.close_on_panic();
        loop {
            let group = next.fetch_add(1, Ordering::SeqCst);
            let jobs = plan.group(group);
            let since = Instant::now();
            if jobs.is_empty() || !gate.enter(group, interrupt::requested) {
                return;
            }
            let waiting = since.elapsed();
            let finished = run_group(ensemble, worker, group, jobs, waiting);
            if sender.send(finished).is_err() {
                return;
            }
        }
    };
    profile.workers.resize_with(plan.workers, Default::default);
    let (publisher, complete_files) = mpsc::channel::<Complete>();
    let (written, published) = std::thread::scope(|threads| {
        let publishing = threads.spawn(|| publish(complete_files));
        let mut last_group = start;
        // this thread writes, so it must not be one of the pool's
        let written = rayon::in_place_scope(|scope| {
            for worker in 0..plan.workers {
                let (sender, work) = (sender.clone(), &work);
                scope.spawn(move |_| work(worker, &sender));
            }
            drop(sender);
            let Ensemble {
                config,
                sampler,
                simulator,
                files,
            } = ensemble;
            let mut writing = Writing::new(config, sampler, simulator, files, publisher);
            let mut early: BTreeMap<usize, Finished> = BTreeMap::new();
            let mut expected = 0;
            for finished in receiver.iter() {
                last_group = finished.at;
                let times = &mut profile.workers[finished.worker];
                times.add(finished.drawing, finished.run, finished.waiting);
                early.insert(finished.group, finished);
                while let Some(finished) = early.remove(&expected) {
                    let since = Instant::now();
                    if let Err(error) = writing.write(plan.group(expected), finished) {
                        gate.close();
                        return Err(error);
                    }
                    profile.writer.writing_seconds += since.elapsed().as_secs_f64();
                    gate.advance();
                    expected += 1;
                    progress.set((found + writing.done) as u64, "");
                }
            }
            // the publisher ends with it
            Ok(writing.failures)
        });
        let published = publishing.join();
        let after = last_group.elapsed().as_secs_f64();
        profile.writer.after_the_last_group_seconds = after;
        (written, published)
    });
    progress.finish();
    let Ok((complete, syncing, error)) = published else {
        bail!("the thread that waits for the disk stopped; run the same command again to continue");
    };
    profile.writer.syncing_seconds = syncing.as_secs_f64();
    profile.simulate_seconds = start.elapsed().as_secs_f64();
    profile.sum_up();
    // what stopped the publisher also stops the writer, so it is told first
    if let Some(error) = error {
        return Err(error.into());
    }
    let failures = written?;
    if !failures.is_empty() {
        bail!(
            "{} of {} trajectories failed, their files were left out and all others finished:\n  {}",
            failures.len(),
            plan.jobs.len(),
            failures.join("\n  ")
        );
    }
    if interrupt::requested() {
        return Err(Interrupted(format!(
            "{} of {total} trajectories are complete; the same command continues",
            found + complete
        ))
        .into());
    }
    Ok(())
}

/// Gives complete files their names once they are safe: their trajectories, the time that it took, the first error.
fn publish(files: mpsc::Receiver<Complete>) -> (usize, Duration, Option<fewave_datasets::Error>) {
    let (mut complete, mut syncing) = (0, Duration::ZERO);
    for (file, trajectories) in files {
        let since = Instant::now();
        let published = file.publish();
        syncing += since.elapsed();
        match published {
            Ok(()) => complete += trajectories,
            Err(error) => return (complete, syncing, Some(error)),
        }
    }
    (complete, syncing, None)
}

fn run_group(
    ensemble: Ensemble<'_>,
    worker: usize,
    group: usize,
    jobs: &[Job],
    waiting: Duration,
) -> Finished {
    let since = Instant::now();
    let index = |job: &Job| ensemble.files[job.file].first + job.slot as u64;
    let drawn: Vec<Result<Sample, String>> = jobs
        .iter()
        .map(|job| {
            let split = ensemble.files[job.file].split;
            let sample = ensemble.sampler.sample(split.as_str(), index(job));
            sample.map_err(|error| error.to_string())
        })
        .collect();
    let scenes: Vec<Scene> = drawn
        .iter()
        .flatten()
        .map(|sample| sample.scene.clone())
        .collect();
    let drawing = since.elapsed();
    let (recordings, run) = ensemble.simulator.run_timed(&scenes);
    let inside = ensemble::inside(ensemble.simulator);
    let mut recordings = recordings.into_iter();
    let trajectories = drawn
        .into_iter()
        .zip(jobs)
        .map(|(sample, job)| {
            let sample = sample?;
            match recordings.next() {
                Some(Ok(recording)) => Ok(ensemble::trajectory_data(
                    ensemble.config,
                    ensemble.simulator,
                    inside.as_ref(),
                    index(job),
                    &sample,
                    recording,
                )),
                Some(Err(error)) => Err(error.to_string()),
                None => Err("the solver returned no result".to_owned()),
            }
        })
        .collect();
    Finished {
        worker,
        group,
        trajectories,
        waiting,
        drawing,
        run,
        at: Instant::now(),
    }
}
