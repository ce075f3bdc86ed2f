//! A TOML file with its `--set` overrides applied, which can say where each key stands.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use toml::{Table, Value};

use super::ConfigError;
use super::overrides::{apply_override, slot};
use super::section::Section;

/// Longest configuration that is read, in bytes: lists of samples may be long, devices are endless.
const LARGEST_TEXT: u64 = 64 << 20;

/// A configuration file after overrides.
#[derive(Debug, Clone)]
pub struct Document {
    file: String,
    text: String,
    table: Table,
    overrides: Vec<Override>,
    folder: PathBuf,
    /// Dotted key of the text's table that the document consists of; empty for all of it.
    within: String,
}

/// A dotted key that was given a value from elsewhere.
#[derive(Debug, Clone)]
struct Override {
    key: String,
    /// Where from, for messages: `--set`, or a place in another file.
    origin: String,
}

/// Origin of overrides from the command line.
const COMMAND_LINE: &str = "--set";

impl Document {
    /// Reads `path` and applies `overrides` (`KEY=VALUE`, dotted keys, array indices as numbers).
    ///
    /// # Errors
    /// When the file cannot be read, is no TOML, or an override is malformed.
    pub fn read(path: &Path, overrides: &[String]) -> Result<Self, ConfigError> {
        let file = path.display().to_string();
        let unreadable = |reason: String| ConfigError::Unreadable {
            file: file.clone(),
            reason,
        };
        let mut text = String::new();
        File::open(path)
            .and_then(|opened| opened.take(LARGEST_TEXT + 1).read_to_string(&mut text))
            .map_err(|error| unreadable(error.to_string()))?;
        if text.len() as u64 > LARGEST_TEXT {
            return Err(unreadable(format!(
                "more than the {} MiB that are read",
                LARGEST_TEXT >> 20
            )));
        }
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
            keys.push(Override {
                key: apply_override(&mut table, given)?,
                origin: COMMAND_LINE.to_owned(),
            });
        }
        Ok(Self {
            file: file.to_owned(),
            text: text.to_owned(),
            table,
            overrides: keys,
            folder,
            within: String::new(),
        })
    }

    /// The document that the table at a dotted key is by itself; its keys keep their lines. `None` where there is no table.
    pub fn within(&self, key: &str) -> Option<Self> {
        let table = self.value(key)?.as_table()?.clone();
        Some(Self {
            table,
            overrides: Vec::new(),
            within: key.to_owned(),
            ..self.clone()
        })
    }

    /// Gives a dotted key a value that comes from `origin`, a place for messages. A table that names its `kind` replaces what
    /// is there, any other table is merged into it key by key.
    ///
    /// # Errors
    /// When the key leads through something that is no table.
    pub fn set(&mut self, key: &str, value: &Value, origin: &str) -> Result<(), ConfigError> {
        if let Value::Table(table) = value
            && !table.contains_key("kind")
        {
            return table
                .iter()
                .try_for_each(|(inner, value)| self.set(&format!("{key}.{inner}"), value, origin));
        }
        let slot = slot(&mut self.table, key).map_err(|reason| ConfigError::Refused {
            place: origin.to_owned(),
            key: key.to_owned(),
            reason: format!("{reason}; give the key of a configuration, for example train.steps"),
        })?;
        *slot = value.clone();
        self.overrides.push(Override {
            key: key.to_owned(),
            origin: origin.to_owned(),
        });
        Ok(())
    }

    /// Applies `KEY=VALUE` as the command line gives it.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn override_with(&mut self, given: &str) -> Result<(), ConfigError> {
        let key = apply_override(&mut self.table, given)?;
        self.overrides.push(Override {
            key,
            origin: COMMAND_LINE.to_owned(),
        });
        Ok(())
    }

    /// The root section.
    pub fn root(&self) -> Section<'_> {
        Section::new(self, String::new(), &self.table)
    }

    /// A path from the file, relative to the folder of the file.
    pub fn resolve(&self, path: impl AsRef<Path>) -> PathBuf {
        self.folder.join(path)
    }

    /// Whether a key was overridden, from the command line or otherwise.
    pub fn is_overridden(&self, key: &str) -> bool {
        self.overrides.iter().any(|set| set.covers(key))
    }

    /// Whether the value of a key comes from the command line.
    pub fn is_from_command_line(&self, key: &str) -> bool {
        let last = self.overrides.iter().rev().find(|set| set.covers(key));
        last.is_some_and(|set| set.origin == COMMAND_LINE)
    }

    /// Where a dotted key stands: the `--set` that gave it, a part of it or a section that only the command line has;
    /// else `file:line` of the key or of the nearest section around it.
    pub fn place(&self, key: &str) -> String {
        let mut parts: Vec<&str> = key.split('.').filter(|part| !part.is_empty()).collect();
        while !parts.is_empty() {
            let key = parts.join(".");
            if let Some(set) = self.overrides.iter().rev().find(|set| set.covers(&key)) {
                return set.place();
            }
            let inside = |set: &&Override| set.key.starts_with(&format!("{key}."));
            let part = self.overrides.iter().rev().find(inside);
            let outside = self.within.split('.').filter(|part| !part.is_empty());
            let line = line_of(
                &self.text,
                &outside.chain(parts.clone()).collect::<Vec<_>>(),
            );
            // a section of the file stays where it is when one of its keys is overridden, a value does not
            match (part, line) {
                (Some(set), None) => return set.place(),
                (Some(set), Some(_)) if !self.value(&key).is_some_and(is_section) => {
                    return set.place();
                }
                (_, Some(line)) => return format!("{}:{line}", self.file),
                (None, None) => {}
            }
            parts.pop();
        }
        match line_of(&self.text, &self.within.split('.').collect::<Vec<_>>()) {
            Some(line) if !self.within.is_empty() => format!("{}:{line}", self.file),
            _ => self.file.clone(),
        }
    }

    /// The value of a dotted key, after overrides.
    pub fn value(&self, key: &str) -> Option<&Value> {
        let mut parts = key.split('.');
        let mut value = self.table.get(parts.next()?)?;
        for part in parts {
            value = match value {
                Value::Table(table) => table.get(part)?,
                Value::Array(list) => list.get(part.parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        Some(value)
    }

    /// The configuration after overrides as TOML text with sorted keys: equal configurations give equal text.
    pub fn canonical(&self) -> String {
        canonical(&self.table)
    }

    /// The same with the texts of some dotted keys, where they are there, replaced.
    pub fn canonical_with(&self, texts: &[(String, String)]) -> String {
        let mut table = Value::Table(self.table.clone());
        for (key, text) in texts {
            let mut node = Some(&mut table);
            for part in key.split('.') {
                node = node.and_then(|node| match node {
                    Value::Table(table) => table.get_mut(part),
                    Value::Array(list) => list.get_mut(part.parse::<usize>().ok()?),
                    _ => None,
                });
            }
            if let Some(slot) = node {
                *slot = Value::String(text.clone());
            }
        }
        match table {
            Value::Table(table) => canonical(&table),
            _ => self.canonical(),
        }
    }
}

impl Override {
    /// Whether it gave the value of a key, or of a table around it.
    fn covers(&self, key: &str) -> bool {
        key.strip_prefix(self.key.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    fn place(&self) -> String {
        format!("{} {}", self.origin, self.key)
    }
}

fn canonical(table: &Table) -> String {
    toml::to_string(table).unwrap_or_else(|error| format!("# not serialisable: {error}"))
}

/// Whether a value is a table or a list of tables.
fn is_section(value: &Value) -> bool {
    match value {
        Value::Table(_) => true,
        Value::Array(list) => list.iter().any(Value::is_table),
        _ => false,
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
        assert_eq!(doc.table["a"].as_integer(), Some(2));
        assert_eq!(doc.table["train"]["epochs"].as_integer(), Some(3));
        assert_eq!(
            doc.table["source"][0]["frequency"].as_array().map(Vec::len),
            Some(2)
        );
        assert_eq!(doc.table["device"].as_str(), Some("cuda"));
    }

    #[test]
    fn malformed_overrides_say_what_was_expected() {
        for (given, reason) in [
            ("novalue", "no `=`"),
            ("=1", "empty key"),
            ("a..b=1", "empty key"),
            ("a.b.c=1", "`b` is not inside a table"),
            ("a=2\nname=\"evil\"", "more than one value"),
            ("a=two\nlines", "more than one value"),
            ("s.9.f=1", "index 9, the list has 1 entry"),
            ("s.first.f=1", "`first` is no index"),
        ] {
            let error = document("a = 1\n[[s]]\nf = 1\n", &[given])
                .unwrap_err()
                .to_string();
            assert!(error.contains("expected KEY=VALUE"), "{error}");
            assert!(error.contains(reason), "{error}");
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
    fn places_of_overrides_that_reach_deeper() {
        let doc = document(
            "[mesh]\nsize = [1.0, 1.0]\n[[initial]]\nposition = [0.5, 0.5]\n",
            &[
                "mesh.order=2",
                "source.0.frequency=3",
                "initial.0.position.1=7",
            ],
        )
        .unwrap();
        assert_eq!(doc.place("source"), "--set source.0.frequency");
        assert_eq!(
            doc.place("initial.0.position"),
            "--set initial.0.position.1"
        );
        assert_eq!(doc.place("initial.0"), "case.toml:3");
        assert_eq!(doc.place("mesh"), "case.toml:1");
        assert_eq!(doc.place("mesh.cells"), "case.toml:1");
    }

    #[test]
    fn a_table_inside_is_a_document_with_its_lines() {
        let text = "name = 1\n[base]\nseed = 1\n[base.network]\nwidth = 8\nscheme = { kind = \"one-way\", rank = 1 }\n";
        let whole = document(text, &[]).unwrap();
        let mut base = whole.within("base").unwrap();
        assert!(whole.within("name").is_none() && whole.within("absent").is_none());
        assert_eq!(base.place("network.width"), "case.toml:5");
        assert_eq!(base.place(""), "case.toml:2");
        let set: Table = "width = 9\nscheme = { kind = \"dense\" }".parse().unwrap();
        base.set("network", &Value::Table(set), "run 3").unwrap();
        assert_eq!(base.place("network.width"), "run 3 network.width");
        assert!(base.is_overridden("network.scheme.rank"));
        assert!(!base.is_from_command_line("network.width"));
        // a kind replaces the table around it: nothing of another kind is left
        assert_eq!(base.value("network.scheme.rank"), None);
        base.override_with("network.width=10").unwrap();
        assert!(base.is_from_command_line("network.width"));
        let error = base.set("seed.x", &Value::from(1), "run 3").unwrap_err();
        assert!(error.to_string().contains("not inside a table"), "{error}");
    }

    #[test]
    fn a_replaced_text_leaves_the_rest() {
        let doc = document(
            "seed = 1\n[medium]\nfile = \"m.npy\"\n[[source]]\nfile = \"s.npy\"\n",
            &[],
        )
        .unwrap();
        let with = |key: &str, text: &str| doc.canonical_with(&[(key.to_owned(), text.to_owned())]);
        let text = with("medium.file", "/data/m.npy");
        assert_eq!(text, doc.canonical().replace("m.npy", "/data/m.npy"));
        let text = with("source.0.file", "/data/s.npy");
        assert_eq!(text, doc.canonical().replace("s.npy", "/data/s.npy"));
        assert_eq!(with("mesh.file", "x"), doc.canonical());
    }

    #[test]
    fn differences_name_the_keys() {
        let old: Table = "a = 1\n[m]\nb = 2\nc = 3\n".parse().unwrap();
        let new: Table = "a = 1\n[m]\nb = 5\n".parse().unwrap();
        let found = differences(&old, &new);
        assert_eq!(found, ["m.b: 2 there, 5 now", "m.c: 3 there, absent now"]);
    }
}
