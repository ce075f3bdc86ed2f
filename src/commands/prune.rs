//! `fewave prune`: a trained dense network without the units that say nearly nothing.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use candle_core::Device;
use fewave_plots::{FigureStyle, Provenance, Report, ReportFigure, write_figure};
use fewave_surrogate::prune::{PruneObserver, PruneRound, PruneSummary, ROUNDS, clear_rounds};
use fewave_surrogate::train::log::StepReport;
use fewave_surrogate::{Epsilon, PruneOptions, TrainObserver, TrainPlan, prune};
use serde_json::json;

use crate::cli::{Global, PruneArguments};
use crate::commands::train::label;
use crate::config::ConfigError;
use crate::console::{Console, Progress, grouped, percent};
use crate::interrupt::{self, Interrupted};
use crate::output::{self, Contents};
use crate::traces::pruning;

/// What a pruned run's folder holds.
const CONTENTS: Contents = Contents {
    what: "a pruned run",
    marker: "pruning.csv",
    names: &[
        "pruning.csv",
        "best.safetensors",
        "last.safetensors",
        "log.csv",
        "report",
        "evaluation",
        ROUNDS,
    ],
};

/// Runs the command.
pub fn run(arguments: &PruneArguments, global: &Global) -> anyhow::Result<()> {
    let console = Console::new(global);
    let (run, folder) = (&arguments.run, &arguments.output);
    let options = PruneOptions {
        epsilon: arguments.epsilon,
        max_error_rise: arguments.max_error_rise,
        rounds: arguments.rounds,
        retrain_steps: arguments.retrain_steps,
        retrain_rate: arguments.retrain_rate,
        data: arguments.data.clone(),
    };
    prepare(run, folder, global.force)?;
    let _graceful = interrupt::graceful();
    let mut observer = Observer { console: &console };
    let summary = prune(run, folder, &options, &Device::Cpu, &mut observer)?;
    if summary.interrupted {
        return Err(Interrupted(format!(
            "{} rounds are saved in {}; the same command continues",
            summary.pruning.rounds.len() - 1,
            folder.display()
        ))
        .into());
    }
    output::write_atomically(
        &folder.join("pruning.csv"),
        &pruning::csv(&summary.pruning)?,
    )?;
    report(arguments, &summary)?;
    // last: with the rounds, the same command makes all of this again
    clear_rounds(folder)?;
    console.say(pruning::terminal_table(&summary.pruning));
    tell(folder, &summary, &console)
}

/// A folder that is new, empty, or holds rounds of a pruning that did not come to its end.
fn prepare(run: &Path, folder: &Path, force: bool) -> anyhow::Result<()> {
    if let (Ok(run), Ok(folder)) = (run.canonicalize(), folder.canonicalize())
        && run.starts_with(&folder)
    {
        return Err(ConfigError::Usage(format!(
            "{}: holds the run that is to be pruned, which stays as it is; choose another folder with -o",
            folder.display()
        ))
        .into());
    }
    let begun = folder.join(ROUNDS).is_dir();
    if begun && !force {
        return Ok(());
    }
    if begun {
        output::remove(folder, &CONTENTS)?;
    }
    output::prepare_folder(folder, &CONTENTS, force)
}

fn tell(folder: &Path, summary: &PruneSummary, console: &Console) -> anyhow::Result<()> {
    let rounds = &summary.pruning.rounds;
    let (first, last) = (&rounds[0], &rounds[summary.kept]);
    console.say(if summary.kept == 0 && rounds.len() == 1 {
        format!(
            "\n{}: no unit varies by less than ε: the network is kept as it is. A larger --epsilon, or --epsilon auto, drops more.",
            folder.display()
        )
    } else {
        format!(
            "\n{}: {} parameters of {} ({} fewer), units {}; valid error {} (it was {})",
            folder.display(),
            grouped(last.parameters as u64),
            grouped(first.parameters as u64),
            percent(1.0 - last.parameters as f64 / first.parameters as f64),
            pruning::units(last),
            percent(last.valid_error),
            percent(first.valid_error),
        )
    });
    console.json(&json!({
        "run": folder.display().to_string(),
        "kept": summary.kept,
        "parameters": last.parameters,
        "parameters_before": first.parameters,
        "valid_error": last.valid_error,
        "valid_error_before": first.valid_error,
        "pruning": summary.pruning,
    }))
}

/// Writes `report/` of the pruning: its rounds as a table and as a figure.
fn report(arguments: &PruneArguments, summary: &PruneSummary) -> anyhow::Result<()> {
    let (folder, record) = (arguments.output.join("report"), &summary.pruning);
    let name = label(&arguments.output);
    let figures = folder.join("figures");
    output::create_folder(&figures)?;
    let files = write_figure(
        &pruning::figure(pruning::figure_name(1, &name), &name, record),
        &FigureStyle::default(),
        &figures,
    )?;
    let (first, last) = (&record.rounds[0], &record.rounds[summary.kept]);
    let entry = |what: &str, sha256: &str| Provenance {
        what: what.to_owned(),
        source: label(&arguments.run),
        sha256: sha256.to_owned(),
    };
    Report {
        title: format!("{name}: {} pruned", label(&arguments.run)),
        verdicts: Vec::new(),
        summary: vec![format!(
            "From {} to {} parameters, {} fewer; the valid error is {}, it was {}. A unit is dropped where the standard deviation of its output over \
             the train split is below ε times the largest of its layer; its mean goes into the next layer's bias.",
            grouped(first.parameters as u64),
            grouped(last.parameters as u64),
            percent(1.0 - last.parameters as f64 / first.parameters as f64),
            percent(last.valid_error),
            percent(first.valid_error)
        )],
        tables: vec![pruning::report_table(&name, record)],
        player: None,
        figures: vec![ReportFigure {
            files,
            caption: "Errors against parameters, from right to left; the broken line is what was allowed.".to_owned(),
        }],
        attachments: Vec::new(),
        commands: vec![command(arguments)],
        provenance: vec![
            entry("weights before pruning", &record.parent_weights),
            entry("training configuration", &record.parent_config),
        ],
    }
    .write(&folder)?;
    Ok(())
}

/// The command that makes this run again.
fn command(arguments: &PruneArguments) -> String {
    let epsilon = match arguments.epsilon {
        Epsilon::Fixed(epsilon) => epsilon.to_string(),
        Epsilon::Auto => "auto".to_owned(),
    };
    let mut text = format!(
        "fewave prune {} --epsilon {epsilon} --max-error-rise {} --rounds {}",
        arguments.run.display(),
        arguments.max_error_rise,
        arguments.rounds
    );
    if let Some(steps) = arguments.retrain_steps {
        text += &format!(" --retrain-steps {steps}");
    }
    if let Some(rate) = arguments.retrain_rate {
        text += &format!(" --retrain-rate {rate}");
    }
    if let Some(data) = &arguments.data {
        text += &format!(" --data {}", data.display());
    }
    let output: &PathBuf = &arguments.output;
    format!("{text} -o {}", output.display())
}

/// Tells the rounds and draws the progress of retraining.
struct Observer<'a> {
    console: &'a Console,
}

impl PruneObserver for Observer<'_> {
    fn round(&mut self, round: &PruneRound) {
        let mut outcome = pruning::outcome(round).to_owned();
        if round.round > 0 {
            outcome = format!("ε = {:.3e}, {outcome}", round.epsilon);
        }
        self.console.say(format!(
            "round {}: units {}, {} parameters, train {}, valid {} ({outcome})",
            round.round,
            pruning::units(round),
            grouped(round.parameters as u64),
            percent(round.train_error),
            percent(round.valid_error),
        ));
    }

    fn training(&mut self, round: usize) -> Box<dyn TrainObserver + '_> {
        Box::new(Retraining {
            console: self.console,
            label: format!("round {round}"),
            progress: None,
        })
    }
}

struct Retraining<'a> {
    console: &'a Console,
    label: String,
    progress: Option<Progress>,
}

impl TrainObserver for Retraining<'_> {
    fn started(&mut self, plan: &TrainPlan) {
        let steps = plan.steps as u64;
        self.progress = Some(self.console.progress(&self.label, steps, "steps"));
    }

    fn step(&mut self, report: &StepReport) -> ControlFlow<()> {
        if let Some(progress) = &self.progress {
            progress.set(report.step as u64, format!("loss {:.4}", report.loss));
        }
        if interrupt::requested() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}
