//! `fewave plot`: one figure drawn again, from its CSV, a dataset or runs.

mod data;

use std::path::{Path, PathBuf};

use anyhow::Context;
use fewave_plots::{ColourMap, Figure, FigureStyle, Format, figure_from_csv, write_formats};
use fewave_surrogate::Surrogate;

use crate::cli::{FigureKind, Global, PlotArguments};
use crate::comparison::report::{counts, training_run};
use crate::config::ConfigError;
use crate::console::Console;
use crate::output;

/// Largest CSV that is read, in bytes.
const LARGEST_CSV: u64 = 512 << 20;

/// Runs the command.
pub fn run(arguments: &PlotArguments, global: &Global) -> anyhow::Result<()> {
    let console = Console::new(global);
    let (stem, formats) = target(arguments)?;
    let name = stem.file_name().and_then(|name| name.to_str());
    let name = name.context("the output has no name")?.to_owned();
    let folder = match stem.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let figure: Box<dyn Figure> = match arguments.figure() {
        None => from_csv(&arguments.source()?, name)?,
        Some(FigureKind::Wavefield) => Box::new(data::wavefields(arguments, name)?),
        Some(FigureKind::Traces) => Box::new(data::traces(arguments, name)?),
        Some(FigureKind::Training) => {
            some_runs(arguments)?;
            let runs = arguments.paths.iter().filter_map(|run| {
                let rolls_out = Surrogate::load(run, &candle_core::Device::Cpu)
                    .map_or(true, |surrogate| surrogate.rolls_out());
                training_run(run, super::train::label(run), rolls_out)
            });
            let runs: Vec<_> = runs.collect();
            anyhow::ensure!(
                runs.len() == arguments.paths.len(),
                "{} of {} runs have a log.csv that can be read, expected all; give folders that `fewave train` wrote",
                runs.len(),
                arguments.paths.len()
            );
            Box::new(fewave_plots::TrainingCurves {
                name,
                metric: "relative L2 error".to_owned(),
                runs,
            })
        }
        Some(FigureKind::Parameters) => {
            some_runs(arguments)?;
            let mut models = Vec::new();
            for run in &arguments.paths {
                let surrogate = Surrogate::load(run, &candle_core::Device::Cpu)?;
                models.push(counts(&surrogate, super::train::label(run)));
            }
            Box::new(fewave_plots::ParameterCounts { name, models })
        }
    };
    let style = FigureStyle {
        width_cm: arguments.width_cm,
        font_size_pt: arguments
            .font_size_pt
            .unwrap_or(if arguments.width_cm < 12.0 {
                FigureStyle::column().font_size_pt
            } else {
                FigureStyle::page().font_size_pt
            }),
        colour_map: ColourMap::from_name(&arguments.colormap).context("no such colour map")?,
    };
    for format in &formats {
        let path = folder.join(format!("{}.{}", figure.name(), format.extension()));
        output::prepare_file(&path, global.force)?;
    }
    let written = write_formats(figure.as_ref(), &style, folder, &formats)?;
    for path in &written {
        console.say(path.display().to_string());
    }
    console.json(&serde_json::json!({
        "files": written.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
        "alt_text": figure.alt_text(),
    }))
}

/// Path of the files without their ending, and the formats.
fn target(arguments: &PlotArguments) -> anyhow::Result<(PathBuf, Vec<Format>)> {
    let mut formats: Vec<Format> = Vec::new();
    for name in &arguments.format {
        let format = Format::ALL.into_iter().find(|f| f.extension() == name);
        let format = format.context("no such format")?;
        if !formats.contains(&format) {
            formats.push(format);
        }
    }
    let stem = match (&arguments.output, arguments.figure()) {
        (Some(path), _) => {
            let ending = path.extension().and_then(|ending| ending.to_str());
            let format = Format::ALL
                .into_iter()
                .find(|format| Some(format.extension()) == ending);
            match format {
                None => path.clone(),
                Some(format) => {
                    if arguments.format.is_empty() {
                        formats.push(format);
                    } else if !formats.contains(&format) {
                        return Err(ConfigError::Usage(format!(
                            "-o {}: the ending is not among --format {}; leave one of them out",
                            path.display(),
                            arguments.format.join(",")
                        ))
                        .into());
                    }
                    path.with_extension("")
                }
            }
        }
        (None, Some(kind)) => PathBuf::from(kind.name()),
        (None, None) => {
            let source = arguments.source()?;
            PathBuf::from(source.file_stem().context("the CSV has no name")?)
        }
    };
    if formats.is_empty() {
        formats = vec![Format::Svg, Format::Png, Format::Pdf];
    }
    Ok((stem, formats))
}

fn some_runs(arguments: &PlotArguments) -> Result<(), ConfigError> {
    if arguments.paths.is_empty() {
        return Err(ConfigError::Usage(
            "plot: no run is given, expected at least one folder that `fewave train` wrote"
                .to_owned(),
        ));
    }
    Ok(())
}

fn from_csv(path: &Path, name: String) -> anyhow::Result<Box<dyn Figure>> {
    let unreadable = || format!("{}: cannot be read", path.display());
    let length = std::fs::metadata(path).with_context(unreadable)?.len();
    anyhow::ensure!(
        length <= LARGEST_CSV,
        "{}: has {} MiB, expected at most {}; a figure's CSV is smaller",
        path.display(),
        length >> 20,
        LARGEST_CSV >> 20
    );
    let text = std::fs::read_to_string(path).with_context(unreadable)?;
    Ok(figure_from_csv(&name, &path.display().to_string(), &text)?)
}
