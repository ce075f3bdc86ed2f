//! Panels and colour bars of the wavefield figure.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::layout::{HIGHEST_PANEL, Layout};
use super::{Block, Row, Wavefields};
use crate::axis::Axis;
use crate::canvas::{Area, Images, POINT, Rect, clean, stroke};
use crate::chart::{self, Grid};
use crate::error::Result;
use crate::raster;
use crate::style::INK;

/// Dots per unit at 300 dpi.
const DOTS_PER_UNIT: f64 = 300.0 / 72.0 / POINT;

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
    let dots = |units: i32| ((f64::from(units) * DOTS_PER_UNIT).round() as usize).max(1);
    for (column, field) in row.fields.iter().enumerate() {
        let panel = layout.place(block, place, column);
        let png = raster::paint(
            field,
            figure.inside.as_ref(),
            limit,
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
    (top, bottom): (i32, i32),
) -> Result<()> {
    let metrics = &layout.metrics;
    let last = layout.place(0, 0, figure.times.len() - 1);
    let point = if block.cut { metrics.ems(0.8) } else { 0 };
    let height = (bottom - top).min(HIGHEST_PANEL as i32);
    let start = (top + bottom - height) / 2;
    let bar = Rect {
        left: last.right() + metrics.ems(1.0),
        top: start + point,
        width: metrics.ems(0.9),
        height: height - 2 * point,
    };
    images.place(bar, &raster::colour_bar()?);
    let colours = crate::colour_map::diverging();
    let middle = bar.left + bar.width / 2;
    let mut outline = vec![(bar.left, bar.top), (bar.left, bar.bottom())];
    if block.cut {
        // Pointed ends: some value lies beyond the scale.
        for (edge, tip, colour) in [
            (bar.top, bar.top - point, colours[colours.len() - 1]),
            (bar.bottom(), bar.bottom() + point, colours[0]),
        ] {
            let colour = RGBColor(colour[0], colour[1], colour[2]);
            let corners = vec![(bar.left, edge), (middle, tip), (bar.right(), edge)];
            area.draw(&Polygon::new(corners, colour.filled()))?;
        }
        outline.push((middle, bar.bottom() + point));
    }
    outline.extend([(bar.right(), bar.bottom()), (bar.right(), bar.top)]);
    if block.cut {
        outline.push((middle, bar.top - point));
    }
    outline.push((bar.left, bar.top));
    area.draw(&PathElement::new(outline, stroke(INK, 0.6)))?;

    let most = (bar.height / metrics.ems(1.8)).clamp(3, 7) as usize;
    let room = bottom - top;
    let scale = |title: &str| {
        let ends = (-block.limit, block.limit);
        Axis::linear(&clean(title), &figure.unit, ends, most)
    };
    let [long, brief] = &block.titles;
    let long = scale(long);
    let axis = if metrics.text_width(&long.title) <= room {
        long
    } else {
        scale(brief)
    };
    let text = metrics.ink((HPos::Left, VPos::Center));
    let mut widest = 0;
    for (tick, label) in axis.ticks.iter().zip(&axis.labels) {
        let share = (block.limit - tick) / (2.0 * block.limit);
        let y = bar.top + (share * f64::from(bar.height)).round() as i32;
        area.draw(&PathElement::new(
            [(bar.right(), y), (bar.right() + 20, y)],
            stroke(INK, 0.6),
        ))?;
        area.draw_text(label, &text, (bar.right() + metrics.ems(0.5), y))?;
        widest = widest.max(metrics.text_width(label));
    }
    let x = bar.right() + metrics.ems(1.3) + widest;
    let title = metrics.fit(&axis.title, room + metrics.ems(2.0));
    area.draw_text(&title, &metrics.upwards(), (x, bar.centre().1))?;
    Ok(())
}

/// A thin frame around a panel.
fn frame(
    area: &Area<'_>,
    Rect {
        left,
        top,
        width,
        height,
    }: Rect,
) -> Result<()> {
    let (right, bottom) = (left + width, top + height);
    let corners = [
        (left, top),
        (right, top),
        (right, bottom),
        (left, bottom),
        (left, top),
    ];
    area.draw(&PathElement::new(corners, stroke(INK, 0.6)))?;
    Ok(())
}
