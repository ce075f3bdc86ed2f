//! Figures from the CSV that was written beside them, so that they can be drawn again in another style.
//!
//! The heading tells which figure a file holds: each kind's CSV has columns of its own. What no CSV holds (captions and
//! titles for readers who do not see the figure) is written anew.

mod fields;
mod grouped;
mod kinds;

use crate::error::{PlotsError, Result};
use crate::figure::Figure;

/// The figure whose numbers `text` holds; `name` becomes the stem of its files and `file` names the text in errors.
///
/// # Errors
/// Text that is no CSV of a figure, with the line and the column that were read last.
pub fn figure_from_csv(name: &str, file: &str, text: &str) -> Result<Box<dyn Figure>> {
    let sheet = Sheet::read(file, text)?;
    let heads: Vec<&str> = sheet.heads.iter().map(String::as_str).collect();
    let name = name.to_owned();
    Ok(match heads.as_slice() {
        ["time (s)", "x (m)", "y (m)", ..] => Box::new(fields::wavefields(name, &sheet)?),
        ["model", "x (m)", "y (m)", ..] => Box::new(fields::error_maps(name, &sheet)?),
        ["model", "layer", "parameters", "multiply-adds"] => {
            Box::new(kinds::parameter_counts(name, &sheet)?)
        }
        ["model", "trajectory", _] => Box::new(kinds::error_distribution(name, &sheet)?),
        ["model", _, "trajectory", _] => Box::new(kinds::error_growth(name, &sheet)?),
        ["run", "optimiser step", "split", _] => Box::new(kinds::training_curves(name, &sheet)?),
        ["receiver", "model", "time (s)", _] => Box::new(kinds::traces(name, &sheet)?),
        ["model", wavenumber, _, _] if wavenumber.starts_with("wavenumber") => {
            Box::new(kinds::spectra(name, &sheet)?)
        }
        ["series", _, _, "mark", "colour", "axes"] => Box::new(kinds::lines(name, &sheet)?),
        _ => {
            return Err(sheet.refuse(
                1,
                format!("the columns {}", heads.join(", ")),
                "the columns of a figure's CSV, as `fewave compare` writes them into figures/",
            ));
        }
    })
}

/// A CSV in memory.
struct Sheet {
    file: String,
    heads: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Sheet {
    fn read(file: &str, text: &str) -> Result<Self> {
        let failed = |error: csv::Error| PlotsError::Csv {
            file: file.into(),
            line: error.position().map_or(1, csv::Position::line),
            found: error.to_string(),
            expected: "a table of comma-separated values with equally long lines".into(),
        };
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let heads = reader.headers().map_err(failed)?;
        let heads = heads.iter().map(str::to_owned).collect();
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(failed)?;
            rows.push(record.iter().map(str::to_owned).collect());
        }
        let sheet = Self {
            file: file.into(),
            heads,
            rows,
        };
        if sheet.rows.is_empty() {
            return Err(sheet.refuse(2, "no line of values".into(), "at least one"));
        }
        Ok(sheet)
    }

    fn refuse(&self, line: usize, found: String, expected: &str) -> PlotsError {
        PlotsError::Csv {
            file: self.file.clone(),
            line: line as u64,
            found,
            expected: expected.into(),
        }
    }

    fn text(&self, row: usize, column: usize) -> &str {
        // The reader refuses lines of another length than the heading.
        self.rows[row].get(column).map_or("", String::as_str)
    }

    /// The number in a cell; `NaN`, `inf` and `-inf` are numbers here.
    fn number(&self, row: usize, column: usize) -> Result<f64> {
        let text = self.text(row, column);
        text.parse().map_err(|_| {
            let found = format!("`{text}` in column `{}`", self.heads[column]);
            self.refuse(row + 2, found, "a number")
        })
    }

    /// The count in a cell.
    fn count(&self, row: usize, column: usize) -> Result<u64> {
        let text = self.text(row, column);
        text.parse().map_err(|_| {
            let found = format!("`{text}` in column `{}`", self.heads[column]);
            self.refuse(row + 2, found, "a whole number that is not negative")
        })
    }
}

/// `quantity (unit)` apart; the unit is empty where there is none.
fn without_unit(head: &str) -> (String, String) {
    match head.strip_suffix(')').and_then(|h| h.rsplit_once(" (")) {
        Some((quantity, unit)) => (quantity.into(), unit.into()),
        None => (head.into(), String::new()),
    }
}
