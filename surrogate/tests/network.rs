//! U-Nets and residual networks of every scheme on two and three axes: gradients against finite differences, signals that
//! neither vanish nor explode at the start, non-square and odd grids, costs.

mod support;

use candle_core::{DType, Device, Tensor};
use fewave_surrogate::network::Channels;
use fewave_surrogate::{Network, NetworkConfig, Parameters};
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use support::SCHEMES;

const CHANNELS: Channels = Channels {
    inputs: 3,
    outputs: 1,
};

fn build(network: &str, dtype: DType, seed: u64) -> (Box<dyn Network>, Parameters) {
    build_on(2, network, dtype, seed)
}

fn build_on(axes: usize, network: &str, dtype: DType, seed: u64) -> (Box<dyn Network>, Parameters) {
    let config: NetworkConfig = serde_json::from_str(network).unwrap();
    let mut parameters = Parameters::new(dtype, &Device::Cpu);
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    let network = config
        .build(CHANNELS, axes, &mut parameters, &mut random)
        .unwrap();
    (network, parameters)
}

fn unet(width: usize, depth: usize, scheme: &str) -> String {
    format!(r#"{{"kind": "unet", "width": {width}, "depth": {depth}, "scheme": {scheme}}}"#)
}

/// Smooth maps with some of everything.
fn input(shape: &[usize], dtype: DType) -> Tensor {
    let count = shape.iter().product::<usize>();
    let values: Vec<f64> = (0..count)
        .map(|i| (i as f64 * 0.37).sin() + 0.5 * (i as f64 * 0.011).cos())
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu)
        .unwrap()
        .to_dtype(dtype)
        .unwrap()
}

fn rms(tensor: &Tensor) -> f64 {
    let mean = tensor.sqr().unwrap().mean_all().unwrap();
    mean.to_dtype(DType::F64)
        .unwrap()
        .to_scalar::<f64>()
        .unwrap()
        .sqrt()
}

fn cnn(width: usize, blocks: usize, scheme: &str) -> String {
    format!(r#"{{"kind": "cnn", "width": {width}, "blocks": {blocks}, "scheme": {scheme}}}"#)
}

/// Holds one entry of the gradient of every parameter against a central difference.
fn check_gradients(network: &str, grid: &[usize]) {
    let (built, parameters) = build_on(grid.len(), network, DType::F64, 1);
    let maps = input(&[&[2, 3], grid].concat(), DType::F64);
    let weights = input(&[&[2, 1], grid].concat(), DType::F64);
    let loss = || {
        (built.forward(&maps).unwrap() * &weights)
            .unwrap()
            .sum_all()
            .unwrap()
    };
    let gradients = loss().backward().unwrap();
    let flat = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f64>().unwrap();
    // Ternary rounding has another gradient than its slope, on purpose.
    let smooth = parameters
        .iter()
        .filter(|(name, _)| !name.ends_with("latent"));
    for (name, variable) in smooth {
        let start = variable.as_detached_tensor().copy().unwrap();
        let (values, gradient) = (flat(&start), flat(gradients.get(variable).unwrap()));
        // One entry of each tensor, another one each time.
        let entry = (name.len() * 7) % values.len();
        let at = |shift: f64| {
            let mut moved = values.clone();
            moved[entry] += shift;
            variable
                .set(&Tensor::from_vec(moved, start.shape(), &Device::Cpu).unwrap())
                .unwrap();
            loss().to_scalar::<f64>().unwrap()
        };
        let h = 1e-5;
        let slope = (at(h) - at(-h)) / (2.0 * h);
        at(0.0);
        let error = (gradient[entry] - slope).abs();
        assert!(
            error < 4e-6 * (1.0 + slope.abs()),
            "{network} {name}[{entry}]: {} and {slope}",
            gradient[entry]
        );
    }
}

#[test]
fn gradients_of_every_parameter_are_slopes() {
    for scheme in SCHEMES {
        for extra in ["", r#", "norm": "none", "activation": "silu""#] {
            // the scheme ends both configurations, so that more keys can follow it
            check_gradients(&unet(4, 1, &format!("{scheme}{extra}")), &[4, 6]);
            check_gradients(&unet(3, 1, &format!("{scheme}{extra}")), &[2, 4, 6]);
            check_gradients(&cnn(4, 2, &format!("{scheme}{extra}")), &[3, 5]);
            check_gradients(&cnn(3, 1, &format!("{scheme}{extra}")), &[3, 2, 5]);
        }
    }
}

#[test]
fn factorised_networks_start_with_signals_and_gradients_like_their_dense_twin() {
    type Case<'a> = (&'a [usize], &'a dyn Fn(&str) -> String);
    let networks: [Case<'_>; 4] = [
        (&[32, 32], &|scheme| unet(8, 4, scheme)),
        (&[8, 8, 8], &|scheme| unet(8, 3, scheme)),
        (&[16, 16], &|scheme| cnn(8, 8, scheme)),
        (&[4, 8, 8], &|scheme| cnn(8, 4, scheme)),
    ];
    for (grid, network) in networks {
        // Geometric mean over 16 seeds of the output's and of the input gradient's size, against the dense twin.
        let sizes = |scheme: &str| {
            let (mut forward, mut backward) = (0.0, 0.0);
            for seed in 0..16 {
                let (built, _) = build_on(grid.len(), &network(scheme), DType::F32, seed);
                let maps = input(&[&[1, 3], grid].concat(), DType::F32);
                let maps = candle_core::Var::from_tensor(&maps).unwrap();
                let output = built.forward(&maps).unwrap();
                forward += rms(&output).ln();
                let weights = input(&[&[1, 1], grid].concat(), DType::F32);
                let gradients = (output * weights)
                    .unwrap()
                    .sum_all()
                    .unwrap()
                    .backward()
                    .unwrap();
                backward += rms(gradients.get(&maps).unwrap()).ln();
            }
            ((forward / 16.0).exp(), (backward / 16.0).exp())
        };
        let dense = sizes(SCHEMES[0]);
        for scheme in &SCHEMES[1..] {
            let found = sizes(scheme);
            // Sizes are roots: a factor of 2 is one of 4 in the variance. Gradients spread more where each channel has a single
            // filter per axis, because the group norm magnifies channels that hardly answer to these smooth maps.
            for (what, found, dense, factor) in [
                ("output", found.0, dense.0, 2.0),
                ("input gradient", found.1, dense.1, 6.0),
            ] {
                let ratio = found / dense;
                println!("{} on {grid:?}: {what} {ratio:.2}", network(scheme));
                assert!(
                    (1.0 / factor..=factor).contains(&ratio),
                    "{} on {grid:?}: {what} is {ratio} times the dense twin's",
                    network(scheme)
                );
            }
        }
    }
}

#[test]
fn deep_residual_networks_neither_vanish_nor_explode_at_the_start() {
    let size = |blocks: usize| {
        let seeds = 0..8;
        let logs = seeds.map(|seed| {
            let network = cnn(8, blocks, r#"{"kind": "dense"}, "norm": "none""#);
            let (built, _) = build(&network, DType::F32, seed);
            let output = built.forward(&input(&[1, 3, 12, 12], DType::F32)).unwrap();
            rms(&output).ln()
        });
        (logs.sum::<f64>() / 8.0).exp()
    };
    let growth = size(32) / size(1);
    assert!((0.5..=2.0).contains(&growth), "{growth}");
}

#[test]
fn three_axes_are_served_and_others_refused_by_name() {
    for (network, grid) in [
        (unet(4, 2, SCHEMES[2]), [4, 8, 12]),
        (cnn(4, 2, SCHEMES[3]), [3, 5, 2]),
    ] {
        let (built, parameters) = build_on(3, &network, DType::F32, 1);
        let output = built
            .forward(&input(&[&[2, 3], grid.as_slice()].concat(), DType::F32))
            .unwrap();
        assert_eq!(output.dims(), [2, 1, grid[0], grid[1], grid[2]]);
        let counted: usize = built.layers(&grid).iter().map(|l| l.parameters).sum();
        assert_eq!(counted, parameters.count(), "{network}");
        let refused = built.check_grid(&[8, 8]).unwrap_err().to_string();
        assert!(refused.contains("(B, C, t, x, y)"), "{refused}");
    }
    let (built, _) = build_on(3, &unet(4, 2, SCHEMES[0]), DType::F32, 1);
    let refused = built.check_grid(&[10, 8, 8]).unwrap_err().to_string();
    for part in ["axis t", "10 snapshots", "task.snapshots to 8 or 12"] {
        assert!(refused.contains(part), "{refused}");
    }
}

#[test]
fn a_layer_in_three_axes_costs_27_weights_dense_and_9_as_one_way_filters() {
    let inner = |scheme: &str| {
        let (built, _) = build_on(3, &cnn(1, 1, scheme), DType::F32, 1);
        let layers = built.layers(&[4, 4, 4]);
        let layer = layers.iter().find(|layer| layer.name == "block.0.1");
        layer.unwrap().parameters - 1
    };
    assert_eq!(inner(SCHEMES[0]), 27);
    assert_eq!(
        inner(r#"{"kind": "one-way", "form": "kernel", "rank": 1}"#),
        9
    );
}

#[test]
fn any_grid_that_pooling_divides_is_served_and_costs_are_counted() {
    for scheme in SCHEMES {
        let (network, parameters) = build(&unet(4, 2, scheme), DType::F32, 1);
        for (nx, ny) in [(4, 12), (20, 8), (36, 4)] {
            let output = network
                .forward(&input(&[2, 3, nx, ny], DType::F32))
                .unwrap();
            assert_eq!(output.dims(), [2, 1, nx, ny]);
            let layers = network.layers(&[nx, ny]);
            let counted: usize = layers.iter().map(|layer| layer.parameters).sum();
            assert_eq!(counted, parameters.count(), "{scheme}");
            for layer in &layers {
                let prefix = format!("{}.", layer.name);
                assert!(
                    parameters.names().any(|name| name.starts_with(&prefix)),
                    "{} has no parameter",
                    layer.name
                );
            }
        }
        let refused = network
            .forward(&input(&[1, 3, 8, 10], DType::F32))
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("axis y: found 10 points") && refused.contains("multiple of 4"),
            "{refused}"
        );
    }
}

#[test]
fn sizes_that_a_scheme_cannot_serve_are_refused_and_larger_layers_warned_about() {
    let config = |scheme: &str| -> [NetworkConfig; 2] {
        [unet(8, 2, scheme), cnn(8, 2, scheme)].map(|text| serde_json::from_str(&text).unwrap())
    };
    for network in SCHEMES.iter().flat_map(|scheme| config(scheme)) {
        for axes in [2, 3] {
            network.check_layers(CHANNELS, axes).unwrap();
            // what is warned about are the layers whose footprints say so
            let mut parameters = Parameters::new(DType::F32, &Device::Cpu);
            let mut random = ChaCha12Rng::seed_from_u64(0);
            let built = network.build(CHANNELS, axes, &mut parameters, &mut random);
            let layers = built.unwrap().layers(&vec![8; axes]);
            let larger: Vec<_> = layers
                .iter()
                .filter(|layer| layer.parameters > layer.dense_parameters)
                .collect();
            let warnings = network.warnings(CHANNELS, axes).unwrap();
            assert_eq!(warnings.is_empty(), larger.is_empty(), "{warnings:?}");
            for layer in larger.iter().take(1) {
                let counts = format!("{} instead of {}", layer.parameters, layer.dense_parameters);
                assert!(warnings[0].contains(&counts), "{counts}: {warnings:?}");
                assert!(
                    warnings[0].contains(&layer.name),
                    "{}: {warnings:?}",
                    layer.name
                );
            }
        }
    }
    // The first layer has 216 weights in 5 bands.
    for network in config(r#"{"kind": "fresh", "compression": 44}"#) {
        let refused = network.check_layers(CHANNELS, 2).unwrap_err().to_string();
        assert!(
            refused.contains("network.scheme.compression: found 44") && refused.contains("43.2"),
            "{refused}"
        );
    }
    for network in config(r#"{"kind": "structured", "permutations": ["1230", "0123"]}"#) {
        network.check_layers(CHANNELS, 2).unwrap();
        let refused = network.check_layers(CHANNELS, 3).unwrap_err().to_string();
        assert!(refused.contains("network.scheme.permutations"), "{refused}");
    }
    for network in config(r#"{"kind": "one-way", "form": "kernel", "rank": 2}"#) {
        let found = network.warnings(CHANNELS, 2).unwrap();
        assert!(
            found[0].contains("one-way kernel R2 has more parameters than a dense layer in "),
            "{found:?}"
        );
    }
}

#[test]
fn noisy_activations_are_noisy_in_training_only_and_a_function_of_the_seed() {
    let values = |tensor: Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    for (activation, extra) in [("noisy-relu", r#", "norm": "none""#), ("binary", "")] {
        let scheme =
            format!(r#"{{"kind": "dense"}}, "activation": "{activation}", "noise": 0.3{extra}"#);
        for network in [unet(4, 1, &scheme), cnn(4, 2, &scheme)] {
            let (built, _) = build(&network, DType::F32, 1);
            let maps = input(&[2, 3, 8, 6], DType::F32);
            let noisy = |seed| values(built.forward_in_training(&maps, seed).unwrap());
            let quiet = || values(built.forward(&maps).unwrap());
            assert_eq!((noisy(1), quiet()), (noisy(1), quiet()), "{network}");
            assert_ne!(noisy(1), noisy(2), "{network}");
            assert_ne!(noisy(1), quiet(), "{network}");
        }
    }
    let (relu, _) = build(
        &unet(4, 1, r#"{"kind": "dense"}, "activation": "relu""#),
        DType::F32,
        1,
    );
    let (noisy, _) = build(
        &unet(4, 1, r#"{"kind": "dense"}, "activation": "noisy-relu""#),
        DType::F32,
        1,
    );
    let maps = input(&[2, 3, 8, 6], DType::F32);
    assert_eq!(
        values(relu.forward(&maps).unwrap()),
        values(noisy.forward(&maps).unwrap())
    );
    let config: NetworkConfig =
        serde_json::from_str(&unet(4, 1, r#"{"kind": "dense"}, "noise": 0.1"#)).unwrap();
    let refused = config.validate().unwrap_err().to_string();
    assert!(refused.contains("network.noise"), "{refused}");
}

#[test]
fn synaptic_operations_count_pairs_that_are_not_zero() {
    // 1 input channel everywhere 1 but at one point: each 3×3 weight meets every point but those outside and that one.
    let config: NetworkConfig = serde_json::from_str(
        r#"{"kind": "cnn", "width": 2, "blocks": 1, "activation": "binary", "norm": "none", "scheme": {"kind": "dense"}}"#,
    )
    .unwrap();
    let channels = Channels {
        inputs: 1,
        outputs: 1,
    };
    let mut parameters = Parameters::new(DType::F32, &Device::Cpu);
    let mut random = ChaCha12Rng::seed_from_u64(1);
    let network = config
        .build(channels, 2, &mut parameters, &mut random)
        .unwrap();
    // Every neuron of the first layer is silent, so that only its own weights do work, and the head's none.
    for (name, variable) in parameters.iter() {
        if name == "lift.bias" {
            let low = Tensor::full(-1e3f32, variable.shape(), &Device::Cpu).unwrap();
            variable.set(&low).unwrap();
        }
    }
    let mut maps = vec![1f32; 5 * 4];
    maps[0] = 0.0;
    let maps = Tensor::from_vec(maps, (1, 1, 5, 4), &Device::Cpu).unwrap();
    // Pairs of positions and taps inside: (3·5 − 2)(3·4 − 2) = 130; the corner point is seen by 4 positions.
    assert_eq!(
        network.synaptic_operations(&maps).unwrap(),
        2.0 * (130.0 - 4.0)
    );
}

#[test]
fn dense_costs_are_those_of_the_textbook() {
    let (network, parameters) = build(&unet(8, 1, SCHEMES[0]), DType::F32, 0);
    let convolutions = [(3, 8), (8, 8), (8, 16), (16, 16), (24, 8), (8, 8)];
    let weights: usize = convolutions
        .iter()
        .map(|(s, t)| 9 * s * t + t + 2 * t)
        .sum();
    assert_eq!(parameters.count(), weights + 8 + 1);
    let layers = network.layers(&[16, 8]);
    assert!(
        layers
            .iter()
            .all(|layer| layer.parameters == layer.dense_parameters)
    );
    let first = &layers[0];
    assert_eq!(
        (first.name.as_str(), first.multiply_adds),
        ("down.0.0", 9 * 3 * 8 * 128)
    );
    let middle = layers
        .iter()
        .find(|layer| layer.name == "middle.0")
        .unwrap();
    assert_eq!(
        (middle.grid.as_slice(), middle.multiply_adds),
        ([8, 4].as_slice(), 9 * 8 * 16 * 32)
    );
}

#[test]
fn settings_that_cannot_work_are_refused_by_key() {
    for (network, key) in [
        (
            r#"{"kind": "unet", "width": 0, "scheme": {"kind": "dense"}}"#,
            "network.width",
        ),
        (
            r#"{"kind": "unet", "depth": 40, "scheme": {"kind": "dense"}}"#,
            "network.depth",
        ),
        (
            r#"{"kind": "unet", "kernel": 4, "scheme": {"kind": "dense"}}"#,
            "network.kernel",
        ),
        (
            r#"{"kind": "cnn", "kernel": 2, "scheme": {"kind": "dense"}}"#,
            "network.kernel",
        ),
        (
            r#"{"kind": "cnn", "blocks": 0, "scheme": {"kind": "dense"}}"#,
            "network.blocks",
        ),
    ] {
        let config: NetworkConfig = serde_json::from_str(network).unwrap();
        let message = config.validate().unwrap_err().to_string();
        assert!(message.contains(key), "{message}");
    }
    for (network, word) in [
        (
            r#"{"kind": "unet", "scheme": {"kind": "dense"}, "widht": 3}"#,
            "widht",
        ),
        (
            r#"{"kind": "cnn", "scheme": {"kind": "dense"}, "depth": 3}"#,
            "depth",
        ),
        (r#"{"kind": "transformer"}"#, "transformer"),
        (r#"{"kind": "unet"}"#, "scheme"),
        (
            r#"{"kind": "unet", "scheme": {"kind": "one-way", "form": "filter", "rank": 0}}"#,
            "rank",
        ),
    ] {
        let message = serde_json::from_str::<NetworkConfig>(network)
            .unwrap_err()
            .to_string();
        assert!(message.contains(word), "{message}");
    }
}
