//! FE reference, surrogates and their errors side by side at chosen times.
//!
//! Columns are times. The upper block shows the reference and each prediction on one symmetric scale, the largest
//! reference magnitude over all times given; the lower block shows prediction − reference on its own symmetric scale, the
//! largest error over all models and times, but never more than the field's scale (a diverged surrogate is cut off there,
//! and the bar's pointed ends say so; what is not finite is black). Neither scale changes between panels, so that panels may be compared.

use ndarray::Array2;
use plotters::style::text_anchor::{HPos, VPos};

use super::{Figure, csv_text, finite, same, short, some, with_unit};
use crate::canvas::{self, Svg};
use crate::error::{PlotsError, Result};
use crate::style::{FigureStyle, MUTED};

mod drawing;
mod layout;

use drawing::{Spot, draw_bar, draw_row};
use layout::Layout;

/// One surrogate's fields.
#[derive(Debug, Clone)]
pub struct Prediction {
    /// Name of the model.
    pub label: String,
    /// One field (x, y) per time, in the unit of the figure; values may be NaN or infinite (a diverged rollout).
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

/// A row of panels.
struct Row {
    label: String,
    fields: Vec<Array2<f32>>,
}

/// Rows on one scale, with the colour bar beside them.
struct Block {
    rows: Vec<Row>,
    /// What the scale measures, in many words and in few.
    titles: [String; 2],
    /// The scale's end.
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

    /// What the two colours beside the map mean, where they occur.
    fn note(&self) -> String {
        let mut meanings = Vec::new();
        if self
            .inside
            .as_ref()
            .is_some_and(|inside| inside.iter().any(|inside| !inside))
        {
            meanings.push("grey: outside the domain");
        }
        let mut predicted = self.predictions.iter().flat_map(|p| &p.fields).flatten();
        if predicted.any(|value| !value.is_finite()) {
            meanings.push("black: not finite");
        }
        meanings.join("; ")
    }

    /// Fields and errors with their scales.
    fn blocks(&self) -> Vec<Block> {
        let reference = largest(self.reference.iter());
        let limit = if reference > 0.0 { reference } else { 1.0 };
        let row = |label: &str, fields: Vec<Array2<f32>>| Row {
            label: label.into(),
            fields,
        };
        let mut fields = vec![row("FE", self.reference.clone())];
        fields.extend(
            self.predictions
                .iter()
                .map(|p| row(&p.label, p.fields.clone())),
        );
        let beyond = |most: f64, limit: f64| most > limit * (1.0 + 1e-6);
        let predicted = largest(self.predictions.iter().flat_map(|p| &p.fields));
        let mut blocks = vec![Block {
            rows: fields,
            titles: [self.quantity.clone(), self.quantity.clone()],
            limit,
            cut: beyond(predicted, limit),
        }];
        if self.predictions.is_empty() {
            return blocks;
        }
        let rows: Vec<Row> = self
            .predictions
            .iter()
            .map(|p| {
                row(
                    &p.label,
                    p.fields
                        .iter()
                        .zip(&self.reference)
                        .map(|(p, r)| p - r)
                        .collect(),
                )
            })
            .collect();
        let error = largest(rows.iter().flat_map(|row| &row.fields));
        let error_limit = if error > 0.0 { error.min(limit) } else { limit };
        blocks.push(Block {
            rows,
            titles: ["error: prediction − FE".into(), "error".into()],
            limit: error_limit,
            cut: beyond(error, error_limit),
        });
        blocks
    }
}

/// Largest finite magnitude.
fn largest<'a>(fields: impl Iterator<Item = &'a Array2<f32>>) -> f64 {
    fields
        .flatten()
        .filter(|value| value.is_finite())
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
        let note = self.note();
        let note_height = if note.is_empty() {
            0
        } else {
            layout.metrics.ems(1.6)
        };
        let height = last.bottom() + layout.margins.bottom + note_height;
        canvas::page(
            style,
            height,
            &self.title,
            &self.alt_text(),
            |area, images| {
                let mut first = 0;
                for (place, block) in blocks.iter().enumerate() {
                    for (k, row) in block.rows.iter().enumerate() {
                        let spot = Spot {
                            block: place,
                            row: first + k,
                            last: first + k + 1 == rows,
                        };
                        draw_row(self, &layout, (area, images), (row, block.limit), spot)?;
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
                let below = layout.metrics.text(MUTED, (HPos::Left, VPos::Bottom));
                if !note.is_empty() {
                    area.draw_text(&note, &below, (last.left, height - layout.metrics.ems(0.3)))?;
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
        if !self.note().is_empty() {
            text.push_str(&format!(" {}.", self.note()));
        }
        text
    }
}
