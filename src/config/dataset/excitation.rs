//! The sections `[[initial]]` and `[[source]]`, of which something must move.

use super::super::ConfigError;
use super::super::range::{IntegerRange, Range};
use super::super::section::{Section, describe};
use super::mesh::Domain;
use super::signal::{self, SignalConfig};
use super::{BoundaryConfig, MOST_COUNTED, SideCondition};

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
    /// Of a line, the direction of its normal, along which waves travel, in degrees from the x axis; none at a point.
    pub angle: Option<Range>,
    /// Factor of the signal.
    pub amplitude: Range,
    /// Signal.
    pub signal: SignalConfig,
}

pub(super) fn initial(
    root: &Section<'_>,
    domain: &Domain,
    boundary: &BoundaryConfig,
) -> Result<Vec<InitialConfig>, ConfigError> {
    root.sections("initial", "an initial state")?
        .iter()
        .map(|section| {
            let kind = match section.word("kind", &["pulses", "mode", "plane-wave"], true)? {
                "pulses" => InitialKind::Pulses {
                    count: if section.has("count") {
                        section.integer_range("count", "pulses", 0, MOST_COUNTED)?
                    } else {
                        IntegerRange { lower: 1, upper: 1 }
                    },
                    width: section.positive_range("width", "a standard deviation in m")?,
                    position: position(section, domain)?,
                },
                "mode" => InitialKind::Mode {
                    numbers: mode_numbers(section, domain, boundary)?,
                },
                _ => InitialKind::PlaneWave {
                    position: position(section, domain)?,
                    angle: section.range_or(
                        "angle",
                        "a direction in degrees from the x axis",
                        0.0,
                    )?,
                    width: section.positive_range("width", "a standard deviation in m")?,
                },
            };
            let amplitude = amplitude(section, "an amplitude in m")?;
            section.finish()?;
            Ok(InitialConfig { kind, amplitude })
        })
        .collect()
}

pub(super) fn sources(
    root: &Section<'_>,
    domain: &Domain,
) -> Result<Vec<SourceConfig>, ConfigError> {
    root.sections("source", "a source")?
        .iter()
        .map(|section| {
            let signal = signal::read(section)?;
            let line = section.word("shape", &["point", "line"], false)? == "line";
            if !line && section.has("angle") {
                return Err(section.error_found(
                    "angle",
                    "an angle beside shape = \"point\"",
                    "shape = \"line\", whose waves travel at that angle; a point emits all around",
                ));
            }
            let what = "a direction of travel in degrees from the x axis";
            let angle = line.then(|| section.range_or("angle", what, 0.0));
            let config = SourceConfig {
                position: source_position(section, domain)?,
                angle: angle.transpose()?,
                amplitude: amplitude(section, "a factor of the signal")?,
                signal,
            };
            section.finish()?;
            Ok(config)
        })
        .collect()
}

/// An amplitude that single precision holds, with room for what grows out of it.
fn amplitude(section: &Section<'_>, what: &str) -> Result<Range, ConfigError> {
    let amplitude = section.range_or("amplitude", what, 1.0)?;
    if amplitude.lower() < -1e30 || amplitude.upper() > 1e30 {
        return Err(section.error("amplitude", format!("{what} from -1e30 to 1e30")));
    }
    Ok(amplitude)
}

fn mode_numbers(
    section: &Section<'_>,
    domain: &Domain,
    boundary: &BoundaryConfig,
) -> Result<[IntegerRange; 2], ConfigError> {
    if domain.mesh().is_some() {
        return Err(section.error_found(
            "kind",
            "\"mode\" on a mesh of a file",
            "\"pulses\" or \"plane-wave\"; standing modes are known for mesh.kind = \"rectangle\" only",
        ));
    }
    let sides = [["left", "right"], ["bottom", "top"]];
    for side in sides.as_flattened() {
        let condition = boundary.of(side);
        if !matches!(condition, SideCondition::Fixed | SideCondition::Free) {
            return Err(section.error_found(
                "kind",
                format!("\"mode\", but the {side} side is {}", condition.describe()),
                format!("a mode between fixed and free sides only; set boundary.{side} = \"free\" or use another kind"),
            ));
        }
    }
    let numbers = section.required(
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
    )?;
    for (axis, ends) in sides.iter().enumerate() {
        let free = ends
            .iter()
            .all(|side| boundary.of(side) == SideCondition::Free);
        if numbers[axis].lower == 0 && !free {
            return Err(section.error(
                "numbers",
                format!(
                    "at least 1 along {}, where the {} or the {} side is fixed; 0 is for free sides",
                    ["x", "y"][axis],
                    ends[0],
                    ends[1]
                ),
            ));
        }
    }
    if numbers.iter().all(|number| number.lower == 0) {
        return Err(section.error(
            "numbers",
            "at least 1 along x or along y; the mode [0, 0] is a rest displaced everywhere alike",
        ));
    }
    Ok(numbers)
}

/// Refuses configurations whose every trajectory stays at rest: nothing could be learnt from such data.
pub(super) fn refuse_rest(
    root: &Section<'_>,
    initial: &[InitialConfig],
    sources: &[SourceConfig],
    duration: f64,
) -> Result<(), ConfigError> {
    let states = initial.iter().map(|state| state.rest()).zip(0..);
    let states = states.map(|(rest, index)| (rest, format!("initial.{index}")));
    let signals = sources.iter().map(|source| source.rest(duration)).zip(0..);
    let signals = signals.map(|(rest, index)| (rest, format!("source.{index}")));
    let mut first = None;
    for (rest, entry) in states.chain(signals) {
        match rest {
            None => return Ok(()),
            Some((key, expected)) => {
                first.get_or_insert((format!("{entry}.{key}"), expected));
            }
        }
    }
    let Some((key, expected)) = first else {
        return Ok(());
    };
    let found = match root.document().value(&key) {
        Some(value) => format!("{}, so that nothing ever moves", describe(value)),
        None => "absent, so that nothing ever moves".to_owned(),
    };
    Err(root.error_found(&key, found, expected))
}

/// Why an entry moves nothing: the key that is to blame, and what it should be.
type Rest = Option<(&'static str, &'static str)>;

/// Whether an amplitude vanishes in the single precision of the snapshots.
fn vanishes(amplitude: Range) -> bool {
    amplitude.lower().abs().max(amplitude.upper().abs()) < f64::from(f32::MIN_POSITIVE)
}

impl InitialConfig {
    fn rest(&self) -> Rest {
        if let InitialKind::Pulses { count, .. } = &self.kind
            && count.upper == 0
        {
            return Some(("count", "at least 1 pulse in some trajectories"));
        }
        vanishes(self.amplitude).then_some(("amplitude", "an amplitude other than 0"))
    }
}

impl SourceConfig {
    fn rest(&self, duration: f64) -> Rest {
        if vanishes(self.amplitude) {
            return Some(("amplitude", "an amplitude other than 0"));
        }
        match &self.signal {
            SignalConfig::Ricker { frequency, delay } => {
                // the wavelet rises above 1e-6 of its peak 1.33/f before it, which is 1.5/f by default
                let (onset, key, expected) = match delay {
                    Some(delay) => (
                        delay.lower() - 1.33 / frequency.lower(),
                        "delay",
                        "a delay after which the wavelet begins within time.duration",
                    ),
                    None => (
                        0.17 / frequency.upper(),
                        "frequency",
                        "a frequency whose wavelet begins within time.duration",
                    ),
                };
                (onset >= duration).then_some((key, expected))
            }
            SignalConfig::Sampled {
                interval,
                values,
                file,
                ..
            } => {
                let first = values.iter().position(|value| *value != 0.0);
                let onset = first.map(|index| index.saturating_sub(1) as f64 * interval);
                (onset.is_none_or(|onset| onset >= duration)).then_some((
                    if file.is_some() { "file" } else { "values" },
                    "a sample other than 0 that is reached within time.duration",
                ))
            }
        }
    }
}

/// A position whose whole range lies in the bounding box of the mesh.
fn position(section: &Section<'_>, domain: &Domain) -> Result<[Range; 2], ConfigError> {
    let position = section.position("position", "a point of the mesh")?;
    let corners = [position.map(Range::lower), position.map(Range::upper)];
    if !corners.into_iter().all(|corner| domain.in_box(corner)) {
        return Err(section.error(
            "position",
            format!("a place inside the mesh, {}", domain.describe()),
        ));
    }
    Ok(position)
}

/// A position whose whole range lies in the mesh itself: a source in a hole moves nothing.
fn source_position(section: &Section<'_>, domain: &Domain) -> Result<[Range; 2], ConfigError> {
    let position = position(section, domain)?;
    if let Some([x, y]) = domain.outside(position) {
        return Err(section.error_found(
            "position",
            format!("partly outside the mesh: ({x}, {y}) m lies in a hole or beyond a side of it"),
            "a place or ranges inside the mesh",
        ));
    }
    Ok(position)
}
