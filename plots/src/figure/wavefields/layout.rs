//! Where the parts of the wavefield figure stand: panels in a grid of equal rectangles that keep the domain's aspect,
//! labels of rows on the left, colour bars on the right. Lengths are in units of the page.

use super::Wavefields;
use crate::axis::{Axis, without_zeros};
use crate::canvas::{CENTIMETRE, Metrics, Rect, clean};
use crate::chart::{Margins, wrap};
use crate::colour_bar;
use crate::colour_map::ColourMap;
use crate::error::{PlotsError, Result};
use crate::figure::short;
use crate::style::FigureStyle;

/// Panels narrower than this show nothing.
const LEAST_PANEL: f64 = 0.7 * CENTIMETRE;

/// The places, in units.
pub(super) struct Layout {
    pub(super) metrics: Metrics,
    pub(super) axes: (Axis, Axis),
    pub(super) margins: Margins,
    /// Colours of the fields.
    pub(super) colours: ColourMap,
    panel: (i32, i32),
    left: i32,
    top: i32,
    gap: i32,
    block_gap: i32,
    /// Lines of a row's label.
    lines: usize,
}

impl Layout {
    pub(super) fn new(figure: &Wavefields, style: &FigureStyle) -> Result<Self> {
        let metrics = Metrics::new(style)?;
        let columns = figure.times.len();
        let [x0, x1, y0, y1] = figure.extent;
        let ratio = (y1 - y0) / (x1 - x0);
        let (gap, right) = (metrics.ems(0.6), metrics.ems(colour_bar::ROOM));
        let axes = |most: (usize, usize)| {
            let x = Axis::linear("x", "m", (x0, x1), most.0).trimmed();
            (x, Axis::linear("y", "m", (y0, y1), most.1).trimmed())
        };
        let (x, y) = axes((3, 3));
        let margins = Margins::of(&metrics, &x, &y);
        let left = |lines: usize| metrics.ems(0.3 + 1.25 * lines as f64) + margins.left;
        let panel_width = |lines: usize| {
            let gaps = gap * (columns as i32 - 1);
            f64::from(metrics.width - left(lines) - right - gaps) / columns as f64
        };
        // A label that is longer than its panel is high is broken into two lines.
        let longest = figure
            .predictions
            .iter()
            .map(|p| metrics.text_width(&clean(&p.label)))
            .max();
        let one_line = f64::from(longest.unwrap_or(0)) <= panel_width(1) * ratio;
        let lines = if one_line { 1 } else { 2 };
        let width = panel_width(lines);
        if width < LEAST_PANEL {
            let room = f64::from(metrics.width - left(lines) - right + gap);
            return Err(PlotsError::Setting {
                what: format!("figure `{}`: number of times", figure.name),
                expected: format!(
                    "at most {} at a width of {} cm",
                    (room / (LEAST_PANEL + f64::from(gap))) as usize,
                    style.width_cm
                ),
                found: columns.to_string(),
            });
        }
        let width = width.min(colour_bar::HIGHEST / ratio);
        let units = |length: f64| length.round().max(1.0) as i32;
        let panel = (units(width), units(width * ratio));
        let ticks = |length: i32| (length / metrics.ems(4.0)).clamp(2, 5) as usize;
        Ok(Self {
            metrics,
            axes: axes((ticks(panel.0), ticks(panel.1))),
            margins,
            colours: style.colour_map,
            panel,
            left: left(lines),
            top: metrics.ems(1.6),
            gap,
            block_gap: metrics.ems(0.8),
            lines,
        })
    }

    /// The panel of `column` in the `row`-th row of the figure, which lies in block `block`.
    pub(super) fn place(&self, block: usize, row: usize, column: usize) -> Rect {
        let (width, height) = self.panel;
        Rect {
            left: self.left + column as i32 * (width + self.gap),
            top: self.top + row as i32 * (height + self.gap) + block as i32 * self.block_gap,
            width,
            height,
        }
    }

    /// Height of a panel with half the gaps above and below it.
    pub(super) fn pitch(&self) -> i32 {
        self.panel.1 + self.gap
    }

    /// A row's label in as many lines as there is room for, the last cut where it is too long.
    pub(super) fn row_label(&self, label: &str) -> Vec<String> {
        let label = clean(label);
        let mut lines = wrap(&self.metrics, &label, self.pitch());
        if lines.len() > self.lines {
            let rest = lines.split_off(self.lines - 1).join(" ");
            lines.push(self.metrics.fit(&rest, self.pitch()));
        }
        lines
    }

    /// Headings of the columns, `t = 0.2 s`, or without `t =` where columns are narrow.
    pub(super) fn headings(&self, times: &[f64]) -> Vec<String> {
        let room = self.panel.0 + self.gap / 2;
        let all = |before: &str| -> Vec<String> {
            times
                .iter()
                .map(|t| format!("{before}{} s", without_zeros(&short(*t))))
                .collect()
        };
        let long = all("t = ");
        if long
            .iter()
            .all(|text| self.metrics.text_width(text) <= room)
        {
            return long;
        }
        all("")
            .into_iter()
            .map(|text| self.metrics.fit(&text, room))
            .collect()
    }
}
