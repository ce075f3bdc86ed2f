//! Panels and colour bars of the wavefield figure.

use super::layout::Layout;
use super::{Block, Row, Wavefields};
use crate::canvas::{Area, Images};
use crate::chart::{self, Grid};
use crate::colour_bar::{ColourBar, dots, frame};
use crate::colour_map::Scale;
use crate::error::Result;
use crate::raster;

/// Where a row stands.
pub(super) struct Spot {
    pub(super) block: usize,
    /// Counted over the whole figure.
    pub(super) row: usize,
    /// Whether it is the figure's last.
    pub(super) last: bool,
}

/// Paints one row of panels; only the last row carries the axes' text.
pub(super) fn draw_row(
    figure: &Wavefields,
    layout: &Layout,
    (area, images): (&Area<'_>, &mut Images),
    (row, limit): (&Row, f64),
    Spot {
        block,
        row: place,
        last,
    }: Spot,
) -> Result<()> {
    let metrics = &layout.metrics;
    for (column, field) in row.fields.iter().enumerate() {
        let panel = layout.place(block, place, column);
        let png = raster::paint(
            field,
            figure.inside.as_ref(),
            (Scale::Symmetric(limit), layout.colours),
            (dots(panel.width), dots(panel.height)),
        )?;
        images.place(panel, &png);
        // All panels share their axes: the numbers stand at one corner, so that they never run into each other.
        let (mut x, mut y) = layout.axes.clone();
        if !last || column > 0 {
            (x, y) = (x.without_text(), y.without_text());
        }
        chart::axes(area, metrics, panel, layout.margins, (&x, &y), Grid::None)?;
        frame(area, panel)?;
    }
    let (_, middle) = layout.place(block, place, 0).centre();
    for (k, line) in layout.row_label(&row.label).iter().enumerate() {
        let x = metrics.ems(0.7 + 1.25 * k as f64);
        area.draw_text(line, &metrics.upwards(), (x, middle))?;
    }
    Ok(())
}

/// The colour bar of a block, beside the panels between `top` and `bottom`.
pub(super) fn draw_bar(
    figure: &Wavefields,
    layout: &Layout,
    area: &Area<'_>,
    images: &mut Images,
    block: &Block,
    ends: (i32, i32),
) -> Result<()> {
    let last = layout.place(0, 0, figure.times.len() - 1);
    ColourBar {
        titles: [&block.titles[0], &block.titles[1]],
        unit: &figure.unit,
        scale: Scale::Symmetric(block.limit),
        map: layout.colours,
        cut: block.cut,
    }
    .draw(area, images, &layout.metrics, last.right(), ends)
}
