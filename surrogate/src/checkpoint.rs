//! Checkpoints: a safetensors file with the weights and, as JSON in its metadata, everything needed to rebuild the network
//! or to continue its training.
//!
//! Tensors are named `weights/<parameter>`; a `last` checkpoint also holds `first_moment/<parameter>`,
//! `second_moment/<parameter>` and, where a running mean of the weights is kept, `average/<parameter>`. Files appear under their final name only when complete. What is read is untrusted:
//! the network is built from tensors whose shapes are compared before anything of the configured size is allocated.

mod begin;
mod metadata;

use crate::network::{Channels, Network};
use crate::parameters::{OTHER_NETWORK, Parameters};
use crate::train::average::Average;
use crate::train::optimiser::AdamW;
use crate::{Result, SurrogateError};
use candle_core::{DType, Device, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

pub(crate) use begin::{anew, begin};
pub use metadata::{Metadata, Spread, Validation};

/// Name of the checkpoint with the smallest validation error, in a run's folder.
pub const BEST: &str = "best.safetensors";
/// Name of the latest checkpoint, from which training continues, in a run's folder.
pub const LAST: &str = "last.safetensors";
/// Version of the metadata below.
const FORMAT: u32 = 1;
/// Key of the JSON text in the file's metadata.
const KEY: &str = "fewave";
const WEIGHTS: &str = "weights/";
const FIRST: &str = "first_moment/";
const SECOND: &str = "second_moment/";
const AVERAGE: &str = "average/";

/// A checkpoint in memory.
#[derive(Debug)]
pub struct Checkpoint {
    /// Where it was read.
    pub path: PathBuf,
    /// Everything but the tensors.
    pub metadata: Metadata,
    /// SHA-256 of the weights: names, shapes and bytes in order of the names.
    pub weights_hash: String,
    weights: HashMap<String, Tensor>,
    moments: HashMap<String, (Tensor, Tensor)>,
    average: HashMap<String, Tensor>,
}

/// What a run needs to continue, beside its weights.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress<'a> {
    /// The optimiser with its moments.
    pub(crate) optimiser: &'a AdamW,
    /// The running mean of the weights, where one is kept.
    pub(crate) average: Option<&'a Average>,
}

/// Writes the weights, and a run's progress if given, to `path`, under its final name only when complete.
///
/// # Errors
/// [`SurrogateError::Io`] when the file cannot be written, for one because the disk is full.
pub(crate) fn write(
    path: &Path,
    metadata: &Metadata,
    parameters: &Parameters,
    progress: Option<Progress<'_>>,
) -> Result<()> {
    let mut tensors: BTreeMap<String, (Vec<usize>, Vec<u8>)> = BTreeMap::new();
    let mut put = |name: String, tensor: &Tensor| -> Result<()> {
        tensors.insert(name, (tensor.dims().to_vec(), bytes(tensor)?));
        Ok(())
    };
    for (name, variable) in parameters.iter() {
        put(format!("{WEIGHTS}{name}"), variable)?;
    }
    if let Some(Progress { optimiser, average }) = progress {
        for slot in optimiser.slots() {
            put(format!("{FIRST}{}", slot.name), &slot.first)?;
            put(format!("{SECOND}{}", slot.name), &slot.second)?;
        }
        for (name, mean) in average.iter().flat_map(|average| &average.values) {
            put(format!("{AVERAGE}{name}"), mean)?;
        }
    }
    let broken = |reason: String| SurrogateError::Checkpoint {
        path: path.to_owned(),
        place: "the file to be written".into(),
        found: reason,
        expected: "tensors and metadata that safetensors can hold".into(),
        remedy: "report this: it is a defect of fewave",
    };
    let mut views = Vec::with_capacity(tensors.len());
    for (name, (shape, data)) in &tensors {
        views.push((
            name,
            TensorView::new(Dtype::F32, shape.clone(), data).map_err(|e| broken(e.to_string()))?,
        ));
    }
    let text = serde_json::to_string(metadata).map_err(|e| broken(e.to_string()))?;
    let file = safetensors::serialize(views, Some(HashMap::from([(KEY.to_owned(), text)])))
        .map_err(|e| broken(e.to_string()))?;
    write_atomically(path, &file)
}

/// Writes a file under `<name>.part`, then renames it.
pub(crate) fn write_atomically(path: &Path, content: &[u8]) -> Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = File::create(&part)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&part, path));
    written.map_err(|source| {
        // Whether or not the remains can be removed, the first error is the one to report.
        let _ = fs::remove_file(&part);
        SurrogateError::Io {
            path: path.to_owned(),
            action: "write",
            source,
            remedy: "free some space or choose another folder, then continue with --resume".into(),
        }
    })
}

impl Checkpoint {
    /// Reads a checkpoint: a file, or [`BEST`] in a run's folder.
    ///
    /// # Errors
    /// [`SurrogateError::Io`] when there is none, [`SurrogateError::Checkpoint`] when it is truncated, foreign, or of another
    /// version.
    pub fn read(path: &Path) -> Result<Self> {
        let path = if path.is_dir() {
            path.join(BEST)
        } else {
            path.to_owned()
        };
        let content = fs::read(&path).map_err(|source| SurrogateError::Io {
            path: path.clone(),
            action: "read",
            source,
            remedy:
                "give the folder of a run that has validated at least once, or a .safetensors file"
                    .into(),
        })?;
        let refuse = |place: &str, found: String, expected: &str, remedy: &'static str| {
            SurrogateError::Checkpoint {
                path: path.clone(),
                place: place.into(),
                found,
                expected: expected.into(),
                remedy,
            }
        };
        let whole = "a complete safetensors file";
        let again = "copy the file again, or train again";
        let tensors = SafeTensors::deserialize(&content).map_err(|e| {
            refuse(
                "the file",
                format!("{} bytes: {e}", content.len()),
                whole,
                again,
            )
        })?;
        let (_, header) = SafeTensors::read_metadata(&content)
            .map_err(|e| refuse("the header", e.to_string(), whole, again))?;
        let text = header
            .metadata()
            .as_ref()
            .and_then(|map| map.get(KEY))
            .ok_or_else(|| {
                refuse(
                    "the header",
                    "no metadata of fewave".into(),
                    "a checkpoint written by fewave",
                    "give a file from the folder of a run",
                )
            })?;
        let metadata: Metadata = serde_json::from_str(text).map_err(|e| {
            refuse(
                "the metadata",
                e.to_string(),
                &format!("metadata of format {FORMAT}"),
                "use the version of fewave that wrote it",
            )
        })?;
        if metadata.format != FORMAT {
            return Err(refuse(
                "the metadata",
                format!("format {}", metadata.format),
                &format!("format {FORMAT}"),
                "use the version of fewave that wrote it",
            ));
        }
        let mut parts: [HashMap<String, Tensor>; 4] = Default::default();
        let mut digest = Sha256::new();
        let mut names = tensors.names();
        names.sort_unstable();
        for name in names {
            let view = tensors
                .tensor(name)
                .map_err(|e| refuse(name, e.to_string(), whole, again))?;
            let Some((part, key)) = [WEIGHTS, FIRST, SECOND, AVERAGE]
                .iter()
                .enumerate()
                .find_map(|(i, prefix)| Some((i, name.strip_prefix(prefix)?)))
            else {
                return Err(refuse(
                    name,
                    "a tensor of this name".into(),
                    "weights, moments and means only",
                    again,
                ));
            };
            if view.dtype() != Dtype::F32 {
                return Err(refuse(name, format!("{:?}", view.dtype()), "F32", again));
            }
            let values: Vec<f32> = view
                .data()
                .as_chunks()
                .0
                .iter()
                .map(|&b| f32::from_le_bytes(b))
                .collect();
            if let Some(value) = values.iter().find(|value| !value.is_finite()) {
                return Err(refuse(name, value.to_string(), "finite numbers", again));
            }
            if part == 0 {
                digest.update(format!("{key} {:?}\n", view.shape()));
                digest.update(view.data());
            }
            parts[part].insert(
                key.to_owned(),
                Tensor::from_vec(values, view.shape(), &Device::Cpu)?,
            );
        }
        let [weights, first, mut second, average] = parts;
        let moments = first
            .into_iter()
            .filter_map(|(name, first)| second.remove(&name).map(|second| (name, (first, second))))
            .collect();
        Ok(Self {
            path,
            metadata,
            weights_hash: format!("{:x}", digest.finalize()),
            weights,
            moments,
            average,
        })
    }

    /// The weights by the names of their parameters.
    pub(crate) fn weights(&self) -> &HashMap<String, Tensor> {
        &self.weights
    }

    /// Rebuilds the network with these weights on a device, for prediction only: nothing is kept for differentiation.
    ///
    /// # Errors
    /// [`SurrogateError::Checkpoint`] naming the tensor that does not fit the network of the checkpoint's own configuration.
    pub fn network(&self, device: &Device) -> Result<(Box<dyn Network>, Parameters)> {
        let config = &self.metadata.config;
        config.validate()?;
        let mut parameters = Parameters::frozen(self.weights.clone(), device);
        let channels: Channels = self.metadata.channels()?;
        let network = config
            .network
            .build(
                channels,
                config.task.axes(),
                &mut parameters,
                &mut ChaCha12Rng::seed_from_u64(config.seed),
            )
            .and_then(|network| parameters.check_all_taken().map(|()| network))
            .map_err(|error| self.explain(error))?;
        Ok((config.task.around(network), parameters))
    }

    /// Continues: the weights into `parameters`, the moments into `optimiser`, the mean of the weights into `average`.
    ///
    /// # Errors
    /// [`SurrogateError::Checkpoint`] naming the tensor that is missing or does not fit.
    pub(crate) fn restore(
        &self,
        parameters: &Parameters,
        optimiser: &mut AdamW,
        average: Option<&mut Average>,
    ) -> Result<()> {
        parameters
            .assign(&self.weights)
            .map_err(|error| self.explain(error))?;
        let mut moments = Vec::with_capacity(optimiser.slots().len());
        for slot in optimiser.slots() {
            let found = self.moments.get(&slot.name);
            match found {
                Some((first, second))
                    if first.shape() == slot.first.shape()
                        && second.shape() == slot.second.shape() =>
                {
                    let device = parameters.device();
                    moments.push((
                        first.to_device(device)?.copy()?,
                        second.to_device(device)?.copy()?,
                    ));
                }
                _ => {
                    return Err(SurrogateError::Checkpoint {
                        path: self.path.clone(),
                        place: format!("moments of {}", slot.name),
                        found: found.map_or_else(
                            || "nothing".into(),
                            |(first, _)| format!("shape {:?}", first.dims()),
                        ),
                        expected: format!("shape {:?}", slot.first.dims()),
                        remedy: "continue from last.safetensors of the same run",
                    });
                }
            }
        }
        optimiser.restore(self.metadata.step, moments);
        for (name, mean) in average.into_iter().flat_map(|average| &mut average.values) {
            let found = self.average.get(name);
            *mean = match found.filter(|found| found.shape() == mean.shape()) {
                Some(found) => found.to_device(parameters.device())?.copy()?,
                None => {
                    return Err(SurrogateError::Checkpoint {
                        path: self.path.clone(),
                        place: format!("mean of {name}"),
                        found: found.map_or_else(
                            || "nothing".into(),
                            |found| format!("shape {:?}", found.dims()),
                        ),
                        expected: format!("shape {:?}", mean.dims()),
                        remedy: "continue from last.safetensors of the same run",
                    });
                }
            };
        }
        Ok(())
    }

    /// Adds the file to an error about one of its tensors.
    fn explain(&self, error: SurrogateError) -> SurrogateError {
        match error {
            SurrogateError::Parameter {
                name,
                found,
                expected,
                ..
            } => SurrogateError::Checkpoint {
                path: self.path.clone(),
                place: format!("tensor {WEIGHTS}{name}"),
                found,
                expected,
                remedy: OTHER_NETWORK,
            },
            other => other,
        }
    }
}

/// A tensor's values in little-endian bytes, in row-major order.
fn bytes(tensor: &Tensor) -> Result<Vec<u8>> {
    let values = tensor
        .to_dtype(DType::F32)?
        .flatten_all()?
        .to_vec1::<f32>()?;
    Ok(values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect())
}
