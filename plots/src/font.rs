//! The one font of all figures: Noto Sans (SIL Open Font License 1.1), compiled in, so that text has the same widths in
//! SVG, PNG, PDF and HTML on every machine. Nothing is read from the system.

use std::sync::{Arc, OnceLock};

use plotters::style::{FontDesc, FontStyle, register_font};
use resvg::usvg::fontdb;

use crate::error::{PlotsError, Result};

/// `font-family` written into every SVG: the bundled font, then what most systems have.
pub(crate) const FAMILY: &str = "Noto Sans, Open Sans, DejaVu Sans, Helvetica, Arial, sans-serif";

/// plotters' sizes are 1.24 em (its SVG backend divides by it).
pub(crate) const PLOTTERS_EM: f64 = 1.24;

/// Height of Noto Sans (ascent + descent) in em; plotters lays text out by that height.
const HEIGHT_EM: f64 = 1.362;

/// Makes the font known to plotters; cheap after the first call.
pub(crate) fn register() -> Result<()> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let known = REGISTERED.get_or_init(|| {
        register_font(FAMILY, FontStyle::Normal, notosans::REGULAR_TTF).is_ok()
            && register_font(FAMILY, FontStyle::Bold, notosans::BOLD_TTF).is_ok()
    });
    if *known {
        return Ok(());
    }
    Err(PlotsError::Drawing {
        reason: "the bundled font Noto Sans cannot be read".into(),
    })
}

/// The font for resvg and svg2pdf, and no other.
pub(crate) fn database() -> Arc<fontdb::Database> {
    static DATABASE: OnceLock<Arc<fontdb::Database>> = OnceLock::new();
    DATABASE
        .get_or_init(|| {
            let mut database = fontdb::Database::new();
            database.load_font_data(notosans::REGULAR_TTF.to_vec());
            database.load_font_data(notosans::BOLD_TTF.to_vec());
            database.set_sans_serif_family("Noto Sans");
            Arc::new(database)
        })
        .clone()
}

/// Width of a line of text in the unit of `size` (its em).
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    // Laid out large, because plotters rounds to whole pixels.
    const EM: f64 = 1000.0;
    let font = FontDesc::new(FAMILY.into(), EM * HEIGHT_EM, FontStyle::Normal);
    let width = font
        .layout_box(text)
        .map_or(0, |((left, _), (right, _))| right - left);
    f64::from(width) * size / EM
}

/// `text`, cut with an ellipsis if it is wider than `width` (in the unit of `size`).
pub(crate) fn fit(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let characters: Vec<char> = text.chars().collect();
    let shorten = |kept: usize| {
        let mut short: String = characters[..kept].iter().collect();
        short.push('…');
        short
    };
    // Widths grow with the number of characters, so the longest that fits is found by bisection.
    let (mut fits, mut too_long) = (0, characters.len());
    while too_long - fits > 1 {
        let middle = (fits + too_long) / 2;
        if text_width(&shorten(middle), size) <= width {
            fits = middle;
        } else {
            too_long = middle;
        }
    }
    shorten(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_the_font_file() {
        register().unwrap();
        // Noto Sans: digits advance 572 of 1000 units per em, "i" 258.
        assert!(
            (text_width("0000", 10.0) - 4.0 * 5.72).abs() < 0.05,
            "{}",
            text_width("0000", 10.0)
        );
        assert!((text_width("i", 100.0) - 25.8).abs() < 0.2);
    }

    #[test]
    fn long_labels_are_cut_to_the_width() {
        register().unwrap();
        let cut = fit("a label that is far too long for its place", 7.0, 60.0);
        assert!(cut.ends_with('…') && text_width(&cut, 7.0) <= 60.0);
        assert_eq!(fit("short", 7.0, 60.0), "short");
        assert_eq!(fit("anything", 7.0, 0.0), "…");
    }
}
