//! `fewave train`: a surrogate from a dataset.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use fewave_datasets::SplitName;
use fewave_surrogate::checkpoint::Validation;
use fewave_surrogate::train::footprint::TrainFootprint;
use fewave_surrogate::train::log::StepReport;
use fewave_surrogate::train::profile::{Part, Profile};
use fewave_surrogate::{Start, TrainConfig, TrainObserver, TrainPlan, TrainSummary, train};
use serde_json::json;

use crate::cli::Global;
use crate::config::ConfigError;
use crate::config::document::Document;
use crate::config::train::from_document;
use crate::console::{Console, Progress, bytes, duration, grouped, percent, table};
use crate::device;
use crate::interrupt::{self, Interrupted};
use crate::output::{self, Contents};

/// Runs the command.
pub fn run(
    config: &Path,
    run: &Path,
    resume: bool,
    profile: bool,
    global: &Global,
) -> anyhow::Result<()> {
    let console = Console::new(global);
    let document = Document::read(config, &global.set)?;
    let mut config: TrainConfig = read(&document)?;
    if let Some(device) = &global.device {
        config.train.device.clone_from(device);
    }
    let mode = Mode {
        resume,
        force: global.force,
        profile,
    };
    let summary = start(&config, run, mode, "training", &console)?;
    if let Some(profile) = &summary.profile {
        console.show(profiled(profile));
    }
    if let Some(best) = &summary.best {
        console.say(format!(
            "{}: {} parameters, {} steps in {}; best on the valid split at step {}: {} {}",
            run.display(),
            grouped(summary.parameters as u64),
            grouped(summary.step as u64),
            duration(summary.seconds),
            best.step,
            best.measure(),
            percent(best.error()),
        ));
    }
    if summary.stopped_early
        && let Some(patience) = config.train.patience
    {
        console.say(format!(
            "Stopped at step {} of {}: {patience} validations without a new best (train.patience)",
            grouped(summary.step as u64),
            grouped(summary.steps as u64),
        ));
    }
    console.say(format!(
        "Next: fewave compare {} --data {} -o report",
        run.display(),
        config.data.display()
    ));
    console.json(&json!({
        "run": run.display().to_string(),
        "steps": summary.step,
        "stopped_early": summary.stopped_early,
        "seconds": summary.seconds,
        "parameters": summary.parameters,
        "loss": summary.loss,
        "best_step": summary.best.map(|best| best.step),
        "best_one_step_relative_l2": summary.best.and_then(|best| best.one_step_relative_l2),
        "best_rollout_relative_l2": summary.best.map(|best| best.rollout_relative_l2),
    }))
}

/// The training configuration of a document; `data` is relative to its file, or to the working folder when overridden.
pub fn read(document: &Document) -> Result<TrainConfig, ConfigError> {
    let mut config: TrainConfig = from_document(document)?;
    if !document.is_overridden("data") {
        config.data = document.resolve(&config.data);
    }
    Ok(config)
}

/// How a training begins, and whether its updates are timed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mode {
    /// From the run's last checkpoint.
    pub resume: bool,
    /// Instead of what is in the folder.
    pub force: bool,
    /// With the parts of updates timed.
    pub profile: bool,
}

/// Trains with a progress bar, Ctrl-C and a fresh or resumed run folder.
///
/// # Errors
/// Those of the training; [`Interrupted`] after Ctrl-C.
pub fn start(
    config: &TrainConfig,
    run: &Path,
    mode: Mode,
    label: &str,
    console: &Console,
) -> anyhow::Result<TrainSummary> {
    let device = device::open(&config.train.device)?;
    check_data(config)?;
    let (channels, axes) = (config.task.least_channels(), config.task.axes());
    for warning in config.network.warnings(channels, axes)? {
        console.warn(warning);
    }
    let start = if mode.resume {
        Start::Resume
    } else {
        prepare_run(run, mode.force)?;
        Start::Fresh
    };
    let _graceful = interrupt::graceful();
    let mut observer = Observer {
        console,
        profiles: mode.profile,
        label: label.to_owned(),
        progress: None,
        valid: None,
    };
    let summary = train(config, run, start, &device, &mut observer)?;
    drop(observer);
    if summary.interrupted {
        return Err(Interrupted(format!(
            "step {} of {} is saved in {}; the same command with --resume continues",
            summary.step,
            summary.steps,
            summary.last_path.display()
        ))
        .into());
    }
    Ok(summary)
}

/// Refuses data to learn from that cannot be read, or that are predictions.
///
/// # Errors
/// Those of [`open_reference`](super::open_reference).
pub fn check_data(config: &TrainConfig) -> anyhow::Result<()> {
    for split in [SplitName::Train, SplitName::Valid] {
        super::open_reference(&config.data, split)?;
    }
    Ok(())
}

/// What a run's folder holds.
const CONTENTS: Contents = Contents {
    what: "a run",
    marker: "last.safetensors",
    names: &[
        "last.safetensors",
        "best.safetensors",
        "log.csv",
        "events",
        "footprint.json",
        "evaluation",
        // what a kill may leave of a file that was being written
        "last.safetensors.part",
        "best.safetensors.part",
        "log.csv.part",
        "footprint.json.part",
    ],
};

/// A fresh run needs a folder without one.
fn prepare_run(run: &Path, force: bool) -> anyhow::Result<()> {
    let only_begun = !run.join(CONTENTS.marker).exists()
        && ["log.csv", "log.csv.part"].iter().any(|name| {
            let log = std::fs::read_to_string(run.join(name));
            log.is_ok_and(|log| log.is_empty() || log.starts_with("step,epoch,loss,"))
        });
    if only_begun {
        // stopped before its first checkpoint: nothing that could be continued
        output::remove(run, &CONTENTS)?;
    }
    if run.join(CONTENTS.marker).exists() && !force {
        return Err(ConfigError::Usage(format!(
            "{}: holds a run already; continue it with --resume, replace it with --force, or choose another folder with -o",
            run.display()
        ))
        .into());
    }
    output::prepare_folder(run, &CONTENTS, force)
}

/// Draws the progress of a training.
struct Observer<'a> {
    profiles: bool,
    console: &'a Console,
    label: String,
    progress: Option<Progress>,
    valid: Option<f64>,
}

impl TrainObserver for Observer<'_> {
    fn profiles(&self) -> bool {
        self.profiles
    }

    fn started(&mut self, plan: &TrainPlan) {
        self.console.say(format!(
            "{}: {} parameters ({} in the dense twin), {} multiply-adds a prediction; {} samples, batch {}, {} steps",
            self.label,
            grouped(plan.parameters as u64),
            grouped(plan.dense_parameters as u64),
            grouped(plan.multiply_adds as u64),
            grouped(plan.windows as u64),
            plan.batch,
            grouped(plan.steps as u64),
        ));
        let footprint = &plan.footprint;
        self.console.say(format!(
            "{}: about {} of memory a pass ({} of it activations) beside the data, {} multiply-adds an update",
            self.label,
            bytes(footprint.memory_bytes as u64),
            bytes(footprint.activation_bytes as u64),
            grouped(footprint.multiply_adds_per_update as u64),
        ));
        let progress = self
            .console
            .progress(&self.label, plan.steps as u64, "steps");
        progress.skip_to(plan.first_step as u64);
        self.progress = Some(progress);
    }

    fn paced(&mut self, footprint: &TrainFootprint) {
        let Some(epoch) = footprint.seconds_per_epoch else {
            return;
        };
        let line = format!(
            "{}: about {} an epoch of {:.0} updates",
            self.label,
            duration(epoch),
            footprint.updates_per_epoch.max(1.0),
        );
        match &self.progress {
            Some(progress) => progress.suspend(|| self.console.say(line)),
            None => self.console.say(line),
        }
    }

    fn step(&mut self, report: &StepReport) -> ControlFlow<()> {
        if let Some(progress) = &self.progress {
            let valid = self
                .valid
                .map_or(String::new(), |valid| format!(", valid {}", percent(valid)));
            progress.set(
                report.step as u64,
                format!("loss {:.4}{valid}", report.loss),
            );
        }
        if interrupt::requested() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn validated(&mut self, validation: &Validation) {
        self.valid = Some(validation.error());
    }
}

/// Where the time of updates went, as a table.
fn profiled(profile: &Profile) -> String {
    let each = |seconds: f64| format!("{:.2}", 1e3 * seconds / profile.updates.max(1) as f64);
    let all: f64 = profile.parts.iter().sum();
    let parts = Part::ALL.iter().zip(profile.parts).map(|(part, seconds)| {
        let share = percent(seconds / all.max(f64::MIN_POSITIVE));
        vec![part.name().to_owned(), each(seconds), share]
    });
    // of the thread that reads ahead: no part of an update's time
    let beside = [
        ("beside: reading", profile.reading),
        ("beside: sending to the device", profile.sending),
    ];
    let beside = beside.map(|(name, seconds)| vec![name.to_owned(), each(seconds), "–".to_owned()]);
    let lines: Vec<Vec<String>> = parts.chain(beside).collect();
    table(&["part", "ms an update", "share"], &lines)
}

/// A run's folder by its last name, for labels.
pub fn label(run: &Path) -> String {
    let absolute: PathBuf = std::path::absolute(run).unwrap_or_else(|_| run.to_path_buf());
    absolute.file_name().map_or_else(
        || run.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}
