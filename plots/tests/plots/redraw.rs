//! Figures drawn again from their own CSV.

use crate::common;
use fewave_plots::{ColourMap, Figure, FigureStyle, figure_from_csv, render_png};

#[test]
fn every_figure_comes_back_from_its_csv() {
    for figure in common::every_figure() {
        let text = figure.csv().unwrap();
        let again = figure_from_csv(figure.name(), "file.csv", &text).unwrap();
        assert_eq!(again.name(), figure.name());
        assert_eq!(again.csv().unwrap(), text, "{}", figure.name());
        let draw = |figure: &dyn Figure| {
            let drawing = figure.render(&FigureStyle::page()).unwrap();
            render_png(figure.name(), &drawing, 60.0).unwrap()
        };
        // Notes on how to read the marks are no numbers, and the only thing that is lost.
        if !figure.name().starts_with("lines") {
            let same = draw(figure.as_ref()) == draw(again.as_ref());
            assert!(same, "{}", figure.name());
        }
    }
}

#[test]
fn fields_change_with_the_colour_map_and_curves_do_not() {
    for figure in common::every_figure() {
        let draw = |colour_map| {
            let style = FigureStyle {
                colour_map,
                ..FigureStyle::page()
            };
            figure.render(&style).unwrap().markup()
        };
        let fields = matches!(figure.name(), "wavefields" | "error-maps");
        let changed = draw(ColourMap::BlueBrown) != draw(ColourMap::GreenPurple);
        assert_eq!(changed, fields, "{}", figure.name());
    }
}

#[test]
fn what_is_no_figure_is_refused_with_its_line() {
    let message = |text: &str| match figure_from_csv("x", "f.csv", text) {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => error.to_string(),
    };
    assert!(message("a,b\n1,2\n").starts_with("f.csv:1: found the columns a, b, expected"));
    assert!(message("model,trajectory,e\n").contains("f.csv:2: found no line of values"));
    assert!(
        message("model,trajectory,e\nm,0,much\n").contains("f.csv:2: found `much` in column `e`")
    );
    assert!(message("model,trajectory,e\nm,0\n").starts_with("f.csv:"));
    assert!(message("model,layer,parameters,multiply-adds\nm,l,-3,1\n").contains("whole number"));
    // A grid with a missing node.
    let text = common::wavefields(1, 2).csv().unwrap();
    let short: Vec<&str> = text.lines().take(1 + 24 * 16 * 2 - 1).collect();
    assert!(message(&short.join("\n")).contains("the same grid for every field"));
}
