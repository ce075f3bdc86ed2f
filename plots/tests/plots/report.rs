//! Files and the page: written whole, self-contained, escaped and readable without seeing the figures.

use std::fs;

use crate::common;
use fewave_plots::{
    Cell, ColourMap, Column, Figure, FigureStyle, PAGE_BUDGET, Player, PlayerFields,
    PlayerPrediction, PlayerSequence, Provenance, Report, ReportFigure, Table, Verdict, Wavefields,
    write_figure,
};
use ndarray::Array2;

fn empty_player() -> Player {
    Player::new(PlayerFields {
        quantity: "displacement".into(),
        unit: "m".into(),
        extent: [0.0, 1.5, 0.0, 1.0],
        inside: None,
        colour_map: ColourMap::default(),
    })
}

fn sequence<'a>(fields: &'a Wavefields, label: &str) -> PlayerSequence<'a> {
    PlayerSequence {
        label: label.into(),
        times: fields.times.clone(),
        reference: fields.reference.iter().map(|f| f.view()).collect(),
        predictions: fields
            .predictions
            .iter()
            .map(|p| PlayerPrediction {
                label: p.label.clone(),
                fields: p.fields.iter().map(|f| f.view()).collect(),
            })
            .collect(),
    }
}

/// A player of `count` sequences of two models.
fn player(count: usize) -> Player {
    let fields = common::wavefields(2, 6);
    let mut player = empty_player();
    for k in 0..count {
        assert!(
            player
                .add(&sequence(&fields, &format!("trajectory </script> {k}")))
                .unwrap()
        );
    }
    player
}

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
        player: Some(player(2)),
        figures: common::every_figure()
            .iter()
            .map(|f| ReportFigure {
                files: files(f.as_ref()),
                caption: "How to read it.".into(),
            })
            .collect(),
        attachments: vec![],
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
    assert!(!page.contains("@import") && page.contains("default-src 'none'"));
    for source in page.split("src=\"").skip(1) {
        assert!(source.starts_with("data:image/png;base64,"), "{source:.60}");
    }
    // Two scripts, the data and the page's own; a name cannot end the first.
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script>").count(), 2);
    for href in page
        .split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
    {
        assert!(
            href.starts_with("data:")
                || href
                    .strip_prefix('#')
                    .is_some_and(|id| page.contains(&format!("id=\"{id}\"")))
                || folder.path().join(href).is_file(),
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
    // A figure is one picture, or a group where its points can be asked what they are.
    let named = ["img", "group"].map(|role| {
        format!("<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"{role}\" aria-label=\"")
    });
    let count: usize = named
        .iter()
        .map(|start| page.matches(start.as_str()).count())
        .sum();
    assert_eq!(count, page.matches("<svg ").count());
    assert!(page.contains("<title>order 1: cells per side 8.00, relative L2 error 0.0500</title>"));
    for figure in common::every_figure() {
        let text = figure.alt_text().replace('&', "&amp;");
        assert!(page.contains(&format!("aria-label=\"{text}\"")), "{text}");
    }
    assert!(page.contains("<th scope=\"col\"") && page.contains("<th scope=\"row\">one-way</th>"));
    // A verdict does not depend on its colour.
    assert!(page.contains("<strong>No.</strong> The surrogate is faster"));
}

/// The data of the player in a page.
fn player_data(page: &str) -> serde_json::Value {
    let start = page.find("id=\"player-data\">").unwrap() + "id=\"player-data\">".len();
    let end = start + page[start..].find("</script>").unwrap();
    serde_json::from_str(&page[start..end]).unwrap()
}

#[test]
fn the_player_shows_every_frame_on_one_scale() {
    use base64::Engine as _;
    let folder = tempfile::tempdir().unwrap();
    let page = fs::read_to_string(report(folder.path()).write(folder.path()).unwrap()).unwrap();
    let data = player_data(&page);
    let shown = &data["sequences"][1];
    assert_eq!(shown["label"], "trajectory </script> 1");
    assert_eq!(shown["times"].as_array().unwrap().len(), 6);
    assert_eq!(shown["models"].as_array().unwrap().len(), 2);
    // amplitudes are 1.1 and 1.2 times FE's, in every frame
    assert_eq!(shown["models"][1]["relative"][3], "20.0 %");
    let sprite = |address: &serde_json::Value| {
        let data = address
            .as_str()
            .unwrap()
            .strip_prefix("data:image/png;base64,")
            .unwrap();
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(data)
            .unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        (pixels, info.width as usize, info.height as usize)
    };
    let (pixels, width, height) = sprite(&shown["fe"]);
    let size = [&shown["width"], &shown["height"]].map(|v| v.as_u64().unwrap() as usize);
    assert_eq!((width, height), (size[0], 6 * size[1]));
    // Frame k is cos(4·0.25·k) of the first; index 126 is zero.
    let peak = |k: usize| {
        let frame = &pixels[k * size[0] * size[1]..(k + 1) * size[0] * size[1]];
        frame
            .iter()
            .map(|i| f64::from(*i) - 126.0)
            .fold(0.0, |m: f64, v| if v.abs() > m.abs() { v } else { m })
    };
    for k in 0..6 {
        let ratio = peak(k).abs() / peak(0).abs();
        assert!(
            (ratio - (k as f64).cos().abs()).abs() < 0.02,
            "frame {k}: {ratio}"
        );
    }
}

#[test]
fn a_long_sequence_is_thinned_and_what_finds_no_room_is_named() {
    // Noise does not compress, so that this takes the room of much larger fields.
    let noise = |seed: usize| {
        Array2::from_shape_fn((160, 160), |(i, j)| {
            (((i * 7919 + j * 104_729 + seed * 1_299_709) as f32).sin() * 43_758.547).fract()
        })
    };
    let fields: Vec<Array2<f32>> = (0..150).map(noise).collect();
    let mut player = empty_player();
    let mut add = |label: &str| {
        player
            .add(&PlayerSequence {
                label: label.into(),
                times: (0..150).map(f64::from).collect(),
                reference: fields.iter().map(|f| f.view()).collect(),
                predictions: vec![PlayerPrediction {
                    label: "model".into(),
                    fields: fields.iter().rev().map(|f| f.view()).collect(),
                }],
            })
            .unwrap()
    };
    assert!(add("worst") && add("median") && add("best"));
    assert!(!add("another"));
    let folder = tempfile::tempdir().unwrap();
    let report = Report {
        title: "long".into(),
        player: Some(player),
        ..Report::default()
    };
    let page = fs::read_to_string(report.write(folder.path()).unwrap()).unwrap();
    assert!(page.len() < PAGE_BUDGET, "{}", page.len());
    assert!(
        page.contains("not every snapshot is shown")
            && page.contains("Left out for the same reason: another.")
    );
    let shown = player_data(&page);
    let times = shown["sequences"][0]["times"].as_array().unwrap();
    assert!(times.len() > 5 && times.len() < 100 && times[times.len() - 1] == "149");
}

#[test]
fn drawings_beyond_the_budget_are_linked() {
    let folder = tempfile::tempdir().unwrap();
    let mut report = report(folder.path());
    let one = report.figures[0].clone();
    let each = one.files.drawing.markup().len();
    report.figures = vec![one; PAGE_BUDGET / each + 2];
    let page = fs::read_to_string(report.write(folder.path()).unwrap()).unwrap();
    assert!(page.len() < PAGE_BUDGET, "{}", page.len());
    assert!(page.contains("This drawing is left out to keep the page small"));
}

/// Colours of the style sheet by name, of the light or of the dark page.
fn colours(dark: bool) -> std::collections::BTreeMap<String, [u8; 3]> {
    let css = include_str!("../../src/report/style.css");
    let block = css.split(":root {").nth(1 + usize::from(dark)).unwrap();
    let block = block.split('}').next().unwrap();
    let entries = block.split(';').filter_map(|entry| entry.split_once(':'));
    entries
        .map(|(name, hex)| {
            let hex = hex.trim().trim_start_matches('#');
            let level = |k: usize| u8::from_str_radix(&hex[2 * k..2 * k + 2], 16).unwrap();
            (
                name.trim().trim_start_matches("--").to_owned(),
                [level(0), level(1), level(2)],
            )
        })
        .collect()
}

#[test]
fn text_and_edges_of_controls_have_contrast_on_both_pages() {
    // Relative luminance and contrast ratio of WCAG 2.1.
    let luminance = |colour: [u8; 3]| {
        let linear = colour.map(|v| {
            let v = f64::from(v) / 255.0;
            if v <= 0.04045 {
                v / 12.92
            } else {
                ((v + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05
    };
    for dark in [false, true] {
        let colours = colours(dark);
        for (names, least) in [
            (["ink", "muted", "good", "bad", "link"].as_slice(), 4.5),
            (&["edge"], 3.0),
        ] {
            for (name, ground) in names
                .iter()
                .flat_map(|n| ["paper", "tint"].map(|g| (*n, g)))
            {
                let (a, b) = (luminance(colours[name]), luminance(colours[ground]));
                let ratio = a.max(b) / a.min(b);
                assert!(
                    ratio >= least,
                    "{name} on {ground}, dark {dark}: {ratio:.2}"
                );
            }
        }
    }
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

#[test]
fn an_animation_holds_every_frame_of_a_short_sequence() {
    let folder = tempfile::tempdir().unwrap();
    let mut fields = common::wavefields(2, 6);
    fields.predictions[1].fields[2].fill(f32::NAN);
    let shared = PlayerFields {
        quantity: "displacement".into(),
        unit: "m".into(),
        extent: [0.0, 1.5, 0.0, 1.0],
        inside: None,
        colour_map: ColourMap::GreenPurple,
    };
    let write = |fields: &Wavefields| {
        let one = sequence(fields, "trajectory 3, the worst");
        let path = fewave_plots::write_animation(
            "rollout",
            &one,
            &shared,
            &FigureStyle::page(),
            folder.path(),
        )
        .unwrap();
        fs::read(path).unwrap()
    };
    let bytes = write(&fields);
    let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes))
        .read_info()
        .unwrap();
    let animation = *reader.info().animation_control().unwrap();
    assert_eq!((animation.num_frames, animation.num_plays), (6, 0));
    let mut frames = Vec::new();
    for _ in 0..6 {
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        frames.push(pixels);
    }
    assert!(frames.windows(2).all(|pair| pair[0] != pair[1]));
    // One frame is a plain picture.
    let still = write(&common::wavefields(1, 1));
    assert!(
        png::Decoder::new(std::io::Cursor::new(&still))
            .read_info()
            .unwrap()
            .info()
            .animation_control()
            .is_none()
    );
}
