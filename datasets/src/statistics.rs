//! Normalisation constants of a dataset: `stats.yaml`, from the train split alone.
//!
//! Per field, over all trajectories, snapshots and grid points inside the domain: mean, standard deviation (of the
//! population) and root mean square, of the values and of the differences of consecutive snapshots (`_delta`, for
//! time-varying fields). One pass in f64, merged block by block after Chan, Golub and LeVeque (1983), "Algorithms for
//! computing the sample variance", eq. 2.1, which keeps full accuracy where the mean is large beside the deviation.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use ndarray::{Array2, ArrayView2};
use serde::Deserialize;

use crate::error::{Error, IoContext, Result};
use crate::reader::Split;
use crate::schema::INSIDE_FIELD;

/// Values that a block of snapshots holds at most; bounds the memory of [`Statistics::compute`].
const BLOCK_VALUES: usize = 1 << 22;

/// The file's name inside a dataset's folder.
pub const STATISTICS_FILE: &str = "stats.yaml";

/// Mean, standard deviation and root mean square by field name; units are the fields'.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statistics {
    /// Mean of the values.
    pub mean: BTreeMap<String, f64>,
    /// Standard deviation of the values.
    pub std: BTreeMap<String, f64>,
    /// Root mean square of the values.
    pub rms: BTreeMap<String, f64>,
    /// Mean of the differences of consecutive snapshots.
    pub mean_delta: BTreeMap<String, f64>,
    /// Standard deviation of these differences.
    pub std_delta: BTreeMap<String, f64>,
    /// Root mean square of these differences.
    pub rms_delta: BTreeMap<String, f64>,
}

impl Statistics {
    /// One pass over a split (the train split, for what is written beside a dataset), a block of snapshots at a time.
    ///
    /// # Errors
    /// As [`Split::read_snapshots`].
    pub fn compute(split: &Split) -> Result<Self> {
        let mut statistics = Statistics::default();
        let masked = split
            .field_specs()
            .iter()
            .any(|field| field.name == INSIDE_FIELD && !field.time_varying);
        let points: usize = split.axes().iter().map(Vec::len).product();
        let block = (BLOCK_VALUES / points).max(2);
        let steps = split.times().len();
        for field in split.field_specs() {
            let (mut values, mut deltas) = (Moments::default(), Moments::default());
            let mut buffer = Vec::with_capacity(points);
            for trajectory in 0..split.len() {
                let mask = match masked && field.name != INSIDE_FIELD {
                    true => Some(split.read_static(INSIDE_FIELD, trajectory)?),
                    false => None,
                };
                if !field.time_varying {
                    let plane = split.read_static(&field.name, trajectory)?;
                    values.merge(Moments::of(plane.view(), None, mask.as_ref(), &mut buffer));
                    continue;
                }
                let mut last: Option<Array2<f32>> = None;
                for start in (0..steps).step_by(block) {
                    let snapshots = split.read_snapshots(
                        &field.name,
                        trajectory,
                        start..steps.min(start + block),
                    )?;
                    for plane in snapshots.outer_iter() {
                        values.merge(Moments::of(plane, None, mask.as_ref(), &mut buffer));
                        if let Some(last) = &last {
                            let before = Some(last.view());
                            deltas.merge(Moments::of(plane, before, mask.as_ref(), &mut buffer));
                        }
                        last = Some(plane.to_owned());
                    }
                }
            }
            let name = || field.name.clone();
            statistics.mean.insert(name(), values.mean);
            statistics.std.insert(name(), values.deviation());
            statistics.rms.insert(name(), values.root_mean_square());
            if field.time_varying {
                statistics.mean_delta.insert(name(), deltas.mean);
                statistics.std_delta.insert(name(), deltas.deviation());
                statistics
                    .rms_delta
                    .insert(name(), deltas.root_mean_square());
            }
        }
        Ok(statistics)
    }

    /// Reads `dir/stats.yaml`.
    ///
    /// # Errors
    /// [`Error::Io`] where it is missing; [`Error::Input`] where it is not such a file.
    pub fn read(dir: impl AsRef<Path>) -> Result<Self> {
        let path = dir.as_ref().join(STATISTICS_FILE);
        let remedy = "finish the dataset with `fewave generate`, which writes it";
        let text = fs::read_to_string(&path).io(&path, "read", remedy)?;
        let read: Statistics = serde_yaml_ng::from_str(&text).map_err(|error| {
            let expected =
                "maps mean, std, rms, mean_delta, std_delta, rms_delta of field to number";
            Error::input(
                path.display().to_string(),
                expected,
                error.to_string(),
                remedy,
            )
        })?;
        let maps = read.maps();
        let bad = maps
            .iter()
            .flat_map(|(key, map)| map.iter().map(move |entry| (key, entry)));
        match bad.into_iter().find(|(_, (_, value))| !value.is_finite()) {
            None => Ok(read),
            Some((key, (field, value))) => {
                let what = format!("{}: {key} of `{field}`", path.display());
                Err(Error::input(
                    what,
                    "a finite number",
                    value.to_string(),
                    remedy,
                ))
            }
        }
    }

    /// Writes `dir/stats.yaml`, by rename, so that a half-written one never shows.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be written.
    pub fn write(&self, dir: impl AsRef<Path>) -> Result<()> {
        let path = dir.as_ref().join(STATISTICS_FILE);
        let remedy = "check free space and permissions of the folder, then run again";
        let mut file = tempfile::NamedTempFile::new_in(dir.as_ref()).io(&path, "write", remedy)?;
        file.write_all(self.to_yaml().as_bytes())
            .io(&path, "write", remedy)?;
        readable(file.as_file())
            .and_then(|()| file.as_file().sync_all())
            .io(&path, "sync", remedy)?;
        file.persist(&path)
            .map_err(|error| error.error)
            .io(&path, "rename into place", remedy)?;
        Ok(())
    }

    /// The maps in the order of the file.
    pub(crate) fn maps(&self) -> [(&'static str, &BTreeMap<String, f64>); 6] {
        [
            ("mean", &self.mean),
            ("std", &self.std),
            ("rms", &self.rms),
            ("mean_delta", &self.mean_delta),
            ("std_delta", &self.std_delta),
            ("rms_delta", &self.rms_delta),
        ]
    }

    /// Numbers carry a point and a signed exponent: PyYAML, which The Well reads with, takes `1e-7` for a text.
    fn to_yaml(&self) -> String {
        let mut text = String::new();
        for (key, map) in self.maps() {
            text.push_str(key);
            text.push_str(if map.is_empty() { ": {}\n" } else { ":\n" });
            for (field, value) in map {
                text.push_str(&format!("  \"{field}\": {}\n", yaml_number(*value)));
            }
        }
        text
    }
}

fn yaml_number(value: f64) -> String {
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let point = if mantissa.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with('-') { "" } else { "+" };
    format!("{mantissa}{point}e{sign}{exponent}")
}

/// Temporary files are private; a dataset is as readable as its other files.
#[cfg(unix)]
fn readable(file: &fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &fs::File) -> std::io::Result<()> {
    Ok(())
}

/// Count, mean and sum of squared deviations from it.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Of the values of a plane (less those of `before`, where given) at the points inside the mask; `values` is overwritten.
    fn of(
        plane: ArrayView2<'_, f32>,
        before: Option<ArrayView2<'_, f32>>,
        mask: Option<&Array2<f32>>,
        values: &mut Vec<f64>,
    ) -> Self {
        values.clear();
        values.extend(plane.iter().map(|value| f64::from(*value)));
        if let Some(before) = before {
            values
                .iter_mut()
                .zip(&before)
                .for_each(|(value, before)| *value -= f64::from(*before));
        }
        if let Some(mask) = mask {
            let mut inside = mask.iter().map(|value| *value != 0.0);
            values.retain(|_| inside.next().unwrap_or(false));
        }
        if values.is_empty() {
            return Moments::default();
        }
        let count = values.len() as f64;
        let mean = sum(values, |value| value) / count;
        Moments {
            count,
            mean,
            squares: sum(values, |value| (value - mean) * (value - mean)),
        }
    }

    fn merge(&mut self, other: Moments) {
        if other.count == 0.0 {
            return;
        }
        let count = self.count + other.count;
        let shift = other.mean - self.mean;
        self.squares += other.squares + shift * shift * self.count * other.count / count;
        self.mean += shift * other.count / count;
        self.count = count;
    }

    fn deviation(self) -> f64 {
        if self.count == 0.0 {
            0.0
        } else {
            (self.squares / self.count).sqrt()
        }
    }

    fn root_mean_square(self) -> f64 {
        self.mean.hypot(self.deviation())
    }
}

/// The sum of a term of every value, as eight sums side by side that do not wait for each other.
fn sum(values: &[f64], term: impl Fn(f64) -> f64) -> f64 {
    let (chunks, rest) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for chunk in chunks {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *sum += term(*value);
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|value| term(*value)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_numbers_to_python_too() {
        // PyYAML's float: [-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+][0-9]+)?
        assert_eq!(yaml_number(1e-7), "1.0e-7");
        assert_eq!(yaml_number(-1.5e16), "-1.5e+16");
        assert_eq!(yaml_number(0.0), "0.0e+0");
    }

    #[test]
    fn a_large_mean_costs_no_accuracy() {
        let mut moments = Moments::default();
        for block in 0..100 {
            let plane = Array2::from_shape_fn((8, 8), |(i, j)| 1e6 + ((i + j + block) % 2) as f32);
            moments.merge(Moments::of(plane.view(), None, None, &mut Vec::new()));
        }
        assert!((moments.deviation() - 0.5).abs() < 1e-12);
    }
}
