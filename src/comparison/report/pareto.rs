//! Error against cost: what each run's size, work and time buy.

use fewave_plots::{LineColour, LineMark, LineSeries, Lines, LinesAxis};

use super::Comparison;
use crate::comparison::scope;

/// A cost of a run.
struct Cost {
    name: &'static str,
    quantity: &'static str,
    unit: &'static str,
    caption: &'static str,
    of: fn(&crate::comparison::Measured) -> Option<f64>,
}

const COSTS: [Cost; 3] = [
    Cost {
        name: "pareto-parameters",
        quantity: "parameters",
        unit: "",
        caption: "Error against parameters",
        of: |item| Some(item.surrogate.parameters() as f64),
    },
    Cost {
        name: "pareto-multiply-adds",
        quantity: "multiply-adds a prediction",
        unit: "",
        caption: "Error against work",
        of: |item| Some(item.surrogate.footprint().multiply_adds as f64),
    },
    Cost {
        name: "pareto-time",
        quantity: "time of a rollout",
        unit: "ms",
        caption: "Error against time",
        of: |item| Some(item.evaluation.latency?.rollout_ms),
    },
];

/// A figure for each cost that is known of at least two runs, with its caption.
pub(super) fn figures(comparison: &Comparison<'_>) -> Vec<(Lines, String)> {
    let measured = comparison.measured;
    let whole = scope::whole(measured);
    let trivial = scope::trivial(measured)
        .into_iter()
        .map(|one| (one.baseline.rollout_relative_l2_full.median, one.name))
        .filter(|(error, _)| error.is_finite())
        .min_by(|a, b| a.0.total_cmp(&b.0));
    let mut figures = Vec::new();
    for cost in &COSTS {
        let mut series = Vec::new();
        for (number, item) in measured.iter().enumerate() {
            let error = item.evaluation.summary.rollout_relative_l2_full.median;
            if let (Some(spent), true) = ((cost.of)(item), error.is_finite()) {
                series.push(LineSeries {
                    label: item.label.clone(),
                    x: vec![spent],
                    y: vec![error],
                    mark: LineMark::Points,
                    colour: LineColour::Palette(number),
                });
            }
        }
        if series.len() < 2 {
            continue;
        }
        if let Some((error, name)) = &trivial {
            let spent = || series.iter().flat_map(|one| one.x.iter().copied());
            series.insert(
                0,
                LineSeries {
                    x: vec![
                        spent().fold(f64::INFINITY, f64::min),
                        spent().fold(0.0, f64::max),
                    ],
                    label: name.replace('-', " "),
                    y: vec![*error; 2],
                    mark: LineMark::Dashed,
                    colour: LineColour::Grey,
                },
            );
        }
        let lost: Vec<&str> = measured
            .iter()
            .filter(|item| {
                let error = item.evaluation.summary.rollout_relative_l2_full.median;
                !error.is_finite()
            })
            .map(|item| item.label.as_str())
            .collect();
        let lost = match lost.as_slice() {
            [] => String::new(),
            names => format!(
                " Left out, as their error is not finite: {}.",
                names.join(", ")
            ),
        };
        let caption = format!(
            "{}: a point a run, its median error over the {whole}; broken line: the best prediction without training ({}). Lower and further left is better; a run \
             with another one to its lower left is not worth its cost. Points say their numbers when pointed at.{lost}",
            cost.caption,
            trivial.as_ref().map_or("none", |(_, name)| name)
        );
        figures.push((
            Lines {
                name: cost.name.to_owned(),
                title: cost.caption.to_owned(),
                x: LinesAxis::logarithmic(cost.quantity, cost.unit),
                y: LinesAxis::logarithmic("median relative L2 error", ""),
                series,
                note: String::new(),
            },
            caption,
        ));
    }
    figures
}
