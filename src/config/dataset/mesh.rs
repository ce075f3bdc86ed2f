//! The section `[mesh]`.

use super::super::ConfigError;
use super::super::range::number;
use super::super::section::Section;
use super::whole;

/// Mesh and element.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeshConfig {
    /// Side lengths in m.
    pub size: [f64; 2],
    /// Cells along x and y.
    pub cells: [usize; 2],
    /// Element.
    pub element: ElementConfig,
    /// Random displacement of inner nodes as a fraction of the cell.
    pub distortion: f64,
}

/// An element by its name in configurations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementConfig {
    /// `p1-triangle`.
    P1Triangle,
    /// `q1-quad`.
    Q1Quad,
    /// `gll-quad` of an order from 1 to 8.
    GllQuad {
        /// Polynomial order.
        order: usize,
    },
}

/// Reads `[mesh]`.
pub(super) fn read(section: &Section<'_>) -> Result<MeshConfig, ConfigError> {
    section.word("kind", &["rectangle"], true)?;
    let size = section.required(
        "size",
        "[Lx, Ly] in m, both above 0 (one mesh serves all trajectories, so no ranges)",
        |value| {
            let [x, y] = value.as_array()?.as_slice() else {
                return None;
            };
            let size = [number(x)?, number(y)?];
            size.iter()
                .all(|side| side.is_finite() && *side > 0.0)
                .then_some(size)
        },
    )?;
    let cells = section.required("cells", "[nx, ny], whole numbers from 1 to 100 000 (one mesh serves all trajectories, so no ranges)", |value| {
        let [x, y] = value.as_array()?.as_slice() else { return None };
        Some([whole(x, 1, 100_000)?, whole(y, 1, 100_000)?])
    })?;
    let element = section.word("element", &["gll-quad", "q1-quad", "p1-triangle"], false)?;
    let order = section.or("order", "a polynomial order from 1 to 8", None, |value| {
        whole(value, 1, 8).map(Some)
    })?;
    let element = match (element, order) {
        ("gll-quad", order) => ElementConfig::GllQuad {
            order: order.unwrap_or(4),
        },
        (_, Some(2..)) => {
            return Err(section.error(
                "order",
                format!("1, the order of {element}; only gll-quad has others"),
            ));
        }
        ("q1-quad", _) => ElementConfig::Q1Quad,
        _ => ElementConfig::P1Triangle,
    };
    let distortion = section.or(
        "distortion",
        "a fraction of the cell of at least 0 and below 0.25 (from a quarter on cells may fold over)",
        0.0,
        |value| number(value).filter(|d| (0.0..0.25).contains(d)),
    )?;
    section.finish()?;
    Ok(MeshConfig {
        size,
        cells,
        element,
        distortion,
    })
}
