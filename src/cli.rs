//! The command line: arguments as the user gives them.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use fewave_plots::{ColourMap, Format};
use fewave_surrogate::{Epsilon, Execution, Scheme};

use crate::config::ConfigError;
use crate::verify::CHECKS;

/// FE waves in, few-parameter surrogates out.
///
/// From a finite-element model of the 2-D wave equation to a compressed CNN surrogate and a report that says honestly what
/// the surrogate is worth. New here? `fewave demo` runs the whole chain in a few minutes.
#[derive(Debug, Parser)]
#[command(
    name = "fewave",
    version,
    max_term_width = 100,
    propagate_version = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Override a value of the configuration, e.g. --set train.epochs=3 (repeatable; list items by number: source.0.frequency)
    #[arg(long = "set", value_name = "KEY=VALUE", global = true)]
    pub set: Vec<String>,
    /// Print the result as JSON on standard output
    #[arg(long, global = true)]
    pub json: bool,
    /// No progress, no summary: errors and warnings only
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Replace existing outputs
    #[arg(long, global = true)]
    pub force: bool,
    /// Threads to compute with [default: all cores]
    #[arg(long, value_name = "N", global = true, value_parser = clap::value_parser!(u16).range(1..=512))]
    pub threads: Option<u16>,
    /// Where networks are computed: cpu, cuda or cuda:i [default: cpu; in trainings train.device]
    #[arg(long, value_name = "DEVICE", global = true)]
    pub device: Option<String>,
}

/// Subcommands, in the order of the work.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the whole chain on a small example: data, two trainings, evaluation, report
    Demo {
        /// Folder for everything that it makes
        #[arg(short, long, default_value = "fewave-demo", value_name = "DIR")]
        output: PathBuf,
    },
    /// Write a commented configuration that runs as it is
    Init {
        /// Which one
        kind: InitKind,
        /// Where to [default: dataset.toml or train.toml]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Run one FE simulation (the first trajectory of the configuration) into one file
    #[command(after_help = "Example: fewave simulate dataset.toml -o out.hdf5 --set mesh.order=6")]
    Simulate {
        /// Configuration, as for `generate`; `count` may be missing
        #[arg(value_name = "CASE.toml")]
        config: PathBuf,
        /// File to write
        #[arg(short, long, value_name = "OUT.hdf5")]
        output: PathBuf,
        /// Also write the field on its own mesh, as VTU files with a PVD series, into this folder
        #[arg(long, value_name = "DIR")]
        vtu: Option<PathBuf>,
    },
    /// Write an XDMF file beside a data file, so that ParaView opens its snapshots without a copy
    #[command(after_help = "Example: fewave export out.hdf5 (writes out.xdmf and out.grid.h5)")]
    Export {
        /// Data file, from `simulate`, `generate` or `predict`
        #[arg(value_name = "FILE.hdf5")]
        file: PathBuf,
        /// Trajectory of the file, from 0
        #[arg(long, default_value_t = 0, value_name = "N")]
        trajectory: usize,
        /// File to write [default: the data file's name with .xdmf]
        #[arg(short, long, value_name = "FILE.xdmf")]
        output: Option<PathBuf>,
    },
    /// Generate a dataset: an ensemble of FE simulations; continues where it was interrupted
    #[command(
        after_help = "Example: fewave generate dataset.toml -o data\nOn a cluster: fewave generate dataset.toml -o data --shard $SLURM_ARRAY_TASK_ID/16"
    )]
    Generate {
        /// Configuration (`fewave init dataset` writes one)
        #[arg(value_name = "DATASET.toml")]
        config: PathBuf,
        /// Folder of the dataset
        #[arg(short, long, value_name = "DIR")]
        output: PathBuf,
        /// Do only part i of n, i from 0 (for job arrays); whoever finds all parts done writes stats.yaml
        #[arg(long, value_name = "i/n", value_parser = parse_shard)]
        shard: Option<Shard>,
        /// Show where the time went, per thread
        #[arg(long)]
        profile: bool,
    },
    /// Show what is in a dataset, a data file, a run or a checkpoint
    Inspect {
        /// What to look into
        path: PathBuf,
    },
    /// Check a dataset against the schema and list every violation (exit 1 if there is any)
    Validate {
        /// Dataset folder or one data file
        #[arg(value_name = "DIR")]
        path: PathBuf,
    },
    /// Train a surrogate
    #[command(
        after_help = "Example: fewave train train.toml -o runs/one-way\nContinue after an interruption: fewave train train.toml -o runs/one-way --resume\nWhich learning rate? fewave train train.toml --find-lr"
    )]
    Train {
        /// Configuration (`fewave init train` writes one)
        #[arg(value_name = "TRAIN.toml")]
        config: PathBuf,
        /// Folder of the run
        #[arg(short, long, value_name = "RUN", required_unless_present = "find_lr")]
        output: Option<PathBuf>,
        /// Continue from the last checkpoint of the run
        #[arg(long, conflicts_with = "find_lr")]
        resume: bool,
        /// Instead of training, sweep the learning rate and suggest one; the sweep goes into -o [default: find-lr]
        #[arg(long)]
        find_lr: bool,
        /// Show where the time of updates went: waiting for data, forward, backward, optimiser
        #[arg(long, conflicts_with = "find_lr")]
        profile: bool,
    },
    /// Measure trained surrogates on a dataset: metrics.csv, predictions.hdf5, timing
    Evaluate {
        /// Runs to evaluate
        #[arg(required = true, value_name = "RUN")]
        runs: Vec<PathBuf>,
        /// Dataset folder
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Split to measure on
        #[arg(long, default_value = "test")]
        split: SplitArgument,
        /// Folder for the results [default: RUN/evaluation]
        #[arg(short, long, value_name = "DIR")]
        output: Option<PathBuf>,
        /// What FE is asked
        #[command(flatten)]
        reference: ReferenceArguments,
    },
    /// Drop the units of a trained dense network (mlp) that say nearly the same for every input, and retrain it
    #[command(
        after_help = "A unit is dropped if the standard deviation of its output over the train split is below EPSILON times the largest of its layer; its mean goes into the next layer's bias. The smaller network is retrained and kept if its validation error has not risen by more than allowed.\nExamples: fewave prune runs/traces --epsilon 1e-3 -o runs/pruned\n          fewave prune runs/traces --epsilon auto --max-error-rise 0 -o runs/small\nConvolutional networks are compressed before training instead, by network.scheme."
    )]
    Prune(PruneArguments),
    /// Evaluate several runs side by side and write the report
    #[command(
        after_help = "Beside the runs stand trivial predictions, coarse FE, the reference's own error (some trajectories solved again at half the mesh size and time\nstep), and the speed-up over the fastest FE that is as good as each run.\nExample: fewave compare runs/dense runs/one-way --data data -o report --require rollout_relative_l2=0.05"
    )]
    Compare {
        /// Runs to compare
        #[arg(required = true, value_name = "RUN")]
        runs: Vec<PathBuf>,
        /// Dataset folder
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Split to measure on
        #[arg(long, default_value = "test")]
        split: SplitArgument,
        /// Folder of the report
        #[arg(short, long, default_value = "report", value_name = "DIR")]
        output: PathBuf,
        /// What FE is asked
        #[command(flatten)]
        fe: FeArguments,
        /// What is demanded
        #[command(flatten)]
        requirements: RequirementArguments,
    },
    /// Apply a trained surrogate to the trajectories of a data file
    #[command(
        after_help = "The first snapshots of each trajectory (as many as the surrogate's history) start the rollout.\nA surrogate of whole fields predicts from the first snapshot alone, always as many as it was trained on.\nExample: fewave predict runs/one-way --input out.hdf5 -o predicted.hdf5 --steps 20"
    )]
    Predict {
        /// Run or checkpoint
        #[arg(value_name = "RUN")]
        run: PathBuf,
        /// Data file, for example from `fewave simulate`
        #[arg(long, value_name = "F.hdf5")]
        input: PathBuf,
        /// File to write
        #[arg(short, long, value_name = "G.hdf5")]
        output: PathBuf,
        /// Steps to predict [default: to the last snapshot of the input]
        #[arg(long, value_name = "N")]
        steps: Option<usize>,
        /// How layers are run: fastest picks the faster exact way for each by timing it, as-written gives the same bits every time
        #[arg(long, value_name = "HOW", default_value = "fastest")]
        execution: ExecutionArgument,
        /// Predict even where the input leaves the ranges of the training data
        #[arg(long)]
        extrapolate: bool,
    },
    /// Train many surrogates over a grid or a list of settings, measure them alike, draw errors against costs
    #[command(after_help = STUDY_HELP)]
    Study {
        /// Study file: a base configuration, `[grid]` and `[[run]]`
        #[arg(value_name = "STUDY.toml")]
        config: PathBuf,
        /// Folder of the study
        #[arg(short, long, default_value = "study", value_name = "DIR")]
        output: PathBuf,
        /// Show the runs, what each takes and how far it is; do nothing
        #[arg(long)]
        dry_run: bool,
        /// Time the predictions of all finished runs, now and on this machine; train nothing
        #[arg(long, conflicts_with_all = ["dry_run", "force"])]
        latency: bool,
    },
    /// Draw one figure again: from its CSV, a dataset or runs
    #[command(
        after_help = "Examples: fewave plot report/figures/error-growth.csv --width-cm 8 --format pdf\n          fewave plot wavefield data/test --trajectory 3 --times 0.4,0.8 --prediction runs/dense/evaluation/predictions.hdf5 -o waves.pdf\n          fewave plot training runs/dense runs/one-way\nColour maps are perceptually uniform and can be told apart by readers with red-green colour blindness."
    )]
    Plot(PlotArguments),
    /// Verify the solver against exact solutions and theory, and write a report (exit 1 if a check fails)
    #[command(
        after_help = "Example: fewave verify --only green interface -o verification\nEverything, in a minute or two: fewave verify --full"
    )]
    Verify {
        /// Folder of the report
        #[arg(short, long, default_value = "verification", value_name = "DIR")]
        output: PathBuf,
        /// Run the full suite instead of its fast part
        #[arg(long)]
        full: bool,
        /// Run these checks only
        #[arg(long, value_name = "NAME", num_args = 1.., value_parser = check_names())]
        only: Vec<String>,
    },
    /// Measure how fast the kernels are on this machine
    #[command(
        after_help = "Examples: fewave bench solver -o solver.csv\n          fewave bench layers --scheme dense --scheme one-way --threads 2\n          fewave bench layers --step\nThe scripts under benches/peers time other programs on the same cases."
    )]
    Bench {
        /// Which kernels
        kind: BenchKind,
        /// Layers of this scheme only (repeatable; for `layers`)
        #[arg(long, value_name = "KIND")]
        scheme: Vec<SchemeArgument>,
        /// Whole training steps of a U-Net instead of single layers (for `layers`)
        #[arg(long)]
        step: bool,
        /// CSV file to write the figures to
        #[arg(short, long, value_name = "FILE.csv")]
        output: Option<PathBuf>,
        /// Small cases only: seconds instead of minutes
        #[arg(long)]
        quick: bool,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// What `evaluate` asks of the FE solver.
#[derive(Debug, Clone, Copy, Args)]
pub struct ReferenceArguments {
    /// Leave out all that solves scenes again: coarse FE and the reference's own error
    #[arg(long)]
    pub no_fe: bool,
    /// Trajectories to solve again on a finer mesh for the reference's own error; 0 for none
    #[arg(long, value_name = "N", default_value_t = BUDGET_TRAJECTORIES)]
    pub budget_trajectories: usize,
}

/// What `compare` asks of the FE solver.
#[derive(Debug, Clone, Copy, Args)]
pub struct FeArguments {
    /// Leave out all that solves scenes again: coarse FE, the reference's own error, speed-ups
    #[arg(long)]
    pub no_fe: bool,
    /// Trajectories to solve again on a finer mesh for the reference's own error; 0 for none
    #[arg(long, value_name = "N", default_value_t = BUDGET_TRAJECTORIES)]
    pub budget_trajectories: usize,
    /// Time that the search for FE as good as each run may take, in s
    #[arg(long, value_name = "S", default_value_t = FE_SECONDS, value_parser = parse_seconds)]
    pub fe_seconds: f64,
}

const BUDGET_TRAJECTORIES: usize = 4;
const FE_SECONDS: f64 = 8.0;

impl Default for FeArguments {
    fn default() -> Self {
        Self {
            no_fe: false,
            budget_trajectories: BUDGET_TRAJECTORIES,
            fe_seconds: FE_SECONDS,
        }
    }
}
/// The shortest study that shows everything.
const STUDY_HELP: &str = "\
Runs go from the cheapest to the dearest; a study that was stopped, killed included, continues with the same command.
A run that fails is recorded, and the others go on (exit 1 at the end).

A study file:
  base = \"train.toml\"                       # or a table [base] with its content
  [grid]                                     # every combination, for every run
  seed = [0, 1, 2]
  \"train.learning_rate\" = [1e-3, 3e-3]
  [[run]]
  name = \"dense\"
  set = { network.scheme = { kind = \"dense\" } }
  [[run]]
  name = \"one-way\"
  set = { network.scheme = { kind = \"one-way\", form = \"filter\", rank = 1 } }
  [select]                                   # the best on the valid split stands for its network
  over = [\"train.learning_rate\"]
  by = \"valid rollout_20 median\"

Example: fewave study study.toml -o study --dry-run, then without; at last, on a quiet machine, with --latency";

/// Arguments of `prune`.
#[derive(Debug, Clone, Args)]
pub struct PruneArguments {
    /// Run or checkpoint with network.kind = "mlp"
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Share of the largest deviation in a layer below which a unit is dropped (above 0, at most 1), or auto: the largest that the error allows
    #[arg(long, value_name = "EPSILON", value_parser = parse_epsilon, allow_hyphen_values = true)]
    pub epsilon: Epsilon,
    /// Largest rise of the validation error, relative to that of RUN
    #[arg(
        long,
        default_value_t = 0.02,
        value_name = "SHARE",
        allow_hyphen_values = true
    )]
    pub max_error_rise: f64,
    /// Most rounds, refused ones included
    #[arg(long, default_value_t = 40, value_name = "N")]
    pub rounds: usize,
    /// Updates after each round [default: a tenth of the training's]
    #[arg(long, value_name = "N")]
    pub retrain_steps: Option<usize>,
    /// Peak learning rate of retraining [default: half of the training's]
    #[arg(long, value_name = "RATE", allow_hyphen_values = true)]
    pub retrain_rate: Option<f64>,
    /// Dataset folder, where it is not the one of the training's configuration any more
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Folder of the pruned run
    #[arg(short, long, value_name = "RUN2")]
    pub output: PathBuf,
}

/// What `compare` demands of the runs.
#[derive(Debug, Clone, Default, Args)]
pub struct RequirementArguments {
    /// An upper limit, e.g. rollout_relative_l2=0.05 or rollout_relative_l2_worst=0.2 (repeatable); exit 1 where no run meets all
    #[arg(long = "require", value_name = "NAME=LIMIT")]
    pub require: Vec<String>,
    /// A TOML file with limits in its section `[requirements]`
    #[arg(long, value_name = "FILE.toml")]
    pub requirements: Option<PathBuf>,
}

/// What `plot` is given.
#[derive(Debug, Clone, Args)]
pub struct PlotArguments {
    /// A figure (wavefield and traces of data, training and parameters of runs), or a CSV of a report's figures/
    #[arg(value_name = "FIGURE|FILE.csv")]
    what: String,
    /// The data (dataset, split or data file) or the runs
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Position of the trajectory in the split or file, from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub trajectory: usize,
    /// Times to draw, in s, each that of a snapshot [default: four, evenly spread]
    #[arg(long, value_name = "T,…", value_delimiter = ',')]
    pub times: Vec<f64>,
    /// A file of predictions of the same data, to draw beside FE (repeatable)
    #[arg(long, value_name = "FILE.hdf5")]
    pub prediction: Vec<PathBuf>,
    /// Width of the figure: 8 for a column of a paper, 17 for its page
    #[arg(long, value_name = "CM", default_value_t = 17.0)]
    pub width_cm: f64,
    /// Size of all text in points [default: 7 in figures under 12 cm, else 7.5]
    #[arg(long, value_name = "PT")]
    pub font_size_pt: Option<f64>,
    /// Colours of fields
    #[arg(long, value_name = "MAP", default_value = ColourMap::BlueBrown.name(), value_parser = colour_maps())]
    pub colormap: String,
    /// Formats to write [default: svg,png,pdf, or that of -o]
    #[arg(long, value_name = "FORMAT,…", value_delimiter = ',', value_parser = formats())]
    pub format: Vec<String>,
    /// Files to write, their ending left out or one of the formats [default: named after the figure, in this folder]
    #[arg(short, long, value_name = "PATH")]
    pub output: Option<PathBuf>,
}

/// A figure that `plot` draws from data or runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FigureKind {
    /// FE fields at chosen times, with predictions and their errors.
    Wavefield,
    /// Seismograms.
    Traces,
    /// Loss and validation error of runs.
    Training,
    /// Parameters and multiply-adds of runs.
    Parameters,
}

impl FigureKind {
    const ALL: [Self; 4] = [
        Self::Wavefield,
        Self::Traces,
        Self::Training,
        Self::Parameters,
    ];

    /// Its name on the command line, and the stem of its files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wavefield => "wavefield",
            Self::Traces => "traces",
            Self::Training => "training",
            Self::Parameters => "parameters",
        }
    }
}

impl PlotArguments {
    /// The figure asked for by name; `None` where a CSV is given.
    pub fn figure(&self) -> Option<FigureKind> {
        FigureKind::ALL.into_iter().find(|k| k.name() == self.what)
    }

    /// The one path that is read: a CSV, or the data of a figure.
    ///
    /// # Errors
    /// Where another number of paths is given, or the figure is unknown.
    pub fn source(&self) -> Result<PathBuf, ConfigError> {
        let names = FigureKind::ALL.map(FigureKind::name).join(", ");
        match (self.figure(), self.paths.as_slice()) {
            (None, []) if self.what.ends_with(".csv") => Ok(PathBuf::from(&self.what)),
            (None, []) => Err(ConfigError::Usage(format!(
                "{}: no figure of that name and no .csv; expected one of {names} with a path behind it, or the CSV of a figure",
                self.what
            ))),
            (None, _) => Err(ConfigError::Usage(format!(
                "{}: no figure of that name; expected one of {names}",
                self.what
            ))),
            (Some(_), [path]) => Ok(path.clone()),
            (Some(kind), paths) => Err(ConfigError::Usage(format!(
                "plot {}: {} paths, expected one dataset, split or data file",
                kind.name(),
                paths.len()
            ))),
        }
    }
}

fn colour_maps() -> PossibleValuesParser {
    PossibleValuesParser::new(ColourMap::ALL.map(ColourMap::name))
}

fn formats() -> PossibleValuesParser {
    PossibleValuesParser::new(Format::ALL.map(Format::extension))
}

/// What `bench` measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BenchKind {
    /// Time steps of the FE solver
    Solver,
    /// Layers of every scheme, forward and backward
    Layers,
}

/// A scheme by the `kind` of its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemeArgument {
    /// The kernel itself
    Dense,
    /// Products of one-way filters
    OneWay,
    /// Chains of one-way filters
    Flattened,
    /// Four values per kernel
    Structured,
    /// Hashed frequency coefficients
    Fresh,
}

impl SchemeArgument {
    /// Whether a scheme is of this kind.
    pub fn names(self, scheme: &Scheme) -> bool {
        match self {
            Self::Dense => matches!(scheme, Scheme::Dense),
            Self::OneWay => matches!(scheme, Scheme::OneWay(_)),
            Self::Flattened => matches!(scheme, Scheme::Flattened(_)),
            Self::Structured => matches!(scheme, Scheme::Structured(_)),
            Self::Fresh => matches!(scheme, Scheme::Fresh(_)),
        }
    }
}

/// What `init` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InitKind {
    /// A dataset configuration
    Dataset,
    /// A training configuration
    Train,
}

/// How the layers of a trained network are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExecutionArgument {
    /// Each in its faster exact way
    Fastest,
    /// As they were trained
    AsWritten,
}

impl From<ExecutionArgument> for Execution {
    fn from(argument: ExecutionArgument) -> Self {
        match argument {
            ExecutionArgument::Fastest => Self::Fastest,
            ExecutionArgument::AsWritten => Self::AsWritten,
        }
    }
}

/// A split by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SplitArgument {
    /// Training trajectories
    Train,
    /// Validation trajectories
    Valid,
    /// Test trajectories
    Test,
}

/// Part `index` of `count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 0.
    pub index: usize,
    /// How many there are.
    pub count: usize,
}

fn check_names() -> PossibleValuesParser {
    PossibleValuesParser::new(CHECKS.iter().map(|check| check.name()))
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && seconds >= 0.0 => Ok(seconds),
        _ => Err("expected a time in s of at least 0".to_owned()),
    }
}

fn parse_epsilon(text: &str) -> Result<Epsilon, String> {
    match (text, text.parse::<f64>()) {
        ("auto", _) => Ok(Epsilon::Auto),
        (_, Ok(epsilon)) => Ok(Epsilon::Fixed(epsilon)),
        _ => Err("expected a number above 0, for example 1e-3, or auto".to_owned()),
    }
}

fn parse_shard(text: &str) -> Result<Shard, String> {
    let parts = text
        .split_once('/')
        .and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    match parts {
        Some((index, count)) if index < count => Ok(Shard { index, count }),
        _ => Err("expected i/n with 0 ≤ i < n, for example 0/4".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn shards_count_from_zero() {
        assert_eq!(parse_shard("3/4"), Ok(Shard { index: 3, count: 4 }));
        for bad in ["4/4", "1", "a/b", "-1/2", "0/0"] {
            assert!(parse_shard(bad).is_err(), "{bad}");
        }
    }
}
