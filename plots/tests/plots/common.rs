//! Small analytic inputs shared by the integration tests.

use fewave_plots::{
    Baseline, ErrorDistribution, ErrorGrowth, ErrorMap, ErrorMaps, ErrorSample, ErrorSeries,
    Figure, LayerCount, LineColour, LineMark, LineSeries, Lines, LinesAxis, ModelCount,
    ParameterCounts, Prediction, Spectra, Spectrum, Trace, TracePanel, Traces, TrainingCurves,
    TrainingRun, Wavefields,
};
use ndarray::Array2;

/// A standing mode of amplitude `amplitude` on `nodes` nodes, wider than high.
pub(crate) fn mode(nodes: (usize, usize), amplitude: f32, time: f64) -> Array2<f32> {
    let wave =
        |i: usize, n: usize, k: f64| (k * std::f64::consts::PI * i as f64 / (n - 1) as f64).sin();
    Array2::from_shape_fn(nodes, |(i, j)| {
        amplitude * (wave(i, nodes.0, 3.0) * wave(j, nodes.1, 1.0) * (4.0 * time).cos()) as f32
    })
}

/// Wavefields of `models` models at `times` times; model k has the amplitude 1 + 0.1·(k+1).
pub(crate) fn wavefields(models: usize, times: usize) -> Wavefields {
    let nodes = (24, 16);
    let times: Vec<f64> = (0..times).map(|k| 0.25 * k as f64).collect();
    let fields = |amplitude: f32| times.iter().map(|t| mode(nodes, amplitude, *t)).collect();
    Wavefields {
        name: "wavefields".into(),
        title: "Standing mode".into(),
        quantity: "displacement".into(),
        unit: "m".into(),
        extent: [0.0, 1.5, 0.0, 1.0],
        reference: fields(1.0),
        predictions: (0..models)
            .map(|k| Prediction {
                label: format!("model {k}"),
                fields: fields(1.0 + 0.1 * (k + 1) as f32),
            })
            .collect(),
        times: times.clone(),
        inside: None,
    }
}

/// Exponential growth, `models` models, `trajectories` trajectories, `steps` steps, one baseline.
pub(crate) fn error_growth(models: usize, trajectories: usize, steps: usize) -> ErrorGrowth {
    let value = |model: usize, trajectory: usize, step: usize| {
        1e-3 * (1 + model) as f64 * (1.0 + 0.2 * trajectory as f64) * (0.1 * step as f64).exp()
    };
    ErrorGrowth {
        name: "error-growth".into(),
        metric: "relative L2 error".into(),
        x_quantity: "time".into(),
        x_unit: "s".into(),
        x: (1..=steps).map(|k| 0.04 * k as f64).collect(),
        series: (0..models)
            .map(|m| ErrorSeries {
                label: format!("model {m}"),
                values: Array2::from_shape_fn((trajectories, steps), |(t, s)| value(m, t, s)),
            })
            .collect(),
        baselines: vec![Baseline {
            label: "persistence".into(),
            values: vec![1.2; steps],
        }],
    }
}

/// `models` models with `trajectories` errors each.
pub(crate) fn error_distribution(models: usize, trajectories: usize) -> ErrorDistribution {
    ErrorDistribution {
        name: "error-distribution".into(),
        metric: "relative L2 error".into(),
        samples: (0..models)
            .map(|m| ErrorSample {
                label: format!("model {m}"),
                values: (0..trajectories)
                    .map(|t| 0.01 * (1 + m) as f64 * 1.3f64.powi(t as i32))
                    .collect(),
            })
            .collect(),
    }
}

/// `models` models of `layers` layers; model k has 1/(k+1) of the first's parameters.
pub(crate) fn parameter_counts(models: usize, layers: usize) -> ParameterCounts {
    ParameterCounts {
        name: "parameter-counts".into(),
        models: (0..models)
            .map(|m| {
                let layers: Vec<LayerCount> = (0..layers)
                    .map(|l| LayerCount {
                        name: format!("layer {l}"),
                        parameters: 1200 * (l as u64 + 1) / (m as u64 + 1),
                        multiply_adds: 480_000 / (m as u64 + 1),
                    })
                    .collect();
                ModelCount {
                    label: format!("model {m}"),
                    parameters: layers.iter().map(|l| l.parameters).sum(),
                    multiply_adds: layers.iter().map(|l| l.multiply_adds).sum(),
                    layers,
                }
            })
            .collect(),
    }
}

/// `runs` runs of `steps` steps, validated ten times.
pub(crate) fn training_curves(runs: usize, steps: usize) -> TrainingCurves {
    let loss = |run: usize, step: f64| 0.01 * (1 + run) as f64 + 1.0 / (1.0 + 0.1 * step);
    TrainingCurves {
        name: "training-curves".into(),
        metric: "relative L2 loss".into(),
        runs: (0..runs)
            .map(|r| {
                let steps: Vec<f64> = (1..=steps).map(|s| s as f64).collect();
                let valid: Vec<f64> = steps
                    .iter()
                    .copied()
                    .step_by(steps.len().div_ceil(10))
                    .collect();
                TrainingRun {
                    label: format!("run {r}"),
                    train_loss: steps.iter().map(|s| loss(r, *s)).collect(),
                    valid_error: valid.iter().map(|s| 1.1 * loss(r, *s)).collect(),
                    valid_steps: valid,
                    steps,
                }
            })
            .collect(),
    }
}

/// `count` elements of order 1, 2, … converging over four levels, each with its declared order as a broken line.
pub(crate) fn lines(count: usize) -> Lines {
    let cells = [8.0, 12.0, 16.0, 24.0];
    let series = (0..count).flat_map(|order| {
        let exact = |cells: f64| (0.2 * 8.0 / cells).powi(order as i32 + 2);
        let line = |label: String, y: Vec<f64>, mark| LineSeries {
            label,
            x: cells.to_vec(),
            y,
            mark,
            colour: LineColour::Palette(order),
        };
        let measured = cells.map(|n| exact(n) * (1.0 + 2.0 / n)).to_vec();
        [
            line(String::new(), cells.map(exact).to_vec(), LineMark::Dashed),
            line(
                format!("order {}", order + 1),
                measured,
                LineMark::LineAndPoints,
            ),
        ]
    });
    Lines {
        name: "lines".into(),
        title: "Convergence".into(),
        x: LinesAxis::logarithmic("cells per side", ""),
        y: LinesAxis::logarithmic("relative L2 error", ""),
        series: series
            .chain([LineSeries {
                label: "tolerance".into(),
                x: vec![8.0, 24.0],
                y: vec![1e-3; 2],
                mark: LineMark::Dashed,
                colour: LineColour::Grey,
            }])
            .collect(),
        note: "points: measured; broken line: declared order".into(),
    }
}

/// `count` networks at two sizes each with three seeds, and a grey curve of others to compare with.
pub(crate) fn repetitions(count: usize) -> Lines {
    let sizes = [3e5, 9e5];
    let error = |network: usize, size: f64, seed: usize| {
        0.03 * (1.0 + 0.3 * network as f64) * (1e6 / size).powf(0.3) * (1.0 + 0.1 * seed as f64)
    };
    let mut series = vec![LineSeries {
        label: "dense".into(),
        x: vec![5e5, 2e6, 8e6],
        y: vec![0.06, 0.045, 0.028],
        mark: LineMark::LineAndPoints,
        colour: LineColour::Grey,
    }];
    for network in 0..count {
        let line = |label: String, seeds: &[usize], mark| LineSeries {
            label,
            x: sizes
                .iter()
                .flat_map(|size| vec![*size; seeds.len()])
                .collect(),
            y: sizes
                .iter()
                .flat_map(|size| seeds.iter().map(|seed| error(network, *size, *seed)))
                .collect(),
            mark,
            colour: LineColour::Palette(network + 1),
        };
        series.push(line(String::new(), &[0, 1, 2], LineMark::Dots));
        series.push(line(
            format!("one-way {network}"),
            &[1],
            LineMark::LineAndPoints,
        ));
    }
    Lines {
        name: "lines-repetitions".into(),
        title: "Error against parameters".into(),
        x: LinesAxis::logarithmic("parameters", ""),
        y: LinesAxis::logarithmic("relative L2 error", ""),
        series,
        note: "dots: seeds, marks: their medians".into(),
    }
}

/// Errors that grow towards a corner, for `models` models on a domain wider than high.
pub(crate) fn error_maps(models: usize) -> ErrorMaps {
    let map = |factor: f32| {
        Array2::from_shape_fn((24, 16), |(i, j)| {
            factor * (i as f32 / 23.0) * (j as f32 / 15.0)
        })
    };
    ErrorMaps {
        name: "error-maps".into(),
        title: "Error over the domain".into(),
        metric: "RMS error over time / RMS of FE".into(),
        extent: [0.0, 1.5, 0.0, 1.0],
        models: (0..models)
            .map(|m| ErrorMap {
                label: format!("model {m}"),
                mean: map(0.1 * (m + 1) as f32),
                worst: map(0.3 * (m + 1) as f32),
            })
            .collect(),
        inside: None,
    }
}

/// A pulse that reaches `receivers` receivers one after the other; `models` models see it later and smaller.
pub(crate) fn traces(models: usize, receivers: usize) -> Traces {
    let line = |count: usize, arrival: f64, amplitude: f64| {
        let times: Vec<f64> = (0..count).map(|k| k as f64 / (count - 1) as f64).collect();
        let pulse = |t: &f64| amplitude * (-((t - arrival) / 0.05).powi(2)).exp();
        Trace {
            values: times.iter().map(pulse).collect(),
            times,
        }
    };
    Traces {
        name: "traces".into(),
        title: "Seismograms".into(),
        quantity: "displacement".into(),
        unit: "m".into(),
        models: (0..models).map(|m| format!("model {m}")).collect(),
        panels: (0..receivers)
            .map(|r| TracePanel {
                label: format!("x = {r} m, y = 1 m"),
                reference: line(200, 0.2 + 0.2 * r as f64, 0.01),
                predictions: (0..models)
                    .map(|m| line(40, 0.22 + 0.2 * r as f64, 0.009 - 0.002 * m as f64))
                    .collect(),
            })
            .collect(),
    }
}

/// Energy that falls with the wavenumber, and errors that do not.
pub(crate) fn spectra(models: usize) -> Spectra {
    let wavenumbers: Vec<f64> = (1..=32).map(|k| k as f64 * 0.5).collect();
    let energy = |k: &f64| 1e-4 * (-k / 2.0).exp();
    Spectra {
        name: "spectra".into(),
        title: "Spectra".into(),
        quantity: "energy of the displacement".into(),
        unit: "m²".into(),
        wavenumber_unit: "1/m".into(),
        reference: wavenumbers.iter().map(energy).collect(),
        models: (0..models)
            .map(|m| Spectrum {
                label: format!("model {m}"),
                energy: wavenumbers.iter().map(|k| energy(k) * 0.9).collect(),
                error: wavenumbers
                    .iter()
                    .map(|k| 1e-6 * (1 + m) as f64 * (-k / 9.0).exp())
                    .collect(),
            })
            .collect(),
        wavenumbers,
    }
}

/// One of each figure, small.
pub(crate) fn every_figure() -> Vec<Box<dyn Figure>> {
    vec![
        Box::new(wavefields(2, 3)),
        Box::new(error_growth(2, 8, 20)),
        Box::new(error_distribution(2, 9)),
        Box::new(parameter_counts(2, 5)),
        Box::new(training_curves(2, 100)),
        Box::new(lines(3)),
        Box::new(repetitions(3)),
        Box::new(error_maps(2)),
        Box::new(traces(2, 3)),
        Box::new(spectra(2)),
    ]
}
