//! Running the binary and checking what it says.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A dataset that takes a fraction of a second: 8 + 2 + 2 trajectories of 9 snapshots on 16 × 12 points.
pub const DATASET: &str = r#"
name = "tiny"
seed = 3
count = { train = 8, valid = 2, test = 2 }
trajectories_per_file = 4
[mesh]
kind = "rectangle"
size = [1.0, 0.75]
cells = [4, 3]
element = "gll-quad"
order = 3
[boundary]
default = "fixed"
[medium]
kind = "gaussian-field"
speed = [0.7, 1.3]
correlation_length = 0.3
[[initial]]
kind = "pulses"
count = [1, 2]
width = [0.1, 0.15]
amplitude = [-1.0, 1.0]
position = [[0.3, 0.7], [0.3, 0.5]]
[time]
duration = 0.4
snapshots = 9
[grid]
shape = [16, 12]
[receivers]
points = [[0.25, 0.25], [0.8, 0.6]]
"#;

/// A training of a few steps on it.
pub const TRAIN: &str = r#"
data = "data"
seed = 0
[task]
kind = "propagate"
history = 2
medium = true
[network]
kind = "unet"
width = 4
depth = 2
kernel = 3
scheme = { kind = "one-way", form = "filter", rank = 1 }
[train]
steps = 12
batch = 4
learning_rate = 2e-3
schedule = "one-cycle"
loss = "relative-l2"
valid_every = 6
checkpoint_every = 3
"#;

/// A scratch folder with the configurations in it, and the binary run inside it.
pub struct Workplace {
    folder: TempDir,
}

impl Workplace {
    /// An empty workplace with `dataset.toml` and `train.toml`.
    pub fn new() -> Self {
        let place = Self {
            folder: TempDir::new().expect("a temporary folder"),
        };
        place.write("dataset.toml", DATASET);
        place.write("train.toml", TRAIN);
        place
    }

    /// A workplace whose `data/` is generated.
    pub fn with_data() -> Self {
        let place = Self::new();
        place.ok(&["generate", "dataset.toml", "-o", "data", "--quiet"]);
        place
    }

    /// A workplace with data and a trained `run/`.
    pub fn with_run() -> Self {
        let place = Self::with_data();
        place.ok(&["train", "train.toml", "-o", "run", "--quiet"]);
        place
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a text file.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("writes a file");
    }

    /// Writes a text file into a folder that is created if it is missing.
    pub fn write_in(&self, folder: &str, name: &str, text: &str) {
        std::fs::create_dir_all(self.path(folder)).expect("creates a folder");
        self.write(&format!("{folder}/{name}"), text);
    }

    /// The bytes of a file.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The command, not yet started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fewave"));
        command.args(arguments).current_dir(self.folder.path());
        command
    }

    /// Runs it.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary starts")
    }

    /// Runs it, which must succeed; its standard output.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let (out, err) = texts(&output);
        assert!(
            output.status.success(),
            "fewave {arguments:?} failed:\n{out}\n{err}"
        );
        out
    }

    /// Runs it, which must fail with some code of its own and a message that holds every one of `words`; never a panic.
    pub fn fails_somehow(&self, arguments: &[&str], words: &[&str]) -> String {
        let code = self.run(arguments).status.code().unwrap_or(-1);
        assert!(
            [1, 2].contains(&code),
            "fewave {arguments:?} ended with {code}"
        );
        self.fails(code, arguments, words)
    }

    /// Runs it, which must fail with `code` and a message that holds every one of `words`; never a panic.
    pub fn fails(&self, code: i32, arguments: &[&str], words: &[&str]) -> String {
        let output = self.run(arguments);
        let (out, err) = texts(&output);
        assert_eq!(
            output.status.code(),
            Some(code),
            "fewave {arguments:?}:\n{out}\n{err}"
        );
        for word in words {
            assert!(
                err.contains(word),
                "fewave {arguments:?}: no {word:?} in the message:\n{err}"
            );
        }
        assert!(!err.contains("panicked"), "{err}");
        err
    }
}

/// Standard output and error.
pub fn texts(output: &Output) -> (String, String) {
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

/// All files under a folder with their bytes, by relative path; but how long a dataset took, which no two runs share.
pub fn tree(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).expect("lists a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("generation.jsonl") {
                let bytes = std::fs::read(&path).expect("reads a file");
                files.push((
                    path.strip_prefix(folder).expect("inside").to_path_buf(),
                    bytes,
                ));
            }
        }
    }
    files.sort();
    files
}
