//! Reads a split of a dataset, or one file of it, lazily: opening reads headers only, and every read takes from the disk
//! what was asked for and nothing else.
//!
//! Files count as untrusted: headers are checked against the layout (in `header`) when the split is opened, all files
//! of a split must agree, and values that are not finite are an error where they are read.

pub(crate) mod header;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use hdf5::{Dataset, File};
use ndarray::{Array, Array2, Array3, Dimension, s};

use crate::checksum::{is_hdf5, list};
use crate::error::{Error, Hdf5Context, IoContext, Result, Violation};
use crate::schema::{FieldSpec, FileSpec, Provenance, SplitName};
use header::Header;

/// Files kept open at a time.
const OPEN_FILES: usize = 32;

const DAMAGED: &str = "list every violation with `fewave validate`, and generate the file again";

/// The trajectories of a split, or of one file, counted from 0 over all files in the order of their names.
#[derive(Debug)]
pub struct Split {
    root: PathBuf,
    spec: FileSpec,
    parts: Vec<Part>,
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
            let (file, header, mut violations) = read_header(&path)?;
            drop(file);
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

    /// Number of trajectories.
    pub fn len(&self) -> usize {
        self.parts
            .last()
            .map_or(0, |part| part.first + part.header.trajectories())
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

    /// Snapshots `range` of a time-varying field, shape (snapshot, x, y).
    ///
    /// # Errors
    /// [`Error::Input`] for a field, trajectory or snapshot that does not exist, or a static field; [`Error::Layout`]
    /// for values that are not finite; [`Error::Hdf5`] where the file cannot be read.
    pub fn read_snapshots(
        &self,
        field: &str,
        trajectory: usize,
        range: Range<usize>,
    ) -> Result<Array3<f32>> {
        self.field(field, true)?;
        let (part, _, slot) = self.locate(trajectory)?;
        if range.start > range.end || range.end > self.spec.times.len() {
            let expected = format!("snapshots within 0..{}", self.spec.times.len());
            let what = format!("snapshots of `{field}`");
            return Err(Error::input(
                what,
                expected,
                format!("{range:?}"),
                "ask for snapshots that exist",
            ));
        }
        let place = format!("t0_fields/{field}");
        self.read(part, &place, |at| {
            at.read_slice::<f32, _, _>(s![slot, range.clone(), .., ..])
        })
    }

    /// A static field, shape (x, y).
    ///
    /// # Errors
    /// As [`Split::read_snapshots`]; also for a time-varying field.
    pub fn read_static(&self, field: &str, trajectory: usize) -> Result<Array2<f32>> {
        self.field(field, false)?;
        let (part, _, slot) = self.locate(trajectory)?;
        self.read(part, &format!("t0_fields/{field}"), |at| {
            at.read_slice::<f32, _, _>(s![slot, .., ..])
        })
    }

    /// The receivers' signals, shape (receiver, time); `None` where the file has no receivers.
    ///
    /// # Errors
    /// As [`Split::read_snapshots`].
    pub fn receivers(&self, trajectory: usize) -> Result<Option<Array2<f32>>> {
        let (part, _, slot) = self.locate(trajectory)?;
        if self.spec.receivers.is_none() {
            return Ok(None);
        }
        let place = "fewave/receivers/displacement";
        self.read(part, place, |at| {
            at.read_slice::<f32, _, _>(s![slot, .., ..])
        })
        .map(Some)
    }

    /// The energy at every snapshot; `None` where it is not stored.
    ///
    /// # Errors
    /// [`Error::Input`] for a trajectory that does not exist; [`Error::Hdf5`] where the file cannot be read.
    pub fn energy(&self, trajectory: usize) -> Result<Option<Vec<f64>>> {
        let (part, _, slot) = self.locate(trajectory)?;
        if !self.spec.energy {
            return Ok(None);
        }
        let place = "fewave/energy";
        let energy = self.with(part, place, |at| at.read_slice_1d::<f64, _>(s![slot, ..]))?;
        Ok(Some(energy.to_vec()))
    }

    /// The field, which must vary in time or not as asked.
    fn field(&self, name: &str, time_varying: bool) -> Result<()> {
        let word = |varies: bool| if varies { "time-varying" } else { "static" };
        let names = || {
            let fields = self
                .spec
                .fields
                .iter()
                .filter(|field| field.time_varying == time_varying);
            let names: Vec<_> = fields.map(|field| field.name.as_str()).collect();
            format!(
                "a {} field of {}: {}",
                word(time_varying),
                self.root.display(),
                names.join(", ")
            )
        };
        let remedy = "choose one of them";
        match self.spec.fields.iter().find(|field| field.name == name) {
            None => Err(Error::input(
                "the field",
                names(),
                format!("`{name}`"),
                remedy,
            )),
            Some(field) if field.time_varying != time_varying => Err(Error::input(
                "the field",
                names(),
                format!("`{name}`, which is {}", word(!time_varying)),
                remedy,
            )),
            Some(_) => Ok(()),
        }
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

    /// Reads values and refuses those that are not finite.
    fn read<D: Dimension>(
        &self,
        part: usize,
        place: &str,
        read: impl FnOnce(&Dataset) -> hdf5::Result<Array<f32, D>>,
    ) -> Result<Array<f32, D>> {
        let values = self.with(part, place, read)?;
        match values.iter().find(|value| !value.is_finite()) {
            None => Ok(values),
            Some(value) => Err(Error::Layout {
                violation: Box::new(Violation {
                    file: self.parts[part].path.clone(),
                    place: format!("/{place}"),
                    expected: "finite values".to_owned(),
                    found: value.to_string(),
                    rule: "data are finite",
                }),
                others: 0,
            }),
        }
    }

    fn with<T>(
        &self,
        part: usize,
        place: &str,
        read: impl FnOnce(&Dataset) -> hdf5::Result<T>,
    ) -> Result<T> {
        let file = self.file(part)?;
        file.dataset(place).and_then(|at| read(&at)).at(
            &self.parts[part].path,
            place,
            "read",
            DAMAGED,
        )
    }

    fn file(&self, part: usize) -> Result<File> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = open.iter().position(|(number, _)| *number == part) {
            let entry = open.remove(at);
            let file = entry.1.clone();
            open.push(entry);
            return Ok(file);
        }
        let path = &self.parts[part].path;
        let file = File::open(path).at(path, "/", "open", DAMAGED)?;
        if open.len() == OPEN_FILES {
            open.remove(0);
        }
        open.push((part, file.clone()));
        Ok(file)
    }
}

/// Opens a file and reads its header; what is wrong with it is in the violations, also that it is no HDF5 file.
#[allow(clippy::type_complexity)] // a file, what it holds, what is wrong with it
pub(crate) fn read_header(
    path: &Path,
) -> Result<(Option<File>, Option<(Header, FileSpec)>, Vec<Violation>)> {
    let metadata = fs::metadata(path).io(
        path,
        "open",
        "check the path, and that the file may be read",
    )?;
    if metadata.is_dir() {
        let remedy = "name a file; for a folder, name the dataset folder itself";
        return Err(Error::input(
            path.display().to_string(),
            "a dataset file",
            "a folder",
            remedy,
        ));
    }
    fs::File::open(path).io(path, "open", "check that the file may be read")?;
    match File::open(path) {
        Ok(file) => {
            let (header, violations) = header::read(path, metadata.len(), &file);
            Ok((Some(file), header, violations))
        }
        Err(error) => {
            let violation = Violation {
                file: path.to_path_buf(),
                place: String::new(),
                expected: "a complete HDF5 file".to_owned(),
                found: format!("{} bytes that HDF5 cannot open: {error}", metadata.len()),
                rule: "dataset files are HDF5, neither truncated nor foreign",
            };
            Ok((None, None, vec![violation]))
        }
    }
}

/// In what `found`, read from `path`, differs from the specification of the split's first file.
pub(crate) fn disagreements(
    path: &Path,
    first: &Path,
    spec: &FileSpec,
    found: &FileSpec,
) -> Vec<Violation> {
    let provenance = |spec: &FileSpec| (spec.provenance.split, spec.provenance.split_trajectories);
    let parts = [
        ("/@dataset_name", spec.dataset_name == found.dataset_name),
        ("/dimensions", spec.axes == found.axes),
        ("/dimensions/time", spec.times == found.times),
        ("/boundary_conditions", spec.boundaries == found.boundaries),
        ("/@simulation_parameters", spec.constants == found.constants),
        ("/scalars", spec.scalars == found.scalars),
        ("/t0_fields", spec.fields == found.fields),
        ("/fewave/receivers", spec.receivers == found.receivers),
        ("/fewave/energy", spec.energy == found.energy),
        (
            "/fewave@config_hash",
            spec.provenance.config_hash == found.provenance.config_hash,
        ),
        (
            "/fewave@seed",
            spec.provenance.seed == found.provenance.seed,
        ),
        ("/fewave@split", provenance(spec) == provenance(found)),
    ];
    let unequal = parts.into_iter().filter(|(_, equal)| !equal);
    unequal
        .map(|(place, _)| Violation {
            file: path.to_path_buf(),
            place: place.to_owned(),
            expected: format!("the same as in {}", first.display()),
            found: "something else".to_owned(),
            rule: "all files of a split come from one configuration",
        })
        .collect()
}
