//! Every figure against a committed picture, at both widths.
//!
//! `UPDATE_GOLDEN=1 cargo test --release -p fewave-plots golden` writes the pictures anew; look at them before
//! committing. Pictures are small (60 dpi); a pixel may differ by 24 of 255 levels, and a few at most by more, so that
//! another version of the rasteriser passes and a moved or missing mark does not.

use std::fs;
use std::path::PathBuf;

use crate::common;
use fewave_plots::{FigureStyle, render_png};

const DPI: f64 = 60.0;
/// Largest difference of a colour level that counts as equal.
const TOLERANCE: u8 = 24;
/// Share of colour levels that may differ by more.
const OUTLIERS: f64 = 2e-3;

struct Picture {
    size: (u32, u32),
    levels: Vec<u8>,
}

fn decode(bytes: &[u8]) -> Picture {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
        .read_info()
        .unwrap();
    let mut levels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut levels).unwrap();
    Picture {
        size: (info.width, info.height),
        levels,
    }
}

/// Share of levels that differ by more than the tolerance; `None` for other sizes.
fn difference(a: &Picture, b: &Picture) -> Option<f64> {
    if a.size != b.size {
        return None;
    }
    let outliers = a
        .levels
        .iter()
        .zip(&b.levels)
        .filter(|(a, b)| a.abs_diff(**b) > TOLERANCE)
        .count();
    Some(outliers as f64 / a.levels.len() as f64)
}

#[test]
fn figures_equal_their_pictures() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for figure in common::every_figure() {
        for (width, style) in [
            ("column", FigureStyle::column()),
            ("page", FigureStyle::page()),
        ] {
            let path = folder.join(format!("{}-{width}.png", figure.name()));
            let drawn = render_png(figure.name(), &figure.render(&style).unwrap(), DPI).unwrap();
            if update {
                fs::write(&path, &drawn).unwrap();
            }
            let golden = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            match difference(&decode(&drawn), &decode(&golden)) {
                Some(share) if share <= OUTLIERS => {}
                other => wrong.push(format!("{} at {width} width: {other:?}", figure.name())),
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "figures differ from tests/golden (see this file's head): {wrong:#?}"
    );
}

#[test]
fn the_comparison_sees_a_missing_line_and_another_colour() {
    let style = FigureStyle::column();
    let picture = |figure: &dyn fewave_plots::Figure| {
        decode(&render_png("x", &figure.render(&style).unwrap(), DPI).unwrap())
    };
    let whole = picture(&common::error_growth(2, 8, 20));
    let mut less = common::error_growth(2, 8, 20);
    less.baselines[0].values.iter_mut().for_each(|v| *v = 0.5);
    assert!(difference(&whole, &picture(&less)).is_none_or(|share| share > OUTLIERS));
    let mut fields = common::wavefields(1, 2);
    let before = picture(&fields);
    fields.predictions[0].fields[1].mapv_inplace(|v| -v);
    assert!(difference(&before, &picture(&fields)).is_none_or(|share| share > OUTLIERS));
}
