//! Looking at a file that cannot be trusted: every access checks type, shape and stored size first, and notes what is
//! wrong instead of stopping, so that one pass finds every violation.

mod wanted;

use std::path::Path;

use hdf5::types::VarLenUnicode;
use hdf5::{Container, Dataset, Group, H5Type, Location};

use super::write::{attribute, join};
use crate::error::Violation;
pub(crate) use wanted::Wanted;

/// Most elements that an attribute or a small dataset of names and numbers may have.
const MAX_SMALL: usize = 1 << 24;

/// Deflate shrinks at most about 1032 times; what claims more was never written.
const MAX_RATIO: u64 = 1100;

/// Notes the violations of one file.
#[derive(Debug)]
pub(crate) struct Inspector<'a> {
    path: &'a Path,
    length: u64,
    /// What was found wrong so far.
    pub(crate) violations: Vec<Violation>,
}

impl<'a> Inspector<'a> {
    /// For the file at `path`, which is `length` bytes long.
    pub(crate) fn new(path: &'a Path, length: u64) -> Self {
        Inspector {
            path,
            length,
            violations: Vec::new(),
        }
    }

    /// Notes a violation.
    pub(crate) fn note(
        &mut self,
        place: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
        rule: &'static str,
    ) {
        self.violations.push(Violation {
            file: self.path.to_path_buf(),
            place: place.into(),
            expected: expected.into(),
            found: found.into(),
            rule,
        });
    }

    /// The member group `name`.
    pub(crate) fn group(&mut self, parent: &Group, name: &str) -> Option<Group> {
        let group = parent.group(name).ok();
        if group.is_none() {
            self.note(
                join(parent, name),
                "a group",
                kind(parent, name),
                "the group must exist",
            );
        }
        group
    }

    /// The member dataset `name`, whose elements must be as `wanted` says.
    pub(crate) fn dataset(
        &mut self,
        parent: &Group,
        name: &str,
        wanted: Wanted,
    ) -> Option<Dataset> {
        let place = join(parent, name);
        let Ok(dataset) = parent.dataset(name) else {
            self.note(
                place,
                "a dataset",
                kind(parent, name),
                "the dataset must exist",
            );
            return None;
        };
        self.text(&dataset, "unit");
        self.text(&dataset, "description");
        self.typed(&dataset, &place, wanted).then_some(dataset)
    }

    /// As [`Inspector::dataset`], and its shape must be `shape`; data must be stored in full.
    pub(crate) fn shaped(
        &mut self,
        parent: &Group,
        name: &str,
        wanted: Wanted,
        shape: &[usize],
    ) -> Option<Dataset> {
        let dataset = self.dataset(parent, name, wanted)?;
        self.fits(&dataset, shape).then_some(dataset)
    }

    /// Whether a dataset has the shape `shape` and is stored in full.
    pub(crate) fn fits(&mut self, dataset: &Dataset, shape: &[usize]) -> bool {
        let found = dataset.shape();
        if found != shape {
            let rule = "shapes follow n_trajectories, time, x and y";
            self.note(
                dataset.name(),
                format!("shape {shape:?}"),
                format!("{found:?}"),
                rule,
            );
            return false;
        }
        self.stored(dataset)
    }

    /// The values of a small dataset of numbers with one axis of at least `least` values.
    pub(crate) fn numbers(
        &mut self,
        parent: &Group,
        name: &str,
        wanted: Wanted,
        least: usize,
    ) -> Option<Vec<f64>> {
        let dataset = self.dataset(parent, name, wanted)?;
        let shape = dataset.shape();
        if shape.len() != 1 || shape[0] < least || shape[0] > MAX_SMALL {
            let expected = format!("one axis of {least} to {MAX_SMALL} values");
            self.note(
                join(parent, name),
                expected,
                format!("shape {shape:?}"),
                "coordinates have one axis",
            );
            return None;
        }
        if !self.stored(&dataset) {
            return None;
        }
        self.values(&dataset)
    }

    /// All values of a checked dataset; the caller has bounded its size.
    pub(crate) fn values<T: H5Type>(&mut self, dataset: &Dataset) -> Option<Vec<T>> {
        match dataset.read_raw::<T>() {
            Ok(values) => Some(values),
            Err(error) => {
                self.note(
                    dataset.name(),
                    "readable values",
                    error.to_string(),
                    "data must be readable",
                );
                None
            }
        }
    }

    /// A text attribute.
    pub(crate) fn text(&mut self, at: &Location, name: &str) -> Option<String> {
        self.attribute::<VarLenUnicode>(at, name, Wanted::Text, Some(0))
            .and_then(|texts| self.decode(at, name, texts)?.pop())
    }

    /// An attribute with a list of texts, which may be empty.
    pub(crate) fn texts(&mut self, at: &Location, name: &str) -> Option<Vec<String>> {
        let texts = self.attribute::<VarLenUnicode>(at, name, Wanted::Text, Some(1))?;
        self.decode(at, name, texts)
    }

    /// A boolean attribute.
    pub(crate) fn flag(&mut self, at: &Location, name: &str) -> Option<bool> {
        self.attribute::<i8>(at, name, Wanted::Flag, Some(0))
            .and_then(|flags| flags.first().map(|flag| *flag != 0))
    }

    /// An attribute with a list of booleans.
    pub(crate) fn flags(&mut self, at: &Location, name: &str) -> Option<Vec<bool>> {
        let flags = self.attribute::<i8>(at, name, Wanted::Flag, Some(1))?;
        Some(flags.into_iter().map(|flag| flag != 0).collect())
    }

    /// A boolean attribute that must be `expected`.
    pub(crate) fn flag_is(
        &mut self,
        at: &Location,
        name: &str,
        expected: bool,
        rule: &'static str,
    ) {
        if let Some(found) = self.flag(at, name)
            && found != expected
        {
            self.note(
                attribute(at, name),
                expected.to_string(),
                found.to_string(),
                rule,
            );
        }
    }

    /// An integer attribute.
    pub(crate) fn integer(&mut self, at: &Location, name: &str) -> Option<i64> {
        self.attribute::<i64>(at, name, Wanted::Integer, Some(0))
            .and_then(|values| values.first().copied())
    }

    /// An unsigned integer attribute; a negative one is read as 0 by HDF5, hence the separate reading.
    pub(crate) fn unsigned(&mut self, at: &Location, name: &str) -> Option<u64> {
        self.attribute::<u64>(at, name, Wanted::Integer, Some(0))
            .and_then(|values| values.first().copied())
    }

    /// An attribute with a list of integers.
    pub(crate) fn integers(&mut self, at: &Location, name: &str) -> Option<Vec<u64>> {
        self.attribute::<u64>(at, name, Wanted::Integer, Some(1))
    }

    /// An attribute with a list of bytes.
    pub(crate) fn bytes(&mut self, at: &Location, name: &str) -> Option<Vec<u8>> {
        self.attribute::<u8>(at, name, Wanted::Byte, Some(1))
    }

    /// A real attribute.
    pub(crate) fn real(&mut self, at: &Location, name: &str) -> Option<f64> {
        self.attribute::<f64>(at, name, Wanted::Real, Some(0))
            .and_then(|values| values.first().copied())
    }

    /// Whether all values that the shape claims are stored: a shape alone is no reason to allocate memory.
    fn stored(&mut self, dataset: &Dataset) -> bool {
        let elements = dataset
            .shape()
            .iter()
            .try_fold(1u64, |product, side| product.checked_mul(*side as u64));
        let size = dataset.dtype().map_or(1, |dtype| dtype.size().max(1)) as u64;
        let claimed = elements.and_then(|elements| elements.checked_mul(size));
        let filtered = !dataset.filters().is_empty();
        let stored = dataset.storage_size().min(self.length);
        let most = if filtered {
            stored.saturating_mul(MAX_RATIO)
        } else {
            stored
        };
        match claimed {
            Some(claimed) if claimed <= most => true,
            _ => {
                let claimed =
                    claimed.map_or("more than 2^64".to_owned(), |claimed| claimed.to_string());
                let expected = format!("{claimed} bytes of data for shape {:?}", dataset.shape());
                let found = format!("{stored} stored bytes in a file of {}", self.length);
                self.note(
                    dataset.name(),
                    expected,
                    found,
                    "data must be stored in full",
                );
                false
            }
        }
    }

    fn attribute<T: H5Type>(
        &mut self,
        at: &Location,
        name: &str,
        wanted: Wanted,
        axes: Option<usize>,
    ) -> Option<Vec<T>> {
        let place = attribute(at, name);
        let Ok(found) = at.attr(name) else {
            self.note(place, wanted.name(), "nothing", "the attribute must exist");
            return None;
        };
        if !self.typed(&found, &place, wanted) {
            return None;
        }
        let shape = found.shape();
        let size = shape
            .iter()
            .try_fold(1usize, |product, side| product.checked_mul(*side));
        if axes.is_some_and(|axes| axes != shape.len()) || size.is_none_or(|size| size > MAX_SMALL)
        {
            let expected = if axes == Some(0) {
                "one value"
            } else {
                "a list"
            };
            self.note(
                place,
                expected,
                format!("shape {shape:?}"),
                "the attribute's shape is fixed",
            );
            return None;
        }
        if size == Some(0) {
            return Some(Vec::new());
        }
        match found.read_raw::<T>() {
            Ok(values) => Some(values),
            Err(error) => {
                self.note(
                    place,
                    "a readable value",
                    error.to_string(),
                    "attributes must be readable",
                );
                None
            }
        }
    }

    fn typed(&mut self, container: &Container, place: &str, wanted: Wanted) -> bool {
        let found = container.dtype().and_then(|dtype| dtype.to_descriptor());
        match found {
            Ok(found) if wanted.accepts(&found) => true,
            Ok(found) => {
                self.note(place, wanted.name(), format!("type {found}"), wanted.rule());
                false
            }
            Err(error) => {
                self.note(place, wanted.name(), error.to_string(), wanted.rule());
                false
            }
        }
    }

    fn decode(
        &mut self,
        at: &Location,
        name: &str,
        texts: Vec<VarLenUnicode>,
    ) -> Option<Vec<String>> {
        let decoded: Result<Vec<_>, _> = texts
            .iter()
            .map(|text| std::str::from_utf8(text.as_bytes()).map(str::to_owned))
            .collect();
        if decoded.is_err() {
            self.note(
                attribute(at, name),
                "UTF-8",
                "other bytes",
                "strings are UTF-8",
            );
        }
        decoded.ok()
    }
}

/// Unit and description of a dataset that [`Inspector::dataset`] has checked.
pub(crate) fn described(dataset: &Dataset) -> (String, String) {
    let text = |name: &str| {
        let text = dataset
            .attr(name)
            .and_then(|attribute| attribute.read_scalar::<VarLenUnicode>());
        text.map(|text| String::from_utf8_lossy(text.as_bytes()).into_owned())
            .unwrap_or_default()
    };
    (text("unit"), text("description"))
}

fn kind(parent: &Group, name: &str) -> String {
    match parent.link_exists(name) {
        true => "another kind of object".to_owned(),
        false => "nothing".to_owned(),
    }
}
