//! `fewave bench solver`: time steps of the FE solver.

use std::path::Path;

use fewave_solver::Precision;
use fewave_solver::bench::{self, Case, Measurement};
use serde::Serialize;

use super::{rounded, write};
use crate::console::{Console, grouped, table};

/// One line of the CSV; the scripts under `benches/peers/` print the first eight columns.
#[derive(Debug, Serialize)]
struct Row {
    side: &'static str,
    case: &'static str,
    precision: &'static str,
    threads: usize,
    /// Trajectories side by side on each thread.
    lanes: usize,
    dofs: usize,
    mdofs_per_second: f64,
    ns_per_dof_step: f64,
    bytes_per_dof_step: Option<f64>,
    operations_per_dof_step: Option<f64>,
    share_of_roofline: Option<f64>,
}

/// What the machine can do, with a number of threads.
#[derive(Debug, Serialize)]
struct Limits {
    threads: usize,
    /// Vector updates with 0.5, 8 and 256 MiB of vectors a thread, GB/s.
    update_gb_per_second: [f64; 3],
    /// Fused multiply-adds, two operations each, GFLOP/s.
    f64_gflops: f64,
    f32_gflops: f64,
}

#[derive(Debug, Serialize)]
struct Report {
    machine: Vec<Limits>,
    cases: Vec<Row>,
}

/// Measures, shows and writes.
pub fn run(file: Option<&Path>, quick: bool, console: &Console) -> anyhow::Result<()> {
    let report = solver(quick, console)?;
    for limits in &report.machine {
        let [near, middle, far] = limits.update_gb_per_second;
        console.show(format!(
            "{} thread(s): vector updates {near:.0} / {middle:.0} / {far:.0} GB/s with 0.5 / 8 / 256 MiB a thread, \
             multiply-adds {:.0} GFLOP/s in f64, {:.0} in f32",
            limits.threads, limits.f64_gflops, limits.f32_gflops
        ));
    }
    console.show(shown(&report.cases));
    write(&report.cases, file, console)?;
    console.json(&report)
}

fn solver(quick: bool, console: &Console) -> anyhow::Result<Report> {
    let all = rayon::current_num_threads();
    let counts = if all > 1 { vec![1, all] } else { vec![1] };
    let cases = bench::cases(quick);
    let progress = console.progress("measuring", (counts.len() * cases.len()) as u64, "cases");
    let mut report = Report {
        machine: Vec::new(),
        cases: Vec::new(),
    };
    for threads in counts {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()?;
        report.machine.push(pool.install(|| limits(threads, quick)));
        for case in &cases {
            let measurement = pool.install(|| case.measure())?;
            report.cases.push(row(&measurement));
            progress.set(report.cases.len() as u64, case.name);
        }
    }
    progress.finish();
    Ok(report)
}

fn limits(threads: usize, quick: bool) -> Limits {
    let sizes = if quick { [19, 20, 21] } else { [19, 23, 28] };
    Limits {
        threads,
        update_gb_per_second: sizes.map(|bits| bench::update_bandwidth(threads << bits) / 1e9),
        f64_gflops: bench::multiply_add_flops::<f64>() / 1e9,
        f32_gflops: bench::multiply_add_flops::<f32>() / 1e9,
    }
}

fn row(measurement: &Measurement) -> Row {
    let Measurement { case, rate, .. } = measurement;
    let Case {
        name, precision, ..
    } = case;
    // Newmark has no model
    let modelled = |value: f64| (value > 0.0).then(|| rounded(value, 3));
    Row {
        side: "fewave",
        case: name,
        precision: match precision {
            Precision::F64 => "f64",
            Precision::F32 => "f32",
        },
        threads: measurement.threads,
        lanes: measurement.lanes,
        dofs: measurement.dofs,
        mdofs_per_second: rounded(rate / 1e6, 1),
        ns_per_dof_step: rounded(1e9 / rate, 3),
        bytes_per_dof_step: modelled(measurement.bytes),
        operations_per_dof_step: modelled(measurement.operations),
        share_of_roofline: modelled(measurement.roofline),
    }
}

fn shown(rows: &[Row]) -> String {
    let optional = |value: Option<f64>, digits: usize| {
        value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
    };
    let lines: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                row.case.to_owned(),
                row.precision.to_owned(),
                row.threads.to_string(),
                row.lanes.to_string(),
                grouped(row.dofs as u64),
                format!("{:.0}", row.mdofs_per_second),
                format!("{:.2}", row.ns_per_dof_step),
                optional(row.bytes_per_dof_step, 0),
                optional(row.operations_per_dof_step, 0),
                optional(row.share_of_roofline.map(|share| 100.0 * share), 0),
            ]
        })
        .collect();
    table(
        &[
            "case",
            "precision",
            "threads",
            "lanes",
            "DoF",
            "MDoF/s",
            "ns/DoF-step",
            "bytes",
            "flops",
            "% of roofline",
        ],
        &lines,
    )
}
