//! A table of the configuration, read key by key; what was not asked for is unknown.

use std::cell::RefCell;

use toml::{Table, Value};

use super::ConfigError;
use super::document::Document;
use super::range::{IntegerRange, Range};

/// One table of a [`Document`]. Ask for every key that exists, then call [`Section::finish`].
#[derive(Debug)]
pub struct Section<'a> {
    document: &'a Document,
    path: String,
    table: &'a Table,
    known: RefCell<Vec<String>>,
}

impl<'a> Section<'a> {
    pub(super) fn new(document: &'a Document, path: String, table: &'a Table) -> Self {
        Self {
            document,
            path,
            table,
            known: RefCell::default(),
        }
    }

    /// The document that the section belongs to.
    pub fn document(&self) -> &'a Document {
        self.document
    }

    /// All keys and values of the section.
    pub fn table(&self) -> &'a Table {
        self.table
    }

    /// Full dotted name of a key of this section.
    pub fn full(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            ("", _) => key.to_owned(),
            (path, "") => path.to_owned(),
            (path, _) => format!("{path}.{key}"),
        }
    }

    /// Whether the key is present.
    pub fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// The raw value of a key.
    pub fn value(&self, key: &str) -> Option<&'a Value> {
        let mut known = self.known.borrow_mut();
        if !known.iter().any(|name| name == key) {
            known.push(key.to_owned());
        }
        self.table.get(key)
    }

    /// An error about the value of a key.
    pub fn error(&self, key: &str, expected: impl Into<String>) -> ConfigError {
        let found = match self.table.get(key) {
            Some(value) => describe(value),
            None => "absent".to_owned(),
        };
        self.error_found(key, found, expected)
    }

    /// An error about a key, with the value found in words.
    pub fn error_found(
        &self,
        key: &str,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> ConfigError {
        let full = self.full(key);
        ConfigError::Value {
            place: self.document.place(&full),
            key: full,
            found: found.into(),
            expected: expected.into(),
        }
    }

    /// The error for a missing key; where a misspelt one stands in its place, the error names that.
    fn missing(&self, key: &str, expected: &str) -> ConfigError {
        let known = self.known.borrow();
        let misspelt = self
            .table
            .keys()
            .find(|name| !known.contains(name) && is_near(name, key));
        if let Some(name) = misspelt {
            let full = self.full(name);
            return unknown_key(self.document.place(&full), full, name, &known);
        }
        ConfigError::Missing {
            place: self.document.place(&self.path),
            key: self.full(key),
            expected: expected.to_owned(),
        }
    }

    /// A required value, converted by `read`.
    pub fn required<T>(
        &self,
        key: &str,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<T, ConfigError> {
        let value = self.value(key).ok_or_else(|| self.missing(key, expected))?;
        read(value).ok_or_else(|| self.error(key, expected))
    }

    /// An optional value with its default.
    pub fn or<T>(
        &self,
        key: &str,
        expected: &str,
        default: T,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<T, ConfigError> {
        match self.value(key) {
            None => Ok(default),
            Some(value) => read(value).ok_or_else(|| self.error(key, expected)),
        }
    }

    /// One of some words; the first is the default unless the key is `required`.
    pub fn word(
        &self,
        key: &str,
        words: &[&'static str],
        required: bool,
    ) -> Result<&'static str, ConfigError> {
        let listed = words
            .iter()
            .map(|word| format!("\"{word}\""))
            .collect::<Vec<_>>()
            .join(" | ");
        let expected = format!("one of {listed}");
        let read = |value: &Value| {
            words
                .iter()
                .find(|word| value.as_str() == Some(word))
                .copied()
        };
        match (required, words.first()) {
            (false, Some(first)) => self.or(key, &expected, *first, read),
            _ => self.required(key, &expected, read),
        }
    }

    /// A required range of numbers: a number, or a pair `[lower, upper]`.
    pub fn range(&self, key: &str, what: &str) -> Result<Range, ConfigError> {
        let value = self.value(key).ok_or_else(|| {
            self.missing(key, &format!("{what}: a number or a range [lower, upper]"))
        })?;
        self.to_range(key, value, what)
    }

    /// An optional range of numbers.
    pub fn range_or(&self, key: &str, what: &str, default: f64) -> Result<Range, ConfigError> {
        match self.value(key) {
            None => Ok(Range::Fixed(default)),
            Some(value) => self.to_range(key, value, what),
        }
    }

    /// A range that must be above zero.
    pub fn positive_range(&self, key: &str, what: &str) -> Result<Range, ConfigError> {
        let range = self.range(key, what)?;
        if range.lower() > 0.0 {
            Ok(range)
        } else {
            Err(self.error(key, format!("{what} above 0")))
        }
    }

    fn to_range(&self, key: &str, value: &Value, what: &str) -> Result<Range, ConfigError> {
        Range::from_value(value).map_err(|problem| {
            self.error(
                key,
                format!("{what}: a finite number or a range [lower, upper] ({problem})"),
            )
        })
    }

    /// A required range of whole numbers, both ends included.
    pub fn integer_range(
        &self,
        key: &str,
        what: &str,
        least: i64,
        most: i64,
    ) -> Result<IntegerRange, ConfigError> {
        let expected = format!(
            "{what}: a whole number from {least} to {most}, or a range [lower, upper] of them, both included"
        );
        let range = self.required(key, &expected, IntegerRange::from_value)?;
        if range.lower < least || range.upper > most {
            return Err(self.error(key, expected));
        }
        Ok(range)
    }

    /// A pair of ranges, one a component: `[x, y]`, each a number or `[lower, upper]`.
    pub fn position(&self, key: &str, what: &str) -> Result<[Range; 2], ConfigError> {
        let expected = format!("{what}: [x, y], each a number or a range [lower, upper], in m");
        self.required(key, &expected, |value| {
            let list = value.as_array()?;
            let [x, y] = list.as_slice() else { return None };
            Some([Range::from_value(x).ok()?, Range::from_value(y).ok()?])
        })
    }

    /// A list of ranges.
    pub fn ranges(&self, key: &str, what: &str) -> Result<Vec<Range>, ConfigError> {
        let expected = format!("{what}: a list of numbers or ranges [lower, upper]");
        self.required(key, &expected, |value| {
            value
                .as_array()?
                .iter()
                .map(|item| Range::from_value(item).ok())
                .collect()
        })
    }

    /// A required sub-table.
    pub fn section(&self, key: &str, what: &str) -> Result<Section<'a>, ConfigError> {
        match self.value(key) {
            Some(Value::Table(table)) => Ok(Section::new(self.document, self.full(key), table)),
            Some(_) => Err(self.error(key, format!("a table: {what}"))),
            None => Err(self.missing(key, &format!("the section [{}]: {what}", self.full(key)))),
        }
    }

    /// An optional sub-table.
    pub fn section_if(&self, key: &str, what: &str) -> Result<Option<Section<'a>>, ConfigError> {
        self.has(key).then(|| self.section(key, what)).transpose()
    }

    /// A list of tables (`[[key]]`), empty when absent.
    pub fn sections(&self, key: &str, what: &str) -> Result<Vec<Section<'a>>, ConfigError> {
        let Some(value) = self.value(key) else {
            return Ok(Vec::new());
        };
        let expected = format!("a list of tables [[{}]]: {what}", self.full(key));
        let list = value.as_array().ok_or_else(|| self.error(key, &expected))?;
        list.iter()
            .enumerate()
            .map(|(index, item)| match item {
                Value::Table(table) => Ok(Section::new(
                    self.document,
                    format!("{}.{index}", self.full(key)),
                    table,
                )),
                _ => Err(self.error(key, &expected)),
            })
            .collect()
    }

    /// Refuses every key that was not asked for.
    ///
    /// # Errors
    /// Names the first unknown key and the nearest known one.
    pub fn finish(&self) -> Result<(), ConfigError> {
        let known = self.known.borrow();
        match self.table.keys().find(|key| !known.contains(key)) {
            None => Ok(()),
            Some(key) => {
                let full = self.full(key);
                Err(unknown_key(self.document.place(&full), full, key, &known))
            }
        }
    }
}

/// The error for an unknown key, with the nearest of the known ones.
pub fn unknown_key(place: String, full: String, key: &str, known: &[String]) -> ConfigError {
    let nearest = known
        .iter()
        .filter(|name| is_near(key, name))
        .min_by_key(|name| strsim::damerau_levenshtein(key, name));
    ConfigError::UnknownKey {
        place,
        key: full,
        suggestion: nearest.map_or(".".to_owned(), |name| format!("; did you mean `{name}`?")),
        known: known.join(", "),
    }
}

/// Whether one of two keys may be a misspelling of the other.
fn is_near(key: &str, name: &str) -> bool {
    strsim::damerau_levenshtein(key, name) <= 1 + name.len().max(key.len()) / 3
}

/// A value in words, cut when long.
pub fn describe(value: &Value) -> String {
    let mut text = match value {
        // hundreds of digits otherwise
        Value::Float(number) if number.abs() >= 1e15 => format!("{number:e}"),
        other => other.to_string(),
    };
    if text.chars().count() > 60 {
        text = text.chars().take(57).collect::<String>() + "…";
    }
    match value {
        Value::String(_) => format!("the text {text}"),
        Value::Table(_) => format!("a table {text}"),
        _ => text,
    }
}
