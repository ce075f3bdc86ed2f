//! The training configuration (`train.toml`): the surrogate crate's own types, read with places in the errors.

use serde::de::DeserializeOwned;

use super::ConfigError;
use super::document::Document;
use super::section::unknown_key;

/// Converts a document to `T`.
///
/// # Errors
/// Names place, key, found and expected, and for unknown keys the nearest known one.
pub fn from_document<T: DeserializeOwned>(document: &Document) -> Result<T, ConfigError> {
    let value = toml::Value::Table(without_replaced(document));
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string().replace('[', ".").replace(']', "");
        let path = if path == "." { String::new() } else { path };
        explain(document, &path, error.inner().message())
    })
}

/// The values without `train.steps` where the command line gives `train.epochs` instead, and the other way round.
fn without_replaced(document: &Document) -> toml::Table {
    let mut table = document.table().clone();
    if let Some(toml::Value::Table(train)) = table.get_mut("train") {
        for (given, replaced) in [("epochs", "steps"), ("steps", "epochs")] {
            let overridden = |key: &str| document.is_overridden(&format!("train.{key}"));
            if overridden(given) && !overridden(replaced) {
                train.remove(replaced);
            }
        }
    }
    table
}

/// Turns serde's message about the value at `path` into the house's form.
fn explain(document: &Document, path: &str, message: &str) -> ConfigError {
    let quoted: Vec<String> = message
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect();
    let join = |key: &str| match (path, path.rsplit('.').next()) {
        ("", _) => key.to_owned(),
        (_, Some(last)) if last == key => path.to_owned(),
        _ => format!("{path}.{key}"),
    };
    if let (true, Some((key, known))) = (message.starts_with("unknown field"), quoted.split_first())
    {
        let full = join(key);
        return unknown_key(document.place(&full), full, key, known);
    }
    if let (true, Some(key)) = (message.starts_with("missing field"), quoted.first()) {
        let full = join(key);
        return ConfigError::Missing {
            place: document.place(path),
            key: full,
            expected: "a value; `fewave init train` writes a commented example".to_owned(),
        };
    }
    let (found, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    let expected = if expected.is_empty() {
        "what `fewave init train` shows"
    } else {
        expected
    };
    ConfigError::Value {
        place: document.place(path),
        key: path.to_owned(),
        found: found
            .trim_start_matches("invalid type: ")
            .trim_start_matches("invalid value: ")
            .to_owned(),
        expected: expected.to_owned(),
    }
}
