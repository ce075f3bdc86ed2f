//! Writes one dataset file, trajectory by trajectory, so that it appears under its name only when complete.
//!
//! Layout: The Well's (Ohana et al. 2024), groups `dimensions`, `boundary_conditions`, `scalars` and `t0_fields`, beside
//! a group `fewave` with what is ours (table in the crate's documentation). Data go to `<name>.part`; [`FileWriter::finish`] flushes,
//! syncs and renames. Bytes depend on the data alone: not on the clock, nor on the order in which trajectories arrive.

pub(crate) mod layout;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use hdf5::file::LibraryVersion;
use hdf5::{Dataset, File};
use ndarray::{ArrayViewD, arr1, s};

use crate::checksum::TrajectoryDigest;
use crate::error::{Error, Hdf5Context, IoContext, Result};
use crate::hdf::write::{SPACE, Sink};
use crate::schema::{FileSpec, TrajectoryData, sources};

/// How fields and receiver signals are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Contiguous: any snapshots are one read, exactly as large as asked. The default; f32 waves compress little.
    #[default]
    None,
    /// Byte shuffle and deflate at a level from 1 to 9, in chunks of whole planes of about 256 KiB.
    Gzip(u8),
}

/// A dataset file in the making.
///
/// Dropped before [`FileWriter::finish`], it removes what it wrote.
#[derive(Debug)]
pub struct FileWriter {
    file: Option<File>,
    part: PathBuf,
    target: PathBuf,
    spec: FileSpec,
    compression: Compression,
    written: Vec<bool>,
    indices: BTreeSet<u64>,
    /// Compressed chunks land in the order of writing, so trajectories that come early wait for those before them.
    held: BTreeMap<usize, TrajectoryData>,
    /// The first slot that is not on disk, where compressed.
    next: usize,
    /// Whether a write has failed: then the file can no longer be finished.
    failed: bool,
}

impl FileWriter {
    /// Starts the file `path` for `trajectories` trajectories, uncompressed; creates its folder where missing.
    ///
    /// # Errors
    /// [`Error::Input`] for a specification that the layout cannot hold; [`Error::Io`] and [`Error::Hdf5`] where the
    /// file cannot be created.
    pub fn create(path: impl AsRef<Path>, spec: &FileSpec, trajectories: usize) -> Result<Self> {
        Self::create_compressed(path, spec, trajectories, Compression::None)
    }

    /// As [`FileWriter::create`], with compression.
    ///
    /// # Errors
    /// As [`FileWriter::create`]; also for a level outside 1 to 9.
    pub fn create_compressed(
        path: impl AsRef<Path>,
        spec: &FileSpec,
        trajectories: usize,
        compression: Compression,
    ) -> Result<Self> {
        spec.check()?;
        if trajectories == 0 {
            return Err(Error::input(
                "the number of trajectories",
                "at least 1",
                "0",
                "write one or more",
            ));
        }
        if let Compression::Gzip(level) = compression
            && !(1..=9).contains(&level)
        {
            return Err(Error::input(
                "the gzip level",
                "1 to 9",
                level.to_string(),
                "use 4",
            ));
        }
        let target = path.as_ref().to_path_buf();
        let Some(name) = target.file_name() else {
            return Err(Error::input(
                target.display().to_string(),
                "a file name",
                "none",
                "name a file",
            ));
        };
        let mut part_name = name.to_os_string();
        part_name.push(".part");
        let part = target.with_file_name(part_name);
        if let Some(folder) = target
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            fs::create_dir_all(folder).io(
                folder,
                "create the folder",
                "check the path and its permissions",
            )?;
        }
        let file = File::with_options()
            .with_fcpl(|properties| properties.obj_track_times(false))
            // The format of HDF5 1.8: object headers carry checksums there, which the default, older one lacks. A damaged
            // header is then an error of HDF5 and not a crash.
            .with_fapl(|properties| {
                properties.libver_bounds(LibraryVersion::V18, LibraryVersion::V18)
            })
            .create(&part)
            .at(
                &part,
                "/",
                "create",
                "check that the folder exists, may be written and has free space",
            )?;
        let writer = FileWriter {
            file: Some(file),
            part,
            target,
            spec: spec.clone(),
            compression,
            written: vec![false; trajectories],
            indices: BTreeSet::new(),
            held: BTreeMap::new(),
            next: 0,
            failed: false,
        };
        let sink = Sink { path: &writer.part };
        layout::write(sink, writer.file()?, spec, trajectories, compression)?;
        layout::seal(sink, writer.file()?, spec)?;
        Ok(writer)
    }

    /// Writes a trajectory into its place (`slot` counts from 0); any order.
    ///
    /// # Errors
    /// [`Error::Input`] for a slot that does not exist or is taken, and for data that does not fit the specification
    /// or is not finite; [`Error::Hdf5`] where the disk is full or cannot be written.
    pub fn write(&mut self, slot: usize, data: &TrajectoryData) -> Result<()> {
        let what = || format!("slot {slot} of {}", self.target.display());
        match self.written.get(slot) {
            None => {
                let expected = format!("a slot below {}", self.written.len());
                return Err(Error::input(
                    what(),
                    expected,
                    slot.to_string(),
                    "count slots from 0 in every file",
                ));
            }
            Some(true) => {
                return Err(Error::input(
                    what(),
                    "a free slot",
                    "a written one",
                    "write each slot once",
                ));
            }
            Some(false) => {}
        }
        self.spec.check_trajectory(data)?;
        if !self.indices.insert(data.index) {
            let found = format!("index {} again", data.index);
            let remedy = "give every trajectory of the split its own index";
            return Err(Error::input(
                what(),
                "an index that is new to the file",
                found,
                remedy,
            ));
        }
        self.written[slot] = true;
        if self.compression == Compression::None {
            return self.store(slot, data);
        }
        if slot != self.next {
            self.held.insert(slot, data.clone());
            return Ok(());
        }
        self.store(slot, data)?;
        self.next += 1;
        while let Some(data) = self.held.remove(&self.next) {
            self.store(self.next, &data)?;
            self.next += 1;
        }
        Ok(())
    }

    /// Flushes the file to the disk and gives it its name, replacing a file of that name.
    ///
    /// # Errors
    /// As [`FileWriter::close`] and [`ClosedFile::publish`].
    pub fn finish(self) -> Result<()> {
        self.close()?.publish()
    }

    /// Ends writing, so that another thread may wait for the disk in [`ClosedFile::publish`].
    ///
    /// # Errors
    /// [`Error::Input`] naming slots that were not written; [`Error::Hdf5`] where flushing fails. The partial file is removed
    /// then.
    pub fn close(mut self) -> Result<ClosedFile> {
        let missing: Vec<usize> = (0..self.written.len())
            .filter(|slot| !self.written[*slot])
            .collect();
        if !missing.is_empty() {
            let found = format!(
                "{} missing, the first is slot {}",
                missing.len(),
                missing[0]
            );
            let expected = format!("{} trajectories", self.written.len());
            let what = self.target.display().to_string();
            return Err(Error::input(
                what,
                expected,
                found,
                "write every slot before finishing",
            ));
        }
        if self.failed {
            let what = self.target.display().to_string();
            return Err(Error::input(
                what,
                "complete writes",
                "one that failed",
                SPACE,
            ));
        }
        if let Some(file) = self.file.take() {
            file.flush().at(&self.part, "/", "flush", SPACE)?;
            file.close().at(&self.part, "/", "close", SPACE)?;
        }
        Ok(ClosedFile(self))
    }

    fn file(&self) -> Result<&File> {
        self.file.as_ref().ok_or_else(|| {
            Error::input(
                self.target.display().to_string(),
                "an open file",
                "a finished one",
                "create it again",
            )
        })
    }

    fn store(&mut self, slot: usize, data: &TrajectoryData) -> Result<()> {
        let stored = self.try_store(slot, data);
        self.failed |= stored.is_err();
        stored
    }

    fn try_store(&self, slot: usize, data: &TrajectoryData) -> Result<()> {
        let scalars = data.scalars.iter().zip(&self.spec.scalars);
        for (value, spec) in scalars {
            self.put(&format!("scalars/{}", spec.name), |at| {
                at.write_slice(&arr1(&[*value]), s![slot..slot + 1])
            })?;
        }
        let mut digest = TrajectoryDigest::new(
            &self.spec,
            data.index,
            data.source_end,
            &data.scalars,
            &data.energy,
        );
        for (values, spec) in data.fields.iter().zip(&self.spec.fields) {
            digest.update(values);
            self.put_array(&format!("t0_fields/{}", spec.name), slot, values.view())?;
        }
        if self.spec.sources > 0 {
            for (place, values) in sources::PLACES.into_iter().zip(data.sources.arrays()) {
                digest.update(values);
                self.put_array(place, slot, values.into_dyn())?;
            }
        }
        let quantities = self.spec.receivers.iter().flat_map(|spec| &spec.quantities);
        for (signals, quantity) in data.receivers.iter().zip(quantities) {
            digest.update(signals);
            self.put_array(&quantity.place(), slot, signals.view())?;
        }
        self.put("fewave/index", |at| {
            at.write_slice(&arr1(&[data.index]), s![slot..slot + 1])
        })?;
        self.put("fewave/source_end", |at| {
            at.write_slice(&arr1(&[data.source_end]), s![slot..slot + 1])
        })?;
        if self.spec.energy {
            self.put("fewave/energy", |at| {
                at.write_slice(&arr1(&data.energy), s![slot, ..])
            })?;
        }
        self.put("fewave/sha256", |at| {
            at.write_slice(&arr1(&digest.finish()), s![slot, ..])
        })
    }

    fn put_array(&self, place: &str, slot: usize, values: ArrayViewD<'_, f32>) -> Result<()> {
        let values = values.as_standard_layout();
        self.put(place, |at| match values.ndim() {
            2 => at.write_slice(values.view(), s![slot, .., ..]),
            _ => at.write_slice(values.view(), s![slot, .., .., ..]),
        })
    }

    fn put(&self, place: &str, write: impl FnOnce(&Dataset) -> hdf5::Result<()>) -> Result<()> {
        let dataset = self.file()?.dataset(place);
        dataset
            .and_then(|dataset| write(&dataset))
            .at(&self.part, place, "write", SPACE)
    }
}

/// A complete file that is not yet sure to be on the disk, nor under its name.
///
/// Dropped before [`ClosedFile::publish`], it removes what was written.
#[derive(Debug)]
pub struct ClosedFile(FileWriter);

impl ClosedFile {
    /// Waits until the file is on the disk and gives it its name, replacing a file of that name. No call of HDF5.
    ///
    /// # Errors
    /// [`Error::Io`] where syncing or renaming fails. The partial file is removed then.
    pub fn publish(self) -> Result<()> {
        let writer = &self.0;
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(&writer.part)
            .io(&writer.part, "open", SPACE)?;
        file.sync_all().io(&writer.part, "sync", SPACE)?;
        fs::rename(&writer.part, &writer.target).io(&writer.target, "rename into place", SPACE)?;
        if let Some(folder) = writer
            .target
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            fs::File::open(folder)
                .and_then(|folder| folder.sync_all())
                .io(folder, "sync", SPACE)?;
        }
        Ok(())
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        // After `finish` the partial file is gone, and there is nothing to do. Failures have no one to go to.
        drop(self.file.take());
        let _ = fs::remove_file(&self.part);
    }
}
