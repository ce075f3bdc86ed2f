//! Writing groups, attributes and datasets as h5py would, with path and place in every error.
//!
//! Strings are variable-length UTF-8, booleans the int8 enum FALSE/TRUE. No object carries a time stamp, and space is
//! allocated when a dataset is created, so that the bytes on disk do not depend on when or in which order data arrives.

use std::path::Path;
use std::str::FromStr;

use hdf5::plist::dataset_create::{AllocTime, FillTime};
use hdf5::types::VarLenUnicode;
use hdf5::{Dataset, Group, H5Type, Location};
use ndarray::{ArrayView, Dimension, arr0};

use crate::error::{Error, Hdf5Context, Result};
use crate::writer::Compression;

/// What to do when a write fails.
pub(crate) const SPACE: &str =
    "check free space, quota and permissions of the folder, then run again";

/// Bytes that a compressed chunk aims at: a window of a few snapshots then unpacks little more than it needs, and
/// several chunks fit into HDF5's cache of 1 MiB.
const CHUNK_BYTES: usize = 1 << 18;

/// Writes into the file at `path`.
#[derive(Clone, Copy)]
pub(crate) struct Sink<'a> {
    /// Named in errors.
    pub(crate) path: &'a Path,
}

impl Sink<'_> {
    /// Creates a group without time stamps.
    pub(crate) fn group(&self, parent: &Group, name: &str) -> Result<Group> {
        let place = join(parent, name);
        let group = parent
            .create_group_builder()
            .obj_track_times(false)
            .create(name);
        group.at(self.path, &place, "create the group", SPACE)
    }

    /// A text attribute.
    pub(crate) fn text(&self, at: &Location, name: &str, text: &str) -> Result<()> {
        let text = [self.encode(at, name, text)?];
        let place = attribute(at, name);
        let made = at
            .new_attr::<VarLenUnicode>()
            .create(name)
            .and_then(|made| made.write_scalar(&text[0]));
        made.at(self.path, &place, "write the attribute", SPACE)
    }

    /// A list of texts, which may be empty.
    pub(crate) fn texts<'t>(
        &self,
        at: &Location,
        name: &str,
        texts: impl IntoIterator<Item = &'t str>,
    ) -> Result<()> {
        let texts: Vec<_> = texts
            .into_iter()
            .map(|text| self.encode(at, name, text))
            .collect::<Result<_>>()?;
        self.list(at, name, &texts)
    }

    /// A list of booleans or numbers.
    pub(crate) fn list<T: H5Type>(&self, at: &Location, name: &str, values: &[T]) -> Result<()> {
        let place = attribute(at, name);
        let made = at.new_attr_builder().with_data(values).create(name);
        made.at(self.path, &place, "write the attribute", SPACE)
            .map(drop)
    }

    /// A boolean or a number.
    pub(crate) fn value<T: H5Type>(&self, at: &Location, name: &str, value: T) -> Result<()> {
        let place = attribute(at, name);
        let made = at
            .new_attr::<T>()
            .create(name)
            .and_then(|made| made.write_scalar(&value));
        made.at(self.path, &place, "write the attribute", SPACE)
    }

    /// A complete small dataset.
    pub(crate) fn data<'d, T: H5Type, D: Dimension>(
        &self,
        group: &Group,
        name: &str,
        values: impl Into<ArrayView<'d, T, D>>,
    ) -> Result<Dataset> {
        let made = group.new_dataset_builder().with_data(values).create(name);
        made.at(self.path, &join(group, name), "write", SPACE)
    }

    /// A dataset of one number.
    pub(crate) fn number(&self, group: &Group, name: &str, value: f64) -> Result<Dataset> {
        self.data(group, name, arr0(value).view())
    }

    /// A dataset to be filled later: contiguous, or chunks of whole planes of one trajectory where compressed.
    pub(crate) fn reserve<T: H5Type>(
        &self,
        group: &Group,
        name: &str,
        shape: &[usize],
        compression: Compression,
    ) -> Result<Dataset> {
        let builder = group.new_dataset::<T>().fill_time(FillTime::Never);
        let builder = match compression {
            Compression::None => builder.alloc_time(Some(AllocTime::Early)),
            Compression::Gzip(level) => builder
                .chunk(chunk(shape, size_of::<T>()))
                .shuffle()
                .deflate(level),
        };
        builder
            .shape(shape)
            .create(name)
            .at(self.path, &join(group, name), "create", SPACE)
    }

    fn encode(&self, at: &Location, name: &str, text: &str) -> Result<VarLenUnicode> {
        VarLenUnicode::from_str(text).map_err(|_| {
            Error::input(
                attribute(at, name),
                "a text without NUL",
                "a NUL character",
                "remove the NUL character",
            )
        })
    }
}

/// `(1, block of time, x, y, …)`: one trajectory, the trailing axes whole as far as they fit into [`CHUNK_BYTES`].
fn chunk(shape: &[usize], size: usize) -> Vec<usize> {
    let mut room = (CHUNK_BYTES / size).max(1);
    let mut chunk = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        chunk[axis] = shape[axis].min(room).max(1);
        room = (room / chunk[axis]).max(1);
    }
    chunk
}

/// Path of a member.
pub(crate) fn join(group: &Group, name: &str) -> String {
    format!("{}/{name}", group.name().trim_end_matches('/'))
}

/// Path of an attribute.
pub(crate) fn attribute(at: &Location, name: &str) -> String {
    format!("{}@{name}", at.name())
}

#[cfg(test)]
mod tests {
    use super::chunk;

    #[test]
    fn chunks_hold_whole_planes_of_one_trajectory() {
        assert_eq!(chunk(&[8, 5, 64, 64], 4), [1, 5, 64, 64]);
        assert_eq!(chunk(&[8, 41, 64, 64], 4), [1, 16, 64, 64]);
        assert_eq!(chunk(&[8, 1000, 1024, 1024], 4), [1, 1, 64, 1024]);
        assert_eq!(chunk(&[8], 4), [1]);
    }
}
