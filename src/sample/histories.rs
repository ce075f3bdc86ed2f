//! What drives prescribed sides: values of the configuration, or what the receivers of another run recorded.
//!
//! Values, and a file of one trajectory, drive every trajectory. A dataset drives trajectory by trajectory: that of the
//! same split and index.

use std::collections::HashMap;
use std::sync::Arc;

use fewave_datasets::{Split, SplitName};
use fewave_solver::{BoundaryHistory, Prescribed, SolverError, memory};

use crate::config::dataset::{DatasetConfig, PrescribedConfig, SideCondition};
use crate::console::bytes;

/// The histories of a configuration's prescribed sides.
#[derive(Debug)]
pub struct Histories {
    /// Boundary groups with the number of their history.
    groups: Vec<(String, usize)>,
    histories: Vec<History>,
}

#[derive(Debug)]
enum History {
    /// The same for every trajectory.
    Same(Arc<BoundaryHistory>),
    /// That of the trajectory with the same split and index.
    Dataset(Vec<Outer>),
}

/// A split of the dataset that drives.
#[derive(Debug)]
struct Outer {
    name: SplitName,
    data: Split,
    /// Where in it the trajectory with an index is.
    places: HashMap<u64, usize>,
}

impl Histories {
    /// Reads what serves all trajectories and opens the datasets that serve one each.
    ///
    /// # Errors
    /// When a file is no data file, has no receivers that recorded displacement, ends before the run, or lacks trajectories.
    pub fn new(config: &DatasetConfig) -> anyhow::Result<Self> {
        let mut histories = Vec::new();
        for source in &config.boundary.prescribed {
            let key = source.named().map_or("boundary", |file| file.key.as_str());
            let (history, end) =
                read(config, source).map_err(|reason| config.refused(key, reason))?;
            if end < config.time.duration * (1.0 - 1e-9) {
                let end = typed(end);
                return Err(config
                    .refused(
                        key,
                        format!(
                            "prescribes the displacement until {end} s, the run lasts {} s; set time.duration = {end}, or \
                             prescribe more: a longer outer run, whose receivers record its last step (receivers.every)",
                            config.time.duration
                        ),
                    )
                    .into());
            }
            histories.push(history);
        }
        let names = config.mesh.domain.boundary_groups();
        let groups = names
            .into_iter()
            .filter_map(|name| match config.boundary.of(&name) {
                SideCondition::Prescribed { source } => Some((name, source)),
                _ => None,
            });
        Ok(Self {
            groups: groups.collect(),
            histories,
        })
    }

    /// Whether nothing is prescribed.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// What drives the sides of trajectory `index` of `split`.
    ///
    /// # Errors
    /// When the dataset of the outer run does not hold that trajectory, or cannot be read.
    pub fn of(&self, split: &str, index: u64) -> Result<Vec<Prescribed>, SolverError> {
        let mut found = Vec::with_capacity(self.histories.len());
        for history in &self.histories {
            found.push(match history {
                History::Same(history) => Arc::clone(history),
                History::Dataset(splits) => {
                    let refuse = |reason: String| {
                        SolverError::invalid(
                            format!("prescribed displacement of {split} trajectory {index}"),
                            reason,
                            "the trajectory of the same split and index in the outer dataset",
                            "generate the outer dataset again, with as many trajectories",
                        )
                    };
                    let outer = splits.iter().find(|outer| outer.name.as_str() == split);
                    let outer = outer.ok_or_else(|| refuse("no such split".to_owned()))?;
                    let place = outer.places.get(&index);
                    let place = place.ok_or_else(|| refuse("no such trajectory".to_owned()))?;
                    Arc::new(recorded(&outer.data, *place).map_err(refuse)?)
                }
            });
        }
        let groups = self.groups.iter();
        Ok(groups
            .map(|(group, history)| Prescribed {
                group: group.clone(),
                history: Arc::clone(&found[*history]),
            })
            .collect())
    }
}

/// A time (s) without the digits that rounding adds, to be typed in.
fn typed(time: f64) -> f64 {
    format!("{time:.9e}").parse().unwrap_or(time)
}

/// A history, and until when (s) it goes.
fn read(config: &DatasetConfig, source: &PrescribedConfig) -> Result<(History, f64), String> {
    let same = |history: BoundaryHistory| {
        let end = history.duration();
        (History::Same(Arc::new(history)), end)
    };
    match source {
        PrescribedConfig::Values {
            interval, values, ..
        } => BoundaryHistory::uniform(*interval, values.clone())
            .map(same)
            .map_err(|error| error.to_string()),
        PrescribedConfig::File { file, trajectory } => {
            let data = Split::open_file(&file.path).map_err(|error| error.to_string())?;
            let (shown, held) = (file.path.display(), data.len());
            let trajectory = match trajectory {
                Some(trajectory) if *trajectory >= held => {
                    return Err(format!(
                        "{shown}: holds {held} trajectories, counted from 0; found trajectory = {trajectory}"
                    ));
                }
                Some(trajectory) => *trajectory,
                None if held > 1 => {
                    return Err(format!(
                        "{shown}: holds {held} trajectories; choose one with trajectory = 0 … {}, or name the folder of the \
                         dataset, whose trajectory drives that of the same split and index",
                        held - 1
                    ));
                }
                None => 0,
            };
            recorded(&data, trajectory).map(same)
        }
        PrescribedConfig::Dataset { folder } => {
            let mut splits = Vec::new();
            let mut end = f64::INFINITY;
            for name in SplitName::ALL {
                let wanted = config.count_of(name) as u64;
                if wanted == 0 {
                    continue;
                }
                let data = Split::open(&folder.path, name).map_err(|error| error.to_string())?;
                end = end.min(Recorded::of(&data)?.duration());
                let mut places = HashMap::with_capacity(data.len());
                for place in 0..data.len() {
                    let index = data.index(place).map_err(|error| error.to_string())?;
                    places.insert(index, place);
                }
                if let Some(missing) = (0..wanted).find(|index| !places.contains_key(index)) {
                    return Err(format!(
                        "{}: holds {} trajectories of the split {name}, where {wanted} are to be driven, each by the one of \
                         its index, and {name} trajectory {missing} is missing; generate at least as many there, or lower \
                         count.{name}",
                        folder.path.display(),
                        data.len()
                    ));
                }
                splits.push(Outer { name, data, places });
            }
            Ok((History::Dataset(splits), end))
        }
    }
}

/// Where and when receivers recorded displacement.
struct Recorded<'a> {
    positions: &'a [[f64; 2]],
    samples: usize,
    interval: f64,
}

impl<'a> Recorded<'a> {
    /// Refuses data without receivers of displacement at equal intervals from t = 0 on, and more of it than memory holds.
    fn of(data: &'a Split) -> Result<Self, String> {
        let shown = data.path().display();
        let receivers = data.spec().receivers.as_ref().ok_or_else(|| {
            format!("{shown}: has no receivers; record them along the side ([receivers] lines) and run it again")
        })?;
        let times = &receivers.times;
        let samples = times.len();
        let interval = match times.as_slice() {
            [first, .., last] if *first == 0.0 => last / (samples - 1) as f64,
            _ => {
                return Err(format!(
                    "{shown}: its receivers have fewer than two samples from t = 0 on; found {samples}"
                ));
            }
        };
        let equal = |(n, t): (usize, &f64)| (t - interval * n as f64).abs() <= 1e-3 * interval;
        if !times.iter().enumerate().all(equal) {
            return Err(format!(
                "{shown}: the samples of its receivers lie at unequal intervals; run it again"
            ));
        }
        // as stored, as read, and the values and curvatures of splines
        let needed = (receivers.positions.len() as u64)
            .saturating_mul(samples as u64)
            .saturating_mul(4 + 8 + 8 + 8);
        let available = memory::available();
        if needed > available {
            return Err(format!(
                "{shown}: {} receivers of {samples} samples need {}, more than the {} available; record fewer receivers, or \
                 fewer samples (receivers.every)",
                receivers.positions.len(),
                bytes(needed),
                bytes(available)
            ));
        }
        Ok(Self {
            positions: &receivers.positions,
            samples,
            interval,
        })
    }

    fn duration(&self) -> f64 {
        self.interval * (self.samples - 1) as f64
    }
}

fn recorded(data: &Split, trajectory: usize) -> Result<BoundaryHistory, String> {
    let found = Recorded::of(data)?;
    let shown = data.path().display();
    let signals = data
        .receivers(trajectory)
        .map_err(|error| error.to_string())?
        .ok_or_else(|| {
            format!("{shown}: its receivers did not record displacement; run it again with receivers.quantities = [\"displacement\"]")
        })?;
    BoundaryHistory::along(
        found.positions.to_vec(),
        found.interval,
        &signals.mapv(f64::from),
    )
    .map_err(|error| format!("{shown}: {error}"))
}
