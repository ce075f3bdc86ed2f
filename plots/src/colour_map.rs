//! The colour maps of fields: diverging ones for signed values, from one hue through near white to another, and
//! sequential ones for magnitudes, which are a longer walk along the second half; perceptually uniform by construction.
//!
//! Both halves follow one curve of lightness and chroma in Oklab (Ottosson 2020, "A perceptual color space for image
//! processing"), at two hues that stay apart under red–green colour blindness, and the curve is walked at constant
//! speed: equal differences of a value are equal perceived differences, and equal magnitudes are equally dark.
//! Zero is exactly the middle colour of a diverging map and the first of a sequential one.

use std::sync::OnceLock;

/// Number of colours: odd, so that zero has its own, and leaving a palette of 256 room for colours outside the map.
pub(crate) const COLOURS: usize = 253;

/// Index of zero in a diverging map.
#[cfg(test)]
const MIDDLE: usize = COLOURS / 2;

/// Lightness of the curve's control points, from zero to full scale.
const LIGHTNESS: [f64; 3] = [0.975, 0.68, 0.33];

/// The colours of fields. All maps are perceptually uniform and can be told apart by readers with red–green colour
/// blindness; there is deliberately no rainbow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColourMap {
    /// Blue below zero, red-brown above.
    #[default]
    BlueBrown,
    /// Green below zero, purple above.
    GreenPurple,
    /// Blue below zero, olive above: paler, for pages that are printed.
    BlueOlive,
}

impl ColourMap {
    /// Every map.
    pub const ALL: [Self; 3] = [Self::BlueBrown, Self::GreenPurple, Self::BlueOlive];

    /// Name for users, `blue-brown`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BlueBrown => "blue-brown",
            Self::GreenPurple => "green-purple",
            Self::BlueOlive => "blue-olive",
        }
    }

    /// The map of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|map| map.name() == name)
    }

    /// Hues of the negative and the positive half, degrees in Oklab's a–b plane, and the chroma of the curve's control
    /// points after the first, which has none.
    const fn design(self) -> ([f64; 2], [f64; 2]) {
        match self {
            Self::BlueBrown => ([255.0, 42.0], [0.195, 0.09]),
            Self::GreenPurple => ([145.0, 315.0], [0.2, 0.09]),
            Self::BlueOlive => ([255.0, 100.0], [0.16, 0.07]),
        }
    }

    /// sRGB colours from full negative to full positive scale.
    pub(crate) fn diverging(self) -> &'static [[u8; 3]; COLOURS] {
        &self.tables()[0]
    }

    /// sRGB colours from the low to the high end of a scale.
    pub(crate) fn sequential(self) -> &'static [[u8; 3]; COLOURS] {
        &self.tables()[1]
    }

    fn tables(self) -> &'static [[[u8; 3]; COLOURS]; 2] {
        static TABLES: [OnceLock<[[[u8; 3]; COLOURS]; 2]>; ColourMap::ALL.len()] =
            [const { OnceLock::new() }; ColourMap::ALL.len()];
        TABLES[self as usize].get_or_init(|| [self.build_diverging(), self.build_sequential()])
    }

    fn build_diverging(self) -> [[u8; 3]; COLOURS] {
        let half = COLOURS / 2;
        let mut colours = [[0; 3]; COLOURS];
        for (step, &point) in self.walk(half).iter().enumerate() {
            for (side, place) in [half - step, half + step].into_iter().enumerate() {
                colours[place] = self.colour(side, point);
            }
        }
        colours
    }

    fn build_sequential(self) -> [[u8; 3]; COLOURS] {
        let mut colours = [[0; 3]; COLOURS];
        for (colour, point) in colours.iter_mut().zip(self.walk(COLOURS - 1)) {
            *colour = self.colour(1, point);
        }
        colours
    }

    /// The colour of a point of the curve in the negative (0) or the positive (1) half.
    fn colour(self, side: usize, (lightness, chroma): (f64, f64)) -> [u8; 3] {
        let (sin, cos) = self.design().0[side].to_radians().sin_cos();
        srgb([lightness, chroma * cos, chroma * sin])
    }

    /// `steps + 1` points (lightness, chroma) of the curve, a quadratic Bézier, at equal distances in that plane.
    fn walk(self, steps: usize) -> Vec<(f64, f64)> {
        const FINE: usize = 20_000;
        let [middle, end] = self.design().1;
        let bezier = |[a, b, c]: [f64; 3], t: f64| {
            a * (1.0 - t).powi(2) + 2.0 * b * t * (1.0 - t) + c * t * t
        };
        let point = |i: usize| {
            let t = i as f64 / FINE as f64;
            (bezier(LIGHTNESS, t), bezier([0.0, middle, end], t))
        };
        let fine: Vec<(f64, f64)> = (0..=FINE).map(point).collect();
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
}

/// What the colours of a map stand for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scale {
    /// From minus to plus a limit, on a diverging map.
    Symmetric(f64),
    /// From the first value to the second, on a sequential map.
    Range(f64, f64),
}

impl Scale {
    /// Index of the colour of `value`; values beyond the scale take the end colours.
    pub(crate) fn index(self, value: f64) -> u8 {
        match self {
            Self::Symmetric(limit) => {
                let half = (COLOURS / 2) as f64;
                (half + half * (value / limit).clamp(-1.0, 1.0)).round() as u8
            }
            Self::Range(low, high) => {
                let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
                (share * (COLOURS - 1) as f64).round() as u8
            }
        }
    }

    /// The colours, from the low to the high end.
    pub(crate) fn colours(self, map: ColourMap) -> &'static [[u8; 3]; COLOURS] {
        match self {
            Self::Symmetric(_) => map.diverging(),
            Self::Range(..) => map.sequential(),
        }
    }

    /// Values of the ends.
    pub(crate) fn ends(self) -> (f64, f64) {
        match self {
            Self::Symmetric(limit) => (-limit, limit),
            Self::Range(low, high) => (low, high),
        }
    }
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
        for map in ColourMap::ALL {
            for (colours, turns) in [(map.diverging(), true), (map.sequential(), false)] {
                let lab: Vec<_> = colours.iter().map(|c| oklab(linear(*c))).collect();
                // Over 16 colours, so that rounding to 8 bits does not count.
                let steps: Vec<f64> = lab
                    .chunks(16)
                    .zip(lab.chunks(16).skip(1))
                    .map(|(a, b)| distance(a[0], b[0]))
                    .collect();
                let mean = steps.iter().sum::<f64>() / steps.len() as f64;
                for (i, step) in steps.iter().enumerate() {
                    // The two steps about zero turn a corner of the curve.
                    let across = turns && i == MIDDLE / 16;
                    assert!(
                        across || (step / mean - 1.0).abs() < 0.12,
                        "{map:?} step {i}: {step} of {mean}"
                    );
                }
            }
        }
    }

    #[test]
    fn equal_magnitudes_are_equally_light_and_zero_is_the_lightest() {
        let light = |c: &[u8; 3]| oklab(linear(*c))[0];
        for map in ColourMap::ALL {
            let lightness: Vec<f64> = map.diverging().iter().map(light).collect();
            for k in 1..=MIDDLE {
                assert!((lightness[MIDDLE - k] - lightness[MIDDLE + k]).abs() < 0.01);
                assert!(lightness[MIDDLE + k] < lightness[MIDDLE + k - 1] + 2e-3);
            }
            let lightness: Vec<f64> = map.sequential().iter().map(light).collect();
            assert!(lightness.windows(2).all(|w| w[1] < w[0] + 4e-3));
        }
        let scale = Scale::Symmetric(2.0);
        assert_eq!([0.0, -2.0, 9.0].map(|v| scale.index(v)), [126, 0, 252]);
        let scale = Scale::Range(1.0, 3.0);
        assert_eq!([1.0, 2.0, 9.0].map(|v| scale.index(v)), [0, 126, 252]);
    }

    #[test]
    fn no_colour_is_cut_off_by_the_screen() {
        for map in ColourMap::ALL {
            for (lightness, chroma) in map.walk(MIDDLE) {
                for hue in map.design().0 {
                    let (sin, cos) = hue.to_radians().sin_cos();
                    let colour = linear_srgb([lightness, chroma * cos, chroma * sin]);
                    assert!(
                        colour.iter().all(|v| (-0.004..=1.004).contains(v)),
                        "{map:?} {hue} {lightness} {chroma}: {colour:?}"
                    );
                }
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
        for map in ColourMap::ALL {
            for k in [40, 80, MIDDLE] {
                let (low, high) = (
                    linear(map.diverging()[MIDDLE - k]),
                    linear(map.diverging()[MIDDLE + k]),
                );
                for blind in [protan, deutan] {
                    let apart = distance(oklab(blind(low)), oklab(blind(high)));
                    assert!(apart > 0.1, "{map:?} at {k}: {apart}");
                }
            }
        }
    }

    #[test]
    fn names_lead_back_to_their_maps() {
        for map in ColourMap::ALL {
            assert_eq!(ColourMap::from_name(map.name()), Some(map));
        }
        assert_eq!(ColourMap::from_name("jet"), None);
    }
}
