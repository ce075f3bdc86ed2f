//! What each model costs: parameters and multiply-adds in total, and parameters layer by layer.
//!
//! Totals are bars from zero; layers are dots on a logarithmic axis, one row per layer name in the order of first
//! appearance, so that the dense network and its compressed twin share their rows.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::{Figure, csv_text, grouped, some};
use crate::axis::Axis;
use crate::canvas::{self, Area, Metrics, Rect, Svg, clean, stroke};
use crate::chart::{self, Grid, Legend, Margins, Swatch};
use crate::error::Result;
use crate::style::{FigureStyle, GRID, INK, series};

/// One layer's cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerCount {
    /// Name of the layer; twins use the same name for the same place.
    pub name: String,
    /// Trainable parameters.
    pub parameters: u64,
    /// Multiply-adds for one sample.
    pub multiply_adds: u64,
}

/// One model's cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelCount {
    /// Name of the model.
    pub label: String,
    /// Trainable parameters of the whole model.
    pub parameters: u64,
    /// Multiply-adds of the whole model for one sample.
    pub multiply_adds: u64,
    /// Its layers in order; may be empty.
    pub layers: Vec<LayerCount>,
}

/// The figure.
#[derive(Debug, Clone)]
pub struct ParameterCounts {
    /// Stem of the files.
    pub name: String,
    /// The models; the first is the one that others are compared with.
    pub models: Vec<ModelCount>,
}

impl ParameterCounts {
    fn check(&self) -> Result<()> {
        some(
            &self.name,
            "`models`",
            &self.models,
            "give at least one model",
        )
    }

    /// Names of all layers in the order of first appearance.
    fn layers(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for layer in self.models.iter().flat_map(|model| &model.layers) {
            if !names.contains(&layer.name.as_str()) {
                names.push(&layer.name);
            }
        }
        names
    }

    /// `1 234 (21 %)`: a count, and its share of the first model's.
    fn count_label(&self, model: usize, count: impl Fn(&ModelCount) -> u64) -> String {
        let (own, first) = (count(&self.models[model]), count(&self.models[0]));
        let text = grouped(own);
        if model == 0 || first == 0 {
            return text;
        }
        let percent = 100.0 * own as f64 / first as f64;
        format!("{text} ({percent:.*} %)", usize::from(percent < 10.0))
    }

    /// Bars of one total, one row per model, in a strip of the page; returns nothing but ink.
    fn draw_totals(
        &self,
        area: &Area<'_>,
        metrics: &Metrics,
        strip: Rect,
        heading: &str,
        count: impl Fn(&ModelCount) -> u64 + Copy,
    ) -> Result<()> {
        let row = metrics.ems(1.9);
        area.draw_text(
            heading,
            &metrics.ink((HPos::Left, VPos::Top)),
            (strip.left, strip.top),
        )?;
        let labels: Vec<String> = (0..self.models.len())
            .map(|i| self.count_label(i, count))
            .collect();
        let text_room = labels
            .iter()
            .map(|l| metrics.text_width(l))
            .max()
            .unwrap_or(0)
            + metrics.ems(0.8);
        let largest = self.models.iter().map(count).max().unwrap_or(0).max(1) as f64;
        let full = f64::from((strip.width - text_room).max(metrics.ems(1.0)));
        let top = strip.top + metrics.ems(1.7);
        for (i, (model, label)) in self.models.iter().zip(&labels).enumerate() {
            let y = top + i as i32 * row;
            let length = (full * count(model) as f64 / largest).round() as i32;
            let bar = [(strip.left, y), (strip.left + length, y + row * 7 / 10)];
            area.draw(&Rectangle::new(bar, series(i).light.filled()))?;
            let text = metrics.ink((HPos::Left, VPos::Center));
            area.draw_text(
                label,
                &text,
                (strip.left + length + metrics.ems(0.4), y + row * 35 / 100),
            )?;
        }
        let axis = [
            (strip.left, top - row / 10),
            (strip.left, top + self.models.len() as i32 * row),
        ];
        area.draw(&PathElement::new(axis, stroke(INK, 0.6)))?;
        Ok(())
    }

    /// Dots per layer, in a plotting rectangle whose layer names stand to its left.
    fn draw_layers(
        &self,
        area: &Area<'_>,
        metrics: &Metrics,
        plot: Rect,
        names: &[&str],
        x: &Axis,
    ) -> Result<()> {
        let y = Axis::categories(names.len()).reversed();
        let margins = Margins {
            left: 0,
            ..Margins::of(metrics, x, &y)
        };
        let mut chart = chart::axes(area, metrics, plot, margins, (x, &y), Grid::Vertical)?;
        let row = f64::from(plot.height) / names.len() as f64;
        let text = metrics.ink((HPos::Right, VPos::Center));
        for (i, name) in names.iter().enumerate() {
            let middle = plot.top + (row * (i as f64 + 0.5)).round() as i32;
            let name = metrics.fit(&clean(name), metrics.ems(13.0));
            area.draw_text(&name, &text, (plot.left - metrics.ems(0.5), middle))?;
            let guide = [(plot.left, middle), (plot.right(), middle)];
            area.draw(&PathElement::new(guide, stroke(GRID, 0.4)))?;
        }
        for (i, model) in self.models.iter().enumerate() {
            let dots = model.layers.iter().filter_map(|layer| {
                let place = names.iter().position(|name| *name == layer.name)?;
                let at = (x.position(layer.parameters as f64), place as f64);
                Some(Circle::new(
                    at,
                    metrics.ems(0.36),
                    series(i).light.mix(0.85).filled(),
                ))
            });
            chart.draw_series(dots)?;
        }
        Ok(())
    }
}

impl Figure for ParameterCounts {
    fn name(&self) -> &str {
        &self.name
    }

    fn render(&self, style: &FigureStyle) -> Result<Svg> {
        self.check()?;
        let metrics = Metrics::new(style)?;
        let names = self.layers();
        let entries = self
            .models
            .iter()
            .enumerate()
            .map(|(i, m)| (Swatch::Dot(series(i)), m.label.as_str()));
        let legend = Legend::new(&metrics, metrics.width, entries, "");
        let top = legend.height + metrics.ems(0.6);

        // Totals and layers stand side by side on a page and below each other in a column.
        let beside = style.width_cm >= 12.0 && !names.is_empty();
        let gap = metrics.ems(2.5);
        let totals_width = if beside {
            (metrics.width - gap) * 2 / 5
        } else {
            metrics.width
        };
        let strip_height = metrics.ems(1.7 + 1.9 * self.models.len() as f64 + 1.2);
        let strip = |k: i32| Rect {
            left: 10,
            top: top + k * strip_height,
            width: totals_width - 10,
            height: strip_height,
        };

        let widest = names
            .iter()
            .map(|n| metrics.text_width(n))
            .max()
            .unwrap_or(0)
            .min(metrics.ems(13.0));
        let layers_left = if beside { totals_width + gap } else { 0 } + widest + metrics.ems(0.6);
        let counts = self
            .models
            .iter()
            .flat_map(|m| &m.layers)
            .map(|l| l.parameters as f64);
        let x = Axis::logarithmic("parameters in the layer", counts);
        let layers = Rect {
            left: layers_left,
            top: if beside { top } else { strip(2).top },
            width: metrics.width - layers_left - metrics.ems(1.0),
            height: metrics.ems(1.5) * names.len() as i32,
        };
        let below = Margins::of(&metrics, &x, &Axis::categories(1)).bottom;
        let bottom = if names.is_empty() {
            0
        } else {
            layers.bottom() + below
        };
        let height = bottom.max(strip(2).top);
        canvas::page(
            style,
            height,
            "Parameters and multiply-adds",
            &self.alt_text(),
            |area, _| {
                legend.draw(area, (0, 0))?;
                self.draw_totals(area, &metrics, strip(0), "parameters", |m| m.parameters)?;
                self.draw_totals(area, &metrics, strip(1), "multiply-adds per sample", |m| {
                    m.multiply_adds
                })?;
                if !names.is_empty() {
                    self.draw_layers(area, &metrics, layers, &names, &x)?;
                }
                Ok(())
            },
        )
    }

    fn csv(&self) -> Result<String> {
        self.check()?;
        let header = ["model", "layer", "parameters", "multiply-adds"].map(str::to_owned);
        let rows = self.models.iter().flat_map(|model| {
            let line = |name: &str, parameters: u64, multiply_adds: u64| {
                vec![
                    model.label.clone(),
                    name.to_owned(),
                    parameters.to_string(),
                    multiply_adds.to_string(),
                ]
            };
            let total = line("total", model.parameters, model.multiply_adds);
            let layers = model
                .layers
                .iter()
                .map(move |l| line(&l.name, l.parameters, l.multiply_adds));
            layers.chain([total]).collect::<Vec<_>>()
        });
        csv_text(&header, rows)
    }

    fn alt_text(&self) -> String {
        let models: Vec<String> = self
            .models
            .iter()
            .map(|m| {
                format!(
                    "{} {} parameters, {} multiply-adds",
                    m.label,
                    grouped(m.parameters),
                    grouped(m.multiply_adds)
                )
            })
            .collect();
        format!(
            "Bars of the totals and dots per layer. {}.",
            models.join("; ")
        )
    }
}
