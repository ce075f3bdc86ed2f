//! Training that is killed at any moment, also while files are written, and continues as if nothing had happened.

use std::process::Stdio;
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use safetensors::SafeTensors;

use crate::support::{Workplace, texts};

/// Kills in all.
const KILLS: usize = 10;

/// All that is decided by the configuration: the record without its seconds, tensors by name, metadata without times.
fn content(place: &Workplace, run: &str) -> Vec<(String, Vec<u8>)> {
    let log = String::from_utf8(place.bytes(&format!("{run}/log.csv"))).unwrap();
    let rows = log.lines().map(|line| {
        let fields = line.split(',').enumerate();
        let kept = fields.filter(|(column, _)| *column != 5);
        kept.map(|(_, field)| field).collect::<Vec<_>>().join(",")
    });
    let rows = rows.collect::<Vec<_>>().join("\n");
    let mut all = vec![("log.csv".to_owned(), rows.into_bytes())];
    for name in ["last.safetensors", "best.safetensors"] {
        let bytes = place.bytes(&format!("{run}/{name}"));
        let file = SafeTensors::deserialize(&bytes).unwrap();
        for (tensor, view) in file.iter() {
            all.push((format!("{name}: {tensor}"), view.data().to_vec()));
        }
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let text = &header.metadata().as_ref().unwrap()["fewave"];
        let mut metadata: serde_json::Value = serde_json::from_str(text).unwrap();
        metadata["training_seconds"] = 0.into();
        all.push((
            format!("{name}: metadata"),
            metadata.to_string().into_bytes(),
        ));
    }
    all.sort();
    all
}

/// Steps in the events of a run, by the fixed places of `Event`'s first two fields.
fn event_steps(place: &Workplace, run: &str) -> Vec<u8> {
    let content = place.bytes(&format!("{run}/events/events.out.tfevents.fewave"));
    let (mut at, mut steps) = (0, Vec::new());
    while at < content.len() {
        let length = u64::from_le_bytes(content[at..at + 8].try_into().unwrap()) as usize;
        // step numbers below 128 are one byte
        steps.push(content[at + 12 + 10]);
        at += 16 + length;
    }
    steps
}

#[test]
fn training_killed_ten_times_equals_training_left_alone() {
    let place = Workplace::with_data();
    let settings = [
        "train.steps=60",
        "train.valid_every=5",
        "train.checkpoint_every=2",
        "train.ema=0.9",
        "train.input_noise=0.01",
        "train.unroll=2",
        "train.accumulate=2",
        "train.batch=2",
        "train.select=\"rollout\"",
        "train.rollout_steps=4",
        "train.augment=[\"flip-x\", \"flip-y\", \"sign\"]",
    ];
    let sets: Vec<&str> = settings.iter().flat_map(|set| ["--set", *set]).collect();
    let train = |run: &'static str, resume: bool| {
        let mut arguments = vec!["train", "train.toml", "-o", run, "--quiet"];
        arguments.extend(&sets);
        arguments.extend(resume.then_some("--resume"));
        place.command(&arguments)
    };
    let began = Instant::now();
    let output = train("straight", false).output().unwrap();
    assert!(output.status.success(), "{}", texts(&output).1);
    let whole = began.elapsed();
    let straight = content(&place, "straight");
    assert_eq!(
        event_steps(&place, "straight"),
        (0..=60).collect::<Vec<_>>()
    );
    let mut random = ChaCha12Rng::seed_from_u64(5);
    let (mut kills, mut in_writing) = (0, 0);
    let part = place.path("killed/last.safetensors.part");
    loop {
        let begun = ["last.safetensors", "log.csv"];
        let resume = begun
            .iter()
            .any(|name| place.path("killed").join(name).exists());
        let mut process = train("killed", resume)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        if kills < KILLS {
            let delay = whole.mul_f64(random.random_range(0.05..0.35));
            let deadline = Instant::now() + delay;
            while Instant::now() < deadline && process.try_wait().unwrap().is_none() {
                std::thread::sleep(Duration::from_millis(1));
            }
            // every other time, wait for a checkpoint that is being written
            let patience = Instant::now() + whole;
            while kills % 2 == 1
                && !part.exists()
                && Instant::now() < patience
                && process.try_wait().unwrap().is_none()
            {}
        }
        if kills < KILLS && process.try_wait().unwrap().is_none() {
            process.kill().unwrap();
            process.wait().unwrap();
            kills += 1;
            in_writing += usize::from(part.exists());
            continue;
        }
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", texts(&output).1);
        assert!(content(&place, "killed") == straight, "after {kills} kills");
        assert_eq!(event_steps(&place, "killed"), (0..=60).collect::<Vec<_>>());
        if kills >= KILLS {
            break;
        }
        // it was done before the last kill: once more from the start
        std::fs::remove_dir_all(place.path("killed")).unwrap();
    }
    assert!(in_writing > 0, "no kill met a checkpoint being written");
}

#[test]
fn a_run_killed_before_its_first_checkpoint_begins_again_either_way() {
    let place = Workplace::with_data();
    let header = "step,epoch,loss,learning_rate\n";
    for (name, text) in [("log.csv", header), ("log.csv.part", "")] {
        for resume in [false, true] {
            let _ = std::fs::remove_dir_all(place.path("run"));
            place.write_in("run", name, text);
            place.write_in("run/events", "events.out.tfevents.fewave.part", "x");
            place.write_in("run", "last.safetensors.part", "cut");
            let mut arguments = vec!["train", "train.toml", "-o", "run", "--quiet"];
            arguments.extend((resume && name == "log.csv").then_some("--resume"));
            place.ok(&arguments);
            assert!(place.path("run/best.safetensors").exists());
            assert!(!place.path("run/last.safetensors.part").exists());
        }
    }
}
