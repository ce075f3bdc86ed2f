//! The CUDA kernels without a GPU: their very sources run on the processor, thread by thread, against slow references; and NVRTC
//! compiles them for every architecture that it knows. Both are skipped, loudly, where a C++20 compiler or NVRTC is missing.

mod common;

use common::{random, values};
use libloading::{Library, Symbol};
use std::ffi::{CStr, CString, c_char, c_int, c_longlong, c_uint, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex, MutexGuard};

/// Sources, and their functions.
const SOURCES: [(&str, &[&str]); 3] = [
    ("axis", &["axis_convolution", "axis_taps_gradient"]),
    ("columns", &["columns", "from_columns"]),
    ("adamw", &["blend", "descend"]),
];

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/cuda/{name}.cu"))
}

/// A source compiled in f64 for the processor; blocks run one at a time, so that one test runs them at a time.
struct Emulated {
    library: Library,
    _folder: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

static ALONE: LazyLock<Mutex<()>> = LazyLock::new(Mutex::default);

impl Emulated {
    fn compile(name: &str) -> Option<Self> {
        let alone = ALONE
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kernels.so");
        let output = Command::new("c++")
            .args([
                "-std=c++20",
                "-O1",
                "-shared",
                "-fPIC",
                "-pthread",
                "-DReal=double",
            ])
            .arg(format!("-D{}", name.to_uppercase()))
            .arg(format!("-DSOURCE=\"{}\"", source(name).display()))
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cuda/emulate.cpp"))
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
        // SAFETY: the library has just been built from our own source, and initialises nothing.
        let library = unsafe { Library::new(&file) }.unwrap();
        Some(Self {
            library,
            _folder: folder,
            _alone: alone,
        })
    }

    fn function<T>(&self, name: &str) -> Symbol<'_, T> {
        // SAFETY: callers name the types that tests/cuda/emulate.cpp gives.
        unsafe { self.library.get(name.as_bytes()) }.unwrap()
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

fn close(what: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (n, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() < 1e-12, "{what}, value {n}: {a} and {b}");
    }
}

/// images, channels, before, length, after, side.
const AXES: [[usize; 6]; 6] = [
    [2, 3, 1, 7, 1, 3],
    [1, 2, 4, 5, 3, 5],
    [3, 1, 6, 9, 1, 3],
    [2, 2, 1, 3, 11, 7],
    [1, 4, 2, 1, 2, 3],
    [2, 5, 3, 40, 6, 1],
];

#[test]
fn axis_kernels_equal_the_definition() {
    let Some(kernels) = Emulated::compile("axis") else {
        return;
    };
    type Forward = unsafe extern "C" fn(
        c_uint,
        c_uint,
        *mut f64,
        *const f64,
        *const f64,
        c_int,
        c_int,
        c_int,
        c_int,
        c_int,
        c_int,
        c_longlong,
    );
    type Gradient = unsafe extern "C" fn(
        c_uint,
        c_uint,
        *mut f64,
        *const f64,
        *const f64,
        c_int,
        c_int,
        c_int,
        c_int,
        c_int,
        c_int,
    );
    let forward: Symbol<'_, Forward> = kernels.function("run_axis_convolution");
    let gradient: Symbol<'_, Gradient> = kernels.function("run_axis_taps_gradient");
    for case in AXES {
        let [images, channels, before, length, after, side] = case;
        let place = |b: usize, c: usize, l: usize, p: usize, a: usize| {
            (((b * channels + c) * before + l) * length + p) * after + a
        };
        let count = images * channels * before * length * after;
        let (x, g) = (values(&random(&[count], 1)), values(&random(&[count], 2)));
        let w = values(&random(&[channels * side], 3));
        let (mut y, mut dx, mut dw) = (
            vec![0.0; count],
            vec![0.0; count],
            vec![0.0; channels * side],
        );
        for b in 0..images {
            for c in 0..channels {
                for l in 0..before {
                    for a in 0..after {
                        for p in 0..length {
                            for k in 0..side {
                                let Some(q) = (p + k).checked_sub(side / 2).filter(|&q| q < length)
                                else {
                                    continue;
                                };
                                let (here, there) = (place(b, c, l, p, a), place(b, c, l, q, a));
                                y[here] += w[c * side + k] * x[there];
                                dx[there] += w[c * side + k] * g[here];
                                dw[c * side + k] += g[here] * x[there];
                            }
                        }
                    }
                }
            }
        }
        let int = |n: usize| c_int::try_from(n).unwrap();
        let sizes = [channels, before, length, after, side].map(int);
        // fewer threads than values, as many, and more
        for (blocks, threads) in [(2, 8), (1, 64), (40, 32)] {
            for (reversed, input, expected) in [(0, &x, &y), (1, &g, &dx)] {
                let mut found = vec![f64::NAN; count];
                let [channels, before, length, after, side] = sizes;
                // SAFETY: the arrays have the sizes that the kernel's header names.
                unsafe {
                    forward(
                        blocks,
                        threads,
                        found.as_mut_ptr(),
                        input.as_ptr(),
                        w.as_ptr(),
                        channels,
                        before,
                        length,
                        after,
                        side,
                        reversed,
                        count as c_longlong,
                    );
                }
                close(
                    &format!("{case:?} {reversed} {blocks}x{threads}"),
                    &found,
                    expected,
                );
            }
        }
        let mut found = vec![f64::NAN; channels * side];
        // SAFETY: as above; one block a tap, of 256 threads.
        unsafe {
            gradient(
                (channels * side) as c_uint,
                256,
                found.as_mut_ptr(),
                g.as_ptr(),
                x.as_ptr(),
                int(images),
                sizes[0],
                sizes[1],
                sizes[2],
                sizes[3],
                sizes[4],
            );
        }
        close(&format!("{case:?} taps"), &found, &dw);
    }
}

#[test]
fn columns_hold_the_neighbours_and_go_back_by_the_adjoint() {
    let Some(kernels) = Emulated::compile("columns") else {
        return;
    };
    type Run = unsafe extern "C" fn(
        c_uint,
        c_uint,
        *mut f64,
        *const f64,
        c_int,
        c_int,
        c_int,
        c_int,
        c_int,
        c_int,
        c_longlong,
    );
    let columns: Symbol<'_, Run> = kernels.function("run_columns");
    let back: Symbol<'_, Run> = kernels.function("run_from_columns");
    let cases = [
        (3, [1, 1, 9], [1, 1, 3]),
        (2, [1, 6, 7], [1, 3, 5]),
        (4, [3, 4, 5], [3, 1, 3]),
        (1, [5, 3, 2], [3, 5, 7]),
        (2, [1, 1, 1], [3, 3, 3]),
    ];
    for (maps, map, kernel) in cases {
        let (points, taps) = (
            map.iter().product::<usize>(),
            kernel.iter().product::<usize>(),
        );
        let x = values(&random(&[maps * points], 1));
        let u = values(&random(&[maps * taps * points], 2));
        let (mut gathered, mut scattered) = (vec![0.0; u.len()], vec![0.0; x.len()]);
        let mut column = 0;
        for m in 0..maps {
            for tap in 0..taps {
                let shift = [
                    tap / (kernel[1] * kernel[2]),
                    tap / kernel[2] % kernel[1],
                    tap % kernel[2],
                ];
                for point in 0..points {
                    let at = [
                        point / (map[1] * map[2]),
                        point / map[2] % map[1],
                        point % map[2],
                    ];
                    let there: Option<Vec<usize>> = (0..3)
                        .map(|axis| {
                            (at[axis] + shift[axis])
                                .checked_sub(kernel[axis] / 2)
                                .filter(|&q| q < map[axis])
                        })
                        .collect();
                    if let Some(q) = there {
                        let place = m * points + (q[0] * map[1] + q[1]) * map[2] + q[2];
                        gathered[column] = x[place];
                        scattered[place] += u[column];
                    }
                    column += 1;
                }
            }
        }
        let [d, h, w] = map.map(|n| c_int::try_from(n).unwrap());
        let [a, b, c] = kernel.map(|n| c_int::try_from(n).unwrap());
        for (blocks, threads) in [(3, 8), (64, 64)] {
            let mut found = vec![f64::NAN; u.len()];
            // SAFETY: the arrays have the sizes that the kernel's header names.
            unsafe {
                columns(
                    blocks,
                    threads,
                    found.as_mut_ptr(),
                    x.as_ptr(),
                    d,
                    h,
                    w,
                    a,
                    b,
                    c,
                    u.len() as c_longlong,
                )
            };
            close(&format!("{map:?} {kernel:?}"), &found, &gathered);
            let mut found = vec![f64::NAN; x.len()];
            // SAFETY: as above.
            unsafe {
                back(
                    blocks,
                    threads,
                    found.as_mut_ptr(),
                    u.as_ptr(),
                    d,
                    h,
                    w,
                    a,
                    b,
                    c,
                    x.len() as c_longlong,
                )
            };
            close(&format!("{map:?} {kernel:?} back"), &found, &scattered);
        }
    }
}

#[test]
fn steps_of_the_optimiser_follow_their_formulas() {
    let Some(kernels) = Emulated::compile("adamw") else {
        return;
    };
    type Blend =
        unsafe extern "C" fn(c_uint, c_uint, *mut f64, *const f64, f64, f64, c_int, c_longlong);
    type Descend = unsafe extern "C" fn(
        c_uint,
        c_uint,
        *mut f64,
        *const f64,
        *const f64,
        f64,
        f64,
        f64,
        c_longlong,
    );
    let blend: Symbol<'_, Blend> = kernels.function("run_blend");
    let descend: Symbol<'_, Descend> = kernels.function("run_descend");
    let count = 101;
    let (m, g) = (values(&random(&[count], 1)), values(&random(&[count], 2)));
    let v: Vec<f64> = g.iter().map(|g| g.abs()).collect();
    for square in [0, 1] {
        let mut found = m.clone();
        // SAFETY: all arrays have `count` values.
        unsafe {
            blend(
                2,
                16,
                found.as_mut_ptr(),
                g.as_ptr(),
                0.9,
                0.1,
                square,
                count as c_longlong,
            )
        };
        let powers = g.iter().map(|g| if square == 1 { g * g } else { *g });
        let expected: Vec<f64> = m
            .iter()
            .zip(powers)
            .map(|(m, g)| 0.9 * m + 0.1 * g)
            .collect();
        close("blend", &found, &expected);
    }
    let mut found = g.clone();
    // SAFETY: as above.
    unsafe {
        descend(
            2,
            16,
            found.as_mut_ptr(),
            m.as_ptr(),
            v.as_ptr(),
            0.99,
            0.01,
            2.0,
            count as c_longlong,
        )
    };
    let step = |p: f64, m: f64, v: f64| 0.99 * p - 0.01 * m / (2.0 * v.sqrt() + 1e-8);
    let expected: Vec<f64> = (0..count).map(|n| step(g[n], m[n], v[n])).collect();
    close("descend", &found, &expected);
}

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

#[test]
fn nvrtc_compiles_every_kernel_for_every_architecture() {
    let Some(nvrtc) = nvrtc() else {
        eprintln!(
            "**** NOT TESTED: compiling the CUDA kernels, since NVRTC (libnvrtc.so) cannot be loaded; set CUDA_HOME ****"
        );
        return;
    };
    // SAFETY: the types are those of nvrtc.h; strings end in zeros, and sizes are asked for before they are used.
    unsafe {
        type Create = unsafe extern "C" fn(
            *mut *mut c_void,
            *const c_char,
            *const c_char,
            c_int,
            *const *const c_char,
            *const *const c_char,
        ) -> c_int;
        let create: Symbol<'_, Create> = nvrtc.get(b"nvrtcCreateProgram").unwrap();
        let compile: Symbol<
            '_,
            unsafe extern "C" fn(*mut c_void, c_int, *const *const c_char) -> c_int,
        > = nvrtc.get(b"nvrtcCompileProgram").unwrap();
        type Size = unsafe extern "C" fn(*mut c_void, *mut usize) -> c_int;
        type Text = unsafe extern "C" fn(*mut c_void, *mut c_char) -> c_int;
        let ptx_size: Symbol<'_, Size> = nvrtc.get(b"nvrtcGetPTXSize").unwrap();
        let ptx: Symbol<'_, Text> = nvrtc.get(b"nvrtcGetPTX").unwrap();
        let log_size: Symbol<'_, Size> = nvrtc.get(b"nvrtcGetProgramLogSize").unwrap();
        let log: Symbol<'_, Text> = nvrtc.get(b"nvrtcGetProgramLog").unwrap();
        let count: Symbol<'_, unsafe extern "C" fn(*mut c_int) -> c_int> =
            nvrtc.get(b"nvrtcGetNumSupportedArchs").unwrap();
        let supported: Symbol<'_, unsafe extern "C" fn(*mut c_int) -> c_int> =
            nvrtc.get(b"nvrtcGetSupportedArchs").unwrap();
        let text = |program, size: &Size, read: &Text| {
            let mut length = 0;
            assert_eq!(size(program, &mut length), 0);
            let mut text = vec![0 as c_char; length.max(1)];
            assert_eq!(read(program, text.as_mut_ptr()), 0);
            CStr::from_ptr(text.as_ptr()).to_string_lossy().into_owned()
        };
        let mut known = 0;
        assert_eq!(count(&mut known), 0);
        let mut architectures = vec![0; usize::try_from(known).unwrap()];
        assert_eq!(supported(architectures.as_mut_ptr()), 0);
        assert!(architectures.contains(&90), "{architectures:?}");
        for architecture in architectures {
            for (name, functions) in SOURCES {
                let code = CString::new(std::fs::read_to_string(source(name)).unwrap()).unwrap();
                for real in ["float", "double"] {
                    let options = [
                        CString::new(format!("--gpu-architecture=compute_{architecture}")).unwrap(),
                        CString::new(format!("-DReal={real}")).unwrap(),
                    ];
                    let options = options.each_ref().map(|option| option.as_ptr());
                    let mut program = std::ptr::null_mut();
                    let none = std::ptr::null();
                    assert_eq!(
                        create(
                            &mut program,
                            code.as_ptr(),
                            none,
                            0,
                            none.cast(),
                            none.cast()
                        ),
                        0
                    );
                    let compiled = compile(program, 2, options.as_ptr());
                    let said = text(program, &log_size, &log);
                    assert_eq!(compiled, 0, "{name}.cu, {real}, sm_{architecture}: {said}");
                    let ptx = text(program, &ptx_size, &ptx);
                    for function in functions {
                        assert!(
                            ptx.contains(&format!(".entry {function}(")),
                            "{name}.cu: no {function}"
                        );
                    }
                }
            }
        }
    }
}
