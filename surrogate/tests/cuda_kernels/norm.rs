//! `norm.cu`: group norm with its activation, and activations alone.

use crate::common::{random, values};
use crate::emulated::Argument::{Int, Long, Read, Written};
use crate::emulated::{Emulated, close, sliced};

const KERNELS: [&str; 8] = [
    "norm_slices",
    "norm_moments",
    "norm_forward",
    "norm_sums",
    "norm_means",
    "norm_backward",
    "activate",
    "activate_backward",
];

/// Activations by their numbers in the source.
fn act(number: usize, x: f64) -> f64 {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    match number {
        0 => x * sigmoid((8.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3))),
        1 => x * sigmoid(x),
        2 => x.max(0.0),
        3 => f64::from(u8::from(x > 0.0)),
        _ => x,
    }
}

/// Their derivatives, as slopes over a short way.
fn slope(number: usize, x: f64) -> f64 {
    let h = 1e-5;
    (act(number, x + h) - act(number, x - h)) / (2.0 * h)
}

/// Derivatives as slopes are exact to 1e-10 or so.
fn near(what: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1.0f64, |most, v| most.max(v.abs()));
    for (n, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!(
            (a - b).abs() < 1e-8 * largest,
            "{what}, value {n}: {a} and {b}"
        );
    }
}

/// samples, channels, groups, plane.
const SHAPES: [[usize; 4]; 4] = [[2, 6, 2, 35], [1, 8, 8, 64], [3, 4, 1, 1], [1, 4, 2, 4500]];

#[test]
fn group_norm_and_its_gradients_follow_their_formulas() {
    for activation in 0..5 {
        let constants = [("ACTIVATION", activation)];
        let Some(kernels) = Emulated::compile("norm", &KERNELS, &constants) else {
            return;
        };
        for [samples, channels, groups, plane] in SHAPES {
            let what = format!("{activation}: {samples} x {channels} x {plane} in {groups}");
            let (together, count) = (channels / groups, samples * channels * plane);
            let group = together * plane;
            // far from 0, where sums of squares would lose digits; kinks are not met
            let x: Vec<f64> = values(&random(&[count], 1))
                .iter()
                .map(|x| 7.0 + x)
                .collect();
            let dy = values(&random(&[count], 2));
            let (gamma, beta) = (
                values(&random(&[channels], 3)),
                values(&random(&[channels], 4)),
            );

            let mut moments = Vec::new();
            for values in x.chunks(group) {
                let mean = values.iter().sum::<f64>() / group as f64;
                let squares = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
                moments.extend([mean, 1.0 / (squares / group as f64 + 1e-5).sqrt()]);
            }
            let channel = |n: usize| n / plane % channels;
            let normal = |n: usize| (x[n] - moments[n / group * 2]) * moments[n / group * 2 + 1];
            let argument = |n: usize| gamma[channel(n)] * normal(n) + beta[channel(n)];
            let y: Vec<f64> = (0..count).map(|n| act(activation, argument(n))).collect();
            let back: Vec<f64> = (0..count)
                .map(|n| dy[n] * slope(activation, argument(n)))
                .collect();
            let (mut of_gamma, mut of_beta) = (vec![0.0; channels], vec![0.0; channels]);
            let mut means = vec![0.0; 2 * samples * groups];
            for n in 0..count {
                of_gamma[channel(n)] += back[n] * normal(n);
                of_beta[channel(n)] += back[n];
                let weighted = gamma[channel(n)] * back[n] / group as f64;
                means[n / group * 2] += weighted * normal(n);
                means[n / group * 2 + 1] += weighted;
            }
            let dx: Vec<f64> = (0..count)
                .map(|n| {
                    let [along, plain] = [means[n / group * 2], means[n / group * 2 + 1]];
                    (gamma[channel(n)] * back[n] - plain - normal(n) * along)
                        * moments[n / group * 2 + 1]
                })
                .collect();

            let run = |name, blocks, length, arrays: &[&[f64]], numbers: Vec<_>| {
                let mut found = vec![0.0; length];
                let mut arguments = vec![Written(&mut found)];
                arguments.extend(arrays.iter().map(|array| Read(array)));
                arguments.extend(numbers);
                kernels.launch(name, blocks, 256, &mut arguments);
                found
            };
            let (slices, blocks) = sliced(samples * groups, group);
            let numbers = || vec![Long(group), Int(slices)];
            let parts = run("norm_slices", blocks, 2 * blocks, &[&x], numbers());
            let all = samples * groups;
            let found = run("norm_moments", all, 2 * all, &[&parts], numbers());
            close(&format!("moments {what}"), &found, &moments);

            let (slices, blocks) = sliced(samples * channels, plane);
            let numbers = || [channels, together, plane, slices].map(Int).into();
            let arrays: [&[f64]; 4] = [&x, &moments, &gamma, &beta];
            let found = run("norm_forward", blocks, count, &arrays, numbers());
            close(&format!("forward {what}"), &found, &y);
            let arrays: [&[f64]; 5] = [&x, &dy, &moments, &gamma, &beta];
            let sums = run("norm_sums", blocks, 2 * blocks, &arrays, numbers());
            let (mut found_gamma, mut found_beta) = (vec![0.0; channels], vec![0.0; channels]);
            for (block, pair) in sums.chunks(2).enumerate() {
                found_gamma[block / slices % channels] += pair[0];
                found_beta[block / slices % channels] += pair[1];
            }
            near(
                &format!("gradient of scales {what}"),
                &found_gamma,
                &of_gamma,
            );
            near(&format!("gradient of shifts {what}"), &found_beta, &of_beta);
            let found = run("norm_means", all, 2 * all, &[&sums, &gamma], numbers());
            near(&format!("means {what}"), &found, &means);
            let arrays: [&[f64]; 6] = [&x, &dy, &moments, &means, &gamma, &beta];
            let found = run("norm_backward", blocks, count, &arrays, numbers());
            near(&format!("gradient of maps {what}"), &found, &dx);
        }
    }
}

#[test]
fn activations_alone_keep_what_is_not_a_number() {
    for activation in 0..5 {
        let Some(kernels) = Emulated::compile("norm", &KERNELS, &[("ACTIVATION", activation)])
        else {
            return;
        };
        let x: Vec<f64> = (-60..60).map(|n| 0.31 * f64::from(n) + 0.003).collect();
        let dy = values(&random(&[x.len()], 1));
        for blocks in [2, 30] {
            let mut found = vec![0.0; x.len()];
            let mut arguments = [Written(&mut found), Read(&x), Long(x.len())];
            kernels.launch("activate", blocks, 16, &mut arguments);
            let expected: Vec<f64> = x.iter().map(|&x| act(activation, x)).collect();
            close(&format!("activation {activation}"), &found, &expected);
            let mut arguments = [Written(&mut found), Read(&x), Read(&dy), Long(x.len())];
            kernels.launch("activate_backward", blocks, 16, &mut arguments);
            let expected = x.iter().zip(&dy);
            let expected: Vec<f64> = expected.map(|(&x, dy)| dy * slope(activation, x)).collect();
            near(&format!("derivative {activation}"), &found, &expected);
        }
        let mut found = [0.0];
        let mut arguments = [Written(&mut found), Read(&[f64::NAN]), Long(1)];
        kernels.launch("activate", 1, 16, &mut arguments);
        assert!(found[0].is_nan(), "{activation}");
    }
}
