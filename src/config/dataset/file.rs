//! Files that a configuration names: found beside it, read whole, counted by their content.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use super::super::ConfigError;
use super::super::document::sha256;
use super::super::section::Section;

/// Largest file that is read, in bytes.
const LARGEST: u64 = 4 << 30;

/// A file that a key names.
#[derive(Debug, Clone)]
pub struct NamedFile {
    /// The dotted key.
    pub key: String,
    /// Where it is.
    pub path: PathBuf,
    /// SHA-256 of its content.
    pub sha256: String,
}

/// The path that `key` names; `what` it should be, in words. One from the command line is relative to the working directory,
/// one from the configuration to its folder.
pub(super) fn path(section: &Section<'_>, key: &str, what: &str) -> Result<PathBuf, ConfigError> {
    let name = section.required(key, &format!("the path of {what}"), |value| {
        value.as_str().map(str::to_owned)
    })?;
    Ok(if section.document().is_overridden(&section.full(key)) {
        PathBuf::from(&name)
    } else {
        section.document().resolve(&name)
    })
}

/// Reads the file at the [`path`] that `key` names.
pub(super) fn read(
    section: &Section<'_>,
    key: &str,
    what: &str,
) -> Result<(NamedFile, Vec<u8>), ConfigError> {
    let path = path(section, key, what)?;
    let full = section.full(key);
    let unreadable = |reason: String| {
        section.error_found(
            key,
            format!("{}: {reason}", path.display()),
            format!("{what} that can be read; `--set {full}=…` names another"),
        )
    };
    let metadata = std::fs::metadata(&path).map_err(|error| unreadable(error.to_string()))?;
    if !metadata.is_file() {
        return Err(unreadable("no regular file".to_owned()));
    }
    if metadata.len() > LARGEST {
        return Err(unreadable(format!(
            "{} bytes, more than the {} GiB that are read",
            metadata.len(),
            LARGEST >> 30
        )));
    }
    let mut bytes = Vec::new();
    // no further, should the file grow meanwhile
    File::open(&path)
        .and_then(|opened| opened.take(LARGEST).read_to_end(&mut bytes))
        .map_err(|error| unreadable(error.to_string()))?;
    let file = NamedFile {
        key: full,
        sha256: sha256(&bytes),
        path,
    };
    Ok((file, bytes))
}
