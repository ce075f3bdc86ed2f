//! Sources to functions: compiled by NVRTC at first use, for the card at hand, and kept: in memory for the process, and as PTX on
//! the disk for the next one.
//!
//! The file is `fewave/ptx/<hash>.ptx` in the user's cache folder, the hash that of the source, its options, the architecture and
//! NVRTC's version. It begins with a comment with the hash of the rest, so that a damaged file is compiled anew; a folder that
//! cannot be written to is no error.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use candle_core::cuda_backend::cudarc::driver::{CudaFunction, CudaStream, DeviceRepr, LaunchArgs};
use candle_core::cuda_backend::cudarc::nvrtc::{self, CompileOptions};
use candle_core::cuda_backend::{CudaDType, CudaDevice, WrapErr};
use candle_core::{Error, Result};
use sha2::{Digest, Sha256};

/// A file of kernels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    pub(super) name: &'static str,
    pub(super) code: &'static str,
}

/// A kernel, ready to be launched where candle's own are.
pub(super) struct Function {
    function: CudaFunction,
    stream: Arc<CudaStream>,
}

impl Function {
    /// A launch, to be given its arguments.
    pub(super) fn builder(&self) -> LaunchArgs<'_> {
        self.stream.launch_builder(&self.function)
    }
}

/// A float type that kernels are compiled for.
pub(super) trait Float: CudaDType + DeviceRepr {
    /// Its name in CUDA.
    const NAME: &'static str;
}

impl Float for f32 {
    const NAME: &'static str = "float";
}

impl Float for f64 {
    const NAME: &'static str = "double";
}

/// PTX by source, architecture and options.
type Compiled = HashMap<(&'static str, i32, String), Arc<str>>;

static COMPILED: LazyLock<Mutex<Compiled>> = LazyLock::new(Mutex::default);

impl Source {
    /// One of its functions, for a device, a type, and the constants that the source asks for.
    pub(super) fn function<F: Float>(
        &self,
        device: &CudaDevice,
        name: &str,
        constants: &[(&'static str, usize)],
    ) -> Result<Function> {
        let stream = device.cuda_stream();
        let (major, minor) = stream.context().compute_capability().w()?;
        let architecture = 10 * major + minor;
        let mut options = format!("-DReal={}", F::NAME);
        for (constant, value) in constants {
            options += &format!(" -D{constant}={value}");
        }
        let ptx = self.ptx(architecture, &options)?;
        let module = format!("fewave {} {options}", self.name);
        let function = device.get_or_load_custom_func(name, &module, &ptx)?;
        Ok(Function {
            function: function.into_cuda_function(),
            stream,
        })
    }

    /// The PTX for an architecture, with options as words of a text.
    fn ptx(&self, architecture: i32, options: &str) -> Result<Arc<str>> {
        let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (self.name, architecture, options.to_owned());
        if let Some(ptx) = compiled.get(&key) {
            return Ok(Arc::clone(ptx));
        }
        let target = format!("--gpu-architecture=compute_{architecture}");
        let options: Vec<String> = [target.as_str()]
            .into_iter()
            .chain(options.split_whitespace())
            .map(String::from)
            .collect();
        let file = cache().map(|folder| folder.join(format!("{}.ptx", self.hash(&options))));
        let ptx: Arc<str> = match file.as_ref().and_then(kept) {
            Some(ptx) => ptx.into(),
            None => {
                let ptx = self.compile(options)?;
                if let Some(file) = &file {
                    keep(file, &ptx);
                }
                ptx.into()
            }
        };
        compiled.insert(key, Arc::clone(&ptx));
        Ok(ptx)
    }

    fn compile(&self, options: Vec<String>) -> Result<String> {
        let shown = options.join(" ");
        let options = CompileOptions {
            options,
            ..CompileOptions::default()
        };
        let ptx = nvrtc::compile_ptx_with_opts(self.code, options).map_err(|error| {
            Error::Msg(format!(
                "NVRTC does not compile {}.cu ({shown}): {error}; use a CUDA toolkit that knows this GPU, or --device cpu",
                self.name
            ))
            .bt()
        })?;
        Ok(ptx.to_src())
    }

    fn hash(&self, options: &[String]) -> String {
        let (mut major, mut minor) = (0, 0);
        // SAFETY: both numbers are written before the call returns; without them the hash only tells less apart.
        let _ = unsafe { nvrtc::sys::nvrtcVersion(&mut major, &mut minor) };
        digest(&format!("{major}.{minor} {options:?} {}", self.code))
    }
}

fn digest(text: &str) -> String {
    let bytes = Sha256::digest(text);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The folder for PTX.
fn cache() -> Option<PathBuf> {
    let of = |name: &str| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|p| p.is_absolute())
    };
    let folder = of("XDG_CACHE_HOME")
        .or_else(|| of("LOCALAPPDATA"))
        .or_else(|| Some(of("HOME")?.join(".cache")))?;
    Some(folder.join("fewave").join("ptx"))
}

/// The PTX of a file, if it is there and whole.
fn kept(file: &PathBuf) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let (head, ptx) = text.split_once('\n')?;
    (head.strip_prefix("// ")? == digest(ptx)).then(|| ptx.to_owned())
}

/// Writes PTX for the next process; what goes wrong costs it a compilation and nothing else.
fn keep(file: &PathBuf, ptx: &str) {
    let Some(folder) = file.parent() else { return };
    let text = format!("// {}\n{ptx}", digest(ptx));
    let written = fs::create_dir_all(folder)
        .and_then(|()| tempfile::NamedTempFile::new_in(folder))
        .and_then(|part| fs::write(part.path(), text).map(|()| part));
    if let Ok(part) = written {
        // another process may have been faster with the same content
        let _ = part.persist(file);
    }
}
