//! The diverging colour map of signed fields: blue through near white to red-brown, perceptually uniform by
//! construction.
//!
//! Both halves follow one curve of lightness and chroma in Oklab (Ottosson 2020, "A perceptual color space for image
//! processing"), at two hues that stay apart under red–green colour blindness, and the curve is walked at constant
//! speed: equal differences of a value are equal perceived differences, and equal magnitudes are equally dark.
//! Zero is exactly the middle colour.

use std::sync::OnceLock;

/// Number of colours: odd, so that zero has its own, and leaving a palette of 256 room for colours outside the map.
pub(crate) const COLOURS: usize = 253;

/// Index of zero.
#[cfg(test)]
const MIDDLE: usize = COLOURS / 2;

/// Hues of the negative and the positive half, degrees in Oklab's a–b plane.
const HUES: [f64; 2] = [255.0, 42.0];
/// Control points (lightness, chroma) of a quadratic Bézier curve from zero to full scale.
const CURVE: [(f64, f64); 3] = [(0.975, 0.0), (0.68, 0.195), (0.33, 0.09)];

/// sRGB colours from full negative to full positive scale.
pub(crate) fn diverging() -> &'static [[u8; 3]; COLOURS] {
    static MAP: OnceLock<[[u8; 3]; COLOURS]> = OnceLock::new();
    MAP.get_or_init(build)
}

/// Index of `value` on a scale from `-limit` to `limit`; values beyond it take the end colours.
pub(crate) fn index(value: f64, limit: f64) -> u8 {
    let half = (COLOURS / 2) as f64;
    (half + half * (value / limit).clamp(-1.0, 1.0)).round() as u8
}

fn build() -> [[u8; 3]; COLOURS] {
    let half = COLOURS / 2;
    let curve = walk(half);
    let mut colours = [[0; 3]; COLOURS];
    for (step, &(lightness, chroma)) in curve.iter().enumerate() {
        for (hue, place) in HUES.into_iter().zip([half - step, half + step]) {
            let (sin, cos) = hue.to_radians().sin_cos();
            colours[place] = srgb([lightness, chroma * cos, chroma * sin]);
        }
    }
    colours
}

/// `steps + 1` points of the curve at equal distances in the lightness–chroma plane.
fn walk(steps: usize) -> Vec<(f64, f64)> {
    const FINE: usize = 20_000;
    let point = |t: f64| {
        let [a, b, c] = CURVE;
        let bezier =
            |a: f64, b: f64, c: f64| a * (1.0 - t).powi(2) + 2.0 * b * t * (1.0 - t) + c * t * t;
        (bezier(a.0, b.0, c.0), bezier(a.1, b.1, c.1))
    };
    let fine: Vec<_> = (0..=FINE).map(|i| point(i as f64 / FINE as f64)).collect();
    let mut length = vec![0.0];
    for pair in fine.windows(2) {
        let reached = length[length.len() - 1];
        length.push(reached + (pair[1].0 - pair[0].0).hypot(pair[1].1 - pair[0].1));
    }
    let total = length[FINE];
    (0..=steps)
        .map(|step| {
            let wanted = total * step as f64 / steps as f64;
            fine[length.partition_point(|l| *l < wanted).min(FINE)]
        })
        .collect()
}

/// Oklab to 8-bit sRGB.
fn srgb([lightness, a, b]: [f64; 3]) -> [u8; 3] {
    linear_srgb([lightness, a, b]).map(|v| {
        let v = v.clamp(0.0, 1.0);
        let encoded = if v <= 0.003_130_8 {
            12.92 * v
        } else {
            1.055 * v.powf(1.0 / 2.4) - 0.055
        };
        (255.0 * encoded).round() as u8
    })
}

/// Oklab to linear sRGB, which lies outside 0…1 where the screen has no such colour.
fn linear_srgb([lightness, a, b]: [f64; 3]) -> [f64; 3] {
    let l = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let m = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let s = (lightness - 0.089_484_177_5 * a - 1.291_485_548_0 * b).powi(3);
    [
        4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
        -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
        -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701_0 * s,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linear(colour: [u8; 3]) -> [f64; 3] {
        colour.map(|v| {
            let v = f64::from(v) / 255.0;
            if v <= 0.04045 {
                v / 12.92
            } else {
                ((v + 0.055) / 1.055).powf(2.4)
            }
        })
    }

    /// Linear sRGB to Oklab (Ottosson 2020), the other way round from the code.
    fn oklab([r, g, b]: [f64; 3]) -> [f64; 3] {
        let l = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b).cbrt();
        let m = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b).cbrt();
        let s = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b).cbrt();
        [
            0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
            1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
            0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s,
        ]
    }

    fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
        a.iter()
            .zip(b)
            .map(|(a, b)| (a - b).powi(2))
            .sum::<f64>()
            .sqrt()
    }

    #[test]
    fn steps_are_perceptually_equal() {
        let map: Vec<_> = diverging().iter().map(|c| oklab(linear(*c))).collect();
        // Over 16 colours, so that rounding to 8 bits does not count.
        let steps: Vec<f64> = map
            .chunks(16)
            .zip(map.chunks(16).skip(1))
            .map(|(a, b)| distance(a[0], b[0]))
            .collect();
        let mean = steps.iter().sum::<f64>() / steps.len() as f64;
        for (i, step) in steps.iter().enumerate() {
            // The two steps about zero turn a corner of the curve.
            let across = i == MIDDLE / 16;
            assert!(
                across || (step / mean - 1.0).abs() < 0.12,
                "step {i}: {step} of {mean}"
            );
        }
    }

    #[test]
    fn equal_magnitudes_are_equally_light_and_zero_is_the_lightest() {
        let lightness: Vec<f64> = diverging().iter().map(|c| oklab(linear(*c))[0]).collect();
        for k in 1..=MIDDLE {
            assert!((lightness[MIDDLE - k] - lightness[MIDDLE + k]).abs() < 0.01);
            assert!(lightness[MIDDLE + k] < lightness[MIDDLE + k - 1] + 2e-3);
        }
        assert_eq!(
            (index(0.0, 2.0), index(-2.0, 2.0), index(9.0, 2.0)),
            (126, 0, 252)
        );
    }

    #[test]
    fn no_colour_is_cut_off_by_the_screen() {
        for (lightness, chroma) in walk(MIDDLE) {
            for hue in HUES {
                let (sin, cos) = hue.to_radians().sin_cos();
                let colour = linear_srgb([lightness, chroma * cos, chroma * sin]);
                assert!(
                    colour.iter().all(|v| (-0.004..=1.004).contains(v)),
                    "{hue} {lightness} {chroma}: {colour:?}"
                );
            }
        }
    }

    #[test]
    fn signs_stay_apart_without_red_or_green_cones() {
        // Viénot, Brettel and Mollon (1999), on linear sRGB.
        let protan = |[r, g, b]: [f64; 3]| {
            [
                0.11238 * r + 0.88762 * g,
                0.11238 * r + 0.88762 * g,
                0.00401 * r - 0.00401 * g + b,
            ]
        };
        let deutan = |[r, g, b]: [f64; 3]| {
            [
                0.29275 * r + 0.70725 * g,
                0.29275 * r + 0.70725 * g,
                -0.02234 * r + 0.02234 * g + b,
            ]
        };
        for k in [40, 80, MIDDLE] {
            let (low, high) = (
                linear(diverging()[MIDDLE - k]),
                linear(diverging()[MIDDLE + k]),
            );
            for blind in [protan, deutan] {
                let apart = distance(oklab(blind(low)), oklab(blind(high)));
                assert!(apart > 0.1, "at {k}: {apart}");
            }
        }
    }
}
