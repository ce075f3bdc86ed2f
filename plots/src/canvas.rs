//! A page for one figure: plotters draws lines and text on it, rasters are placed under them, and the result is one
//! SVG whose size is in centimetres.
//!
//! plotters' SVG coordinates are integers, so one unit is a tenth of a point (2.83 units per 0.1 mm): finer than a
//! printer's dot at every width. Rasters are placed here and not by plotters' `blit_bitmap`, which ties one pixel to one unit
//! and writes `data:png`, which is no media type.

use std::fmt::Write as _;

use base64::Engine as _;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontTransform, ShapeStyle};

use crate::axis;
use crate::error::Result;
use crate::font;
use crate::style::{FigureStyle, INK, Tone};

/// Units per point.
pub(crate) const POINT: f64 = 10.0;
/// Units per centimetre.
pub(crate) const CENTIMETRE: f64 = POINT * 72.0 / 2.54;

/// The drawing area of a page, in units, origin at the upper left corner.
pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A finished figure: one SVG drawing with text as text and no reference to anything outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Svg {
    /// Width in cm.
    pub width_cm: f64,
    /// Height in cm.
    pub height_cm: f64,
    units: (i32, i32),
    title: String,
    description: String,
    body: String,
}

impl Svg {
    /// The document, from `<svg` to `</svg>`, with its physical size, a title and a description.
    pub fn markup(&self) -> String {
        let size = format!(
            "width=\"{}cm\" height=\"{:.4}cm\"",
            self.width_cm, self.height_cm
        );
        let (title, description) = (escape_xml(&self.title), escape_xml(&self.description));
        let words = format!("<title>{title}</title>\n<desc>{description}</desc>\n");
        self.element(&size, &words)
    }

    /// The drawing as an element of an HTML page, named `label`: one picture for screen readers, or a group of them where
    /// points can be asked what they are. Its size is left to the page's style sheet.
    pub(crate) fn inline(&self, label: &str) -> String {
        let role = if self.body.contains("class=\"target\"") {
            "group"
        } else {
            "img"
        };
        self.element(
            &format!("role=\"{role}\" aria-label=\"{}\"", escape_xml(label)),
            "",
        )
    }

    /// Bytes that the drawing takes in a page.
    pub(crate) fn len(&self) -> usize {
        self.body.len()
    }

    fn element(&self, attributes: &str, words: &str) -> String {
        let (width, height) = self.units;
        let body = &self.body;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" {attributes} viewBox=\"0 0 {width} {height}\">\n{words}{body}"
        )
    }
}

/// A rectangle in units: left, top, width, height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rect {
    pub(crate) left: i32,
    pub(crate) top: i32,
    pub(crate) width: i32,
    pub(crate) height: i32,
}

impl Rect {
    pub(crate) fn right(&self) -> i32 {
        self.left + self.width
    }

    pub(crate) fn bottom(&self) -> i32 {
        self.top + self.height
    }

    pub(crate) fn centre(&self) -> (i32, i32) {
        (self.left + self.width / 2, self.top + self.height / 2)
    }
}

/// What plotters does not draw: PNG images under the drawing, and invisible targets over it that say what lies below a
/// pointer.
#[derive(Default)]
pub(crate) struct Images {
    rasters: String,
    targets: String,
}

impl Images {
    /// Stretches `png` over `place`.
    pub(crate) fn place(&mut self, place: Rect, png: &[u8]) {
        let Rect {
            left,
            top,
            width,
            height,
        } = place;
        let data = base64::engine::general_purpose::STANDARD.encode(png);
        // Writing to a string cannot fail.
        let _ = writeln!(
            self.rasters,
            r#"<image x="{left}" y="{top}" width="{width}" height="{height}" preserveAspectRatio="none" href="data:image/png;base64,{data}"/>"#
        );
    }

    /// Says `text` about the circle of `radius` at `(x, y)`: browsers show it when the pointer rests there, and the report
    /// also when it is reached by keyboard. Nothing is drawn.
    pub(crate) fn target(&mut self, (x, y): (i32, i32), radius: i32, text: &str) {
        let text = escape_xml(text);
        let _ = writeln!(
            self.targets,
            r#"<circle class="target" cx="{x}" cy="{y}" r="{radius}" fill="none" pointer-events="all"><title>{text}</title></circle>"#
        );
    }
}

/// Text size and margins derived from a style, in units.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Metrics {
    /// Width of the page.
    pub(crate) width: i32,
    /// Em of all text.
    pub(crate) em: f64,
}

impl Metrics {
    pub(crate) fn new(style: &FigureStyle) -> Result<Self> {
        style.check()?;
        font::register()?;
        Ok(Self {
            width: (style.width_cm * CENTIMETRE).round() as i32,
            em: style.font_size_pt * POINT,
        })
    }

    /// `factor` em in units.
    pub(crate) fn ems(&self, factor: f64) -> i32 {
        (self.em * factor).round() as i32
    }

    /// Width of `text` in units, rounded up.
    pub(crate) fn text_width(&self, text: &str) -> i32 {
        font::text_width(text, self.em).ceil() as i32
    }

    /// `text` cut to `width` units.
    pub(crate) fn fit(&self, text: &str, width: i32) -> String {
        font::fit(text, self.em, f64::from(width))
    }

    /// A text style anchored at `(horizontal, vertical)`.
    pub(crate) fn text(&self, tone: Tone, anchor: (HPos, VPos)) -> TextStyle<'static> {
        (font::FAMILY, self.em * font::PLOTTERS_EM)
            .into_font()
            .color(&tone.light)
            .pos(Pos::new(anchor.0, anchor.1))
    }

    /// Ink, anchored at `(horizontal, vertical)`.
    pub(crate) fn ink(&self, anchor: (HPos, VPos)) -> TextStyle<'static> {
        self.text(INK, anchor)
    }

    /// Ink that reads upwards, centred.
    pub(crate) fn upwards(&self) -> TextStyle<'static> {
        self.ink((HPos::Center, VPos::Center))
            .transform(FontTransform::Rotate270)
    }
}

/// A stroke of `points` pt.
pub(crate) fn stroke(tone: Tone, points: f64) -> ShapeStyle {
    tone.light.stroke_width((points * POINT).round() as u32)
}

/// Draws a page of the style's width and `height` units. `title` and `description` are what screen readers get.
pub(crate) fn page(
    style: &FigureStyle,
    height: i32,
    title: &str,
    description: &str,
    paint: impl FnOnce(&Area<'_>, &mut Images) -> Result<()>,
) -> Result<Svg> {
    let width = Metrics::new(style)?.width;
    let mut drawing = String::new();
    let mut images = Images::default();
    {
        let area = SVGBackend::with_string(&mut drawing, (width as u32, height.max(1) as u32))
            .into_drawing_area();
        paint(&area, &mut images)?;
        area.present()?;
    }
    // plotters' own root element has no physical size and no title: it is replaced.
    let strokes = drawing.split_once(">\n").map_or("", |(_, rest)| rest);
    let mut strokes = raise_exponents(&only_drawable(strokes));
    if !images.targets.is_empty() {
        let end = strokes.rfind("</svg>").unwrap_or(strokes.len());
        strokes.insert_str(end, &images.targets);
    }
    Ok(Svg {
        width_cm: style.width_cm,
        height_cm: f64::from(height) / CENTIMETRE,
        units: (width, height),
        title: title.to_owned(),
        description: description.to_owned(),
        body: images.rasters + &strokes,
    })
}

/// Sets Unicode superscripts as raised digits: the font has no superscript minus sign, and its superscript digits are of
/// two designs.
fn raise_exponents(markup: &str) -> String {
    let mut set = String::with_capacity(markup.len());
    let (mut raised, mut lowered) = (false, false);
    for character in markup.chars() {
        let digit = axis::superscript(character);
        if digit.is_some() && !raised {
            if lowered {
                set.push_str("</tspan>");
                lowered = false;
            }
            set.push_str("<tspan font-size=\"72%\" dy=\"-0.5em\">");
        } else if digit.is_none() && raised {
            set.push_str("</tspan>");
            // What follows on the line comes down by the same length, in the em of the full size.
            if !matches!(character, '\n' | '<') {
                set.push_str("<tspan dy=\"0.36em\">");
                lowered = true;
            }
        } else if lowered && character == '<' {
            set.push_str("</tspan>");
            lowered = false;
        }
        raised = digit.is_some();
        set.push(digit.map_or(character, |d| if d == '-' { '−' } else { d }));
    }
    set
}

/// `text` with the five characters that XML and HTML reserve escaped, and control characters (which XML forbids) replaced.
pub(crate) fn escape_xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if printable(c) => escaped.push(c),
            _ => escaped.push('\u{FFFD}'),
        }
    }
    escaped
}

/// `text` as it will be drawn, to measure it by: on one line and in the scripts of the bundled font.
pub(crate) fn clean(text: &str) -> String {
    only_drawable(&text.replace(['\t', '\n', '\r'], " "))
}

/// `text` in the scripts of the bundled font (Latin, Greek, Cyrillic, common signs), any other character but the end of a
/// line replaced; plotters writes labels as they are, XML forbids some characters even when escaped, and usvg 0.45 panics
/// on combining characters that the font lacks.
fn only_drawable(text: &str) -> String {
    let replace = |c: char| match c {
        c if c == '\n' || drawable(c) => c,
        _ => '\u{FFFD}',
    };
    text.chars().map(replace).collect()
}

fn drawable(c: char) -> bool {
    matches!(c,
        ' '..='~' | '\u{A0}'..='\u{AC}' | '\u{AE}'..='\u{24F}' | '\u{384}'..='\u{3FF}' | '\u{400}'..='\u{482}'
        | '\u{48A}'..='\u{52F}' | '\u{1E00}'..='\u{1EFF}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205E}'
        | '\u{2070}'..='\u{209C}' | '\u{20A0}'..='\u{20BF}' | '\u{2190}'..='\u{22FF}')
}

fn printable(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r') || (!c.is_control() && !matches!(c, '\u{FFFE}' | '\u{FFFF}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_are_raised_and_the_baseline_returns() {
        assert_eq!(
            raise_exponents("<text>\n10⁻³ m\n</text>\n<text>\n10⁴\n</text>\n"),
            "<text>\n10<tspan font-size=\"72%\" dy=\"-0.5em\">−3</tspan><tspan dy=\"0.36em\"> m\n</tspan></text>\n\
             <text>\n10<tspan font-size=\"72%\" dy=\"-0.5em\">4</tspan>\n</text>\n"
        );
        assert_eq!(raise_exponents("<text>plain</text>"), "<text>plain</text>");
        // Every element is closed before the next is opened.
        assert_eq!(
            raise_exponents("<text>\n²A⁰\n</text>\n"),
            "<text>\n<tspan font-size=\"72%\" dy=\"-0.5em\">2</tspan><tspan dy=\"0.36em\">A</tspan>\
             <tspan font-size=\"72%\" dy=\"-0.5em\">0</tspan>\n</text>\n"
        );
    }

    #[test]
    fn what_xml_forbids_is_replaced() {
        assert_eq!(
            escape_xml("<a & \"b\" 'c'>\u{0}"),
            "&lt;a &amp; &quot;b&quot; &#39;c&#39;&gt;\u{FFFD}"
        );
        assert_eq!(clean("a\nb\u{1}<"), "a b\u{FFFD}<");
    }
}
