//! Every source, with the constants that it may be compiled with, for every architecture that NVRTC knows.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;

use libloading::{Library, Symbol};

use crate::emulated::source;

/// Sources, their functions, and constants.
const SOURCES: [(&str, &[&str], &[&str]); 6] = [
    ("axis", &["axis_convolution", "axis_taps_gradient"], &[""]),
    ("columns", &["columns", "from_columns"], &[""]),
    ("adamw", &["blend", "descend"], &[""]),
    ("bias", &["add_bias"], &[""]),
    (
        "one_way",
        &["one_way_layer", "one_way_filter", "one_way_backward"],
        &[
            "-DVERTICAL=1 -DHORIZONTAL=3 -DOUTPUTS=16",
            "-DVERTICAL=5 -DHORIZONTAL=5 -DOUTPUTS=32",
            "-DVERTICAL=15 -DHORIZONTAL=15 -DOUTPUTS=64",
        ],
    ),
    (
        "norm",
        &[
            "norm_slices",
            "norm_moments",
            "norm_forward",
            "norm_sums",
            "norm_means",
            "norm_backward",
            "activate",
            "activate_backward",
        ],
        &[
            "-DACTIVATION=0",
            "-DACTIVATION=1",
            "-DACTIVATION=2",
            "-DACTIVATION=3",
            "-DACTIVATION=4",
        ],
    ),
];

/// NVRTC where the loader finds it, or in the folder of an installed toolkit.
fn nvrtc() -> Option<Library> {
    const NAMES: [&str; 3] = ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"];
    // SAFETY: loading NVRTC runs its initialisers, as it does in every program that uses it.
    let load = |path: &Path| unsafe { Library::new(path) }.ok();
    if let Some(found) = NAMES.iter().find_map(|name| load(Path::new(name))) {
        return Some(found);
    }
    let folder = Path::new(&std::env::var_os("CUDA_HOME")?).join("lib64");
    // NVRTC asks the loader for this one by its name alone
    for entry in std::fs::read_dir(&folder).ok()?.flatten() {
        if entry
            .file_name()
            .to_string_lossy()
            .starts_with("libnvrtc-builtins.so")
        {
            std::mem::forget(load(&entry.path()));
        }
    }
    NAMES.iter().find_map(|name| load(&folder.join(name)))
}

type Create = unsafe extern "C" fn(
    *mut *mut c_void,
    *const c_char,
    *const c_char,
    c_int,
    *const *const c_char,
    *const *const c_char,
) -> c_int;
type Compile = unsafe extern "C" fn(*mut c_void, c_int, *const *const c_char) -> c_int;
type Size = unsafe extern "C" fn(*mut c_void, *mut usize) -> c_int;
type Text = unsafe extern "C" fn(*mut c_void, *mut c_char) -> c_int;
type Numbers = unsafe extern "C" fn(*mut c_int) -> c_int;
type Destroy = unsafe extern "C" fn(*mut *mut c_void) -> c_int;

/// The compiler's functions.
struct Compiler<'a> {
    create: Symbol<'a, Create>,
    compile: Symbol<'a, Compile>,
    destroy: Symbol<'a, Destroy>,
    log: (Symbol<'a, Size>, Symbol<'a, Text>),
    ptx: (Symbol<'a, Size>, Symbol<'a, Text>),
    architectures: (Symbol<'a, Numbers>, Symbol<'a, Numbers>),
}

impl<'a> Compiler<'a> {
    fn new(library: &'a Library) -> Self {
        // SAFETY: the types are those of nvrtc.h.
        unsafe {
            Self {
                create: library.get(b"nvrtcCreateProgram").unwrap(),
                compile: library.get(b"nvrtcCompileProgram").unwrap(),
                destroy: library.get(b"nvrtcDestroyProgram").unwrap(),
                log: (
                    library.get(b"nvrtcGetProgramLogSize").unwrap(),
                    library.get(b"nvrtcGetProgramLog").unwrap(),
                ),
                ptx: (
                    library.get(b"nvrtcGetPTXSize").unwrap(),
                    library.get(b"nvrtcGetPTX").unwrap(),
                ),
                architectures: (
                    library.get(b"nvrtcGetNumSupportedArchs").unwrap(),
                    library.get(b"nvrtcGetSupportedArchs").unwrap(),
                ),
            }
        }
    }

    fn architectures(&self) -> Vec<c_int> {
        let mut known = 0;
        // SAFETY: the numbers fit where they are written to.
        unsafe {
            assert_eq!((self.architectures.0)(&mut known), 0);
            let mut all = vec![0; usize::try_from(known).unwrap()];
            assert_eq!((self.architectures.1)(all.as_mut_ptr()), 0);
            all
        }
    }

    /// The PTX of some code, or what the compiler says.
    fn compile(&self, code: &str, options: &[String]) -> Result<String, String> {
        let code = CString::new(code).unwrap();
        let options: Vec<CString> = options
            .iter()
            .map(|option| CString::new(option.as_str()).unwrap())
            .collect();
        let options: Vec<*const c_char> = options.iter().map(|option| option.as_ptr()).collect();
        let (mut program, none) = (std::ptr::null_mut(), std::ptr::null::<c_char>());
        let text = |program, (size, read): &(Symbol<'_, Size>, Symbol<'_, Text>)| {
            let mut length = 0;
            // SAFETY: the size is asked for before it is used, and the text ends in a zero.
            unsafe {
                assert_eq!(size(program, &mut length), 0);
                let mut text = vec![0 as c_char; length.max(1)];
                assert_eq!(read(program, text.as_mut_ptr()), 0);
                CStr::from_ptr(text.as_ptr()).to_string_lossy().into_owned()
            }
        };
        // SAFETY: strings end in zeros, and outlive the calls.
        unsafe {
            let (file, headers) = (none, none.cast());
            let made = (self.create)(&mut program, code.as_ptr(), file, 0, headers, headers);
            assert_eq!(made, 0);
            let count = c_int::try_from(options.len()).unwrap();
            let result = match (self.compile)(program, count, options.as_ptr()) {
                0 => Ok(text(program, &self.ptx)),
                _ => Err(text(program, &self.log)),
            };
            assert_eq!((self.destroy)(&mut program), 0);
            result
        }
    }
}

#[test]
fn nvrtc_compiles_every_kernel_for_every_architecture() {
    let Some(library) = nvrtc() else {
        eprintln!(
            "**** NOT TESTED: compiling the CUDA kernels, since NVRTC (libnvrtc.so) cannot be loaded; set CUDA_HOME ****"
        );
        return;
    };
    let compiler = Compiler::new(&library);
    let architectures = compiler.architectures();
    assert!(architectures.contains(&90), "{architectures:?}");
    for architecture in architectures {
        for (name, functions, variants) in SOURCES {
            let code = std::fs::read_to_string(source(name)).unwrap();
            for (variant, real) in variants
                .iter()
                .flat_map(|variant| ["float", "double"].map(|real| (variant, real)))
            {
                let mut options = vec![
                    format!("--gpu-architecture=compute_{architecture}"),
                    format!("-DReal={real}"),
                ];
                options.extend(variant.split_whitespace().map(String::from));
                let what = format!("{name}.cu, {real} {variant}, sm_{architecture}");
                let ptx = compiler.compile(&code, &options);
                let ptx = ptx.unwrap_or_else(|said| panic!("{what}: {said}"));
                for function in functions {
                    let entry = format!(".entry {function}(");
                    assert!(ptx.contains(&entry), "{what}: no {function}");
                }
            }
        }
    }
}
