//! The dataset configuration (`dataset.toml`, `case.toml`): what is simulated, with ranges where trajectories differ.

mod boundary;
mod excitation;
mod file;
mod medium;
mod mesh;
mod prescribed;
mod receivers;
mod signal;
mod time;

pub use boundary::{BoundaryConfig, PmlConfig, SideCondition};
pub use excitation::{InitialConfig, InitialKind, SourceConfig};
pub use medium::{MediumConfig, MediumKind};
pub use mesh::{ElementConfig, MeshConfig, MeshKind, SIDES};
pub use prescribed::PrescribedConfig;
pub use receivers::ReceiversConfig;
pub use signal::SignalConfig;
pub use time::{IntegratorConfig, TimeConfig};

use fewave_solver::source::Interpolation;
use toml::Value;

use super::ConfigError;
use super::document::{Document, sha256};
use super::section::Section;

/// Most pulses and inclusions of one entry: every one has numbers of its own in every file.
const MOST_COUNTED: i64 = 256;

/// A checked dataset configuration.
#[derive(Debug, Clone)]
pub struct DatasetConfig {
    /// Name of the dataset.
    pub name: String,
    /// Seed of everything random in it.
    pub seed: u64,
    /// Trajectories in train, valid and test.
    pub count: [usize; 3],
    /// Trajectories a file holds.
    pub trajectories_per_file: usize,
    /// Mesh and element.
    pub mesh: MeshConfig,
    /// Boundary conditions.
    pub boundary: BoundaryConfig,
    /// Medium.
    pub medium: MediumConfig,
    /// Initial states, added up.
    pub initial: Vec<InitialConfig>,
    /// Sources.
    pub source: Vec<SourceConfig>,
    /// Time.
    pub time: TimeConfig,
    /// Points of the snapshot grid along x and y.
    pub grid: [usize; 2],
    /// Receivers.
    pub receivers: ReceiversConfig,
    /// The configuration after overrides, as TOML with sorted keys and absolute paths.
    pub canonical: String,
    /// SHA-256 of the configuration and of the content of the files that it names, wherever they are.
    pub hash: String,
    /// Where the keys stand.
    document: Document,
}

impl DatasetConfig {
    /// Checks a document. With `single`, `count` may be missing (`fewave simulate`).
    ///
    /// # Errors
    /// Names the first key that is unknown, missing, of a wrong type or outside what makes sense.
    pub fn from_document(document: &Document, single: bool) -> Result<Self, ConfigError> {
        let root = document.root();
        let name = root.or(
            "name",
            "a name in letters, digits, - and _",
            "waves".to_owned(),
            |value| {
                value
                    .as_str()
                    .filter(|name| is_name(name))
                    .map(str::to_owned)
            },
        )?;
        let seed = root.or("seed", "a whole number of at least 0", 0, unsigned)?;
        let count = counts(&root, single)?;
        let trajectories_per_file = root.or(
            "trajectories_per_file",
            "a whole number from 1 to 4096",
            16,
            |value| whole(value, 1, 4096),
        )?;
        let mesh = mesh::read(&root.section("mesh", "the mesh")?)?;
        let domain = &mesh.domain;
        let boundary = boundary::read(&root, domain)?;
        let medium = medium::read(&root, domain)?;
        let initial = excitation::initial(&root, domain, &boundary)?;
        let source = excitation::sources(&root, domain)?;
        let time = time::read(&root.section("time", "duration and snapshots")?)?;
        let grid = grid(&root)?;
        let receivers = receivers::read(&root, domain)?;
        root.finish()?;
        let driven = boundary.is_driven();
        if initial.is_empty() && source.is_empty() && !driven {
            return Err(root.error_found(
                "initial",
                "absent, and so is `source`: nothing would ever move",
                "at least one [[initial]] state, one [[source]] or one prescribed side",
            ));
        }
        if !driven {
            excitation::refuse_rest(&root, &initial, &source, time.duration)?;
        }
        if let (IntegratorConfig::Newmark { .. }, Some((key, _))) =
            (time.integrator, boundary.find(|c| c == SideCondition::Pml))
        {
            return Err(root.error_found(
                &key,
                "\"pml\" beside time.integrator = \"newmark\"",
                "\"absorbing\", or time.integrator = \"central-difference\", which alone takes layers",
            ));
        }
        if time.integrator == IntegratorConfig::ModifiedEquation {
            refuse_losses(&root, &boundary, &medium)?;
            refuse_kinks(&root, &source)?;
        }
        let mut files = Vec::new();
        if let MeshKind::Gmsh(file) = &mesh.kind {
            files.push(file);
        }
        if let MediumKind::File(medium) = &medium.kind {
            files.push(&medium.named);
        }
        for source in &source {
            if let SignalConfig::Sampled { file, .. } = &source.signal {
                files.extend(file);
            }
        }
        files.extend(
            boundary
                .prescribed
                .iter()
                .filter_map(PrescribedConfig::named),
        );
        // the same files elsewhere are the same configuration
        let hashed: Vec<(String, String)> = files
            .iter()
            .map(|file| (file.key.clone(), file.sha256.clone()))
            .collect();
        let absolute: Vec<(String, String)> = files
            .iter()
            .map(|file| {
                let path = std::path::absolute(&file.path).unwrap_or_else(|_| file.path.clone());
                (file.key.clone(), path.to_string_lossy().into_owned())
            })
            .collect();
        let canonical = document.canonical_with(&absolute);
        let hashed = document.canonical_with(&hashed);
        Ok(Self {
            name,
            seed,
            count,
            trajectories_per_file,
            mesh,
            boundary,
            medium,
            initial,
            source,
            time,
            grid,
            receivers,
            hash: sha256(hashed.as_bytes()),
            canonical,
            document: document.clone(),
        })
    }

    /// The error for a value that fits its key and yet cannot work, in the words of the library that found it.
    pub fn refused(&self, key: &str, reason: impl ToString) -> ConfigError {
        ConfigError::Refused {
            place: self.document.place(key),
            key: key.to_owned(),
            reason: reason.to_string(),
        }
    }
}

/// Fourth-order stepping takes no losses.
fn refuse_losses(
    root: &Section<'_>,
    boundary: &BoundaryConfig,
    medium: &MediumConfig,
) -> Result<(), ConfigError> {
    let remedy = "modified-equation is of fourth order without losses only; set time.integrator = \"central-difference\"";
    if let Some((key, condition)) = boundary.find(SideCondition::is_open) {
        return Err(root.error_found(
            &key,
            format!(
                "{} beside time.integrator = \"modified-equation\"",
                condition.describe()
            ),
            format!("fixed or free sides: {remedy}"),
        ));
    }
    if medium.damping.upper() > 0.0 {
        return Err(root.error_found(
            "medium.damping",
            "damping beside time.integrator = \"modified-equation\"",
            format!("0: {remedy}"),
        ));
    }
    Ok(())
}

/// Fourth-order stepping takes signals with a continuous second derivative.
fn refuse_kinks(root: &Section<'_>, sources: &[SourceConfig]) -> Result<(), ConfigError> {
    let linear = |source: &SourceConfig| {
        let SignalConfig::Sampled { interpolation, .. } = &source.signal else {
            return false;
        };
        *interpolation == Interpolation::Linear
    };
    match sources.iter().position(linear) {
        None => Ok(()),
        Some(number) => Err(root.error_found(
            &format!("source.{number}.interpolation"),
            "\"linear\" beside time.integrator = \"modified-equation\"",
            "\"cubic\", whose second derivative is continuous as the fourth order needs",
        )),
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.')
        && !name.starts_with('.')
}

fn unsigned(value: &Value) -> Option<u64> {
    u64::try_from(value.as_integer()?).ok()
}

fn whole(value: &Value, least: usize, most: usize) -> Option<usize> {
    usize::try_from(value.as_integer()?)
        .ok()
        .filter(|n| (least..=most).contains(n))
}

fn counts(root: &Section<'_>, single: bool) -> Result<[usize; 3], ConfigError> {
    if single && !root.has("count") {
        return Ok([1, 0, 0]);
    }
    let section = root.section(
        "count",
        "trajectories a split: { train = 64, valid = 8, test = 8 }",
    )?;
    let mut count = [0; 3];
    let splits = [
        ("train", ""),
        ("valid", "; training chooses its best checkpoint on them"),
        ("test", "; evaluation and comparison are on them"),
    ];
    for (slot, (key, why)) in count.iter_mut().zip(splits) {
        // one trajectory needs no splits, whatever the file says
        let least = usize::from(!single);
        *slot = section.required(
            key,
            &format!("a whole number from {least} to 1 000 000{why}"),
            |value| whole(value, least, 1_000_000),
        )?;
    }
    section.finish()?;
    Ok(count)
}

fn grid(root: &Section<'_>) -> Result<[usize; 2], ConfigError> {
    let Some(section) = root.section_if("grid", "the snapshot grid")? else {
        return Ok([64, 64]);
    };
    let shape = section.required(
        "shape",
        "[nx, ny], whole numbers from 2 to 16384",
        |value| {
            let [x, y] = value.as_array()?.as_slice() else {
                return None;
            };
            Some([whole(x, 2, 16_384)?, whole(y, 2, 16_384)?])
        },
    )?;
    section.finish()?;
    Ok(shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const CASE: &str = r#"
[mesh]
kind = "rectangle"
size = [1.0, 1.0]
cells = [4, 4]
[medium]
kind = "file"
file = "model.npy"
spacing = 1.0
[[initial]]
kind = "pulses"
width = 0.1
position = [0.5, 0.5]
[time]
duration = 1.0
snapshots = 5
"#;

    fn config(folder: &Path, content: &[u8]) -> DatasetConfig {
        std::fs::write(folder.join("model.npy"), content).unwrap();
        let document = Document::parse("case.toml", CASE, &[], folder.to_path_buf()).unwrap();
        DatasetConfig::from_document(&document, true).unwrap()
    }

    #[test]
    fn a_file_medium_counts_by_its_content_and_is_found_again_by_its_path() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (a, b) = (config(here.path(), b"1"), config(there.path(), b"1"));
        assert_eq!(a.hash, b.hash);
        assert_ne!(a.hash, config(there.path(), b"2").hash);
        // what is stored with the data can be read from any folder
        let stored = Document::parse("stored", &a.canonical, &[], "elsewhere".into()).unwrap();
        let again = DatasetConfig::from_document(&stored, true).unwrap();
        assert_eq!((again.hash, again.canonical), (a.hash, a.canonical));
    }
}
