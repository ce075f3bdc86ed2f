//! `--device cuda` where something is missing, and where `fewave-cuda` takes over. The driver and the other program are
//! stand-ins: a small library made here by the C compiler, and a shell script.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::Workplace;

#[test]
fn devices_that_are_none_are_refused_by_every_command() {
    let place = Workplace::new();
    for arguments in [
        &["train", "train.toml", "-o", "gpu", "--device", "tpu"][..],
        &["bench", "layers", "--quick", "--device", "cuda:x"],
    ] {
        place.fails(2, arguments, &["cpu or cuda[:i]"]);
    }
    place.fails(
        2,
        &["generate", "dataset.toml", "-o", "data", "--device", "cpu"],
        &["--device", "runs no network", "predict"],
    );
}

/// The rest needs a way to show the program another driver, and a program without CUDA.
#[cfg(all(target_os = "linux", not(feature = "cuda")))]
mod stand_ins {
    use super::*;

    const TRAIN: [&str; 6] = ["train", "train.toml", "-o", "gpu", "--device", "cuda:1"];

    /// Runs the program with `libcuda.so.1` and `fewave-cuda` searched for in the folder `tools`.
    fn run(place: &Workplace, arguments: &[&str]) -> Output {
        let tools = place.path("tools");
        Command::new(env!("CARGO_BIN_EXE_fewave"))
            .current_dir(place.path("."))
            .env("LD_LIBRARY_PATH", &tools)
            .env("PATH", format!("{}:/usr/bin:/bin", tools.display()))
            .args(arguments)
            .output()
            .unwrap()
    }

    fn fails(place: &Workplace, arguments: &[&str], words: &[&str]) {
        let output = run(place, arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        for word in words.iter().chain(&["use --device cpu"]) {
            assert!(said.contains(word), "no {word:?} in {said:?}");
        }
        assert!(!place.path("gpu").exists());
    }

    /// A driver whose `cuInit` answers so, with so many devices; false where there is no C compiler.
    fn driver(tools: &Path, answer: i32, devices: i32) -> bool {
        let source = tools.join("driver.c");
        let code = format!(
            "int cuInit(unsigned f) {{ return {answer}; }}\nint cuDeviceGetCount(int *n) {{ *n = {devices}; return 0; }}\n"
        );
        fs::write(&source, code).unwrap();
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .arg(tools.join("libcuda.so.1"))
            .arg(&source)
            .status();
        compiled.is_ok_and(|status| status.success())
    }

    fn program(tools: &Path, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = tools.join("fewave-cuda");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn what_is_missing_for_a_gpu_is_said_and_what_is_there_is_started() {
        let place = Workplace::new();
        let tools = place.path("tools");
        fs::create_dir(&tools).unwrap();
        if !driver(&tools, 100, 0) {
            eprintln!("**** NOT TESTED: --device cuda, since there is no C compiler `cc` ****");
            return;
        }
        fails(
            &place,
            &TRAIN,
            &["device cuda:1", "finds no GPU", "nvidia-smi"],
        );
        assert!(driver(&tools, 3, 0));
        fails(&place, &TRAIN, &["libcuda.so.1", "CUDA error 3"]);
        assert!(driver(&tools, 0, 1));
        fails(
            &place,
            &TRAIN,
            &["1 device, asked for cuda:1", "use cuda:0"],
        );
        assert!(driver(&tools, 0, 2));
        let third = ["bench", "layers", "--quick", "--device", "cuda:3"];
        fails(
            &place,
            &third,
            &["2 devices, asked for cuda:3", "cuda:0 to cuda:1"],
        );
        if Path::new(env!("CARGO_BIN_EXE_fewave"))
            .with_file_name("fewave-cuda")
            .exists()
        {
            eprintln!(
                "**** NOT TESTED: starting fewave-cuda, since a real one lies beside fewave ****"
            );
            return;
        }
        fails(
            &place,
            &TRAIN,
            &["fewave-cuda", "nor in PATH", "--features cuda"],
        );
        program(
            &tools,
            "echo 'libcublas.so.13: cannot open shared object file' >&2; exit 127",
        );
        fails(
            &place,
            &TRAIN,
            &["does not start", "libcublas.so.13", "cudart"],
        );
        program(&tools, "echo fewave 0.0.1");
        fails(
            &place,
            &TRAIN,
            &["version 0.0.1", env!("CARGO_PKG_VERSION")],
        );
        let version = env!("CARGO_PKG_VERSION");
        program(
            &tools,
            &format!(
                "[ \"$1\" = --version ] && echo fewave {version} && exit; echo \"took over: $*\"; exit 7"
            ),
        );
        // from the command line, and from the configuration
        let output = run(&place, &TRAIN);
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(7), "{said}");
        assert_eq!(said.trim(), format!("took over: {}", TRAIN.join(" ")));
        let set = [
            "train",
            "train.toml",
            "-o",
            "gpu",
            "--set",
            "train.device=cuda",
        ];
        assert_eq!(run(&place, &set).status.code(), Some(7));
    }

    #[test]
    fn without_a_driver_the_error_says_so() {
        let place = Workplace::new();
        // a file that is no library hides whatever driver the machine has
        fs::create_dir(place.path("tools")).unwrap();
        fs::write(place.path("tools/libcuda.so.1"), "nothing").unwrap();
        fails(&place, &TRAIN, &["driver is not installed", "libcuda.so.1"]);
    }
}

#[test]
fn a_training_in_bf16_runs_and_its_profile_adds_up() {
    let place = Workplace::with_data();
    let said = place.ok(&[
        "train",
        "train.toml",
        "-o",
        "mixed",
        "--profile",
        "--set",
        "train.precision=bf16",
        "--device",
        "cpu",
    ]);
    for part in [
        "waiting for data",
        "forward",
        "backward",
        "optimiser",
        "sending",
    ] {
        assert!(said.contains(part), "no {part:?} in {said:?}");
    }
    place.ok(&[
        "evaluate", "mixed", "--data", "data", "--no-fe", "--device", "cpu",
    ]);
    place.fails(
        2,
        &[
            "train",
            "train.toml",
            "-o",
            "other",
            "--set",
            "train.precision=f16",
        ],
        &["train.precision", "f16", "bf16"],
    );
}
