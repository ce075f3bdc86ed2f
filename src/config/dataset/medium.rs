//! The section `[medium]`.

use super::super::ConfigError;
use super::super::range::{IntegerRange, Range, number};
use super::super::section::Section;
use super::MOST_COUNTED;
use super::file::{self, NamedFile};
use super::mesh::Domain;

/// Medium of a dataset.
#[derive(Debug, Clone)]
pub struct MediumConfig {
    /// Kind and its values.
    pub kind: MediumKind,
    /// Discs in it.
    pub inclusions: Option<InclusionsConfig>,
    /// Damping rate α in 1/s (`d = α·m`).
    pub damping: Range,
}

/// Where the speed comes from.
#[derive(Debug, Clone)]
pub enum MediumKind {
    /// One speed everywhere.
    Uniform {
        /// m/s.
        speed: Range,
    },
    /// Parallel layers.
    Layers(LayersConfig),
    /// One speed around discs.
    Inclusions {
        /// m/s.
        background: Range,
    },
    /// A random field bounded pointwise.
    GaussianField {
        /// Pointwise bounds in m/s.
        bounds: [f64; 2],
        /// Correlation length in m.
        correlation_length: Range,
    },
    /// A model from a file.
    File(FileMedium),
    /// One speed a cell group of the mesh: the group and its speed in m/s, in the order of the mesh.
    Groups(Vec<(String, Range)>),
}

/// Parallel layers.
#[derive(Debug, Clone)]
pub struct LayersConfig {
    /// 0 when the layers follow each other along x, 1 along y.
    pub axis: usize,
    /// Positions of the interfaces in m.
    pub interfaces: Vec<Range>,
    /// Speeds in m/s, one more than interfaces.
    pub speeds: Vec<Range>,
    /// Angle by which the interfaces lean, in degrees.
    pub dip: Range,
}

/// Discs in a medium.
#[derive(Debug, Clone)]
pub struct InclusionsConfig {
    /// Number of discs.
    pub count: IntegerRange,
    /// Speed of a disc in m/s.
    pub speed: Range,
    /// Radius in m.
    pub radius: Range,
    /// Centre in m.
    pub position: [Range; 2],
}

/// A model from a file.
#[derive(Debug, Clone)]
pub struct FileMedium {
    /// The file.
    pub named: NamedFile,
    /// Its bytes (`.npy`).
    pub bytes: Vec<u8>,
    /// Distance between its samples in m.
    pub spacing: f64,
    /// Corner of the crop in the coordinates of the file, in m; none draws it at random.
    pub origin: Option<[f64; 2]>,
    /// Size of the crop in m, stretched over the domain; none takes the size of the mesh.
    pub crop: Option<[f64; 2]>,
    /// Speeds are mapped linearly from the file's smallest and largest value to these, in m/s.
    pub rescale: Option<[f64; 2]>,
}

/// Reads `[medium]`.
pub(super) fn read(root: &Section<'_>, domain: &Domain) -> Result<MediumConfig, ConfigError> {
    let section = root.section("medium", "the wave speed")?;
    let kind = section.word(
        "kind",
        &[
            "uniform",
            "layers",
            "inclusions",
            "gaussian-field",
            "file",
            "groups",
        ],
        true,
    )?;
    let kind = match kind {
        "uniform" => MediumKind::Uniform {
            speed: section.positive_range("speed", "a speed in m/s")?,
        },
        "layers" => MediumKind::Layers(layers(&section, domain)?),
        "inclusions" => MediumKind::Inclusions {
            background: section
                .positive_range("background", "the speed around the inclusions in m/s")?,
        },
        "gaussian-field" => {
            let speed =
                section.positive_range("speed", "the pointwise bounds of the speed in m/s")?;
            if !speed.varies() {
                return Err(section.error("speed", "two different bounds [lowest, highest] in m/s; for one speed use kind = \"uniform\""));
            }
            MediumKind::GaussianField {
                bounds: [speed.lower(), speed.upper()],
                correlation_length: section
                    .positive_range("correlation_length", "a length in m")?,
            }
        }
        "groups" => MediumKind::Groups(groups(&section, domain)?),
        _ => MediumKind::File(file_medium(&section)?),
    };
    let inclusions = match kind {
        MediumKind::Inclusions { .. } => Some(inclusions(&section, domain)?),
        // a physical surface of the mesh may have this name
        MediumKind::Groups(_) => None,
        _ => {
            let table = section.section_if("inclusions", "discs in the medium")?;
            let read = |table: Section<'_>| {
                let config = inclusions(&table, domain)?;
                table.finish().map(|()| config)
            };
            table.map(read).transpose()?
        }
    };
    let damping = section.range_or("damping", "a damping rate in 1/s", 0.0)?;
    if damping.lower() < 0.0 {
        return Err(section.error(
            "damping",
            "a rate of at least 0 (1/s); a negative one would feed energy in",
        ));
    }
    section.finish()?;
    Ok(MediumConfig {
        kind,
        inclusions,
        damping,
    })
}

fn layers(section: &Section<'_>, domain: &Domain) -> Result<LayersConfig, ConfigError> {
    let axis = usize::from(section.word("axis", &["y", "x"], false)? == "y");
    let interfaces = section.ranges("interfaces", "positions in m, growing")?;
    let speeds = section.ranges("speeds", "speeds in m/s")?;
    if speeds.len() != interfaces.len() + 1 {
        return Err(section.error_found(
            "speeds",
            format!(
                "{} speeds for {} interfaces",
                speeds.len(),
                interfaces.len()
            ),
            "one speed more than interfaces",
        ));
    }
    if speeds.iter().any(|speed| speed.lower() <= 0.0) {
        return Err(section.error("speeds", "speeds above 0"));
    }
    let (first, last) = (domain.lower[axis], domain.upper()[axis]);
    let mut below = first;
    for interface in &interfaces {
        if interface.lower() <= below || interface.upper() >= last {
            return Err(section.error(
                "interfaces",
                format!(
                    "positions that grow, ranges that do not overlap, all inside {first} … {last} m"
                ),
            ));
        }
        below = interface.upper();
    }
    let dip = section.range_or("dip", "an angle in degrees between -89 and 89", 0.0)?;
    if dip.lower() < -89.0 || dip.upper() > 89.0 {
        return Err(section.error("dip", "an angle in degrees between -89 and 89"));
    }
    Ok(LayersConfig {
        axis,
        interfaces,
        speeds,
        dip,
    })
}

fn inclusions(section: &Section<'_>, domain: &Domain) -> Result<InclusionsConfig, ConfigError> {
    let config = InclusionsConfig {
        count: section.integer_range("count", "inclusions", 0, MOST_COUNTED)?,
        speed: section.positive_range("speed", "the speed inside an inclusion in m/s")?,
        radius: section.positive_range("radius", "a radius in m")?,
        position: section.position("position", "the centre of an inclusion")?,
    };
    let reach = config.radius.upper();
    let misses = |axis: usize| {
        let centre = config.position[axis];
        centre.upper() + reach <= domain.lower[axis]
            || centre.lower() - reach >= domain.upper()[axis]
    };
    if misses(0) || misses(1) {
        return Err(section.error(
            "position",
            format!(
                "centres from which a radius of {reach} m reaches into the mesh, {}",
                domain.describe()
            ),
        ));
    }
    Ok(config)
}

/// One speed for every cell group of the mesh.
fn groups(section: &Section<'_>, domain: &Domain) -> Result<Vec<(String, Range)>, ConfigError> {
    let Some(mesh) = domain.mesh() else {
        return Err(section.error_found(
            "kind",
            "\"groups\" on a rectangle, whose cells form no groups",
            "another kind, or mesh.kind = \"gmsh\" with physical surfaces",
        ));
    };
    mesh.cell_groups()
        .iter()
        .map(|name| {
            if matches!(name.as_str(), "kind" | "damping") {
                return Err(section.error_found(
                    name,
                    "a key of [medium] and a physical surface of the mesh",
                    "another name for the physical surface",
                ));
            }
            let what = format!("the speed of the cell group `{name}` of the mesh in m/s");
            Ok((name.clone(), section.positive_range(name, &what)?))
        })
        .collect()
}

fn file_medium(section: &Section<'_>) -> Result<FileMedium, ConfigError> {
    let (named, bytes) = file::read(section, "file", "an .npy file (nx, ny) of speeds in m/s")?;
    let spacing = section.required(
        "spacing",
        "the distance between samples in m, above 0",
        |value| number(value).filter(|h| h.is_finite() && *h > 0.0),
    )?;
    let pair = |key: &str, expected: &str, least: f64| {
        section.or(key, expected, None, |value| {
            let [x, y] = value.as_array()?.as_slice() else {
                return None;
            };
            let pair = [number(x)?, number(y)?];
            pair.iter()
                .all(|v| v.is_finite() && *v >= least)
                .then_some(Some(pair))
        })
    };
    let origin = pair(
        "origin",
        "[x, y] in m in the coordinates of the file, at least 0",
        0.0,
    )?;
    let crop = pair("crop", "[w, h] in m, above 0", f64::MIN_POSITIVE)?;
    let rescale = pair(
        "rescale",
        "[lowest, highest] speed in m/s, above 0",
        f64::MIN_POSITIVE,
    )?;
    if let Some([lower, upper]) = rescale
        && lower >= upper
    {
        return Err(section.error("rescale", "the lowest speed first, below the highest"));
    }
    Ok(FileMedium {
        named,
        bytes,
        spacing,
        origin,
        crop,
        rescale,
    })
}
