//! A source of CUDA kernels, compiled in f64 for the processor, and launches of its functions.

use std::ffi::{c_int, c_uint, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use libloading::{Library, Symbol};

/// The file of a source.
pub(crate) fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/cuda/{name}.cu"))
}

/// An argument of a kernel.
pub(crate) enum Argument<'a> {
    /// An array that it writes, whole.
    Written(&'a mut [f64]),
    /// An array that it changes in place.
    Changed(&'a mut [f64]),
    /// An array that it reads.
    Read(&'a [f64]),
    Int(usize),
    Long(usize),
    Real(f64),
}

/// A compiled source; blocks run one at a time, so that one test runs them at a time.
pub(crate) struct Emulated {
    name: String,
    library: Library,
    _folder: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

static ALONE: LazyLock<Mutex<()>> = LazyLock::new(Mutex::default);

impl Emulated {
    /// None, loudly, where there is no compiler for it.
    pub(crate) fn compile(
        name: &str,
        kernels: &[&str],
        constants: &[(&str, usize)],
    ) -> Option<Self> {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kernels.so");
        let listed: String = kernels.iter().map(|k| format!("KERNEL({k}) ")).collect();
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let output = Command::new("c++")
            .args(["-std=c++20", "-O1", "-shared", "-fPIC", "-pthread"])
            .args(["-fno-strict-aliasing", "-DReal=double"])
            .args(
                constants
                    .iter()
                    .map(|(name, value)| format!("-D{name}={value}")),
            )
            .arg(format!("-DKERNELS={listed}"))
            .arg(format!("-DSOURCE=\"{}\"", source(name).display()))
            .arg(here.join("tests/cuda_kernels/emulate.cpp"))
            .arg("-o")
            .arg(&file)
            .output();
        match output {
            Ok(output) if output.status.success() => {}
            Ok(output) if has_cpp_20() => {
                panic!("{name}.cu: {}", String::from_utf8_lossy(&output.stderr))
            }
            _ => {
                eprintln!(
                    "**** NOT TESTED: the CUDA kernels of {name}.cu, since there is no C++20 compiler `c++` ****"
                );
                return None;
            }
        }
        // SAFETY: the library has just been built from our own source, and initialises nothing that could fail.
        let library = unsafe { Library::new(&file) }.unwrap();
        Some(Self {
            name: format!("{name} {constants:?}"),
            library,
            _folder: folder,
            _alone: alone,
        })
    }

    /// Runs a kernel; what it reads or writes outside of its arrays, or leaves unwritten, is found out.
    pub(crate) fn launch(
        &self,
        kernel: &str,
        blocks: usize,
        threads: usize,
        arguments: &mut [Argument<'_>],
    ) {
        let mut guarded: Vec<Option<Guarded>> = arguments.iter().map(Guarded::of).collect();
        let values: Vec<u64> = arguments
            .iter()
            .zip(&mut guarded)
            .map(|(argument, guarded)| match (argument, guarded) {
                (_, Some(array)) => array.start() as usize as u64,
                (Argument::Int(value), _) => {
                    let [a, b, c, d] = c_int::try_from(*value).unwrap().to_ne_bytes();
                    u64::from_ne_bytes([a, b, c, d, 0, 0, 0, 0])
                }
                (Argument::Long(value), _) => *value as u64,
                (Argument::Real(value), _) => value.to_bits(),
                _ => unreachable!("arrays are guarded"),
            })
            .collect();
        let pointers: Vec<*const c_void> = values
            .iter()
            .map(|v| std::ptr::from_ref(v).cast())
            .collect();
        type Run = unsafe extern "C" fn(c_uint, c_uint, *const *const c_void);
        // SAFETY: emulate.cpp gives every kernel this type; arguments are as the kernel's head names them, which the margins of
        // arrays and the values found in them check.
        unsafe {
            let run: Symbol<'_, Run> = self
                .library
                .get(format!("run_{kernel}").as_bytes())
                .unwrap();
            let count = |n: usize| c_uint::try_from(n).unwrap();
            run(count(blocks), count(threads), pointers.as_ptr());
        }
        for (argument, guarded) in arguments.iter_mut().zip(&guarded) {
            if let Some(guarded) = guarded {
                guarded.check(argument, &format!("{}, {kernel}", self.name));
            }
        }
    }
}

/// Values beside an array on each side.
const MARGIN: usize = 4096;

/// An array between margins of NaN: what is read from them spoils the result, what is written to them is seen. It begins where 16
/// divides the address, as arrays of the driver do.
struct Guarded {
    values: Vec<f64>,
    first: usize,
}

impl Guarded {
    fn of(argument: &Argument<'_>) -> Option<Self> {
        let (array, fresh) = match argument {
            Argument::Written(array) => (&**array, true),
            Argument::Changed(array) => (&**array, false),
            Argument::Read(array) => (*array, false),
            _ => return None,
        };
        let mut values = vec![f64::NAN; array.len() + 2 * MARGIN];
        let first = MARGIN - usize::from(!(values.as_ptr() as usize).is_multiple_of(16));
        if !fresh {
            values[first..first + array.len()].copy_from_slice(array);
        }
        Some(Self { values, first })
    }

    fn start(&mut self) -> *mut f64 {
        self.values[self.first..].as_mut_ptr()
    }

    /// Hands the values back.
    fn check(&self, argument: &mut Argument<'_>, what: &str) {
        let length = self.values.len() - 2 * MARGIN;
        let (before, rest) = self.values.split_at(self.first);
        let (own, after) = rest.split_at(length);
        assert!(
            before.iter().chain(after).all(|v| v.is_nan()),
            "{what}: it writes outside of an array"
        );
        match argument {
            Argument::Written(array) | Argument::Changed(array) => array.copy_from_slice(own),
            Argument::Read(array) => assert!(
                array
                    .iter()
                    .zip(own)
                    .all(|(a, b)| a.to_bits() == b.to_bits()),
                "{what}: it writes what it should read"
            ),
            _ => {}
        }
    }
}

/// Whether the compiler can do what the emulation needs, beside our sources.
fn has_cpp_20() -> bool {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("try.cpp");
    std::fs::write(&file, "#include <barrier>\nstd::barrier<> *all;\n").unwrap();
    Command::new("c++")
        .args(["-std=c++20", "-fsyntax-only"])
        .arg(&file)
        .status()
        .is_ok_and(|status| status.success())
}

/// Every value found is near the expected one, relative to the largest of them.
pub(crate) fn close(what: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1.0f64, |most, v| most.max(v.abs()));
    for (n, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!(
            (a - b).abs() < 1e-12 * largest,
            "{what}, value {n}: {a} and {b}"
        );
    }
}

/// Slices of maps as the sources cut them: (slices of each map, blocks of all).
pub(crate) fn sliced(maps: usize, map: usize) -> (usize, usize) {
    let slices = map.div_ceil(4096);
    (slices, maps * slices)
}
