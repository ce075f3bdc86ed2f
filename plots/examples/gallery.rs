//! Draws every figure and a report from analytic waves, without any model: `cargo run --release -p fewave-plots --example
//! gallery -- DIR`.
//!
//! The "FE" field is a superposition of standing modes of the unit square with fixed edges; the "surrogates" run slightly
//! too slow and lose amplitude, so that their errors grow.

use std::f64::consts::PI;
use std::path::Path;

use fewave_plots::{
    Baseline, Cell, ColourMap, Column, ErrorDistribution, ErrorGrowth, ErrorMap, ErrorMaps,
    ErrorSample, ErrorSeries, Figure, FigureStyle, LayerCount, ModelCount, ParameterCounts, Player,
    PlayerFields, PlayerPrediction, PlayerSequence, Prediction, Provenance, Report, ReportFigure,
    Spectra, Spectrum, Table, Trace, TracePanel, Traces, TrainingCurves, TrainingRun, Verdict,
    Wavefields, write_figure,
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

/// Every step of a trajectory.
fn trajectory(number: usize, (slowness, loss): (f64, f64)) -> Vec<Array2<f32>> {
    let times = (0..STEPS).map(|k| (k + 1) as f64 * STEP);
    times.map(|t| field(number, slowness, loss, t)).collect()
}

/// FE, and each surrogate, over all steps.
type Rollouts = (Vec<Array2<f32>>, Vec<Vec<Array2<f32>>>);

fn player(surrogates: &[Surrogate]) -> Result<Player, fewave_plots::PlotsError> {
    let mut player = Player::new(PlayerFields {
        quantity: "displacement".into(),
        unit: "m".into(),
        extent: [0.0, 1.0, 0.0, 1.0],
        inside: None,
        colour_map: ColourMap::default(),
    });
    for (number, word) in [(0, "the worst"), (4, "the median")] {
        let (exact, predicted) = rollouts(surrogates, number);
        player.add(&PlayerSequence {
            label: format!("trajectory {number}, {word}"),
            times: (1..=STEPS).map(|k| k as f64 * STEP).collect(),
            reference: exact.iter().map(|f| f.view()).collect(),
            predictions: surrogates
                .iter()
                .zip(&predicted)
                .map(|(s, fields)| PlayerPrediction {
                    label: s.label.into(),
                    fields: fields.iter().map(|f| f.view()).collect(),
                })
                .collect(),
        })?;
    }
    Ok(player)
}

fn rollouts(surrogates: &[Surrogate], number: usize) -> Rollouts {
    let predicted = surrogates.iter().map(|s| trajectory(number, s.flaws));
    (trajectory(number, (1.0, 0.0)), predicted.collect())
}

/// RMS over time of the error at each point, relative to the RMS of the exact field.
fn error_map(exact: &[Array2<f32>], predicted: &[Array2<f32>]) -> Array2<f32> {
    let scale = (exact.iter().flatten().map(|v| v * v).sum::<f32>()
        / (STEPS * NODES * NODES) as f32)
        .sqrt();
    let mut sum = Array2::<f32>::zeros((NODES, NODES));
    for (p, e) in predicted.iter().zip(exact) {
        sum += &(p - e).mapv(|v| v * v);
    }
    sum.mapv(|v| (v / STEPS as f32).sqrt() / scale)
}

fn error_maps(surrogates: &[Surrogate]) -> ErrorMaps {
    let trajectories: Vec<Rollouts> = (0..3).map(|k| rollouts(surrogates, k)).collect();
    let model = |(place, s): (usize, &Surrogate)| {
        let maps: Vec<Array2<f32>> = trajectories
            .iter()
            .map(|(exact, predicted)| error_map(exact, &predicted[place]))
            .collect();
        let mut worst = maps[0].clone();
        let mut mean = Array2::zeros((NODES, NODES));
        for map in &maps {
            worst.zip_mut_with(map, |a, b| *a = a.max(*b));
            mean += &(map / maps.len() as f32);
        }
        ErrorMap {
            label: s.label.into(),
            mean,
            worst,
        }
    };
    ErrorMaps {
        name: "error-maps".into(),
        title: "Errors over the square".into(),
        metric: "RMS error over time / RMS of FE".into(),
        extent: [0.0, 1.0, 0.0, 1.0],
        models: surrogates.iter().enumerate().map(model).collect(),
        inside: None,
    }
}

fn traces(surrogates: &[Surrogate]) -> Traces {
    let places = [(16, 20), (40, 32), (56, 48)];
    let trace = |flaws: (f64, f64), (i, j): (usize, usize)| Trace {
        times: (1..=STEPS).map(|k| k as f64 * STEP).collect(),
        values: trajectory(0, flaws)
            .iter()
            .map(|f| f64::from(f[[i, j]]))
            .collect(),
    };
    Traces {
        name: "traces".into(),
        title: "Displacement at three points".into(),
        quantity: "displacement".into(),
        unit: "m".into(),
        models: surrogates.iter().map(|s| s.label.into()).collect(),
        panels: places
            .map(|at| TracePanel {
                label: format!("node {}, {}", at.0, at.1),
                reference: trace((1.0, 0.0), at),
                predictions: surrogates.iter().map(|s| trace(s.flaws, at)).collect(),
            })
            .to_vec(),
    }
}

/// Made up: energy that falls as that of a smooth pulse, and errors at short waves.
fn spectra(surrogates: &[Surrogate]) -> Spectra {
    let wavenumbers: Vec<f64> = (1..=NODES / 2).map(|k| k as f64 / 2.0).collect();
    let energy = |k: &f64| 1e-4 * (-k * k / 20.0).exp() + 1e-12;
    let model = |s: &Surrogate| Spectrum {
        label: s.label.into(),
        energy: wavenumbers
            .iter()
            .map(|k| energy(k) * (1.0 - s.flaws.1) + s.floor * 1e-6)
            .collect(),
        error: wavenumbers
            .iter()
            .map(|k| energy(k) * s.flaws.1 + s.floor * 1e-6)
            .collect(),
    };
    Spectra {
        name: "spectra".into(),
        title: "Energy over wavenumbers".into(),
        quantity: "energy of the displacement".into(),
        unit: "m²".into(),
        wavenumber_unit: "1/m".into(),
        reference: wavenumbers.iter().map(energy).collect(),
        models: surrogates.iter().map(model).collect(),
        wavenumbers,
    }
}

fn norm(field: &Array2<f32>) -> f64 {
    field
        .iter()
        .map(|v| f64::from(*v).powi(2))
        .sum::<f64>()
        .sqrt()
}

/// A made-up surrogate and what is known of it.
struct Surrogate {
    label: &'static str,
    /// Its wave speed as a fraction of the true one, and its loss of amplitude per radian.
    flaws: (f64, f64),
    /// Relative L2 error (trajectory, step).
    errors: Array2<f64>,
    /// Weights per pair of channels.
    kernel: u64,
    /// Loss that training tends to.
    floor: f64,
}

fn surrogates() -> Vec<Surrogate> {
    let make = |label, flaws: (f64, f64), kernel, floor| Surrogate {
        label,
        errors: errors(flaws.0, flaws.1),
        flaws,
        kernel,
        floor,
    };
    vec![
        make("dense U-Net", (0.998, 0.004), 9, 0.012),
        make("one-way U-Net", (0.994, 0.010), 3, 0.020),
    ]
}

fn errors(slowness: f64, loss: f64) -> Array2<f64> {
    Array2::from_shape_fn((TRAJECTORIES, STEPS), |(trajectory, step)| {
        let time = (step + 1) as f64 * STEP;
        let exact = field(trajectory, 1.0, 0.0, time);
        let off = 1.0 - (1.0 - slowness) * (1.0 + 0.2 * trajectory as f64);
        norm(&(&field(trajectory, off, loss, time) - &exact)) / norm(&exact)
    })
}

/// A U-Net of four levels with `kernel` weights per pair of channels.
fn counts(label: &str, kernel: u64) -> ModelCount {
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
            let parameters = inputs * outputs * kernel + outputs;
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

fn wavefields(surrogates: &[Surrogate]) -> Wavefields {
    let times = vec![0.2, 0.5, 0.8, 1.1, 1.4];
    let fields = |speed: f64, loss: f64| -> Vec<Array2<f32>> {
        times.iter().map(|t| field(0, speed, loss, *t)).collect()
    };
    let predict = |s: &Surrogate| Prediction {
        label: s.label.into(),
        fields: fields(s.flaws.0, s.flaws.1),
    };
    Wavefields {
        name: "wavefields".into(),
        title: "Predicted and FE wavefields, trajectory 0".into(),
        quantity: "displacement".into(),
        unit: "m".into(),
        extent: [0.0, 1.0, 0.0, 1.0],
        reference: fields(1.0, 0.0),
        predictions: surrogates.iter().map(predict).collect(),
        times: times.clone(),
        inside: None,
    }
}

fn error_growth(surrogates: &[Surrogate]) -> ErrorGrowth {
    let times: Vec<f64> = (1..=STEPS).map(|k| k as f64 * STEP).collect();
    let first = field(0, 1.0, 0.0, 0.0);
    let persistence = |time: &f64| {
        let now = field(0, 1.0, 0.0, *time);
        norm(&(&first - &now)) / norm(&now)
    };
    let series = |s: &Surrogate| ErrorSeries {
        label: s.label.into(),
        values: s.errors.clone(),
    };
    ErrorGrowth {
        name: "error-growth".into(),
        metric: "relative L2 error".into(),
        x_quantity: "time".into(),
        x_unit: "s".into(),
        series: surrogates.iter().map(series).collect(),
        baselines: vec![Baseline {
            label: "persistence".into(),
            values: times.iter().map(persistence).collect(),
        }],
        x: times,
    }
}

/// Mean over the rollout, one per trajectory.
fn rollout_errors(surrogate: &Surrogate) -> Vec<f64> {
    let mean = |steps: ndarray::ArrayView1<'_, f64>| steps.sum() / STEPS as f64;
    surrogate.errors.rows().into_iter().map(mean).collect()
}

fn error_distribution(surrogates: &[Surrogate]) -> ErrorDistribution {
    let sample = |s: &Surrogate| ErrorSample {
        label: s.label.into(),
        values: rollout_errors(s),
    };
    ErrorDistribution {
        name: "error-distribution".into(),
        metric: "relative L2 error, mean over the rollout".into(),
        samples: surrogates.iter().map(sample).collect(),
    }
}

/// Every figure with its caption.
fn figures(surrogates: &[Surrogate]) -> Vec<(Box<dyn Figure>, &'static str)> {
    let counts = ParameterCounts {
        name: "parameter-counts".into(),
        models: surrogates
            .iter()
            .map(|s| counts(s.label, s.kernel))
            .collect(),
    };
    let curves = TrainingCurves {
        name: "training-curves".into(),
        metric: "relative L2 loss".into(),
        runs: surrogates.iter().map(|s| run(s.label, s.floor)).collect(),
    };
    vec![
        (
            Box::new(wavefields(surrogates)),
            "FE reference, surrogates and their signed errors. All fields share one scale, all \
             errors another.",
        ),
        (
            Box::new(error_growth(surrogates)),
            "Growth of the error over the rollout.",
        ),
        (
            Box::new(error_distribution(surrogates)),
            "The error of every trajectory.",
        ),
        (
            Box::new(error_maps(surrogates)),
            "Where the error is, on average and at worst over three trajectories.",
        ),
        (
            Box::new(traces(surrogates)),
            "What receivers record; a late front is a shifted line.",
        ),
        (
            Box::new(spectra(surrogates)),
            "Energy of waves of different length.",
        ),
        (
            Box::new(counts),
            "Parameters and multiply-adds; shares are of the first model.",
        ),
        (Box::new(curves), "Training loss and validation error."),
    ]
}

fn table(surrogates: &[Surrogate]) -> Table {
    let worst = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    let row = |s: &Surrogate| {
        let first: Vec<f64> = s.errors.column(0).to_vec();
        vec![
            Cell::words(s.label),
            Cell::count(counts(s.label, s.kernel).parameters),
            Cell::number(worst(&first)),
            Cell::number(worst(&rollout_errors(s))),
        ]
    };
    Table {
        caption: format!("Cost and error on {TRAJECTORIES} trajectories"),
        columns: vec![
            Column::words("model"),
            Column::numbers("parameters", ""),
            Column::numbers("one-step error, worst", ""),
            Column::numbers("rollout error, worst", ""),
        ],
        rows: surrogates.iter().map(row).collect(),
    }
}

fn verdict(holds: Option<bool>, text: &str) -> Verdict {
    Verdict {
        holds,
        text: text.into(),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args().nth(1).unwrap_or_else(|| "gallery".into());
    let directory = Path::new(&directory);
    let surrogates = surrogates();
    let figures = figures(&surrogates);
    let draw = |folder: &str, style| {
        std::fs::create_dir_all(directory.join(folder))?;
        let mut drawn = Vec::new();
        for (figure, caption) in &figures {
            let files = write_figure(figure.as_ref(), &style, &directory.join(folder))?;
            let caption = (*caption).into();
            drawn.push(ReportFigure { files, caption });
        }
        Ok::<_, Box<dyn std::error::Error>>(drawn)
    };
    draw("column", FigureStyle::column())?;
    let report = Report {
        title: "fewave gallery: two surrogates of a vibrating square".into(),
        verdicts: vec![
            verdict(Some(true), "The one-way network has a third of its twin's parameters."),
            verdict(Some(false), "The one-way network is as accurate as its dense twin."),
            verdict(None, "This page is made from analytic waves, to show the figures."),
        ],
        summary: vec![
            "Both surrogates follow the reference closely at first; then the slower one loses phase."
                .into(),
        ],
        tables: vec![table(&surrogates)],
        player: Some(player(&surrogates)?),
        figures: draw("page", FigureStyle::page())?,
        attachments: vec![],
        commands: vec!["cargo run --release -p fewave-plots --example gallery".into()],
        provenance: vec![Provenance {
            what: "program".into(),
            source: format!("fewave-plots {}", env!("CARGO_PKG_VERSION")),
            sha256: String::new(),
        }],
    };
    report.write(directory)?;
    Ok(())
}
