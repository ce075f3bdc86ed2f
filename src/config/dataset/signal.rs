//! Signals of sources: Ricker wavelets, and samples from the configuration or a file.

use fewave_solver::npy;
use fewave_solver::source::Interpolation;

use super::super::ConfigError;
use super::super::range::{Range, number};
use super::super::section::Section;
use super::file::{self, NamedFile};

/// Most samples of a signal.
const MOST_SAMPLES: usize = 10_000_000;

/// Source signals.
#[derive(Debug, Clone)]
pub enum SignalConfig {
    /// Ricker wavelet.
    Ricker {
        /// Peak frequency in Hz.
        frequency: Range,
        /// Time of the peak in s; none chooses it so that the onset is smooth.
        delay: Option<Range>,
    },
    /// Samples at a fixed interval, zero afterwards.
    Sampled {
        /// Time between samples in s.
        interval: f64,
        /// Values.
        values: Vec<f64>,
        /// How it goes from sample to sample.
        interpolation: Interpolation,
        /// The file that the values come from.
        file: Option<NamedFile>,
    },
}

/// Reads the signal of a `[[source]]`.
pub(super) fn read(section: &Section<'_>) -> Result<SignalConfig, ConfigError> {
    if section.value("kind").and_then(|kind| kind.as_str()) == Some("plane-wave") {
        return Err(section.error_found(
            "kind",
            "\"plane-wave\"",
            "\"ricker\" or \"sampled\", the signal, beside shape = \"line\" and an angle, which emits plane waves both ways; one that \
             is under way at the start is an initial state: [[initial]] kind = \"plane-wave\"",
        ));
    }
    match section.word("kind", &["ricker", "sampled"], true)? {
        "ricker" => Ok(SignalConfig::Ricker {
            frequency: section.positive_range("frequency", "a frequency in Hz")?,
            delay: section.has("delay").then(|| delay(section)).transpose()?,
        }),
        _ => sampled(section),
    }
}

fn sampled(section: &Section<'_>) -> Result<SignalConfig, ConfigError> {
    let interval = section.required(
        "interval",
        "the time between samples in s, above 0",
        |value| number(value).filter(|dt| dt.is_finite() && *dt > 0.0),
    )?;
    let (values, file) = match (section.has("values"), section.has("file")) {
        (true, true) => {
            return Err(section.error_found(
                "file",
                "beside `values`",
                "either values or a file of them; remove one",
            ));
        }
        (false, true) => {
            let (values, file) = from_file(section)?;
            (values, Some(file))
        }
        _ => {
            let expected = "at least two finite samples (or file = \"signal.npy\")";
            let values = section.required("values", expected, |value| {
                let values: Option<Vec<f64>> = value.as_array()?.iter().map(number).collect();
                values.filter(|list| list.len() >= 2 && list.iter().all(|v| v.is_finite()))
            })?;
            (values, None)
        }
    };
    let interpolation = match section.word("interpolation", &["cubic", "linear"], false)? {
        "linear" => Interpolation::Linear,
        _ => Interpolation::Cubic,
    };
    Ok(SignalConfig::Sampled {
        interval,
        values,
        interpolation,
        file,
    })
}

/// Samples of an `.npy` file of one axis, or of a text file with one number a line.
pub(super) fn from_file(section: &Section<'_>) -> Result<(Vec<f64>, NamedFile), ConfigError> {
    let what = "an .npy file of one axis, or a .csv file of one column, with samples";
    let (file, bytes) = file::read(section, "file", what)?;
    let refuse = |found: String| {
        section.error_found("file", format!("{}: {found}", file.path.display()), what)
    };
    let extension = file.path.extension().unwrap_or_default().to_string_lossy();
    let values = match extension.to_ascii_lowercase().as_str() {
        "npy" => {
            let array = npy::parse(&bytes).map_err(|error| refuse(error.to_string()))?;
            let [rows, columns] = [array.values.nrows(), array.values.ncols()];
            if columns != 1 {
                return Err(refuse(format!("an array of shape ({rows}, {columns})")));
            }
            array.values.into_raw_vec_and_offset().0
        }
        "csv" | "txt" => column(&bytes).map_err(refuse)?,
        other => return Err(refuse(format!("the ending {other:?}"))),
    };
    if values.len() < 2 || values.len() > MOST_SAMPLES {
        return Err(refuse(format!(
            "{} samples, where 2 to {MOST_SAMPLES} make a signal",
            values.len()
        )));
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(refuse(format!("{} as sample {at}", values[at]))),
        None => Ok((values, file)),
    }
}

/// The numbers of a text, one a line; empty lines, comments (`#`) and a heading in the first line are skipped.
fn column(bytes: &[u8]) -> Result<Vec<f64>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "bytes that are no text".to_owned())?;
    let mut values = Vec::new();
    for (line, content) in text.lines().enumerate() {
        let content = content.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        match content.parse() {
            Ok(value) => values.push(value),
            Err(_) if line == 0 && !content.contains(|c: char| c == ',' || c.is_ascii_digit()) => {}
            Err(_) => return Err(format!("{content:?} in line {}, not one number", line + 1)),
        }
    }
    Ok(values)
}

/// The time of a Ricker signal's peak.
fn delay(section: &Section<'_>) -> Result<Range, ConfigError> {
    let delay = section.range("delay", "a time in s")?;
    if delay.lower() < 0.0 {
        return Err(section.error(
            "delay",
            "a time of the peak of at least 0 s; a wavelet that is over at the start is cut off",
        ));
    }
    Ok(delay)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_numbers_are_read_and_others_refused_with_their_line() {
        let read = |text: &str| column(text.as_bytes());
        assert_eq!(
            read("force\n# N\n1\n\n -2.5e3 \n0\n"),
            Ok(vec![1.0, -2500.0, 0.0])
        );
        assert!(read("1\n2,3\n").unwrap_err().contains("\"2,3\" in line 2"));
        assert!(read("0.1,0.2\n1\n").unwrap_err().contains("line 1"));
        assert!(read("1\nx\n").unwrap_err().contains("line 2"));
        assert!(column(&[0xff, 0xfe]).unwrap_err().contains("no text"));
    }
}
