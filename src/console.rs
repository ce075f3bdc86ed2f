//! What reaches the user: progress, warnings, tables and JSON. Nothing else in the project prints.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::cli::Global;

/// Off a terminal a log line appears this often instead of a bar.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// The console as the global options set it.
#[derive(Debug, Clone, Copy)]
pub struct Console {
    quiet: bool,
    json: bool,
}

impl Console {
    /// From the global options.
    pub fn new(global: &Global) -> Self {
        Self {
            quiet: global.quiet,
            json: global.json,
        }
    }

    /// A line of the summary; on standard error when standard output carries JSON, nowhere when quiet.
    pub fn say(&self, text: impl AsRef<str>) {
        if self.quiet {
            return;
        }
        if self.json {
            eprintln!("{}", text.as_ref());
        } else {
            print(text.as_ref());
        }
    }

    /// A line of the result itself, shown even when quiet; left to the JSON when that is asked for.
    pub fn show(&self, text: impl AsRef<str>) {
        if !self.json {
            print(text.as_ref());
        }
    }

    /// A warning, always on standard error.
    pub fn warn(&self, text: impl AsRef<str>) {
        eprintln!("warning: {}", text.as_ref());
    }

    /// The result as JSON, when asked for.
    ///
    /// # Errors
    /// When a value cannot be serialised.
    pub fn json(&self, value: &impl Serialize) -> anyhow::Result<()> {
        if self.json {
            print(&serde_json::to_string_pretty(value)?);
        }
        Ok(())
    }

    /// A progress bar over `total` units called `unit`, with rate and remaining time.
    pub fn progress(&self, what: &str, total: u64, unit: &'static str) -> Progress {
        let terminal = std::io::stderr().is_terminal();
        let bar =
            ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10));
        if self.quiet || !terminal {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let template = format!(
            "{{prefix:<12}} {{wide_bar}} {{pos}}/{{len}} {unit}  {{per_sec}}  {{elapsed}} / ETA {{eta}}  {{msg}}"
        );
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("━╸─"));
        }
        bar.set_prefix(what.to_owned());
        bar.reset_eta();
        Progress {
            bar,
            log: (!terminal && !self.quiet).then(|| Mutex::new(Instant::now())),
            start: Instant::now(),
            unit,
        }
    }
}

/// What was printed could not be written (a full disk behind a redirection).
static WRITE_FAILED: AtomicBool = AtomicBool::new(false);

/// Prints a line; a reader that has left (`fewave … | head`) is no error, anything else is told by [`written`].
pub fn print(text: &str) {
    if let Err(error) = writeln!(std::io::stdout(), "{text}")
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        WRITE_FAILED.store(true, Ordering::SeqCst);
    }
}

/// Whether everything printed so far reached standard output.
pub fn written() -> bool {
    !WRITE_FAILED.load(Ordering::SeqCst)
}

/// A running progress bar, or a log line every ten seconds off a terminal.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    log: Option<Mutex<Instant>>,
    start: Instant,
    unit: &'static str,
}

impl Progress {
    /// Starts the count at `done` without counting it as speed (work found done already).
    pub fn skip_to(&self, done: u64) {
        self.bar.set_position(done);
        self.bar.reset_eta();
    }

    /// `done` units are finished; `message` is shown behind the bar.
    pub fn set(&self, done: u64, message: impl Into<String>) {
        self.bar.set_position(done);
        self.bar.set_message(message.into());
        let Some(log) = &self.log else { return };
        let Ok(mut last) = log.lock() else { return };
        if last.elapsed() >= LOG_INTERVAL {
            *last = Instant::now();
            let total = self.bar.length().unwrap_or(0);
            eprintln!(
                "{}: {done}/{total} {} after {:.0} s  {}",
                self.bar.prefix(),
                self.unit,
                self.start.elapsed().as_secs_f64(),
                self.bar.message()
            );
        }
    }

    /// There are `total` units in all.
    pub fn set_total(&self, total: u64) {
        self.bar.set_length(total);
    }

    /// Prints something without the bar in between.
    pub fn suspend(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    /// Removes the bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A table of text with aligned columns: the first column to the left, the others to the right.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = header.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::from("  ");
        for (column, (cell, width)) in cells.zip(&widths).enumerate() {
            let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
            let (before, after) = if column == 0 {
                ("", pad.as_str())
            } else {
                (pad.as_str(), "")
            };
            text.push_str(&format!("{before}{cell}{after}   "));
        }
        text.trim_end().to_owned()
    };
    let mut text = line(&mut header.iter().copied());
    text.push('\n');
    text.push_str(&format!(
        "  {}",
        "─".repeat(widths.iter().sum::<usize>() + 3 * (widths.len() - 1))
    ));
    for row in rows {
        text.push('\n');
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    text
}

/// A time in s in words: `0.35 s`, `2 min 5 s`, `3 h 20 min`.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 0.095 => format!("{:.2} ms", s * 1e3),
        s if s < 9.95 => format!("{s:.2} s"),
        s if s < 99.5 => format!("{s:.0} s"),
        s if s < 5970.0 => format!("{} min {:02} s", (s / 60.0) as u64, (s % 60.0) as u64),
        s => format!(
            "{} h {:02} min",
            (s / 3600.0) as u64,
            (s % 3600.0 / 60.0) as u64
        ),
    }
}

/// A count with thin separators: `1 234 567`.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// An amount of memory: `1.3 GiB`, `24 MiB`.
pub fn bytes(count: u64) -> String {
    let mebibytes = count as f64 / f64::from(1 << 20);
    match mebibytes {
        m if m >= 1023.5 => format!("{:.1} GiB", m / 1024.0),
        m => format!("{:.0} MiB", m.ceil()),
    }
}

/// A share in percent with three significant digits: `1.23 %`.
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    match value.abs() {
        v if !v.is_finite() => format!("{value} %"),
        v if v >= 99.95 => format!("{value:.0} %"),
        v if v >= 9.995 => format!("{value:.1} %"),
        v if v >= 0.0005 || v == 0.0 => format!("{value:.2} %"),
        _ => format!("{value:.1e} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(grouped(1_234_567), "1 234 567");
        assert_eq!(grouped(12), "12");
        assert_eq!(duration(0.0123), "12.30 ms");
        assert_eq!(duration(125.4), "2 min 05 s");
        assert_eq!(bytes(3 << 29), "1.5 GiB");
        assert_eq!(bytes(1), "1 MiB");
        assert_eq!(percent(0.01234), "1.23 %");
        assert_eq!(percent(1.5), "150 %");
    }

    #[test]
    fn tables_align() {
        let text = table(&["name", "x"], &[vec!["a".into(), "100".into()]]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "  name     x");
        assert_eq!(lines[2], "  a      100");
    }
}
