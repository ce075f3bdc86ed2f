//! `axis.cu`: convolution along one axis.

use crate::common::{random, values};
use crate::emulated::Argument::{Int, Read, Written};
use crate::emulated::{Emulated, close, sliced};

/// images, channels, before, length, after, side.
const AXES: [[usize; 6]; 7] = [
    [2, 3, 1, 7, 1, 3],
    [1, 2, 4, 5, 3, 5],
    [3, 1, 6, 9, 1, 3],
    [2, 2, 1, 3, 11, 7],
    [1, 4, 2, 1, 2, 3],
    [2, 5, 3, 40, 6, 1],
    [1, 2, 1, 90, 50, 3],
];

#[test]
fn axis_kernels_equal_the_definition() {
    let names = ["axis_convolution", "axis_taps_gradient"];
    let Some(kernels) = Emulated::compile("axis", &names, &[]) else {
        return;
    };
    for case in AXES {
        let [images, channels, before, length, after, side] = case;
        let place = |b: usize, c: usize, l: usize, p: usize, a: usize| {
            (((b * channels + c) * before + l) * length + p) * after + a
        };
        let map = before * length * after;
        let count = images * channels * map;
        let (x, g) = (values(&random(&[count], 1)), values(&random(&[count], 2)));
        let w = values(&random(&[channels * side], 3));
        let (mut y, mut dx, mut dw) = (
            vec![0.0; count],
            vec![0.0; count],
            vec![0.0; channels * side],
        );
        for b in 0..images {
            for c in 0..channels {
                for l in 0..before {
                    for a in 0..after {
                        for p in 0..length {
                            for k in 0..side {
                                let Some(q) = (p + k).checked_sub(side / 2).filter(|&q| q < length)
                                else {
                                    continue;
                                };
                                let (here, there) = (place(b, c, l, p, a), place(b, c, l, q, a));
                                y[here] += w[c * side + k] * x[there];
                                dx[there] += w[c * side + k] * g[here];
                                dw[c * side + k] += g[here] * x[there];
                            }
                        }
                    }
                }
            }
        }
        let (slices, blocks) = sliced(images * channels, map);
        for (reversed, input, expected) in [(0, &x, &y), (1, &g, &dx)] {
            let mut found = vec![0.0; count];
            let mut arguments = vec![Written(&mut found), Read(input), Read(&w)];
            arguments.extend([channels, map, length, after, side, reversed, slices].map(Int));
            kernels.launch("axis_convolution", blocks, 256, &mut arguments);
            close(&format!("{case:?} {reversed}"), &found, expected);
        }
        let mut parts = vec![0.0; channels * side * images * slices];
        let mut arguments = vec![Written(&mut parts), Read(&g), Read(&x)];
        arguments.extend([images, channels, map, length, after, side, slices].map(Int));
        kernels.launch("axis_taps_gradient", blocks, 256, &mut arguments);
        let found: Vec<f64> = parts
            .chunks(images * slices)
            .map(|parts| parts.iter().sum())
            .collect();
        close(&format!("{case:?} taps"), &found, &dw);
    }
}
