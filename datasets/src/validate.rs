//! Checks a dataset folder or one file against the whole layout, and reports every violation, not the first.
//!
//! Beyond the headers, which every opening checks: all values are finite, every trajectory has the content that was
//! written (SHA-256), no trajectory is missing or doubled, files agree, `stats.yaml` is that of the train split.
//! Data are read once, a block at a time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ndarray::Array;

use crate::checksum::{TrajectoryDigest, hex, is_hdf5, list};
use crate::error::{Error, Result, Violation};
use crate::reader::header::Header;
use crate::reader::{Split, disagreements, read_header};
use crate::schema::{FileSpec, SplitName};
use crate::statistics::{Statistics, statistics_path};

/// Values read at a time.
const BLOCK_VALUES: usize = 1 << 20;

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
        place: &str,
        expected: String,
        found: String,
        rule: &'static str,
    ) {
        let violation = Violation {
            file: file.to_path_buf(),
            place: place.to_owned(),
            expected,
            found,
            rule,
        };
        self.violations.push(violation);
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
    let data = path.join("data");
    if !data.is_dir() {
        let rule = "a dataset is a folder with data/{train,valid,test}/*.hdf5 and stats.yaml";
        report.note(
            path,
            "",
            "the folder `data`".to_owned(),
            "nothing".to_owned(),
            rule,
        );
        return Ok(report);
    }
    for entry in list(&data)? {
        let known = SplitName::ALL
            .iter()
            .any(|split| entry.file_name().is_some_and(|name| name == split.as_str()));
        if !known {
            let (expected, found) = (
                "train, valid and test only".to_owned(),
                "something else".to_owned(),
            );
            report.note(&entry, "", expected, found, "`data` holds the three splits");
        }
    }
    for split in SplitName::ALL {
        let folder = data.join(split.as_str());
        if folder.is_dir() {
            check_split(&folder, split, &mut report)?;
        } else {
            let rule = "`data` holds the three splits";
            report.note(
                &folder,
                "",
                "a folder".to_owned(),
                "nothing".to_owned(),
                rule,
            );
        }
    }
    check_statistics(path, &mut report);
    Ok(report)
}

fn check_split(folder: &Path, split: SplitName, report: &mut ValidationReport) -> Result<()> {
    let mut first: Option<(PathBuf, FileSpec)> = None;
    let mut seen: BTreeMap<u64, PathBuf> = BTreeMap::new();
    let mut complete = true;
    for path in list(folder)? {
        if !is_hdf5(&path) {
            let partial = path
                .extension()
                .is_some_and(|extension| extension == "part");
            let found = if partial {
                "a file that was never finished"
            } else {
                "another file"
            };
            let rule = "a split's folder holds finished *.hdf5 files only";
            report.note(&path, "", "*.hdf5".to_owned(), found.to_owned(), rule);
            continue;
        }
        let Some((header, spec)) = check_file(&path, report)? else {
            complete = false;
            continue;
        };
        if spec.provenance.split != split {
            let (expected, found) = (split.to_string(), spec.provenance.split.to_string());
            report.note(
                &path,
                "/fewave@split",
                expected,
                found,
                "files lie in the folder of their split",
            );
        }
        for index in &header.index {
            if let Some(other) = seen.insert(*index, path.clone()) {
                let found = format!("index {index} also in {}", other.display());
                report.note(
                    &path,
                    "/fewave/index",
                    "each trajectory once".to_owned(),
                    found,
                    "no trajectory twice",
                );
            }
        }
        match &first {
            None => first = Some((path, spec)),
            Some((first, expected)) => report
                .violations
                .extend(disagreements(&path, first, expected, &spec)),
        }
    }
    match first {
        // A file that could not be read has been reported, and its trajectories are missing for that reason.
        Some((_, spec)) if complete => {
            let count = spec.provenance.split_trajectories;
            let missing = (0..count).find(|index| !seen.contains_key(index));
            if let Some(missing) = missing.filter(|_| (seen.len() as u64) < count) {
                let found = format!("{}, the first missing is {missing}", seen.len());
                report.note(
                    folder,
                    "",
                    format!("{count} trajectories"),
                    found,
                    "a finished split has all files",
                );
            }
            if let Some((index, path)) = seen
                .iter()
                .next_back()
                .filter(|(index, _)| **index >= count)
            {
                let expected = format!("indices below {count}");
                report.note(
                    path,
                    "/fewave/index",
                    expected,
                    index.to_string(),
                    "indices count within the split",
                );
            }
        }
        Some(_) => {}
        None if complete => {
            report.note(
                folder,
                "",
                "*.hdf5 files".to_owned(),
                "none".to_owned(),
                "a split has files",
            );
        }
        None => {}
    }
    Ok(())
}

/// Checks header and data of one file; gives both back where the header is sound.
fn check_file(path: &Path, report: &mut ValidationReport) -> Result<Option<(Header, FileSpec)>> {
    let (_, header, violations) = read_header(path)?;
    report.files += 1;
    report.violations.extend(violations);
    if header.is_some() {
        let file = Split::open_file(path)?;
        for trajectory in 0..file.len() {
            check_trajectory(path, &file, trajectory, report)?;
            report.trajectories += 1;
        }
    }
    Ok(header)
}

fn check_trajectory(
    path: &Path,
    file: &Split,
    trajectory: usize,
    report: &mut ValidationReport,
) -> Result<()> {
    let points: usize = file.axes().iter().map(Vec::len).product();
    let block = (BLOCK_VALUES / points).max(1);
    let steps = file.times().len();
    let scalars = file.scalars(trajectory)?;
    let scalars: Vec<f64> = file
        .spec()
        .scalars
        .iter()
        .map(|scalar| scalars[&scalar.name])
        .collect();
    let mut whole = true;
    let mut good =
        |result: Result<Array<f32, ndarray::IxDyn>>, place: &str, report: &mut ValidationReport| {
            let found = match result {
                Ok(values) => return Some(values),
                Err(Error::Layout { violation, .. }) => violation.found,
                Err(error) => error.to_string(),
            };
            whole = false;
            let place = format!("{place}, trajectory {trajectory}");
            report.note(
                path,
                &place,
                "finite values".to_owned(),
                found,
                "data are readable and finite",
            );
            None
        };
    let energy = match file.energy(trajectory) {
        Ok(energy) => energy.unwrap_or_default(),
        Err(error) => {
            let rule = "data are readable and finite";
            report.note(
                path,
                "/fewave/energy",
                "readable values".to_owned(),
                error.to_string(),
                rule,
            );
            return Ok(());
        }
    };
    if let Some(value) = energy.iter().find(|value| !value.is_finite()) {
        let place = format!("/fewave/energy, trajectory {trajectory}");
        report.note(
            path,
            &place,
            "finite values".to_owned(),
            value.to_string(),
            "data are readable and finite",
        );
    }
    let mut digest = TrajectoryDigest::new(
        file.index(trajectory)?,
        file.source_end(trajectory)?,
        &scalars,
        &energy,
    );
    for field in file.field_specs() {
        let place = format!("/t0_fields/{}", field.name);
        let starts: Vec<usize> = if field.time_varying {
            (0..steps).step_by(block).collect()
        } else {
            vec![0]
        };
        for start in starts {
            let values = match field.time_varying {
                true => {
                    let range = start..steps.min(start + block);
                    file.read_snapshots(&field.name, trajectory, range)
                        .map(Array::into_dyn)
                }
                false => file
                    .read_static(&field.name, trajectory)
                    .map(Array::into_dyn),
            };
            match good(values, &place, report) {
                Some(values) => digest.update(&values),
                None => break,
            }
        }
    }
    if file.spec().receivers.is_some() {
        let signals = file
            .receivers(trajectory)
            .map(|signals| signals.unwrap_or_default().into_dyn());
        if let Some(signals) = good(signals, "/fewave/receivers/displacement", report) {
            digest.update(&signals);
        }
    }
    let (expected, found) = (file.digest(trajectory)?, digest.finish());
    if whole && expected != found {
        let place = format!("/fewave/sha256, trajectory {trajectory}");
        report.note(
            path,
            &place,
            hex(&expected),
            hex(&found),
            "data are what was written",
        );
    }
    Ok(())
}

fn check_statistics(dir: &Path, report: &mut ValidationReport) {
    let path = statistics_path(dir);
    let rule = "stats.yaml holds the statistics of the train split";
    let stored = match Statistics::read(dir) {
        Ok(stored) => stored,
        Err(error) => {
            report.note(
                &path,
                "",
                "statistics of every field".to_owned(),
                error.to_string(),
                rule,
            );
            return;
        }
    };
    // A train split that cannot be read has been reported.
    let Ok(computed) =
        Split::open(dir, SplitName::Train).and_then(|split| Statistics::compute(&split))
    else {
        return;
    };
    for ((key, found), (_, expected)) in stored.maps().into_iter().zip(computed.maps()) {
        let scales = if key.ends_with("_delta") {
            &computed.rms_delta
        } else {
            &computed.rms
        };
        for (field, value) in expected {
            let tolerance = STATISTICS_TOLERANCE * scales.get(field).copied().unwrap_or(0.0);
            match found.get(field) {
                Some(found) if (found - value).abs() <= tolerance => {}
                found => {
                    let found = found.map_or("nothing".to_owned(), f64::to_string);
                    report.note(
                        &path,
                        &format!("{key}/{field}"),
                        value.to_string(),
                        found,
                        rule,
                    );
                }
            }
        }
        for field in found.keys().filter(|field| !expected.contains_key(*field)) {
            report.note(
                &path,
                &format!("{key}/{field}"),
                "no such field".to_owned(),
                "a value".to_owned(),
                rule,
            );
        }
    }
}
