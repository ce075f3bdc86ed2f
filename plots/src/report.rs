//! The report: one HTML file that opens anywhere, without a network and without scripts.
//!
//! Drawings are inline SVG, so that their text can be searched and they stay sharp; the figures' font is embedded; the
//! page's content security policy forbids every request. Light and dark follow the reader's system; the drawings' inks
//! change with it, their data colours keep their meaning.

use std::path::{Path, PathBuf};

use base64::Engine as _;

use crate::canvas::escape_xml as escape;
use crate::error::{PlotsError, Result};
use crate::output::{FigureFiles, write_atomically};
use crate::style;
use crate::table::{Table, latex_table};

/// The page's style sheet.
const STYLE: &str = include_str!("report/style.css");

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
    /// Figures.
    pub figures: Vec<ReportFigure>,
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
        let mut body = format!("<main>\n<h1>{}</h1>\n", escape(&self.title));
        if !self.verdicts.is_empty() {
            body += "<ul class=\"verdicts\">\n";
            body.extend(self.verdicts.iter().map(verdict));
            body += "</ul>\n";
        }
        body.extend(
            self.summary
                .iter()
                .map(|text| format!("<p>{}</p>\n", escape(text))),
        );
        for table in &self.tables {
            body += &scrolling(&table.caption, &table.html());
        }
        for figure in &self.figures {
            body += &drawing(figure, directory)?;
        }
        if !self.commands.is_empty() {
            body += "<h2>Made by</h2>\n";
            let commands = escape(&self.commands.join("\n"));
            body += &format!("<pre tabindex=\"0\"><code>{commands}</code></pre>\n");
        }
        if !self.provenance.is_empty() {
            body += "<h2>Data, configs and weights</h2>\n";
            body += &scrolling("Hashes", &provenance(&self.provenance));
        }
        body += "</main>\n";
        Ok(format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:\">\n\
             <title>{title}</title>\n<style>\n{STYLE}{font}{night}</style>\n</head>\n<body>\n{body}</body>\n</html>\n",
            title = escape(&self.title),
            font = font_face(),
            night = dark_inks(),
        ))
    }
}

/// The figures' font for the page.
fn font_face() -> String {
    let font = base64::engine::general_purpose::STANDARD.encode(notosans::REGULAR_TTF);
    format!(
        "@font-face {{ font-family: \"Noto Sans\"; src: url(data:font/ttf;base64,{font}) format(\"truetype\"); }}\n"
    )
}

/// Rules that give every ink of the drawings its twin on the dark page.
fn dark_inks() -> String {
    let mut rules = String::from("@media (prefers-color-scheme: dark) {\n");
    for tone in style::tones() {
        let (light, dark) = (style::hex(tone.light), style::hex(tone.dark));
        for property in ["fill", "stroke"] {
            rules +=
                &format!("  .drawing svg [{property}=\"{light}\"] {{ {property}: {dark}; }}\n");
        }
    }
    rules + "}\n"
}

/// A judgement, with a sign that does not depend on colour.
fn verdict(Verdict { holds, text }: &Verdict) -> String {
    let (class, sign) = match holds {
        Some(true) => ("holds", "<strong>Yes.</strong> "),
        Some(false) => ("fails", "<strong>No.</strong> "),
        None => ("note", ""),
    };
    format!("<li class=\"{class}\">{sign}{}</li>\n", escape(text))
}

/// A part that scrolls sideways on narrow screens, reachable by keyboard.
fn scrolling(label: &str, html: &str) -> String {
    let label = escape(label);
    format!(
        "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"{label}\">\n{html}</div>\n"
    )
}

fn drawing(figure: &ReportFigure, directory: &Path) -> Result<String> {
    let files = &figure.files;
    let mut links = Vec::new();
    for (name, path) in [
        ("SVG", &files.svg),
        ("PNG", &files.png),
        ("PDF", &files.pdf),
        ("CSV", &files.csv),
    ] {
        if let Ok(relative) = path.strip_prefix(directory) {
            links.push(format!(
                "<a href=\"{}\">{name}</a>",
                escape(&address(relative)?)
            ));
        }
    }
    let links = if links.is_empty() {
        String::new()
    } else {
        format!(" <span class=\"files\">{}</span>", links.join(" · "))
    };
    // Shown up to half as large again as on paper, and never smaller than can be read.
    let size = format!(
        "max-width: {:.1}cm; min-width: {:.1}cm",
        files.drawing.width_cm * 1.5,
        files.drawing.width_cm * 0.9
    );
    Ok(format!(
        "<figure id=\"{id}\">\n<div class=\"drawing\" role=\"group\" aria-label=\"{id}\" tabindex=\"0\"><div style=\"{size}\">\n{svg}</div></div>\n\
         <figcaption>{caption}{links}</figcaption>\n</figure>\n",
        id = escape(&files.name),
        svg = files.drawing.inline(&files.alt_text),
        caption = escape(&figure.caption),
    ))
}

/// A relative path as an address, each part percent-encoded.
fn address(path: &Path) -> Result<String> {
    let mut parts = Vec::new();
    for part in path.components() {
        let text = part
            .as_os_str()
            .to_str()
            .ok_or_else(|| PlotsError::Setting {
                what: "path of a figure's file".into(),
                expected: "Unicode, as it becomes a link".into(),
                found: path.display().to_string(),
            })?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
        let encode = |b: u8| {
            if plain(b) {
                (b as char).to_string()
            } else {
                format!("%{b:02X}")
            }
        };
        parts.push(text.bytes().map(encode).collect::<String>());
    }
    Ok(parts.join("/"))
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
