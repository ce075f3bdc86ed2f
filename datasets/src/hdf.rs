//! A thin layer over HDF5: writing with context in every error, and looking at files that cannot be trusted.

pub(crate) mod inspect;
pub(crate) mod strings;
pub(crate) mod write;
