//! A run in progress: updates, validations, checkpoints and its record, to the end or until it is stopped.

use super::average::Average;
use super::events::Events;
use super::footprint::{Pace, TrainFootprint};
use super::loader::Batch;
use super::log::{Log, StepReport};
use super::optimiser::AdamW;
use super::profile::{Part, Stopwatch};
use super::selection::{is_better, is_over};
use super::setup::Setup;
use super::step::{Computed, Step};
use super::{TrainObserver, TrainSummary, validate};
use crate::checkpoint::{self, BEST, LAST, Metadata, Progress, Validation};
use crate::network::Network;
use crate::parameters::Parameters;
use crate::pool;
use crate::task::samples::Place;
use crate::{Result, SurrogateError};
use candle_core::{DType, Device};
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::time::Instant;

/// Samples that the message about a diverging run names.
const MOST_NAMED: usize = 16;

/// What is written about every update.
pub(super) struct Record {
    pub(super) log: Log,
    pub(super) events: Events,
}

impl Record {
    fn push(&mut self, report: &StepReport, validation: Option<&Validation>) {
        self.log.push(report, validation);
        self.events.push(report, validation);
    }

    fn flush(&mut self) -> Result<()> {
        self.log.flush()?;
        self.events.flush()
    }
}

/// A run in progress.
pub(super) struct Run<'a> {
    pub(super) setup: &'a Setup<'a>,
    pub(super) run: &'a Path,
    pub(super) device: &'a Device,
    pub(super) network: &'a dyn Network,
    pub(super) parameters: &'a Parameters,
    pub(super) optimiser: AdamW,
    pub(super) average: Option<Average>,
    pub(super) metadata: Metadata,
    pub(super) record: Record,
    /// Step of the `last` checkpoint that is there.
    pub(super) saved: Option<usize>,
    pub(super) footprint: TrainFootprint,
    pub(super) pace: Pace,
    pub(super) stopwatch: Stopwatch,
}

impl Run<'_> {
    /// Runs the remaining steps.
    pub(super) fn finish(
        mut self,
        batches: Receiver<Result<Batch>>,
        observer: &mut dyn TrainObserver,
    ) -> Result<TrainSummary> {
        let settings = &self.setup.config.train;
        let steps = self.metadata.steps;
        let (valid_every, checkpoint_every) = (
            settings.valid_interval(steps),
            settings.checkpoint_interval(steps),
        );
        let before = self.metadata.training_seconds;
        let clock = Instant::now();
        let (mut loss, mut interrupted) = (None, false);
        let mut over = self.is_over(valid_every);
        while self.metadata.step < steps && !interrupted && !over {
            let began = Instant::now();
            let mut report = self.update(&batches)?;
            let pace = self.pace.add(began.elapsed().as_secs_f64());
            if let Some(seconds) = pace {
                self.footprint.seconds_per_epoch = Some(seconds * self.footprint.updates_per_epoch);
                self.footprint.write(self.run)?;
                observer.paced(&self.footprint);
            }
            let step = report.step;
            let validation = if step.is_multiple_of(valid_every) || step == steps {
                Some(self.validate()?)
            } else {
                None
            };
            self.metadata.training_seconds = before + clock.elapsed().as_secs_f64();
            report.seconds = self.metadata.training_seconds;
            loss = Some(report.loss);
            self.record.push(&report, validation.as_ref());
            if let Some(validation) = &validation {
                self.keep_if_best(validation)?;
                observer.validated(validation);
                over = self.is_over(valid_every);
            }
            let ended = over || step == steps;
            interrupted = observer.step(&report).is_break() && !ended;
            if step.is_multiple_of(checkpoint_every) || ended || interrupted {
                self.save()?;
            }
        }
        Ok(TrainSummary {
            step: self.metadata.step,
            steps,
            interrupted,
            stopped_early: over && self.metadata.step < steps,
            seconds: self.metadata.training_seconds,
            loss,
            best: self.metadata.best,
            parameters: self.parameters.count(),
            profile: self.stopwatch.profile(),
            best_path: self.run.join(BEST),
            last_path: self.run.join(LAST),
        })
    }

    fn is_over(&self, valid_every: usize) -> bool {
        let patience = self.setup.config.train.patience;
        is_over(
            self.metadata.step,
            self.metadata.best,
            patience,
            valid_every,
        )
    }

    /// One update. The report's time is filled in by the caller.
    fn update(&mut self, batches: &Receiver<Result<Batch>>) -> Result<StepReport> {
        let settings = &self.setup.config.train;
        let (step, steps) = (self.metadata.step, self.metadata.steps);
        let computed = Step {
            setup: self.setup,
            network: self.network,
            parameters: self.parameters,
            stopwatch: &self.stopwatch,
        }
        .compute(batches, step)?;
        let Computed {
            loss,
            gradients,
            places,
        } = computed;
        self.check_finite("loss", loss, &places)?;
        let learning_rate =
            settings
                .schedule
                .rate(step, steps, settings.learning_rate, settings.warm_up);
        let optimiser = &mut self.optimiser;
        let gradient_norm = pool::within(|| optimiser.update(&gradients, learning_rate))?;
        self.check_finite("gradient norm", gradient_norm, &places)?;
        self.metadata.step += 1;
        if let Some(average) = &mut self.average {
            average.update(self.metadata.step, self.parameters)?;
        }
        self.stopwatch.lap(Part::Optimiser)?;
        let seen = self.metadata.step * settings.windows_per_update();
        Ok(StepReport {
            step: self.metadata.step,
            steps,
            epoch: seen as f64 / self.metadata.windows as f64,
            loss,
            learning_rate,
            gradient_norm,
            seconds: 0.0,
        })
    }

    /// Validates the weights, or their running mean where one is kept.
    fn validate(&self) -> Result<Validation> {
        self.with_best_weights(|| {
            validate::validate(
                self.network,
                &self.setup.task,
                &self.setup.data.valid,
                self.device,
                &self.setup.config.train,
                self.metadata.step,
            )
        })
    }

    fn with_best_weights<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        match &self.average {
            Some(average) => average.within(self.parameters, work),
            None => work(),
        }
    }

    fn keep_if_best(&mut self, validation: &Validation) -> Result<()> {
        if !is_better(validation, self.metadata.best) {
            return Ok(());
        }
        self.metadata.best = Some(*validation);
        let metadata = Metadata {
            averaged: self.average.is_some(),
            ..self.metadata.clone()
        };
        self.with_best_weights(|| {
            checkpoint::write(&self.run.join(BEST), &metadata, self.parameters, None)
        })
    }

    /// Writes the record and the `last` checkpoint, in this order: every step of a checkpoint is on record.
    fn save(&mut self) -> Result<()> {
        for (name, variable) in self.parameters.iter() {
            let values = variable
                .to_dtype(DType::F32)?
                .flatten_all()?
                .to_vec1::<f32>()?;
            if let Some(value) = values.iter().find(|value| !value.is_finite()) {
                return self.check_finite(&format!("weight {name}"), f64::from(*value), &[]);
            }
        }
        self.record.flush()?;
        let progress = Progress {
            optimiser: &self.optimiser,
            average: self.average.as_ref(),
        };
        let path = self.run.join(LAST);
        checkpoint::write(&path, &self.metadata, self.parameters, Some(progress))?;
        self.saved = Some(self.metadata.step);
        Ok(())
    }

    /// Refuses a number that is not finite, found on the samples of these places.
    fn check_finite(&self, quantity: &str, value: f64, places: &[Place]) -> Result<()> {
        if value.is_finite() {
            return Ok(());
        }
        let mut samples: Vec<String> = places
            .iter()
            .take(MOST_NAMED)
            .map(|place| {
                format!(
                    "trajectory {} from snapshot {}",
                    place.trajectory, place.first
                )
            })
            .collect();
        match places.len().checked_sub(MOST_NAMED) {
            Some(more @ 1..) => samples.push(format!("{more} more")),
            _ if samples.is_empty() => samples.push("of any earlier batch".into()),
            _ => {}
        }
        let last = self.run.join(LAST);
        Err(SurrogateError::Diverged {
            step: self.metadata.step,
            quantity: quantity.to_owned(),
            value,
            samples: samples.join(", "),
            checkpoint: match self.saved {
                Some(step) => format!(
                    "the last good checkpoint is {} of step {step}",
                    last.display()
                ),
                None => "no checkpoint was written before".into(),
            },
            remedy: "lower train.learning_rate or train.clip, and look at these samples",
        })
    }
}
