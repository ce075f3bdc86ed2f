//! Values given on the command line, `--set KEY=VALUE`: where they go, and what they are.

use toml::{Table, Value};

use super::ConfigError;

/// Puts the value of `KEY=VALUE` at its place, and says the key.
pub(super) fn apply_override(table: &mut Table, given: &str) -> Result<String, ConfigError> {
    let bad = |reason: &str| ConfigError::Override {
        given: given.to_owned(),
        reason: reason.to_owned(),
    };
    let (key, value) = given.split_once('=').ok_or_else(|| bad("no `=` in it"))?;
    let key = key.trim();
    if key.is_empty() || key.split('.').any(str::is_empty) {
        return Err(bad("an empty key"));
    }
    let value = parse_value(value.trim()).ok_or_else(|| bad("more than one value"))?;
    *slot(table, key).map_err(|reason| bad(&reason))? = value;
    Ok(key.to_owned())
}

/// The place of a dotted key, made where it is missing.
pub(super) fn slot<'a>(table: &'a mut Table, key: &str) -> Result<&'a mut Value, String> {
    let mut parts = key.split('.');
    let first = parts.next().unwrap_or(key).to_owned();
    let mut node = table.entry(first).or_insert(Value::Table(Table::new()));
    for part in parts {
        node = descend(node, part)?;
    }
    Ok(node)
}

fn descend<'a>(node: &'a mut Value, part: &str) -> Result<&'a mut Value, String> {
    match node {
        Value::Table(table) => Ok(table
            .entry(part.to_owned())
            .or_insert(Value::Table(Table::new()))),
        Value::Array(list) => {
            let entries = match list.len() {
                1 => "1 entry".to_owned(),
                count => format!("{count} entries"),
            };
            let index: usize = part
                .parse()
                .map_err(|_| format!("`{part}` is no index into a list of {entries}"))?;
            list.get_mut(index)
                .ok_or_else(|| format!("index {index}, the list has {entries}"))
        }
        _ => Err(format!("`{part}` is not inside a table")),
    }
}

/// A TOML value; a bare word that is none (`--set train.device=cuda`) is a string. None where the text holds further
/// keys, on lines of their own.
fn parse_value(text: &str) -> Option<Value> {
    match format!("x = {text}").parse::<Table>() {
        Ok(mut table) if table.len() == 1 => table.remove("x"),
        Ok(_) => None,
        Err(_) => (!text.contains('\n')).then(|| Value::String(text.to_owned())),
    }
}
