//! What a study leaves beside its runs: `summary.csv` with a row for every run that has finished or failed, `baselines.csv` with the
//! trivial predictions, and a table for the terminal.

use fewave_surrogate::TaskConfig;
use serde_json::{Value, json};

use super::errors::{Errors, MEASURES, STATISTICS, Spread};
use super::execute::Schedule;
use super::record::{Outcome, Record, Results, State};
use super::{Folder, Study};
use crate::console::{duration, grouped, percent, table};
use crate::output::write_atomically;

/// Columns of costs.
const COSTS: [&str; 9] = [
    "parameters",
    "dense_parameters",
    "stored_bits",
    "multiply_adds",
    "steps",
    "training_multiply_adds",
    "training_seconds",
    "latency_ms",
    "latency_threads",
];

/// Writes both files anew.
///
/// # Errors
/// When a file cannot be written.
pub fn write(study: &Study, schedule: &Schedule, folder: &Folder) -> anyhow::Result<()> {
    let mut header = vec!["name".to_owned(), "state".to_owned(), "selected".to_owned()];
    header.extend(study.varied.iter().cloned());
    header.extend(COSTS.map(str::to_owned));
    for split in ["valid", "test"] {
        header.extend(error_columns().map(|column| format!("{split}_{column}")));
    }
    header.push("message".to_owned());
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&header)?;
    let selected = selected(study, schedule);
    for &place in &schedule.order {
        let (run, job) = (&study.runs[place], &schedule.jobs[place]);
        let record = match &job.state {
            State::Finished(record) => Some(record.as_ref().clone()),
            _ => Record::read(&folder.record(&run.name)),
        };
        let Some(record) = record else { continue };
        let mut row = vec![run.name.clone()];
        match &record.outcome {
            Outcome::Finished(results) => {
                row.extend(["finished".to_owned(), selected[place].to_string()]);
                row.extend(run.values.iter().cloned());
                row.extend(costs(results));
                row.extend(error_cells(Some(&results.valid)));
                row.extend(error_cells(Some(&results.test)));
                row.push(String::new());
            }
            Outcome::Failed(message) => {
                row.extend(["failed".to_owned(), "false".to_owned()]);
                row.extend(run.values.iter().cloned());
                row.extend(COSTS.map(|_| String::new()));
                row.extend(error_cells(None).chain(error_cells(None)));
                row.push(message.clone());
            }
        }
        writer.write_record(&row)?;
    }
    write_atomically(&folder.path().join("summary.csv"), &writer.into_inner()?)?;
    write_baselines(study, schedule, folder)
}

fn write_baselines(study: &Study, schedule: &Schedule, folder: &Folder) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let first = ["name", "data", "task", "history", "maps"].map(str::to_owned);
    let errors = error_columns().map(|column| format!("test_{column}"));
    writer.write_record(first.into_iter().chain(errors))?;
    let mut seen: Vec<Vec<String>> = Vec::new();
    for (run, results) in study.runs.iter().zip(schedule.results()) {
        for trivial in results.iter().flat_map(|results| &results.trivial) {
            let task = &run.config.task;
            let row = vec![
                trivial.name.clone(),
                run.config.data.display().to_string(),
                task.kind().to_owned(),
                task.history().to_string(),
                match task {
                    TaskConfig::Field(field) => {
                        format!("{} every {}", field.snapshots, field.every)
                    }
                    _ => String::new(),
                },
            ];
            if !seen.contains(&row) {
                writer.write_record(
                    row.iter()
                        .cloned()
                        .chain(error_cells(Some(&trivial.errors))),
                )?;
                seen.push(row);
            }
        }
    }
    write_atomically(&folder.path().join("baselines.csv"), &writer.into_inner()?)
}

/// Whether each run stands for its point.
pub fn selected(study: &Study, schedule: &Schedule) -> Vec<bool> {
    let mut selected = vec![false; study.runs.len()];
    for point in study.points(&schedule.results(), &schedule.failed()) {
        point.runs.iter().for_each(|&run| selected[run] = true);
    }
    selected
}

fn error_columns() -> impl Iterator<Item = String> {
    MEASURES.iter().flat_map(|(_, measure)| {
        STATISTICS
            .iter()
            .map(move |(_, statistic)| format!("{measure}_{statistic}"))
    })
}

fn error_cells(errors: Option<&Errors>) -> impl Iterator<Item = String> {
    MEASURES.iter().flat_map(move |(measure, _)| {
        let spread = errors.and_then(|errors| errors.get(*measure)).copied();
        STATISTICS
            .iter()
            .map(move |(statistic, _)| match (errors, spread) {
                (_, Some(spread)) => cell(spread.get(*statistic)),
                _ => String::new(),
            })
    })
}

/// An error in full; `inf` where it is not finite.
fn cell(value: Option<f64>) -> String {
    value.map_or("inf".to_owned(), |value| format!("{value:e}"))
}

fn costs(results: &Results) -> [String; 9] {
    [
        results.parameters.to_string(),
        results.dense_parameters.to_string(),
        results.stored_bits.to_string(),
        results.multiply_adds.to_string(),
        results.steps.to_string(),
        format!("{:e}", results.training_multiply_adds),
        format!("{:.1}", results.training_seconds),
        results.latency.map_or(String::new(), |latency| {
            format!("{:.4}", latency.milliseconds)
        }),
        results
            .latency
            .map_or(String::new(), |latency| latency.threads.to_string()),
    ]
}

/// The selected runs, by parameters, with their median errors on the test split.
pub fn terminal(study: &Study, schedule: &Schedule) -> String {
    let results = schedule.results();
    let selected = selected(study, schedule);
    let mut places: Vec<usize> = (0..study.runs.len())
        .filter(|&place| selected[place])
        .collect();
    places.sort_by_key(|&place| results[place].as_ref().map(|results| results.parameters));
    let show = |spread: Option<&Spread>| match spread {
        None => "–".to_owned(),
        Some(spread) => spread.median.map_or("not finite".to_owned(), percent),
    };
    let rows: Vec<Vec<String>> = places
        .iter()
        .filter_map(|&place| Some((place, results[place].as_ref()?)))
        .map(|(place, results)| {
            vec![
                study.runs[place].name.clone(),
                grouped(results.parameters as u64),
                grouped(results.multiply_adds as u64),
                duration(results.training_seconds),
                results.latency.map_or("–".to_owned(), |latency| {
                    format!("{:.2} ms", latency.milliseconds)
                }),
                show(results.test.one_step.as_ref()),
                show(Some(&results.test.rollout_20)),
            ]
        })
        .collect();
    let header = [
        "run",
        "parameters",
        "multiply-adds",
        "training",
        "latency",
        "one step",
        "rollout 20",
    ];
    table(&header, &rows)
}

/// The plan as a table, in the order of the runs.
pub fn planned(study: &Study, schedule: &Schedule) -> String {
    let all: f64 = schedule
        .jobs
        .iter()
        .map(|job| job.estimate.training_multiply_adds)
        .sum();
    let rows: Vec<Vec<String>> = schedule
        .order
        .iter()
        .map(|&place| {
            let (run, job) = (&study.runs[place], &schedule.jobs[place]);
            let estimate = &job.estimate;
            vec![
                run.name.clone(),
                run.config.network.scheme().to_string(),
                grouped(estimate.parameters as u64),
                grouped(estimate.dense_parameters as u64),
                grouped(estimate.multiply_adds as u64),
                grouped(estimate.steps as u64),
                percent(estimate.training_multiply_adds / all.max(1.0)),
                match &job.state {
                    State::New => "to do".to_owned(),
                    State::Begun(step, steps) if step == steps => "trained".to_owned(),
                    State::Begun(step, _) => format!("at step {}", grouped(*step as u64)),
                    State::Finished(_) => "finished".to_owned(),
                },
            ]
        })
        .collect();
    let header = [
        "run",
        "scheme",
        "parameters",
        "dense twin",
        "multiply-adds",
        "steps",
        "work",
        "state",
    ];
    table(&header, &rows)
}

/// The runs as JSON.
pub fn as_json(study: &Study, schedule: &Schedule, failures: &[String]) -> Value {
    let selected = selected(study, schedule);
    let runs: Vec<Value> = schedule
        .order
        .iter()
        .map(|&place| {
            let (run, job) = (&study.runs[place], &schedule.jobs[place]);
            json!({
                "name": run.name,
                "values": study.varied.iter().zip(&run.values).collect::<std::collections::BTreeMap<_, _>>(),
                "selected": selected[place],
                "parameters": job.estimate.parameters,
                "multiply_adds": job.estimate.multiply_adds,
                "steps": job.estimate.steps,
                "results": match &job.state {
                    State::Finished(record) => json!(record.results()),
                    _ => Value::Null,
                },
            })
        })
        .collect();
    json!({ "runs": runs, "failed": failures })
}
