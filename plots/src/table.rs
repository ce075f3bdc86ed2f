//! Tables of the report, and the same tables for LaTeX.

use crate::axis::superscript;
use crate::error::{PlotsError, Result};
use crate::figure::{grouped, short};

/// Which side a column's text stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Head of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// What the column holds.
    pub heading: String,
    /// Its unit; empty for none.
    pub unit: String,
    /// Side of its text.
    pub align: Align,
}

impl Column {
    /// A column of words.
    pub fn words(heading: &str) -> Self {
        Self {
            heading: heading.into(),
            unit: String::new(),
            align: Align::Left,
        }
    }

    /// A column of numbers in `unit` (empty for none).
    pub fn numbers(heading: &str, unit: &str) -> Self {
        Self {
            heading: heading.into(),
            unit: unit.into(),
            align: Align::Right,
        }
    }

    fn title(&self) -> String {
        if self.unit.is_empty() {
            self.heading.clone()
        } else {
            format!("{} ({})", self.heading, self.unit)
        }
    }
}

/// A cell: its text and, for a number, the value it stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// What is shown.
    pub text: String,
    /// The number behind it, unrounded.
    pub value: Option<f64>,
}

impl Cell {
    /// Words.
    pub fn words(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            value: None,
        }
    }

    /// A number with three significant digits; a value that is not finite is shown as such.
    pub fn number(value: f64) -> Self {
        Self {
            text: short(value),
            value: Some(value),
        }
    }

    /// A count, its thousands set apart.
    pub fn count(count: u64) -> Self {
        Self {
            text: grouped(count),
            value: Some(count as f64),
        }
    }

    /// Nothing known.
    pub fn missing() -> Self {
        Self::words("–")
    }
}

/// A table: the first column names its rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What the table shows.
    pub caption: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows, each with one cell per column.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// Refuses rows that do not fit the columns.
    pub(crate) fn check(&self) -> Result<()> {
        let columns = self.columns.len();
        match self.rows.iter().position(|row| row.len() != columns) {
            None => Ok(()),
            Some(row) => Err(PlotsError::Setting {
                what: format!("table `{}`: number of cells in row {row}", self.caption),
                expected: format!("{columns}, one per column"),
                found: self.rows[row].len().to_string(),
            }),
        }
    }

    /// The table as HTML, with header cells for columns and rows, for a page that scrolls wide tables.
    pub(crate) fn html(&self) -> String {
        use crate::canvas::escape_xml as escape;
        let side = |column: &Column| {
            if column.align == Align::Right {
                " class=\"number\""
            } else {
                ""
            }
        };
        let mut html = format!(
            "<table class=\"sortable\">\n<caption>{}</caption>\n<thead><tr>",
            caption(&escape(&self.caption))
        );
        for column in &self.columns {
            html += &format!(
                "<th scope=\"col\"{}>{}</th>",
                side(column),
                escape(&column.title())
            );
        }
        html += "</tr></thead>\n<tbody>\n";
        for row in &self.rows {
            html += "<tr>";
            for (place, (column, cell)) in self.columns.iter().zip(row).enumerate() {
                let text = escape(&cell.text);
                html += &match (place, cell.value) {
                    (0, _) => format!("<th scope=\"row\"{}>{text}</th>", side(column)),
                    (_, Some(value)) if value.is_finite() => {
                        format!("<td{} data-value=\"{value}\">{text}</td>", side(column))
                    }
                    _ => format!("<td{}>{text}</td>", side(column)),
                };
            }
            html += "</tr>\n";
        }
        html + "</tbody>\n</table>\n"
    }
}

/// A caption whose first sentence is its heading.
fn caption(text: &str) -> String {
    match text.split_once(". ") {
        Some((first, rest)) => format!("<strong>{first}.</strong> <span>{rest}</span>"),
        None => format!("<strong>{text}</strong>"),
    }
}

/// The table for LaTeX, with `booktabs` rules; all text is escaped.
///
/// # Errors
/// A row whose number of cells is not that of the columns.
pub fn latex_table(table: &Table) -> Result<String> {
    table.check()?;
    let sides: String = table
        .columns
        .iter()
        .map(|c| if c.align == Align::Right { 'r' } else { 'l' })
        .collect();
    let line = |cells: Vec<String>| format!("{} \\\\\n", cells.join(" & "));
    let mut latex = format!(
        "\\begin{{table}}\n\\centering\n\\caption{{{}}}\n\\begin{{tabular}}{{{sides}}}\n\\toprule\n",
        escape_latex(&table.caption)
    );
    latex += &line(
        table
            .columns
            .iter()
            .map(|c| escape_latex(&c.title()))
            .collect(),
    );
    latex += "\\midrule\n";
    for row in &table.rows {
        latex += &line(row.iter().map(|cell| escape_latex(&cell.text)).collect());
    }
    latex += "\\bottomrule\n\\end{tabular}\n\\end{table}\n";
    Ok(latex)
}

/// `text` with LaTeX's special characters escaped and the signs this crate writes turned into commands, so that any
/// engine sets them.
fn escape_latex(text: &str) -> String {
    let mut latex = String::with_capacity(text.len());
    let mut raised = false;
    for character in text.chars() {
        let exponent = superscript(character);
        if exponent.is_some() != raised {
            latex.push_str(if raised { "}$" } else { "$^{" });
            raised = !raised;
        }
        if let Some(digit) = exponent {
            latex.push(digit);
            continue;
        }
        match character {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => latex.extend(['\\', character]),
            '\\' => latex.push_str("\\textbackslash{}"),
            '~' => latex.push_str("\\textasciitilde{}"),
            '^' => latex.push_str("\\textasciicircum{}"),
            '<' => latex.push_str("\\textless{}"),
            '>' => latex.push_str("\\textgreater{}"),
            '−' => latex.push_str("$-$"),
            '·' => latex.push_str("$\\cdot$"),
            '×' => latex.push_str("$\\times$"),
            '–' => latex.push_str("--"),
            '…' => latex.push_str("\\ldots{}"),
            '\u{2009}' => latex.push_str("\\,"),
            c if c.is_control() => latex.push(' '),
            c => latex.push(c),
        }
    }
    if raised {
        latex.push_str("}$");
    }
    latex
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table {
            caption: "Cost & <error>".into(),
            columns: vec![
                Column::words("model"),
                Column::numbers("parameters", ""),
                Column::numbers("latency", "ms"),
            ],
            rows: vec![vec![
                Cell::words("one_way 50 %"),
                Cell::count(12_345),
                Cell::number(-2.5e-9),
            ]],
        }
    }

    #[test]
    fn latex_is_escaped() {
        let latex = latex_table(&table()).unwrap();
        assert!(latex.contains("\\caption{Cost \\& \\textless{}error\\textgreater{}}"));
        assert!(latex.contains("\\begin{tabular}{lrr}"));
        assert!(
            latex.contains("one\\_way 50 \\% & 12\\,345 & $-$2.50$\\cdot$10$^{-9}$ \\\\"),
            "{latex}"
        );
        assert_eq!(
            escape_latex("a\\b~^{}$#_\n"),
            "a\\textbackslash{}b\\textasciitilde{}\\textasciicircum{}\\{\\}\\$\\#\\_ "
        );
        assert_eq!(escape_latex("m²"), "m$^{2}$");
    }

    #[test]
    fn html_has_header_cells_and_is_escaped() {
        let html = table().html();
        assert!(html.contains("<caption><strong>Cost &amp; &lt;error&gt;</strong></caption>"));
        assert!(html.contains("<th scope=\"col\" class=\"number\">latency (ms)</th>"));
        assert!(html.contains("<th scope=\"row\">one_way 50 %</th>"));
        assert!(html.contains("data-value=\"12345\""));
    }

    #[test]
    fn a_ragged_row_is_refused() {
        let mut ragged = table();
        ragged.rows[0].pop();
        let message = latex_table(&ragged).unwrap_err().to_string();
        assert_eq!(
            message,
            "table `Cost & <error>`: number of cells in row 0 is 2, expected 3, one per column"
        );
    }

    #[test]
    fn numbers_that_are_not_finite_are_said_so() {
        assert_eq!(Cell::number(f64::NAN).text, "not a number");
        assert_eq!(Cell::number(f64::INFINITY).text, "infinite");
    }
}
