//! A simulation of the suite, from a mesh to traces.

use std::collections::HashMap;
use std::sync::Arc;

use fewave_solver::{
    BoundaryConditions, BoundaryKind, CellShape, Element, InitialState, Integrator, Medium, Mesh,
    Observers, Precision, Recording, Rectangle, Scene, Signal, Simulator, SimulatorInfo, Source,
    SourceShape, Space, TimeSettings, TimeStep,
};

/// Newmark's method in the form that keeps energy.
pub const NEWMARK: Integrator = Integrator::Newmark {
    beta: 0.25,
    gamma: 0.5,
};

/// Everything about a simulation besides the mesh and the scenes.
#[derive(Debug, Clone)]
pub struct Case {
    /// The element.
    pub element: Element,
    /// Conditions at the boundary.
    pub boundary: BoundaryConditions,
    /// Time and integrator.
    pub time: TimeSettings,
    /// Points along x and y of the snapshot grid.
    pub grid: [usize; 2],
    /// Where traces are taken, at every time step.
    pub receivers: Vec<[f64; 2]>,
    /// Arithmetic.
    pub precision: Precision,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            element: Element::GllQuad { order: 4 },
            boundary: BoundaryConditions::all(BoundaryKind::Free),
            time: TimeSettings::default(),
            grid: [2, 2],
            receivers: Vec::new(),
            precision: Precision::F64,
        }
    }
}

/// Simulations that have been run side by side.
#[derive(Debug)]
pub struct Run {
    /// Facts about all of them.
    pub info: SimulatorInfo,
    /// One per scene.
    pub recordings: Vec<Recording>,
}

impl Case {
    /// Runs `scenes` on a mesh.
    ///
    /// # Errors
    /// Whatever the solver refuses.
    pub fn run(&self, mesh: Mesh, scenes: &[Scene]) -> anyhow::Result<Run> {
        let observers = Observers {
            grid: self.grid,
            receivers: self.receivers.clone(),
            receiver_every: 1,
            ..Observers::default()
        };
        let simulator = Simulator::new(
            Space::new(mesh, self.element)?,
            self.boundary.clone(),
            self.time.clone(),
            observers,
            self.precision,
        )?;
        let recordings = simulator.run(scenes).into_iter();
        Ok(Run {
            info: simulator.info().clone(),
            recordings: recordings.collect::<Result<_, _>>()?,
        })
    }
}

impl Run {
    /// Displacement of a scene at a receiver, m, at the times of `info.receiver_times`.
    pub fn trace(&self, scene: usize, receiver: usize) -> Vec<f64> {
        let row = self.recordings[scene].receivers.row(receiver);
        row.iter().map(|value| f64::from(*value)).collect()
    }
}

/// Any integrator from 0 to `duration` with a given step, for media of at most 1 m/s.
pub fn time(integrator: Integrator, duration: f64, step: TimeStep) -> TimeSettings {
    TimeSettings {
        duration,
        integrator,
        step,
        ..TimeSettings::default()
    }
}

/// `default` on every side but those named.
pub fn sides<const N: usize>(
    default: BoundaryKind,
    others: [(&str, BoundaryKind); N],
) -> BoundaryConditions {
    let mut conditions = BoundaryConditions::all(default);
    for (name, kind) in others {
        conditions.groups.insert(name.to_owned(), kind);
    }
    conditions
}

/// The unit square cut for an element.
///
/// # Errors
/// Whatever the solver refuses.
pub fn unit_square(element: Element, cells: usize, distortion: f64) -> anyhow::Result<Mesh> {
    let rectangle = Rectangle {
        cells: [cells; 2],
        shape: element.shape(),
        distortion,
        seed: cells as u64,
        ..Rectangle::default()
    };
    Ok(rectangle.build()?)
}

/// The mesh with cells of degree 2 whose nodes are those of the given straight mesh, half way nodes included, moved by
/// `map`; boundary sides must be mapped onto themselves or be part of what is asked.
///
/// # Errors
/// Whatever the solver refuses.
pub fn curved(mesh: Mesh, map: impl Fn([f64; 2]) -> [f64; 2]) -> anyhow::Result<Mesh> {
    let mut parts = mesh.into_parts();
    let corners = parts.shape.corners();
    let mut half_way: HashMap<(usize, usize), usize> = HashMap::new();
    let mut cells = Vec::new();
    for cell in parts.cells.chunks(corners) {
        cells.extend_from_slice(cell);
        for side in 0..corners {
            let (a, b) = (cell[side], cell[(side + 1) % corners]);
            let points = &mut parts.points;
            let node = *half_way.entry((a.min(b), a.max(b))).or_insert_with(|| {
                points.push([0, 1].map(|axis| 0.5 * (points[a][axis] + points[b][axis])));
                points.len() - 1
            });
            cells.push(node);
        }
        if parts.shape == CellShape::Quadrilateral {
            let sum = |axis: usize| cell.iter().map(|&p| parts.points[p][axis]).sum::<f64>();
            let centre = [0, 1].map(|axis| 0.25 * sum(axis));
            parts.points.push(centre);
            cells.push(parts.points.len() - 1);
        }
    }
    for point in &mut parts.points {
        *point = map(*point);
    }
    parts.cells = cells;
    parts.degree = 2;
    Ok(Mesh::from_parts(parts)?)
}

/// A medium at rest.
pub fn at_rest(medium: impl Medium + 'static) -> Scene {
    Scene {
        medium: Arc::new(medium),
        damping: 0.0,
        initial: Vec::new(),
        sources: Vec::new(),
        prescribed: vec![],
    }
}

/// A medium in motion.
pub fn starting_with(medium: impl Medium + 'static, initial: impl InitialState + 'static) -> Scene {
    Scene {
        initial: vec![Arc::new(initial)],
        ..at_rest(medium)
    }
}

/// A Ricker source of amplitude 1.
///
/// # Errors
/// Whatever the solver refuses.
pub fn ricker(position: [f64; 2], frequency: f64) -> anyhow::Result<Source> {
    Ok(Source {
        position,
        shape: SourceShape::Point,
        amplitude: 1.0,
        signal: Signal::ricker(frequency)?,
    })
}

/// `GLL 4`, `P1`: what users call an element.
pub fn element_name(element: Element) -> String {
    match element {
        Element::P1Triangle => "P1".to_owned(),
        Element::P2Triangle => "P2".to_owned(),
        Element::P2BubbleTriangle => "P2 with bubble".to_owned(),
        Element::Q1Quad => "Q1".to_owned(),
        Element::GllQuad { order } => format!("GLL {order}"),
    }
}

/// What users call an integrator.
pub fn integrator_name(integrator: Integrator) -> &'static str {
    match integrator {
        Integrator::CentralDifference => "central difference",
        Integrator::ModifiedEquation => "modified equation",
        Integrator::Newmark { .. } => "Newmark",
    }
}

/// Angular frequency of the time-discrete oscillation of a mode of the angular frequency `omega` (rad/s).
pub fn discrete_frequency(integrator: Integrator, omega: f64, dt: f64) -> f64 {
    let angle = omega * dt;
    let discrete = match integrator {
        Integrator::CentralDifference => 2.0 * (0.5 * angle).asin(),
        Integrator::ModifiedEquation => (1.0 - angle.powi(2) / 2.0 + angle.powi(4) / 24.0).acos(),
        Integrator::Newmark { .. } => 2.0 * (0.5 * angle).atan(),
    };
    discrete / dt
}
