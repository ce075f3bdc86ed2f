//! FE reference, surrogates and their errors side by side at chosen times.
//!
//! Columns are times. The upper block shows the reference and each prediction on one symmetric scale, the largest
//! reference magnitude over all times given; the lower block shows prediction − reference on its own symmetric scale, the
//! largest error over all models and times, but never more than the field's scale (a diverged surrogate is cut off there,
//! and the bar's pointed ends say so). Neither scale changes between panels, so that panels may be compared.

use ndarray::Array2;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::{Figure, csv_text, finite, same, short, some, with_unit};
use crate::axis::Axis;
use crate::canvas::{self, Area, Images, POINT, Rect, Svg, clean, stroke};
use crate::chart::{self, Grid};
use crate::error::{PlotsError, Result};
use crate::raster;
use crate::style::{FigureStyle, INK};

/// Dots per unit at 300 dpi.
const DOTS_PER_UNIT: f64 = 300.0 / 72.0 / POINT;

mod layout;

use layout::{HIGHEST_PANEL, Layout};

/// One surrogate's fields.
#[derive(Debug, Clone)]
pub struct Prediction {
    /// Name of the model.
    pub label: String,
    /// One field (x, y) per time, in the unit of the figure.
    pub fields: Vec<Array2<f32>>,
}

/// The figure; see the module's words on scales.
#[derive(Debug, Clone)]
pub struct Wavefields {
    /// Stem of the files.
    pub name: String,
    /// What is shown, for the title that screen readers and browsers use, e.g. `test trajectory 3`.
    pub title: String,
    /// Quantity of the field, e.g. `displacement`.
    pub quantity: String,
    /// Its unit, e.g. `m`; may be empty.
    pub unit: String,
    /// First and last x, first and last y of the grid, in m; nodes lie on the ends.
    pub extent: [f64; 4],
    /// The times shown, in s.
    pub times: Vec<f64>,
    /// FE fields (x, y), one per time.
    pub reference: Vec<Array2<f32>>,
    /// The surrogates, in the order of rows.
    pub predictions: Vec<Prediction>,
    /// Nodes inside the domain (x, y), where the domain has holes.
    pub inside: Option<Array2<bool>>,
}

/// A row of panels: its label, its fields and its scale.
struct Row {
    label: String,
    fields: Vec<Array2<f32>>,
    limit: f64,
}

/// Rows on one scale, with the colour bar beside them.
struct Block {
    rows: Vec<Row>,
    title: String,
    limit: f64,
    /// Whether a value lies beyond the scale.
    cut: bool,
}

impl Wavefields {
    fn check(&self) -> Result<()> {
        let name = &self.name;
        some(name, "`times`", &self.times, "choose at least one time")?;
        same(name, "`reference`", self.reference.len(), self.times.len())?;
        let shape = self.reference[0].dim();
        if shape.0 == 0 || shape.1 == 0 {
            let what = "the grid of `reference`".into();
            return Err(PlotsError::Empty {
                figure: name.clone(),
                what,
                remedy: "give fields with nodes",
            });
        }
        for (k, field) in self.reference.iter().enumerate() {
            let what = format!("`reference` {k}");
            same(name, &what, field.dim(), shape)?;
            finite(name, &what, field)?;
        }
        for Prediction { label, fields } in &self.predictions {
            same(
                name,
                &format!("prediction `{label}`"),
                fields.len(),
                self.times.len(),
            )?;
            for (k, field) in fields.iter().enumerate() {
                let what = format!("prediction `{label}` {k}");
                same(name, &what, field.dim(), shape)?;
                finite(name, &what, field)?;
            }
        }
        if let Some(inside) = &self.inside {
            same(name, "`inside`", inside.dim(), shape)?;
        }
        finite(name, "`times`", &ndarray::aview1(&self.times))?;
        finite(name, "`extent`", &ndarray::aview1(&self.extent))?;
        let [x0, x1, y0, y1] = self.extent;
        if x1 > x0 && y1 > y0 {
            return Ok(());
        }
        Err(PlotsError::Setting {
            what: format!("figure `{name}`: extent"),
            expected: "[x0, x1, y0, y1] with x0 < x1 and y0 < y1".into(),
            found: format!("{:?}", self.extent),
        })
    }

    /// Fields and errors with their scales.
    fn blocks(&self) -> Vec<Block> {
        let reference = largest(self.reference.iter());
        let limit = if reference > 0.0 { reference } else { 1.0 };
        let row = |label: &str, fields: &[Array2<f32>], limit| Row {
            label: label.into(),
            fields: fields.to_vec(),
            limit,
        };
        let mut fields = vec![row("FE", &self.reference, limit)];
        fields.extend(
            self.predictions
                .iter()
                .map(|p| row(&p.label, &p.fields, limit)),
        );
        let cut = largest(self.predictions.iter().flat_map(|p| &p.fields)) > limit * (1.0 + 1e-6);
        let mut blocks = vec![Block {
            rows: fields,
            title: self.quantity.clone(),
            limit,
            cut,
        }];
        if self.predictions.is_empty() {
            return blocks;
        }
        let errors: Vec<Vec<Array2<f32>>> = self
            .predictions
            .iter()
            .map(|p| {
                p.fields
                    .iter()
                    .zip(&self.reference)
                    .map(|(p, r)| p - r)
                    .collect()
            })
            .collect();
        let error = largest(errors.iter().flatten());
        let error_limit = if error > 0.0 { error.min(limit) } else { limit };
        let rows = self
            .predictions
            .iter()
            .zip(&errors)
            .map(|(p, e)| row(&p.label, e, error_limit))
            .collect();
        let cut = error > error_limit * (1.0 + 1e-6);
        blocks.push(Block {
            rows,
            title: "error".into(),
            limit: error_limit,
            cut,
        });
        blocks
    }
}

/// Largest magnitude.
fn largest<'a>(fields: impl Iterator<Item = &'a Array2<f32>>) -> f64 {
    fields
        .flatten()
        .fold(0.0, |most, value| f64::from(value.abs()).max(most))
}

impl Figure for Wavefields {
    fn name(&self) -> &str {
        &self.name
    }

    fn render(&self, style: &FigureStyle) -> Result<Svg> {
        self.check()?;
        let layout = Layout::new(self, style)?;
        let blocks = self.blocks();
        let rows: usize = blocks.iter().map(|block| block.rows.len()).sum();
        let last = layout.place(blocks.len() - 1, rows - 1, 0);
        let height = last.bottom() + layout.margins.bottom;
        canvas::page(
            style,
            height,
            &self.title,
            &self.alt_text(),
            |area, images| {
                let mut first = 0;
                for (place, block) in blocks.iter().enumerate() {
                    for (k, row) in block.rows.iter().enumerate() {
                        draw_row(
                            self,
                            &layout,
                            area,
                            images,
                            row,
                            (place, first + k, first + k + 1 == rows),
                        )?;
                    }
                    let top = layout.place(place, first, 0).top;
                    let bottom = layout
                        .place(place, first + block.rows.len() - 1, 0)
                        .bottom();
                    draw_bar(self, &layout, area, images, block, (top, bottom))?;
                    first += block.rows.len();
                }
                let heading = layout.metrics.ink((HPos::Center, VPos::Bottom));
                for (column, text) in layout.headings(&self.times).iter().enumerate() {
                    let panel = layout.place(0, 0, column);
                    area.draw_text(
                        text,
                        &heading,
                        (panel.centre().0, panel.top - layout.metrics.ems(0.15)),
                    )?;
                }
                Ok(())
            },
        )
    }

    fn csv(&self) -> Result<String> {
        self.check()?;
        let quantity = with_unit(&self.quantity, &self.unit);
        let mut header = vec![
            "time (s)".into(),
            "x (m)".into(),
            "y (m)".into(),
            format!("FE {quantity}"),
        ];
        header.extend(
            self.predictions
                .iter()
                .map(|p| format!("{} {quantity}", p.label)),
        );
        let [x0, x1, y0, y1] = self.extent;
        let node = |i: usize, n: usize, low: f64, high: f64| {
            low + (high - low) * i as f64 / (n.max(2) - 1) as f64
        };
        let (nx, ny) = self.reference[0].dim();
        let rows = self.times.iter().enumerate().flat_map(|(k, time)| {
            self.reference[k]
                .indexed_iter()
                .map(move |((i, j), value)| {
                    let mut row = vec![
                        time.to_string(),
                        node(i, nx, x0, x1).to_string(),
                        node(j, ny, y0, y1).to_string(),
                        value.to_string(),
                    ];
                    row.extend(
                        self.predictions
                            .iter()
                            .map(|p| p.fields[k][[i, j]].to_string()),
                    );
                    row
                })
        });
        csv_text(&header, rows)
    }

    fn alt_text(&self) -> String {
        let names: Vec<&str> = self.predictions.iter().map(|p| p.label.as_str()).collect();
        let blocks = self.blocks();
        let mut text = format!(
            "Maps of {} at {} times, {} to {} s: FE",
            self.quantity,
            self.times.len(),
            short(self.times.first().copied().unwrap_or(0.0)),
            short(self.times.last().copied().unwrap_or(0.0)),
        );
        if !names.is_empty() {
            text.push_str(&format!(", {} and their errors", names.join(", ")));
        }
        text.push_str(&format!(
            ". Colours from −{0} to {0} {1}",
            short(blocks[0].limit),
            self.unit
        ));
        if let Some(errors) = blocks.get(1) {
            text.push_str(&format!(
                ", errors from −{0} to {0} {1}",
                short(errors.limit),
                self.unit
            ));
        }
        text.push('.');
        text
    }
}

fn draw_row(
    figure: &Wavefields,
    layout: &Layout,
    area: &Area<'_>,
    images: &mut Images,
    row: &Row,
    (block, place, last): (usize, usize, bool),
) -> Result<()> {
    let metrics = &layout.metrics;
    let dots = |units: i32| ((f64::from(units) * DOTS_PER_UNIT).round() as usize).max(1);
    for (column, field) in row.fields.iter().enumerate() {
        let panel = layout.place(block, place, column);
        let png = raster::paint(
            field,
            figure.inside.as_ref(),
            row.limit,
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
fn draw_bar(
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
    let axis = Axis::linear(
        &block.title,
        &figure.unit,
        (-block.limit, block.limit),
        most,
    );
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
    let title = metrics.fit(&clean(&axis.title), bottom - top + metrics.ems(2.0));
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
