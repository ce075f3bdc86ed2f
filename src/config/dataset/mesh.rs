//! The section `[mesh]`.

use std::sync::Arc;

use fewave_solver::mesh::gmsh;
use fewave_solver::space::locate::Locator;
use fewave_solver::{CellShape, Mesh};

use super::super::ConfigError;
use super::super::range::{Range, number};
use super::super::section::Section;
use super::file::{self, NamedFile};
use super::whole;

/// Names of the sides of a rectangle, as boundary groups: the ends of x, then of y.
pub const SIDES: [&str; 4] = ["left", "right", "bottom", "top"];

/// Mesh and element.
#[derive(Debug, Clone)]
pub struct MeshConfig {
    /// Where the cells come from.
    pub kind: MeshKind,
    /// The domain that they cover.
    pub domain: Domain,
    /// Element.
    pub element: ElementConfig,
}

/// Where the cells come from.
#[derive(Debug, Clone)]
pub enum MeshKind {
    /// A rectangle.
    Rectangle {
        /// Cells along x and y.
        cells: [usize; 2],
        /// Random displacement of inner nodes as a fraction of the cell.
        distortion: f64,
    },
    /// A file of Gmsh.
    Gmsh(NamedFile),
}

/// The domain of a mesh.
#[derive(Debug, Clone)]
pub struct Domain {
    /// Lower left corner of the bounding box in m.
    pub lower: [f64; 2],
    /// Side lengths of the bounding box in m.
    pub size: [f64; 2],
    /// The mesh where the domain is no rectangle by construction, and its cells by place.
    mesh: Option<Arc<(Mesh, Locator)>>,
}

impl Domain {
    /// Upper right corner of the bounding box in m.
    pub fn upper(&self) -> [f64; 2] {
        match &self.mesh {
            None => [0, 1].map(|axis| self.lower[axis] + self.size[axis]),
            Some(mesh) => mesh.0.bounds().1,
        }
    }

    /// The mesh of a file; none for rectangles.
    pub fn mesh(&self) -> Option<&Mesh> {
        self.mesh.as_ref().map(|mesh| &mesh.0)
    }

    /// Names of the boundary groups.
    pub fn boundary_groups(&self) -> Vec<String> {
        match self.mesh() {
            None => SIDES.map(str::to_owned).to_vec(),
            Some(mesh) => mesh.groups().to_vec(),
        }
    }

    /// Whether a point lies in the bounding box, its sides included.
    pub fn in_box(&self, point: [f64; 2]) -> bool {
        let upper = self.upper();
        (0..2).all(|axis| (self.lower[axis]..=upper[axis]).contains(&point[axis]))
    }

    /// Whether a point lies in the domain, its boundary included.
    pub fn contains(&self, point: [f64; 2]) -> bool {
        self.in_box(point)
            && self
                .mesh
                .as_ref()
                .is_none_or(|mesh| mesh.1.locate(&mesh.0, point).is_some())
    }

    /// A point of a box of positions that lies outside of the domain: a corner, or one of a lattice in between.
    pub fn outside(&self, position: [Range; 2]) -> Option<[f64; 2]> {
        const LATTICE: usize = 32;
        let places = |range: Range| -> Vec<f64> {
            let steps = if range.varies() { LATTICE } else { 0 };
            (0..=steps)
                .map(|k| range.at(k as f64 / steps.max(1) as f64))
                .collect()
        };
        let (x, y) = (places(position[0]), places(position[1]));
        let mut points = x.iter().flat_map(|&x| y.iter().map(move |&y| [x, y]));
        points.find(|point| !self.contains(*point))
    }

    /// The bounding box in words.
    pub fn describe(&self) -> String {
        let (lower, upper) = (self.lower, self.upper());
        format!(
            "{} … {} m along x and {} … {} m along y",
            lower[0], upper[0], lower[1], upper[1]
        )
    }
}

/// An element by its name in configurations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementConfig {
    /// `p1-triangle`.
    P1Triangle,
    /// `p2-triangle`: with a bubble and diagonal mass where the integrator is explicit.
    P2Triangle,
    /// `q1-quad`.
    Q1Quad,
    /// `gll-quad` of an order from 1 to 8.
    GllQuad {
        /// Polynomial order.
        order: usize,
    },
}

impl ElementConfig {
    /// Cells that it lives on.
    pub fn shape(self) -> CellShape {
        match self {
            Self::P1Triangle | Self::P2Triangle => CellShape::Triangle,
            Self::Q1Quad | Self::GllQuad { .. } => CellShape::Quadrilateral,
        }
    }
}

/// Reads `[mesh]`.
pub(super) fn read(section: &Section<'_>) -> Result<MeshConfig, ConfigError> {
    let kind = section.word("kind", &["rectangle", "gmsh"], true)?;
    let config = if kind == "gmsh" {
        let (file, bytes) = file::read(
            section,
            "file",
            "a mesh of Gmsh (format 4.1, ASCII or binary)",
        )?;
        let mesh = gmsh::read(&bytes).map_err(|error| {
            let key = section.full("file");
            ConfigError::Refused {
                place: section.document().place(&key),
                reason: format!("{}: {error}", file.path.display()),
                key,
            }
        })?;
        let element = element(section, Some(mesh.shape()))?;
        let (lower, upper) = mesh.bounds();
        let locator = Locator::new(&mesh);
        MeshConfig {
            kind: MeshKind::Gmsh(file),
            element,
            domain: Domain {
                lower,
                size: [0, 1].map(|axis| upper[axis] - lower[axis]),
                mesh: Some(Arc::new((mesh, locator))),
            },
        }
    } else {
        rectangle(section)?
    };
    section.finish()?;
    Ok(config)
}

fn rectangle(section: &Section<'_>) -> Result<MeshConfig, ConfigError> {
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
    let lower = section.or(
        "origin",
        "[x, y] of the lower left corner in m",
        [0.0; 2],
        |value| {
            let [x, y] = value.as_array()?.as_slice() else {
                return None;
            };
            let corner = [number(x)?, number(y)?];
            corner.iter().all(|x| x.is_finite()).then_some(corner)
        },
    )?;
    let element = element(section, None)?;
    let distortion = section.or(
        "distortion",
        "a fraction of the cell of at least 0 and below 0.25 (from a quarter on cells may fold over)",
        0.0,
        |value| number(value).filter(|d| (0.0..0.25).contains(d)),
    )?;
    Ok(MeshConfig {
        kind: MeshKind::Rectangle { cells, distortion },
        element,
        domain: Domain {
            lower,
            size,
            mesh: None,
        },
    })
}

/// The element; `cells` is what the mesh of a file consists of.
fn element(section: &Section<'_>, cells: Option<CellShape>) -> Result<ElementConfig, ConfigError> {
    let quads = ["gll-quad", "q1-quad"];
    let triangles = ["p2-triangle", "p1-triangle"];
    // the first is the default
    let words = match cells {
        Some(CellShape::Triangle) => [triangles, quads].concat(),
        _ => [quads, triangles].concat(),
    };
    let name = section.word("element", &words, false)?;
    let order = section.or("order", "a polynomial order from 1 to 8", None, |value| {
        whole(value, 1, 8).map(Some)
    })?;
    let element = match name {
        "gll-quad" => ElementConfig::GllQuad {
            order: order.unwrap_or(4),
        },
        "q1-quad" => ElementConfig::Q1Quad,
        "p2-triangle" => ElementConfig::P2Triangle,
        _ => ElementConfig::P1Triangle,
    };
    let fixed = match element {
        ElementConfig::GllQuad { .. } => None,
        ElementConfig::P2Triangle => Some(2),
        ElementConfig::P1Triangle | ElementConfig::Q1Quad => Some(1),
    };
    if let (Some(fixed), Some(order)) = (fixed, order)
        && order != fixed
    {
        return Err(section.error(
            "order",
            format!("{fixed}, the order of {name}; only gll-quad has others"),
        ));
    }
    if let Some(shape) = cells
        && shape != element.shape()
    {
        let (found, fitting, remedy) = match shape {
            CellShape::Triangle => (
                "triangles",
                triangles,
                "mesh with quadrangles (Mesh.RecombineAll = 1 and Mesh.SubdivisionAlgorithm = 1 in Gmsh)",
            ),
            CellShape::Quadrilateral => (
                "quadrangles",
                quads,
                "mesh with triangles (Mesh.RecombineAll = 0 in Gmsh)",
            ),
        };
        return Err(section.error_found(
            "element",
            format!("\"{name}\", but the mesh consists of {found}"),
            format!("\"{}\" or \"{}\"; or {remedy}", fitting[0], fitting[1]),
        ));
    }
    Ok(element)
}
