//! Checks a dataset folder or one file against the whole layout, and reports every violation, not the first.
//!
//! Beyond the headers, which every opening checks: all values are finite, every trajectory has the content that was
//! written (SHA-256), no trajectory is missing or doubled, files agree, `stats.yaml` is that of the train split.
//! Data are read a block at a time, whatever their size.

mod trajectory;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::checksum::{is_hdf5, list};
use crate::error::{Error, Result, Violation};
use crate::reader::Split;
use crate::reader::files::{Inspected, disagreements, inspect};
use crate::reader::header::Header;
use crate::schema::{FileSpec, SplitName};
use crate::statistics::{STATISTICS_FILE, Statistics};

/// Statistics may differ by rounding only.
const STATISTICS_TOLERANCE: f64 = 1e-9;

/// What [`validate()`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValidationReport {
    /// Everything that breaks the layout, by file.
    pub violations: Vec<Violation>,
    /// Number of files checked.
    pub files: usize,
    /// Number of trajectories whose data were checked.
    pub trajectories: usize,
}

impl ValidationReport {
    /// Whether nothing breaks the layout.
    pub fn is_valid(&self) -> bool {
        self.violations.is_empty()
    }

    fn note(
        &mut self,
        file: &Path,
        place: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
        rule: &'static str,
    ) {
        self.violations.push(Violation {
            file: file.to_path_buf(),
            place: place.into(),
            expected: expected.into(),
            found: found.into(),
            rule,
        });
    }
}

/// Checks the dataset folder, or the one file, at `path`.
///
/// # Errors
/// [`Error::Io`] where the path does not exist or cannot be read. What is wrong with the data is in the report.
pub fn validate(path: impl AsRef<Path>) -> Result<ValidationReport> {
    let path = path.as_ref();
    let mut report = ValidationReport::default();
    if !path.is_dir() {
        check_file(path, &mut report)?;
        return Ok(report);
    }
    let rule = "a dataset is a folder with data/{train,valid,test}/*.hdf5 and stats.yaml";
    let data = path.join("data");
    if !data.is_dir() {
        report.note(&data, "", "a folder", "nothing", rule);
        return Ok(report);
    }
    for split in SplitName::ALL {
        let folder = data.join(split.as_str());
        if folder.is_dir() {
            check_split(&folder, split, &mut report)?;
        } else {
            report.note(&folder, "", "a folder", "nothing", rule);
        }
    }
    check_statistics(path, &mut report);
    Ok(report)
}

fn check_split(folder: &Path, split: SplitName, report: &mut ValidationReport) -> Result<()> {
    let mut first: Option<(PathBuf, FileSpec)> = None;
    let mut seen: BTreeMap<u64, PathBuf> = BTreeMap::new();
    let mut sound = true;
    for path in list(folder)? {
        if path
            .extension()
            .is_some_and(|extension| extension == "part")
        {
            let found = "a file that was never finished";
            report.note(
                &path,
                "",
                "*.hdf5",
                found,
                "a finished split has finished files",
            );
        }
        if !is_hdf5(&path) {
            continue;
        }
        let Some((header, spec)) = check_file(&path, report)? else {
            sound = false;
            continue;
        };
        let found = spec.provenance.split;
        if found != split {
            let rule = "files lie in the folder of their split";
            report.note(&path, "/fewave@split", split.as_str(), found.as_str(), rule);
        }
        for index in &header.index {
            if let Some(other) = seen.insert(*index, path.clone()) {
                let found = format!("index {index} also in {}", other.display());
                report.note(
                    &path,
                    "/fewave/index",
                    "each trajectory once",
                    found,
                    "a split has no trajectory twice",
                );
            }
        }
        match &first {
            None => first = Some((path, spec)),
            Some((first, expected)) => {
                report
                    .violations
                    .extend(disagreements(&path, first, expected, &spec));
            }
        }
    }
    // A file that could not be read has been reported, and its trajectories are missing for that reason.
    if !sound {
        return Ok(());
    }
    let Some((_, spec)) = first else {
        // A dataset may do without trajectories to validate or test on, not without those to train on.
        if split == SplitName::Train {
            report.note(
                folder,
                "",
                "*.hdf5 files",
                "none",
                "the train split has files",
            );
        }
        return Ok(());
    };
    let count = spec.provenance.split_trajectories;
    if let Some(missing) = (0..count).find(|index| !seen.contains_key(index)) {
        let found = format!("{}, the first missing is {missing}", seen.len());
        report.note(
            folder,
            "",
            format!("{count} trajectories"),
            found,
            "a finished split has all files",
        );
    }
    if let Some((index, path)) = seen.last_key_value().filter(|(index, _)| **index >= count) {
        let rule = "indices count within the split";
        report.note(
            path,
            "/fewave/index",
            format!("indices below {count}"),
            index.to_string(),
            rule,
        );
    }
    Ok(())
}

/// Checks header and data of one file; gives the header back where it is sound.
fn check_file(path: &Path, report: &mut ValidationReport) -> Result<Option<(Header, FileSpec)>> {
    let Inspected { header, violations } = inspect(path)?;
    report.files += 1;
    report.violations.extend(violations);
    if header.is_some() {
        let file = match Split::open_file(path) {
            Ok(file) => file,
            Err(Error::Layout { violation, .. }) => {
                report.violations.push(*violation);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        for number in 0..file.len() {
            trajectory::check(path, &file, number, report)?;
            report.trajectories += 1;
        }
    }
    Ok(header)
}

fn check_statistics(dir: &Path, report: &mut ValidationReport) {
    let path = dir.join(STATISTICS_FILE);
    let rule = "stats.yaml holds the statistics of the train split";
    let stored = match Statistics::read(dir) {
        Ok(stored) => stored,
        Err(error) => {
            return report.note(
                &path,
                "",
                "statistics of every field",
                error.to_string(),
                rule,
            );
        }
    };
    let split = Split::open(dir, SplitName::Train);
    let Ok(computed) = split.and_then(|split| Statistics::compute(&split)) else {
        return; // A train split that cannot be read has been reported.
    };
    for ((key, found), (_, expected)) in stored.maps().into_iter().zip(computed.maps()) {
        let scales = if key.ends_with("_delta") {
            &computed.rms_delta
        } else {
            &computed.rms
        };
        for (field, value) in expected {
            let tolerance = STATISTICS_TOLERANCE * scales.get(field).copied().unwrap_or(0.0);
            let stored = found.get(field);
            if stored.is_none_or(|stored| (stored - value).abs() > tolerance) {
                let stored = stored.map_or("nothing".to_owned(), f64::to_string);
                report.note(
                    &path,
                    format!("{key}/{field}"),
                    value.to_string(),
                    stored,
                    rule,
                );
            }
        }
        for field in found.keys().filter(|field| !expected.contains_key(*field)) {
            report.note(
                &path,
                format!("{key}/{field}"),
                "no such field",
                "a value",
                rule,
            );
        }
    }
}
