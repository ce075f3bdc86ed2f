//! Files before they are trusted: opening one, and comparing those of a split.

use std::fs;
use std::path::Path;

use hdf5::File;

use super::header::{self, Header};
use crate::error::{Error, Hdf5Context, IoContext, Result, Violation};
use crate::schema::FileSpec;

const LOCKED: &str = "wait for the process that writes the file; where the file system cannot lock files, set \
                      HDF5_USE_FILE_LOCKING=FALSE";

/// What one look at a file finds.
#[derive(Debug)]
pub(crate) struct Inspected {
    /// What the file holds; `None` where something is wrong with its header.
    pub(crate) header: Option<(Header, FileSpec)>,
    /// What is wrong with it, also that it is no HDF5 file.
    pub(crate) violations: Vec<Violation>,
}

/// Opens a file and reads its header.
pub(crate) fn inspect(path: &Path) -> Result<Inspected> {
    let readable = "check the path, and that the file may be read";
    let metadata = fs::metadata(path).io(path, "open", readable)?;
    if metadata.is_dir() {
        let what = path.display().to_string();
        let remedy = "name a file inside the folder, or the dataset's own folder";
        return Err(Error::input(what, "a dataset file", "a folder", remedy));
    }
    fs::File::open(path).io(path, "open", readable)?;
    match File::open(path) {
        Ok(file) => {
            let (header, violations) = header::read(path, metadata.len(), &file);
            Ok(Inspected { header, violations })
        }
        Err(error) if error.to_string().contains("unable to lock") => {
            Err(error).at(path, "/", "open", LOCKED)
        }
        Err(error) => {
            let violation = Violation {
                file: path.to_path_buf(),
                place: String::new(),
                expected: "a complete HDF5 file".to_owned(),
                found: format!("{} bytes that HDF5 cannot open: {error}", metadata.len()),
                rule: "dataset files are HDF5, neither truncated nor foreign",
            };
            Ok(Inspected {
                header: None,
                violations: vec![violation],
            })
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
        ("/fewave/sources", spec.sources == found.sources),
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
