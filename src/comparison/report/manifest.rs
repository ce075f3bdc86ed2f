//! `manifest.json`: what a report was made from and of, with the hashes that prove it.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Comparison;
use crate::output;

/// Name of the file.
pub(super) const NAME: &str = "manifest.json";

/// Writes the manifest of all files in `folder`, which must be complete.
///
/// # Errors
/// When a file cannot be read or written.
pub(super) fn write(comparison: &Comparison<'_>, folder: &Path) -> anyhow::Result<()> {
    let split = comparison.split;
    let runs: Vec<Value> = comparison
        .measured
        .iter()
        .map(|item| {
            let origin = item.surrogate.provenance();
            json!({
                "label": item.label,
                "path": item.run.display().to_string(),
                "weights_sha256": origin.weights_hash,
                "configuration_sha256": origin.config_hash,
                "training_data_sha256": origin.data_hash,
                "step": origin.step,
                "steps": origin.steps,
                "parameters": item.surrogate.parameters(),
            })
        })
        .collect();
    let content = json!({
        "program": { "name": "fewave", "version": env!("CARGO_PKG_VERSION") },
        "command": comparison.command,
        "machine": machine(),
        "data": {
            "name": split.dataset_name(),
            "sha256": comparison.data_hash,
            "configuration_sha256": split.provenance().config_hash,
            "seed": split.provenance().seed,
            "split": split.provenance().split.as_str(),
            "trajectories": split.len(),
        },
        "runs": runs,
        "files": files(folder)?,
    });
    let text = serde_json::to_string_pretty(&content)?;
    output::write_atomically(&folder.join(NAME), text.as_bytes())
}

/// What the times in a report depend on.
fn machine() -> Value {
    json!({
        "processor": processor(),
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "threads": rayon::current_num_threads(),
        "system": std::env::consts::OS,
        "architecture": std::env::consts::ARCH,
    })
}

/// Model of the processor, where the system says it.
fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Path, size and hash of every file below `folder`, sorted.
fn files(folder: &Path) -> anyhow::Result<Vec<Value>> {
    let mut paths = Vec::new();
    collect(folder, &mut paths)?;
    paths.sort();
    let mut list = Vec::new();
    for path in paths {
        let relative = path.strip_prefix(folder).unwrap_or(&path);
        if relative == Path::new(NAME) {
            continue;
        }
        let (bytes, hash) = digest(&path)?;
        list.push(json!({
            "path": relative.to_string_lossy(),
            "bytes": bytes,
            "sha256": hash,
        }));
    }
    Ok(list)
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("{}: cannot be listed", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() && !path.is_symlink() {
            collect(&path, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}

fn digest(path: &Path) -> anyhow::Result<(u64, String)> {
    let unreadable = || format!("{}: cannot be read", path.display());
    let mut file = std::fs::File::open(path).with_context(unreadable)?;
    let (mut hash, mut part, mut bytes) = (Sha256::new(), vec![0; 1 << 16], 0);
    loop {
        let count = file.read(&mut part).with_context(unreadable)?;
        if count == 0 {
            break;
        }
        bytes += count as u64;
        hash.update(&part[..count]);
    }
    let hexadecimal = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    Ok((bytes, hexadecimal))
}
