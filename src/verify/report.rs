//! The verification report: a page with figures, and every criterion as CSV.

use std::path::Path;

use anyhow::Context;
use fewave_plots::{
    Cell, Column, FigureStyle, Provenance, Report, ReportFigure, Table, Verdict, write_figure,
};

use super::numerics::short;
use super::{Effort, Finished};
use crate::console;
use crate::output;

/// Writes `index.html`, `tables.tex`, `checks.csv` and `figures/` into an existing folder.
///
/// # Errors
/// When a figure cannot be drawn or a file cannot be written.
pub fn write(
    checks: &[Finished],
    effort: Effort,
    command: String,
    folder: &Path,
) -> anyhow::Result<()> {
    let figures_folder = folder.join("figures");
    output::create_folder(&figures_folder)?;
    let mut figures = Vec::new();
    for (name, outcome) in outcomes(checks) {
        for (figure, caption) in &outcome.figures {
            let files = write_figure(figure, &FigureStyle::page(), &figures_folder)
                .with_context(|| format!("check {name}"))?;
            figures.push(ReportFigure {
                files,
                caption: caption.clone(),
            });
        }
    }
    let mut tables = vec![overview(checks)];
    tables.extend(outcomes(checks).flat_map(|(_, outcome)| outcome.tables.iter().cloned()));
    Report {
        title: "Verification of the FE solver".to_owned(),
        verdicts: checks.iter().map(verdict).collect(),
        summary: summary(checks, effort),
        tables,
        player: None,
        figures,
        attachments: vec![],
        commands: vec![command],
        provenance: vec![Provenance {
            what: "program".to_owned(),
            source: format!("fewave {}", env!("CARGO_PKG_VERSION")),
            sha256: String::new(),
        }],
    }
    .write(folder)?;
    output::write_atomically(&folder.join("checks.csv"), &csv(checks)?)
}

fn outcomes(checks: &[Finished]) -> impl Iterator<Item = (&'static str, &super::Outcome)> {
    checks
        .iter()
        .filter_map(|check| Some((check.name, check.outcome.as_ref().ok()?)))
}

fn verdict(check: &Finished) -> Verdict {
    let failed = check.criteria().iter().filter(|c| !c.holds()).count();
    let why = match (&check.outcome, failed) {
        (Err(error), _) => format!(" It could not be run: {error}."),
        (_, 0) => String::new(),
        (_, n) => format!(
            " {n} of {} tolerances are exceeded.",
            check.criteria().len()
        ),
    };
    Verdict {
        holds: Some(check.passed()),
        text: format!("{}.{why}", check.what),
    }
}

fn summary(checks: &[Finished], effort: Effort) -> Vec<String> {
    let part = match effort {
        Effort::Fast => "the fast part of the suite; `--full` runs all of it",
        Effort::Full => "the full suite",
    };
    let mut paragraphs = vec![format!(
        "The solver against exact solutions, theory and itself: {part}. Every number below was measured by this run on simulations that any user can run."
    )];
    paragraphs
        .extend(outcomes(checks).map(|(name, outcome)| format!("{name}: {}", outcome.method)));
    paragraphs
}

/// Every criterion with its measured value.
fn overview(checks: &[Finished]) -> Table {
    let rows = checks.iter().flat_map(|check| {
        check.criteria().iter().map(|criterion| {
            vec![
                Cell::words(check.name),
                Cell::words(&criterion.what),
                Cell::number(criterion.measured),
                Cell::words(criterion.tolerance()),
                Cell::words(if criterion.holds() { "yes" } else { "no" }),
            ]
        })
    });
    Table {
        caption: "Criteria".into(),
        columns: vec![
            Column::words("check"),
            Column::words("what is measured"),
            Column::numbers("measured", ""),
            Column::words("tolerance"),
            Column::words("kept"),
        ],
        rows: rows.collect(),
    }
}

fn csv(checks: &[Finished]) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["check", "criterion", "measured", "tolerance", "kept"])?;
    for check in checks {
        if let Err(error) = &check.outcome {
            writer.write_record([check.name, error, "", "", "false"])?;
        }
        for criterion in check.criteria() {
            writer.write_record([
                check.name,
                &criterion.what,
                &criterion.measured.to_string(),
                &criterion.tolerance(),
                &criterion.holds().to_string(),
            ])?;
        }
    }
    Ok(writer.into_inner()?)
}

/// One check for the terminal: its verdict, and its criteria.
pub fn lines(check: &Finished) -> String {
    let mut text = format!(
        "{} {}  ({})\n    {}",
        if check.passed() { "passed" } else { "FAILED" },
        check.name,
        console::duration(check.time.as_secs_f64()),
        check.what
    );
    if let Err(error) = &check.outcome {
        text.push_str(&format!("\n    could not be run: {error}"));
    }
    for criterion in check.criteria() {
        text.push_str(&format!(
            "\n    {} {}: {} ({})",
            if criterion.holds() { "✓" } else { "✗" },
            criterion.what,
            short(criterion.measured),
            criterion.tolerance()
        ));
    }
    text
}
