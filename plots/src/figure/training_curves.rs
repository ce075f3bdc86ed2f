//! Training loss and validation error against optimiser steps, on a logarithmic axis.
//!
//! A long log of the training loss is drawn as means over equal runs of steps (the legend says how many); the CSV keeps
//! every value.

use plotters::prelude::*;

use super::{Figure, csv_text, finite, not_negative, same, short, some, with_not_finite};
use crate::axis::Axis;
use crate::canvas::{self, CENTIMETRE, Metrics, Rect, Svg, stroke};
use crate::chart::{self, Grid, Legend, Margins, Swatch};
use crate::error::Result;
use crate::style::{FigureStyle, series};

/// Points drawn per training-loss line.
const MOST_POINTS: usize = 300;

/// One training run.
#[derive(Debug, Clone, Default)]
pub struct TrainingRun {
    /// Name of the run.
    pub label: String,
    /// Optimiser steps at which the training loss was logged, ascending.
    pub steps: Vec<f64>,
    /// Training loss at those steps, not negative; NaN or infinite where training broke down.
    pub train_loss: Vec<f64>,
    /// Optimiser steps at which the validation split was evaluated.
    pub valid_steps: Vec<f64>,
    /// Validation error at those steps, not negative; NaN or infinite where training broke down.
    pub valid_error: Vec<f64>,
}

/// The figure.
#[derive(Debug, Clone)]
pub struct TrainingCurves {
    /// Stem of the files.
    pub name: String,
    /// What the ordinate measures, e.g. `relative L2 loss`.
    pub metric: String,
    /// The runs.
    pub runs: Vec<TrainingRun>,
}

impl TrainingCurves {
    fn check(&self) -> Result<()> {
        let name = &self.name;
        some(name, "`runs`", &self.runs, "give at least one run")?;
        for run in &self.runs {
            let what = |part: &str| format!("run `{}`, {part}", run.label);
            same(
                name,
                &what("train_loss"),
                run.train_loss.len(),
                run.steps.len(),
            )?;
            same(
                name,
                &what("valid_error"),
                run.valid_error.len(),
                run.valid_steps.len(),
            )?;
            not_negative(name, &what("train_loss"), &run.train_loss)?;
            not_negative(name, &what("valid_error"), &run.valid_error)?;
            finite(name, &what("steps"), &ndarray::aview1(&run.steps))?;
            finite(
                name,
                &what("valid_steps"),
                &ndarray::aview1(&run.valid_steps),
            )?;
        }
        let logged: Vec<f64> = self
            .runs
            .iter()
            .flat_map(|r| r.steps.iter().chain(&r.valid_steps))
            .copied()
            .collect();
        some(
            name,
            "every run's log",
            &logged,
            "train for at least one step",
        )
    }

    /// Logged values per drawn point.
    fn stride(&self) -> usize {
        let longest = self
            .runs
            .iter()
            .map(|run| run.steps.len())
            .max()
            .unwrap_or(0);
        longest.div_ceil(MOST_POINTS).max(1)
    }
}

/// Means of `stride` consecutive points.
fn thinned(steps: &[f64], values: &[f64], stride: usize) -> Vec<(f64, f64)> {
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    steps
        .chunks(stride)
        .zip(values.chunks(stride))
        .map(|(s, v)| (mean(s), mean(v)))
        .collect()
}

impl Figure for TrainingCurves {
    fn name(&self) -> &str {
        &self.name
    }

    fn render(&self, style: &FigureStyle) -> Result<Svg> {
        self.check()?;
        let metrics = Metrics::new(style)?;
        let stride = self.stride();
        let train: Vec<_> = self
            .runs
            .iter()
            .map(|r| thinned(&r.steps, &r.train_loss, stride))
            .collect();
        let valid: Vec<Vec<(f64, f64)>> = self
            .runs
            .iter()
            .map(|r| {
                r.valid_steps
                    .iter()
                    .copied()
                    .zip(r.valid_error.iter().copied())
                    .collect()
            })
            .collect();
        let all = || train.iter().chain(&valid).flatten();
        let y = Axis::logarithmic(&self.metric, all().map(|point| point.1));
        let ends = all().fold((0.0_f64, 1.0_f64), |(low, high), point| {
            (low.min(point.0), high.max(point.0))
        });
        let x = Axis::linear(
            "optimiser step",
            "",
            ends,
            if style.width_cm < 12.0 { 5 } else { 8 },
        );
        let margins = Margins::of(&metrics, &x, &y);

        let mut note = match stride {
            1 => "thin line: training loss".to_owned(),
            n => format!("thin line: training loss, mean of {n} logged values"),
        };
        if valid.iter().any(|points| !points.is_empty()) {
            note.push_str("; line with dots: validation");
        }
        let logged = self
            .runs
            .iter()
            .flat_map(|r| r.train_loss.iter().chain(&r.valid_error));
        let note = with_not_finite(&note, logged);
        let entries = self
            .runs
            .iter()
            .enumerate()
            .map(|(i, r)| (Swatch::Line(series(i)), r.label.as_str()));
        let width = metrics.width - margins.left - metrics.ems(1.2);
        let legend = Legend::new(&metrics, width, entries, &note);
        let plot = Rect {
            left: margins.left,
            top: legend.height + metrics.ems(0.4),
            width,
            height: ((0.55 * style.width_cm).min(6.0) * CENTIMETRE) as i32,
        };
        canvas::page(
            style,
            plot.bottom() + margins.bottom,
            "Training curves",
            &self.alt_text(),
            |area, _| {
                legend.draw(area, (plot.left, 0))?;
                let mut chart =
                    chart::axes(area, &metrics, plot, margins, (&x, &y), Grid::Horizontal)?;
                let on_axes = |points: &[(f64, f64)]| -> Vec<(f64, f64)> {
                    points
                        .iter()
                        .map(|(step, value)| (x.position(*step), y.position(*value)))
                        .collect()
                };
                for (i, points) in train.iter().enumerate() {
                    let mut thin = stroke(series(i), 0.5);
                    thin.color = series(i).light.mix(0.7);
                    chart.draw_series(LineSeries::new(on_axes(points), thin))?;
                }
                for (i, points) in valid.iter().enumerate() {
                    let points = on_axes(points);
                    // Dots where they can be told apart.
                    let dots = if points.len() <= 60 {
                        metrics.ems(0.24)
                    } else {
                        0
                    };
                    chart.draw_series(LineSeries::new(points.clone(), stroke(series(i), 1.2)))?;
                    if dots > 0 {
                        chart.draw_series(
                            points
                                .into_iter()
                                .map(|p| Circle::new(p, dots, series(i).light.filled())),
                        )?;
                    }
                }
                Ok(())
            },
        )
    }

    fn csv(&self) -> Result<String> {
        self.check()?;
        let header = ["run", "optimiser step", "split", &self.metric].map(str::to_owned);
        let rows = self.runs.iter().flat_map(|run| {
            let lines = |split: &'static str, steps: &[f64], values: &[f64]| -> Vec<Vec<String>> {
                let line = |(s, v): (&f64, &f64)| {
                    vec![
                        run.label.clone(),
                        s.to_string(),
                        split.into(),
                        v.to_string(),
                    ]
                };
                steps.iter().zip(values).map(line).collect()
            };
            let mut all = lines("train", &run.steps, &run.train_loss);
            all.extend(lines("valid", &run.valid_steps, &run.valid_error));
            all
        });
        csv_text(&header, rows)
    }

    fn alt_text(&self) -> String {
        let ends: Vec<String> = self
            .runs
            .iter()
            .map(|run| {
                let last =
                    |values: &[f64]| values.last().map_or_else(|| "none".into(), |v| short(*v));
                format!(
                    "{} training {}, validation {}",
                    run.label,
                    last(&run.train_loss),
                    last(&run.valid_error)
                )
            })
            .collect();
        format!(
            "{} against optimiser steps; last values: {}.",
            self.metric,
            ends.join("; ")
        )
    }
}
