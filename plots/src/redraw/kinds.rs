//! Figures of curves, points and bars.

use ndarray::Array2;

use super::grouped::grouped;
use super::{Sheet, without_unit};
use crate::error::Result;
use crate::figure::{
    Baseline, ErrorDistribution, ErrorGrowth, ErrorSample, ErrorSeries, LayerCount, LineColour,
    LineMark, LineSeries, Lines, LinesAxis, ModelCount, ParameterCounts, Spectra, Spectrum, Trace,
    TracePanel, Traces, TrainingCurves, TrainingRun,
};

/// Rows under the text in `column`.
fn by(sheet: &Sheet, column: usize) -> Vec<(&str, Vec<usize>)> {
    grouped((0..sheet.rows.len()).map(|row| (sheet.text(row, column), row)))
}

fn numbers(sheet: &Sheet, rows: &[usize], column: usize) -> Result<Vec<f64>> {
    rows.iter().map(|row| sheet.number(*row, column)).collect()
}

pub(super) fn parameter_counts(name: String, sheet: &Sheet) -> Result<ParameterCounts> {
    let mut models = Vec::new();
    for (label, rows) in by(sheet, 0) {
        let mut model = ModelCount {
            label: label.into(),
            parameters: 0,
            multiply_adds: 0,
            layers: Vec::new(),
        };
        for row in rows {
            let counts = (sheet.count(row, 2)?, sheet.count(row, 3)?);
            match sheet.text(row, 1) {
                "total" => (model.parameters, model.multiply_adds) = counts,
                layer => model.layers.push(LayerCount {
                    name: layer.into(),
                    parameters: counts.0,
                    multiply_adds: counts.1,
                }),
            }
        }
        models.push(model);
    }
    Ok(ParameterCounts { name, models })
}

pub(super) fn error_distribution(name: String, sheet: &Sheet) -> Result<ErrorDistribution> {
    let samples = by(sheet, 0).into_iter().map(|(label, rows)| {
        Ok(ErrorSample {
            label: label.into(),
            values: numbers(sheet, &rows, 2)?,
        })
    });
    Ok(ErrorDistribution {
        name,
        metric: sheet.heads[2].clone(),
        samples: samples.collect::<Result<_>>()?,
    })
}

pub(super) fn error_growth(name: String, sheet: &Sheet) -> Result<ErrorGrowth> {
    let (x_quantity, x_unit) = without_unit(&sheet.heads[1]);
    let (mut series, mut baselines, mut x) = (Vec::new(), Vec::new(), Vec::new());
    for (label, rows) in by(sheet, 0) {
        let label = label.to_owned();
        let values = numbers(sheet, &rows, 3)?;
        if sheet.text(rows[0], 2).is_empty() {
            baselines.push(Baseline { label, values });
            continue;
        }
        let trajectories = grouped(rows.iter().map(|row| (sheet.text(*row, 2), *row)));
        let shape = (trajectories.len(), trajectories[0].1.len());
        if x.is_empty() {
            x = numbers(sheet, &trajectories[0].1, 1)?;
        }
        let values = Array2::from_shape_vec(shape, values).map_err(|_| {
            let found = format!("trajectories of `{label}` with different numbers of steps");
            sheet.refuse(rows[0] + 2, found, "the same steps for every trajectory")
        })?;
        series.push(ErrorSeries { label, values });
    }
    Ok(ErrorGrowth {
        name,
        metric: sheet.heads[3].clone(),
        x_quantity,
        x_unit,
        x,
        series,
        baselines,
    })
}

pub(super) fn training_curves(name: String, sheet: &Sheet) -> Result<TrainingCurves> {
    let mut runs = Vec::new();
    for (label, rows) in by(sheet, 0) {
        let (train, valid): (Vec<usize>, Vec<usize>) =
            rows.iter().partition(|row| sheet.text(**row, 2) == "train");
        if let Some(row) = valid.iter().find(|row| sheet.text(**row, 2) != "valid") {
            let found = format!("the split `{}`", sheet.text(*row, 2));
            return Err(sheet.refuse(row + 2, found, "train or valid"));
        }
        runs.push(TrainingRun {
            label: label.into(),
            steps: numbers(sheet, &train, 1)?,
            train_loss: numbers(sheet, &train, 3)?,
            valid_steps: numbers(sheet, &valid, 1)?,
            valid_error: numbers(sheet, &valid, 3)?,
        });
    }
    Ok(TrainingCurves {
        name,
        metric: sheet.heads[3].clone(),
        runs,
    })
}

pub(super) fn traces(name: String, sheet: &Sheet) -> Result<Traces> {
    let (quantity, unit) = without_unit(&sheet.heads[3]);
    let (mut models, mut panels) = (Vec::new(), Vec::new());
    for (label, rows) in by(sheet, 0) {
        let lines = grouped(rows.iter().map(|row| (sheet.text(*row, 1), *row)));
        let mut own = Vec::new();
        let mut panel = TracePanel {
            label: label.into(),
            reference: Trace {
                times: Vec::new(),
                values: Vec::new(),
            },
            predictions: Vec::new(),
        };
        for (model, rows) in &lines {
            let line = Trace {
                times: numbers(sheet, rows, 2)?,
                values: numbers(sheet, rows, 3)?,
            };
            if *model == "FE" {
                panel.reference = line;
            } else {
                own.push((*model).to_owned());
                panel.predictions.push(line);
            }
        }
        if models.is_empty() {
            models = own;
        } else if models != own {
            let found = format!("the models {} at `{label}`", own.join(", "));
            let expected = format!("{}, as at the first receiver", models.join(", "));
            return Err(sheet.refuse(rows[0] + 2, found, &expected));
        }
        panels.push(panel);
    }
    Ok(Traces {
        name,
        title: format!("{quantity} at the receivers"),
        quantity,
        unit,
        models,
        panels,
    })
}

pub(super) fn spectra(name: String, sheet: &Sheet) -> Result<Spectra> {
    let (quantity, unit) = without_unit(&sheet.heads[2]);
    let (mut reference, mut wavenumbers, mut models) = (Vec::new(), Vec::new(), Vec::new());
    for (label, rows) in by(sheet, 0) {
        let energy = numbers(sheet, &rows, 2)?;
        if label == "FE" {
            (reference, wavenumbers) = (energy, numbers(sheet, &rows, 1)?);
        } else {
            models.push(Spectrum {
                label: label.into(),
                energy,
                error: numbers(sheet, &rows, 3)?,
            });
        }
    }
    Ok(Spectra {
        name,
        title: format!("{quantity} over wavenumbers"),
        quantity,
        unit,
        wavenumber_unit: without_unit(&sheet.heads[1]).1,
        wavenumbers,
        reference,
        models,
    })
}

pub(super) fn lines(name: String, sheet: &Sheet) -> Result<Lines> {
    let mut series = Vec::new();
    for (label, rows) in by(sheet, 0) {
        let (mark, colour) = (sheet.text(rows[0], 3), sheet.text(rows[0], 4));
        let known = LineMark::ALL.into_iter().find(|m| m.name() == mark);
        let colour = match colour {
            "grey" => Some(LineColour::Grey),
            number => number.parse().ok().map(LineColour::Palette),
        };
        let (Some(mark), Some(colour)) = (known, colour) else {
            let found = format!("`{mark}` and `{}`", sheet.text(rows[0], 4));
            let expected = "a mark (line, broken line, points, line and points, dots) and a colour (grey or its number)";
            return Err(sheet.refuse(rows[0] + 2, found, expected));
        };
        series.push(LineSeries {
            label: label.into(),
            x: numbers(sheet, &rows, 1)?,
            y: numbers(sheet, &rows, 2)?,
            mark,
            colour,
        });
    }
    // Companions of a named series were not named in the figure.
    let companion = |one: &LineSeries| {
        series.iter().any(|other| {
            let rest = one.label.strip_prefix(&other.label);
            other.colour == one.colour
                && rest.is_some_and(|r| {
                    matches!(r, ", broken line" | ", line" | ", points" | ", repetitions")
                })
        })
    };
    let unnamed: Vec<bool> = series.iter().map(companion).collect();
    for (one, unnamed) in series.iter_mut().zip(unnamed) {
        if unnamed {
            one.label.clear();
        }
    }
    let axis = |column: usize, letter: char| {
        let (quantity, unit) = without_unit(&sheet.heads[column]);
        if sheet.text(0, 5).contains(letter) {
            LinesAxis::logarithmic(&quantity, &unit)
        } else {
            LinesAxis::linear(&quantity, &unit)
        }
    };
    let (x, y) = (axis(1, 'x'), axis(2, 'y'));
    Ok(Lines {
        name,
        title: format!("{} against {}", y.quantity, x.quantity),
        x,
        y,
        series,
        note: String::new(),
    })
}
