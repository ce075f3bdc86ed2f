//! The training configuration (`train.toml`): the surrogate crate's own types, read with places in the errors.
//!
//! Sections told apart by `kind` are converted one by one: serde buffers tagged enums, and with that loses the path of what
//! it found wrong inside.

use fewave_surrogate::{NetworkConfig, Scheme, SurrogateError, TaskConfig, TrainConfig};
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::ConfigError;
use super::document::Document;
use super::range::number;
use super::section::{Section, describe, unknown_key};

/// Converts a document and checks every value that does not depend on the data.
///
/// # Errors
/// Names place, key, found and expected, and for unknown keys the nearest known one.
pub fn from_document(document: &Document) -> Result<TrainConfig, ConfigError> {
    let root = document.root();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let data = root.required("data", "the folder of a dataset, in quotes", text)?;
    let seed = root.or("seed", "a whole number of at least 0", 0, |value| {
        u64::try_from(value.as_integer()?).ok()
    })?;
    let task = root.section("task", "what is predicted from what")?;
    let network = root.section("network", "the network and its scheme")?;
    root.section("train", "how it is trained")?;
    root.finish()?;
    let config = TrainConfig {
        data: data.into(),
        seed,
        task: read_task(&task)?,
        network: read_network(&network)?,
        train: convert(document, "train", without_replaced(document))?,
    };
    config.validate().map_err(|error| match error {
        SurrogateError::Setting {
            key,
            found,
            expected,
            remedy,
        } => ConfigError::Value {
            place: document.place(&key),
            key,
            found,
            expected: format!("{expected}; {remedy}"),
        },
        other => ConfigError::Usage(format!("{}: {other}", document.place(""))),
    })?;
    Ok(config)
}

fn read_task(section: &Section<'_>) -> Result<TaskConfig, ConfigError> {
    let kind = section.word("kind", &["propagate", "field", "traces"], true)?;
    let mut table = section.table().clone();
    table.remove("kind");
    Ok(match kind {
        "field" => TaskConfig::Field(convert(section.document(), "task", table)?),
        "traces" => TaskConfig::Traces(convert(section.document(), "task", table)?),
        _ => TaskConfig::Propagate(convert(section.document(), "task", table)?),
    })
}

fn read_network(section: &Section<'_>) -> Result<NetworkConfig, ConfigError> {
    let kind = section.word("kind", &["unet", "cnn", "mlp"], true)?;
    let mut table = section.table().clone();
    table.remove("kind");
    if kind == "mlp" {
        let config = convert(section.document(), "network", table)?;
        return Ok(NetworkConfig::Mlp(config));
    }
    // read on its own below, where misspelt keys beside it have been named
    if table.contains_key("scheme") {
        let dense = Table::from_iter([("kind".to_owned(), Value::from("dense"))]);
        table.insert("scheme".to_owned(), Value::Table(dense));
    }
    let mut config = match kind {
        "cnn" => NetworkConfig::Cnn(convert(section.document(), "network", table)?),
        _ => NetworkConfig::Unet(convert(section.document(), "network", table)?),
    };
    if let Some(scheme) = config.scheme_mut() {
        *scheme = read_scheme(section)?;
    }
    Ok(config)
}

fn read_scheme(network: &Section<'_>) -> Result<Scheme, ConfigError> {
    let section = network.section(
        "scheme",
        "{ kind = \"dense\" } or { kind = \"one-way\", form = \"filter\", rank = 1 }",
    )?;
    let kinds = ["dense", "one-way", "flattened", "structured", "fresh"];
    let at_least = |key: &str, least: i64| {
        let expected = format!("a whole number of at least {least}");
        section.or(key, &expected, (), |value| {
            (value.as_integer()? >= least).then_some(())
        })
    };
    let above = |key: &str, expected: &str, holds: fn(f64) -> bool| {
        section.or(key, expected, (), |value| {
            holds(number(value)?).then_some(())
        })
    };
    let flag = |key: &str| {
        section.or(key, "true or false", (), |value| {
            value.as_bool().map(|_| ())
        })
    };
    match section.word("kind", &kinds, true)? {
        "one-way" => {
            section.word("form", &["kernel", "filter", "layer"], true)?;
            at_least("rank", 1)?;
            above("rank_ratio", "a number above 0", |ratio| ratio > 0.0)?;
        }
        "flattened" => {
            section.or("chains", "1 or 2", (), |value| {
                [1, 2].contains(&value.as_integer()?).then_some(())
            })?;
            flag("inner_bias")?;
        }
        "structured" => {
            flag("ternary")?;
            let expected = "a list of one permutation per axis, each a text such as \"1230\"";
            section.or("permutations", expected, (), |value| {
                value.as_array()?.iter().all(Value::is_str).then_some(())
            })?;
            at_least("seed", 0)?;
        }
        "fresh" => {
            above("compression", "a number of at least 1", |ratio| {
                ratio >= 1.0
            })?;
            section.word("bands", &["beta", "equal"], false)?;
            above("alpha", "a number above 0", |exponent| exponent > 0.0)?;
            above("beta", "a number above 0", |exponent| exponent > 0.0)?;
            section.word("transform", &["dct", "none"], false)?;
            at_least("seed", 0)?;
        }
        _ => {}
    }
    section.finish()?;
    convert(
        section.document(),
        "network.scheme",
        section.table().clone(),
    )
}

/// The table `train` without `steps` where the command line gives `epochs` instead, and the other way round.
fn without_replaced(document: &Document) -> Table {
    let section = document.value("train").and_then(Value::as_table);
    let mut table = section.cloned().unwrap_or_default();
    for (given, replaced) in [("epochs", "steps"), ("steps", "epochs")] {
        let overridden = |key: &str| document.is_overridden(&format!("train.{key}"));
        if overridden(given) && !overridden(replaced) {
            table.remove(replaced);
        }
    }
    table
}

/// Converts the table at `path`, which must be no tagged enum with keys of its own kinds unchecked.
fn convert<T: DeserializeOwned>(
    document: &Document,
    path: &str,
    table: Table,
) -> Result<T, ConfigError> {
    serde_path_to_error::deserialize(Value::Table(table)).map_err(|error| {
        let inside = error.path().to_string();
        let key = match inside.as_str() {
            "." => path.to_owned(),
            inside => format!("{path}.{}", inside.replace('[', ".").replace(']', "")),
        };
        explain(document, path, &key, error.inner().message())
    })
}

/// Turns serde's message about the value of `key` in the table `section` into the house's form.
fn explain(document: &Document, section: &str, key: &str, message: &str) -> ConfigError {
    let quoted: Vec<String> = message
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect();
    if let (true, Some((name, known))) =
        (message.starts_with("unknown field"), quoted.split_first())
    {
        let full = format!("{section}.{name}");
        return unknown_key(document.place(&full), full, name, known);
    }
    if let (true, Some(name)) = (message.starts_with("missing field"), quoted.first()) {
        return ConfigError::Missing {
            place: document.place(section),
            key: format!("{section}.{name}"),
            expected: "a value; `fewave init train` writes a commented example".to_owned(),
        };
    }
    // the surrogate's own refusals name a key below the section: `scheme.rank: found …`
    let last = section.rsplit('.').next().unwrap_or(section);
    if let Some((name, found)) = message.split_once(": found ") {
        let name = name.strip_prefix(&format!("{last}.")).unwrap_or(name);
        let key = format!("{section}.{name}");
        let (found, expected) = found.split_once(", expected ").unwrap_or((found, ""));
        return ConfigError::Value {
            place: document.place(&key),
            key,
            found: found.to_owned(),
            expected: expected.to_owned(),
        };
    }
    let expected = message
        .split_once(", expected ")
        .map_or("what `fewave init train` shows", |(_, expected)| expected);
    ConfigError::Value {
        place: document.place(key),
        key: key.to_owned(),
        found: document
            .value(key)
            .map_or_else(|| message.to_owned(), describe),
        expected: in_words(expected),
    }
}

/// What serde expects, without the names of Rust's types.
fn in_words(expected: &str) -> String {
    match expected {
        "usize" | "u64" | "u32" => "a whole number of at least 0".to_owned(),
        "f64" | "f32" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" => "a text in quotes".to_owned(),
        other => other.replace('`', "\""),
    }
}
