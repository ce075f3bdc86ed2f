//! Figures of a study: errors against what they cost. A mark is the median over the seeds of a point, dots are its seeds; the dense
//! networks are the line to be under.

use fewave_plots::{FigureStyle, LineColour, LineMark, LineSeries, Lines, LinesAxis, write_figure};
use fewave_surrogate::Scheme;

use super::errors::{Measure, Statistic};
use super::execute::Schedule;
use super::record::Results;
use super::selection::{Point, median};
use super::{Folder, Study};
use crate::output::create_folder;

/// What errors are drawn against.
struct Cost {
    stem: &'static str,
    quantity: &'static str,
    unit: &'static str,
    of: fn(&Results) -> Option<f64>,
}

const COSTS: [Cost; 5] = [
    Cost {
        stem: "parameters",
        quantity: "parameters",
        unit: "",
        of: |results| Some(results.parameters as f64),
    },
    Cost {
        stem: "multiply-adds",
        quantity: "multiply-adds of a prediction",
        unit: "",
        of: |results| Some(results.multiply_adds as f64),
    },
    Cost {
        stem: "training-work",
        quantity: "multiply-adds of training",
        unit: "",
        of: |results| Some(results.training_multiply_adds),
    },
    Cost {
        stem: "training-time",
        quantity: "training time",
        unit: "s",
        of: |results| Some(results.training_seconds),
    },
    Cost {
        stem: "latency",
        quantity: "time of a prediction",
        unit: "ms",
        of: |results| results.latency.map(|latency| latency.milliseconds),
    },
];

const ERRORS: [(Measure, &str, &str); 2] = [
    (Measure::OneStep, "one-step", "relative L2 error, one step"),
    (
        Measure::Rollout20,
        "rollout",
        "relative L2 error, rollout of 20",
    ),
];

/// A curve: its name, whether it is the dense one, and its points.
struct Curve {
    label: String,
    dense: bool,
    points: Vec<Seeds>,
}

/// One point of a curve.
#[derive(Default)]
struct Seeds {
    /// (cost, error) of each seed whose error is finite.
    finite: Vec<(f64, f64)>,
    /// Seeds that failed or blew up.
    lost: usize,
}

impl Seeds {
    fn count(&self) -> usize {
        self.finite.len() + self.lost
    }

    /// The medians of the costs and of the errors over all seeds; none where the latter is infinite.
    fn centre(&self) -> Option<(f64, f64)> {
        let (mut x, mut y): (Vec<f64>, Vec<f64>) = self.finite.iter().copied().unzip();
        y.resize(self.count(), f64::INFINITY);
        let centre = (median(&mut x)?, median(&mut y)?);
        centre.1.is_finite().then_some(centre)
    }
}

/// Draws all figures for which there is something; their stems.
///
/// # Errors
/// When a figure cannot be drawn or written.
pub fn write(study: &Study, schedule: &Schedule, folder: &Folder) -> anyhow::Result<Vec<String>> {
    let path = folder.path().join("figures");
    let results = schedule.results();
    let points = study.points(&results, &schedule.failed());
    let mut written = Vec::new();
    for (measure, stem, quantity) in ERRORS {
        for cost in &COSTS {
            let Some(figure) = figure(study, &results, &points, (measure, stem, quantity), cost)
            else {
                continue;
            };
            create_folder(&path)?;
            write_figure(&figure, &FigureStyle::page(), &path)?;
            written.push(figure.name);
        }
    }
    Ok(written)
}

fn figure(
    study: &Study,
    results: &[Option<Results>],
    points: &[Point],
    (measure, stem, quantity): (Measure, &str, &str),
    cost: &Cost,
) -> Option<Lines> {
    let (curves, left_out) = curves(study, results, points, measure, cost);
    if curves.is_empty() {
        return None;
    }
    let repeated = curves
        .iter()
        .flat_map(|curve| &curve.points)
        .any(|seeds| seeds.count() > 1);
    let mut series = Vec::new();
    for (number, curve) in curves.iter().enumerate() {
        let colour = if curve.dense {
            LineColour::Grey
        } else {
            LineColour::Palette(number)
        };
        let mut middle: Vec<(f64, f64)> = curve.points.iter().filter_map(Seeds::centre).collect();
        middle.sort_by(|a, b| a.0.total_cmp(&b.0));
        let seeds = curve
            .points
            .iter()
            .filter(|seeds| seeds.count() > 1)
            .flat_map(|seeds| seeds.finite.iter().copied());
        let line = |label: &str, points: Vec<(f64, f64)>, mark| {
            let (x, y) = points.into_iter().unzip();
            LineSeries {
                label: label.to_owned(),
                x,
                y,
                mark,
                colour,
            }
        };
        let seeds: Vec<(f64, f64)> = seeds.collect();
        if !seeds.is_empty() {
            series.push(line("", seeds, LineMark::Dots));
        }
        let mark = if middle.len() > 1 {
            LineMark::LineAndPoints
        } else {
            LineMark::Points
        };
        series.push(line(&curve.label, middle, mark));
    }
    let mut note = "median over the trajectories of the test split".to_owned();
    if repeated {
        note += "; dots: seeds, marks: their medians";
    }
    if left_out > 0 {
        note += &format!(
            "; {left_out} runs failed or have no finite error: they count as infinite in the medians"
        );
    }
    Some(Lines {
        name: format!("{stem}-{}", cost.stem),
        title: format!("{quantity} against {}", cost.quantity),
        x: LinesAxis::logarithmic(cost.quantity, cost.unit),
        y: LinesAxis::logarithmic(quantity, ""),
        series,
        note,
    })
}

/// The curves in the order of the file, the dense one first; and how many runs have no finite error.
fn curves(
    study: &Study,
    results: &[Option<Results>],
    points: &[Point],
    measure: Measure,
    cost: &Cost,
) -> (Vec<Curve>, usize) {
    let (mut curves, mut left_out): (Vec<Curve>, usize) = (Vec::new(), 0);
    for point in points {
        let mut seeds = Seeds::default();
        for &run in &point.runs {
            let Some(results) = &results[run] else {
                seeds.lost += 1;
                continue;
            };
            let (Some(at), Some(spread)) = ((cost.of)(results), results.test.get(measure)) else {
                continue;
            };
            match spread.get(Statistic::Median) {
                Some(error) => seeds.finite.push((at, error)),
                None => seeds.lost += 1,
            }
        }
        left_out += seeds.lost;
        if seeds.finite.is_empty() {
            continue;
        }
        let label = label(study, point.runs[0]);
        match curves.iter_mut().find(|curve| curve.label == label) {
            Some(curve) => curve.points.push(seeds),
            None => curves.push(Curve {
                dense: is_dense(study, point.runs[0]),
                points: vec![seeds],
                label,
            }),
        }
    }
    // a dense curve of another kind (other data, say) is one among others
    if let Some(first) = curves.iter().position(|curve| curve.dense) {
        curves[first + 1..]
            .iter_mut()
            .for_each(|curve| curve.dense = false);
        curves[..=first].rotate_right(1);
    }
    (curves, left_out)
}

fn is_dense(study: &Study, run: usize) -> bool {
    *study.runs[run].config.network.scheme() == Scheme::Dense
}

/// The name of a run's curve: that of the file, or that of its scheme and how it was come by.
fn label(study: &Study, run: usize) -> String {
    let run = &study.runs[run];
    run.series.clone().unwrap_or_else(|| {
        let scheme = run.config.network.scheme();
        match run.project_from {
            Some(_) => format!("{scheme}, projected"),
            None => scheme.to_string(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_that_are_lost_count_in_the_median() {
        let of = |finite: &[(f64, f64)], lost| Seeds {
            finite: finite.to_vec(),
            lost,
        };
        let three = [(2.0, 0.3), (1.0, 0.1), (3.0, 0.2)];
        assert_eq!(of(&three, 0).centre(), Some((2.0, 0.2)));
        assert_eq!(of(&three, 2).centre(), Some((2.0, 0.3)));
        // the good one of three stands for none of the others
        assert_eq!(of(&three[..1], 2).centre(), None);
        assert_eq!(of(&[], 0).centre(), None);
    }
}
