//! The sections `[boundary]` and `[pml]`.

use std::collections::BTreeMap;

use toml::Value;

use super::super::ConfigError;
use super::super::range::number;
use super::super::section::Section;
use super::mesh::Domain;
use super::prescribed::{self, PrescribedConfig};

/// What happens at a side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SideCondition {
    /// u = 0.
    Fixed,
    /// No traction.
    Free,
    /// First-order absorbing.
    Absorbing,
    /// A perfectly matched layer outside of the side, as `[pml]` describes it.
    Pml,
    /// Impedance relative to that of the medium.
    Impedance {
        /// 0 is free, 1 absorbing.
        ratio: f64,
    },
    /// Displacement given in time.
    Prescribed {
        /// Index into [`BoundaryConfig::prescribed`].
        source: usize,
    },
}

impl SideCondition {
    /// Whether energy passes through the side.
    pub fn is_open(self) -> bool {
        match self {
            Self::Fixed | Self::Free => false,
            Self::Absorbing | Self::Pml | Self::Prescribed { .. } => true,
            Self::Impedance { ratio } => ratio > 0.0,
        }
    }

    /// The condition as errors name it.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Free => "free",
            Self::Absorbing => "absorbing",
            Self::Pml => "an absorbing layer (pml)",
            Self::Impedance { .. } => "an impedance",
            Self::Prescribed { .. } => "prescribed",
        }
    }
}

/// Perfectly matched layers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PmlConfig {
    /// Thickness in m.
    pub thickness: f64,
    /// Amplitude that comes back at normal incidence in theory.
    pub reflection: f64,
}

/// Boundary conditions by side.
#[derive(Debug, Clone)]
pub struct BoundaryConfig {
    /// Sides that are not named.
    pub default: SideCondition,
    /// By boundary group where named: left, right, bottom, top of a rectangle, physical curves of a mesh of Gmsh.
    pub sides: BTreeMap<String, SideCondition>,
    /// The layers; always there where a condition is [`SideCondition::Pml`].
    pub pml: Option<PmlConfig>,
    /// What drives prescribed sides.
    pub prescribed: Vec<PrescribedConfig>,
}

impl BoundaryConfig {
    /// Whether a side is prescribed.
    pub fn is_driven(&self) -> bool {
        !self.prescribed.is_empty()
    }

    /// The key that tells the condition of a boundary group.
    pub fn key_of(&self, group: &str) -> String {
        let known = self.sides.contains_key(group);
        format!("boundary.{}", if known { group } else { "default" })
    }

    /// The condition of a side.
    pub fn of(&self, side: &str) -> SideCondition {
        self.sides.get(side).copied().unwrap_or(self.default)
    }

    /// The first condition, in the order of the configuration's keys, of which something is true, and its key.
    pub fn find(&self, is: impl Fn(SideCondition) -> bool) -> Option<(String, SideCondition)> {
        let named = self.sides.iter().find(|(_, condition)| is(**condition));
        match named {
            Some((side, condition)) => Some((format!("boundary.{side}"), *condition)),
            None => is(self.default).then(|| ("boundary.default".to_owned(), self.default)),
        }
    }
}

/// Reads `[boundary]`, whose keys are `default` and the boundary groups of the mesh, and `[pml]`.
pub(super) fn read(root: &Section<'_>, domain: &Domain) -> Result<BoundaryConfig, ConfigError> {
    let mut config = BoundaryConfig {
        default: SideCondition::Fixed,
        sides: BTreeMap::new(),
        pml: pml(root)?,
        prescribed: Vec::new(),
    };
    if let Some(section) = root.section_if("boundary", "conditions by side")? {
        if section.has("default") {
            config.default = condition(&section, "default", &mut config.prescribed)?;
        }
        for (number, group) in domain.boundary_groups().into_iter().enumerate() {
            if !section.has(&group) {
                continue;
            }
            let mut facets = domain.mesh().into_iter().flat_map(|mesh| mesh.facets());
            if domain.mesh().is_some() && !facets.any(|facet| facet.group == number) {
                return Err(section.error_found(
                    &group,
                    "a condition for a physical curve inside of the domain, no side of its boundary",
                    "physical curves along the boundary; remove this key",
                ));
            }
            let condition = condition(&section, &group, &mut config.prescribed)?;
            config.sides.insert(group, condition);
        }
        section.finish()?;
    }
    if config.pml.is_none()
        && let Some((key, _)) = config.find(|condition| condition == SideCondition::Pml)
    {
        return Err(root.error_found(
            &key,
            "\"pml\", and no section [pml]",
            "a section [pml] with the layer's thickness in m: half the dominant wavelength or more",
        ));
    }
    if let (Some((key, _)), true) = (
        config.find(|condition| condition == SideCondition::Pml),
        config.is_driven(),
    ) {
        return Err(root.error_found(
            &key,
            "\"pml\" beside a prescribed side",
            "\"absorbing\": a layer would have to go on with what is prescribed",
        ));
    }
    Ok(config)
}

const EXPECTED: &str = "\"fixed\", \"free\", \"absorbing\", \"pml\", { kind = \"impedance\", ratio = 0.5 } or { kind = \"prescribed\", file = \"outer.hdf5\" }";

fn condition(
    section: &Section<'_>,
    key: &str,
    sources: &mut Vec<PrescribedConfig>,
) -> Result<SideCondition, ConfigError> {
    if let Some(Value::Table(_)) = section.value(key) {
        let table = section.section(key, EXPECTED)?;
        if table.word("kind", &["impedance", "prescribed"], true)? == "prescribed" {
            sources.push(prescribed::read(&table)?);
            let source = sources.len() - 1;
            return Ok(SideCondition::Prescribed { source });
        }
        let ratio = table.required(
            "ratio",
            "the impedance behind the side over that of the medium, at least 0: 0 is free, 1 absorbing",
            |value| number(value).filter(|ratio| ratio.is_finite() && *ratio >= 0.0),
        )?;
        table.finish()?;
        return Ok(SideCondition::Impedance { ratio });
    }
    section.required(key, EXPECTED, |value| {
        Some(match value.as_str()? {
            "fixed" => SideCondition::Fixed,
            "free" => SideCondition::Free,
            "absorbing" => SideCondition::Absorbing,
            "pml" => SideCondition::Pml,
            _ => return None,
        })
    })
}

fn pml(root: &Section<'_>) -> Result<Option<PmlConfig>, ConfigError> {
    let Some(section) = root.section_if("pml", "the absorbing layers of sides that are \"pml\"")?
    else {
        return Ok(None);
    };
    let thickness = section.required(
        "thickness",
        "a thickness in m above 0; half the dominant wavelength or more absorbs well",
        |value| number(value).filter(|t| t.is_finite() && *t > 0.0),
    )?;
    let reflection = section.or(
        "reflection",
        "the amplitude that comes back at normal incidence in theory, above 0 and below 1",
        1e-7,
        |value| number(value).filter(|r| *r > 0.0 && *r < 1.0),
    )?;
    section.finish()?;
    Ok(Some(PmlConfig {
        thickness,
        reflection,
    }))
}
