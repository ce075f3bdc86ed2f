//! Digests: of a trajectory's content ([`TrajectoryDigest`]) and of files ([`content_hash`]).
//!
//! A trajectory carries a SHA-256 over its values, not HDF5's `fletcher32` filter: the digest does not depend on chunks or
//! compression, so equal trajectories have equal digests in every shard layout; reading for training pays nothing for it
//! (`fewave validate` checks it); and datasets can stay contiguous. Digested, little-endian: the frame, which is times, x, y
//! (f64), receivers' positions and times (f64), the boundaries' masks by name (a byte each); then index (u64), end of the
//! source (f64), scalars (f64), energy (f64), each field (f32, row-major, in the file's order), sources' positions
//! and signals (f32), receivers' signals (f32), quantity by quantity.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::{Error, IoContext, Result};
use crate::schema::FileSpec;

/// SHA-256 of one trajectory, fed in the order that the module describes.
pub(crate) struct TrajectoryDigest(Sha256);

impl TrajectoryDigest {
    /// Starts with the frame, which all trajectories of a file share, and the numbers that come first.
    pub(crate) fn new(
        spec: &FileSpec,
        index: u64,
        source_end: f64,
        scalars: &[f64],
        energy: &[f64],
    ) -> Self {
        let mut hash = Sha256::new();
        let mut reals = |values: &mut dyn Iterator<Item = &f64>| {
            for value in values {
                hash.update(value.to_le_bytes());
            }
        };
        reals(&mut spec.times.iter().chain(spec.axes.iter().flatten()));
        if let Some(receivers) = &spec.receivers {
            reals(&mut receivers.positions.iter().flatten().chain(&receivers.times));
        }
        let mut boundaries: Vec<_> = spec.boundaries.iter().collect();
        boundaries.sort_by(|a, b| a.name.cmp(&b.name));
        for flag in boundaries.into_iter().flat_map(|boundary| &boundary.mask) {
            hash.update([u8::from(*flag)]);
        }
        hash.update(index.to_le_bytes());
        for value in [source_end].iter().chain(scalars).chain(energy) {
            hash.update(value.to_le_bytes());
        }
        TrajectoryDigest(hash)
    }

    /// Adds the next values of a field or of the receivers.
    pub(crate) fn update<'a>(&mut self, values: impl IntoIterator<Item = &'a f32>) {
        let mut block = [0u8; 4096];
        let mut filled = 0;
        for value in values {
            block[filled..filled + 4].copy_from_slice(&value.to_le_bytes());
            filled += 4;
            if filled == block.len() {
                self.0.update(block);
                filled = 0;
            }
        }
        self.0.update(&block[..filled]);
    }

    /// The 32 bytes.
    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256, in hexadecimal, of a file, or of a dataset folder: of the list `<file's SHA-256>  <relative path>\n` over
/// `stats.yaml` and `data/*/*.hdf5`, sorted by path.
///
/// # Errors
/// [`Error::Io`] where a file cannot be read; [`Error::Input`] for a folder without dataset files.
pub fn content_hash(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    if path.is_file() {
        return Ok(hex(&file_hash(path)?));
    }
    let mut files = Vec::new();
    for split in list(&path.join("data"))? {
        if split.is_dir() {
            files.extend(list(&split)?.into_iter().filter(|file| is_hdf5(file)));
        }
    }
    if files.is_empty() {
        let expected = "a folder with data/<split>/*.hdf5";
        return Err(Error::input(
            path.display().to_string(),
            expected,
            "no such file",
            "name a dataset folder",
        ));
    }
    let statistics = path.join("stats.yaml");
    if statistics.is_file() {
        files.push(statistics);
    }
    let mut lines = Vec::with_capacity(files.len());
    for file in files {
        let relative = file
            .strip_prefix(path)
            .unwrap_or(&file)
            .to_string_lossy()
            .into_owned();
        lines.push((relative, hex(&file_hash(&file)?)));
    }
    lines.sort();
    let mut hash = Sha256::new();
    for (relative, digest) in lines {
        hash.update(format!("{digest}  {relative}\n"));
    }
    Ok(hex(&hash.finalize()))
}

/// Whether the name ends as a dataset file's does; a file in the making ends in `.part`.
pub(crate) fn is_hdf5(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "hdf5" || extension == "h5")
}

/// The entries of a folder, sorted by name.
pub(crate) fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let remedy = "name a dataset folder, which holds `data/train`, `data/valid` and `data/test`";
    let entries = fs::read_dir(folder).io(folder, "list", remedy)?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.io(folder, "list", remedy)?.path());
    }
    paths.sort();
    Ok(paths)
}

fn file_hash(path: &Path) -> Result<[u8; 32]> {
    let remedy = "check that the file exists and may be read";
    let mut file = fs::File::open(path).io(path, "open", remedy)?;
    let mut hash = Sha256::new();
    let mut block = vec![0u8; 1 << 16];
    loop {
        let count = file.read(&mut block).io(path, "read", remedy)?;
        if count == 0 {
            return Ok(hash.finalize().into());
        }
        hash.update(&block[..count]);
    }
}
