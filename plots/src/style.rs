//! How figures look: width, type size, and the colours of ink, grid and series.
//!
//! Series colours are the colour-blind-safe set of Okabe and Ito (2008, "Color universal design"), less its yellow and
//! sky blue, which have too little contrast on paper; each has a lighter twin for the dark report page.

use plotters::style::RGBColor;

use crate::colour_map::ColourMap;
use crate::error::{PlotsError, Result};

/// Size of a figure, of its type, and the colours of its fields.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FigureStyle {
    /// Width of the figure in cm: 8 (one column of a paper) or 17 (the full page); 6 to 40 is allowed.
    pub width_cm: f64,
    /// Size of all text in points, 6 to 14.
    pub font_size_pt: f64,
    /// Colours of fields.
    pub colour_map: ColourMap,
}

impl FigureStyle {
    /// One column of a two-column paper: 8 cm wide, 7 pt type.
    pub const fn column() -> Self {
        Self {
            width_cm: 8.0,
            font_size_pt: 7.0,
            colour_map: ColourMap::BlueBrown,
        }
    }

    /// The full width of a page: 17 cm wide, 7.5 pt type.
    pub const fn page() -> Self {
        Self {
            width_cm: 17.0,
            font_size_pt: 7.5,
            colour_map: ColourMap::BlueBrown,
        }
    }

    /// Refuses sizes at which nothing could be read.
    pub(crate) fn check(&self) -> Result<()> {
        let limits = |what: &str, value: f64, low: f64, high: f64| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(PlotsError::Setting {
                what: format!("figure style: {what}"),
                expected: format!("{low} to {high}"),
                found: value.to_string(),
            })
        };
        limits("width_cm", self.width_cm, 6.0, 40.0)?;
        limits("font_size_pt", self.font_size_pt, 6.0, 14.0)
    }
}

impl Default for FigureStyle {
    fn default() -> Self {
        Self::page()
    }
}

/// A colour on paper and its twin on the dark page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tone {
    /// On white.
    pub(crate) light: RGBColor,
    /// On the report's dark background.
    pub(crate) dark: RGBColor,
}

const fn tone(light: (u8, u8, u8), dark: (u8, u8, u8)) -> Tone {
    Tone {
        light: RGBColor(light.0, light.1, light.2),
        dark: RGBColor(dark.0, dark.1, dark.2),
    }
}

/// Text and axes.
pub(crate) const INK: Tone = tone((0x1A, 0x1A, 0x1A), (0xE8, 0xE8, 0xE6));
/// Notes, baselines.
pub(crate) const MUTED: Tone = tone((0x5F, 0x5F, 0x5F), (0xA9, 0xA9, 0xA6));
/// Grid lines.
pub(crate) const GRID: Tone = tone((0xDE, 0xDE, 0xDE), (0x3A, 0x3D, 0x42));

const SERIES: [Tone; 6] = [
    tone((0x00, 0x72, 0xB2), (0x56, 0xB4, 0xE9)),
    tone((0xD5, 0x5E, 0x00), (0xFF, 0x94, 0x47)),
    tone((0x00, 0x8F, 0x68), (0x2F, 0xC7, 0x9C)),
    tone((0xB3, 0x4F, 0x88), (0xE0, 0x96, 0xC1)),
    tone((0x8A, 0x6A, 0x00), (0xE0, 0xBD, 0x4A)),
    tone((0x5B, 0x4B, 0xB5), (0xA6, 0x9B, 0xF0)),
];

/// Number of colours before they repeat.
const SERIES_COLOURS: usize = 2 * SERIES.len();

/// Colour of series `index`: six hues, then the same hues deeper (paler on the dark page), then again from the start.
pub(crate) fn series(index: usize) -> Tone {
    let Tone { light, dark } = SERIES[index % SERIES.len()];
    if index % SERIES_COLOURS < SERIES.len() {
        return Tone { light, dark };
    }
    let towards = |RGBColor(r, g, b): RGBColor, end: u16| {
        let half = |level: u8| ((u16::from(level) + end) / 2) as u8;
        RGBColor(half(r), half(g), half(b))
    };
    Tone {
        light: towards(light, 0),
        dark: towards(dark, 255),
    }
}

/// Every colour that is given a twin on the dark page.
pub(crate) fn tones() -> impl Iterator<Item = Tone> {
    [INK, MUTED, GRID]
        .into_iter()
        .chain((0..SERIES_COLOURS).map(series))
}

/// `#RRGGBB`, as plotters writes it.
pub(crate) fn hex(RGBColor(r, g, b): RGBColor) -> String {
    format!("#{r:02X}{g:02X}{b:02X}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance and contrast ratio of WCAG 2.1.
    fn contrast(a: RGBColor, b: RGBColor) -> f64 {
        let luminance = |RGBColor(r, g, b): RGBColor| {
            let linear = |v: u8| {
                let v = f64::from(v) / 255.0;
                if v <= 0.04045 {
                    v / 12.92
                } else {
                    ((v + 0.055) / 1.055).powf(2.4)
                }
            };
            0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
        };
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        if a > b { a / b } else { b / a }
    }

    #[test]
    fn contrast_suffices_on_paper_and_on_the_dark_page() {
        let (white, night) = (RGBColor(255, 255, 255), RGBColor(0x15, 0x17, 0x1B));
        for text in [INK, MUTED] {
            assert!(contrast(text.light, white) >= 4.5 && contrast(text.dark, night) >= 4.5);
        }
        for index in 0..SERIES_COLOURS {
            assert!(
                contrast(series(index).light, white) >= 3.0,
                "series {index} on white"
            );
            assert!(
                contrast(series(index).dark, night) >= 3.0,
                "series {index} on the dark page"
            );
        }
    }

    #[test]
    fn twins_are_told_apart_by_their_light_colour() {
        let mut seen: Vec<_> = tones().map(|t| hex(t.light)).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), tones().count());
    }

    #[test]
    fn unreadable_sizes_are_refused() {
        let error = FigureStyle {
            width_cm: 2.0,
            ..FigureStyle::page()
        }
        .check()
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "figure style: width_cm is 2, expected 6 to 40"
        );
        assert!(
            FigureStyle {
                font_size_pt: f64::NAN,
                ..FigureStyle::page()
            }
            .check()
            .is_err()
        );
    }
}
