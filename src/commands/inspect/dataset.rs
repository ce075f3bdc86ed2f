//! Datasets and data files.

use std::collections::BTreeMap;
use std::path::Path;

use fewave_datasets::{FileSpec, ReceiverQuantity, ReceiverSpec, Split, SplitName, Statistics};
use serde_json::{Value, json};

use crate::console::{Console, table};

/// A dataset folder.
pub fn folder(path: &Path, console: &Console) -> anyhow::Result<()> {
    let mut splits = Vec::new();
    for split in SplitName::ALL {
        let folder = path.join("data").join(split.as_str());
        let holds_files = folder.is_dir()
            && std::fs::read_dir(&folder)?
                .flatten()
                .any(|entry| entry.path().extension().is_some_and(|e| e == "hdf5"));
        if holds_files {
            splits.push((split.to_string(), Split::open(path, split)?));
        }
    }
    let statistics = Statistics::read(path);
    let Some((_, first)) = splits.first() else {
        anyhow::bail!(
            "{}: no data files under data/train, data/valid or data/test; `fewave generate` writes them",
            path.display()
        );
    };
    describe(first.spec(), console);
    console.say("\nSplits");
    let rows: Vec<Vec<String>> = splits
        .iter()
        .map(|(name, split)| {
            vec![
                name.clone(),
                format!(
                    "{} of {}",
                    split.len(),
                    split.provenance().split_trajectories
                ),
                split.files().count().to_string(),
            ]
        })
        .collect();
    console.say(table(&["split", "trajectories", "files"], &rows));
    match &statistics {
        Ok(statistics) => {
            console.say("\nStatistics of the train split");
            console.say(statistics_table(statistics));
        }
        Err(error) => console.warn(format!("no statistics: {error}")),
    }
    scalars(&splits, console)?;
    let counts: BTreeMap<&str, usize> = splits
        .iter()
        .map(|(name, split)| (name.as_str(), split.len()))
        .collect();
    let mut result = summary(first.spec());
    result["trajectories"] = json!(counts);
    if let Ok(statistics) = statistics {
        result["statistics"] = json!({
            "mean": statistics.mean, "std": statistics.std, "rms": statistics.rms,
            "mean_delta": statistics.mean_delta, "std_delta": statistics.std_delta, "rms_delta": statistics.rms_delta,
        });
    }
    console.json(&result)
}

/// One data file.
pub fn file(split: &Split, console: &Console) -> anyhow::Result<()> {
    describe(split.spec(), console);
    let mut rows = Vec::new();
    for trajectory in 0..split.len().min(8) {
        for field in split.field_specs() {
            let values = if field.time_varying {
                split
                    .read_snapshots(&field.name, trajectory, 0..split.times().len())?
                    .into_raw_vec_and_offset()
                    .0
            } else {
                split
                    .read_static(&field.name, trajectory)?
                    .into_raw_vec_and_offset()
                    .0
            };
            let (low, high) = values
                .iter()
                .fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), v| {
                    (l.min(*v), h.max(*v))
                });
            rows.push(vec![
                format!("{} (index {})", trajectory, split.index(trajectory)?),
                field.name.clone(),
                format!("{low:.4}"),
                format!("{high:.4}"),
                field.unit.clone(),
            ]);
        }
    }
    console.say(format!(
        "\nTrajectories: {}{}",
        split.len(),
        if split.len() > 8 {
            ", the first 8:"
        } else {
            ""
        }
    ));
    console.say(table(
        &["trajectory", "field", "lowest", "highest", "unit"],
        &rows,
    ));
    scalars(&[("this file".to_owned(), split)], console)?;
    let mut result = summary(split.spec());
    result["trajectories"] = json!(split.len());
    console.json(&result)
}

fn describe(spec: &FileSpec, console: &Console) {
    let [x, y] = &spec.axes;
    let span = |axis: &[f64]| {
        format!(
            "{} … {} m",
            axis.first().unwrap_or(&0.0),
            axis.last().unwrap_or(&0.0)
        )
    };
    console.say(format!("dataset    {}", spec.dataset_name));
    console.say(format!(
        "grid       {} × {} points, x {}, y {}",
        x.len(),
        y.len(),
        span(x),
        span(y)
    ));
    if let (Some(last), true) = (spec.times.last(), spec.times.len() > 1) {
        console.say(format!(
            "time       {} snapshots, 0 … {last} s, every {:.4} s",
            spec.times.len(),
            spec.times[1] - spec.times[0]
        ));
    }
    for field in &spec.fields {
        let shape = if field.time_varying {
            "(time, x, y)"
        } else {
            "(x, y)"
        };
        console.say(format!(
            "field      {} {shape}, {}: {}",
            field.name, field.unit, field.description
        ));
    }
    for boundary in &spec.boundaries {
        console.say(format!(
            "boundary   {}: {}",
            boundary.name, boundary.description
        ));
    }
    for (name, constant) in &spec.constants {
        console.say(format!(
            "constant   {name} = {} {}",
            constant.value,
            unit(&constant.unit)
        ));
    }
    if spec.sources > 0 {
        console.say(format!("sources    {}", spec.sources));
    }
    if let Some(receivers) = &spec.receivers {
        console.say(format!(
            "receivers  {} of {}, {} samples each",
            receivers.positions.len(),
            quantities(receivers).join(", "),
            receivers.times.len()
        ));
    }
    let origin = &spec.provenance;
    console.say(format!(
        "origin     fewave {}, seed {}, configuration {}",
        origin.version, origin.seed, &origin.config_hash
    ));
    for (name, value) in &origin.extra {
        console.say(format!("origin     {} {value}", name.replace('_', " ")));
    }
}

fn quantities(receivers: &ReceiverSpec) -> Vec<String> {
    let named = |quantity: &ReceiverQuantity| match unit(quantity.unit()) {
        "" => quantity.name().to_owned(),
        unit => format!("{} ({unit})", quantity.name()),
    };
    receivers.quantities.iter().map(named).collect()
}

fn unit(unit: &str) -> &str {
    if unit == "1" { "" } else { unit }
}

fn statistics_table(statistics: &Statistics) -> String {
    let header = [
        "field",
        "mean",
        "std",
        "rms",
        "mean of change",
        "std of change",
        "rms of change",
    ];
    let number = |map: &BTreeMap<String, f64>, name: &str| {
        map.get(name).map_or("–".to_owned(), |v| format!("{v:.4e}"))
    };
    let rows: Vec<Vec<String>> = statistics
        .mean
        .keys()
        .map(|name| {
            let mut row = vec![name.clone()];
            for map in [
                &statistics.mean,
                &statistics.std,
                &statistics.rms,
                &statistics.mean_delta,
                &statistics.std_delta,
                &statistics.rms_delta,
            ] {
                row.push(number(map, name));
            }
            row
        })
        .collect();
    table(&header, &rows)
}

/// Lowest, mean and highest value of every sampled number.
fn scalars<S: std::borrow::Borrow<Split>>(
    splits: &[(String, S)],
    console: &Console,
) -> anyhow::Result<()> {
    let mut values: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (_, split) in splits {
        let split = split.borrow();
        for trajectory in 0..split.len() {
            for (name, value) in split.scalars(trajectory)? {
                values.entry(name).or_default().push(value);
            }
        }
    }
    let Some((_, first)) = splits.first() else {
        return Ok(());
    };
    let rows: Vec<Vec<String>> = first
        .borrow()
        .spec()
        .scalars
        .iter()
        .filter_map(|scalar| {
            let drawn = values.get(&scalar.name)?;
            let mean = drawn.iter().sum::<f64>() / drawn.len().max(1) as f64;
            let low = drawn.iter().copied().fold(f64::INFINITY, f64::min);
            let high = drawn.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            Some(vec![
                scalar.name.clone(),
                format!("{low:.4}"),
                format!("{mean:.4}"),
                format!("{high:.4}"),
                unit(&scalar.unit).to_owned(),
            ])
        })
        .collect();
    if !rows.is_empty() {
        console.say("\nSampled per trajectory");
        console.say(table(
            &["scalar", "lowest", "mean", "highest", "unit"],
            &rows,
        ));
    }
    Ok(())
}

fn summary(spec: &FileSpec) -> Value {
    json!({
        "dataset_name": spec.dataset_name,
        "grid": [spec.axes[0].len(), spec.axes[1].len()],
        "snapshots": spec.times.len(),
        "snapshot_interval": spec.times.get(1),
        "fields": spec.fields.iter().map(|field| json!({ "name": field.name, "unit": field.unit, "time_varying": field.time_varying })).collect::<Vec<_>>(),
        "constants": spec.constants.iter().map(|(name, constant)| (name.clone(), constant.value)).collect::<BTreeMap<_, _>>(),
        "scalars": spec.scalars.iter().map(|scalar| scalar.name.clone()).collect::<Vec<_>>(),
        "sources": spec.sources,
        "receivers": spec.receivers.as_ref().map_or(0, |receivers| receivers.positions.len()),
        "receiver_quantities": spec.receivers.as_ref().map_or(Vec::new(), |receivers| {
            receivers.quantities.iter().map(|quantity| quantity.name()).collect()
        }),
        "seed": spec.provenance.seed,
        "version": spec.provenance.version,
        "config_hash": spec.provenance.config_hash,
    })
}
