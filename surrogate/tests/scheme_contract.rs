//! One contract for every scheme: the layer equals the dense convolution with its equivalent kernel, its gradients are
//! those of finite differences, it costs what its formula says, its start has He's variance, and a file restores it.

mod common;

use candle_core::{DType, Device, Tensor, Var};
use common::{difference, finite_difference, random, slow_convolution, values};
use fewave_surrogate::{ConvolutionShape, Form, Layer, OneWay, Parameters, Rank, Scheme};
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;

fn one_way(form: Form, rank: Rank) -> Scheme {
    Scheme::OneWay(OneWay { form, rank })
}

fn schemes() -> Vec<Scheme> {
    vec![
        Scheme::Dense,
        one_way(Form::Kernel, Rank::Fixed(1)),
        one_way(Form::Kernel, Rank::Fixed(2)),
        one_way(Form::Filter, Rank::Fixed(1)),
        one_way(Form::Filter, Rank::Fixed(3)),
        one_way(Form::Layer, Rank::Fixed(1)),
        one_way(Form::Layer, Rank::Fixed(5)),
        one_way(Form::Layer, Rank::Ratio(0.5)),
    ]
}

/// Maps (without batch and channels) and kernels: 1-D to 3-D, odd and non-square sizes, maps smaller than the kernel.
fn cases() -> Vec<(Vec<usize>, Vec<usize>)> {
    vec![
        (vec![37], vec![3]),
        (vec![5], vec![7]),
        (vec![1, 1], vec![3, 3]),
        (vec![9, 13], vec![1, 1]),
        (vec![13, 7], vec![3, 3]),
        (vec![6, 35], vec![5, 5]),
        (vec![11, 18], vec![7, 7]),
        (vec![8, 9], vec![3, 5]),
        (vec![5, 6, 7], vec![3, 3, 3]),
        (vec![4, 3, 19], vec![1, 5, 3]),
    ]
}

fn build(
    scheme: &Scheme,
    shape: &ConvolutionShape,
    dtype: DType,
    seed: u64,
) -> (Box<dyn Layer>, Parameters) {
    let mut parameters = Parameters::new(dtype, &Device::Cpu);
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    let layer = scheme
        .build(shape, &mut parameters.scope("layer"), &mut rng)
        .unwrap();
    for (index, (_, variable)) in parameters
        .iter()
        .enumerate()
        .filter(|(_, (name, _))| name.ends_with("bias"))
    {
        variable
            .set(
                &random(variable.dims(), 90 + index as u64)
                    .to_dtype(dtype)
                    .unwrap(),
            )
            .unwrap();
    }
    (layer, parameters)
}

fn each(mut test: impl FnMut(&Scheme, &[usize], &ConvolutionShape)) {
    for scheme in schemes() {
        for (index, (maps, kernel)) in cases().into_iter().enumerate() {
            let (inputs, outputs) = [(3, 5), (5, 4), (9, 11)][index % 3];
            test(
                &scheme,
                &maps,
                &ConvolutionShape {
                    inputs,
                    outputs,
                    kernel,
                    bias: index % 2 == 0,
                },
            );
        }
    }
}

#[test]
fn equals_the_dense_convolution_with_its_equivalent_kernel() {
    each(|scheme, maps, shape| {
        for (dtype, tolerance) in [(DType::F64, 1e-13), (DType::F32, 2e-6)] {
            let (layer, _) = build(scheme, shape, dtype, 1);
            let input = random(&[&[3, shape.inputs], maps].concat(), 2)
                .to_dtype(dtype)
                .unwrap();
            let found = layer.forward(&input).unwrap();
            assert_eq!(found.dtype(), dtype);
            let expected =
                slow_convolution(&input, &layer.equivalent_kernel().unwrap(), layer.bias());
            let error = difference(&found, &expected);
            assert!(
                error < tolerance,
                "{scheme:?} {shape:?} on {maps:?}, {dtype:?}: {error:e}"
            );
        }
    });
}

#[test]
fn gradients_equal_finite_differences() {
    each(|scheme, maps, shape| {
        let (layer, parameters) = build(scheme, shape, DType::F64, 3);
        let input = Var::from_tensor(&random(&[&[2, shape.inputs], maps].concat(), 4)).unwrap();
        let weight = random(&[&[2, shape.outputs], maps].concat(), 5);
        let variables: Vec<Var> = parameters
            .iter()
            .map(|(_, v)| v.clone())
            .chain([input.clone()])
            .collect();
        let arguments: Vec<Tensor> = variables
            .iter()
            .map(|v| v.as_detached_tensor().copy().unwrap())
            .collect();
        let loss = |arguments: &[Tensor]| {
            for (variable, value) in variables.iter().zip(arguments) {
                variable.set(value)?;
            }
            let output = layer.forward(&input).map_err(candle_core::Error::wrap)?;
            (output.sqr()? * 0.5)?.mul(&weight)?.sum_all()
        };
        let gradients = loss(&arguments).unwrap().backward().unwrap();
        for (index, variable) in variables.iter().enumerate() {
            let found = gradients
                .get(variable)
                .unwrap_or_else(|| panic!("no gradient of {index}"));
            let found = values(found);
            let largest = found.iter().fold(1.0f64, |m, g| m.max(g.abs()));
            let stride = (found.len() / 5).max(1);
            for entry in (0..found.len()).step_by(stride).chain([found.len() - 1]) {
                let expected = finite_difference(&loss, &arguments, index, entry);
                let error = (found[entry] - expected).abs() / largest;
                assert!(
                    error < 1e-8,
                    "{scheme:?} {shape:?} on {maps:?}, argument {index} entry {entry}: {error:e}"
                );
            }
        }
    });
}

#[test]
fn costs_what_the_formula_says() {
    each(|scheme, maps, shape| {
        let (layer, parameters) = build(scheme, shape, DType::F32, 6);
        let footprint = layer.footprint(maps.iter().product());
        assert_eq!(
            footprint.parameters,
            parameters.count(),
            "{scheme:?} {shape:?}"
        );
        assert_eq!(
            footprint.parameters,
            scheme.parameter_formula(shape).unwrap()
        );
        assert_eq!(footprint.stored_bits, 32 * parameters.count());
        assert!(footprint.multiply_adds > 0);
    });
}

#[test]
fn the_table_of_the_paper_page_holds() {
    let shape = ConvolutionShape {
        inputs: 64,
        outputs: 64,
        kernel: vec![3, 3],
        bias: false,
    };
    for (scheme, weights, multiply_adds) in [
        (Scheme::Dense, 36_864, 36_864_000),
        (
            one_way(Form::Kernel, Rank::Fixed(1)),
            24_576,
            36_864_000 + 36_864,
        ),
        (one_way(Form::Filter, Rank::Fixed(1)), 4_480, 4_480_000),
        (one_way(Form::Layer, Rank::Fixed(1)), 134, 134_000),
        (
            one_way(Form::Layer, Rank::Ratio(1.0)),
            134 * 64,
            134_000 * 64,
        ),
    ] {
        let footprint = build(&scheme, &shape, DType::F32, 7).0.footprint(1000);
        assert_eq!(
            (footprint.parameters, footprint.multiply_adds),
            (weights, multiply_adds),
            "{scheme:?}"
        );
    }
}

/// Factors are shared by many entries of a kernel, so that the mean over its entries converges slowly: many seeds.
#[test]
fn the_kernel_starts_with_the_variance_of_he() {
    for kernel in [vec![3, 3], vec![5], vec![3, 3, 3]] {
        let shape = ConvolutionShape {
            inputs: 8,
            outputs: 12,
            kernel,
            bias: false,
        };
        for scheme in schemes() {
            let (mut sum, mut count) = (0.0, 0);
            let seeds = if scheme == one_way(Form::Layer, Rank::Fixed(1)) {
                40_000
            } else {
                4_000
            };
            for seed in 0..seeds / shape.taps().min(9) as u64 {
                let kernel = values(
                    &build(&scheme, &shape, DType::F64, seed)
                        .0
                        .equivalent_kernel()
                        .unwrap(),
                );
                sum += kernel.iter().map(|k| k * k).sum::<f64>();
                count += kernel.len();
            }
            let ratio = sum / count as f64 / shape.he_variance();
            assert!(
                (ratio - 1.0).abs() < 0.1,
                "{scheme:?} {:?}: {ratio}",
                shape.kernel
            );
        }
    }
}

#[test]
fn a_file_restores_the_layer_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let shape = ConvolutionShape {
        inputs: 6,
        outputs: 7,
        kernel: vec![3, 5],
        bias: true,
    };
    let input = random(&[2, 6, 9, 8], 8).to_dtype(DType::F32).unwrap();
    for scheme in schemes() {
        let file = folder.path().join("weights.safetensors");
        let (saved, parameters) = build(&scheme, &shape, DType::F32, 9);
        candle_core::safetensors::save(&parameters.tensors(), &file).unwrap();
        let (restored, parameters) = build(&scheme, &shape, DType::F32, 10);
        parameters
            .assign(&candle_core::safetensors::load(&file, &Device::Cpu).unwrap())
            .unwrap();
        assert_eq!(
            difference(
                &saved.forward(&input).unwrap(),
                &restored.forward(&input).unwrap()
            ),
            0.0,
            "{scheme:?}"
        );
    }
}

#[test]
fn impossible_layers_are_refused() {
    let good = ConvolutionShape {
        inputs: 4,
        outputs: 4,
        kernel: vec![3, 3],
        bias: true,
    };
    let refused = |scheme: Scheme, shape: &ConvolutionShape| {
        let mut parameters = Parameters::new(DType::F32, &Device::Cpu);
        let mut rng = ChaCha12Rng::seed_from_u64(0);
        let error = scheme
            .build(shape, &mut parameters.root(), &mut rng)
            .unwrap_err()
            .to_string();
        assert_eq!(parameters.count(), 0, "nothing is left behind");
        error
    };
    for (shape, named) in [
        (
            ConvolutionShape {
                kernel: vec![3, 4],
                ..good.clone()
            },
            "kernel: found 4",
        ),
        (
            ConvolutionShape {
                kernel: vec![0],
                ..good.clone()
            },
            "kernel: found 0",
        ),
        (
            ConvolutionShape {
                kernel: vec![],
                ..good.clone()
            },
            "0 sides",
        ),
        (
            ConvolutionShape {
                kernel: vec![3; 4],
                ..good.clone()
            },
            "4 sides",
        ),
        (
            ConvolutionShape {
                inputs: 0,
                ..good.clone()
            },
            "inputs: found 0",
        ),
        (
            ConvolutionShape {
                outputs: usize::MAX,
                ..good.clone()
            },
            "weights",
        ),
    ] {
        for scheme in schemes() {
            let error = refused(scheme, &shape);
            assert!(error.contains(named), "{error}");
        }
    }
    for (rank, named) in [
        (Rank::Fixed(0), "rank: found 0"),
        (Rank::Fixed(usize::MAX), "at most"),
    ] {
        let error = refused(one_way(Form::Filter, rank), &good);
        assert!(error.contains(named), "{error}");
    }
    let error = refused(one_way(Form::Layer, Rank::Ratio(f64::NAN)), &good);
    assert!(error.contains("rank_ratio: found NaN"), "{error}");
}
