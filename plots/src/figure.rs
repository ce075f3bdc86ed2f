//! What a figure is: it draws itself at any width, gives its numbers as CSV and says in words what it shows.

use ndarray::ArrayBase;

use crate::canvas::Svg;
use crate::error::{PlotsError, Result};
use crate::style::FigureStyle;

mod error_distribution;
mod error_growth;
mod error_maps;
mod lines;
mod parameter_counts;
mod spectra;
mod traces;
mod training_curves;
mod wavefields;

pub use error_distribution::{ErrorDistribution, ErrorSample};
pub use error_growth::{Baseline, ErrorGrowth, ErrorSeries};
pub use error_maps::{ErrorMap, ErrorMaps};
pub(crate) use lines::marks;
pub use lines::{AxisScale, LineColour, LineMark, LineSeries, Lines, LinesAxis};
pub use parameter_counts::{LayerCount, ModelCount, ParameterCounts};
pub use spectra::{Spectra, Spectrum};
pub use traces::{Trace, TracePanel, Traces};
pub use training_curves::{TrainingCurves, TrainingRun};
pub use wavefields::{Prediction, Wavefields};

/// A figure: data in, the same picture in every format out. Several may be drawn at once, each by a thread of its own.
pub trait Figure: Send + Sync {
    /// Stem of its files: letters, digits, `-` and `_`.
    fn name(&self) -> &str;

    /// Draws the figure. Equal data and style give equal bytes.
    ///
    /// # Errors
    /// Empty, mismatched or non-finite data; a style out of range.
    fn render(&self, style: &FigureStyle) -> Result<Svg>;

    /// Every number behind the figure as CSV with a header line that states units.
    ///
    /// # Errors
    /// As for [`Figure::render`].
    fn csv(&self) -> Result<String>;

    /// One or two sentences for readers who do not see the figure.
    fn alt_text(&self) -> String;
}

/// CSV text from a header and rows.
fn csv_text<I: IntoIterator<Item = Vec<String>>>(header: &[String], rows: I) -> Result<String> {
    let failed = |reason: String| PlotsError::Drawing { reason };
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record(header)
        .map_err(|e| failed(e.to_string()))?;
    for row in rows {
        writer
            .write_record(&row)
            .map_err(|e| failed(e.to_string()))?;
    }
    let bytes = writer.into_inner().map_err(|e| failed(e.to_string()))?;
    String::from_utf8(bytes).map_err(|e| failed(e.to_string()))
}

/// `quantity (unit)`, or the quantity alone where it has none.
fn with_unit(quantity: &str, unit: &str) -> String {
    if unit.is_empty() {
        quantity.to_owned()
    } else {
        format!("{quantity} ({unit})")
    }
}

/// Refuses an empty input.
pub(crate) fn some<T>(figure: &str, what: &str, items: &[T], remedy: &'static str) -> Result<()> {
    if items.is_empty() {
        return Err(PlotsError::Empty {
            figure: figure.into(),
            what: what.into(),
            remedy,
        });
    }
    Ok(())
}

/// Refuses a length or shape other than that of the companions.
pub(crate) fn same<S: PartialEq + std::fmt::Debug>(
    figure: &str,
    what: &str,
    found: S,
    expected: S,
) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(PlotsError::Shape {
        figure: figure.into(),
        what: what.into(),
        expected: format!("{expected:?}"),
        found: format!("{found:?}"),
    })
}

/// Refuses NaN and infinite values.
pub(crate) fn finite<T, S, D>(figure: &str, what: &str, values: &ArrayBase<S, D>) -> Result<()>
where
    T: Copy + Into<f64>,
    S: ndarray::Data<Elem = T>,
    D: ndarray::Dimension,
    D::Pattern: std::fmt::Debug,
{
    let bad = values
        .indexed_iter()
        .find(|(_, value)| !(**value).into().is_finite());
    bad.map_or(Ok(()), |(place, value)| {
        Err(PlotsError::Value {
            figure: figure.into(),
            what: what.into(),
            place: format!("index {place:?}"),
            expected: "a finite number",
            found: (*value).into(),
        })
    })
}

/// Refuses negative values, which an error or a loss cannot have. NaN and infinity pass: a report must be able to show
/// that a model has diverged.
fn not_negative(figure: &str, what: &str, values: &[f64]) -> Result<()> {
    let Some(place) = values.iter().position(|value| *value < 0.0) else {
        return Ok(());
    };
    Err(PlotsError::Value {
        figure: figure.into(),
        what: what.into(),
        place: format!("index {place}"),
        expected: "a number that is not negative",
        found: values[place],
    })
}

/// `note`, and where a value is not finite, how that is drawn.
fn with_not_finite<'v>(note: &str, values: impl IntoIterator<Item = &'v f64>) -> String {
    if values.into_iter().all(|value| value.is_finite()) {
        return note.to_owned();
    }
    format!("{note}; at the far end of the axis: not finite")
}

/// A number for prose and labels: three significant digits, without an exponent where that stays short.
pub(crate) fn short(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    if !value.is_finite() {
        return if value.is_nan() {
            "not a number"
        } else {
            "infinite"
        }
        .into();
    }
    let magnitude = value.abs().log10().floor() as i32;
    if (-4..6).contains(&magnitude) {
        let text = format!("{value:.*}", (2 - magnitude).max(0) as usize);
        text.replacen('-', "−", 1)
    } else {
        let mantissa = format!("{:.2}", value / 10f64.powi(magnitude)).replacen('-', "−", 1);
        format!("{mantissa}·{}", crate::axis::power_of_ten(magnitude))
    }
}

/// A count with its thousands set apart by thin spaces.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{2009}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_counts_grouped() {
        assert_eq!(
            [0.0, 0.012345, -1.5, 123_456.0, 2.5e-9].map(short),
            ["0", "0.0123", "−1.50", "123456", "2.50·10⁻⁹"]
        );
        assert_eq!(
            [7, 1234, 1_234_567].map(grouped),
            ["7", "1\u{2009}234", "1\u{2009}234\u{2009}567"]
        );
    }
}
