//! Outputs: refused when they exist, replaced under `--force`, created before long work starts.
//!
//! Only what a command itself writes is ever removed: a folder that holds something else is refused, `--force` or not.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::config::ConfigError;

/// What a command leaves in its folder: how to recognise it, and all that `--force` may remove.
#[derive(Debug, Clone, Copy)]
pub struct Contents {
    /// What it is, for messages.
    pub what: &'static str,
    /// A file that is there in every such folder.
    pub marker: &'static str,
    /// Files and folders that belong to it, the marker included.
    pub names: &'static [&'static str],
}

/// Makes sure that `path` may be written as a file: absent, or to be replaced because of `force`; its folder is created.
///
/// # Errors
/// When it exists without `force`, is a folder, or its folder cannot be written.
pub fn prepare_file(path: &Path, force: bool) -> anyhow::Result<()> {
    if path.is_dir() {
        return Err(ConfigError::Usage(format!(
            "{}: is a folder, expected the name of a file to write",
            path.display()
        ))
        .into());
    }
    if path.symlink_metadata().is_ok() && !force {
        return Err(ConfigError::Usage(format!(
            "{}: exists already; choose another output or replace it with --force",
            path.display()
        ))
        .into());
    }
    let folder = parent(path);
    create_folder(&folder)?;
    probe(&folder)
}

/// Makes sure that `path` is a folder to write `contents` into: new, empty, or holding older contents that `force` replaces.
///
/// # Errors
/// When it holds older contents and `force` is not given, when it holds something else, or when it cannot be written.
pub fn prepare_folder(path: &Path, contents: &Contents, force: bool) -> anyhow::Result<()> {
    if path.join(contents.marker).is_file() {
        if !force {
            return Err(ConfigError::Usage(format!(
                "{}: exists already and holds {}; choose another output or replace it with --force",
                path.display(),
                contents.what
            ))
            .into());
        }
        remove(path, contents)?;
    } else {
        refuse_foreign(path, contents)?;
    }
    create_folder(path)?;
    probe(path)
}

/// Makes sure that `path` is a folder to begin `contents` in, or to continue them: several processes may do so at once,
/// each of which writes the marker before anything else.
///
/// # Errors
/// When it holds something else, or cannot be written.
pub fn join_folder(path: &Path, contents: &Contents) -> anyhow::Result<()> {
    refuse_foreign(path, contents)?;
    create_folder(path)?;
    probe(path)
}

/// Refuses what is neither absent nor empty nor ours.
fn refuse_foreign(path: &Path, contents: &Contents) -> anyhow::Result<()> {
    let occupied = path.exists() && (!path.is_dir() || !is_empty(path)?);
    // looked at last: whoever fills the folder meanwhile has written its marker first
    if occupied && !path.join(contents.marker).is_file() {
        return Err(ConfigError::Usage(format!(
            "{}: exists already and does not hold {}, so that --force does not replace it; choose another output",
            path.display(),
            contents.what
        ))
        .into());
    }
    Ok(())
}

/// Removes what belongs to the contents of a folder, and nothing else.
///
/// # Errors
/// When something cannot be removed.
pub fn remove(path: &Path, contents: &Contents) -> anyhow::Result<()> {
    for name in contents.names {
        let path = path.join(name);
        let removed = if path.is_dir() && !path.is_symlink() {
            std::fs::remove_dir_all(&path)
        } else {
            std::fs::remove_file(&path)
        };
        match removed {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error)
                    .with_context(|| format!("{}: cannot be removed", path.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Creates a folder and those above it.
///
/// # Errors
/// When the system refuses.
pub fn create_folder(path: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(path)
        .with_context(|| format!("{}: cannot create the folder", path.display()))
}

/// Writes a whole file under a temporary name and renames it.
///
/// # Errors
/// When the disk is full or the folder cannot be written; nothing is left under the final name then.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let file = temporary(path, bytes)?;
    file.persist(path)
        .map_err(|error| error.error)
        .with_context(|| failed(path))?;
    Ok(())
}

/// Writes a whole file unless there is one of that name already; whether it did.
///
/// # Errors
/// As [`write_atomically`].
pub fn write_first(path: &Path, bytes: &[u8]) -> anyhow::Result<bool> {
    match temporary(path, bytes)?.persist_noclobber(path) {
        Ok(_) => Ok(true),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.error).with_context(|| failed(path)),
    }
}

/// Beginning of the names of temporary files.
const TEMPORARY: &str = ".fewave-";

fn temporary(path: &Path, bytes: &[u8]) -> anyhow::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY).suffix(".part");
    // temporary files are private by default; results follow the user's umask as other files do
    #[cfg(unix)]
    let builder = builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder
        .tempfile_in(parent(path))
        .with_context(|| failed(path))?;
    std::io::Write::write_all(&mut file, bytes).with_context(|| failed(path))?;
    file.as_file().sync_all().with_context(|| failed(path))?;
    Ok(file)
}

fn failed(path: &Path) -> String {
    format!(
        "{}: cannot be written; check space and permissions",
        path.display()
    )
}

/// Whether nobody has written into a folder; temporary files of a process at work do not count.
fn is_empty(folder: &Path) -> anyhow::Result<bool> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("{}: cannot be listed", folder.display()))?;
    let temporary = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with(TEMPORARY);
    Ok(entries.flatten().all(|entry| temporary(&entry.file_name())))
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// Fails early when a folder cannot be written.
fn probe(folder: &Path) -> anyhow::Result<()> {
    let probe = tempfile::Builder::new()
        .prefix(TEMPORARY)
        .tempfile_in(folder);
    probe.map(drop).with_context(|| {
        format!(
            "{}: cannot write there; check permissions and space",
            folder.display()
        )
    })
}
