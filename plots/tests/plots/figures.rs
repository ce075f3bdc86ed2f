//! What figures promise: their numbers as CSV, equal bytes for equal data, fixed scales, clear refusals, and no break at
//! the ends of what may be asked (one trajectory, one time, twenty models, zero fields, diverged surrogates).

use crate::common;
use fewave_plots::{Figure, FigureStyle, Prediction, Svg, render_png, write_figure};
use ndarray::Array2;

fn draw(figure: &dyn Figure) -> Svg {
    figure
        .render(&FigureStyle::column())
        .unwrap_or_else(|e| panic!("{}: {e}", figure.name()))
}

#[test]
fn equal_data_give_equal_bytes() {
    for (first, second) in common::every_figure().iter().zip(common::every_figure()) {
        assert_eq!(draw(first.as_ref()), draw(second.as_ref()));
        assert_eq!(first.csv().unwrap(), second.csv().unwrap());
    }
}

#[test]
fn sizes_are_physical_and_text_is_text() {
    for figure in common::every_figure() {
        for style in [FigureStyle::column(), FigureStyle::page()] {
            let drawing = figure.render(&style).unwrap();
            let markup = drawing.markup();
            assert_eq!(drawing.width_cm, style.width_cm);
            assert!(markup.contains(&format!("width=\"{}cm\"", style.width_cm)));
            assert!(
                markup.contains("<text ") && !markup.contains("<path "),
                "{}",
                figure.name()
            );
            // Nothing under 6 pt (60 units), raised exponents (72 %) excepted.
            for size in markup
                .split("font-size=\"")
                .skip(1)
                .filter_map(|rest| rest.split('"').next())
            {
                assert!(
                    size == "72%" || size.parse::<f64>().unwrap() >= 60.0,
                    "{size}"
                );
            }
        }
    }
}

#[test]
fn wavefields_csv_holds_every_number() {
    let figure = common::wavefields(2, 3);
    let csv = figure.csv().unwrap();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header: Vec<String> = reader
        .headers()
        .unwrap()
        .iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(
        header,
        [
            "time (s)",
            "x (m)",
            "y (m)",
            "FE displacement (m)",
            "model 0 displacement (m)",
            "model 1 displacement (m)"
        ]
    );
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 3 * 24 * 16);
    // Time 1, node (5, 7): rows run over time, x, y.
    let row = &rows[(24 + 5) * 16 + 7];
    let number = |column: usize| row[column].parse::<f64>().unwrap();
    assert_eq!(number(0), 0.25);
    assert!((number(1) - 1.5 * 5.0 / 23.0).abs() < 1e-12 && (number(2) - 7.0 / 15.0).abs() < 1e-12);
    assert_eq!(row[3].parse::<f32>().unwrap(), figure.reference[1][[5, 7]]);
    assert_eq!(
        row[5].parse::<f32>().unwrap(),
        figure.predictions[1].fields[1][[5, 7]]
    );
}

#[test]
fn other_csv_hold_every_number() {
    let lines = |figure: &dyn Figure| {
        figure
            .csv()
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let growth = lines(&common::error_growth(2, 3, 4));
    assert_eq!(growth[0], "model,time (s),trajectory,relative L2 error");
    assert_eq!(growth.len(), 1 + 2 * 3 * 4 + 4);
    assert_eq!(growth[1], "model 0,0.04,0,0.001");
    assert_eq!(growth[growth.len() - 1], "persistence,0.16,,1.2");
    let counts = lines(&common::parameter_counts(2, 2));
    assert_eq!(
        counts,
        [
            "model,layer,parameters,multiply-adds",
            "model 0,layer 0,1200,480000",
            "model 0,layer 1,2400,480000",
            "model 0,total,3600,960000",
            "model 1,layer 0,600,240000",
            "model 1,layer 1,1200,240000",
            "model 1,total,1800,480000",
        ]
    );
    // A log longer than the drawing can show is thinned there, not here.
    assert_eq!(
        lines(&common::training_curves(1, 5000)).len(),
        1 + 5000 + 10
    );
    assert_eq!(lines(&common::error_distribution(2, 5)).len(), 1 + 10);
}

#[test]
fn scales_are_symmetric_fixed_and_bounded_by_the_field() {
    // Amplitudes 1.1 and 1.2 on a reference of 1: fields to ±1 with cut-off, errors to ±0.2.
    let text = common::wavefields(2, 3).alt_text();
    let peak = common::mode((24, 16), 1.0, 0.0)
        .iter()
        .fold(0.0f32, |m, v| m.max(v.abs()));
    assert!(
        text.contains(&format!("Colours from −{peak:.3} to {peak:.3} m")),
        "{text}"
    );
    assert!(
        text.contains(&format!("errors from −{0:.3} to {0:.3} m", 0.2 * peak)),
        "{text}"
    );
    // A diverged surrogate must not stretch the error scale beyond the field's.
    let mut diverged = common::wavefields(1, 2);
    diverged.predictions[0].fields[1].fill(1e6);
    assert!(
        diverged
            .alt_text()
            .contains(&format!("errors from −{peak:.3} to {peak:.3} m"))
    );
    draw(&diverged);
}

#[test]
fn extremes_do_not_break_a_figure() {
    draw(&common::wavefields(0, 1));
    draw(&common::wavefields(1, 1));
    draw(&common::wavefields(20, 2));
    draw(&common::error_growth(1, 1, 1));
    draw(&common::error_growth(20, 3, 50));
    draw(&common::error_distribution(1, 1));
    draw(&common::error_distribution(20, 200));
    draw(&common::parameter_counts(1, 0));
    draw(&common::parameter_counts(20, 40));
    draw(&common::training_curves(20, 1));
    draw(&common::training_curves(1, 20_000));

    let mut zero = common::wavefields(1, 2);
    let flat = || vec![Array2::zeros((24, 16)); 2];
    zero.reference = flat();
    zero.predictions[0].fields = flat();
    draw(&zero);
    let mut exact = common::error_growth(1, 2, 5);
    exact.series[0].values.fill(0.0);
    exact.baselines.clear();
    draw(&exact);
    let mut free = common::parameter_counts(2, 3);
    free.models
        .iter_mut()
        .for_each(|m| (m.parameters, m.multiply_adds) = (0, 0));
    free.models
        .iter_mut()
        .flat_map(|m| &mut m.layers)
        .for_each(|l| l.parameters = 0);
    draw(&free);
    let mut tiny = common::wavefields(1, 2);
    tiny.reference
        .iter_mut()
        .for_each(|f| f.mapv_inplace(|v| v * 1e-30));
    tiny.predictions[0]
        .fields
        .iter_mut()
        .for_each(|f| f.mapv_inplace(|v| v * 1e-30));
    draw(&tiny);
    let mut holed = common::wavefields(1, 2);
    holed.inside = Some(Array2::from_shape_fn((24, 16), |(i, j)| {
        i.abs_diff(12) + j.abs_diff(8) > 4
    }));
    draw(&holed);
    let mut slender = common::wavefields(1, 3);
    slender.extent = [0.0, 1e-3, 0.0, 1.0];
    draw(&slender);
    slender.extent = [0.0, 1e3, 0.0, 1.0];
    draw(&slender);
}

#[test]
fn diverged_models_are_shown_and_said_to_be() {
    let mut growth = common::error_growth(2, 3, 9);
    growth.series[0].values[[1, 8]] = f64::INFINITY;
    growth.series[1].values[[2, 7]] = f64::NAN;
    assert!(draw(&growth).markup().contains("not finite"));
    let text = growth.alt_text();
    assert!(text.contains("worst infinite"), "{text}");
    let mut distribution = common::error_distribution(2, 3);
    distribution.samples[1].values.fill(f64::NAN);
    assert!(draw(&distribution).markup().contains("not finite"));
    let mut curves = common::training_curves(2, 40);
    curves.runs[0].train_loss[39] = f64::NAN;
    assert!(draw(&curves).markup().contains("not finite"));
    let mut fields = common::wavefields(2, 2);
    let scale = |text: String| {
        text.split(". ")
            .nth(1)
            .unwrap()
            .trim_end_matches('.')
            .to_owned()
    };
    let before = scale(fields.alt_text());
    fields.predictions[0].fields[1][[3, 3]] = f32::INFINITY;
    fields.predictions[0].fields[1][[4, 3]] = f32::NAN;
    assert!(draw(&fields).markup().contains("black: not finite"));
    assert_eq!(
        scale(fields.alt_text()),
        before,
        "scales come from finite values"
    );
    for figure in [&growth as &dyn Figure, &distribution, &curves, &fields] {
        assert!(figure.csv().unwrap().contains("NaN"), "{}", figure.name());
    }
}

#[test]
fn labels_from_outside_cannot_leave_their_place() {
    let hostile = "</text><script>alert(1)</script>&\"'\u{0}\n";
    let mut growth = common::error_growth(1, 2, 5);
    growth.series[0].label = hostile.into();
    growth.metric = hostile.into();
    let mut fields = common::wavefields(1, 2);
    fields.predictions = vec![Prediction {
        label: hostile.into(),
        ..fields.predictions[0].clone()
    }];
    fields.title = hostile.into();
    let mut counts = common::parameter_counts(1, 2);
    counts.models[0].label = hostile.into();
    counts.models[0].layers[0].name = hostile.into();
    let folder = tempfile::tempdir().unwrap();
    for figure in [&growth as &dyn Figure, &fields, &counts] {
        let markup = draw(figure).markup();
        assert!(
            !markup.contains("<script") && !markup.contains('\u{0}'),
            "{}",
            figure.name()
        );
        // What was drawn is still well-formed: it can be parsed for PNG and PDF.
        write_figure(figure, &FigureStyle::column(), folder.path()).unwrap();
    }
}

#[test]
fn refusals_name_what_was_found_and_expected() {
    let message =
        |figure: &dyn Figure| figure.render(&FigureStyle::page()).unwrap_err().to_string();
    let mut short = common::wavefields(1, 3);
    short.predictions[0].fields.pop();
    assert_eq!(
        message(&short),
        "figure `wavefields`: prediction `model 0` has shape 2, expected 3; give arrays on the same grid, steps and times"
    );
    let mut coarse = common::wavefields(1, 2);
    coarse.predictions[0].fields[1] = Array2::zeros((8, 8));
    assert!(
        message(&coarse).contains("prediction `model 0` 1 has shape (8, 8), expected (24, 16)")
    );
    let mut broken = common::wavefields(1, 2);
    broken.reference[1][[3, 4]] = f32::NAN;
    assert!(
        message(&broken).contains("`reference` 1 is NaN at index (3, 4), expected a finite number")
    );
    let mut negative = common::error_growth(1, 2, 3);
    negative.series[0].values[[1, 2]] = -0.5;
    assert!(message(&negative).contains("series `model 0`, trajectory 1 is -0.5 at index 2"));
    assert!(
        message(&common::error_growth(0, 0, 3))
            .contains("`series` is empty, expected at least one")
    );
    assert!(
        message(&common::wavefields(1, 60)).contains("number of times is 60, expected at most")
    );
    let mut flat = common::wavefields(1, 1);
    flat.extent = [0.0, 0.0, 0.0, 1.0];
    assert!(message(&flat).contains("extent is [0.0, 0.0, 0.0, 1.0], expected [x0, x1, y0, y1]"));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(32))]

    /// Names come from folders and configs: whatever they hold, the figure stays a well-formed document.
    #[test]
    fn any_name_gives_a_figure(label in "\\PC{0,40}|(?s).{0,12}", quantity in "(?s).{0,20}", unit in "\\PC{0,6}") {
        let mut growth = common::error_growth(2, 2, 3);
        growth.series[1].label = label.clone();
        growth.baselines[0].label = quantity.clone();
        (growth.metric, growth.x_quantity, growth.x_unit) = (quantity.clone(), label.clone(), unit.clone());
        let mut fields = common::wavefields(1, 2);
        fields.predictions[0].label = label.clone();
        (fields.quantity, fields.unit, fields.title) = (quantity.clone(), unit, label.clone());
        let mut distribution = common::error_distribution(1, 3);
        distribution.samples[0].label = label.clone();
        let mut counts = common::parameter_counts(1, 2);
        (counts.models[0].label, counts.models[0].layers[0].name) = (label, quantity);
        for figure in [&growth as &dyn Figure, &fields, &distribution, &counts] {
            render_png(figure.name(), &draw(figure), 20.0).unwrap();
        }
    }
}

#[test]
fn a_raised_sign_before_a_script_that_the_font_lacks_gives_a_figure() {
    let mut growth = common::error_growth(2, 2, 3);
    growth.x_unit = "²\u{113b8}".into();
    growth.x_quantity = "²A⁰".into();
    render_png(growth.name(), &draw(&growth), 20.0).unwrap();
}

#[test]
fn curves_are_named_listed_and_checked() {
    use fewave_plots::{LineMark, LinesAxis};
    let figure = common::lines(2);
    let csv = figure.csv().unwrap();
    assert!(csv.starts_with("series,cells per side,relative L2 error,mark,colour,axes\n"));
    // a companion without a name is told by its series
    assert!(csv.contains("\"order 1, broken line\",8,"), "{csv}");
    assert_eq!(csv.lines().count(), 1 + 4 * 4 + 2);
    assert!(
        figure.alt_text().contains("order 1 from"),
        "{}",
        figure.alt_text()
    );
    // few names stand beside their curves, many or long ones in a legend above; both hold all of them
    for count in [1, 2, 20] {
        let markup = draw(&common::lines(count)).markup();
        assert!((1..=count).all(|n| markup.contains(&format!("order {n}\n"))));
    }
    let mut single = common::lines(1);
    for series in &mut single.series {
        (series.x, series.y) = (vec![3.0], vec![0.5]);
        series.mark = LineMark::LineAndPoints;
    }
    draw(&single);

    let refused = |change: &dyn Fn(&mut fewave_plots::Lines), words: &str| {
        let mut figure = common::lines(1);
        change(&mut figure);
        let message = figure
            .render(&FigureStyle::column())
            .unwrap_err()
            .to_string();
        assert!(message.contains(words), "{message}");
    };
    refused(&|f| f.series.clear(), "`series`");
    refused(&|f| f.series[0].x.clear(), "x");
    refused(&|f| f.series[0].y.truncate(1), "y");
    refused(&|f| f.series[1].y[0] = f64::NAN, "finite");
    refused(&|f| f.series[1].y[0] = -1.0, "negative");
    let mut linear = common::lines(1);
    linear.y = LinesAxis::linear("difference", "m");
    linear.series[1].y[0] = -1.0;
    draw(&linear);
}
