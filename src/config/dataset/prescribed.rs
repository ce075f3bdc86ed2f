//! Prescribed sides: `{ kind = "prescribed", … }` with values, a file of them, or the receivers of another run.

use std::path::PathBuf;

use fewave_datasets::content_hash;

use super::super::ConfigError;
use super::super::document::sha256;
use super::super::range::number;
use super::super::section::Section;
use super::file::{self, NamedFile};
use super::signal;
use super::whole;

/// Where a prescribed displacement comes from.
#[derive(Debug, Clone)]
pub enum PrescribedConfig {
    /// The same displacement along the whole side.
    Values {
        /// Time between values in s.
        interval: f64,
        /// Displacement in m.
        values: Vec<f64>,
        /// The file that they come from.
        file: Option<NamedFile>,
    },
    /// The receivers of one trajectory of a data file, for every trajectory.
    File {
        /// The file.
        file: NamedFile,
        /// Trajectory in it, from 0; none means that the file holds only one.
        trajectory: Option<usize>,
    },
    /// The receivers of a dataset: those of the trajectory with the same split and index.
    Dataset {
        /// The folder; its hash is that of the configuration that it was generated with.
        folder: NamedFile,
    },
}

impl PrescribedConfig {
    /// The file or folder behind it.
    pub fn named(&self) -> Option<&NamedFile> {
        match self {
            Self::Values { file, .. } => file.as_ref(),
            Self::File { file, .. } => Some(file),
            Self::Dataset { folder } => Some(folder),
        }
    }
}

const FILE: &str = "a data file or a dataset folder of fewave whose receivers lie along the side, or an .npy or .csv file of values";

/// Reads the table of a condition whose `kind` is `prescribed`.
pub(super) fn read(section: &Section<'_>) -> Result<PrescribedConfig, ConfigError> {
    let config = if section.has("values") {
        if section.has("file") {
            return Err(section.error_found(
                "file",
                "beside `values`",
                "either values or a file; remove one",
            ));
        }
        let expected = "at least two finite displacements in m (or file = \"outer.hdf5\")";
        let values = section.required("values", expected, |value| {
            let values: Option<Vec<f64>> = value.as_array()?.iter().map(number).collect();
            values.filter(|list| list.len() >= 2 && list.iter().all(|v| v.is_finite()))
        })?;
        PrescribedConfig::Values {
            interval: interval(section)?,
            values,
            file: None,
        }
    } else {
        let path = file::path(section, "file", FILE)?;
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        match extension.to_ascii_lowercase().as_str() {
            "npy" | "csv" | "txt" => {
                let (values, file) = signal::from_file(section)?;
                PrescribedConfig::Values {
                    interval: interval(section)?,
                    values,
                    file: Some(file),
                }
            }
            _ if path.is_dir() => PrescribedConfig::Dataset {
                folder: dataset(section, path)?,
            },
            _ => PrescribedConfig::File {
                file: data_file(section, path)?,
                trajectory: section.or(
                    "trajectory",
                    "the number of a trajectory in the file, from 0",
                    None,
                    |value| whole(value, 0, 1_000_000).map(Some),
                )?,
            },
        }
    };
    section.finish()?;
    Ok(config)
}

/// A dataset counts by the configuration in its folder, from which all of it follows.
fn dataset(section: &Section<'_>, path: PathBuf) -> Result<NamedFile, ConfigError> {
    let config = path.join("config.toml");
    let bytes = std::fs::read(&config).map_err(|error| {
        let found = format!("{}: {error}", config.display());
        section.error_found(
            "file",
            found,
            "a dataset folder that `fewave generate` made",
        )
    })?;
    Ok(NamedFile {
        key: section.full("file"),
        path,
        sha256: sha256(&bytes),
    })
}

/// A data file counts by its content, which is not held in memory.
fn data_file(section: &Section<'_>, path: PathBuf) -> Result<NamedFile, ConfigError> {
    let refuse = |found: String| {
        let remedy = format!(
            "{FILE}; simulate the outer model first, or name its file with --set {}=…",
            section.full("file")
        );
        section.error_found("file", format!("{}: {found}", path.display()), remedy)
    };
    let metadata = std::fs::metadata(&path).map_err(|error| refuse(error.to_string()))?;
    if !metadata.is_file() {
        return Err(refuse("no regular file".to_owned()));
    }
    let sha256 = content_hash(&path).map_err(|error| refuse(error.to_string()))?;
    Ok(NamedFile {
        key: section.full("file"),
        path,
        sha256,
    })
}

fn interval(section: &Section<'_>) -> Result<f64, ConfigError> {
    section.required(
        "interval",
        "the time between values in s, above 0",
        |value| number(value).filter(|dt| dt.is_finite() && *dt > 0.0),
    )
}
