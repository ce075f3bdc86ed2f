//! A TOML file with its `--set` overrides applied, which can say where each key stands.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use toml::{Table, Value};

use super::ConfigError;
use super::section::Section;

/// A configuration file after overrides.
#[derive(Debug, Clone)]
pub struct Document {
    file: String,
    text: String,
    table: Table,
    overrides: Vec<String>,
    folder: PathBuf,
}

impl Document {
    /// Reads `path` and applies `overrides` (`KEY=VALUE`, dotted keys, array indices as numbers).
    ///
    /// # Errors
    /// When the file cannot be read, is no TOML, or an override is malformed.
    pub fn read(path: &Path, overrides: &[String]) -> Result<Self, ConfigError> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
            file: file.clone(),
            reason: error.to_string(),
        })?;
        let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
        Self::parse(&file, &text, overrides, folder)
    }

    /// Parses `text`, which errors will call `file`; relative paths inside it are resolved against `folder`.
    ///
    /// # Errors
    /// When the text is no TOML, or an override is malformed.
    pub fn parse(
        file: &str,
        text: &str,
        overrides: &[String],
        folder: PathBuf,
    ) -> Result<Self, ConfigError> {
        let mut table: Table =
            text.parse()
                .map_err(|error: toml::de::Error| ConfigError::Syntax {
                    file: file.to_owned(),
                    reason: error.to_string().trim_end().to_owned(),
                })?;
        let mut keys = Vec::new();
        for given in overrides {
            keys.push(apply_override(&mut table, given)?);
        }
        Ok(Self {
            file: file.to_owned(),
            text: text.to_owned(),
            table,
            overrides: keys,
            folder,
        })
    }

    /// The root section.
    pub fn root(&self) -> Section<'_> {
        Section::new(self, String::new(), &self.table)
    }

    /// The values after overrides.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// A path from the file, relative to the folder of the file.
    pub fn resolve(&self, path: impl AsRef<Path>) -> PathBuf {
        self.folder.join(path)
    }

    /// Whether a key comes from the command line.
    pub fn is_overridden(&self, key: &str) -> bool {
        self.overrides
            .iter()
            .any(|set| key == set || key.starts_with(&format!("{set}.")))
    }

    /// Where a dotted key stands: `--set key` when it was overridden, else `file:line` of the key or of the nearest
    /// section around it.
    pub fn place(&self, key: &str) -> String {
        if self.is_overridden(key) {
            return format!("--set {key}");
        }
        let mut parts: Vec<&str> = key.split('.').filter(|part| !part.is_empty()).collect();
        while !parts.is_empty() {
            if let Some(line) = line_of(&self.text, &parts) {
                return format!("{}:{line}", self.file);
            }
            parts.pop();
        }
        self.file.clone()
    }

    /// The configuration after overrides as TOML text with sorted keys: equal configurations give equal text.
    pub fn canonical(&self) -> String {
        toml::to_string(&self.table).unwrap_or_else(|error| format!("# not serialisable: {error}"))
    }
}

/// SHA-256 of a text as lower-case hexadecimal digits.
pub fn sha256(text: &[u8]) -> String {
    let digest = Sha256::digest(text);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The dotted keys in which two tables differ, with both values.
pub fn differences(old: &Table, new: &Table) -> Vec<String> {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    flatten("", &Value::Table(old.clone()), &mut a);
    flatten("", &Value::Table(new.clone()), &mut b);
    let mut found = Vec::new();
    for (key, value) in &a {
        match b.iter().find(|(other, _)| other == key) {
            None => found.push(format!("{key}: {value} there, absent now")),
            Some((_, other)) if other != value => {
                found.push(format!("{key}: {value} there, {other} now"));
            }
            Some(_) => {}
        }
    }
    for (key, value) in &b {
        if !a.iter().any(|(other, _)| other == key) {
            found.push(format!("{key}: absent there, {value} now"));
        }
    }
    found
}

fn flatten(prefix: &str, value: &Value, out: &mut Vec<(String, String)>) {
    let join = |key: &str| match prefix {
        "" => key.to_owned(),
        _ => format!("{prefix}.{key}"),
    };
    match value {
        Value::Table(table) => table.iter().for_each(|(k, v)| flatten(&join(k), v, out)),
        Value::Array(list) if list.iter().any(Value::is_table) => list
            .iter()
            .enumerate()
            .for_each(|(i, v)| flatten(&join(&i.to_string()), v, out)),
        other => out.push((prefix.to_owned(), other.to_string())),
    }
}

fn apply_override(table: &mut Table, given: &str) -> Result<String, ConfigError> {
    let bad = |reason: &str| ConfigError::Override {
        given: given.to_owned(),
        reason: reason.to_owned(),
    };
    let (key, value) = given.split_once('=').ok_or_else(|| bad("no `=` in it"))?;
    let key = key.trim();
    if key.is_empty() || key.split('.').any(str::is_empty) {
        return Err(bad("an empty key"));
    }
    let value = parse_value(value.trim());
    let mut parts: Vec<&str> = key.split('.').collect();
    let last = parts.pop().ok_or_else(|| bad("an empty key"))?;
    let mut node = table
        .entry(parts.first().copied().unwrap_or(last).to_owned())
        .or_insert(Value::Table(Table::new()));
    if parts.is_empty() {
        *node = value;
        return Ok(key.to_owned());
    }
    for part in &parts[1..] {
        node =
            descend(node, part).ok_or_else(|| bad(&format!("`{part}` is not inside a table")))?;
    }
    *descend(node, last).ok_or_else(|| bad(&format!("`{last}` is not inside a table")))? = value;
    Ok(key.to_owned())
}

fn descend<'a>(node: &'a mut Value, part: &str) -> Option<&'a mut Value> {
    match node {
        Value::Table(table) => Some(
            table
                .entry(part.to_owned())
                .or_insert(Value::Table(Table::new())),
        ),
        Value::Array(list) => list.get_mut(part.parse::<usize>().ok()?),
        _ => None,
    }
}

/// A TOML value; a bare word that is none (`--set train.device=cuda`) is a string.
fn parse_value(text: &str) -> Value {
    format!("x = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("x"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Line (from 1) on which a dotted key is written, by the spans of the parsed document.
fn line_of(text: &str, parts: &[&str]) -> Option<usize> {
    let document = toml::de::DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let mut position = None;
    let mut index = 0;
    while index < parts.len() {
        let (key, value) = table
            .iter()
            .find(|(key, _)| key.get_ref().as_ref() == parts[index])?;
        position = Some(key.span().start);
        index += 1;
        let mut value = value.get_ref();
        if let toml::de::DeValue::Array(list) = value
            && index < parts.len()
        {
            let item = list.get(parts[index].parse::<usize>().ok()?)?;
            position = Some(item.span().start);
            value = item.get_ref();
            index += 1;
        }
        match value {
            toml::de::DeValue::Table(inner) => table = inner,
            _ if index < parts.len() => return None,
            _ => {}
        }
    }
    position.map(|offset| text[..offset].matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str, sets: &[&str]) -> Result<Document, ConfigError> {
        let sets: Vec<String> = sets.iter().map(|s| (*s).to_owned()).collect();
        Document::parse("case.toml", text, &sets, PathBuf::new())
    }

    #[test]
    fn overrides_reach_tables_lists_and_bare_words() {
        let doc = document(
            "a = 1\n[[source]]\nfrequency = 4.0\n",
            &[
                "a=2",
                "train.epochs=3",
                "source.0.frequency=[1, 2]",
                "device=cuda",
            ],
        )
        .unwrap();
        assert_eq!(doc.table()["a"].as_integer(), Some(2));
        assert_eq!(doc.table()["train"]["epochs"].as_integer(), Some(3));
        assert_eq!(
            doc.table()["source"][0]["frequency"]
                .as_array()
                .map(Vec::len),
            Some(2)
        );
        assert_eq!(doc.table()["device"].as_str(), Some("cuda"));
    }

    #[test]
    fn malformed_overrides_say_what_was_expected() {
        for given in ["novalue", "=1", "a..b=1", "a.b.c=1"] {
            let error = document("a = 1\n", &[given]).unwrap_err().to_string();
            assert!(error.contains("expected KEY=VALUE"), "{error}");
        }
    }

    #[test]
    fn places_are_lines_or_flags() {
        let doc = document(
            "a = 1\n\n[mesh]\nsize = [1.0, 1.0]\n[[initial]]\nx = 1\n[[initial]]\nwidth = 2\n",
            &["a=2"],
        )
        .unwrap();
        assert_eq!(doc.place("mesh.size"), "case.toml:4");
        assert_eq!(doc.place("initial.1.width"), "case.toml:8");
        assert_eq!(doc.place("mesh.absent"), "case.toml:3");
        assert_eq!(doc.place("a"), "--set a");
    }

    #[test]
    fn differences_name_the_keys() {
        let old: Table = "a = 1\n[m]\nb = 2\nc = 3\n".parse().unwrap();
        let new: Table = "a = 1\n[m]\nb = 5\n".parse().unwrap();
        let found = differences(&old, &new);
        assert_eq!(found, ["m.b: 2 there, 5 now", "m.c: 3 there, absent now"]);
    }
}
