//! Wiring of the solver to the dataset files: what is simulated, into which file it goes.

mod scene;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fewave_datasets::{
    BoundarySpec, BoundaryType, Constant, FileSpec, Provenance, ReceiverQuantity, ReceiverSpec,
    ScalarSpec, SplitName, TrajectoryData,
};

use ndarray::Array2;
use rayon::prelude::*;

use fewave_solver::{
    BoundaryConditions, BoundaryKind, Element, Integrator, Observers, Precision, Quantity,
    Recording, Rectangle, Simulator, SolverError, Space, TimeSettings, TimeStep,
};

pub use scene::inside;

use crate::cli::Shard;
use crate::config::dataset::{
    DatasetConfig, ElementConfig, IntegratorConfig, MeshKind, PmlConfig, SIDES, SideCondition,
};
use crate::console::grouped;
use crate::sample::{Sample, Sampler};

/// A file of the dataset and the trajectories that belong into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedFile {
    /// Split.
    pub split: SplitName,
    /// Where it is.
    pub path: PathBuf,
    /// Index of its first trajectory in the split.
    pub first: u64,
    /// Number of trajectories.
    pub count: usize,
}

impl DatasetConfig {
    /// Trajectories of a split.
    pub fn count_of(&self, split: SplitName) -> usize {
        match split {
            SplitName::Train => self.count[0],
            SplitName::Valid => self.count[1],
            SplitName::Test => self.count[2],
        }
    }
}

/// All files of a dataset under `folder`, in the order in which shards deal them out.
pub fn plan_files(config: &DatasetConfig, folder: &Path) -> Vec<PlannedFile> {
    let mut files = Vec::new();
    for split in SplitName::ALL {
        let count = config.count_of(split);
        let per_file = config.trajectories_per_file;
        for (number, first) in (0..count).step_by(per_file).enumerate() {
            files.push(PlannedFile {
                split,
                path: folder
                    .join("data")
                    .join(split.as_str())
                    .join(format!("{}_{number:04}.hdf5", config.name)),
                first: first as u64,
                count: per_file.min(count - first),
            });
        }
    }
    files
}

/// The files of one shard.
pub fn of_shard(files: Vec<PlannedFile>, shard: Option<Shard>) -> Vec<PlannedFile> {
    let Some(shard) = shard else { return files };
    files
        .into_iter()
        .skip(shard.index)
        .step_by(shard.count)
        .collect()
}

/// Mesh, operators and time step of a configuration.
///
/// # Errors
/// What the solver finds wrong with them, or with the first trajectory, at the key to change.
pub fn simulator(config: &DatasetConfig, sampler: &Sampler<'_>) -> anyhow::Result<Simulator> {
    let simulator = build(config, sampler).map_err(|error| refusal(config, error))?;
    // before anything is written
    sampler
        .sample(SplitName::Train.as_str(), 0)
        .map_err(|error| refusal(config, error))?;
    Ok(simulator)
}

/// What the solver refuses, at the key to change where it is a configuration's.
pub fn refusal(config: &DatasetConfig, error: SolverError) -> anyhow::Error {
    match key_of(config, &error) {
        Some(key) => config.refused(&key, error).into(),
        None => error.into(),
    }
}

/// Draws all trajectories of the files and prepares the first, so that none is found impossible after hours of others.
///
/// What only the mesh makes of the scenes of the others is left to their runs: it costs nearly as much as the run of a
/// small one.
///
/// # Errors
/// The first trajectory that cannot be drawn, or whose sources lie outside of the mesh; what the solver refuses in the first.
pub fn draw_all(
    config: &DatasetConfig,
    sampler: &Sampler<'_>,
    simulator: &Simulator,
    files: &[PlannedFile],
) -> anyhow::Result<()> {
    let Some(first) = files.first() else {
        return Ok(());
    };
    let failure = files.par_iter().find_map_first(|file| {
        let last = file.first + file.count as u64;
        (file.first..last).find_map(|index| {
            let error = sampler.check(file.split.as_str(), index).err()?;
            Some((file.split, index, error))
        })
    });
    if let Some((split, index, error)) = failure {
        let key = key_of(config, &error).unwrap_or_else(|| "seed".to_owned());
        let reason = format!("{split} trajectory {index} (seed {}): {error}", config.seed);
        return Err(config.refused(&key, reason).into());
    }
    sampler
        .sample(first.split.as_str(), first.first)
        .and_then(|sample| simulator.check(&sample.scene))
        .map_err(|error| refusal(config, error))
}

/// The key to change where the solver refuses a configuration.
fn key_of(config: &DatasetConfig, error: &SolverError) -> Option<String> {
    if let SolverError::InvalidParameter { what, .. } = error
        && let Some(group) = what.strip_prefix("prescribed displacement of the boundary group `")
    {
        return Some(config.boundary.key_of(group.trim_end_matches('`')));
    }
    let key = match error {
        SolverError::OutsideMesh { index, .. } => return Some(format!("source.{index}.position")),
        SolverError::UnstableTimeStep { .. } => Some("time.dt"),
        SolverError::TooLarge { what, .. } => Some(match *what {
            "the simulation" | "a trajectory" => "grid.shape",
            "reading the mesh file" => "mesh.file",
            "the absorbing layer" => "pml.thickness",
            _ => "mesh.cells",
        }),
        SolverError::BadCell { .. } => Some("mesh"),
        SolverError::InvalidParameter { what, .. } if what == "number of time steps" => {
            Some("time.duration")
        }
        SolverError::InvalidParameter { what, .. } if what == "maximum frequency (Hz)" => {
            Some("initial")
        }
        SolverError::ReceiversOutsideMesh { .. } => Some("receivers"),
        SolverError::InvalidParameter { what, .. } if what.starts_with("absorbing layer (pml)") => {
            Some("boundary")
        }
        SolverError::CropOutsideGrid { .. } => Some("medium.crop"),
        SolverError::BadSpeed { .. } | SolverError::SpeedAboveMaximum { .. } => Some("medium"),
        _ => None,
    };
    key.map(str::to_owned)
}

fn build(config: &DatasetConfig, sampler: &Sampler<'_>) -> Result<Simulator, SolverError> {
    let explicit = !matches!(config.time.integrator, IntegratorConfig::Newmark { .. });
    let element = match config.mesh.element {
        ElementConfig::P1Triangle => Element::P1Triangle,
        // the bubble is what makes its mass diagonal
        ElementConfig::P2Triangle if explicit => Element::P2BubbleTriangle,
        ElementConfig::P2Triangle => Element::P2Triangle,
        ElementConfig::Q1Quad => Element::Q1Quad,
        ElementConfig::GllQuad { order } => Element::GllQuad { order },
    };
    let domain = &config.mesh.domain;
    let mesh = match (&config.mesh.kind, domain.mesh()) {
        (MeshKind::Rectangle { cells, distortion }, _) => Rectangle {
            origin: domain.lower,
            size: domain.size,
            cells: *cells,
            shape: element.shape(),
            distortion: *distortion,
            seed: config.seed,
        }
        .build()?,
        (MeshKind::Gmsh(_), Some(mesh)) => mesh.clone(),
        (MeshKind::Gmsh(file), None) => {
            return Err(SolverError::invalid(
                "mesh file",
                file.path.display(),
                "a mesh that was read",
                "read the configuration again",
            ));
        }
    };
    let boundary = BoundaryConditions {
        default: boundary_kind(config.boundary.default, config.boundary.pml),
        groups: config
            .boundary
            .sides
            .iter()
            .map(|(side, condition)| (side.clone(), boundary_kind(*condition, config.boundary.pml)))
            .collect(),
    };
    let time = TimeSettings {
        duration: config.time.duration,
        snapshots: config.time.snapshots,
        integrator: match config.time.integrator {
            IntegratorConfig::CentralDifference => Integrator::CentralDifference,
            IntegratorConfig::ModifiedEquation => Integrator::ModifiedEquation,
            IntegratorConfig::Newmark { beta, gamma } => Integrator::Newmark { beta, gamma },
        },
        step: config.time.dt.map_or(TimeStep::Auto, TimeStep::Fixed),
        courant: config.time.courant,
        max_speed: sampler.max_speed(),
        max_frequency: sampler.max_frequency(),
    };
    let observers = Observers {
        grid: config.grid,
        receivers: config.receivers.points.clone(),
        receiver_every: config.receivers.every,
        quantities: config.receivers.quantities.clone(),
    };
    let precision = if config.time.single_precision {
        Precision::F32
    } else {
        Precision::F64
    };
    Simulator::new(
        Space::new(mesh, element)?,
        boundary,
        time,
        observers,
        precision,
    )
}

/// Degrees of freedom in words: `9 409 degrees of freedom, 1 024 of them in absorbing layers`.
pub fn count_dofs(all: usize, layers: usize) -> String {
    let all = grouped(all as u64);
    match layers {
        0 => format!("{all} degrees of freedom"),
        _ => format!(
            "{all} degrees of freedom, {} of them in absorbing layers",
            grouped(layers as u64)
        ),
    }
}

/// The description of the files of a split.
pub fn file_spec(
    config: &DatasetConfig,
    simulator: &Simulator,
    sample: &Sample,
    split: SplitName,
    split_trajectories: usize,
) -> FileSpec {
    let info = simulator.info();
    let mut constants = BTreeMap::new();
    let mut scalars = Vec::new();
    for drawn in &sample.drawn {
        let (unit, description) = (drawn.unit.to_owned(), describe(&drawn.name));
        if drawn.varies {
            scalars.push(ScalarSpec {
                name: drawn.name.clone(),
                unit,
                description,
            });
        } else {
            constants.insert(
                drawn.name.clone(),
                Constant {
                    value: drawn.value,
                    unit,
                    description,
                },
            );
        }
    }
    let mut extra = BTreeMap::new();
    extra.insert("time_step".to_owned(), format!("{:e}", info.dt));
    extra.insert("degrees_of_freedom".to_owned(), info.dofs.to_string());
    if let Some(words) = boundary_words(config) {
        extra.insert("boundary".to_owned(), words);
    }
    if info.layer_dofs > 0 {
        extra.insert(
            "layer_degrees_of_freedom".to_owned(),
            info.layer_dofs.to_string(),
        );
    }
    FileSpec {
        dataset_name: config.name.clone(),
        axes: [info.grid_x.clone(), info.grid_y.clone()],
        times: info.snapshot_times.clone(),
        boundaries: boundaries(config),
        constants,
        scalars,
        fields: scene::fields(config, inside(simulator).is_some()),
        sources: sample.scene.sources.len(),
        receivers: (!config.receivers.points.is_empty()).then(|| ReceiverSpec {
            positions: config.receivers.points.clone(),
            times: info.receiver_times.clone(),
            quantities: config
                .receivers
                .quantities
                .iter()
                .map(|q| stored(*q))
                .collect(),
        }),
        energy: true,
        provenance: Provenance {
            config: config.canonical.clone(),
            config_hash: config.hash.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seed: config.seed,
            split,
            split_trajectories: split_trajectories as u64,
            extra,
        },
    }
}

/// A quantity of receivers as the files call it.
fn stored(quantity: Quantity) -> ReceiverQuantity {
    match quantity {
        Quantity::Displacement => ReceiverQuantity::Displacement,
        Quantity::Velocity => ReceiverQuantity::Velocity,
        Quantity::Gradient => ReceiverQuantity::Gradient,
    }
}

/// What goes into the file for one trajectory.
pub fn trajectory_data(
    config: &DatasetConfig,
    simulator: &Simulator,
    inside: Option<&Array2<f32>>,
    index: u64,
    sample: &Sample,
    recording: Recording,
) -> TrajectoryData {
    let info = simulator.info();
    let velocity = scene::starts_moving(config)
        .then(|| scene::initial_velocity(&sample.scene, info, &recording.speed).into_dyn());
    let mut fields = vec![recording.snapshots.into_dyn(), recording.speed.into_dyn()];
    fields.extend(velocity);
    fields.extend(inside.map(|inside| inside.clone().into_dyn()));
    let signals = [
        recording.receivers.into_dyn(),
        recording.receiver_velocity.into_dyn(),
        recording.receiver_gradient.into_dyn(),
    ];
    TrajectoryData {
        index,
        scalars: sample
            .drawn
            .iter()
            .filter(|drawn| drawn.varies)
            .map(|drawn| drawn.value)
            .collect(),
        fields,
        sources: scene::sources(&sample.scene, &info.snapshot_times),
        // those that were not asked for are empty
        receivers: signals
            .into_iter()
            .filter(|signals| !signals.is_empty())
            .collect(),
        energy: recording.energy,
        source_end: sample.source_end,
    }
}

fn boundary_kind(condition: SideCondition, pml: Option<PmlConfig>) -> BoundaryKind {
    match (condition, pml) {
        (SideCondition::Fixed, _) => BoundaryKind::Fixed,
        (SideCondition::Free, _) => BoundaryKind::Free,
        (SideCondition::Impedance { ratio }, _) => BoundaryKind::Impedance { ratio },
        (SideCondition::Prescribed { .. }, _) => BoundaryKind::Prescribed,
        (SideCondition::Pml, Some(pml)) => BoundaryKind::Pml {
            thickness: pml.thickness,
            reflection: pml.reflection,
        },
        // a configuration without [pml] has no such side
        (SideCondition::Absorbing, _) | (SideCondition::Pml, None) => BoundaryKind::Absorbing,
    }
}

/// The conditions as The Well has them: one an end of an axis, in words that name every boundary group that lies there. On
/// a general domain that is what the sides of its bounding box touch; holes and the rest are in
/// [`boundary_words`].
fn boundaries(config: &DatasetConfig) -> Vec<BoundarySpec> {
    let ends: [(BoundaryType, String); 4] = match config.mesh.domain.mesh() {
        None => SIDES.map(|side| boundary_type(config, side)),
        Some(mesh) => mesh.groups_on_box().map(|groups| {
            let names = groups
                .iter()
                .map(|(group, _)| mesh.groups()[*group].as_str());
            let first = names.clone().next().unwrap_or_default();
            let words = names.map(|name| {
                let (_, words) = boundary_type(config, name);
                format!("{name}: {words}")
            });
            let kind = boundary_type(config, first).0;
            (kind, words.collect::<Vec<_>>().join("; "))
        }),
    };
    let sides = ends.each_ref().map(|(kind, words)| (*kind, words.as_str()));
    BoundarySpec::rectangle(config.grid, sides)
}

/// What holds on every boundary group of a mesh of a file, in words.
fn boundary_words(config: &DatasetConfig) -> Option<String> {
    let mesh = config.mesh.domain.mesh()?;
    let words = mesh.groups().iter().map(|name| {
        let (_, words) = boundary_type(config, name);
        format!("{name}: {words}")
    });
    Some(words.collect::<Vec<_>>().join("; "))
}

/// The Well's type of a boundary group's condition, and its words.
fn boundary_type(config: &DatasetConfig, group: &str) -> (BoundaryType, String) {
    let open = |words: String| (BoundaryType::Open, words);
    let wall = |words: &str| (BoundaryType::Wall, words.to_owned());
    match (config.boundary.of(group), config.boundary.pml) {
        (SideCondition::Fixed, _) => wall("fixed: displacement is zero"),
        (SideCondition::Free, _) => wall("free: normal derivative of the displacement is zero"),
        (SideCondition::Prescribed { .. }, _) => wall("prescribed: displacement is given in time"),
        (SideCondition::Absorbing, _) => open("first-order absorbing: u_t + c u_n = 0".to_owned()),
        (SideCondition::Pml, Some(pml)) => open(format!(
            "absorbing layer (pml) outside of the grid: {} m, theoretical reflection {:e}",
            pml.thickness, pml.reflection
        )),
        (SideCondition::Pml, None) => open("absorbing layer (pml) outside of the grid".to_owned()),
        // without impedance it is free, and one that lets waves out is open
        (SideCondition::Impedance { ratio: 0.0 }, _) => {
            wall("impedance: 0, which is free: normal derivative of the displacement is zero")
        }
        (SideCondition::Impedance { ratio }, _) => {
            open(format!("impedance: {ratio} u_t + c u_n = 0"))
        }
    }
}

/// A line for readers of the file from a scalar's name: `initial_0_pulse_2_amplitude` → `amplitude of initial 0 pulse 2`.
fn describe(name: &str) -> String {
    for quantity in [
        "correlation_length",
        "amplitude",
        "width",
        "radius",
        "speed",
        "frequency",
        "delay",
        "angle",
        "count",
        "x",
        "y",
    ] {
        if let Some(owner) = name
            .strip_suffix(quantity)
            .and_then(|rest| rest.strip_suffix('_'))
        {
            let quantity = match quantity {
                "x" | "y" => format!("{quantity} position"),
                other => other.replace('_', " "),
            };
            return format!("{quantity} of {}", owner.replace('_', " "));
        }
    }
    name.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_deal_out_every_file_once() {
        let file = |first| PlannedFile {
            split: SplitName::Train,
            path: PathBuf::new(),
            first,
            count: 1,
        };
        let files: Vec<PlannedFile> = (0..7).map(file).collect();
        let mut seen: Vec<u64> = (0..3)
            .flat_map(|index| of_shard(files.clone(), Some(Shard { index, count: 3 })))
            .map(|f| f.first)
            .collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..7).collect::<Vec<_>>());
    }

    #[test]
    fn descriptions_read_as_words() {
        assert_eq!(
            describe("initial_0_pulse_2_amplitude"),
            "amplitude of initial 0 pulse 2"
        );
        assert_eq!(describe("source_0_x"), "x position of source 0");
    }
}
