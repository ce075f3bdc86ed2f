//! Outputs: refused when they exist, removed under `--force`, created before long work starts.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::config::ConfigError;

/// Makes sure that `path` may be written as a file: absent, or removable because of `force`; its folder is created.
///
/// # Errors
/// When it exists without `force`, or its folder cannot be written.
pub fn prepare_file(path: &Path, force: bool) -> anyhow::Result<()> {
    refuse_existing(path, force)?;
    let folder = parent(path);
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("{}: cannot create the folder", folder.display()))?;
    probe(&folder)
}

/// Makes sure that `path` is an empty or new folder, emptied when `force`.
///
/// # Errors
/// When it holds something and `force` is not given, or it cannot be written.
pub fn prepare_folder(path: &Path, force: bool) -> anyhow::Result<()> {
    if path.is_file() || (path.is_dir() && !is_empty(path)?) {
        refuse_existing(path, force)?;
        let remove = if path.is_file() {
            std::fs::remove_file(path)
        } else {
            std::fs::remove_dir_all(path)
        };
        remove.with_context(|| format!("{}: cannot be removed for --force", path.display()))?;
    }
    std::fs::create_dir_all(path)
        .with_context(|| format!("{}: cannot create the folder", path.display()))?;
    probe(path)
}

/// Writes a whole file under a temporary name and renames it.
///
/// # Errors
/// When the disk is full or the folder cannot be written; nothing is left under the final name then.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = parent(path);
    let describe = || {
        format!(
            "{}: cannot be written; check space and permissions",
            path.display()
        )
    };
    let mut file = tempfile::Builder::new()
        .prefix(".fewave-")
        .suffix(".part")
        .tempfile_in(&folder)
        .with_context(describe)?;
    std::io::Write::write_all(&mut file, bytes).with_context(describe)?;
    file.as_file().sync_all().with_context(describe)?;
    let file = file
        .persist(path)
        .map_err(|error| error.error)
        .with_context(describe)?;
    // temporary files are private; results are meant to be read by others
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(std::fs::Permissions::from_mode(0o644))
            .with_context(describe)?;
    }
    drop(file);
    Ok(())
}

fn refuse_existing(path: &Path, force: bool) -> anyhow::Result<()> {
    if path.exists() && !force {
        return Err(ConfigError::Usage(format!(
            "{}: exists already; choose another output or replace it with --force",
            path.display()
        ))
        .into());
    }
    Ok(())
}

fn is_empty(folder: &Path) -> anyhow::Result<bool> {
    let mut entries = std::fs::read_dir(folder)
        .with_context(|| format!("{}: cannot be listed", folder.display()))?;
    Ok(entries.next().is_none())
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// Fails early when a folder cannot be written.
fn probe(folder: &Path) -> anyhow::Result<()> {
    tempfile::tempfile_in(folder).map(drop).with_context(|| {
        format!(
            "{}: cannot write there; check permissions and space",
            folder.display()
        )
    })
}
