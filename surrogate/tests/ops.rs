//! The operations on maps against their definitions, their portable form, finite differences, and known traps.

mod common;

use candle_core::{DType, Device, Tensor, Var};
use common::{difference, finite_difference, random, slow_convolution, values};
use fewave_surrogate::ops;
use proptest::prelude::*;

/// Every gradient of `Σ weight·f(arguments)²/2` at a few entries against central differences, in f64.
fn check_gradients(place: &str, arguments: &[Tensor], f: &dyn Fn(&[Tensor]) -> Tensor) {
    let weight = random(f(arguments).dims(), 77);
    let loss = |arguments: &[Tensor]| (f(arguments).sqr()? * 0.5)?.mul(&weight)?.sum_all();
    let variables: Vec<Var> = arguments
        .iter()
        .map(|a| Var::from_tensor(a).unwrap())
        .collect();
    let tensors: Vec<Tensor> = variables.iter().map(|v| v.as_tensor().clone()).collect();
    let gradients = loss(&tensors).unwrap().backward().unwrap();
    for (index, variable) in variables.iter().enumerate() {
        let found = values(gradients.get(variable).unwrap());
        for entry in (0..found.len()).step_by((found.len() / 7).max(1)) {
            let expected = finite_difference(&loss, arguments, index, entry);
            assert!(
                (found[entry] - expected).abs() < 1e-7,
                "{place}, argument {index}, entry {entry}"
            );
        }
    }
}

#[test]
fn an_axis_convolution_is_the_dense_one_with_a_diagonal_kernel() {
    for (maps, axis, side) in [
        (vec![19], 0, 3),
        (vec![9, 6], 0, 7),
        (vec![4, 33], 1, 5),
        (vec![5, 4, 7], 1, 3),
        (vec![3, 8, 2], 2, 9),
    ] {
        let (input, taps) = (
            random(&[&[2, 3], maps.as_slice()].concat(), 1),
            random(&[3, side], 2),
        );
        let mut sides = vec![1; maps.len()];
        sides[axis] = side;
        let eye = Tensor::eye(3, DType::F64, &Device::Cpu)
            .unwrap()
            .reshape((3, 3, 1))
            .unwrap();
        let kernel = eye
            .broadcast_mul(&taps.reshape((3, 1, side)).unwrap())
            .unwrap();
        let kernel = kernel
            .reshape([&[3, 3], sides.as_slice()].concat())
            .unwrap();
        let found = ops::axis_convolution(&input, &taps, axis).unwrap();
        assert!(difference(&found, &slow_convolution(&input, &kernel, None)) < 1e-14);
        assert!(
            difference(
                &found,
                &ops::portable::axis_convolution(&input, &taps, axis).unwrap()
            ) < 1e-14
        );
        check_gradients(&format!("{maps:?} {axis}"), &[input, taps], &|a| {
            ops::axis_convolution(&a[0], &a[1], axis).unwrap()
        });
    }
}

#[test]
fn strided_maps_are_taken() {
    let transposed = random(&[2, 3, 8, 5], 3).transpose(2, 3).unwrap();
    let narrowed = random(&[2, 6, 5, 8], 4).narrow(1, 2, 3).unwrap();
    let (kernel, taps, bias) = (
        random(&[4, 3, 3, 5], 5),
        random(&[3, 3], 6),
        random(&[4], 7),
    );
    for maps in [transposed, narrowed] {
        let copy = maps.force_contiguous().unwrap();
        let same = |a: fewave_surrogate::Result<Tensor>, b: fewave_surrogate::Result<Tensor>| {
            assert_eq!(difference(&a.unwrap(), &b.unwrap()), 0.0);
        };
        same(
            ops::convolution(&maps, &kernel, Some(&bias)),
            ops::convolution(&copy, &kernel, Some(&bias)),
        );
        same(
            ops::axis_convolution(&maps, &taps, 0),
            ops::axis_convolution(&copy, &taps, 0),
        );
        same(ops::upsample_nearest(&maps), ops::upsample_nearest(&copy));
        let (even, copy) = (
            maps.narrow(2, 1, 4).unwrap(),
            copy.narrow(2, 1, 4).unwrap().contiguous().unwrap(),
        );
        same(ops::max_pool(&even), ops::max_pool(&copy));
        same(ops::average_pool(&even), ops::average_pool(&copy));
        check_gradients(
            "strided",
            &[maps.clone(), kernel.clone(), bias.clone()],
            &|a| ops::convolution(&a[0], &a[1], Some(&a[2])).unwrap(),
        );
    }
}

#[test]
fn resampling_follows_its_definition_in_every_dimension() {
    for maps in [vec![6], vec![4, 6], vec![2, 4, 6]] {
        let input = random(&[&[2, 3], maps.as_slice()].concat(), 8);
        let fine = ops::upsample_nearest(&input).unwrap();
        assert_eq!(
            fine.dims()[2..],
            maps.iter().map(|n| 2 * n).collect::<Vec<_>>()
        );
        // Every value appears in its whole block: the block's mean and its largest value are the value.
        assert!(difference(&ops::average_pool(&fine).unwrap(), &input) < 1e-15);
        assert_eq!(difference(&ops::max_pool(&fine).unwrap(), &input), 0.0);
        for f in [ops::upsample_nearest, ops::average_pool, ops::max_pool] {
            check_gradients(&format!("{maps:?}"), std::slice::from_ref(&input), &|a| {
                f(&a[0]).unwrap()
            });
        }
        // The definition of the pools, by loops over the coarse positions of the last two axes.
        let (mean, largest) = (
            values(&ops::average_pool(&input).unwrap()),
            values(&ops::max_pool(&input).unwrap()),
        );
        for (index, (mean, largest)) in mean.iter().zip(&largest).enumerate() {
            let block = block(&maps, index);
            let input: Vec<f64> = block.iter().map(|&at| values(&input)[at]).collect();
            assert!((input.iter().sum::<f64>() / input.len() as f64 - mean).abs() < 1e-15);
            assert_eq!(input.iter().cloned().fold(f64::MIN, f64::max), *largest);
        }
    }
}

/// The positions in the fine maps (flattened, any number of maps) of the block of a coarse position.
fn block(fine: &[usize], coarse: usize) -> Vec<usize> {
    let (mut rest, mut corner) = (coarse, vec![0; fine.len()]);
    for axis in (0..fine.len()).rev() {
        corner[axis] = 2 * (rest % (fine[axis] / 2));
        rest /= fine[axis] / 2;
    }
    (0..1 << fine.len())
        .map(|bits| {
            (0..fine.len()).fold(rest, |at, axis| {
                at * fine[axis] + corner[axis] + (bits >> axis & 1)
            })
        })
        .collect()
}

/// candle's own upsampling fails this: its backward pass overwrites what other users of the input have added.
#[test]
fn gradients_add_up_where_an_input_is_shared() {
    let operations = [ops::upsample_nearest, ops::average_pool, ops::max_pool];
    let shapes: [&[usize]; 3] = [&[2, 3, 6], &[1, 2, 4, 4], &[2, 1, 4, 2, 6]];
    for (f, shape) in operations
        .into_iter()
        .flat_map(|f| shapes.map(|shape| (f, shape)))
    {
        let input = Var::from_tensor(&random(shape, 9)).unwrap();
        for other_first in [true, false] {
            let own = f(&input).unwrap().sum_all().unwrap();
            let other = (input.sqr().unwrap() * 0.5).unwrap().sum_all().unwrap();
            let alone = own.backward().unwrap().get(&input).unwrap().clone();
            let sum = if other_first {
                (other + own).unwrap()
            } else {
                (own + other).unwrap()
            };
            let found = sum.backward().unwrap().get(&input).unwrap().clone();
            assert!(difference(&found, &(alone + input.as_tensor()).unwrap()) < 1e-14);
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let run = |threads: usize, outputs: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let f32s = |shape: &[usize], seed| random(shape, seed).to_dtype(DType::F32).unwrap();
            let input = Var::from_tensor(&f32s(&[5, 6, 21, 34], 10)).unwrap();
            let kernel = Var::from_tensor(&f32s(&[outputs, 6, 3, 3], 11)).unwrap();
            let bias = Var::from_tensor(&f32s(&[outputs], 12)).unwrap();
            let taps =
                [0, 1].map(|axis| Var::from_tensor(&f32s(&[outputs, 5], 13 + axis)).unwrap());
            let maps = ops::convolution(&input, &kernel, Some(&bias)).unwrap();
            let maps = ops::axis_convolution(&maps, &taps[0], 0).unwrap();
            let maps = ops::axis_convolution(&maps, &taps[1], 1).unwrap();
            let channels = Var::from_tensor(&f32s(&[70, outputs], 15)).unwrap();
            let rows = [0, 1].map(|axis| f32s(&[70, 3], 16 + axis));
            let mixing = Var::from_tensor(&f32s(&[4, 70], 18)).unwrap();
            let maps = ops::one_way_layer(&maps, &channels, &rows, &mixing, None).unwrap();
            let output = maps.sqr().unwrap();
            let gradients = output.backward().unwrap();
            let variables = [
                &input, &kernel, &bias, &taps[0], &taps[1], &channels, &mixing,
            ];
            let mut results = values(&output);
            results.extend(
                variables
                    .iter()
                    .flat_map(|v| values(gradients.get(v).unwrap())),
            );
            results.iter().map(|x| x.to_bits()).collect::<Vec<_>>()
        })
    };
    // few outputs, one block of lanes of them, and several
    for outputs in [9, 16, 70] {
        let one = run(1, outputs);
        assert!(one == run(2, outputs) && one == run(5, outputs));
    }
}

#[test]
fn misfits_are_named() {
    let maps = random(&[1, 3, 4, 5], 14);
    let message = |result: fewave_surrogate::Result<Tensor>| result.unwrap_err().to_string();
    let one_way = |channels: &[usize],
                   vertical: &[usize],
                   horizontal: &[usize],
                   outputs: &[usize],
                   bias: usize| {
        let taps = [random(vertical, 1), random(horizontal, 1)];
        let (channels, outputs, bias) =
            (random(channels, 1), random(outputs, 1), random(&[bias], 1));
        message(ops::one_way_layer(
            &maps,
            &channels,
            &taps,
            &outputs,
            Some(&bias),
        ))
    };
    for (error, named) in [
        (
            message(ops::convolution(&maps, &random(&[2, 4, 3, 3], 1), None)),
            "kernel: found [2, 4, 3, 3]",
        ),
        (
            message(ops::convolution(&maps, &random(&[2, 3, 3], 1), None)),
            "kernel: found [2, 3, 3]",
        ),
        (
            message(ops::convolution(&maps, &random(&[2, 3, 3, 2], 1), None)),
            "even side 2",
        ),
        (
            message(ops::convolution(
                &maps,
                &random(&[2, 3, 3, 3], 1),
                Some(&random(&[3], 1)),
            )),
            "bias: found [3]",
        ),
        (
            message(ops::convolution(
                &random(&[3, 4], 1),
                &random(&[2, 3, 3], 1),
                None,
            )),
            "input: found [3, 4]",
        ),
        (
            message(ops::axis_convolution(&maps, &random(&[3, 3], 1), 2)),
            "axis: found 2",
        ),
        (
            message(ops::axis_convolution(&maps, &random(&[2, 3], 1), 0)),
            "taps: found [2, 3]",
        ),
        (
            message(ops::axis_convolution(&maps, &random(&[3, 4], 1), 0)),
            "even side 4",
        ),
        (
            one_way(&[5, 4], &[5, 3], &[5, 3], &[2, 5], 2),
            "channels: found [5, 4]",
        ),
        (
            one_way(&[5, 3], &[4, 3], &[5, 3], &[2, 5], 2),
            "taps: found [4, 3]",
        ),
        (
            one_way(&[5, 3], &[5, 3], &[5, 2], &[2, 5], 2),
            "even side 2",
        ),
        (
            one_way(&[5, 3], &[5, 3], &[5, 3], &[2, 4], 2),
            "outputs: found [2, 4]",
        ),
        (
            one_way(&[5, 3], &[5, 3], &[5, 3], &[2, 5], 3),
            "bias: found [3]",
        ),
        (
            message(ops::one_way_filter(
                &maps,
                &random(&[5, 3], 1),
                &[],
                None,
                2,
            )),
            "R = 2",
        ),
        (
            message(ops::one_way_filter(
                &maps,
                &random(&[5, 3], 1),
                &[],
                None,
                1,
            )),
            "axes of the taps: found [0]",
        ),
        (message(ops::average_pool(&maps)), "axis 1: found length 5"),
        (message(ops::max_pool(&maps)), "axis 1: found length 5"),
    ] {
        assert!(error.contains(named), "{error}");
    }
}

/// The largest difference, of results and of all gradients, between a fused one-way layer and its stages one by one; `sizes` are
/// those of batch, inputs, outputs and inner channels.
fn one_way_difference(
    sizes: [usize; 4],
    mixes: bool,
    maps: &[usize],
    sides: &[usize],
    seed: u64,
) -> f64 {
    let [batch, inputs, outputs, inner] = sizes;
    let variable = |shape: &[usize], seed| Var::from_tensor(&random(shape, seed)).unwrap();
    let input = variable(&[&[batch, inputs], maps].concat(), seed);
    let channels = variable(&[inner, inputs], seed + 1);
    let taps: Vec<Var> = sides
        .iter()
        .enumerate()
        .map(|(axis, side)| variable(&[inner, *side], seed + 10 + axis as u64))
        .collect();
    let mixing = variable(&[outputs, inner], seed + 3);
    let bias = variable(&[outputs], seed + 4);
    let weight = random(&[&[batch, outputs], maps].concat(), seed + 5);
    let rows: Vec<Tensor> = taps.iter().map(|taps| taps.as_tensor().clone()).collect();
    let fused = match mixes {
        true => ops::one_way_layer(&input, &channels, &rows, &mixing, Some(&bias)),
        false => ops::one_way_filter(&input, &channels, &rows, Some(&bias), inner / outputs),
    };
    let fused = fused.unwrap();
    let pointwise = |matrix: &Tensor| {
        let shape = [matrix.dims(), &vec![1; maps.len()]].concat();
        matrix.reshape(shape).unwrap()
    };
    let mut stages = ops::portable::convolution(&input, &pointwise(&channels), None).unwrap();
    for (axis, taps) in taps.iter().enumerate() {
        stages = ops::portable::axis_convolution(&stages, taps, axis).unwrap();
    }
    // The sum over r is a mixing matrix of ones where i mod T = t.
    let ones: Vec<f64> = (0..outputs * inner)
        .map(|at| f64::from(u8::from(at % inner % outputs == at / inner)))
        .collect();
    let ones = Tensor::from_vec(ones, (outputs, inner), &Device::Cpu).unwrap();
    let matrix = if mixes { mixing.as_tensor() } else { &ones };
    let stages = ops::portable::convolution(&stages, &pointwise(matrix), Some(&bias)).unwrap();
    let gradients = |output: &Tensor| {
        let product = output.mul(&weight).unwrap().sum_all().unwrap();
        product.backward().unwrap()
    };
    let (found, expected) = (gradients(&fused), gradients(&stages));
    [&input, &channels, &bias]
        .into_iter()
        .chain(&taps)
        .chain(mixes.then_some(&mixing))
        .map(|v| difference(found.get(v).unwrap(), expected.get(v).unwrap()))
        .fold(difference(&fused, &stages), f64::max)
}

/// Inner maps that are larger than a core's cache, so that strips take many steps and planes are cut into tiles.
#[test]
fn one_way_layers_of_many_steps_and_their_portable_stages_agree() {
    for (sizes, mixes, maps, sides) in [
        ([1, 3, 4, 300], true, vec![50, 37], vec![5, 3]),
        ([2, 20, 150, 300], false, vec![29, 48], vec![3, 7]),
        ([1, 3, 4, 150], true, vec![9, 22, 35], vec![3, 5, 3]),
        ([1, 2, 90, 90], false, vec![14, 40, 17], vec![5, 3, 1]),
        ([2, 2, 3, 400], true, vec![700], vec![9]),
    ] {
        let difference = one_way_difference(sizes, mixes, &maps, &sides, 5);
        assert!(difference < 1e-11, "{sizes:?} {maps:?}: {difference}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Any sizes, so that every path of the kernels (masks, odd numbers of channels, several tiles) is met.
    #[test]
    fn convolution_and_its_portable_form_agree(
        batch in 1usize..4,
        inputs in 1usize..40,
        outputs in 1usize..45,
        maps in prop::collection::vec(1usize..60, 1..=3),
        halves in prop::collection::vec(0usize..4, 3),
        seed in 0u64..1000,
    ) {
        // 3-D maps of at most 12³.
        let maps: Vec<usize> = maps.iter().map(|n| if maps.len() > 2 { n % 12 + 1 } else { *n }).collect();
        let sides: Vec<usize> = maps.iter().zip(&halves).map(|(_, half)| 2 * half + 1).collect();
        let variable = |shape: &[usize], seed| Var::from_tensor(&random(shape, seed)).unwrap();
        let input = variable(&[&[batch, inputs], maps.as_slice()].concat(), seed);
        let kernel = variable(&[&[outputs, inputs], sides.as_slice()].concat(), seed + 1);
        let bias = variable(&[outputs], seed + 2);
        let weight = random(&[&[batch, outputs], maps.as_slice()].concat(), seed + 3);
        let run = |f: fn(&Tensor, &Tensor, Option<&Tensor>) -> fewave_surrogate::Result<Tensor>| {
            let output = f(&input, &kernel, Some(&bias)).unwrap();
            let gradients = output.mul(&weight).unwrap().sum_all().unwrap().backward().unwrap();
            [vec![output], [&input, &kernel, &bias].map(|v| gradients.get(v).unwrap().clone()).to_vec()].concat()
        };
        for (found, expected) in run(ops::convolution).iter().zip(&run(ops::portable::convolution)) {
            prop_assert!(difference(found, expected) < 1e-12);
        }
    }

    /// The fused one-way layer against its stages one by one, in all forms, any sizes.
    #[test]
    fn one_way_layers_and_their_portable_stages_agree(
        batch in 1usize..4,
        inputs in 1usize..30,
        outputs in 1usize..20,
        rank in 1usize..20,
        mixes: bool,
        maps in prop::collection::vec(1usize..50, 1..=3),
        halves in prop::collection::vec(0usize..4, 3),
        seed in 0u64..1000,
    ) {
        // 3-D maps of at most 12³.
        let maps: Vec<usize> = maps.iter().map(|n| if maps.len() > 2 { n % 12 + 1 } else { *n }).collect();
        let sides: Vec<usize> = maps.iter().zip(&halves).map(|(_, half)| 2 * half + 1).collect();
        let inner = if mixes { rank } else { (rank % 3 + 1) * outputs };
        let difference = one_way_difference([batch, inputs, outputs, inner], mixes, &maps, &sides, seed);
        prop_assert!(difference < 1e-12, "{difference}");
    }
}
