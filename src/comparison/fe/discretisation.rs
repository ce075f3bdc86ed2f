//! Discretisations of one problem: element, cells and time step, in place of those of the data.

use serde::{Serialize, Serializer};

use crate::config::dataset::{DatasetConfig, ElementConfig, IntegratorConfig, MeshKind};

/// How the time step is found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    /// As for the data.
    Own,
    /// The largest stable one.
    Limit,
    /// This one, s.
    Fixed(f64),
}

/// Element, cells and time step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Discretisation {
    /// Element.
    pub element: ElementConfig,
    /// Cells along x and y of a rectangle; none on the mesh of a file.
    pub cells: Option<[usize; 2]>,
    /// Time step.
    pub step: Step,
}

impl Discretisation {
    /// The data's own.
    pub fn own(config: &DatasetConfig) -> Self {
        Self {
            element: config.mesh.element,
            cells: match &config.mesh.kind {
                MeshKind::Rectangle { cells, .. } => Some(*cells),
                MeshKind::Gmsh(_) => None,
            },
            step: Step::Own,
        }
    }

    /// The configuration with this discretisation. Explicit stepping takes the place of implicit; receivers are left out.
    pub fn apply(&self, config: &DatasetConfig) -> DatasetConfig {
        let mut config = config.clone();
        config.mesh.element = self.element;
        if let (MeshKind::Rectangle { cells, .. }, Some(own)) = (&mut config.mesh.kind, self.cells)
        {
            *cells = own;
        }
        config.receivers.points.clear();
        match self.step {
            Step::Own => {}
            Step::Limit => {
                config.time.dt = None;
                config.time.courant = 1.0;
                if matches!(config.time.integrator, IntegratorConfig::Newmark { .. }) {
                    config.time.integrator = IntegratorConfig::CentralDifference;
                }
            }
            Step::Fixed(dt) => config.time.dt = Some(dt),
        }
        config
    }

    /// In words: `GLL order 4, 8 × 8 cells`.
    pub fn words(&self) -> String {
        let element = match self.element {
            ElementConfig::P1Triangle => "P1 triangles".to_owned(),
            ElementConfig::P2Triangle => "P2 triangles".to_owned(),
            ElementConfig::Q1Quad => "Q1 quadrilaterals".to_owned(),
            ElementConfig::GllQuad { order } => format!("GLL order {order}"),
        };
        match self.cells {
            Some([x, y]) => format!("{element}, {x} × {y} cells"),
            None => format!("{element} on the mesh of the data"),
        }
    }

    /// Spaces between nodes along a side that has so many cells.
    pub fn intervals(&self, axis: usize) -> Option<usize> {
        Some(self.cells?[axis] * order(self.element))
    }
}

impl Serialize for Discretisation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.words())
    }
}

/// Polynomial order of an element.
pub fn order(element: ElementConfig) -> usize {
    match element {
        ElementConfig::P1Triangle | ElementConfig::Q1Quad => 1,
        ElementConfig::P2Triangle => 2,
        ElementConfig::GllQuad { order } => order,
    }
}

/// The same kind of element of another order, on the cells of a file; none where there is none.
pub fn with_order(element: ElementConfig, order: usize) -> Option<ElementConfig> {
    match (element, order) {
        (ElementConfig::P1Triangle | ElementConfig::P2Triangle, 1) => {
            Some(ElementConfig::P1Triangle)
        }
        (ElementConfig::P1Triangle | ElementConfig::P2Triangle, 2) => {
            Some(ElementConfig::P2Triangle)
        }
        (ElementConfig::Q1Quad | ElementConfig::GllQuad { .. }, 1..=8) => {
            Some(ElementConfig::GllQuad { order })
        }
        _ => None,
    }
}
