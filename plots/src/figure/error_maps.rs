//! Where a surrogate errs: maps of its error over the domain, on average and at worst over trajectories.
//!
//! One column per model; the upper panel is the mean over trajectories, the lower one the largest at each point. Each kind
//! has one sequential scale from zero for all models, so that panels may be compared. Errors are relative; scales end at
//! 2 at the latest, so that a diverged model does not make the others white (the bar's pointed end says so); what is not
//! finite is black.

use ndarray::Array2;
use plotters::style::text_anchor::{HPos, VPos};

use super::{Figure, csv_text, same, short, some};
use crate::axis::Axis;
use crate::canvas::{self, Area, Images, Metrics, Rect, Svg, clean};
use crate::chart::{self, Grid, Margins};
use crate::colour_bar::{self, ColourBar, dots, frame};
use crate::colour_map::Scale;
use crate::error::{PlotsError, Result};
use crate::raster;
use crate::style::{FigureStyle, MUTED};

/// Scales end here at the latest: an error of twice the reference.
const MOST: f64 = 2.0;
/// Panels are no narrower, in cm.
const LEAST_PANEL_CM: f64 = 2.2;

/// A model's errors over the domain.
#[derive(Debug, Clone)]
pub struct ErrorMap {
    /// Name of the model.
    pub label: String,
    /// Mean over trajectories (x, y), not negative; NaN or infinite where a rollout has diverged.
    pub mean: Array2<f32>,
    /// Largest over trajectories (x, y).
    pub worst: Array2<f32>,
}

/// The figure.
#[derive(Debug, Clone)]
pub struct ErrorMaps {
    /// Stem of the files.
    pub name: String,
    /// Title for readers who do not see the figure.
    pub title: String,
    /// The error measure, relative to the reference, e.g. `RMS error over time / RMS of FE`.
    pub metric: String,
    /// First and last x, first and last y of the grid, in m; nodes lie on the ends.
    pub extent: [f64; 4],
    /// The models.
    pub models: Vec<ErrorMap>,
    /// Nodes inside the domain (x, y), where the domain has holes.
    pub inside: Option<Array2<bool>>,
}

/// One of the maps of a model.
type Pick = fn(&ErrorMap) -> &Array2<f32>;

/// The two maps of a model.
const KINDS: [(&str, Pick); 2] = [("mean", |m| &m.mean), ("worst", |m| &m.worst)];

impl ErrorMaps {
    fn check(&self) -> Result<()> {
        let name = &self.name;
        some(name, "`models`", &self.models, "give at least one model")?;
        let shape = self.models[0].mean.dim();
        if shape.0 == 0 || shape.1 == 0 {
            return Err(PlotsError::Empty {
                figure: name.clone(),
                what: "the grid of the maps".into(),
                remedy: "give maps with nodes",
            });
        }
        for model in &self.models {
            for (kind, map) in KINDS {
                let what = format!("{kind} of `{}`", model.label);
                same(name, &what, map(model).dim(), shape)?;
                if let Some((place, value)) = map(model).indexed_iter().find(|(_, v)| **v < 0.0) {
                    return Err(PlotsError::Value {
                        figure: name.clone(),
                        what,
                        place: format!("index {place:?}"),
                        expected: "a number that is not negative",
                        found: f64::from(*value),
                    });
                }
            }
        }
        if let Some(inside) = &self.inside {
            same(name, "`inside`", inside.dim(), shape)?;
        }
        let [x0, x1, y0, y1] = self.extent;
        if x1 > x0 && y1 > y0 && self.extent.iter().all(|v| v.is_finite()) {
            return Ok(());
        }
        Err(PlotsError::Setting {
            what: format!("figure `{name}`: extent"),
            expected: "[x0, x1, y0, y1] with x0 < x1 and y0 < y1".into(),
            found: format!("{:?}", self.extent),
        })
    }

    /// Largest finite value of a kind over all models.
    fn largest(&self, map: Pick) -> f64 {
        let values = self.models.iter().flat_map(map);
        values
            .filter(|v| v.is_finite())
            .fold(0.0, |most, v| most.max(f64::from(*v)))
    }

    fn diverged(&self) -> bool {
        let mut values = self
            .models
            .iter()
            .flat_map(|m| m.mean.iter().chain(&m.worst));
        values.any(|v| !v.is_finite())
    }

    fn note(&self) -> String {
        let mut meanings = Vec::new();
        let holes = self.inside.as_ref().is_some_and(|i| i.iter().any(|i| !i));
        if holes {
            meanings.push("grey: outside the domain");
        }
        if self.diverged() {
            meanings.push("black: not finite");
        }
        meanings.join("; ")
    }
}

/// Where panels stand.
struct Layout {
    metrics: Metrics,
    axes: (Axis, Axis),
    margins: Margins,
    panel: (i32, i32),
    left: i32,
    gap: i32,
    /// Between the rows of a group, so that numbers of their bars stay apart.
    row_gap: i32,
    heading: i32,
    columns: usize,
}

impl Layout {
    fn new(figure: &ErrorMaps, style: &FigureStyle) -> Result<Self> {
        let metrics = Metrics::new(style)?;
        let [x0, x1, y0, y1] = figure.extent;
        let ratio = (y1 - y0) / (x1 - x0);
        let axes = |most: (usize, usize)| {
            let x = Axis::linear("x", "m", (x0, x1), most.0).trimmed();
            (x, Axis::linear("y", "m", (y0, y1), most.1).trimmed())
        };
        let (x, y) = axes((3, 3));
        let margins = Margins::of(&metrics, &x, &y);
        let (gap, left) = (metrics.ems(0.6), metrics.ems(1.6) + margins.left);
        let room = metrics.width - left - metrics.ems(colour_bar::ROOM) + gap;
        let least = (LEAST_PANEL_CM * canvas::CENTIMETRE) as i32 + gap;
        let columns = ((room / least).max(1) as usize).min(figure.models.len());
        let width = (f64::from(room) / columns as f64 - f64::from(gap))
            .min(colour_bar::HIGHEST / ratio)
            .max(1.0);
        let panel = (width as i32, (width * ratio).round().max(1.0) as i32);
        let ticks = |length: i32| (length / metrics.ems(4.0)).clamp(2, 5) as usize;
        Ok(Self {
            axes: axes((ticks(panel.0), ticks(panel.1))),
            margins,
            panel,
            left,
            gap,
            row_gap: metrics.ems(1.2),
            heading: metrics.ems(1.6),
            columns,
            metrics,
        })
    }

    /// The panel of model `model` and kind `kind`; groups of two rows stand below each other.
    fn place(&self, model: usize, kind: usize) -> Rect {
        let (group, column) = (model / self.columns, model % self.columns);
        let (width, height) = self.panel;
        let group_height = self.heading + 2 * (height + self.row_gap);
        Rect {
            left: self.left + column as i32 * (width + self.gap),
            top: group as i32 * group_height + self.heading + kind as i32 * (height + self.row_gap),
            width,
            height,
        }
    }
}

impl ErrorMaps {
    fn draw_kind(
        &self,
        style: &FigureStyle,
        layout: &Layout,
        (area, images): (&Area<'_>, &mut Images),
        kind: usize,
    ) -> Result<()> {
        let (metrics, models) = (&layout.metrics, self.models.len());
        let (word, map) = KINDS[kind];
        let most = self.largest(map);
        let limit = if most > 0.0 { most.min(MOST) } else { 1.0 };
        let scale = Scale::Range(0.0, limit);
        for (place, model) in self.models.iter().enumerate() {
            let panel = layout.place(place, kind);
            let png = raster::paint(
                map(model),
                self.inside.as_ref(),
                (scale, style.colour_map),
                (dots(panel.width), dots(panel.height)),
            )?;
            images.place(panel, &png);
            let (mut x, mut y) = layout.axes.clone();
            // The numbers stand once, at the lower left corner.
            if kind == 0 || place != (models - 1) / layout.columns * layout.columns {
                (x, y) = (x.without_text(), y.without_text());
            }
            chart::axes(area, metrics, panel, layout.margins, (&x, &y), Grid::None)?;
            frame(area, panel)?;
            let (centre, middle) = panel.centre();
            if kind == 0 {
                let heading = metrics.fit(&clean(&model.label), panel.width + layout.gap / 2);
                let above = (centre, panel.top - metrics.ems(0.15));
                area.draw_text(&heading, &metrics.ink((HPos::Center, VPos::Bottom)), above)?;
            }
            let first = place % layout.columns == 0;
            if first {
                area.draw_text(word, &metrics.upwards(), (metrics.ems(0.7), middle))?;
            }
            let last = place % layout.columns == layout.columns - 1 || place == models - 1;
            if last {
                // Bars stand in one line, even where the last group is not full.
                let edge = layout.place(layout.columns - 1, kind).right();
                ColourBar {
                    titles: [&format!("{word} {}", self.metric), &format!("{word} error")],
                    unit: "",
                    scale,
                    map: style.colour_map,
                    cut: most > limit * (1.0 + 1e-6),
                }
                .draw(area, images, metrics, edge, (panel.top, panel.bottom()))?;
            }
        }
        Ok(())
    }
}

impl Figure for ErrorMaps {
    fn name(&self) -> &str {
        &self.name
    }

    fn render(&self, style: &FigureStyle) -> Result<Svg> {
        self.check()?;
        let layout = Layout::new(self, style)?;
        let last = layout.place(self.models.len() - 1, 1);
        let note = self.note();
        let below = if note.is_empty() {
            0
        } else {
            layout.metrics.ems(1.6)
        };
        let height = last.bottom() + layout.margins.bottom + below;
        let words = self.alt_text();
        canvas::page(style, height, &self.title, &words, |area, images| {
            for kind in 0..KINDS.len() {
                self.draw_kind(style, &layout, (area, &mut *images), kind)?;
            }
            if !note.is_empty() {
                let text = layout.metrics.text(MUTED, (HPos::Left, VPos::Bottom));
                let at = (layout.left, height - layout.metrics.ems(0.3));
                area.draw_text(&note, &text, at)?;
            }
            Ok(())
        })
    }

    fn csv(&self) -> Result<String> {
        self.check()?;
        let header = [
            "model".to_owned(),
            "x (m)".into(),
            "y (m)".into(),
            format!("mean {}", self.metric),
            format!("worst {}", self.metric),
        ];
        let [x0, x1, y0, y1] = self.extent;
        let rows = self.models.iter().flat_map(|model| {
            let (nx, ny) = model.mean.dim();
            model.mean.indexed_iter().map(move |((i, j), mean)| {
                let node = |i: usize, n: usize, low: f64, high: f64| {
                    low + (high - low) * i as f64 / (n.max(2) - 1) as f64
                };
                vec![
                    model.label.clone(),
                    node(i, nx, x0, x1).to_string(),
                    node(j, ny, y0, y1).to_string(),
                    mean.to_string(),
                    model.worst[[i, j]].to_string(),
                ]
            })
        });
        csv_text(&header, rows)
    }

    fn alt_text(&self) -> String {
        let most = |map: &Array2<f32>| map.iter().fold(0.0f32, |most, v| most.max(*v));
        let models: Vec<String> = self
            .models
            .iter()
            .map(|m| {
                format!(
                    "{}: mean up to {}, worst up to {}",
                    m.label,
                    short(f64::from(most(&m.mean))),
                    short(f64::from(most(&m.worst)))
                )
            })
            .collect();
        let note = self.note();
        let rest = if note.is_empty() {
            String::new()
        } else {
            format!(" {note}.")
        };
        format!(
            "Maps of the {} over the domain, mean and worst over trajectories. {}.{rest}",
            self.metric,
            models.join("; ")
        )
    }
}
