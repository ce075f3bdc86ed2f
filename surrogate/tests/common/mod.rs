//! What the tests share: the slow, obvious convolution, random tensors, and gradients by finite differences.

#![allow(dead_code)] // each test file uses its own part

use candle_core::{Device, Result, Tensor};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

/// Values drawn uniformly from [−1, 1), in f64 on the host.
pub(crate) fn random(shape: &[usize], seed: u64) -> Tensor {
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    let values: Vec<f64> = (0..shape.iter().product())
        .map(|_| rng.random_range(-1.0..1.0))
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// All values in row-major order, as f64.
pub(crate) fn values(tensor: &Tensor) -> Vec<f64> {
    let tensor = tensor.to_dtype(candle_core::DType::F64).unwrap();
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// The largest absolute difference, relative to the largest absolute value of `b` (at least 1e-30).
pub(crate) fn difference(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.dims(), b.dims());
    let (a, b) = (values(a), values(b));
    let largest = b.iter().fold(1e-30f64, |m, x| m.max(x.abs()));
    a.iter().zip(&b).fold(0.0f64, |m, (x, y)| {
        if (x - y).is_nan() {
            f64::INFINITY
        } else {
            m.max((x - y).abs())
        }
    }) / largest
}

/// Convolution by its definition: one loop per index of output, input channel and tap.
pub(crate) fn slow_convolution(input: &Tensor, kernel: &Tensor, bias: Option<&Tensor>) -> Tensor {
    let pad3 = |sides: &[usize]| [vec![1; 3 - sides.len()], sides.to_vec()].concat();
    let (batch, inputs, outputs) = (input.dims()[0], input.dims()[1], kernel.dims()[0]);
    let (n, d) = (pad3(&input.dims()[2..]), pad3(&kernel.dims()[2..]));
    let (x, k, b) = (values(input), values(kernel), bias.map(values));
    let mut y = Vec::with_capacity(batch * outputs * n.iter().product::<usize>());
    for image in 0..batch {
        for t in 0..outputs {
            for (p0, p1, p2) in indices(&n) {
                let mut sum = b.as_ref().map_or(0.0, |b| b[t]);
                for s in 0..inputs {
                    for (k0, k1, k2) in indices(&d) {
                        let (q0, q1, q2) = (p0 + k0, p1 + k1, p2 + k2);
                        let (h0, h1, h2) = (d[0] / 2, d[1] / 2, d[2] / 2);
                        let inside = (h0..n[0] + h0).contains(&q0)
                            && (h1..n[1] + h1).contains(&q1)
                            && (h2..n[2] + h2).contains(&q2);
                        if inside {
                            let map = (image * inputs + s) * n[0];
                            let value = x[((map + q0 - h0) * n[1] + q1 - h1) * n[2] + q2 - h2];
                            sum +=
                                value * k[(((t * inputs + s) * d[0] + k0) * d[1] + k1) * d[2] + k2];
                        }
                    }
                }
                y.push(sum);
            }
        }
    }
    let mut shape = input.dims().to_vec();
    shape[1] = outputs;
    Tensor::from_vec(y, shape, &Device::Cpu).unwrap()
}

fn indices(n: &[usize]) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
    let (n0, n1, n2) = (n[0], n[1], n[2]);
    (0..n0).flat_map(move |i| (0..n1).flat_map(move |j| (0..n2).map(move |k| (i, j, k))))
}

/// The gradient of `f` (a scalar, by tensors) with respect to entry `entry` of argument `argument`, by central differences.
pub(crate) fn finite_difference(
    f: &dyn Fn(&[Tensor]) -> Result<Tensor>,
    arguments: &[Tensor],
    argument: usize,
    entry: usize,
) -> f64 {
    let step = 1e-5;
    let at = |delta: f64| {
        let mut moved = values(&arguments[argument]);
        moved[entry] += delta;
        let mut arguments = arguments.to_vec();
        arguments[argument] =
            Tensor::from_vec(moved, arguments[argument].shape(), &Device::Cpu).unwrap();
        f(&arguments).unwrap().to_scalar::<f64>().unwrap()
    };
    (at(step) - at(-step)) / (2.0 * step)
}
