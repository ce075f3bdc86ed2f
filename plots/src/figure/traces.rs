//! Seismograms: what receivers record, the FE solution and the surrogates over each other, a panel for each receiver.
//!
//! All panels share the time axis and one symmetric scale, the largest magnitude of the FE traces and of the surrogates',
//! these counted up to one and a half times that of FE: beyond, lines are cut off at the edge, and the note says so.

use ndarray::ArrayView1;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::{Figure, csv_text, finite, same, short, some, with_unit};
use crate::axis::Axis;
use crate::canvas::{self, CENTIMETRE, Metrics, Rect, Svg, clean, stroke};
use crate::chart::{self, Grid, Legend, Margins, Swatch};
use crate::colour_bar::frame;
use crate::error::Result;
use crate::style::{FigureStyle, INK, Tone, series};

/// Height of a panel, in cm.
const PANEL_CM: f64 = 1.9;
/// Largest scale, in FE's.
const MOST: f64 = 1.5;

/// A line over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// Ascending times in s.
    pub times: Vec<f64>,
    /// A value at each; of a surrogate, NaN or infinite where it has diverged.
    pub values: Vec<f64>,
}

impl Trace {
    /// The line through values as data files hold them.
    pub fn new(times: &[f64], values: ArrayView1<'_, f32>) -> Self {
        Self {
            times: times.to_vec(),
            values: values.iter().map(|value| f64::from(*value)).collect(),
        }
    }
}

/// A receiver.
#[derive(Debug, Clone, PartialEq)]
pub struct TracePanel {
    /// Which one, e.g. `x = 0.2 m, y = 0.5 m`.
    pub label: String,
    /// The FE solution.
    pub reference: Trace,
    /// The surrogates in the order of [`Traces::models`].
    pub predictions: Vec<Trace>,
}

/// The figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Traces {
    /// Stem of the files.
    pub name: String,
    /// Title for readers who do not see the figure.
    pub title: String,
    /// What is recorded, e.g. `displacement`.
    pub quantity: String,
    /// Its unit.
    pub unit: String,
    /// Names of the surrogates; may be empty.
    pub models: Vec<String>,
    /// The receivers, from top to bottom.
    pub panels: Vec<TracePanel>,
}

impl Traces {
    fn check(&self) -> Result<()> {
        let name = &self.name;
        some(name, "`panels`", &self.panels, "give at least one receiver")?;
        for panel in &self.panels {
            let what = |who: &str| format!("{who} at `{}`", panel.label);
            finite(name, &what("FE"), &ndarray::aview1(&panel.reference.values))?;
            let count = panel.predictions.len();
            same(name, &what("`predictions`"), count, self.models.len())?;
            let models = self.models.iter().map(String::as_str);
            let lines = [&panel.reference].into_iter().chain(&panel.predictions);
            for (model, line) in ["FE"].into_iter().chain(models).zip(lines) {
                let what = what(model);
                some(name, &what, &line.times, "give at least one time")?;
                same(name, &what, line.values.len(), line.times.len())?;
                finite(name, &what, &ndarray::aview1(&line.times))?;
            }
        }
        Ok(())
    }

    fn lines(&self) -> impl Iterator<Item = &Trace> {
        self.panels
            .iter()
            .flat_map(|p| [&p.reference].into_iter().chain(&p.predictions))
    }

    /// End of the scale, and whether a prediction lies beyond it.
    fn scale(&self) -> (f64, bool) {
        let largest = |lines: &mut dyn Iterator<Item = &Trace>| {
            lines.flat_map(|line| &line.values).fold(0.0f64, |most, v| {
                most.max(if v.is_nan() { f64::INFINITY } else { v.abs() })
            })
        };
        let own = largest(&mut self.panels.iter().map(|p| &p.reference));
        let all = largest(&mut self.lines());
        let most = if own > 0.0 { MOST * own } else { 1.0 };
        (all.clamp(f64::MIN_POSITIVE, most) * 1.05, all > most)
    }

    fn tones(&self) -> Vec<Tone> {
        (0..self.models.len()).map(series).collect()
    }
}

impl Figure for Traces {
    fn name(&self) -> &str {
        &self.name
    }

    fn render(&self, style: &FigureStyle) -> Result<Svg> {
        self.check()?;
        let metrics = Metrics::new(style)?;
        let (limit, cut) = self.scale();
        let times = || self.lines().flat_map(|line| line.times.iter().copied());
        let ends = (
            times().fold(f64::INFINITY, f64::min),
            times().fold(f64::NEG_INFINITY, f64::max),
        );
        let ticks = if style.width_cm < 12.0 { 5 } else { 8 };
        let x = Axis::linear("time", "s", ends, ticks);
        let y = Axis::linear(&self.quantity, &self.unit, (-limit, limit), 3);
        let margins = Margins::of(&metrics, &x, &y);
        let (width, height) = (
            metrics.width - margins.left - metrics.ems(1.2),
            (PANEL_CM * CENTIMETRE) as i32,
        );
        let tones = self.tones();
        let models = self.models.iter().zip(&tones);
        let entries = [(Swatch::Line(INK), "FE")]
            .into_iter()
            .chain(models.map(|(label, tone)| (Swatch::Line(*tone), label.as_str())));
        let note = if cut {
            "at the edge of a panel: beyond its scale"
        } else {
            ""
        };
        let legend = Legend::new(&metrics, width, entries, note);
        let (gap, heading) = (metrics.ems(0.3), metrics.ems(1.3));
        let place = |k: usize| Rect {
            left: margins.left,
            top: legend.height + heading + k as i32 * (height + gap + heading),
            width,
            height,
        };
        let count = self.panels.len();
        let bottom = place(count - 1).bottom() + margins.bottom;
        let words = self.alt_text();
        canvas::page(style, bottom, &self.title, &words, |area, _| {
            legend.draw(area, (margins.left, 0))?;
            for (k, panel) in self.panels.iter().enumerate() {
                let rect = place(k);
                let (mut own_x, mut own_y) = (x.clone(), y.clone());
                if k + 1 < count {
                    own_x = own_x.without_text();
                }
                // The quantity is named once, at the middle panel.
                if k != count / 2 {
                    own_y.title.clear();
                }
                let axes = (&own_x, &own_y);
                let mut chart = chart::axes(area, &metrics, rect, margins, axes, Grid::Horizontal)?;
                let label = metrics.fit(&clean(&panel.label), width);
                let above = (rect.left, rect.top - metrics.ems(0.15));
                area.draw_text(&label, &metrics.ink((HPos::Left, VPos::Bottom)), above)?;
                let lines = [(&panel.reference, INK, 1.4)].into_iter().chain(
                    panel
                        .predictions
                        .iter()
                        .zip(&tones)
                        .map(|(line, tone)| (line, *tone, 0.9)),
                );
                for (line, tone, points) in lines {
                    let at = |(t, v): (&f64, &f64)| (x.position(*t), y.position(*v));
                    let path: Vec<_> = line.times.iter().zip(&line.values).map(at).collect();
                    chart.draw_series(LineSeries::new(path, stroke(tone, points)))?;
                }
                frame(area, rect)?;
            }
            Ok(())
        })
    }

    fn csv(&self) -> Result<String> {
        self.check()?;
        let header = [
            "receiver".to_owned(),
            "model".into(),
            "time (s)".into(),
            with_unit(&self.quantity, &self.unit),
        ];
        let rows = self.panels.iter().flat_map(|panel| {
            let models = self.models.iter().map(String::as_str);
            let lines = [&panel.reference].into_iter().chain(&panel.predictions);
            let rows = ["FE"].into_iter().chain(models).zip(lines);
            rows.flat_map(move |(model, line)| {
                line.times.iter().zip(&line.values).map(move |(t, v)| {
                    vec![
                        panel.label.clone(),
                        model.to_owned(),
                        t.to_string(),
                        v.to_string(),
                    ]
                })
            })
        });
        csv_text(&header, rows)
    }

    fn alt_text(&self) -> String {
        let (limit, cut) = self.scale();
        let names = if self.models.is_empty() {
            String::new()
        } else {
            format!(" and {}", self.models.join(", "))
        };
        let beyond = if cut {
            " Some predictions lie beyond it."
        } else {
            ""
        };
        format!(
            "{0} over time at {1} receivers: FE{names}. Scale from −{2} to {2} {3}.{beyond}",
            self.quantity,
            self.panels.len(),
            short(limit),
            self.unit
        )
        .replace("at 1 receivers", "at 1 receiver")
    }
}
