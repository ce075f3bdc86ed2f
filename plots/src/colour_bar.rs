//! The bar beside maps that says what their colours stand for, shared by all figures with fields.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use crate::axis::Axis;
use crate::canvas::{Area, CENTIMETRE, Images, Metrics, Rect, clean, stroke};
use crate::colour_map::{ColourMap, Scale};
use crate::error::Result;
use crate::raster;
use crate::style::INK;

/// Bars and panels higher than this waste paper.
pub(crate) const HIGHEST: f64 = 5.0 * CENTIMETRE;
/// Room that a bar with its numbers (down to −0.010) and title needs beside a panel, in em.
pub(crate) const ROOM: f64 = 7.2;

/// A colour bar.
pub(crate) struct ColourBar<'t> {
    /// What the scale measures, in many words and, where these do not fit, in few.
    pub(crate) titles: [&'t str; 2],
    /// Unit of the scale.
    pub(crate) unit: &'t str,
    /// The scale.
    pub(crate) scale: Scale,
    /// Its colours.
    pub(crate) map: ColourMap,
    /// Whether a value lies beyond the scale, which pointed ends say.
    pub(crate) cut: bool,
}

impl ColourBar<'_> {
    /// Draws the bar to the right of `left`, in the middle between `top` and `bottom`.
    pub(crate) fn draw(
        &self,
        area: &Area<'_>,
        images: &mut Images,
        metrics: &Metrics,
        left: i32,
        (top, bottom): (i32, i32),
    ) -> Result<()> {
        let point = if self.cut { metrics.ems(0.8) } else { 0 };
        let height = (bottom - top).min(HIGHEST as i32);
        let start = (top + bottom - height) / 2;
        // Only a symmetric scale can be left at its low end.
        let symmetric = matches!(self.scale, Scale::Symmetric(_));
        let below = if symmetric { point } else { 0 };
        let bar = Rect {
            left: left + metrics.ems(1.0),
            top: start + point,
            width: metrics.ems(0.9),
            height: height - point - below,
        };
        images.place(bar, &raster::colour_bar(self.scale, self.map)?);
        self.outline(area, bar, point, below)?;

        let (low, high) = self.scale.ends();
        let most = (bar.height / metrics.ems(1.8)).clamp(3, 7) as usize;
        let room = bottom - top;
        let axis = |title: &str| Axis::linear(&clean(title), self.unit, (low, high), most);
        let [long, brief] = self.titles;
        let long = axis(long);
        let axis = if metrics.text_width(&long.title) <= room {
            long
        } else {
            axis(brief)
        };
        let text = metrics.ink((HPos::Left, VPos::Center));
        let mut widest = 0;
        for (tick, label) in axis.ticks.iter().zip(&axis.labels) {
            let share = (high - tick) / (high - low);
            let y = bar.top + (share * f64::from(bar.height)).round() as i32;
            area.draw(&PathElement::new(
                [(bar.right(), y), (bar.right() + 20, y)],
                stroke(INK, 0.6),
            ))?;
            area.draw_text(label, &text, (bar.right() + metrics.ems(0.5), y))?;
            widest = widest.max(metrics.text_width(label));
        }
        // wide numbers push the title outwards, but not off the page
        let x = (bar.right() + metrics.ems(1.2) + widest).min(metrics.width - metrics.ems(0.7));
        let title = metrics.fit(&axis.title, room + metrics.ems(2.0));
        area.draw_text(&title, &metrics.upwards(), (x, bar.centre().1))?;
        Ok(())
    }

    /// The frame of the bar, with its pointed ends.
    fn outline(&self, area: &Area<'_>, bar: Rect, above: i32, below: i32) -> Result<()> {
        let colours = self.scale.colours(self.map);
        let middle = bar.left + bar.width / 2;
        let ends = [
            (above, bar.top, bar.top - above, colours[colours.len() - 1]),
            (below, bar.bottom(), bar.bottom() + below, colours[0]),
        ];
        for (length, edge, tip, colour) in ends {
            if length > 0 {
                let colour = RGBColor(colour[0], colour[1], colour[2]);
                let corners = vec![(bar.left, edge), (middle, tip), (bar.right(), edge)];
                area.draw(&Polygon::new(corners, colour.filled()))?;
            }
        }
        let mut outline = vec![(bar.left, bar.top), (bar.left, bar.bottom())];
        if below > 0 {
            outline.push((middle, bar.bottom() + below));
        }
        outline.extend([(bar.right(), bar.bottom()), (bar.right(), bar.top)]);
        if above > 0 {
            outline.push((middle, bar.top - above));
        }
        outline.push((bar.left, bar.top));
        area.draw(&PathElement::new(outline, stroke(INK, 0.6)))?;
        Ok(())
    }
}

/// A thin frame around a panel.
pub(crate) fn frame(area: &Area<'_>, panel: Rect) -> Result<()> {
    let Rect { left, top, .. } = panel;
    let (right, bottom) = (panel.right(), panel.bottom());
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

/// Dots at 300 dpi in `units` of the page, for the size of a raster.
pub(crate) fn dots(units: i32) -> usize {
    const PER_UNIT: f64 = 300.0 / 72.0 / crate::canvas::POINT;
    ((f64::from(units) * PER_UNIT).round() as usize).max(1)
}
