//! The sections `[boundary]` and `[pml]`.

use std::collections::BTreeMap;

use toml::Value;

use super::super::ConfigError;
use super::super::range::number;
use super::super::section::Section;

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
}

impl SideCondition {
    /// Whether waves lose energy there.
    pub fn is_lossy(self) -> bool {
        match self {
            Self::Fixed | Self::Free => false,
            Self::Absorbing | Self::Pml => true,
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
#[derive(Debug, Clone, PartialEq)]
pub struct BoundaryConfig {
    /// Sides that are not named.
    pub default: SideCondition,
    /// By boundary group where named: left, right, bottom, top of a rectangle, physical curves of a mesh of Gmsh.
    pub sides: BTreeMap<String, SideCondition>,
    /// The layers; always there where a condition is [`SideCondition::Pml`].
    pub pml: Option<PmlConfig>,
}

impl BoundaryConfig {
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
pub(super) fn read(root: &Section<'_>, groups: &[String]) -> Result<BoundaryConfig, ConfigError> {
    let mut config = BoundaryConfig {
        default: SideCondition::Fixed,
        sides: BTreeMap::new(),
        pml: pml(root)?,
    };
    if let Some(section) = root.section_if("boundary", "conditions by side")? {
        if section.has("default") {
            config.default = condition(&section, "default")?;
        }
        for group in groups {
            if section.has(group) {
                let condition = condition(&section, group)?;
                config.sides.insert(group.clone(), condition);
            }
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
    Ok(config)
}

const EXPECTED: &str =
    "\"fixed\", \"free\", \"absorbing\", \"pml\" or { kind = \"impedance\", ratio = 0.5 }";

fn condition(section: &Section<'_>, key: &str) -> Result<SideCondition, ConfigError> {
    if let Some(Value::Table(_)) = section.value(key) {
        let table = section.section(key, EXPECTED)?;
        table.word("kind", &["impedance"], true)?;
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
