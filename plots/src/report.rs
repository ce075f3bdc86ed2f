//! The report: one HTML file that opens anywhere, without a network.
//!
//! Drawings are inline SVG, so that their text can be searched and they stay sharp; the figures' font is embedded; the
//! page's content security policy forbids every request and every script but its own. Light and dark follow the reader's
//! system; the drawings' inks change with it, their data colours keep their meaning. Without scripts everything can be read
//! but the player. The page stays under [`PAGE_BUDGET`] bytes: the player takes what it may, and drawings that find no room
//! are linked instead of shown.

mod page;
mod player;

use std::path::{Path, PathBuf};

use crate::canvas::escape_xml as escape;
use crate::error::Result;
use crate::output::{FigureFiles, write_atomically};
use crate::table::{Table, latex_table};

pub(crate) use player::{Limits, check_sequence};
pub use player::{Player, PlayerFields, PlayerPrediction, PlayerSequence};

/// Largest page, in bytes.
pub const PAGE_BUDGET: usize = 15_000_000;

/// A statement judged at the head of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the statement holds, shown as "Yes." or "No." before it; `None` for a plain finding.
    pub holds: Option<bool>,
    /// The statement, put positively, or the finding, in plain words and with its numbers.
    pub text: String,
}

/// A figure in the report.
#[derive(Debug, Clone)]
pub struct ReportFigure {
    /// As written by [`crate::write_figure`].
    pub files: FigureFiles,
    /// What it shows and how to read it.
    pub caption: String,
}

/// Where something came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// What it is: data, config, weights, program.
    pub what: String,
    /// Which: a path or a version.
    pub source: String,
    /// SHA-256 of its bytes in hexadecimal, or empty where there is none.
    pub sha256: String,
}

/// Everything the page shows, in its order.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Head of the page.
    pub title: String,
    /// Judgements.
    pub verdicts: Vec<Verdict>,
    /// Paragraphs in plain words.
    pub summary: Vec<String>,
    /// Tables.
    pub tables: Vec<Table>,
    /// The player, if there is anything to play.
    pub player: Option<Player>,
    /// Figures.
    pub figures: Vec<ReportFigure>,
    /// Files beside the page under its folder: what each is, and its path.
    pub attachments: Vec<(String, PathBuf)>,
    /// Commands that make this report again.
    pub commands: Vec<String>,
    /// Data, configs, weights and program.
    pub provenance: Vec<Provenance>,
}

impl Report {
    /// Writes `index.html` and `tables.tex` into the existing folder `directory`; returns the path of the page. Files of
    /// figures that lie under `directory` are linked below their drawings.
    ///
    /// # Errors
    /// A table with ragged rows; a failed write.
    pub fn write(&self, directory: &Path) -> Result<PathBuf> {
        let page = self.html(directory)?;
        let mut latex = String::from("% needs \\usepackage{booktabs}\n");
        for table in &self.tables {
            latex.push('\n');
            latex.push_str(&latex_table(table)?);
        }
        write_atomically(&directory.join("tables.tex"), latex.as_bytes())?;
        let path = directory.join("index.html");
        write_atomically(&path, page.as_bytes())?;
        Ok(path)
    }

    /// The page; links to figures' files are relative to `directory`.
    fn html(&self, directory: &Path) -> Result<String> {
        self.tables.iter().try_for_each(Table::check)?;
        let mut parts = vec![(SUMMARY, self.summary())];
        if !self.tables.is_empty() {
            let tables = self.tables.iter();
            let html =
                tables.map(|table| page::table(&table.caption, table.rows.len(), &table.html()));
            parts.push((NUMBERS, page::section(NUMBERS, &html.collect::<String>())));
        }
        if let Some(player) = self.player.as_ref().filter(|player| !player.is_empty()) {
            parts.push((PLAYER, player.html()?));
        }
        let mut origin = Vec::new();
        if !self.commands.is_empty() {
            let commands = escape(&self.commands.join("\n"));
            let html = format!("<pre tabindex=\"0\"><code>{commands}</code></pre>\n");
            origin.push((MADE_BY, page::section(MADE_BY, &html)));
        }
        if !self.attachments.is_empty() {
            let html = page::attachments(&self.attachments, directory)?;
            origin.push((FILES, page::section(FILES, &html)));
        }
        if !self.provenance.is_empty() {
            let html = page::scrolling("Hashes", &provenance(&self.provenance));
            origin.push((HASHES, page::section(HASHES, &html)));
        }
        if !self.figures.is_empty() {
            let others = parts.iter().chain(&origin).map(|(_, html)| html.len());
            let mut room = PAGE_BUDGET.saturating_sub(page::LEAST + others.sum::<usize>());
            let mut html = String::new();
            for figure in &self.figures {
                html += &page::drawing(figure, directory, &mut room)?;
            }
            parts.push((FIGURES, page::section(FIGURES, &html)));
        }
        parts.extend(origin);
        Ok(page::document(&self.title, &parts))
    }

    /// Verdicts and paragraphs.
    fn summary(&self) -> String {
        let mut html = String::new();
        if !self.verdicts.is_empty() {
            html += "<ul class=\"verdicts\">\n";
            html.extend(self.verdicts.iter().map(verdict));
            html += "</ul>\n";
        }
        let paragraphs = self.summary.iter();
        html.extend(paragraphs.map(|text| format!("<p>{}</p>\n", escape(text))));
        format!("<section aria-label=\"Summary\" id=\"summary\">\n{html}</section>\n")
    }
}

/// A part of the page: its anchor and its name.
type Part = (&'static str, &'static str);
const SUMMARY: Part = ("summary", "Summary");
const NUMBERS: Part = ("numbers", "Numbers");
const PLAYER: Part = ("player", "Player");
const FIGURES: Part = ("figures", "Figures");
const FILES: Part = ("files", "Files");
const MADE_BY: Part = ("made-by", "Made by");
const HASHES: Part = ("hashes", "Data, configs and weights");

/// A judgement, with a sign that does not depend on colour.
fn verdict(Verdict { holds, text }: &Verdict) -> String {
    let (class, sign) = match holds {
        Some(true) => ("holds", "<strong>Yes.</strong> "),
        Some(false) => ("fails", "<strong>No.</strong> "),
        None => ("note", ""),
    };
    format!("<li class=\"{class}\">{sign}{}</li>\n", escape(text))
}

fn provenance(entries: &[Provenance]) -> String {
    let mut html = String::from(
        "<table>\n<thead><tr><th scope=\"col\">what</th><th scope=\"col\">source</th><th scope=\"col\">SHA-256</th></tr></thead>\n<tbody>\n",
    );
    for Provenance {
        what,
        source,
        sha256,
    } in entries
    {
        let [what, source, sha256] = [what, source, sha256].map(|text| escape(text));
        html += &format!(
            "<tr><th scope=\"row\">{what}</th><td><code>{source}</code></td><td><code>{sha256}</code></td></tr>\n"
        );
    }
    html + "</tbody>\n</table>\n"
}
