//! Running a study: one run after the other, the cheapest first, each trained as `fewave train` does it and measured at once.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;

use fewave_datasets::SplitName;
use fewave_surrogate::train::estimate::Estimate;
use fewave_surrogate::{EvaluateOptions, Surrogate, evaluate, project};

use super::errors::Errors;
use super::record::{Outcome, Record, Results, State, state};
use super::{Folder, PlannedRun, Study};
use crate::commands::{open_reference, train};
use crate::console::{Console, duration, percent};
use crate::device;
use crate::interrupt::{self, Interrupted};

/// A study with what its runs will take and how far they are.
#[derive(Debug)]
pub struct Schedule {
    /// By the places of [`Study::runs`].
    pub jobs: Vec<Job>,
    /// Places in the order in which they are run: by cost, and behind what they are projected from.
    pub order: Vec<usize>,
}

/// What a run takes.
#[derive(Debug, Clone)]
pub struct Job {
    /// Parameters, multiply-adds, steps.
    pub estimate: Estimate,
    /// How far it is.
    pub state: State,
}

impl Job {
    /// Multiply-adds of training that are still to be done.
    fn remaining(&self) -> f64 {
        let all = self.estimate.training_multiply_adds;
        match self.state {
            State::New => all,
            State::Begun(step, steps) => {
                all * steps.saturating_sub(step) as f64 / steps.max(1) as f64
            }
            State::Finished(_) => 0.0,
        }
    }
}

impl Schedule {
    /// Looks at the data, the networks and the folder.
    ///
    /// # Errors
    /// When a run's data or network are refused, or its folder holds another run.
    pub fn new(study: &Study, folder: &Folder, console: &Console) -> anyhow::Result<Self> {
        let mut estimates: HashMap<String, Estimate> = HashMap::new();
        let mut checked: Vec<PathBuf> = Vec::new();
        let mut jobs: Vec<Job> = Vec::with_capacity(study.runs.len());
        let progress = console.progress("looking", study.runs.len() as u64, "runs");
        for run in &study.runs {
            if !checked.contains(&run.config.data) {
                for split in [SplitName::Train, SplitName::Valid, SplitName::Test] {
                    open_reference(&run.config.data, split)?;
                }
                checked.push(run.config.data.clone());
            }
            device::open(&run.config.train.device)?;
            // neither seed nor rate changes what a training takes
            let mut alike = run.config.clone();
            (
                alike.seed,
                alike.train.learning_rate,
                alike.train.weight_decay,
            ) = (0, 1.0, 0.0);
            let key = format!("{}{}", alike.hash()?, alike.data.display());
            let estimate = match estimates.get(&key) {
                Some(estimate) => estimate.clone(),
                None => estimates
                    .entry(key)
                    .or_insert(Estimate::of(&run.config)?)
                    .clone(),
            };
            jobs.push(Job {
                estimate,
                state: State::New,
            });
            progress.set(jobs.len() as u64, run.name.clone());
        }
        progress.finish();
        let mut order: Vec<usize> = (0..study.runs.len()).collect();
        let own = |place: usize| jobs[place].estimate.training_multiply_adds;
        let cost = |place: usize| match study.runs[place].project_from {
            Some(source) => (own(source).max(own(place)), 1),
            None => (own(place), 0),
        };
        order.sort_by(|&a, &b| {
            let ((a, after_a), (b, after_b)) = (cost(a), cost(b));
            a.total_cmp(&b).then(after_a.cmp(&after_b))
        });
        for &place in &order {
            let run = &study.runs[place];
            let source = projected_weights(run, &jobs);
            jobs[place].state = state(
                folder,
                run,
                &jobs[place].estimate.data_hash,
                source.as_deref(),
            )?;
        }
        Ok(Self { jobs, order })
    }

    /// Results by the places of [`Study::runs`].
    pub fn results(&self) -> Vec<Option<Results>> {
        let of = |job: &Job| match &job.state {
            State::Finished(record) => record.results().cloned(),
            _ => None,
        };
        self.jobs.iter().map(of).collect()
    }

    /// Which runs have failed, by the places of [`Study::runs`].
    pub fn failed(&self) -> Vec<bool> {
        let of = |job: &Job| match &job.state {
            State::Finished(record) => record.results().is_none(),
            _ => false,
        };
        self.jobs.iter().map(of).collect()
    }

    /// Runs what is not finished; `done` is called after every run. The messages of runs that failed.
    ///
    /// # Errors
    /// [`Interrupted`] after Ctrl-C; when the study's own files cannot be written.
    pub fn run(
        &mut self,
        study: &Study,
        folder: &Folder,
        console: &Console,
        mut done: impl FnMut(&Self) -> anyhow::Result<()>,
    ) -> anyhow::Result<Vec<String>> {
        let _graceful = interrupt::graceful();
        let left: Vec<usize> = self
            .order
            .iter()
            .copied()
            .filter(|&place| !matches!(self.jobs[place].state, State::Finished(_)))
            .collect();
        let mut failures = Vec::new();
        let (clock, mut worked) = (Instant::now(), 0.0);
        for (number, &place) in left.iter().enumerate() {
            let run = &study.runs[place];
            let label = format!("[{}/{}] {}", number + 1, left.len(), run.name);
            let work = self.jobs[place].remaining();
            let record = self.one(study, place, folder, &label, console);
            if interrupt::requested() {
                return Err(Interrupted(format!(
                    "{number} runs were finished by now, {} are left; the same command continues",
                    left.len() - number
                ))
                .into());
            }
            match record {
                Ok(record) => {
                    if let Some(results) = record.results() {
                        console.say(told(results));
                    }
                    self.jobs[place].state = State::Finished(Box::new(record));
                }
                Err(error) => {
                    let message = format!("{error:#}");
                    console.warn(format!("{}: {message}", run.name));
                    failures.push(run.name.clone());
                    let record = Record {
                        config: run.config.clone(),
                        data_hash: self.jobs[place].estimate.data_hash.clone(),
                        projected_from: projected_weights(run, &self.jobs),
                        outcome: Outcome::Failed(message),
                    };
                    record.write(folder, &run.name)?;
                }
            }
            worked += work;
            done(self)?;
            let rest: f64 = left[number + 1..]
                .iter()
                .map(|&place| self.jobs[place].remaining())
                .sum();
            if rest > 0.0 && worked > 0.0 {
                console.say(format!(
                    "  {} of {} runs, about {} left",
                    number + 1,
                    left.len(),
                    duration(clock.elapsed().as_secs_f64() / worked * rest)
                ));
            }
        }
        Ok(failures)
    }

    /// Trains and measures one run.
    fn one(
        &self,
        study: &Study,
        place: usize,
        folder: &Folder,
        label: &str,
        console: &Console,
    ) -> anyhow::Result<Record> {
        let (run, job) = (&study.runs[place], &self.jobs[place]);
        let path = folder.run(&run.name);
        let source = projected_weights(run, &self.jobs);
        if matches!(job.state, State::New) {
            // what a run that was killed before its first checkpoint has left
            if path.exists() {
                std::fs::remove_dir_all(&path)?;
            }
            if let Some(source) = run.project_from {
                let source = &study.runs[source].name;
                if projected_weights(run, &self.jobs).is_none() {
                    anyhow::bail!("{source}, which it is projected from, has not finished");
                }
                let projection = project(&folder.run(source), &run.config, &path)?;
                console.say(format!(
                    "{label}: {} kernels of {source} projected, {} from them",
                    projection.kernels,
                    percent(projection.relative_error)
                ));
            }
        }
        let resume = run.project_from.is_some() || matches!(job.state, State::Begun(..));
        let mode = train::Mode {
            resume,
            ..train::Mode::default()
        };
        train::start(&run.config, &path, mode, label, console)?;
        let surrogate = Surrogate::load(&path, &device::open(&run.config.train.device)?)?;
        let measure = |split: SplitName| {
            let split = open_reference(&run.config.data, split)?;
            let options = EvaluateOptions {
                repetitions: 0,
                ..EvaluateOptions::default()
            };
            let progress = console.progress(label, split.len() as u64, "trajectories");
            let mut follow = |done: usize, _: usize| progress.set(done as u64, "evaluating");
            anyhow::Ok(evaluate(&surrogate, &split, &options, &mut follow)?)
        };
        let valid = measure(SplitName::Valid)?;
        let test = measure(SplitName::Test)?;
        let (footprint, provenance) = (surrogate.footprint(), surrogate.provenance());
        let record = Record {
            config: run.config.clone(),
            data_hash: job.estimate.data_hash.clone(),
            projected_from: source,
            outcome: Outcome::Finished(Box::new(Results {
                weights_hash: provenance.weights_hash,
                parameters: surrogate.parameters(),
                dense_parameters: job.estimate.dense_parameters,
                stored_bits: footprint.stored_bits,
                multiply_adds: footprint.multiply_adds,
                steps: job.estimate.steps,
                training_multiply_adds: job.estimate.training_multiply_adds
                    + projected_work(run, &self.jobs),
                training_seconds: provenance.training_seconds,
                valid: Errors::of(&valid),
                trivial: Errors::trivial(&test),
                test: Errors::of(&test),
                latency: None,
            })),
        };
        record.write(folder, &run.name)?;
        Ok(record)
    }
}

/// Multiply-adds of training what a run is projected from; 0 for one that is not.
fn projected_work(run: &PlannedRun, jobs: &[Job]) -> f64 {
    let source = run.project_from.map(|place| &jobs[place].state);
    match source {
        Some(State::Finished(record)) => record
            .results()
            .map_or(0.0, |results| results.training_multiply_adds),
        _ => 0.0,
    }
}

/// SHA-256 of the weights that a run is projected from, once they are there.
fn projected_weights(run: &PlannedRun, jobs: &[Job]) -> Option<String> {
    match &jobs[run.project_from?].state {
        State::Finished(record) => Some(record.results()?.weights_hash.clone()),
        _ => None,
    }
}

/// A finished run in a line.
fn told(results: &Results) -> String {
    let show = |value: Option<f64>| value.map_or("not finite".to_owned(), percent);
    let one_step = match &results.test.one_step {
        Some(spread) => format!("one step {}, ", show(spread.median)),
        None => String::new(),
    };
    format!(
        "  {} training; median test error: {one_step}rollout of 20 {}",
        duration(results.training_seconds),
        show(results.test.rollout_20.median)
    )
}
