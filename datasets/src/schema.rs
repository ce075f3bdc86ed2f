//! What a dataset file holds, as plain structs: the description of a file ([`FileSpec`]) and of one trajectory
//! ([`TrajectoryData`]).
//!
//! The layout on disk is The Well's (Ohana et al. 2024, "The Well: a large-scale collection of diverse physics
//! simulations"): the crate's documentation says which lands where. Units are SI; arrays are `(time, x, y)`, 'ij'
//! indexing, f32.

mod check;
mod receivers;
pub(crate) mod sources;

pub use receivers::{ReceiverQuantity, ReceiverSpec};
pub use sources::Sources;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use ndarray::ArrayD;

use crate::error::Error;

/// The names of the two spatial axes on disk.
pub const AXIS_NAMES: [&str; 2] = ["x", "y"];

/// Name of the static field that is 1 inside the domain and 0 outside; outside is left out of statistics.
pub const INSIDE_FIELD: &str = "inside";

/// Name of the static field with the velocity at t = 0, of data that start with one.
pub const INITIAL_VELOCITY_FIELD: &str = "initial_velocity";

/// A part of a dataset; disjoint by trajectory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SplitName {
    /// Weights and normalisation constants come from here only.
    Train,
    /// Chooses the best checkpoint.
    Valid,
    /// Reported, never tuned on.
    Test,
}

impl SplitName {
    /// All three, in their usual order.
    pub const ALL: [SplitName; 3] = [SplitName::Train, SplitName::Valid, SplitName::Test];

    /// The folder's name: `train`, `valid` or `test`.
    pub fn as_str(self) -> &'static str {
        match self {
            SplitName::Train => "train",
            SplitName::Valid => "valid",
            SplitName::Test => "test",
        }
    }
}

impl fmt::Display for SplitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SplitName {
    type Err = Error;

    /// # Errors
    /// [`Error::Input`] for anything but `train`, `valid` and `test`.
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|split| split.as_str() == text)
            .ok_or_else(|| {
                Error::input(
                    "the split",
                    "train, valid or test",
                    format!("{text:?}"),
                    "use one of the three names",
                )
            })
    }
}

/// What The Well calls a boundary; fixed and free are both walls (waves reflect), absorbing sides are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BoundaryType {
    /// Reflecting.
    Wall,
    /// Waves leave.
    Open,
    /// Joined to the opposite side.
    Periodic,
}

impl BoundaryType {
    /// All kinds.
    pub const ALL: [BoundaryType; 3] = [
        BoundaryType::Wall,
        BoundaryType::Open,
        BoundaryType::Periodic,
    ];

    /// The value of `bc_type` on disk.
    pub fn as_str(self) -> &'static str {
        match self {
            BoundaryType::Wall => "WALL",
            BoundaryType::Open => "OPEN",
            BoundaryType::Periodic => "PERIODIC",
        }
    }
}

/// One boundary condition, on one or both ends of an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundarySpec {
    /// Group name; contains the axis and the type, for example `x_wall_left`.
    pub name: String,
    /// The Well's type.
    pub kind: BoundaryType,
    /// The axis: 0 is x, 1 is y.
    pub dim: usize,
    /// True where the condition holds, one value per grid point of the axis.
    pub mask: Vec<bool>,
    /// The condition in the solver's words, for example `fixed (displacement is zero)`.
    pub description: String,
}

impl BoundarySpec {
    /// The conditions of a rectangle from its four sides.
    ///
    /// `shape` is the grid's `(nx, ny)`; `sides` are left, right (ends of x), bottom, top (ends of y), each a type and a
    /// description. Two equal ends of an axis become one condition (`x_wall`), others are named by side (`x_wall_left`).
    pub fn rectangle(shape: [usize; 2], sides: [(BoundaryType, &str); 4]) -> Vec<BoundarySpec> {
        let ends = [["left", "right"], ["bottom", "top"]];
        let mut specs = Vec::with_capacity(4);
        for (dim, count) in shape.into_iter().enumerate() {
            let [low, high] = [sides[2 * dim], sides[2 * dim + 1]];
            let mut push = |(kind, description): (BoundaryType, &str), end: Option<usize>| {
                let mut name = format!("{}_{}", AXIS_NAMES[dim], kind.as_str().to_lowercase());
                if let Some(end) = end {
                    name = format!("{name}_{}", ends[dim][end]);
                }
                let mask = (0..count)
                    .map(|i| (i == 0 && end != Some(1)) || (i + 1 == count && end != Some(0)))
                    .collect();
                specs.push(BoundarySpec {
                    name,
                    kind,
                    dim,
                    mask,
                    description: description.to_owned(),
                });
            };
            if low == high {
                push(low, None);
            } else {
                push(low, Some(0));
                push(high, Some(1));
            }
        }
        specs
    }
}

/// A scalar field on the snapshot grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldSpec {
    /// Dataset name, for example `displacement`.
    pub name: String,
    /// SI unit, `1` where there is none.
    pub unit: String,
    /// One line for a reader of the file.
    pub description: String,
    /// `(time, x, y)` per trajectory where true, `(x, y)` where false.
    pub time_varying: bool,
}

/// A number sampled per trajectory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalarSpec {
    /// Dataset name, for example `initial_0_pulse_2_amplitude`.
    pub name: String,
    /// SI unit, `1` where there is none.
    pub unit: String,
    /// One line for a reader of the file.
    pub description: String,
}

/// A number that holds for every trajectory of the dataset (The Well's simulation parameter).
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// The value.
    pub value: f64,
    /// SI unit, `1` where there is none.
    pub unit: String,
    /// One line for a reader of the file.
    pub description: String,
}

/// Where a file came from: enough to generate it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The full configuration (TOML).
    pub config: String,
    /// SHA-256 of the configuration, as the program defines it.
    pub config_hash: String,
    /// Version of fewave.
    pub version: String,
    /// The dataset's seed.
    pub seed: u64,
    /// The split that the file belongs to.
    pub split: SplitName,
    /// Number of trajectories of the whole split, over all its files: tells a missing file from a small dataset.
    pub split_trajectories: u64,
    /// Whatever else is worth keeping, by name.
    pub extra: BTreeMap<String, String>,
}

/// Everything about a file that does not depend on the trajectory.
#[derive(Clone, Debug, PartialEq)]
pub struct FileSpec {
    /// Name of the dataset, equal in all its files.
    pub dataset_name: String,
    /// Grid coordinates of x and y, m, increasing.
    pub axes: [Vec<f64>; 2],
    /// Snapshot times, s, increasing.
    pub times: Vec<f64>,
    /// Boundary conditions; a file gives them back sorted by name.
    pub boundaries: Vec<BoundarySpec>,
    /// Constants of the whole dataset (`simulation_parameters`).
    pub constants: BTreeMap<String, Constant>,
    /// Numbers sampled per trajectory.
    pub scalars: Vec<ScalarSpec>,
    /// Fields, in the order of [`TrajectoryData::fields`].
    pub fields: Vec<FieldSpec>,
    /// Receivers, if any.
    pub receivers: Option<ReceiverSpec>,
    /// Number of sources of every trajectory.
    pub sources: usize,
    /// Whether the energy at every snapshot is stored.
    pub energy: bool,
    /// Where the data came from.
    pub provenance: Provenance,
}

/// One simulation.
#[derive(Clone, Debug, PartialEq)]
pub struct TrajectoryData {
    /// Index in the split; with the seed it determines everything else.
    pub index: u64,
    /// Values of [`FileSpec::scalars`], same order.
    pub scalars: Vec<f64>,
    /// Values of [`FileSpec::fields`], same order: `(time, x, y)` or `(x, y)`.
    pub fields: Vec<ArrayD<f32>>,
    /// Signals of [`ReceiverSpec::quantities`], same order: `(receiver, time)`, the gradient `(receiver, axis, time)`; empty
    /// where the file has no receivers.
    pub receivers: Vec<ArrayD<f32>>,
    /// Positions and signals of the sources, as many as [`FileSpec::sources`].
    pub sources: Sources,
    /// Energy at every snapshot; empty where [`FileSpec::energy`] is false.
    pub energy: Vec<f64>,
    /// Time at which the last source has stopped, s; 0 without sources.
    pub source_end: f64,
}
