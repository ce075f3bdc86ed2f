//! `one_way.cu`: the one-way layer behind its first `1×1` convolution, both forms, and the way back through the filters.

use crate::common::{random, values};
use crate::emulated::Argument::{Int, Long, Read, Written};
use crate::emulated::{Emulated, close};

const KERNELS: [&str; 3] = ["one_way_layer", "one_way_filter", "one_way_backward"];

/// Sides along the last two axes, and outputs of a block.
const VARIANTS: [[usize; 3]; 4] = [[3, 5, 16], [5, 3, 32], [1, 7, 64], [9, 1, 16]];

/// images, inner channels, outputs, planes, height, width: one tile and several, full and not, rows that 4 divides and not,
/// more outputs and more inner channels than a block takes.
const SHAPES: [[usize; 6]; 4] = [
    [2, 3, 5, 1, 5, 7],
    [1, 9, 17, 2, 9, 36],
    [1, 16, 70, 1, 3, 33],
    [2, 4, 2, 1, 17, 4],
];

/// Maps, taps, and what the filters make of them, by their definition.
struct Reference {
    inner: usize,
    planes: usize,
    height: usize,
    width: usize,
    vertical: Vec<f64>,
    horizontal: Vec<f64>,
}

impl Reference {
    fn place(&self, image: usize, channel: usize, plane: usize, y: usize, x: usize) -> usize {
        (((image * self.inner + channel) * self.planes + plane) * self.height + y) * self.width + x
    }

    /// Calls with every point of an image's channels, every pair of taps and the point that they reach: (channel, taps' places,
    /// product of taps, from, to).
    fn every(&self, images: usize, mut call: impl FnMut(usize, [usize; 2], f64, [usize; 2])) {
        let sides = [&self.vertical, &self.horizontal].map(|taps| taps.len() / self.inner);
        let inside = |at: usize, k: usize, side: usize, length: usize| {
            (at + k).checked_sub(side / 2).filter(|&to| to < length)
        };
        for image in 0..images {
            for i in 0..self.inner {
                for plane in 0..self.planes {
                    for y in 0..self.height {
                        for x in 0..self.width {
                            for k in 0..sides[0] {
                                for l in 0..sides[1] {
                                    let (Some(v), Some(u)) = (
                                        inside(y, k, sides[0], self.height),
                                        inside(x, l, sides[1], self.width),
                                    ) else {
                                        continue;
                                    };
                                    let taps = [i * sides[0] + k, i * sides[1] + l];
                                    let weight = self.vertical[taps[0]] * self.horizontal[taps[1]];
                                    let from = self.place(image, i, plane, y, x);
                                    let to = self.place(image, i, plane, v, u);
                                    call(i, taps, weight, [from, to]);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn filters_with_what_follows_and_the_way_back_equal_the_definition() {
    for [tall, wide, outputs_of_block] in VARIANTS {
        let constants = [
            ("VERTICAL", tall),
            ("HORIZONTAL", wide),
            ("OUTPUTS", outputs_of_block),
        ];
        let Some(kernels) = Emulated::compile("one_way", &KERNELS, &constants) else {
            return;
        };
        for [images, inner, outputs, planes, height, width] in SHAPES {
            let what = format!(
                "{constants:?}, {images} x {inner} to {outputs} x {planes} x {height} x {width}"
            );
            let map = planes * height * width;
            let reference = Reference {
                inner,
                planes,
                height,
                width,
                vertical: values(&random(&[inner * tall], 1)),
                horizontal: values(&random(&[inner * wide], 2)),
            };
            let maps = values(&random(&[images * inner * map], 3));
            let mut filtered = vec![0.0; maps.len()];
            reference.every(images, |_, _, weight, [from, to]| {
                filtered[from] += weight * maps[to];
            });
            let tiles = images * planes * height.div_ceil(8) * width.div_ceil(32);
            let sizes = [planes, height, width].map(Int);

            // form `layer`
            let mix = values(&random(&[outputs * inner], 4));
            let bias = values(&random(&[outputs], 5));
            let mut expected = vec![0.0; images * outputs * map];
            for (n, value) in expected.iter_mut().enumerate() {
                let (image, t, point) = (n / map / outputs, n / map % outputs, n % map);
                *value = bias[t]
                    + (0..inner)
                        .map(|i| mix[t * inner + i] * filtered[(image * inner + i) * map + point])
                        .sum::<f64>();
            }
            let taps = [&reference.vertical[..], &reference.horizontal].concat();
            let factors = [&taps[..], &mix].concat();
            let mut found = vec![0.0; expected.len()];
            let mut arguments = vec![
                Written(&mut found),
                Read(&maps),
                Read(&factors),
                Read(&bias),
            ];
            arguments.extend([inner, outputs].map(Int));
            arguments.extend(sizes);
            let blocks = tiles * outputs.div_ceil(outputs_of_block);
            kernels.launch("one_way_layer", blocks, 256, &mut arguments);
            close(&format!("layer {what}"), &found, &expected);

            // form `filter`, where sums over r make up the inner channels
            for rank in (1..=inner).filter(|rank| inner.is_multiple_of(*rank)) {
                let outputs = inner / rank;
                let bias = values(&random(&[outputs], 6));
                let mut expected = vec![0.0; images * outputs * map];
                for (n, value) in expected.iter_mut().enumerate() {
                    let (image, t, point) = (n / map / outputs, n / map % outputs, n % map);
                    let channel = |r: usize| (image * inner + r * outputs + t) * map + point;
                    *value = bias[t] + (0..rank).map(|r| filtered[channel(r)]).sum::<f64>();
                }
                let mut found = vec![0.0; expected.len()];
                let mut arguments =
                    vec![Written(&mut found), Read(&maps), Read(&taps), Read(&bias)];
                arguments.extend([inner, outputs, planes, height, width].map(Int));
                let blocks = tiles * outputs.div_ceil(8);
                kernels.launch("one_way_filter", blocks, 256, &mut arguments);
                close(&format!("filter {rank} {what}"), &found, &expected);
                // backward from a gradient of the outputs, and from one of every filtered map
                for again in [0, 1] {
                    let channels = [outputs, inner][again];
                    let back = values(&random(&[images * channels * map], 7));
                    let of = |at: usize| {
                        let (image, i) = (at / map / inner, at / map % inner);
                        back[(image * channels + i % channels) * map + at % map]
                    };
                    let mut of_maps = vec![0.0; maps.len()];
                    let mut of_taps = vec![0.0; taps.len()];
                    reference.every(images, |i, [k, l], weight, [from, to]| {
                        of_maps[to] += weight * of(from);
                        let product = of(from) * maps[to];
                        of_taps[k] += product * reference.horizontal[l];
                        of_taps[inner * tall + l] += product * reference.vertical[k];
                        assert!(k / tall == i && l / wide == i);
                    });
                    let mut all = vec![0.0; (1 + again) * maps.len() + taps.len() * tiles];
                    let mut arguments =
                        vec![Written(&mut all), Read(&maps), Read(&back), Read(&taps)];
                    arguments.extend([inner, channels, planes, height, width, again].map(Int));
                    arguments.extend([maps.len(), tiles].map(Long));
                    let blocks = tiles * inner.div_ceil(8);
                    kernels.launch("one_way_backward", blocks, 256, &mut arguments);
                    let (found, rest) = all.split_at(maps.len());
                    close(&format!("gradient of maps, {what}"), found, &of_maps);
                    let (made_again, parts) = rest.split_at(again * maps.len());
                    if again == 1 {
                        close(&format!("made again, {what}"), made_again, &filtered);
                    }
                    let sums: Vec<f64> = parts.chunks(tiles).map(|p| p.iter().sum()).collect();
                    close(&format!("gradient of taps, {what}"), &sums, &of_taps);
                }
            }
        }
    }
}
