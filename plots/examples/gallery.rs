//! Draws every figure and a report from analytic waves, without any model: `cargo run --release -p fewave-plots --example
//! gallery -- DIR`.
//!
//! The "FE" field is a superposition of standing modes of the unit square with fixed edges; the "surrogates" run slightly
//! too slow and lose amplitude, so that their errors grow.

use std::f64::consts::PI;
use std::path::Path;

use fewave_plots::{
    Baseline, Cell, Column, ErrorDistribution, ErrorGrowth, ErrorSample, ErrorSeries, Figure,
    FigureStyle, LayerCount, ModelCount, ParameterCounts, Prediction, Provenance, Report,
    ReportFigure, Table, TrainingCurves, TrainingRun, Verdict, Wavefields, write_figure,
};
use ndarray::Array2;

const NODES: usize = 64;
const STEPS: usize = 40;
const STEP: f64 = 0.04;
const TRAJECTORIES: usize = 8;

/// `u(x, y, t) = Σ a_kl sin(kπx) sin(lπy) cos(π √(k² + l²) t)`: a pulse of unit speed, released at rest.
fn field(trajectory: usize, slowness: f64, loss: f64, time: f64) -> Array2<f32> {
    let (x0, y0) = (
        0.3 + 0.04 * trajectory as f64,
        0.4 + 0.03 * trajectory as f64,
    );
    let modes = 14;
    let mut values = Array2::<f64>::zeros((NODES, NODES));
    let sine = |k: usize, x: f64| (k as f64 * PI * x).sin();
    let shape: Vec<Vec<f64>> = (0..=modes)
        .map(|k| {
            (0..NODES)
                .map(|i| sine(k, i as f64 / (NODES - 1) as f64))
                .collect()
        })
        .collect();
    for k in 1..=modes {
        for l in 1..=modes {
            let frequency = PI * ((k * k + l * l) as f64).sqrt();
            let amplitude =
                0.02 * sine(k, x0) * sine(l, y0) * (-((k * k + l * l) as f64) / 60.0).exp();
            let now = amplitude
                * (frequency * time * slowness).cos()
                * (-loss * time * frequency / PI).exp();
            for i in 0..NODES {
                for j in 0..NODES {
                    values[[i, j]] += now * shape[k][i] * shape[l][j];
                }
            }
        }
    }
    values.mapv(|v| v as f32)
}

fn norm(field: &Array2<f32>) -> f64 {
    field
        .iter()
        .map(|v| f64::from(*v).powi(2))
        .sum::<f64>()
        .sqrt()
}

/// Names of the surrogates, their slowness and their loss.
const SURROGATES: [(&str, f64, f64); 2] = [
    ("dense U-Net", 0.998, 0.004),
    ("one-way U-Net", 0.994, 0.010),
];

fn errors(slowness: f64, loss: f64) -> Array2<f64> {
    Array2::from_shape_fn((TRAJECTORIES, STEPS), |(trajectory, step)| {
        let time = (step + 1) as f64 * STEP;
        let exact = field(trajectory, 1.0, 0.0, time);
        let off = 1.0 - (1.0 - slowness) * (1.0 + 0.2 * trajectory as f64);
        norm(&(&field(trajectory, off, loss, time) - &exact)) / norm(&exact)
    })
}

fn counts(label: &str, side: u64, thin: u64) -> ModelCount {
    let widths = [
        (3, 16),
        (16, 32),
        (32, 64),
        (64, 128),
        (192, 64),
        (96, 32),
        (48, 16),
        (16, 1),
    ];
    let layers: Vec<LayerCount> = widths
        .iter()
        .enumerate()
        .map(|(i, &(inputs, outputs))| {
            let parameters = inputs * outputs * side / thin + outputs;
            let level = [0, 1, 2, 3, 2, 1, 0, 0][i];
            LayerCount {
                name: format!("{} {}", if i < 4 { "encoder" } else { "decoder" }, i + 1),
                parameters,
                multiply_adds: (parameters - outputs) * ((64 * 64) >> (2 * level)),
            }
        })
        .collect();
    ModelCount {
        label: label.into(),
        parameters: layers.iter().map(|l| l.parameters).sum(),
        multiply_adds: layers.iter().map(|l| l.multiply_adds).sum(),
        layers,
    }
}

fn run(label: &str, floor: f64) -> TrainingRun {
    let loss = |step: f64| floor + 0.9 * (1.0 + step / 40.0).powf(-1.1);
    // A deterministic ripple in place of the noise of batches.
    let ripple = |step: f64| 1.0 + 0.25 * (step * 12.9898).sin() * (step * 78.233).sin();
    let steps: Vec<f64> = (1..=1500).map(f64::from).collect();
    let valid_steps: Vec<f64> = (1..=15).map(|i| 100.0 * f64::from(i)).collect();
    TrainingRun {
        label: label.into(),
        train_loss: steps.iter().map(|s| loss(*s) * ripple(*s)).collect(),
        steps,
        valid_error: valid_steps.iter().map(|s| 1.15 * loss(*s)).collect(),
        valid_steps,
    }
}

fn figures() -> Vec<(Box<dyn Figure>, &'static str)> {
    let times: Vec<f64> = [0.2, 0.5, 0.8, 1.1, 1.4].to_vec();
    let at = |slowness: f64, loss: f64| {
        times
            .iter()
            .map(|t| field(0, slowness, loss, *t))
            .collect::<Vec<_>>()
    };
    let wavefields = Wavefields {
        name: "wavefields".into(),
        title: "Predicted and FE wavefields, trajectory 0".into(),
        quantity: "displacement".into(),
        unit: "m".into(),
        extent: [0.0, 1.0, 0.0, 1.0],
        reference: at(1.0, 0.0),
        predictions: SURROGATES
            .iter()
            .map(|(label, s, l)| Prediction {
                label: (*label).into(),
                fields: at(*s, *l),
            })
            .collect(),
        times: times.clone(),
        inside: None,
    };
    let measured: Vec<Array2<f64>> = SURROGATES.iter().map(|(_, s, l)| errors(*s, *l)).collect();
    let growth = ErrorGrowth {
        name: "error-growth".into(),
        metric: "relative L2 error".into(),
        x_quantity: "time".into(),
        x_unit: "s".into(),
        x: (1..=STEPS).map(|k| k as f64 * STEP).collect(),
        series: SURROGATES
            .iter()
            .zip(&measured)
            .map(|((label, ..), values)| ErrorSeries {
                label: (*label).into(),
                values: values.clone(),
            })
            .collect(),
        baselines: vec![Baseline {
            label: "persistence".into(),
            values: (1..=STEPS)
                .map(|k| {
                    let (first, now) =
                        (field(0, 1.0, 0.0, 0.0), field(0, 1.0, 0.0, k as f64 * STEP));
                    norm(&(&first - &now)) / norm(&now)
                })
                .collect(),
        }],
    };
    let distribution = ErrorDistribution {
        name: "error-distribution".into(),
        metric: "relative L2 error, mean over the rollout".into(),
        samples: SURROGATES
            .iter()
            .zip(&measured)
            .map(|((label, ..), values)| ErrorSample {
                label: (*label).into(),
                values: values
                    .rows()
                    .into_iter()
                    .map(|row| row.sum() / STEPS as f64)
                    .collect(),
            })
            .collect(),
    };
    let counts = ParameterCounts {
        name: "parameter-counts".into(),
        models: vec![counts("dense U-Net", 9, 1), counts("one-way U-Net", 3, 1)],
    };
    let curves = TrainingCurves {
        name: "training-curves".into(),
        metric: "relative L2 loss".into(),
        runs: vec![run("dense U-Net", 0.012), run("one-way U-Net", 0.02)],
    };
    vec![
        (
            Box::new(wavefields),
            "FE reference, surrogates and their signed errors. All fields share one scale, all errors another.",
        ),
        (Box::new(growth), "Growth of the error over the rollout."),
        (Box::new(distribution), "The error of every trajectory."),
        (
            Box::new(counts),
            "Parameters and multiply-adds; shares are of the first model.",
        ),
        (Box::new(curves), "Training loss and validation error."),
    ]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args().nth(1).unwrap_or_else(|| "gallery".into());
    let directory = Path::new(&directory);
    let figures = figures();
    let draw = |folder: &str, style| {
        std::fs::create_dir_all(directory.join(folder))?;
        let mut drawn = Vec::new();
        for (figure, caption) in &figures {
            let files = write_figure(figure.as_ref(), &style, &directory.join(folder))?;
            drawn.push(ReportFigure {
                files,
                caption: (*caption).into(),
            });
        }
        Ok::<_, Box<dyn std::error::Error>>(drawn)
    };
    draw("column", FigureStyle::column())?;
    let figures = draw("page", FigureStyle::page())?;
    let report = Report {
        title: "fewave gallery: two surrogates of a vibrating square".into(),
        verdicts: vec![
            Verdict { holds: Some(true), text: "The one-way network has 66 % fewer parameters than its dense twin.".into() },
            Verdict { holds: Some(false), text: "The one-way network is not faster than its dense twin: 1.9 ms against 1.4 ms per step.".into() },
            Verdict { holds: None, text: "Numbers on this page are made up from analytic waves, to show the figures.".into() },
        ],
        summary: vec!["Both surrogates follow the FE reference for about half a period; afterwards the slower one loses phase.".into()],
        tables: vec![Table {
            caption: "Cost and error on 8 test trajectories".into(),
            columns: vec![
                Column::words("model"),
                Column::numbers("parameters", ""),
                Column::numbers("one-step error, median", ""),
                Column::numbers("rollout error, median", ""),
                Column::numbers("worst", ""),
                Column::numbers("latency", "ms/step"),
            ],
            rows: vec![
                vec![Cell::words("dense U-Net"), Cell::count(186_545), Cell::number(0.00213), Cell::number(0.0541), Cell::number(0.131), Cell::number(1.41)],
                vec![Cell::words("one-way U-Net"), Cell::count(62_417), Cell::number(0.00391), Cell::number(0.0873), Cell::number(0.242), Cell::number(1.93)],
            ],
        }],
        commands: vec!["cargo run --release -p fewave-plots --example gallery".into()],
        provenance: vec![Provenance { what: "program".into(), source: format!("fewave-plots {}", env!("CARGO_PKG_VERSION")), sha256: String::new() }],
        figures,
    };
    report.write(directory)?;
    Ok(())
}
