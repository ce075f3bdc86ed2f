//! One contract for every scheme: the layer equals the dense convolution with its equivalent kernel, its gradients are
//! those of finite differences, it costs what its formula says, its start has He's variance, and a file restores it.

mod common;

use candle_core::{DType, Device, Tensor, Var};
use common::{difference, finite_difference, random, slow_convolution, values};
use fewave_surrogate::{
    Bands, ConvolutionShape, Domain, Equivalence, Flattened, Form, Fresh, Layer, OneWay,
    Parameters, Rank, Scheme, Structured,
};
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;

fn one_way(form: Form, rank: Rank) -> Scheme {
    Scheme::OneWay(OneWay { form, rank })
}

fn flattened(chains: usize, inner_bias: bool) -> Scheme {
    Scheme::Flattened(Flattened { chains, inner_bias })
}

fn structured(ternary: bool) -> Scheme {
    Scheme::Structured(Structured {
        ternary,
        permutations: None,
        seed: 5,
    })
}

fn fresh(compression: f64, domain: Domain) -> Scheme {
    Scheme::Fresh(Fresh {
        compression,
        domain,
        seed: 6,
    })
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
        flattened(1, false),
        flattened(1, true),
        flattened(2, false),
        flattened(2, true),
        structured(false),
        structured(true),
        fresh(4.0, Domain::Frequency(Bands::default())),
        fresh(2.0, Domain::Frequency(Bands::Equal)),
        fresh(4.0, Domain::Weights),
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
        .filter(|(_, (name, _))| name.contains("bias"))
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

/// The maps without a margin along every axis, if any of them is left.
fn inside(maps: &Tensor, margin: usize) -> Option<Tensor> {
    let mut maps = maps.clone();
    for axis in 2..maps.rank() {
        let left = maps.dims()[axis].checked_sub(2 * margin)?;
        maps = (left > 0).then(|| maps.narrow(axis, margin, left).unwrap())?;
    }
    Some(maps.contiguous().unwrap())
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
            let kernel = layer.equivalent_kernel().unwrap();
            let error = match layer.equivalence() {
                Equivalence::Exact => {
                    assert_eq!(kernel.dims(), shape.kernel_dims());
                    difference(&found, &slow_convolution(&input, &kernel, layer.bias()))
                }
                other => {
                    let margin = match other {
                        Equivalence::Inside(margin) => margin,
                        _ => 0,
                    };
                    let at_zero = layer.forward(&input.zeros_like().unwrap()).unwrap();
                    let found = (found - at_zero).unwrap();
                    let expected = slow_convolution(&input, &kernel, None);
                    match (inside(&found, margin), inside(&expected, margin)) {
                        (Some(found), Some(expected)) => difference(&found, &expected),
                        _ => 0.0,
                    }
                }
            };
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
        // Ternary rounding has another gradient than its slope, on purpose; its own test holds it to that.
        let variables: Vec<Var> = parameters
            .iter()
            .filter(|(name, _)| !name.ends_with("latent"))
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
        let bits = parameters.iter().map(|(name, variable)| {
            let each = if name.ends_with("latent") { 2 } else { 32 };
            each * variable.elem_count()
        });
        assert_eq!(footprint.stored_bits, bits.sum::<usize>());
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
        (flattened(1, false), 4_480, 4_480_000),
        (flattened(2, false), 8_960, 8_960_000),
        (flattened(2, true), 8_960 + 5 * 64, 8_960_000),
        (
            fresh(16.0, Domain::Frequency(Bands::Equal)),
            2_304,
            36_864_000 + 9 * 36_864,
        ),
        (fresh(16.0, Domain::Weights), 2_304, 36_864_000),
        (
            // counted once by a program of its own
            Scheme::Structured(Structured {
                ternary: false,
                permutations: None,
                seed: 0,
            }),
            15_183,
            36_864_000,
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
/// He's variance makes the squares of all entries that reach one output add up to 2; in a structured kernel it is the
/// squares of the kernels' sums, because its equal entries add up.
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
                let (layer, _) = build(&scheme, &shape, DType::F64, seed);
                let kernel = values(&layer.equivalent_kernel().unwrap());
                let kernels = kernel.chunks_exact(kernel.len() / (shape.inputs * shape.outputs));
                sum += match scheme {
                    Scheme::Structured(_) => {
                        kernels.map(|k| k.iter().sum::<f64>().powi(2)).sum::<f64>()
                    }
                    _ => kernel.iter().map(|k| k * k).sum::<f64>(),
                };
                count += shape.outputs;
            }
            let ratio = sum / count as f64 / 2.0;
            assert!(
                (ratio - 1.0).abs() < 0.1,
                "{scheme:?} {:?}: {ratio}",
                shape.kernel
            );
        }
    }
}

#[test]
fn one_flattened_chain_without_inner_biases_is_the_one_way_filter_of_rank_1() {
    for (maps, kernel) in cases() {
        let shape = ConvolutionShape {
            inputs: 4,
            outputs: 6,
            kernel,
            bias: true,
        };
        let (chain, parameters) = build(&flattened(1, false), &shape, DType::F32, 20);
        let scheme = one_way(Form::Filter, Rank::Fixed(1));
        let (filter, others) = build(&scheme, &shape, DType::F32, 21);
        // The same factors, in the same order and shapes.
        assert_eq!(parameters.names().len(), others.names().len());
        for ((_, from), (_, to)) in parameters.iter().zip(others.iter()) {
            to.set(from).unwrap();
        }
        let input = random(&[&[2, 4], maps.as_slice()].concat(), 22);
        let input = input.to_dtype(DType::F32).unwrap();
        let (a, b) = (
            chain.forward(&input).unwrap(),
            filter.forward(&input).unwrap(),
        );
        assert_eq!(difference(&a, &b), 0.0, "{maps:?}");
    }
}

#[test]
fn ternary_kernels_have_three_values_and_the_gradient_of_the_rounded_ones() {
    let shape = ConvolutionShape {
        inputs: 3,
        outputs: 4,
        kernel: vec![3, 3],
        bias: false,
    };
    let (layer, parameters) = build(&structured(true), &shape, DType::F64, 23);
    let (plain, others) = build(&structured(false), &shape, DType::F64, 24);
    let get = |parameters: &Parameters, name: &str| {
        let variable = parameters.get(&format!("layer.{name}")).unwrap();
        (variable.clone(), values(variable))
    };
    let (latent, latents) = get(&parameters, "latent");
    let (_, scales) = get(&parameters, "scale");
    let kernel = values(&layer.equivalent_kernel().unwrap());
    let mut seen = std::collections::BTreeSet::new();
    for (kernel, scale) in kernel.chunks_exact(27).zip(&scales) {
        for value in kernel {
            let unit = value / scale;
            assert!([-1.0, 0.0, 1.0].contains(&unit), "{unit}");
            seen.insert(unit as i32);
        }
    }
    assert_eq!(seen.len(), 3);
    // The plain layer with the rounded values is the same convolution; its slopes, times the scale, are the gradient.
    let (value, _) = get(&others, "values");
    let rounded = |factor: &dyn Fn(usize) -> f64| {
        let mut owner = Vec::new();
        for t in 0..shape.outputs {
            let one = ConvolutionShape {
                outputs: t + 1,
                ..shape.clone()
            };
            let end = structured(false).parameter_formula(&one).unwrap();
            owner.resize(end, t);
        }
        let values = latents.iter().zip(&owner).map(|(l, &t)| {
            let unit = if l.abs() > 0.5 { l.signum() } else { 0.0 };
            unit * factor(t)
        });
        (values.collect::<Vec<f64>>(), owner)
    };
    let (units, owner) = rounded(&|t| scales[t]);
    value
        .set(&Tensor::from_vec(units, (latents.len(), 1), &Device::Cpu).unwrap())
        .unwrap();
    let input = random(&[2, 3, 5, 6], 25);
    let weight = random(&[2, 4, 5, 6], 26);
    let gradient = |layer: &dyn Layer, of: &Var| {
        let output = layer.forward(&input).unwrap();
        let loss = (output * &weight).unwrap().sum_all().unwrap();
        values(loss.backward().unwrap().get(of).unwrap())
    };
    assert!(
        difference(
            &layer.forward(&input).unwrap(),
            &plain.forward(&input).unwrap()
        ) < 1e-14
    );
    let (found, slopes) = (
        gradient(layer.as_ref(), &latent),
        gradient(plain.as_ref(), &value),
    );
    for ((found, slope), &t) in found.iter().zip(&slopes).zip(&owner) {
        assert!((found - slope * scales[t]).abs() < 1e-12, "{found} {slope}");
    }
}

#[test]
fn the_seed_of_a_scheme_alone_places_its_values() {
    let shape = ConvolutionShape {
        inputs: 5,
        outputs: 6,
        kernel: vec![3, 3],
        bias: false,
    };
    let with_seed = |scheme: Scheme, new: u64| match scheme {
        Scheme::Structured(s) => Scheme::Structured(Structured { seed: new, ..s }),
        Scheme::Fresh(s) => Scheme::Fresh(Fresh { seed: new, ..s }),
        other => other,
    };
    for scheme in [
        structured(false),
        fresh(2.0, Domain::Frequency(Bands::default())),
        fresh(2.0, Domain::Weights),
    ] {
        // The same values in layers that were built with other generators, and with another seed of the scheme.
        let kernel = |scheme: Scheme, generator: u64| {
            let (layer, parameters) = build(&scheme, &shape, DType::F64, generator);
            for (_, variable) in parameters.iter() {
                let count = variable.elem_count();
                let values: Vec<f64> = (0..count).map(|n| (n as f64).sin()).collect();
                let values = Tensor::from_vec(values, variable.shape(), &Device::Cpu).unwrap();
                variable.set(&values).unwrap();
            }
            values(&layer.equivalent_kernel().unwrap())
        };
        assert_eq!(kernel(scheme, 1), kernel(scheme, 2));
        assert_ne!(kernel(scheme, 1), kernel(with_seed(scheme, 99), 1));
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
    let pair = |texts: &[&str]| {
        let text = format!(r#"{{"kind":"structured","permutations":{texts:?}}}"#);
        serde_json::from_str::<Scheme>(&text).unwrap()
    };
    let error = refused(pair(&["1230"]), &good);
    assert!(
        error.contains("permutations: found 1 permutations"),
        "{error}"
    );
    let error = refused(fresh(29.0, Domain::Frequency(Bands::Equal)), &good);
    assert!(
        error.contains("compression: found 29") && error.contains("at most 28.8"),
        "{error}"
    );
    let error = refused(fresh(145.0, Domain::Weights), &good);
    assert!(error.contains("compression: found 145"), "{error}");
    let error = refused(flattened(0, true), &good);
    assert!(error.contains("chains: found 0"), "{error}");
    let vast = ConvolutionShape {
        inputs: 4096,
        outputs: 4096,
        kernel: vec![3, 3],
        bias: true,
    };
    for scheme in [structured(false), fresh(16.0, Domain::Weights)] {
        let error = refused(scheme, &vast);
        assert!(
            error.contains("scheme.kind") && error.contains("at most"),
            "{error}"
        );
    }
    let error = refused(one_way(Form::Layer, Rank::Ratio(f64::NAN)), &good);
    assert!(error.contains("rank_ratio: found NaN"), "{error}");
}
