//! Files and the page: written whole, self-contained, escaped and readable without seeing the figures.

use std::fs;

use crate::common;
use fewave_plots::{
    Cell, Column, Figure, FigureStyle, Provenance, Report, ReportFigure, Table, Verdict,
    write_figure,
};

fn report(folder: &std::path::Path) -> Report {
    let files = |figure: &dyn Figure| write_figure(figure, &FigureStyle::page(), folder).unwrap();
    Report {
        title: "Comparison <of> two".into(),
        verdicts: vec![
            Verdict {
                holds: Some(false),
                text: "The surrogate is faster than FE & cheaper.".into(),
            },
            Verdict {
                holds: None,
                text: "Compared on 8 trajectories.".into(),
            },
        ],
        summary: vec!["Words.".into()],
        tables: vec![Table {
            caption: "Errors".into(),
            columns: vec![Column::words("model"), Column::numbers("error", "m")],
            rows: vec![
                vec![Cell::words("<b>dense</b>"), Cell::number(0.0123)],
                vec![Cell::words("one-way"), Cell::number(f64::NAN)],
            ],
        }],
        figures: common::every_figure()
            .iter()
            .map(|f| ReportFigure {
                files: files(f.as_ref()),
                caption: "How to read it.".into(),
            })
            .collect(),
        commands: vec!["fewave compare a b --data <DIR>".into()],
        provenance: vec![Provenance {
            what: "weights".into(),
            source: "runs/dense".into(),
            sha256: "ab".repeat(32),
        }],
    }
}

#[test]
fn every_format_is_written_whole() {
    let folder = tempfile::tempdir().unwrap();
    for figure in common::every_figure() {
        let files = write_figure(figure.as_ref(), &FigureStyle::column(), folder.path()).unwrap();
        let start = |path: &std::path::Path| fs::read(path).unwrap()[..5].to_vec();
        assert_eq!(start(&files.svg), b"<svg ");
        assert_eq!(start(&files.png), b"\x89PNG\r");
        assert_eq!(start(&files.pdf), b"%PDF-");
        assert_eq!(
            fs::read_to_string(&files.csv).unwrap(),
            figure.csv().unwrap()
        );
        let reader = png::Decoder::new(std::io::Cursor::new(fs::read(&files.png).unwrap()))
            .read_info()
            .unwrap();
        // 8 cm at 300 dpi, and 300 dpi said in the file: 11 811 pixels per metre.
        assert_eq!(reader.info().width, 945);
        assert_eq!(reader.info().pixel_dims.unwrap().xppu, 11_811);
    }
    let left_over = fs::read_dir(folder.path())
        .unwrap()
        .any(|e| e.unwrap().path().extension().unwrap() == "part");
    assert!(!left_over);
}

#[test]
fn the_page_is_self_contained_and_escaped() {
    let folder = tempfile::tempdir().unwrap();
    let page = fs::read_to_string(report(folder.path()).write(folder.path()).unwrap()).unwrap();
    // The only address is the name of SVG's vocabulary; every image and font is inline; every link a sibling.
    for (place, _) in page.match_indices("://") {
        let before = &page[page[..place].rfind('"').unwrap()..place + 3];
        assert_eq!(before, "\"http://", "{before}");
    }
    assert_eq!(
        page.matches("http://").count(),
        page.matches("http://www.w3.org/2000/svg").count()
    );
    assert!(!page.contains("<script") && !page.contains("src=\"") && !page.contains("@import"));
    for href in page
        .split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
    {
        assert!(
            href.starts_with("data:image/png;base64,") || folder.path().join(href).is_file(),
            "{href:.60}"
        );
    }
    assert!(page.contains("<title>Comparison &lt;of&gt; two</title>"));
    assert!(page.contains("&lt;b&gt;dense&lt;/b&gt;") && page.contains("--data &lt;DIR&gt;"));
    assert!(page.contains("faster than FE &amp; cheaper"));
    assert!(page.contains(&"ab".repeat(32)));
    let latex = fs::read_to_string(folder.path().join("tables.tex")).unwrap();
    assert!(latex.contains("\\textless{}b\\textgreater{}dense"));
}

#[test]
fn the_page_can_be_read_without_seeing_it() {
    let folder = tempfile::tempdir().unwrap();
    let page = fs::read_to_string(report(folder.path()).write(folder.path()).unwrap()).unwrap();
    assert!(page.contains("<html lang=\"en\">"));
    assert_eq!(
        page.matches("<svg ").count(),
        page.matches("role=\"img\" aria-label=\"").count()
    );
    for figure in common::every_figure() {
        let text = figure.alt_text().replace('&', "&amp;");
        assert!(page.contains(&format!("aria-label=\"{text}\"")), "{text}");
    }
    assert!(page.contains("<th scope=\"col\"") && page.contains("<th scope=\"row\">one-way</th>"));
    // A verdict does not depend on its colour.
    assert!(page.contains("<strong>No.</strong> The surrogate is faster"));
}

#[test]
fn failures_name_the_file_or_the_setting() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let error = write_figure(
        &common::error_growth(1, 1, 3),
        &FigureStyle::page(),
        &missing,
    )
    .unwrap_err()
    .to_string();
    assert!(
        error.starts_with("cannot write `")
            && error.contains("error-growth.svg")
            && error.contains("check that the folder exists"),
        "{error}"
    );
    let mut odd = common::error_growth(1, 1, 3);
    odd.name = "../error".into();
    let error = write_figure(&odd, &FigureStyle::page(), folder.path())
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "figure name is `../error`, expected 1 to 100 letters, digits, `-` or `_`"
    );
    let mut ragged = report(folder.path());
    ragged.tables[0].rows[1].pop();
    let error = ragged.write(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("table `Errors`: number of cells in row 1 is 1, expected 2"),
        "{error}"
    );
}
