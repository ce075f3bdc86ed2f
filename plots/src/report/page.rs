//! The document around the report's parts: head, style, script, sections, drawings.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use sha2::{Digest, Sha256};

use super::{Part, ReportFigure};
use crate::canvas::escape_xml as escape;
use crate::error::{PlotsError, Result};
use crate::style;

/// The page's style sheet.
const STYLE: &str = include_str!("style.css");
/// The page's script.
const SCRIPT: &str = include_str!("script.js");
/// Room for what every page has: font, style and script.
pub(super) const LEAST: usize = 1_200_000;

/// The document from its parts, each of which has the anchor and the name of its pair.
pub(super) fn document(title: &str, parts: &[(Part, String)]) -> String {
    let title = escape(title);
    let links: String = parts
        .iter()
        .map(|((id, name), _)| format!("<li><a href=\"#{id}\">{name}</a></li>"))
        .collect();
    let body: String = parts.iter().map(|(_, html)| html.as_str()).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; script-src 'sha256-{hash}'\">\n\
         <title>{title}</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>\n{STYLE}{font}{night}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n\
         <nav aria-label=\"Contents\"><ul>{links}</ul></nav>\n{body}</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
        hash = encoded(&Sha256::digest(SCRIPT)),
        font = font_face(),
        night = dark_inks(),
    )
}

/// A part under its heading.
pub(super) fn section((id, name): Part, html: &str) -> String {
    format!("<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{name}</h2>\n{html}</section>\n")
}

fn encoded(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// The figures' font for the page.
fn font_face() -> String {
    let font = encoded(notosans::REGULAR_TTF);
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

/// Tables with more rows are folded away, so that what follows them is found.
const MOST_ROWS: usize = 24;

/// A table of so many rows; a long one opens when its heading is clicked.
pub(super) fn table(caption: &str, rows: usize, html: &str) -> String {
    let whole = scrolling(caption, html);
    if rows <= MOST_ROWS {
        return whole;
    }
    let heading = caption.split(". ").next().unwrap_or(caption);
    let heading = escape(heading.trim_end_matches('.'));
    format!("<details>\n<summary>{heading} ({rows} rows)</summary>\n{whole}</details>\n")
}

/// A part that scrolls sideways on narrow screens, reachable by keyboard.
pub(super) fn scrolling(label: &str, html: &str) -> String {
    let label = escape(label);
    format!(
        "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"{label}\">\n{html}</div>\n"
    )
}

/// A figure with its caption and links to its files; `room` is what the page may still grow by.
pub(super) fn drawing(figure: &ReportFigure, directory: &Path, room: &mut usize) -> Result<String> {
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
    let (id, caption) = (escape(&files.name), escape(&figure.caption));
    if files.drawing.len() > *room {
        return Ok(format!(
            "<figure id=\"{id}\">\n<p>This drawing is left out to keep the page small; its files hold it. {words}</p>\n\
             <figcaption>{caption}{links}</figcaption>\n</figure>\n",
            words = escape(&files.alt_text),
        ));
    }
    *room -= files.drawing.len();
    // Shown up to half as large again as on paper, and never smaller than can be read.
    let size = format!(
        "max-width: {:.1}cm; min-width: {:.1}cm",
        files.drawing.width_cm * 1.5,
        files.drawing.width_cm * 0.9
    );
    Ok(format!(
        "<figure id=\"{id}\">\n<div class=\"drawing\" role=\"group\" aria-label=\"{id}\" tabindex=\"0\"><div style=\"{size}\">\n{svg}</div></div>\n\
         <figcaption>{caption}{links}</figcaption>\n</figure>\n",
        svg = files.drawing.inline(&files.alt_text),
    ))
}

/// A list of files with what they are; those outside of `directory` are named without a link.
pub(super) fn attachments(files: &[(String, PathBuf)], directory: &Path) -> Result<String> {
    let mut html = String::from("<ul>\n");
    for (what, path) in files {
        let what = escape(what);
        html += &match path.strip_prefix(directory) {
            Ok(relative) => format!(
                "<li><a href=\"{}\">{}</a>: {what}</li>\n",
                escape(&address(relative)?),
                escape(&relative.display().to_string())
            ),
            Err(_) => format!("<li>{}: {what}</li>\n", escape(&path.display().to_string())),
        };
    }
    Ok(html + "</ul>\n")
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
