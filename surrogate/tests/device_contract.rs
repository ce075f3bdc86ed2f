//! One contract for every way to compute: the host's kernels, candle's tensor operations (which all other devices use), and
//! a GPU where there is one. Forward passes, the gradients of the input and of every parameter, and ten training steps agree
//! within 1e-4 in f32, and far closer in f64.

mod common;
mod support;

use candle_core::{DType, Device, Tensor, Var};
use common::{difference, random, values};
use fewave_surrogate::host::without_kernels;
use fewave_surrogate::network::Channels;
use fewave_surrogate::train::log::StepReport;
use fewave_surrogate::{
    ConvolutionShape, NetworkConfig, Parameters, Scheme, Start, TrainObserver, train,
};
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use std::ops::ControlFlow;
use support::{Data, SCHEMES, config};

/// A way to compute beside the host's kernels.
struct Way {
    name: &'static str,
    device: Device,
}

impl Way {
    fn run<T>(&self, work: impl FnOnce(&Device) -> T) -> T {
        match self.device.is_cpu() {
            true => without_kernels(|| work(&self.device)),
            false => work(&self.device),
        }
    }
}

fn ways() -> Vec<Way> {
    let mut ways = vec![Way {
        name: "candle's operations on the host",
        device: Device::Cpu,
    }];
    match Device::new_cuda(0) {
        Ok(device) => ways.push(Way {
            name: "CUDA",
            device,
        }),
        Err(reason) => {
            let reason = reason.to_string();
            let reason = reason.lines().next().unwrap_or_default();
            eprintln!(
                "**** NOT TESTED ON A GPU: there is none, or no CUDA in this build ({reason}) ****"
            );
        }
    }
    ways
}

/// Largest differences allowed, relative to the largest value.
const TYPES: [(DType, f64); 2] = [(DType::F32, 1e-4), (DType::F64, 1e-10)];

/// Differences are taken relative to the largest value of a tensor, or to a hundredth of the largest of all where that is more:
/// the gradient of a bias before group norm is rounding error and nothing else.
fn agree(what: &str, found: &[Tensor], expected: &[Tensor], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let cpu = |tensor: &Tensor| tensor.to_device(&Device::Cpu).unwrap();
    let largest = |tensor: &Tensor| {
        let values = values(&cpu(tensor)).into_iter();
        values.fold(1e-30f64, |most, value| most.max(value.abs()))
    };
    let of_all = expected.iter().map(largest).fold(0.0, f64::max);
    for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
        let own = largest(expected);
        let off = difference(&cpu(found), &cpu(expected)) * own / own.max(0.01 * of_all);
        assert!(off <= tolerance, "{what}, tensor {place}: {off}");
    }
}

/// The output of `forward`, and the gradients of `Σ w·output` by the input and all parameters.
fn differentiated(
    input: &Tensor,
    parameters: &Parameters,
    device: &Device,
    forward: impl FnOnce(&Tensor) -> Tensor,
) -> Vec<Tensor> {
    let input = Var::from_tensor(&input.to_device(device).unwrap()).unwrap();
    let output = forward(&input);
    let weights = random(output.dims(), 8).to_dtype(output.dtype()).unwrap();
    let product = (&output * weights.to_device(device).unwrap()).unwrap();
    let gradients = product.sum_all().unwrap().backward().unwrap();
    let variables = parameters.iter().map(|(_, variable)| variable);
    let of = |variable: &Var| gradients.get(variable).unwrap().clone();
    let mut all = vec![output.detach(), of(&input)];
    all.extend(variables.map(of));
    all
}

#[test]
fn layers_of_every_scheme_and_shape_agree() {
    let shapes: [(&[usize], &[usize]); 6] = [
        (&[37], &[3]),
        (&[5], &[7]),
        (&[13, 7], &[3, 3]),
        (&[6, 35], &[5, 5]),
        (&[8, 9], &[3, 5]),
        (&[4, 3, 9], &[1, 5, 3]),
    ];
    let mut compared = 0;
    for way in ways() {
        for (scheme, (place, (maps, kernel))) in SCHEMES
            .iter()
            .flat_map(|scheme| shapes.iter().enumerate().map(move |case| (scheme, case)))
        {
            let scheme: Scheme = serde_json::from_str(scheme).unwrap();
            let (inputs, outputs) = [(3, 5), (5, 4)][place % 2];
            let shape = ConvolutionShape {
                inputs,
                outputs,
                kernel: kernel.to_vec(),
                bias: place % 2 == 0,
            };
            for (dtype, tolerance) in TYPES {
                let input = random(&[&[3, inputs], *maps].concat(), 2)
                    .to_dtype(dtype)
                    .unwrap();
                let run = |device: &Device| {
                    let mut parameters = Parameters::new(dtype, device);
                    let mut rng = ChaCha12Rng::seed_from_u64(1);
                    let layer = scheme
                        .build(&shape, &mut parameters.scope("layer"), &mut rng)
                        .ok()?;
                    Some(differentiated(&input, &parameters, device, |input| {
                        layer.forward(input).unwrap()
                    }))
                };
                // a scheme that cannot serve a kernel says so everywhere
                let Some(expected) = run(&Device::Cpu) else {
                    continue;
                };
                let what = format!("{}: {scheme} {shape:?} {dtype:?}", way.name);
                agree(&what, &way.run(run).unwrap(), &expected, tolerance);
                compared += 1;
            }
        }
    }
    assert!(compared > 80, "{compared}");
}

#[test]
fn networks_agree_with_every_norm_and_activation() {
    let dense = r#"{"kind": "dense"}"#;
    let one_way = r#"{"kind": "one-way", "form": "layer", "rank_ratio": 1.0}"#;
    let inner = r#"{"kind": "flattened", "chains": 2, "inner_bias": true}"#;
    let networks: Vec<(String, Vec<usize>)> = vec![
        (
            format!(r#"{{"kind":"unet","width":4,"depth":2,"scheme":{one_way}}}"#),
            vec![16, 24],
        ),
        (
            format!(
                r#"{{"kind":"unet","width":4,"depth":1,"scheme":{dense},"activation":"silu"}}"#
            ),
            vec![4, 8, 6],
        ),
        (
            format!(
                r#"{{"kind":"unet","width":4,"depth":1,"scheme":{inner},"norm":"none","activation":"relu"}}"#
            ),
            vec![8, 8],
        ),
        (
            format!(
                r#"{{"kind":"unet","width":4,"depth":1,"scheme":{dense},"activation":"noisy-relu"}}"#
            ),
            vec![8, 8],
        ),
        (
            format!(r#"{{"kind":"cnn","width":6,"blocks":2,"scheme":{one_way}}}"#),
            vec![9, 7],
        ),
        (r#"{"kind":"mlp","hidden":[7,5]}"#.into(), vec![]),
    ];
    for way in ways() {
        for (text, grid) in &networks {
            let network: NetworkConfig = serde_json::from_str(text).unwrap();
            for (dtype, tolerance) in TYPES {
                // candle's derivative of GELU, the activation by default, has constants of six digits
                let tolerance = match text.contains("activation") {
                    true => tolerance,
                    false => tolerance.max(1e-5),
                };
                let input = random(&[&[2, 2], grid.as_slice()].concat(), 3)
                    .to_dtype(dtype)
                    .unwrap();
                let run = |device: &Device| {
                    let mut parameters = Parameters::new(dtype, device);
                    let mut rng = ChaCha12Rng::seed_from_u64(1);
                    let channels = Channels {
                        inputs: 2,
                        outputs: 2,
                    };
                    let network = network
                        .build(channels, grid.len(), &mut parameters, &mut rng)
                        .unwrap();
                    differentiated(&input, &parameters, device, |input| {
                        network.forward_in_training(input, 5).unwrap()
                    })
                };
                let expected = run(&Device::Cpu);
                let what = format!("{}: {text} {dtype:?}", way.name);
                agree(&what, &way.run(run), &expected, tolerance);
            }
        }
    }
}

#[derive(Default)]
struct Losses(Vec<f64>);

impl TrainObserver for Losses {
    fn step(&mut self, report: &StepReport) -> ControlFlow<()> {
        self.0.extend([report.loss, report.gradient_norm]);
        ControlFlow::Continue(())
    }
}

#[test]
fn ten_training_steps_agree() {
    let folder = tempfile::tempdir().unwrap();
    Data::default().write(folder.path());
    let settings = [
        r#"{"steps": 10, "batch": 4, "clip": 0.5}"#,
        r#"{"steps": 10, "batch": 4, "ema": 0.9, "loss": "h1", "accumulate": 2, "input_noise": 0.05}"#,
        r#"{"steps": 10, "batch": 4, "unroll": 3, "loss": "spectral", "augment": ["sign"]}"#,
    ];
    for way in ways() {
        for (place, scheme) in SCHEMES.iter().enumerate() {
            // without group norm, before which the gradients of biases are rounding error and nothing else
            let network = format!(
                r#"{{"kind": "unet", "width": 4, "depth": 1, "norm": "none", "scheme": {scheme}}}"#
            );
            let config = config(folder.path(), &network, settings[place % settings.len()]);
            let run = |device: &Device| {
                let path = folder.path().join("run");
                let mut losses = Losses::default();
                let summary = train(&config, &path, Start::Fresh, device, &mut losses).unwrap();
                losses.0.push(summary.best.unwrap().error());
                let last = candle_core::safetensors::load(summary.last_path, &Device::Cpu).unwrap();
                let mut last: Vec<(String, Tensor)> = last.into_iter().collect();
                last.sort_by(|a, b| a.0.cmp(&b.0));
                (losses.0, last)
            };
            let (losses, weights) = run(&Device::Cpu);
            let (found, found_weights) = way.run(run);
            for (found, expected) in found.iter().zip(&losses) {
                let off = (found - expected).abs() / expected.abs();
                assert!(off < 1e-4, "{}: {scheme}: {found} and {expected}", way.name);
            }
            for ((name, found), (_, expected)) in found_weights.iter().zip(&weights) {
                if !name.starts_with("weights/") {
                    continue;
                }
                let off = (found - expected)
                    .unwrap()
                    .sqr()
                    .unwrap()
                    .mean_all()
                    .unwrap();
                let size = expected.sqr().unwrap().mean_all().unwrap();
                let (off, size) = (values(&off)[0].sqrt(), values(&size)[0].sqrt());
                assert!(
                    off <= 1e-3 * size.max(1e-2),
                    "{}: {scheme}: {name}: {off} of {size}",
                    way.name
                );
            }
        }
    }
}

#[test]
fn mixed_precision_ends_near_full_precision() {
    let folder = tempfile::tempdir().unwrap();
    Data::default().write(folder.path());
    for way in ways() {
        let error = |precision: &str| {
            let network = r#"{"kind": "unet", "width": 8, "depth": 1, "scheme": {"kind": "one-way", "form": "layer", "rank_ratio": 1.0}}"#;
            let settings = format!(
                r#"{{"steps": 160, "batch": 8, "learning_rate": 1e-2, "precision": "{precision}"}}"#
            );
            let config = config(folder.path(), network, &settings);
            let path = folder.path().join(precision);
            let summary =
                way.run(|device| train(&config, &path, Start::Fresh, device, &mut ()).unwrap());
            summary.best.unwrap().one_step_relative_l2.unwrap()
        };
        let (full, mixed) = (error("f32"), error("bf16"));
        assert!(
            full < 0.1 && mixed < 0.1,
            "{}: {full} and {mixed}",
            way.name
        );
    }
}
