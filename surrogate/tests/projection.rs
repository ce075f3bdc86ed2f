//! Projection of a trained dense network: with enough products it is the network itself, and what does not fit is refused.

mod support;

use candle_core::Device;
use fewave_datasets::{Split, SplitName};
use fewave_surrogate::{Start, Surrogate, TrainConfig, project, train};
use ndarray::Array3;
use std::path::Path;
use support::{Data, config};

fn network(scheme: &str) -> String {
    format!(r#"{{"kind": "unet", "width": 4, "depth": 1, "scheme": {scheme}}}"#)
}

fn settings(folder: &Path, scheme: &str) -> TrainConfig {
    let train = r#"{"steps": 20, "batch": 8, "learning_rate": 1e-2, "valid_every": 20}"#;
    config(folder, &network(scheme), train)
}

fn predicted(folder: &Path, checkpoint: &Path) -> Array3<f32> {
    let surrogate = Surrogate::load(checkpoint, &Device::Cpu).unwrap();
    let split = Split::open(folder, SplitName::Test).unwrap();
    let history = split
        .read_snapshots("displacement", 1, 0..surrogate.history())
        .unwrap();
    let speed = split.read_static("speed", 1).unwrap();
    surrogate.rollout(history.view(), speed.view(), 1).unwrap()
}

fn distance(a: &Array3<f32>, b: &Array3<f32>) -> f32 {
    (a - b).mapv(|v| v * v).sum().sqrt() / b.mapv(|v| v * v).sum().sqrt()
}

#[test]
fn enough_products_are_the_network_itself_and_training_goes_on_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    Data::default().write(path);
    let dense = path.join("dense");
    let config = settings(path, r#"{"kind": "dense"}"#);
    train(&config, &dense, Start::Fresh, &Device::Cpu, &mut ()).unwrap();
    let truth = predicted(path, &dense);
    // 3×3 matrices are three products; an S×3×3 tensor is nine at most, which least squares approach but do not reach
    for (form, rank, most) in [("kernel", 3, 1e-3), ("filter", 9, 0.05)] {
        let scheme = format!(r#"{{"kind": "one-way", "form": "{form}", "rank": {rank}}}"#);
        let run = path.join(form);
        let config = settings(path, &scheme);
        let projection = project(&dense, &config, &run).unwrap();
        assert_eq!(projection.kernels, 6);
        assert!(projection.relative_error < most, "{form}: {projection:?}");
        let found = distance(&predicted(path, &run.join("last.safetensors")), &truth);
        assert!(found < 2.0 * most as f32, "{form}: {found}");

        let summary = train(&config, &run, Start::Resume, &Device::Cpu, &mut ()).unwrap();
        assert_eq!((summary.step, summary.interrupted), (20, false));
        let trained = Surrogate::load(&run, &Device::Cpu).unwrap();
        assert_eq!(
            trained.metadata().projected_from.as_ref(),
            Some(&projection.source)
        );
        let dense = Surrogate::load(&dense, &Device::Cpu).unwrap();
        assert!(trained.provenance().training_seconds > dense.provenance().training_seconds);
    }
    // fewer products are further away, and say so
    let run = path.join("one");
    let scheme = r#"{"kind": "one-way", "form": "filter", "rank": 1}"#;
    let one = project(&dense, &settings(path, scheme), &run).unwrap();
    assert!((0.1..1.0).contains(&one.relative_error), "{one:?}");
}

#[test]
fn what_cannot_be_projected_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    Data::default().write(path);
    let [dense, filter] = ["dense", "filter"].map(|name| path.join(name));
    let one_way = r#"{"kind": "one-way", "form": "filter", "rank": 1}"#;
    for (run, scheme) in [(&dense, r#"{"kind": "dense"}"#), (&filter, one_way)] {
        train(
            &settings(path, scheme),
            run,
            Start::Fresh,
            &Device::Cpu,
            &mut (),
        )
        .unwrap();
    }
    let refused = |source: &Path, config: &TrainConfig| {
        let run = path.join("projected");
        let message = project(source, config, &run).unwrap_err().to_string();
        assert!(!run.exists(), "{message}");
        message
    };
    let message = refused(&filter, &settings(path, one_way));
    assert!(message.contains("expected a dense network"), "{message}");
    let layer = r#"{"kind": "one-way", "form": "layer", "rank": 2}"#;
    let message = refused(&dense, &settings(path, layer));
    assert!(message.contains("kernel or filter form"), "{message}");
    let mut wide = settings(path, one_way);
    let text = network(one_way).replace("\"width\": 4", "\"width\": 6");
    wide.network = serde_json::from_str(&text).unwrap();
    let message = refused(&dense, &wide);
    assert!(
        message.contains("network.width (4 there, 6 here)"),
        "{message}"
    );
}
