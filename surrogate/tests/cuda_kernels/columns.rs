//! `columns.cu`: neighbours as columns, and back; `bias.cu`.

use crate::common::{random, values};
use crate::emulated::Argument::{Changed, Int, Read, Written};
use crate::emulated::{Emulated, close, sliced};

#[test]
fn columns_hold_the_neighbours_and_go_back_by_the_adjoint() {
    let Some(kernels) = Emulated::compile("columns", &["columns", "from_columns"], &[]) else {
        return;
    };
    let cases = [
        (3, [1, 1, 9], [1, 1, 3]),
        (2, [1, 6, 7], [1, 3, 5]),
        (4, [3, 4, 5], [3, 1, 3]),
        (1, [5, 3, 2], [3, 5, 7]),
        (2, [1, 1, 1], [3, 3, 3]),
        (2, [1, 70, 61], [1, 3, 1]),
    ];
    for (maps, map, kernel) in cases {
        let (points, taps) = (
            map.iter().product::<usize>(),
            kernel.iter().product::<usize>(),
        );
        let x = values(&random(&[maps * points], 1));
        let u = values(&random(&[maps * taps * points], 2));
        let (mut gathered, mut scattered) = (vec![0.0; u.len()], vec![0.0; x.len()]);
        let mut column = 0;
        for m in 0..maps {
            for tap in 0..taps {
                let shift = [
                    tap / (kernel[1] * kernel[2]),
                    tap / kernel[2] % kernel[1],
                    tap % kernel[2],
                ];
                for point in 0..points {
                    let at = [
                        point / (map[1] * map[2]),
                        point / map[2] % map[1],
                        point % map[2],
                    ];
                    let there: Option<Vec<usize>> = (0..3)
                        .map(|axis| {
                            (at[axis] + shift[axis])
                                .checked_sub(kernel[axis] / 2)
                                .filter(|&q| q < map[axis])
                        })
                        .collect();
                    if let Some(q) = there {
                        let place = m * points + (q[0] * map[1] + q[1]) * map[2] + q[2];
                        gathered[column] = x[place];
                        scattered[place] += u[column];
                    }
                    column += 1;
                }
            }
        }
        let what = format!("{map:?} {kernel:?}");
        let run = |name, rows, from: &[f64], expected: &[f64]| {
            let (slices, blocks) = sliced(rows, points);
            let mut found = vec![0.0; expected.len()];
            let mut arguments = vec![Written(&mut found), Read(from)];
            arguments.extend(map.into_iter().chain(kernel).chain([slices]).map(Int));
            kernels.launch(name, blocks, 256, &mut arguments);
            close(&format!("{name} {what}"), &found, expected);
        };
        run("columns", maps * taps, &x, &gathered);
        run("from_columns", maps, &u, &scattered);
    }
}

#[test]
fn a_bias_is_added_to_every_channel() {
    let Some(kernels) = Emulated::compile("bias", &["add_bias"], &[]) else {
        return;
    };
    for (images, channels, map) in [(2, 3, 5), (1, 2, 4100)] {
        let bias = values(&random(&[channels], 1));
        let before = values(&random(&[images * channels * map], 2));
        let mut found = before.clone();
        let (slices, blocks) = sliced(images * channels, map);
        let mut arguments = vec![Changed(&mut found), Read(&bias)];
        arguments.extend([channels, map, slices].map(Int));
        kernels.launch("add_bias", blocks, 256, &mut arguments);
        let expected = before.iter().enumerate();
        let expected: Vec<f64> = expected
            .map(|(n, value)| value + bias[n / map % channels])
            .collect();
        close("bias", &found, &expected);
    }
}
