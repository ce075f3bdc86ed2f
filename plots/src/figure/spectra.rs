//! Spectra over wavenumbers: how the energy of the FE fields, of the surrogates' and of their errors is spread over waves
//! of different length, on logarithmic axes.
//!
//! A surrogate that smooths has too little energy at large wavenumbers, one that becomes unstable too much; where its
//! error (broken line) reaches the energy of FE, waves of that length are not predicted at all.

use super::{
    Figure, LineColour, LineMark, LineSeries, Lines, LinesAxis, csv_text, finite, same, some,
};
use crate::canvas::Svg;
use crate::error::Result;
use crate::style::FigureStyle;

/// Energies below this share of the largest are rounding, and not drawn.
const FLOOR: f64 = 1e-12;

/// A model's spectra.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrum {
    /// Name of the model.
    pub label: String,
    /// Energy at each wavenumber; NaN or infinite where a rollout has diverged.
    pub energy: Vec<f64>,
    /// Energy of prediction − FE.
    pub error: Vec<f64>,
}

/// The figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectra {
    /// Stem of the files.
    pub name: String,
    /// Title for readers who do not see the figure.
    pub title: String,
    /// What is spread, e.g. `energy of the displacement`.
    pub quantity: String,
    /// Its unit, e.g. `m²`; may be empty.
    pub unit: String,
    /// Wavenumbers, positive.
    pub wavenumbers: Vec<f64>,
    /// Their unit, e.g. `1/m`.
    pub wavenumber_unit: String,
    /// Energy of FE at each.
    pub reference: Vec<f64>,
    /// The models.
    pub models: Vec<Spectrum>,
}

impl Spectra {
    fn check(&self) -> Result<()> {
        let (name, count) = (&self.name, self.wavenumbers.len());
        some(
            name,
            "`wavenumbers`",
            &self.wavenumbers,
            "give at least one wavenumber",
        )?;
        same(name, "`reference`", self.reference.len(), count)?;
        finite(name, "`reference`", &ndarray::aview1(&self.reference))?;
        for Spectrum {
            label,
            energy,
            error,
        } in &self.models
        {
            same(name, &format!("energy of `{label}`"), energy.len(), count)?;
            same(name, &format!("error of `{label}`"), error.len(), count)?;
        }
        Ok(())
    }

    /// The curves; points that no logarithmic axis can hold are left out, and with them curves without any point.
    fn lines(&self) -> Lines {
        let largest = self.reference.iter().copied().fold(0.0, f64::max);
        let mut series = Vec::new();
        let mut add = |label: &str, values: &[f64], mark: LineMark, colour: LineColour| {
            let drawn = |v: f64| v.is_finite() && v > FLOOR * largest;
            let points = self.wavenumbers.iter().zip(values);
            let (x, y): (Vec<f64>, Vec<f64>) = points.filter(|(_, v)| drawn(**v)).unzip();
            if !x.is_empty() {
                series.push(LineSeries {
                    label: label.into(),
                    x,
                    y,
                    mark,
                    colour,
                });
            }
        };
        add("FE", &self.reference, LineMark::Line, LineColour::Grey);
        for (k, model) in self.models.iter().enumerate() {
            let colour = LineColour::Palette(k);
            add(&model.label, &model.energy, LineMark::Line, colour);
            add("", &model.error, LineMark::Dashed, colour);
        }
        Lines {
            name: self.name.clone(),
            title: self.title.clone(),
            x: LinesAxis::logarithmic("wavenumber", &self.wavenumber_unit),
            y: LinesAxis::logarithmic(&self.quantity, &self.unit),
            series,
            note: if self.models.is_empty() {
                String::new()
            } else {
                "broken lines: prediction − FE".into()
            },
        }
    }
}

impl Figure for Spectra {
    fn name(&self) -> &str {
        &self.name
    }

    fn render(&self, style: &FigureStyle) -> Result<Svg> {
        self.check()?;
        self.lines().render(style)
    }

    fn csv(&self) -> Result<String> {
        self.check()?;
        let header = [
            "model".to_owned(),
            super::with_unit("wavenumber", &self.wavenumber_unit),
            super::with_unit(&self.quantity, &self.unit),
            super::with_unit("error energy", &self.unit),
        ];
        let mut rows = Vec::new();
        for (k, wavenumber) in self.wavenumbers.iter().enumerate() {
            let mut row = |label: &str, energy: f64, error: String| {
                rows.push(vec![
                    label.to_owned(),
                    wavenumber.to_string(),
                    energy.to_string(),
                    error,
                ]);
            };
            row("FE", self.reference[k], String::new());
            for model in &self.models {
                row(&model.label, model.energy[k], model.error[k].to_string());
            }
        }
        csv_text(&header, rows)
    }

    fn alt_text(&self) -> String {
        self.lines().alt_text()
    }
}
