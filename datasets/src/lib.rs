//! Wave datasets on disk, in the layout that The Well's loader reads (Ohana et al. 2024): schema, writer, reader,
//! validation, statistics, windows.
//!
//! A dataset is a folder `NAME/data/{train,valid,test}/*.hdf5` beside `NAME/stats.yaml`. [`FileWriter`] writes one file,
//! which appears only when complete; [`Split`] reads all files of a split lazily; [`Statistics`] holds the
//! normalisation constants; [`Windows`] enumerates training samples; [`validate()`] finds every violation of the layout.
//! Arrays are f32 with the axes (time, x, y), coordinates and sampled numbers f64, units SI.
//!
//! # Layout of a file
//!
//! | where | what |
//! |---|---|
//! | root attributes | `dataset_name`, `grid_type`, `n_spatial_dims`, `n_trajectories`, `simulation_parameters` and each of these |
//! | `dimensions` | `time`, `x`, `y` (f32) |
//! | `boundary_conditions/<name>` | `bc_type`, `associated_dims`, …, `mask` |
//! | `scalars` | constants (shape `()`) and sampled numbers (shape `(trajectory)`), f64 |
//! | `t0_fields` | fields (f32), `(trajectory, time, x, y)` or `(trajectory, x, y)`; `t1_fields` and `t2_fields` are empty |
//! | `fewave` | attributes `layout`, `version`, `config`, `config_hash`, `seed`, `split`, `split_trajectories`, `strings`, `strings_sha256` (places and digest of HDF5's string heap); group `extra` with further texts |
//! | `fewave/{time,x,y}` | the coordinates in f64 |
//! | `fewave/{index,source_end,energy,sha256}` | per trajectory: index in the split, end of the source, energy `(trajectory, time)`, digest of the content |
//! | `fewave/sources` | `position` (trajectory, source, axis), `signal` (trajectory, source, time) at the snapshot times, where there are sources |
//! | `fewave/receivers` | `displacement` and `velocity` (trajectory, receiver, time), `gradient` (trajectory, receiver, axis, time), those of them that were recorded; `position` (receiver, 2), `time` |
//!
//! Every dataset carries `unit` and `description`; those of The Well also `sample_varying` and `time_varying`.
//!
//! # Example
//! ```
//! use fewave_datasets::*;
//! use ndarray::Array3;
//! # fn main() -> Result<()> {
//! # let temporary = tempfile::tempdir().map_err(|source| Error::Io {
//! #     path: "tmp".into(), action: "create", source, remedy: "free some space" })?;
//! # let dir = temporary.path();
//! let grid: Vec<f64> = (0..8).map(|i| i as f64 / 7.0).collect();
//! let spec = FileSpec {
//!     dataset_name: "standing-wave".into(),
//!     axes: [grid.clone(), grid],
//!     times: vec![0.0, 0.1, 0.2],
//!     boundaries: BoundarySpec::rectangle([8, 8], [(BoundaryType::Wall, "fixed"); 4]),
//!     constants: Default::default(),
//!     scalars: vec![],
//!     fields: vec![FieldSpec {
//!         name: "displacement".into(),
//!         unit: "m".into(),
//!         description: "displacement".into(),
//!         time_varying: true,
//!     }],
//!     receivers: None,
//!     sources: 0,
//!     energy: false,
//!     provenance: Provenance {
//!         config: "name = \"standing-wave\"".into(),
//!         config_hash: "0".into(),
//!         version: "0.1.0".into(),
//!         seed: 1,
//!         split: SplitName::Train,
//!         split_trajectories: 1,
//!         extra: Default::default(),
//!     },
//! };
//! let wave = Array3::from_shape_fn((3, 8, 8), |(t, i, j)| ((t + i * j) as f32).sin());
//! let mut file = FileWriter::create(dir.join("data/train/00000.hdf5"), &spec, 1)?;
//! file.write(0, &TrajectoryData {
//!     index: 0,
//!     scalars: vec![],
//!     fields: vec![wave.clone().into_dyn()],
//!     receivers: vec![],
//!     sources: Default::default(),
//!     energy: vec![],
//!     source_end: 0.0,
//! })?;
//! file.finish()?;
//!
//! let train = Split::open(dir, SplitName::Train)?;
//! Statistics::compute(&train)?.write(dir)?;
//! assert_eq!(train.read_snapshots("displacement", 0, 0..3)?, wave);
//! assert_eq!(Windows::new(&train, 1, 1, WindowStart::AfterSource)?.len(), 2);
//! assert!(validate(dir.join("data/train/00000.hdf5"))?.is_valid());
//! # Ok(())
//! # }
//! ```

mod checksum;
mod error;
mod hdf;
mod reader;
mod schema;
mod statistics;
mod validate;
mod windows;
mod writer;
mod xdmf;

pub use checksum::content_hash;
pub use error::{Error, Result, Violation};
pub use reader::Split;
pub use schema::{
    AXIS_NAMES, BoundarySpec, BoundaryType, Constant, FieldSpec, FileSpec, INITIAL_VELOCITY_FIELD,
    INSIDE_FIELD, Provenance, ReceiverQuantity, ReceiverSpec, ScalarSpec, Sources, SplitName,
    TrajectoryData,
};
pub use statistics::{STATISTICS_FILE, Statistics};
pub use validate::{ValidationReport, validate};
pub use windows::{Window, WindowStart, Windows};
pub use writer::{ClosedFile, Compression, FileWriter};
pub use xdmf::write_xdmf;
