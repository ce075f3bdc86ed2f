//! The error of every trajectory, model by model, so that no mean hides a failure.
//!
//! One row per model: a dot per trajectory (spread vertically in a fixed order, so that equal values are seen), the
//! median as a bar, the 90 % quantile as a short bar, the mean as a diamond and the worst trajectory in a ring.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::{Figure, csv_text, not_negative, short, some, with_not_finite};
use crate::axis::Axis;
use crate::canvas::{self, Metrics, Rect, Svg, clean, stroke};
use crate::chart::{self, Grid, Legend, Margins, Swatch};
use crate::error::Result;
use crate::statistics::Summary;
use crate::style::{FigureStyle, INK, series};

/// One model's errors.
#[derive(Debug, Clone)]
pub struct ErrorSample {
    /// Name of the model.
    pub label: String,
    /// One error per trajectory, not negative; NaN or infinite where the rollout has diverged.
    pub values: Vec<f64>,
}

/// The figure.
#[derive(Debug, Clone)]
pub struct ErrorDistribution {
    /// Stem of the files.
    pub name: String,
    /// The error measure, e.g. `relative L2 error over the rollout`.
    pub metric: String,
    /// The models, in the order of rows.
    pub samples: Vec<ErrorSample>,
}

impl ErrorDistribution {
    fn check(&self) -> Result<()> {
        some(
            &self.name,
            "`samples`",
            &self.samples,
            "give at least one model",
        )?;
        for ErrorSample { label, values } in &self.samples {
            let what = format!("sample `{label}`");
            some(&self.name, &what, values, "give at least one trajectory")?;
            not_negative(&self.name, &what, values)?;
        }
        Ok(())
    }

    fn summaries(&self) -> impl Iterator<Item = (&ErrorSample, Summary)> {
        self.samples
            .iter()
            .filter_map(|s| Some((s, Summary::of(s.values.iter().copied())?)))
    }
}

impl Figure for ErrorDistribution {
    fn name(&self) -> &str {
        &self.name
    }

    fn render(&self, style: &FigureStyle) -> Result<Svg> {
        self.check()?;
        let metrics = Metrics::new(style)?;
        let x = Axis::logarithmic(
            &self.metric,
            self.samples.iter().flat_map(|s| s.values.iter().copied()),
        );
        let y = Axis::categories(self.samples.len()).reversed();
        let most = (f64::from(metrics.width) * 0.3) as i32;
        let names: Vec<String> = self
            .samples
            .iter()
            .map(|s| metrics.fit(&clean(&s.label), most))
            .collect();
        let widest = names
            .iter()
            .map(|n| metrics.text_width(n))
            .max()
            .unwrap_or(0);
        let left = widest + metrics.ems(1.0);
        let marks = "dot: one trajectory; long bar: median; short bar: 90 % quantile; diamond: mean; ring: worst";
        let note = with_not_finite(marks, self.samples.iter().flat_map(|s| &s.values));
        let width = metrics.width - left - metrics.ems(1.2);
        let legend = Legend::new(&metrics, width, std::iter::empty::<(Swatch, &str)>(), &note);
        let row = metrics.ems(3.2);
        let plot = Rect {
            left,
            top: legend.height,
            width,
            height: row * self.samples.len() as i32,
        };
        let margins = Margins {
            left: 0,
            ..Margins::of(&metrics, &x, &y)
        };
        let title = format!("Distribution of the {}", self.metric);
        canvas::page(
            style,
            plot.bottom() + margins.bottom,
            &title,
            &self.alt_text(),
            |area, _| {
                legend.draw(area, (plot.left, 0))?;
                let mut chart =
                    chart::axes(area, &metrics, plot, margins, (&x, &y), Grid::Vertical)?;
                let text = metrics.ink((HPos::Right, VPos::Center));
                for (i, ((sample, summary), name)) in self.summaries().zip(&names).enumerate() {
                    let (middle, tone) = (i as f64, series(i));
                    area.draw_text(
                        name,
                        &text,
                        (
                            plot.left - metrics.ems(0.6),
                            plot.top + row * i as i32 + row / 2,
                        ),
                    )?;
                    let dots = sample.values.iter().enumerate().map(|(k, value)| {
                        let at = (x.position(*value), middle + 0.5 * (spread(k) - 0.5));
                        Circle::new(at, metrics.ems(0.2), tone.light.mix(0.55).filled())
                    });
                    chart.draw_series(dots)?;
                    for (value, half, width) in
                        [(summary.median, 0.36, 1.4), (summary.q90, 0.18, 1.0)]
                    {
                        let at = x.position(value);
                        let bar = vec![(at, middle - half), (at, middle + half)];
                        chart.draw_series([PathElement::new(bar, stroke(INK, width))])?;
                    }
                    let ring = Circle::new(
                        (x.position(summary.worst), worst_height(sample, middle)),
                        metrics.ems(0.42),
                        stroke(INK, 0.7),
                    );
                    chart.draw_series([ring])?;
                    let size = metrics.ems(0.34);
                    let diamond = EmptyElement::at((x.position(summary.mean), middle))
                        + Polygon::new(
                            vec![(-size, 0), (0, -size), (size, 0), (0, size)],
                            INK.light.filled(),
                        );
                    chart.draw_series([diamond])?;
                }
                Ok(())
            },
        )
    }

    fn csv(&self) -> Result<String> {
        self.check()?;
        let header = ["model", "trajectory", &self.metric].map(str::to_owned);
        let rows = self.samples.iter().flat_map(|s| {
            s.values
                .iter()
                .enumerate()
                .map(|(k, value)| vec![s.label.clone(), k.to_string(), value.to_string()])
        });
        csv_text(&header, rows)
    }

    fn alt_text(&self) -> String {
        let models: Vec<String> = self
            .summaries()
            .map(|(sample, s)| {
                let numbers = [s.median, s.mean, s.q90, s.worst].map(short);
                let [median, mean, q90, worst] = numbers;
                format!(
                    "{}: median {median}, mean {mean}, 90 % quantile {q90}, worst {worst}",
                    sample.label
                )
            })
            .collect();
        format!(
            "{} of every trajectory. {}.",
            self.metric,
            models.join("; ")
        )
    }
}

/// The van der Corput sequence in base 2: evenly spread in [0, 1), the same on every run.
fn spread(index: usize) -> f64 {
    (index as u32).reverse_bits() as f64 / 4_294_967_296.0
}

/// Where the dot of the worst trajectory lies.
fn worst_height(sample: &ErrorSample, middle: f64) -> f64 {
    let worst = sample
        .values
        .iter()
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(b.1));
    worst.map_or(middle, |(k, _)| middle + 0.5 * (spread(k) - 0.5))
}
