//! From `fewave`, which knows no CUDA, to `fewave-cuda`: the driver is asked, the program found, tried, and started in place of
//! this one.

use std::convert::Infallible;
use std::env;
use std::ffi::{OsStr, c_int, c_uint};
use std::path::{Path, PathBuf};
use std::process::Command;

use libloading::{Library, Symbol};

use super::{check_index, missing};

/// The driver's library.
const DRIVER: &str = if cfg!(windows) {
    "nvcuda.dll"
} else {
    "libcuda.so.1"
};
/// The other program.
const PROGRAM: &str = if cfg!(windows) {
    "fewave-cuda.exe"
} else {
    "fewave-cuda"
};
/// How to build it.
const BUILD: &str = "cargo build --release --features cuda --bin fewave-cuda";

/// Becomes the program that computes on the GPU of this number; returns only what is in the way of that.
pub(super) fn become_it(name: &str, index: usize) -> anyhow::Result<Infallible> {
    check_index(name, index, devices(name)?)?;
    let beside = env::current_exe().ok();
    let program = find(beside.as_deref(), env::var_os("PATH").as_deref()).ok_or_else(|| {
        let here = beside.as_deref().and_then(Path::parent);
        missing(
            name,
            format!(
                "this program computes on the CPU only, and {PROGRAM} is neither beside it ({}) nor in PATH; build it by `{BUILD}`",
                here.map_or_else(String::new, |here| here.display().to_string())
            ),
        )
    })?;
    check(name, &program)?;
    let mut command = Command::new(&program);
    command.args(env::args_os().skip(1));
    start(&mut command).map_err(|error| {
        missing(
            name,
            format!(
                "{} cannot be started: {error}; build it again",
                program.display()
            ),
        )
    })
}

/// The number of GPUs that the driver sees.
fn devices(name: &str) -> anyhow::Result<usize> {
    // SAFETY: loading the driver runs its initialisers, as it does in every CUDA program.
    let driver = unsafe { Library::new(DRIVER) }.map_err(|error| {
        missing(
            name,
            format!("NVIDIA's driver is not installed here ({error}); install it"),
        )
    })?;
    let unusable = |reason: String| {
        missing(
            name,
            format!(
                "NVIDIA's driver {DRIVER} cannot be used ({reason}); see whether `nvidia-smi` runs"
            ),
        )
    };
    let mut count: c_int = 0;
    // SAFETY: these are the functions' types in cuda.h; `count` is written before the call returns.
    let answers = unsafe {
        let initialise: Symbol<'_, unsafe extern "system" fn(c_uint) -> c_int> = driver
            .get(b"cuInit\0")
            .map_err(|e| unusable(e.to_string()))?;
        let count_devices: Symbol<'_, unsafe extern "system" fn(*mut c_int) -> c_int> = driver
            .get(b"cuDeviceGetCount\0")
            .map_err(|e| unusable(e.to_string()))?;
        match initialise(0) {
            0 => count_devices(&mut count),
            failed => failed,
        }
    };
    match answers {
        0 => Ok(usize::try_from(count).unwrap_or(0)),
        // CUDA_ERROR_NO_DEVICE
        100 => Ok(0),
        error => Err(unusable(format!("CUDA error {error}"))),
    }
}

/// The other program: beside this one, or in PATH; never this one itself.
fn find(own: Option<&Path>, path: Option<&OsStr>) -> Option<PathBuf> {
    let beside = own.and_then(Path::parent).map(Path::to_path_buf);
    let folders = path.into_iter().flat_map(env::split_paths);
    beside
        .into_iter()
        .chain(folders)
        .map(|folder| folder.join(PROGRAM))
        .find(|program| program.is_file() && Some(program.as_path()) != own)
}

/// Whether it starts, and is of this version.
fn check(name: &str, program: &Path) -> anyhow::Result<()> {
    let expected = env!("CARGO_PKG_VERSION");
    let shown = program.display();
    let output = Command::new(program).arg("--version").output();
    let output = output.map_err(|error| {
        missing(
            name,
            format!("{shown} cannot be started: {error}; build it again by `{BUILD}`"),
        )
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(missing(
            name,
            format!(
                "{shown} does not start ({}); install the libraries of the CUDA toolkit that it was built with (cudart, cublas, curand, \
                 nvrtc) where the loader finds them",
                said.trim().lines().next().unwrap_or("it says nothing")
            ),
        ));
    }
    let found = String::from_utf8_lossy(&output.stdout);
    match found.split_whitespace().last() {
        Some(version) if version == expected => Ok(()),
        found => Err(missing(
            name,
            format!(
                "{shown} is version {}, this program {expected}; build both from one source by `{BUILD}`",
                found.unwrap_or("unknown")
            ),
        )),
    }
}

/// Replaces this process where the system can, and waits for the other one elsewhere.
fn start(command: &mut Command) -> std::io::Result<Infallible> {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        Err(command.exec())
    }
    #[cfg(not(unix))]
    {
        let status = command.status()?;
        std::process::exit(status.code().unwrap_or(1))
    }
}
