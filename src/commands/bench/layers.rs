//! `fewave bench layers`: convolution layers of every scheme, and training steps of networks made of them.

use std::path::Path;

use candle_core::{Device, DeviceLocation};
use fewave_solver::bench::multiply_add_flops;
use fewave_surrogate::Result;
use fewave_surrogate::bench::{Effort, Measurement, candle_cases, layer_cases, step_cases};
use serde::Serialize;

use super::{LayerChoice, rounded, write};
use crate::allocator::peak_of;
use crate::console::{Console, grouped, table};

/// One line of the CSV; `benches/peers/torch_layers.py` prints the same columns.
#[derive(Debug, Serialize)]
struct Row {
    side: &'static str,
    layer: &'static str,
    batch: usize,
    channels: usize,
    map: String,
    kernel: usize,
    threads: usize,
    device: String,
    forward_ms: f64,
    /// Forward and backward; of a step the whole step.
    backward_ms: f64,
    /// Of the peak of multiply-adds.
    forward_share: Option<f64>,
    backward_share: Option<f64>,
    parameters: usize,
    /// The most memory in use at once beyond that in use before.
    peak_mib: f64,
}

#[derive(Debug, Serialize)]
struct Report {
    /// Peak of the processor's fused multiply-adds in f32, two operations each; 0 where a GPU computes.
    f32_gflops: f64,
    cases: Vec<Row>,
}

/// The sizes of a case.
#[derive(Clone, Copy)]
struct Size<'a> {
    batch: usize,
    channels: usize,
    map: &'a [usize],
    kernel: usize,
}

/// Measures, shows and writes.
pub fn run(
    choice: &LayerChoice,
    device: &Device,
    file: Option<&Path>,
    quick: bool,
    console: &Console,
) -> anyhow::Result<()> {
    // the peak is the processor's; that of a GPU is not known here
    let peak = if device.is_cpu() {
        multiply_add_flops::<f32>()
    } else {
        0.0
    };
    let place = name(device);
    let mut report = Report {
        f32_gflops: rounded(peak / 1e9, 1),
        cases: Vec::new(),
    };
    let effort = if quick { Effort::QUICK } else { Effort::FULL };
    let wanted = |scheme: &fewave_surrogate::Scheme| {
        choice.schemes.is_empty() || choice.schemes.iter().any(|kind| kind.names(scheme))
    };
    if choice.steps {
        let cases: Vec<_> = step_cases(quick)
            .into_iter()
            .filter(|case| wanted(&case.network.scheme))
            .collect();
        let progress = console.progress("measuring", cases.len() as u64, "steps");
        for case in cases {
            let map = [case.side; 2];
            let size = Size {
                batch: case.batch,
                channels: case.network.width,
                map: &map,
                kernel: case.network.kernel,
            };
            report
                .cases
                .push(measured(case.name, size, (&place, peak), || {
                    case.measure(device, effort)
                })?);
            progress.set(report.cases.len() as u64, case.name);
        }
        progress.finish();
    } else {
        let cases: Vec<_> = layer_cases(quick)
            .into_iter()
            .filter(|case| wanted(&case.scheme))
            .collect();
        let progress = console.progress("measuring", cases.len() as u64, "layers");
        for case in cases {
            let size = Size {
                batch: case.batch,
                channels: case.channels,
                map: &case.map,
                kernel: case.kernel,
            };
            report
                .cases
                .push(measured(case.name, size, (&place, peak), || {
                    case.measure(device, effort)
                })?);
            progress.set(report.cases.len() as u64, case.name);
        }
        progress.finish();
        // candle's own operations are timed on the host, and on a GPU they are what ours are made of
        if choice.schemes.is_empty() && !quick && device.is_cpu() {
            candle(effort, &mut report.cases)?;
        }
    }
    if device.is_cpu() {
        console.show(format!(
            "{} thread(s), multiply-adds {:.0} GFLOP/s in f32",
            rayon::current_num_threads(),
            report.f32_gflops
        ));
    } else {
        console.show(format!(
            "{place}, f32; products by cuBLAS in full f32, without TF32"
        ));
    }
    console.show(shown(&report.cases));
    write(&report.cases, file, console)?;
    console.json(&report)
}

/// The device as the command line names it.
fn name(device: &Device) -> String {
    match device.location() {
        DeviceLocation::Cpu => "cpu".into(),
        DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
        DeviceLocation::Metal { gpu_id } => format!("metal:{gpu_id}"),
    }
}

/// candle's own operations, whose share of the peak and memory are not of interest.
fn candle(effort: Effort, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    for kernel in [3, 5] {
        for (name, measurement) in candle_cases(effort, kernel)? {
            let size = Size {
                batch: 8,
                channels: 64,
                map: &[64, 64],
                kernel,
            };
            rows.push(Row {
                side: "candle",
                ..row(name, size, ("cpu", 0.0), &measurement, 0)
            });
        }
    }
    Ok(())
}

fn measured(
    name: &'static str,
    size: Size<'_>,
    (place, peak): (&str, f64),
    measure: impl FnOnce() -> Result<Measurement>,
) -> Result<Row> {
    let (measurement, bytes) = peak_of(measure);
    Ok(row(name, size, (place, peak), &measurement?, bytes))
}

fn row(
    name: &'static str,
    size: Size<'_>,
    (place, peak): (&str, f64),
    measurement: &Measurement,
    bytes: usize,
) -> Row {
    let Measurement {
        forward,
        both,
        operations,
        parameters,
    } = *measurement;
    let share =
        |operations: f64, time: f64| (peak > 0.0).then(|| rounded(operations / time / peak, 3));
    Row {
        side: "fewave",
        layer: name,
        batch: size.batch,
        channels: size.channels,
        map: shape(size.map),
        kernel: size.kernel,
        threads: rayon::current_num_threads(),
        device: place.to_owned(),
        forward_ms: rounded(1e3 * forward, 3),
        backward_ms: rounded(1e3 * both, 3),
        forward_share: share(operations, forward),
        backward_share: share(3.0 * operations, both),
        parameters,
        peak_mib: rounded(bytes as f64 / f64::from(1 << 20), 1),
    }
}

/// `64x64`.
fn shape(map: &[usize]) -> String {
    let sides: Vec<String> = map.iter().map(usize::to_string).collect();
    sides.join("x")
}

fn shown(rows: &[Row]) -> String {
    let share = |value: Option<f64>| {
        value.map_or_else(|| "–".to_owned(), |value| format!("{:.0}", 100.0 * value))
    };
    let lines: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let name = match row.side {
                "fewave" => row.layer.to_owned(),
                other => format!("{} ({other})", row.layer),
            };
            vec![
                name,
                format!("{}×{}×{}", row.batch, row.channels, row.map),
                row.kernel.to_string(),
                format!("{:.2}", row.forward_ms),
                format!("{:.2}", row.backward_ms),
                share(row.forward_share),
                share(row.backward_share),
                grouped(row.parameters as u64),
                format!("{:.1}", row.peak_mib),
            ]
        })
        .collect();
    table(
        &[
            "layer",
            "maps",
            "k",
            "forward ms",
            "with backward ms",
            "% of peak",
            "% with backward",
            "parameters",
            "memory MiB",
        ],
        &lines,
    )
}
