//! The sections `[[initial]]` and `[[source]]`.

use super::super::ConfigError;
use super::super::range::{IntegerRange, Range, number};
use super::super::section::Section;

/// One `[[initial]]`.
#[derive(Debug, Clone)]
pub struct InitialConfig {
    /// Kind and its values.
    pub kind: InitialKind,
    /// Amplitude in m.
    pub amplitude: Range,
}

/// Shapes of the initial displacement.
#[derive(Debug, Clone)]
pub enum InitialKind {
    /// Gaussian pulses at rest.
    Pulses {
        /// How many.
        count: IntegerRange,
        /// Standard deviation in m.
        width: Range,
        /// Centre in m.
        position: [Range; 2],
    },
    /// A standing mode of the rectangle.
    Mode {
        /// Half waves along x and y.
        numbers: [IntegerRange; 2],
    },
    /// A plane wave with a Gaussian profile.
    PlaneWave {
        /// A point of the crest at t = 0, in m.
        position: [Range; 2],
        /// Direction of travel in degrees from the x axis.
        angle: Range,
        /// Standard deviation of the profile in m.
        width: Range,
    },
}

/// One `[[source]]`.
#[derive(Debug, Clone)]
pub struct SourceConfig {
    /// Position in m.
    pub position: [Range; 2],
    /// Factor of the signal.
    pub amplitude: Range,
    /// Signal.
    pub signal: SignalConfig,
}

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
    },
}

pub(super) fn initial(
    root: &Section<'_>,
    size: [f64; 2],
) -> Result<Vec<InitialConfig>, ConfigError> {
    root.sections("initial", "an initial state")?
        .iter()
        .map(|section| {
            let kind = match section.word("kind", &["pulses", "mode", "plane-wave"], true)? {
                "pulses" => InitialKind::Pulses {
                    count: if section.has("count") {
                        section.integer_range("count", "pulses", 0)?
                    } else {
                        IntegerRange { lower: 1, upper: 1 }
                    },
                    width: section.positive_range("width", "a standard deviation in m")?,
                    position: position(section, size)?,
                },
                "mode" => InitialKind::Mode {
                    numbers: mode_numbers(section)?,
                },
                _ => InitialKind::PlaneWave {
                    position: position(section, size)?,
                    angle: section.range_or(
                        "angle",
                        "a direction in degrees from the x axis",
                        0.0,
                    )?,
                    width: section.positive_range("width", "a standard deviation in m")?,
                },
            };
            let amplitude = section.range_or("amplitude", "an amplitude in m", 1.0)?;
            section.finish()?;
            Ok(InitialConfig { kind, amplitude })
        })
        .collect()
}

pub(super) fn sources(
    root: &Section<'_>,
    size: [f64; 2],
) -> Result<Vec<SourceConfig>, ConfigError> {
    root.sections("source", "a point source")?
        .iter()
        .map(|section| {
            let signal = match section.word("kind", &["ricker", "sampled"], true)? {
                "ricker" => SignalConfig::Ricker {
                    frequency: section.positive_range("frequency", "a frequency in Hz")?,
                    delay: section
                        .has("delay")
                        .then(|| section.range("delay", "a time in s"))
                        .transpose()?,
                },
                _ => sampled(section)?,
            };
            let config = SourceConfig {
                position: position(section, size)?,
                amplitude: section.range_or("amplitude", "a factor of the signal", 1.0)?,
                signal,
            };
            section.finish()?;
            Ok(config)
        })
        .collect()
}

fn sampled(section: &Section<'_>) -> Result<SignalConfig, ConfigError> {
    let interval = section.required(
        "interval",
        "the time between samples in s, above 0",
        |value| number(value).filter(|dt| dt.is_finite() && *dt > 0.0),
    )?;
    let values = section.required("values", "at least two finite samples", |value| {
        let values: Option<Vec<f64>> = value.as_array()?.iter().map(number).collect();
        values.filter(|list| list.len() >= 2 && list.iter().all(|v| v.is_finite()))
    })?;
    Ok(SignalConfig::Sampled { interval, values })
}

fn mode_numbers(section: &Section<'_>) -> Result<[IntegerRange; 2], ConfigError> {
    section.required(
        "numbers",
        "[mx, my], half waves along x and y, whole numbers or ranges of them",
        |value| {
            let [x, y] = value.as_array()?.as_slice() else {
                return None;
            };
            let numbers = [IntegerRange::from_value(x)?, IntegerRange::from_value(y)?];
            numbers
                .iter()
                .all(|n| (0..=1000).contains(&n.lower) && n.upper <= 1000)
                .then_some(numbers)
        },
    )
}

/// A position whose whole range lies in the mesh.
fn position(section: &Section<'_>, size: [f64; 2]) -> Result<[Range; 2], ConfigError> {
    let position = section.position("position", "a point of the mesh")?;
    for axis in 0..2 {
        if position[axis].lower() < 0.0 || position[axis].upper() > size[axis] {
            return Err(section.error(
                "position",
                format!(
                    "a place inside the mesh, 0 … {} m along {}",
                    size[axis],
                    ["x", "y"][axis]
                ),
            ));
        }
    }
    Ok(position)
}
