//! Reads a split of a dataset, or one file of it, lazily: opening reads headers only, and every read takes from the disk
//! what was asked for and nothing else.
//!
//! Files count as untrusted: headers are checked against the layout (in `header`) when the split is opened, all files
//! of a split must agree, and values that are not finite are an error where they are read.

pub(crate) mod files;
pub(crate) mod header;
mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use hdf5::File;

use self::files::{Inspected, disagreements, inspect};
use self::header::Header;
use crate::checksum::{is_hdf5, list};
use crate::error::{Error, Result, Violation};
use crate::schema::{FieldSpec, FileSpec, Provenance, SplitName};

/// The trajectories of a split, or of one file, counted from 0 over all files in the order of their names.
#[derive(Debug)]
pub struct Split {
    root: PathBuf,
    spec: FileSpec,
    parts: Vec<Part>,
    /// Trajectories looked at: all, unless [`truncated`](Split::truncated).
    count: usize,
    /// Open files, the most recent last.
    open: Mutex<Vec<(usize, File)>>,
}

#[derive(Debug)]
struct Part {
    path: PathBuf,
    /// Trajectories in the files before.
    first: usize,
    header: Header,
}

impl Split {
    /// Opens `dir/data/<split>`, all of whose files must agree.
    ///
    /// # Errors
    /// [`Error::Io`] where the folder cannot be listed; [`Error::Layout`] for a file that breaks the layout (also a
    /// truncated one, or one that is no HDF5 file) or that disagrees with the first; [`Error::Input`] for no files.
    pub fn open(dir: impl AsRef<Path>, split: SplitName) -> Result<Self> {
        let folder = dir.as_ref().join("data").join(split.as_str());
        let files: Vec<PathBuf> = list(&folder)?
            .into_iter()
            .filter(|path| is_hdf5(path))
            .collect();
        if files.is_empty() {
            let what = folder.display().to_string();
            return Err(Error::input(
                what,
                "*.hdf5 files",
                "none",
                "generate the dataset with `fewave generate`",
            ));
        }
        let opened = Self::open_files(folder, files)?;
        let found = opened.spec.provenance.split;
        if found != split {
            let (expected, found) = (
                format!("{:?}", split.as_str()),
                format!("{:?}", found.as_str()),
            );
            let violation = Violation {
                file: opened.parts[0].path.clone(),
                place: "/fewave@split".to_owned(),
                expected,
                found,
                rule: "files lie in the folder of their split",
            };
            return Err(Error::Layout {
                violation: Box::new(violation),
                others: 0,
            });
        }
        Ok(opened)
    }

    /// Opens one file, wherever it lies.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be read; [`Error::Layout`] where it breaks the layout.
    pub fn open_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        Self::open_files(path.clone(), vec![path])
    }

    fn open_files(root: PathBuf, files: Vec<PathBuf>) -> Result<Self> {
        let mut parts: Vec<Part> = Vec::with_capacity(files.len());
        let mut spec: Option<FileSpec> = None;
        let mut indices = BTreeSet::new();
        for path in files {
            let Inspected {
                header,
                mut violations,
            } = inspect(&path)?;
            if let Some((header, found)) = header {
                match &spec {
                    None => spec = Some(found),
                    Some(spec) => {
                        violations.extend(disagreements(&path, &parts[0].path, spec, &found))
                    }
                }
                if let Some(index) = header.index.iter().find(|index| !indices.insert(**index)) {
                    violations.push(Violation {
                        file: path.clone(),
                        place: "/fewave/index".to_owned(),
                        expected: "each trajectory once".to_owned(),
                        found: format!("index {index} twice"),
                        rule: "a split has each trajectory once",
                    });
                }
                let first = parts
                    .last()
                    .map_or(0, |part| part.first + part.header.trajectories());
                parts.push(Part {
                    path,
                    first,
                    header,
                });
            }
            Error::from_violations(violations)?;
        }
        match spec {
            Some(spec) => Ok(Split {
                root,
                spec,
                count: parts
                    .last()
                    .map_or(0, |part| part.first + part.header.trajectories()),
                parts,
                open: Mutex::new(Vec::new()),
            }),
            None => Err(Error::input(
                root.display().to_string(),
                "a dataset file",
                "none",
                "name a dataset file",
            )),
        }
    }

    /// The first `count` trajectories of the split, as if there were no others: to learn what fewer data are worth.
    ///
    /// # Errors
    /// [`Error::Input`] for none, or for more than there are.
    pub fn truncated(mut self, count: usize) -> Result<Self> {
        if count == 0 || count > self.count {
            return Err(Error::input(
                format!("trajectories of {}", self.root.display()),
                format!("1 to {}", self.count),
                count.to_string(),
                "ask for fewer, or generate more",
            ));
        }
        self.count = count;
        Ok(self)
    }

    /// Number of trajectories.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are no trajectories; a split that opened has some.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The folder or file that was opened.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// The files, in the order of their trajectories.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.parts.iter().map(|part| part.path.as_path())
    }

    /// Everything that does not depend on the trajectory: what a file of predictions on this data starts from.
    pub fn spec(&self) -> &FileSpec {
        &self.spec
    }

    /// Snapshot times, s.
    pub fn times(&self) -> &[f64] {
        &self.spec.times
    }

    /// Grid coordinates of x and y, m.
    pub fn axes(&self) -> &[Vec<f64>; 2] {
        &self.spec.axes
    }

    /// The fields.
    pub fn field_specs(&self) -> &[FieldSpec] {
        &self.spec.fields
    }

    /// Name of the dataset.
    pub fn dataset_name(&self) -> &str {
        &self.spec.dataset_name
    }

    /// Where the data came from.
    pub fn provenance(&self) -> &Provenance {
        &self.spec.provenance
    }

    /// The numbers that were sampled for a trajectory, by name.
    ///
    /// # Errors
    /// [`Error::Input`] for a trajectory that does not exist.
    pub fn scalars(&self, trajectory: usize) -> Result<BTreeMap<String, f64>> {
        let (_, part, slot) = self.locate(trajectory)?;
        let values = part.header.scalars.iter().map(|values| values[slot]);
        Ok(self
            .spec
            .scalars
            .iter()
            .map(|scalar| scalar.name.clone())
            .zip(values)
            .collect())
    }

    /// Time at which a trajectory's last source has stopped, s; 0 without sources.
    ///
    /// # Errors
    /// [`Error::Input`] for a trajectory that does not exist.
    pub fn source_end(&self, trajectory: usize) -> Result<f64> {
        self.locate(trajectory)
            .map(|(_, part, slot)| part.header.source_end[slot])
    }

    /// The trajectory's index in the split that was generated: with the seed it determines the trajectory.
    ///
    /// # Errors
    /// [`Error::Input`] for a trajectory that does not exist.
    pub fn index(&self, trajectory: usize) -> Result<u64> {
        self.locate(trajectory)
            .map(|(_, part, slot)| part.header.index[slot])
    }

    /// SHA-256 of the trajectory's content, as stored when it was written.
    ///
    /// # Errors
    /// [`Error::Input`] for a trajectory that does not exist.
    pub fn digest(&self, trajectory: usize) -> Result<[u8; 32]> {
        self.locate(trajectory)
            .map(|(_, part, slot)| part.header.digests[slot])
    }

    /// Number of the file, the file and the slot inside it.
    fn locate(&self, trajectory: usize) -> Result<(usize, &Part, usize)> {
        if trajectory >= self.len() {
            let expected = format!("a trajectory below {}", self.len());
            let what = format!("a trajectory of {}", self.root.display());
            return Err(Error::input(
                what,
                expected,
                trajectory.to_string(),
                "count trajectories from 0",
            ));
        }
        let number = self.parts.partition_point(|part| part.first <= trajectory) - 1;
        let part = &self.parts[number];
        Ok((number, part, trajectory - part.first))
    }
}
